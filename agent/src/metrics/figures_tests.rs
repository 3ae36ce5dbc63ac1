//! The names and numbers that are shown, against those that dashboards for Falco ask for.

use std::collections::BTreeSet;

use super::super::telemetry::CpuReadings;
use super::super::{Files, Monitor, ProgramTime, Snapshots};
use super::*;
use crate::alerts::Summary;
use crate::config::Config;
use crate::state::StateFigures;

fn config(options: &[&str]) -> Metrics {
    let options: Vec<String> = options.iter().map(|option| format!("metrics.{option}")).collect();
    Config::from_options(&options).unwrap().metrics
}

fn look() -> Look {
    let cpu =
        |cpu, records| CpuReadings { cpu, records, lost: Lost { file: 3, nested: 1, ..Lost::default() } };
    let readings = Readings {
        events: 900,
        cpu_time: 1_800_000,
        cpus: vec![cpu(0, 500), cpu(1, 400)],
        losses: vec![("ring.full_file".to_owned(), 6)],
        state: StateFigures { threads: 7, fds: 70, ..StateFigures::default() },
        programs: vec![ProgramTime { name: "sys_exit".to_owned(), runs: 10, time: 3000 }],
    };
    let files = Files {
        config: vec![("/etc/falco/falco.yaml".into(), "c0".to_owned())],
        rules: vec![("/etc/falco/falco_rules.yaml".into(), "a1".to_owned())],
    };
    Look {
        plugins: Vec::new(),
        calls: Vec::new(),
        time: 2_000_000_000_000,
        start: 1_990_000_000_000,
        engine: Some("modern_bpf"),
        reloads: (2, 1),
        loaded: Loaded { time: 1_995_000_000_000, files, summary: Summary::default() },
        lost: readings.lost(),
        readings,
        used: Utilization { cpu_percent: 4.1, rss: 2048, ..Utilization::default() },
        outputs: vec![OutputStatus {
            name: "http".to_owned(),
            queued: 3,
            delivered: 9,
            retried: 1,
            dropped: 0,
            last_error: None,
        }],
        queue_drops: 4,
        spool: Some((100, 1000)),
        held: BTreeMap::from([("Noisy".to_owned(), Held { rolled_up: 5, limited: 6 })]),
        about: About { falco_version: "0.44.1", hostname: "box".to_owned(), cpus: 2, ..About::default() },
    }
}

/// The names that dashboards for Falco ask for.
#[test]
fn prometheus_names_are_those_of_falco() {
    let text = exposition(&look(), &config(&[])).to_string();
    for line in [
        r#"falcosecurity_falco_version_info{version="0.44.1"} 1"#,
        r#"falcosecurity_falco_sha256_rules_files_info{file_name="falco_rules.yaml",sha256="a1"} 1"#,
        r#"falcosecurity_falco_sha256_config_files_info{file_name="falco.yaml",sha256="c0"} 1"#,
        r#"falcosecurity_scap_engine_name_info{engine_name="modern_bpf",evt_source="syscall"} 1"#,
        r#"falcosecurity_evt_hostname_info{hostname="box"} 1"#,
        "falcosecurity_falco_outputs_queue_num_drops_total 4",
        "falcosecurity_falco_reload_timestamp_nanoseconds 1995000000000",
        "falcosecurity_falco_start_timestamp_nanoseconds 1990000000000",
        "falcosecurity_falco_duration_seconds_total 10",
        "falcosecurity_falco_host_num_cpus_total 2",
        "falcosecurity_falco_cpu_usage_ratio 0.041000",
        "falcosecurity_falco_memory_rss_bytes 2097152.000000",
        "falcosecurity_scap_n_evts_total 908",
        "falcosecurity_scap_n_drops_total 8",
        r#"falcosecurity_scap_n_drops_buffer_total{dir="exit",drop="open"} 6"#,
        r#"falcosecurity_scap_n_drops_buffer_total{dir="enter",drop="open"} 0"#,
        "falcosecurity_scap_n_drops_bug_total 2",
        r#"falcosecurity_scap_n_evts_cpu_total{cpu="1"} 404"#,
        r#"falcosecurity_scap_n_drops_cpu_total{cpu="1"} 4"#,
        "falcosecurity_scap_n_threads_total 7",
        "falcosecurity_scap_n_fds_total 70",
        "falcosecurity_scap_sys_exit_run_cnt_total 10",
        "falcosecurity_scap_sys_exit_avg_time_nanoseconds 300",
        "saker_events_total 900",
        "saker_event_cpu_nanoseconds 2000.0",
        r#"saker_losses_total{class="ring.full_file"} 6"#,
        r#"saker_reloads_total{result="applied"} 2"#,
        "saker_spool_bytes 100",
        r#"saker_output_queued{output="http"} 3"#,
        r#"saker_output_delivered_total{output="http"} 9"#,
        r#"saker_alerts_held_back_total{rule_name="Noisy",why="limit"} 6"#,
    ] {
        assert!(text.lines().any(|found| found == line), "no {line} in\n{text}");
    }
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "a family stands together");
}

#[test]
fn each_key_switches_its_figures() {
    for (key, prefix) in [
        ("resource_utilization_enabled", "falcosecurity_falco_memory_rss_bytes"),
        ("state_counters_enabled", "falcosecurity_scap_n_threads_total"),
        ("kernel_event_counters_enabled", "falcosecurity_scap_n_evts_total"),
        ("kernel_event_counters_per_cpu_enabled", "falcosecurity_scap_n_evts_cpu_total"),
        ("libbpf_stats_enabled", "falcosecurity_scap_sys_exit_"),
        ("plugins_metrics_enabled", "falcosecurity_plugins_container_n_containers_total"),
    ] {
        let has = |value: &str| {
            let config = config(&[&format!("{key}={value}")]);
            exposition(&look(), &config).to_string().lines().any(|line| line.starts_with(prefix))
        };
        assert!(has("true") && !has("false"), "{key}");
    }
}

#[test]
fn a_snapshot_has_the_fields_of_falco() {
    let mut before = look();
    (before.time, before.readings.events) = (1_998_000_000_000, 800);
    let shown = |config: &Metrics| {
        let fields = snapshot(&look(), Some(&before), config);
        serde_json::to_string_pretty(&fields).unwrap()
    };
    insta::assert_snapshot!(shown(&config(&[])), @r#"
    {
      "evt.hostname": "box",
      "evt.source": "syscall",
      "evt.time": 2000000000000,
      "falco.cpu_usage_perc": 4.1,
      "falco.duration_sec": 10,
      "falco.evts_rate_sec": 50.0,
      "falco.host_boot_ts": 0,
      "falco.host_num_cpus": 2,
      "falco.kernel_release": "",
      "falco.memory_rss_mb": 2.0,
      "falco.num_evts": 900,
      "falco.num_evts_prev": 800,
      "falco.outputs_queue_num_drops": 4,
      "falco.reload_ts": 1995000000000,
      "falco.rules.matches_total": 0,
      "falco.sha256_config_file.falco_yaml": "c0",
      "falco.sha256_rules_file.falco_rules_yaml": "a1",
      "falco.start_ts": 1990000000000,
      "falco.version": "0.44.1",
      "scap.engine_name": "modern_bpf",
      "scap.evts_drop_rate_sec": 0.0,
      "scap.evts_rate_sec": 0.0,
      "scap.n_drops": 8,
      "scap.n_drops_buffer_open_exit": 6,
      "scap.n_drops_buffer_total": 6,
      "scap.n_drops_bug": 2,
      "scap.n_drops_cpu_0": 4,
      "scap.n_drops_cpu_1": 4,
      "scap.n_drops_perc": 0.0,
      "scap.n_drops_prev": 8,
      "scap.n_evts": 908,
      "scap.n_evts_cpu_0": 504,
      "scap.n_evts_cpu_1": 404,
      "scap.n_evts_prev": 908,
      "scap.n_fds": 70,
      "scap.n_threads": 7,
      "scap.sys_exit.avg_time_ns": 300,
      "scap.sys_exit.run_cnt": 10,
      "scap.sys_exit.run_time_ns": 3000
    }
    "#);
    let full = shown(&config(&["convert_memory_to_mb=false", "include_empty_values=true"]));
    for part in [
        "\"falco.memory_rss_kb\": 2048",
        "\"scap.n_drops_buffer_execve_exit\": 0",
        "\"falco.memory_pss_kb\": 0",
    ] {
        assert!(full.contains(part), "no {part} in {full}");
    }
}

#[test]
fn snapshots_go_to_a_file_and_become_alerts() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = format!("output_file={}", file.path().display());
    let config = config(&["enabled=true", "output_rule=true", &path]);
    let monitor = Monitor::new(Telemetry::default(), About::default(), config);
    let mut snapshots = Snapshots::new(monitor).unwrap();
    assert!(snapshots.wanted());
    let alert = snapshots.take().unwrap();
    assert_eq!(
        (alert.rule.as_str(), alert.message.as_str()),
        ("Falco internal: metrics snapshot", "Falco metrics snapshot")
    );
    snapshots.take();
    let text = std::fs::read_to_string(file.path()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[1]["sample"]), (2, &json!(2)));
    assert!(lines[0]["output_fields"]["falco.num_evts"].is_number());
}
