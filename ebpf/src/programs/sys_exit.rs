// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The end of every system call: is it asked for, what is it, and on to its extractor.

use core::mem::offset_of;

use crate::extract::calls::{code, finish, generic};
use crate::wire::control::Interest;
use crate::wire::event;

use crate::access::{load, opaque};
use crate::arch;
use crate::call::Call;
use crate::helpers::{get_current_task_btf, probe_read_user, tail_call, task_pt_regs};
use crate::layout::{constant, RAW_CALLS};
use crate::maps::EXTRACTORS;
use crate::ring::Ring;
use crate::state::{set, set_argument};
use super::extractors::event_of;
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
    let (number, result) = if constant(&RAW_CALLS) == 1 {
        // Opaque, or both loads would become one at a place that is worked out, which the verifier refuses.
        (arch::number(task_pt_regs(task)), opaque(load(context, RAW_RESULT)))
    } else {
        (load(context, ID), load(context, RESULT))
    };
    let result = result as i64;
    if (number as i64) < 0 {
        // No call: a tracer or seccomp took it away.
        return;
    }
    let entry = arch::entry(task, number);
    // Nearly every call of a machine ends here, so nothing is worked out before.
    if entry.flags == 0 && !is_asked(offset_of!(Interest, native), entry.number) {
        return;
    }
    let mut code = entry.code();
    // Not an `Option`: what one without value holds the compiler would copy about, and the verifier refuses to see that copied.
    let mut arguments = [0u32; 6];
    let multiplexed = code == code::SOCKETCALL && socketcall(task, &mut code, &mut arguments);
    if entry.flags != 0 && !is_asked(offset_of!(Interest, codes), u64::from(code)) {
        return;
    }
    if !is_kept(result) {
        return;
    }
    if (code == code::EXECVE || code == code::EXECVEAT) && result == 0 {
        // The tracepoint of exec has told it.
        return;
    }
    let Some(ring) = Ring::of_this_cpu() else {
        return;
    };
    let (event, full) = event_of(code);
    let Some(record) = ring.reserve(event, full, entry.number as u16, result) else {
        return;
    };
    set!(ring.page, flags, u64::from(entry.flags));
    set!(ring.page, entry_flags, u64::from(entry.flags));
    set!(ring.page, message, 0);
    set!(ring.page, word_size, if entry.is_compat() { 4 } else { 8 });
    set!(ring.page, code, u64::from(code));
    set!(ring.page, number, entry.number);
    let mut call = Call { ring, record, context };
    if event != event::GENERIC_X {
        if multiplexed {
            for (index, argument) in arguments.into_iter().enumerate() {
                set_argument(ring.page, index, u64::from(argument));
            }
        } else {
            arch::keep_arguments(ring.page, task_pt_regs(task), entry.flags);
        }
        tail_call(context, &EXTRACTORS, u32::from(code));
        // This kernel has refused the extractor.
        return call.commit_unextracted(1);
    }
    generic(&mut call);
    finish(&mut call);
    call.commit();
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

/// Makes the call that `socketcall` stands for of it, and gets the arguments, which lie in user memory. Only 32-bit calls have it here.
#[inline(always)]
fn socketcall(task: *const u8, code: &mut u16, arguments: &mut [u32; 6]) -> bool {
    let [call, list] = arch::socketcall_arguments(task_pt_regs(task));
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
