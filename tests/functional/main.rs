//! Black-box tests of the binary `saker`: what an operator types and what comes out.

// A test may stop at what must not be.
#![allow(clippy::unwrap_used, clippy::panic)]

mod audit_webhook;
mod containers;
mod doctor;
mod drivers;
mod falco;
mod guard;
mod k8s_audit;
mod kubernetes_rules;
mod outputs;
mod packages;
mod plugins;
mod plugins_on_calls;
mod preflight;
mod record;
mod references;
mod reload;
mod rule_tests;
mod rule_tools;
mod scene;
mod shipped_rules;
mod terminal;
mod threads;
mod web;

use std::process::{Command, Output};

/// Runs `saker` with these arguments in a fixed time zone, under a fixed host name.
fn saker(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_saker"))
        .args(args)
        .env("TZ", "UTC")
        .env("FALCO_HOSTNAME", "conformance")
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn help_lists_the_commands() {
    let out = saker(&["--help"]);
    assert_eq!(out.status.code(), Some(0));
    let help = text(&out.stdout);
    for command in [
        "run", "trace", "record", "doctor", "falco", "config", "replay", "read", "check", "fields", "events",
        "syscalls",
    ] {
        assert!(help.contains(&format!("\n  {command} ")), "{command} is missing in:\n{help}");
    }
}

#[test]
fn a_wrong_command_line_exits_with_1() {
    let out = saker(&["replay", "--no-such-flag"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("--no-such-flag"));
}

#[test]
fn a_missing_capture_is_an_error_told_once() {
    let out = saker(&["replay", "/nonexistent.scap"]);
    assert_eq!(out.status.code(), Some(1));
    let stderr = text(&out.stderr);
    assert!(stderr.starts_with("saker: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

/// The bundled capture.
const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/vm_small.scap.gz");

#[test]
fn read_prints_events_in_the_given_form() {
    let out = saker(&["read", CAPTURE, "-p", "%evt.num %evt.type|%6evt.cpu|"]);
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), String::new()));
    let lines = text(&out.stdout);
    assert_eq!(lines.lines().next(), Some("65 switch|1     |"));
    assert_eq!(lines.lines().last(), Some("36609 switch|0     |"));
}

#[test]
fn times_of_day_are_local_and_iso_8601_is_utc() {
    let format = "%evt.time %evt.time.s %evt.datetime %evt.time.iso8601";
    let out = Command::new(env!("CARGO_BIN_EXE_saker"))
        .args(["read", CAPTURE, "evt.num = 65", "-p", format])
        .env("TZ", "CET-1")
        .output()
        .expect("the binary runs");
    assert_eq!(
        text(&out.stdout),
        "06:36:44.653057451 06:36:44 2026-11-22 06:36:44.653057451 2026-11-22T05:36:44.653057451+0000\n"
    );
}

#[test]
fn read_leaves_out_events_without_a_value_unless_the_format_begins_with_a_star() {
    let strict = saker(&["read", CAPTURE, "-p", "%evt.num %fd.sip"]);
    let tolerant = saker(&["read", CAPTURE, "-p", "*%evt.num %fd.sip"]);
    assert!(text(&strict.stdout).lines().count() < 1000);
    assert!(text(&tolerant.stdout).starts_with("65 <NA>\n"));
}

#[test]
fn read_prints_json_with_the_fields_asked_for() {
    let out = saker(&["read", CAPTURE, "--json", "--fields", "evt.type, evt.num,fd.sip"]);
    assert_eq!(text(&out.stdout).lines().next(), Some(r#"{"evt.type":"switch","evt.num":65,"fd.sip":null}"#));
    let null = saker(&["read", CAPTURE, "--json", "--fields", "evt.num,evt.type.is,fd.ip"]);
    assert!(text(&null.stdout).starts_with(r#"{"evt.num":65,"evt.type.is":null,"fd.ip":null}"#));
    let all = saker(&["read", CAPTURE, "--json", "--fields", "all"]);
    let first = text(&all.stdout).lines().next().unwrap_or_default().to_owned();
    let object: serde_json::Map<_, _> = serde_json::from_str(&first).unwrap();
    assert!(object.len() > 200, "{} fields", object.len());
    assert!(object.contains_key("container.id"));
}

#[test]
fn read_refuses_what_is_no_field() {
    for (args, error) in [
        (["--json", "--fields", "evt.num,nosuch.field"], "nosuch.field"),
        (["--json", "--fields", "evt.num evt.type"], "expected a comma at 'evt.type'"),
        (["-o", "a=b", "-p%evt.num"], "unknown configuration key 'a'"),
    ] {
        let out = saker(&[&["read", CAPTURE], &args[..]].concat());
        assert_eq!(out.status.code(), Some(1));
        let stderr = text(&out.stderr);
        assert!(stderr.contains(error) && stderr.lines().count() == 1, "{stderr}");
    }
}

#[test]
fn a_truncated_capture_is_read_up_to_the_damage() {
    let whole = saker(&["read", CAPTURE, "-p", "%evt.num"]);
    let dir = std::env::temp_dir().join(format!("saker-truncated-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let cut = dir.join("cut.scap");
    let bytes = std::fs::read(CAPTURE).unwrap();
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let part = saker(&["read", cut.to_str().unwrap(), "-p", "%evt.num"]);
    std::fs::remove_dir_all(&dir).unwrap();

    assert_eq!(part.status.code(), Some(1));
    assert!(!part.stdout.is_empty() && whole.stdout.starts_with(&part.stdout));
    let stderr = text(&part.stderr);
    assert!(stderr.contains("cut.scap: at byte ") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_saker"))
        .args(["read", CAPTURE])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), String::new()));
}

#[test]
fn read_prints_only_events_that_pass_the_filter() {
    let out =
        saker(&["read", CAPTURE, "evt.type = openat and evt.failed = true", "-p", "%evt.type %evt.failed"]);
    let lines = text(&out.stdout);
    assert!(!lines.is_empty() && lines.lines().all(|line| line == "openat true"), "{lines}");
}

#[test]
fn a_wrong_filter_is_shown_with_a_caret() {
    let out = saker(&["read", CAPTURE, "evt.type = openat and proc.nam = cat"]);
    assert_eq!((out.status.code(), text(&out.stdout)), (Some(1), String::new()));
    insta::assert_snapshot!(text(&out.stderr), @r"
    saker: filter: filter_check called with nonexistent field proc.nam
     --> 1:23
      | evt.type = openat and proc.nam = cat
      |                       ^^^^^^^^
    ");
}

/// A file under a temporary directory of its own, removed with it.
struct TempFile {
    dir: std::path::PathBuf,
    path: String,
}

impl TempFile {
    fn new(name: &str, content: &str) -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("saker-functional-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join(name);
        std::fs::write(&path, content).unwrap();
        TempFile { path: path.to_str().unwrap().to_owned(), dir }
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

const RULES: &str = "
- rule: Failed open
  desc: an open that fails
  condition: evt.type = openat and evt.failed = true
  output: failed %evt.num %evt.type none=%fd.sip
  priority: WARNING
  tags: [b, a]
- rule: Any open
  desc: any open
  condition: evt.type = openat and evt.num < 700
  output: open %evt.num
  priority: INFO
- rule: Off
  desc: switched off
  condition: evt.type = openat
  enabled: false
  output: off
  priority: ERROR
";

/// Replays the bundled capture under [`RULES`].
fn replay(args: &[&str]) -> Output {
    let rules = TempFile::new("rules.yaml", RULES);
    saker(&[&["replay", "-r", &rules.path], args, &[CAPTURE]].concat())
}

#[test]
fn replay_prints_alerts_and_a_summary() {
    let out = replay(&[]);
    assert_eq!(out.status.code(), Some(0));
    let alerts = text(&out.stdout);
    insta::assert_snapshot!(alerts.lines().take(3).collect::<Vec<_>>().join("\n"), @r"
    05:36:47.031726331: Informational open 449
    05:36:47.036836765: Informational open 456
    05:36:47.086924020: Informational open 497
    ");
    insta::assert_snapshot!(text(&out.stderr), @r"
    Events detected: 185
    Rule counts by severity:
       WARNING: 176
       INFO: 9
    Triggered rules by rule name:
       Failed open: 176
       Any open: 9
    ");
}

#[test]
fn replay_prints_json() {
    let out = replay(&["--json", "-o", "rules[].disable.rule=Any*"]);
    insta::assert_snapshot!(text(&out.stdout).lines().next().unwrap_or_default(), @r#"{"hostname":"conformance","output":"05:36:47.185991369: Warning failed 630 openat none=<NA>","output_fields":{"evt.num":630,"evt.time":1795325807185991369,"evt.type":"openat","fd.sip":null},"priority":"Warning","rule":"Failed open","source":"syscall","tags":["a","b"],"time":"2026-11-22T05:36:47.185991369Z"}"#);
}

#[test]
fn replay_heeds_matching_priority_and_selection() {
    let rules = |args: &[&str]| {
        let out = replay(args);
        let stderr = text(&out.stderr);
        let counts = stderr.split("by rule name:\n").nth(1).unwrap_or_default().to_owned();
        counts.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join(", ")
    };
    let seen = [
        rules(&[]),
        rules(&["--rule-matching", "all"]),
        rules(&["-o", "priority=warning"]),
        rules(&["-o", "rules[].disable.tag=a"]),
        rules(&["-o", "rules[].disable.rule=*", "-o", "rules[].enable.rule=Off"]),
        rules(&["-o", "rules[].enable.rule=Off"]),
    ];
    insta::assert_snapshot!(seen.join("\n"), @r"
    Failed open: 176, Any open: 9
    Failed open: 176, Any open: 10
    Failed open: 176
    Any open: 10
    Off: 1724
    Failed open: 176, Any open: 9, Off: 1539
    ");
}

#[test]
fn replay_refuses_wrong_rules_and_options() {
    let rules = TempFile::new("wrong.yaml", "- rule: r\n  desc: d\n  condition: evt.type = open\n");
    let out = saker(&["replay", "-r", &rules.path, CAPTURE]);
    assert_eq!((out.status.code(), text(&out.stdout)), (Some(1), String::new()));
    assert!(text(&out.stderr).contains("wrong.yaml: invalid rules"), "{}", text(&out.stderr));

    for (args, error) in [
        (["-r", "/nonexistent.yaml"], "/nonexistent.yaml"),
        (["-o", "rule_matching=some"], "'some'"),
        (["-o", "append_output[0].extra_output=%nosuch"], "no field at '%nosuch'"),
        (["--rule-matching", "best"], "'best'"),
    ] {
        let out = replay(&args);
        assert_eq!(out.status.code(), Some(1), "{args:?}");
        assert!(text(&out.stderr).contains(error), "{}", text(&out.stderr));
    }
}

#[test]
fn a_truncated_capture_is_replayed_up_to_the_damage() {
    let rules = TempFile::new("rules.yaml", RULES);
    let whole = saker(&["replay", "-r", &rules.path, CAPTURE]);
    let bytes = std::fs::read(CAPTURE).unwrap();
    let cut = TempFile::new("cut.scap", "");
    std::fs::write(&cut.path, &bytes[..bytes.len() / 2]).unwrap();
    let part = saker(&["replay", "-r", &rules.path, &cut.path]);

    assert_eq!(part.status.code(), Some(1));
    assert!(!part.stdout.is_empty() && part.stdout.len() < whole.stdout.len());
    assert!(whole.stdout.starts_with(&part.stdout));
    let stderr = text(&part.stderr);
    let (summary, error) = stderr.split_once("saker: ").unwrap();
    assert!(summary.starts_with("Events detected: ") && summary.contains("   Failed open: "), "{stderr}");
    assert!(error.contains("cut.scap: at byte ") && error.lines().count() == 1, "{stderr}");
}

#[test]
fn replay_takes_rules_from_a_directory_in_order_and_the_capture_from_stdin() {
    let list = TempFile::new("10-list.yaml", "- list: calls\n  items: [openat]\n");
    let dir = std::path::Path::new(&list.path).parent().unwrap();
    let rule = "- rule: r\n  desc: d\n  condition: evt.type in (calls) and evt.num < 500\n  output: o\n  priority: INFO\n";
    std::fs::write(dir.join("20-rule.yml"), rule).unwrap();
    std::fs::write(dir.join("30-notes.txt"), "no rules").unwrap();

    let out = Command::new(env!("CARGO_BIN_EXE_saker"))
        .args(["replay", "-r", dir.to_str().unwrap(), "-"])
        .stdin(std::fs::File::open(CAPTURE).unwrap())
        .output()
        .unwrap();
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    assert_eq!(text(&out.stdout).lines().count(), 3);
}

/// Nothing is permitted to a user without rights; what is left to do is said.
#[test]
fn run_without_rights_says_what_can_be_done() {
    use std::os::unix::process::CommandExt;
    let rules = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("any.yaml");
    std::fs::write(
        &rules,
        "- rule: r\n  desc: d\n  condition: evt.type = execve\n  output: o\n  priority: INFO\n",
    )
    .unwrap();
    // A copy that everybody can execute, wherever the build directory is.
    let directory = tempfile::tempdir().unwrap();
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(directory.path(), everybody).unwrap();
    let [program, file] = ["saker", "rules.yaml"].map(|name| directory.path().join(name));
    std::fs::copy(env!("CARGO_BIN_EXE_saker"), &program).unwrap();
    std::fs::copy(&rules, &file).unwrap();
    let mut command = Command::new(&program);
    command.args(["run", "-r", file.to_str().unwrap()]).current_dir("/");
    if nix::unistd::geteuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    let out = command.output().unwrap();
    let stderr = text(&out.stderr);
    assert_eq!((out.status.code(), text(&out.stdout)), (Some(1), String::new()), "{stderr}");
    for part in [
        "no driver can be used here",
        "kernel module: ",
        "eBPF: ",
        "`saker replay` runs rules over a capture",
    ] {
        assert!(stderr.contains(part), "no '{part}' in {stderr}");
    }
}
