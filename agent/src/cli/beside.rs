//! The sources beside system calls: the audit log and those of plugins, each with a thread of its own, begun, given other rules
//! and ended together.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context as _, anyhow, bail};
use crossbeam_channel::Sender;

use super::engine::Engine;
use super::orders::Desk;
use super::sources::all_well;
use crate::config::Config;
use crate::k8s::audit;
use crate::metrics::Telemetry;
use crate::plugins::{self, Calls, CallsEnded};
use crate::watch::Watch;

/// Which of the sources are on.
pub(super) type Selection = Option<Vec<String>>;

/// Sources at work.
#[derive(Default)]
pub(super) struct Beside {
    audit: Option<audit::Running>,
    plugins: Vec<plugins::Running>,
}

/// Where rules go that take the place of others.
#[derive(Default)]
pub(super) struct Successors {
    audit: Option<Sender<Watch>>,
    plugins: Vec<(String, Sender<plugins::Fresh>)>,
    calls: Consulted,
}

/// The plugins that see system calls at present, for a reload to go on with.
#[derive(Default)]
pub(super) struct Consulted {
    calls: Option<Arc<Calls>>,
    /// How many workers ask them.
    threads: u16,
    /// They are waited for while they are begun again.
    waits: bool,
}

/// How the sources ended.
#[derive(Default)]
pub(super) struct Ended {
    audit: Option<audit::Ended>,
    plugins: Vec<plugins::Ended>,
    calls: Vec<CallsEnded>,
}

impl Consulted {
    /// Those of an engine.
    pub(super) fn of(engine: &Engine, config: &Config, waits: bool) -> Consulted {
        Consulted { calls: engine.calls().cloned(), threads: engine.threads(config), waits }
    }

    /// Has an engine that was loaded anew go on with their processes.
    fn go_on(&mut self, engine: &mut Engine, desk: &Desk) -> anyhow::Result<()> {
        let Some(new) = engine.rules.settings.calls.take().and_then(Arc::into_inner) else {
            self.calls = None;
            return Ok(());
        };
        let new = match &self.calls {
            Some(old) => new.continuing(old),
            None => new,
        };
        new.begin(self.waits)?;
        if let Some(plugin) = new.parser()
            && self.threads > 1
        {
            bail!(
                "plugin {plugin} parses system calls, which one worker must do, and {} are at work: it can be loaded at the next start",
                self.threads
            );
        }
        new.connect(desk.alerts());
        self.calls = Some(Arc::new(new));
        engine.rules.settings.calls.clone_from(&self.calls);
        Ok(())
    }
}

impl Beside {
    /// Begins the sources that the configuration has and that are selected; without a selection all.
    pub(super) fn start(
        engine: &mut Engine,
        config: &Config,
        selection: &Selection,
        desk: &Desk,
    ) -> anyhow::Result<Beside> {
        let is_on = |source: &str| selection.as_ref().is_none_or(|all| all.iter().any(|one| one == source));
        let audit = if is_on(audit::SOURCE) { audit(engine, config)? } else { None };
        let mut running = Beside { audit, plugins: Vec::new() };
        for fresh in std::mem::take(&mut engine.plugins) {
            if is_on(&fresh.source.name) {
                let source = plugins::Running::start(fresh, engine.output_beside(), desk.alerts())?;
                tracing::info!("events of source '{}' come from its plugin", source.name());
                running.plugins.push(source);
            }
        }
        Ok(running)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.audit.is_none() && self.plugins.is_empty()
    }

    /// Where other rules can be sent to.
    pub(super) fn successors(&self) -> Successors {
        let plugins = self.plugins.iter().map(|source| (source.name().to_owned(), source.rules()));
        Successors {
            audit: self.audit.as_ref().map(audit::Running::rules),
            plugins: plugins.collect(),
            calls: Consulted::default(),
        }
    }

    /// Has metrics show what the sources count.
    pub(super) fn measure(&self, telemetry: &Telemetry) {
        let sources =
            self.plugins.iter().map(|source| (source.name().to_owned(), Arc::clone(source.counters())));
        telemetry.set_plugins(sources.collect());
    }

    /// Whether all have ended by themselves.
    pub(super) fn is_over(&self) -> bool {
        self.audit.as_ref().is_none_or(audit::Running::is_over)
            && self.plugins.iter().all(plugins::Running::is_over)
    }

    /// Ends them.
    pub(super) fn stop(self) -> Ended {
        let plugins = self.plugins.into_iter().filter_map(plugins::Running::stop).collect();
        Ended { audit: self.audit.and_then(audit::Running::stop), plugins, calls: Vec::new() }
    }
}

/// Begins to watch the audit log, if the configuration says where it is.
fn audit(engine: &mut Engine, config: &Config) -> anyhow::Result<Option<audit::Running>> {
    let Some(settings) = audit::Settings::of(config)? else { return Ok(None) };
    let Some(watch) = engine.audit.take() else { return Ok(None) };
    let running = audit::Running::start(&settings, watch, engine.output_beside())?;
    match running.address() {
        Some(address) => tracing::info!("the audit log is received on {address}"),
        None => tracing::info!("the audit log is read from {:?}", settings.input),
    }
    Ok(Some(running))
}

impl Successors {
    /// With the plugins that see system calls.
    pub(super) fn consulting(self, calls: Consulted) -> Successors {
        Successors { calls, ..self }
    }

    /// Sends the rules of an engine there that was loaded anew. A source that has ended needs none.
    ///
    /// # Errors
    /// If a plugin that sees system calls cannot be begun: then nothing is sent.
    pub(super) fn send(&mut self, engine: &mut Engine, desk: &Desk) -> anyhow::Result<()> {
        self.calls.go_on(engine, desk)?;
        if let (Some(audit), Some(watch)) = (&self.audit, engine.audit.take()) {
            let _ = audit.send(watch);
        }
        let loaded = std::mem::take(&mut engine.plugins);
        for (name, _) in &self.plugins {
            if !loaded.iter().any(|fresh| fresh.source.name == *name) {
                tracing::warn!("source '{name}': it goes on with the rules that it had until the next start");
            }
        }
        for fresh in loaded {
            match self.plugins.iter().find(|(name, _)| *name == fresh.source.name) {
                Some((_, rules)) => _ = rules.send(fresh),
                None => tracing::warn!(
                    "source '{}': its plugin is not loaded before the next start",
                    fresh.source.name
                ),
            }
        }
        Ok(())
    }
}

impl Ended {
    /// Those of plugins whose events a capture held, and the plugins that saw its system calls.
    pub(super) fn recorded(plugins: Vec<plugins::Ended>, engine: &Engine) -> Ended {
        Ended { audit: None, plugins, calls: Vec::new() }.with_calls(engine)
    }

    /// Ends the plugins that saw system calls, too.
    pub(super) fn with_calls(self, engine: &Engine) -> Ended {
        let calls = engine.calls().map(|calls| calls.finish()).unwrap_or_default();
        Ended { calls, ..self }
    }

    /// Writes the closing summary of a run: counts of alerts, of all sources together, and of the events of each source.
    pub(super) fn summary(&self, engine: &Engine, err: &mut impl Write) -> io::Result<()> {
        let watches =
            self.audit.iter().map(|ended| &ended.watch).chain(self.plugins.iter().map(|ended| &ended.watch));
        let own = engine.rules.alerts.summary().clone();
        let summary = watches.fold(own, |all, watch| all.joined(watch.summary()));
        engine.summary_of(&summary, err)?;
        if let Some(ended) = &self.audit {
            writeln!(err, "{}", ended.counters)?;
        }
        for plugins::Ended { name, counters, .. } in &self.plugins {
            writeln!(err, "Source '{name}': {counters}")?;
        }
        for CallsEnded { plugin, counters, .. } in &self.calls {
            writeln!(err, "Plugin '{plugin}' on system calls: {counters}")?;
        }
        Ok(())
    }

    /// Why a source ended before it was asked to, if one did.
    pub(super) fn result(self) -> anyhow::Result<()> {
        if let Some(error) = self.audit.and_then(|ended| ended.error) {
            return Err(error).context("the audit log");
        }
        if let Some((name, error)) =
            self.plugins.into_iter().find_map(|ended| Some((ended.name, ended.error?)))
        {
            return Err(anyhow!("source '{name}': {error}"));
        }
        all_well(self.calls)
    }
}
