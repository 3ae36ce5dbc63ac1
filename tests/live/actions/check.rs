//! Does all actions while an agent runs, and looks for the alert that each must raise.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use jiff::Timestamp;

use super::{Action, all};

/// How long an alert may take: emulated processors of a busy machine are slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between the making of a scene and the action in it, so that the alerts of both can be told apart by their times.
const PAUSE: Duration = Duration::from_millis(20);

/// Prints the time. The scene itself raises rules: it writes below `/etc` and makes a shell's history. Only what comes
/// after is the action's.
pub(crate) fn say_that_the_action_begins() {
    std::thread::sleep(PAUSE);
    println!("{}", Timestamp::now());
    std::thread::sleep(PAUSE);
}

/// Actions of the field's generator that none of ours stands for, and why.
const MISSING: &[(&str, &str)] = &[
    ("DebugfsLaunchedInPrivilegedContainer", "whether a container is privileged only its engine knows"),
    ("MountLaunchedInPrivilegedContainer", "whether a container is privileged only its engine knows"),
];

/// How many actions did as they must, and how many did not.
#[derive(Default)]
pub(super) struct Counts {
    passed: usize,
    failed: usize,
}

impl Counts {
    /// Tells what came of an action, and counts it.
    pub(super) fn add(&mut self, action: &Action, result: Result<String>) {
        match result {
            Ok(said) => {
                println!("ok       {}: {said}", action.name);
                self.passed += 1;
            }
            Err(error) => {
                println!("FAILED   {}: {error:#}", action.name);
                self.failed += 1;
            }
        }
    }

    /// Tells the counts, and ends the process if there were failures.
    pub(super) fn finish(&self) {
        println!("{} passed, {} failed", self.passed, self.failed);
        if self.failed != 0 {
            std::process::exit(1);
        }
    }
}

/// Whether an action is one of those that are wanted: those whose name has one of these parts, or all.
pub(super) fn is_wanted(action: &Action, filter: &[String]) -> bool {
    filter.is_empty() || filter.iter().any(|part| action.name.contains(part.as_str()))
}

/// Does all actions; each must raise an alert of its rule.
pub(crate) fn check(alerts: &Path, rules: &[PathBuf], filter: &[String]) -> Result<()> {
    let loaded = names_of_rules(rules)?;
    let (mut counts, mut skipped) = (Counts::default(), 0);
    for action in all().filter(|action| is_wanted(action, filter)) {
        if !rules.is_empty() && !loaded.contains(action.rule) {
            println!("skipped  {}: the rule \"{}\" is not loaded", action.name, action.rule);
            skipped += 1;
            continue;
        }
        counts.add(action, raises(alerts, action.name, action.rule));
    }
    for (name, reason) in MISSING {
        println!("skipped  {name}: {reason}");
        skipped += 1;
    }
    println!("{skipped} skipped");
    counts.finish();
    Ok(())
}

/// Does an action, which must raise an alert of a rule. Gives the rule.
pub(super) fn raises(alerts: &Path, action: &str, rule: &str) -> Result<String> {
    let before = length(alerts);
    let begin = perform(action)?;
    match wait_for(alerts, before, begin, rule)? {
        None => Ok(rule.to_owned()),
        Some(others) => bail!("no alert \"{rule}\"; others: {others:?}"),
    }
}

/// Does an action in a process of its own; gives when it began, after its scene was set.
pub(super) fn perform(action: &str) -> Result<Timestamp> {
    let own = std::env::current_exe()?;
    let done = Command::new(own).args(["run", action]).output().context("cannot run an action")?;
    if !done.status.success() {
        bail!("{}", String::from_utf8_lossy(&done.stderr).trim());
    }
    let said = String::from_utf8_lossy(&done.stdout);
    said.lines().next().and_then(|line| line.parse().ok()).context("it does not say when it began")
}

/// Where the next alert will stand.
pub(super) fn length(alerts: &Path) -> u64 {
    fs::metadata(alerts).map_or(0, |file| file.len())
}

/// Waits for an alert of a rule behind a place in the file, of what happened since the action began. If there is none: the rules of those that there are.
pub(super) fn wait_for(
    alerts: &Path,
    before: u64,
    begin: Timestamp,
    rule: &str,
) -> Result<Option<Vec<String>>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = alerts_since(alerts, before, begin)?;
        if found.iter().any(|(found, _)| found == rule) {
            return Ok(None);
        }
        if Instant::now() > deadline {
            return Ok(Some(found.into_iter().map(|(rule, _)| rule).collect()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The rules of the alerts behind a place in the file, and their times, since an action began. A line that is not whole yet is passed over.
pub(super) fn alerts_since(alerts: &Path, before: u64, begin: Timestamp) -> Result<Vec<(String, Timestamp)>> {
    let mut text = String::new();
    let mut file = File::open(alerts).with_context(|| alerts.display().to_string())?;
    file.seek(SeekFrom::Start(before))?;
    file.read_to_string(&mut text).with_context(|| alerts.display().to_string())?;
    let alerts = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    Ok(alerts.filter_map(|alert| rule_since(&alert, begin)).collect())
}

/// The rule of an alert and its time, if it is of something that happened since then.
fn rule_since(alert: &serde_json::Value, begin: Timestamp) -> Option<(String, Timestamp)> {
    let time: Timestamp = alert.get("time")?.as_str()?.parse().ok()?;
    (time >= begin).then(|| Some((alert.get("rule")?.as_str()?.to_owned(), time)))?
}

/// The names of the rules in rule files.
fn names_of_rules(files: &[PathBuf]) -> Result<HashSet<String>> {
    let mut names = HashSet::new();
    for file in files {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let rules = text.lines().filter_map(|line| line.strip_prefix("- rule:"));
        names.extend(rules.map(|name| name.trim().trim_matches('"').to_owned()));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_scene_raised_does_not_count() {
        let alert = |time: &str| serde_json::json!({ "rule": "Write below etc", "time": time });
        let begin: Timestamp = "2026-11-24T20:00:00.5Z".parse().unwrap();
        assert_eq!(rule_since(&alert("2026-11-24T20:00:00.499999999Z"), begin), None);
        let rule = rule_since(&alert("2026-11-24T20:00:00.500000001Z"), begin);
        assert_eq!(rule.unwrap().0, "Write below etc");
        assert_eq!(rule_since(&serde_json::json!({ "rule": "no time" }), begin), None);
    }
}
