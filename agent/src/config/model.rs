//! The configuration as the rest of Saker sees it: the keys of the table with their types. Names are those of the keys.
//!
//! Values come from `read`, complete and checked; a key that only one of the two knows fails a test.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;

use serde::Deserialize;
use serde_yaml::Value as Yaml;

use super::Priority;

/// The built-in plugin that gives the container fields.
pub const CONTAINER: &str = "container";

/// Declares the structures of the model, which differ in their fields only.
macro_rules! model {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $ty:ty,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, PartialEq, Debug, Deserialize)]
            #[serde(deny_unknown_fields)]
            #[allow(missing_docs)]
            pub struct $name { $($(#[$field_doc])* pub $field: $ty,)* }
        )*
    };
}

model! {
    /// The configuration of a run.
    Config {
        config_files: Vec<ConfigFile>,
        watch_config_files: bool,
        rules_files: Vec<PathBuf>,
        rule_files: Vec<PathBuf>,
        rules_file: Vec<PathBuf>,
        rules: Vec<RuleSelection>,
        rule_matching: RuleMatching,
        /// Rules less severe than this are not loaded.
        priority: Priority,
        json_output: bool,
        json_include_output_property: bool,
        json_include_message_property: bool,
        json_include_output_fields_property: bool,
        json_include_tags_property: bool,
        time_format_iso_8601: bool,
        buffer_format_base64: bool,
        append_output: Vec<AppendOutput>,
        /// Fields `static.NAME` with their constant values.
        static_fields: BTreeMap<String, String>,
        stdout_output: Switch,
        syslog_output: Switch,
        file_output: FileOutput,
        program_output: ProgramOutput,
        http_output: HttpOutput,
        buffered_outputs: bool,
        outputs_queue: OutputsQueue,
        /// Milliseconds.
        output_timeout: u32,
        engine: Engine,
        base_syscalls: BaseSyscalls,
        falco_libs: FalcoLibs,
        capture: Capture,
        syscall_event_timeouts: SyscallEventTimeouts,
        syscall_event_drops: SyscallEventDrops,
        load_plugins: Option<Vec<String>>,
        plugins: Vec<Plugin>,
        plugins_hostinfo: bool,
        log_stderr: bool,
        log_syslog: bool,
        log_level: Priority,
        libs_logger: LibsLogger,
        webserver: Webserver,
        metrics: Metrics,
        saker: Saker,
    }

    /// An output that has nothing to set but whether it is on.
    Switch { enabled: bool, }

    /// `file_output`.
    FileOutput { enabled: bool, keep_alive: bool, filename: Option<PathBuf>, }

    /// `program_output`.
    ProgramOutput { enabled: bool, keep_alive: bool, program: Option<String>, }

    /// `http_output`.
    HttpOutput {
        enabled: bool,
        url: Option<String>,
        user_agent: String,
        insecure: bool,
        ca_cert: Option<PathBuf>,
        ca_bundle: Option<PathBuf>,
        ca_path: PathBuf,
        mtls: bool,
        client_cert: PathBuf,
        client_key: PathBuf,
        echo: bool,
        compress_uploads: bool,
        keep_alive: bool,
        max_consecutive_timeouts: u8,
    }

    /// `outputs_queue`.
    OutputsQueue {
        /// Alerts; 0 means no limit.
        capacity: u64,
    }

    /// `engine`.
    Engine {
        kind: Option<EngineKind>,
        kmod: Kmod,
        modern_ebpf: ModernEbpf,
        replay: Option<Replay>,
    }

    /// `engine.kmod`.
    Kmod { buf_size_preset: u8, drop_failed_exit: bool, }

    /// `engine.modern_ebpf`.
    ModernEbpf {
        cpus_for_each_buffer: u16,
        buf_size_preset: u8,
        drop_failed_exit: bool,
        disable_iterators: bool,
    }

    /// `engine.replay`.
    Replay { capture_file: PathBuf, }

    /// `base_syscalls`.
    BaseSyscalls { all: bool, custom_set: Vec<String>, repair: bool, }

    /// `falco_libs`.
    FalcoLibs {
        thread_table_size: u32,
        thread_table_auto_purging_interval_s: u32,
        thread_table_auto_purging_thread_timeout_s: u32,
        /// Bytes.
        snaplen: u16,
    }

    /// `capture`.
    Capture {
        enabled: bool,
        path_prefix: PathBuf,
        mode: CaptureMode,
        /// Milliseconds.
        default_duration: u32,
        max_file_size_mb: u32,
    }

    /// `syscall_event_timeouts`.
    SyscallEventTimeouts { max_consecutives: u32, }

    /// `syscall_event_drops`.
    SyscallEventDrops {
        /// A share, from 0 to 1.
        threshold: f64,
        actions: BTreeSet<DropAction>,
        /// Times for each second.
        rate: f64,
        max_burst: u64,
        simulate_drops: bool,
    }

    /// An entry of `plugins`.
    Plugin {
        name: String,
        library_path: PathBuf,
        init_config: Option<Yaml>,
        open_params: Option<String>,
    }

    /// `libs_logger`.
    LibsLogger { enabled: bool, severity: String, }

    /// `webserver`.
    Webserver {
        enabled: bool,
        threadiness: u32,
        listen_port: u16,
        /// Without one it depends on whose configuration it is.
        listen_address: Option<IpAddr>,
        k8s_healthz_endpoint: String,
        prometheus_metrics_enabled: bool,
        ssl_enabled: bool,
        ssl_certificate: PathBuf,
    }

    /// `metrics`.
    Metrics {
        enabled: bool,
        /// Milliseconds.
        interval: u64,
        output_rule: bool,
        output_file: Option<PathBuf>,
        rules_counters_enabled: bool,
        resource_utilization_enabled: bool,
        state_counters_enabled: bool,
        kernel_event_counters_enabled: bool,
        kernel_event_counters_per_cpu_enabled: bool,
        libbpf_stats_enabled: bool,
        plugins_metrics_enabled: bool,
        kernel_iter_event_counters_enabled: bool,
        convert_memory_to_mb: bool,
        include_empty_values: bool,
        jemalloc_stats_enabled: bool,
    }

    /// Saker's own keys.
    Saker {
        /// Which driver records; it goes before `engine.kind`.
        driver: Option<DriverKind>,
        /// How many workers evaluate rules.
        threads: u16,
        /// Built-in plugins that are on; the only one is `container` (`container.*`, `k8s.*` and what goes with them).
        builtin_plugins: BTreeSet<String>,
        /// How runtimes are asked about containers.
        containers: Containers,
        /// How the processes of plugins are treated.
        plugins: PluginProcesses,
        /// Where port names come from.
        services_file: PathBuf,
        /// Alerts about what is done to the agent itself.
        self_protection: bool,
        spool: Spool,
        rollup: Rollup,
        rate_limit: RateLimit,
        journald_output: JournaldOutput,
        slack_output: SlackOutput,
        syslog_outputs: Vec<SyslogOutput>,
        webhooks: Vec<Webhook>,
    }

    /// `saker.spool`.
    Spool { enabled: bool, path: PathBuf, max_size_mb: u32, }

    /// `saker.rollup`.
    Rollup {
        enabled: bool,
        /// Milliseconds.
        window: u64,
        /// Names of fields.
        key: Vec<String>,
    }

    /// `saker.rate_limit`.
    RateLimit {
        /// Alerts in a window; 0 means no limit.
        per_rule: u32,
        /// Alerts in a window; 0 means no limit.
        per_key: u32,
        /// Milliseconds.
        window: u64,
        /// Names of fields.
        key: Vec<String>,
    }

    /// `saker.journald_output`.
    JournaldOutput { enabled: bool, socket: PathBuf, }

    /// `saker.slack_output`.
    SlackOutput { enabled: bool, url: Option<String>, payload: Option<String>, priority: Priority, }

    /// An entry of `saker.syslog_outputs`.
    SyslogOutput {
        name: String,
        url: String,
        facility: String,
        priority: Priority,
        insecure: bool,
        ca_cert: Option<PathBuf>,
        client_cert: Option<PathBuf>,
        client_key: Option<PathBuf>,
    }

    /// An entry of `saker.webhooks`.
    Webhook {
        name: String,
        url: String,
        payload: Option<String>,
        content_type: String,
        headers: BTreeMap<String, String>,
        priority: Priority,
        compress_uploads: bool,
        insecure: bool,
        ca_cert: Option<PathBuf>,
        client_cert: Option<PathBuf>,
        client_key: Option<PathBuf>,
    }

    /// `saker.containers`.
    Containers {
        /// Milliseconds.
        wait_ms: u32,
    }

    /// `saker.plugins`.
    PluginProcesses {
        /// Milliseconds.
        timeout_ms: u32,
        max_restarts: u32,
        /// Milliseconds.
        restart_wait_ms: u32,
        /// Whether plugins see system calls.
        system_calls: bool,
    }

    /// `append_output[].match`.
    Match { source: Option<String>, tags: Option<BTreeSet<String>>, rule: Option<String>, }
}

/// How many rules may answer to one event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleMatching {
    /// The first in load order, as Falco does by default.
    #[default]
    First,
    /// Every rule that is true.
    All,
}

/// Where system call events come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineKind {
    /// The kernel module, else eBPF.
    Kmod,
    /// eBPF.
    ModernEbpf,
    /// A capture.
    Replay,
    /// Nowhere.
    Nodriver,
}

/// A driver, as `saker.driver` names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DriverKind {
    /// The kernel module if it is there, else eBPF.
    Auto,
    /// The kernel module.
    Kmod,
    /// The eBPF probe.
    Ebpf,
}

/// Which alerts are recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaptureMode {
    /// Those of rules that ask for it.
    Rules,
    /// All.
    AllRules,
}

/// What is done about lost events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DropAction {
    /// Nothing.
    Ignore,
    /// A line in the log.
    Log,
    /// An alert.
    Alert,
    /// The end.
    Exit,
}

/// An entry of `config_files`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(from = "ConfigFileForm")]
pub struct ConfigFile {
    /// A file or a directory.
    pub path: PathBuf,
    /// What becomes of keys that are there already.
    pub strategy: Strategy,
}

/// What becomes of a key that a further file has too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Sequences are joined, all else is replaced.
    #[default]
    Append,
    /// It is replaced.
    Override,
    /// It stays.
    AddOnly,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ConfigFileForm {
    Path(PathBuf),
    Full { path: PathBuf, strategy: Strategy },
}

impl From<ConfigFileForm> for ConfigFile {
    fn from(form: ConfigFileForm) -> Self {
        let (path, strategy) = match form {
            ConfigFileForm::Path(path) => (path, Strategy::Append),
            ConfigFileForm::Full { path, strategy } => (path, strategy),
        };
        ConfigFile { path, strategy }
    }
}

/// One step of the rule selection: steps apply in order, after all rules are loaded. Name and tag in one step select
/// the rules that fit either.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(from = "SelectionForm")]
pub struct RuleSelection {
    /// Switch on, or off.
    pub enable: bool,
    /// Rules whose name this pattern matches; `*` stands for any text.
    pub rule: Option<String>,
    /// Rules that have this tag.
    pub tag: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SelectionForm {
    enable: Option<Selected>,
    disable: Option<Selected>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Selected {
    rule: Option<String>,
    tag: Option<String>,
}

impl From<SelectionForm> for RuleSelection {
    fn from(form: SelectionForm) -> Self {
        let enable = form.enable.is_some();
        let Selected { rule, tag } = form.enable.or(form.disable).unwrap_or_default();
        RuleSelection { enable, rule, tag }
    }
}

/// What is added to the output of the rules that fit (`append_output[]`).
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(from = "AppendForm")]
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppendForm {
    r#match: Option<Match>,
    extra_output: Option<String>,
    #[serde(default)]
    extra_fields: Vec<ExtraField>,
    suggested_output: bool,
}

impl From<AppendForm> for AppendOutput {
    fn from(form: AppendForm) -> Self {
        // An empty text is none.
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        let (source, tags, rule) = match form.r#match {
            Some(Match { source, tags, rule }) => (filled(source), tags, filled(rule)),
            None => (None, None, None),
        };
        AppendOutput {
            source,
            rule,
            tags: tags.unwrap_or_default(),
            extra_output: filled(form.extra_output),
            suggested_output: form.suggested_output,
            extra_fields: form.extra_fields,
        }
    }
}

/// A member that `append_output[].extra_fields` adds to the `output_fields` of JSON alerts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Deserialize)]
#[serde(from = "FieldForm")]
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

#[derive(Deserialize)]
#[serde(untagged)]
enum FieldForm {
    Raw(String),
    Formatted(BTreeMap<String, String>),
}

impl From<FieldForm> for ExtraField {
    fn from(form: FieldForm) -> Self {
        match form {
            FieldForm::Raw(name) => ExtraField::Raw(name),
            FieldForm::Formatted(pair) => {
                let (key, format) = pair.into_iter().next().unwrap_or_default();
                ExtraField::Formatted { key, format }
            }
        }
    }
}
