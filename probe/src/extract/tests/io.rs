// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Calls that read, write and wait.

use super::{call, expect, run, DATA, HERE, NOWHERE, P};
use crate::{bytes, records};

#[test]
fn calls_with_one_buffer() {
    records! {
        read(3, DATA, 100) = 5 => [P::I64(5), P::Bytes(b"hello"), P::I64(3), P::U32(100)];
        read(3, DATA, 100) = 12 => [P::I64(12), P::Cut(b"hello, w"), P::I64(3), P::U32(100)];
        read(3, DATA, 100) = 8 => [P::I64(8), P::Bytes(b"hello, w"), P::I64(3), P::U32(100)];
        read(3, DATA, 100) = 0 => [P::I64(0), P::Empty, P::I64(3), P::U32(100)];
        read(3, DATA, 100) = -11 => [P::I64(-11), P::Empty, P::I64(3), P::U32(100)];
        read(3, NOWHERE, 100) = 5 => [P::I64(5), P::Empty, P::I64(3), P::U32(100)];
        write(3, DATA, 12) = 3 => [P::I64(3), P::Bytes(b"hel"), P::I64(3), P::U32(12)];
        write(3, DATA, 5) = -9 => [P::I64(-9), P::Bytes(b"hello"), P::I64(3), P::U32(5)];
        write(3, DATA, u64::MAX) = -14 => [P::I64(-14), P::Cut(b"hello, w"), P::I64(3), P::U32(u32::MAX)];
        write(3, 0, 5) = -14 => [P::I64(-14), P::Empty, P::I64(3), P::U32(5)];
        pread64(3, DATA, 100, 0x1_0000_0000u64) = 2 =>
            [P::I64(2), P::Bytes(b"he"), P::I64(3), P::U32(100), P::U64(0x1_0000_0000)];
        pwrite64(3, DATA, 2, 7) = 2 => [P::I64(2), P::Bytes(b"he"), P::I64(3), P::U32(2), P::U64(7)];
    }
}

#[test]
fn calls_with_scattered_buffers() {
    let segments = bytes![DATA, 3u64, DATA + 7, 5u64];
    let far = bytes![DATA, 3u64, NOWHERE, 5u64, DATA, 9u64];
    records! {
        readv(3, HERE, 2) { HERE => segments } = 6 =>
            [P::I64(6), P::U32(6), P::Bytes(b"helwor"), P::I64(3)];
        readv(3, HERE, 2) { HERE => segments } = -1 => [P::I64(-1), P::U32(0), P::Empty, P::I64(3)];
        preadv(3, HERE, 2, 9, 0) { HERE => segments } = 2 =>
            [P::I64(2), P::U32(2), P::Bytes(b"he"), P::I64(3), P::U64(9)];
        writev(3, HERE, 2) { HERE => segments } = 8 =>
            [P::I64(8), P::Bytes(b"helworld"), P::I64(3), P::U32(8)];
        writev(3, HERE, 2) { HERE => segments } = -32 =>
            [P::I64(-32), P::Bytes(b"helworld"), P::I64(3), P::U32(8)];
        writev(3, HERE, 3) { HERE => far } = 17 => [P::I64(17), P::Cut(b"hel"), P::I64(3), P::U32(17)];
        writev(3, NOWHERE, 2) = -14 => [P::I64(-14), P::Empty, P::I64(3), P::U32(0)];
        pwritev(3, HERE, 1, 9, 0) { HERE => segments } = 3 =>
            [P::I64(3), P::Bytes(b"hel"), P::I64(3), P::U32(3), P::U64(9)];
        process_vm_readv(77, HERE, 2, 0, 0, 0) { HERE => segments } = 8 =>
            [P::I64(8), P::I64(77), P::Bytes(b"helworld")];
        process_vm_readv(77, HERE, 2, 0, 0, 0) { HERE => segments } = -3 => [P::I64(-3), P::I64(77), P::Empty];
        process_vm_writev(77, HERE, 2, 0, 0, 0) { HERE => segments } = 4 =>
            [P::I64(4), P::I64(77), P::Bytes(b"helw")];
    }
}

#[test]
fn scattered_buffers_of_32_bit_calls_have_short_words() {
    let mut mock = call("writev", &[3, HERE, 2], 8);
    mock.compat = true;
    mock.memory.insert(HERE, bytes![DATA as u32, 3u32, DATA as u32 + 7, 5u32]);
    expect("writev", &run(mock), &[P::I64(8), P::Bytes(b"helworld"), P::I64(3), P::U32(8)]);
    let mut mock = call("preadv", &[3, NOWHERE, 0, 2, 1], 0);
    mock.compat = true;
    expect("preadv", &run(mock), &[P::I64(0), P::U32(0), P::Empty, P::I64(3), P::U64(0x1_0000_0002)]);
}

#[test]
fn more_segments_than_are_looked_at() {
    let segment = bytes![DATA, 1u64];
    let mut mock = call("writev", &[3, HERE, 1000], 1000);
    mock.memory.insert(HERE, segment.repeat(1000));
    mock.snaplen = 1000;
    let mock = run(mock);
    assert_eq!(mock.parameters[1].bytes, [b'h'; 32]);
    assert_eq!(mock.parameters[3].bytes, 32u32.to_le_bytes());
}

#[test]
fn calls_that_move_data() {
    records! {
        sendfile(1, 3, HERE, 100) { HERE => bytes![70u64] } = 70 =>
            [P::I64(70), P::U64(70), P::I64(1), P::I64(3), P::U64(100)];
        sendfile(1, 3, 0, 100) = 70 => [P::I64(70), P::U64(0), P::I64(1), P::I64(3), P::U64(100)];
        sendfile64(1, 3, HERE, 100) { HERE => bytes![0x1_0000_0000u64] } = 70 =>
            [P::I64(70), P::U64(0x1_0000_0000), P::I64(1), P::I64(3), P::U64(100)];
        splice(3, 0, 4, 0, 100, 0x1f) = 50 => [P::I64(50), P::I64(3), P::I64(4), P::U64(100), P::U32(0xf)];
        copy_file_range(3, HERE, 4, 0, 100, 0) { HERE => bytes![50u64] } = 50 =>
            [P::I64(50), P::I64(4), P::U64(0), P::I64(3), P::U64(50), P::U64(100)];
    }
}

#[test]
fn calls_that_wait() {
    let polled = bytes![3u32, 1u16, 1u16, -1i32, 4u16, 0x2010u16];
    let list = bytes![2u16, 3u64, 1u16, -1i64, 0x28u16];
    records! {
        poll(HERE, 2, -1i64) { HERE => polled } = 1 => [P::I64(1), P::Bytes(&list), P::I64(-1)];
        poll(0, 0, 5) = 0 => [P::I64(0), P::Bytes(&[0, 0]), P::I64(5)];
        poll(NOWHERE, 2, 5) = -14 => [P::I64(-14), P::Bytes(&[0, 0]), P::I64(5)];
        ppoll(HERE, 2, HERE + 16, HERE + 32, 8)
            { HERE => [polled.clone(), bytes![1u64, 5u64, 0x1_0000_0102u64]].concat() } = 1 =>
            [P::I64(1), P::Bytes(&list), P::U64(1_000_000_005), P::U32(0x102)];
        ppoll(0, 0, 0, 0, 8) = 0 => [P::I64(0), P::Bytes(&[0, 0]), P::U64(0), P::U32(0)];
        epoll_wait(4, HERE, 16, 100) = 1 => [P::I64(1), P::I64(16)];
        nanosleep(HERE, 0) { HERE => bytes![2u64, 3u64] } = 0 => [P::I64(0), P::U64(2_000_000_003)];
        nanosleep(NOWHERE, 0) = -14 => [P::I64(-14), P::U64(0)];
        futex(HERE, 0x189, 5) = 0 => [P::I64(0), P::U64(HERE), P::U16(0x189), P::U64(5)];
    }
    let mut mock = call("poll", &[HERE, 17, 0], 0);
    mock.memory.insert(HERE, bytes![3u32, 0u32].repeat(17));
    let mock = run(mock);
    assert!(mock.parameters[1].cut);
    assert_eq!(mock.parameters[1].bytes.len(), 2 + 16 * 10);
}

#[test]
fn times_of_32_bit_calls_are_short_but_for_the_new_ones() {
    for (name, number, expected) in [("nanosleep", 162, 2_000_000_003), ("ppoll", 309, 0), ("ppoll", 414, 5)]
    {
        let arguments: &[u64] = if name == "ppoll" { &[0, 0, HERE, 0] } else { &[HERE, 0] };
        let mut mock = call(name, arguments, 0);
        (mock.compat, mock.call.1) = (true, number);
        mock.memory.insert(HERE, if number == 162 { bytes![2u32, 3u32] } else { bytes![0u64, 5u64] });
        let mock = run(mock);
        let time = &mock.parameters[if name == "ppoll" { 2 } else { 1 }];
        assert_eq!(time.bytes, u64::to_le_bytes(expected), "{name} {number}");
    }
}
