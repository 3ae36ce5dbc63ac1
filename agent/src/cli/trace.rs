//! `saker trace -- CMD`: rules over what a command and its descendants do, and nothing else on this host. The command runs in a
//! cgroup of its own, and the driver drops in the kernel whatever is not in it.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitCode, ExitStatus};

use anyhow::Context as _;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::engine::{RuleArgs, show};
use super::live::{Detection, Occasion};
use super::orders::orders;
use super::sensor::{self, DriverChoice};
use super::signals::Stop;
use crate::capture::scope::{Held, Running, Scope, ScopeError};
use crate::metrics::Telemetry;
use crate::rules::{LoadResult, Source};

/// The exit status that says that Saker failed, not the command; and those of a command that is not there or cannot be
/// executed, as of a shell.
const FAILED: u8 = 125;
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// What `saker trace` takes.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    #[command(flatten)]
    rules: RuleArgs,

    /// Which driver records; without it as the configuration says
    #[arg(long, value_enum)]
    driver: Option<DriverChoice>,

    /// The command to run, with its arguments
    #[arg(required = true, last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Runs the command and detects until it has ended. Exits as it did.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match trace(&args) {
        Ok(status) => Ok(ExitCode::from(exit_code(status))),
        Err(error) => {
            eprintln!("saker: {error:#}");
            Ok(ExitCode::from(failure(&error)))
        }
    }
}

fn trace(args: &Args) -> anyhow::Result<ExitStatus> {
    let config = args.rules.config()?;
    super::log::start(&config);
    let stop = Stop::listen()?;
    let mut show = |result: &LoadResult, sources: &[Source]| show(result, sources, &mut io::stderr());
    let mut detection = Detection::load(&args.rules.files(&config)?, &config, &mut show)?;
    let mut driver = sensor::open(args.driver.unwrap_or_else(|| DriverChoice::of(&config)))?;
    let scope = Scope::new()?;
    let mut wanted = detection.interest(&*driver);
    wanted.scope_cgroup = scope.id();
    wanted.scope_level = scope.level();
    // It is there before the look at /proc, so that the state knows what it inherits.
    let held = scope.hold(&args.command)?;
    let mut command = Command { stop, asked: false, held: Some(held), running: None, ended: None };
    let (_desk, orders) = orders();
    detection.run(&mut *driver, wanted, &mut command, &orders, &Telemetry::default())?;
    // The driver must be gone before the cgroup is.
    drop(driver);
    command.ended.context("the command did not end")
}

/// The command as the occasion of a detection.
struct Command {
    stop: Stop,
    /// Whether the command was asked to end.
    asked: bool,
    held: Option<Held>,
    running: Option<Running>,
    ended: Option<ExitStatus>,
}

impl Occasion for Command {
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
fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)
}

fn failure(error: &anyhow::Error) -> u8 {
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
