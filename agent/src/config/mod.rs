//! The configuration: Falco's keys (and `saker.*`) from YAML documents and from `-o KEY=VALUE`, read into one typed
//! [`Config`].

mod document;
mod path;
mod read;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

pub use self::document::{ConfigError, Document, UnknownKey};
pub use self::path::PathError;
pub use self::read::ValueError;

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
