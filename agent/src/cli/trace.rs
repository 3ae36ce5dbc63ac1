//! `saker trace -- CMD`: rules over what a command and its descendants do, and nothing else on this host. The command runs in a
//! cgroup of its own, and the driver drops in the kernel whatever is not in it.

use std::io;
use std::process::{ExitCode, ExitStatus};

use super::engine::{RuleArgs, show};
use super::live::Detection;
use super::orders::orders;
use super::scoped::{Scoped, exit_code, failure};
use super::sensor::{self, DriverChoice};
use super::signals::Stop;
use crate::metrics::Telemetry;
use crate::outputs;
use crate::rules::{LoadResult, Source};

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
    let outputs = outputs::needed(&config);
    let mut detection = Detection::load(&args.rules.files(&config)?, &config, outputs, &mut show)?;
    if let Some(outputs) = detection.outputs() {
        stop.reopens(outputs);
    }
    let mut driver = sensor::open(args.driver.unwrap_or_else(|| DriverChoice::of(&config)), &config)?;
    let mut command = Scoped::hold(&args.command, stop)?;
    let mut wanted = detection.interest(&*driver);
    command.limit(&mut wanted);
    let (_desk, orders) = orders();
    detection.run(&mut *driver, wanted, &mut command, &orders, &Telemetry::default())?;
    drop(driver);
    command.status()
}
