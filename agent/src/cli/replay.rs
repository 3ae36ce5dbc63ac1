//! `saker replay`: rules over a capture file. Alerts go to stdout, the closing summary to stderr.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;

use super::audit::is_audit_log;
use super::beside::Ended;
use super::capture::{name, open};
use super::engine::{Engine, RuleArgs};
use super::orders::{Order, Orders};
use super::signals::Stop;
use crate::config::Config;
use crate::k8s::audit;
use crate::metrics::{Readings, Telemetry, cpu_time};
use crate::pipeline::{Pipeline, Sink};
use crate::plugins::Recorded;

/// What `saker replay` takes.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    /// Rules and alerts
    #[command(flatten)]
    pub rules: RuleArgs,

    /// The capture file (.scap) or audit log (JSON, one document in each line), plain or gzip; `-` for a capture on stdin
    #[arg(value_name = "FILE")]
    pub capture: PathBuf,
}

/// Replays the capture.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
    let result = replay(&args, &mut out, &mut io::stderr());
    // Alerts from before an error are still shown.
    out.flush()?;
    result.map(|()| ExitCode::SUCCESS)
}

/// Replays a capture: alerts to `out`, the closing summary and what is noteworthy about the rules to `err`.
pub fn replay(args: &Args, out: &mut (impl Write + Send), err: &mut impl Write) -> anyhow::Result<()> {
    let mut config = args.rules.config()?;
    let audit_log = is_audit_log(&args.capture);
    if audit_log {
        config.saker.builtin_plugins.extend([audit::K8SAUDIT, audit::JSON].map(str::to_owned));
    }
    let engine = Engine::load(&args.rules, &config, err)?;
    if audit_log {
        return super::audit::replay(engine, &args.capture, out, err);
    }
    replay_capture(engine, &config, &args.capture, &Occasion::default(), out, err)
}

/// What a replay has besides a capture and rules.
#[derive(Default)]
pub(super) struct Occasion<'o> {
    /// It ends so long after the first event.
    pub duration: Option<Duration>,
    /// It ends when it is asked to.
    pub stop: Option<Stop>,
    /// What is carried out between two events, and what is measured.
    pub orders: Option<(&'o Orders, &'o Telemetry)>,
}

/// Replays a capture.
pub(super) fn replay_capture(
    mut engine: Engine,
    config: &Config,
    capture: &Path,
    occasion: &Occasion<'_>,
    out: &mut (impl Write + Send),
    err: &mut impl Write,
) -> anyhow::Result<()> {
    let pipeline = || Pipeline::new(config);
    engine.begin_plugins(config, true)?;
    if let (Some(calls), Some((orders, _))) = (engine.calls(), occasion.orders) {
        calls.connect(orders.desk().alerts());
    }
    let mut recorded = Recorded::of(std::mem::take(&mut engine.plugins));
    let plugins = &mut recorded;
    let result = match engine.threads(config) {
        0 | 1 => events(capture, config, occasion, plugins, &mut engine.single(pipeline(), out)),
        threads => match engine
            .workers(threads, pipeline, out, |workers| events(capture, config, occasion, plugins, workers))
        {
            Ok((result, counted)) => {
                if counted.handovers_missed > 0 {
                    let missed = counted.handovers_missed;
                    writeln!(err, "saker: a worker waited for another in vain {missed} times")?;
                }
                result
            }
            Err(error) => Err(error.into()),
        },
    };
    // On a terminal the summary comes after the last alert.
    out.flush()?;
    engine.finish(err)?;
    let ended = Ended::recorded(recorded.finish(), &engine);
    ended.summary(&engine, err)?;
    result.and_then(|()| ended.result())
}

fn events(
    capture: &Path,
    config: &Config,
    occasion: &Occasion<'_>,
    plugins: &mut Recorded,
    sink: &mut impl Sink,
) -> anyhow::Result<()> {
    let mut alerts = Vec::new();
    let name = || name(capture);
    let (mut reader, _progress) = open(capture)?;
    // In nanoseconds since the epoch.
    let (mut end, mut count) = (None, 0);
    let ends = occasion.duration.is_some() || occasion.stop.is_some();
    if let Some((_, telemetry)) = occasion.orders {
        telemetry.beat();
    }
    while let Some(snapshot) = reader.next_section().with_context(name)? {
        sink.begin(snapshot);
        loop {
            // The context of an error is looked for when there is one: asking for it costs each event.
            let event = match reader.next() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => return Err(error).with_context(name),
            };
            if let Some((orders, telemetry)) = occasion.orders {
                carry_out(orders, telemetry, config, sink)?;
                count += 1;
                if count & READ_EVERY == 0 {
                    read(telemetry, count, sink);
                }
            }
            if ends {
                let last = |duration: Duration| event.ts.saturating_add(duration.as_nanos() as u64);
                let last = occasion.duration.map_or(u64::MAX, last);
                if event.ts >= *end.get_or_insert(last) || occasion.stop.as_ref().is_some_and(Stop::asked) {
                    return Ok(());
                }
            }
            if !plugins.show(&event, &mut alerts) {
                sink.event(&event)?;
            } else if !alerts.is_empty() {
                sink.insert(&alerts)?;
                alerts.clear();
            }
        }
    }
    if let Some((orders, telemetry)) = occasion.orders {
        read(telemetry, count, sink);
        carry_out(orders, telemetry, config, sink)?;
    }
    Ok(())
}

/// After so many events, less one, the telemetry is told.
const READ_EVERY: u64 = 0xff;

#[cold]
fn read(telemetry: &Telemetry, events: u64, sink: &impl Sink) {
    telemetry.read(Readings { events, cpu_time: cpu_time(), state: sink.figures(), ..Readings::default() });
    telemetry.beat();
}

/// Carries out what was ordered.
#[inline]
pub(super) fn carry_out(
    orders: &Orders,
    telemetry: &Telemetry,
    config: &Config,
    sink: &mut impl Sink,
) -> io::Result<()> {
    while let Some(order) = orders.next() {
        match order {
            Order::Alert(alert) => sink.internal(&alert)?,
            Order::Rules(fresh) => fresh.take_effect(sink, config, telemetry)?,
        }
    }
    Ok(())
}
