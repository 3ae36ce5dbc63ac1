//! The configuration: Falco's keys and `saker.*` from YAML files and from `-o KEY=VALUE`, read into one typed [`Config`].
//!
//! ```text
//! file, option -> tree (nodes with places, variables replaced) -> merge, path (one document)
//!   -> read (types, defaults, unknown keys: from the table `keys`) and check -> model (Config)
//! ```

mod check;
mod document;
mod environment;
mod keys;
mod keys_outputs;
mod merge;
mod model;
mod path;
mod read;
mod schema;
mod shape;
#[cfg(test)]
mod tests;
mod tree;

use std::path::PathBuf;

use serde::Deserialize;
use serde_yaml::Value as Yaml;

pub use self::document::{ConfigError, Loaded, load};
pub use self::keys::{Key, SECTIONS, Section, Support, Type, keys};
pub use self::model::*;
pub use self::schema::json_schema;

/// How severe a rule is, the most severe first (syslog's order).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum Priority {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    #[serde(alias = "info")]
    Informational,
    #[default]
    Debug,
}

impl Priority {
    /// All of them, the most severe first.
    pub const ALL: [Priority; 8] = [
        Priority::Emergency,
        Priority::Alert,
        Priority::Critical,
        Priority::Error,
        Priority::Warning,
        Priority::Notice,
        Priority::Informational,
        Priority::Debug,
    ];

    /// The word in alerts.
    pub fn word(self) -> &'static str {
        match self {
            Priority::Emergency => "Emergency",
            Priority::Alert => "Alert",
            Priority::Critical => "Critical",
            Priority::Error => "Error",
            Priority::Warning => "Warning",
            Priority::Notice => "Notice",
            Priority::Informational => "Informational",
            Priority::Debug => "Debug",
        }
    }

    /// The priority that a word means in any case; `info` is short for `informational`.
    pub fn parse(word: &str) -> Option<Priority> {
        if word.eq_ignore_ascii_case("info") {
            return Some(Priority::Informational);
        }
        Priority::ALL.into_iter().find(|priority| priority.word().eq_ignore_ascii_case(word))
    }
}

/// Where a configuration is looked for when none is named.
pub const DEFAULT_FILES: [&str; 2] = ["/etc/saker/saker.yaml", "/etc/falco/falco.yaml"];

/// The first of these files that is there.
pub fn first_file(candidates: &[&str]) -> Option<PathBuf> {
    candidates.iter().map(PathBuf::from).find(|path| path.is_file())
}

/// The settings of a plugin with the types that YAML gives their scalars, which a configuration keeps as they were written.
pub fn typed(given: &Yaml) -> Yaml {
    match given {
        Yaml::String(text) => match serde_yaml::from_str(text) {
            Ok(scalar @ (Yaml::Bool(_) | Yaml::Number(_))) => scalar,
            _ => given.clone(),
        },
        Yaml::Sequence(all) => Yaml::Sequence(all.iter().map(typed).collect()),
        Yaml::Mapping(all) => {
            Yaml::Mapping(all.iter().map(|(key, value)| (key.clone(), typed(value))).collect())
        }
        other => other.clone(),
    }
}

impl Config {
    /// The configuration that `-o` options alone make.
    pub fn from_options(options: &[String]) -> Result<Config, ConfigError> {
        load(None, options).map(|loaded| loaded.config)
    }

    /// Whether a built-in plugin is on.
    pub fn has_plugin(&self, name: &str) -> bool {
        let on = self.saker.builtin_plugins.contains(name);
        on || (name != CONTAINER && self.loads_plugin(name))
    }

    /// Whether `plugins` and `load_plugins` load a plugin of this name.
    pub fn loads_plugin(&self, name: &str) -> bool {
        match &self.load_plugins {
            Some(wanted) => wanted.iter().any(|plugin| plugin == name),
            None => self.plugins.iter().any(|plugin| plugin.name == name),
        }
    }

    /// The rule files and directories, under whichever of its names the key was given.
    pub fn rules_paths(&self) -> &[PathBuf] {
        let names = [&self.rules_files, &self.rule_files, &self.rules_file];
        names.into_iter().find(|paths| !paths.is_empty()).unwrap_or(&self.rules_files)
    }
}

impl Default for Config {
    /// The defaults of the table.
    fn default() -> Self {
        match Config::from_options(&[]) {
            Ok(config) => config,
            Err(error) => unreachable!("the defaults of the table are sound: {error}"),
        }
    }
}

/// The host's name in alerts: `FALCO_HOSTNAME` if it is set, else the kernel's.
pub fn hostname() -> String {
    if let Some(name) = std::env::var_os("FALCO_HOSTNAME") {
        return name.to_string_lossy().into_owned();
    }
    let name = std::fs::read("/proc/sys/kernel/hostname").unwrap_or_default();
    String::from_utf8_lossy(name.trim_ascii_end()).into_owned()
}
