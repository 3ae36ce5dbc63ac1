//! The configuration: Falco's keys (and `saker.*`) from YAML documents and from `-o KEY=VALUE`, read into one typed
//! [`Config`]. Every key that Saker heeds is a row of [`KEYS`].

mod path;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_yaml::{Mapping, Value};

pub use self::path::PathError;
pub use self::read::ValueError;

use self::read::{flag, named, strings, text};

/// How severe a rule is, the most severe first (syslog's order).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[allow(missing_docs)]
pub enum Priority {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
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

/// How many rules may answer to one event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RuleMatching {
    /// The first in load order, as Falco does by default.
    #[default]
    First,
    /// Every rule that is true.
    All,
}

/// One step of the rule selection: steps apply in order, after all rules are loaded. Name and tag in one step select
/// the rules that fit either.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleSelection {
    /// Switch on, or off.
    pub enable: bool,
    /// Rules whose name this pattern matches; `*` stands for any text.
    pub rule: Option<String>,
    /// Rules that have this tag.
    pub tag: Option<String>,
}

/// What is added to the output of the rules that fit (`append_output[]`).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AppendOutput {
    /// Only rules of this source.
    pub source: Option<String>,
    /// Only the rule of this name.
    pub rule: Option<String>,
    /// Only rules that have all these tags.
    pub tags: BTreeSet<String>,
    /// An output template, appended after a blank.
    pub extra_output: Option<String>,
    /// Also append the fields that a source suggests (the container fields).
    pub suggested_output: bool,
    /// More members of `output_fields`.
    pub extra_fields: Vec<ExtraField>,
}

/// A member that `append_output[].extra_fields` adds to the `output_fields` of JSON alerts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ExtraField {
    /// The field of this name, with the value's own type.
    Raw(String),
    /// A text made from a template.
    Formatted {
        /// The member's name.
        key: String,
        /// The output template of its value.
        format: String,
    },
}

/// The configuration of a run.
#[derive(Clone, PartialEq, Debug)]
#[allow(missing_docs)]
pub struct Config {
    pub rules_files: Vec<PathBuf>,
    pub rule_matching: RuleMatching,
    /// Rules less severe than this are not loaded.
    pub priority: Priority,
    pub rules: Vec<RuleSelection>,
    pub json_output: bool,
    pub json_include_output_property: bool,
    pub json_include_message_property: bool,
    pub json_include_output_fields_property: bool,
    pub json_include_tags_property: bool,
    pub time_format_iso_8601: bool,
    pub append_output: Vec<AppendOutput>,
    /// Fields `static.NAME` with their constant values.
    pub static_fields: BTreeMap<String, String>,
    pub buffer_format_base64: bool,
    pub buffered_outputs: bool,
    /// Whether alerts are printed at all.
    pub stdout_output: bool,
    /// Built-in plugins that are on; the only one is `container` (`container.*`, `k8s.*` and what goes with them).
    pub builtin_plugins: BTreeSet<String>,
    /// Where port names come from.
    pub services_file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            rules_files: Vec::new(),
            rule_matching: RuleMatching::First,
            priority: Priority::Debug,
            rules: Vec::new(),
            json_output: false,
            json_include_output_property: true,
            json_include_message_property: false,
            json_include_output_fields_property: true,
            json_include_tags_property: true,
            time_format_iso_8601: false,
            append_output: Vec::new(),
            static_fields: BTreeMap::new(),
            buffer_format_base64: false,
            buffered_outputs: false,
            stdout_output: true,
            builtin_plugins: BTreeSet::from([CONTAINER.to_owned()]),
            services_file: PathBuf::from("/etc/services"),
        }
    }
}

/// The built-in plugin that gives the container fields.
pub const CONTAINER: &str = "container";

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

impl Config {
    /// The configuration that `-o` options alone make. Here an unknown key is an error: it was typed just now.
    pub fn from_options(options: &[String]) -> Result<Config, ConfigError> {
        let mut document = Document::default();
        for option in options {
            document.set(option)?;
        }
        let (config, unknown) = document.read()?;
        match unknown.into_iter().next() {
            None => Ok(config),
            Some(UnknownKey { key, similar }) => Err(ConfigError::UnknownKey { key, similar }),
        }
    }

    /// Whether a built-in plugin is on.
    pub fn has_plugin(&self, name: &str) -> bool {
        self.builtin_plugins.contains(name)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn config(options: &[&str]) -> Result<Config, String> {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        Config::from_options(&options).map_err(|error| error.to_string())
    }

    #[test]
    fn options_set_keys_in_order() {
        let config = config(&[
            "rule_matching=all",
            "priority=Info",
            "json_output=true",
            "json_include_tags_property=False",
            "rules[].disable.rule=*",
            "rules[].enable.tag=a",
            "saker.builtin_plugins=[]",
            "static_fields.site=lab",
        ])
        .unwrap();
        assert_eq!(config.rule_matching, RuleMatching::All);
        assert_eq!(config.priority, Priority::Informational);
        assert!(
            config.json_output && !config.json_include_tags_property && config.json_include_output_property
        );
        assert_eq!(
            config.rules,
            [
                RuleSelection { enable: false, rule: Some("*".into()), tag: None },
                RuleSelection { enable: true, rule: None, tag: Some("a".into()) },
            ]
        );
        assert!(!config.has_plugin(CONTAINER));
        assert_eq!(config.static_fields.get("site").map(String::as_str), Some("lab"));
    }

    #[test]
    fn append_output_is_read() {
        let config = config(&[
            "append_output[0].match.source=syscall",
            "append_output[0].match.tags[0]=alpha",
            "append_output[0].extra_output=(extra %proc.pid %evt.type)",
            "append_output[0].extra_fields[0]=evt.type",
            "append_output[0].extra_fields[1].myproc=%proc.name/%proc.pid",
            "append_output[1].suggested_output=true",
        ])
        .unwrap();
        assert_eq!(
            config.append_output,
            [
                AppendOutput {
                    source: Some("syscall".into()),
                    tags: BTreeSet::from(["alpha".into()]),
                    extra_output: Some("(extra %proc.pid %evt.type)".into()),
                    extra_fields: vec![
                        ExtraField::Raw("evt.type".into()),
                        ExtraField::Formatted { key: "myproc".into(), format: "%proc.name/%proc.pid".into() },
                    ],
                    ..AppendOutput::default()
                },
                AppendOutput { suggested_output: true, ..AppendOutput::default() },
            ]
        );
    }

    #[test]
    fn mistakes_name_the_key() {
        let errors: Vec<String> = [
            "json_output",
            "json_ouptut=true",
            "nonsense=1",
            "json_output=maybe",
            "priority=urgent",
            "rule_matching=some",
            "rules[0]=x",
            "rules[].disable.name=x",
            "a..b=1",
            "append_output=[{match: 3}]",
            "append_output[0].extra_fields=[a: b, a: c]",
            "append_output=[{]",
            "saker.builtin_plugins=[json]",
            "saker.colour=blue",
        ]
        .iter()
        .map(|option| config(&[option]).unwrap_err())
        .collect();
        insta::assert_snapshot!(errors.join("\n"), @r"
        option 'json_output': expected KEY=VALUE
        unknown configuration key 'json_ouptut' (did you mean 'json_output'?)
        unknown configuration key 'nonsense'
        configuration key 'json_output': expected true or false
        configuration key 'priority': unknown priority 'urgent', must be one of emergency, alert, critical, error, warning, notice, informational, debug
        configuration key 'rule_matching': unknown rule matching strategy 'some', must be one of first, all
        configuration key 'rules': 0: expected a mapping
        configuration key 'rules': 0: disable: unknown key 'name', must be one of rule, tag
        option 'a..b=1': expected a name at position 2
        configuration key 'append_output': 0: match: expected a mapping
        configuration key 'append_output': 0: extra_fields: 'a' is given twice
        option 'append_output=[{]': did not find expected node content at line 1 column 3, while parsing a flow node
        configuration key 'saker.builtin_plugins': unknown built-in plugin 'json', must be one of container
        unknown configuration key 'saker.colour'
        ");
    }

    #[test]
    fn other_keys_of_falco_are_taken() {
        let document = Document::parse(
            "engine: {kind: replay}\nmetrics: {enabled: false}\njson_output: yes\npriority: notice\nwat: 1\n",
        )
        .unwrap();
        let (config, unknown) = document.read().unwrap();
        assert!(config.json_output);
        assert_eq!(config.priority, Priority::Notice);
        assert_eq!(unknown, [UnknownKey { key: "wat".into(), similar: None }]);
    }

    #[test]
    fn variables_expand_in_scalars() {
        // Cargo sets this one for every test.
        let package = read::expand_env("<${CARGO_PKG_NAME}> $${CARGO_PKG_NAME} ${SAKER_NO_SUCH} $5 ${");
        assert_eq!(package, "<saker> ${CARGO_PKG_NAME}  $5 ${");
    }
}
