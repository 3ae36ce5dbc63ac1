//! The sources beside system calls: the audit log and those of plugins, each with a thread of its own, begun, given other rules
//! and ended together.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use crossbeam_channel::Sender;

use super::engine::Engine;
use super::orders::Desk;
use crate::config::Config;
use crate::k8s::audit;
use crate::metrics::Telemetry;
use crate::plugins;
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
}

/// How the sources ended.
#[derive(Default)]
pub(super) struct Ended {
    audit: Option<audit::Ended>,
    plugins: Vec<plugins::Ended>,
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
                let desk = desk.clone();
                let alert = move |alert| desk.alert(alert);
                let source = plugins::Running::start(fresh, engine.output_beside(), alert)?;
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
        Successors { audit: self.audit.as_ref().map(audit::Running::rules), plugins: plugins.collect() }
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
        Ended { audit: self.audit.and_then(audit::Running::stop), plugins }
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
    /// Sends the rules of an engine there that was loaded anew. A source that has ended needs none.
    pub(super) fn send(&self, engine: &mut Engine) {
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
    }
}

impl Ended {
    /// Those of plugins whose events a capture held.
    pub(super) fn recorded(plugins: Vec<plugins::Ended>) -> Ended {
        Ended { audit: None, plugins }
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
        Ok(())
    }

    /// Why a source ended before it was asked to, if one did.
    pub(super) fn result(self) -> anyhow::Result<()> {
        if let Some(error) = self.audit.and_then(|ended| ended.error) {
            return Err(error).context("the audit log");
        }
        match self.plugins.into_iter().find_map(|ended| Some((ended.name, ended.error?))) {
            Some((name, error)) => Err(anyhow!("source '{name}': {error}")),
            None => Ok(()),
        }
    }
}
