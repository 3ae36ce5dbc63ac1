//! `saker run`: rules over what happens on this host, until it is asked to stop. Alerts go to stdout, the closing summary
//! and everything about the sensor itself to stderr.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::engine::{Engine, RuleArgs, Show, show};
use super::replay;
use super::sensor::{self, DriverChoice, Losses};
use super::signals::Stop;
use crate::capture::Snapshot;
use crate::capture::driver::Driver;
use crate::capture::interest::interest;
use crate::capture::live::{Live, hierarchy};
use crate::capture::proc::{LivingThreads, ProcLimits, ProcRoot, Strangers};
use crate::config::{self, Config, EngineKind};
use crate::event::Event;
use crate::pipeline::{Pipeline, Sink};
use crate::rules::{LoadResult, Source};
use crate::state::makes_a_stub;

/// How often it is looked whether something was lost.
const LOSSES_EVERY: Duration = Duration::from_secs(1);

/// What `saker run` takes.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    #[command(flatten)]
    rules: RuleArgs,

    /// The configuration file; without it /etc/saker/saker.yaml, else /etc/falco/falco.yaml
    #[arg(short, long, value_name = "CONFIG")]
    config: Option<PathBuf>,

    /// Which driver records; without it as the configuration says
    #[arg(long, value_enum)]
    driver: Option<DriverChoice>,

    /// Write the process id to this file
    #[arg(short = 'P', long, value_name = "FILE")]
    pidfile: Option<PathBuf>,
}

/// Detects until it is asked to stop.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let file = args.config.or_else(|| config::first_file(&config::DEFAULT_FILES));
    let loaded = config::load(file.as_deref(), &args.rules.options())?;
    super::log::start(&loaded.config);
    loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let config = &loaded.config;
    let files = args.rules.files(config)?;
    let mut show = |result: &LoadResult, sources: &[Source]| show(result, sources, &mut io::stderr());
    let pidfile = args.pidfile.as_deref();
    Job { config, files: &files, driver: args.driver, pidfile, duration: None }.run(&mut show)
}

/// What is to be detected, by which rules, and for how long.
pub(super) struct Job<'j> {
    pub config: &'j Config,
    /// The rule files in load order.
    pub files: &'j [PathBuf],
    /// Which driver records, whatever the configuration says.
    pub driver: Option<DriverChoice>,
    pub pidfile: Option<&'j Path>,
    /// Until it is asked to stop, if there is none.
    pub duration: Option<Duration>,
}

impl Job<'_> {
    /// Detects where the configuration says: live, or in a capture.
    pub(super) fn run(&self, show: Show<'_>) -> anyhow::Result<ExitCode> {
        let engine = &self.config.engine;
        match (engine.kind, &engine.replay) {
            _ if self.driver.is_some() || self.config.saker.driver.is_some() => detect_live(self, show),
            (Some(EngineKind::Replay), Some(replay)) => self.replay(&replay.capture_file, show),
            (Some(EngineKind::Nodriver), _) => {
                bail!(
                    "engine.kind is 'nodriver' and no plugin is a source of events: no event would be produced"
                )
            }
            _ => detect_live(self, show),
        }
    }

    fn replay(&self, capture: &Path, show: Show<'_>) -> anyhow::Result<ExitCode> {
        let (mut engine, ()) = Engine::of(self.files, self.config, show, |_, _| ())?;
        engine.at_once = !self.config.buffered_outputs;
        let _pidfile = self.pidfile.map(PidFile::write).transpose()?;
        let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
        let result =
            replay::replay_capture(engine, self.config, capture, self.duration, &mut out, &mut io::stderr());
        out.flush()?;
        result.map(|()| ExitCode::SUCCESS)
    }
}

/// A file with the process id; it is removed at the end.
struct PidFile<'p>(&'p Path);

impl<'p> PidFile<'p> {
    fn write(path: &'p Path) -> anyhow::Result<Self> {
        std::fs::write(path, format!("{}\n", std::process::id()))
            .with_context(|| format!("{}", path.display()))?;
        Ok(PidFile(path))
    }
}

impl Drop for PidFile<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(self.0);
    }
}

fn detect_live(job: &Job<'_>, show: Show<'_>) -> anyhow::Result<ExitCode> {
    let config = job.config;
    let mut stop = Stop::listen()?;
    let (mut engine, names) = Engine::of(job.files, config, show, |loader, rules| {
        rules.iter().flat_map(|rule| loader.event_names(rule)).collect::<BTreeSet<_>>()
    })?;
    let _pidfile = job.pidfile.map(PidFile::write).transpose()?;

    let root = ProcRoot::from_environment();
    let hierarchy = hierarchy(&root);
    let mut driver = sensor::open(job.driver.unwrap_or_else(|| DriverChoice::of(config)))?;
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
    let pipeline = || Pipeline::live(config);
    if let Some(duration) = job.duration {
        stop.after(duration);
    }
    let mut sensor = Sensor { driver: &mut *driver, live: &mut live, root: &root, stop: &stop, config };
    let result = match config.saker.threads {
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
    result.map(|()| ExitCode::SUCCESS)
}

/// What hands over events, and until when.
struct Sensor<'s> {
    driver: &'s mut dyn Driver,
    live: &'s mut Live,
    root: &'s ProcRoot,
    stop: &'s Stop,
    config: &'s Config,
}

impl Sensor<'_> {
    /// Hands over all events until it is asked to stop.
    fn detect(&mut self, running: Snapshot, sink: &mut impl Sink) -> anyhow::Result<()> {
        let Sensor { driver, live, root, stop, config } = self;
        let libs = &config.falco_libs;
        // Threads whose exit was lost: how often they are looked for, and for how long they must have been silent.
        let purge_every = Duration::from_secs(libs.thread_table_auto_purging_interval_s.max(1).into());
        let silent = u64::from(libs.thread_table_auto_purging_thread_timeout_s) * 1_000_000_000;
        sink.begin(running);
        let mut result = Ok(());
        let (mut known, mut next) = (Losses::default(), Instant::now() + LOSSES_EVERY);
        let mut living = LivingThreads::new(root, purge_every);
        let mut strangers = Strangers::new(root, ProcLimits::default());
        while !stop.asked() && result.is_ok() {
            let records = live.poll(|event| {
                if result.is_ok() {
                    introduce(event, &mut strangers, sink);
                    result = sink.event(event);
                }
            });
            // Whoever reads the alerts wants them when they happen.
            result = result.and_then(|()| sink.flush());
            if let Some((looked_at, threads)) = living.found() {
                sink.purge(live.wall(looked_at).saturating_sub(silent), &mut |tid| threads.contains(&tid));
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
        let (met, found) = strangers.counted();
        if met > 0 {
            tracing::info!(
                "{met} processes were met without their beginning, /proc still knew {found} of them"
            );
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

/// Has the thread of an event looked up if nothing is known of its beginning.
#[inline]
fn introduce(event: &Event<'_>, strangers: &mut Strangers, sink: &mut impl Sink) {
    let Some(facts) = event.facts else { return };
    if !makes_a_stub(event.id) || !sink.is_stranger(event.tid, facts.start_time) {
        return;
    }
    // Whoever had the id before is gone.
    sink.forget(event.tid);
    if let Some(process) = strangers.look_up(i64::from(facts.tgid), facts.start_time) {
        sink.begin(process);
    }
}

fn interest_in_nothing() -> saker_probe::wire::control::Interest {
    saker_probe::wire::control::Interest { abi_version: saker_probe::wire::ABI_VERSION, ..Default::default() }
}
