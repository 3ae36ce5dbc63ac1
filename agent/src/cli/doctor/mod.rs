//! `saker doctor`: what this host allows, which driver is taken and why, what it hooks, what it cannot tell and which rules that
//! blinds. Ends with a canary: a harmless action in a cgroup of its own that must come back as an alert.

mod canary;
mod coverage;
mod report;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use saker_probe::wire::record::SLOT_SIZE;

use super::Format;
use super::engine::{Engine, RuleArgs};
use super::sensor::{self, DriverChoice};
use super::signals::Stop;
use crate::capture::driver::{Driver, ProgramCounts};
use crate::capture::host::Host;
use crate::config::{self, Config};
use coverage::{Coverage, Needs};
use report::{Report, Taken};

/// What `saker doctor` takes.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    /// A rule file, or a directory of them, to see which rules are blind; may be given again. Without it those of the configuration
    #[arg(short, long = "rules", value_name = "RULES")]
    rules: Vec<PathBuf>,

    /// The configuration file; without it /etc/saker/saker.yaml, else /etc/falco/falco.yaml
    #[arg(short, long, value_name = "CONFIG")]
    config: Option<PathBuf>,

    /// Which driver is tried; without it as the configuration says
    #[arg(long, value_enum)]
    driver: Option<DriverChoice>,

    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Set a configuration key, as `saker.driver=ebpf`; may be given again
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    option: Vec<String>,

    /// Open this file and end: what the canary's process does
    #[arg(long, hide = true, value_name = "FILE")]
    canary: Option<PathBuf>,
}

/// Looks, and prints what it found. Exits with 1 unless the canary came back.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.canary {
        return Ok(if std::fs::read(file).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let file = args.config.clone().or_else(|| config::first_file(&config::DEFAULT_FILES));
    let config = config::load(file.as_deref(), &args.option)?.config;
    // What a driver has to say stands in the report.
    super::log::start(&Config { log_stderr: false, ..config.clone() });
    let stop = Stop::listen()?;
    let needs = needs(&args, &config)?;
    let mut report = Report {
        host: Host::default().checks(sensor::slots(config.engine.kmod.buf_size_preset) * SLOT_SIZE as u64),
        ..Report::default()
    };
    match sensor::choose(args.driver.unwrap_or_else(|| DriverChoice::of(&config)), &config) {
        Err(error) => report.driver = Err(error.to_string()),
        Ok((mut driver, why)) => {
            let result = canary::fly(&mut *driver, &needs, stop);
            report.driver = Ok(taken(&*driver, why));
            report.coverage = Some(Coverage::of(&needs, &driver.untold()));
            report.canary = Some(result.map_err(|error| format!("{error:#}")));
        }
    }
    let mut out = io::stdout().lock();
    match args.format {
        Format::Text => report.text(&mut out)?,
        Format::Json => report.json(&mut out)?,
    }
    out.flush()?;
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What the driver does here; after it was told what to record.
fn taken(driver: &dyn Driver, why: Option<String>) -> Taken {
    Taken {
        name: driver.name(),
        why,
        hooked: driver.hooked(),
        gaps: driver.gaps(),
        losses: driver.programs().iter().map(ProgramCounts::loss).filter(|(_, count)| *count > 0).collect(),
    }
}

/// What the rules need. Rules that cannot be loaded are `saker check`'s business.
fn needs(args: &Args, config: &Config) -> anyhow::Result<Needs> {
    let given = RuleArgs { rules: args.rules.clone(), ..RuleArgs::default() };
    let files = match given.files(config) {
        Ok(files) => files,
        Err(error) if !args.rules.is_empty() => return Err(error),
        Err(_) => return Ok(Needs::default()),
    };
    let mut show = |result: &crate::rules::LoadResult, sources: &[_]| {
        super::engine::show(result, sources, &mut io::stderr())
    };
    let (engine, mut needs) = Engine::of(&files, config, None, &mut show, Needs::of)?;
    needs.ask(|event| engine.detector().wants(event));
    Ok(needs)
}
