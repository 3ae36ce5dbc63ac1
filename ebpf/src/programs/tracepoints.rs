// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Tracepoints other than the end of system calls: for each where its arguments are, and the extractor that they go to.
//!
//! Programs are called `on_…`, since extractors have the names of their calls.

use crate::access::field_of;
use crate::call::Call;
use crate::extract::{calls, tracepoints};
use crate::helpers::{get_current_pid_tgid, get_current_task};
use crate::layout::*;
use crate::ring::Ring;
use crate::state::{set, set_argument};
use crate::task::{field, pointer, process_start};
use crate::wire::event;
use crate::wire::record::flag;

use super::in_scope;

/// No system call.
const NO_CALL: u16 = u16::MAX;

/// Makes the program of a tracepoint.
macro_rules! program {
    ($(#[$doc:meta])* $name:ident, $event:ident, $extractor:ident, scope: $scope:expr, $arguments:ident) => {
        $(#[$doc])*
        #[no_mangle]
        #[link_section = "tracepoint"]
        extern "C" fn $name(context: *const u8) -> i32 {
            if $scope {
                if let Some(mut call) = begin(context, event::$event) {
                    $arguments(&mut call);
                    tracepoints::$extractor(&mut call);
                    calls::finish(&mut call);
                    call.commit();
                }
            }
            0
        }
    };
}

program! {
    /// match: include/trace/events/sched.h: TRACE_EVENT(sched_process_exec, TP_PROTO(struct task_struct *p, pid_t old_pid,
    /// struct linux_binprm *bprm))
    on_sched_process_exec, SYSCALL_EXECVE_19_X, exec, scope: in_scope(), no_arguments
}
program! {
    /// match: include/trace/events/sched.h: TRACE_EVENT(sched_process_exit, TP_PROTO(struct task_struct *p, …))
    on_sched_process_exit, PROCEXIT_1_E, exit, scope: in_scope(), no_arguments
}
program! {
    /// match: include/trace/events/task.h: TRACE_EVENT(task_newtask, TP_PROTO(struct task_struct *task, u64 clone_flags))
    ///
    /// Tells of a new thread before it runs, as `sched_process_fork` does, and of its flags too.
    on_task_newtask, FORK, fork, scope: in_scope(), new_task_arguments
}
program! {
    /// match: include/trace/events/signal.h: TRACE_EVENT(signal_deliver, TP_PROTO(int sig, struct kernel_siginfo *info,
    /// struct k_sigaction *ka))
    on_signal_deliver, SIGNALDELIVER_E, signal_deliver, scope: in_scope(), signal_arguments
}
program! {
    /// match: arch/x86/include/asm/trace/exceptions.h: DEFINE_EVENT(exceptions, page_fault_user, TP_PROTO(unsigned long address,
    /// struct pt_regs *regs, unsigned long error_code))
    on_page_fault_user, PAGE_FAULT_E, page_fault, scope: in_scope(), page_fault_arguments
}
program! {
    /// match: arch/x86/include/asm/trace/exceptions.h: DEFINE_EVENT(exceptions, page_fault_kernel, …)
    on_page_fault_kernel, PAGE_FAULT_E, page_fault, scope: in_scope(), page_fault_arguments
}
program! {
    /// match: include/trace/events/sched.h: TRACE_EVENT(sched_switch, TP_PROTO(bool preempt, struct task_struct *prev,
    /// struct task_struct *next, unsigned int prev_state))
    on_sched_switch, SCHEDSWITCH_6_E, switch, scope: in_scope(), switch_arguments
}
// Whom a cgroup concerns is not known here, so scope does not apply; such events are rare.
program! {
    /// match: include/trace/events/cgroup.h: DEFINE_EVENT(cgroup, cgroup_mkdir, TP_PROTO(struct cgroup *cgrp, const char *path))
    on_cgroup_mkdir, CGROUP_MKDIR, cgroup, scope: true, cgroup_arguments
}
program! {
    /// match: include/trace/events/cgroup.h: DEFINE_EVENT(cgroup, cgroup_rmdir, TP_PROTO(struct cgroup *cgrp, const char *path))
    on_cgroup_rmdir, CGROUP_RMDIR, cgroup, scope: true, cgroup_arguments
}
program! {
    /// match: include/trace/events/cgroup.h: DECLARE_EVENT_CLASS(cgroup_migrate, TP_PROTO(struct cgroup *dst_cgrp,
    /// const char *path, struct task_struct *task, bool threadgroup))
    on_cgroup_attach_task, CGROUP_ATTACH, cgroup_attach, scope: true, attach_arguments
}

/// Begins the record of an event.
#[inline(always)]
fn begin(context: *const u8, event: u16) -> Option<Call> {
    let ring = Ring::of_this_cpu()?;
    let record = ring.reserve(event, event::full_counter(event), NO_CALL, 0)?;
    set!(ring.page, word_size, 8);
    set!(ring.page, message, 0);
    for index in 0..6 {
        set_argument(ring.page, index, 0);
    }
    Some(Call { ring, record, context })
}

#[inline(always)]
fn no_arguments(_: &mut Call) {}

#[inline(always)]
fn argument(call: &mut Call, index: usize, value: u64) {
    set_argument(call.ring.page, index, value);
}

/// Flags of clone that the record tells of: `CLONE_VM`, `CLONE_FS`, `CLONE_FILES`, `CLONE_PARENT`, `CLONE_THREAD`.
const SHARED: u64 = 0x100 | 0x200 | 0x400 | CLONE_PARENT | CLONE_THREAD;
const CLONE_PARENT: u64 = 0x8000;
const CLONE_THREAD: u64 = 0x1_0000;

#[inline(always)]
fn new_task_arguments(call: &mut Call) {
    let tid: u32 = field_of(call.context, &NEWTASK_PID);
    let flags: u64 = field_of(call.context, &NEWTASK_FLAGS);
    argument(call, 0, u64::from(tid));
    argument(call, 2, flags & SHARED);
    if flags & CLONE_THREAD != 0 {
        argument(call, 1, get_current_pid_tgid() >> 32);
        argument(call, 3, process_start());
        return;
    }
    argument(call, 1, u64::from(tid));
    let start = child_start(tid, flags);
    if start == 0 {
        call.note(flag::KERNEL_MISS);
    }
    argument(call, 3, start);
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

#[inline(always)]
fn signal_arguments(call: &mut Call) {
    argument(call, 0, u64::from(field_of::<u32>(call.context, &SIGNAL_NUMBER)));
    argument(call, 2, u64::from(field_of::<u32>(call.context, &SIGNAL_CODE)));
    // The tracepoint does not tell who sent the signal; the current task keeps it while it delivers it.
    call.note(flag::UNSUPPORTED);
}

#[inline(always)]
fn page_fault_arguments(call: &mut Call) {
    argument(call, 0, field_of(call.context, &FAULT_ADDRESS));
    argument(call, 1, field_of(call.context, &FAULT_INSTRUCTION));
    argument(call, 2, field_of(call.context, &FAULT_ERROR));
}

#[inline(always)]
fn switch_arguments(call: &mut Call) {
    argument(call, 0, u64::from(field_of::<u32>(call.context, &SWITCH_NEXT)));
}

#[inline(always)]
fn cgroup_arguments(call: &mut Call) {
    argument(call, 0, u64::from(field_of::<u32>(call.context, &CGROUP_MKDIR_ROOT)));
    argument(call, 1, field_of(call.context, &CGROUP_MKDIR_ID));
}

#[inline(always)]
fn attach_arguments(call: &mut Call) {
    argument(call, 0, u64::from(field_of::<u32>(call.context, &CGROUP_ATTACH_ROOT)));
    argument(call, 1, field_of(call.context, &CGROUP_ATTACH_ID));
    argument(call, 2, u64::from(field_of::<u32>(call.context, &CGROUP_ATTACH_PID)));
}
