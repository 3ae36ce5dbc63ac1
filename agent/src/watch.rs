//! The rules of a source that has a loop of its own beside that of system calls: each of its events past them.

use bumpalo::Bump;
use saker_filter::{EventSet, Schema};

use crate::alerts::{Alerts, LineCompiler, LineError, Summary};
use crate::config::{self, Config};
use crate::detect::Detector;
use crate::event::{Event, EventId, Params, id};
use crate::fields::{EventContext, Origin, RunInfo};
use crate::outputs;
use crate::rules::Rule;
use crate::state::{Limits, State, Subject};

/// Rules of a source, and what they have met so far.
#[derive(Debug)]
pub struct Watch {
    detector: Detector,
    alerts: Alerts,
    /// Nothing is known of processes here; fields of any event ask for it all the same.
    state: State,
    run: RunInfo,
    arena: Bump,
    count: u64,
    previous: u64,
}

/// An event that is shown to the rules.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'e> {
    /// Its number, if it is one of a capture; else it is counted here.
    pub number: Option<u64>,
    /// When it was, in nanoseconds since the epoch.
    pub time: u64,
    /// Its type.
    pub id: EventId,
    /// Its parameters.
    pub params: Params<'e>,
    /// Who made it.
    pub origin: Origin<'e>,
}

impl Watch {
    /// Takes the rules of the source, in the order in which an event meets them. `schema` has the source's fields. Alerts are
    /// lines, or records for the outputs of a configuration.
    ///
    /// # Errors
    /// If the line of an alert does not compile under this configuration.
    pub fn new(
        rules: &[Rule<'_>],
        config: &Config,
        records_for: Option<&Config>,
        schema: &dyn Schema,
    ) -> Result<Self, LineError> {
        let hostname = config::hostname();
        let lines = LineCompiler { config, schema, hostname: &hostname };
        let events = EventSet::from_iter([id::PLUGINEVENT_E.0, id::ASYNCEVENT_E.0]);
        let conditions = rules.iter().map(|rule| (rule.condition, events));
        Ok(Watch {
            detector: Detector::new(conditions, schema, config.rule_matching),
            alerts: match records_for {
                Some(config) => Alerts::recorded(rules, &lines, &outputs::wanted(config))?,
                None => Alerts::new(rules, &lines)?,
            },
            state: State::new(Limits::default()),
            run: RunInfo {
                hostname: hostname.into_bytes().into(),
                static_values: config.static_fields.values().map(|value| value.as_bytes().into()).collect(),
                ..RunInfo::default()
            },
            arena: Bump::new(),
            count: 0,
            previous: 0,
        })
    }

    /// Shows an event to the rules; the lines of the alerts go to `out`.
    pub fn show(&mut self, shown: Shown<'_>, out: &mut Vec<u8>) {
        let Shown { number, time, id, params, origin } = shown;
        self.count = number.unwrap_or(self.count + 1);
        if self.run.first_ts == 0 {
            self.run.first_ts = time;
        }
        let record = Event::new(self.count, time, NOBODY, 0, id, 0, params);
        let mut subject = Subject::NONE;
        subject.prev_ts = std::mem::replace(&mut self.previous, time);
        {
            let context =
                EventContext::new(&record, subject, &self.state, &self.run, &self.arena).from(origin);
            let Watch { detector, alerts, .. } = self;
            detector.detect(&context, |rule| alerts.write(rule, &context, out));
        }
        self.arena.reset();
    }

    /// Goes on from the counts of the rules that these take the place of.
    #[must_use]
    pub fn continuing(self, old: &Watch) -> Watch {
        let run = RunInfo { first_ts: old.run.first_ts, ..self.run };
        let alerts = self.alerts.continuing(&old.alerts);
        Watch { alerts, run, count: old.count, previous: old.previous, ..self }
    }

    /// The counts of alerts.
    pub fn summary(&self) -> &Summary {
        self.alerts.summary()
    }
}

/// The thread id of an event that no thread made.
const NOBODY: i64 = -1;
