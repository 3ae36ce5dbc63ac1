//! From rules to a driver: which system calls it must record. Those that a rule asks for, and those that keep the state
//! true. Everything else costs a call no more than the test.

use saker_probe::extract::arch::native::NATIVE;
use saker_probe::extract::calls::CALLS;
use saker_probe::wire::ABI_VERSION;
use saker_probe::wire::control::{BITMAP_WORDS, Interest, SNAPLEN_DEFAULT, option, tracepoint};
use saker_probe::wire::event::GENERIC_X;

use crate::event::{EVENTS, EventFlags, EventId, id};

/// What a driver must record so that every event that is `wanted` is told. Of calls without an event of their own those
/// count whose name is `named`.
pub fn interest(wanted: impl Fn(EventId) -> bool, named: impl Fn(&str) -> bool) -> Interest {
    let mut interest = Interest {
        abi_version: ABI_VERSION,
        options: option::PATHS,
        snaplen: SNAPLEN_DEFAULT,
        ..Interest::default()
    };
    let generic = wanted(EventId(GENERIC_X));
    for (code, call) in (0..).zip(CALLS) {
        let event = EventId(call.event);
        let asked = if call.event == GENERIC_X {
            generic && named(call.name)
        } else {
            wanted(event) || keeps_state(event)
        };
        if asked {
            interest.ask(None, code);
        }
    }
    for (number, code) in (0..).zip(NATIVE) {
        // A number without a code is a call newer than the table. Only who asks for every call asks for it.
        if saker_probe::wire::control::is_set(&interest.codes, usize::from(code)) {
            interest.ask(Some(number), code);
        }
    }
    let tracepoints = [
        (id::SIGNALDELIVER_E, tracepoint::SIGNAL_DELIVER),
        (id::PAGE_FAULT_E, tracepoint::PAGE_FAULT),
        (id::SCHEDSWITCH_6_E, tracepoint::SWITCH),
    ];
    let asked = tracepoints.into_iter().filter(|(event, _)| wanted(*event));
    interest.tracepoints = asked.fold(tracepoint::IO_URING, |bits, (_, bit)| bits | bit);
    interest
}

/// Asks for every call and every tracepoint but page faults, of which there are more than of all else: for a recording.
pub fn everything() -> Interest {
    let mut interest = interest(|event| event != id::PAGE_FAULT_E, |_| true);
    // Calls that are newer than the table, too.
    interest.native = [u64::MAX; BITMAP_WORDS];
    interest
}

/// What satisfies both. Scope and hierarchy are those of `one`.
pub fn union(one: &Interest, other: &Interest) -> Interest {
    let both = |a: &[u64; BITMAP_WORDS], b: &[u64; BITMAP_WORDS]| {
        let mut words = *a;
        words.iter_mut().zip(b).for_each(|(word, other)| *word |= other);
        words
    };
    // Failed calls may only be left out if nobody wants them.
    let drop_failed = one.options & other.options & option::DROP_FAILED;
    Interest {
        options: (one.options | other.options) & !option::DROP_FAILED | drop_failed,
        snaplen: one.snaplen.max(other.snaplen),
        tracepoints: one.tracepoints | other.tracepoints,
        native: both(&one.native, &other.native),
        codes: both(&one.codes, &other.codes),
        ..*one
    }
}

/// Whether the state needs an event.
fn keeps_state(event: EventId) -> bool {
    EVENTS.get(usize::from(event.0)).is_some_and(|row| row.flags.contains(EventFlags::MODIFIES_STATE))
}

#[cfg(test)]
mod tests {
    use saker_probe::extract::calls::code;
    use saker_probe::wire::control::is_set;

    use super::*;

    fn asks(interest: &Interest, number: usize, code: u16) -> bool {
        let native = is_set(&interest.native, number);
        assert_eq!(native, is_set(&interest.codes, usize::from(code)), "{number}");
        native
    }

    #[test]
    fn without_rules_only_the_state_is_kept() {
        let interest = interest(|_| false, |_| false);
        assert!(asks(&interest, 257, code::OPENAT) && asks(&interest, 3, code::CLOSE));
        assert!(asks(&interest, 56, code::CLONE) && asks(&interest, 59, code::EXECVE));
        assert!(!asks(&interest, 0, code::READ) && !asks(&interest, 1, code::WRITE));
        assert!(!asks(&interest, 110, code::GETPPID));
        assert_eq!(interest.tracepoints, tracepoint::IO_URING);
    }

    #[test]
    fn a_recording_has_everything_but_page_faults() {
        let interest = everything();
        assert!(asks(&interest, 0, code::READ) && asks(&interest, 110, code::GETPPID));
        assert!(is_set(&interest.native, 600), "a call that is not known yet");
        let all = tracepoint::IO_URING | tracepoint::SWITCH | tracepoint::SIGNAL_DELIVER;
        assert_eq!(interest.tracepoints, all);
    }

    #[test]
    fn what_a_rule_wants_is_recorded() {
        let interest = interest(
            |event| [id::SYSCALL_READ_X, id::GENERIC_X, id::SIGNALDELIVER_E].contains(&event),
            |name| name == "getppid",
        );
        assert!(asks(&interest, 0, code::READ) && !asks(&interest, 1, code::WRITE));
        assert!(asks(&interest, 110, code::GETPPID) && !asks(&interest, 102, code::GETUID));
        assert!(interest.tracepoints & tracepoint::SIGNAL_DELIVER != 0);
    }

    #[test]
    fn a_union_asks_for_what_either_asks_for() {
        let scoped =
            Interest { scope_cgroup: 7, options: option::DROP_FAILED, snaplen: 80, ..Interest::default() };
        let reads = interest(|event| event == id::SYSCALL_READ_X, |_| false);
        let both = union(&scoped, &Interest { snaplen: 200, ..reads });
        assert!(asks(&both, 0, code::READ) && both.scope_cgroup == 7 && both.snaplen == 200);
        assert_eq!(both.options, option::PATHS, "one of them wants failed calls");
        assert_eq!(union(&scoped, &scoped), scoped);
    }
}
