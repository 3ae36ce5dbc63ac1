//! Alerts: from a rule that was true for an event to the line that is printed.

mod append;
mod captures;
mod internal;
mod line;
mod summary;
mod template;

use crate::fields::EventContext;
use crate::rules::Rule;

pub use append::{append_output, check_append_output};
pub use captures::{Captures, Desk as CaptureDesk, Request, Requests, desk as capture_desk};
pub use internal::{Internal, InternalForm, SOURCE, now};
pub use line::{Line, LineCompiler, LineError, RuleLabels};
pub(crate) use line::{push_printable, push_string};
pub use summary::{Cost, Counted, Summary};
pub(crate) use template::plain_text;
pub use template::{
    CONTAINER_INFO, NOT_AVAILABLE, Template, TemplateError, TemplateErrorKind, json_value, text_value,
};

/// What is printed when rules are true: a line for each, and counts. A clone counts into the same numbers.
#[derive(Clone, Debug)]
pub struct Alerts {
    lines: Vec<Line>,
    summary: Summary,
    internal: InternalForm,
    captures: Captures,
}

impl Alerts {
    /// For these rules, which are numbered as they come.
    pub fn new(rules: &[Rule<'_>], compiler: &LineCompiler<'_>) -> Result<Self, LineError> {
        let lines = rules.iter().map(|rule| compiler.compile(&rule.labels, rule.template));
        let internal =
            InternalForm { json: compiler.config.json_output, hostname: compiler.hostname.to_owned() };
        Ok(Alerts {
            lines: lines.collect::<Result<_, _>>()?,
            summary: Summary::new(rules),
            internal,
            captures: Captures::of(rules, compiler.config),
        })
    }

    /// Appends the alert of a rule for an event, and counts it.
    pub fn write(&mut self, rule: usize, context: &EventContext<'_>, out: &mut Vec<u8>) {
        if let Some(line) = self.lines.get_mut(rule) {
            self.summary.count(rule);
            line.write(context, out);
            self.captures.ask(rule, context.event());
        }
    }

    /// Has captures asked for at this desk.
    pub fn connect(&mut self, desk: CaptureDesk) {
        self.captures.connect(Some(desk));
    }

    /// Appends an alert about Saker itself, and counts it.
    pub fn write_internal(&mut self, alert: &Internal, out: &mut Vec<u8>) {
        self.summary.count_internal(&alert.rule, alert.priority);
        alert.write(&self.internal, out);
    }

    /// Goes on from the counts of the alerts that these take the place of.
    #[must_use]
    pub fn continuing(mut self, old: &Alerts) -> Alerts {
        self.summary = self.summary.continuing(&old.summary);
        self.captures.connect(old.captures.desk());
        self
    }

    /// The counts so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }
}
