// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of tracepoints: what happens without a call, or is known better elsewhere than at the end of one.
//!
//! What the kernel hands to a tracepoint the driver hands on as [`Kernel::argument`]; each extractor says which is which. The
//! current task is the one that the facts are of: the one that executes, ends, is signalled, faults or is switched
//! away from. There is no return value: [`Kernel::return_value`] must be 0.

use super::flags::fault_error;
use super::kernel::{Kernel, TaskFact, TaskText};
use super::memory::put_usage;
use super::process;

/// `sched_process_exec`, as `event::SYSCALL_EXECVE_19_X`. No arguments.
#[inline(always)]
pub fn exec<K: Kernel>(kernel: &mut K) {
    process::executed(kernel);
}

/// `sched_process_exit`, as `event::PROCEXIT_1_E`: status, ret, sig, core, reaper_tid. No arguments.
#[inline(always)]
pub fn exit<K: Kernel>(kernel: &mut K) {
    let status = kernel.task(TaskFact::ExitCode) as u32;
    kernel.put_i64(i64::from(status as i32));
    kernel.put_i64(i64::from(status >> 8 & 0xff));
    // 0x7f says that the task was stopped, which one that ends is not.
    let signal = if status & 0x7f == 0x7f { 0 } else { status & 0x7f };
    kernel.put_u8(signal as u8);
    kernel.put_u8(if status & 0x80 != 0 { 1 } else { 0 });
    kernel.put_task_pid(TaskFact::Reaper);
}

/// `signal_deliver`, as `event::SIGNALDELIVER_E`: spid, dpid, sig. Arguments: the signal; the first four bytes of
/// `info->_sifields`, which are the sender's pid where there is one; `info->si_code`.
#[inline(always)]
pub fn signal_deliver<K: Kernel>(kernel: &mut K) {
    let signal = kernel.u32_argument(0);
    let from_user = kernel.int_argument(2) <= 0;
    let has_sender = match signal {
        // SIGKILL, SIGCHLD, and the real-time signals.
        9 | 17 | 32..=64 => true,
        // SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP: the kernel sends these too, then for nobody.
        1 | 2 | 3 | 15 | 20 => from_user,
        _ => false,
    };
    kernel.put_i64(if has_sender { i64::from(kernel.int_argument(1)) } else { 0 });
    kernel.put_task_pid(TaskFact::Tid);
    kernel.put_u8(signal as u8);
}

/// `page_fault_user` and `page_fault_kernel`, as `event::PAGE_FAULT_E`: addr, ip, error. Arguments: the address; the
/// instruction (`regs->ip`); the error code.
#[inline(always)]
pub fn page_fault<K: Kernel>(kernel: &mut K) {
    kernel.put_u64_argument(0);
    kernel.put_u64_argument(1);
    kernel.put_u32(fault_error(kernel.argument(2)));
}

/// `sched_switch`, as `event::SCHEDSWITCH_6_E`: next, pgft_maj, pgft_min, vm_size, vm_rss, vm_swap; all but the first of the
/// task that stops. Argument: the thread id of the next.
#[inline(always)]
pub fn switch<K: Kernel>(kernel: &mut K) {
    kernel.put_fd_argument(0);
    kernel.put_task_u64(TaskFact::MajorFaults);
    kernel.put_task_u64(TaskFact::MinorFaults);
    put_usage(kernel);
}

/// `cgroup_mkdir` and `cgroup_rmdir`, as `event::CGROUP_MKDIR` and `event::CGROUP_RMDIR`. Arguments: `root->hierarchy_id`;
/// the cgroup's id (`cgroup_id()`). The path is [`TaskText::CgroupPath`].
#[inline(always)]
pub fn cgroup<K: Kernel>(kernel: &mut K) {
    kernel.put_u32_argument(0);
    kernel.put_u64_argument(1);
    kernel.put_task_text(TaskText::CgroupPath);
}
