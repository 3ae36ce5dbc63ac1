//! Data set `k8s_audit`: rules over audit logs. The counts of alerts per rule that the official regression tests expect.

use saker::cli::engine::RuleArgs;
use saker::cli::replay;
use serde_json::Value;

use crate::{Score, corpus, read};

#[test]
fn k8s_audit() {
    let Some(corpus) = corpus() else { return };
    let cases: Vec<Value> =
        serde_json::from_slice(&read(&corpus.join("k8s_audit/cases.json"))).expect("the corpus is intact");
    let mut score = Score::new("k8s_audit");
    for case in &cases {
        let rules = case["rules"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let args = replay::Args {
            rules: RuleArgs {
                rules: rules.map(|rules| corpus.join(rules)).collect(),
                option: vec!["json_output=true".to_owned(), "rule_matching=all".to_owned()],
                ..RuleArgs::default()
            },
            capture: corpus.join(case["events"].as_str().unwrap_or_default()),
        };
        score.add(judge(&args, &case["expect"]).map(|failure| format!("{}: {failure}", case["id"])));
    }
    score.report(1.0);
}

/// Replays a case; says what differs.
fn judge(args: &replay::Args, expect: &Value) -> Option<String> {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    if let Err(error) = replay::replay(args, &mut stdout, &mut stderr) {
        return Some(format!("{error:#}"));
    }
    let alerts: Vec<Value> = stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("an alert is JSON"))
        .collect();
    if let Some(alert) = alerts.iter().find(|alert| alert["source"] != "k8s_audit") {
        return Some(format!("an alert of another source: {alert}"));
    }
    let detected = !alerts.is_empty();
    if detected != expect["detect"].as_bool().unwrap_or_default() {
        return Some(format!("{} alerts", alerts.len()));
    }
    for (rule, count) in expect["counts"].as_object().into_iter().flatten() {
        let found = alerts.iter().filter(|alert| alert["rule"] == rule.as_str()).count();
        if Some(found as u64) != count.as_u64() {
            return Some(format!("{rule}: {found} alerts, not {count}"));
        }
    }
    for level in expect["detect_level"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        // The tests say INFO where an alert says Informational.
        let is_of = |alert: &Value| {
            let priority = alert["priority"].as_str().unwrap_or_default().to_uppercase();
            priority.starts_with(level)
        };
        if !alerts.iter().any(is_of) {
            return Some(format!("no alert of priority {level}"));
        }
    }
    None
}
