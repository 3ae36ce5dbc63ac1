//! Cases of io_uring: what stands for a call must be recorded as that call's event, with the mark that it came through a ring.

use std::os::fd::AsRawFd;

use io_uring::{IoUring, opcode, squeue, types};
use saker_probe::wire::control::{Interest, option, tracepoint};

use super::prelude::*;
use super::sockets::*;
use crate::harness::trial::Made;

/// `IORING_ENTER_GETEVENTS`.
const GETEVENTS: u32 = 1;

fn wanted(interest: &mut Interest) {
    interest.tracepoints |= tracepoint::IO_URING;
}

/// A ring, or none to be had here.
fn ring(t: &mut Trial) -> IoUring {
    match IoUring::new(4) {
        Ok(ring) => ring,
        Err(error) => t.skip(&format!("no io_uring: {error}")),
    }
}

/// Submits one operation between marks, and waits for so many to end.
fn enter<'t>(t: &'t mut Trial, ring: &mut IoUring, entry: &squeue::Entry, ends: u32) -> Made<'t> {
    // SAFETY: what the operation points to is the case's, which waits for the completion.
    let pushed = unsafe { ring.submission().push(entry) };
    if pushed.is_err() {
        t.broken("the submission queue is full");
    }
    let descriptor = ring.as_raw_fd();
    t.between(
        || {
            ring.submission().sync();
            native(SYS_io_uring_enter, &args![descriptor, 1, ends, GETEVENTS, NOWHERE, 0])
        },
        0,
    )
}

/// The same; what must be recorded of the operation. The record may stand among those of `io_uring_enter`.
fn submit(
    t: &mut Trial,
    ring: &mut IoUring,
    entry: &squeue::Entry,
    event: u16,
    parameters: impl FnOnce(i64) -> Vec<(&'static str, Want)>,
) {
    let made = enter(t, ring, entry, 1);
    ring.completion().sync();
    let result = ring.completion().next().map_or(i64::MIN, |completion| i64::from(completion.result()));
    made.ok().expect_of_ring(result, 0, event, &parameters(result));
}

cases! {
    "io_uring: openat of a file" with wanted => |t| {
        let mut ring = ring(t);
        let path = t.file("file", "x");
        let (device, inode) = t.identity(&path);
        let entry = opcode::OpenAt::new(types::Fd(AT_FDCWD), path.as_ptr()).flags(O_RDONLY | O_CLOEXEC).build();
        submit(t, &mut ring, &entry, SYSCALL_OPENAT_2_X, |_| {
            vec![
                ("dirfd", number(AT_FDCWD)),
                ("name", text(&path)),
                ("flags", named("O_RDONLY|O_CLOEXEC")),
                ("mode", number(0)),
                ("dev", number(device)),
                ("ino", number(inode)),
            ]
        });
    };
    "io_uring: openat of what is not there" with wanted => |t| {
        let mut ring = ring(t);
        let entry = opcode::OpenAt::new(types::Fd(AT_FDCWD), c"missing".as_ptr()).flags(O_RDWR).build();
        submit(t, &mut ring, &entry, SYSCALL_OPENAT_2_X, |_| {
            vec![
                ("dirfd", number(AT_FDCWD)),
                ("name", text("missing")),
                ("flags", named("O_RDWR")),
                ("mode", number(0)),
                ("dev", number(0)),
                ("ino", number(0)),
            ]
        });
    };
    "io_uring: no operations that failed" with |interest: &mut Interest| {
        wanted(interest);
        interest.options |= option::DROP_FAILED;
    } => |t| {
        let mut ring = ring(t);
        let entry = opcode::OpenAt::new(types::Fd(AT_FDCWD), c"missing".as_ptr()).flags(O_RDWR).build();
        let descriptor = ring.as_raw_fd();
        enter(t, &mut ring, &entry, 1).gives(1).records(
            SYSCALL_IO_URING_ENTER_X,
            &[
                ("fd", number(descriptor)),
                ("to_submit", number(1)),
                ("min_complete", number(1)),
                ("flags", named("IORING_ENTER_GETEVENTS")),
                ("sig", number(0)),
            ],
        );
    };
    "io_uring: connect" with wanted => |t| {
        let mut ring = ring(t);
        let fd = bound(t, &V4, SOCK_DGRAM, CLIENT_PORT) as i32;
        let address = V4.address(SERVER_PORT);
        let entry = opcode::Connect::new(types::Fd(fd), address.as_ptr().cast(), 16).build();
        submit(t, &mut ring, &entry, SOCKET_CONNECT_X, |_| {
            vec![
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
                ("fd", number(fd)),
                ("addr", V4.recorded(SERVER_PORT)),
            ]
        });
    };
    "io_uring: unlinkat" with wanted => |t| {
        let mut ring = ring(t);
        let path = t.file("file", "x");
        let entry = opcode::UnlinkAt::new(types::Fd(AT_FDCWD), path.as_ptr()).build();
        submit(t, &mut ring, &entry, SYSCALL_UNLINKAT_2_X, |_| {
            vec![("dirfd", number(AT_FDCWD)), ("name", text(&path)), ("flags", number(0))]
        });
    };
    // Whether it succeeds nobody is told, so it is recorded when it is submitted.
    "io_uring: unlinkat that says nothing if it succeeds" with wanted => |t| {
        let mut ring = ring(t);
        let path = t.file("file", "x");
        let entry = opcode::UnlinkAt::new(types::Fd(AT_FDCWD), path.as_ptr()).build();
        let entry = entry.flags(squeue::Flags::SKIP_SUCCESS);
        enter(t, &mut ring, &entry, 0).ok().expect_of_ring(
            0,
            flag::UNSUPPORTED,
            SYSCALL_UNLINKAT_2_X,
            &[("dirfd", number(AT_FDCWD)), ("name", text(&path)), ("flags", number(0))],
        );
    };
    "io_uring: send" with wanted => |t| {
        let mut ring = ring(t);
        let (from, _) = stream(t, &V4);
        let message = b"through a ring".to_vec();
        let entry = opcode::Send::new(types::Fd(from as i32), message.as_ptr(), message.len() as u32).build();
        submit(t, &mut ring, &entry, SOCKET_SENDTO_X, |_| {
            vec![
                ("data", bytes("through a ring")),
                ("fd", number(from)),
                ("size", number(message.len())),
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
            ]
        });
    };
}
