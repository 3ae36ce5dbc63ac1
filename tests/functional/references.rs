//! The references under `docs/` are what the commands print.

use std::fs;
use std::path::Path;

use crate::{saker, text};

fn is_current(reference: &str) {
    is_printed_by(reference, reference);
}

fn is_printed_by(reference: &str, command: &str) {
    is_printed(reference, &[command, "--format", "markdown"]);
}

fn is_printed(reference: &str, arguments: &[&str]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../docs/{reference}.md"));
    let out = saker(arguments);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text(&out.stdout), "docs/{reference}.md is not current: run scripts/docs");
}

#[test]
fn fields() {
    is_current("fields");
}

#[test]
fn events() {
    is_current("events");
}

#[test]
fn syscalls() {
    is_current("syscalls");
}

#[test]
fn configuration() {
    is_printed_by("configuration", "config");
}

#[test]
fn keys_of_test_files() {
    is_printed("rule-test-keys", &["test", "--schema", "markdown"]);
}

#[test]
fn rules() {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules");
    is_printed("rules", &["test", "--format", "markdown", rules]);
}
