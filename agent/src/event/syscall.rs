//! The system calls: the codes by which records name them (`PPM_SC_*`), independent of the architecture, with their numbers
//! on x86_64 and the event that each becomes. The rows are those of the probe (`probe/src/extract/calls.rs`), which records by
//! them. A call without an event of its own becomes the event `syscall`, whose parameter `ID` is the code.

use std::ops::Range;

use saker_filter::events::{EventSet, MAX_EVENTS};
use saker_probe::extract::arch::x86_64::NATIVE;

use super::{EVENTS, Event, EventId, id};

/// A row of the syscall table.
#[derive(Debug)]
pub struct SyscallInfo {
    /// Its index (`PPM_SC_*`).
    pub code: u16,
    /// Its name: what `evt.type` and `syscall.type` say of a generic event with this code.
    pub name: &'static str,
    /// Its number on x86_64, if it exists there.
    pub number: Option<u16>,
    /// The event that it becomes; for tracepoints, which have codes too, the tracepoint's.
    pub event: EventId,
}

impl SyscallInfo {
    /// Whether the call has no event of its own: only that it happened is recorded.
    pub fn is_generic(&self) -> bool {
        self.event == id::GENERIC_X
    }
}

/// The call that a generic event is about; `None` for other events and for codes newer than the table. A recorder that had
/// no code for the call wrote 0: then the native number counts.
pub fn of_generic(event: &Event<'_>) -> Option<&'static SyscallInfo> {
    if event.id != id::GENERIC_X && event.id != id::GENERIC_E {
        return None;
    }
    let code = usize::try_from(event.param_u64(0)?).ok()?;
    if code == 0
        && let Some(call) = event.param_u64(1).and_then(|number| by_number(usize::try_from(number).ok()?))
    {
        return Some(call);
    }
    SYSCALLS.get(code)
}

/// The kinds of the generic event, which are its calls: numbers beyond those of events, in the order of the codes.
pub const GENERIC_KINDS: Range<u16> = MAX_EVENTS as u16..MAX_EVENTS as u16 + SYSCALL_COUNT as u16;

/// The kind of an event: its id, of a generic event the one for its call, if that is known.
#[inline]
pub fn kind(event: &Event<'_>) -> u16 {
    if event.id != id::GENERIC_X {
        return event.id.0;
    }
    of_generic(event).map_or(event.id.0, |call| GENERIC_KINDS.start + call.code)
}

/// The call that a kind of the generic event stands for.
pub fn of_kind(kind: u16) -> Option<&'static SyscallInfo> {
    SYSCALLS.get(usize::from(kind.checked_sub(GENERIC_KINDS.start)?))
}

/// The call with a number on x86_64.
pub fn by_number(number: usize) -> Option<&'static SyscallInfo> {
    let code = NATIVE[..X86_64_NUMBERS].get(number).filter(|code| **code != 0)?;
    SYSCALLS.get(usize::from(*code))
}

/// Numbers of x86_64: from here on the table has those that only x32 has.
const X86_64_NUMBERS: usize = 512;

/// Numbers by code.
static NUMBERS: [Option<u16>; SYSCALL_COUNT] = {
    let mut numbers = [None; SYSCALL_COUNT];
    let mut number = 0;
    while number < X86_64_NUMBERS {
        if NATIVE[number] != 0 {
            numbers[NATIVE[number] as usize] = Some(number as u16);
        }
        number += 1;
    }
    numbers
};

/// What `evt.type` says of an event: its name, of a generic event that of the call.
pub fn type_name(event: &Event<'_>) -> &'static str {
    of_generic(event).map_or_else(|| event.info().name, |call| call.name)
}

/// The events whose `evt.type` can be `name`: those of that name, and the generic event if a call without an event of its
/// own has the name. Empty if nothing has.
pub fn events_named(name: &[u8]) -> EventSet {
    let mut events: EventSet = EVENTS
        .iter()
        .filter(|row| row.name.as_bytes() == name && !row.flags.contains(super::EventFlags::UNUSED))
        .map(|row| row.id.0)
        .collect();
    if SYSCALLS.iter().any(|call| call.is_generic() && call.name.as_bytes() == name) {
        events.insert(id::GENERIC_E.0);
        events.insert(id::GENERIC_X.0);
    }
    events
}

/// Every name that `evt.type` can have, in no particular order, some of them twice.
pub fn type_names() -> impl Iterator<Item = &'static str> {
    let events =
        EVENTS.iter().filter(|row| !row.flags.contains(super::EventFlags::UNUSED)).map(|row| row.name);
    events.chain(SYSCALLS.iter().map(|call| call.name))
}

/// Makes the table of the rows of the probe.
macro_rules! syscalls {
    ($($code:literal $constant:ident $name:literal $event:ident $($extractor:ident)::+;)*) => {
        /// The table, indexed by code.
        pub static SYSCALLS: [SyscallInfo; SYSCALL_COUNT] = [$(SyscallInfo {
            code: $code,
            name: $name,
            number: NUMBERS[$code],
            event: id::$event,
        },)*];

        /// How many codes there are.
        pub const SYSCALL_COUNT: usize = [$($code),*].len();
    };
}

saker_probe::saker_system_calls!(syscalls);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Params;

    #[test]
    fn rows_stand_at_their_codes() {
        assert_eq!(SYSCALL_COUNT, 454);
        for (index, call) in SYSCALLS.iter().enumerate() {
            assert_eq!(usize::from(call.code), index, "{}", call.name);
        }
        let numbers: Vec<_> = SYSCALLS.iter().filter_map(|call| call.number).collect();
        assert_eq!(numbers.len(), numbers.iter().collect::<std::collections::HashSet<_>>().len());
    }

    #[test]
    fn generic_events_have_the_name_of_their_call() {
        let name =
            |id, record: &[u8]| type_name(&Event::new(1, 0, 1, 0, id, 0, Params::new(record, &[0, 2, 4])));
        assert_eq!(name(id::GENERIC_X, &[16, 0, 39, 0]), "getpid");
        assert_eq!(name(id::GENERIC_X, &[0, 0, 39, 0]), "getpid");
        assert_eq!(name(id::GENERIC_X, &[0, 0, 255, 255]), "unknown");
        assert_eq!(name(id::GENERIC_X, &[255, 255, 39, 0]), "syscall");
        assert_eq!(name(id::SYSCALL_OPENAT_2_X, &[16, 0, 39, 0]), "openat");
    }

    #[test]
    fn generic_events_have_the_kind_of_their_call() {
        let kind = |id, record: &[u8]| kind(&Event::new(1, 0, 1, 0, id, 0, Params::new(record, &[0, 2, 4])));
        let name = |kind| of_kind(kind).map(|call| call.name);
        assert_eq!(name(kind(id::GENERIC_X, &[16, 0, 39, 0])), Some("getpid"));
        assert_eq!(name(kind(id::GENERIC_X, &[0, 0, 39, 0])), Some("getpid"));
        assert_eq!(kind(id::GENERIC_X, &[255, 255, 39, 0]), id::GENERIC_X.0);
        assert_eq!(kind(id::GENERIC_E, &[16, 0, 39, 0]), id::GENERIC_E.0);
        assert_eq!(kind(id::SYSCALL_OPENAT_2_X, &[16, 0, 39, 0]), id::SYSCALL_OPENAT_2_X.0);
        assert_eq!(name(id::SYSCALL_OPENAT_2_X.0), None);
        assert_eq!(GENERIC_KINDS.len(), SYSCALL_COUNT);
    }

    #[test]
    fn names_find_their_events() {
        let events = |name: &str| {
            let events = events_named(name.as_bytes());
            events
                .iter()
                .filter_map(|id| EventId(id).info())
                .map(|row| row.constant)
                .collect::<Vec<_>>()
                .join(" ")
        };
        insta::assert_snapshot!(events("openat"), @"SYSCALL_OPENAT_E SYSCALL_OPENAT_X SYSCALL_OPENAT_2_E SYSCALL_OPENAT_2_X");
        insta::assert_snapshot!(events("getpid"), @"GENERIC_E GENERIC_X");
        // `pread64` becomes an event that is called `pread`, so no event ever has this name.
        insta::assert_snapshot!(events("pread64"), @"");
        insta::assert_snapshot!(events("no such call"), @"");
    }
}
