//! Lines of an audit log, a document in each: of a file that is all there, or as it grows.

use std::io::{self, BufRead};

use super::batch::{Batch, Limits, Refused};

/// The documents of a log, line by line. Blank lines are skipped; a line longer than the limit is refused without being
/// kept.
pub fn lines<R: BufRead>(reader: R, limits: &Limits) -> Lines<R> {
    Lines { reader, limits: *limits, line: Line::default() }
}

/// See [`lines`].
#[derive(Debug)]
pub struct Lines<R> {
    reader: R,
    limits: Limits,
    line: Line,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<Result<Batch, Refused>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.line.read(&mut self.reader, &self.limits) {
            // The last line need not have an end.
            Ok(None) => self.line.end(&self.limits).map(Ok),
            other => other.transpose(),
        }
    }
}

/// A line that is being read.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// What there is of it.
    kept: Vec<u8>,
    /// If it is too long: its bytes so far, which are not kept.
    skipped: usize,
    /// The bytes that were read, of all lines.
    pub(super) read: u64,
}

impl Line {
    /// The next whole line that is not blank; `None` where the reader has no more, which may be in the middle of a line.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn read(
        &mut self,
        reader: &mut impl BufRead,
        limits: &Limits,
    ) -> io::Result<Option<Result<Batch, Refused>>> {
        loop {
            let buffer = reader.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            if self.skipped > 0 || self.kept.len() + part.len() > limits.batch {
                self.skipped += self.kept.len() + part.len();
                self.kept.clear();
            } else {
                self.kept.extend_from_slice(part);
            }
            let taken = end.map_or(buffer.len(), |end| end + 1);
            reader.consume(taken);
            self.read += taken as u64;
            if end.is_some()
                && let Some(line) = self.end(limits)
            {
                return Ok(Some(line));
            }
        }
    }

    /// The line ends here. What it holds, `None` for a blank one.
    pub(super) fn end(&mut self, limits: &Limits) -> Option<Result<Batch, Refused>> {
        let size = std::mem::take(&mut self.skipped);
        if size > 0 {
            return Some(Err(Refused::LongLine { size, limit: limits.batch }));
        }
        let line = self.kept.trim_ascii();
        let batch = (!line.is_empty()).then(|| Batch::parse(line, limits));
        self.kept.clear();
        batch
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
