//! The names of the events that a rule can be true for, as Falco lists them when it describes rules.
//!
//! Every system call without an event of its own is the same event to the index of rules, but has its own name here.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use saker_filter::{EventSet, Expr, Field, FieldError, Schema, check};

use crate::event::{EVENTS, id, syscall};

/// All names, sorted.
static NAMES: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let events = EVENTS.iter().filter(|event| event.id != id::GENERIC_E && event.id != id::GENERIC_X);
    let calls = syscall::SYSCALLS.iter().filter(|call| is_listed(call));
    let names: BTreeSet<&str> = events.map(|event| event.name).chain(calls.map(|call| call.name)).collect();
    names.into_iter().collect()
});

/// Whether a system call stands for itself: it has no event of its own, and is no gap in the table. Falco knows of no
/// event for `_newselect`, which only 32-bit systems have.
fn is_listed(call: &syscall::SyscallInfo) -> bool {
    let gap = call.name == "unknown" || call.name.starts_with("na_");
    (call.is_generic() && !gap) || call.name == "_newselect"
}

/// The event that concerns every rule, whatever it says of `evt.type`.
const ASYNC_EVENT: &str = "asyncevent";

/// The names of the events for which a condition of source `syscall` can be true, sorted.
pub(super) fn event_names(expr: &Expr, schema: &dyn Schema) -> Vec<&'static str> {
    let events = check(expr, &ByName(schema)).map(|checked| checked.events).unwrap_or_default();
    let mut names: BTreeSet<&str> =
        events.iter().filter_map(|index| NAMES.get(usize::from(index)).copied()).collect();
    names.insert(ASYNC_EVENT);
    names.into_iter().collect()
}

/// A schema whose events are names: sets hold indexes into [`NAMES`].
struct ByName<'s>(&'s dyn Schema);

impl Schema for ByName<'_> {
    fn resolve(&self, name: &str, arg: Option<&[u8]>) -> Result<Field, FieldError> {
        self.0.resolve(name, arg)
    }

    fn name(&self, field: &Field) -> &str {
        self.0.name(field)
    }

    fn check_literal(&self, field: &Field, operator: &str, literal: &[u8]) -> Result<(), String> {
        self.0.check_literal(field, operator, literal)
    }

    fn port(&self, service: &[u8]) -> Option<u16> {
        self.0.port(service)
    }

    fn events(&self, field: &Field, operator: &str, literals: &[&[u8]]) -> Option<EventSet> {
        self.0.events(field, operator, literals)?;
        let index = |name: &&[u8]| NAMES.binary_search_by(|known| known.as_bytes().cmp(name)).ok();
        let named: EventSet = literals.iter().filter_map(index).map(|index| index as u16).collect();
        Some(if operator == "!=" { self.all_events().difference(&named) } else { named })
    }

    fn all_events(&self) -> EventSet {
        (0..NAMES.len() as u16).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::FieldSchema;

    fn names(condition: &str) -> Vec<&'static str> {
        event_names(&saker_filter::parse(condition, 100).unwrap(), &FieldSchema::new(false))
    }

    #[test]
    fn names_follow_from_the_condition() {
        assert_eq!(names("evt.type in (open, getrandom)"), ["asyncevent", "getrandom", "open"]);
        assert_eq!(names("evt.type = open and evt.type = close"), ["asyncevent"]);
        assert_eq!(names("not evt.type != open or evt.type = close"), ["asyncevent", "close", "open"]);
        let all = names("proc.name = cat").len();
        assert_eq!(names("evt.type != open").len(), all - 1);
        assert_eq!(all, NAMES.len());
    }
}
