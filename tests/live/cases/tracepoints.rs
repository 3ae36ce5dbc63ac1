//! Cases of what is recorded without a call: the end of a process, signals, page faults, switches.

use saker_probe::wire::control::{Interest, tracepoint};

use super::prelude::*;

extern "C" fn handler(_: i32) {}

/// How a process ends.
fn ended(status: i64, returned: i64, signal: i32, reaper: Want) -> [(&'static str, Want); 5] {
    [
        ("status", number(status)),
        ("ret", number(returned)),
        ("sig", number(signal)),
        ("core", any()),
        ("reaper_tid", reaper),
    ]
}

/// A child that does something and ends; between marks of this process, so that its records come after the first.
fn child(t: &mut Trial, what: impl FnOnce()) -> crate::harness::trial::Made<'_> {
    t.between(
        || {
            let child = native(SYS_fork, &[]);
            if child == 0 {
                what();
                native(SYS_exit_group, &args![0]);
            }
            native(SYS_wait4, &args![child, NOWHERE, 0, NOWHERE]);
            child
        },
        0,
    )
    .ok()
}

cases! {
    "procexit: with a status" => |t| {
        let made = child(t, || {
            native(SYS_exit_group, &args![7]);
        });
        let child = Who::Thread(made.result as u32);
        made.expect_returning(child, 0, PROCEXIT_1_E, &ended(7 << 8, 7, 0, number(0)));
    };
    "procexit: by a signal" => |t| {
        let made = child(t, || {
            native(SYS_kill, &args![native(SYS_getpid, &[]), SIGKILL]);
        });
        let child = Who::Thread(made.result as u32);
        made.expect_returning(child, 0, PROCEXIT_1_E, &ended(9, 0, SIGKILL, number(0)));
    };
    "procexit: its children go to whoever asked for them" => |t| {
        t.must(SYS_prctl, &args![PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0]);
        let pid = native(SYS_getpid, &[]);
        let made = child(t, || {
            if native(SYS_fork, &[]) == 0 {
                let time = [0_u64, 50_000_000];
                native(SYS_nanosleep, &args![&time, NOWHERE]);
            }
        });
        let middle = Who::Thread(made.result as u32);
        made.expect_returning(middle, 0, PROCEXIT_1_E, &ended(0, 0, 0, number(pid)));
        native(SYS_wait4, &args![-1, NOWHERE, 0, NOWHERE]);
    };
    "procexit: its children go to the first process of its namespace" => |t| {
        let made = t.between(
            || {
                let first = native(SYS_clone, &args![CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0]);
                if first == 0 {
                    // The namespace's first process: has a child, which has a child and ends.
                    let middle = native(SYS_fork, &[]);
                    if middle == 0 {
                        if native(SYS_fork, &[]) == 0 {
                            let time = [0_u64, 50_000_000];
                            native(SYS_nanosleep, &args![&time, NOWHERE]);
                        }
                        native(SYS_exit_group, &args![3]);
                    }
                    native(SYS_wait4, &args![middle, NOWHERE, 0, NOWHERE]);
                    native(SYS_exit_group, &args![0]);
                }
                native(SYS_wait4, &args![first, NOWHERE, 0, NOWHERE]);
                first
            },
            0,
        )
        .ok();
        let first = made.result;
        made.expect_of_anybody(PROCEXIT_1_E, &ended(3 << 8, 3, 0, number(first)));
    };
    "exit: of one thread" => |t| {
        let made = child(t, || {
            native(SYS_exit, &args![5]);
        });
        let child = Who::Thread(made.result as u32);
        made.expect_returning(child, 0, PROCEXIT_1_E, &ended(5 << 8, 5, 0, number(0)));
    };
    "signaldeliver: from another process" with |interest: &mut Interest| interest.tracepoints |= tracepoint::SIGNAL_DELIVER => |t| {
        let pid = native(SYS_getpid, &[]);
        let mut ready = [0_i32; 2];
        t.must(SYS_pipe, &args![ready.as_mut_ptr()]);
        let made = t.between(
            || {
                let child = native(SYS_fork, &[]);
                if child == 0 {
                    // SAFETY: the handler does nothing. Without one the kernel would make SIGKILL of it.
                    unsafe { libc::signal(SIGTERM, handler as *const () as usize) };
                    native(SYS_write, &args![ready[1], b"x", 1]);
                    // Not `pause`: the signal may come before.
                    let second = [1_i64, 0];
                    native(SYS_nanosleep, &args![second.as_ptr(), 0]);
                    native(SYS_exit_group, &args![0]);
                }
                let mut byte = [0_u8];
                native(SYS_read, &args![ready[0], byte.as_mut_ptr(), 1]);
                native(SYS_kill, &args![child, SIGTERM]);
                native(SYS_wait4, &args![child, NOWHERE, 0, NOWHERE]);
                child
            },
            0,
        )
        .ok();
        let child = made.result;
        made.expect_as_far_as_told(
            Who::Thread(child as u32),
            0,
            SIGNALDELIVER_E,
            // The tracepoint does not say who sent it; only a module can look further.
            &[("spid", one_of([number(pid), number(0)])), ("dpid", number(child)), ("sig", number(SIGTERM))],
        );
    };
    "page_fault: of user memory" with |interest: &mut Interest| interest.tracepoints |= tracepoint::PAGE_FAULT => |t| {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        let page = t.must(SYS_mmap, &args![0, 4096, PROT_READ | PROT_WRITE, flags, -1, 0]);
        let made = t.between(
            || {
                // SAFETY: the page was just mapped for writing, and nobody else knows of it.
                unsafe { std::ptr::write_volatile(page as *mut u8, 1) };
                0
            },
            0,
        );
        made.expect_among(
            PAGE_FAULT_E,
            &[
                ("addr", number(page)),
                ("ip", something()),
                ("error", named("PAGE_NOT_PRESENT|WRITE_ACCESS|USER_FAULT")),
            ],
        );
    };
    "page_fault: in the kernel" with |interest: &mut Interest| interest.tracepoints |= tracepoint::PAGE_FAULT => |t| {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS;
        let page = t.must(SYS_mmap, &args![0, 4096, PROT_READ | PROT_WRITE, flags, -1, 0]);
        let made = t.between(|| native(SYS_getrlimit, &args![RLIMIT_NOFILE, page]), 0);
        made.expect_among(
            PAGE_FAULT_E,
            &[
                ("addr", number(page)),
                ("ip", something()),
                ("error", named("PAGE_NOT_PRESENT|WRITE_ACCESS|SUPERVISOR_FAULT")),
            ],
        );
    };
    "switch: to another task" with |interest: &mut Interest| interest.tracepoints |= tracepoint::SWITCH => |t| {
        let made = t.between(
            || {
                let time = [0_u64, 10_000_000];
                native(SYS_nanosleep, &args![&time, NOWHERE])
            },
            0,
        );
        made.expect_among(
            SCHEDSWITCH_6_E,
            &[
                ("next", any()),
                ("pgft_maj", any()),
                ("pgft_min", any()),
                ("vm_size", something()),
                ("vm_rss", something()),
                ("vm_swap", any()),
            ],
        );
    };
}
