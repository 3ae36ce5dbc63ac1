//! `saker explain`, `saker check --lint`, `saker rules cost` and `saker suggest-exceptions`, as an operator meets them.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::{saker, text};

const RULES: &str = "- rule: Shadow read
  desc: d
  condition: evt.type in (open, openat) and evt.is_open_read = true and fd.name = /etc/shadow and fd.num >= 0 and proc.name = cat
  exceptions:
    - name: known
      fields: [proc.name, proc.pname]
      comps: [=, =]
      values: [[cat, nobody]]
  output: shadow %fd.name %proc.exepath %proc.pexepath %proc.name %proc.pname %user.name
  priority: WARNING
";

fn capture() -> String {
    format!("{}/../tests/data/vm_small.scap.gz", env!("CARGO_MANIFEST_DIR"))
}

/// A rule file in a directory of its own.
fn rules(text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path: PathBuf = directory.path().join("r.yaml");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (directory, path)
}

fn ok(arguments: &[&str]) -> String {
    let out = saker(arguments);
    assert_eq!(out.status.code(), Some(0), "{}{}", text(&out.stdout), text(&out.stderr));
    text(&out.stdout).to_owned()
}

#[test]
fn an_alert_is_explained_by_its_clauses() {
    let (_directory, path) = rules(RULES);
    let out = ok(&["explain", "Shadow read", &capture(), "-r", &path]);
    assert!(out.contains("3 events make it true; this is the first"), "{out}");
    assert!(out.contains("true:  fd.name = /etc/shadow  [fd.name = /etc/shadow]  at "), "{out}");
    assert!(out.contains("r.yaml:3:73"), "{out}");
    assert!(out.contains("the exception that came closest is 'known'"), "{out}");
    assert!(out.contains("false: proc.pname = nobody  [proc.pname = bash]  exception 'known'"), "{out}");

    // The same from the alert itself, and as JSON.
    let alerts = ok(&["replay", "--json", "-r", &path, &capture()]);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("alert.json");
    fs::write(&file, &alerts).unwrap();
    let json =
        ok(&["explain", "--alert", file.to_str().unwrap(), &capture(), "-r", &path, "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["alert"].as_bool(), json["type"].as_str()), (Some(true), Some("openat")));
    assert_eq!(json["condition"]["all"][0]["all"][0]["values"]["evt.type"], "openat");
}

#[test]
fn silence_is_explained_by_the_nearest_event() {
    let (_directory, path) = rules(&RULES.replace("/etc/shadow", "/etc/shadow-that-is-not"));
    let out = ok(&["explain", "Shadow read", &capture(), "-r", &path]);
    assert!(out.contains("no event of the capture makes it true; this one comes nearest"), "{out}");
    let decided = out.split("decided by (>):").nth(1).unwrap();
    assert!(decided.trim_start().starts_with("false: fd.name = /etc/shadow-that-is-not"), "{out}");
    let one = ok(&["explain", "Shadow read", &format!("{}#1000", capture()), "-r", &path]);
    assert!(one.contains("event 1000, "), "{one}");
}

#[test]
fn what_cannot_be_explained_is_an_error() {
    let (_directory, path) = rules(RULES);
    for (arguments, complaint) in [
        (vec!["explain", "Shadw read", "x.scap", "-r", &path], "did you mean 'Shadow read'"),
        (vec!["explain", "Shadow read", "x.scap", "-r", &path], "x.scap"),
        (vec!["explain", "Shadow read", "-r", &path], "name a rule and a capture"),
        (vec!["explain", "Shadow read", "x.scap"], "name rule files with -r"),
    ] {
        let out = saker(&arguments);
        assert_eq!(out.status.code(), Some(1));
        assert!(text(&out.stderr).contains(complaint), "{complaint}: {}", text(&out.stderr));
    }
    let out = saker(&["explain", "Shadow read", &format!("{}#99999999", capture()), "-r", &path]);
    assert!(text(&out.stderr).contains("no event 99999999"), "{}", text(&out.stderr));
}

#[test]
fn lints_are_told_only_when_asked_for() {
    let bad = RULES.replace("fd.name = /etc/shadow", "fd.name = /etc//shadow").replace("%user.name", "");
    let (_directory, path) = rules(&bad);
    let plain = ok(&["check", &path]);
    assert!(!plain.contains("LINT"), "{plain}");
    let linted = ok(&["check", "--lint", &path]);
    assert!(linted.contains("r.yaml:3:73: LINT_PATH_FORM: fd.name cannot be '/etc//shadow'"), "{linted}");
    assert!(linted.contains("LINT_OUTPUT: the output does not show a user"), "{linted}");
    assert_eq!(saker(&["check", "--lint", "--deny", &path]).status.code(), Some(1));
    let json: Value = serde_json::from_str(&ok(&["check", "--lint", "--format", "json", &path])).unwrap();
    let codes: Vec<&str> =
        json["saker_lints"].as_array().unwrap().iter().filter_map(|lint| lint["code"].as_str()).collect();
    assert_eq!(codes, ["LINT_PATH_FORM", "LINT_OUTPUT"]);
    assert!(
        serde_json::from_str::<Value>(&ok(&["check", "--format", "json", &path]))
            .unwrap()
            .get("saker_lints")
            .is_none()
    );

    let (_directory, allowed) = rules(&format!("# saker: allow LINT_PATH_FORM, LINT_OUTPUT\n{bad}"));
    assert_eq!(saker(&["check", "--lint", "--deny", &allowed]).status.code(), Some(0));
}

#[test]
fn schemas_are_printed() {
    let rule: Value = serde_json::from_str(&ok(&["check", "--rule-schema"])).unwrap();
    assert_eq!(rule["type"], "array");
    let test: Value = serde_json::from_str(&ok(&["test", "--schema"])).unwrap();
    assert_eq!(test["properties"]["tests"]["type"], "array");
}

#[test]
fn costs_are_told_for_rules_and_clauses() {
    let (_directory, path) = rules(RULES);
    let json: Value =
        serde_json::from_str(&ok(&["rules", "cost", &capture(), "-r", &path, "--format", "json"])).unwrap();
    let rule = &json["rules"][0];
    assert_eq!((rule["rule"].as_str(), rule["alerts"].as_u64()), (Some("Shadow read"), Some(3)));
    assert!(rule["events"].as_u64().unwrap() > 100);
    let clauses: Vec<&str> =
        rule["clauses"].as_array().unwrap().iter().filter_map(|one| one["clause"].as_str()).collect();
    assert!(clauses.iter().any(|clause| clause.starts_with("fd.name")), "{clauses:?}");
    let shown = ok(&["rules", "cost", &capture(), "-r", &path]);
    assert!(shown.contains("share   ns/event") && shown.contains("Shadow read"), "{shown}");
}

#[test]
fn exceptions_are_suggested_and_load() {
    let (directory, path) = rules(RULES);
    let alerts = directory.path().join("alerts.jsonl");
    fs::write(&alerts, ok(&["replay", "--json", "-r", &path, &capture()])).unwrap();
    let alerts = alerts.to_str().unwrap();
    let out = ok(&["suggest-exceptions", alerts, "-r", &path]);
    assert!(out.starts_with("# removes 3 of 3 alerts of this rule\n"), "{out}");
    assert!(out.contains("- name: \"known\"") && out.contains("- [\"cat\", \"bash\"]  # 3 alerts"), "{out}");
    assert!(out.contains("# In all 3 of 3 alerts would be gone."), "{out}");
    let suggested = directory.path().join("exceptions.yml");
    fs::write(&suggested, &out).unwrap();
    let suggested = suggested.to_str().unwrap();
    assert_eq!(ok(&["replay", "--json", "-r", &path, "-r", suggested, &capture()]), "");

    // A test says that cat from bash is an attack.
    fs::write(
        directory.path().join("r.test.yaml"),
        "tests:\n  - rule: Shadow read\n    processes: [{name: bash}, {name: cat}]\n    events: [{type: openat, name: /etc/shadow}]\n",
    )
    .unwrap();
    let out = ok(&["suggest-exceptions", alerts, "-r", &path]);
    assert!(out.starts_with("# refused, although it would remove 3 alerts"), "{out}");
    assert!(out.contains("r.test.yaml:2"), "{out}");
    // What is printed is a rule file all the same, if only a comment.
    assert!(!out.lines().any(|line| line.contains("\"cat\", \"bash\"") && !line.starts_with('#')), "{out}");

    let out = saker(&["suggest-exceptions", &path, "-r", &path]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("no alerts"), "{}", text(&out.stderr));
}
