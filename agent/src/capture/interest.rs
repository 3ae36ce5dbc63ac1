//! From rules to a driver: which system calls it must record. Those that a rule asks for, and those that keep the state
//! true. Everything else costs a call no more than the test. What the configuration says of it (`base_syscalls`,
//! `drop_failed_exit`, `snaplen`) goes before.

use std::collections::BTreeSet;

use saker_probe::extract::arch::native::NATIVE;
use saker_probe::extract::calls::{CALLS, Call};
use saker_probe::wire::ABI_VERSION;
use saker_probe::wire::control::{BITMAP_WORDS, Interest, SNAPLEN_DEFAULT, SNAPLEN_MAX, option, tracepoint};
use saker_probe::wire::event::GENERIC_X;

use crate::config::Config;
use crate::event::{Category, EVENTS, EventFlags, EventId, id};

/// What the configuration says of what is recorded.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Choice {
    /// These calls keep the state, instead of those that it needs (`base_syscalls.custom_set`).
    only: BTreeSet<String>,
    /// These calls are left out, whoever asks for them (`base_syscalls.custom_set`, `!NAME`).
    not: BTreeSet<String>,
    /// Of the calls that the state needs only those without which the rules would be judged wrongly
    /// (`base_syscalls.repair`).
    repair: bool,
    /// Calls that fail are left out (`engine.*.drop_failed_exit`).
    drop_failed: bool,
    /// Bytes of data (`falco_libs.snaplen`).
    snaplen: u32,
}

impl Choice {
    /// That of a configuration, for the driver of this name; and what is wrong with it.
    pub fn of(config: &Config, driver: &str) -> (Choice, Vec<String>) {
        let mut choice = Choice { repair: config.base_syscalls.repair, ..Choice::default() };
        let mut odd = Vec::new();
        for entry in &config.base_syscalls.custom_set {
            let (name, set) = match entry.strip_prefix('!') {
                Some(name) => (name, &mut choice.not),
                None => (entry.as_str(), &mut choice.only),
            };
            if CALLS.iter().any(|call| call.name == name) {
                set.insert(name.to_owned());
            } else {
                odd.push(format!(
                    "base_syscalls.custom_set: there is no system call '{name}'; it is passed over"
                ));
            }
        }
        choice.drop_failed = match driver {
            "kmod" => config.engine.kmod.drop_failed_exit,
            _ => config.engine.modern_ebpf.drop_failed_exit,
        };
        choice.snaplen = u32::from(config.falco_libs.snaplen);
        if choice.snaplen > SNAPLEN_MAX {
            odd.push(format!("falco_libs.snaplen: {SNAPLEN_MAX} bytes are the most that is recorded"));
        }
        (choice, odd)
    }

    fn snaplen(&self) -> u32 {
        match self.snaplen {
            0 => SNAPLEN_DEFAULT,
            snaplen => snaplen.min(SNAPLEN_MAX),
        }
    }

    /// The calls that rules ask for and that are left out all the same.
    pub fn missed(
        &self,
        wanted: impl Fn(EventId) -> bool,
        named: impl Fn(&str) -> bool,
    ) -> Vec<&'static str> {
        let asked = |call: &&Call| match call.event {
            GENERIC_X => wanted(EventId(GENERIC_X)) && named(call.name),
            event => wanted(EventId(event)) && named(call.name),
        };
        let missed = CALLS.iter().filter(|call| self.not.contains(call.name)).filter(asked);
        missed.map(|call| call.name).collect()
    }
}

/// What a driver must record so that every event that is `wanted` is told. Of calls without an event of their own those
/// count whose name is `named`.
pub fn interest(wanted: impl Fn(EventId) -> bool, named: impl Fn(&str) -> bool, choice: &Choice) -> Interest {
    let mut interest = Interest {
        abi_version: ABI_VERSION,
        options: option::PATHS | if choice.drop_failed { option::DROP_FAILED } else { 0 },
        snaplen: choice.snaplen(),
        ..Interest::default()
    };
    let generic = wanted(EventId(GENERIC_X));
    let needs = Needs::of(&wanted);
    for (code, call) in (0..).zip(CALLS) {
        let event = EventId(call.event);
        let by_rules = if call.event == GENERIC_X { generic && named(call.name) } else { wanted(event) };
        let by_state = match (choice.only.is_empty(), choice.repair) {
            (true, false) => keeps_state(event),
            (true, true) => needs.has(event),
            (false, repair) => choice.only.contains(call.name) || (repair && needs.has(event)),
        };
        if (by_rules || by_state) && !choice.not.contains(call.name) {
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

/// What the rules cannot do without in the state: always the processes; descriptors if a rule asks for an event that has one;
/// addresses if one of those is of the network.
struct Needs {
    descriptors: bool,
    network: bool,
}

/// Of events about a descriptor.
const DESCRIPTORS: EventFlags =
    EventFlags::USES_FD.union(EventFlags::CREATES_FD).union(EventFlags::DESTROYS_FD);

impl Needs {
    fn of(wanted: &impl Fn(EventId) -> bool) -> Needs {
        let rows = || EVENTS.iter().filter(|row| wanted(row.id));
        let descriptors = rows().any(|row| row.flags.intersects(DESCRIPTORS));
        let network =
            rows().any(|row| row.category.intersects(Category::NET | Category::IO_READ | Category::IO_WRITE));
        Needs { descriptors, network }
    }

    fn has(&self, event: EventId) -> bool {
        let Some(row) = EVENTS.get(usize::from(event.0)).filter(|_| keeps_state(event)) else { return false };
        if event == id::SYSCALL_FCHDIR_X {
            return true;
        }
        if row.category.intersects(Category::NET | Category::IO_READ | Category::IO_WRITE) {
            return self.network;
        }
        if row.flags.intersects(DESCRIPTORS) {
            return self.descriptors;
        }
        true
    }
}

/// Asks for every call and every tracepoint but page faults, of which there are more than of all else: for a recording.
pub fn everything() -> Interest {
    let mut interest = interest(|event| event != id::PAGE_FAULT_E, |_| true, &Choice::default());
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
        let interest = interest(|_| false, |_| false, &Choice::default());
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
            &Choice::default(),
        );
        assert!(asks(&interest, 0, code::READ) && !asks(&interest, 1, code::WRITE));
        assert!(asks(&interest, 110, code::GETPPID) && !asks(&interest, 102, code::GETUID));
        assert!(interest.tracepoints & tracepoint::SIGNAL_DELIVER != 0);
    }

    #[test]
    fn a_union_asks_for_what_either_asks_for() {
        let scoped =
            Interest { scope_cgroup: 7, options: option::DROP_FAILED, snaplen: 80, ..Interest::default() };
        let reads = interest(|event| event == id::SYSCALL_READ_X, |_| false, &Choice::default());
        let both = union(&scoped, &Interest { snaplen: 200, ..reads });
        assert!(asks(&both, 0, code::READ) && both.scope_cgroup == 7 && both.snaplen == 200);
        assert_eq!(both.options, option::PATHS, "one of them wants failed calls");
        assert_eq!(union(&scoped, &scoped), scoped);
    }

    fn choice(options: &[&str], driver: &str) -> (Choice, Vec<String>) {
        let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
        Choice::of(&Config::from_options(&options).unwrap(), driver)
    }

    #[test]
    fn a_set_of_ones_own_takes_the_place_of_what_the_state_needs() {
        let (own, odd) = choice(&["base_syscalls.custom_set=[clone, '!openat', nosuch]"], "kmod");
        assert_eq!(odd, ["base_syscalls.custom_set: there is no system call 'nosuch'; it is passed over"]);
        let wanted = |event| [id::SYSCALL_OPENAT_2_X, id::SYSCALL_READ_X].contains(&event);
        let asked = interest(wanted, |_| true, &own);
        assert!(asks(&asked, 56, code::CLONE) && asks(&asked, 0, code::READ));
        assert!(!asks(&asked, 3, code::CLOSE), "not in the set");
        assert!(!asks(&asked, 257, code::OPENAT), "left out, although a rule asks for it");
        assert_eq!(own.missed(wanted, |_| true), ["openat"]);
        let (without, _) = choice(&["base_syscalls.custom_set=['!close']"], "kmod");
        let asked = interest(wanted, |_| true, &without);
        assert!(
            asks(&asked, 56, code::CLONE) && asks(&asked, 257, code::OPENAT) && !asks(&asked, 3, code::CLOSE)
        );
    }

    #[test]
    fn repair_leaves_out_what_no_rule_depends_on() {
        let (repair, _) = choice(&["base_syscalls.repair=true"], "kmod");
        let processes = interest(|event| event == id::SYSCALL_EXECVE_19_X, |_| true, &repair);
        assert!(asks(&processes, 56, code::CLONE) && asks(&processes, 59, code::EXECVE));
        assert!(!asks(&processes, 3, code::CLOSE) && !asks(&processes, 41, code::SOCKET));
        let files = interest(|event| event == id::SYSCALL_OPENAT_2_X, |_| true, &repair);
        assert!(asks(&files, 3, code::CLOSE) && !asks(&files, 41, code::SOCKET));
        let network = interest(|event| event == id::SOCKET_CONNECT_X, |_| true, &repair);
        assert!(asks(&network, 3, code::CLOSE) && asks(&network, 41, code::SOCKET));
    }

    #[test]
    fn what_failed_is_left_out_and_data_cut_as_configured() {
        let options = ["engine.kmod.drop_failed_exit=true", "falco_libs.snaplen=200"];
        let kmod = interest(|_| false, |_| false, &choice(&options, "kmod").0);
        assert_eq!((kmod.options & option::DROP_FAILED, kmod.snaplen), (option::DROP_FAILED, 200));
        let ebpf = interest(|_| false, |_| false, &choice(&options, "ebpf").0);
        assert_eq!((ebpf.options & option::DROP_FAILED, ebpf.snaplen), (0, 200));
        let (long, odd) = choice(&["falco_libs.snaplen=65535"], "ebpf");
        assert_eq!(interest(|_| false, |_| false, &long).snaplen, SNAPLEN_MAX);
        assert_eq!(odd.len(), 1);
        let (unset, _) = choice(&["falco_libs.snaplen=0"], "ebpf");
        assert_eq!(interest(|_| false, |_| false, &unset).snaplen, SNAPLEN_DEFAULT);
    }
}
