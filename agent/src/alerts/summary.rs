//! The counts of alerts, and the closing summary that is made of them.
//!
//! A clone counts into the same numbers: workers share them, metrics read them while they grow, and rules that are loaded anew
//! go on from them.

use std::fmt::{self, Display, Formatter};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::printable;
use crate::config::Priority;
use crate::rules::Rule;

/// Counts of alerts by rule and by priority.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    rules: Vec<Counted>,
    /// Of rules that are not loaded any more, and of alerts about Saker itself.
    others: Arc<Mutex<Vec<Counted>>>,
}

/// A rule and how many alerts it made.
#[derive(Clone, Debug)]
pub struct Counted {
    /// Its number in load order.
    loaded: usize,
    /// Its name.
    pub name: Arc<str>,
    /// How severe it is.
    pub priority: Priority,
    /// Its event source.
    pub source: Arc<str>,
    /// Its tags, sorted.
    pub tags: Arc<[String]>,
    /// What its condition costs.
    pub cost: Arc<Cost>,
    count: Arc<AtomicU64>,
}

/// What evaluating a condition costs, measured now and then.
#[derive(Debug, Default)]
pub struct Cost {
    samples: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Cost {
    /// Adds a measurement.
    pub fn add(&self, nanoseconds: u64) {
        // Relaxed: the numbers stand for themselves.
        self.samples.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    /// How often it was measured, and the nanoseconds in all.
    pub fn read(&self) -> (u64, u64) {
        (self.samples.load(Ordering::Relaxed), self.nanoseconds.load(Ordering::Relaxed))
    }
}

impl Counted {
    /// How many alerts there were.
    pub fn count(&self) -> u64 {
        // Relaxed: the number stands for itself. Pairs with `add`.
        self.count.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether it is the same rule as far as counts go.
    fn is(&self, other: &Counted) -> bool {
        self.name == other.name && self.priority == other.priority
    }
}

impl Summary {
    /// Counts for these rules, which are numbered as they come.
    pub fn new(rules: &[Rule<'_>]) -> Self {
        let counted = |rule: &Rule<'_>| Counted {
            loaded: rule.number,
            name: rule.labels.name.into(),
            priority: rule.labels.priority,
            source: rule.labels.source.into(),
            tags: rule.labels.tags.into(),
            cost: Arc::default(),
            count: Arc::default(),
        };
        Summary { rules: rules.iter().map(counted).collect(), others: Arc::default() }
    }

    /// Counts an alert of the rule with this number.
    pub fn count(&mut self, rule: usize) {
        if let Some(rule) = self.rules.get(rule) {
            rule.add();
        }
    }

    /// Counts an alert about Saker itself.
    pub fn count_internal(&self, name: &str, priority: Priority) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = others.iter().find(|other| *other.name == *name && other.priority == priority) {
            return other.add();
        }
        others.push(Counted {
            loaded: usize::MAX,
            name: name.into(),
            priority,
            source: "internal".into(),
            tags: Arc::default(),
            cost: Arc::default(),
            count: Arc::new(AtomicU64::new(1)),
        });
    }

    /// Goes on from the counts of the rules that these take the place of.
    #[must_use]
    pub fn continuing(mut self, old: &Summary) -> Summary {
        self.others = Arc::clone(&old.others);
        {
            let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
            for rule in &mut self.rules {
                if let Some(before) = old.rules.iter().chain(&*others).find(|before| before.is(rule)) {
                    rule.count = Arc::clone(&before.count);
                    rule.cost = Arc::clone(&before.cost);
                }
            }
            others.retain(|other| !self.rules.iter().any(|rule| rule.is(other)));
            for before in old.rules.iter().filter(|before| !self.rules.iter().any(|rule| rule.is(before))) {
                others.push(Counted { loaded: usize::MAX, ..before.clone() });
            }
        }
        self
    }

    /// The counts of both, which are of rules that have nothing to do with each other.
    #[must_use]
    pub fn joined(&self, other: &Summary) -> Summary {
        let others = |of: &Summary| of.others.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Summary {
            rules: self.rules.iter().chain(&other.rules).cloned().collect(),
            others: Arc::new(Mutex::new([others(self), others(other)].concat())),
        }
    }

    /// The rules that are on, in the order in which an event meets them.
    pub fn rules(&self) -> &[Counted] {
        &self.rules
    }

    /// All that made alerts, in load order, what is not loaded last.
    fn alerting(&self) -> Vec<Counted> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.rules.iter().chain(&*others);
        let mut counted: Vec<Counted> = all.filter(|rule| rule.count() > 0).cloned().collect();
        counted.sort_by_key(|rule| rule.loaded);
        counted
    }

    /// All alerts.
    pub fn total(&self) -> u64 {
        self.alerting().iter().map(Counted::count).sum()
    }

    /// Alerts by rule, in load order, those without any left out.
    pub fn by_rule(&self) -> Vec<(Arc<str>, u64)> {
        let mut names: Vec<(Arc<str>, u64)> = Vec::new();
        for rule in self.alerting() {
            match names.iter_mut().find(|(name, _)| *name == rule.name) {
                Some((_, count)) => *count += rule.count(),
                None => names.push((Arc::clone(&rule.name), rule.count())),
            }
        }
        names
    }

    /// Alerts by priority, the most severe first, those without any left out.
    pub fn by_priority(&self) -> impl Iterator<Item = (Priority, u64)> {
        let alerting = self.alerting();
        Priority::ALL.into_iter().filter_map(move |priority| {
            let of_it = alerting.iter().filter(|rule| rule.priority == priority);
            Some((priority, of_it.map(Counted::count).sum())).filter(|(_, count)| *count > 0)
        })
    }
}

impl Display for Summary {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "Events detected: {}", self.total())?;
        writeln!(f, "Rule counts by severity:")?;
        for (priority, count) in self.by_priority() {
            // The one word that Falco shortens here.
            let word = if priority == Priority::Informational { "Info" } else { priority.word() };
            writeln!(f, "   {}: {count}", word.to_uppercase())?;
        }
        writeln!(f, "Triggered rules by rule name:")?;
        for (name, count) in self.by_rule() {
            // Whoever named the rule must not write lines of the summary.
            writeln!(f, "   {}: {count}", printable(&name))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(loaded: usize, name: &str, priority: Priority) -> Counted {
        Counted {
            loaded,
            name: name.into(),
            priority,
            source: "syscall".into(),
            tags: Arc::default(),
            cost: Arc::default(),
            count: Arc::default(),
        }
    }

    #[test]
    fn counts_are_grouped() {
        let mut summary = Summary {
            rules: vec![
                counted(0, "a", Priority::Debug),
                counted(2, "never", Priority::Alert),
                counted(1, "b", Priority::Informational),
            ],
            ..Summary::default()
        };
        for rule in [2, 0, 2, 9] {
            summary.count(rule);
        }
        insta::assert_snapshot!(summary, @r"
        Events detected: 3
        Rule counts by severity:
           INFO: 2
           DEBUG: 1
        Triggered rules by rule name:
           a: 1
           b: 2
        ");
    }

    #[test]
    fn rules_that_are_loaded_anew_go_on_counting() {
        let of = |rules: &[(&str, Priority)]| Summary {
            rules: rules
                .iter()
                .enumerate()
                .map(|(at, (name, priority))| counted(at, name, *priority))
                .collect(),
            ..Summary::default()
        };
        let both = [("kept", Priority::Debug), ("gone", Priority::Alert)];
        let mut first = of(&both);
        first.count(0);
        first.count(1);
        let mut second = of(&[("new", Priority::Debug), ("kept", Priority::Debug)]).continuing(&first);
        // A worker may still be at an event before the change.
        first.count(0);
        second.count(1);
        second.count(0);
        second.count_internal("about itself", Priority::Critical);
        let counts = |summary: &Summary| {
            summary
                .by_rule()
                .iter()
                .map(|(name, count)| format!("{name} {count}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        assert_eq!(counts(&second), "new 1, kept 3, gone 1, about itself 1");
        let mut third = second;
        for _ in 0..1000 {
            third = of(&both).continuing(&third);
        }
        third.count(1);
        assert_eq!(counts(&third), "kept 3, gone 2, about itself 1, new 1");
        assert_eq!(third.others.lock().unwrap().len(), 2);
    }
}
