//! `saker run`: rules over what happens on this host, until it is asked to stop. Alerts go to stdout, the closing summary
//! and everything about the sensor itself to stderr.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::engine::{Engine, RuleArgs};
use super::sensor::{self, DriverChoice, Losses};
use super::signals::Stop;
use crate::capture::driver::Driver;
use crate::capture::interest::interest;
use crate::capture::live::{Live, hierarchy};
use crate::capture::proc::{ProcLimits, ProcRoot};
use crate::pipeline::Pipeline;

/// How often it is looked whether something was lost.
const LOSSES_EVERY: Duration = Duration::from_secs(1);

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
    let stop = Stop::listen()?;
    let config = args.rules.config()?;
    let (mut engine, names) = Engine::load_and(&args.rules, &config, &mut io::stderr(), |loader, rules| {
        rules.iter().flat_map(|rule| loader.event_names(rule)).collect::<BTreeSet<_>>()
    })?;
    if let Some(file) = &args.pidfile {
        std::fs::write(file, format!("{}\n", std::process::id()))
            .with_context(|| format!("{}", file.display()))?;
    }

    let root = ProcRoot::from_environment();
    let hierarchy = hierarchy(&root);
    let mut driver = sensor::open(args.driver)?;
    let mut wanted = interest(|event| engine.detector().wants(event), |name| names.contains(name));
    wanted.cgroup_hierarchy = hierarchy.number;
    // What happens from here on is in the rings; the look at /proc comes after, so that nothing is between.
    driver.set_interest(&wanted)?;
    let mut live = Live::new(&*driver, hierarchy)?;
    let mut pipeline = Pipeline::live(&config);
    let scan =
        root.scan(ProcLimits::default()).context("the processes that run cannot be read from /proc")?;
    tracing::info!(
        "detecting with {}: {} threads, {} descriptors",
        driver.name(),
        scan.snapshot.processes.len(),
        scan.snapshot.fds.len()
    );
    if scan.over_limit + scan.refused > 0 {
        tracing::warn!("{} processes could not be read, {} were too many", scan.refused, scan.over_limit);
    }
    driver.gaps().iter().for_each(|gap| tracing::warn!("{gap}"));
    pipeline.begin(scan.snapshot);

    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let result = detect(&stop, &mut *driver, &mut live, &mut pipeline, &mut engine, &mut out);
    out.flush()?;
    let losses = Losses::of(&*driver, &live);
    let mut err = io::stderr().lock();
    write!(err, "{}", engine.alerts.summary())?;
    writeln!(err, "Events: {}, lost: {}", live.counters().events, losses.events())?;
    if !losses.line().is_empty() {
        writeln!(err, "Losses: {}", losses.line())?;
    }
    if let Some(file) = &args.pidfile {
        let _ = std::fs::remove_file(file);
    }
    result.map(|()| ExitCode::SUCCESS)
}

fn detect(
    stop: &Stop,
    driver: &mut dyn Driver,
    live: &mut Live,
    pipeline: &mut Pipeline,
    engine: &mut Engine,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut result = Ok(());
    let (mut known, mut next) = (Losses::default(), Instant::now() + LOSSES_EVERY);
    while !stop.asked() && result.is_ok() {
        let records = live.poll(|event| {
            if result.is_ok() {
                result = engine.event(pipeline, event, out);
            }
        });
        // Whoever reads the alerts wants them when they happen.
        result = result.and_then(|()| out.flush());
        if Instant::now() >= next {
            next = Instant::now() + LOSSES_EVERY;
            let losses = Losses::of(driver, live);
            if losses.events() > known.events() {
                tracing::warn!("events are being lost: {}", losses.line());
            }
            known = losses;
        }
        live.rest(driver, records);
    }
    // Nothing is asked for any more; what was recorded until now still counts.
    driver.set_interest(&interest_in_nothing())?;
    live.finish(|event| {
        if result.is_ok() {
            result = engine.event(pipeline, event, out);
        }
    });
    Ok(result?)
}

fn interest_in_nothing() -> saker_probe::wire::control::Interest {
    saker_probe::wire::control::Interest { abi_version: saker_probe::wire::ABI_VERSION, ..Default::default() }
}
