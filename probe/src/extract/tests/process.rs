// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Calls that make processes and steer them, ask for credentials, and change memory.

use std::vec::Vec;

use super::super::kernel::{FileFact, TaskFact};
use super::{call, expect, run, HERE, NOWHERE, OTHER, P, PATH, RELATIVE};
use crate::{bytes, records};

/// tid, pid, ptid, cwd, fdlimit, pgft_maj, pgft_min, vm_size, vm_rss, vm_swap, comm, cgroups of the world.
fn process() -> Vec<P<'static>> {
    std::vec![
        P::I64(11),
        P::I64(10),
        P::I64(5),
        P::Empty,
        P::U64(1024),
        P::U64(21),
        P::U64(22),
        P::U32(31),
        P::U32(32),
        P::U32(33),
        P::Text("cat"),
        P::Empty,
    ]
}

/// tty … gid of the world.
pub(super) fn program() -> Vec<P<'static>> {
    std::vec![
        P::U32(0x8801),
        P::I64(3),
        P::U32(1000),
        P::U32(0),
        P::U64(1),
        P::U64((1 << 41) - 1),
        P::U64(3),
        P::U64(44),
        P::U64(61),
        P::U64(62),
        P::U32(1001),
        P::Text("/usr/bin/cat"),
        P::I64(9),
        P::U32(2001),
    ]
}

pub(super) fn executed() -> Vec<P<'static>> {
    let start = [P::I64(0), P::Text("/bin/cat"), P::Bytes(b"-n\0file\0")];
    [&start[..], &process(), &[P::Bytes(b"HOME=/\0")], &program(), &[P::Text("./cat")]].concat()
}

fn cloned(result: i64, flags: u32, start: u64) -> Vec<P<'static>> {
    let first = if result < 0 {
        [P::I64(result), P::Empty, P::Empty]
    } else {
        [P::I64(result), P::Text("/bin/cat"), P::Bytes(b"-n\0file\0")]
    };
    let last = [P::U32(flags), P::U32(1001), P::U32(2001), P::I64(2), P::I64(1), P::U64(start)];
    [&first[..], &process(), &last].concat()
}

#[test]
fn calls_that_make_processes() {
    for (name, argument, flags) in
        [("clone", 0x0001_0100, 0xa000), ("fork", 77, 0), ("vfork", 77, 0x800_8000), ("clone3", HERE, 0x10)]
    {
        for (result, start) in [(12, 0), (0, 777), (-11, 0)] {
            let mut mock = call(name, &[argument], result);
            mock.memory.insert(HERE, bytes![0x4000_0000u64]);
            expect(name, &run(mock.clone()), &cloned(result, flags, start));
            mock.task.insert(TaskFact::InPidNamespace, 1);
            expect(name, &run(mock), &cloned(result, flags | 1 << 29, start));
        }
    }
    expect("clone3", &run(call("clone3", &[NOWHERE], -14)), &cloned(-14, 0, 0));
}

#[test]
fn an_exec_that_failed_tells_its_arguments() {
    let array = bytes![PATH, RELATIVE, OTHER, 0u64, RELATIVE, 0u64];
    let text = b"notes\0/tmp/other\0";
    let expected = |last: &[P<'static>]| {
        let start = [P::I64(-2), P::Text("/etc/passwd"), P::Bytes(text)];
        [&start[..], &process(), &[P::Bytes(b"notes\0")], &program(), last].concat()
    };
    let mut mock = call("execve", &[RELATIVE, HERE, HERE + 32], -2);
    mock.memory.insert(HERE, array.clone());
    expect("execve", &run(mock), &expected(&[P::Text("notes")]));
    let mut mock = call("execveat", &[5, RELATIVE, HERE, HERE + 32, 0], -2);
    mock.memory.insert(HERE, array);
    expect("execveat", &run(mock), &expected(&[]));
    let mut mock = call("execve", &[RELATIVE, HERE, HERE + 16], -2);
    mock.compat = true;
    mock.memory.insert(HERE, bytes![PATH as u32, RELATIVE as u32, OTHER as u32, 0u32, RELATIVE as u32, 0u32]);
    expect("execve of a 32-bit program", &run(mock), &expected(&[P::Text("notes")]));
}

#[test]
fn an_exec_that_failed_may_have_no_arguments_or_many() {
    let mock = run(call("execve", &[NOWHERE, NOWHERE, 0], -14));
    for index in [1, 2, 15, 30] {
        assert_eq!(mock.parameters[index].bytes, [], "{index}");
        assert!(!mock.parameters[index].cut);
    }
    // More strings than are looked at.
    let mut mock = call("execve", &[PATH, HERE, 0], -2);
    mock.memory.insert(HERE, bytes![RELATIVE].repeat(100));
    let mock = run(mock);
    assert_eq!(mock.parameters[2].bytes, b"notes\0".repeat(32));
    assert!(mock.parameters[2].cut);
    // More bytes than a page.
    let mut mock = call("execve", &[PATH, HERE, 0], -2);
    mock.memory.insert(HERE, [bytes![HERE + 0x100].repeat(4), bytes![0u64]].concat());
    mock.memory.insert(HERE + 0x100, [b'a'; 3000].iter().copied().chain([0]).collect());
    let mock = run(mock);
    assert_eq!(mock.parameters[2].bytes.len(), 4096);
    assert!(mock.parameters[2].cut);
}

#[test]
fn the_program_has_flags() {
    for (fact, value, flags) in [
        (FileFact::Writable, 1, 1),
        (FileFact::OverlayLayers, 1, 2),
        (FileFact::OverlayLayers, 2, 8),
        (FileFact::Memfd, 1, 4),
    ] {
        let mut mock = call("execve", &[PATH, 0, 0], -2);
        mock.files.get_mut(&4).unwrap().0.insert(fact, value);
        assert_eq!(run(mock).parameters[19].bytes, u32::to_le_bytes(flags), "{fact:?}");
    }
}

#[test]
fn calls_that_steer_processes() {
    records! {
        kill(-1i64, 9) = 0 => [P::I64(0), P::I64(-1), P::U8(9)];
        tkill(77, 15) = 0 => [P::I64(0), P::I64(77), P::U8(15)];
        tgkill(77, 78, 15) = -3 => [P::I64(-3), P::I64(77), P::I64(78), P::U8(15)];
        setpgid(0, 77) = 0 => [P::I64(0), P::I64(0), P::I64(77)];
        unshare(0x1002_0000) = 0 => [P::I64(0), P::U32(0x10_0020)];
        setns(3, 0x4000_0000) = 0 => [P::I64(0), P::I64(3), P::U32(0x10)];
        seccomp(1, 2, HERE) = 0 => [P::I64(0), P::U64(1), P::U64(2)];
        prctl(15, RELATIVE) = 0 => [P::I64(0), P::U32(15), P::Text("notes"), P::Empty];
        prctl(15, HERE) { HERE => *b"a name of more than 16 bytes" } = 0 =>
            [P::I64(0), P::U32(15), P::Text("a name of more "), P::Empty];
        prctl(37, HERE) { HERE => bytes![1u32] } = 0 => [P::I64(0), P::U32(37), P::Empty, P::I64(1)];
        prctl(36, 1) = 0 => [P::I64(0), P::U32(36), P::Empty, P::I64(1)];
        prctl(4, u64::MAX) = -22 => [P::I64(-22), P::U32(4), P::Empty, P::I64(-1)];
        getrlimit(7, HERE) { HERE => bytes![1024u64, u64::MAX] } = 0 =>
            [P::I64(0), P::I64(1024), P::I64(-1), P::U8(7)];
        setrlimit(99, NOWHERE) = -14 => [P::I64(-14), P::I64(0), P::I64(0), P::U8(255)];
        prlimit64(77, 7, HERE, HERE + 16) { HERE => bytes![1u64, 2u64, 3u64, 4u64] } = 0 =>
            [P::I64(0), P::I64(1), P::I64(2), P::I64(3), P::I64(4), P::I64(77), P::U8(7)];
        prlimit64(77, 7, HERE, HERE + 16) { HERE => bytes![1u64, 2u64, 3u64, 4u64] } = -1 =>
            [P::I64(-1), P::I64(1), P::I64(2), P::I64(0), P::I64(0), P::I64(77), P::U8(7)];
        prlimit64(0, 7, 0, 0) = 0 =>
            [P::I64(0), P::I64(0), P::I64(0), P::I64(0), P::I64(0), P::I64(0), P::U8(7)];
    }
    let mut mock = call("ugetrlimit", &[7, HERE], 0);
    mock.compat = true;
    mock.memory.insert(HERE, bytes![1024u32, u32::MAX]);
    expect("ugetrlimit", &run(mock), &[P::I64(0), P::I64(1024), P::I64(-1), P::U8(7)]);
}

#[test]
fn what_a_tracer_gives_depends_on_the_request() {
    let number = |value: u64| [&[0][..], &bytes![value]].concat();
    records! {
        ptrace(16, 77, 1, 2) = 0 =>
            [P::I64(0), P::Bytes(&number(1)), P::Bytes(&number(2)), P::U16(11), P::I64(77)];
        ptrace(16, 77, 1, 2) = -1 =>
            [P::I64(-1), P::Bytes(&number(0)), P::Bytes(&number(0)), P::U16(11), P::I64(77)];
        ptrace(1, 77, 8, HERE) { HERE => bytes![0x55u64] } = 0 =>
            [P::I64(0), P::Bytes(&number(8)), P::Bytes(&number(0x55)), P::U16(2), P::I64(77)];
        ptrace(7, 77, 0, 19) = 0 =>
            [P::I64(0), P::Bytes(&number(0)), P::Bytes(&[1, 19]), P::U16(8), P::I64(77)];
    }
}

#[test]
fn calls_on_credentials() {
    records! {
        getuid() = 1000 => [P::U32(1000)];
        geteuid() = 1000 => [P::U32(1000)];
        getgid32() = 5 => [P::U32(5)];
        setuid(0) = -1 => [P::I64(-1), P::U32(0)];
        setgid32(7) = 0 => [P::I64(0), P::U32(7)];
        setreuid(-1i64, 5) = 0 => [P::I64(0), P::U32(u32::MAX), P::U32(5)];
        setresgid(1, 2, 3) = 0 => [P::I64(0), P::U32(1), P::U32(2), P::U32(3)];
        getresuid(HERE, HERE + 4, HERE + 8) { HERE => bytes![1u32, 2u32, 3u32] } = 0 =>
            [P::I64(0), P::U32(1), P::U32(2), P::U32(3)];
        getresuid(NOWHERE, 0, 0) = -14 => [P::I64(-14), P::U32(u32::MAX), P::U32(u32::MAX), P::U32(u32::MAX)];
        capset(HERE, HERE) = 0 => [P::I64(0), P::U64(1), P::U64((1 << 41) - 1), P::U64(3)];
    }
    let mut mock = call("getresgid", &[HERE, HERE + 2, HERE + 4], 0);
    (mock.compat, mock.call.1) = (true, 171);
    mock.memory.insert(HERE, bytes![1u16, 2u16, 3u16]);
    expect("getresgid of old programs", &run(mock), &[P::I64(0), P::U32(1), P::U32(2), P::U32(3)]);
}

#[test]
fn calls_on_memory() {
    let usage = [P::U32(31), P::U32(32), P::U32(33)];
    let [size, resident, swap] = usage;
    records! {
        mmap(1, 2, 5, 0x22, -1i64, 4096) = HERE as i64 =>
            [P::U64(HERE), size, resident, swap, P::U64(1), P::U64(2), P::U32(5), P::U32(0xa), P::I64(-1), P::U64(4096)];
        mmap2(1, 2, 5, 0x22, 3, 1) = -12 =>
            [P::I64(-12), size, resident, swap, P::U64(1), P::U64(2), P::U32(5), P::U32(0xa), P::I64(3), P::U64(1)];
        munmap(1, 2) = 0 => [P::I64(0), size, resident, swap, P::U64(1), P::U64(2)];
        mprotect(1, 2, 0x0200_0007) = 0 => [P::I64(0), P::U64(1), P::U64(2), P::U32(0x27)];
        brk(0) = 0x5000 => [P::U64(0x5000), size, resident, swap, P::U64(0)];
        mlock(1, 2) = 0 => [P::I64(0), P::U64(1), P::U64(2)];
        munlock(1, 2) = 0 => [P::I64(0), P::U64(1), P::U64(2)];
        mlock2(1, 2, 1) = 0 => [P::I64(0), P::U64(1), P::U64(2), P::U32(1)];
        mlockall(0xf) = 0 => [P::I64(0), P::U32(7)];
    }
    let mut mock = call("mmap", &[HERE], 0x5000);
    (mock.compat, mock.call.1) = (true, 90);
    mock.memory.insert(HERE, bytes![1u32, 2u32, 5u32, 0x22u32, -1i32, 4096u32]);
    expect(
        "mmap of old programs",
        &run(mock),
        &[
            P::U64(0x5000),
            size,
            resident,
            swap,
            P::U64(1),
            P::U64(2),
            P::U32(5),
            P::U32(0xa),
            P::I64(-1),
            P::U64(4096),
        ],
    );
}
