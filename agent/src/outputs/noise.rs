//! Less of the same: alerts that repeat each other are rolled up into one with their count, and what is over a limit is
//! held back and counted.
//!
//! Time is that of the events, so a replay rolls up what a live run did.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

use serde_json::Value;

use crate::alerts::Alert;
use crate::config::Config;

/// The most keys that are followed at a time. Alerts beyond that pass: memory is no reason to hold one back.
const KEYS_MAX: usize = 65_536;
const MILLISECOND: u64 = 1_000_000;

/// How many alerts of a rule were held back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Held {
    /// Part of the count of another alert.
    pub rolled_up: u64,
    /// Over a limit.
    pub limited: u64,
}

/// Decides which alerts pass.
#[derive(Debug, Default)]
pub(super) struct Noise {
    rollup: Option<Rollup>,
    per_rule: Option<Limit<String>>,
    per_key: Option<Limit<Key>>,
    held: BTreeMap<String, Held>,
}

/// A rule and the values that tell its alerts apart.
type Key = (String, Vec<u8>);

/// Alerts that repeat one that was not long ago.
#[derive(Debug)]
struct Rollup {
    /// Nanoseconds.
    window: u64,
    open: HashMap<Key, Repeated>,
    /// When windows end, in the order of their beginnings.
    ends: VecDeque<(u64, Key)>,
}

#[derive(Debug)]
struct Repeated {
    /// Nanoseconds since the epoch.
    first: u64,
    count: u64,
    /// The last one that was held back.
    last: Option<Alert>,
}

/// How many alerts of each kind pass in a time.
#[derive(Debug)]
struct Limit<K> {
    /// Nanoseconds.
    window: u64,
    max: u64,
    counts: HashMap<K, (u64, u64)>,
}

impl<K: Eq + Hash> Limit<K> {
    fn new(max: u32, window: u64) -> Option<Limit<K>> {
        (max > 0).then(|| Limit { window, max: max.into(), counts: HashMap::new() })
    }

    /// Counts an alert; whether it passes.
    fn pass(&mut self, key: K, time: u64) -> bool {
        if self.counts.len() >= KEYS_MAX && !self.counts.contains_key(&key) {
            let window = self.window;
            self.counts.retain(|_, (begin, _)| time.saturating_sub(*begin) < window);
            if self.counts.len() >= KEYS_MAX {
                return true;
            }
        }
        let (begin, count) = self.counts.entry(key).or_insert((time, 0));
        if time.saturating_sub(*begin) >= self.window {
            (*begin, *count) = (time, 0);
        }
        *count += 1;
        *count <= self.max
    }
}

impl Noise {
    /// As the configuration asks.
    pub(super) fn new(config: &Config) -> Noise {
        let (rollup, limit) = (&config.saker.rollup, &config.saker.rate_limit);
        let window = limit.window.saturating_mul(MILLISECOND);
        Noise {
            rollup: rollup.enabled.then(|| Rollup {
                window: rollup.window.saturating_mul(MILLISECOND),
                open: HashMap::new(),
                ends: VecDeque::new(),
            }),
            per_rule: Limit::new(limit.per_rule, window),
            per_key: Limit::new(limit.per_key, window),
            held: BTreeMap::new(),
        }
    }

    /// Whether a configuration asks for it.
    pub(super) fn is_wanted(config: &Config) -> bool {
        let (rollup, limit) = (&config.saker.rollup, &config.saker.rate_limit);
        rollup.enabled || limit.per_rule > 0 || limit.per_key > 0
    }

    /// What was held back so far, by rule.
    pub(super) fn held(&self) -> &BTreeMap<String, Held> {
        &self.held
    }

    /// Takes in an alert. What passes goes to `pass`, after the counts of windows that are over.
    pub(super) fn take(&mut self, alert: Alert, pass: &mut impl FnMut(Alert)) {
        self.expire(alert.time(), pass);
        if let Some(rollup) = &mut self.rollup {
            let key = (alert.rule().to_owned(), alert.rollup_key().to_owned());
            if let Some(repeated) = rollup.open.get_mut(&key) {
                repeated.count += 1;
                self.held.entry(key.0).or_default().rolled_up += 1;
                repeated.last = Some(alert);
                return;
            }
            if rollup.open.len() < KEYS_MAX {
                let time = alert.time();
                rollup.ends.push_back((time.saturating_add(rollup.window), key.clone()));
                rollup.open.insert(key, Repeated { first: time, count: 0, last: None });
            }
        }
        let time = alert.time();
        let rule = || alert.rule().to_owned();
        let in_rule = self.per_rule.as_mut().is_none_or(|limit| limit.pass(rule(), time));
        let by_key = |limit: &mut Limit<Key>| limit.pass((rule(), alert.limit_key().to_owned()), time);
        if in_rule && self.per_key.as_mut().is_none_or(by_key) {
            pass(alert);
        } else {
            self.held.entry(rule()).or_default().limited += 1;
        }
    }

    /// Ends the windows that are over at a time.
    pub(super) fn expire(&mut self, now: u64, pass: &mut impl FnMut(Alert)) {
        let Some(rollup) = &mut self.rollup else { return };
        while let Some((_, key)) = rollup.ends.pop_front_if(|(end, _)| *end <= now) {
            if let Some(repeated) = rollup.open.remove(&key) {
                repeated.tell(pass);
            }
        }
    }

    /// Ends all windows.
    pub(super) fn finish(&mut self, pass: &mut impl FnMut(Alert)) {
        self.expire(u64::MAX, pass);
    }
}

impl Repeated {
    /// The last of the alerts, with the count of those that were held back.
    fn tell(self, pass: &mut impl FnMut(Alert)) {
        let Some(last) = self.last else { return };
        let seconds = last.time().saturating_sub(self.first) as f64 / 1e9;
        let note = format!(" (repeated {} times in {seconds:.1}s)", self.count);
        let text = [last.text(), note.as_bytes()].concat();
        let mut fields = last.parsed_fields();
        let count =
            [("saker.rollup.count", Value::from(self.count)), ("saker.rollup.seconds", Value::from(seconds))];
        let add = |fields: &mut serde_json::Map<String, Value>| {
            count.iter().for_each(|(name, value)| drop(fields.insert((*name).to_owned(), value.clone())));
        };
        add(&mut fields);
        let mut json = last.json().to_owned();
        if let Ok(Value::Object(mut line)) = serde_json::from_slice(last.json()) {
            for key in ["output", "message"] {
                if let Some(Value::String(output)) = line.get_mut(key) {
                    output.push_str(&note);
                }
            }
            if let Some(Value::Object(fields)) = line.get_mut("output_fields") {
                add(fields);
            }
            json = Value::Object(line).to_string().into_bytes();
        }
        let fields = match last.fields() {
            [] => Vec::new(),
            _ => Value::Object(fields).to_string().into_bytes(),
        };
        let parts = crate::alerts::Parts { text: &text, json: &json, fields: &fields, ..last.parts() };
        // It is hardly longer than the last; if it is too long, that one has to do.
        pass(Alert::new(&parts).unwrap_or_else(|_| last.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Parts;

    fn alert(rule: &str, key: &str, second: u64) -> Alert {
        let text = format!("{rule} {key} {second}");
        let json = format!(r#"{{"output":"{text}","output_fields":{{"a":1}}}}"#);
        Alert::new(&Parts {
            rule,
            time: second * 1_000_000_000,
            text: text.as_bytes(),
            json: json.as_bytes(),
            rollup_key: key.as_bytes(),
            limit_key: key.as_bytes(),
            ..Parts::default()
        })
        .unwrap()
    }

    fn noise(options: &[&str]) -> Noise {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        Noise::new(&Config::from_options(&options).unwrap())
    }

    fn passed(noise: &mut Noise, alerts: &[(&str, &str, u64)], end: bool) -> Vec<String> {
        let mut passed = Vec::new();
        let mut pass = |alert: Alert| passed.push(String::from_utf8_lossy(alert.text()).into_owned());
        alerts.iter().for_each(|(rule, key, second)| noise.take(alert(rule, key, *second), &mut pass));
        if end {
            noise.finish(&mut pass);
        }
        passed
    }

    #[test]
    fn repeated_alerts_become_one_with_their_count() {
        let mut noise = noise(&["saker.rollup.enabled=true", "saker.rollup.window=10s"]);
        let alerts = [
            ("r", "a", 100),
            ("r", "a", 101),
            ("r", "b", 102),
            ("r", "a", 109),
            ("q", "a", 109),
            ("r", "a", 110),
        ];
        assert_eq!(
            passed(&mut noise, &alerts, true),
            ["r a 100", "r b 102", "q a 109", "r a 109 (repeated 2 times in 9.0s)", "r a 110"]
        );
        assert_eq!(noise.held()["r"], Held { rolled_up: 2, limited: 0 });
        assert!(!noise.held().contains_key("q"));
    }

    #[test]
    fn the_count_is_in_all_forms() {
        let mut noise = noise(&["saker.rollup.enabled=true"]);
        let mut last = None;
        [1, 2, 3]
            .iter()
            .for_each(|second| noise.take(alert("r", "", *second), &mut |alert| last = Some(alert)));
        noise.finish(&mut |alert| last = Some(alert));
        assert_eq!(
            String::from_utf8_lossy(last.unwrap().json()),
            r#"{"output":"r  3 (repeated 2 times in 2.0s)","output_fields":{"a":1,"saker.rollup.count":2,"saker.rollup.seconds":2.0}}"#
        );
    }

    #[test]
    fn limits_hold_back_and_count() {
        let mut noise = noise(&[
            "saker.rate_limit.per_rule=3",
            "saker.rate_limit.per_key=2",
            "saker.rate_limit.window=10s",
        ]);
        let alerts =
            [("r", "a", 1), ("r", "a", 2), ("r", "a", 3), ("r", "b", 4), ("q", "b", 4), ("r", "b", 11)];
        assert_eq!(passed(&mut noise, &alerts, true), ["r a 1", "r a 2", "q b 4", "r b 11"]);
        assert_eq!(noise.held()["r"], Held { rolled_up: 0, limited: 2 });
    }

    #[test]
    fn what_cannot_be_followed_passes() {
        let mut limit: Limit<u64> = Limit::new(1, 10).unwrap();
        for key in 0..KEYS_MAX as u64 {
            assert!(limit.pass(key, 5));
        }
        assert!(!limit.pass(1, 6) && limit.pass(u64::MAX, 6) && limit.pass(u64::MAX, 6));
        assert!(limit.pass(u64::MAX, 15) && !limit.pass(u64::MAX, 16), "the old ones made room");
    }
}
