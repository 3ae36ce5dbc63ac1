//! Cases of calls that make, copy, close and steer descriptors.

use super::prelude::*;

cases! {
    "close: a descriptor" => |t| {
        let fd = t.open(&t.file("file", "x"), O_RDONLY);
        t.call(SYS_close, &args![fd]).gives(0).records(SYSCALL_CLOSE_X, &[("fd", number(fd))]);
    };
    "close: no descriptor" => |t| {
        t.call(SYS_close, &args![-1]).fails(EBADF).records(SYSCALL_CLOSE_X, &[("fd", number(-1))]);
    };
    "close_range: a few" => |t| {
        t.call(SYS_close_range, &args![900, 910, 0]).gives(0).records(
            SYSCALL_CLOSE_RANGE_X,
            &[("first", number(900)), ("last", number(910)), ("flags", number(0))],
        );
    };
    "close_range: mark them for exec" => |t| {
        t.call(SYS_close_range, &args![900, u32::MAX, CLOSE_RANGE_CLOEXEC]).gives(0).records(
            SYSCALL_CLOSE_RANGE_X,
            &[("first", number(900)), ("last", number(u32::MAX)), ("flags", named("CLOSE_RANGE_CLOEXEC"))],
        );
    };
    "close_range: the wrong way round" => |t| {
        t.call(SYS_close_range, &args![5, 4, CLOSE_RANGE_UNSHARE]).fails(EINVAL).records(
            SYSCALL_CLOSE_RANGE_X,
            &[("first", number(5)), ("last", number(4)), ("flags", named("CLOSE_RANGE_UNSHARE"))],
        );
    };
    "dup: a descriptor" => |t| {
        let fd = t.open(&t.file("file", "x"), O_RDONLY);
        t.call(SYS_dup, &args![fd]).ok().records(SYSCALL_DUP_1_X, &[("oldfd", number(fd))]);
    };
    "dup: no descriptor" => |t| {
        t.call(SYS_dup, &args![-1]).fails(EBADF).records(SYSCALL_DUP_1_X, &[("oldfd", number(-1))]);
    };
    "dup2: onto a number" => |t| {
        let fd = t.open(&t.file("file", "x"), O_RDONLY);
        t.call(SYS_dup2, &args![fd, 77]).gives(77)
            .records(SYSCALL_DUP2_X, &[("oldfd", number(fd)), ("newfd", number(77))]);
    };
    "dup2: no descriptor" => |t| {
        t.call(SYS_dup2, &args![-1, 77]).fails(EBADF)
            .records(SYSCALL_DUP2_X, &[("oldfd", number(-1)), ("newfd", number(77))]);
    };
    "dup3: closed by exec" => |t| {
        let fd = t.open(&t.file("file", "x"), O_RDONLY);
        t.call(SYS_dup3, &args![fd, 78, O_CLOEXEC]).gives(78).records(
            SYSCALL_DUP3_X,
            &[("oldfd", number(fd)), ("newfd", number(78)), ("flags", named("O_CLOEXEC"))],
        );
    };
    "dup3: onto itself" => |t| {
        t.call(SYS_dup3, &args![1, 1, O_CLOEXEC]).fails(EINVAL).records(
            SYSCALL_DUP3_X,
            &[("oldfd", number(1)), ("newfd", number(1)), ("flags", named("O_CLOEXEC"))],
        );
    };
    "pipe: two ends" => |t| {
        let mut ends = [0_i32; 2];
        let made = t.call(SYS_pipe, &args![ends.as_mut_ptr()]).gives(0);
        let inode = inode_of(ends[0]);
        made.records(
            SYSCALL_PIPE_X,
            &[("fd1", number(ends[0])), ("fd2", number(ends[1])), ("ino", number(inode))],
        );
    };
    "pipe: nowhere to write them" => |t| {
        t.call(SYS_pipe, &args![NOWHERE]).fails(EFAULT)
            .records(SYSCALL_PIPE_X, &[("fd1", number(-1)), ("fd2", number(-1)), ("ino", number(0))]);
    };
    "pipe2: that does not block" => |t| {
        let mut ends = [0_i32; 2];
        let made = t.call(SYS_pipe2, &args![ends.as_mut_ptr(), O_NONBLOCK | O_CLOEXEC | O_DIRECT]).gives(0);
        let inode = inode_of(ends[0]);
        made.records(
            SYSCALL_PIPE2_X,
            &[
                ("fd1", number(ends[0])),
                ("fd2", number(ends[1])),
                ("ino", number(inode)),
                ("flags", named("O_NONBLOCK|O_CLOEXEC|O_DIRECT")),
            ],
        );
    };
    "pipe2: nowhere to write them" => |t| {
        t.call(SYS_pipe2, &args![NOWHERE, O_NONBLOCK]).fails(EFAULT).records(
            SYSCALL_PIPE2_X,
            &[("fd1", number(-1)), ("fd2", number(-1)), ("ino", number(0)), ("flags", named("O_NONBLOCK"))],
        );
    };
    "eventfd: a counter" => |t| {
        t.call(SYS_eventfd, &args![3]).ok()
            .records(SYSCALL_EVENTFD_X, &[("initval", number(3)), ("flags", number(0))]);
    };
    "eventfd2: a counter" => |t| {
        t.call(SYS_eventfd2, &args![8, EFD_CLOEXEC | EFD_NONBLOCK]).ok()
            .records(SYSCALL_EVENTFD2_X, &[("flags", named("O_CLOEXEC|O_NONBLOCK")), ("initval", number(8))]);
    };
    "eventfd2: flags that are none" => |t| {
        t.call(SYS_eventfd2, &args![8, -1]).fails(EINVAL)
            .records(SYSCALL_EVENTFD2_X, &[("flags", number(0)), ("initval", number(8))]);
    };
    "signalfd: no mask" => |t| {
        t.call(SYS_signalfd, &args![-1, NOWHERE, 8]).fails(EFAULT)
            .records(SYSCALL_SIGNALFD_X, &[("fd", number(-1)), ("mask", number(0)), ("flags", number(0))]);
    };
    "signalfd4: a mask" => |t| {
        let mask = [1_u64 << (SIGUSR1 - 1)];
        t.call(SYS_signalfd4, &args![-1, &mask, 8, SFD_CLOEXEC]).ok().records(
            SYSCALL_SIGNALFD4_X,
            &[("flags", named("O_CLOEXEC")), ("fd", number(-1)), ("mask", number(0))],
        );
    };
    "signalfd4: no mask" => |t| {
        t.call(SYS_signalfd4, &args![-1, NOWHERE, 8, SFD_NONBLOCK]).fails(EFAULT).records(
            SYSCALL_SIGNALFD4_X,
            &[("flags", named("O_NONBLOCK")), ("fd", number(-1)), ("mask", number(0))],
        );
    };
    "timerfd_create: a timer" => |t| {
        t.call(SYS_timerfd_create, &args![CLOCK_MONOTONIC, TFD_CLOEXEC]).ok()
            .records(SYSCALL_TIMERFD_CREATE_X, &[("clockid", number(0)), ("flags", number(0))]);
    };
    "timerfd_create: no clock" => |t| {
        t.call(SYS_timerfd_create, &args![-1, -1]).fails(EINVAL)
            .records(SYSCALL_TIMERFD_CREATE_X, &[("clockid", number(0)), ("flags", number(0))]);
    };
    "inotify_init: a watcher" => |t| {
        t.call(SYS_inotify_init, &args![]).ok().records(SYSCALL_INOTIFY_INIT_X, &[("flags", number(0))]);
    };
    "inotify_init1: a watcher that does not block" => |t| {
        t.call(SYS_inotify_init1, &args![IN_NONBLOCK | IN_CLOEXEC]).ok()
            .records(SYSCALL_INOTIFY_INIT1_X, &[("flags", named("O_NONBLOCK|O_CLOEXEC"))]);
    };
    "inotify_init1: flags that are none" => |t| {
        t.call(SYS_inotify_init1, &args![-1]).fails(EINVAL)
            .records(SYSCALL_INOTIFY_INIT1_X, &[("flags", number(0))]);
    };
    "epoll_create: a set" => |t| {
        t.call(SYS_epoll_create, &args![5]).ok().records(SYSCALL_EPOLL_CREATE_X, &[("size", number(5))]);
    };
    "epoll_create: a size that is none" => |t| {
        t.call(SYS_epoll_create, &args![-1]).fails(EINVAL)
            .records(SYSCALL_EPOLL_CREATE_X, &[("size", number(-1))]);
    };
    "epoll_create1: closed by exec" => |t| {
        t.call(SYS_epoll_create1, &args![EPOLL_CLOEXEC]).ok()
            .records(SYSCALL_EPOLL_CREATE1_X, &[("flags", named("EPOLL_CLOEXEC"))]);
    };
    "epoll_create1: flags that are none" => |t| {
        t.call(SYS_epoll_create1, &args![1]).fails(EINVAL)
            .records(SYSCALL_EPOLL_CREATE1_X, &[("flags", number(0))]);
    };
    "userfaultfd: flags that are none" => |t| {
        t.call(SYS_userfaultfd, &args![-1]).or_skip(&[EPERM, ENOSYS], "no userfaultfd").fails(EINVAL)
            .records(SYSCALL_USERFAULTFD_X, &[("flags", any())]);
    };
    "memfd_create: a file" => |t| {
        t.call(SYS_memfd_create, &args![c"in memory", MFD_CLOEXEC | MFD_ALLOW_SEALING]).ok().records(
            SYSCALL_MEMFD_CREATE_X,
            &[("name", text("in memory")), ("flags", named("MFD_CLOEXEC|MFD_ALLOW_SEALING"))],
        );
    };
    "memfd_create: no name" => |t| {
        t.call(SYS_memfd_create, &args![NOWHERE, MFD_CLOEXEC]).fails(EFAULT).records_with(
            SYSCALL_MEMFD_CREATE_X,
            &[("name", empty()), ("flags", named("MFD_CLOEXEC"))],
            &[],
            flag::USER_MISS,
        );
    };
    "pidfd_open: itself" => |t| {
        let pid = native(SYS_getpid, &[]);
        t.call(SYS_pidfd_open, &args![pid, PIDFD_NONBLOCK]).ok()
            .records(SYSCALL_PIDFD_OPEN_X, &[("pid", number(pid)), ("flags", named("PIDFD_NONBLOCK"))]);
    };
    "pidfd_open: nobody" => |t| {
        t.call(SYS_pidfd_open, &args![-1, 0]).fails(EINVAL)
            .records(SYSCALL_PIDFD_OPEN_X, &[("pid", number(-1)), ("flags", number(0))]);
    };
    "pidfd_getfd: of itself" => |t| {
        let pid = native(SYS_getpid, &[]);
        let process = t.must(SYS_pidfd_open, &args![pid, 0]);
        t.call(SYS_pidfd_getfd, &args![process, 1, 0]).ok().records(
            SYSCALL_PIDFD_GETFD_X,
            &[("pid_fd", number(process)), ("target_fd", number(1)), ("flags", number(0))],
        );
    };
    "pidfd_getfd: of nobody" => |t| {
        t.call(SYS_pidfd_getfd, &args![-1, -2, 0]).fails(EBADF).records(
            SYSCALL_PIDFD_GETFD_X,
            &[("pid_fd", number(-1)), ("target_fd", number(-2)), ("flags", number(0))],
        );
    };
    "fcntl: copy from a number on" => |t| {
        let fd = t.open(&t.file("file", "x"), O_RDONLY);
        t.call(SYS_fcntl, &args![fd, F_DUPFD_CLOEXEC, 90]).gives(90).records(
            SYSCALL_FCNTL_X,
            &[("fd", number(fd)), ("cmd", named("F_DUPFD_CLOEXEC")), ("arg", number(90))],
        );
    };
    "fcntl: each command, in vain" => |t| {
        for (command, name) in [
            (F_GETFD, "F_GETFD"),
            (F_SETFD, "F_SETFD"),
            (F_GETFL, "F_GETFL"),
            (F_SETFL, "F_SETFL"),
            (F_GETLK, "F_GETLK"),
            (F_SETLK, "F_SETLK"),
            (F_SETLKW, "F_SETLKW"),
            (F_SETOWN, "F_SETOWN"),
            (F_GETOWN, "F_GETOWN"),
            (F_OFD_SETLK, "F_OFD_SETLK"),
            (F_SETLEASE, "F_SETLEASE"),
            (F_NOTIFY, "F_NOTIFY"),
            (F_SETPIPE_SZ, "F_SETPIPE_SZ"),
            (F_GETPIPE_SZ, "F_GETPIPE_SZ"),
        ] {
            t.call(SYS_fcntl, &args![-1, command, 17]).fails(EBADF)
                .records(SYSCALL_FCNTL_X, &[("fd", number(-1)), ("cmd", named(name)), ("arg", number(17))]);
        }
    };
    "ioctl: how much there is to read" => |t| {
        let mut ends = [0_i32; 2];
        t.must(SYS_pipe, &args![ends.as_mut_ptr()]);
        let mut ready = 0_i32;
        let address = &raw mut ready;
        t.call(SYS_ioctl, &args![ends[0], FIONREAD, address]).gives(0).records(
            SYSCALL_IOCTL_3_X,
            &[("fd", number(ends[0])), ("request", number(FIONREAD)), ("argument", number(address))],
        );
    };
    "ioctl: no descriptor" => |t| {
        t.call(SYS_ioctl, &args![-1, 0xabcd_u64, 0x1234_5678_9abc_u64]).fails(EBADF).records(
            SYSCALL_IOCTL_3_X,
            &[("fd", number(-1)), ("request", number(0xabcd)), ("argument", number(0x1234_5678_9abc_u64))],
        );
    };
    "flock: exclusively" => |t| {
        let fd = t.open(&t.file("file", "x"), O_RDONLY);
        t.call(SYS_flock, &args![fd, LOCK_EX | LOCK_NB]).gives(0)
            .records(SYSCALL_FLOCK_X, &[("fd", number(fd)), ("operation", named("LOCK_EX|LOCK_NB"))]);
    };
    "flock: no descriptor" => |t| {
        t.call(SYS_flock, &args![-1, LOCK_UN]).fails(EBADF)
            .records(SYSCALL_FLOCK_X, &[("fd", number(-1)), ("operation", named("LOCK_UN"))]);
    };
    "lseek: from the end" => |t| {
        let fd = t.open(&t.file("file", "0123456789"), O_RDONLY);
        t.call(SYS_lseek, &args![fd, -3, SEEK_END]).gives(7).records(
            SYSCALL_LSEEK_X,
            &[("fd", number(fd)), ("offset", number(-3)), ("whence", named("SEEK_END"))],
        );
    };
    "lseek: no descriptor" => |t| {
        t.call(SYS_lseek, &args![-1, 1_u64 << 40, SEEK_CUR]).fails(EBADF).records(
            SYSCALL_LSEEK_X,
            &[("fd", number(-1)), ("offset", number(1_u64 << 40)), ("whence", named("SEEK_CUR"))],
        );
    };
    "getdents64: a directory" => |t| {
        let fd = t.open(&t.directory("directory"), O_RDONLY);
        let mut buffer = [0_u64; 128];
        t.call(SYS_getdents64, &args![fd, buffer.as_mut_ptr(), 1024]).ok()
            .records(SYSCALL_GETDENTS64_X, &[("fd", number(fd))]);
    };
    "getdents64: no descriptor" => |t| {
        t.call(SYS_getdents64, &args![-1, NOWHERE, 8]).fails(EBADF)
            .records(SYSCALL_GETDENTS64_X, &[("fd", number(-1))]);
    };
    "getdents: a directory" => |t| {
        let fd = t.open(&t.directory("directory"), O_RDONLY);
        let mut buffer = [0_u64; 128];
        t.call(SYS_getdents, &args![fd, buffer.as_mut_ptr(), 1024]).ok()
            .records(SYSCALL_GETDENTS_X, &[("fd", number(fd))]);
    };
    "getdents: no descriptor" => |t| {
        t.call(SYS_getdents, &args![-1, NOWHERE, 8]).fails(EBADF)
            .records(SYSCALL_GETDENTS_X, &[("fd", number(-1))]);
    };
}

fn inode_of(fd: i32) -> u64 {
    let mut status = [0_u64; 18];
    native(SYS_fstat, &args![fd, status.as_mut_ptr()]);
    status[1]
}
