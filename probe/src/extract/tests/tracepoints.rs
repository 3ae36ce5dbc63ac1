// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Tracepoints.

use super::super::kernel::TaskFact;
use super::super::mock::Mock;
use super::super::tracepoints;
use super::process::executed;
use super::{expect, extras, world, P};

fn with(arguments: &[u64], tracepoint: fn(&mut Mock)) -> Mock {
    let mut mock = world();
    mock.arguments[..arguments.len()].copy_from_slice(arguments);
    tracepoint(&mut mock);
    mock
}

#[test]
fn a_successful_exec_tells_the_new_program() {
    expect("exec", &with(&[], tracepoints::exec), &executed());
    let mut mock = Mock { paths: true, ..world() };
    tracepoints::exec(&mut mock);
    assert_eq!(extras(&mock), [(1, "/usr/bin/cat".into()), (4, "/home".into())]);
}

#[test]
fn an_end_tells_how_it_came() {
    for (status, ret, signal, core) in [
        (0, 0, 0, 0),
        (0x100, 1, 0, 0),
        (0xff00, 255, 0, 0),
        (9, 0, 9, 0),
        (0x8b, 0, 11, 1),
        (0x137f, 19, 0, 0),
    ] {
        let mut mock = world();
        mock.task.insert(TaskFact::ExitCode, status);
        tracepoints::exit(&mut mock);
        let status = status as i64;
        expect("exit", &mock, &[P::I64(status), P::I64(ret), P::U8(signal), P::U8(core), P::I64(1)]);
    }
    let mut mock = world();
    mock.task.insert(TaskFact::Reaper, u64::MAX);
    tracepoints::exit(&mut mock);
    expect("an unknown reaper", &mock, &[P::I64(0), P::I64(0), P::U8(0), P::U8(0), P::I64(-1)]);
}

#[test]
fn signals_tell_the_sender_if_there_is_one() {
    for (signal, code, sender) in [
        (9, 0, 77),
        (9, 0x80, 77),
        (15, 0, 77),
        (15, -6, 77),
        (15, 0x80, 0),
        (2, 0x80, 0),
        (17, 1, 77),
        (34, -1, 77),
        (64, -1, 77),
        (11, 1, 0),
        (11, 0, 0),
    ] {
        let mock = with(&[signal, 77, code as u64 & 0xffff_ffff], tracepoints::signal_deliver);
        expect("signal", &mock, &[P::I64(sender), P::I64(11), P::U8(signal as u8)]);
    }
}

#[test]
fn what_the_kernel_hands_over_is_recorded() {
    expect(
        "page fault",
        &with(&[0x1000, 0x2000, 0x17], tracepoints::page_fault),
        &[P::U64(0x1000), P::U64(0x2000), P::U32(0x95)],
    );
    expect(
        "switch",
        &with(&[13], tracepoints::switch),
        &[P::I64(13), P::U64(21), P::U64(22), P::U32(31), P::U32(32), P::U32(33)],
    );
    expect(
        "cgroup",
        &with(&[0, 0x1_0000_0001], tracepoints::cgroup),
        &[P::U32(0), P::U64(0x1_0000_0001), P::Text("/system.slice")],
    );
}
