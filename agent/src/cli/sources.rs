//! The sources of events under a configuration: which fields each has, and which built-in plugins stand behind them.

use std::sync::Arc;

use anyhow::anyhow;
use saker_filter::Schema;

use super::capture::schema;
use crate::config::{CONTAINER, Config};
use crate::fields::{FieldSchema, PluginFields, PluginSchema};
use crate::k8s::audit;
use crate::pipeline::{Pipeline, Settings};
use crate::plugins::{Calls, CallsEnded, Loaded};
use crate::rules::{Environment, Plugin};

/// What rules can be loaded against.
pub(super) struct Sources {
    /// The fields of source `syscall`.
    pub syscall: FieldSchema,
    /// The fields of source `k8s_audit`, if it is on.
    pub audit: Option<FieldSchema>,
    /// The plugins that are loaded, and their sources.
    pub loaded: Loaded,
    /// The fields of each of these sources.
    pub of_plugins: Vec<PluginSchema>,
    /// The plugins that are on, built in or loaded.
    pub plugins: Vec<Plugin>,
}

impl Sources {
    /// The sources that are on.
    pub(super) fn of(config: &Config) -> anyhow::Result<Sources> {
        let audited = config.has_plugin(audit::K8SAUDIT);
        let names = || config.static_fields.keys().map(String::as_str);
        let audit = audited.then(|| FieldSchema::audit(config.has_plugin(audit::JSON)).with_static(names()));
        let loaded = Loaded::of(config)?;
        let fields = |source: &crate::plugins::Source| {
            let infos = source.members.iter().map(|member| member.info.clone());
            PluginSchema::new(infos.collect(), config.has_plugin(audit::JSON), names())
        };
        let of_plugins = loaded.sources.iter().map(fields).collect();
        let plugins = built_in(config).into_iter().chain(loaded.required()).collect();
        let mut syscall = schema(config)?;
        if !loaded.calls.is_empty() {
            let infos = loaded.calls.iter().map(|member| member.info.clone());
            syscall = syscall.with_plugins(PluginFields::new(infos.collect()));
        }
        Ok(Sources { syscall, audit, loaded, of_plugins, plugins })
    }

    /// The plugins that see system calls, with what is asked of them now, if some do.
    pub(super) fn calls(&self) -> Option<Calls> {
        Calls::of(&self.loaded.calls, &self.syscall.plugins()?.asking())
    }

    /// Has a pipeline over a capture ask plugins for all fields of system calls that were looked up. They end with what is returned.
    pub(super) fn consult(
        &self,
        pipeline: &mut Pipeline,
        config: &Config,
    ) -> anyhow::Result<Option<Arc<Calls>>> {
        let calls = self.calls().map(Arc::new);
        if let Some(calls) = &calls {
            calls.begin(true)?;
            pipeline.settle(&Settings { calls: Some(Arc::clone(calls)), ..Settings::of(config) });
        }
        Ok(calls)
    }

    /// The sources beside system calls, each with its fields.
    pub(super) fn others(&self) -> Vec<(&str, &dyn Schema)> {
        let audit = self.audit.as_ref().map(|schema| (audit::SOURCE, schema as &dyn Schema));
        let sources = self.loaded.sources.iter().zip(&self.of_plugins);
        audit.into_iter().chain(sources.map(|(source, schema)| (&*source.name, schema as _))).collect()
    }

    /// What rules are loaded against.
    pub(super) fn environment<'e>(&'e self, config: &'e Config) -> Environment<'e> {
        Environment {
            schema: &self.syscall,
            others: self.others(),
            plugins: &self.plugins,
            append_output: &config.append_output,
        }
    }
}

/// Ends plugins that were asked about a capture.
///
/// # Errors
/// Why one could not be asked to the end.
pub(super) fn finish(calls: Option<Arc<Calls>>) -> anyhow::Result<()> {
    all_well(calls.map(|calls| calls.finish()).unwrap_or_default())
}

/// Whether plugins could be asked about system calls to the end.
///
/// # Errors
/// Why one could not.
pub(super) fn all_well(ended: Vec<CallsEnded>) -> anyhow::Result<()> {
    match ended.into_iter().find_map(|ended| ended.error) {
        Some(error) => Err(anyhow!("system calls: {error}")),
        None => Ok(()),
    }
}

/// The built-in plugins that are on.
pub(super) fn built_in(config: &Config) -> Vec<Plugin> {
    let all = [
        (CONTAINER, Plugin::container as fn() -> Plugin),
        (audit::K8SAUDIT, Plugin::k8saudit),
        (audit::JSON, Plugin::json),
    ];
    all.into_iter().filter(|(name, _)| config.has_plugin(name)).map(|(_, plugin)| plugin()).collect()
}
