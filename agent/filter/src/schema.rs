//! The two things that the language asks of the outside: which fields there are, and what they are worth.

use std::ops::Range;

use bumpalo::Bump;

use crate::events::EventSet;
use crate::value::{Type, Value};

/// The argument of a field, as the schema understood it when the condition was typed.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Arg {
    /// The field was given none.
    None,
    /// A number: `proc.aname[2]`, or an index that the schema looked up (a parameter name, say).
    Index(u32),
    /// A name: `proc.env[HOME]`.
    Key(Box<[u8]>),
}

/// On what the value of a field depends: how long an evaluation of a check on it may be remembered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// Nothing: the same for every event of a run.
    Constant,
    /// The thread that made the call and its process.
    Process,
    /// Also on other processes: its ancestors, its session and group leaders.
    Ancestry,
    /// The event, or a file descriptor.
    Event,
}

/// What the language must know of a field besides its type.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FieldTraits {
    /// The field is a list: only `in`, `intersects` and `exists` take it.
    pub list: bool,
    /// It cannot stand under a transformer (`EPF_NO_TRANSFORMER`).
    pub no_transformer: bool,
    /// It cannot stand on the right-hand side (`EPF_NO_RHS`).
    pub no_rhs: bool,
    /// It can be printed, not compared (`EPF_PRINT_ONLY`).
    pub print_only: bool,
    /// It can be compared, not printed (`EPF_FILTER_ONLY`).
    pub filter_only: bool,
    /// It is kept for old rules only.
    pub deprecated: bool,
    /// Of the several values that it may have at once, each is compared for itself, also by `!=`: the ancestors of
    /// `proc.aname`. Without this, `!=` means that none is equal: the two ends of `fd.ip`.
    pub any_differs: bool,
    /// Of the texts of a list, `contains` may be asked, of each for itself: old rules for the audit log do so. Of other lists it
    /// may not.
    pub each_contains: bool,
    /// It is a distance, of which `=` asks whether it is at most this: `evt.around`.
    pub distance: bool,
}

/// A field with its argument, resolved.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Field {
    /// The schema's own number of the field: what [`Context::get`] is asked with.
    pub id: u16,
    /// Its argument.
    pub arg: Arg,
    /// Its type.
    pub ty: Type,
    /// How it may be used.
    pub traits: FieldTraits,
    /// On what it depends.
    pub scope: Scope,
}

/// Why a field name or its argument is refused. The text is Falco's where rules can meet it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FieldError {
    /// No field has this name.
    #[error("filter_check called with nonexistent field {0}")]
    Unknown(String),
    /// The field takes no argument, needs one, or not this one.
    #[error("{0}")]
    Argument(String),
}

/// The fields that exist.
pub trait Schema {
    /// Finds the field that `name` means. The longest field name that is a prefix of `name` counts, and what is left
    /// after a dot is its argument (`evt.arg.flags` is `evt.arg[flags]`); `arg` is what stood in brackets.
    fn resolve(&self, name: &str, arg: Option<&[u8]>) -> Result<Field, FieldError>;

    /// The name of a field as `saker fields` lists it, without argument.
    fn name(&self, field: &Field) -> &str;

    /// Whether `literal` may be compared with `field` by `operator` (spelled as in a condition). Only for checks
    /// beyond its type: `evt.type` takes names of events only.
    fn check_literal(&self, field: &Field, operator: &str, literal: &[u8]) -> Result<(), String>;

    /// The port that a service name stands for.
    fn port(&self, service: &[u8]) -> Option<u16>;

    /// The events for which `field operator literals` can be true, `None` if the check does not narrow them. Asked
    /// for `=`, `==`, `!=` and `in` without modifiers. A field for which `=` with no literals is `Some` decides by
    /// the event: it may not stand under transformers there, nor beside another field.
    fn events(&self, field: &Field, operator: &str, literals: &[&[u8]]) -> Option<EventSet>;

    /// All events there are.
    fn all_events(&self) -> EventSet;

    /// The kinds of events with this id that are told apart by more than the id: numbers from
    /// [`MAX_EVENTS`](crate::events::MAX_EVENTS) on. An event need not be of any of them.
    fn kinds(&self, _event: u16) -> Range<u16> {
        0..0
    }

    /// The value that `field` has for every event with this id or of this kind (inside, `None` is null), if that alone decides it:
    /// then checks on it are decided when conditions are compiled. `None` if it may differ from event to event.
    fn known(&self, _field: &Field, _kind: u16) -> Option<Option<Value<'static>>> {
        None
    }

    /// What it costs to get the value of a field, where 4 is that of one that is only looked up. Dear ones are asked
    /// for last.
    fn cost(&self, _field: &Field) -> u32 {
        4
    }

    /// The fields that an output should show, if it is to show what is suggested.
    fn suggested(&self) -> Vec<&str> {
        Vec::new()
    }

    /// The least number that the field can be, if it never is null.
    fn at_least(&self, _field: &Field) -> Option<i128> {
        None
    }
}

/// One event with the state around it: what a program is evaluated over.
///
/// `'e` is the time for which the event, the state and the arena stay as they are.
pub trait Context<'e> {
    /// The value of a field; `None` is null.
    fn get(&self, field: &Field) -> Option<Value<'e>>;

    /// Where values live that must be put together; emptied after each event.
    fn arena(&self) -> &'e Bump;
}
