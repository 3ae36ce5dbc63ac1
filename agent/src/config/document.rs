//! Configuration documents: keys and values as they are put together, and the table of keys by which they are read.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_yaml::{Mapping, Value};

use super::path::{self, PathError};
use super::read::{self, ValueError, flag, named, strings, text};
use super::{CONTAINER, Config, Priority, RuleMatching};

/// Why a configuration is refused. The first part names the option or key.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An option has no `=`.
    #[error("option '{0}': expected KEY=VALUE")]
    NoValue(String),
    /// The key of an option names no place.
    #[error("option '{option}': {error}")]
    Path {
        /// The option as given.
        option: String,
        /// What is wrong with its key.
        error: PathError,
    },
    /// The value in brackets or braces is no YAML.
    #[error("option '{option}': {error}")]
    Flow {
        /// The option as given.
        option: String,
        /// What the YAML parser says.
        error: serde_yaml::Error,
    },
    /// A document is no YAML.
    #[error("{0}")]
    Yaml(#[from] serde_yaml::Error),
    /// A document is no mapping.
    #[error("the configuration is not a mapping of keys")]
    NotAMapping,
    /// An option names a key that does not exist.
    #[error("unknown configuration key '{key}'{}", hint(.similar.as_deref()))]
    UnknownKey {
        /// The key.
        key: String,
        /// A key that is spelled nearly so.
        similar: Option<String>,
    },
    /// A value does not fit its key.
    #[error("configuration key '{key}': {error}")]
    Value {
        /// The key.
        key: String,
        /// What is wrong.
        error: ValueError,
    },
}

fn hint(similar: Option<&str>) -> String {
    similar.map(|key| format!(" (did you mean '{key}'?)")).unwrap_or_default()
}

type Setter = fn(&mut Config, &Value) -> Result<(), ValueError>;

fn put<T>(slot: &mut T, value: Result<T, ValueError>) -> Result<(), ValueError> {
    *slot = value?;
    Ok(())
}

/// The keys that Saker heeds, and what they set.
const KEYS: &[(&str, Setter)] = &[
    ("rules_files", |c, v| put(&mut c.rules_files, paths(v))),
    ("rule_files", |c, v| put(&mut c.rules_files, paths(v))),
    ("rule_matching", |c, v| put(&mut c.rule_matching, rule_matching(v))),
    ("priority", |c, v| put(&mut c.priority, priority(v))),
    ("rules", |c, v| put(&mut c.rules, read::sequence(v, read::rule_selection))),
    ("json_output", |c, v| put(&mut c.json_output, flag(v))),
    ("json_include_output_property", |c, v| put(&mut c.json_include_output_property, flag(v))),
    ("json_include_message_property", |c, v| put(&mut c.json_include_message_property, flag(v))),
    ("json_include_output_fields_property", |c, v| put(&mut c.json_include_output_fields_property, flag(v))),
    ("json_include_tags_property", |c, v| put(&mut c.json_include_tags_property, flag(v))),
    ("time_format_iso_8601", |c, v| put(&mut c.time_format_iso_8601, flag(v))),
    ("append_output", |c, v| put(&mut c.append_output, read::sequence(v, read::append_output))),
    ("static_fields", |c, v| put(&mut c.static_fields, read::text_map(v))),
    ("buffer_format_base64", |c, v| put(&mut c.buffer_format_base64, flag(v))),
    ("buffered_outputs", |c, v| put(&mut c.buffered_outputs, flag(v))),
    ("stdout_output.enabled", |c, v| put(&mut c.stdout_output, flag(v))),
    ("saker.builtin_plugins", |c, v| put(&mut c.builtin_plugins, builtin_plugins(v))),
    ("saker.services_file", |c, v| put(&mut c.services_file, text(v).map(PathBuf::from))),
];

fn paths(value: &Value) -> Result<Vec<PathBuf>, ValueError> {
    Ok(strings(value)?.into_iter().map(PathBuf::from).collect())
}

fn rule_matching(value: &Value) -> Result<RuleMatching, ValueError> {
    let words = [("first", RuleMatching::First), ("all", RuleMatching::All)];
    named("rule matching strategy", value, &words)
}

fn priority(value: &Value) -> Result<Priority, ValueError> {
    match Priority::parse(&text(value)?) {
        Some(priority) => Ok(priority),
        None => named("priority", value, &Priority::ALL.map(|priority| (priority.word(), priority))),
    }
}

fn builtin_plugins(value: &Value) -> Result<BTreeSet<String>, ValueError> {
    let names = strings(value)?;
    match names.iter().find(|name| *name != CONTAINER) {
        None => Ok(names.into_iter().collect()),
        Some(name) => Err(ValueError::Unknown {
            what: "built-in plugin",
            given: name.clone(),
            known: CONTAINER.to_owned(),
        }),
    }
}

/// Falco's other top-level keys: a configuration may have them, what Saker does now does not depend on them.
const OTHER_KEYS: &[&str] = &[
    "base_syscalls",
    "capture",
    "config_files",
    "engine",
    "falco_libs",
    "file_output",
    "http_output",
    "libs_logger",
    "load_plugins",
    "log_level",
    "log_stderr",
    "log_syslog",
    "metrics",
    "output_timeout",
    "outputs_queue",
    "plugins",
    "plugins_hostinfo",
    "program_output",
    "syscall_event_drops",
    "syscall_event_timeouts",
    "syslog_output",
    "watch_config_files",
    "webserver",
];

/// A configuration as it is put together: documents and options in order, not yet read.
#[derive(Clone, Debug, Default)]
pub struct Document {
    root: Mapping,
}

impl Document {
    /// A document from YAML text. An empty text is an empty configuration.
    pub fn parse(yaml: &str) -> Result<Self, ConfigError> {
        match serde_yaml::from_str(yaml)? {
            Value::Null => Ok(Document::default()),
            Value::Mapping(root) => Ok(Document { root }),
            _ => Err(ConfigError::NotAMapping),
        }
    }

    /// Applies `-o KEY=VALUE`. A value in brackets or braces is YAML in flow style, any other a scalar as it stands.
    pub fn set(&mut self, option: &str) -> Result<(), ConfigError> {
        let (path, value) = option.split_once('=').ok_or_else(|| ConfigError::NoValue(option.to_owned()))?;
        let flow = (value.starts_with('[') && value.ends_with(']'))
            || (value.starts_with('{') && value.ends_with('}'));
        let value = if flow {
            serde_yaml::from_str(value)
                .map_err(|error| ConfigError::Flow { option: option.to_owned(), error })?
        } else {
            Value::from(value)
        };
        path::set(&mut self.root, path, value)
            .map_err(|error| ConfigError::Path { option: option.to_owned(), error })
    }

    /// Reads the configuration, and the keys that nobody knows.
    pub fn read(&self) -> Result<(Config, Vec<UnknownKey>), ConfigError> {
        let mut config = Config::default();
        let mut unknown = Vec::new();
        for (key, value) in &self.root {
            let key = text(key).map_err(|error| ConfigError::Value { key: "?".to_owned(), error })?;
            let nested = format!("{key}.");
            if let Some((_, set)) = KEYS.iter().find(|(name, _)| *name == key) {
                set(&mut config, value).map_err(|error| ConfigError::Value { key, error })?;
            } else if KEYS.iter().any(|(name, _)| name.starts_with(&nested)) {
                let Value::Mapping(children) = value else {
                    return Err(ConfigError::Value { key, error: ValueError::Expected("a mapping") });
                };
                for (child, value) in children {
                    let child =
                        text(child).map_err(|error| ConfigError::Value { key: key.clone(), error })?;
                    let key = nested.clone() + &child;
                    match KEYS.iter().find(|(name, _)| *name == key) {
                        Some((_, set)) => {
                            set(&mut config, value).map_err(|error| ConfigError::Value { key, error })?;
                        }
                        None => unknown.push(UnknownKey::new(key)),
                    }
                }
            } else if !OTHER_KEYS.contains(&key.as_str()) {
                unknown.push(UnknownKey::new(key));
            }
        }
        Ok((config, unknown))
    }
}

/// A key that nobody knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownKey {
    /// The key.
    pub key: String,
    /// A key that is spelled nearly so.
    pub similar: Option<String>,
}

impl UnknownKey {
    fn new(key: String) -> Self {
        let similar = KEYS
            .iter()
            .map(|(name, _)| *name)
            .chain(OTHER_KEYS.iter().copied())
            .map(|name| (edit_distance(name.as_bytes(), key.as_bytes()), name))
            .min()
            .filter(|(distance, name)| *distance <= 2.max(name.len() / 4))
            .map(|(_, name)| name.to_owned());
        UnknownKey { key, similar }
    }
}

/// Insertions, deletions and replacements between two short names.
fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
