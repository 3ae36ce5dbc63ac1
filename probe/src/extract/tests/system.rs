// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Calls on the system as a whole, and on semaphores.

use super::{DATA, HERE, NOWHERE, OTHER, P, PATH, RELATIVE};
use crate::{bytes, records};

#[test]
fn calls_on_kernel_modules_and_bpf() {
    records! {
        init_module(DATA, 12, RELATIVE) = 0 => [P::I64(0), P::Cut(b"hello, w"), P::U64(12), P::Text("notes")];
        init_module(NOWHERE, 12, 0) = -14 => [P::I64(-14), P::Empty, P::U64(12), P::Empty];
        finit_module(3, RELATIVE, 9) = 0 => [P::I64(0), P::I64(3), P::Text("notes"), P::U32(1)];
        delete_module(RELATIVE, 0o5000) = 0 => [P::I64(0), P::Text("notes"), P::U32(3)];
        bpf(5, HERE, 128) = 4 => [P::I64(4), P::U32(5)];
    }
}

#[test]
fn what_a_file_system_is_given_depends_on_the_command() {
    records! {
        fsconfig(3, 1, RELATIVE, OTHER, 0) = 0 =>
            [P::I64(0), P::I64(3), P::U32(1), P::Text("notes"), P::Empty, P::Text("/tmp/other"), P::I32(0)];
        fsconfig(3, 2, RELATIVE, DATA, 5) = 0 =>
            [P::I64(0), P::I64(3), P::U32(2), P::Text("notes"), P::Bytes(b"hello"), P::Empty, P::I32(5)];
        fsconfig(3, 0, RELATIVE, OTHER, 0) = 0 =>
            [P::I64(0), P::I64(3), P::U32(0), P::Text("notes"), P::Empty, P::Empty, P::I32(0)];
        fsconfig(3, 1, RELATIVE, OTHER, -1i64) = -22 =>
            [P::I64(-22), P::I64(3), P::U32(1), P::Text("notes"), P::Empty, P::Empty, P::I32(-1)];
    }
}

#[test]
fn arguments_on_keys_depend_on_the_operation() {
    let number = |value: i64| [&[0][..], &bytes![value]].concat();
    let (zero, one, two, three, four) = (number(0), number(1), number(2), number(3), number(4));
    let (text, none) = (b"\x01notes\0", b"\x01\0");
    records! {
        keyctl(1, RELATIVE, 2, 3, 4) = 5 =>
            [P::I64(5), P::U32(1), P::Bytes(text), P::Bytes(&zero), P::Bytes(&zero), P::Bytes(&zero)];
        keyctl(1, NOWHERE, 2, 3, 4) = -14 =>
            [P::I64(-14), P::U32(1), P::Bytes(none), P::Bytes(&zero), P::Bytes(&zero), P::Bytes(&zero)];
        keyctl(3, 1, 2, 3, 4) = 0 =>
            [P::I64(0), P::U32(3), P::Bytes(&one), P::Bytes(&zero), P::Bytes(&zero), P::Bytes(&zero)];
        keyctl(0, 1, 2, 3, 4) = 0 =>
            [P::I64(0), P::U32(0), P::Bytes(&one), P::Bytes(&two), P::Bytes(&zero), P::Bytes(&zero)];
        keyctl(11, 1, 2, 3, 4) = 0 =>
            [P::I64(0), P::U32(11), P::Bytes(&one), P::Bytes(&two), P::Bytes(&three), P::Bytes(&zero)];
        keyctl(30, 1, 2, 3, 4) = 0 =>
            [P::I64(0), P::U32(30), P::Bytes(&one), P::Bytes(&two), P::Bytes(&three), P::Bytes(&four)];
        keyctl(10, 1, RELATIVE, 0, 4) = 0 =>
            [P::I64(0), P::U32(10), P::Bytes(&one), P::Bytes(text), P::Bytes(none), P::Bytes(&four)];
        keyctl(24, 1, 2, RELATIVE, 4) = 0 =>
            [P::I64(0), P::U32(24), P::Bytes(&one), P::Bytes(&two), P::Bytes(text), P::Bytes(&zero)];
        keyctl(27, 1, RELATIVE, 3, 4) = 0 =>
            [P::I64(0), P::U32(27), P::Bytes(&one), P::Bytes(text), P::Bytes(&three), P::Bytes(&four)];
        keyctl(29, 1, RELATIVE, RELATIVE, 4) = 0 =>
            [P::I64(0), P::U32(29), P::Bytes(&one), P::Bytes(text), P::Bytes(text), P::Bytes(&zero)];
        keyctl(99, 1, 2, 3, 4) = -95 =>
            [P::I64(-95), P::U32(99), P::Bytes(&zero), P::Bytes(&zero), P::Bytes(&zero), P::Bytes(&zero)];
    }
}

#[test]
fn what_a_quota_command_points_to() {
    const GETQUOTA: u64 = 0x8000_0700;
    const SETINFO: u64 = 0x8000_0601;
    const QUOTAON: u64 = 0x8000_0200;
    const GETFMT: u64 = 0x8000_0400;
    let block = bytes![1u64, 2u64, 3u64, 4u64, 5u64, 6u64, 7u64, 8u64, 0x17u32];
    let info = bytes![1u64, 2u64, 1u32, 7u32];
    let z = P::U64(0);
    let path = P::Text("/etc/passwd");
    records! {
        quotactl(GETQUOTA, PATH, 1000, HERE) { HERE => block } = 0 =>
            [P::I64(0), path, P::Empty, P::U64(1), P::U64(2), P::U64(3), P::U64(4), P::U64(5), P::U64(7), z, z, z,
             P::U8(0), P::U8(1), P::U16(0x20), P::U8(1), P::U32(1000), P::U8(1)];
        quotactl(SETINFO, PATH, 1000, HERE) { HERE => info } = 0 =>
            [P::I64(0), path, P::Empty, z, z, z, z, z, z, z, P::U64(1), P::U64(2),
             P::U8(2), P::U8(1), P::U16(0x10), P::U8(2), P::U32(0), P::U8(1)];
        quotactl(QUOTAON, PATH, 4, RELATIVE) = 0 =>
            [P::I64(0), path, P::Text("notes"), z, z, z, z, z, z, z, z, z,
             P::U8(0), P::U8(1), P::U16(0x1), P::U8(1), P::U32(0), P::U8(8)];
        quotactl(GETFMT, PATH, 0, HERE) { HERE => bytes![2u32] } = 0 =>
            [P::I64(0), path, P::Empty, z, z, z, z, z, z, z, z, z,
             P::U8(0), P::U8(4), P::U16(0x4), P::U8(1), P::U32(0), P::U8(1)];
        quotactl(7, NOWHERE, 0, 0) = -22 =>
            [P::I64(-22), P::Empty, P::Empty, z, z, z, z, z, z, z, z, z,
             P::U8(0), P::U8(1), P::U16(0), P::U8(0), P::U32(0), P::U8(1)];
    }
}

#[test]
fn calls_around_io_uring() {
    let parameters = bytes![8u32, 16u32, 0x7fu32, 1u32, 1000u32, 0xffffu32];
    records! {
        io_uring_setup(5, HERE) { HERE => parameters } = 4 =>
            [P::I64(4), P::U32(5), P::U32(8), P::U32(16), P::U32(0xfb), P::U32(1), P::U32(1000), P::U32(0x7ff)];
        io_uring_setup(5, NOWHERE) = -14 =>
            [P::I64(-14), P::U32(5), P::U32(0), P::U32(0), P::U32(0), P::U32(0), P::U32(0), P::U32(0)];
        io_uring_enter(4, 1, 2, 0x1f, HERE, 8) = 1 =>
            [P::I64(1), P::I64(4), P::U32(1), P::U32(2), P::U32(0xf), P::U32(HERE as u32)];
        io_uring_register(4, 20, HERE, 1) = 1 => [P::I64(1), P::I64(4), P::U16(20), P::U64(HERE), P::U32(1)];
    }
}

#[test]
fn calls_on_semaphores() {
    let operations = bytes![1u16, -1i16, 0x1800u16, 2u16, 3i16, 0u16];
    let none = P::U16(0);
    records! {
        semget(-5i64, 2, 0o3666) = 9 => [P::I64(9), P::I32(-5), P::I32(2), P::U32(0x6000)];
        semctl(9, 1, 16, 77) = 0 => [P::I64(0), P::I32(9), P::I32(1), P::U16(0x1000), P::I32(77)];
        semctl(9, 1, 0x100 + 12, 77) = 0 => [P::I64(0), P::I32(9), P::I32(1), P::U16(0x200), P::I32(0)];
        semop(9, HERE, 2) { HERE => operations } = 0 =>
            [P::I64(0), P::U32(2), P::U16(1), P::U16(0xffff), P::U16(3), P::U16(2), P::U16(3), none, P::I32(9)];
        semop(9, HERE, 1) { HERE => operations } = 0 =>
            [P::I64(0), P::U32(1), P::U16(1), P::U16(0xffff), P::U16(3), none, none, none, P::I32(9)];
        semop(9, HERE, 2) { HERE => operations } = -11 =>
            [P::I64(-11), P::U32(2), none, none, none, none, none, none, P::I32(9)];
    }
}
