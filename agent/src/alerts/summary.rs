//! The counts of alerts, and the closing summary that is made of them.

use std::fmt::{self, Display, Formatter};

use crate::config::Priority;
use crate::rules::Rule;

/// Counts of alerts by rule and by priority.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    rules: Vec<Counted>,
}

#[derive(Clone, Debug)]
struct Counted {
    /// Its number in load order.
    loaded: usize,
    name: String,
    priority: Priority,
    count: u64,
}

impl Summary {
    /// Counts for these rules, which are numbered as they come.
    pub fn new(rules: &[Rule<'_>]) -> Self {
        let counted = |rule: &Rule<'_>| Counted {
            loaded: rule.number,
            name: rule.labels.name.to_owned(),
            priority: rule.labels.priority,
            count: 0,
        };
        Summary { rules: rules.iter().map(counted).collect() }
    }

    /// Counts an alert of the rule with this number.
    pub fn count(&mut self, rule: usize) {
        if let Some(rule) = self.rules.get_mut(rule) {
            rule.count += 1;
        }
    }

    /// Adds the counts of another for the same rules.
    pub fn add(&mut self, other: &Summary) {
        self.rules.iter_mut().zip(&other.rules).for_each(|(rule, other)| rule.count += other.count);
    }

    /// All alerts.
    pub fn total(&self) -> u64 {
        self.rules.iter().map(|rule| rule.count).sum()
    }

    /// Alerts by rule, in load order, those without any left out.
    pub fn by_rule(&self) -> impl Iterator<Item = (&str, u64)> {
        let mut counted: Vec<&Counted> = self.rules.iter().filter(|rule| rule.count > 0).collect();
        counted.sort_by_key(|rule| rule.loaded);
        counted.into_iter().map(|rule| (rule.name.as_str(), rule.count))
    }

    /// Alerts by priority, the most severe first, those without any left out.
    pub fn by_priority(&self) -> impl Iterator<Item = (Priority, u64)> {
        Priority::ALL.into_iter().filter_map(|priority| {
            let of_it = self.rules.iter().filter(|rule| rule.priority == priority);
            Some((priority, of_it.map(|rule| rule.count).sum())).filter(|(_, count)| *count > 0)
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
            writeln!(f, "   {name}: {count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_grouped() {
        let counted =
            |loaded, name: &str, priority| Counted { loaded, name: name.to_owned(), priority, count: 0 };
        let mut summary = Summary {
            rules: vec![
                counted(0, "a", Priority::Debug),
                counted(2, "never", Priority::Alert),
                counted(1, "b", Priority::Informational),
            ],
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
}
