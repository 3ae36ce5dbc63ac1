//! Cases of calls that wait, signal and synchronise.

use super::prelude::*;

/// A list of descriptors of the schema: how many, then each with what was found.
fn descriptors(found: &[(i32, u16)]) -> Want {
    let each = found
        .iter()
        .flat_map(|(fd, events)| [&i64::from(*fd).to_le_bytes()[..], &events.to_le_bytes()].concat());
    bytes((found.len() as u16).to_le_bytes().into_iter().chain(each).collect::<Vec<u8>>())
}

/// The schema's POLLIN, POLLOUT, POLLNVAL.
const FOUND_IN: u16 = 1;
const FOUND_OUT: u16 = 4;
const FOUND_NONE: u16 = 0x40;

fn poll_entry(fd: i32, events: i16) -> [u8; 8] {
    let mut entry = [0; 8];
    entry[..4].copy_from_slice(&fd.to_le_bytes());
    entry[4..6].copy_from_slice(&events.to_le_bytes());
    entry
}

cases! {
    "poll: a pipe that can be read" => |t| {
        let mut ends = [0_i32; 2];
        t.must(SYS_pipe, &args![ends.as_mut_ptr()]);
        t.must(SYS_write, &args![ends[1], b"x", 1]);
        let entries = [poll_entry(ends[0], POLLIN), poll_entry(ends[1], POLLOUT), poll_entry(999, POLLIN)];
        t.call(SYS_poll, &args![&entries, 3, 1000]).gives(3).records(
            SYSCALL_POLL_X,
            &[
                ("fds", descriptors(&[(ends[0], FOUND_IN), (ends[1], FOUND_OUT), (999, FOUND_NONE)])),
                ("timeout", number(1000)),
            ],
        );
    };
    "poll: nothing" => |t| {
        t.call(SYS_poll, &args![NOWHERE, 0, 0]).gives(0)
            .records(SYSCALL_POLL_X, &[("fds", descriptors(&[])), ("timeout", number(0))]);
    };
    "ppoll: with a time and a mask" => |t| {
        let entries = [poll_entry(999, POLLIN)];
        let (time, mask) = ([2_u64, 3], [0b1010_u64]);
        t.call(SYS_ppoll, &args![&entries, 1, &time, &mask, 8]).gives(1).records(
            SYSCALL_PPOLL_X,
            &[
                ("fds", descriptors(&[(999, FOUND_NONE)])),
                // The kernel writes back what is left of the time.
                ("timeout", one_of([at_least(1_000_000_000), number(2_000_000_003_u64)])),
                ("sigmask", number(0b1010)),
            ],
        );
    };
    "ppoll: no list" => |t| {
        t.call(SYS_ppoll, &args![NOWHERE, 5, NOWHERE, NOWHERE, 8]).fails(EFAULT).records_with(
            SYSCALL_PPOLL_X,
            &[("fds", descriptors(&[])), ("timeout", number(0)), ("sigmask", number(0))],
            &[],
            flag::USER_MISS,
        );
    };
    "select: nothing" => |t| {
        let time = [0_u64, 0];
        t.call(SYS_select, &args![0, NOWHERE, NOWHERE, NOWHERE, &time]).gives(0)
            .records(SYSCALL_SELECT_X, &[]);
    };
    "select: less than nothing" => |t| {
        t.call(SYS_select, &args![-1, NOWHERE, NOWHERE, NOWHERE, NOWHERE]).fails(EINVAL)
            .records(SYSCALL_SELECT_X, &[]);
    };
    "epoll_wait: no descriptor" => |t| {
        t.call(SYS_epoll_wait, &args![-1, 0x1000, 7, 0]).fails(EBADF)
            .records(SYSCALL_EPOLLWAIT_X, &[("maxevents", number(7))]);
    };
    "nanosleep: a moment" => |t| {
        let time = [0_u64, 1_000];
        t.call(SYS_nanosleep, &args![&time, NOWHERE]).gives(0)
            .records(SYSCALL_NANOSLEEP_X, &[("interval", number(1_000))]);
    };
    "nanosleep: a time that is none" => |t| {
        let time = [1_u64, 1_000_000_000];
        t.call(SYS_nanosleep, &args![&time, NOWHERE]).fails(EINVAL)
            .records(SYSCALL_NANOSLEEP_X, &[("interval", number(2_000_000_000_u64))]);
    };
    "nanosleep: nothing said" => |t| {
        t.call(SYS_nanosleep, &args![NOWHERE, NOWHERE]).fails(EFAULT)
            .records(SYSCALL_NANOSLEEP_X, &[("interval", number(0))]);
    };
    "futex: wake nobody" => |t| {
        let word = 0_u32;
        let address = &raw const word;
        t.call(SYS_futex, &args![address, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 3]).gives(0).records(
            SYSCALL_FUTEX_X,
            &[
                ("addr", number(address)),
                ("op", named("FUTEX_WAKE|FUTEX_PRIVATE_FLAG")),
                ("val", number(3)),
            ],
        );
    };
    "futex: another value than expected" => |t| {
        let word = 0_u32;
        let address = &raw const word;
        t.call(SYS_futex, &args![address, FUTEX_WAIT, 7, NOWHERE]).fails(EAGAIN).records(
            SYSCALL_FUTEX_X,
            &[("addr", number(address)), ("op", named("FUTEX_WAIT")), ("val", number(7))],
        );
    };
    "kill: itself, with no signal" => |t| {
        let pid = native(SYS_getpid, &[]);
        t.call(SYS_kill, &args![pid, 0]).gives(0)
            .records(SYSCALL_KILL_X, &[("pid", number(pid)), ("sig", number(0))]);
    };
    "kill: nobody" => |t| {
        t.call(SYS_kill, &args![i32::MAX, SIGTERM]).fails(ESRCH)
            .records(SYSCALL_KILL_X, &[("pid", number(i32::MAX)), ("sig", number(SIGTERM))]);
    };
    "tkill: itself, with no signal" => |t| {
        let tid = native(SYS_gettid, &[]);
        t.call(SYS_tkill, &args![tid, 0]).gives(0)
            .records(SYSCALL_TKILL_X, &[("tid", number(tid)), ("sig", number(0))]);
    };
    "tkill: nobody" => |t| {
        t.call(SYS_tkill, &args![-1, SIGUSR1]).fails(EINVAL)
            .records(SYSCALL_TKILL_X, &[("tid", number(-1)), ("sig", number(SIGUSR1))]);
    };
    "tgkill: itself, with no signal" => |t| {
        let pid = native(SYS_getpid, &[]);
        t.call(SYS_tgkill, &args![pid, pid, 0]).gives(0)
            .records(SYSCALL_TGKILL_X, &[("pid", number(pid)), ("tid", number(pid)), ("sig", number(0))]);
    };
    "tgkill: nobody" => |t| {
        t.call(SYS_tgkill, &args![-1, -2, SIGUSR2]).fails(EINVAL)
            .records(SYSCALL_TGKILL_X, &[("pid", number(-1)), ("tid", number(-2)), ("sig", number(SIGUSR2))]);
    };
    "semget: new semaphores" => |t| {
        t.call(SYS_semget, &args![0x5a_4b, 3, IPC_CREAT | IPC_EXCL | 0o600]).ok().records(
            SYSCALL_SEMGET_X,
            &[("key", number(0x5a_4b)), ("nsems", number(3)), ("semflg", named("IPC_CREAT|IPC_EXCL"))],
        );
    };
    "semget: less than nothing" => |t| {
        t.call(SYS_semget, &args![IPC_PRIVATE, -1, IPC_CREAT]).fails(EINVAL).records(
            SYSCALL_SEMGET_X,
            &[("key", number(0)), ("nsems", number(-1)), ("semflg", named("IPC_CREAT"))],
        );
    };
    "semctl: set a value" => |t| {
        let id = t.must(SYS_semget, &args![IPC_PRIVATE, 2, IPC_CREAT | 0o600]);
        t.call(SYS_semctl, &args![id, 1, SETVAL, 9]).gives(0).records(
            SYSCALL_SEMCTL_X,
            &[("semid", number(id)), ("semnum", number(1)), ("cmd", named("SETVAL")), ("val", number(9))],
        );
        t.call(SYS_semctl, &args![id, 0, IPC_RMID, 0]).gives(0).records(
            SYSCALL_SEMCTL_X,
            &[("semid", number(id)), ("semnum", number(0)), ("cmd", named("IPC_RMID")), ("val", number(0))],
        );
    };
    "semctl: no semaphores" => |t| {
        t.call(SYS_semctl, &args![-1, 0, GETALL, 0]).fails(EINVAL).records(
            SYSCALL_SEMCTL_X,
            &[("semid", number(-1)), ("semnum", number(0)), ("cmd", named("GETALL")), ("val", number(0))],
        );
    };
    "semop: one operation" => |t| {
        let id = t.must(SYS_semget, &args![IPC_PRIVATE, 2, IPC_CREAT | 0o600]);
        let operations = [1_i16, 4, IPC_NOWAIT as i16];
        t.call(SYS_semop, &args![id, &operations, 1]).gives(0)
            .records(SYSCALL_SEMOP_X, &operations_of(id, 1, (1, 4, "IPC_NOWAIT"), (0, 0, "")));
    };
    "semop: two operations" => |t| {
        let id = t.must(SYS_semget, &args![IPC_PRIVATE, 2, IPC_CREAT | 0o600]);
        let operations = [1_i16, 4, 0x1000, 0, 3, IPC_NOWAIT as i16];
        t.call(SYS_semop, &args![id, &operations, 2]).gives(0)
            .records(SYSCALL_SEMOP_X, &operations_of(id, 2, (1, 4, "SEM_UNDO"), (0, 3, "IPC_NOWAIT")));
    };
    "semop: no operations" => |t| {
        t.call(SYS_semop, &args![-1, NOWHERE, 2]).fails_with(&[EFAULT, EINVAL])
            .records(SYSCALL_SEMOP_X, &operations_of(-1, 2, (0, 0, ""), (0, 0, "")));
    };
}

type Operation = (u16, i16, &'static str);

fn operations_of(id: i64, count: u32, first: Operation, second: Operation) -> Vec<(&'static str, Want)> {
    vec![
        ("nsops", number(count)),
        ("sem_num_0", number(first.0)),
        ("sem_op_0", number(first.1)),
        ("sem_flg_0", named(first.2)),
        ("sem_num_1", number(second.0)),
        ("sem_op_1", number(second.1)),
        ("sem_flg_1", named(second.2)),
        ("semid", number(id)),
    ]
}
