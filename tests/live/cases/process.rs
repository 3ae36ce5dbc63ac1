//! Cases of calls that make processes and steer them.

use std::fs;

use super::prelude::*;
use crate::calls::make_task;

/// exe and args of this process, as they are recorded.
pub(super) fn command_line() -> (Want, Want) {
    let all = fs::read("/proc/self/cmdline").unwrap_or_default();
    let end = all.iter().position(|byte| *byte == 0).map_or(all.len(), |nul| nul + 1);
    let (exe, args) = all.split_at(end);
    (bytes(exe), bytes(args))
}

/// The name of this thread.
pub(super) fn comm() -> Want {
    let name = fs::read_to_string("/proc/self/comm").unwrap_or_default();
    text(name.trim_end())
}

/// The soft limit of descriptors.
pub(super) fn descriptor_limit() -> Want {
    let mut limits = [0_u64; 2];
    native(SYS_getrlimit, &args![RLIMIT_NOFILE, limits.as_mut_ptr()]);
    number(limits[0])
}

/// The parameters of a new process, told by this one: `tid`, `pid`, `ptid`, then the same in the caller's namespace.
fn clone_parameters(ids: [i64; 5], flags: Want) -> Vec<(&'static str, Want)> {
    let (exe, args) = command_line();
    let [tid, pid, ptid, vtid, vpid] = ids;
    vec![
        ("exe", exe),
        ("args", args),
        ("tid", number(tid)),
        ("pid", number(pid)),
        ("ptid", number(ptid)),
        ("cwd", empty()),
        ("fdlimit", descriptor_limit()),
        ("pgft_maj", any()),
        ("pgft_min", any()),
        ("vm_size", something()),
        ("vm_rss", something()),
        ("vm_swap", any()),
        ("comm", comm()),
        ("cgroups", empty()),
        ("flags", flags),
        ("uid", number(0)),
        ("gid", number(0)),
        ("vtid", number(vtid)),
        ("vpid", number(vpid)),
        ("pidns_init_start_ts", any()),
    ]
}

/// A call that makes a process that ends at once: the records of parent and child.
fn makes_process(t: &mut Trial, number: i64, arguments: &[u64], event: u16, flags: &str) {
    let (pid, parent) = (native(SYS_getpid, &[]), native(SYS_getppid, &[]));
    let made = t.between(|| make_task(number, arguments), 0).ok();
    let child = made.result;
    let own = clone_parameters([pid, pid, parent, pid, pid], named(flags));
    made.expect(Who::Caller, event, &own);
    let childs = clone_parameters([child, child, pid, child, child], named(flags));
    made.expect_returning(Who::Thread(child as u32), 0, event, &childs);
    t.must(SYS_wait4, &args![child, NOWHERE, 0, NOWHERE]);
}

/// A call that makes a thread that ends at once.
fn makes_thread(t: &mut Trial, number: i64, arguments: &[u64], event: u16, flags: &str) {
    let (pid, parent) = (native(SYS_getpid, &[]), native(SYS_getppid, &[]));
    let made = t.between(|| make_task(number, arguments), 0).ok();
    let thread = made.result;
    let own = clone_parameters([pid, pid, parent, pid, pid], named(flags));
    made.expect(Who::Caller, event, &own);
    let threads = clone_parameters([thread, pid, parent, thread, pid], named(flags));
    made.expect_returning(Who::Thread(thread as u32), 0, event, &threads);
    // It is gone when the kernel has cleared it from the process.
    while native(SYS_tgkill, &args![pid, thread, 0]) == 0 {
        native(SYS_sched_yield, &[]);
    }
}

/// `struct clone_args`.
fn clone3_arguments(flags: i32, signal: i32) -> [u64; 11] {
    let mut arguments = [0; 11];
    arguments[0] = u64::from(flags as u32);
    arguments[4] = signal as u64;
    arguments
}

const THREAD: i32 = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
const THREAD_NAMES: &str = "CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_SIGHAND|CLONE_THREAD|CLONE_SYSVSEM";

fn limits(cur: Want, max: Want, resource: &str) -> [(&'static str, Want); 3] {
    [("cur", cur), ("max", max), ("resource", named(resource))]
}

cases! {
    "fork: parent and child" => |t| makes_process(t, SYS_fork, &[], SYSCALL_FORK_20_X, "");
    "vfork: parent and child" => |t| {
        makes_process(t, SYS_vfork, &[], SYSCALL_VFORK_20_X, "CLONE_VM|CLONE_VFORK");
    };
    "clone: parent and child" => |t| {
        let flags = CLONE_FILES | CLONE_FS | SIGCHLD;
        makes_process(t, SYS_clone, &args![flags, 0, 0, 0, 0], SYSCALL_CLONE_20_X, "CLONE_FILES|CLONE_FS");
    };
    "clone: a thread" => |t| {
        makes_thread(t, SYS_clone, &args![THREAD, 0, 0, 0, 0], SYSCALL_CLONE_20_X, THREAD_NAMES);
    };
    "clone: in a new pid namespace" => |t| {
        let (pid, parent) = (native(SYS_getpid, &[]), native(SYS_getppid, &[]));
        let made = t.between(|| make_task(SYS_clone, &args![CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0]), 0).ok();
        let child = made.result;
        let own = clone_parameters([pid, pid, parent, pid, pid], flags_and_pid_namespace("CLONE_NEWPID"));
        made.expect(Who::Caller, SYSCALL_CLONE_20_X, &own);
        let childs = clone_parameters([child, child, pid, 1, 1], flags_and_pid_namespace("CLONE_NEWPID"));
        made.expect_returning(Who::Thread(child as u32), 0, SYSCALL_CLONE_20_X, &childs);
        t.must(SYS_wait4, &args![child, NOWHERE, 0, NOWHERE]);
    };
    "clone: flags that do not go together" => |t| {
        let (pid, parent) = (native(SYS_getpid, &[]), native(SYS_getppid, &[]));
        let mut parameters = clone_parameters([pid, pid, parent, pid, pid], named("CLONE_THREAD"));
        parameters[0].1 = one_of([empty(), command_line().0]);
        parameters[1].1 = one_of([empty(), command_line().1]);
        t.call(SYS_clone, &args![CLONE_THREAD, 0, 0, 0, 0]).fails(EINVAL)
            .records(SYSCALL_CLONE_20_X, &parameters);
    };
    "clone3: parent and child" => |t| {
        let arguments = clone3_arguments(0, SIGCHLD);
        makes_process(t, SYS_clone3, &args![&arguments, 88], SYSCALL_CLONE3_X, "");
    };
    "clone3: a thread" => |t| {
        // The kernel wants a stack for a thread here; it may be the one that this thread has.
        let mut arguments = clone3_arguments(THREAD, 0);
        let stack = [0_u64; 64];
        (arguments[5], arguments[6]) = (stack.as_ptr() as u64, 512);
        makes_thread(t, SYS_clone3, &args![&arguments, 88], SYSCALL_CLONE3_X, THREAD_NAMES);
    };
    "clone3: a sibling" => |t| {
        let (pid, parent) = (native(SYS_getpid, &[]), native(SYS_getppid, &[]));
        // A process between, whose child becomes this one's.
        let arguments = clone3_arguments(CLONE_PARENT, 0);
        let mut told = [0_i32; 2];
        t.must(SYS_pipe, &args![told.as_mut_ptr()]);
        let made = t.between(
            || {
                let between = native(SYS_fork, &[]);
                if between == 0 {
                    let sibling = make_task(SYS_clone3, &args![&arguments, 88]);
                    native(SYS_write, &args![told[1], &sibling.to_le_bytes(), 8]);
                    native(SYS_exit_group, &args![0]);
                }
                between
            },
            0,
        );
        let between = made.ok();
        let middle = between.result;
        let mut sibling = [0_u8; 8];
        native(SYS_read, &args![told[0], sibling.as_mut_ptr(), 8]);
        let sibling = i64::from_le_bytes(sibling);
        between.expect(
            Who::Caller,
            SYSCALL_FORK_20_X,
            &clone_parameters([pid, pid, parent, pid, pid], named("")),
        );
        let flags = "CLONE_PARENT";
        let siblings = clone_parameters([sibling, sibling, pid, sibling, sibling], named(flags));
        between.expect_returning(Who::Thread(sibling as u32), 0, SYSCALL_CLONE3_X, &siblings);
        t.must(SYS_wait4, &args![middle, NOWHERE, 0, NOWHERE]);
        t.must(SYS_wait4, &args![sibling, NOWHERE, __WALL, NOWHERE]);
    };
    "setsid: a new session" => |t| {
        // Not a group leader, which may not.
        in_child(t, |t| {
            let pid = native(SYS_getpid, &[]);
            t.call(SYS_setsid, &args![]).gives(pid).records(SYSCALL_SETSID_X, &[]);
        });
    };
    "setpgid: a new group" => |t| {
        t.call(SYS_setpgid, &args![0, 0]).gives(0)
            .records(SYSCALL_SETPGID_X, &[("pid", number(0)), ("pgid", number(0))]);
    };
    "setpgid: of nobody" => |t| {
        t.call(SYS_setpgid, &args![-1, -2]).fails_with(&[EINVAL, ESRCH])
            .records(SYSCALL_SETPGID_X, &[("pid", number(-1)), ("pgid", number(-2))]);
    };
    "prctl: set the name" => |t| {
        t.call(SYS_prctl, &args![PR_SET_NAME, c"a new name", 0, 0, 0]).gives(0).records(
            SYSCALL_PRCTL_X,
            &[
                ("option", named("PR_SET_NAME")),
                ("arg2_str", text("a new name")),
                ("arg2_int", one_of([empty(), number(0)])),
            ],
        );
    };
    "prctl: reap all descendants" => |t| {
        t.call(SYS_prctl, &args![PR_SET_CHILD_SUBREAPER, 1337, 0, 0, 0]).gives(0).records(
            SYSCALL_PRCTL_X,
            &[
                ("option", named("PR_SET_CHILD_SUBREAPER")),
                ("arg2_str", empty()),
                ("arg2_int", number(1337)),
            ],
        );
        let mut set = 0_i32;
        t.call(SYS_prctl, &args![PR_GET_CHILD_SUBREAPER, &raw mut set, 0, 0, 0]).gives(0).records(
            SYSCALL_PRCTL_X,
            &[("option", named("PR_GET_CHILD_SUBREAPER")), ("arg2_str", empty()), ("arg2_int", number(1))],
        );
    };
    "prctl: an option that is none" => |t| {
        t.call(SYS_prctl, &args![-3, -3, 0, 0, 0]).fails(EINVAL).records(
            SYSCALL_PRCTL_X,
            &[("option", number(-3)), ("arg2_str", empty()), ("arg2_int", number(-3))],
        );
    };
    "ptrace: nobody" => |t| {
        t.call(SYS_ptrace, &args![PTRACE_PEEKSIGINFO, -1, 0x10, 0x20]).fails(ESRCH).records(
            SYSCALL_PTRACE_X,
            &[
                ("addr", bytes([0; 9])),
                ("data", bytes([0; 9])),
                ("request", named("PTRACE_PEEKSIGINFO")),
                ("pid", number(-1)),
            ],
        );
    };
    "ptrace: let itself be traced" => |t| {
        in_child(t, |t| {
            t.call(SYS_ptrace, &args![PTRACE_TRACEME, 0, 0x10, 0x20]).gives(0).records(
                SYSCALL_PTRACE_X,
                &[
                    ("addr", bytes([&[0][..], &0x10_u64.to_le_bytes()].concat())),
                    ("data", bytes([&[0][..], &0x20_u64.to_le_bytes()].concat())),
                    ("request", named("PTRACE_TRACEME")),
                    ("pid", number(0)),
                ],
            );
        });
    };
    "unshare: host names" => |t| {
        t.call(SYS_unshare, &args![CLONE_NEWUTS | CLONE_NEWIPC]).gives(0)
            .records(SYSCALL_UNSHARE_X, &[("flags", named("CLONE_NEWUTS|CLONE_NEWIPC"))]);
    };
    "unshare: what cannot be" => |t| {
        t.call(SYS_unshare, &args![CLONE_PARENT]).fails(EINVAL)
            .records(SYSCALL_UNSHARE_X, &[("flags", named("CLONE_PARENT"))]);
    };
    "setns: its own" => |t| {
        let fd = t.open(&c_string("/proc/self/ns/uts"), O_RDONLY);
        t.call(SYS_setns, &args![fd, CLONE_NEWUTS]).gives(0)
            .records(SYSCALL_SETNS_X, &[("fd", number(fd)), ("nstype", named("CLONE_NEWUTS"))]);
    };
    "setns: no descriptor" => |t| {
        t.call(SYS_setns, &args![-1, CLONE_NEWNET]).fails(EBADF)
            .records(SYSCALL_SETNS_X, &[("fd", number(-1)), ("nstype", named("CLONE_NEWNET"))]);
    };
    "seccomp: an operation that is none" => |t| {
        t.call(SYS_seccomp, &args![-1, -2, NOWHERE]).fails(EINVAL)
            .records(SYSCALL_SECCOMP_X, &[("op", number(u32::MAX)), ("flags", number(u32::MAX - 1))]);
    };
    "getrlimit: of descriptors" => |t| {
        let wanted = [50_u64, 100];
        t.must(SYS_setrlimit, &args![RLIMIT_NOFILE, &wanted]);
        let mut found = [0_u64; 2];
        t.call(SYS_getrlimit, &args![RLIMIT_NOFILE, found.as_mut_ptr()]).gives(0)
            .records(SYSCALL_GETRLIMIT_X, &limits(number(50), number(100), "RLIMIT_NOFILE"));
    };
    "getrlimit: of nothing" => |t| {
        let mut found = [0_u64; 2];
        t.call(SYS_getrlimit, &args![-1, found.as_mut_ptr()]).fails(EINVAL)
            .records(SYSCALL_GETRLIMIT_X, &limits(number(-1), number(-1), "RLIMIT_UNKNOWN"));
    };
    "getrlimit: nowhere to write it" => |t| {
        t.call(SYS_getrlimit, &args![RLIMIT_STACK, NOWHERE]).fails(EFAULT)
            .records(SYSCALL_GETRLIMIT_X, &limits(number(-1), number(-1), "RLIMIT_STACK"));
    };
    "setrlimit: of descriptors" => |t| {
        let wanted = [60_u64, 90];
        t.call(SYS_setrlimit, &args![RLIMIT_NOFILE, &wanted]).gives(0)
            .records(SYSCALL_SETRLIMIT_X, &limits(number(60), number(90), "RLIMIT_NOFILE"));
    };
    "setrlimit: of nothing" => |t| {
        let wanted = [60_u64, u64::MAX];
        t.call(SYS_setrlimit, &args![-1, &wanted]).fails(EINVAL)
            .records(SYSCALL_SETRLIMIT_X, &limits(number(60), number(-1), "RLIMIT_UNKNOWN"));
    };
    "setrlimit: no limits" => |t| {
        t.call(SYS_setrlimit, &args![RLIMIT_DATA, NOWHERE]).fails(EFAULT)
            .records(SYSCALL_SETRLIMIT_X, &limits(number(0), number(0), "RLIMIT_DATA"));
    };
    "prlimit64: new for old" => |t| {
        let pid = native(SYS_getpid, &[]);
        t.must(SYS_setrlimit, &args![RLIMIT_NOFILE, &[80_u64, 90]]);
        let (new, mut old) = ([70_u64, 75], [0_u64; 2]);
        t.call(SYS_prlimit64, &args![pid, RLIMIT_NOFILE, &new, old.as_mut_ptr()]).gives(0).records(
            SYSCALL_PRLIMIT_X,
            &[
                ("newcur", number(70)),
                ("newmax", number(75)),
                ("oldcur", number(80)),
                ("oldmax", number(90)),
                ("pid", number(pid)),
                ("resource", named("RLIMIT_NOFILE")),
            ],
        );
    };
    "prlimit64: of nobody" => |t| {
        let new = [70_u64, 75];
        t.call(SYS_prlimit64, &args![-1, RLIMIT_CORE, &new, NOWHERE]).fails(ESRCH).records(
            SYSCALL_PRLIMIT_X,
            &[
                ("newcur", number(70)),
                ("newmax", number(75)),
                ("oldcur", one_of([number(-1), number(0)])),
                ("oldmax", one_of([number(-1), number(0)])),
                ("pid", number(-1)),
                ("resource", named("RLIMIT_CORE")),
            ],
        );
    };
}

/// The flags, and perhaps the one that says that the child is in a pid namespace (which has no name).
fn flags_and_pid_namespace(names: &str) -> Want {
    // CLONE_NEWPID of the schema, and the unnamed bit.
    one_of([named(names), number(0x40 | 1 << 29)])
}

/// Runs a part of a case in a child, whose marks and expectations count for the case.
pub(super) fn in_child(t: &mut Trial, part: impl FnOnce(&mut Trial)) {
    let child = t.must(SYS_fork, &[]);
    if child == 0 {
        part(t);
        native(SYS_exit_group, &args![0]);
    }
    t.must(SYS_wait4, &args![child, NOWHERE, 0, NOWHERE]);
}
