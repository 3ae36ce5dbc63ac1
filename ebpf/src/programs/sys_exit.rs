// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The end of every system call: is it asked for, what is it, and on to its extractor.

use core::mem::offset_of;
use core::ptr::null;

use crate::extract::calls::{code, generic, SOCKET_CALLS};
use crate::wire::control::{option, Interest};
use crate::wire::event;

use crate::access::{load, opaque};
use crate::arch;
use crate::call::{Call, Made};
use crate::helpers::{get_current_task_btf, probe_read_user, tail_call, task_pt_regs};
use crate::layout::{constant, RAW_CALLS};
use crate::maps::{wants, EXTRACTORS};
use crate::ring::Ring;
use crate::state::set_argument;

use super::extractors::{event_of, loss_of};
use super::{in_scope, is_asked, is_kept};

/// Where the classic tracepoint's fields are: the same on all kernels, `id` as a `long` and `ret` behind the common ones.
const ID: usize = 8;
const RESULT: usize = 16;
/// Where the second argument of the raw one is.
const RAW_RESULT: usize = 8;

/// match: include/trace/events/syscalls.h: TRACE_EVENT_SYSCALL(sys_exit, TP_PROTO(struct pt_regs *regs, long ret))
#[no_mangle]
#[link_section = "tracepoint/calls"]
extern "C" fn sys_exit(context: *const u8) -> i32 {
    if in_scope() {
        record(context);
    }
    0
}

#[inline(always)]
fn record(context: *const u8) {
    let task = get_current_task_btf();
    let (registers, number, result) = if constant(&RAW_CALLS) == 1 {
        let registers = task_pt_regs(task);
        // Opaque, or both loads would become one at a place that is worked out, which the verifier refuses.
        (registers, arch::number(registers), opaque(load(context, RAW_RESULT)))
    } else {
        (null(), load(context, ID), load(context, RESULT))
    };
    if (number as i64) < 0 {
        // No call: a tracer or seccomp took it away.
        return;
    }
    let entry = arch::entry(task, number);
    let exit = Exit { context, task, registers, entry, result: result as i64 };
    // Nearly every call of a machine is native, and of these nearly every one ends here.
    if entry.flags != 0 {
        record_foreign(exit);
    } else if is_asked(offset_of!(Interest, native), entry.number) {
        exit.record(entry.code(), Source::Registers, &[0; 6]);
    }
}

/// Records a call by another table than the native one, if it is asked for.
#[inline(always)]
fn record_foreign(exit: Exit) {
    let mut code = exit.entry.code();
    // Not an `Option`: what one without value holds the compiler would copy about, and the verifier refuses to see that copied.
    let mut arguments = [0u32; 6];
    let multiplexed = code == code::SOCKETCALL && socketcall(exit.registers(), &mut code, &mut arguments);
    if !is_asked(offset_of!(Interest, codes), u64::from(code)) {
        return;
    }
    exit.record(code, if multiplexed { Source::List } else { Source::Registers }, &arguments);
}

/// Where the arguments of a call are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    /// In its registers.
    Registers,
    /// In a list that was read.
    List,
}

/// The end of a call.
#[derive(Clone, Copy)]
struct Exit {
    context: *const u8,
    task: *const u8,
    /// Where the program needed them already; else null.
    registers: *const u8,
    entry: arch::Entry,
    result: i64,
}

impl Exit {
    /// Records it.
    #[inline(always)]
    fn record(self, code: u16, source: Source, list: &[u32; 6]) {
        let Exit { context, task, entry, result, .. } = self;
        if !is_kept(result) {
            return;
        }
        if result == 0 && (code == code::EXECVE || code == code::EXECVEAT) {
            // The tracepoint of exec has told it.
            return;
        }
        let Some(ring) = Ring::of_this_cpu() else {
            return;
        };
        let event = event_of(code);
        let number = entry.number;
        let Some(record) = ring.reserve(task, event, || loss_of(code), number as u16, result) else {
            return;
        };
        let word_size = if entry.is_compat() { 4 } else { 8 };
        let made = Made { flags: entry.flags, word_size, code, number, result };
        if event == event::GENERIC_X {
            // What a native call without an event of its own has to say is in the header.
            if entry.flags == 0 && !wants(option::CREDENTIALS) {
                return ring.commit_bare(record);
            }
            let mut call = Call::begin(ring, record, context, made);
            generic(&mut call);
            return call.finish();
        }
        let call = Call::begin(ring, record, context, made);
        self.keep_arguments(ring.page, source, list);
        tail_call(context, &EXTRACTORS, u32::from(code));
        // This kernel has refused the extractor.
        call.commit_unextracted(1);
    }

    /// The registers of the call.
    #[inline(always)]
    fn registers(self) -> *const u8 {
        if constant(&RAW_CALLS) == 1 { self.registers } else { task_pt_regs(self.task) }
    }

    /// Puts the arguments where extractors look for them.
    #[inline(always)]
    fn keep_arguments(self, page: *mut u8, source: Source, list: &[u32; 6]) {
        if source == Source::List {
            for (index, argument) in list.iter().enumerate() {
                set_argument(page, index, u64::from(*argument));
            }
            return;
        }
        let registers = self.registers();
        if self.entry.flags != 0 {
            arch::keep_foreign_arguments(page, registers, self.entry.flags);
            return;
        }
        for index in 0..arch::ARGUMENTS_KEPT {
            set_argument(page, index, arch::argument(registers, index));
        }
    }
}

/// Makes the call that `socketcall` stands for of it, and gets the arguments, which lie in user memory. Only 32-bit calls have it here.
#[inline(always)]
fn socketcall(registers: *const u8, code: &mut u16, arguments: &mut [u32; 6]) -> bool {
    let [call, list] = arch::socketcall_arguments(registers);
    let to = arguments.as_mut_ptr().cast();
    // The list may end with a page: most calls have three arguments or fewer.
    if probe_read_user(to, 24, u64::from(list)) < 0 && probe_read_user(to, 12, u64::from(list)) < 0 {
        return false;
    }
    if let Some(meant) = SOCKET_CALLS.get(call as usize) {
        *code = *meant;
    }
    true
}
