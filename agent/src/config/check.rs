//! What the type of a key does not express: checks of single values, and of values that depend on each other.

use super::read::duration;
use super::tree::{Node, Value};

/// A step of the rule selection says what it does.
pub(super) fn selection(node: &Node) -> Result<(), String> {
    match node.get("enable").or(node.get("disable")) {
        Some(_) => Ok(()),
        None => Err("expected 'enable' or 'disable'".to_owned()),
    }
}

/// A step of the rule selection says what it selects.
pub(super) fn selected(node: &Node) -> Result<(), String> {
    match node.get("rule").or(node.get("tag")) {
        Some(_) => Ok(()),
        None => Err("expected 'rule' or 'tag'".to_owned()),
    }
}

/// A name with a template may not be given again.
pub(super) fn extra_fields(node: &Node) -> Result<(), String> {
    let mut seen: Vec<&str> = Vec::new();
    for field in node.elements() {
        let (name, formatted) = match (&field.value, field.entries()) {
            (Value::Scalar(name), _) => (name.as_str(), false),
            (_, [entry]) => (entry.name.as_str(), true),
            _ => continue,
        };
        if seen.contains(&name) && formatted {
            return Err(format!("'{name}' is given twice"));
        }
        seen.push(name);
    }
    Ok(())
}

/// To ignore losses and to do something about them exclude each other.
pub(super) fn drop_actions(node: &Node) -> Result<(), String> {
    let has = |action: &str| node.elements().iter().any(|node| node.text() == Some(action));
    match ["log", "alert"].into_iter().find(|action| has(action)) {
        Some(action) if has("ignore") => Err(format!("'{action}' makes no sense together with 'ignore'")),
        _ => Ok(()),
    }
}

/// Metrics are not collected more often than ten times a second.
pub(super) fn interval(node: &Node) -> Result<(), String> {
    match node.text().and_then(duration) {
        Some(milliseconds) if milliseconds < 100 => Err("the shortest interval is 100ms".to_owned()),
        _ => Ok(()),
    }
}

/// A time span that is none makes no sense.
pub(super) fn positive(node: &Node) -> Result<(), String> {
    match node.text().and_then(duration) {
        Some(0) => Err("the shortest time span is 1ms".to_owned()),
        _ => Ok(()),
    }
}

/// What must be given when a switch is on.
const NEEDED: &[(&str, &str, &str)] = &[
    ("file_output.enabled", "file_output.filename", "the file output is on, but no file is named"),
    ("program_output.enabled", "program_output.program", "the program output is on, but no program is named"),
    (
        "saker.slack_output.enabled",
        "saker.slack_output.url",
        "the Slack output is on, but no address is given",
    ),
    ("http_output.enabled", "http_output.url", "the HTTP output is on, but no address is given"),
];

/// Checks values against each other; each problem with the node that it is about.
pub(super) fn together(root: &Node) -> Vec<(&Node, String)> {
    let mut problems = Vec::new();
    let filled = |path: &str| root.get(path).and_then(Node::text).is_some_and(|text| !text.is_empty());
    for (switch, needed, problem) in NEEDED {
        let Some(node) = root.get(switch) else { continue };
        let on = node.text().and_then(super::read::flag);
        if on == Some(true) && !filled(needed) {
            problems.push((node, format!("{problem}; set '{needed}'")));
        }
    }
    if let Some(kind) = root.get("engine.kind")
        && kind.text().is_some_and(|text| text.eq_ignore_ascii_case("replay"))
        && !filled("engine.replay.capture_file")
    {
        problems.push((kind, "no capture is named; set 'engine.replay.capture_file'".to_owned()));
    }
    let mut names = ["rules_files", "rule_files", "rules_file"].into_iter();
    let given: Vec<_> = names.by_ref().filter_map(|name| Some((name, root.get(name)?))).collect();
    if let [(first, _), (second, node), ..] = given[..] {
        problems.push((node, format!("'{first}' and '{second}' are two names of one key; use one")));
    }
    let configured = root.get("plugins").map(Node::elements).unwrap_or_default();
    for wanted in root.get("load_plugins").map(Node::elements).unwrap_or_default() {
        let Some(name) = wanted.text() else { continue };
        if !configured.iter().any(|plugin| plugin.get("name").and_then(Node::text) == Some(name)) {
            problems.push((wanted, format!("the plugin '{name}' has no entry in 'plugins'")));
        }
    }
    problems
}
