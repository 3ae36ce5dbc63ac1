//! The spool: alerts on disk, from when they are accepted until every output that needs it has delivered them.
//!
//! ```text
//! append -> segment files, named after their first alert -> a Reader for each output -> commit
//! ```
//!
//! One writer appends; readers follow at their own pace and say how far they are. A segment that all have passed is removed.
//! When the spool is full its oldest segment goes, whoever still waited for it: readers count what they missed.
//!
//! What was appended outlives the process: it is in the kernel's hands before anybody sees it. What a reader committed is
//! written down too, so that after a restart it goes on where it was; what was under way then comes twice.

mod cursor;
mod reader;
mod segment;

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::fcntl::{Flock, FlockArg};

use self::cursor::Cursor;
pub use self::reader::Reader;
use self::segment::Segment;
use crate::alerts::Alert;

/// A spool is made of this many segments when it is full, so that an eighth of it goes at once.
const SEGMENTS: u64 = 8;
/// Segments are at least this long, in bytes.
const SEGMENT_MIN: u64 = 64 << 10;

/// Why there is no spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Its directory cannot be made or used.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the kernel says.
        error: io::Error,
    },
    /// Another agent has it.
    #[error("{}: another agent uses this spool; give each its own 'saker.spool.path'", .0.display())]
    InUse(PathBuf),
}

/// The spool of an agent.
#[derive(Debug)]
pub struct Spool {
    directory: PathBuf,
    /// Bytes.
    limit: u64,
    index: Mutex<Index>,
    /// Nobody else may write while it is held.
    _lock: Flock<File>,
}

/// What is where.
#[derive(Debug)]
struct Index {
    /// The oldest first; the last is written to.
    segments: VecDeque<Arc<Segment>>,
    /// The number of the next alert.
    next: u64,
    /// How far each output is, by name.
    cursors: BTreeMap<String, Cursor>,
}

/// What went away undelivered because the spool was full.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Evicted {
    /// Alerts by rule.
    pub rules: BTreeMap<String, u64>,
}

impl Spool {
    /// Opens the spool in a directory of its own, made if it is not there, with at most `limit` bytes. Records that were cut
    /// short by a crash are removed.
    pub fn open(directory: &Path, limit: u64) -> Result<Arc<Spool>, SpoolError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |error| SpoolError::Io { path, error }
        };
        private_directory(directory).map_err(failed(directory))?;
        let lock = directory.join("lock");
        let file = private_file(OpenOptions::new().write(true), &lock).map_err(failed(&lock))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock)
            .map_err(|_| SpoolError::InUse(directory.to_owned()))?;
        let mut segments = VecDeque::new();
        for path in segment::list(directory).map_err(failed(directory))? {
            segments.push_back(Arc::new(Segment::open(&path).map_err(failed(&path))?));
        }
        let newest = segments.back().map_or(1, |segment: &Arc<Segment>| segment.next());
        let cursors = cursor::load(directory).map_err(failed(directory))?;
        // Numbers never come again, even if all segments are gone.
        let next = cursors.values().map(Cursor::next).fold(newest, u64::max);
        let index = Mutex::new(Index { segments, next, cursors });
        let spool = Spool { directory: directory.to_owned(), limit, index, _lock: lock };
        Ok(Arc::new(spool))
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        // Whoever panicked left nothing half done: each change is one step.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reader of an output. One that was there before goes on where it was, a new one begins with what comes next.
    pub fn reader(self: &Arc<Spool>, output: &str) -> Result<Reader, SpoolError> {
        let mut index = self.index();
        let next = index.next;
        let next = match index.cursors.get(output) {
            Some(cursor) => cursor.next(),
            None => {
                let cursor = Cursor::create(&self.directory, output, next);
                let cursor =
                    cursor.map_err(|error| SpoolError::Io { path: self.directory.clone(), error })?;
                index.cursors.insert(output.to_owned(), cursor);
                next
            }
        };
        drop(index);
        Ok(Reader::new(Arc::clone(self), output, next))
    }

    /// Forgets the outputs that are not among these. Gives those for which alerts still waited, with how many.
    pub fn keep_only(&self, outputs: &[&str]) -> Vec<(String, u64)> {
        let mut index = self.index();
        let next = index.next;
        let gone: Vec<String> =
            index.cursors.keys().filter(|name| !outputs.contains(&name.as_str())).cloned().collect();
        let mut waited = Vec::new();
        for name in gone {
            if let Some(cursor) = index.cursors.remove(&name) {
                let count = next - cursor.next().min(next);
                cursor.remove();
                if count > 0 {
                    waited.push((name, count));
                }
            }
        }
        self.tidy(&mut index);
        waited
    }

    /// Appends an alert; gives its number, and what had to go to make room.
    pub fn append(&self, alert: &Alert) -> io::Result<(u64, Option<Evicted>)> {
        let mut index = self.index();
        let number = index.next;
        let length = segment::length(alert);
        let segment_limit = (self.limit / SEGMENTS).max(SEGMENT_MIN);
        // A segment has no gaps: what damage took is between two.
        let full = |segment: &Arc<Segment>| {
            segment.next() != number || segment.bytes() > 0 && segment.bytes() + length > segment_limit
        };
        if index.segments.back().is_none_or(full) {
            let segment = Segment::create(&self.directory, number)?;
            index.segments.push_back(Arc::new(segment));
            self.tidy(&mut index);
        }
        let mut evicted: Option<Evicted> = None;
        while index.segments.len() > 1 && bytes(&index) + length > self.limit {
            let first_needed = first_needed(&index);
            if let Some(oldest) = index.segments.pop_front() {
                oldest.count(first_needed, &mut evicted.get_or_insert_default().rules);
                oldest.remove();
            }
        }
        if let Some(segment) = index.segments.back() {
            segment.append(number, alert)?;
            index.next += 1;
        }
        Ok((number, evicted))
    }

    /// How many bytes are taken, and how many there may be.
    pub fn size(&self) -> (u64, u64) {
        (bytes(&self.index()), self.limit)
    }

    /// Whether the next alert would push out one that somebody waits for.
    pub fn is_full(&self) -> bool {
        let index = self.index();
        let segment_limit = (self.limit / SEGMENTS).max(SEGMENT_MIN);
        let oldest_is_needed =
            index.segments.front().is_some_and(|oldest| oldest.next() > first_needed(&index));
        index.segments.len() > 1 && oldest_is_needed && bytes(&index) + segment_limit > self.limit
    }

    /// The segment that has an alert, or the first one after it.
    fn segment(&self, number: u64) -> Option<Arc<Segment>> {
        self.index().segments.iter().find(|segment| segment.next() > number).cloned()
    }

    /// The number of the next alert to be appended.
    fn next(&self) -> u64 {
        self.index().next
    }

    /// An output has delivered all before this number.
    fn commit(&self, output: &str, next: u64) -> io::Result<()> {
        let mut index = self.index();
        let Some(cursor) = index.cursors.get_mut(output) else { return Ok(()) };
        cursor.set(next)?;
        self.tidy(&mut index);
        Ok(())
    }

    /// Removes what all have passed.
    fn tidy(&self, index: &mut Index) {
        let first_needed = first_needed(index);
        while index.segments.len() > 1 && index.segments.front().is_some_and(|s| s.next() <= first_needed) {
            if let Some(oldest) = index.segments.pop_front() {
                oldest.remove();
            }
        }
    }
}

/// The first alert that some output still waits for.
fn first_needed(index: &Index) -> u64 {
    index.cursors.values().map(Cursor::next).min().unwrap_or(index.next)
}

fn bytes(index: &Index) -> u64 {
    index.segments.iter().map(|segment| segment.bytes()).sum()
}

/// Makes a directory that only its owner may enter, or makes one that is there so.
pub(super) fn private_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return Err(io::ErrorKind::NotADirectory.into());
        }
        other => other?,
    }
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Opens a file that only its owner may read, made if it is not there.
pub(super) fn private_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.create(true).mode(0o600).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_CLOEXEC).open(path)
}

#[cfg(test)]
mod tests;
