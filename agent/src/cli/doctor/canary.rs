//! The canary: a process of our own opens a file of our own, and a rule must say so.

use std::io;
use std::time::Instant;

use anyhow::{Context as _, bail, ensure};

use super::super::engine::show;
use super::super::live::{Detection, Sensor};
use super::super::orders::orders;
use super::super::scoped::Scoped;
use super::super::signals::Stop;
use super::coverage::Needs;
use crate::capture::driver::Driver;
use crate::config::Config;
use crate::metrics::Telemetry;
use crate::rules::{LoadResult, Source};

const RULE: &str = "Saker canary";

/// What came back.
#[derive(Debug)]
pub(super) struct Canary {
    /// The alert's text.
    pub(super) alert: String,
    /// From the start of the process to the end of its recording, in milliseconds.
    pub(super) milliseconds: u128,
    pub(super) lost: u64,
}

/// Opens a file in a cgroup of its own and waits for the alert. The driver is told to record what the rules need, too, so that it
/// says what of it cannot be had.
pub(super) fn fly(driver: &mut dyn Driver, needs: &Needs, stop: Stop) -> anyhow::Result<Canary> {
    let directory = std::env::temp_dir().join(format!("saker-canary-{}", std::process::id()));
    std::fs::create_dir(&directory).with_context(|| format!("{}", directory.display()))?;
    let result = fly_in(&directory, driver, needs, stop);
    let _ = std::fs::remove_dir_all(&directory);
    result
}

fn fly_in(
    directory: &std::path::Path,
    driver: &mut dyn Driver,
    needs: &Needs,
    stop: Stop,
) -> anyhow::Result<Canary> {
    let (file, rules) = (directory.join("seed"), directory.join("canary.yaml"));
    std::fs::write(&file, "for the canary\n")?;
    let path = file.to_str().context("the temporary directory has no name in UTF-8")?;
    std::fs::write(&rules, rule(path)?)?;
    let config = Config::from_options(&["json_output=true".to_owned()])?;
    let mut show = |result: &LoadResult, sources: &[Source]| show(result, sources, &mut io::stderr());
    let mut detection = Detection::load(&[rules], &config, false, &mut show)?;
    let mut wanted = detection.interest(&*driver);
    wanted.tracepoints |= needs.interest.tracepoints;
    wanted.native.iter_mut().zip(needs.interest.native).for_each(|(word, more)| *word |= more);
    wanted.codes.iter_mut().zip(needs.interest.codes).for_each(|(word, more)| *word |= more);
    let program = std::env::current_exe().context("where this program is cannot be found out")?;
    let program = program.to_str().context("this program has no name in UTF-8")?;
    let command = ["doctor", "--canary", path].map(str::to_owned);
    let mut scoped = Scoped::hold(&[&[program.to_owned()], &command[..]].concat(), stop)?;
    scoped.limit(&mut wanted);
    let begun = Instant::now();
    let mut alerts = Vec::new();
    let ((_desk, orders), telemetry) = (orders(), Telemetry::default());
    let mut sensor = Sensor::start(driver, wanted, &config, &orders, &telemetry)?;
    detection.detect(&mut sensor, &mut scoped, None, &mut alerts)?;
    let (milliseconds, losses) = (begun.elapsed().as_millis(), sensor.losses());
    let status = scoped.status()?;
    ensure!(status.success(), "the canary could not open its file: {status}");
    match alerts.split(|byte| *byte == b'\n').find_map(alert) {
        Some(alert) => Ok(Canary { alert, milliseconds, lost: losses.events() }),
        None => bail!(
            "a file was opened and no alert came: {} events, losses: {}",
            sensor.events(),
            if losses.line().is_empty() { "none".to_owned() } else { losses.line() }
        ),
    }
}

/// The rule file. A string of JSON is one of YAML; the condition's has quotes of its own.
fn rule(path: &str) -> anyhow::Result<String> {
    ensure!(
        !path.contains(['"', '\\', '%', '*']),
        "the temporary directory {path} has characters that a rule gives a meaning"
    );
    let condition =
        format!("evt.type in (open, openat, openat2) and evt.is_open_read = true and fd.name = \"{path}\"");
    let rule = serde_json::json!([{
        "rule": RULE,
        "desc": "A file of saker doctor was opened by its own process",
        "condition": condition,
        "output": "process=%proc.name opened=%fd.name by=%evt.type",
        "priority": "INFO",
    }]);
    Ok(rule.to_string())
}

/// The text of an alert of the canary.
fn alert(line: &[u8]) -> Option<String> {
    let alert: serde_json::Value = serde_json::from_slice(line).ok()?;
    (alert["rule"] == RULE).then(|| alert["output"].as_str().map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_alert_of_the_canary_counts() {
        assert_eq!(alert(br#"{"rule":"Saker canary","output":"x"}"#).as_deref(), Some("x"));
        assert_eq!(alert(br#"{"rule":"Another","output":"x"}"#), None);
        assert_eq!(alert(b"no JSON"), None);
    }

    #[test]
    fn a_directory_that_would_change_the_rule_is_refused() {
        assert!(rule("/tmp/a\"b").is_err());
        assert!(rule("/tmp/saker-canary-1/seed").unwrap().contains("saker-canary-1"));
    }
}
