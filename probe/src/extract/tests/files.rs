// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Calls that name files and descriptors.

use super::super::kernel::FileFact;
use super::{call, expect, extras, run, CWD, HERE, NOWHERE, NO_NAME, OTHER, P, PATH, RELATIVE};
use crate::{bytes, records};

#[test]
fn calls_that_open() {
    records! {
        open(PATH, 0o102, 0o10644) = 3 =>
            [P::I64(3), P::Text("/etc/passwd"), P::U32(0x4007), P::U32(0o644), P::U32(0x801), P::U64(43)];
        open(PATH, 0, 0o644) = -13 =>
            [P::I64(-13), P::Text("/etc/passwd"), P::U32(1), P::U32(0), P::U32(0), P::U64(0)];
        open(NOWHERE, 0, 0) = -14 => [P::I64(-14), P::Empty, P::U32(1), P::U32(0), P::U32(0), P::U64(0)];
        openat(CWD, RELATIVE, 0o2200000, 0) = 0 =>
            [P::I64(0), P::I64(-100), P::Text("notes"), P::U32(0x1401), P::U32(0), P::U32(0x801), P::U64(40)];
        openat(5, RELATIVE, 0o20200002, 0o600) = 99 =>
            [P::I64(99), P::I64(5), P::Text("notes"), P::U32(0x2403), P::U32(0o600), P::U32(0), P::U64(0)];
        openat2(5, RELATIVE, HERE, 24) { HERE => bytes![0o101u64, 0o640u64, 0x9u64] } = 3 =>
            [P::I64(3), P::I64(5), P::Text("notes"), P::U32(0x4006), P::U32(0o640), P::U32(0x11), P::U32(0x801), P::U64(43)];
        openat2(5, RELATIVE, NOWHERE, 24) = -14 =>
            [P::I64(-14), P::I64(5), P::Text("notes"), P::U32(1), P::U32(0), P::U32(0), P::U32(0), P::U64(0)];
        creat(PATH, 0o4755) = 3 =>
            [P::I64(3), P::Text("/etc/passwd"), P::U32(0o4755), P::U32(0x801), P::U64(43), P::U16(0)];
        creat(PATH, 0o644) = -1 =>
            [P::I64(-1), P::Text("/etc/passwd"), P::U32(0o644), P::U32(0), P::U64(0), P::U16(0)];
        open_by_handle_at(CWD, HERE, 0o2) = 3 =>
            [P::I64(3), P::I64(-100), P::U32(0x4003), P::Text("/real/passwd"), P::U32(0x801), P::U64(43)];
        open_by_handle_at(5, HERE, 0) = -1 =>
            [P::I64(-1), P::I64(5), P::U32(1), P::Empty, P::U32(0), P::U64(0)];
    }
}

#[test]
fn an_opened_file_tells_its_layer_of_an_overlay() {
    for (layers, open, creat) in [(0, 0x4001, 0), (1, 0xc001, 1), (2, 0x1_4001, 2), (3, 0xc001, 1)] {
        let mut mock = call("open", &[PATH, 0], 3);
        mock.files.get_mut(&3).unwrap().0.insert(FileFact::OverlayLayers, layers);
        let found = run(mock.clone());
        assert_eq!(found.parameters[2].bytes, u32::to_le_bytes(open), "{layers}");
        mock.call.0 = super::code("creat");
        assert_eq!(run(mock).parameters[5].bytes, u16::to_le_bytes(creat), "{layers}");
    }
}

#[test]
fn calls_with_one_name() {
    records! {
        unlink(PATH) = 0 => [P::I64(0), P::Text("/etc/passwd")];
        rmdir(PATH) = -39 => [P::I64(-39), P::Text("/etc/passwd")];
        stat(PATH, HERE) = 0 => [P::I64(0), P::Text("/etc/passwd")];
        lstat(NOWHERE, HERE) = -14 => [P::I64(-14), P::Empty];
        stat64(PATH, HERE) = 0 => [P::I64(0), P::Text("/etc/passwd")];
        lstat64(PATH, HERE) = 0 => [P::I64(0), P::Text("/etc/passwd")];
        chroot(PATH) = 0 => [P::I64(0), P::Text("/etc/passwd")];
        umount(PATH) = 0 => [P::I64(0), P::Text("/etc/passwd")];
        umount2(PATH, 0x1a) = 0 => [P::I64(0), P::Text("/etc/passwd"), P::U32(0xa)];
        chdir(RELATIVE) = -2 => [P::I64(-2), P::Text("notes")];
        getcwd(PATH, 100) = 12 => [P::I64(12), P::Text("/etc/passwd")];
        getcwd(PATH, 1) = -34 => [P::I64(-34), P::Empty];
        mkdir(PATH, 0o1777) = 0 => [P::I64(0), P::Text("/etc/passwd"), P::U32(0o1777)];
        mkdirat(5, RELATIVE, 0o755) = 0 => [P::I64(0), P::I64(5), P::Text("notes"), P::U32(0o755)];
        mknod(PATH, 0o20600, 0x0501) = 0 =>
            [P::I64(0), P::Text("/etc/passwd"), P::U32(0o20600), P::U32(0x0501)];
        mknodat(CWD, RELATIVE, 0o644, 0) = 0 =>
            [P::I64(0), P::I64(-100), P::Text("notes"), P::U32(0o100644), P::U32(0)];
        unlinkat(5, RELATIVE, 0x200) = 0 => [P::I64(0), P::I64(5), P::Text("notes"), P::U32(0x200)];
        chmod(PATH, 0o104755) = 0 => [P::I64(0), P::Text("/etc/passwd"), P::U32(0o4755)];
        fchmod(3, 0o600) = 0 => [P::I64(0), P::I64(3), P::U32(0o600)];
        fchmodat(CWD, RELATIVE, 0o600, 0x100) = 0 =>
            [P::I64(0), P::I64(-100), P::Text("notes"), P::U32(0o600)];
        chown(PATH, 0, -1i64) = 0 => [P::I64(0), P::Text("/etc/passwd"), P::U32(0), P::U32(u32::MAX)];
        lchown(PATH, 1, 2) = 0 => [P::I64(0), P::Text("/etc/passwd"), P::U32(1), P::U32(2)];
        fchown(3, 1, 2) = 0 => [P::I64(0), P::I64(3), P::U32(1), P::U32(2)];
        fchownat(5, RELATIVE, 1, 2, 0x1100) = 0 =>
            [P::I64(0), P::I64(5), P::Text("notes"), P::U32(1), P::U32(2), P::U32(0x1400)];
        access(PATH, 5) = 0 => [P::I64(0), P::Text("/etc/passwd"), P::U32(5)];
        newfstatat(5, NO_NAME, HERE, 0x1900) = 0 =>
            [P::I64(0), P::I64(5), P::Text(""), P::U32(0x1900)];
        mount(PATH, RELATIVE, OTHER, 0xc0ed1001u64) = 0 =>
            [P::I64(0), P::Text("/etc/passwd"), P::Text("notes"), P::Text("/tmp/other"), P::U32(0x1001)];
        mount(0, PATH, 0, 0x20) = 0 =>
            [P::I64(0), P::Empty, P::Text("/etc/passwd"), P::Empty, P::U32(0x20)];
    }
}

#[test]
fn calls_with_two_names() {
    records! {
        rename(PATH, OTHER) = 0 => [P::I64(0), P::Text("/etc/passwd"), P::Text("/tmp/other")];
        link(PATH, OTHER) = -18 => [P::I64(-18), P::Text("/etc/passwd"), P::Text("/tmp/other")];
        renameat(5, RELATIVE, CWD, OTHER) = 0 =>
            [P::I64(0), P::I64(5), P::Text("notes"), P::I64(-100), P::Text("/tmp/other")];
        renameat2(5, RELATIVE, 6, NOWHERE, 2) = -14 =>
            [P::I64(-14), P::I64(5), P::Text("notes"), P::I64(6), P::Empty, P::U32(2)];
        linkat(5, RELATIVE, 6, OTHER, 0x1400) = 0 =>
            [P::I64(0), P::I64(5), P::Text("notes"), P::I64(6), P::Text("/tmp/other"), P::U32(0x1400)];
        symlink(RELATIVE, OTHER) = 0 => [P::I64(0), P::Text("notes"), P::Text("/tmp/other")];
        symlinkat(PATH, 5, RELATIVE) = 0 =>
            [P::I64(0), P::Text("/etc/passwd"), P::I64(5), P::Text("notes")];
    }
}

#[test]
fn calls_on_descriptors() {
    records! {
        close(3) = 0 => [P::I64(0), P::I64(3)];
        close(-1i64) = -9 => [P::I64(-9), P::I64(-1)];
        fstat(3, HERE) = 0 => [P::I64(0), P::I64(3)];
        fchdir(5) = 0 => [P::I64(0), P::I64(5)];
        getdents(5, HERE, 100) = 24 => [P::I64(24), P::I64(5)];
        getdents64(5, HERE, 100) = 24 => [P::I64(24), P::I64(5)];
        close_range(3, 0xffffffffu64, 6) = 0 => [P::I64(0), P::U32(3), P::U32(u32::MAX), P::U32(6)];
        dup(3) = 4 => [P::I64(4), P::I64(3)];
        dup2(3, 9) = 9 => [P::I64(9), P::I64(3), P::I64(9)];
        dup3(3, 9, 0o2004000) = 9 => [P::I64(9), P::I64(3), P::I64(9), P::U32(0x1000)];
        pipe(HERE) { HERE => bytes![3u32, 4u32] } = 0 => [P::I64(0), P::I64(3), P::I64(4), P::U64(43)];
        pipe(HERE) { HERE => bytes![3u32, 4u32] } = -24 => [P::I64(-24), P::I64(-1), P::I64(-1), P::U64(0)];
        pipe(NOWHERE) = 0 => [P::I64(0), P::I64(-1), P::I64(-1), P::U64(0)];
        pipe2(HERE, 0o2044000) { HERE => bytes![5u32, 4u32] } = 0 =>
            [P::I64(0), P::I64(5), P::I64(4), P::U64(45), P::U32(0x1240)];
        pipe2(0, -1i64) = -22 => [P::I64(-22), P::I64(-1), P::I64(-1), P::U64(0), P::U32(0)];
        eventfd(7) = 4 => [P::I64(4), P::U64(7), P::U32(0)];
        eventfd2(7, 0o2004000) = 4 => [P::I64(4), P::U16(0x1040), P::U64(7)];
        signalfd(-1i64, HERE, 8) = 4 => [P::I64(4), P::I64(-1), P::U32(0), P::U8(0)];
        signalfd4(-1i64, HERE, 8, 0o4000) = 4 => [P::I64(4), P::U16(0x40), P::I64(-1), P::U32(0)];
        timerfd_create(1, 0o4000) = 4 => [P::I64(4), P::U8(0), P::U8(0)];
        inotify_init() = 4 => [P::I64(4), P::U8(0)];
        inotify_init1(0o2000000) = 4 => [P::I64(4), P::U16(0x1000)];
        inotify_init1(-1i64) = -22 => [P::I64(-22), P::U16(0)];
        epoll_create(10) = 4 => [P::I64(4), P::I32(10)];
        epoll_create1(0o2000000) = 4 => [P::I64(4), P::U32(1)];
        userfaultfd(0o4000) = 4 => [P::I64(4), P::U32(0o4000)];
        memfd_create(RELATIVE, 3) = 4 => [P::I64(4), P::Text("notes"), P::U32(3)];
        pidfd_open(77, 0o4000) = 4 => [P::I64(4), P::I64(77), P::U32(1)];
        pidfd_getfd(4, 9, 1) = 5 => [P::I64(5), P::I64(4), P::I64(9), P::U32(1)];
        fcntl(3, 1030, 10) = 10 => [P::I64(10), P::I64(3), P::U8(26), P::U64(10)];
        fcntl64(3, 12, HERE) = 0 => [P::I64(0), P::I64(3), P::U8(6), P::U64(HERE)];
        ioctl(3, 0x5413, HERE) = 0 => [P::I64(0), P::I64(3), P::U64(0x5413), P::U64(HERE)];
        flock(3, 6) = 0 => [P::I64(0), P::I64(3), P::U32(6)];
        lseek(3, -5i64, 1) = 10 => [P::I64(10), P::I64(3), P::I64(-5), P::U8(1)];
        lseek(3, 0, 9) = -22 => [P::I64(-22), P::I64(3), P::I64(0), P::U8(0)];
        _llseek(3, 1, 2, HERE, 2) = 0 => [P::I64(0), P::I64(3), P::U64(0x1_0000_0002), P::U8(2)];
    }
}

#[test]
fn offsets_of_32_bit_calls_have_a_sign() {
    let mut mock = call("lseek", &[3, 0xffff_fffb, 1], 10);
    mock.compat = true;
    expect("lseek", &run(mock), &[P::I64(10), P::I64(3), P::I64(-5), P::U8(1)]);
}

#[test]
fn old_32_bit_calls_have_ids_of_16_bits() {
    for (number, given, expected) in [
        (182, 0x1_0000u64, 0),
        (182, 0xffff, u32::MAX),
        (182, 1000, 1000),
        (212, 0x1_0000, 0x1_0000),
        (212, 0xffff, 0xffff),
    ] {
        let mut mock = call("chown", &[PATH, given, 0], 0);
        (mock.compat, mock.call.1) = (true, number);
        assert_eq!(run(mock).parameters[2].bytes, u32::to_le_bytes(expected), "{number} {given:x}");
    }
}

#[test]
fn a_relative_name_comes_with_where_it_starts() {
    const FILE: u8 = 1;
    const DIRECTORY: u8 = 2;
    const SECOND: u8 = 3;
    const WORKING: u8 = 4;
    type Row = (&'static str, &'static [u64], i64, &'static [(u8, &'static str)]);
    let rows: &[Row] = &[
        ("open", &[PATH, 0], 3, &[(FILE, "/real/passwd")]),
        ("open", &[RELATIVE, 0], 3, &[(FILE, "/real/passwd"), (WORKING, "/home")]),
        ("open", &[RELATIVE, 0], -2, &[(WORKING, "/home")]),
        ("openat", &[5, RELATIVE, 0], 3, &[(FILE, "/real/passwd"), (DIRECTORY, "/srv")]),
        ("openat", &[5, PATH, 0], -2, &[]),
        ("openat", &[99, RELATIVE, 0], -9, &[]),
        ("openat", &[CWD, RELATIVE, 0], -2, &[(WORKING, "/home")]),
        ("openat2", &[6, RELATIVE, HERE], -2, &[(DIRECTORY, "/var")]),
        ("creat", &[RELATIVE, 0], 3, &[(FILE, "/real/passwd"), (WORKING, "/home")]),
        ("open_by_handle_at", &[5, HERE, 0], 3, &[(FILE, "/real/passwd")]),
        ("unlink", &[RELATIVE], 0, &[(WORKING, "/home")]),
        ("unlink", &[PATH], 0, &[]),
        ("unlink", &[NOWHERE], -14, &[]),
        ("unlinkat", &[5, RELATIVE, 0], 0, &[(DIRECTORY, "/srv")]),
        ("newfstatat", &[5, NO_NAME, 0, 0x1000], 0, &[(DIRECTORY, "/srv")]),
        ("rename", &[RELATIVE, RELATIVE], 0, &[(WORKING, "/home")]),
        ("rename", &[PATH, OTHER], 0, &[]),
        ("renameat", &[5, RELATIVE, 6, RELATIVE], 0, &[(DIRECTORY, "/srv"), (SECOND, "/var")]),
        ("renameat", &[5, RELATIVE, CWD, RELATIVE], 0, &[(DIRECTORY, "/srv"), (WORKING, "/home")]),
        ("renameat2", &[CWD, PATH, 6, RELATIVE, 0], 0, &[(SECOND, "/var")]),
        ("linkat", &[CWD, RELATIVE, CWD, RELATIVE, 0], 0, &[(WORKING, "/home")]),
        ("symlink", &[RELATIVE, PATH], 0, &[]),
        ("symlinkat", &[PATH, 5, RELATIVE], 0, &[(DIRECTORY, "/srv")]),
        ("mount", &[PATH, RELATIVE, 0, 0], 0, &[(WORKING, "/home")]),
        ("chdir", &[PATH], 0, &[(WORKING, "/home")]),
        ("chdir", &[RELATIVE], -2, &[]),
        ("fchdir", &[5], 0, &[(WORKING, "/home")]),
        ("execve", &[RELATIVE, 0, 0], -2, &[(WORKING, "/home")]),
        ("execveat", &[5, RELATIVE, 0, 0, 0], -2, &[(DIRECTORY, "/srv")]),
    ];
    for (name, arguments, result, expected) in rows {
        let mut mock = call(name, arguments, *result);
        assert_eq!(extras(&run(mock.clone())), [], "{name}: nobody asked");
        mock.paths = true;
        let found = extras(&run(mock));
        let expected: std::vec::Vec<_> =
            expected.iter().map(|(kind, path)| (*kind, std::string::String::from(*path))).collect();
        assert_eq!(found, expected, "{name}({arguments:x?}) = {result}");
    }
}
