//! The sources of events under a configuration: which fields each has, and which built-in plugins stand behind them.

use super::capture::schema;
use crate::config::{CONTAINER, Config};
use crate::fields::FieldSchema;
use crate::k8s::audit;
use crate::rules::{Environment, Plugin};

/// What rules can be loaded against.
pub(super) struct Sources {
    /// The fields of source `syscall`.
    pub syscall: FieldSchema,
    /// The fields of source `k8s_audit`, if it is on.
    pub audit: Option<FieldSchema>,
    /// The plugins that are on.
    pub plugins: Vec<Plugin>,
}

impl Sources {
    /// The sources that are on.
    pub(super) fn of(config: &Config) -> anyhow::Result<Sources> {
        let audited = config.has_plugin(audit::K8SAUDIT);
        let names = || config.static_fields.keys().map(String::as_str);
        let audit = audited.then(|| FieldSchema::audit(config.has_plugin(audit::JSON)).with_static(names()));
        Ok(Sources { syscall: schema(config)?, audit, plugins: plugins(config) })
    }

    /// What rules are loaded against.
    pub(super) fn environment<'e>(&'e self, config: &'e Config) -> Environment<'e> {
        Environment {
            schema: &self.syscall,
            audit: self.audit.as_ref().map(|schema| schema as _),
            plugins: &self.plugins,
            append_output: &config.append_output,
        }
    }
}

/// The built-in plugins that are on.
pub(super) fn plugins(config: &Config) -> Vec<Plugin> {
    let all = [
        (CONTAINER, Plugin::container as fn() -> Plugin),
        (audit::K8SAUDIT, Plugin::k8saudit),
        (audit::JSON, Plugin::json),
    ];
    all.into_iter().filter(|(name, _)| config.has_plugin(name)).map(|(_, plugin)| plugin()).collect()
}
