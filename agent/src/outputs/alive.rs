//! When an agent last watched this host: written down while it runs, read when the next one starts, which tells the gap.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};

use super::spool::{private_directory, private_file};
use crate::alerts::Internal;
use crate::config::Priority;

/// The file, in the spool's directory.
const FILE: &str = "alive";
/// The name of the alert that tells a gap.
pub(super) const RULE: &str = "Saker internal: gap in detection";
/// A line is as long as that, so that it is always overwritten as a whole.
const LINE: usize = 96;

/// The file, held by the agent that runs.
#[derive(Debug)]
pub(super) struct Alive {
    file: Flock<File>,
    boot: String,
}

/// A time in which no agent watched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Gap {
    /// Nanoseconds since the epoch.
    pub(super) from: u64,
    /// Nanoseconds since the epoch.
    pub(super) to: u64,
    pub(super) why: Why,
}

/// How it began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Why {
    /// The agent was asked to stop.
    Stopped,
    /// The host went down.
    Restarted,
    /// The agent ended without saying so.
    Died,
}

impl Alive {
    /// Takes the file over, at a time in nanoseconds since the epoch. Gives the gap since it was last written. `None` if
    /// another agent watches.
    pub(super) fn begin(directory: &Path, now: u64) -> io::Result<Option<(Alive, Option<Gap>)>> {
        private_directory(directory)?;
        let file = private_file(OpenOptions::new().read(true).write(true), &directory.join(FILE))?;
        let Ok(mut file) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { return Ok(None) };
        let mut line = String::new();
        // What is no text was not written by an agent.
        let _ = (&mut *file).take(LINE as u64).read_to_string(&mut line);
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let alive = Alive { file, boot: boot.trim().to_owned() };
        let gap = alive.gap(&line, now);
        alive.write(now, "running")?;
        Ok(Some((alive, gap)))
    }

    fn gap(&self, line: &str, now: u64) -> Option<Gap> {
        let mut words = line.split_whitespace();
        let from = words.next()?.parse().ok().filter(|from| *from <= now)?;
        let why = match (words.next()?, words.next()) {
            ("stopped", _) => Why::Stopped,
            (_, Some(boot)) if boot != self.boot => Why::Restarted,
            _ => Why::Died,
        };
        Some(Gap { from, to: now, why })
    }

    /// The agent watches at this time.
    pub(super) fn tick(&self, now: u64) -> io::Result<()> {
        self.write(now, "running")
    }

    /// The agent stops at this time.
    pub(super) fn end(&self, now: u64) -> io::Result<()> {
        self.write(now, "stopped")
    }

    fn write(&self, now: u64, state: &str) -> io::Result<()> {
        let line = format!("{now} {state} {}", self.boot);
        self.file.write_all_at(format!("{line:<width$}\n", width = LINE - 1).as_bytes(), 0)
    }
}

impl Gap {
    /// The alert that tells it.
    pub(super) fn alert(&self) -> Internal {
        let seconds = (self.to - self.from) as f64 / 1e9;
        let (priority, message, reason) = match self.why {
            Why::Stopped => {
                (Priority::Notice, "No agent watched this host after the last one was stopped", "stopped")
            }
            Why::Restarted => {
                (Priority::Notice, "No agent watched this host while it was restarted", "host restarted")
            }
            Why::Died => (
                Priority::Warning,
                "No agent watched this host after the last one ended unasked",
                "ended unasked",
            ),
        };
        let (rule, message) = (RULE.to_owned(), message.to_owned());
        let alert = Internal { time: self.to, priority, rule, message, fields: Default::default() };
        alert
            .with("gap.from", self.from)
            .with("gap.reason", reason)
            .with("gap.seconds", seconds)
            .with("gap.to", self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_has_its_length_and_its_reason() {
        let directory = tempfile::tempdir().unwrap();
        let begin = |now| Alive::begin(directory.path(), now).unwrap();
        let (alive, gap) = begin(1_000).unwrap();
        assert_eq!(gap, None, "nothing is known of before");
        assert!(begin(1_500).is_none(), "one watches");
        alive.tick(2_000).unwrap();
        drop(alive);
        let (alive, gap) = begin(5_000).unwrap();
        assert_eq!(gap, Some(Gap { from: 2_000, to: 5_000, why: Why::Died }));
        alive.end(6_000).unwrap();
        drop(alive);
        let (mut alive, gap) = begin(7_000_000_000).unwrap();
        let gap = gap.unwrap();
        assert_eq!((gap.from, gap.why), (6_000, Why::Stopped));
        assert_eq!(gap.alert().fields["gap.seconds"], 6.999_994);
        alive.boot = "another".to_owned();
        alive.tick(8_000_000_000).unwrap();
        drop(alive);
        let (alive, gap) = begin(9_000_000_000).unwrap();
        assert_eq!(gap.unwrap().why, Why::Restarted);
        drop(alive);
        // A clock that was set back, and nonsense.
        assert_eq!(begin(5).unwrap().1, None);
        std::fs::write(directory.path().join(FILE), b"\xff\xfe nonsense").unwrap();
        assert_eq!(begin(6).unwrap().1, None);
    }
}
