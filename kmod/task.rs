// SPDX-License-Identifier: GPL-2.0
//! What is known of the current task: numbers, and text from its memory.

use crate::alive::{get, Alive};
use crate::compat;
use crate::extract::kernel::TaskFact;
use crate::headers::{
    self, cred, mm_struct, nsproxy, percpu_counter, pid, pid_namespace, signal_struct, task_struct, upid,
    PF_EXITING,
};

/// KiB of a page, as a shift.
const PAGE_KIB_SHIFT: u32 = 2;

/// The pid type of `signal->pids` (`enum pid_type`).
#[derive(Clone, Copy)]
enum PidType {
    Tgid = 1,
    Pgid = 2,
}

/// A fact of the current task.
#[inline(always)]
pub(crate) fn fact(task: Alive<task_struct>, fact: TaskFact) -> u64 {
    match fact {
        TaskFact::Tid => get!(task, pid) as u64,
        TaskFact::Tgid => get!(task, tgid) as u64,
        TaskFact::ParentTid => parent_tid(task),
        TaskFact::VirtualTid => thread_pid(task).map_or(0, own_number),
        TaskFact::VirtualTgid => signal_pid(task, PidType::Tgid).map_or(0, |of| number_for(of, task)),
        TaskFact::ProcessGroup => signal_pid(task, PidType::Pgid).map_or(0, |of| number_at(of, 0)),
        TaskFact::VirtualProcessGroup => signal_pid(task, PidType::Pgid).map_or(0, |of| number_for(of, task)),
        TaskFact::InPidNamespace => u64::from(in_pid_namespace(task)),
        TaskFact::PidNamespaceStart => pid_namespace_start(task),
        TaskFact::FdLimit => get!(signal(task), rlim[headers::RLIMIT_NOFILE as usize].rlim_cur) as u64,
        TaskFact::MajorFaults => get!(task, maj_flt) as u64,
        TaskFact::MinorFaults => get!(task, min_flt) as u64,
        TaskFact::VmSize => memory(task).map_or(0, |mm| {
            // SAFETY: `total_vm` is an unsigned long.
            unsafe { mm.read::<u64>(headers::OFFSET_MM_TOTAL_VM) << PAGE_KIB_SHIFT }
        }),
        TaskFact::VmRss => memory(task).map_or(0, |mm| {
            let pages = resident(mm, Pages::File)
                .wrapping_add(resident(mm, Pages::Anonymous))
                .wrapping_add(resident(mm, Pages::Shared));
            pages << PAGE_KIB_SHIFT
        }),
        TaskFact::VmSwap => memory(task).map_or(0, |mm| resident(mm, Pages::Swapped) << PAGE_KIB_SHIFT),
        TaskFact::Uid => u64::from(get!(credentials(task), uid.val)),
        TaskFact::Euid => u64::from(get!(credentials(task), euid.val)),
        TaskFact::Suid => u64::from(get!(credentials(task), suid.val)),
        TaskFact::Fsuid => u64::from(get!(credentials(task), fsuid.val)),
        TaskFact::Gid => u64::from(get!(credentials(task), gid.val)),
        TaskFact::Egid => u64::from(get!(credentials(task), egid.val)),
        TaskFact::Sgid => u64::from(get!(credentials(task), sgid.val)),
        TaskFact::Fsgid => u64::from(get!(credentials(task), fsgid.val)),
        TaskFact::CapInheritable => get!(credentials(task), cap_inheritable.val),
        TaskFact::CapPermitted => get!(credentials(task), cap_permitted.val),
        TaskFact::CapEffective => get!(credentials(task), cap_effective.val),
        TaskFact::Tty => terminal(),
        TaskFact::LoginUid => compat::login_uid(task),
        TaskFact::ExitCode => u64::from(get!(task, exit_code) as u32),
        TaskFact::Reaper => reaper(task),
        // SAFETY: `brk` is an unsigned long.
        TaskFact::Break => memory(task).map_or(0, |mm| unsafe { mm.read(headers::OFFSET_MM_BRK) }),
        TaskFact::Flags => u64::from(get!(task, flags)),
    }
}

/// Thread id and thread group id in one, as they stand in a record's header: the kernel keeps them side by side too.
#[inline(always)]
pub(crate) fn ids(task: Alive<task_struct>) -> u64 {
    const { assert!(core::mem::offset_of!(task_struct, tgid) == core::mem::offset_of!(task_struct, pid) + 4) };
    // SAFETY: both are ints, and stand side by side.
    unsafe { task.read(core::mem::offset_of!(task_struct, pid)) }
}

/// When a task's thread group began, in nanoseconds since boot.
#[inline(always)]
pub(crate) fn start_time(task: Alive<task_struct>) -> u64 {
    // SAFETY: never null; a thread group's leader is freed after RCU's grace period from when its last thread ended.
    let leader: Alive<task_struct> = unsafe { Alive::new(get!(task, group_leader)).unwrap_unchecked() };
    get!(leader, start_boottime)
}

/// The memory of a task; kernel threads have none.
#[inline(always)]
pub(crate) fn memory(task: Alive<task_struct>) -> Option<Alive<mm_struct>> {
    // SAFETY: only the current task lets go of its memory.
    unsafe { Alive::new(get!(task, mm)) }
}

/// The credentials that a task acts with.
#[inline(always)]
pub(crate) fn credentials(task: Alive<task_struct>) -> Alive<cred> {
    // SAFETY: never null; only the current task changes them, and they are freed by RCU.
    unsafe { Alive::new(get!(task, cred)).unwrap_unchecked() }
}

#[inline(always)]
fn signal(task: Alive<task_struct>) -> Alive<signal_struct> {
    // SAFETY: never null; it lives as long as the last reference to a thread's `task_struct`.
    unsafe { Alive::new(get!(task, signal)).unwrap_unchecked() }
}

fn parent_tid(task: Alive<task_struct>) -> u64 {
    // SAFETY: a task is freed by RCU.
    let parent = unsafe { Alive::new(get!(task, real_parent)) };
    parent.map_or(0, |parent| get!(parent, pid) as u64)
}

#[inline(always)]
fn thread_pid(task: Alive<task_struct>) -> Option<Alive<pid>> {
    // SAFETY: a pid is freed by RCU.
    unsafe { Alive::new(get!(task, thread_pid)) }
}

#[inline(always)]
fn signal_pid(task: Alive<task_struct>, kind: PidType) -> Option<Alive<pid>> {
    // SAFETY: a pid is freed by RCU.
    unsafe { Alive::new(get!(signal(task), pids[kind as usize])) }
}

/// The number and namespace of a pid at a level of namespaces, if it has so many.
#[inline(always)]
fn upid_at(of: Alive<pid>, level: u32) -> Option<Alive<upid>> {
    if level > get!(of, level) {
        return None;
    }
    let numbers = of.as_ptr();
    // SAFETY: the object is allocated, by `Alive`'s invariant; this only makes an address.
    let numbers: *const upid = unsafe { (&raw const (*numbers).numbers).cast() };
    // SAFETY: `numbers` has `level + 1` elements, and they live as long as the pid.
    unsafe { Alive::new(numbers.wrapping_add(level as usize)) }
}

#[inline(always)]
fn number_at(of: Alive<pid>, level: u32) -> u64 {
    upid_at(of, level).map_or(0, |number| get!(number, nr) as u64)
}

/// The number of a pid in its own namespace (`pid_vnr` of itself).
#[inline(always)]
fn own_number(of: Alive<pid>) -> u64 {
    number_at(of, get!(of, level))
}

/// The number of a pid in the namespace of a task.
#[inline(always)]
fn number_for(of: Alive<pid>, task: Alive<task_struct>) -> u64 {
    thread_pid(task).map_or(0, |own| number_at(of, get!(own, level)))
}

#[inline(always)]
fn own_namespace(task: Alive<task_struct>) -> Option<Alive<pid_namespace>> {
    let own = thread_pid(task)?;
    let number = upid_at(own, get!(own, level))?;
    // SAFETY: a pid keeps its namespaces.
    unsafe { Alive::new(get!(number, ns)) }
}

fn in_pid_namespace(task: Alive<task_struct>) -> bool {
    let Some(own) = own_namespace(task) else { return false };
    // SAFETY: only the current task lets go of its namespaces.
    let Some(spaces) = (unsafe { Alive::<nsproxy>::new(get!(task, nsproxy)) }) else {
        return get!(own, level) != 0;
    };
    get!(own, level) != 0 || get!(spaces, pid_ns_for_children) != own.as_ptr()
}

fn first_of_namespace(task: Alive<task_struct>) -> Option<Alive<task_struct>> {
    let namespace = own_namespace(task)?;
    // SAFETY: a task is freed by RCU.
    unsafe { Alive::new(namespace.read::<*const task_struct>(headers::OFFSET_PID_NAMESPACE_REAPER)) }
}

fn pid_namespace_start(task: Alive<task_struct>) -> u64 {
    first_of_namespace(task).map_or(0, |first| get!(first, start_boottime))
}

/// Kinds of pages that the kernel counts (`MM_*`).
#[derive(Clone, Copy)]
enum Pages {
    File = 0,
    Anonymous = 1,
    Swapped = 2,
    Shared = 3,
}

/// How many pages of a kind memory has, as `get_mm_counter` tells: roughly, without asking every CPU.
#[inline(always)]
fn resident(mm: Alive<mm_struct>, kind: Pages) -> u64 {
    // SAFETY: `rss_stat` is an array of four of these.
    let counters: *mut percpu_counter = unsafe { mm.field(headers::OFFSET_MM_RSS) };
    // SAFETY: inside of the array.
    let counter = unsafe { Alive::new(counters.wrapping_add(kind as usize)).unwrap_unchecked() };
    get!(counter, count).max(0) as u64
}

/// The controlling terminal's device number, as `new_encode_dev` gives it.
#[inline(never)]
fn terminal() -> u64 {
    // SAFETY: takes the task's siglock, which the hooks that ask for a terminal do not hold; gives a reference.
    let Some(tty) = (unsafe { Alive::new(headers::get_current_tty()) }) else { return 0 };
    // SAFETY: a terminal keeps its driver.
    let driver: Option<Alive<headers::tty_driver>> = unsafe { Alive::new(get!(tty, driver)) };
    let number = driver.map_or(0, |driver| {
        let minor = get!(driver, minor_start).wrapping_add(get!(tty, index)) as u32;
        encode_device((get!(driver, major) as u32) << 20 | minor)
    });
    // SAFETY: gives back the reference; what the last one needs is done later.
    unsafe { headers::tty_kref_put(tty.as_ptr()) };
    number
}

/// `new_encode_dev`: the form in which device numbers are shown to user space.
#[inline(always)]
pub(crate) fn encode_device(device: u32) -> u64 {
    let (major, minor) = (device >> 20, device & 0xf_ffff);
    u64::from(minor & 0xff | major << 8 | (minor & !0xff) << 12)
}

/// Who takes the children of the current task, which ends (`find_new_reaper`): 0 if it has none, or if its namespace ends with it.
#[inline(never)]
fn reaper(task: Alive<task_struct>) -> u64 {
    const UNKNOWN: u64 = u64::MAX;
    let children = task.as_ptr();
    // SAFETY: the task is allocated; this only makes an address.
    let children = unsafe { &raw const (*children).children };
    if get!(task, children.next).cast_const() == children {
        return 0;
    }
    if let Some(thread) = living_thread(task) {
        return thread;
    }
    let Some(own) = thread_pid(task) else { return UNKNOWN };
    if compat::has_child_subreaper(signal(task)) {
        // A bound for a walk that another CPU may change at any time.
        const ANCESTORS_MAX: u32 = 4096;
        let mut ancestor = task;
        for _ in 0..ANCESTORS_MAX {
            // SAFETY: a task is freed by RCU.
            let Some(next) = (unsafe { Alive::new(get!(ancestor, real_parent)) }) else { break };
            ancestor = next;
            let same_level = thread_pid(ancestor).is_some_and(|of| get!(of, level) == get!(own, level));
            if !same_level || get!(ancestor, pid) == 0 {
                break;
            }
            if compat::is_child_subreaper(signal(ancestor)) {
                if let Some(thread) = living_thread(ancestor) {
                    return thread;
                }
            }
        }
    }
    match first_of_namespace(task) {
        Some(first) if first.as_ptr() == task.as_ptr() => 0,
        Some(first) => get!(first, pid) as u64,
        None => UNKNOWN,
    }
}

/// A thread of a task's group that does not end.
fn living_thread(task: Alive<task_struct>) -> Option<u64> {
    // A bound for a walk that another CPU may change at any time.
    const THREADS_MAX: u32 = 65_536;
    let signal = signal(task).as_ptr();
    // SAFETY: allocated; this only makes an address.
    let end = unsafe { &raw const (*signal).thread_head };
    // SAFETY: as above. The list is one that RCU readers may walk.
    let mut node = unsafe { (&raw const (*end).next).read_volatile() }.cast_const();
    for _ in 0..THREADS_MAX {
        if node == end {
            return None;
        }
        let thread =
            node.wrapping_byte_sub(core::mem::offset_of!(task_struct, thread_node)).cast::<task_struct>();
        // SAFETY: each node but the end is the `thread_node` of a task, and a task is freed by RCU.
        let thread = unsafe { Alive::new(thread)? };
        if get!(thread, flags) & PF_EXITING == 0 {
            return Some(get!(thread, pid) as u64);
        }
        node = get!(thread, thread_node.next).cast_const();
    }
    None
}
