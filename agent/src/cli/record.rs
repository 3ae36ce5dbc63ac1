//! `saker record`: writes what happens to a capture file that sysdig, Falco and Stratoshark open. With a command it records that
//! and its descendants, else this host.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use saker_probe::wire::control::SNAPLEN_MAX;

use super::capture::{name, schema};
use super::live::{Occasion, Sensor};
use super::orders::orders;
use super::read::compile;
use super::scoped::{Scoped, exit_code, failure};
use super::sensor::{self, DriverChoice};
use super::signals::Stop;
use crate::alerts::{Internal, Summary};
use crate::capture::Snapshot;
use crate::capture::interest::everything;
use crate::capture::proc::ProcRoot;
use crate::capture::scap::{ScapOutput, ScapWriter};
use crate::config::Config;
use crate::containers;
use crate::detect::Detector;
use crate::event::Event;
use crate::metrics::Telemetry;
use crate::pipeline::{Pipeline, RuleSet, Sink};
use crate::state::StateFigures;

/// What `saker record` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The capture file to write, `-` for stdout; compressed if its name ends with .gz
    #[arg(short, long, value_name = "FILE")]
    write: PathBuf,

    /// Compress the capture, whatever its name
    #[arg(short = 'z', long)]
    compress: bool,

    /// Leave out what sysdig 0.41 does not know and stops at: a few parameters that came with Falco 0.44
    #[arg(long)]
    for_sysdig: bool,

    /// Stop after so many events; a command is then asked to end
    #[arg(short = 'n', long, value_name = "COUNT")]
    count: Option<u64>,

    /// Stop after so many seconds; a command is then asked to end
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,

    /// How many bytes of read and written data are recorded of each call
    #[arg(short, long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(0..=i64::from(SNAPLEN_MAX)))]
    snaplen: Option<u32>,

    /// Which driver records; without it as the configuration says
    #[arg(long, value_enum)]
    driver: Option<DriverChoice>,

    /// Set a configuration key, as `saker.driver=ebpf`; may be given again
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    option: Vec<String>,

    /// A condition: only events for which it is true are written
    #[arg(value_name = "FILTER")]
    filter: Option<String>,

    /// Record only this command and its descendants
    #[arg(last = true, value_name = "CMD")]
    command: Vec<String>,
}

/// Records. With a command it exits as that did.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match record(&args) {
        Ok(code) => Ok(code),
        Err(error) if args.command.is_empty() => Err(error),
        Err(error) => {
            eprintln!("saker: {error:#}");
            Ok(ExitCode::from(failure(&error)))
        }
    }
}

fn record(args: &Args) -> anyhow::Result<ExitCode> {
    if args.write.as_os_str() == "-" && !args.command.is_empty() {
        bail!("the command writes to standard output, too: name a file with -w");
    }
    let config = Config::from_options(&args.option)?;
    super::log::start(&config);
    let filter = args.filter.as_deref().map(|filter| compile(filter, &schema(&config)?)).transpose()?;
    let mut stop = Stop::listen()?;
    let mut driver = sensor::open(args.driver.unwrap_or_else(|| DriverChoice::of(&config)), &config)?;
    let mut wanted = everything();
    if filter.is_none() {
        // A capture has no place for what goes beyond Falco's schema; only a filter can ask for it.
        wanted.options = 0;
    }
    wanted.snaplen = args.snaplen.unwrap_or(u32::from(config.falco_libs.snaplen)).min(SNAPLEN_MAX);
    let writer = ScapWriter::create(&args.write, args.compress).with_context(|| name(&args.write))?;
    let writer = if args.for_sysdig { writer.for_older_readers() } else { writer };
    let file = CaptureFile {
        writer,
        snapshot: Some(Snapshot::new()),
        filter: filter.map(|filter| (filter, Pipeline::live(&config))),
        left: args.count.unwrap_or(u64::MAX),
        stop: stop.clone(),
        written: 0,
        unwritable: 0,
    };
    if let Some(duration) = args.duration {
        stop.after(Duration::from_secs(duration));
    }
    // A recording takes no orders and is not measured.
    let ((_desk, orders), telemetry) = (orders(), Telemetry::default());
    // What runtimes tell is recorded when they tell it; a recording keeps the order of time, so nothing waits.
    let settings = containers::Settings::of(&config, ProcRoot::from_environment().root())?;
    let settings = settings.map(|settings| containers::Settings { wait: Duration::ZERO, ..settings });
    if args.command.is_empty() {
        let mut sensor = Sensor::start(&mut *driver, wanted, &config, &orders, &telemetry)?;
        sensor.watch_containers(settings)?;
        write(&mut sensor, &mut stop, file, args)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = Scoped::hold(&args.command, stop)?;
    command.limit(&mut wanted);
    let mut sensor = Sensor::start(&mut *driver, wanted, &config, &orders, &telemetry)?;
    sensor.watch_containers(settings)?;
    write(&mut sensor, &mut command, file, args)?;
    drop(driver);
    Ok(ExitCode::from(exit_code(command.status()?)))
}

/// Writes until the occasion is over, and then says what came of it.
fn write(
    sensor: &mut Sensor<'_>,
    occasion: &mut impl Occasion,
    mut file: CaptureFile,
    args: &Args,
) -> anyhow::Result<()> {
    let result = sensor.feed(&mut file, occasion);
    let (written, unwritable) = (file.written, file.unwritable);
    // What was written until an error is worth having.
    let finished = file.writer.finish();
    result.and_then(|()| Ok(finished?)).with_context(|| name(&args.write))?;
    let mut err = io::stderr().lock();
    sensor.summary(&mut err)?;
    eprintln!("Written: {written} events to {}", name(&args.write));
    if unwritable > 0 {
        eprintln!("Not written: {unwritable} events that are too long for the file format");
    }
    Ok(())
}

/// A capture as the place where events go.
struct CaptureFile {
    writer: ScapWriter<ScapOutput>,
    /// What was running, until all of it is known and written. A capture has its tables before its first event: who is met later
    /// without a beginning is not told.
    snapshot: Option<Snapshot>,
    filter: Option<(Detector, Pipeline)>,
    /// How many events may still be written.
    left: u64,
    stop: Stop,
    written: u64,
    unwritable: u64,
}

impl CaptureFile {
    fn passes(&mut self, event: &Event<'_>) -> bool {
        let Some((filter, pipeline)) = &mut self.filter else { return true };
        let mut passes = false;
        pipeline.event(event, filter.concerns(event), |context| filter.detect(context, |_| passes = true));
        passes
    }
}

impl Sink for CaptureFile {
    fn begin(&mut self, part: Snapshot) {
        if let Some((_, pipeline)) = &mut self.filter {
            pipeline.begin(part.clone());
        }
        let Some(whole) = &mut self.snapshot else { return };
        let Snapshot { machine, interfaces, users, groups, processes, fds, more, .. } = part;
        whole.more = more;
        whole.machine = machine.or(whole.machine.take());
        whole.interfaces.extend(interfaces);
        whole.users.extend(users);
        whole.groups.extend(groups);
        whole.processes.extend(processes);
        whole.fds.extend(fds);
    }

    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        self.write_snapshot()?;
        if self.left == 0 || !self.passes(event) {
            return Ok(());
        }
        match self.writer.event(event) {
            Ok(()) => self.written += 1,
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.unwritable += 1,
            Err(error) => return Err(error),
        }
        self.left -= 1;
        if self.left == 0 {
            self.stop.ask();
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_snapshot()
    }

    fn replace(&mut self, _: RuleSet) -> io::Result<Summary> {
        Ok(Summary::default())
    }

    fn internal(&mut self, _: &Internal) -> io::Result<()> {
        Ok(())
    }

    fn insert(&mut self, _: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn figures(&self) -> StateFigures {
        self.filter.as_ref().map_or_else(StateFigures::default, |(_, pipeline)| pipeline.state().figures())
    }

    fn is_stranger(&self, tid: i64, started: u64) -> bool {
        self.filter.as_ref().is_some_and(|(_, pipeline)| pipeline.state().is_stranger(tid, started))
    }

    fn forget(&mut self, tid: i64) {
        if let Some((_, pipeline)) = &mut self.filter {
            pipeline.forget(tid);
        }
    }

    fn purge(&mut self, deadline: u64, alive: &mut dyn FnMut(i64) -> bool) {
        if let Some((_, pipeline)) = &mut self.filter {
            pipeline.purge(deadline, alive);
        }
    }
}

impl CaptureFile {
    /// Writes what was running, once, before the first event.
    fn write_snapshot(&mut self) -> io::Result<()> {
        let Some(mut snapshot) = self.snapshot.take_if(|snapshot| !snapshot.more) else { return Ok(()) };
        // The writer makes a table of neighbours of one process.
        snapshot.fds.sort_by_key(|fd| (fd.tid, fd.fd));
        self.writer.snapshot(&snapshot)
    }
}
