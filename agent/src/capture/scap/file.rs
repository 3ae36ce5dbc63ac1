//! A capture being written to a file: plain or compressed, and told when the disk is full.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::ScapWriter;

/// Bytes that are collected before they are written.
const BUFFER: usize = 1 << 18;

/// Where a capture goes.
pub enum ScapOutput {
    /// As it is.
    Plain(BufWriter<Box<dyn Write + Send>>),
    /// Compressed.
    Gzip(Box<GzEncoder<BufWriter<Box<dyn Write + Send>>>>),
}

impl ScapWriter<ScapOutput> {
    /// Makes a capture file, `-` for standard output. It is compressed if asked for, or if its name ends with `.gz`.
    ///
    /// # Errors
    /// If the file cannot be made.
    pub fn create(path: &Path, compress: bool) -> io::Result<Self> {
        let file: Box<dyn Write + Send> = match path.to_str() {
            Some("-") => Box::new(io::stdout()),
            _ => Box::new(File::create(path)?),
        };
        let file = BufWriter::with_capacity(BUFFER, file);
        let compress = compress || path.extension().is_some_and(|extension| extension == "gz");
        ScapWriter::new(match compress {
            true => ScapOutput::Gzip(Box::new(GzEncoder::new(file, Compression::fast()))),
            false => ScapOutput::Plain(file),
        })
    }

    /// Writes what is still held back. Without it the end of the capture is missing.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn finish(self) -> io::Result<()> {
        let mut file = match self.into_inner() {
            ScapOutput::Plain(file) => file,
            ScapOutput::Gzip(file) => file.finish()?,
        };
        file.flush()
    }
}

impl Write for ScapOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            ScapOutput::Plain(file) => file.write(bytes),
            ScapOutput::Gzip(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            ScapOutput::Plain(file) => file.flush(),
            ScapOutput::Gzip(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Snapshot;
    use crate::capture::scap::ScapReader;
    use crate::event::{Event, ParamsBuf, id};

    #[test]
    fn the_name_says_whether_it_is_compressed() {
        let directory = tempfile::tempdir().unwrap();
        for (name, compress, gzip) in
            [("a.scap", false, false), ("a.scap.gz", false, true), ("b", true, true)]
        {
            let path = directory.path().join(name);
            let mut writer = ScapWriter::create(&path, compress).unwrap();
            writer.snapshot(&Snapshot::new()).unwrap();
            let params = ParamsBuf::of(&[b"\x07\0\0\0\0\0\0\0"]);
            writer.event(&Event::new(1, 2, 3, 4, id::SYSCALL_CLOSE_X, 0, params.params())).unwrap();
            writer.finish().unwrap();
            assert_eq!(std::fs::read(&path).unwrap().starts_with(b"\x1f\x8b"), gzip, "{name}");
            let mut reader = ScapReader::open(&path).unwrap();
            reader.next_section().unwrap().unwrap();
            assert_eq!(reader.next().unwrap().unwrap().param_i64(0), Some(7), "{name}");
            assert!(reader.next().unwrap().is_none());
        }
    }
}
