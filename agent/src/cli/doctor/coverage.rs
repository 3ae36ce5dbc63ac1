//! Which events a driver tells on this host, and which rules wait for others.

use std::collections::BTreeSet;

use saker_filter::EventSet;
use saker_probe::extract::calls::CALLS;
use saker_probe::wire::control::{Interest, is_set};
use saker_probe::wire::event::GENERIC_X;

use crate::capture::interest::{Choice, interest};
use crate::event::{EventId, id};
use crate::rules::{Loader, Rule, SYSCALL};

/// What a driver tells besides calls, and the program of the probe that does.
const TRACEPOINTS: &[(EventId, &str)] = &[
    (id::SIGNALDELIVER_E, "on_signal_deliver"),
    (id::PAGE_FAULT_E, "on_page_fault_user"),
    (id::SCHEDSWITCH_6_E, "on_sched_switch"),
    (id::PROCEXIT_1_E, "on_sched_process_exit"),
    (id::SYSCALL_EXECVE_19_X, "on_sched_process_exec"),
];

/// What rules need of a driver.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// Name and events of each rule.
    rules: Vec<(String, EventSet)>,
    /// The names of events that conditions ask for.
    names: BTreeSet<&'static str>,
    /// What the driver must record for all of them.
    pub(super) interest: Interest,
}

impl Needs {
    /// What the rules that are on need.
    pub(super) fn of(loader: &Loader<'_>, rules: &[Rule<'_>]) -> Needs {
        // The audit log asks nothing of a driver.
        let rules: Vec<&Rule<'_>> = rules.iter().filter(|rule| rule.labels.source == SYSCALL).collect();
        Needs {
            rules: rules.iter().map(|rule| (rule.labels.name.to_owned(), rule.events)).collect(),
            names: rules.iter().flat_map(|rule| loader.event_names(rule)).collect(),
            ..Needs::default()
        }
    }

    /// Makes the interest of it.
    pub(super) fn ask(&mut self, wanted: impl Fn(EventId) -> bool) {
        self.interest = interest(wanted, |name| self.names.contains(name), &Choice::default());
    }
}

/// A rule that waits for something that is not told here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Blind {
    pub(super) rule: String,
    /// Whether it can never be true.
    pub(super) wholly: bool,
    /// What it waits for in vain.
    pub(super) missing: Vec<String>,
}

/// What is told of what is needed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    pub(super) rules: usize,
    /// Calls that are recorded for the rules and for the state.
    pub(super) recorded: Vec<&'static str>,
    /// Those of them of which only the number is told.
    pub(super) bare: Vec<&'static str>,
    pub(super) blind: Vec<Blind>,
}

impl Coverage {
    /// Compares what is needed with what is not told.
    pub(super) fn of(needs: &Needs, untold: &[String]) -> Coverage {
        let is_untold = |name: &str| untold.iter().any(|one| one == name);
        let (mut told, mut missing) = (EventSet::default(), EventSet::default());
        // Some rows of the table are no calls, and an exec that succeeded is told by its tracepoint.
        let by_tracepoint = |event: u16| TRACEPOINTS.iter().any(|(one, _)| one.0 == event);
        let calls = CALLS.iter().filter(|call| !by_tracepoint(call.event));
        let calls = calls.map(|call| (call.event, call.name));
        let tracepoints = TRACEPOINTS.iter().map(|(event, program)| (event.0, *program));
        for (event, name) in calls.chain(tracepoints) {
            if is_untold(name) { missing.insert(event) } else { told.insert(event) }
        }
        let asked = (0..).zip(CALLS.iter()).filter(|(code, _)| is_set(&needs.interest.codes, *code));
        let recorded: Vec<&'static str> = asked.map(|(_, call)| call.name).collect();
        let bare = recorded.iter().copied().filter(|name| is_untold(name)).collect();
        let blind = needs.rules.iter().filter_map(|(rule, events)| {
            let wholly = events.intersection(&told).is_empty();
            let missing = events.intersection(&missing);
            (wholly || !missing.is_empty()).then(|| Blind {
                rule: rule.clone(),
                wholly,
                missing: names(if wholly { events } else { &missing }),
            })
        });
        Coverage { rules: needs.rules.len(), recorded, bare, blind: blind.collect() }
    }
}

/// The names of events, each once.
fn names(events: &EventSet) -> Vec<String> {
    let named = events.iter().filter(|event| *event != GENERIC_X).filter_map(|event| EventId(event).info());
    named.map(|info| info.name.to_owned()).collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(rules: &[(&str, &[EventId])]) -> Needs {
        let set = |events: &[EventId]| {
            events.iter().fold(EventSet::default(), |mut set, event| {
                set.insert(event.0);
                set
            })
        };
        let rules: Vec<_> = rules.iter().map(|(name, events)| ((*name).to_owned(), set(events))).collect();
        let all = rules.iter().fold(EventSet::default(), |all, (_, events)| all.union(events));
        let mut needs = Needs { rules, ..Needs::default() };
        needs.ask(|event| all.contains(event.0));
        needs
    }

    #[test]
    fn a_refused_call_blinds_who_waits_for_it_alone() {
        let needs = needs(&[
            ("moves", &[id::SYSCALL_MOUNT_X]),
            ("either", &[id::SYSCALL_MOUNT_X, id::SYSCALL_OPENAT_2_X]),
            ("opens", &[id::SYSCALL_OPENAT_2_X]),
        ]);
        let coverage = Coverage::of(&needs, &["mount".to_owned()]);
        assert_eq!((coverage.rules, coverage.bare), (3, vec!["mount"]));
        let blind: Vec<_> = coverage.blind.iter().map(|blind| (blind.rule.as_str(), blind.wholly)).collect();
        assert_eq!(blind, [("moves", true), ("either", false)]);
        assert_eq!(coverage.blind[1].missing, ["mount"]);
        assert_eq!(Coverage::of(&needs, &[]).blind, []);
    }

    #[test]
    fn what_no_driver_tells_blinds() {
        let needs = needs(&[("plugin", &[id::PLUGINEVENT_E])]);
        assert!(Coverage::of(&needs, &[]).blind[0].wholly);
    }

    #[test]
    fn calls_and_tracepoints_are_told_by_programs() {
        let faults = needs(&[("faults", &[id::PAGE_FAULT_E])]);
        assert_eq!(Coverage::of(&faults, &[]).blind, []);
        assert!(Coverage::of(&faults, &["on_page_fault_user".to_owned()]).blind[0].wholly);
    }
}
