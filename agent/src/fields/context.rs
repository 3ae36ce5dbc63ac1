//! One event with everything that fields can ask of it: the event, the state after it, and what is the same for the
//! whole run.

use std::cell::Cell;

use bumpalo::Bump;
use saker_filter::{Context, Field, Value};

use super::FIELDS;
use crate::event::Event;

/// What fields ask of the run: the same for all its events.
#[derive(Clone, Debug, Default)]
pub struct RunInfo {
    /// `evt.hostname`: `FALCO_HOSTNAME`, else the name of the host.
    pub hostname: Box<[u8]>,
    /// Time of the first event, nanoseconds since the epoch; `evt.reltime` starts there.
    pub first_ts: u64,
    /// When the machine was booted, nanoseconds since the epoch.
    pub boot_ts: u64,
    /// The values of `static.*`, in the order in which the schema got the names.
    pub static_values: Vec<Box<[u8]>>,
    /// Whether outputs show payloads in base64 (`buffer_format_base64`).
    pub buffer_base64: bool,
}

/// One event to evaluate rules over.
pub struct EventContext<'e> {
    pub(super) event: &'e Event<'e>,
    pub(super) run: &'e RunInfo,
    pub(super) arena: &'e Bump,
    /// Whether the value is for an output: some fields show other than they compare.
    pub(super) shown: Cell<bool>,
}

impl<'e> EventContext<'e> {
    /// The context of an event.
    pub fn new(event: &'e Event<'e>, run: &'e RunInfo, arena: &'e Bump) -> Self {
        EventContext { event, run, arena, shown: Cell::new(false) }
    }

    /// The value of a field as outputs show it. It differs from [`Context::get`] where one field is asked two
    /// things: `proc.aname` in a condition is any of the ancestors, in an output it is all of them in one line;
    /// payloads in outputs are printable.
    pub fn shown(&self, field: &Field) -> Option<Value<'e>> {
        self.shown.set(true);
        let value = self.get(field);
        self.shown.set(false);
        value
    }

    /// The event.
    pub fn event(&self) -> &'e Event<'e> {
        self.event
    }
}

impl<'e> Context<'e> for EventContext<'e> {
    fn get(&self, field: &Field) -> Option<Value<'e>> {
        let index = usize::from(field.id);
        match FIELDS.get(index) {
            Some(info) => (info.get)(self, field),
            None => self.run.static_values.get(index - FIELDS.len()).map(|value| Value::Bytes(value)),
        }
    }

    fn arena(&self) -> &'e Bump {
        self.arena
    }
}
