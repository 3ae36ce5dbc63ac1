// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What is asked of every extractor, whatever the call: as many parameters as its event has, and no panic.

use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;

use super::super::arch::native::NATIVE;
use super::super::calls::{self, code, generic_parameters, records, CALLS, RECORDS_MAX};
use super::super::mock::Mock;
use super::{call, expect, extras, run, world, DATA, NOWHERE, P, PATH};
use crate::records;
use crate::wire::event::{GENERIC_X, RECORDED};
use crate::wire::record::Header;

/// How many parameters the record of a call has: as many as its event, unless the header says all.
fn parameters(code: u16, compat: bool) -> usize {
    let event = calls::event_of(code);
    if event == GENERIC_X && !compat {
        return 0;
    }
    let (_, _, count) = RECORDED.iter().find(|(id, ..)| *id == event).expect("an event that is recorded");
    usize::from(*count)
}

#[test]
fn each_event_of_the_schema_has_a_call_or_a_tracepoint() {
    let made: Vec<u16> = CALLS.iter().map(|call| call.event).collect();
    for (id, name, _) in RECORDED {
        assert!(made.contains(id), "nothing makes {name}");
    }
}

#[test]
fn every_call_writes_the_parameters_of_its_event() {
    let arguments: [[u64; 6]; 5] =
        [[0; 6], [u64::MAX; 6], [NOWHERE; 6], [PATH; 6], [7, DATA, 12, 1, DATA, DATA]];
    let calls = CALLS.iter().enumerate().filter(|(_, call)| call.event != GENERIC_X);
    for (code, row) in calls.chain([(usize::from(code::GETPID), &CALLS[usize::from(code::GETPID)])]) {
        for arguments in arguments {
            for result in [0, 3, 7, -1, -115, i64::MIN, i64::MAX] {
                for (compat, number) in [(false, 0), (true, 90), (true, 300), (true, 414)] {
                    let call = (code as u16, number);
                    let mut mock = Mock { arguments, result, compat, call, ..world() };
                    mock.paths = true;
                    mock.credentials = true;
                    let readable = run(mock.clone()).parameters.len();
                    mock.memory.clear();
                    mock.files.clear();
                    mock.sockets.clear();
                    mock.executable = None;
                    mock.working_directory = None;
                    let unreadable = run(mock).parameters.len();
                    let expected = parameters(code as u16, compat);
                    let what = std::format!("{}({arguments:x?}) = {result}", row.name);
                    assert_eq!((readable, unreadable), (expected, expected), "{what}");
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn no_arguments_and_no_memory_make_an_extractor_panic(
        code in 0..calls::COUNT as u16,
        number in 0u16..640,
        arguments: [u64; 6],
        near in 0u64..64,
        result in prop_oneof![-200i64..200, any::<i64>()],
        compat: bool,
        message in 0u32..3,
        snaplen in 0u32..=16_384,
        memory in proptest::collection::vec(any::<u8>(), 0..600),
    ) {
        let mut mock = Mock { arguments, result, compat, message, snaplen, call: (code, number), ..world() };
        mock.paths = true;
        // Pointers to what is there, in every second argument.
        for argument in mock.arguments.iter_mut().step_by(2) {
            *argument = 0x4000 + near;
        }
        mock.arguments[1] = 0x4000;
        mock.memory = BTreeMap::from([(0x4000, memory)]);
        prop_assert_eq!(run(mock).parameters.len(), parameters(code, compat));
    }
}

#[test]
fn a_call_without_an_event_tells_code_and_number() {
    let mut mock = Mock { compat: true, ..call("getpid", &[], 10) };
    mock.call.1 = 20;
    expect("a number of the 32-bit table", &run(mock), &[P::U16(16), P::U16(20)]);
    let mut mock = Mock { compat: true, ..call("unknown", &[], 10) };
    mock.call = (u16::MAX, 999);
    expect("a code beyond the table", &run(mock), &[P::U16(u16::MAX), P::U16(999)]);
    let mut mock = call("getpid", &[], 10);
    mock.call.1 = 39;
    expect("a number of the native table says all", &run(mock), &[]);
    let number = NATIVE.iter().position(|code| *code == code::GETPID).unwrap() as u16;
    let header = Header { event: GENERIC_X, syscall: number, ..Header::default() };
    assert_eq!(generic_parameters(&header), Some([16u16.to_le_bytes(), number.to_le_bytes()]));
    let header = Header { syscall: u16::MAX, ..header };
    assert_eq!(generic_parameters(&header), Some([0u16.to_le_bytes(), u16::MAX.to_le_bytes()]));
    assert_eq!(generic_parameters(&Header { parameters: 2, ..header }), None);
    assert_eq!(generic_parameters(&Header { event: 7, ..header }), None);
}

#[test]
fn calls_that_tell_their_result_only() {
    records! {
        setsid() = 10 => [P::I64(10)];
        setsid() = -1 => [P::I64(-1)];
        select(1, 2, 3, 4, 5) = 2 => [P::I64(2)];
        _newselect(1, 2, 3, 4, 5) = 2 => [P::I64(2)];
        munlockall() = 0 => [P::I64(0)];
        fstat64(3, 4) = 0 => [P::I64(0)];
        getsockname(7, 1, 2) = 0 => [];
        getpeername(7, 1, 2) = 0 => [];
    }
}

#[test]
fn credentials_go_with_any_record() {
    let mut mock = call("getpid", &[], 10);
    assert_eq!(run(mock.clone()).extras, []);
    mock.credentials = true;
    let mock = run(mock);
    let ids: [u32; 8] = [1000, 2000, 1001, 2001, 1002, 2002, 1003, 2003];
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    assert_eq!(mock.extras.len(), 1);
    assert_eq!(mock.extras[0].bytes, [&[5], &bytes[..]].concat());
    let mut mock = call("close", &[3], 0);
    mock.paths = true;
    assert_eq!(extras(&run(mock)), []);
}

#[test]
fn arrays_of_messages_make_a_record_each() {
    for (code, result, expected) in [
        (code::READ, 5, 1),
        (code::SENDMMSG, -1, 1),
        (code::SENDMMSG, 0, 1),
        (code::SENDMMSG, 3, 3),
        (code::RECVMMSG, 2, 2),
        (code::RECVMMSG, i64::MAX, RECORDS_MAX),
    ] {
        assert_eq!(records(code, result), expected, "{code} {result}");
    }
}
