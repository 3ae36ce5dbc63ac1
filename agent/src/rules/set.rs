//! The loaded rules, as whoever evaluates them wants them.

use saker_filter::{Condition, EventSet};

use super::Loader;
use super::environment::SYSCALL;
use super::event_names::event_names;
use crate::alerts::{RuleLabels, Template};

/// A loaded rule.
#[derive(Clone, Copy, Debug)]
pub struct Rule<'l> {
    /// Its number in load order.
    pub number: usize,
    /// Name, source, priority and tags.
    pub labels: RuleLabels<'l>,
    /// Whether it is on by itself, before any selection.
    pub enabled: bool,
    /// Its condition with exceptions, lists and macros.
    pub condition: &'l Condition,
    /// The events for which the condition can be true, by what it says of `evt.type`.
    pub events: EventSet,
    /// Its output with what the configuration appends, as text.
    pub output: &'l str,
    /// The same, compiled.
    pub template: &'l Template,
}

impl Loader<'_> {
    /// The rules that can be evaluated, in load order.
    pub fn rules(&self) -> impl Iterator<Item = Rule<'_>> {
        self.compiled().rules.iter().enumerate().filter_map(|(number, rule)| {
            let info = self.collector().rules.all().get(rule.info)?;
            let labels = RuleLabels {
                name: &info.name,
                source: &info.source,
                priority: info.priority,
                tags: &info.tags,
            };
            Some(Rule {
                number,
                labels,
                enabled: info.enabled,
                condition: &rule.condition,
                events: rule.events,
                output: &rule.output,
                template: &rule.template,
            })
        })
    }

    /// The names of the events for which a rule of this loader can be true; system calls without an event of their own
    /// are named, too.
    pub fn event_names(&self, rule: &Rule<'_>) -> Vec<&'static str> {
        let compiled = self.compiled().rules.get(rule.number);
        match compiled {
            Some(compiled) if rule.labels.source == SYSCALL => event_names(&compiled.expr, self.env().schema),
            _ => Vec::new(),
        }
    }
}
