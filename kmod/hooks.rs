// SPDX-License-Identifier: GPL-2.0
//! The hooks: what the kernel calls when something happens. Each sees whether anybody wants to hear of it, and has it
//! recorded for whoever does.
//!
//! Which tracepoint calls which, and when they are registered, stands in `tracepoints`.

use crate::alive::{get, Alive};
use crate::arch::{self, NoPreemption};
use crate::calls::{self, Row};
use crate::cgroup;
use crate::consumer::{self, Consumer, WANTED};
use crate::extract::arch::{code_of, native};
use crate::extract::calls::{code, records, SOCKET_CALLS};
use crate::extract::io_uring::Operation;
use crate::headers::{self, io_kiocb, kernel_siginfo, linux_binprm, pt_regs, task_struct};
use crate::io_uring;
use crate::recorder::{record, Context, Occurrence};
use crate::user;
use crate::wire::control::{is_set, option, tracepoint as wanted, BITMAP_BITS};
use crate::wire::record::flag;
use core::ffi::c_void;
use core::mem::MaybeUninit;

/// What is no call has no number.
const NO_NUMBER: u16 = u16::MAX;

// ---- system calls ---------------------------------------------------------------------------------------------------

/// The end of a system call.
///
/// match: include/trace/events/syscalls.h: sys_exit(struct pt_regs *regs, long ret)
///
/// # Safety
///
/// Called by the tracepoint, in the task whose registers they are.
pub(crate) unsafe extern "C" fn sys_exit(_data: *mut c_void, registers: *mut pt_regs, result: i64) {
    // SAFETY: never null: the registers lie on the task's kernel stack.
    let registers = unsafe { Alive::new(registers).unwrap_unchecked() };
    let task = arch::current();
    let number = arch::call_number(registers) as usize;
    if arch::is_compat(task) || number >= BITMAP_BITS {
        other_entry(registers, result);
    } else if WANTED.native(number) {
        native_call(task, registers, result, number);
    }
}

/// A call of the native table that somebody asks for: nearly every record comes from here, so this is laid out for few instructions.
#[inline(never)]
fn native_call(task: Alive<task_struct>, registers: Alive<pt_regs>, result: i64, number: usize) {
    let Some(row) = calls::of_native(number) else { return };
    let mut occurrence = Occurrence {
        row,
        named: task,
        registers: Some(registers),
        arguments: MaybeUninit::uninit(),
        return_value: result,
        number: number as u16,
        flags: 0,
        message: 0,
        context: Context::None,
    };
    let no_preemption = NoPreemption::new();
    // SAFETY: preemption is off until the table has been used for the last time.
    let table = unsafe { consumer::table() };
    if row.is_special || !table.has_one_plain() {
        drop(no_preemption);
        return call(&mut occurrence, |consumer, occurrence| {
            is_set(&consumer.interest.native, occurrence.number.into())
        });
    }
    // What a sole consumer asks for is what `WANTED` says; while it changes its mind, or another goes, it may get a little more.
    record::<true>(&occurrence, table.first());
    drop(no_preemption);
}

/// A call through the 32-bit or the x32 entry, or none at all.
#[cold]
#[inline(never)]
fn other_entry(registers: Alive<pt_regs>, result: i64) {
    let number = arch::call_number(registers);
    if arch::is_compat(arch::current()) {
        compat_call(registers, result, number as usize);
    } else if number & arch::X32_BIT != 0 {
        let number = (number & !arch::X32_BIT) as usize;
        let code = code_of(&native::NATIVE, number);
        coded_call(Some(registers), [0; 6], result, code, number, flag::X32);
    }
}

fn compat_call(registers: Alive<pt_regs>, result: i64, number: usize) {
    let mut arguments = arch::compat_arguments(registers);
    let mut code = code_of(&native::COMPAT, number);
    if code == code::SOCKETCALL {
        let [call, list, ..] = arguments;
        if let Some(meant) = socket_call(call, list) {
            (code, arguments) = meant;
        }
    }
    coded_call(None, arguments, result, code, number, flag::COMPAT);
}

/// A call through an entry whose numbers are not the native ones: what it means decides.
fn coded_call(
    registers: Option<Alive<pt_regs>>,
    arguments: [u64; 6],
    result: i64,
    code: u16,
    number: usize,
    flags: u32,
) {
    if number >= BITMAP_BITS || !WANTED.code(code as usize) {
        return;
    }
    let Some(row) = calls::of_code(code) else { return };
    let mut occurrence = Occurrence {
        row,
        named: arch::current(),
        registers,
        arguments: MaybeUninit::new(arguments),
        return_value: result,
        number: number as u16,
        flags,
        message: 0,
        context: Context::None,
    };
    call(&mut occurrence, |consumer, occurrence| consumer.wants_code(occurrence.row.code));
}

/// The call that `socketcall` stands for, and its arguments from user memory.
fn socket_call(call: u64, list: u64) -> Option<(u16, [u64; 6])> {
    let code = *SOCKET_CALLS.get(call as usize)?;
    let mut arguments = [0; 6];
    for (index, argument) in arguments.iter_mut().enumerate() {
        // The list may end with a page: most calls have three arguments or fewer.
        match user::number::<u32>(list.wrapping_add((index << 2) as u64)) {
            Some(value) => *argument = u64::from(value),
            None if index < 2 => return None,
            None => break,
        }
    }
    Some((code, arguments))
}

/// Whether a consumer asks for such calls.
type Asked = fn(&Consumer, &Occurrence) -> bool;

/// Records a call for each consumer that asks for it, or for each of its messages.
#[inline(never)]
fn call(occurrence: &mut Occurrence, asked: Asked) {
    let row = occurrence.row;
    if row.is_exec && occurrence.return_value == 0 {
        return;
    }
    for_each_consumer(|consumer| {
        if asked(consumer, occurrence) && is_wanted(occurrence, consumer) {
            record_apart(occurrence, consumer);
            if row.is_special {
                more_messages(occurrence, consumer);
            }
        }
    });
}

/// Records the other messages of a call that carries several.
#[cold]
#[inline(never)]
fn more_messages(occurrence: &mut Occurrence, consumer: &Consumer) {
    for message in 1..records(occurrence.row.code, occurrence.return_value) {
        occurrence.message = message;
        record_apart(occurrence, consumer);
    }
    occurrence.message = 0;
}

/// Whether a consumer that asks for such calls wants this one.
#[inline(always)]
fn is_wanted(occurrence: &Occurrence, consumer: &Consumer) -> bool {
    if !consumer.is_in_scope() {
        return false;
    }
    occurrence.return_value >= 0 || consumer.interest.options & option::DROP_FAILED == 0
}

// ---- what is recorded ----------------------------------------------------------------------------------------------

/// Does something for each consumer, with preemption off.
#[inline(always)]
fn for_each_consumer(mut action: impl FnMut(&Consumer)) {
    let no_preemption = NoPreemption::new();
    // SAFETY: preemption is off until the table has been used for the last time.
    for consumer in unsafe { consumer::table() }.consumers() {
        action(consumer);
    }
    drop(no_preemption);
}

/// [`record`], where calls are few.
#[inline(never)]
fn record_apart(occurrence: &Occurrence, consumer: &Consumer) {
    record::<false>(occurrence, consumer);
}

/// Records what happened in the current task, and is no call, for each consumer that wants it.
#[inline(never)]
fn happened(
    row: &'static Row,
    arguments: [u64; 6],
    context: Context,
    wanted: fn(&Consumer) -> bool,
) {
    let occurrence = Occurrence {
        row,
        named: arch::current(),
        registers: None,
        arguments: MaybeUninit::new(arguments),
        return_value: 0,
        number: NO_NUMBER,
        flags: 0,
        message: 0,
        context,
    };
    for_each_consumer(|consumer| {
        if wanted(consumer) {
            record_apart(&occurrence, consumer);
        }
    });
}

/// Records what happens to tasks that a consumer follows.
fn in_scope(consumer: &Consumer) -> bool {
    consumer.is_in_scope()
}

/// Records it always.
fn always(_: &Consumer) -> bool {
    true
}

// ---- processes -----------------------------------------------------------------------------------------------------

/// A task executes another program: it has its new memory already.
///
/// match: include/trace/events/sched.h: sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)
///
/// # Safety
///
/// Called by the tracepoint, in the task.
pub(crate) unsafe extern "C" fn sched_process_exec(
    _data: *mut c_void,
    _task: *mut task_struct,
    _old_pid: i32,
    program: *mut linux_binprm,
) {
    // SAFETY: what the task executes outlives the tracepoint.
    let Some(program) = (unsafe { Alive::new(program) }) else { return };
    happened(&calls::EXEC, [0; 6], Context::Exec(program), in_scope);
}

/// A task ends: it has its memory and files still.
///
/// match: include/trace/events/sched.h: sched_process_exit(struct task_struct *p, bool group_dead)
///
/// # Safety
///
/// Called by the tracepoint, in the task.
pub(crate) unsafe extern "C" fn sched_process_exit(
    _data: *mut c_void,
    _task: *mut task_struct,
    _group_dead: bool,
) {
    happened(&calls::EXIT, [0; 6], Context::None, in_scope);
}

// ---- what is recorded if asked for -----------------------------------------------------------------------------------

/// A signal is delivered. The task's siglock is held.
///
/// match: include/trace/events/signal.h: signal_deliver(int sig, struct kernel_siginfo *info, struct k_sigaction *ka)
///
/// # Safety
///
/// Called by the tracepoint, in the task that gets the signal.
pub(crate) unsafe extern "C" fn signal_deliver(
    _data: *mut c_void,
    signal: i32,
    info: *mut kernel_siginfo,
    _action: *mut c_void,
) {
    /// `SEND_SIG_NOINFO` and `SEND_SIG_PRIV` are no pointers.
    const NO_POINTER_MAX: usize = 1;
    let (mut sender, mut code) = (0, 0);
    if info as usize > NO_POINTER_MAX {
        // SAFETY: the signal's information, which lies on the stack.
        let info = unsafe { Alive::new(info) };
        if let Some(info) = info {
            // SAFETY: an int of each kind of signal.
            code = unsafe { info.read::<i32>(headers::OFFSET_SIGINFO_CODE) };
            // SAFETY: the first four bytes of what the kinds of signals share.
            sender = unsafe { info.read::<i32>(headers::OFFSET_SIGINFO_FIELDS) };
        }
    }
    let arguments = [signal as u64, sender as u64, code as u64, 0, 0, 0];
    happened(&calls::SIGNAL_DELIVER, arguments, Context::None, |consumer| {
        consumer.wants_tracepoint(wanted::SIGNAL_DELIVER) && consumer.is_in_scope()
    });
}

/// A page fault, of user or kernel code.
///
/// match: include/trace/events/exceptions.h: page_fault_user(unsigned long address, struct pt_regs *regs, unsigned long error_code)
///
/// # Safety
///
/// Called by the tracepoints, in the task that faults.
pub(crate) unsafe extern "C" fn page_fault(
    _data: *mut c_void,
    address: u64,
    registers: *mut pt_regs,
    error: u64,
) {
    // SAFETY: what the fault saved, on the task's kernel stack.
    let Some(registers) = (unsafe { Alive::new(registers) }) else { return };
    let arguments = [address, arch::instruction_pointer(registers), error, 0, 0, 0];
    happened(&calls::PAGE_FAULT, arguments, Context::None, |consumer| {
        consumer.wants_tracepoint(wanted::PAGE_FAULT) && consumer.is_in_scope()
    });
}

/// A CPU goes from one task to another. The lock of its run queue is held.
///
/// match: include/trace/events/sched.h: sched_switch(bool preempt, struct task_struct *prev, struct task_struct *next,
/// unsigned int prev_state)
///
/// # Safety
///
/// Called by the tracepoint, in the task that stops.
pub(crate) unsafe extern "C" fn sched_switch(
    _data: *mut c_void,
    _preempted: bool,
    _task: *mut task_struct,
    next: *mut task_struct,
    _state: u32,
) {
    // SAFETY: a task that is about to run.
    let Some(next) = (unsafe { Alive::new(next) }) else { return };
    let arguments = [get!(next, pid) as u64, 0, 0, 0, 0, 0];
    happened(&calls::SWITCH, arguments, Context::None, |consumer| {
        consumer.wants_tracepoint(wanted::SWITCH) && consumer.is_in_scope()
    });
}

// ---- io_uring -------------------------------------------------------------------------------------------------------

/// A request was taken from a submission queue. The ring's lock is held.
///
/// match: include/trace/events/io_uring.h: io_uring_submit_req(struct io_kiocb *req)
///
/// # Safety
///
/// Called by the tracepoint, in the task that submits.
pub(crate) unsafe extern "C" fn io_uring_submit_req(_data: *mut c_void, request: *mut io_kiocb) {
    /// `IOSQE_CQE_SKIP_SUCCESS`: nothing is told if it succeeds.
    const SKIP_SUCCESS: u8 = 1 << 6;
    // SAFETY: a request that is being submitted.
    let Some(request) = (unsafe { Alive::new(request) }) else { return };
    let Some(submission) = io_uring::submission(request) else { return };
    let Some(operation) = submission.operation() else { return };
    if !WANTED.code(operation.code as usize) {
        return;
    }
    if submission.flags & SKIP_SUCCESS != 0 {
        // Whether it fails is not known yet, and if it succeeds this is all that there is to see.
        operate(request, &operation, 0, flag::UNSUPPORTED);
    } else {
        io_uring::keep(request, operation);
    }
}

/// A request is complete, or one of the results of a request that has several.
///
/// match: include/trace/events/io_uring.h: io_uring_complete(struct io_ring_ctx *ctx, void *req, struct io_uring_cqe *cqe)
///
/// # Safety
///
/// Called by the tracepoint, in the task that submitted, in one that works for it, or in the ring's own.
pub(crate) unsafe extern "C" fn io_uring_complete(
    _data: *mut c_void,
    _ring: *mut c_void,
    request: *mut io_kiocb,
    completion: *const u8,
) {
    // SAFETY: null, or a request that is not freed yet.
    let Some(request) = (unsafe { Alive::new(request) }) else { return };
    let Some(operation) = io_uring::take(request) else { return };
    // SAFETY: what the tracepoint was given.
    let result = unsafe { io_uring::result(completion) };
    operate(request, &operation, operation.result(result), 0);
}

/// Records an operation as the call that it stands for.
#[inline(never)]
fn operate(request: Alive<io_kiocb>, operation: &Operation, result: i64, flags: u32) {
    let code = operation.code;
    let compat = if io_uring::is_compat(request) { flag::COMPAT } else { 0 };
    let Some(row) = calls::of_code(code) else { return };
    let mut occurrence = Occurrence {
        row,
        named: io_uring::requester(request),
        registers: None,
        arguments: MaybeUninit::new(operation.arguments),
        return_value: result,
        number: calls::native_number(code),
        flags: flags | flag::IO_URING | compat,
        message: 0,
        context: Context::IoUring(request),
    };
    call(&mut occurrence, |consumer, occurrence| {
        consumer.wants_tracepoint(wanted::IO_URING) && consumer.wants_code(occurrence.row.code)
    });
}

// ---- cgroups -----------------------------------------------------------------------------------------------------------

/// A cgroup was made. Scopes do not apply: the agent knows cgroups by these.
///
/// match: include/trace/events/cgroup.h: cgroup_mkdir(struct cgroup *cgrp, const char *path)
///
/// # Safety
///
/// Called by the tracepoint.
pub(crate) unsafe extern "C" fn cgroup_mkdir(_data: *mut c_void, of: *mut headers::cgroup, path: *const u8) {
    // SAFETY: what the caller promises.
    unsafe { cgroup_changed(&calls::CGROUP_MKDIR, of, path) };
}

/// A cgroup was removed.
///
/// match: include/trace/events/cgroup.h: cgroup_rmdir(struct cgroup *cgrp, const char *path)
///
/// # Safety
///
/// Called by the tracepoint.
pub(crate) unsafe extern "C" fn cgroup_rmdir(_data: *mut c_void, of: *mut headers::cgroup, path: *const u8) {
    // SAFETY: what the caller promises.
    unsafe { cgroup_changed(&calls::CGROUP_RMDIR, of, path) };
}

/// # Safety
///
/// Both are what the tracepoint was given.
unsafe fn cgroup_changed(row: &'static Row, of: *mut headers::cgroup, path: *const u8) {
    // SAFETY: the tracepoint's caller holds it.
    let Some(of) = (unsafe { Alive::new(of) }) else { return };
    let arguments = [cgroup::hierarchy_of(of), cgroup::id_of(of), 0, 0, 0, 0];
    happened(row, arguments, Context::CgroupPath(path), always);
}
