//! A file of the spool: records one after the other, each with its length, a checksum and its number.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::Crc;

use super::private_file;
use crate::alerts::Alert;

/// Length and checksum (4 bytes each) and number (8) before each alert. The checksum is that of number and alert.
const HEAD: u64 = 16;
/// No alert in a spool is longer than this, in bytes: what stands in a damaged file is not believed.
const RECORD_MAX: usize = 64 << 20;
/// What the names of segments end with; they begin with the number of their first alert.
const EXTENSION: &str = "alerts";

/// A segment. It is written by one and read by many.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    /// Number of its first alert.
    first: u64,
    /// Number after its last one.
    next: AtomicU64,
    /// Bytes of whole records.
    bytes: AtomicU64,
}

/// How many bytes an alert takes.
pub(super) fn length(alert: &Alert) -> u64 {
    HEAD + alert.bytes().len() as u64
}

/// The segments of a directory, the oldest first.
pub(super) fn list(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if number_of(&path).is_some() {
            found.push(path);
        }
    }
    found.sort_by_key(|path| number_of(path));
    Ok(found)
}

fn number_of(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.strip_suffix(EXTENSION)?.strip_suffix('.')?;
    name.parse().ok()
}

/// What stands at a place of a segment.
#[derive(Debug)]
pub(super) enum Found {
    /// An alert with its number, and where the next one begins.
    Alert(u64, Alert, u64),
    /// Nothing more.
    End,
    /// No whole record.
    Damaged,
}

impl Segment {
    /// Makes an empty segment.
    pub(super) fn create(directory: &Path, first: u64) -> io::Result<Segment> {
        let path = directory.join(format!("{first:020}.{EXTENSION}"));
        let file = private_file(OpenOptions::new().read(true).write(true).truncate(true), &path)?;
        Ok(Segment { path, file, first, next: AtomicU64::new(first), bytes: AtomicU64::new(0) })
    }

    /// Opens a segment and looks how far it is whole; what comes after that is cut off.
    pub(super) fn open(path: &Path) -> io::Result<Segment> {
        let first = number_of(path).ok_or(io::ErrorKind::InvalidInput)?;
        let file = private_file(OpenOptions::new().read(true).write(true), path)?;
        let length = file.metadata()?.len();
        let segment = Segment {
            path: path.to_owned(),
            file,
            first,
            next: AtomicU64::new(first),
            bytes: AtomicU64::new(length),
        };
        let (mut at, mut next) = (0, first);
        while let Found::Alert(number, _, end) = segment.read(at)? {
            if number != next {
                break;
            }
            (at, next) = (end, number + 1);
        }
        if at < length {
            tracing::warn!(
                "{}: {} bytes after the last whole alert are cut off",
                path.display(),
                length - at
            );
            segment.file.set_len(at)?;
        }
        segment.bytes.store(at, Ordering::Release);
        segment.next.store(next, Ordering::Release);
        Ok(segment)
    }

    /// The number of its first alert.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The number after its last alert. Whoever sees it can read that alert.
    pub(super) fn next(&self) -> u64 {
        // Pairs with the stores of `append`.
        self.next.load(Ordering::Acquire)
    }

    /// How long it is.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Appends an alert. On an error nothing has changed.
    pub(super) fn append(&self, number: u64, alert: &Alert) -> io::Result<()> {
        let body = alert.bytes();
        if body.len() > RECORD_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let mut record = Vec::with_capacity(HEAD as usize + body.len());
        record.extend_from_slice(&(body.len() as u32).to_le_bytes());
        record.extend_from_slice(&checksum(number, body).to_le_bytes());
        record.extend_from_slice(&number.to_le_bytes());
        record.extend_from_slice(body);
        let at = self.bytes();
        if let Err(error) = self.file.write_all_at(&record, at) {
            // What was written of it must not be taken for a record later.
            let _ = self.file.set_len(at);
            return Err(error);
        }
        self.bytes.store(at + record.len() as u64, Ordering::Release);
        self.next.store(number + 1, Ordering::Release);
        Ok(())
    }

    /// Reads what stands at a place.
    pub(super) fn read(&self, at: u64) -> io::Result<Found> {
        let bytes = self.bytes();
        if at >= bytes {
            return Ok(Found::End);
        }
        let mut head = [0; HEAD as usize];
        if at + HEAD > bytes {
            return Ok(Found::Damaged);
        }
        self.file.read_exact_at(&mut head, at)?;
        let word = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (length, sum) = (word(0), word(4));
        let number = u64::from(word(8)) | u64::from(word(12)) << 32;
        let end = at + HEAD + u64::from(length);
        if length as usize > RECORD_MAX || end > bytes {
            return Ok(Found::Damaged);
        }
        let mut body = vec![0; length as usize];
        self.file.read_exact_at(&mut body, at + HEAD)?;
        if checksum(number, &body) != sum {
            return Ok(Found::Damaged);
        }
        match Alert::read(&body) {
            Ok((alert, [])) => Ok(Found::Alert(number, alert, end)),
            _ => Ok(Found::Damaged),
        }
    }

    /// Counts its alerts from a number on by rule.
    pub(super) fn count(&self, from: u64, rules: &mut BTreeMap<String, u64>) {
        let mut at = 0;
        while let Ok(Found::Alert(number, alert, end)) = self.read(at) {
            if number >= from {
                *rules.entry(alert.rule().to_owned()).or_default() += 1;
            }
            at = end;
        }
    }

    /// Removes the file. Who reads it can still do so.
    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("{}: cannot be removed: {error}", self.path.display());
        }
    }
}

fn checksum(number: u64, body: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&number.to_le_bytes());
    crc.update(body);
    crc.sum()
}
