//! `saker run`: rules over what happens on this host, until it is asked to stop. Alerts go to stdout, the closing summary
//! and everything about the sensor itself to stderr.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::engine::{Engine, RuleArgs, Show, show};
use super::live::{self, Detection};
use super::replay;
use super::sensor::{self, DriverChoice};
use super::signals::Stop;
use crate::config::{self, Config, EngineKind};
use crate::outputs::{self, Occasion};
use crate::rules::{LoadResult, Source};

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
        let occasion = outputs::needed(self.config).then_some(Occasion::Replay);
        // Without outputs a replay ends by a signal as any command does.
        let stop = occasion.map(|_| Stop::listen()).transpose()?;
        let (mut engine, ()) = Engine::of(self.files, self.config, occasion, show, |_, _| ())?;
        if let (Some(stop), Some(outputs)) = (&stop, engine.outputs()) {
            stop.reopens(outputs);
        }
        engine.at_once = !self.config.buffered_outputs;
        let _pidfile = self.pidfile.map(PidFile::write).transpose()?;
        let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
        let until = replay::Until { duration: self.duration, stop };
        let result =
            replay::replay_capture(engine, self.config, capture, &until, &mut out, &mut io::stderr());
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
    let mut stop = Stop::listen()?;
    // A service never waits for its outputs, not even for a slow reader of standard output.
    let occasion = Some(Occasion::Live);
    let mut detection = Detection::load(job.files, job.config, occasion, show)?;
    if let Some(outputs) = detection.outputs() {
        stop.reopens(outputs);
    }
    let _pidfile = job.pidfile.map(PidFile::write).transpose()?;
    let mut driver = sensor::open(job.driver.unwrap_or_else(|| DriverChoice::of(job.config)))?;
    let wanted = detection.interest();
    if let Some(duration) = job.duration {
        stop.after(duration);
    }
    detection.run(&mut *driver, wanted, &mut stop).map(|()| ExitCode::SUCCESS)
}

impl live::Occasion for Stop {
    fn is_over(&mut self) -> anyhow::Result<bool> {
        Ok(self.asked())
    }
}
