//! A command in a cgroup of its own, as the occasion of a live command: it begins when everything is ready and is over when the command
//! has ended.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use saker_probe::wire::control::Interest;

use super::live::Occasion;
use super::signals::Stop;
use crate::capture::scope::{Held, Running, Scope, ScopeError};

/// The exit status that says that Saker failed, not the command; and those of a command that is not there or cannot be
/// executed, as of a shell.
const FAILED: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// A command that waits before its exec, runs, or has ended.
pub(super) struct Scoped {
    scope: Scope,
    stop: Stop,
    /// Whether the command was asked to end.
    asked: bool,
    held: Option<Held>,
    running: Option<Running>,
    ended: Option<ExitStatus>,
}

impl Scoped {
    /// Starts a command in a cgroup of its own, up to its exec. It is there before the look at /proc, so that the state knows
    /// what it inherits.
    pub(super) fn hold(command: &[String], stop: Stop) -> Result<Scoped, ScopeError> {
        let scope = Scope::new()?;
        let held = scope.hold(command)?;
        Ok(Scoped { scope, stop, asked: false, held: Some(held), running: None, ended: None })
    }

    /// Has only the command and its descendants recorded.
    pub(super) fn limit(&self, wanted: &mut Interest) {
        wanted.scope_cgroup = self.scope.id();
        wanted.scope_level = self.scope.level();
    }

    /// How the command ended. The driver must be gone by then: the cgroup goes with this.
    pub(super) fn status(self) -> anyhow::Result<ExitStatus> {
        self.ended.context("the command did not end")
    }
}

impl Occasion for Scoped {
    fn begin(&mut self) -> anyhow::Result<()> {
        if let Some(held) = self.held.take() {
            self.running = Some(held.release()?);
        }
        Ok(())
    }

    fn is_over(&mut self) -> anyhow::Result<bool> {
        let Some(running) = &mut self.running else { return Ok(true) };
        self.ended = running.try_wait().context("the command cannot be waited for")?;
        if self.ended.is_none() && self.stop.asked() && !self.asked {
            self.asked = true;
            // From a terminal SIGINT has reached it already; asking again does no harm.
            let _ = kill(Pid::from_raw(running.pid() as i32), Signal::SIGTERM);
        }
        Ok(self.ended.is_some())
    }
}

/// How to exit as a command did: with its status, or 128 and the signal that ended it, as shells do.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)
}

/// How to exit if the command could not be run, or not be watched.
pub(super) fn failure(error: &anyhow::Error) -> u8 {
    match error.downcast_ref() {
        Some(ScopeError::Command(_, error)) if error.kind() == io::ErrorKind::NotFound => NOT_FOUND,
        Some(ScopeError::Command(..)) => NOT_EXECUTABLE,
        _ => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exits_as_the_command_did() {
        assert_eq!(exit_code(ExitStatus::from_raw(3 << 8)), 3);
        assert_eq!(exit_code(ExitStatus::from_raw(9)), 137, "killed");
    }
}
