//! `saker doctor` where live detection works: the canary comes back.

use crate::drivers::can_trace;
use crate::{saker, text};

#[test]
fn the_canary_comes_back() {
    if !can_trace() {
        return;
    }
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/privilege-escalation");
    let out = saker(&["doctor", "-r", rules, "--format", "json"]);
    let said = text(&out.stderr);
    assert_eq!(out.status.code(), Some(0), "{said}{}", text(&out.stdout));
    let report: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(report["well"], true);
    let alert = report["canary"]["alert"].as_str().unwrap();
    assert!(alert.contains("process=saker opened="), "{alert}");
    let hooked = report["driver"]["hooked"].as_array().unwrap();
    assert!(
        report["driver"]["name"] != "ebpf" || hooked.contains(&"raw_syscalls:sys_exit".into()),
        "{report}"
    );
    let recorded = report["coverage"]["recorded"].as_array().unwrap();
    assert!(recorded.contains(&"ptrace".into()), "{report}");
    assert!(report["coverage"]["rules"].as_u64().unwrap() > 3);
}

#[test]
fn the_table_ends_with_the_canary() {
    if !can_trace() {
        return;
    }
    let out = saker(&["doctor"]);
    let table = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{table}");
    for part in ["This host\n", "\nDriver\n", "\nRules\n", "\nCanary\n  ok    alert "] {
        assert!(table.contains(part), "{part:?} is missing in\n{table}");
    }
}

#[test]
fn rules_that_cannot_be_loaded_are_an_error() {
    let out = saker(&["doctor", "-r", "/nonexistent.yaml"]);
    assert_eq!(out.status.code(), Some(1));
    assert!(text(&out.stderr).contains("/nonexistent.yaml"), "{}", text(&out.stderr));
}
