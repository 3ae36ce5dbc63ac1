//! The one loop: events in, alerts out, in the order in which they come.

use std::io::{self, Write};

use super::{Pipeline, RuleSet, Sink};
use crate::alerts::{Internal, Summary};
use crate::capture::Snapshot;
use crate::event::Event;
use crate::state::StateFigures;

/// State, rules and the place where alerts go.
pub struct Single<'r, W> {
    pipeline: Pipeline,
    rules: &'r mut RuleSet,
    lines: Vec<u8>,
    out: W,
}

impl<'r, W: Write> Single<'r, W> {
    /// A loop that has seen nothing yet.
    pub fn new(mut pipeline: Pipeline, rules: &'r mut RuleSet, out: W) -> Self {
        pipeline.settle(&rules.settings);
        Single { pipeline, rules, lines: Vec::new(), out }
    }

    /// The state after the last event.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }
}

impl<W: Write> Sink for Single<'_, W> {
    fn begin(&mut self, snapshot: Snapshot) {
        self.pipeline.begin(snapshot);
    }

    // A call for each event would cost more than what most events do.
    #[inline(always)]
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let Single { pipeline, rules: RuleSet { detector, alerts, .. }, lines, .. } = self;
        let seen = pipeline.event(event, detector.concerns(event), |context| {
            detector.detect(context, |rule| alerts.write(rule, context, lines));
        });
        if seen.is_some() && !self.lines.is_empty() {
            self.out.write_all(&self.lines)?;
            self.lines.clear();
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pipeline.flush();
        self.out.flush()
    }

    fn replace(&mut self, rules: RuleSet) -> io::Result<Summary> {
        self.pipeline.settle(&rules.settings);
        *self.rules = rules.continuing(self.rules);
        Ok(self.rules.alerts.summary().clone())
    }

    fn internal(&mut self, alert: &Internal) -> io::Result<()> {
        self.rules.alerts.write_internal(alert, &mut self.lines);
        self.out.write_all(&self.lines)?;
        self.lines.clear();
        Ok(())
    }

    fn insert(&mut self, alerts: &[u8]) -> io::Result<()> {
        self.out.write_all(alerts)
    }

    fn figures(&self) -> StateFigures {
        self.pipeline.state.figures()
    }

    #[inline]
    fn is_stranger(&self, tid: i64, started: u64) -> bool {
        self.pipeline.state.is_stranger(tid, started)
    }

    fn forget(&mut self, tid: i64) {
        self.pipeline.state.forget(&[tid]);
    }

    fn purge(&mut self, deadline: u64, alive: &mut dyn FnMut(i64) -> bool) {
        self.pipeline.state.purge(deadline, alive);
    }
}
