//! `saker run`: rules over what happens on this host, until it is asked to stop. Alerts go to stdout, the closing summary
//! and everything about the sensor itself to stderr.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::beside::{Beside, Consulted, Selection, Successors};
use super::engine::{Engine, RuleArgs, show};
use super::live::{Detection, Occasion};
use super::orders::orders;
use super::reload::{self, Given, Reloader};
use super::replay::{self, carry_out};
use super::sensor::{self, DriverChoice};
use super::service;
use super::signals::Stop;
use crate::config::{self, EngineKind, Loaded};
use crate::metrics::Telemetry;
use crate::outputs;
use crate::pipeline::{Pipeline, Sink as _};
use crate::rules::{LoadResult, Source, rule_files};

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
    let Args { rules, config, driver, pidfile } = args;
    let file = config.or_else(|| config::first_file(&config::DEFAULT_FILES));
    let read = move || {
        let Loaded { config, warnings, files } = config::load(file.as_deref(), &rules.options())?;
        let rule_paths = rules.paths(&config)?;
        let rule_files = rule_files(&rule_paths)?;
        Ok(Given { config, warnings, config_files: files, rule_files, rule_paths })
    };
    let given = read()?;
    super::log::start(&given.config);
    given.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    let said = |result: &LoadResult, sources: &[Source]| show(result, sources, &mut io::stderr());
    Job {
        given,
        driver,
        pidfile,
        syscalls: true,
        beside: None,
        duration: None,
        read: Box::new(read),
        said: Box::new(said),
    }
    .run()
}

/// What is to be detected, by which rules, and for how long.
pub(super) struct Job {
    pub given: Given,
    /// Which driver records, whatever the configuration says.
    pub driver: Option<DriverChoice>,
    pub pidfile: Option<PathBuf>,
    /// Whether system calls are a source; if not, only those beside them are.
    pub syscalls: bool,
    /// Which of those are.
    pub beside: Selection,
    /// Until it is asked to stop, if there is none.
    pub duration: Option<Duration>,
    /// Reads everything anew.
    pub read: reload::Read,
    /// What is said about rule files.
    pub said: reload::Said,
}

impl Job {
    /// Detects where the configuration says: live, or in a capture.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = &self.given.config;
        match (config.engine.kind, &config.engine.replay) {
            _ if self.syscalls && (self.driver.is_some() || config.saker.driver.is_some()) => self.live(),
            (Some(EngineKind::Replay), Some(replay)) => {
                let capture = replay.capture_file.clone();
                self.replay(&capture)
            }
            (Some(EngineKind::Nodriver), _) => self.beside_only(),
            _ if !self.syscalls => self.beside_only(),
            _ => self.live(),
        }
    }

    fn replay(self, capture: &Path) -> anyhow::Result<ExitCode> {
        let Job { given, pidfile, duration, read, mut said, .. } = self;
        let reloader = Reloader::listen()?;
        let records_for = outputs::needed(&given.config).then(|| given.config.clone());
        // Without outputs a replay ends by a signal as any command does.
        let stop = records_for.is_some().then(Stop::listen).transpose()?;
        let (mut engine, ()) =
            Engine::of(&given.rule_files, &given.config, records_for.as_ref(), &mut *said, |_, _| ())?;
        if records_for.is_some() {
            engine.start_outputs(&given.config, outputs::Occasion::Replay)?;
        }
        if let (Some(stop), Some(outputs)) = (&stop, engine.outputs()) {
            stop.reopens(outputs);
        }
        engine.at_once = !given.config.buffered_outputs;
        let _pidfile = pidfile.as_deref().map(PidFile::write).transpose()?;
        let ((desk, orders), telemetry) = (orders(), Telemetry::default());
        telemetry.loaded(given.files(), engine.rules.alerts.summary().clone(), false);
        engine.outputs().into_iter().for_each(|outputs| telemetry.set_outputs(outputs));
        service::start(&given, &telemetry, &desk)?;
        let calls = Consulted::of(&engine, &given.config, true);
        telemetry.set_calls(engine.calls().map(|calls| &**calls));
        let reloader = reloader.with_successors(Successors::default().consulting(calls));
        reloader.start(&given, records_for, read, said, desk.clone(), &telemetry)?;
        let occasion = replay::Occasion { duration, stop, orders: Some((&orders, &telemetry)) };
        let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
        let result =
            replay::replay_capture(engine, &given.config, capture, &occasion, &mut out, &mut io::stderr());
        out.flush()?;
        desk.close();
        telemetry.end();
        result.map(|()| ExitCode::SUCCESS)
    }

    fn live(self) -> anyhow::Result<ExitCode> {
        let Job { given, driver, pidfile, beside, duration, read, mut said, .. } = self;
        let reloader = Reloader::listen()?;
        let mut stop = Stop::listen()?;
        let config = &given.config;
        // A service never waits for its outputs, not even for a slow reader of standard output.
        let mut detection = Detection::guarded(&given.rule_files, &given.config_files, config, &mut *said)?;
        if let Some(outputs) = detection.outputs() {
            stop.reopens(outputs);
        }
        let _pidfile = pidfile.as_deref().map(PidFile::write).transpose()?;
        let mut driver = sensor::open(driver.unwrap_or_else(|| DriverChoice::of(config)), config)?;
        let wanted = detection.interest(&*driver);
        let ((desk, orders), telemetry) = (orders(), Telemetry::default());
        telemetry.loaded(given.files(), detection.summary().clone(), false);
        detection.outputs().into_iter().for_each(|outputs| telemetry.set_outputs(outputs));
        service::start(&given, &telemetry, &desk)?;
        let successors = detection.beside(&beside, &desk, &telemetry)?;
        let reloader = reloader.with_successors(successors).guarded();
        reloader.start(&given, Some(config.clone()), read, said, desk.clone(), &telemetry)?;
        if let Some(duration) = duration {
            stop.after(duration);
        }
        let result = detection.run(&mut *driver, wanted, &mut stop, &orders, &telemetry);
        desk.close();
        telemetry.end();
        result.map(|()| ExitCode::SUCCESS)
    }
}

impl Job {
    /// Detects in the sources beside system calls, and in nothing else.
    fn beside_only(self) -> anyhow::Result<ExitCode> {
        let Job { given, pidfile, beside, duration, read, mut said, .. } = self;
        let reloader = Reloader::listen()?;
        let mut stop = Stop::listen()?;
        let config = &given.config;
        let (mut engine, ()) = Engine::of(&given.rule_files, config, Some(config), &mut *said, |_, _| ())?;
        engine.start_outputs(config, outputs::Occasion::Live)?;
        if let Some(outputs) = engine.outputs() {
            stop.reopens(outputs);
        }
        let (desk, orders) = orders();
        let running = Beside::start(&mut engine, config, &beside, &desk)?;
        if running.is_empty() {
            bail!(
                "system calls are no source here (engine.kind 'nodriver', or switched off), and no plugin is one: \
                 no event would be produced"
            )
        }
        let _pidfile = pidfile.as_deref().map(PidFile::write).transpose()?;
        let telemetry = Telemetry::default();
        running.measure(&telemetry);
        telemetry.loaded(given.files(), engine.rules.alerts.summary().clone(), false);
        engine.outputs().into_iter().for_each(|outputs| telemetry.set_outputs(outputs));
        service::start(&given, &telemetry, &desk)?;
        let records_for = Some(config.clone());
        let reloader = reloader.with_successors(running.successors());
        reloader.start(&given, records_for, read, said, desk.clone(), &telemetry)?;
        if let Some(duration) = duration {
            stop.after(duration);
        }
        let mut out = io::stdout();
        let mut sink = engine.single(Pipeline::live(config), &mut out);
        while !stop.asked() && !running.is_over() {
            telemetry.beat();
            carry_out(&orders, &telemetry, config, &mut sink)?;
            sink.flush()?;
            std::thread::sleep(LOOK_EVERY);
        }
        let ended = running.stop();
        // What the sources had to say last.
        carry_out(&orders, &telemetry, config, &mut sink)?;
        sink.flush()?;
        drop(sink);
        desk.close();
        engine.finish(&mut io::stderr())?;
        ended.summary(&engine, &mut io::stderr())?;
        ended.result().map(|()| ExitCode::SUCCESS)
    }
}

/// How often it is looked whether a run without system calls is over.
const LOOK_EVERY: Duration = Duration::from_millis(50);

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

impl Occasion for Stop {
    fn is_over(&mut self) -> anyhow::Result<bool> {
        Ok(self.asked())
    }
}
