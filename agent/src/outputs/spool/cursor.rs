//! How far an output is: a file with the number of the next alert it waits for.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use flate2::Crc;

use super::private_file;

/// What the names of these files end with; they begin with that of the output.
const EXTENSION: &str = ".next";

/// The place of an output.
#[derive(Debug)]
pub(super) struct Cursor {
    path: PathBuf,
    file: File,
    next: u64,
}

/// The places of all outputs that a directory knows. One that cannot be read begins anew, with the oldest alert: that is
/// rather twice than never.
pub(super) fn load(directory: &Path) -> io::Result<BTreeMap<String, Cursor>> {
    let mut cursors = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.and_then(|name| name.strip_suffix(EXTENSION)).map(str::to_owned) else {
            continue;
        };
        let file = private_file(OpenOptions::new().read(true).write(true), &path)?;
        let mut bytes = [0; 12];
        let next = file.read_exact_at(&mut bytes, 0).ok().and_then(|()| decode(&bytes));
        if next.is_none() {
            tracing::warn!("{}: it is damaged; '{name}' begins with the oldest alert", path.display());
        }
        cursors.insert(name, Cursor { path, file, next: next.unwrap_or(0) });
    }
    Ok(cursors)
}

impl Cursor {
    /// Writes down a place for an output that has none.
    pub(super) fn create(directory: &Path, output: &str, next: u64) -> io::Result<Cursor> {
        let path = directory.join(format!("{output}{EXTENSION}"));
        let file = private_file(OpenOptions::new().read(true).write(true), &path)?;
        let mut cursor = Cursor { path, file, next };
        cursor.set(next)?;
        Ok(cursor)
    }

    /// The next alert that the output waits for.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// Writes down a new place.
    pub(super) fn set(&mut self, next: u64) -> io::Result<()> {
        let number = next.to_le_bytes();
        let mut bytes = [0; 12];
        bytes[..8].copy_from_slice(&number);
        bytes[8..].copy_from_slice(&checksum(&number).to_le_bytes());
        self.next = next;
        self.file.write_all_at(&bytes, 0)
    }

    /// Forgets it.
    pub(super) fn remove(self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::warn!("{}: cannot be removed: {error}", self.path.display());
        }
    }
}

fn decode(bytes: &[u8; 12]) -> Option<u64> {
    let [number @ .., a, b, c, d] = *bytes;
    (checksum(&number) == u32::from_le_bytes([a, b, c, d])).then(|| u64::from_le_bytes(number))
}

fn checksum(number: &[u8; 8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(number);
    crc.sum()
}
