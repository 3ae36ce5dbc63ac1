//! Alerts to the standard input of a program, as `program_output` asks: one process for all of them, or one for each.

use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::line;
use super::runner::{Failure, Target};
use crate::alerts::Alert;

/// What shells exit with if there is no such program, or it cannot be executed.
const NOT_RUN: [i32; 2] = [126, 127];
/// What was written to a program that still runs after this time has been read.
const LINGER: Duration = Duration::from_secs(3);
/// How long a program may take to end when its input does.
const LAST: Duration = Duration::from_secs(5);

/// A program.
pub(super) struct Program {
    /// A shell command.
    command: String,
    keep_alive: bool,
    running: Option<Child>,
    /// Those that did not end in time when their input did.
    ending: Vec<Child>,
}

impl Program {
    pub(super) fn new(command: String, keep_alive: bool) -> Program {
        Program { command, keep_alive, running: None, ending: Vec::new() }
    }

    /// Starts the program, in a process group of its own: a Ctrl-C in the terminal is for Saker, which then ends it.
    fn start(&self) -> io::Result<Child> {
        Command::new("/bin/sh").arg("-c").arg(&self.command).stdin(Stdio::piped()).process_group(0).spawn()
    }

    /// Writes to a program.
    fn write(child: &mut Child, bytes: &[u8]) -> io::Result<()> {
        match &mut child.stdin {
            Some(input) => input.write_all(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// One process for one alert.
    fn once(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut child = self.start().map_err(|error| Program::failure(&error.to_string()))?;
        let written = Program::write(&mut child, bytes);
        drop(child.stdin.take());
        let status = child.wait()?;
        match written {
            // It may well have had enough of its input.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Program::failure(&error.to_string()))
            }
            _ => Program::judge(status),
        }
    }

    /// What an exit status says. Programs end with 1 for many reasons, so only those that did not run or were killed failed.
    fn judge(status: ExitStatus) -> Result<(), Failure> {
        let not_run = status.code().is_some_and(|code| NOT_RUN.contains(&code));
        match status.signal() {
            Some(signal) => Err(Program::failure(&format!("it was ended by signal {signal}"))),
            None if not_run => Err(Program::failure("it cannot be run")),
            None => Ok(()),
        }
    }

    fn failure(what: &str) -> Failure {
        // The command itself is not told: with an address in it, it may be what grants access.
        Failure::Later(format!("the program: {what}"))
    }

    /// Whether the program still runs.
    fn check(&mut self) -> Result<(), Failure> {
        let Some(child) = &mut self.running else { return Ok(()) };
        match child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                self.running = None;
                Err(Program::failure(&format!("it ended ({status})")))
            }
        }
    }

    fn wait_for_end(&mut self, limit: Duration) -> Option<ExitStatus> {
        let mut child = self.running.take()?;
        drop(child.stdin.take());
        let end = Instant::now() + limit;
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
                _ => {
                    self.ending.push(child);
                    return None;
                }
            }
        }
    }
}

impl Target for Program {
    fn deliver(&mut self, alert: &Alert) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        line(alert, &mut bytes);
        if !self.keep_alive {
            return self.once(&bytes);
        }
        self.check()?;
        if self.running.is_none() {
            // Whoever is not waited for stays in the process table.
            self.ending.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
            self.running = Some(self.start().map_err(|error| Program::failure(&error.to_string()))?);
        }
        let Some(child) = &mut self.running else { return Ok(()) };
        match Program::write(child, &bytes) {
            Ok(()) => Ok(()),
            Err(error) => {
                let status = self.wait_for_end(LAST);
                let status = status.map_or(String::new(), |status| format!(" ({status})"));
                Err(Program::failure(&format!("{error}{status}")))
            }
        }
    }

    fn linger(&self) -> Duration {
        if self.keep_alive { LINGER } else { Duration::ZERO }
    }

    fn probe(&mut self) -> Result<(), Failure> {
        self.check()
    }

    fn reopen(&mut self) {
        // It reads what it has got; a new one takes what comes now.
        let _ = self.wait_for_end(LAST);
    }

    fn finish(&mut self) -> bool {
        if self.running.is_none() {
            return true;
        }
        self.wait_for_end(LAST).is_some_and(|status| Program::judge(status).is_ok())
    }
}
