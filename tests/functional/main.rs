//! Black-box tests of the binary `saker`: what an operator types and what comes out.

mod references;

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
    for command in ["replay", "read", "check", "fields", "events", "syscalls"] {
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
