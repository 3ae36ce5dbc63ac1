//! The table of what is measured: each figure with its name in Falco's snapshots, its name for Prometheus, and where it comes
//! from. `/metrics` and the snapshots derive from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::exposition::{Exposition, Kind, sanitized};
use super::host::Utilization;
use super::telemetry::{Loaded, Lost, Readings, Telemetry};
use crate::config::Metrics;
use crate::outputs::{Held, OutputStatus, Outputs};
use crate::plugins::Counters;

/// Everything that figures are taken from, as of one moment.
#[derive(Clone, Debug)]
pub(super) struct Look {
    /// Nanoseconds since the epoch.
    pub time: u64,
    pub start: u64,
    pub engine: Option<&'static str>,
    pub reloads: (u64, u64),
    pub loaded: Loaded,
    pub readings: Readings,
    pub lost: Lost,
    pub used: Utilization,
    pub outputs: Vec<OutputStatus>,
    /// Alerts for which the queue before the outputs had no room.
    pub queue_drops: u64,
    /// Bytes in the spool and the most that it may have, if there is one.
    pub spool: Option<(u64, u64)>,
    /// Alerts that rollup and limits held back, by rule.
    pub held: BTreeMap<String, Held>,
    /// The sources of plugins, each with its name.
    pub plugins: Vec<(String, Arc<Counters>)>,
    /// The plugins that see system calls, each with its name.
    pub calls: Vec<(String, Arc<Counters>)>,
    pub about: About,
}

/// What stays as it is while the process lives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct About {
    /// The version of Falco that this is as good as.
    pub falco_version: &'static str,
    /// The host's name.
    pub hostname: String,
    /// The kernel's release.
    pub kernel_release: String,
    /// When the host was booted, in nanoseconds since the epoch.
    pub boot: u64,
    /// How many CPUs it has.
    pub cpus: u64,
}

impl Look {
    pub(super) fn new(telemetry: &Telemetry, about: &About, config: &Metrics) -> Look {
        let readings = telemetry.readings();
        let mut loaded = telemetry.last_loaded();
        // The rules of other sources count for themselves.
        for (_, counters) in telemetry.plugins() {
            loaded.summary = loaded.summary.joined(&counters.summary());
        }
        let wanted = config.resource_utilization_enabled;
        Look {
            time: crate::alerts::now(),
            start: telemetry.start(),
            engine: telemetry.engine(),
            reloads: telemetry.reloads(),
            loaded,
            plugins: telemetry.plugins().to_vec(),
            calls: telemetry.calls(),
            lost: readings.lost(),
            readings,
            outputs: telemetry.outputs().map(Outputs::status).unwrap_or_default(),
            queue_drops: telemetry.outputs().map(Outputs::queue_drops).unwrap_or_default(),
            spool: telemetry.outputs().and_then(Outputs::spool_size),
            held: telemetry.outputs().map(Outputs::held_back).unwrap_or_default(),
            used: if wanted { Utilization::read() } else { Utilization::default() },
            about: about.clone(),
        }
    }
}

/// What a number counts, which decides how it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    /// Things.
    Count,
    /// Things that there are now.
    Present,
    /// Kilobytes.
    Kilobytes,
    /// Bytes.
    Bytes,
    /// Percent.
    Percent,
}

/// Whether a figure is shown: by a key of `metrics`, and where there is something to count.
type Switch = fn(&Metrics, &Readings) -> bool;
/// Where a number comes from.
type Source = fn(&Look) -> f64;

/// A row: the key in snapshots, the name for Prometheus without prefix and unit, unit, help, switch, source.
type Row = (&'static str, &'static str, Unit, &'static str, Switch, Source);

const RESOURCES: Switch = |metrics, _| metrics.resource_utilization_enabled;
const STATE: Switch = |metrics, _| metrics.state_counters_enabled;
const KERNEL: Switch = |metrics, readings| metrics.kernel_event_counters_enabled && !readings.cpus.is_empty();
const PLUGINS: Switch = |metrics, _| metrics.plugins_metrics_enabled;

/// Numbers without labels.
#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("falco.cpu_usage_perc", "falco_cpu_usage", Unit::Percent, "CPU time of this process in relation to the time since its start.", RESOURCES, |look| look.used.cpu_percent),
    ("falco.memory_rss_kb", "falco_memory_rss", Unit::Kilobytes, "Memory of this process.", RESOURCES, |look| look.used.rss as f64),
    ("falco.memory_vsz_kb", "falco_memory_vsz", Unit::Kilobytes, "Address space of this process.", RESOURCES, |look| look.used.vsz as f64),
    ("falco.memory_pss_kb", "falco_memory_pss", Unit::Kilobytes, "Memory of this process with its share of what others have, too.", RESOURCES, |look| look.used.pss as f64),
    ("falco.container_memory_used_bytes", "falco_container_memory_used", Unit::Bytes, "Memory of the container that this process runs in.", RESOURCES, |look| look.used.container_memory as f64),
    ("falco.host_cpu_usage_perc", "falco_host_cpu_usage", Unit::Percent, "CPU time of the host since it was booted, all CPUs together.", RESOURCES, |look| look.used.host_cpu_percent),
    ("falco.host_memory_used_kb", "falco_host_memory_used", Unit::Kilobytes, "Memory in use on the host.", RESOURCES, |look| look.used.host_memory as f64),
    ("falco.host_procs_running", "falco_host_procs_running", Unit::Present, "Processes of the host that can run.", RESOURCES, |look| look.used.host_running as f64),
    ("falco.host_open_fds", "falco_host_open_fds", Unit::Present, "Open files of the host.", RESOURCES, |look| look.used.host_open_files as f64),
    ("scap.n_threads", "scap_n_threads", Unit::Present, "Threads that are followed.", STATE, |look| look.readings.state.threads as f64),
    ("scap.n_fds", "scap_n_fds", Unit::Present, "Descriptors that are followed.", STATE, |look| look.readings.state.fds as f64),
    ("scap.n_added_threads", "scap_n_added_threads", Unit::Count, "Threads that came into the table.", STATE, |look| look.readings.state.counters.threads_added as f64),
    ("scap.n_removed_threads", "scap_n_removed_threads", Unit::Count, "Threads that left the table.", STATE, |look| look.readings.state.counters.threads_removed as f64),
    ("scap.n_drops_full_threadtable", "scap_n_drops_full_threadtable", Unit::Count, "Threads for which there was no room.", STATE, |look| look.readings.state.counters.threads_refused as f64),
    ("scap.n_failed_thread_lookups", "scap_n_failed_thread_lookups", Unit::Count, "Events of a thread that was not known.", STATE, |look| look.readings.state.counters.thread_misses as f64),
    ("scap.n_failed_fd_lookups", "scap_n_failed_fd_lookups", Unit::Count, "Events about a descriptor that was not known.", STATE, |look| look.readings.state.counters.fd_misses as f64),
    ("plugins.container.n_containers", "plugins_container_n_containers", Unit::Present, "Containers of which something is known.", PLUGINS, |look| look.readings.state.containers as f64),
    ("scap.n_drops_scratch_map", "scap_n_drops_scratch_map", Unit::Count, "Events lost for want of room to put them together: there is always room.", KERNEL, |_| 0.0),
    ("scap.n_drops_page_faults", "scap_n_drops_page_faults", Unit::Count, "Events lost because memory could not be read: they are told without it.", KERNEL, |_| 0.0),
    ("scap.n_drops_bug", "scap_n_drops_bug", Unit::Count, "Events turned away because the same CPU was just recording another.", KERNEL, |look| look.lost.nested as f64),
];

/// Losses of full rings by kind, as Falco tells them apart; the rings know fewer kinds.
pub(super) fn full_by_kind(lost: &Lost) -> [(&'static str, u64); 8] {
    [
        ("clone_fork", lost.process),
        ("execve", 0),
        ("connect", lost.network),
        ("open", lost.file),
        ("dir_file", 0),
        ("other_interest", lost.io + lost.other),
        ("close", 0),
        ("proc", 0),
    ]
}

/// The kinds of which Falco still tells losses at the entry of calls, of which there are none any more.
const ENTRIES: [&str; 6] = ["clone_fork", "execve", "connect", "open", "dir_file", "other_interest"];

/// The text for Prometheus.
pub(super) fn exposition(look: &Look, config: &Metrics) -> Exposition {
    let mut text = Exposition::default();
    wrapper(look, &mut text);
    if config.rules_counters_enabled {
        rules(look, &mut text);
    }
    for (_, name, unit, help, switch, source) in ROWS {
        if !switch(config, &look.readings) {
            continue;
        }
        let value = source(look);
        let (suffix, kind, shown) = match unit {
            Unit::Count => ("total", Kind::Counter, format!("{value:.0}")),
            Unit::Present => ("total", Kind::Gauge, format!("{value:.0}")),
            Unit::Kilobytes => ("bytes", Kind::Gauge, format!("{:.6}", value * 1024.0)),
            Unit::Bytes => ("bytes", Kind::Gauge, format!("{value:.6}")),
            Unit::Percent => ("ratio", Kind::Gauge, format!("{:.6}", value / 100.0)),
        };
        text.add(&format!("falcosecurity_{name}_{suffix}"), kind, help, &[], shown);
    }
    kernel(look, config, &mut text);
    ours(look, &mut text);
    if config.plugins_metrics_enabled {
        super::plugins::add(&look.plugins, &look.calls, &mut text);
    }
    text
}

fn wrapper(look: &Look, text: &mut Exposition) {
    use Kind::{Counter, Gauge};
    let about = &look.about;
    let mut info = |name: &str, help, labels: &[(&str, &str)]| {
        text.add(&format!("falcosecurity_{name}_info"), Gauge, help, labels, 1);
    };
    info("falco_version", "The Falco that this is as good as.", &[("version", about.falco_version)]);
    for (file, digest) in &look.loaded.files.rules {
        let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        info(
            "falco_sha256_rules_files",
            "The rule files that are in force.",
            &[("file_name", &name), ("sha256", digest)],
        );
    }
    for (file, digest) in &look.loaded.files.config {
        let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        info(
            "falco_sha256_config_files",
            "The configuration files that are in force.",
            &[("file_name", &name), ("sha256", digest)],
        );
    }
    if let Some(engine) = look.engine {
        info(
            "scap_engine_name",
            "Where events come from.",
            &[("engine_name", engine), ("evt_source", "syscall")],
        );
    }
    info("falco_kernel_release", "The kernel.", &[("kernel_release", &about.kernel_release)]);
    info("evt_hostname", "The host.", &[("hostname", &about.hostname)]);
    let mut number = |name: &str, kind, help, value: u64| {
        text.add(&format!("falcosecurity_falco_{name}"), kind, help, &[], value);
    };
    number(
        "outputs_queue_num_drops_total",
        Counter,
        "Alerts for which the queue before the outputs had no room.",
        look.queue_drops,
    );
    number("reload_timestamp_nanoseconds", Gauge, "When the rules took effect.", look.loaded.time);
    number("start_timestamp_nanoseconds", Gauge, "When this process began.", look.start);
    number(
        "duration_seconds_total",
        Counter,
        "For how long it runs.",
        look.time.saturating_sub(look.start) / 1_000_000_000,
    );
    number("host_boot_timestamp_nanoseconds", Gauge, "When the host was booted.", about.boot);
    number("host_num_cpus_total", Gauge, "The host's CPUs.", about.cpus);
}

fn rules(look: &Look, text: &mut Exposition) {
    for rule in look.loaded.summary.rules() {
        let count = rule.count();
        let priority = (rule.priority as u8).to_string();
        let tags: Vec<String> = rule.tags.iter().map(|tag| format!("tag_{tag}")).collect();
        let mut labels =
            vec![("rule_name", &*rule.name), ("priority", &*priority), ("source", &*rule.source)];
        labels.extend(tags.iter().map(|tag| (&**tag, "true")));
        if count > 0 {
            text.add(
                "falcosecurity_falco_rules_matches_total",
                Kind::Counter,
                "Alerts of a rule.",
                &labels,
                count,
            );
        }
        labels.truncate(1);
        text.add(
            "saker_rule_matches_total",
            Kind::Counter,
            "Alerts of a rule, also of those without any.",
            &labels,
            count,
        );
        let (samples, time) = rule.cost.read();
        text.add(
            "saker_rule_samples_total",
            Kind::Counter,
            "How often it was measured what a rule costs.",
            &labels,
            samples,
        );
        text.add(
            "saker_rule_sampled_nanoseconds_total",
            Kind::Counter,
            "How long that took in all, each time with nothing remembered.",
            &labels,
            time,
        );
    }
}

fn kernel(look: &Look, config: &Metrics, text: &mut Exposition) {
    let Readings { cpus, programs, .. } = &look.readings;
    if config.kernel_event_counters_enabled && !cpus.is_empty() {
        let total = look.readings.records() + look.lost.total();
        text.add(
            "falcosecurity_scap_n_evts_total",
            Kind::Counter,
            "Events in the kernel, lost ones included.",
            &[],
            total,
        );
        let name = "falcosecurity_scap_n_drops_buffer_total";
        let help = "Events lost because a ring was full.";
        for (drop, count) in full_by_kind(&look.lost) {
            text.add(name, Kind::Counter, help, &[("drop", drop), ("dir", "exit")], count);
        }
        for drop in ENTRIES {
            text.add(name, Kind::Counter, help, &[("drop", drop), ("dir", "enter")], 0);
        }
        text.add(
            "falcosecurity_scap_n_drops_total",
            Kind::Counter,
            "Events lost in the kernel.",
            &[],
            look.lost.total(),
        );
    }
    if config.kernel_event_counters_per_cpu_enabled {
        for cpu in cpus {
            let number = cpu.cpu.to_string();
            let labels = [("cpu", &*number)];
            let events = cpu.records + cpu.lost.total();
            text.add(
                "falcosecurity_scap_n_evts_cpu_total",
                Kind::Counter,
                "Events of a CPU, lost ones included.",
                &labels,
                events,
            );
            text.add(
                "falcosecurity_scap_n_drops_cpu_total",
                Kind::Counter,
                "Events of a CPU that were lost.",
                &labels,
                cpu.lost.total(),
            );
        }
    }
    for program in programs.iter().filter(|_| config.libbpf_stats_enabled) {
        let name = format!("falcosecurity_scap_{}", program.name);
        text.add(
            &format!("{name}_run_cnt_total"),
            Kind::Counter,
            "How often a BPF program ran.",
            &[],
            program.runs,
        );
        text.add(
            &format!("{name}_run_time_nanoseconds_total"),
            Kind::Counter,
            "For how long it ran in all.",
            &[],
            program.time,
        );
        text.add(
            &format!("{name}_avg_time_nanoseconds"),
            Kind::Gauge,
            "For how long it ran on average.",
            &[],
            program.time / program.runs.max(1),
        );
    }
}

/// What Falco has no metric for.
fn ours(look: &Look, text: &mut Exposition) {
    let Readings { events, cpu_time, losses, state, .. } = &look.readings;
    text.add("saker_build_info", Kind::Gauge, "This program.", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    text.add("saker_events_total", Kind::Counter, "Events that went through the loop.", &[], events);
    text.add(
        "saker_cpu_nanoseconds_total",
        Kind::Counter,
        "CPU time that this process has taken.",
        &[],
        cpu_time,
    );
    let each = *cpu_time as f64 / (*events).max(1) as f64;
    text.add(
        "saker_event_cpu_nanoseconds",
        Kind::Gauge,
        "CPU time for each event, all included.",
        &[],
        format!("{each:.1}"),
    );
    for (class, count) in losses {
        text.add(
            "saker_losses_total",
            Kind::Counter,
            "What was lost, by what it was.",
            &[("class", class)],
            count,
        );
    }
    let counters = &state.counters;
    for (class, count) in [
        ("threads_refused", counters.threads_refused),
        ("threads_purged", counters.threads_purged),
        ("thread_misses", counters.thread_misses),
        ("fd_misses", counters.fd_misses),
        ("fds_refused", counters.fds_refused),
        ("containers_refused", counters.containers_refused),
        ("users_refused", counters.users_refused),
    ] {
        text.add(
            "saker_state_total",
            Kind::Counter,
            "What the state had to leave undone.",
            &[("class", class)],
            count,
        );
    }
    for output in &look.outputs {
        let labels = [("output", output.name.as_str())];
        text.add(
            "saker_output_queued",
            Kind::Gauge,
            "Alerts that wait for an output.",
            &labels,
            output.queued,
        );
        for (name, help, count) in [
            ("saker_output_delivered_total", "Alerts that an output delivered.", output.delivered),
            (
                "saker_output_retried_total",
                "Attempts of an output that failed and are repeated.",
                output.retried,
            ),
            ("saker_output_dropped_total", "Alerts that an output lost.", output.dropped),
        ] {
            text.add(name, Kind::Counter, help, &labels, count);
        }
    }
    if let Some((bytes, limit)) = look.spool {
        text.add("saker_spool_bytes", Kind::Gauge, "Bytes of alerts in the spool.", &[], bytes);
        text.add("saker_spool_limit_bytes", Kind::Gauge, "Bytes that the spool may have.", &[], limit);
    }
    for (rule, held) in &look.held {
        for (why, count) in [("rollup", held.rolled_up), ("limit", held.limited)] {
            let labels = [("rule_name", rule.as_str()), ("why", why)];
            text.add(
                "saker_alerts_held_back_total",
                Kind::Counter,
                "Alerts of a rule that were held back.",
                &labels,
                count,
            );
        }
    }
    let (applied, refused) = look.reloads;
    for (result, count) in [("applied", applied), ("refused", refused)] {
        text.add(
            "saker_reloads_total",
            Kind::Counter,
            "Reloads of rules and configuration.",
            &[("result", result)],
            count,
        );
    }
}

/// The fields of a snapshot. `before` is the look for the last one.
pub(super) fn snapshot(look: &Look, before: Option<&Look>, config: &Metrics) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| {
        fields.insert(key.to_owned(), value);
    };
    let (about, readings) = (&look.about, &look.readings);
    let seconds = before.map_or(0.0, |before| look.time.saturating_sub(before.time) as f64 / 1e9);
    let rate = |delta: u64| {
        if seconds > 0.0 { json!((delta as f64 / seconds * 10.0).round() / 10.0) } else { json!(0.0) }
    };
    put("evt.time", look.time.into());
    put("evt.hostname", about.hostname.as_str().into());
    put("evt.source", "syscall".into());
    put("falco.version", about.falco_version.into());
    put("falco.reload_ts", look.loaded.time.into());
    put("falco.start_ts", look.start.into());
    put("falco.duration_sec", (look.time.saturating_sub(look.start) / 1_000_000_000).into());
    put("falco.kernel_release", about.kernel_release.as_str().into());
    put("falco.host_boot_ts", about.boot.into());
    put("falco.host_num_cpus", about.cpus.into());
    put("falco.outputs_queue_num_drops", look.queue_drops.into());
    let files = &look.loaded.files;
    for (kind, (file, digest)) in
        files.rules.iter().map(|file| ("rules", file)).chain(files.config.iter().map(|file| ("config", file)))
    {
        let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        put(&format!("falco.sha256_{kind}_file.{}", sanitized(&name)), digest.as_str().into());
    }
    if let Some(engine) = look.engine {
        put("scap.engine_name", engine.into());
    }
    let last_events = before.map_or(0, |before| before.readings.events);
    if last_events > 0 {
        put("falco.evts_rate_sec", rate(readings.events - last_events));
    }
    put("falco.num_evts", readings.events.into());
    put("falco.num_evts_prev", last_events.into());
    if config.rules_counters_enabled {
        put("falco.rules.matches_total", look.loaded.summary.total().into());
        for rule in look.loaded.summary.rules() {
            if rule.count() > 0 || config.include_empty_values {
                put(&format!("falco.rules.{}", sanitized(&rule.name)), rule.count().into());
            }
        }
    }
    for (key, _, unit, _, switch, source) in ROWS {
        let value = source(look);
        if !switch(config, readings) || (value == 0.0 && !config.include_empty_values) {
            continue;
        }
        let megabytes = |bytes: f64| json!((bytes / 1_048_576.0 * 10.0).round() / 10.0);
        match unit {
            Unit::Kilobytes if config.convert_memory_to_mb => {
                put(&key.replace("_kb", "_mb"), megabytes(value * 1024.0))
            }
            Unit::Bytes if config.convert_memory_to_mb => {
                put(&key.replace("_bytes", "_mb"), megabytes(value))
            }
            Unit::Percent => put(key, value.into()),
            _ => put(key, (value as u64).into()),
        }
    }
    for (_, counters) in look.plugins.iter().filter(|_| config.plugins_metrics_enabled) {
        for metric in counters.reported() {
            put(&format!("plugins.{}", metric.name), json!(metric.value));
        }
    }
    if config.kernel_event_counters_enabled && !readings.cpus.is_empty() {
        let (events, drops) = (readings.records() + look.lost.total(), look.lost.total());
        let last = before
            .map_or((0, 0), |before| (before.readings.records() + before.lost.total(), before.lost.total()));
        let delta = (events.saturating_sub(last.0), drops.saturating_sub(last.1));
        put("scap.n_evts", events.into());
        put("scap.n_evts_prev", last.0.into());
        put("scap.evts_rate_sec", rate(delta.0));
        put("scap.n_drops", drops.into());
        put("scap.n_drops_prev", last.1.into());
        put("scap.evts_drop_rate_sec", rate(delta.1));
        put(
            "scap.n_drops_perc",
            json!(if delta.0 > 0 { 100.0 * delta.1 as f64 / delta.0 as f64 } else { 0.0 }),
        );
        let full = look.lost.full();
        if full > 0 || config.include_empty_values {
            put("scap.n_drops_buffer_total", full.into());
        }
        for (kind, count) in full_by_kind(&look.lost) {
            if count > 0 || config.include_empty_values {
                put(&format!("scap.n_drops_buffer_{kind}_exit"), count.into());
            }
        }
    }
    for cpu in readings.cpus.iter().filter(|_| config.kernel_event_counters_per_cpu_enabled) {
        for (key, count) in [("n_evts", cpu.records + cpu.lost.total()), ("n_drops", cpu.lost.total())] {
            if count > 0 || config.include_empty_values {
                put(&format!("scap.{key}_cpu_{}", cpu.cpu), count.into());
            }
        }
    }
    for program in readings.programs.iter().filter(|_| config.libbpf_stats_enabled) {
        put(&format!("scap.{}.run_cnt", program.name), program.runs.into());
        put(&format!("scap.{}.run_time_ns", program.name), program.time.into());
        put(&format!("scap.{}.avg_time_ns", program.name), (program.time / program.runs.max(1)).into());
    }
    fields
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod tests;
