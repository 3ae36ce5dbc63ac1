//! An audit log as a file: a document in each line.

use std::io::{self, BufRead, Read};

use super::batch::{Batch, Limits, Refused};

/// The documents of a log, line by line. Blank lines are skipped; a line longer than the limit is refused without being
/// kept.
pub fn lines<R: BufRead>(reader: R, limits: &Limits) -> Lines<R> {
    Lines { reader, limits: *limits, line: Vec::new() }
}

/// See [`lines`].
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    limits: Limits,
    line: Vec<u8>,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Result<Batch, Refused>>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line.clear();
            let most = self.limits.batch as u64 + 1;
            match self.reader.by_ref().take(most).read_until(b'\n', &mut self.line) {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
            if self.line.len() as u64 == most && self.line.last() != Some(&b'\n') {
                return Some(
                    self.skip().map(|size| Err(Refused::LongLine { size, limit: self.limits.batch })),
                );
            }
            let line = self.line.trim_ascii();
            if !line.is_empty() {
                return Some(Ok(Batch::parse(line, &self.limits)));
            }
        }
    }
}

impl<R: BufRead> Lines<R> {
    /// Reads past the end of a line that is too long; returns its length.
    fn skip(&mut self) -> io::Result<usize> {
        let mut size = self.line.len();
        loop {
            let buffer = self.reader.fill_buf()?;
            match buffer.iter().position(|byte| *byte == b'\n') {
                _ if buffer.is_empty() => return Ok(size),
                Some(end) => {
                    self.reader.consume(end + 1);
                    return Ok(size + end);
                }
                None => {
                    size += buffer.len();
                    let length = buffer.len();
                    self.reader.consume(length);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_read_line_by_line() {
        let event = r#"{"kind":"Event","stageTimestamp":"1970-01-01T00:00:00.000000007Z"}"#;
        let long = format!("{{\"x\":\"{}\"}}", "y".repeat(5000));
        let log = format!("\n{event}\r\n  \n{long}\nno JSON\n[{event},{event}]\n{event}");
        let limits = Limits { event: 100, batch: 1000 };
        // A small buffer: the long line does not fit into it.
        let reader = std::io::BufReader::with_capacity(64, log.as_bytes());
        let found: Vec<String> = lines(reader, &limits)
            .map(|batch| match batch.unwrap() {
                Ok(batch) => format!("{} events", batch.events.len()),
                Err(refused) => refused.to_string(),
            })
            .collect();
        assert_eq!(
            found,
            [
                "1 events",
                "a line of 5008 bytes, more than webhookMaxBatchSize (1000)",
                "not JSON: expected ident at line 1 column 2",
                "2 events",
                "1 events"
            ]
        );
    }
}
