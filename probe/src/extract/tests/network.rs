// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Calls on sockets.

use std::vec::Vec;

use super::{call, expect, run, DATA, HERE, NOWHERE, P};
use crate::{bytes, records};

const LOCAL4: [u8; 6] = [127, 0, 0, 1, 0x88, 0x13];
const PEER4: [u8; 6] = [10, 0, 0, 1, 0xbb, 0x01];
const STATED4: [u8; 6] = [8, 8, 8, 8, 53, 0];

/// `struct sockaddr_in` of 8.8.8.8:53.
fn sockaddr4() -> Vec<u8> {
    [&bytes![2u16][..], &[0, 53, 8, 8, 8, 8], &[0; 8]].concat()
}

/// `struct sockaddr_in6` of 2001:db8::5, port 53.
fn sockaddr6() -> Vec<u8> {
    [
        &bytes![10u16][..],
        &[0, 53, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0],
    ]
    .concat()
}

fn sockaddr_unix(path: &[u8]) -> Vec<u8> {
    [&bytes![1u16][..], path].concat()
}

fn tuple4(first: [u8; 6], second: [u8; 6]) -> Vec<u8> {
    [&[2][..], &first, &second].concat()
}

#[test]
fn calls_that_make_and_name_sockets() {
    let address4 = [&[2][..], &STATED4].concat();
    let address6 = [&[10][..], &sockaddr6()[8..24], &[53, 0]].concat();
    records! {
        socket(2, 0o2004001, 6) = 7 => [P::I64(7), P::U32(2), P::U32(0o2004001), P::U32(6), P::U32(0x1040)];
        socketpair(1, 1, 0, HERE) { HERE => bytes![9u32, 10u32] } = 0 =>
            [P::I64(0), P::I64(9), P::I64(10), P::U64(0xaaaa), P::U64(0xbbbb), P::U32(1), P::U32(1), P::U32(0)];
        socketpair(1, 1, 0, HERE) = -24 =>
            [P::I64(-24), P::I64(-1), P::I64(-1), P::U64(0), P::U64(0), P::U32(1), P::U32(1), P::U32(0)];
        bind(7, HERE, 16) { HERE => sockaddr4() } = 0 => [P::I64(0), P::Bytes(&address4), P::I64(7)];
        bind(7, HERE, 4) { HERE => sockaddr4() } = -22 => [P::I64(-22), P::Empty, P::I64(7)];
        bind(8, HERE, 28) { HERE => sockaddr6() } = 0 => [P::I64(0), P::Bytes(&address6), P::I64(8)];
        bind(9, HERE, 8) { HERE => sockaddr_unix(b"/run/x") } = 0 =>
            [P::I64(0), P::Bytes(b"\x01/run/x\0"), P::I64(9)];
        bind(9, HERE, 110) { HERE => sockaddr_unix(b"/run/x\0junk") } = 0 =>
            [P::I64(0), P::Bytes(b"\x01/run/x\0"), P::I64(9)];
        bind(9, HERE, 5) { HERE => sockaddr_unix(b"\0ab") } = 0 => [P::I64(0), P::Bytes(b"\x01@ab\0"), P::I64(9)];
        bind(9, HERE, 2) { HERE => sockaddr_unix(b"") } = 0 => [P::I64(0), P::Bytes(b"\x01\0"), P::I64(9)];
        bind(16, HERE, 12) { HERE => bytes![16u16, 0u16, 1u32, 2u32] } = 0 => [P::I64(0), P::Empty, P::I64(16)];
        bind(7, NOWHERE, 16) = -14 => [P::I64(-14), P::Empty, P::I64(7)];
        listen(7, -1i64) = 0 => [P::I64(0), P::I64(7), P::I32(-1)];
        shutdown(7, 2) = 0 => [P::I64(0), P::I64(7), P::U8(2)];
    }
}

#[test]
fn a_unix_path_may_fill_its_structure() {
    let mut mock = call("bind", &[9, HERE, 110], 0);
    mock.memory.insert(HERE, sockaddr_unix(&[b'a'; 108]));
    let mock = run(mock);
    assert_eq!(mock.parameters[1].bytes, [&[1][..], &[b'a'; 108], &[0]].concat());
    assert!(!mock.parameters[1].cut);
}

#[test]
fn calls_that_connect() {
    let stated = [&[2][..], &STATED4].concat();
    let (outbound, datagram) = (tuple4(LOCAL4, PEER4), tuple4(LOCAL4, STATED4));
    let outbound6 =
        [&[10][..], &[0; 15], &[1, 0x88, 0x13], &[0x20, 1, 0xd, 0xb8], &[0; 11], &[2, 0xbb, 1]].concat();
    let unix = [&[1][..], &bytes![0xbbbbu64, 0xaaaau64], b"/peer\0"].concat();
    records! {
        connect(7, HERE, 16) { HERE => sockaddr4() } = 0 =>
            [P::I64(0), P::Bytes(&outbound), P::I64(7), P::Bytes(&stated)];
        connect(7, HERE, 16) { HERE => sockaddr4() } = -115 =>
            [P::I64(-115), P::Bytes(&outbound), P::I64(7), P::Bytes(&stated)];
        connect(7, HERE, 16) { HERE => sockaddr4() } = -111 => [P::I64(-111), P::Empty, P::I64(7), P::Bytes(&stated)];
        connect(12, HERE, 16) { HERE => sockaddr4() } = 0 =>
            [P::I64(0), P::Bytes(&datagram), P::I64(12), P::Bytes(&stated)];
        connect(8, NOWHERE, 28) = 0 => [P::I64(0), P::Bytes(&outbound6), P::I64(8), P::Empty];
        connect(9, HERE, 7) { HERE => sockaddr_unix(b"/peer") } = 0 =>
            [P::I64(0), P::Bytes(&unix), P::I64(9), P::Bytes(b"\x01/peer\0")];
        connect(16, NOWHERE, 12) = 0 => [P::I64(0), P::Empty, P::I64(16), P::Empty];
        connect(99, NOWHERE, 16) = 0 => [P::I64(0), P::Empty, P::I64(99), P::Empty];
    }
    // The stated address must be of the socket's family.
    let mut mock = call("connect", &[12, HERE, 28], 0);
    mock.memory.insert(HERE, sockaddr6());
    assert_eq!(run(mock).parameters[1].bytes, tuple4(LOCAL4, [0; 6]));
    let mut mock = call("connect", &[14, HERE, 28], 0);
    mock.memory.insert(HERE, sockaddr6());
    let expected = [&[10][..], &[0; 16], &[53, 0], &sockaddr6()[8..24], &[53, 0]].concat();
    assert_eq!(run(mock).parameters[1].bytes, expected);
}

#[test]
fn calls_that_accept() {
    let inbound = tuple4(PEER4, LOCAL4);
    let unix = [&[1][..], &bytes![0xaaaau64, 0xbbbbu64], b"/local\0"].concat();
    records! {
        accept(13, 0, 0) = 7 => [P::I64(7), P::Bytes(&inbound), P::U8(2), P::U32(3), P::U32(128)];
        accept(13, 0, 0) = 9 => [P::I64(9), P::Bytes(&unix), P::U8(2), P::U32(3), P::U32(128)];
        accept(7, 0, 0) = 7 => [P::I64(7), P::Bytes(&inbound), P::U8(0), P::U32(0), P::U32(0)];
        accept(13, 0, 0) = -11 => [P::I64(-11), P::Empty, P::U8(0), P::U32(0), P::U32(0)];
        accept4(13, 0, 0, 0o4000) = 7 =>
            [P::I64(7), P::Bytes(&inbound), P::U8(2), P::U32(3), P::U32(128), P::I32(0o4000)];
    }
}

#[test]
fn calls_that_carry_a_buffer() {
    let (outbound, inbound) = (tuple4(LOCAL4, PEER4), tuple4(PEER4, LOCAL4));
    let (to, from) = (tuple4(LOCAL4, STATED4), tuple4(STATED4, LOCAL4));
    records! {
        send(7, DATA, 5, 0) = 5 => [P::I64(5), P::Bytes(b"hello"), P::I64(7), P::U32(5), P::Bytes(&outbound)];
        sendto(12, DATA, 5, 0, HERE, 16) { HERE => sockaddr4() } = 5 =>
            [P::I64(5), P::Bytes(b"hello"), P::I64(12), P::U32(5), P::Bytes(&to)];
        sendto(12, DATA, 5, 0, HERE, 16) { HERE => sockaddr4() } = -1 =>
            [P::I64(-1), P::Bytes(b"hello"), P::I64(12), P::U32(5), P::Empty];
        recv(7, DATA, 100, 0) = 5 => [P::I64(5), P::Bytes(b"hello"), P::I64(7), P::U32(100), P::Bytes(&inbound)];
        recv(7, DATA, 100, 0) = 0 => [P::I64(0), P::Empty, P::I64(7), P::U32(100), P::Empty];
        recvfrom(12, DATA, 100, 0, HERE, 0) { HERE => sockaddr4() } = 5 =>
            [P::I64(5), P::Bytes(b"hello"), P::Bytes(&from), P::I64(12), P::U32(100)];
        recvfrom(12, DATA, 100, 0, HERE, 0) = -11 => [P::I64(-11), P::Empty, P::Empty, P::I64(12), P::U32(100)];
    }
}

/// A message: header at `HERE`, then an entry of an array with its length, then what it points to.
fn message() -> Vec<u8> {
    let header = bytes![HERE + 0x100, 16u64, HERE + 0x200, 2u64, HERE + 0x300, 4u64, 0u64];
    let entry = [&header[..], &bytes![5u64]].concat();
    let mut all = [&entry[..], &header, &bytes![3u64]].concat();
    all.resize(0x100, 0);
    all.extend(sockaddr4());
    all.resize(0x200, 0);
    all.extend(bytes![DATA, 4u64, DATA + 4, 4u64]);
    all.resize(0x300, 0);
    all.extend(b"ctrl");
    all
}

#[test]
fn calls_that_carry_messages() {
    let (to, from) = (tuple4(LOCAL4, STATED4), tuple4(STATED4, LOCAL4));
    records! {
        sendmsg(12, HERE, 0) { HERE => message() } = 8 =>
            [P::I64(8), P::Bytes(b"hello, w"), P::I64(12), P::U32(8), P::Bytes(&to)];
        sendmsg(12, HERE, 0) { HERE => message() } = -90 =>
            [P::I64(-90), P::Bytes(b"hello, w"), P::I64(12), P::U32(8), P::Empty];
        sendmsg(12, NOWHERE, 0) = -14 => [P::I64(-14), P::Empty, P::I64(12), P::U32(0), P::Empty];
        recvmsg(12, HERE, 0) { HERE => message() } = 5 =>
            [P::I64(5), P::U32(5), P::Bytes(b"hello"), P::Bytes(&from), P::Bytes(b"ctrl"), P::I64(12)];
        recvmsg(12, HERE, 0) { HERE => message() } = -11 =>
            [P::I64(-11), P::U32(0), P::Empty, P::Empty, P::Empty, P::I64(12)];
        sendmmsg(12, HERE, 2, 0) { HERE => message() } = 2 =>
            [P::I64(5), P::I64(12), P::U32(8), P::Bytes(b"hello"), P::Bytes(&to)];
        sendmmsg(12, HERE, 2, 0) { HERE => message() } = -1 =>
            [P::I64(-1), P::I64(12), P::U32(0), P::Empty, P::Empty];
        recvmmsg(12, HERE, 2, 0, 0) { HERE => message() } = 2 =>
            [P::I64(5), P::I64(12), P::U32(5), P::Bytes(b"hello"), P::Bytes(&from), P::Bytes(b"ctrl")];
        recvmmsg(12, HERE, 2, 0, 0) = -11 => [P::I64(-11), P::I64(12), P::U32(0), P::Empty, P::Empty, P::Empty];
    }
    let mut mock = call("recvmmsg", &[12, HERE, 2, 0, 0], 2);
    mock.memory.insert(HERE, message());
    mock.message = 1;
    expect(
        "the second of two messages",
        &run(mock),
        &[P::I64(3), P::I64(12), P::U32(3), P::Bytes(b"hel"), P::Bytes(&from), P::Bytes(b"ctrl")],
    );
}

#[test]
fn messages_of_32_bit_calls_have_short_words() {
    let mut mock = call("sendmsg", &[12, HERE, 0], 8);
    mock.compat = true;
    let header = bytes![HERE as u32 + 0x100, 16u32, HERE as u32 + 0x200, 2u32, 0u32, 0u32, 0u32];
    mock.memory.insert(HERE, header);
    mock.memory.insert(HERE + 0x100, sockaddr4());
    mock.memory.insert(HERE + 0x200, bytes![DATA as u32, 4u32, DATA as u32 + 4, 4u32]);
    let to = tuple4(LOCAL4, STATED4);
    expect("sendmsg", &run(mock), &[P::I64(8), P::Bytes(b"hello, w"), P::I64(12), P::U32(8), P::Bytes(&to)]);
}

#[test]
fn options_of_sockets() {
    let number = |value: u32| [&[2][..], &bytes![value]].concat();
    let time = [&[4][..], &bytes![1_000_002_000u64]].concat();
    let errno = [&[1][..], &bytes![-111i64]].concat();
    let cookie = [&[3][..], &bytes![9u64]].concat();
    records! {
        setsockopt(7, 1, 2, HERE, 4) { HERE => bytes![1u32] } = 0 =>
            [P::I64(0), P::I64(7), P::U8(1), P::U8(2), P::Bytes(&number(1)), P::U32(4)];
        setsockopt(7, 1, 20, HERE, 16) { HERE => bytes![1u64, 2u64] } = 0 =>
            [P::I64(0), P::I64(7), P::U8(1), P::U8(20), P::Bytes(&time), P::U32(16)];
        setsockopt(7, 1, 13, HERE, 8) { HERE => bytes![1u32, 2u32] } = 0 =>
            [P::I64(0), P::I64(7), P::U8(1), P::U8(13), P::Bytes(b"\0\x01\0\0\0\x02\0\0\0"), P::U32(8)];
        setsockopt(7, 6, 1, HERE, 4) { HERE => bytes![1u32] } = 0 =>
            [P::I64(0), P::I64(7), P::U8(2), P::U8(0), P::Bytes(b"\0\x01\0\0\0"), P::U32(4)];
        setsockopt(7, 1, 50, NOWHERE, 8) = -14 =>
            [P::I64(-14), P::I64(7), P::U8(1), P::U8(50), P::Bytes(b"\0"), P::U32(8)];
        getsockopt(7, 1, 4, HERE, HERE + 8) { HERE => bytes![111u64, 4u32] } = 0 =>
            [P::I64(0), P::I64(7), P::U8(1), P::U8(4), P::Bytes(&errno), P::U32(4)];
        getsockopt(7, 1, 57, HERE, HERE + 8) { HERE => bytes![9u64, 8u32] } = 0 =>
            [P::I64(0), P::I64(7), P::U8(1), P::U8(53), P::Bytes(&cookie), P::U32(8)];
        getsockopt(7, 0, 1, HERE, NOWHERE) = -14 =>
            [P::I64(-14), P::I64(7), P::U8(0), P::U8(0), P::Bytes(b"\0"), P::U32(0)];
    }
    let mut mock = call("setsockopt", &[7, 1, 20, HERE, 8], 0);
    mock.compat = true;
    mock.memory.insert(HERE, bytes![1u32, 2u32]);
    assert_eq!(run(mock).parameters[4].bytes, time);
}
