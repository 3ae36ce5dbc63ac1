// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The end of every system call: is it asked for, what is it, and on to its extractor.

use core::mem::offset_of;

use crate::extract::calls::{code, generic};
use crate::wire::control::{option, Interest, BITMAP_BITS};
use crate::wire::event;
use crate::wire::record::{flag, offset as header};
use crate::wire::ring::{counter, ProducerMemory};

use crate::access::{load, store, user};
use crate::arch::{self, Entry};
use crate::call::Call;
use crate::helpers::{get_current_task_btf, tail_call, task_pt_regs};
use crate::layout::{constant, EXIT_ID, EXIT_RESULT};
use crate::maps::{EXTRACTORS, INTEREST};
use crate::ring::Ring;
use crate::state::{set, set_argument};
use super::extractors::event_of;
use super::in_scope;

/// match: include/trace/events/syscalls.h: TRACE_EVENT_SYSCALL(sys_exit, TP_PROTO(struct pt_regs *regs, long ret))
#[no_mangle]
#[link_section = "tracepoint"]
extern "C" fn sys_exit(context: *const u8) -> i32 {
    if in_scope() {
        record(context);
    }
    0
}

#[inline(always)]
fn record(context: *const u8) {
    let number: u64 = load(context, constant(&EXIT_ID) as usize);
    let result: i64 = load(context, constant(&EXIT_RESULT) as usize);
    if (number as i64) < 0 {
        // No call: a tracer or seccomp took it away.
        return;
    }
    let task = get_current_task_btf();
    let mut entry = arch::entry(task, number);
    let mut multiplexed = None;
    if entry.code == code::SOCKETCALL {
        multiplexed = socketcall(task, &mut entry);
    }
    if !wanted(entry, result) {
        return;
    }
    if (entry.code == code::EXECVE || entry.code == code::EXECVEAT) && result == 0 {
        // The tracepoint of exec has told it.
        return;
    }
    let Some(ring) = Ring::of_this_cpu() else {
        return;
    };
    let (event, full) = event_of(entry.code);
    let Some(record) = ring.reserve(event, full, entry.number as u16, result) else {
        return;
    };
    set!(ring.page, flags, u64::from(entry.flags));
    set!(ring.page, compat, u64::from(entry.is_compat()));
    set!(ring.page, code, u64::from(entry.code));
    set!(ring.page, number, entry.number);
    let mut call = Call { ring, record, context };
    if event != event::GENERIC_X {
        match multiplexed {
            Some(arguments) => keep_multiplexed(ring, arguments),
            None => arch::keep_arguments(ring.page, task_pt_regs(task), entry.flags),
        }
        tail_call(context, &EXTRACTORS, u32::from(entry.code));
        // This kernel has refused the extractor.
        store(record, header::EVENT, event::GENERIC_X);
        call.note(flag::UNSUPPORTED);
        ring.count(counter::UNEXTRACTED);
    }
    generic(&mut call);
    call.commit();
}

/// Whether the agent asks for a call.
#[inline(always)]
fn wanted(entry: Entry, result: i64) -> bool {
    let interest = INTEREST.address();
    let (bitmap, bit) = if entry.flags == 0 {
        (offset_of!(Interest, native), entry.number)
    } else {
        (offset_of!(Interest, codes), u64::from(entry.code))
    };
    if bit >= BITMAP_BITS as u64 {
        return false;
    }
    let word: u64 = load(interest.wrapping_add((bit >> 6) as usize * 8), bitmap);
    if word >> (bit & 63) & 1 == 0 {
        return false;
    }
    result >= 0 || load::<u32>(interest, offset_of!(Interest, options)) & option::DROP_FAILED == 0
}

/// The calls behind `socketcall`, by its first argument (`SYS_SOCKET` … `SYS_SENDMMSG`, `include/uapi/linux/net.h`).
static SOCKET_CALLS: [u16; 21] = [
    code::SOCKETCALL,
    code::SOCKET,
    code::BIND,
    code::CONNECT,
    code::LISTEN,
    code::ACCEPT,
    code::GETSOCKNAME,
    code::GETPEERNAME,
    code::SOCKETPAIR,
    code::SEND,
    code::RECV,
    code::SENDTO,
    code::RECVFROM,
    code::SHUTDOWN,
    code::SETSOCKOPT,
    code::GETSOCKOPT,
    code::SENDMSG,
    code::RECVMSG,
    code::ACCEPT4,
    code::RECVMMSG,
    code::SENDMMSG,
];

/// Makes the call that `socketcall` stands for of it; gives the arguments, which lie in user memory. Only 32-bit calls have it here.
#[inline(always)]
fn socketcall(task: *const u8, entry: &mut Entry) -> Option<[u32; 6]> {
    let [call, list] = arch::socketcall_arguments(task_pt_regs(task));
    let code = SOCKET_CALLS.get(call as usize).copied()?;
    let arguments = user::<[u32; 6]>(u64::from(list)).or_else(|| {
        // The list may end with a page: most calls have three arguments or fewer.
        let [first, second, third] = user::<[u32; 3]>(u64::from(list))?;
        Some([first, second, third, 0, 0, 0])
    })?;
    entry.code = code;
    Some(arguments)
}

#[inline(always)]
fn keep_multiplexed(ring: Ring, arguments: [u32; 6]) {
    for (index, argument) in arguments.into_iter().enumerate() {
        set_argument(ring.page, index, u64::from(argument));
    }
}
