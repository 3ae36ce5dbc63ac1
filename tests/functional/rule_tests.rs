//! `saker test`: the tests that stand beside rules pass, fail and are refused as an operator sees it.

use std::fs;
use std::path::Path;

use crate::{saker, text};

const RULES: &str = "- rule: Secret read
  desc: d
  condition: evt.type in (open, openat) and evt.is_open_read = true and fd.name startswith /secret/
  output: read %fd.name by %proc.name
  priority: WARNING
";

const TESTS: &str = "tests:
  - rule: Secret read
    case: cat reads it
    output: read /secret/a by cat
    processes: [{name: bash}, {name: cat}]
    events: [{type: openat, name: /secret/a}]
  - rule: Secret read
    case: somewhere else
    expect: silence
    processes: [{name: cat}]
    events: [{type: openat, name: /public/secret/}]
";

/// A directory with rules and their tests.
fn scene(rules: &str, tests: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("sub")).unwrap();
    fs::write(directory.path().join("sub/secret.yaml"), rules).unwrap();
    fs::write(directory.path().join("sub/secret.test.yaml"), tests).unwrap();
    directory
}

/// Exit status, standard output, standard error.
fn test(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut all = vec!["test", directory.to_str().unwrap()];
    all.extend(arguments);
    let out = saker(&all);
    (out.status.code(), text(&out.stdout).to_owned(), text(&out.stderr).to_owned())
}

#[test]
fn passing_tests_are_counted() {
    let scene = scene(RULES, TESTS);
    let (status, out, _) = test(scene.path(), &["--threads", "2"]);
    assert_eq!((status, out.as_str()), (Some(0), "2 passed, 0 failed, in 1 files\n"));
    // The rule file stands for its tests, and a directory of rules does not take tests for rules.
    let (status, out, _) = test(&scene.path().join("sub/secret.yaml"), &[]);
    assert_eq!((status, out.lines().count()), (Some(0), 1));
    let checked = saker(&["check", scene.path().join("sub").to_str().unwrap()]);
    assert_eq!((checked.status.code(), text(&checked.stdout).lines().count()), (Some(0), 1));
}

#[test]
fn a_failing_test_says_where_and_why() {
    let scene = scene(RULES, &TESTS.replace("/public/secret/", "/secret/b"));
    let (status, out, _) = test(scene.path(), &[]);
    assert_eq!(status, Some(1));
    let line = out.lines().next().unwrap();
    assert!(
        line.starts_with("FAILED ") && line.ends_with("secret.test.yaml:7: Secret read: somewhere else"),
        "{out}"
    );
    assert!(out.contains("event 1 (openat) alerts: read /secret/b by cat"), "{out}");
    assert!(out.ends_with("1 passed, 1 failed, in 1 files\n"), "{out}");
}

#[test]
fn a_malformed_file_has_line_and_column() {
    for (from, to, complaint) in [
        (
            "    case: somewhere",
            "    cases: somewhere",
            "secret.test.yaml:8:5: unknown key 'cases' (did you mean 'case'?)",
        ),
        (
            "openat, name: /secret/a",
            "openat, nme: /secret/a",
            "secret.test.yaml:6:29: 'openat' has no parameter 'nme'",
        ),
        ("expect: silence", "expect: [", "secret.test.yaml:1"),
        (
            "rule: Secret read\n    case: cat",
            "rule: Secret rad\n    case: cat",
            "secret.test.yaml:2:11: no rule is called 'Secret rad' (did you mean 'Secret read'?)",
        ),
    ] {
        let scene = scene(RULES, &TESTS.replace(from, to));
        let (status, out, _) = test(scene.path(), &[]);
        assert_eq!(status, Some(1), "{out}");
        assert!(out.contains(complaint), "{complaint} is not in {out}");
    }
    let scene = scene(&RULES.replace("fd.name startswith", "fd.nme startswith"), TESTS);
    let (status, out, _) = test(scene.path(), &[]);
    assert_eq!(status, Some(1));
    assert!(out.contains("secret.yaml:3:") && out.contains("fd.nme"), "{out}");
}

#[test]
fn nothing_to_test_is_an_error() {
    let empty = tempfile::tempdir().unwrap();
    let (status, _, err) = test(empty.path(), &[]);
    assert_eq!(status, Some(1));
    assert!(err.contains("no tests in") && err.contains("NAME.test.yaml"), "{err}");
}

#[test]
fn results_can_be_read_by_machines() {
    let scene = scene(RULES, &TESTS.replace("/public/secret/", "/secret/<b>"));
    let (status, out, _) = test(scene.path(), &["--format", "json", "--mutate"]);
    assert_eq!(status, Some(1));
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((json["passed"].as_u64(), json["failed"].as_u64()), (Some(1), Some(1)));
    let tests = &json["files"][0]["tests"];
    assert_eq!((tests[0]["passed"].as_bool(), tests[1]["passed"].as_bool()), (Some(true), Some(false)));
    assert_eq!(tests[1]["line"], 7);
    assert!(json["mutation"]["tried"].as_u64().unwrap() > 4);
    let (_, xml, _) = test(scene.path(), &["--format", "junit"]);
    assert!(xml.contains("<testsuites name=\"saker test\" tests=\"2\" failures=\"1\">"), "{xml}");
    assert!(xml.contains("alerts: read /secret/&lt;b&gt; by cat"), "{xml}");
}

#[test]
fn what_no_test_notices_is_named() {
    let scene = scene(RULES, TESTS);
    let (status, out, _) = test(scene.path(), &["--mutate"]);
    assert_eq!(status, Some(0));
    // Nobody opened a secret for writing.
    assert!(out.contains("dropped: evt.is_open_read = true  at "), "{out}");
    assert!(out.contains("secret.yaml:3:45"), "{out}");
    assert!(!out.contains("startswith /secret/  at"), "{out}");
    let (status, ..) = test(scene.path(), &["--mutate", "--min-noticed", "100"]);
    assert_eq!(status, Some(1));
    let more = format!(
        "{TESTS}  - rule: Secret read
    case: writing is fine
    expect: silence
    processes: [{{name: vi}}]
    events: [{{type: openat, name: /secret/a, flags: O_WRONLY}}]
  - rule: Secret read
    case: another call
    expect: silence
    processes: [{{name: vi}}]
    events: [{{type: openat2, name: /secret/a}}]
"
    );
    fs::write(scene.path().join("sub/secret.test.yaml"), more).unwrap();
    let (status, out, _) = test(scene.path(), &["--mutate", "--min-noticed", "100"]);
    assert!(out.ends_with("changes of rules noticed: 100 %\n"), "{out}");
    assert_eq!(status, Some(0));
    // A rule without a test has none of its changes noticed.
    fs::write(
        scene.path().join("sub/secret.yaml"),
        format!("{RULES}{}", RULES.replace("Secret read", "Other")),
    )
    .unwrap();
    let (_, out, _) = test(scene.path(), &["--mutate"]);
    assert!(out.contains("Other: 0 of 6 changes noticed by 0 tests"), "{out}");
}

#[test]
fn a_recording_can_be_the_test() {
    let capture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/vm_small.scap.gz");
    let tests = format!(
        "tests:\n  - rule: Shadow\n    capture: {0}\n    output: /etc/shadow\n  - rule: Shadow\n    capture: {0}\n    events: [1]\n",
        capture.display()
    );
    let rules = RULES.replace("Secret read", "Shadow").replace("startswith /secret/", "= /etc/shadow");
    let (status, out, _) = test(scene(&rules, &tests).path(), &[]);
    assert_eq!(status, Some(1));
    assert!(out.contains("event 1 was to alert, and does not"), "{out}");
    assert!(out.ends_with("1 passed, 1 failed, in 1 files\n"), "{out}");
}
