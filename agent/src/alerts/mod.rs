//! Alerts: from a rule that was true for an event to the line that is printed.

mod append;
mod internal;
mod line;
mod record;
mod summary;
mod template;

use crate::fields::EventContext;
use crate::rules::Rule;

pub use append::{append_output, check_append_output, check_key_fields};
pub use internal::InternalAlert;
pub use line::{Line, LineCompiler, LineError, RuleLabels, Wanted};
pub(crate) use internal::now;
pub(crate) use line::{push_printable, push_string, push_utc};
pub use record::{Alert, Parts, RecordError};
pub use summary::Summary;
pub use template::{
    CONTAINER_INFO, NOT_AVAILABLE, Template, TemplateError, TemplateErrorKind, json_value, text_value,
};

/// What is printed when rules are true: a line for each, and counts.
#[derive(Clone, Debug)]
pub struct Alerts {
    lines: Vec<Line>,
    summary: Summary,
}

impl Alerts {
    /// For these rules, which are numbered as they come.
    pub fn new(rules: &[Rule<'_>], compiler: &LineCompiler<'_>) -> Result<Self, LineError> {
        let lines = rules.iter().map(|rule| compiler.compile(&rule.labels, rule.template));
        Ok(Alerts { lines: lines.collect::<Result<_, _>>()?, summary: Summary::new(rules) })
    }

    /// As [`Alerts::new`], for alerts that go to outputs: what is written are records, see [`Alert`].
    pub fn recorded(
        rules: &[Rule<'_>],
        compiler: &LineCompiler<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Self, LineError> {
        let lines = rules.iter().map(|rule| compiler.compile_recorded(&rule.labels, rule.template, wanted));
        Ok(Alerts { lines: lines.collect::<Result<_, _>>()?, summary: Summary::new(rules) })
    }

    /// Appends the alert of a rule for an event, and counts it.
    pub fn write(&mut self, rule: usize, context: &EventContext<'_>, out: &mut Vec<u8>) {
        if let Some(line) = self.lines.get_mut(rule) {
            self.summary.count(rule);
            line.write(context, out);
        }
    }

    /// Adds the counts of another that began as this one's clone.
    pub fn add(&mut self, other: &Alerts) {
        self.summary.add(&other.summary);
    }

    /// The counts so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}
