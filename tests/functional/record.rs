//! `saker record -- CMD`: what is in the file, and that a replay of it raises what the live trace raised.

use std::path::Path;

use crate::drivers::can_trace;
use crate::{saker, text};

const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules");

/// Deeds that raise alerts. Each in a process whose ancestors are the same under `trace` and `record`.
fn deeds(home: &Path) -> String {
    let home = home.display();
    format!(
        "sh -c 'mkdir -p {home}/.ssh; echo key > {home}/.ssh/id_rsa; cat {home}/.ssh/id_rsa > /dev/null; true'
         sh -c 'echo x >> {home}/.ssh/authorized_keys; true'
         sh -c 'cp /bin/true {home}/suid; chmod 4755 {home}/suid; true'
         sh -c 'touch {home}/.bash_history; rm {home}/.bash_history; true'
         sh -c 'cat /etc/shadow > /dev/null; true'"
    )
}

/// The alerts as JSON, without what differs from one run to the next.
fn alerts(stdout: &[u8]) -> Vec<(String, String)> {
    let line = |line: &str| {
        let mut alert: serde_json::Value = serde_json::from_str(line).unwrap();
        // What goes beyond Falco's schema has no place in a capture.
        let fields = alert["output_fields"].as_object_mut().unwrap();
        fields.retain(|name, _| name != "evt.time" && !name.starts_with("saker."));
        (alert["rule"].as_str().unwrap().to_owned(), alert["output_fields"].to_string())
    };
    text(stdout).lines().map(line).collect()
}

#[test]
fn a_replay_of_a_recording_raises_what_the_live_trace_raised() {
    if !can_trace() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    let deeds = deeds(&home);
    let tactics = ["credential-access", "defense-evasion", "persistence", "privilege-escalation"];
    let rules: Vec<String> =
        tactics.iter().flat_map(|tactic| ["-r".to_owned(), format!("{RULES}/{tactic}")]).collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let live = saker(&[&["trace", "--json"], &rules[..], &["--", "sh", "-c", &deeds]].concat());
    assert_eq!(live.status.code(), Some(0), "{}", text(&live.stderr));
    std::fs::remove_dir_all(&home).unwrap();
    let live = alerts(&live.stdout);
    assert!(live.len() >= 5, "{live:?}");
    for name in ["plain.scap", "packed.scap.gz"] {
        let file = directory.path().join(name);
        let file = file.to_str().unwrap();
        let out = saker(&["record", "-w", file, "--", "sh", "-c", &deeds]);
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        assert!(text(&out.stderr).contains(", lost: 0"), "{}", text(&out.stderr));
        std::fs::remove_dir_all(&home).unwrap();
        for threads in ["1", "2"] {
            let replayed =
                saker(&[&["replay", "--json", "--threads", threads], &rules[..], &[file]].concat());
            assert_eq!(alerts(&replayed.stdout), live, "{name}, {threads} threads");
        }
    }
}

#[test]
fn a_recording_is_limited_and_filtered() {
    if !can_trace() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("some.scap");
    let file = file.to_str().unwrap();
    let events = |format: &str| text(&saker(&["read", file, "-p", format]).stdout);
    let out = saker(&["record", "-w", file, "-n", "7", "--", "sh", "-c", "true; exit 3"]);
    assert!(text(&out.stderr).contains("Written: 7 events"), "{}", text(&out.stderr));
    assert_eq!(events("%evt.num").lines().count(), 7);

    let out = saker(&[
        "record",
        "-w",
        file,
        "evt.type = openat and fd.name = /dev/zero",
        "-s",
        "100",
        "--",
        "dd",
        "if=/dev/zero",
        "count=1",
    ]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(events("%evt.type %fd.name"), "openat /dev/zero\n");

    let text_file = directory.path().join("text");
    std::fs::write(&text_file, "x".repeat(512)).unwrap();
    let out = saker(&["record", "-w", file, "-s", "100", "--", "cat", text_file.to_str().unwrap()]);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let filter = format!("evt.type = read and fd.name = {} and evt.rawres = 512", text_file.display());
    let data = text(&saker(&["read", file, &filter, "-p", "%evt.buffer"]).stdout);
    assert_eq!(data, format!("{}\n", "x".repeat(100)));
}

#[test]
fn the_status_is_that_of_the_command() {
    if !can_trace() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.scap");
    let file = file.to_str().unwrap();
    assert_eq!(saker(&["record", "-w", file, "--", "sh", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(saker(&["record", "-w", file, "--", "/no/such/program"]).status.code(), Some(127));
    // It is asked to end when the time is over: 128 and SIGTERM.
    let out = saker(&["record", "-w", file, "--duration", "1", "--", "sleep", "600"]);
    assert_eq!(out.status.code(), Some(143), "{}", text(&out.stderr));
}

#[test]
fn a_file_that_cannot_be_written_is_an_error() {
    if !can_trace() {
        return;
    }
    let out = saker(&["record", "-w", "/nonexistent/a.scap", "--", "true"]);
    assert_eq!(out.status.code(), Some(125));
    assert!(text(&out.stderr).contains("/nonexistent/a.scap"), "{}", text(&out.stderr));
    let out = saker(&["record", "-w", "/dev/full", "--", "true"]);
    assert_eq!(out.status.code(), Some(125));
    assert!(text(&out.stderr).contains("No space left"), "{}", text(&out.stderr));
}

#[test]
fn standard_output_is_not_shared_with_a_command() {
    let out = saker(&["record", "-w", "-", "--", "true"]);
    assert_eq!(out.status.code(), Some(125));
    assert!(text(&out.stderr).contains("name a file with -w"), "{}", text(&out.stderr));
}

/// Rules of which one asks for a capture.
const CAPTURING: &str = r#"
- rule: Opens one
  desc: d
  condition: evt.type in (open, openat) and fd.name endswith /one
  output: opened %fd.name by %proc.name of %proc.pname
  priority: INFO
  capture: true
  capture_duration: 60000
- rule: Opens two
  desc: d
  condition: evt.type in (open, openat) and fd.name endswith /two
  output: opened %fd.name by %proc.name of %proc.pname
  priority: INFO
"#;

#[test]
fn an_alert_of_a_rule_that_asks_begins_a_capture() {
    if !can_trace() {
        return;
    }
    for threads in ["1", "2"] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().to_str().unwrap();
        let rules = format!("{path}/rules.yaml");
        std::fs::write(&rules, CAPTURING).unwrap();
        for name in ["one", "two", "three"] {
            std::fs::write(directory.path().join(name), "text").unwrap();
        }
        let script = format!("cat {path}/two; cat {path}/one; cat {path}/three; cat {path}/two");
        let prefix = format!("capture.path_prefix={path}/cap");
        let options = ["--threads", threads, "-o", "capture.enabled=true", "-o", &prefix];
        let live = saker(&[&["trace", "-r", &rules][..], &options, &["--", "sh", "-c", &script]].concat());
        assert_eq!(live.status.code(), Some(0), "{}", text(&live.stderr));
        let alerts = text(&live.stdout);
        assert_eq!(alerts.matches("opened ").count(), 3, "{alerts}");

        let names = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let captures: Vec<String> = names
            .filter_map(|name| name.into_string().ok())
            .filter(|name| name.starts_with("cap_"))
            .collect();
        let [capture] = captures.as_slice() else { panic!("{captures:?}\n{}", text(&live.stderr)) };
        let numbers = capture.strip_prefix("cap_").and_then(|rest| rest.strip_suffix(".scap")).unwrap();
        let (time, number) = numbers.split_once('_').unwrap();
        assert_eq!((time.len(), number.len()), (20, 20), "{capture}");

        let capture = format!("{path}/{capture}");
        let replayed = saker(&["replay", "-r", &rules, &capture]);
        // From the alert that asked on, and the same as they were live.
        let of_live: Vec<&str> =
            alerts.lines().skip(1).map(|line| line.split("opened").nth(1).unwrap()).collect();
        let of_replay = text(&replayed.stdout);
        let of_replay: Vec<&str> =
            of_replay.lines().map(|line| line.split("opened").nth(1).unwrap()).collect();
        assert_eq!(of_replay, of_live, "{threads} threads: {}", text(&replayed.stderr));
        let first = text(&saker(&["read", &capture, "-p", "%evt.rawtime %proc.name"]).stdout);
        let first = first.lines().next().unwrap().to_owned();
        assert_eq!(first, format!("{} cat", time.trim_start_matches('0')));
    }
}
