//! Plugins that see system calls: asked for their fields when a rule or an output reaches one, and shown the calls that they parse.
//!
//! ```text
//! Pipeline: State::apply -> Calls::parse (kept, sent many at once)
//!              -> rules, outputs -> a field of a plugin -> Calls::values -> what is kept, then the event -> answer
//! ```
//!
//! A plugin has one process, whoever asks: workers take turns. What rules ask of it belongs to the rules ([`Calls`]), the process does not
//! ([`Consulted`]), so a reload changes the first and keeps the second. While a plugin is down its fields are null, and what it does not
//! see is counted. A replay waits until it is begun again; what happens live does not wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bumpalo::Bump;
use saker_filter::Value;

use super::consulted::{Alert, Consulted, parses};
use super::running::Counters;
use super::sources::Member;
use super::team::Failure;
use crate::alerts::Internal;
use crate::event::{Event, EventId, id};
use crate::fields::Asking;

/// What rules ask of the plugins that see system calls.
#[derive(Debug)]
pub struct Calls {
    parts: Vec<Part>,
    /// The plugin of each slot.
    of_slot: Vec<Option<usize>>,
    /// Tells what one set of rules asks from what others do; never 0.
    version: u64,
}

/// A plugin, and what is asked of it.
#[derive(Debug)]
struct Part {
    consulted: Arc<Consulted>,
    asking: Asking,
}

/// How a plugin that sees system calls ended.
#[derive(Debug)]
pub struct CallsEnded {
    /// The plugin's name.
    pub plugin: String,
    /// What it was asked and shown, and what was lost.
    pub counters: Arc<Counters>,
    /// Why it is not asked any more.
    pub error: Option<String>,
}

impl Calls {
    /// For these plugins, of which rules ask this. Those that nobody asks and that parse nothing are left out; `None` if that is all.
    pub fn of(members: &[Member], asking: &Asking) -> Option<Calls> {
        static VERSIONS: AtomicU64 = AtomicU64::new(1);
        let (mut parts, mut of_slot) = (Vec::new(), vec![None; asking.kinds.len()]);
        for (member, (asked, slots)) in members.iter().zip(asking.plugins.iter().zip(&asking.slots)) {
            if asked.fields.is_empty() && !parses(member) {
                continue;
            }
            for slot in slots {
                if let Some(plugin) = of_slot.get_mut(*slot) {
                    *plugin = Some(parts.len());
                }
            }
            let asking = Asking {
                plugins: vec![asked.clone()],
                slots: vec![slots.clone()],
                kinds: asking.kinds.clone(),
            };
            let consulted = Arc::new(Consulted::of(member, Arc::default()));
            parts.push(Part { consulted, asking });
        }
        // Relaxed: only that no two are equal.
        let version = VERSIONS.fetch_add(1, Ordering::Relaxed);
        (!parts.is_empty()).then_some(Calls { parts, of_slot, version })
    }

    /// Takes over the processes of plugins that `old` has, where nothing about them has changed; one that has changed goes on with the counts.
    #[must_use]
    pub fn continuing(mut self, old: &Calls) -> Calls {
        for part in &mut self.parts {
            let old = old.parts.iter().map(|part| &part.consulted);
            if let Some(known) = old.into_iter().find(|known| known.name() == part.consulted.name()) {
                part.consulted = known.followed_by(&part.consulted);
            }
        }
        self
    }

    /// Begins the processes that are not begun yet. With `waits` each is waited for when it must be begun again.
    ///
    /// # Errors
    /// If one cannot be begun.
    pub fn begin(&self, waits: bool) -> Result<(), Failure> {
        self.parts.iter().try_for_each(|part| part.consulted.begin(&part.asking, self.version, waits))
    }

    /// Has alerts about these plugins go there, unless they go somewhere already.
    pub fn connect(&self, alert: impl Fn(Internal) + Send + Sync + 'static) {
        let alert: Arc<Alert> = Arc::new(alert);
        self.parts.iter().for_each(|part| part.consulted.connect(&alert));
    }

    /// How many plugins there are.
    pub fn count(&self) -> usize {
        self.parts.len()
    }

    /// The plugin that has a slot.
    pub fn plugin_of(&self, slot: usize) -> Option<usize> {
        *self.of_slot.get(slot)?
    }

    /// The name of a plugin that parses system calls, if one does: then all must be seen in their order.
    pub fn parser(&self) -> Option<&str> {
        self.parts.iter().find(|part| part.consulted.parses_any()).map(|part| part.consulted.name())
    }

    /// Whether a plugin parses events of a type. Of page faults, of which there are more than of all else, only one that names them.
    pub fn parses(&self, event: EventId) -> bool {
        self.parts.iter().any(|part| {
            let Part { consulted, .. } = part;
            consulted.parses(event) && (event != id::PAGE_FAULT_E || !consulted.parses_all())
        })
    }

    /// What each plugin counts, with its name.
    pub fn counters(&self) -> impl Iterator<Item = (&str, &Arc<Counters>)> {
        self.parts.iter().map(|part| (part.consulted.name(), part.consulted.counters()))
    }

    /// The values that a plugin has for a system call: of each slot, as far as rules ask for it. Copied into the arena.
    pub fn values<'a>(&self, plugin: usize, event: &Event<'_>, arena: &'a Bump) -> &'a [Option<Value<'a>>] {
        match self.parts.get(plugin) {
            Some(Part { consulted, asking }) => consulted.values(asking, self.version, event, arena),
            None => &[],
        }
    }

    /// Shows a system call to the plugins that parse those of its type. It is sent later, with others, but before anything is asked.
    pub fn parse(&self, event: &Event<'_>) {
        for Part { consulted, asking } in &self.parts {
            if consulted.parses(event.id) {
                consulted.parse(asking, self.version, event);
            }
        }
    }

    /// Nothing more is to come for now: sends what was kept, and asks now and then what the plugins count.
    pub fn flush(&self) {
        for Part { consulted, asking } in &self.parts {
            consulted.flush(asking, self.version);
        }
    }

    /// Ends the processes, when they are done with what they were sent.
    pub fn finish(&self) -> Vec<CallsEnded> {
        self.flush();
        self.parts.iter().map(|part| part.consulted.finish()).collect()
    }
}

#[cfg(test)]
impl Calls {
    /// A plugin that parses these types of events, all without any.
    pub fn parsing(types: Option<&[u16]>) -> Calls {
        use crate::plugins::info::{Info, Sources};
        use crate::plugins::settings::Settings;

        let parse = Some(Sources(vec![crate::rules::SYSCALL.to_owned()]));
        let member = Member {
            settings: Settings {
                name: "p".to_owned(),
                library: "/p.so".into(),
                init: String::new(),
                open: String::new(),
                timeout: std::time::Duration::ZERO,
                restarts: 0,
                pause: std::time::Duration::ZERO,
            },
            info: Info { name: "p".to_owned(), parse, ..Info::default() },
        };
        let consulted = Arc::new(Consulted::of(&member, Arc::default()).parsing(types));
        Calls { parts: vec![Part { consulted, asking: Asking::default() }], of_slot: Vec::new(), version: 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_parsed_is_what_the_plugin_names() {
        let some = Calls::parsing(Some(&[id::SYSCALL_OPEN_X.0, id::PAGE_FAULT_E.0]));
        let parsed = |calls: &Calls| {
            [id::SYSCALL_OPEN_X, id::SYSCALL_READ_X, id::PAGE_FAULT_E, id::PLUGINEVENT_E]
                .map(|event| calls.parses(event))
        };
        assert_eq!(parsed(&some), [true, false, true, false]);
        // Nobody asks for all page faults by saying nothing.
        assert_eq!(parsed(&Calls::parsing(None)), [true, true, false, false]);
        assert_eq!(some.parser(), Some("p"));
    }

    #[test]
    fn a_plugin_that_nobody_needs_is_left_out() {
        let parsing = Calls::parsing(None);
        let members = parsing.parts[0].consulted.members();
        let asking = Asking { plugins: vec![Default::default()], slots: vec![Vec::new()], kinds: Vec::new() };
        assert_eq!(Calls::of(members, &asking).map(|calls| calls.count()), Some(1));
        let mut idle = members.to_vec();
        idle[0].info.parse = None;
        assert!(Calls::of(&idle, &asking).is_none());
    }
}
