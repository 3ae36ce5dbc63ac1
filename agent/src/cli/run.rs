//! `saker run`: rules over what happens on this host, until it is asked to stop. Alerts go to stdout, the closing summary
//! and everything about the sensor itself to stderr.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use super::engine::RuleArgs;
use super::live::{Detection, Occasion};
use super::sensor::{self, DriverChoice};
use super::signals::Stop;

/// What `saker run` takes.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    #[command(flatten)]
    rules: RuleArgs,

    /// Which driver records
    #[arg(long, value_enum, default_value_t)]
    driver: DriverChoice,

    /// Write the process id to this file
    #[arg(short = 'P', long, value_name = "FILE")]
    pidfile: Option<PathBuf>,
}

/// Detects until it is asked to stop.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    super::logging();
    let mut stop = Stop::listen()?;
    let mut detection = Detection::load(&args.rules)?;
    if let Some(file) = &args.pidfile {
        std::fs::write(file, format!("{}\n", std::process::id()))
            .with_context(|| format!("{}", file.display()))?;
    }
    let mut driver = sensor::open(args.driver)?;
    let wanted = detection.interest();
    let result = detection.run(&mut *driver, wanted, &mut stop);
    if let Some(file) = &args.pidfile {
        let _ = std::fs::remove_file(file);
    }
    result.map(|()| ExitCode::SUCCESS)
}

impl Occasion for Stop {
    fn is_over(&mut self) -> anyhow::Result<bool> {
        Ok(self.asked())
    }
}
