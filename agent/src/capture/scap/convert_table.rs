//! How events of older schema versions become current ones: one row per (event, number of parameters) that is not current.
//!
//! Captures from before schema 4 have an event at the entry of a call as well; most of its parameters moved to the exit
//! event, so it is kept until that arrives. A row brings an event one version further; rows chain until the event is current.

use Action::{Append, Become, Pass, Store, StoreAndPass};
use Step::{ContainerJson, Default, Empty, Enter, EnterOrEmpty, Old};

use crate::event::{EVENT_COUNT, EventId, id};

/// What to do with an event.
#[derive(Clone, Copy, Debug)]
pub(super) enum Action {
    /// Keep it until the call exits; nobody else sees it.
    Store,
    /// It is of use to the state engine as it is.
    Pass,
    /// Both.
    StoreAndPass,
    /// Put parameters behind those that it has.
    Append(&'static [Step]),
    /// Make another event of it, with these parameters.
    Become(EventId, &'static [Step]),
}

/// Where parameters come from. Pairs are the first and the last index.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// From the event itself.
    Old(u8, u8),
    /// From the stored entry of the call; a default value if there is none.
    Enter(u8, u8),
    /// From the stored entry of the call; an empty parameter if there is none.
    EnterOrEmpty(u8, u8),
    /// That many parameters of length 0: unknown.
    Empty(u8),
    /// That many default values (0, or as [`default_value`] says).
    Default(u8),
    /// The JSON document of a container, from the four parameters that it once was.
    ContainerJson,
}

/// The action for an event of which the capture has `count` parameters.
pub(super) fn action(id: EventId, count: usize) -> Option<&'static Action> {
    let id = usize::from(id.0);
    let rows = FIRST_ROW.get(id).zip(FIRST_ROW.get(id + 1));
    let rows = ROWS.get(rows.map(|(from, to)| usize::from(*from)..usize::from(*to))?)?;
    rows.iter().find(|row| usize::from(row.1) == count).map(|row| &row.2)
}

/// For each event id, its first row. Built when the program is compiled, so rows out of order do not compile.
static FIRST_ROW: [u16; EVENT_COUNT + 1] = {
    let mut first = [0; EVENT_COUNT + 1];
    let (mut row, mut event) = (0, 0);
    while event <= EVENT_COUNT {
        first[event] = row as u16;
        while row < ROWS.len() && ROWS[row].0.0 as usize == event {
            row += 1;
        }
        event += 1;
    }
    assert!(row == ROWS.len(), "rows must stand in the order of event ids");
    first
};

#[rustfmt::skip]
static ROWS: &[(EventId, u8, Action)] = &[
    (id::GENERIC_E, 2, Store),
    (id::GENERIC_X, 1, Append(&[EnterOrEmpty(1, 1)])),
    (id::SYSCALL_OPEN_E, 0, Append(&[Empty(3)])),
    (id::SYSCALL_OPEN_E, 3, Pass),
    (id::SYSCALL_OPEN_X, 4, Append(&[Empty(1)])),
    (id::SYSCALL_OPEN_X, 5, Append(&[Empty(1)])),
    (id::SYSCALL_CLOSE_E, 1, Store),
    (id::SYSCALL_CLOSE_X, 1, Append(&[Enter(0, 0)])),
    (id::SYSCALL_READ_E, 2, Store),
    (id::SYSCALL_READ_X, 2, Append(&[Enter(0, 1)])),
    (id::SYSCALL_WRITE_E, 2, Store),
    (id::SYSCALL_WRITE_X, 2, Append(&[Enter(0, 1)])),
    (id::SYSCALL_BRK_1_E, 1, Store),
    (id::SYSCALL_BRK_1_X, 1, Become(id::SYSCALL_BRK_4_X, &[Old(0, 0), EnterOrEmpty(0, 0), Empty(3)])),
    (id::SYSCALL_EXECVE_8_E, 0, Become(id::SYSCALL_EXECVE_13_E, &[])),
    (id::SYSCALL_EXECVE_8_X, 8, Become(id::SYSCALL_EXECVE_13_X, &[Old(0, 7), Empty(5)])),
    (id::SYSCALL_CLONE_11_X, 11, Become(id::SYSCALL_CLONE_16_X, &[Old(0, 7), Empty(5), Old(8, 10)])),
    (id::PROCEXIT_E, 0, Become(id::PROCEXIT_1_E, &[Empty(5)])),
    (id::SOCKET_SOCKET_E, 3, Store),
    (id::SOCKET_SOCKET_X, 1, Append(&[Enter(0, 2)])),
    (id::SOCKET_SOCKET_X, 4, Append(&[Default(1)])),
    (id::SOCKET_BIND_E, 1, Store),
    (id::SOCKET_BIND_X, 2, Append(&[Enter(0, 0)])),
    (id::SOCKET_CONNECT_E, 1, Append(&[Default(1)])),
    (id::SOCKET_CONNECT_E, 2, StoreAndPass),
    (id::SOCKET_CONNECT_X, 2, Append(&[Enter(0, 0)])),
    (id::SOCKET_CONNECT_X, 3, Append(&[Enter(1, 1)])),
    (id::SOCKET_LISTEN_E, 2, Store),
    (id::SOCKET_LISTEN_X, 1, Append(&[Enter(0, 1)])),
    (id::SOCKET_ACCEPT_X, 3, Become(id::SOCKET_ACCEPT_5_X, &[Old(0, 2), Default(2)])),
    (id::SOCKET_SEND_E, 2, Store),
    (id::SOCKET_SEND_X, 2, Append(&[Enter(0, 1), Default(1)])),
    (id::SOCKET_SENDTO_E, 3, Store),
    (id::SOCKET_SENDTO_X, 2, Append(&[Enter(0, 2)])),
    (id::SOCKET_RECV_E, 2, Store),
    (id::SOCKET_RECV_X, 2, Append(&[Enter(0, 1), Default(1)])),
    (id::SOCKET_RECVFROM_E, 2, Store),
    (id::SOCKET_RECVFROM_X, 3, Append(&[Enter(0, 1)])),
    (id::SOCKET_SHUTDOWN_E, 2, Store),
    (id::SOCKET_SHUTDOWN_X, 1, Append(&[Enter(0, 1)])),
    (id::SOCKET_SOCKETPAIR_E, 3, Store),
    (id::SOCKET_SOCKETPAIR_X, 5, Append(&[Enter(0, 2)])),
    (id::SOCKET_SENDMSG_E, 3, Store),
    (id::SOCKET_SENDMSG_X, 2, Append(&[Enter(0, 2)])),
    (id::SOCKET_SENDMMSG_X, 0, Append(&[Default(1), Empty(4)])),
    (id::SOCKET_RECVMSG_E, 1, Store),
    (id::SOCKET_RECVMSG_X, 4, Append(&[Default(1)])),
    (id::SOCKET_RECVMSG_X, 5, Append(&[Enter(0, 0)])),
    (id::SOCKET_RECVMMSG_X, 0, Append(&[Default(1), Empty(5)])),
    (id::SOCKET_ACCEPT4_E, 1, Store),
    (id::SOCKET_ACCEPT4_X, 3, Become(id::SOCKET_ACCEPT4_6_X, &[Old(0, 2), Default(2), Enter(0, 0)])),
    (id::SYSCALL_CREAT_E, 0, Append(&[Empty(2)])),
    (id::SYSCALL_CREAT_E, 2, Pass),
    (id::SYSCALL_CREAT_X, 3, Append(&[Empty(1)])),
    (id::SYSCALL_CREAT_X, 4, Append(&[Empty(1)])),
    (id::SYSCALL_CREAT_X, 5, Append(&[Empty(1)])),
    (id::SYSCALL_EVENTFD_E, 2, Store),
    (id::SYSCALL_EVENTFD_X, 1, Append(&[Enter(0, 1)])),
    (id::SYSCALL_FUTEX_E, 3, Store),
    (id::SYSCALL_FUTEX_X, 1, Append(&[Enter(0, 2)])),
    (id::SYSCALL_FSTAT_E, 1, Store),
    (id::SYSCALL_FSTAT_X, 1, Append(&[Enter(0, 0)])),
    (id::SYSCALL_EPOLLWAIT_E, 1, Store),
    (id::SYSCALL_EPOLLWAIT_X, 1, Append(&[Enter(0, 0)])),
    (id::SYSCALL_POLL_E, 2, Store),
    (id::SYSCALL_POLL_X, 2, Append(&[Enter(1, 1)])),
    (id::SYSCALL_NEWSELECT_X, 1, Become(id::SYSCALL_SELECT_X, &[Old(0, 0)])),
    (id::SYSCALL_LSEEK_E, 3, Store),
    (id::SYSCALL_LSEEK_X, 1, Append(&[Enter(0, 2)])),
    (id::SYSCALL_LLSEEK_E, 3, Store),
    (id::SYSCALL_LLSEEK_X, 1, Append(&[Enter(0, 2)])),
    (id::SYSCALL_IOCTL_2_E, 2, Store),
    (id::SYSCALL_IOCTL_2_X, 1, Become(id::SYSCALL_IOCTL_3_X, &[Old(0, 0), EnterOrEmpty(0, 1), Empty(1)])),
    (id::SYSCALL_FCHDIR_E, 1, Store),
    (id::SYSCALL_FCHDIR_X, 1, Append(&[EnterOrEmpty(0, 0)])),
    (id::SYSCALL_MKDIR_E, 2, Store),
    (id::SYSCALL_MKDIR_X, 1, Become(id::SYSCALL_MKDIR_2_X, &[Old(0, 0), EnterOrEmpty(0, 1)])),
    (id::SYSCALL_RMDIR_E, 1, Store),
    (id::SYSCALL_RMDIR_X, 1, Become(id::SYSCALL_RMDIR_2_X, &[Old(0, 0), EnterOrEmpty(0, 0)])),
    (id::SYSCALL_OPENAT_E, 4, Store),
    (id::SYSCALL_OPENAT_X, 1, Become(id::SYSCALL_OPENAT_2_X, &[Old(0, 0), EnterOrEmpty(0, 3), Empty(2)])),
    (id::SYSCALL_LINK_E, 2, Store),
    (id::SYSCALL_LINK_X, 1, Become(id::SYSCALL_LINK_2_X, &[Old(0, 0), EnterOrEmpty(0, 1)])),
    (id::SYSCALL_LINKAT_E, 4, Store),
    (id::SYSCALL_LINKAT_X, 1, Become(id::SYSCALL_LINKAT_2_X, &[Old(0, 0), EnterOrEmpty(0, 3), Empty(1)])),
    (id::SYSCALL_UNLINK_E, 1, Store),
    (id::SYSCALL_UNLINK_X, 1, Become(id::SYSCALL_UNLINK_2_X, &[Old(0, 0), EnterOrEmpty(0, 0)])),
    (id::SYSCALL_UNLINKAT_E, 2, Store),
    (id::SYSCALL_UNLINKAT_X, 1, Become(id::SYSCALL_UNLINKAT_2_X, &[Old(0, 0), EnterOrEmpty(0, 1), Empty(1)])),
    (id::SYSCALL_PREAD_E, 3, Store),
    (id::SYSCALL_PREAD_X, 2, Append(&[Enter(0, 2)])),
    (id::SYSCALL_PWRITE_E, 3, Store),
    (id::SYSCALL_PWRITE_X, 2, Append(&[Enter(0, 2)])),
    (id::SYSCALL_READV_E, 1, Store),
    (id::SYSCALL_READV_X, 3, Append(&[Enter(0, 0)])),
    (id::SYSCALL_WRITEV_E, 2, Store),
    (id::SYSCALL_WRITEV_X, 2, Append(&[Enter(0, 1)])),
    (id::SYSCALL_PREADV_E, 2, Store),
    (id::SYSCALL_PREADV_X, 3, Append(&[Enter(0, 1)])),
    (id::SYSCALL_PWRITEV_E, 3, Store),
    (id::SYSCALL_PWRITEV_X, 2, Append(&[Enter(0, 2)])),
    (id::SYSCALL_DUP_E, 1, Store),
    (id::SYSCALL_DUP_X, 1, Become(id::SYSCALL_DUP_1_X, &[Old(0, 0), EnterOrEmpty(0, 0)])),
    (id::SYSCALL_SIGNALFD_E, 3, Store),
    (id::SYSCALL_SIGNALFD_X, 1, Append(&[Enter(0, 2)])),
    (id::SYSCALL_KILL_E, 2, Store),
    (id::SYSCALL_KILL_X, 1, Append(&[Enter(0, 1)])),
    (id::SYSCALL_TKILL_E, 2, Store),
    (id::SYSCALL_TKILL_X, 1, Append(&[Enter(0, 1)])),
    (id::SYSCALL_TGKILL_E, 3, Store),
    (id::SYSCALL_TGKILL_X, 1, Append(&[Enter(0, 2)])),
    (id::SYSCALL_NANOSLEEP_E, 1, Store),
    (id::SYSCALL_NANOSLEEP_X, 1, Append(&[Enter(0, 0)])),
    (id::SYSCALL_TIMERFD_CREATE_E, 2, Store),
    (id::SYSCALL_TIMERFD_CREATE_X, 1, Append(&[Enter(0, 1)])),
    (id::SYSCALL_INOTIFY_INIT_E, 1, Store),
    (id::SYSCALL_INOTIFY_INIT_X, 1, Append(&[Enter(0, 0)])),
    (id::SYSCALL_GETRLIMIT_E, 1, Store),
    (id::SYSCALL_GETRLIMIT_X, 3, Append(&[Enter(0, 0)])),
    (id::SYSCALL_SETRLIMIT_E, 1, Store),
    (id::SYSCALL_SETRLIMIT_X, 3, Append(&[Enter(0, 0)])),
    (id::SYSCALL_PRLIMIT_E, 2, Store),
    (id::SYSCALL_PRLIMIT_X, 5, Append(&[EnterOrEmpty(0, 1)])),
    (id::SCHEDSWITCH_1_E, 1, Become(id::SCHEDSWITCH_6_E, &[Old(0, 0), Empty(5)])),
    (id::SYSCALL_FCNTL_E, 2, Store),
    (id::SYSCALL_FCNTL_X, 1, Append(&[Enter(0, 1)])),
    (id::SYSCALL_FCNTL_X, 3, Append(&[Default(1)])),
    (id::SYSCALL_EXECVE_13_E, 0, Become(id::SYSCALL_EXECVE_14_E, &[])),
    (id::SYSCALL_EXECVE_13_X, 13, Become(id::SYSCALL_EXECVE_14_X, &[Old(0, 12), Empty(1)])),
    (id::SYSCALL_CLONE_16_X, 16, Become(id::SYSCALL_CLONE_17_X, &[Old(0, 12), Empty(1), Old(13, 15)])),
    (id::SYSCALL_BRK_4_E, 1, Store),
    (id::SYSCALL_BRK_4_X, 4, Append(&[EnterOrEmpty(0, 0)])),
    (id::SYSCALL_MMAP_E, 6, Store),
    (id::SYSCALL_MMAP_X, 4, Append(&[Enter(0, 5)])),
    (id::SYSCALL_MMAP2_E, 6, Store),
    (id::SYSCALL_MMAP2_X, 4, Append(&[Enter(0, 5)])),
    (id::SYSCALL_MUNMAP_E, 2, Store),
    (id::SYSCALL_MUNMAP_X, 4, Append(&[Enter(0, 1)])),
    (id::SYSCALL_SPLICE_E, 4, Store),
    (id::SYSCALL_SPLICE_X, 1, Append(&[Enter(0, 3)])),
    (id::SYSCALL_PTRACE_E, 2, Store),
    (id::SYSCALL_PTRACE_X, 0, Append(&[Empty(3)])),
    (id::SYSCALL_PTRACE_X, 3, Append(&[EnterOrEmpty(0, 1)])),
    (id::SYSCALL_IOCTL_3_E, 3, Store),
    (id::SYSCALL_IOCTL_3_X, 1, Append(&[Enter(0, 2)])),
    (id::SYSCALL_EXECVE_14_E, 0, Become(id::SYSCALL_EXECVE_15_E, &[])),
    (id::SYSCALL_EXECVE_14_X, 14, Become(id::SYSCALL_EXECVE_15_X, &[Old(0, 12), Empty(1), Old(13, 13)])),
    (id::SYSCALL_FORK_X, 16, Become(id::SYSCALL_FORK_17_X, &[Old(0, 12), Empty(1), Old(13, 15)])),
    (id::SYSCALL_VFORK_X, 16, Become(id::SYSCALL_VFORK_17_X, &[Old(0, 12), Empty(1), Old(13, 15)])),
    (id::SYSCALL_SENDFILE_E, 4, Store),
    (id::SYSCALL_SENDFILE_X, 2, Append(&[Enter(0, 1), Enter(3, 3)])),
    (id::SYSCALL_QUOTACTL_E, 4, Store),
    (id::SYSCALL_QUOTACTL_X, 14, Append(&[Enter(0, 3)])),
    (id::SYSCALL_SETRESUID_E, 3, Store),
    (id::SYSCALL_SETRESUID_X, 1, Append(&[EnterOrEmpty(0, 2)])),
    (id::SYSCALL_SETRESGID_E, 3, Store),
    (id::SYSCALL_SETRESGID_X, 1, Append(&[EnterOrEmpty(0, 2)])),
    (id::SYSCALL_SETUID_E, 1, Store),
    (id::SYSCALL_SETUID_X, 1, Append(&[EnterOrEmpty(0, 0)])),
    (id::SYSCALL_SETGID_E, 1, Store),
    (id::SYSCALL_SETGID_X, 1, Append(&[EnterOrEmpty(0, 0)])),
    (id::SYSCALL_EXECVE_15_E, 0, Become(id::SYSCALL_EXECVE_16_E, &[])),
    (id::SYSCALL_EXECVE_15_X, 15, Become(id::SYSCALL_EXECVE_16_X, &[Old(0, 13), Empty(1), Old(14, 14)])),
    (id::SYSCALL_CLONE_17_X, 17, Become(id::SYSCALL_CLONE_20_X, &[Old(0, 13), Empty(1), Old(14, 16), Empty(2)])),
    (id::SYSCALL_FORK_17_X, 17, Become(id::SYSCALL_FORK_20_X, &[Old(0, 13), Empty(1), Old(14, 16), Empty(2)])),
    (id::SYSCALL_VFORK_17_X, 17, Become(id::SYSCALL_VFORK_20_X, &[Old(0, 13), Empty(1), Old(14, 16), Empty(2)])),
    (id::SYSCALL_CLONE_20_X, 20, Append(&[Empty(1)])),
    (id::SYSCALL_FORK_20_X, 20, Append(&[Empty(1)])),
    (id::SYSCALL_VFORK_20_X, 20, Append(&[Empty(1)])),
    (id::CONTAINER_E, 4, Become(id::CONTAINER_JSON_E, &[ContainerJson])),
    (id::SYSCALL_EXECVE_16_E, 0, Become(id::SYSCALL_EXECVE_17_E, &[])),
    (id::SYSCALL_EXECVE_16_X, 16, Become(id::SYSCALL_EXECVE_17_X, &[Old(0, 15), Empty(1)])),
    (id::SYSCALL_GETDENTS_E, 1, Store),
    (id::SYSCALL_GETDENTS_X, 1, Append(&[Enter(0, 0)])),
    (id::SYSCALL_GETDENTS64_E, 1, Store),
    (id::SYSCALL_GETDENTS64_X, 1, Append(&[Enter(0, 0)])),
    (id::SYSCALL_SETNS_E, 2, Store),
    (id::SYSCALL_SETNS_X, 1, Append(&[EnterOrEmpty(0, 1)])),
    (id::SYSCALL_FLOCK_E, 2, Store),
    (id::SYSCALL_FLOCK_X, 1, Append(&[Enter(0, 1)])),
    (id::SOCKET_ACCEPT4_5_E, 1, Store),
    (id::SOCKET_ACCEPT4_5_X, 5, Become(id::SOCKET_ACCEPT4_6_X, &[Old(0, 4), Enter(0, 0)])),
    (id::SYSCALL_SEMOP_E, 1, Store),
    (id::SYSCALL_SEMOP_X, 8, Append(&[Enter(0, 0)])),
    (id::SYSCALL_SEMCTL_E, 4, Store),
    (id::SYSCALL_SEMCTL_X, 1, Append(&[Enter(0, 3)])),
    (id::SYSCALL_PPOLL_E, 3, Store),
    (id::SYSCALL_PPOLL_X, 2, Append(&[Enter(1, 2)])),
    (id::SYSCALL_MOUNT_E, 1, Store),
    (id::SYSCALL_MOUNT_X, 4, Append(&[Enter(0, 0)])),
    (id::SYSCALL_UMOUNT_X, 2, Become(id::SYSCALL_UMOUNT_1_X, &[Old(0, 1)])),
    (id::SYSCALL_SEMGET_E, 3, Store),
    (id::SYSCALL_SEMGET_X, 1, Append(&[Enter(0, 2)])),
    (id::SYSCALL_ACCESS_E, 1, Store),
    (id::SYSCALL_ACCESS_X, 2, Append(&[Enter(0, 0)])),
    (id::CONTAINER_JSON_E, 1, Become(id::CONTAINER_JSON_2_E, &[Old(0, 0)])),
    (id::SYSCALL_MKDIR_2_E, 1, Store),
    (id::SYSCALL_MKDIR_2_X, 2, Append(&[EnterOrEmpty(0, 0)])),
    (id::SYSCALL_EXECVE_17_E, 0, Become(id::SYSCALL_EXECVE_18_E, &[Empty(1)])),
    (id::SYSCALL_EXECVE_17_X, 17, Become(id::SYSCALL_EXECVE_18_X, &[Old(0, 16)])),
    (id::SYSCALL_UNSHARE_E, 1, Store),
    (id::SYSCALL_UNSHARE_X, 1, Append(&[Enter(0, 0)])),
    (id::SYSCALL_EXECVE_18_E, 1, Become(id::SYSCALL_EXECVE_19_E, &[Old(0, 0)])),
    (id::SYSCALL_EXECVE_18_X, 17, Become(id::SYSCALL_EXECVE_19_X, &[Old(0, 16), Empty(1)])),
    (id::SYSCALL_EXECVE_19_E, 1, StoreAndPass),
    (id::SYSCALL_EXECVE_19_X, 18, Append(&[Empty(1)])),
    (id::SYSCALL_EXECVE_19_X, 19, Append(&[Empty(1)])),
    (id::SYSCALL_EXECVE_19_X, 20, Append(&[Empty(3)])),
    (id::SYSCALL_EXECVE_19_X, 23, Append(&[Empty(3)])),
    (id::SYSCALL_EXECVE_19_X, 26, Append(&[Empty(1)])),
    (id::SYSCALL_EXECVE_19_X, 27, Append(&[Empty(1)])),
    (id::SYSCALL_EXECVE_19_X, 28, Append(&[Empty(1)])),
    (id::SYSCALL_EXECVE_19_X, 29, Append(&[Empty(1)])),
    (id::SYSCALL_EXECVE_19_X, 30, Append(&[EnterOrEmpty(0, 0)])),
    (id::SYSCALL_SETPGID_E, 2, Store),
    (id::SYSCALL_SETPGID_X, 1, Append(&[EnterOrEmpty(0, 1)])),
    (id::SYSCALL_BPF_E, 1, Store),
    (id::SYSCALL_BPF_X, 1, Become(id::SYSCALL_BPF_2_X, &[Old(0, 0), EnterOrEmpty(0, 0)])),
    (id::SYSCALL_SECCOMP_E, 1, Append(&[Default(1)])),
    (id::SYSCALL_SECCOMP_E, 2, Store),
    (id::SYSCALL_SECCOMP_X, 1, Append(&[Enter(0, 1)])),
    (id::SYSCALL_OPENAT_2_E, 0, Append(&[Empty(4)])),
    (id::SYSCALL_OPENAT_2_E, 4, Pass),
    (id::SYSCALL_OPENAT_2_X, 5, Append(&[Empty(1)])),
    (id::SYSCALL_OPENAT_2_X, 6, Append(&[Empty(1)])),
    (id::SYSCALL_OPENAT2_E, 0, Append(&[Empty(5)])),
    (id::SYSCALL_OPENAT2_E, 5, Pass),
    (id::SYSCALL_OPENAT2_X, 6, Append(&[Empty(2)])),
    (id::SYSCALL_MPROTECT_E, 3, Store),
    (id::SYSCALL_MPROTECT_X, 1, Append(&[Enter(0, 2)])),
    (id::SYSCALL_EXECVEAT_E, 3, Pass),
    (id::SYSCALL_EXECVEAT_X, 19, Append(&[Empty(1)])),
    (id::SYSCALL_EXECVEAT_X, 20, Append(&[Empty(3)])),
    (id::SYSCALL_EXECVEAT_X, 23, Append(&[Empty(3)])),
    (id::SYSCALL_EXECVEAT_X, 26, Append(&[Empty(1)])),
    (id::SYSCALL_EXECVEAT_X, 27, Append(&[Empty(1)])),
    (id::SYSCALL_EXECVEAT_X, 28, Append(&[Empty(1)])),
    (id::SYSCALL_EXECVEAT_X, 29, Append(&[Empty(1)])),
    (id::SYSCALL_COPY_FILE_RANGE_E, 3, Store),
    (id::SYSCALL_COPY_FILE_RANGE_X, 3, Append(&[Enter(0, 2)])),
    (id::SYSCALL_CLONE3_X, 20, Append(&[Empty(1)])),
    (id::SYSCALL_EPOLL_CREATE_E, 1, Store),
    (id::SYSCALL_EPOLL_CREATE_X, 1, Append(&[Enter(0, 0)])),
    (id::SYSCALL_EPOLL_CREATE1_E, 1, Store),
    (id::SYSCALL_EPOLL_CREATE1_X, 1, Append(&[Enter(0, 0)])),
    (id::SOCKET_ACCEPT4_6_E, 1, Store),
    (id::SOCKET_ACCEPT4_6_X, 5, Append(&[Enter(0, 0)])),
    (id::SYSCALL_UMOUNT2_E, 1, Store),
    (id::SYSCALL_UMOUNT2_X, 2, Append(&[Enter(0, 0)])),
    (id::SYSCALL_EVENTFD2_E, 1, Store),
    (id::SYSCALL_EVENTFD2_X, 2, Append(&[Enter(0, 0)])),
    (id::SYSCALL_SIGNALFD4_E, 2, Store),
    (id::SYSCALL_SIGNALFD4_X, 2, Append(&[Enter(0, 1)])),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Direction, EVENTS, EventFlags};

    fn width(steps: &[Step]) -> usize {
        steps
            .iter()
            .map(|step| match *step {
                Old(from, to) | Enter(from, to) | EnterOrEmpty(from, to) => usize::from(to - from + 1),
                Empty(count) | Default(count) => usize::from(count),
                ContainerJson => 1,
            })
            .sum()
    }

    /// Every row leads, over other rows, to an event that needs no further conversion.
    #[test]
    fn every_row_ends_in_a_current_event() {
        for (id, count, action) in ROWS {
            let (to, count) = match action {
                Append(steps) => (id, usize::from(*count) + width(steps)),
                Become(to, steps) => (to, width(steps)),
                _ => continue,
            };
            let row = to.info().unwrap();
            let current = count == row.params.len() && !row.flags.contains(EventFlags::OLD_VERSION);
            assert!(
                current || super::action(*to, count).is_some(),
                "{} with {count} is a dead end",
                row.constant
            );
        }
    }

    /// Every event that the table says is converted has a row.
    #[test]
    fn every_managed_event_has_a_row() {
        for row in EVENTS.iter().filter(|row| row.flags.contains(EventFlags::CONVERTER_MANAGED)) {
            assert!((0..=row.params.len()).any(|count| action(row.id, count).is_some()), "{}", row.constant);
        }
    }

    #[test]
    fn enter_steps_stand_only_at_exit_events_of_a_stored_one() {
        for (id, count, action) in ROWS {
            let (Append(steps) | Become(_, steps)) = action else { continue };
            let Some(last) = steps
                .iter()
                .filter_map(|step| match *step {
                    Enter(_, to) | EnterOrEmpty(_, to) => Some(to),
                    _ => None,
                })
                .max()
            else {
                continue;
            };
            assert_eq!(id.info().unwrap().direction, Direction::Exit);
            let stored = ROWS.iter().any(|(other, params, action)| {
                other.0 == id.0 - 1 && *params > last && matches!(action, Store | StoreAndPass)
            });
            assert!(stored, "{} with {count} takes parameter {last} of an entry that is not stored", id.0);
        }
    }
}
