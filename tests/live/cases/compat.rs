//! Cases of 32-bit calls, through `int 0x80` from this 64-bit process: their own numbers, their own layouts, their true
//! meaning. And of x32 calls, where the kernel has them.

use saker_probe::extract::calls::code;

use super::prelude::*;
use super::sockets::*;

/// Numbers of the 32-bit table of x86.
mod number32 {
    pub(super) const WRITE: u32 = 4;
    pub(super) const OPEN: u32 = 5;
    pub(super) const CLOSE: u32 = 6;
    pub(super) const UNLINK: u32 = 10;
    pub(super) const EXECVE: u32 = 11;
    pub(super) const TIME: u32 = 13;
    pub(super) const UMOUNT: u32 = 22;
    pub(super) const SETUID16: u32 = 23;
    pub(super) const UMOUNT2: u32 = 52;
    pub(super) const GETTIMEOFDAY: u32 = 78;
    pub(super) const OLD_MMAP: u32 = 90;
    pub(super) const SOCKETCALL: u32 = 102;
    pub(super) const LLSEEK: u32 = 140;
    pub(super) const WRITEV: u32 = 146;
    pub(super) const NANOSLEEP: u32 = 162;
    pub(super) const PREAD64: u32 = 180;
    pub(super) const UGETRLIMIT: u32 = 191;
    pub(super) const MMAP2: u32 = 192;
    pub(super) const STAT64: u32 = 195;
    pub(super) const SETUID32: u32 = 213;
    pub(super) const CLOCK_GETTIME: u32 = 265;
    pub(super) const OPENAT: u32 = 295;
    pub(super) const GETCPU: u32 = 318;
    pub(super) const SOCKET: u32 = 359;
    pub(super) const CONNECT: u32 = 362;
    pub(super) const OPENAT2: u32 = 437;
}

/// Calls of socketcall.
mod socketcall {
    pub(super) const SOCKET: u32 = 1;
    pub(super) const BIND: u32 = 2;
    pub(super) const CONNECT: u32 = 3;
    pub(super) const LISTEN: u32 = 4;
    pub(super) const ACCEPT: u32 = 5;
    pub(super) const GETSOCKNAME: u32 = 6;
    pub(super) const GETPEERNAME: u32 = 7;
    pub(super) const SOCKETPAIR: u32 = 8;
    pub(super) const SEND: u32 = 9;
    pub(super) const RECV: u32 = 10;
    pub(super) const SENDTO: u32 = 11;
    pub(super) const RECVFROM: u32 = 12;
    pub(super) const SHUTDOWN: u32 = 13;
    pub(super) const SETSOCKOPT: u32 = 14;
    pub(super) const GETSOCKOPT: u32 = 15;
    pub(super) const SENDMSG: u32 = 16;
    pub(super) const RECVMSG: u32 = 17;
    pub(super) const ACCEPT4: u32 = 18;
    pub(super) const RECVMMSG: u32 = 19;
    pub(super) const SENDMMSG: u32 = 20;
}

/// Whether the kernel takes 32-bit calls; else the case is skipped.
fn low(t: &mut Trial) -> Low {
    // getpid
    if crate::calls::compat(20, &[]) != native(SYS_getpid, &[]) {
        t.skip("this kernel takes no 32-bit calls");
    }
    t.low()
}

fn generic(code: u16, call: u32) -> [(&'static str, Want); 2] {
    [("ID", number(code)), ("nativeID", number(call))]
}

/// Makes a call of socketcall between marks.
fn socketcall<'a>(
    t: &'a mut Trial,
    low: &mut Low,
    call: u32,
    arguments: &[u32],
) -> crate::harness::trial::Made<'a> {
    let array = low.words(arguments);
    t.compat(number32::SOCKETCALL, &[call, array])
}

const NONE: u32 = u32::MAX;

cases! {
    "32-bit open: a file" => |t| {
        let path = t.file("file", "x");
        let (device, inode) = t.identity(&path);
        let name = low(t).text(&path);
        t.compat(number32::OPEN, &[name, O_RDWR as u32, 0]).ok().records(
            SYSCALL_OPEN_X,
            &[
                ("name", text(&path)),
                // The kernel adds O_LARGEFILE to 64-bit calls only, and not to what it was asked for.
                ("flags", named("O_RDWR")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
        );
    };
    "32-bit openat: a file" => |t| {
        let path = t.file("file", "x");
        let (device, inode) = t.identity(&path);
        let name = low(t).text(&path);
        t.compat(number32::OPENAT, &[AT_FDCWD as u32, name, O_RDONLY as u32, 0]).ok().records_with(
            SYSCALL_OPENAT_2_X,
            &[
                ("dirfd", number(AT_FDCWD)),
                ("name", text(&path)),
                ("flags", named("O_RDONLY")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
            &[(Extra::FilePath, path_extra(&path))],
            0,
        );
    };
    "32-bit openat2: no directory" => |t| {
        let mut low = low(t);
        let name = low.text(c"name");
        let how = low.put(&[O_RDWR as u64, 0, RESOLVE_BENEATH].map(u64::to_le_bytes).concat());
        t.compat(number32::OPENAT2, &[NONE, name, how, 24]).fails(EBADF).records(
            SYSCALL_OPENAT2_X,
            &[
                ("dirfd", number(-1)),
                ("name", text("name")),
                ("flags", named("O_RDWR")),
                ("mode", number(0)),
                ("resolve", named("RESOLVE_BENEATH")),
                ("dev", number(0)),
                ("ino", number(0)),
            ],
        );
    };
    "32-bit close: its number is another call of 64 bits" => |t| {
        low(t);
        t.compat(number32::CLOSE, &[NONE]).fails(EBADF).records(SYSCALL_CLOSE_X, &[("fd", number(-1))]);
    };
    "32-bit unlink: what is not there" => |t| {
        let name = low(t).text(c"missing");
        t.compat(number32::UNLINK, &[name]).fails(ENOENT)
            .records(SYSCALL_UNLINK_2_X, &[("path", text("missing"))]);
    };
    "32-bit write: a few bytes" => |t| {
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        let data = low(t).put(b"content");
        t.compat(number32::WRITE, &[fd as u32, data, 7]).gives(7).records(
            SYSCALL_WRITE_X,
            &[("data", bytes("content")), ("fd", number(fd)), ("size", number(7))],
        );
    };
    "32-bit writev: buffers of 32 bits" => |t| {
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        let mut low = low(t);
        let (one, other) = (low.put(b"first "), low.put(b"second"));
        let segments = low.words(&[one, 6, other, 6]);
        t.compat(number32::WRITEV, &[fd as u32, segments, 2]).gives(12).records(
            SYSCALL_WRITEV_X,
            &[("data", bytes("first second")), ("fd", number(fd)), ("size", number(12))],
        );
    };
    "32-bit pread64: a position in halves" => |t| {
        let buffer = low(t).put(&[0; 16]);
        t.compat(number32::PREAD64, &[NONE, buffer, 16, 7, 1]).fails(EBADF).records(
            SYSCALL_PREAD_X,
            &[("data", empty()), ("fd", number(-1)), ("size", number(16)), ("pos", number(0x1_0000_0007_u64))],
        );
    };
    "32-bit _llseek: an offset in halves" => |t| {
        let fd = t.open(&t.file("file", "x"), O_RDONLY);
        let result = low(t).put(&[0; 8]);
        t.compat(number32::LLSEEK, &[fd as u32, 1, 2, result, SEEK_SET as u32]).gives(0).records(
            SYSCALL_LLSEEK_X,
            &[("fd", number(fd)), ("offset", number(0x1_0000_0002_u64)), ("whence", named("SEEK_SET"))],
        );
    };
    "32-bit stat64: a file" => |t| {
        let path = t.file("file", "x");
        let mut low = low(t);
        let (name, buffer) = (low.text(&path), low.put(&[0; 128]));
        t.compat(number32::STAT64, &[name, buffer]).gives(0)
            .records(SYSCALL_STAT64_X, &[("path", text(&path))]);
    };
    "32-bit umount: what is not there" => |t| {
        let name = low(t).text(c"missing");
        t.compat(number32::UMOUNT, &[name]).fails(ENOENT)
            .records(SYSCALL_UMOUNT_1_X, &[("name", text("missing"))]);
        t.compat(number32::UMOUNT2, &[name, MNT_DETACH as u32]).fails(ENOENT)
            .records(SYSCALL_UMOUNT2_X, &[("name", text("missing")), ("flags", named("DETACH"))]);
    };
    "32-bit mmap2: an offset in pages" => |t| {
        low(t);
        t.compat(number32::MMAP2, &[0x3ff, 4096, PROT_READ as u32, MAP_PRIVATE as u32, NONE, 1023]).fails(EBADF)
            .records(
                SYSCALL_MMAP2_X,
                &[
                    ("vm_size", something()),
                    ("vm_rss", something()),
                    ("vm_swap", any()),
                    ("addr", number(0x3ff)),
                    ("length", number(4096)),
                    ("prot", named("PROT_READ")),
                    ("flags", named("MAP_PRIVATE")),
                    ("fd", number(-1)),
                    ("pgoffset", number(1023)),
                ],
            );
    };
    "32-bit mmap: arguments in memory" => |t| {
        let mut low = low(t);
        let arguments = low.words(&[0, 4096, PROT_READ as u32, MAP_PRIVATE as u32, NONE, 0]);
        t.compat(number32::OLD_MMAP, &[arguments]).fails(EBADF).records(
            SYSCALL_MMAP_X,
            &[
                ("vm_size", something()),
                ("vm_rss", something()),
                ("vm_swap", any()),
                ("addr", number(0)),
                ("length", number(4096)),
                ("prot", named("PROT_READ")),
                ("flags", named("MAP_PRIVATE")),
                ("fd", number(-1)),
                ("offset", number(0)),
            ],
        );
    };
    "32-bit setuid: ids of 16 and of 32 bits" => |t| {
        low(t);
        t.compat(number32::SETUID16, &[0xffff]).records(SYSCALL_SETUID_X, &[("uid", number(-1))]);
        t.compat(number32::SETUID32, &[70_000]).gives(0).records(SYSCALL_SETUID_X, &[("uid", number(70_000))]);
    };
    "32-bit nanosleep: times of 32 bits" => |t| {
        let time = low(t).words(&[0, 1_000]);
        t.compat(number32::NANOSLEEP, &[time, 0]).or_skip(&[ENOSYS], "this kernel takes no times of 32 bits").gives(0)
            .records(SYSCALL_NANOSLEEP_X, &[("interval", number(1_000))]);
    };
    "32-bit ugetrlimit: limits of 32 bits" => |t| {
        t.must(SYS_setrlimit, &args![RLIMIT_NOFILE, &[60_u64, 90]]);
        let limits = low(t).words(&[0, 0]);
        t.compat(number32::UGETRLIMIT, &[RLIMIT_NOFILE, limits]).gives(0).records(
            SYSCALL_GETRLIMIT_X,
            &[("cur", number(60)), ("max", number(90)), ("resource", named("RLIMIT_NOFILE"))],
        );
    };
    "32-bit calls without an event of their own" => |t| {
        let mut low = low(t);
        let buffer = low.put(&[0; 64]);
        t.compat(number32::TIME, &[0]).or_skip(&[ENOSYS], "this kernel takes no times of 32 bits").ok().records(GENERIC_X, &generic(code::TIME, number32::TIME));
        t.compat(number32::GETTIMEOFDAY, &[buffer, 0]).gives(0)
            .records(GENERIC_X, &generic(code::GETTIMEOFDAY, number32::GETTIMEOFDAY));
        t.compat(number32::CLOCK_GETTIME, &[CLOCK_MONOTONIC as u32, buffer]).gives(0)
            .records(GENERIC_X, &generic(code::CLOCK_GETTIME, number32::CLOCK_GETTIME));
        t.compat(number32::GETCPU, &[buffer, 0, 0]).gives(0)
            .records(GENERIC_X, &generic(code::GETCPU, number32::GETCPU));
    };
    "32-bit execve: what is not there" => |t| {
        let mut low = low(t);
        let (zeroth, first, variable) = (low.text(c"zeroth"), low.text(c"first"), low.text(c"KEY=value"));
        let name = low.text(c"missing");
        let (arguments, environment) = (low.words(&[zeroth, first, 0]), low.words(&[variable, 0]));
        let parameters = super::execute::refused(text("zeroth"), bytes(b"first\0"), bytes(b"KEY=value\0"));
        let parameters = [&parameters[..], &[("filename", text("missing"))]].concat();
        t.compat(number32::EXECVE, &[name, arguments, environment]).fails(ENOENT)
            .records(SYSCALL_EXECVE_19_X, &parameters);
    };
    "32-bit socket, connect: their own numbers" => |t| {
        let mut low = low(t);
        t.compat(number32::SOCKET, &[AF_INET as u32, SOCK_DGRAM as u32, 0]).ok().records(
            SOCKET_SOCKET_X,
            &[
                ("domain", named("AF_INET")),
                ("type", number(SOCK_DGRAM)),
                ("proto", number(0)),
                ("flags", number(0)),
            ],
        );
        let fd = bound(t, &V4, SOCK_DGRAM, CLIENT_PORT);
        let address = low.put(&V4.address(SERVER_PORT));
        t.compat(number32::CONNECT, &[fd as u32, address, 16]).gives(0).records(
            SOCKET_CONNECT_X,
            &[
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
                ("fd", number(fd)),
                ("addr", V4.recorded(SERVER_PORT)),
            ],
        );
    };
    "socketcall: socket" => |t| {
        let mut low = low(t);
        socketcall(t, &mut low, socketcall::SOCKET, &[AF_INET as u32, SOCK_RAW as u32, PF_INET as u32]).records(
            SOCKET_SOCKET_X,
            &[
                ("domain", named("AF_INET")),
                ("type", number(SOCK_RAW)),
                ("proto", number(PF_INET)),
                ("flags", number(0)),
            ],
        );
    };
    "socketcall: bind, listen" => |t| {
        let mut low = low(t);
        let fd = t.must(SYS_socket, &args![AF_INET, SOCK_STREAM, 0]);
        let address = low.put(&V4.address(SERVER_PORT));
        socketcall(t, &mut low, socketcall::BIND, &[fd as u32, address, 16]).gives(0)
            .records(SOCKET_BIND_X, &[("addr", V4.recorded(SERVER_PORT)), ("fd", number(fd))]);
        socketcall(t, &mut low, socketcall::LISTEN, &[fd as u32, 5]).gives(0)
            .records(SOCKET_LISTEN_X, &[("fd", number(fd)), ("backlog", number(5))]);
    };
    "socketcall: connect" => |t| {
        let mut low = low(t);
        let fd = bound(t, &V4, SOCK_DGRAM, CLIENT_PORT);
        let address = low.put(&V4.address(SERVER_PORT));
        socketcall(t, &mut low, socketcall::CONNECT, &[fd as u32, address, 16]).gives(0).records(
            SOCKET_CONNECT_X,
            &[
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
                ("fd", number(fd)),
                ("addr", V4.recorded(SERVER_PORT)),
            ],
        );
    };
    "socketcall: accept, accept4" => |t| {
        let mut low = low(t);
        for (family, call, event) in [
            (&V4, socketcall::ACCEPT, SOCKET_ACCEPT_5_X),
            (&V6, socketcall::ACCEPT4, SOCKET_ACCEPT4_6_X),
        ] {
            let server = listening(t, family);
            let client = connected(t, family);
            let mut parameters = vec![
                ("tuple", family.tuple(CLIENT_PORT, SERVER_PORT)),
                ("queuepct", number(0)),
                ("queuelen", number(0)),
                ("queuemax", number(5)),
            ];
            if event == SOCKET_ACCEPT4_6_X {
                parameters.push(("flags", number(0)));
            }
            socketcall(t, &mut low, call, &[server as u32, 0, 0, 0]).ok().records(event, &parameters);
            t.must(SYS_close, &args![client]);
            t.must(SYS_close, &args![server]);
        }
    };
    "socketcall: accept, no descriptor" => |t| {
        let mut low = low(t);
        let mut parameters = vec![
            ("tuple", empty()),
            ("queuepct", number(0)),
            ("queuelen", number(0)),
            ("queuemax", number(0)),
        ];
        socketcall(t, &mut low, socketcall::ACCEPT, &[NONE, 0, 0]).fails(EBADF)
            .records(SOCKET_ACCEPT_5_X, &parameters);
        parameters.push(("flags", number(0)));
        socketcall(t, &mut low, socketcall::ACCEPT4, &[NONE, 0, 0, 0]).fails(EBADF)
            .records(SOCKET_ACCEPT4_6_X, &parameters);
    };
    "socketcall: accept, a path" => |t| {
        let mut low = low(t);
        let (server, path) = unix_pending(t);
        socketcall(t, &mut low, socketcall::ACCEPT, &[server as u32, 0, 0]).ok().records(
            SOCKET_ACCEPT_5_X,
            &[
                ("tuple", unix_tuple(&path)),
                ("queuepct", number(0)),
                ("queuelen", number(0)),
                ("queuemax", number(5)),
            ],
        );
    };
    "socketcall: getsockname, getpeername" => |t| {
        let mut low = low(t);
        let (address, length) = (low.put(&[0; 32]), low.words(&[32]));
        socketcall(t, &mut low, socketcall::GETSOCKNAME, &[NONE, address, length]).fails(EBADF)
            .records(SOCKET_GETSOCKNAME_X, &[]);
        socketcall(t, &mut low, socketcall::GETPEERNAME, &[NONE, address, length]).fails(EBADF)
            .records(SOCKET_GETPEERNAME_X, &[]);
    };
    "socketcall: socketpair" => |t| {
        let mut low = low(t);
        let ends = low.words(&[0, 0]);
        let made = socketcall(t, &mut low, socketcall::SOCKETPAIR, &[AF_UNIX as u32, SOCK_STREAM as u32, 0, ends])
            .gives(0);
        let (first, second) = (low.word(ends), low.word(ends + 4));
        made.records(
            SOCKET_SOCKETPAIR_X,
            &[
                ("fd1", number(first)),
                ("fd2", number(second)),
                ("source", something()),
                ("peer", something()),
                ("domain", named("AF_UNIX")),
                ("type", number(SOCK_STREAM)),
                ("proto", number(0)),
            ],
        );
        socketcall(t, &mut low, socketcall::SOCKETPAIR, &[AF_UNIX as u32, SOCK_STREAM as u32, 0, 0]).fails(EFAULT)
            .records(
                SOCKET_SOCKETPAIR_X,
                &[
                    ("fd1", number(-1)),
                    ("fd2", number(-1)),
                    ("source", number(0)),
                    ("peer", number(0)),
                    ("domain", named("AF_UNIX")),
                    ("type", number(SOCK_STREAM)),
                    ("proto", number(0)),
                ],
            );
    };
    "socketcall: send, recv" => |t| {
        let mut low = low(t);
        let (from, to) = stream(t, &V4);
        let message = low.put(b"a message");
        socketcall(t, &mut low, socketcall::SEND, &[from as u32, message, 9, 0]).gives(9).records(
            SOCKET_SEND_X,
            &[
                ("data", bytes("a message")),
                ("fd", number(from)),
                ("size", number(9)),
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
            ],
        );
        let buffer = low.put(&[0; 32]);
        socketcall(t, &mut low, socketcall::RECV, &[to as u32, buffer, 32, 0]).gives(9).records(
            SOCKET_RECV_X,
            &[
                ("data", bytes("a message")),
                ("fd", number(to)),
                ("size", number(32)),
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
            ],
        );
        socketcall(t, &mut low, socketcall::RECV, &[NONE, buffer, 7, 0]).fails(EBADF).records(
            SOCKET_RECV_X,
            &[("data", empty()), ("fd", number(-1)), ("size", number(7)), ("tuple", empty())],
        );
    };
    "socketcall: sendto, recvfrom" => |t| {
        let mut low = low(t);
        let (from, to) = datagrams(t, &V4);
        let (message, address) = (low.put(&[b'm'; 200]), low.put(&V4.address(SERVER_PORT)));
        socketcall(t, &mut low, socketcall::SENDTO, &[from as u32, message, 200, 0, address, 16]).gives(200)
            .records(
                SOCKET_SENDTO_X,
                &[
                    ("data", cut([b'm'; 80])),
                    ("fd", number(from)),
                    ("size", number(200)),
                    ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
                ],
            );
        let (buffer, peer, length) = (low.put(&[0; 300]), low.put(&[0; 32]), low.words(&[32]));
        socketcall(t, &mut low, socketcall::RECVFROM, &[to as u32, buffer, 300, 0, peer, length]).gives(200)
            .records(
                SOCKET_RECVFROM_X,
                &[
                    ("data", cut([b'm'; 80])),
                    ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
                    ("fd", number(to)),
                    ("size", number(300)),
                ],
            );
        socketcall(t, &mut low, socketcall::RECVFROM, &[NONE, buffer, 300, 0, 0, 0]).fails(EBADF).records(
            SOCKET_RECVFROM_X,
            &[("data", empty()), ("tuple", empty()), ("fd", number(-1)), ("size", number(300))],
        );
        socketcall(t, &mut low, socketcall::SENDTO, &[NONE, message, 0, 0, 0, 0]).fails(EBADF).records(
            SOCKET_SENDTO_X,
            &[("data", empty()), ("fd", number(-1)), ("size", number(0)), ("tuple", empty())],
        );
    };
    "socketcall: sendmsg, recvmsg" => |t| {
        let mut low = low(t);
        let (from, to) = stream(t, &V4);
        let message = low.put(b"a message");
        let segment = low.words(&[message, 9]);
        let header = low.words(&[0, 0, segment, 1, 0, 0, 0]);
        socketcall(t, &mut low, socketcall::SENDMSG, &[from as u32, header, 0]).gives(9).records(
            SOCKET_SENDMSG_X,
            &[
                ("data", bytes("a message")),
                ("fd", number(from)),
                ("size", number(9)),
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
            ],
        );
        let buffer = low.put(&[0; 64]);
        let segment = low.words(&[buffer, 64]);
        let header = low.words(&[0, 0, segment, 1, 0, 0, 0]);
        socketcall(t, &mut low, socketcall::RECVMSG, &[to as u32, header, 0]).gives(9).records(
            SOCKET_RECVMSG_X,
            &[
                ("size", number(9)),
                ("data", bytes("a message")),
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
                ("msgcontrol", empty()),
                ("fd", number(to)),
            ],
        );
    };
    "socketcall: sendmmsg, recvmmsg" => |t| {
        let mut low = low(t);
        let (from, to) = stream(t, &V4);
        let message = low.put(b"a message");
        let segment = low.words(&[message, 9]);
        let header = low.words(&[0, 0, segment, 1, 0, 0, 0, 0]);
        socketcall(t, &mut low, socketcall::SENDMMSG, &[from as u32, header, 1, 0]).gives(1).records(
            SOCKET_SENDMMSG_X,
            &[
                ("res", number(9)),
                ("fd", number(from)),
                ("size", number(9)),
                ("data", bytes("a message")),
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
            ],
        );
        let buffer = low.put(&[0; 64]);
        let segment = low.words(&[buffer, 64]);
        let header = low.words(&[0, 0, segment, 1, 0, 0, 0, 0]);
        socketcall(t, &mut low, socketcall::RECVMMSG, &[to as u32, header, 1, 0, 0]).gives(1).records(
            SOCKET_RECVMMSG_X,
            &[
                ("res", number(9)),
                ("fd", number(to)),
                ("size", number(9)),
                ("data", bytes("a message")),
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
                ("msgcontrol", empty()),
            ],
        );
    };
    "socketcall: shutdown, setsockopt, getsockopt" => |t| {
        let mut low = low(t);
        socketcall(t, &mut low, socketcall::SHUTDOWN, &[NONE, SHUT_RD as u32]).fails(EBADF)
            .records(SOCKET_SHUTDOWN_X, &[("fd", number(-1)), ("how", named("SHUT_RD"))]);
        // A time of 32 bits: 5 s and 10 us.
        let (time, length) = (low.words(&[5, 10]), low.words(&[8]));
        let parameters = [
            ("fd", number(-1)),
            ("level", named("SOL_SOCKET")),
            ("optname", named("SO_RCVTIMEO")),
            ("val", bytes([&[4][..], &5_000_010_000_u64.to_le_bytes()].concat())),
            ("optlen", number(8)),
        ];
        let (level, name) = (SOL_SOCKET as u32, SO_RCVTIMEO as u32);
        socketcall(t, &mut low, socketcall::SETSOCKOPT, &[NONE, level, name, time, 8]).fails(EBADF)
            .records(SOCKET_SETSOCKOPT_X, &parameters);
        socketcall(t, &mut low, socketcall::GETSOCKOPT, &[NONE, level, name, time, length]).fails(EBADF)
            .records(SOCKET_GETSOCKOPT_X, &parameters);
    };
    "socketcall: a call that is none" => |t| {
        let mut low = low(t);
        socketcall(t, &mut low, 47, &[0, 0, 0]).fails(EINVAL)
            .records(GENERIC_X, &generic(code::SOCKETCALL, number32::SOCKETCALL));
    };
    "socketcall: no arguments" => |t| {
        low(t);
        // What cannot be read cannot be told; that the call was made must be.
        t.compat(number32::SOCKETCALL, &[socketcall::LISTEN, 0]).fails(EFAULT).records_one_of(&[
            (SOCKET_LISTEN_X, &[("fd", any()), ("backlog", any())]),
            (GENERIC_X, &generic(code::SOCKETCALL, number32::SOCKETCALL)),
        ]);
    };
    "x32 openat: a file" => |t| {
        if crate::calls::x32(SYS_getpid, &[]) != native(SYS_getpid, &[]) {
            t.skip("this kernel takes no x32 calls (syscall.x32=y)");
        }
        let path = t.file("file", "x");
        let (device, inode) = t.identity(&path);
        t.x32(SYS_openat, &args![AT_FDCWD, &path, O_RDONLY, 0]).ok().records(
            SYSCALL_OPENAT_2_X,
            &[
                ("dirfd", number(AT_FDCWD)),
                ("name", text(&path)),
                ("flags", named("O_RDONLY")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ],
        );
    };
    "x32 writev: a number of its own" => |t| {
        if crate::calls::x32(SYS_getpid, &[]) != native(SYS_getpid, &[]) {
            t.skip("this kernel takes no x32 calls (syscall.x32=y)");
        }
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        let mut low = t.low();
        let (one, other) = (low.put(b"first "), low.put(b"second"));
        let segments = low.words(&[one, 6, other, 6]);
        t.x32(516, &args![fd, segments, 2]).gives(12).records(
            SYSCALL_WRITEV_X,
            &[("data", bytes("first second")), ("fd", number(fd)), ("size", number(12))],
        );
    };
}
