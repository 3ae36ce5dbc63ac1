//! The counts of alerts, and the closing summary that is made of them.

use std::fmt::{self, Display, Formatter};

use crate::config::Priority;

/// Counts of alerts by rule and by priority. Rules are numbered as they were loaded.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    rules: Vec<(String, Priority, u64)>,
}

impl Summary {
    /// Counts for these rules: names and priorities, in load order.
    pub fn new<'r>(rules: impl IntoIterator<Item = (&'r str, Priority)>) -> Self {
        let rules = rules.into_iter().map(|(name, priority)| (name.to_owned(), priority, 0));
        Summary { rules: rules.collect() }
    }

    /// Counts an alert of the rule with this number.
    pub fn count(&mut self, rule: usize) {
        if let Some((_, _, count)) = self.rules.get_mut(rule) {
            *count += 1;
        }
    }

    /// All alerts.
    pub fn total(&self) -> u64 {
        self.rules.iter().map(|(_, _, count)| count).sum()
    }

    /// Alerts by rule, in load order, those without any left out.
    pub fn by_rule(&self) -> impl Iterator<Item = (&str, u64)> {
        let counted = self.rules.iter().filter(|(_, _, count)| *count > 0);
        counted.map(|(name, _, count)| (name.as_str(), *count))
    }

    /// Alerts by priority, the most severe first, those without any left out.
    pub fn by_priority(&self) -> impl Iterator<Item = (Priority, u64)> {
        Priority::ALL.into_iter().filter_map(|priority| {
            let of_it = self.rules.iter().filter(|(_, of, _)| *of == priority);
            Some((priority, of_it.map(|(_, _, count)| count).sum())).filter(|(_, count)| *count > 0)
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
        let mut summary = Summary::new([
            ("a", Priority::Debug),
            ("never", Priority::Alert),
            ("b", Priority::Informational),
        ]);
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
