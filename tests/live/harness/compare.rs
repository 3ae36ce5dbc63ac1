//! Compares what was recorded with what must be, and what two drivers recorded of the same calls.

use std::collections::BTreeMap;

use saker::event::{EventId, EventInfo, ParamInfo};
use saker_probe::wire::event;
use saker_probe::wire::record::{Extra, flag};

use super::recorder::Recorded;
use super::trial::marks;
use super::want::{self, Want};
use super::{Expectation, Who};

/// What is wrong with the records of a case. `records` are in order of time.
pub fn check(expectations: &[Expectation], records: &[Recorded]) -> Vec<String> {
    let mut brackets: BTreeMap<u32, Vec<&Expectation>> = BTreeMap::new();
    for expectation in expectations {
        brackets.entry(expectation.bracket).or_default().push(expectation);
    }
    brackets.into_iter().flat_map(|(bracket, expected)| check_bracket(bracket, &expected, records)).collect()
}

fn check_bracket(bracket: u32, expected: &[&Expectation], records: &[Recorded]) -> Vec<String> {
    let (before, after) = marks(bracket);
    let Some(start) = records.iter().position(|record| is_mark(record, before)) else {
        return vec![format!("the mark before call {} was not recorded", bracket % 256)];
    };
    let tid = records[start].header.tid;
    let own: Vec<&Recorded> = records[start + 1..].iter().filter(|record| record.header.tid == tid).collect();
    let for_good = expected.iter().any(|one| one.who == Who::CallerForGood);
    let end = own.iter().position(|record| is_mark(record, after));
    if end.is_none() && !for_good {
        return vec![format!("the mark after call {} was not recorded", bracket % 256)];
    }
    // What only keeps the agent's state, and a signal or a switch that came meanwhile, is not of the call.
    let wanted = |id: u16| expected.iter().any(|one| one.event == id);
    let between: Vec<&Recorded> = own[..end.unwrap_or(own.len())]
        .iter()
        .copied()
        .filter(|record| for_good || is_call(record) || wanted(record.header.event))
        .collect();
    let mut next = between.iter().copied();
    let mut problems = Vec::new();
    let ways: Vec<&Expectation> =
        expected.iter().copied().filter(|one| one.who == Who::CallerOneOf).collect();
    if !ways.is_empty() {
        problems.extend(fitting(&ways, next.next()));
    }
    for one in expected {
        problems.extend(match one.who {
            Who::Caller => fitting(&[one], next.next()),
            Who::CallerForGood => {
                fitting(&[one], own.iter().copied().find(|record| record.header.event == one.event))
            }
            Who::Thread(tid) => {
                let of_thread = |record: &&Recorded| {
                    record.header.tid == tid
                        && record.header.event == one.event
                        && record.header.return_value == one.returns
                };
                fitting(&[one], records[start + 1..].iter().find(of_thread))
            }
            Who::Among => any_fits(one, between.iter().copied()),
            Who::Anybody => any_fits(one, records[start + 1..].iter()),
            Who::CallerOneOf | Who::Nobody => Vec::new(),
        });
    }
    let of_caller = |one: &&Expectation| matches!(one.who, Who::Caller | Who::CallerOneOf | Who::Nobody);
    if expected.iter().any(of_caller) {
        problems.extend(next.map(|record| format!("one record more: {}", show(record))));
    }
    problems
}

/// What is wrong with a record that must be as one of the expectations says.
fn fitting(ways: &[&Expectation], record: Option<&Recorded>) -> Vec<String> {
    let Some(record) = record else {
        let names: Vec<String> = ways.iter().map(|one| name(one.event)).collect();
        return vec![format!("no record of {}", names.join(" or "))];
    };
    let mut tried: Vec<Vec<String>> = ways.iter().map(|one| check_record(one, record)).collect();
    if tried.iter().any(Vec::is_empty) { Vec::new() } else { tried.swap_remove(0) }
}

/// What is wrong if none of the records is as it must be.
fn any_fits<'a>(expected: &Expectation, records: impl Iterator<Item = &'a Recorded>) -> Vec<String> {
    let candidates: Vec<&Recorded> = records.filter(|record| record.header.event == expected.event).collect();
    if candidates.iter().any(|record| check_record(expected, record).is_empty()) {
        return Vec::new();
    }
    let mut problems = vec![format!("none of {} records of {} fits", candidates.len(), name(expected.event))];
    problems.extend(candidates.iter().take(5).map(|record| format!("  {}", show(record))));
    problems
}

fn check_record(expected: &Expectation, record: &Recorded) -> Vec<String> {
    let header = &record.header;
    if header.event != expected.event {
        return vec![format!("wanted {}, found {}", name(expected.event), show(record))];
    }
    let mut problems = Vec::new();
    if header.return_value != expected.returns {
        problems.push(format!("header: return value {}, wanted {}", header.return_value, expected.returns));
    }
    let how = flag::COMPAT | flag::X32 | flag::IO_URING;
    if header.flags & how != expected.flags {
        problems.push(format!("header: flags {:#x}, wanted {:#x}", header.flags & how, expected.flags));
    }
    let missed = header.flags & !how & !expected.misses;
    if missed != 0 {
        problems.push(format!("header: something was not read: flags {missed:#x}"));
    }
    let parameters = info(expected.event).map_or(&[][..], |info| info.params);
    if record.parameters.len() != parameters.len() {
        problems.push(format!("{} parameters, wanted {}", record.parameters.len(), parameters.len()));
    }
    for (index, (info, (bytes, truncated))) in parameters.iter().zip(&record.parameters).enumerate() {
        let named = expected.parameters.iter().find(|(name, _)| name == info.name);
        let want = match named {
            Some((_, want)) => want,
            None if index == 0 => &Want::Number(expected.returns as u64),
            None => {
                problems.push(format!("{}: the case does not say what it must be", info.name));
                continue;
            }
        };
        problems.extend(want.refuses(info, bytes, *truncated));
    }
    for (name, _) in &expected.parameters {
        if !parameters.iter().any(|info| info.name == name) {
            problems.push(format!("the event has no parameter {name}"));
        }
    }
    for (kind, want) in &expected.extras {
        let info = extra_info(*kind);
        match record.extras.iter().find(|(found, _)| found == kind) {
            Some((_, bytes)) => problems.extend(want.refuses(info, bytes, false)),
            None => problems.push(format!("{}: not there", info.name)),
        }
    }
    problems.into_iter().map(|problem| format!("{}: {problem}", name(expected.event))).collect()
}

/// An extra for the eyes of a matcher.
fn extra_info(kind: u8) -> &'static ParamInfo {
    macro_rules! infos {
        ($($kind:ident)*) => {
            match Extra::from_byte(kind) {
                $(Some(Extra::$kind) => &ParamInfo {
                    name: stringify!($kind),
                    ty: saker::event::ParamType::ByteBuf,
                    format: saker::event::Format::Na,
                    detail: saker::event::Detail::None,
                },)*
                _ => &ParamInfo {
                    name: "an extra that this version does not know",
                    ty: saker::event::ParamType::ByteBuf,
                    format: saker::event::Format::Na,
                    detail: saker::event::Detail::None,
                },
            }
        };
    }
    infos!(FilePath DirectoryPath SecondDirectoryPath WorkingDirectory Credentials)
}

fn info(id: u16) -> Option<&'static EventInfo> {
    EventId(id).info()
}

/// The name of an event's id.
pub fn name(id: u16) -> String {
    info(id).map_or_else(|| format!("internal {id:#x}"), |info| info.constant.to_owned())
}

/// Whether a record is of a system call, and not of a tracepoint or for the agent's state.
fn is_call(record: &Recorded) -> bool {
    let tracepoints =
        [event::PROCEXIT_1_E, event::SIGNALDELIVER_E, event::PAGE_FAULT_E, event::SCHEDSWITCH_6_E];
    record.header.event < event::INTERNAL && !tracepoints.contains(&record.header.event)
}

/// Whether a record is a mark made with this descriptor.
pub fn is_mark(record: &Recorded, descriptor: u32) -> bool {
    record.header.event == event::SYSCALL_CLOSE_RANGE_X
        && record.parameters.get(1).is_some_and(|(first, _)| *first == descriptor.to_le_bytes())
}

/// A record for people, on one line.
pub fn show(record: &Recorded) -> String {
    let parameters = info(record.header.event).map_or(&[][..], |info| info.params);
    let mut text = format!("{} = {}", name(record.header.event), record.header.return_value);
    for (index, (bytes, truncated)) in record.parameters.iter().enumerate() {
        let mark = if *truncated { " (cut)" } else { "" };
        match parameters.get(index) {
            Some(info) => text += &format!(" {}={}{mark}", info.name, want::show(info, bytes)),
            None => text += &format!(" \"{}\"{mark}", bytes.escape_ascii()),
        }
    }
    for (kind, bytes) in &record.extras {
        text += &format!(" +{}=\"{}\"", extra_info(*kind).name, bytes.escape_ascii());
    }
    if record.header.flags != 0 {
        text += &format!(" flags={:#x}", record.header.flags);
    }
    text
}

/// What only one moment shows: two drivers look one after the other.
const MOMENTARY: &[&str] = &["vm_rss", "vm_size", "vm_swap", "pgft_min", "pgft_maj"];

/// How the records of the marked calls of a case differ between two drivers: everything must be equal but time, place in
/// the ring, and what only one moment shows.
pub fn differences(
    expectations: &[Expectation],
    left: (&str, &[Recorded]),
    right: (&str, &[Recorded]),
) -> Vec<String> {
    let mut problems = Vec::new();
    let mut brackets: Vec<u32> = expectations.iter().map(|one| one.bracket).collect();
    brackets.dedup();
    for bracket in brackets {
        let [left_found, right_found] = [left.1, right.1].map(|records| marked(bracket, records));
        if left_found.len() != right_found.len() {
            problems.push(format!(
                "call {}: {} has {} records, {} has {}",
                bracket % 256,
                left.0,
                left_found.len(),
                right.0,
                right_found.len()
            ));
        }
        for (one, other) in left_found.iter().zip(&right_found) {
            let (one, other) = (comparable(one), comparable(other));
            if one != other {
                problems.push(format!(
                    "differ:\n      {:5} {}\n      {:5} {}",
                    left.0,
                    show_all(&one),
                    right.0,
                    show_all(&other)
                ));
            }
        }
    }
    problems
}

/// The records of the thread that made the marks, between them.
fn marked(bracket: u32, records: &[Recorded]) -> Vec<&Recorded> {
    let (before, after) = marks(bracket);
    let Some(start) = records.iter().position(|record| is_mark(record, before)) else { return Vec::new() };
    let tid = records[start].header.tid;
    let own = records[start + 1..].iter().filter(|record| record.header.tid == tid);
    own.take_while(|record| !is_mark(record, after)).collect()
}

/// A record without what may differ.
fn comparable(record: &Recorded) -> Recorded {
    let mut record = record.clone();
    let header = &mut record.header;
    (header.sequence, header.time, header.cpu, header.slots, header.payload) = (0, 0, 0, 0, 0);
    // How the walk of a path ended is told in the driver's own words (races are seen by one only).
    for (_, bytes) in &mut record.extras {
        if bytes.len() > 4 {
            bytes[..4].fill(0);
        }
    }
    let parameters = info(record.header.event).map_or(&[][..], |info| info.params);
    for (info, (bytes, _)) in parameters.iter().zip(&mut record.parameters) {
        if MOMENTARY.contains(&info.name) {
            bytes.fill(0);
        }
    }
    record
}

fn show_all(record: &Recorded) -> String {
    let header = &record.header;
    format!(
        "{} (tid {} tgid {} cgroup {} start {} call {})",
        show(record),
        header.tid,
        header.tgid,
        header.cgroup,
        header.start_time,
        header.syscall
    )
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
