//! Alerts: from a rule that was true for an event to the line that is printed.

mod append;
mod line;
mod summary;
mod template;

use crate::fields::EventContext;
use crate::rules::Rule;

pub use append::{append_output, check_append_output};
pub use line::{Line, LineCompiler, LineError, RuleLabels};
pub(crate) use line::{push_printable, push_string};
pub use summary::Summary;
pub(crate) use template::plain_text;
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
