//! The table of configuration keys: what `saker config`, docs/configuration.md, the JSON schema, the check of a
//! document and the defaults are made from.
//!
//! A path names a place as `config_keys` of Falco's schema do: `[]` is an element of a sequence, `{}` the mapping that
//! may stand where a scalar may. What a key holds is typed once more in `model`, and a test holds both together.

use super::check;
use super::tree::Node;
use crate::pipeline::workers::WORKERS_MAX;

/// What a value must be.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Type {
    /// `true` or `false`, in any of YAML 1.1's spellings.
    Flag,
    /// A whole number of this range.
    Integer(i64, i64),
    /// A number of this range.
    Number(f64, f64),
    /// A scalar as it stands.
    Text,
    /// One of these words, in any case.
    Word(&'static [&'static str]),
    /// A time span as Prometheus writes it: `1h30m`, `500ms`.
    Duration,
    /// An IPv4 or IPv6 address.
    Address,
    /// A sequence; a single scalar is one of one element.
    List,
    /// A mapping with the keys of the table and no others.
    Mapping,
    /// A mapping from any names to scalars.
    Texts,
    /// A scalar, or a mapping with the keys of the table.
    TextOrMapping,
    /// A scalar, or a mapping of one name to a scalar.
    TextOrPair,
    /// Anything.
    Any,
}

/// What becomes of a key in Saker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Support {
    /// It does what it says.
    Works,
    /// It only means something together with another key, which has the say.
    With(&'static str),
    /// It is not heeded. Values that ask for what happens anyway pass without a word; any other gets a warning that
    /// says what happens instead.
    Not {
        /// Those values.
        like: &'static [&'static str],
        /// What happens.
        instead: &'static str,
    },
}

/// A check that the type does not express.
pub(super) type Check = fn(&Node) -> Result<(), String>;

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The place, e.g. `webserver.listen_port`.
    pub path: &'static str,
    /// What its value must be.
    pub ty: Type,
    /// The value if none is given, as YAML; empty if there is none.
    pub default: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// What becomes of it.
    pub support: Support,
    /// It must be given when the mapping around it is.
    pub required: bool,
    pub(super) check: Option<Check>,
}

pub(super) const fn key(
    path: &'static str,
    ty: Type,
    default: &'static str,
    support: Support,
    doc: &'static str,
) -> Key {
    Key { path, ty, default, doc, support, required: false, check: None }
}

impl Key {
    pub(super) const fn required(mut self) -> Key {
        self.required = true;
        self
    }

    pub(super) const fn checked(mut self, check: Check) -> Key {
        self.check = Some(check);
        self
    }

    /// The last name of the path.
    pub fn name(&self) -> &'static str {
        let end = self.path.trim_end_matches(['[', ']', '{', '}']);
        end.rsplit('.').next().unwrap_or(end)
    }
}

/// A part of the table.
#[derive(Debug)]
pub struct Section {
    /// Its heading in the reference.
    pub title: &'static str,
    /// The keys.
    pub keys: &'static [Key],
}

/// All keys, section by section.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    SECTIONS.iter().flat_map(|section| section.keys)
}

use Support::{Not, With, Works};
use Type::{
    Address, Any, Duration, Flag, Integer, List, Mapping, Number, Text, TextOrMapping, TextOrPair, Texts,
    Word,
};

pub(super) const COUNT: Type = Integer(0, u32::MAX as i64);
const SIZE: Type = Integer(0, i64::MAX);
const PLUGIN: &str = "plugins[].name";

/// The words for priorities, which are also those for log levels.
pub(super) const PRIORITIES: &[&str] =
    &["emergency", "alert", "critical", "error", "warning", "notice", "info", "informational", "debug"];

/// The table.
pub static SECTIONS: &[Section] = &[
    Section {
        title: "Configuration files",
        keys: &[
            key(
                "config_files",
                List,
                "[]",
                Works,
                "More configuration files, or directories of them, read in this order after the main one. They cannot name more.",
            ),
            key("config_files[]", TextOrMapping, "", Works, "A path, merged by the strategy `append`."),
            key("config_files[]{}", Mapping, "", Works, "A path with its strategy."),
            key("config_files[]{}.path", Text, "", Works, "A file or a directory; what is not there is passed over.")
                .required(),
            key(
                "config_files[]{}.strategy",
                Word(&["append", "override", "add-only"]),
                "append",
                Works,
                "What becomes of a key that is there already: sequences are joined and all else replaced (`append`), all is replaced (`override`), or it stays (`add-only`).",
            ),
            key(
                "watch_config_files",
                Flag,
                "true",
                Works,
                "Load rules and configuration anew when their files change; SIGHUP has that done in any case.",
            ),
        ],
    },
    Section {
        title: "Rules",
        keys: &[
            key(
                "rules_files",
                List,
                "[]",
                Works,
                "Rule files, or directories of `.yaml` and `.yml` files, loaded in this order; what is not there is passed over.",
            ),
            key("rules_files[]", Text, "", Works, "A file or a directory."),
            key("rule_files", List, "[]", Works, "Another name of `rules_files`."),
            key("rule_files[]", Text, "", Works, "A file or a directory."),
            key("rules_file", List, "[]", Works, "The old name of `rules_files`, which has no row in Falco's schema."),
            key("rules_file[]", Text, "", Works, "A file or a directory."),
            key(
                "rules",
                List,
                "[]",
                Works,
                "Which rules are on: steps in order, after all files are loaded.",
            ),
            key("rules[]", Mapping, "", Works, "A step: `enable` or `disable`.").checked(check::selection),
            key("rules[].disable", Mapping, "", Works, "Switch off the rules that fit.").checked(check::selected),
            key("rules[].disable.rule", Text, "", Works, "Rules of this name; `*` stands for any text."),
            key("rules[].disable.tag", Text, "", Works, "Rules with this tag."),
            key("rules[].enable", Mapping, "", Works, "Switch on the rules that fit.").checked(check::selected),
            key("rules[].enable.rule", Text, "", Works, "Rules of this name; `*` stands for any text."),
            key("rules[].enable.tag", Text, "", Works, "Rules with this tag."),
            key("rule_matching", Word(&["first", "all"]), "first", Works, "How many rules may answer to one event."),
            key("priority", Word(PRIORITIES), "debug", Works, "Rules less severe than this are not loaded."),
        ],
    },
    Section {
        title: "What alerts look like",
        keys: &[
            key("json_output", Flag, "false", Works, "Alerts as JSON, one in each line."),
            key("json_include_output_property", Flag, "true", Works, "JSON: with `output`."),
            key("json_include_message_property", Flag, "false", Works, "JSON: with `message`, the output without time and priority."),
            key("json_include_output_fields_property", Flag, "true", Works, "JSON: with `output_fields`."),
            key("json_include_tags_property", Flag, "true", Works, "JSON: with `tags`."),
            key("time_format_iso_8601", Flag, "false", Works, "Times with date, in UTC."),
            key("buffer_format_base64", Flag, "false", Works, "Data buffers in base64."),
            key("append_output", List, "[]", Works, "What is added to the output of rules."),
            key("append_output[]", Mapping, "", Works, "An addition and the rules that get it."),
            key("append_output[].match", Mapping, "", Works, "Which rules: those that fit all that is named; all without it."),
            key("append_output[].match.source", Text, "", Works, "Rules of this source."),
            key("append_output[].match.tags", List, "", Works, "Rules that have all these tags."),
            key("append_output[].match.tags[]", Text, "", Works, "A tag."),
            key("append_output[].match.rule", Text, "", Works, "The rule of this name."),
            key("append_output[].extra_output", Text, "", Works, "An output template, appended after a blank."),
            key("append_output[].extra_fields", List, "", Works, "More members of `output_fields` in JSON.")
                .checked(check::extra_fields),
            key("append_output[].extra_fields[]", TextOrPair, "", Works, "The name of a field, or a name with an output template."),
            key("append_output[].suggested_output", Flag, "false", Works, "Append the fields that the source suggests (those of the container)."),
            key("static_fields", Texts, "{}", Works, "Fields `static.NAME` with these values."),
        ],
    },
    Section {
        title: "Where alerts go",
        keys: &[
            key("stdout_output", Mapping, "", Works, "Alerts to standard output."),
            key("stdout_output.enabled", Flag, "true", Works, "Whether it is on."),
            key("syslog_output", Mapping, "", Works, "Alerts to syslog."),
            key(
                "syslog_output.enabled",
                Flag,
                "false",
                Works,
                "Whether it is on.",
            ),
            key("file_output", Mapping, "", Works, "Alerts to a file."),
            key(
                "file_output.enabled",
                Flag,
                "false",
                Works,
                "Whether it is on.",
            ),
            key("file_output.keep_alive", Flag, "false", Works, "Keep the file open between alerts."),
            key("file_output.filename", Text, "", Works, "The file; alerts are appended."),
            key("program_output", Mapping, "", Works, "Alerts to the standard input of a program."),
            key(
                "program_output.enabled",
                Flag,
                "false",
                Works,
                "Whether it is on.",
            ),
            key("program_output.keep_alive", Flag, "false", Works, "One program for all alerts instead of one for each."),
            key("program_output.program", Text, "", Works, "The shell command."),
            key("http_output", Mapping, "", Works, "Alerts by HTTP POST."),
            key(
                "http_output.enabled",
                Flag,
                "false",
                Works,
                "Whether it is on.",
            ),
            key("http_output.url", Text, "", Works, "Where to."),
            key("http_output.user_agent", Text, "falcosecurity/falco", Works, "The header `User-Agent`."),
            key("http_output.insecure", Flag, "false", Works, "Do not verify the server's certificate."),
            key("http_output.ca_cert", Text, "", Works, "A file with the certificate of a CA to trust."),
            key("http_output.ca_bundle", Text, "", Works, "A file with certificates of CAs to trust."),
            key("http_output.ca_path", Text, "/etc/ssl/certs", Works, "A directory of certificates of CAs to trust."),
            key("http_output.mtls", Flag, "false", Works, "Show a client certificate."),
            key("http_output.client_cert", Text, "/etc/ssl/certs/client.crt", Works, "The client certificate."),
            key("http_output.client_key", Text, "/etc/ssl/certs/client.key", Works, "Its key."),
            key("http_output.echo", Flag, "false", Works, "Print the server's answers to standard output."),
            key("http_output.compress_uploads", Flag, "false", Works, "Compress with gzip."),
            key("http_output.keep_alive", Flag, "false", Works, "One connection for many alerts."),
            key(
                "http_output.max_consecutive_timeouts",
                Integer(0, 255),
                "5",
                Works,
                "How many timeouts one after the other are borne before an alert waits in the spool; without a spool it is dropped.",
            ),
            key(
                "buffered_outputs",
                Flag,
                "false",
                Works,
                "Write alerts in blocks instead of one by one. `saker replay` always does: the end of a capture comes soon.",
            ),
            key("outputs_queue", Mapping, "", Works, "The queue before the outputs."),
            key(
                "outputs_queue.capacity",
                SIZE,
                "0",
                Works,
                "How many alerts it holds before alerts are dropped; 0: as many as 64 MiB hold. A replay waits instead.",
            ),
            key(
                "output_timeout",
                COUNT,
                "2000",
                Works,
                "How long an output may take for an alert, in milliseconds, before it is complained about; HTTP and syslog over the network try again after it. 0: no limit.",
            ),
        ],
    },
    Section {
        title: "Where events come from",
        keys: &[
            key("engine", Mapping, "", Works, "The source of system call events."),
            key(
                "engine.kind",
                Word(&["kmod", "modern_ebpf", "replay", "nodriver"]),
                "",
                Works,
                "`kmod`: the kernel module, else eBPF; `modern_ebpf`: eBPF; `replay`: a capture; `nodriver`: none. Without it Saker takes what it finds.",
            ),
            key("engine.kmod", Mapping, "", Works, "Settings of the kernel module."),
            key(
                "engine.kmod.buf_size_preset",
                Integer(1, 10),
                "4",
                Works,
                "The size of a CPU's buffer: 1 is 1 MiB, each step doubles it.",
            ),
            key(
                "engine.kmod.drop_failed_exit",
                Flag,
                "false",
                Works,
                "Leave out calls that fail.",
            ),
            key("engine.modern_ebpf", Mapping, "", Works, "Settings of the eBPF probe."),
            key(
                "engine.modern_ebpf.cpus_for_each_buffer",
                Integer(0, 65535),
                "2",
                Not { like: &["0", "1", "2"], instead: "each CPU has a ring of its own" },
                "How many CPUs share a buffer; 0: all.",
            ),
            key(
                "engine.modern_ebpf.buf_size_preset",
                Integer(1, 10),
                "4",
                Works,
                "The size of a CPU's buffer: 1 is 1 MiB, each step doubles it; 9 and 10 are 256 MiB.",
            ),
            key(
                "engine.modern_ebpf.drop_failed_exit",
                Flag,
                "false",
                Works,
                "Leave out calls that fail.",
            ),
            key(
                "engine.modern_ebpf.disable_iterators",
                Flag,
                "false",
                Not { like: &["false", "true"], instead: "BPF iterators are not used: processes that run already are read from /proc" },
                "Read running processes from /proc instead of through BPF iterators.",
            ),
            key("engine.replay", Mapping, "", With("engine.kind"), "Settings of the replay."),
            key("engine.replay.capture_file", Text, "", Works, "The capture that `engine.kind: replay` reads.").required(),
            key("base_syscalls", Mapping, "", Works, "Which system calls are recorded beyond those that rules name."),
            key(
                "base_syscalls.all",
                Flag,
                "false",
                Not { like: &["false", "true"], instead: "each call that a rule names is recorded, frequent ones, too" },
                "Record also the frequent calls that Falco leaves out.",
            ),
            key("base_syscalls.custom_set", List, "[]", Works, "System calls to record for the state instead of those that it needs; `!name` leaves one out, also if a rule names it."),
            key(
                "base_syscalls.custom_set[]",
                Text,
                "",
                Works,
                "A system call.",
            ),
            key(
                "base_syscalls.repair",
                Flag,
                "false",
                Works,
                "Let the rules decide which further calls the state needs: processes always, descriptors and the network if a rule is about them.",
            ),
            key("falco_libs", Mapping, "", Works, "Limits of the state and of what is recorded."),
            key(
                "falco_libs.thread_table_size",
                COUNT,
                "262144",
                Works,
                "How many threads are followed; 0: as many as by default.",
            ),
            key(
                "falco_libs.thread_table_auto_purging_interval_s",
                COUNT,
                "300",
                Works,
                "How often the table is searched for threads that are gone, in seconds.",
            ),
            key(
                "falco_libs.thread_table_auto_purging_thread_timeout_s",
                COUNT,
                "300",
                Works,
                "How long a thread may be silent before it is looked after, in seconds.",
            ),
            key(
                "falco_libs.snaplen",
                Integer(0, 65535),
                "80",
                Works,
                "How many bytes of data a read or write records, 16,384 at most; 0: 80.",
            ),
            key("capture", Mapping, "", Works, "Record what happens around alerts."),
            key("capture.enabled", Flag, "false", Works, "Whether it is on. For live detection; a replay has its capture already."),
            key("capture.path_prefix", Text, "/tmp/falco", Works, "How the names of the files begin."),
            key("capture.mode", Word(&["rules", "all_rules"]), "rules", Works, "`rules`: for rules that ask for it; `all_rules`: for every alert."),
            key("capture.default_duration", COUNT, "5000", Works, "How long a recording is, in milliseconds."),
            key("capture.max_file_size_mb", Integer(0, 1_048_576), "0", Works, "How large a recording may become; 0: no limit."),
        ],
    },
    Section {
        title: "Lost and late events",
        keys: &[
            key("syscall_event_timeouts", Mapping, "", Works, "When no events come."),
            key(
                "syscall_event_timeouts.max_consecutives",
                Integer(1, u32::MAX as i64),
                "1000",
                Works,
                "After how many looks without an event (each after 20 ms at most) that is told, by an alert.",
            ),
            key("syscall_event_drops", Mapping, "", Works, "When events are lost."),
            key("syscall_event_drops.threshold", Number(0.0, 1.0), "0.1", Works, "The share of lost events from which something is done."),
            key("syscall_event_drops.actions", List, "[log, alert]", Works, "What is done.").checked(check::drop_actions),
            key(
                "syscall_event_drops.actions[]",
                Word(&["ignore", "log", "alert", "exit"]),
                "",
                Works,
                "One action; `ignore` stands alone.",
            ),
            key("syscall_event_drops.rate", Number(0.0, f64::MAX), "0.03333", Works, "How often something is done, in times for each second."),
            key("syscall_event_drops.max_burst", SIZE, "1", Works, "How often it may be done beyond that."),
            key(
                "syscall_event_drops.simulate_drops",
                Flag,
                "false",
                Works,
                "Pretend losses, for tests.",
            ),
        ],
    },
    Section {
        title: "Plugins",
        keys: &[
            key("load_plugins", List, "", With(PLUGIN), "The plugins to load, in this order; all of `plugins` without it."),
            key("load_plugins[]", Text, "", With(PLUGIN), "The name of a plugin."),
            key("plugins", List, "[]", With(PLUGIN), "Plugins and their settings."),
            key("plugins[]", Mapping, "", With(PLUGIN), "A plugin."),
            key(
                PLUGIN,
                Text,
                "",
                Works,
                "Its name. What the plugins `container`, `k8saudit` and `json` do is built in: of these no library is loaded.",
            )
            .required(),
            key("plugins[].library_path", Text, "", With(PLUGIN), "Its shared library, in /usr/share/falco/plugins if it is not a full path.").required(),
            key(
                "plugins[].init_config",
                Any,
                "",
                With(PLUGIN),
                "Its settings: a text, or a mapping that is passed on as JSON. Those of `container` are Falco's.",
            ),
            key("plugins[].open_params", Text, "", With(PLUGIN), "What its source of events is opened with."),
            key(
                "plugins_hostinfo",
                Flag,
                "true",
                Not { like: &["true", "false"], instead: "`evt.hostname` names the host in either case" },
                "Give sources that are plugins information about the host.",
            ),
        ],
    },
    Section {
        title: "Log, web server, metrics",
        keys: &[
            key(
                "log_stderr",
                Flag,
                "true",
                Works,
                "Log to standard error. Errors go there in any case.",
            ),
            key(
                "log_syslog",
                Flag,
                "false",
                Works,
                "Log to syslog (`/dev/log`).",
            ),
            key("log_level", Word(PRIORITIES), "info", Works, "What is logged: this and all that is more severe."),
            key("libs_logger", Mapping, "", With("libs_logger.enabled"), "The log of Falco's libraries."),
            key(
                "libs_logger.enabled",
                Flag,
                "true",
                Not { like: &["true", "false"], instead: "there are no such libraries here" },
                "Whether it is on.",
            ),
            key(
                "libs_logger.severity",
                Word(&["fatal", "critical", "error", "warning", "notice", "info", "debug", "trace"]),
                "info",
                With("libs_logger.enabled"),
                "What is logged: this and all that is more severe.",
            ),
            key("webserver", Mapping, "", Works, "A web server for health, versions and metrics."),
            key("webserver.enabled", Flag, "false", Works, "Whether it is on."),
            key("webserver.threadiness", COUNT, "0", Works, "How many threads it has; 0: one for each CPU, but at most four."),
            key("webserver.listen_port", Integer(0, 65535), "8765", Works, "Its port."),
            key("webserver.listen_address", Address, "", Works, "Its address. Without one: `0.0.0.0` under a file named `falco.yaml`, as there; else `127.0.0.1`."),
            key("webserver.k8s_healthz_endpoint", Text, "/healthz", Works, "The path of the health check."),
            key("webserver.prometheus_metrics_enabled", Flag, "false", Works, "Metrics for Prometheus at `/metrics`; `metrics.enabled` must be on, too."),
            key("webserver.ssl_enabled", Flag, "false", Works, "TLS."),
            key("webserver.ssl_certificate", Text, "/etc/falco/falco.pem", Works, "Certificate and key."),
            key("metrics", Mapping, "", Works, "Figures about Saker and the host."),
            key("metrics.enabled", Flag, "false", Works, "Whether they are collected."),
            key("metrics.interval", Duration, "1h", Works, "How often they are reported; at least 100ms.").checked(check::interval),
            key("metrics.output_rule", Flag, "false", Works, "As an alert."),
            key("metrics.output_file", Text, "", Works, "To this file, as JSON lines."),
            key("metrics.rules_counters_enabled", Flag, "true", Works, "How often each rule matched."),
            key("metrics.resource_utilization_enabled", Flag, "true", Works, "CPU and memory."),
            key("metrics.state_counters_enabled", Flag, "true", Works, "The tables of the state."),
            key("metrics.kernel_event_counters_enabled", Flag, "true", Works, "Events and losses in the kernel."),
            key("metrics.kernel_event_counters_per_cpu_enabled", Flag, "true", Works, "The same for each CPU."),
            key("metrics.libbpf_stats_enabled", Flag, "true", Works, "What the kernel measures of BPF programs."),
            key("metrics.plugins_metrics_enabled", Flag, "true", Works, "What plugins report."),
            key("metrics.kernel_iter_event_counters_enabled", Flag, "true", Not { like: &["true", "false"], instead: "BPF iterators are not used" }, "Events and losses of BPF iterators."),
            key("metrics.convert_memory_to_mb", Flag, "true", Works, "Memory in megabytes."),
            key("metrics.include_empty_values", Flag, "false", Works, "Also figures that are 0 or empty."),
            key("metrics.jemalloc_stats_enabled", Flag, "true", Not { like: &["true", "false"], instead: "the allocator is the system's, which reports nothing" }, "What the allocator reports."),
        ],
    },
    Section {
        title: "Only in Saker",
        keys: &[
            key("saker", Mapping, "", Works, "What Falco has no key for. Falco passes over it with a warning."),
            key(
                "saker.driver",
                Word(&["auto", "kmod", "ebpf"]),
                "",
                Works,
                "Which driver records, whatever `engine.kind` says; `auto`: the kernel module, else eBPF.",
            ),
            key(
                "saker.threads",
                Integer(1, WORKERS_MAX as i64),
                "1",
                Works,
                "How many workers evaluate rules; 1 does so in the thread that reads.",
            ),
            key("saker.builtin_plugins", List, "[container]", Works, "Which built-in plugins are on."),
            key(
                "saker.builtin_plugins[]",
                Word(&["container", "k8saudit", "json"]),
                "",
                Works,
                "`container`: the fields of the container and of its pod. `k8saudit`, `json`: the source of the Kubernetes audit log and the fields of its documents, for rules to be checked and audit logs to be replayed; to receive events it needs an entry in `plugins`, with `open_params`.",
            ),
            key("saker.containers", Mapping, "", Works, "How runtimes are asked about containers, beside the plugin's `init_config`."),
            key(
                "saker.containers.wait_ms",
                Integer(0, 60_000),
                "500",
                Works,
                "Milliseconds for which the events of a new container wait until its runtime has told of it; 0 for not at all.",
            ),
            key("saker.plugins", Mapping, "", Works, "How the processes of plugins are treated."),
            key(
                "saker.plugins.timeout_ms",
                Integer(10, 3_600_000),
                "30000",
                Works,
                "Milliseconds for which an answer of a plugin is waited for; then its process is ended and begun again.",
            ),
            key(
                "saker.plugins.max_restarts",
                Integer(0, 1_000_000),
                "5",
                Works,
                "How often in a row a plugin that failed is begun again. After five minutes without a failure it counts from 0.",
            ),
            key(
                "saker.plugins.restart_wait_ms",
                Integer(0, 3_600_000),
                "1000",
                Works,
                "Milliseconds before the first time; before each that follows, twice as long.",
            ),
            key(
                "saker.plugins.system_calls",
                Flag,
                "false",
                Works,
                "Show system calls to plugins: their fields exist for rules of source `syscall`, and they parse the calls that they ask for. Live, an answer is waited for at most five seconds. It costs time for each such event ([plugins](plugins.md#system-calls)).",
            ),
            key("saker.services_file", Text, "/etc/services", Works, "Where the names of ports come from."),
            key(
                "saker.self_protection",
                Flag,
                "true",
                Works,
                "In live runs: alerts about what is done to the agent itself, by rules before all others, and when it was stopped.",
            ),
        ],
    },
    super::keys_outputs::SECTION,
];
