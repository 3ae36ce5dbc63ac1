//! Black-box tests of the binary `saker`: what an operator types and what comes out.

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
