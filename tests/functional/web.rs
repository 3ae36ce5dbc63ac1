//! The web server and the metrics of a run, as a probe of Kubernetes and a Prometheus see them.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use super::reload::{PATIENCE, Place, Run, capture};
use super::text;

/// How many events the bundled capture has.
const EVENTS: f64 = 36_608.0;

/// What the server of a run answers to a path.
pub(crate) fn get(address: &str, path: &str) -> String {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(client, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    text(&answer)
}

/// The number of a metric.
pub(crate) fn number(metrics: &str, name: &str) -> f64 {
    let line = metrics.lines().find(|line| line.split_whitespace().next() == Some(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in\n{metrics}"));
    line.split_whitespace().last().unwrap().parse().unwrap()
}

fn started(extra: &str) -> (Place, Run, String) {
    let place = Place::new(&format!("webserver: {{enabled: true, listen_port: 0{extra}}}\n"));
    let run = Run::start(&place);
    let line = run.wait_for("web server: http://");
    let address = line.split_once("http://").unwrap().1.trim().to_owned();
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    (place, run, address)
}

#[test]
fn a_run_tells_health_versions_and_metrics() {
    let (place, mut run, address) = started(", prometheus_metrics_enabled: true}\nmetrics: {enabled: true");
    let capture = capture();
    let (first, second) = capture.split_at(capture.len() / 2);
    run.feed(first);
    run.hangup();
    run.wait_for("reload 1: ready");
    assert!(get(&address, "/healthz").ends_with("\r\n\r\n{\"status\": \"ok\"}"));
    let versions = get(&address, "/versions");
    let versions: Value = serde_json::from_str(versions.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(versions["falco_version"], "0.44.1");
    assert!(
        versions["engine_version_semver"].is_string() && versions["plugin_versions"]["container"].is_string()
    );
    run.feed(second);
    // The events are on their way through a pipe and a thread.
    for _ in 0..6000 {
        if number(&get(&address, "/metrics"), "saker_events_total") >= EVENTS {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    // Its numbers are read one after the other: only of what has come to rest they tell the same.
    let metrics = get(&address, "/metrics");
    assert!(metrics.contains("\r\ncontent-type: text/plain; version=0.0.4\r\n"));
    assert!(number(&metrics, "falcosecurity_scap_n_threads_total") > 0.0);
    assert!(number(&metrics, "falcosecurity_falco_memory_rss_bytes") > 1_000_000.0);
    assert!(number(&metrics, "saker_rule_samples_total{rule_name=\"Open\"}") > 0.0);
    assert_eq!(number(&metrics, "saker_reloads_total{result=\"applied\"}"), 1.0);
    assert!(
        metrics.contains("falcosecurity_falco_sha256_rules_files_info{file_name=\"rules.yaml\",sha256=\"")
    );
    let open =
        "falcosecurity_falco_rules_matches_total{priority=\"6\",rule_name=\"Open\",source=\"syscall\"}";
    let counted = metrics.lines().find_map(|line| line.strip_prefix(open)).unwrap().trim().to_owned();
    drop(place);
    let (alerts, log) = run.finish();
    assert!(log.contains(&format!("   Open: {counted}")), "{counted} in {log}");
    assert_eq!(alerts.lines().filter(|line| line.contains("Informational")).count().to_string(), counted);
}

#[test]
fn without_metrics_there_are_none() {
    let (_place, mut run, address) = started("");
    assert!(get(&address, "/metrics").starts_with("HTTP/1.1 404 "));
    assert!(get(&address, "/").starts_with("HTTP/1.1 404 "));
    run.feed(&capture());
    run.finish();
}

#[test]
fn snapshots_are_alerts_of_falco_and_lines_of_a_file() {
    let place = Place::new("");
    let config = std::fs::read_to_string(place.path("saker.yaml")).unwrap();
    let file = place.path("metrics.jsonl");
    place.write(
        "saker.yaml",
        &format!(
            "{config}json_output: true\nmetrics: {{enabled: true, interval: 100ms, output_rule: true, output_file: {}}}\n",
            file.display()
        ),
    );
    let mut run = Run::start(&place);
    let capture = capture();
    let mut parts = capture.chunks(capture.len() / 20 + 1);
    run.feed(parts.next().unwrap());
    for _ in 0..600 {
        let lines = std::fs::read_to_string(&file).unwrap_or_default().lines().count();
        if lines >= 3 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    parts.for_each(|part| run.feed(part));
    let (alerts, log) = run.finish();
    let snapshot = alerts
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .find(|alert| alert["rule"] == "Falco internal: metrics snapshot")
        .unwrap();
    assert_eq!((&snapshot["priority"], &snapshot["source"]), (&"Informational".into(), &"internal".into()));
    assert_eq!(
        (&snapshot["output"], &snapshot["hostname"]),
        (&"Falco metrics snapshot".into(), &"conformance".into())
    );
    for field in
        ["falco.num_evts", "falco.start_ts", "falco.host_num_cpus", "falco.memory_rss_mb", "evt.time"]
    {
        assert!(snapshot["output_fields"][field].is_number(), "{field} in {snapshot}");
    }
    assert_eq!(snapshot["output_fields"]["evt.hostname"], "conformance");
    assert!(log.contains("Falco internal: metrics snapshot: "), "{log}");
    let lines = std::fs::read_to_string(&file).unwrap();
    let samples: Vec<u64> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["sample"].as_u64().unwrap())
        .collect();
    assert_eq!(samples, (1..=samples.len() as u64).collect::<Vec<_>>());
}
