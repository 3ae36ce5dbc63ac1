// SPDX-License-Identifier: GPL-2.0
//! What can be recorded, as the hooks need it: a row for each system call, by its code, and for each tracepoint.

use crate::extract::arch::{native, NUMBERS};
use crate::extract::calls::{code, COUNT};
use crate::extract::tracepoints;
use crate::recorder::{Extractor, Recorder};
use crate::wire::event;

/// What can be recorded.
pub(crate) struct Row {
    /// Writes the parameters.
    pub(crate) extract: Extractor,
    /// The code of the call.
    pub(crate) code: u16,
    pub(crate) event: u16,
    /// The counter that it goes to if there is no room.
    pub(crate) full: u8,
    /// Whether its success is recorded by the tracepoint of exec, and not when the call ends.
    pub(crate) is_exec: bool,
    /// Whether it is not simply recorded once when it ends: for that, or because it may carry several messages.
    pub(crate) is_special: bool,
}

impl Row {
    const fn call(code: u16, event: u16, extract: Extractor) -> Self {
        let is_exec = code == code::EXECVE || code == code::EXECVEAT;
        Self {
            extract,
            code,
            event,
            full: event::full_counter(event) as u8,
            is_exec,
            is_special: is_exec || code == code::SENDMMSG || code == code::RECVMMSG,
        }
    }

    const fn tracepoint(event: u16, extract: Extractor) -> Self {
        Self::call(code::UNKNOWN, event, extract)
    }
}

macro_rules! table {
    ($($code:literal $name:ident $text:literal $event:ident $($extractor:ident)::+;)*) => {
        static CALLS: [Row; COUNT] = [$(
            Row::call($code, event::$event, crate::extract::$($extractor)::+::<Recorder>)
        ),*];
    };
}

crate::saker_system_calls!(table);

/// The row of a call.
#[inline(always)]
pub(crate) fn of_code(code: u16) -> Option<&'static Row> {
    CALLS.get(code as usize)
}

/// The rows of the calls of the native table, by their numbers.
static NATIVE: [&Row; NUMBERS] = {
    let mut rows = [&CALLS[0]; NUMBERS];
    let mut number = 0;
    while number < NUMBERS {
        rows[number] = &CALLS[native::NATIVE[number] as usize];
        number += 1;
    }
    rows
};

/// The row of a call of the native table.
#[inline(always)]
pub(crate) fn of_native(number: usize) -> Option<&'static Row> {
    NATIVE.get(number).copied()
}

/// The number of a call in the native table, or `u16::MAX`.
pub(crate) fn native_number(code: u16) -> u16 {
    let place = native::NATIVE.iter().position(|found| *found == code);
    place.map_or(u16::MAX, |number| number as u16)
}

pub(crate) static EXEC: Row = Row::tracepoint(event::SYSCALL_EXECVE_19_X, tracepoints::exec);
pub(crate) static EXIT: Row = Row::tracepoint(event::PROCEXIT_1_E, tracepoints::exit);
pub(crate) static SIGNAL_DELIVER: Row = Row::tracepoint(event::SIGNALDELIVER_E, tracepoints::signal_deliver);
pub(crate) static PAGE_FAULT: Row = Row::tracepoint(event::PAGE_FAULT_E, tracepoints::page_fault);
pub(crate) static SWITCH: Row = Row::tracepoint(event::SCHEDSWITCH_6_E, tracepoints::switch);
pub(crate) static CGROUP_MKDIR: Row = Row::tracepoint(event::CGROUP_MKDIR, tracepoints::cgroup);
pub(crate) static CGROUP_RMDIR: Row = Row::tracepoint(event::CGROUP_RMDIR, tracepoints::cgroup);
