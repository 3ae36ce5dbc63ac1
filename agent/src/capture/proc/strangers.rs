//! Processes of which an event came although their beginning was not recorded: because the ring was full, as a rule. They are
//! looked up in /proc, one by one and not too often: who loses events has no time to spare.

use std::time::{Duration, Instant};

use super::process::ProcessReader;
use super::sockets::SocketTables;
use super::{ProcLimits, ProcRoot, ProcScan};
use crate::capture::{Snapshot, TICK};

/// How many are looked up in a second.
const PER_SECOND: u32 = 200;

/// Looks up processes.
pub struct Strangers {
    root: ProcRoot,
    reader: ProcessReader,
    limits: ProcLimits,
    second: Instant,
    left: u32,
    met: u64,
    found: u64,
}

impl Strangers {
    /// Nobody has been looked up yet.
    pub fn new(root: &ProcRoot, limits: ProcLimits) -> Self {
        let reader = ProcessReader::new(root, root.machine().boot_ts);
        let second = Instant::now();
        Strangers { root: root.clone(), reader, limits, second, left: PER_SECOND, met: 0, found: 0 }
    }

    /// What /proc says of a process, if it is still the one that began then.
    pub fn look_up(&mut self, pid: i64, started: u64) -> Option<Snapshot> {
        self.met += 1;
        if self.second.elapsed() >= Duration::from_secs(1) {
            self.second = Instant::now();
            self.left = PER_SECOND;
        }
        self.left = self.left.checked_sub(1)?;
        let mut scan = ProcScan::default();
        self.root.process(&self.reader, pid, &mut SocketTables::default(), self.limits, &mut scan);
        let leader = scan.snapshot.processes.iter().find(|process| process.tid == pid)?;
        if leader.started / TICK != started / TICK {
            return None;
        }
        self.found += 1;
        Some(scan.snapshot)
    }

    /// How many there were, and how many of them /proc still knew.
    pub fn counted(&self) -> (u64, u64) {
        (self.met, self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_if_it_is_still_the_same() {
        let root = ProcRoot::new("/");
        let pid = i64::from(std::process::id());
        let scan = root.scan(ProcLimits::default()).unwrap();
        let own = scan.snapshot.processes.iter().find(|process| process.tid == pid).unwrap();
        let mut strangers = Strangers::new(&root, ProcLimits::default());
        let found = strangers.look_up(pid, own.started + TICK / 2).unwrap();
        assert!(!found.fresh && found.processes.iter().all(|thread| thread.pid == pid));
        assert!(found.fds.iter().any(|fd| fd.tid == pid));
        assert!(strangers.look_up(pid, own.started + TICK).is_none(), "an earlier process had its id");
        assert!(strangers.look_up(1 << 40, own.started).is_none(), "nobody is there");
        for _ in 0..PER_SECOND {
            strangers.look_up(1 << 40, 0);
        }
        assert!(strangers.look_up(pid, own.started).is_none(), "not too often");
        assert_eq!(strangers.counted(), (4 + u64::from(PER_SECOND), 1));
    }
}
