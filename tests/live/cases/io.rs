//! Cases of calls that read and write data, or move it between descriptors.

use saker_probe::wire::control::Interest;

use super::prelude::*;

/// Longer than what is recorded of data.
const LONG: [u8; 200] = [b'd'; 200];
/// What is recorded of data.
const SNAPLEN: usize = 80;

/// `struct iovec`s.
fn segments(buffers: &[&[u8]]) -> Vec<[u64; 2]> {
    buffers.iter().map(|buffer| [buffer.as_ptr() as u64, buffer.len() as u64]).collect()
}

cases! {
    "read: a few bytes" => |t| {
        let fd = t.open(&t.file("file", "content"), O_RDONLY);
        let mut buffer = [0_u8; 16];
        t.call(SYS_read, &args![fd, buffer.as_mut_ptr(), 16]).gives(7).records(
            SYSCALL_READ_X,
            &[("data", bytes("content")), ("fd", number(fd)), ("size", number(16))],
        );
    };
    "read: more than is recorded" => |t| {
        let fd = t.open(&t.file("file", LONG), O_RDONLY);
        let mut buffer = [0_u8; 200];
        t.call(SYS_read, &args![fd, buffer.as_mut_ptr(), 200]).gives(200).records(
            SYSCALL_READ_X,
            &[("data", cut(&LONG[..SNAPLEN])), ("fd", number(fd)), ("size", number(200))],
        );
    };
    "read: with more recorded" with |interest: &mut Interest| interest.snaplen = 16_384 => |t| {
        let content = vec![b'x'; 20_000];
        let fd = t.open(&t.file("file", &content), O_RDONLY);
        let mut buffer = vec![0_u8; 20_000];
        t.call(SYS_read, &args![fd, buffer.as_mut_ptr(), 20_000]).gives(20_000).records(
            SYSCALL_READ_X,
            &[("data", cut(&content[..16_384])), ("fd", number(fd)), ("size", number(20_000))],
        );
    };
    "read: with nothing recorded" with |interest: &mut Interest| interest.snaplen = 0 => |t| {
        let fd = t.open(&t.file("file", "content"), O_RDONLY);
        let mut buffer = [0_u8; 16];
        t.call(SYS_read, &args![fd, buffer.as_mut_ptr(), 16]).gives(7).records(
            SYSCALL_READ_X,
            &[("data", one_of([empty(), cut("")])), ("fd", number(fd)), ("size", number(16))],
        );
    };
    "read: the end" => |t| {
        let fd = t.open(&t.file("file", ""), O_RDONLY);
        let mut buffer = [b'x'; 16];
        t.call(SYS_read, &args![fd, buffer.as_mut_ptr(), 16]).gives(0)
            .records(SYSCALL_READ_X, &[("data", empty()), ("fd", number(fd)), ("size", number(16))]);
    };
    "read: no descriptor" => |t| {
        t.call(SYS_read, &args![-1, NOWHERE, 1 << 20]).fails(EBADF)
            .records(SYSCALL_READ_X, &[("data", empty()), ("fd", number(-1)), ("size", number(1 << 20))]);
    };
    "write: a few bytes" => |t| {
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        t.call(SYS_write, &args![fd, b"content", 7]).gives(7).records(
            SYSCALL_WRITE_X,
            &[("data", bytes("content")), ("fd", number(fd)), ("size", number(7))],
        );
    };
    "write: more than is recorded" => |t| {
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        t.call(SYS_write, &args![fd, &LONG, 200]).gives(200).records(
            SYSCALL_WRITE_X,
            &[("data", cut(&LONG[..SNAPLEN])), ("fd", number(fd)), ("size", number(200))],
        );
    };
    "write: what could not be written" => |t| {
        t.call(SYS_write, &args![-1, b"lost", 4]).fails(EBADF).records(
            SYSCALL_WRITE_X,
            &[("data", bytes("lost")), ("fd", number(-1)), ("size", number(4))],
        );
    };
    "write: nothing" => |t| {
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        t.call(SYS_write, &args![fd, NOWHERE, 0]).gives(0)
            .records(SYSCALL_WRITE_X, &[("data", empty()), ("fd", number(fd)), ("size", number(0))]);
    };
    "pread64: from the middle" => |t| {
        let fd = t.open(&t.file("file", "0123456789"), O_RDONLY);
        let mut buffer = [0_u8; 4];
        t.call(SYS_pread64, &args![fd, buffer.as_mut_ptr(), 4, 3]).gives(4).records(
            SYSCALL_PREAD_X,
            &[("data", bytes("3456")), ("fd", number(fd)), ("size", number(4)), ("pos", number(3))],
        );
    };
    "pread64: no descriptor" => |t| {
        t.call(SYS_pread64, &args![-1, NOWHERE, 4, 1_u64 << 40]).fails(EBADF).records(
            SYSCALL_PREAD_X,
            &[("data", empty()), ("fd", number(-1)), ("size", number(4)), ("pos", number(1_u64 << 40))],
        );
    };
    "pwrite64: a few bytes" => |t| {
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        t.call(SYS_pwrite64, &args![fd, b"content", 7, 100]).gives(7).records(
            SYSCALL_PWRITE_X,
            &[("data", bytes("content")), ("fd", number(fd)), ("size", number(7)), ("pos", number(100))],
        );
    };
    "pwrite64: more than is recorded" => |t| {
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        t.call(SYS_pwrite64, &args![fd, &LONG, 200, 1]).gives(200).records(
            SYSCALL_PWRITE_X,
            &[("data", cut(&LONG[..SNAPLEN])), ("fd", number(fd)), ("size", number(200)), ("pos", number(1))],
        );
    };
    "pwrite64: no descriptor" => |t| {
        t.call(SYS_pwrite64, &args![-1, b"lost", 4, 16]).fails(EBADF).records(
            SYSCALL_PWRITE_X,
            &[("data", bytes("lost")), ("fd", number(-1)), ("size", number(4)), ("pos", number(16))],
        );
    };
    "readv: into two buffers" => |t| {
        let fd = t.open(&t.file("file", "0123456789"), O_RDONLY);
        let (one, other) = ([0_u8; 4], [0_u8; 20]);
        let segments = segments(&[&one, &other]);
        t.call(SYS_readv, &args![fd, &segments[..], 2]).gives(10).records(
            SYSCALL_READV_X,
            &[("size", number(10)), ("data", bytes("0123456789")), ("fd", number(fd))],
        );
    };
    "readv: no descriptor" => |t| {
        t.call(SYS_readv, &args![-1, NOWHERE, 0]).fails(EBADF)
            .records(SYSCALL_READV_X, &[("size", number(0)), ("data", empty()), ("fd", number(-1))]);
    };
    "preadv: from the middle" => |t| {
        let fd = t.open(&t.file("file", "0123456789"), O_RDONLY);
        let (one, other) = ([0_u8; 2], [0_u8; 2]);
        let segments = segments(&[&one, &other]);
        t.call(SYS_preadv, &args![fd, &segments[..], 2, 5, 0]).gives(4).records(
            SYSCALL_PREADV_X,
            &[("size", number(4)), ("data", bytes("5678")), ("fd", number(fd)), ("pos", number(5))],
        );
    };
    "preadv: no descriptor" => |t| {
        t.call(SYS_preadv, &args![-1, NOWHERE, 0, 5, 0]).fails(EBADF).records(
            SYSCALL_PREADV_X,
            &[("size", number(0)), ("data", empty()), ("fd", number(-1)), ("pos", number(5))],
        );
    };
    "writev: from two buffers" => |t| {
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        let segments = segments(&[b"first ", b"second"]);
        t.call(SYS_writev, &args![fd, &segments[..], 2]).gives(12).records(
            SYSCALL_WRITEV_X,
            &[("data", bytes("first second")), ("fd", number(fd)), ("size", number(12))],
        );
    };
    "writev: more than is recorded" => |t| {
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        let segments = segments(&[&LONG[..50], &LONG[..50], &LONG[..50]]);
        t.call(SYS_writev, &args![fd, &segments[..], 3]).gives(150).records(
            SYSCALL_WRITEV_X,
            &[("data", cut(&LONG[..SNAPLEN])), ("fd", number(fd)), ("size", number(150))],
        );
    };
    "writev: what could not be written" => |t| {
        let segments = segments(&[b"lost ", b"too"]);
        t.call(SYS_writev, &args![-1, &segments[..], 2]).fails(EBADF).records(
            SYSCALL_WRITEV_X,
            &[("data", bytes("lost too")), ("fd", number(-1)), ("size", number(8))],
        );
    };
    "writev: no buffers" => |t| {
        t.call(SYS_writev, &args![-1, NOWHERE, 0]).fails(EBADF)
            .records(SYSCALL_WRITEV_X, &[("data", empty()), ("fd", number(-1)), ("size", number(0))]);
    };
    "pwritev: from two buffers" => |t| {
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        let segments = segments(&[b"first ", b"second"]);
        t.call(SYS_pwritev, &args![fd, &segments[..], 2, 9, 0]).gives(12).records(
            SYSCALL_PWRITEV_X,
            &[("data", bytes("first second")), ("fd", number(fd)), ("size", number(12)), ("pos", number(9))],
        );
    };
    "pwritev: no buffers" => |t| {
        t.call(SYS_pwritev, &args![-1, NOWHERE, 0, 9, 0]).fails(EBADF).records(
            SYSCALL_PWRITEV_X,
            &[("data", empty()), ("fd", number(-1)), ("size", number(0)), ("pos", number(9))],
        );
    };
    "process_vm_readv: of itself" => |t| {
        let pid = native(SYS_getpid, &[]);
        let (from, to) = (*b"secret", [0_u8; 6]);
        let (local, remote) = (segments(&[&to]), segments(&[&from]));
        t.call(SYS_process_vm_readv, &args![pid, &local[..], 1, &remote[..], 1, 0]).gives(6)
            .records(SYSCALL_PROCESS_VM_READV_X, &[("pid", number(pid)), ("data", bytes("secret"))]);
    };
    "process_vm_readv: of nobody" => |t| {
        let segments = segments(&[b"x"]);
        t.call(SYS_process_vm_readv, &args![-1, &segments[..], 1, &segments[..], 1, 0]).fails(ESRCH)
            .records(SYSCALL_PROCESS_VM_READV_X, &[("pid", number(-1)), ("data", empty())]);
    };
    "process_vm_writev: of itself" => |t| {
        let pid = native(SYS_getpid, &[]);
        let (from, to) = (*b"secret", [0_u8; 6]);
        let (local, remote) = (segments(&[&from]), segments(&[&to]));
        t.call(SYS_process_vm_writev, &args![pid, &local[..], 1, &remote[..], 1, 0]).gives(6)
            .records(SYSCALL_PROCESS_VM_WRITEV_X, &[("pid", number(pid)), ("data", bytes("secret"))]);
    };
    "process_vm_writev: of nobody" => |t| {
        let segments = segments(&[b"x"]);
        t.call(SYS_process_vm_writev, &args![-1, &segments[..], 1, &segments[..], 1, 0]).fails(ESRCH).records(
            SYSCALL_PROCESS_VM_WRITEV_X,
            &[("pid", number(-1)), ("data", one_of([bytes("x"), empty()]))],
        );
    };
    "sendfile: with an offset" => |t| {
        let from = t.open(&t.file("from", "0123456789"), O_RDONLY);
        let to = t.open(&t.path("to"), O_WRONLY | O_CREAT);
        let mut offset = 2_i64;
        t.call(SYS_sendfile, &args![to, from, &raw mut offset, 5]).gives(5).records(
            SYSCALL_SENDFILE_X,
            &[
                // The kernel has moved it on.
                ("offset", number(7)),
                ("out_fd", number(to)),
                ("in_fd", number(from)),
                ("size", number(5)),
            ],
        );
    };
    "sendfile: no descriptors" => |t| {
        t.call(SYS_sendfile, &args![-1, -2, NOWHERE, 37]).fails(EBADF).records(
            SYSCALL_SENDFILE_X,
            &[("offset", number(0)), ("out_fd", number(-1)), ("in_fd", number(-2)), ("size", number(37))],
        );
    };
    "splice: from a pipe" => |t| {
        let mut ends = [0_i32; 2];
        t.must(SYS_pipe, &args![ends.as_mut_ptr()]);
        t.must(SYS_write, &args![ends[1], b"content", 7]);
        let fd = t.open(&t.path("file"), O_WRONLY | O_CREAT);
        let flags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;
        t.call(SYS_splice, &args![ends[0], NOWHERE, fd, NOWHERE, 7, flags]).gives(7).records(
            SYSCALL_SPLICE_X,
            &[
                ("fd_in", number(ends[0])),
                ("fd_out", number(fd)),
                ("size", number(7)),
                ("flags", named("SPLICE_F_MOVE|SPLICE_F_NONBLOCK")),
            ],
        );
    };
    "splice: no descriptors" => |t| {
        t.call(SYS_splice, &args![-1, NOWHERE, -2, NOWHERE, 7, 0]).fails(EBADF).records(
            SYSCALL_SPLICE_X,
            &[("fd_in", number(-1)), ("fd_out", number(-2)), ("size", number(7)), ("flags", number(0))],
        );
    };
    "copy_file_range: with offsets" => |t| {
        let from = t.open(&t.file("from", "0123456789"), O_RDONLY);
        let to = t.open(&t.path("to"), O_WRONLY | O_CREAT);
        let (mut offset_in, mut offset_out) = (2_i64, 4_i64);
        t.call(SYS_copy_file_range, &args![from, &raw mut offset_in, to, &raw mut offset_out, 5, 0]).gives(5)
            .records(
                SYSCALL_COPY_FILE_RANGE_X,
                &[
                    ("fdout", number(to)),
                    ("offout", number(9)),
                    ("fdin", number(from)),
                    ("offin", number(7)),
                    ("len", number(5)),
                ],
            );
    };
    "copy_file_range: no descriptors" => |t| {
        t.call(SYS_copy_file_range, &args![-1, NOWHERE, -2, NOWHERE, 10, 0]).fails(EBADF).records(
            SYSCALL_COPY_FILE_RANGE_X,
            &[
                ("fdout", number(-2)),
                ("offout", number(0)),
                ("fdin", number(-1)),
                ("offin", number(0)),
                ("len", number(10)),
            ],
        );
    };
}
