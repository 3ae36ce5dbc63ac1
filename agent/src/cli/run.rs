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
use crate::capture::Snapshot;
use crate::capture::driver::Driver;
use crate::capture::interest::interest;
use crate::capture::live::{Live, hierarchy};
use crate::capture::proc::{LivingThreads, ProcLimits, ProcRoot};
use crate::pipeline::{Pipeline, Sink};

/// How often it is looked whether something was lost.
const LOSSES_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether threads are gone whose exit was lost (`falco_libs.auto_purging_interval_s`).
const PURGE_EVERY: Duration = Duration::from_secs(300);
/// For how long such a thread must have been silent, nanoseconds (`falco_libs.thread_timeout_s`).
const SILENT: u64 = 300_000_000_000;

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

    let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
    let pipeline = || Pipeline::live(&config);
    let mut sensor = Sensor { driver: &mut *driver, live: &mut live, root: &root, stop: &stop };
    let result = match args.rules.threads {
        0 | 1 => sensor.detect(scan.snapshot, &mut engine.single(pipeline(), &mut out)),
        threads => engine
            .workers(threads, pipeline, &mut out, |workers| sensor.detect(scan.snapshot, workers))
            .map_err(Into::into)
            .and_then(|(result, counted)| {
                if counted.handovers_missed > 0 {
                    tracing::warn!("a worker waited for another in vain {} times", counted.handovers_missed);
                }
                result
            }),
    };
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

/// What hands over events, and until when.
struct Sensor<'s> {
    driver: &'s mut dyn Driver,
    live: &'s mut Live,
    root: &'s ProcRoot,
    stop: &'s Stop,
}

impl Sensor<'_> {
    /// Hands over all events until it is asked to stop.
    fn detect(&mut self, running: Snapshot, sink: &mut impl Sink) -> anyhow::Result<()> {
        let Sensor { driver, live, root, stop } = self;
        sink.begin(running);
        let mut result = Ok(());
        let (mut known, mut next) = (Losses::default(), Instant::now() + LOSSES_EVERY);
        let mut living = LivingThreads::new(root, PURGE_EVERY);
        while !stop.asked() && result.is_ok() {
            let records = live.poll(|event| {
                if result.is_ok() {
                    result = sink.event(event);
                }
            });
            // Whoever reads the alerts wants them when they happen.
            result = result.and_then(|()| sink.flush());
            if let Some((looked_at, threads)) = living.found() {
                sink.purge(live.wall(looked_at).saturating_sub(SILENT), &mut |tid| threads.contains(&tid));
            }
            if Instant::now() >= next {
                next = Instant::now() + LOSSES_EVERY;
                let losses = Losses::of(&**driver, live);
                if losses.events() > known.events() {
                    tracing::warn!("events are being lost: {}", losses.line());
                }
                known = losses;
            }
            live.rest(&**driver, records);
        }
        // Nothing is asked for any more; what was recorded until now still counts.
        driver.set_interest(&interest_in_nothing())?;
        live.finish(|event| {
            if result.is_ok() {
                result = sink.event(event);
            }
        });
        Ok(result.and_then(|()| sink.flush())?)
    }
}

fn interest_in_nothing() -> saker_probe::wire::control::Interest {
    saker_probe::wire::control::Interest { abi_version: saker_probe::wire::ABI_VERSION, ..Default::default() }
}
