//! One event with everything that fields can ask of it: the event, the state after it, and what is the same for the
//! whole run.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use saker_filter::{Context, Field, ProcessKey, Value};

use super::{AUDIT_BASE, FIELDS, PLUGIN_FIELD, PluginEvent};
use super::{plugin, schema};
use crate::event::Event;
use crate::k8s::audit::Json;
use crate::plugins::Calls;
use crate::state::{Fd, State, Subject, Thread, path};

/// What fields ask of the run: the same for all its events.
#[derive(Clone, Debug, Default)]
pub struct RunInfo {
    /// `evt.hostname`.
    pub hostname: Box<[u8]>,
    /// Time of the first event that is no notice of the source itself, nanoseconds since the epoch; 0 before it.
    /// `evt.reltime` starts there.
    pub first_ts: u64,
    /// The values of `static.*`, in the order in which the schema got the names.
    pub static_values: Vec<Box<[u8]>>,
    /// Whether outputs show payloads in base64 (`buffer_format_base64`).
    pub buffer_base64: bool,
    /// Whether the built-in container plugin is on. Without it everything is as on the host: users and names of
    /// descriptors of containers, too.
    pub containers: bool,
    /// The plugins that see system calls, if some do.
    pub calls: Option<Arc<Calls>>,
}

/// What a plugin has said of an event, once it was asked: the value of each slot.
type Said<'e> = OnceCell<&'e [Option<Value<'e>>]>;

/// Who made an event.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'e> {
    /// The kernel, or whoever wrote a capture.
    Kernel,
    /// The API server of Kubernetes: the event is this document of its audit log.
    AuditLog(&'e Json),
    /// A plugin.
    Plugin(PluginEvent<'e>),
}

impl<'e> Origin<'e> {
    /// What the event is as a document, if it is one.
    pub(super) fn document(&self) -> Option<&'e Json> {
        match self {
            Origin::Kernel => None,
            Origin::AuditLog(document) => Some(document),
            Origin::Plugin(event) => event.document(),
        }
    }

    /// What the event is, if a plugin made it.
    pub(super) fn plugin(&self) -> Option<&PluginEvent<'e>> {
        if let Origin::Plugin(event) = self { Some(event) } else { None }
    }
}

/// One event to evaluate rules over, after [`State::apply`] and before [`State::finish`].
pub struct EventContext<'e> {
    pub(super) event: &'e Event<'e>,
    pub(super) subject: Subject,
    pub(super) state: &'e State,
    pub(super) run: &'e RunInfo,
    pub(super) arena: &'e Bump,
    pub(super) origin: Origin<'e>,
    /// The thread that made the call, if there is one and it is known.
    pub(super) thread: Option<&'e Thread>,
    /// The descriptor that the event is about, if it is known.
    pub(super) fd: Option<&'e Fd>,
    /// Whether the value is for an output: some fields show other than they compare.
    pub(super) shown: Cell<bool>,
    leader: OnceCell<Option<&'e Thread>>,
    pub(super) cmdline: OnceCell<&'e [u8]>,
    pub(super) args: OnceCell<&'e [u8]>,
    /// The parameter that was last shown as text, for a condition or for an output.
    pub(super) last_param: Cell<Option<(usize, bool, &'e [u8])>>,
    asked: Cell<u64>,
    /// For each plugin that sees system calls what it has said of the event, once one was asked.
    said: OnceCell<&'e [Said<'e>]>,
}

impl<'e> EventContext<'e> {
    /// The context of an event that `state` has taken in; `subject` is what it said.
    pub fn new(
        event: &'e Event<'e>,
        subject: Subject,
        state: &'e State,
        run: &'e RunInfo,
        arena: &'e Bump,
    ) -> Self {
        EventContext {
            event,
            subject,
            state,
            run,
            arena,
            origin: Origin::Kernel,
            // Also an event that no call made has the thread of its id, if there is one.
            thread: state.subject_thread(&subject).or_else(|| state.thread(event.tid)),
            fd: state.subject_fd(&subject),
            shown: Cell::new(false),
            leader: OnceCell::new(),
            cmdline: OnceCell::new(),
            args: OnceCell::new(),
            last_param: Cell::new(None),
            asked: Cell::new(0),
            said: OnceCell::new(),
        }
    }

    /// The same for an event that does not come from the kernel.
    pub fn from(self, origin: Origin<'e>) -> Self {
        EventContext { origin, ..self }
    }

    /// The value of a field as outputs show it. It differs from [`Context::get`] where one field is asked two
    /// things: `proc.aname` in a condition is any of the ancestors, in an output it is all of them in one line;
    /// payloads in outputs are printable. What can only be compared (`fd.ip`) shows as null.
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

    /// Whom and what the event is about.
    pub fn subject(&self) -> Subject {
        self.subject
    }

    /// The state after the event.
    pub fn state(&self) -> &'e State {
        self.state
    }

    /// The thread that made the call, if there is one and it is known.
    pub fn thread(&self) -> Option<&'e Thread> {
        self.thread
    }

    /// For how long the values of fields of the scopes `Process` and `Ancestry` stay as they are. `None` if they belong
    /// to this event alone: nobody knows its thread, or it tells of a container, which then is the one that
    /// `container.*` shows.
    pub fn process_key(&self) -> Option<ProcessKey> {
        let slot = self.subject.thread.filter(|_| self.subject.container.is_none())?;
        Some(ProcessKey {
            slot: slot.0,
            version: self.state.version(self.thread?),
            ancestry: self.state.ancestry_version(),
        })
    }

    /// The main thread of the process.
    pub(super) fn leader(&self) -> Option<&'e Thread> {
        *self.leader.get_or_init(|| self.state.leader(self.thread?))
    }

    /// The id of the container that the thread is in, empty for the host.
    pub(super) fn container_id(&self) -> &'e [u8] {
        match self.thread {
            Some(thread) if self.run.containers => self.state.container_id(thread),
            _ => b"",
        }
    }

    /// An empty byte string in the arena, with room for what most fields show: growing costs more than the room.
    pub(super) fn buffer(&self) -> BumpVec<'e, u8> {
        BumpVec::with_capacity_in(128, self.arena)
    }

    /// A path as Falco shows it, seen from a directory that should end in a slash.
    pub(super) fn join(&self, dir: &[u8], path: &'e [u8]) -> &'e [u8] {
        if path::is_absolute_and_clean(path) {
            return path;
        }
        let mut out = Vec::new();
        path::concatenate(&mut out, dir, path);
        self.arena.alloc_slice_copy(&out)
    }

    /// The value of a slot that a plugin has for a system call. The plugin is asked once, for all that rules ask of it.
    #[cold]
    pub(super) fn of_plugin(&self, slot: usize) -> Option<Value<'e>> {
        let calls = self.run.calls.as_deref()?;
        let plugin = calls.plugin_of(slot)?;
        let said = self
            .said
            .get_or_init(|| self.arena.alloc_slice_fill_with(calls.count(), |_| OnceCell::new()))
            .get(plugin)?;
        let values = said.get_or_init(|| calls.values(plugin, self.event, self.arena));
        *values.get(slot)?
    }

    /// Counts the questions of `util.cnt`.
    pub(super) fn ask(&self) -> u64 {
        self.asked.set(self.asked.get() + 1);
        self.asked.get()
    }
}

impl<'e> Context<'e> for EventContext<'e> {
    fn get(&self, field: &Field) -> Option<Value<'e>> {
        let index = usize::from(field.id);
        match FIELDS.get(index) {
            Some(info) => (info.get)(self, field),
            None if field.id == PLUGIN_FIELD => plugin::get(self, field),
            None if field.id >= AUDIT_BASE => (schema::info(field)?.get)(self, field),
            None => self.run.static_values.get(index - FIELDS.len()).map(|value| Value::Bytes(value)),
        }
    }

    fn arena(&self) -> &'e Bump {
        self.arena
    }
}
