//! A look at /proc: who was running before the first live event. What a capture file has in its tables, in the same form.
//!
//! Processes come and go while it looks. What is gone is left out; what one look at a file found is believed, whatever
//! the next file says.

mod descriptors;
mod host;
mod living;
mod process;
mod sockets;
mod strangers;

use std::fs::{self, ReadDir};
use std::io;
use std::path::{Path, PathBuf};

use super::{FdRecord, ProcessRecord, Snapshot};
pub use living::LivingThreads;
use sockets::SocketTables;
pub use strangers::Strangers;

/// How much a look may take in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcLimits {
    /// Threads.
    pub threads: usize,
    /// Descriptors of one process.
    pub fds_per_process: usize,
    /// Descriptors of all processes.
    pub fds: usize,
}

impl Default for ProcLimits {
    fn default() -> Self {
        ProcLimits { threads: 262_144, fds_per_process: 65_536, fds: 1_048_576 }
    }
}

/// A part of what a look found has so many threads or descriptors: all of it at once would take more memory than what is
/// kept of it.
const PART: usize = 4096;

/// What a look found, and what it had to leave out.
#[derive(Debug, Default)]
pub struct ProcScan {
    /// The machine, its users, its processes and their descriptors; of a look in parts nothing.
    pub snapshot: Snapshot,
    /// How many threads were found.
    pub threads: usize,
    /// How many descriptors were found.
    pub fds: usize,
    /// Threads and descriptors beyond the limits.
    pub over_limit: u64,
    /// Processes that could not be read although they were there, for want of permission as a rule.
    pub refused: u64,
}

/// Where the files are.
#[derive(Clone, Debug)]
pub struct ProcRoot {
    /// The root of the host: `/`, or where it is mounted (`HOST_ROOT`).
    root: PathBuf,
}

impl ProcRoot {
    /// The host whose root is at `$HOST_ROOT`, or this one.
    pub fn from_environment() -> Self {
        ProcRoot::new(std::env::var_os("HOST_ROOT").filter(|root| !root.is_empty()).unwrap_or("/".into()))
    }

    /// The host whose root is mounted there.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        ProcRoot { root: root.into() }
    }

    /// Where the host's root is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path of the host, given without its leading `/`.
    fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Looks at everything.
    ///
    /// # Errors
    /// If there is no /proc to read. A process that cannot be read is counted.
    pub fn scan(&self, limits: ProcLimits) -> io::Result<ProcScan> {
        let mut whole = Snapshot::default();
        let scan = self.scan_by(usize::MAX, limits, |snapshot| whole = snapshot)?;
        Ok(ProcScan { snapshot: whole, ..scan })
    }

    /// Looks at everything, and hands it out in parts.
    ///
    /// # Errors
    /// As [`ProcRoot::scan`].
    pub fn scan_in_parts(&self, limits: ProcLimits, part: impl FnMut(Snapshot)) -> io::Result<ProcScan> {
        self.scan_by(PART, limits, part)
    }

    fn scan_by(
        &self,
        most: usize,
        limits: ProcLimits,
        mut part: impl FnMut(Snapshot),
    ) -> io::Result<ProcScan> {
        let directory = fs::read_dir(self.path("proc"))?;
        let mut scan = ProcScan { snapshot: self.host(), ..ProcScan::default() };
        let boot = scan.snapshot.machine.as_ref().map_or(0, |machine| machine.boot_ts);
        let reader = process::ProcessReader::new(self, boot);
        let mut sockets = SocketTables::default();
        for pid in numbers(directory) {
            self.process(&reader, pid, &mut sockets, limits, &mut scan);
            let found = &scan.snapshot;
            if found.processes.len() >= most || found.fds.len() >= most {
                part(Snapshot { more: true, ..std::mem::take(&mut scan.snapshot) });
            }
        }
        part(std::mem::take(&mut scan.snapshot));
        Ok(scan)
    }

    /// Looks at one process: its threads and its descriptors.
    fn process(
        &self,
        reader: &process::ProcessReader,
        pid: i64,
        sockets: &mut SocketTables,
        limits: ProcLimits,
        scan: &mut ProcScan,
    ) {
        let directory = self.path(&format!("proc/{pid}"));
        match reader.leader(&directory, pid) {
            Ok(leader) => {
                self.threads(reader, &directory, &leader, limits, scan);
                descriptors::read(&directory, pid, sockets, limits, scan);
                scan.add_thread(leader, limits);
            }
            Err(error) if vanished(&error) => {}
            Err(_) => scan.refused += 1,
        }
    }

    /// The threads of a process but its leader.
    fn threads(
        &self,
        reader: &process::ProcessReader,
        directory: &Path,
        leader: &ProcessRecord,
        limits: ProcLimits,
        scan: &mut ProcScan,
    ) {
        let Ok(tasks) = fs::read_dir(directory.join("task")) else { return };
        for tid in numbers(tasks).filter(|&tid| tid != leader.pid) {
            if let Ok(thread) = reader.thread(&directory.join("task").join(tid.to_string()), tid, leader) {
                scan.add_thread(thread, limits);
            }
        }
    }
}

impl ProcScan {
    fn add_thread(&mut self, thread: ProcessRecord, limits: ProcLimits) {
        if self.threads < limits.threads {
            self.threads += 1;
            self.snapshot.processes.push(thread);
        } else {
            self.over_limit += 1;
        }
    }

    fn add_fd(&mut self, fd: FdRecord, limits: ProcLimits) {
        if self.fds < limits.fds {
            self.fds += 1;
            self.snapshot.fds.push(fd);
        } else {
            self.over_limit += 1;
        }
    }
}

/// The entries of a directory that are numbers.
fn numbers(directory: ReadDir) -> impl Iterator<Item = i64> {
    directory.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// Whether an error says that the process ended meanwhile.
fn vanished(error: &io::Error) -> bool {
    // A file that was open when the process ended says ESRCH.
    const ESRCH: i32 = 3;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH)
}

#[cfg(test)]
mod tests;
