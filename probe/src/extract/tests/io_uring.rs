// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! io_uring operations become the calls that they stand for.

use super::super::calls::CALLS;
use super::super::io_uring::{Operation, Submission, RING_FILE};
use super::{call, expect, run, CWD, P, PATH, RELATIVE};

/// A request in which each field is another number.
fn request(opcode: u8) -> Submission {
    Submission {
        opcode,
        flags: 0,
        fd: 3,
        offset: 0x111,
        address: 0x222,
        length: 0x333,
        operation_flags: 0x444,
        file_index: 0,
        address3: 0x666,
    }
}

#[test]
fn each_operation_stands_for_a_call() {
    let rows: &[(u8, &str, [u64; 6])] = &[
        (1, "preadv", [3, 0x222, 0x333, 0x111, 0, 0]),
        (2, "pwritev", [3, 0x222, 0x333, 0x111, 0, 0]),
        (3, "fsync", [3, 0, 0, 0, 0, 0]),
        (4, "pread64", [3, 0x222, 0x333, 0x111, 0, 0]),
        (5, "pwrite64", [3, 0x222, 0x333, 0x111, 0, 0]),
        (8, "sync_file_range", [3, 0x111, 0x333, 0x444, 0, 0]),
        (9, "sendmsg", [3, 0x222, 0x444, 0, 0, 0]),
        (10, "recvmsg", [3, 0x222, 0x444, 0, 0, 0]),
        (13, "accept4", [3, 0x222, 0x111, 0x444, 0, 0]),
        (16, "connect", [3, 0x222, 0x111, 0, 0, 0]),
        (17, "fallocate", [3, 0x333, 0x111, 0x222, 0, 0]),
        (18, "openat", [3, 0x222, 0x444, 0x333, 0, 0]),
        (19, "close", [3, 0, 0, 0, 0, 0]),
        (21, "statx", [3, 0x222, 0x444, 0x333, 0x111, 0]),
        (22, "pread64", [3, 0x222, 0x333, 0x111, 0, 0]),
        (23, "pwrite64", [3, 0x222, 0x333, 0x111, 0, 0]),
        (24, "fadvise64", [3, 0x111, 0x333, 0x444, 0, 0]),
        (25, "madvise", [0x222, 0x333, 0x444, 0, 0, 0]),
        (26, "sendto", [3, 0x222, 0x333, 0x444, 0x111, 0]),
        (27, "recvfrom", [3, 0x222, 0x333, 0x444, 0, 0]),
        (28, "openat2", [3, 0x222, 0x111, 0x333, 0, 0]),
        (29, "epoll_ctl", [3, 0x333, 0x111, 0x222, 0, 0]),
        (30, "splice", [0, 0x222, 3, 0x111, 0x333, 0x444]),
        (33, "tee", [0, 3, 0x333, 0x444, 0, 0]),
        (34, "shutdown", [3, 0x333, 0, 0, 0, 0]),
        (35, "renameat2", [3, 0x222, 0x333, 0x111, 0x444, 0]),
        (36, "unlinkat", [3, 0x222, 0x444, 0, 0, 0]),
        (37, "mkdirat", [3, 0x222, 0x333, 0, 0, 0]),
        (38, "symlinkat", [0x222, 3, 0x111, 0, 0, 0]),
        (39, "linkat", [3, 0x222, 0x333, 0x111, 0x444, 0]),
        (41, "fsetxattr", [3, 0x222, 0x111, 0x333, 0x444, 0]),
        (42, "setxattr", [0x666, 0x222, 0x111, 0x333, 0x444, 0]),
        (43, "fgetxattr", [3, 0x222, 0x111, 0x333, 0, 0]),
        (44, "getxattr", [0x666, 0x222, 0x111, 0x333, 0, 0]),
        (45, "socket", [3, 0x111, 0x333, 0, 0, 0]),
        (47, "sendto", [3, 0x222, 0x333, 0x444, 0x111, 0]),
        (48, "sendmsg", [3, 0x222, 0x444, 0, 0, 0]),
        (49, "read", [3, 0, 0x333, 0, 0, 0]),
        (50, "waitid", [0x333, 3, 0x111, 0, 0, 0]),
        (51, "futex_wait", [0x222, 0x111, 0x666, 3, 0, 0]),
        (52, "futex_wake", [0x222, 0x666, 0x111, 3, 0, 0]),
        (53, "futex_waitv", [0x222, 0x333, 0x444, 0, 0, 0]),
        (55, "ftruncate", [3, 0x111, 0, 0, 0, 0]),
        (56, "bind", [3, 0x222, 0x111, 0, 0, 0]),
        (57, "listen", [3, 0x333, 0, 0, 0, 0]),
        (58, "recvfrom", [3, 0x222, 0x333, 0x444, 0, 0]),
        (59, "epoll_wait", [3, 0x222, 0x333, 0, 0, 0]),
        (60, "preadv", [3, 0x222, 0x333, 0x111, 0, 0]),
        (61, "pwritev", [3, 0x222, 0x333, 0x111, 0, 0]),
        (62, "pipe2", [0x222, 0x444, 0, 0, 0, 0]),
    ];
    for (opcode, name, arguments) in rows {
        let operation = request(*opcode).operation().unwrap_or_else(|| panic!("{opcode} is no call"));
        assert_eq!(CALLS[usize::from(operation.code)].name, *name, "{opcode}");
        assert_eq!(operation, Operation { arguments: *arguments, slot: 0, ..operation }, "{opcode} {name}");
    }
    let known: std::vec::Vec<u8> = rows.iter().map(|row| row.0).collect();
    for opcode in (0..=255).filter(|opcode| !known.contains(opcode)) {
        assert_eq!(request(opcode).operation(), None, "{opcode}");
    }
}

#[test]
fn the_current_position_makes_another_call() {
    for (opcode, name) in
        [(1, "readv"), (60, "readv"), (2, "writev"), (4, "read"), (22, "read"), (5, "write"), (23, "write")]
    {
        let operation = Submission { offset: u64::MAX, ..request(opcode) }.operation().unwrap();
        assert_eq!(CALLS[usize::from(operation.code)].name, name, "{opcode}");
    }
    let operation = Submission { operation_flags: 1, ..request(3) }.operation().unwrap();
    assert_eq!(CALLS[usize::from(operation.code)].name, "fdatasync");
}

#[test]
fn a_slot_of_the_ring_has_a_number_of_its_own() {
    let file = u64::from(RING_FILE);
    let read = Submission { flags: 1, fd: 7, ..request(22) }.operation().unwrap();
    assert_eq!(read.arguments[0], file + 7);
    let close = Submission { file_index: 8, ..request(19) }.operation().unwrap();
    assert_eq!(close.arguments[0], file + 7);
    let splice = Submission { file_index: 7, operation_flags: 1 << 31, ..request(30) }.operation().unwrap();
    assert_eq!(splice.arguments[0], file + 7);
    for opcode in [13, 18, 28, 45] {
        let common = request(opcode).operation().unwrap();
        let chosen = Submission { file_index: 8, ..request(opcode) }.operation().unwrap();
        let any = Submission { file_index: u32::MAX, ..request(opcode) }.operation().unwrap();
        assert_eq!([common, chosen, any].map(|operation| operation.result(-13)), [-13; 3]);
        assert_eq!(common.result(5), 5);
        assert_eq!(chosen.result(0), file as i64 + 7);
        assert_eq!(any.result(7), file as i64 + 7);
    }
    let chosen = Submission { flags: 1 << 5, ..request(22) }.operation().unwrap();
    assert_eq!(chosen.arguments[1], 0, "the kernel chooses the buffer");
}

#[test]
fn an_operation_is_recorded_as_the_call() {
    let request =
        Submission { fd: CWD as i32, address: RELATIVE, operation_flags: 0, length: 0, ..request(18) };
    let operation = request.operation().unwrap();
    let mut mock = call("openat", &operation.arguments, operation.result(3));
    mock.call.0 = operation.code;
    expect(
        "openat",
        &run(mock),
        &[P::I64(3), P::I64(-100), P::Text("notes"), P::U32(0x4001), P::U32(0), P::U32(0x801), P::U64(43)],
    );
    let request =
        Submission { fd: 5, address: RELATIVE, length: 6, offset: PATH, operation_flags: 1, ..request };
    let operation = Submission { opcode: 35, ..request }.operation().unwrap();
    let mut mock = call("renameat2", &operation.arguments, operation.result(0));
    mock.call.0 = operation.code;
    expect(
        "renameat2",
        &run(mock),
        &[P::I64(0), P::I64(5), P::Text("notes"), P::I64(6), P::Text("/etc/passwd"), P::U32(1)],
    );
}
