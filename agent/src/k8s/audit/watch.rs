//! The loop of the audit log: each event past the rules of its source.

use bumpalo::Bump;
use saker_filter::{EventSet, Schema};

use super::batch::{AuditEvent, Batch, Refused};
use super::counters::Counters;
use crate::alerts::{Alerts, LineCompiler, LineError, Summary};
use crate::config::{self, Config};
use crate::detect::Detector;
use crate::event::{Event, Params, id};
use crate::fields::{EventContext, RunInfo};
use crate::outputs;
use crate::rules::Rule;
use crate::state::{Limits, State, Subject};

/// Rules of the source `k8s_audit`, and what they have met so far.
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
        let events = EventSet::from_iter([id::PLUGINEVENT_E.0]);
        let conditions = rules.iter().map(|rule| (rule.condition, events));
        Ok(Watch {
            detector: Detector::new(conditions, schema, config.rule_matching),
            alerts: match records_for {
                Some(config) => Alerts::recorded(rules, &lines, &outputs::wanted(config))?,
                None => Alerts::new(rules, &lines)?,
            },
            state: State::new(Limits::default()),
            run: RunInfo { hostname: hostname.into_bytes().into(), ..RunInfo::default() },
            arena: Bump::new(),
            count: 0,
            previous: 0,
        })
    }

    /// Shows the events of a batch to the rules, and counts them and what was refused; the lines of the alerts go to `out`.
    pub fn batch(&mut self, batch: &Result<Batch, Refused>, counters: &mut Counters, out: &mut Vec<u8>) {
        let batch = match batch {
            Ok(batch) => batch,
            Err(refused) => return counters.refuse(refused),
        };
        batch.refused.iter().for_each(|refused| counters.refuse(refused));
        for event in &batch.events {
            match self.event(event, out) {
                Ok(()) => counters.events += 1,
                Err(refused) => counters.refuse(&refused),
            }
        }
    }

    /// Shows an event to the rules; the lines of the alerts go to `out`.
    ///
    /// # Errors
    /// If the event is nested too deep.
    pub fn event(&mut self, event: &AuditEvent, out: &mut Vec<u8>) -> Result<(), Refused> {
        let document = event.document()?;
        self.count += 1;
        if self.run.first_ts == 0 {
            self.run.first_ts = event.time;
        }
        let record = Event::new(self.count, event.time, NOBODY, 0, id::PLUGINEVENT_E, 0, Params::default());
        let mut subject = Subject::NONE;
        subject.prev_ts = std::mem::replace(&mut self.previous, event.time);
        {
            let context = EventContext::new(&record, subject, &self.state, &self.run, &self.arena)
                .with_document(&document);
            let Watch { detector, alerts, .. } = self;
            detector.detect(&context, |rule| alerts.write(rule, &context, out));
        }
        self.arena.reset();
        Ok(())
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
