//! The loop: each event goes into the state, then past whoever looks at it (rules, or a printer), and then out of the
//! state again where it ended something.
//!
//! ```text
//! source -> State::apply -> EventContext -> rules -> alerts
//!                                        \-> State::finish
//! ```
//!
//! An event that nobody wants costs its decoding and its effect on the state, no more.

use bumpalo::Bump;

use crate::capture::Snapshot;
use crate::config::{self, Config};
use crate::event::{Category, Event, EventId, id};
use crate::fields::{EventContext, RunInfo};
use crate::state::{Limits, State};

/// State and surroundings of a run.
#[derive(Debug)]
pub struct Pipeline {
    state: State,
    run: RunInfo,
    arena: Bump,
    /// The events so far only told what there already was.
    leading: bool,
    /// Timestamp of the last event that rules met, 0 before the first.
    prev_ts: u64,
}

impl Pipeline {
    /// A pipeline that has seen nothing yet.
    pub fn new(config: &Config) -> Self {
        let run = RunInfo {
            // What happened elsewhere did not happen on this host: like Falco's, a replay shows none.
            hostname: Box::default(),
            static_values: config.static_fields.values().map(|value| value.as_bytes().into()).collect(),
            buffer_base64: config.buffer_format_base64,
            containers: config.has_plugin(config::CONTAINER),
            ..RunInfo::default()
        };
        Pipeline { state: State::new(Limits::default()), run, arena: Bump::new(), leading: true, prev_ts: 0 }
    }

    /// A pipeline for what happens on this host now.
    pub fn live(config: &Config) -> Self {
        let mut pipeline = Pipeline::new(config);
        pipeline.run.hostname = config::hostname().into_bytes().into();
        // Who began before has already been looked up, so no event only tells of what there was.
        pipeline.leading = false;
        pipeline
    }

    /// The state after the last event.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Takes in what was running when the source began.
    pub fn begin(&mut self, snapshot: Snapshot) {
        self.state.load(snapshot);
    }

    /// Takes in an event, and shows it to `look` if it is `wanted` and such that rules meet it.
    pub fn event<R>(
        &mut self,
        event: &Event<'_>,
        wanted: bool,
        look: impl FnOnce(&EventContext<'_>) -> R,
    ) -> Option<R> {
        if self.run.first_ts == 0 && !event.info().category.contains(Category::METAEVENT) {
            self.run.first_ts = event.ts;
        }
        let mut subject = self.state.apply(event);
        let visible = self.is_visible(event);
        // The time that `evt.deltatime` tells is between events that rules meet.
        subject.prev_ts = self.prev_ts;
        if visible {
            self.prev_ts = event.ts;
        }
        let seen = if wanted && visible {
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

    /// Whether rules meet an event. They never meet the entry of a call, nor the users, groups and containers that a
    /// capture begins with.
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
