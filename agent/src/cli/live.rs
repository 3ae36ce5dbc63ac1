//! What the commands that detect live have in common: rules over what a driver records, from the first look at /proc to the
//! closing summary.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use saker_probe::wire::ABI_VERSION;
use saker_probe::wire::control::Interest;

use super::beside::{Beside, Consulted, Selection, Successors};
use super::engine::{Engine, Show};
use super::guard::{Canary, can_answer};
use super::orders::{Desk, Order, Orders};
use super::reload::Fresh;
use super::sensor::Losses;
use super::waiting::Waiting;
use super::watch::Watch;
use crate::alerts::Summary;
use crate::capture::driver::Driver;
use crate::capture::interest::{Choice, interest, union};
use crate::capture::live::{Live, hierarchy};
use crate::capture::memory;
use crate::capture::proc::{LivingThreads, ProcLimits, ProcRoot, Strangers};
use crate::config::Config;
use crate::containers;
use crate::event::{Event, id};
use crate::metrics::{Telemetry, Verdict};
use crate::outputs::{self, Outputs};
use crate::pipeline::{Pipeline, Recorded, Recorder, RuleSet, Sink, Tap};
use crate::state::makes_a_stub;

/// Rules that are loaded, and what they ask of a driver.
pub(super) struct Detection<'c> {
    config: &'c Config,
    engine: Engine,
    /// The names of events that conditions ask for.
    names: BTreeSet<&'static str>,
    /// How runtimes are asked about containers, if they are.
    containers: Option<containers::Settings>,
    /// The sources that are watched beside the driver's events.
    beside: Beside,
}

/// Who says when a detection begins and ends.
pub(super) trait Occasion {
    /// Everything is ready: the driver records, and the state knows what runs.
    fn begin(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    /// Whether it is over. Asked after each look at the rings.
    fn is_over(&mut self) -> anyhow::Result<bool>;
}

impl<'c> Detection<'c> {
    /// Loads rule files. Without `outputs` alerts are lines on standard output, which are waited for.
    pub(super) fn load(
        files: &[PathBuf],
        config: &'c Config,
        outputs: bool,
        show: Show<'_>,
    ) -> anyhow::Result<Detection<'c>> {
        let containers = containers::Settings::of(config, ProcRoot::from_environment().root())?;
        let (engine, names) = Engine::named(files, config, outputs.then_some(config), show)?;
        Detection { config, engine, names, containers, beside: Beside::default() }.begun(outputs)
    }

    /// With what runs beside the loop begun: outputs, if they are wanted, and plugins that see system calls.
    fn begun(mut self, outputs: bool) -> anyhow::Result<Detection<'c>> {
        if outputs {
            self.engine.start_outputs(self.config, outputs::Occasion::Live)?;
        }
        self.engine.begin_plugins(self.config, false)?;
        Ok(self)
    }

    /// Begins to watch the sources beside system calls.
    pub(super) fn beside(
        &mut self,
        selection: &Selection,
        desk: &Desk,
        telemetry: &Telemetry,
    ) -> anyhow::Result<Successors> {
        self.beside = Beside::start(&mut self.engine, self.config, selection, desk)?;
        self.beside.measure(telemetry);
        telemetry.set_calls(self.engine.calls().map(|calls| &**calls));
        Ok(self.beside.successors().consulting(Consulted::of(&self.engine, self.config, false)))
    }

    /// As [`Detection::load`], with outputs and with the rules about the agent itself. `configuration` are the files of the
    /// configuration.
    pub(super) fn guarded(
        files: &[PathBuf],
        configuration: &[PathBuf],
        config: &'c Config,
        show: Show<'_>,
    ) -> anyhow::Result<Detection<'c>> {
        let containers = containers::Settings::of(config, ProcRoot::from_environment().root())?;
        let (engine, names) = Engine::guarded(files, configuration, config, Some(config), show)?;
        Detection { config, engine, names, containers, beside: Beside::default() }.begun(true)
    }

    /// The outputs, if there are any.
    pub(super) fn outputs(&self) -> Option<&Outputs> {
        self.engine.outputs()
    }

    /// What the rules count.
    pub(super) fn summary(&self) -> &Summary {
        self.engine.rules.alerts.summary()
    }

    /// What a driver must record for these rules, under this configuration.
    pub(super) fn interest(&self, driver: &dyn Driver) -> Interest {
        asked(&self.engine.rules, &self.names, self.config, driver.name())
    }

    /// Detects in what the driver records, and ends with the summary. `orders` are carried out between events.
    pub(super) fn run(
        &mut self,
        driver: &mut dyn Driver,
        wanted: Interest,
        occasion: &mut impl Occasion,
        orders: &Orders,
        telemetry: &Telemetry,
    ) -> anyhow::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 16, io::stdout());
        let sensor = &mut Sensor::start(driver, wanted, self.config, orders, telemetry)?;
        sensor.watch_containers(self.containers.clone())?;
        if let Some(calls) = self.engine.calls() {
            calls.connect(orders.desk().alerts());
        }
        let mut recorder = Recorder::start(self.config, orders.desk().alerts())?;
        if let Some(recorder) = &recorder {
            self.engine.rules.alerts.connect(recorder.desk());
        }
        let result = self.detect(sensor, occasion, recorder.as_mut(), &mut out);
        out.flush()?;
        if let Some(recorder) = recorder {
            captures_told(&recorder.finish());
        }
        // Its alerts must be with the outputs before those end.
        let ended = std::mem::take(&mut self.beside).stop().with_calls(&self.engine);
        self.engine.finish(&mut io::stderr())?;
        let mut err = io::stderr().lock();
        ended.summary(&self.engine, &mut err)?;
        sensor.summary(&mut err)?;
        result
    }

    /// Detects until the occasion is over; alerts go to `out`.
    pub(super) fn detect(
        &mut self,
        sensor: &mut Sensor<'_>,
        occasion: &mut impl Occasion,
        recorder: Option<&mut Recorder>,
        out: &mut (impl Write + Send),
    ) -> anyhow::Result<()> {
        let Detection { config, engine, .. } = self;
        let pipeline = || Pipeline::live(config);
        match engine.threads(config) {
            0 | 1 => sensor.feed(&mut Tap::new(&mut engine.single(pipeline(), out), recorder), occasion),
            threads => engine
                .workers(threads, pipeline, out, |workers| {
                    sensor.feed(&mut Tap::new(workers, recorder), occasion)
                })
                .map_err(Into::into)
                .and_then(|(result, counted)| {
                    if counted.handovers_missed > 0 {
                        tracing::warn!(
                            "a worker waited for another in vain {} times",
                            counted.handovers_missed
                        );
                    }
                    result
                }),
        }
    }
}

/// A driver that records, and what makes events of its records.
pub(super) struct Sensor<'s> {
    driver: &'s mut dyn Driver,
    live: Live,
    root: ProcRoot,
    config: &'s Config,
    /// What the driver records now.
    wanted: Interest,
    orders: &'s Orders,
    telemetry: &'s Telemetry,
    /// What it came to with losses: a part of the closing summary.
    drops: String,
}

impl<'s> Sensor<'s> {
    /// Begins to record. What happens from here on is in the rings; the look at /proc comes after, so that nothing is between.
    pub(super) fn start(
        driver: &'s mut dyn Driver,
        mut wanted: Interest,
        config: &'s Config,
        orders: &'s Orders,
        telemetry: &'s Telemetry,
    ) -> anyhow::Result<Sensor<'s>> {
        let root = ProcRoot::from_environment();
        let hierarchy = hierarchy(&root);
        wanted.cgroup_hierarchy = hierarchy.number;
        driver.set_interest(&wanted)?;
        let live = Live::new(driver, hierarchy)?;
        driver.gaps().iter().for_each(|gap| tracing::warn!("{gap}"));
        Ok(Sensor { driver, live, root, config, wanted, orders, telemetry, drops: String::new() })
    }

    /// Has containers looked up, if they are to be.
    pub(super) fn watch_containers(&mut self, settings: Option<containers::Settings>) -> io::Result<()> {
        if let Some(settings) = settings {
            self.live.watch_containers(containers::start(settings)?);
        }
        Ok(())
    }

    /// How many events there were until now.
    pub(super) fn events(&self) -> u64 {
        self.live.counters().events
    }

    /// What was lost until now.
    pub(super) fn losses(&self) -> Losses {
        Losses::of(&self.driver.programs(), &self.live)
    }

    /// Says how many events there were, and what was lost.
    pub(super) fn summary(&self, out: &mut impl Write) -> io::Result<()> {
        let losses = self.losses();
        write!(out, "{}", self.drops)?;
        writeln!(out, "Events: {}, lost: {}", self.events(), losses.events())?;
        if !losses.line().is_empty() {
            writeln!(out, "Losses: {}", losses.line())?;
        }
        Ok(())
    }

    /// Hands over all events until the occasion is over.
    pub(super) fn feed(&mut self, sink: &mut impl Sink, occasion: &mut impl Occasion) -> anyhow::Result<()> {
        let Sensor { driver, live, root, config, wanted, orders, telemetry, drops } = self;
        let libs = &config.falco_libs;
        // Threads whose exit was lost: how often they are looked for, and for how long they must have been silent.
        let purge_every = Duration::from_secs(libs.thread_table_auto_purging_interval_s.max(1).into());
        let silent = u64::from(libs.thread_table_auto_purging_thread_timeout_s) * 1_000_000_000;
        let limits = ProcLimits::default();
        let scan = root.scan_in_parts(limits, |running| sink.begin(running));
        let scan = scan.context("the processes that run cannot be read from /proc")?;
        tracing::info!(
            "recording with {}: {} threads, {} descriptors",
            driver.name(),
            scan.threads,
            scan.fds
        );
        if scan.over_limit + scan.refused > 0 {
            tracing::warn!("{} processes could not be read, {} were too many", scan.refused, scan.over_limit);
        }
        memory::give_back();
        occasion.begin()?;
        let mut result = Ok(());
        let mut watch = Watch::new(config, &**driver, telemetry);
        let mut canary = Canary::new(config.saker.self_protection && can_answer(wanted));
        let mut ended = false;
        let mut living = LivingThreads::new(root, purge_every);
        let mut strangers = Strangers::new(root, limits);
        let mut waiting = Waiting::default();
        while result.is_ok() && !ended && !occasion.is_over()? {
            let records = live.poll(|event| {
                if result.is_ok() && !canary.is(event) {
                    result = waiting.pass(event, |event| {
                        introduce(event, &mut strangers, sink);
                        sink.event(event)
                    });
                }
            });
            result = result.and_then(|()| {
                waiting.settle(live, |event| {
                    introduce(event, &mut strangers, sink);
                    sink.event(event)
                })
            });
            while let Some(order) = orders.next() {
                result = result.and_then(|()| match order {
                    Order::Alert(alert) => sink.internal(&alert),
                    Order::Rules(fresh) => change(*fresh, &mut **driver, wanted, sink, config, telemetry),
                });
                canary.keep_if(can_answer(wanted));
            }
            // Whoever reads the alerts wants them when they happen.
            result = result.and_then(|()| sink.flush());
            if let Some((looked_at, threads)) = living.found() {
                sink.purge(live.wall(looked_at).saturating_sub(silent), &mut |tid| threads.contains(&tid));
            }
            let (silence, verdict) = watch.round(records, &**driver, live, sink);
            let Verdict { log, alert, exit } = verdict.unwrap_or_default();
            if let Some(line) = log {
                tracing::warn!("{line} {}", Losses::of(&driver.programs(), live).line());
            }
            for alert in silence.iter().chain(&alert).chain(&canary.round(|| Losses::of(&[], live).events()))
            {
                result = result.and_then(|()| sink.internal(alert));
            }
            ended = exit;
            live.rest(&**driver, records);
        }
        let (met, found) = strangers.counted();
        if met > 0 {
            tracing::info!(
                "{met} processes were met without their beginning, /proc still knew {found} of them"
            );
        }
        // Nothing is asked for any more; what was recorded until now still counts.
        driver.set_interest(&Interest { abi_version: ABI_VERSION, ..Interest::default() })?;
        live.finish(|event| {
            if result.is_ok() {
                result = waiting.pass(event, |event| sink.event(event));
            }
        });
        result = result.and_then(|()| waiting.finish(live, |event| sink.event(event)));
        waiting.report();
        result.and_then(|()| sink.flush())?;
        *drops = watch.summary();
        if ended {
            bail!("events were lost, and syscall_event_drops.actions has 'exit'");
        }
        Ok(())
    }
}

/// What a driver must record for rules. What is odd about it is said.
fn asked(rules: &RuleSet, names: &BTreeSet<&'static str>, config: &Config, driver: &str) -> Interest {
    let (choice, odd) = Choice::of(config, driver);
    odd.iter().for_each(|odd| tracing::warn!("{odd}"));
    // What plugins parse, too.
    let parsed = |event| rules.settings.calls.as_ref().is_some_and(|calls| calls.parses(event));
    let all_named = parsed(id::GENERIC_X);
    let wants = |event| rules.detector.wants(event) || parsed(event);
    let named = |name: &str| all_named || names.contains(name);
    let missed = choice.missed(wants, named);
    if !missed.is_empty() {
        tracing::warn!("base_syscalls.custom_set leaves out calls that rules ask for: {}", missed.join(", "));
    }
    interest(wants, named, &choice)
}

/// Says what came of captures around alerts.
fn captures_told(recorded: &Recorded) {
    let Recorded { captures, events, dropped, late, failed } = recorded;
    tracing::info!("captures around alerts: {captures}, with {events} events");
    if dropped + late + failed > 0 {
        tracing::warn!(
            "captures around alerts: {failed} failed, {dropped} events are missing, {late} alerts came late"
        );
    }
}

/// Goes on with other rules. Until they are in place the driver records what both ask for, so neither misses an event.
fn change(
    fresh: Fresh,
    driver: &mut dyn Driver,
    wanted: &mut Interest,
    sink: &mut impl Sink,
    running: &Config,
    telemetry: &Telemetry,
) -> io::Result<()> {
    let asked = asked(&fresh.rules, &fresh.names, &fresh.config, driver.name());
    let new = Interest {
        scope_cgroup: wanted.scope_cgroup,
        scope_level: wanted.scope_level,
        cgroup_hierarchy: wanted.cgroup_hierarchy,
        ..asked
    };
    if let Err(error) = driver.set_interest(&union(wanted, &new)) {
        telemetry.reload_refused();
        tracing::error!("reload {}: the old rules stay: {error}", fresh.number);
        return Ok(());
    }
    fresh.take_effect(sink, running, telemetry)?;
    *wanted = new;
    // What is asked for besides costs time, and nothing else.
    if let Err(error) = driver.set_interest(wanted) {
        tracing::warn!("the driver still records what the old rules asked for: {error}");
    }
    memory::give_back();
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use saker_probe::wire::control::is_set;

    use super::*;
    use crate::alerts::{Alerts, LineCompiler};
    use crate::detect::Detector;
    use crate::fields::FieldSchema;
    use crate::pipeline::Settings;
    use crate::plugins::Calls;

    /// Which of the calls `read` and `getppid` a driver must record for a plugin, and no rule.
    fn recorded(calls: Option<Calls>) -> [bool; 2] {
        let (config, schema) = (Config::default(), FieldSchema::new(true));
        let lines = LineCompiler { config: &config, schema: &schema, hostname: "h" };
        let rules = RuleSet {
            detector: Detector::new([], &schema, config.rule_matching),
            alerts: Alerts::new(&[], &lines).unwrap(),
            settings: Settings { calls: calls.map(Arc::new), ..Settings::default() },
        };
        let interest = asked(&rules, &BTreeSet::new(), &config, "kmod");
        [0, 110].map(|number| is_set(&interest.native, number))
    }

    #[test]
    fn what_plugins_parse_is_recorded() {
        assert_eq!(recorded(None), [false, false]);
        assert_eq!(recorded(Some(Calls::parsing(Some(&[id::SYSCALL_READ_X.0])))), [true, false]);
        assert_eq!(recorded(Some(Calls::parsing(Some(&[id::GENERIC_X.0])))), [false, true]);
        assert_eq!(recorded(Some(Calls::parsing(None))), [true, true]);
    }
}
