// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What makes, changes and ends processes, apart from system calls.

use crate::extract::Kernel;
use crate::wire::event;
use crate::wire::record::flag;

use crate::access::field_of;
use crate::call::Call;
use crate::helpers::{get_current_pid_tgid, get_current_task};
use crate::layout::*;
use crate::ring::Ring;
use crate::task::{field, pointer, process_start};
use super::in_scope;

/// No system call.
pub const NO_CALL: u16 = u16::MAX;
/// Flags of clone: the child shares the parent's parent; the child is a thread.
const CLONE_PARENT: u64 = 0x8000;
const CLONE_THREAD: u64 = 0x1_0000;

/// Begins the record of an event.
#[inline(always)]
pub fn begin(context: *const u8, event: u16) -> Option<Call> {
    let ring = Ring::of_this_cpu()?;
    let record = ring.reserve(event, event::full_counter(event), NO_CALL, 0)?;
    Some(Call { ring, record, context })
}

/// match: include/trace/events/task.h: TRACE_EVENT(task_newtask, TP_PROTO(struct task_struct *task, u64 clone_flags))
///
/// Tells of a new thread before it runs.
#[no_mangle]
#[link_section = "tracepoint"]
extern "C" fn task_newtask(context: *const u8) -> i32 {
    if !in_scope() {
        return 0;
    }
    let Some(mut call) = begin(context, event::FORK) else {
        return 0;
    };
    let tid: u32 = field_of(context, &NEWTASK_PID);
    let flags: u64 = field_of(context, &NEWTASK_FLAGS);
    call.put_u32(tid);
    if flags & CLONE_THREAD != 0 {
        call.put_u32((get_current_pid_tgid() >> 32) as u32);
        call.put_u64(flags);
        call.put_u64(process_start());
    } else {
        call.put_u32(tid);
        call.put_u64(flags);
        let start = child_start(tid, flags);
        if start == 0 {
            call.note(flag::KERNEL_MISS);
        }
        call.put_u64(start);
    }
    call.commit();
    0
}

/// When a new child was started. The tracepoint does not say where the child is; it is the last among the children of its parent.
#[inline(always)]
fn child_start(tid: u32, flags: u64) -> u64 {
    let task = get_current_task();
    let parent = if flags & CLONE_PARENT != 0 { pointer(task, &TASK_REAL_PARENT) } else { task };
    let child = pointer(parent, &TASK_CHILDREN).wrapping_sub(constant(&TASK_SIBLING));
    if field::<u32>(child, &TASK_PID) == tid {
        field(child, &TASK_START)
    } else {
        0
    }
}
