// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Facts of the current task.

use crate::extract::kernel::TaskFact;

use crate::access::{kernel, kernel_or_0, load};
use crate::helpers::{get_current_cgroup_id, get_current_pid_tgid, get_current_task};
use crate::layout::*;
use crate::maps::INTEREST;

/// Memory is counted in pages of 4 KiB.
const PAGE_KIB: u64 = 4;
/// `PIDTYPE_TGID` and `PIDTYPE_PGID`: which of a process's ids.
const PIDTYPE_TGID: u64 = 1;
const PIDTYPE_PGID: u64 = 2;
/// `RLIMIT_NOFILE`, and bytes of a `struct rlimit`.
const RLIMIT_NOFILE: u64 = 7;
const RLIMIT_SIZE: u64 = 16;
/// `MM_FILEPAGES`, `MM_ANONPAGES`, `MM_SWAPENTS`, `MM_SHMEMPAGES`.
const FILE_PAGES: u64 = 0;
const ANONYMOUS_PAGES: u64 = 1;
const SWAP_ENTRIES: u64 = 2;
const SHARED_PAGES: u64 = 3;

/// Id of the task's cgroup, in the hierarchy that the agent chose.
#[inline(always)]
pub fn cgroup() -> u64 {
    let hierarchy = load::<u32>(INTEREST.address(), core::mem::offset_of!(crate::wire::control::Interest, cgroup_hierarchy));
    if hierarchy == 0 {
        return get_current_cgroup_id();
    }
    let set = pointer(get_current_task(), &TASK_CGROUPS);
    let state: u64 = kernel_or_0(
        set.wrapping_add(constant(&CSS_SET_SUBSYSTEMS)).wrapping_add(u64::from(hierarchy.wrapping_sub(1) & 31) * 8),
    );
    let node = pointer(pointer(state, &CSS_CGROUP), &CGROUP_NODE);
    field(node, &NODE_ID)
}

/// When the thread group of a task began.
#[inline(always)]
pub fn process_start(task: *const u8) -> u64 {
    let leader = load::<*const u8>(task, constant(&TASK_GROUP_LEADER) as usize);
    load(leader, constant(&TASK_START) as usize)
}

/// A field of a kernel object, 0 if it cannot be read.
#[inline(always)]
pub fn field<T: Copy + Default>(object: u64, at: &'static Constant) -> T {
    if is_absent(at) {
        return T::default();
    }
    kernel_or_0(object.wrapping_add(constant(at)))
}

/// A pointer in a kernel object.
#[inline(always)]
pub fn pointer(object: u64, at: &'static Constant) -> u64 {
    field(object, at)
}

/// The current task's memory, 0 for a kernel thread.
#[inline(always)]
pub fn memory() -> u64 {
    pointer(get_current_task(), &TASK_MM)
}

/// The current task's credentials.
#[inline(always)]
pub fn credentials() -> u64 {
    pointer(get_current_task(), &TASK_CRED)
}

/// A fact.
#[inline(always)]
pub fn fact(fact: TaskFact) -> u64 {
    let task = get_current_task();
    match fact {
        TaskFact::Tid => u64::from(get_current_pid_tgid() as u32),
        TaskFact::Tgid => get_current_pid_tgid() >> 32,
        TaskFact::ParentTid => u64::from(field::<u32>(pointer(task, &TASK_REAL_PARENT), &TASK_PID)),
        TaskFact::VirtualTid => virtual_id(pointer(task, &TASK_THREAD_PID)),
        TaskFact::VirtualTgid => virtual_id(process_pid(task, PIDTYPE_TGID)),
        TaskFact::ProcessGroup => global_id(process_pid(task, PIDTYPE_PGID)),
        TaskFact::VirtualProcessGroup => virtual_id(process_pid(task, PIDTYPE_PGID)),
        TaskFact::InPidNamespace => {
            let childrens = pointer(pointer(task, &TASK_NAMESPACES), &NAMESPACES_OF_CHILDREN);
            u64::from(namespace_level() != 0 || childrens != pointer(own_upid(), &UPID_NS))
        }
        TaskFact::PidNamespaceStart => {
            let namespace = pointer(own_upid(), &UPID_NS);
            field(pointer(namespace, &NAMESPACE_REAPER), &TASK_START)
        }
        TaskFact::FdLimit => kernel_or_0(
            pointer(task, &TASK_SIGNAL)
                .wrapping_add(constant(&SIGNAL_RLIMITS))
                .wrapping_add(RLIMIT_NOFILE * RLIMIT_SIZE),
        ),
        TaskFact::MajorFaults => field(task, &TASK_MAJOR_FAULTS),
        TaskFact::MinorFaults => field(task, &TASK_MINOR_FAULTS),
        TaskFact::VmSize => field::<u64>(memory(), &MM_TOTAL).wrapping_mul(PAGE_KIB),
        TaskFact::VmRss => {
            let memory = memory();
            pages(memory, FILE_PAGES)
                .wrapping_add(pages(memory, ANONYMOUS_PAGES))
                .wrapping_add(pages(memory, SHARED_PAGES))
                .wrapping_mul(PAGE_KIB)
        }
        TaskFact::VmSwap => pages(memory(), SWAP_ENTRIES).wrapping_mul(PAGE_KIB),
        TaskFact::Uid => u64::from(field::<u32>(credentials(), &CRED_UID)),
        TaskFact::Euid => u64::from(field::<u32>(credentials(), &CRED_EUID)),
        TaskFact::Suid => u64::from(field::<u32>(credentials(), &CRED_SUID)),
        TaskFact::Fsuid => u64::from(field::<u32>(credentials(), &CRED_FSUID)),
        TaskFact::Gid => u64::from(field::<u32>(credentials(), &CRED_GID)),
        TaskFact::Egid => u64::from(field::<u32>(credentials(), &CRED_EGID)),
        TaskFact::Sgid => u64::from(field::<u32>(credentials(), &CRED_SGID)),
        TaskFact::Fsgid => u64::from(field::<u32>(credentials(), &CRED_FSGID)),
        TaskFact::CapInheritable => field(credentials(), &CRED_CAP_INHERITABLE),
        TaskFact::CapPermitted => field(credentials(), &CRED_CAP_PERMITTED),
        TaskFact::CapEffective => field(credentials(), &CRED_CAP_EFFECTIVE),
        TaskFact::Tty => terminal(pointer(pointer(task, &TASK_SIGNAL), &SIGNAL_TTY)),
        TaskFact::LoginUid if is_absent(&TASK_LOGIN_UID) => u64::from(u32::MAX),
        TaskFact::LoginUid => u64::from(field::<u32>(task, &TASK_LOGIN_UID)),
        TaskFact::ExitCode => u64::from(field::<u32>(task, &TASK_EXIT_CODE)),
        TaskFact::Reaper => reaper(task),
        TaskFact::Break => field(memory(), &MM_BREAK),
        TaskFact::Flags => u64::from(field::<u32>(task, &TASK_FLAGS)),
    }
}

/// The `struct pid` of the current process, of a type.
#[inline(always)]
fn process_pid(task: u64, kind: u64) -> u64 {
    kernel_or_0(
        pointer(task, &TASK_SIGNAL).wrapping_add(constant(&SIGNAL_PIDS)).wrapping_add(kind.wrapping_mul(8)),
    )
}

/// How deep the current task's pid namespace is.
#[inline(always)]
fn namespace_level() -> u32 {
    field(pointer(get_current_task(), &TASK_THREAD_PID), &PID_LEVEL)
}

/// The `struct upid` of the current thread in its own namespace.
#[inline(always)]
fn own_upid() -> u64 {
    upid(pointer(get_current_task(), &TASK_THREAD_PID), namespace_level())
}

#[inline(always)]
fn upid(pid: u64, level: u32) -> u64 {
    pid.wrapping_add(constant(&PID_NUMBERS)).wrapping_add(u64::from(level).wrapping_mul(constant(&UPID_SIZE)))
}

/// The number of a pid in the initial namespace.
#[inline(always)]
fn global_id(pid: u64) -> u64 {
    u64::from(field::<u32>(upid(pid, 0), &UPID_NR))
}

/// The number of a pid in the current task's namespace; 0 if it is not seen there.
#[inline(always)]
fn virtual_id(pid: u64) -> u64 {
    let level = namespace_level();
    if field::<u32>(pid, &PID_LEVEL) < level {
        return 0;
    }
    u64::from(field::<u32>(upid(pid, level), &UPID_NR))
}

/// One of the counters of a process's memory.
#[inline(always)]
fn pages(memory: u64, counter: u64) -> u64 {
    let counters = memory.wrapping_add(constant(&MM_RSS));
    let count: u64 = if is_absent(&RSS_PLAIN) {
        let at = counter.wrapping_mul(constant(&PERCPU_COUNTER_SIZE)).wrapping_add(constant(&PERCPU_COUNTER_COUNT));
        kernel_or_0(counters.wrapping_add(at))
    } else {
        kernel_or_0(counters.wrapping_add(counter.wrapping_mul(8)))
    };
    // What CPUs have not added yet can make it negative for a moment.
    if (count as i64) < 0 {
        0
    } else {
        count
    }
}

/// The number of a terminal, as `new_encode_dev` makes it.
#[inline(always)]
fn terminal(tty: u64) -> u64 {
    if tty == 0 {
        return 0;
    }
    let driver = pointer(tty, &TTY_DRIVER);
    let minor = field::<u32>(driver, &TTY_DRIVER_MINOR).wrapping_add(field::<u32>(tty, &TTY_INDEX));
    u64::from(encode_device(field::<u32>(driver, &TTY_DRIVER_MAJOR), minor))
}

/// `new_encode_dev`.
#[inline(always)]
pub fn encode_device(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)
}

/// How many ancestors are asked whether they take orphans.
const ANCESTORS: u32 = 16;

/// Who takes the children of a task that ends: as `find_new_reaper` in `kernel/exit.c`, except that of the other threads of the
/// process any may be named by the process's id.
#[inline(always)]
fn reaper(task: u64) -> u64 {
    // An empty list points to itself: its second word to its first.
    if pointer(task, &TASK_CHILDREN) == task.wrapping_add(constant(&TASK_CHILDREN)).wrapping_sub(8) {
        return 0;
    }
    let signal = pointer(task, &TASK_SIGNAL);
    let tgid = field::<u32>(task, &TASK_TGID);
    if field::<u32>(signal, &SIGNAL_LIVE) > 0 {
        return u64::from(tgid);
    }
    let namespace = pointer(own_upid(), &UPID_NS);
    let first = pointer(namespace, &NAMESPACE_REAPER);
    if bit(signal, &SIGNAL_HAS_SUBREAPER) {
        let mut ancestor = pointer(task, &TASK_REAL_PARENT);
        for _ in 0..ANCESTORS {
            if ancestor == 0 || ancestor == first {
                break;
            }
            let signal = pointer(ancestor, &TASK_SIGNAL);
            if bit(signal, &SIGNAL_IS_SUBREAPER) && field::<u32>(signal, &SIGNAL_LIVE) > 0 {
                return u64::from(field::<u32>(ancestor, &TASK_PID));
            }
            ancestor = pointer(ancestor, &TASK_REAL_PARENT);
        }
    }
    // With the first process of a namespace all others end.
    if first == task { 0 } else { u64::from(field::<u32>(first, &TASK_PID)) }
}

/// A bit field of one bit.
#[inline(always)]
fn bit(object: u64, at: &'static Constant) -> bool {
    if is_absent(at) {
        return false;
    }
    let bit = constant(at);
    kernel::<u8>(object.wrapping_add(bit >> 3)).is_some_and(|byte| byte >> (bit & 7) & 1 != 0)
}
