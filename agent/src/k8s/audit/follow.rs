//! A log that grows: lines as they are written, also when the file is moved away and begun anew, or emptied.

use std::fs::File;
use std::io::{self, BufReader, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::batch::{Batch, Limits, Refused};
use super::lines::Line;

/// What there is to read just now.
#[derive(Debug)]
pub(super) enum Next {
    /// A line.
    Line(Result<Batch, Refused>),
    /// Nothing yet.
    Nothing,
}

/// A file that is followed by its name, from its beginning.
#[derive(Debug)]
pub(super) struct Follow {
    path: PathBuf,
    limits: Limits,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    reader: BufReader<File>,
    /// Device and inode: whether the name still means this file.
    identity: (u64, u64),
    /// The line that is not all written yet, and how much of this file has been read.
    line: Line,
}

impl Follow {
    /// Follows a file, which need not be there yet.
    pub(super) fn new(path: &Path, limits: &Limits) -> Self {
        Follow { path: path.to_owned(), limits: *limits, open: None }
    }

    /// The next line, if all of it has been written.
    ///
    /// # Errors
    /// If the file is there and cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        if self.open.is_none() {
            self.open = Open::file(&self.path)?;
        }
        let Some(open) = &mut self.open else { return Ok(Next::Nothing) };
        if let Some(line) = open.line.read(&mut open.reader, &self.limits)? {
            return Ok(Next::Line(line));
        }
        // All of this file has been read. It may be another that has the name now, or this one may have been emptied.
        let now = std::fs::metadata(&self.path);
        match now {
            Ok(now) if (now.dev(), now.ino()) != open.identity => {
                // Between the last read and the look at the name more may have been written to the old file.
                if let Some(line) = open.line.read(&mut open.reader, &self.limits)? {
                    return Ok(Next::Line(line));
                }
                // What has no end yet will not get one any more.
                let rest = open.line.end(&self.limits);
                self.open = None;
                if let Some(line) = rest {
                    return Ok(Next::Line(line));
                }
            }
            Ok(now) if now.len() < open.line.read => {
                open.reader.seek(SeekFrom::Start(0))?;
                open.line.read = 0;
                if let Some(line) = open.line.end(&self.limits) {
                    return Ok(Next::Line(line));
                }
            }
            Ok(_) => {}
            // It was moved away, and the next one is not there yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        Ok(Next::Nothing)
    }
}

impl Open {
    fn file(path: &Path) -> io::Result<Option<Open>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let about = file.metadata()?;
        let identity = (about.dev(), about.ino());
        Ok(Some(Open { reader: BufReader::new(file), identity, line: Line::default() }))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, OpenOptions};
    use std::io::Write;

    use super::*;

    /// All that can be read now: the times of events, in nanoseconds, and what was refused.
    fn read(follow: &mut Follow) -> Vec<String> {
        let mut told = Vec::new();
        let mut idle = 0;
        // Once nothing comes twice in a row, a file that took the place of another has been opened, too.
        while idle < 2 {
            match follow.next().unwrap() {
                Next::Nothing => idle += 1,
                Next::Line(Ok(batch)) => told.extend(batch.events.iter().map(|event| event.time.to_string())),
                Next::Line(Err(refused)) => told.push(refused.to_string()),
            }
        }
        told
    }

    fn event(nanoseconds: u32) -> String {
        format!(r#"{{"kind":"Event","stageTimestamp":"1970-01-01T00:00:00.{nanoseconds:09}Z"}}"#)
    }

    #[test]
    fn lines_are_read_as_they_are_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("audit.log");
        let mut follow = Follow::new(&path, &Limits { event: 1000, batch: 2000 });
        assert!(read(&mut follow).is_empty(), "the file is not there yet");
        let mut file = OpenOptions::new().create(true).append(true).open(&path).unwrap();
        write!(file, "{}\n\n{}", event(1), &event(2)[..20]).unwrap();
        assert_eq!(read(&mut follow), ["1"]);
        writeln!(file, "{}", &event(2)[20..]).unwrap();
        assert_eq!(read(&mut follow), ["2"]);
        write!(file, "{}", "x".repeat(3000)).unwrap();
        assert!(read(&mut follow).is_empty());
        writeln!(file, "\n{}", event(3)).unwrap();
        assert_eq!(read(&mut follow), ["a line of 3000 bytes, more than webhookMaxBatchSize (2000)", "3"]);
    }

    #[test]
    fn a_file_that_is_moved_away_is_read_to_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let (path, old) = (dir.path().join("audit.log"), dir.path().join("audit-1.log"));
        let mut follow = Follow::new(&path, &Limits::default());
        fs::write(&path, format!("{}\n", event(1))).unwrap();
        assert_eq!(read(&mut follow), ["1"]);
        fs::rename(&path, &old).unwrap();
        let mut file = OpenOptions::new().append(true).open(&old).unwrap();
        writeln!(file, "{}", event(2)).unwrap();
        assert_eq!(read(&mut follow), ["2"], "written to the old file, while there is no new one");
        // The last line has no end.
        write!(file, "{}", event(3)).unwrap();
        fs::write(&path, format!("{}\n", event(4))).unwrap();
        assert_eq!(read(&mut follow), ["3", "4"]);
        // Emptied, and begun anew with less than there was.
        fs::write(&path, "").unwrap();
        assert!(read(&mut follow).is_empty());
        fs::write(&path, format!("{}\n", event(5))).unwrap();
        assert_eq!(read(&mut follow), ["5"]);
        // A line that is too long and has no end is told, too.
        let mut follow = Follow::new(&path, &Limits { event: 1000, batch: 2000 });
        fs::write(&path, "x".repeat(3000)).unwrap();
        assert!(read(&mut follow).is_empty());
        fs::rename(&path, &old).unwrap();
        fs::write(&path, format!("{}\n", event(6))).unwrap();
        assert_eq!(read(&mut follow), ["a line of 3000 bytes, more than webhookMaxBatchSize (2000)", "6"]);
    }
}
