//! The loaded rules, as whoever evaluates them wants them.

use saker_filter::{Condition, EventSet, Expr, Span};

use super::Loader;
use super::environment::SYSCALL;
use super::event_names::event_names;
use super::items::{Entry, RuleInfo};
use super::source::Place;
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
    /// Its condition with exceptions, lists and macros, as it was written. See [`Loader::written`].
    pub expr: &'l Expr,
    /// The same, typed.
    pub condition: &'l Condition,
    /// The events for which the condition can be true, by what it says of `evt.type`.
    pub events: EventSet,
    /// Its output with what the configuration appends, as text.
    pub output: &'l str,
    /// The same, compiled.
    pub template: &'l Template,
    /// Whether it asks for a capture around its alerts.
    pub capture: bool,
    /// How long that shall be, in milliseconds; 0 is as the configuration says.
    pub capture_duration: u32,
}

/// Where a part of a condition is written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Written {
    /// The file.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its column, from 1, in bytes.
    pub column: usize,
}

impl std::fmt::Display for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl Loader<'_> {
    /// Where the part of a rule's condition with this span is written: in the rule, in a macro, or in an exception.
    pub fn written(&self, span: Span) -> Option<Written> {
        let place = self.origins().get(span.source)?.place_of(span.start as usize, self.sources());
        self.at(place)
    }

    /// The name of the exception of a rule that the part of its condition with this span belongs to.
    pub fn exception(&self, rule: &Rule<'_>, span: Span) -> Option<&str> {
        let place = self.origins().get(span.source)?.exception_of(span.start as usize)?;
        let compiled = self.compiled().rules.get(rule.number)?;
        let info = self.collector().rules.all().get(compiled.info)?;
        info.exceptions
            .iter()
            .find(|exception| exception.place == place)
            .map(|exception| exception.name.as_str())
    }

    /// Whether a rule wants to be warned that it says nothing of events.
    pub(crate) fn warns_of_events(&self, rule: &Rule<'_>) -> bool {
        self.info(rule).is_some_and(|info| info.warn_evttypes)
    }

    /// The comments directly above a rule and within it.
    pub(crate) fn comments(&self, rule: &Rule<'_>) -> Vec<&str> {
        let Some(place) = self.info(rule).map(|info| info.place) else { return Vec::new() };
        let Some(source) = self.sources().get(place.file as usize) else { return Vec::new() };
        let text = source.text();
        let start = text.get(..place.at).and_then(|before| before.rfind('\n')).map_or(0, |feed| feed + 1);
        let (above, from) = text.split_at_checked(start).unwrap_or((text, ""));
        let is_comment = |line: &&str| line.trim_start().starts_with('#');
        let mut comments: Vec<&str> = above.lines().rev().take_while(is_comment).collect();
        let own = from.lines().take(1).chain(from.lines().skip(1).take_while(|line| !line.starts_with('-')));
        // What stands right above the next item is that item's.
        let mut own: Vec<&str> = own.collect();
        if from.lines().nth(own.len()).is_some() {
            while own.last().is_some_and(|line| line.starts_with('#')) {
                own.pop();
            }
        }
        comments.extend(own.into_iter().filter(is_comment));
        comments
    }

    /// The exceptions of a rule: name, fields, operators; also those without values.
    pub(crate) fn exceptions(&self, rule: &Rule<'_>) -> Vec<(&str, Vec<&str>, Vec<&str>)> {
        fn list(entry: &Entry) -> Vec<&str> {
            match entry {
                Entry::List(items) => items.iter().map(Entry::text).collect(),
                entry => vec![entry.text()],
            }
        }
        let exceptions = self.info(rule).map(|info| info.exceptions.as_slice()).unwrap_or_default();
        exceptions.iter().map(|one| (one.name.as_str(), list(&one.fields), list(&one.comps))).collect()
    }

    fn info(&self, rule: &Rule<'_>) -> Option<&RuleInfo> {
        let compiled = self.compiled().rules.get(rule.number)?;
        self.collector().rules.all().get(compiled.info)
    }

    /// Where a rule is written.
    pub fn rule_written(&self, rule: &Rule<'_>) -> Option<Written> {
        let compiled = self.compiled().rules.get(rule.number)?;
        self.at(self.collector().rules.all().get(compiled.info)?.place)
    }

    fn at(&self, place: Place) -> Option<Written> {
        let source = self.sources().get(place.file as usize)?;
        let position = source.position(place.at);
        Some(Written { file: source.name().to_owned(), line: position.line + 1, column: position.column + 1 })
    }

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
                expr: &rule.expr,
                condition: &rule.condition,
                events: rule.events,
                output: &rule.output,
                template: &rule.template,
                capture: info.capture,
                capture_duration: info.capture_duration,
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
