//! Data set `replay`: rules over captures. The same alerts, in the same order, with the same text, and the same counts
//! at the end.

use std::collections::BTreeMap;
use std::path::Path;

use saker::cli::engine::RuleArgs;
use saker::cli::replay;
use serde_json::Value;

use crate::oracle::{self, Services};
use crate::{Score, corpus, json_lines, read};

#[test]
fn replay() {
    let Some(corpus) = corpus() else { return };
    if !oracle::surrounds("replay::replay") {
        return;
    }
    let services = Services::new(&corpus);
    let mut directories: Vec<_> = std::fs::read_dir(corpus.join("replay"))
        .expect("the corpus is intact")
        .filter_map(|entry| Some(entry.ok()?.path()).filter(|path| path.is_dir()))
        .collect();
    directories.sort();
    let only = std::env::var("SAKER_CONFORMANCE_ONLY").unwrap_or_default();
    directories.retain(|directory| directory.to_string_lossy().contains(&only));

    // Cases do not depend on each other; each worker takes every so many.
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut results = BTreeMap::new();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers)
            .map(|worker| {
                let (corpus, services) = (&corpus, &services);
                let cases: Vec<_> = directories.iter().skip(worker).step_by(workers).collect();
                scope.spawn(move || {
                    let case = |directory: &&std::path::PathBuf| {
                        ((*directory).clone(), judge(corpus, directory, services))
                    };
                    cases.iter().map(case).collect::<Vec<_>>()
                })
            })
            .collect();
        for handle in handles {
            results.extend(handle.join().expect("a case panicked"));
        }
    });

    let mut score = Score::new("replay");
    for (directory, failure) in results {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        score.add(failure.map(|failure| format!("{name}: {failure}")));
    }
    score.report(0.99);
}

/// Replays a case; says what differs.
fn judge(corpus: &Path, directory: &Path, services: &Services) -> Option<String> {
    let case: Value =
        serde_json::from_slice(&read(&directory.join("case.json"))).expect("the corpus is intact");
    let strings =
        |key| -> Vec<&str> { case[key].as_array().into_iter().flatten().filter_map(Value::as_str).collect() };
    let mut option = vec!["rule_matching=all".to_owned(), "json_output=true".to_owned(), services.option()];
    if !strings("plugins").contains(&"container") {
        option.push("saker.builtin_plugins=[]".to_owned());
    }
    option.extend(strings("config").into_iter().map(str::to_owned));
    let rules = strings("rules").into_iter().map(|rules| corpus.join(rules)).collect();
    let args = replay::Args {
        rules: RuleArgs { rules, option, ..RuleArgs::default() },
        capture: corpus.join(case["capture"].as_str().unwrap_or_default()),
    };

    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let result = replay::replay(&args, &mut stdout, &mut stderr);
    let expect = &case["expect"];
    if let Err(error) = result {
        let error = format!("{error:#}");
        let wanted = expect["error_contains"].as_str().unwrap_or_default();
        return match expect["exit"].as_i64() {
            Some(0) => Some(format!("fails: {error}")),
            _ if error.contains(wanted) => None,
            _ => Some(format!("fails with '{error}', expected '{wanted}'")),
        };
    }
    if expect["exit"] != 0 {
        return Some("does not fail".to_owned());
    }
    lines(corpus, expect, &stdout).or_else(|| footer(&expect["footer"], &String::from_utf8_lossy(&stderr)))
}

fn lines(corpus: &Path, expect: &Value, stdout: &[u8]) -> Option<String> {
    let stdout = String::from_utf8_lossy(stdout);
    let got: Vec<&str> = stdout.lines().collect();
    if let Some(wanted) = expect["stdout_lines"].as_array() {
        let wanted: Vec<&str> = wanted.iter().filter_map(Value::as_str).collect();
        return difference(&got, &wanted, |line| (*line).to_owned());
    }
    let wanted = match expect["alerts_file"].as_str() {
        Some(file) => json_lines(&corpus.join(file)),
        None => expect["alerts"].as_array().cloned().unwrap_or_default(),
    };
    let mut alerts = Vec::new();
    for line in got {
        let Ok(mut alert) = serde_json::from_str::<Value>(line) else {
            return Some(format!("no JSON: {line}"));
        };
        if let Some(alert) = alert.as_object_mut() {
            alert.remove("hostname");
        }
        alerts.push(alert);
    }
    difference(&alerts, &wanted, Value::to_string)
}

/// The first place where two lists differ.
fn difference<T: PartialEq>(got: &[T], wanted: &[T], show: impl Fn(&T) -> String) -> Option<String> {
    if got == wanted {
        return None;
    }
    let at =
        got.iter().zip(wanted).position(|(got, wanted)| got != wanted).unwrap_or(got.len().min(wanted.len()));
    let shown = |alert: Option<&T>| alert.map_or("nothing".to_owned(), &show);
    Some(format!(
        "{} alerts instead of {}, alert {at} differs\n    got:    {}\n    wanted: {}",
        got.len(),
        wanted.len(),
        shown(got.get(at)),
        shown(wanted.get(at))
    ))
}

fn footer(expect: &Value, stderr: &str) -> Option<String> {
    let mut counts = BTreeMap::new();
    let mut section = "";
    for line in stderr.lines().skip_while(|line| !line.starts_with("Events detected: ")) {
        match line.split_once(": ") {
            Some(("Events detected", total)) => {
                counts.insert(("events_detected", String::new()), total.parse().unwrap_or(u64::MAX));
            }
            _ if line == "Rule counts by severity:" => section = "by_priority",
            _ if line == "Triggered rules by rule name:" => section = "by_rule",
            _ => {
                let (name, count) = line.trim_start().rsplit_once(": ")?;
                counts.insert((section, name.to_owned()), count.parse().unwrap_or(u64::MAX));
            }
        }
    }
    let mut wanted = BTreeMap::new();
    wanted.insert(("events_detected", String::new()), expect["events_detected"].as_u64().unwrap_or_default());
    for section in ["by_priority", "by_rule"] {
        for (name, count) in expect[section].as_object().into_iter().flatten() {
            wanted.insert((section, name.clone()), count.as_u64().unwrap_or_default());
        }
    }
    (counts != wanted).then(|| format!("summary {counts:?} instead of {wanted:?}"))
}
