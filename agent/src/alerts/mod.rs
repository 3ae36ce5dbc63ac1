//! Alerts: from a rule that was true for an event to the line that is printed.

mod append;
mod captures;
mod internal;
mod line;
mod record;
mod summary;
mod template;

use crate::fields::EventContext;
use crate::rules::Rule;

pub use append::{append_output, check_append_output, check_key_fields};
pub use captures::{Captures, Desk as CaptureDesk, Request, Requests, desk as capture_desk};
pub use internal::{Internal, InternalForm, SOURCE, now};
pub use line::{Line, LineCompiler, LineError, RuleLabels, Wanted};
pub(crate) use line::{printable, push_printable, push_string, push_utc};
pub use record::{Alert, Parts, RecordError};
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
        let lines = lines.collect::<Result<_, _>>()?;
        Ok(Alerts::of(lines, rules, compiler))
    }

    /// As [`Alerts::new`], for alerts that go to outputs: what is written are records, see [`Alert`].
    pub fn recorded(
        rules: &[Rule<'_>],
        compiler: &LineCompiler<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Self, LineError> {
        let lines = rules.iter().map(|rule| compiler.compile_recorded(&rule.labels, rule.template, wanted));
        let mut alerts = Alerts::of(lines.collect::<Result<_, _>>()?, rules, compiler);
        alerts.internal.recorded = true;
        Ok(alerts)
    }

    fn of(lines: Vec<Line>, rules: &[Rule<'_>], compiler: &LineCompiler<'_>) -> Self {
        let internal = InternalForm::of(compiler.config, compiler.hostname);
        let captures = Captures::of(rules, compiler.config);
        Alerts { lines, summary: Summary::new(rules), internal, captures }
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
