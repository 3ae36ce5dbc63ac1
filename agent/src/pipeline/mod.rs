//! The loop: each event goes into the state, then past whoever looks at it (rules, or a printer), and then out of the
//! state again where it ended something.
//!
//! ```text
//! source -> State::apply -> EventContext -> rules -> alerts
//!                                        \-> State::finish
//! ```
//!
//! An event that nobody wants costs its decoding and its effect on the state, no more.
//!
//! [`workers`] runs several such loops over one source.

mod batch;
mod exchange;
mod hold;
mod recorder;
mod router;
mod rules;
mod single;
pub mod workers;

use std::io;

use bumpalo::Bump;

use crate::alerts::{Internal, Summary};
use crate::capture::Snapshot;
use crate::config::{self, Config};
use crate::event::{Category, Event, EventId, id};
use crate::fields::{EventContext, RunInfo};
use crate::state::{Limits, State, StateFigures};

pub use hold::Hold;
pub use recorder::{Recorded, Recorder, Tap};
pub use rules::{RuleSet, Settings};
pub use single::Single;

/// Where a source's events go: to one loop, or to several.
pub trait Sink {
    /// Takes in what was running when the source, or a section of it, began.
    fn begin(&mut self, snapshot: Snapshot);

    /// Takes in the next event.
    ///
    /// # Errors
    /// If alerts cannot be written any more.
    fn event(&mut self, event: &Event<'_>) -> io::Result<()>;

    /// Nothing more is to come for now: what was handed over shall not wait for more.
    ///
    /// # Errors
    /// If alerts cannot be written any more.
    fn flush(&mut self) -> io::Result<()>;

    /// Goes on with other rules from the next event on. State and counts stay; gives the counts.
    ///
    /// # Errors
    /// If alerts cannot be written any more.
    fn replace(&mut self, rules: RuleSet) -> io::Result<Summary>;

    /// Writes an alert about Saker itself, after those of the events so far.
    ///
    /// # Errors
    /// If alerts cannot be written any more.
    fn internal(&mut self, alert: &Internal) -> io::Result<()>;

    /// Writes alerts that are made already, after those of the events so far.
    ///
    /// # Errors
    /// If alerts cannot be written any more.
    fn insert(&mut self, alerts: &[u8]) -> io::Result<()>;

    /// How much the state holds; with workers, how much it held when they were last done with a batch.
    fn figures(&self) -> StateFigures;

    /// Whether nothing is known of a thread, or only of one that had its id before: of a process that began at another time
    /// than `started`, in nanoseconds since boot.
    fn is_stranger(&self, tid: i64, started: u64) -> bool;

    /// Forgets a thread.
    fn forget(&mut self, tid: i64);

    /// Forgets threads that made no event since `deadline` and of which `alive` says that they are gone: for live sources,
    /// where an exit can be lost.
    fn purge(&mut self, deadline: u64, alive: &mut dyn FnMut(i64) -> bool);
}

/// State and surroundings of a run.
#[derive(Debug)]
pub struct Pipeline {
    state: State,
    run: RunInfo,
    arena: Bump,
    sequence: Sequence,
}

/// Where an event stands among those of its source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Place {
    /// Whether rules meet it.
    visible: bool,
    /// Timestamp of the last event before it that rules met, 0 if it is the first.
    prev_ts: u64,
    /// Timestamp of the first event that is no notice of the source itself, 0 before it.
    first_ts: u64,
}

/// What is known of the events so far: the part of the loop that sees all of them, in order, with however many workers.
#[derive(Debug)]
struct Sequence {
    /// They only told what there already was.
    leading: bool,
    prev_ts: u64,
    first_ts: u64,
}

impl Default for Sequence {
    fn default() -> Self {
        Sequence { leading: true, prev_ts: 0, first_ts: 0 }
    }
}

impl Sequence {
    /// The place of the next event.
    #[inline(always)]
    fn place(&mut self, event: &Event<'_>) -> Place {
        if self.first_ts == 0 && !event.info().category.contains(Category::METAEVENT) {
            self.first_ts = event.ts;
        }
        let visible = self.is_visible(event);
        let prev_ts = self.prev_ts;
        // The time that `evt.deltatime` tells is between events that rules meet.
        if visible {
            self.prev_ts = event.ts;
        }
        Place { visible, prev_ts, first_ts: self.first_ts }
    }

    /// Whether rules meet an event. They never meet the entry of a call, nor the users, groups and containers that a
    /// capture begins with.
    #[inline(always)]
    fn is_visible(&mut self, event: &Event<'_>) -> bool {
        if self.leading {
            if TELLS_OF_EXISTING.contains(&event.id) {
                return false;
            }
            self.leading = false;
        }
        !event.info().is_internal()
    }
}

impl Pipeline {
    /// A pipeline that has seen nothing yet.
    pub fn new(config: &Config) -> Self {
        let run = RunInfo {
            // What happened elsewhere did not happen on this host: like Falco's, a replay shows none.
            hostname: Box::default(),
            ..RunInfo::default()
        };
        let mut limits = Limits::default();
        if config.falco_libs.thread_table_size > 0 {
            limits.threads = config.falco_libs.thread_table_size as usize;
        }
        let state = State::new(limits);
        let mut pipeline = Pipeline { state, run, arena: Bump::new(), sequence: Sequence::default() };
        pipeline.settle(&Settings::of(config));
        pipeline
    }

    /// Lets fields see a configuration from now on.
    pub fn settle(&mut self, settings: &Settings) {
        self.run.static_values.clone_from(&settings.static_values);
        self.run.buffer_base64 = settings.buffer_base64;
        self.run.containers = settings.containers;
        self.run.calls.clone_from(&settings.calls);
    }

    /// Nothing more is to come for now: plugins that parse shall have what was kept for them.
    fn flush(&self) {
        self.run.calls.iter().for_each(|calls| calls.flush());
    }

    /// A pipeline for what happens on this host now.
    pub fn live(config: &Config) -> Self {
        let mut pipeline = Pipeline::new(config);
        pipeline.run.hostname = config::hostname().into_bytes().into();
        // Who began before has already been looked up, so no event only tells of what there was.
        pipeline.sequence.leading = false;
        pipeline
    }

    /// The state after the last event.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Forgets a thread.
    pub fn forget(&mut self, tid: i64) {
        self.state.forget(&[tid]);
    }

    /// Forgets threads that made no event since `deadline` and of which `alive` says that they are gone.
    pub fn purge(&mut self, deadline: u64, alive: impl FnMut(i64) -> bool) {
        self.state.purge(deadline, alive);
    }

    /// Takes in what was running when the source began.
    pub fn begin(&mut self, snapshot: Snapshot) {
        self.state.load(&snapshot);
    }

    /// Takes in an event, and shows it to `look` if it is `wanted` and such that rules meet it.
    #[inline(always)]
    pub fn event<R>(
        &mut self,
        event: &Event<'_>,
        wanted: bool,
        look: impl FnOnce(&EventContext<'_>) -> R,
    ) -> Option<R> {
        let place = self.sequence.place(event);
        self.event_at(place, event, wanted, look)
    }

    /// As [`Pipeline::event`], for an event of which is known where it stands.
    #[inline(always)]
    fn event_at<R>(
        &mut self,
        place: Place,
        event: &Event<'_>,
        wanted: bool,
        look: impl FnOnce(&EventContext<'_>) -> R,
    ) -> Option<R> {
        self.run.first_ts = place.first_ts;
        let mut subject = self.state.apply(event);
        if let Some(calls) = &self.run.calls
            && place.visible
        {
            calls.parse(event);
        }
        let seen = if wanted && place.visible {
            subject.prev_ts = place.prev_ts;
            let context = EventContext::new(event, subject, &self.state, &self.run, &self.arena);
            Some(look(&context))
        } else {
            None
        };
        self.state.finish();
        if seen.is_some() {
            self.arena.reset();
        }
        seen
    }
}

impl Pipeline {
    /// Takes in an event that rules meet elsewhere.
    fn follow(&mut self, event: &Event<'_>) {
        self.state.apply(event);
        self.state.finish();
    }
}

/// The events by which a capture says, before anything else, what there is besides processes.
const TELLS_OF_EXISTING: &[EventId] = &[
    id::CONTAINER_E,
    id::CONTAINER_JSON_E,
    id::CONTAINER_JSON_2_E,
    id::USER_ADDED_E,
    id::USER_DELETED_E,
    id::GROUP_ADDED_E,
    id::GROUP_DELETED_E,
];
