// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Tracepoints other than the end of system calls: for each where its arguments are, and the extractor that they go to.
//!
//! Programs are called `on_…`, since extractors have the names of their calls.

use crate::access::field_of;
use crate::arch;
use crate::call::{Call, Made};
use crate::extract::calls::{self, code};
use crate::extract::tracepoints;
use crate::helpers::get_current_task_btf;
use crate::layout::*;
use crate::ring::Ring;
use crate::state::set_argument;
use crate::wire::control::tracepoint as wanted;
use crate::wire::event;
use crate::wire::record::flag;

use super::{in_scope, wants_tracepoint};

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
    /// match: include/trace/events/signal.h: TRACE_EVENT(signal_deliver, TP_PROTO(int sig, struct kernel_siginfo *info,
    /// struct k_sigaction *ka))
    on_signal_deliver, SIGNALDELIVER_E, signal_deliver, scope: in_scope() && wants_tracepoint(wanted::SIGNAL_DELIVER), signal_arguments
}
program! {
    /// match: arch/x86/include/asm/trace/exceptions.h: DEFINE_EVENT(exceptions, page_fault_user, TP_PROTO(unsigned long address,
    /// struct pt_regs *regs, unsigned long error_code))
    on_page_fault_user, PAGE_FAULT_E, page_fault, scope: in_scope() && wants_tracepoint(wanted::PAGE_FAULT), page_fault_arguments
}
program! {
    /// match: arch/x86/include/asm/trace/exceptions.h: DEFINE_EVENT(exceptions, page_fault_kernel, …)
    on_page_fault_kernel, PAGE_FAULT_E, page_fault, scope: in_scope() && wants_tracepoint(wanted::PAGE_FAULT), page_fault_arguments
}
program! {
    /// match: include/trace/events/sched.h: TRACE_EVENT(sched_switch, TP_PROTO(bool preempt, struct task_struct *prev,
    /// struct task_struct *next, unsigned int prev_state))
    on_sched_switch, SCHEDSWITCH_6_E, switch, scope: in_scope() && wants_tracepoint(wanted::SWITCH), switch_arguments
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

/// Begins the record of an event.
#[inline(always)]
fn begin(context: *const u8, event: u16) -> Option<Call> {
    let ring = Ring::of_this_cpu()?;
    let full = || event::full_counter(event);
    let record = ring.reserve(get_current_task_btf(), event, full, NO_CALL, 0)?;
    // No tracepoint has more: an extractor that asked for one would get it from the task's registers.
    for index in 0..arch::ARGUMENTS_KEPT {
        set_argument(ring.page, index, 0);
    }
    let made = Made { flags: 0, word_size: 8, code: code::UNKNOWN, number: u64::from(NO_CALL), result: 0 };
    Some(Call::begin(ring, record, context, made))
}

#[inline(always)]
fn no_arguments(_: &mut Call) {}

#[inline(always)]
fn argument(call: &mut Call, index: usize, value: u64) {
    set_argument(call.ring.page, index, value);
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
