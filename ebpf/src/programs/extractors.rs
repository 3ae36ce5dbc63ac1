// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! A program for each row of the table of system calls that has an extractor: each is verified for itself, so that one that a kernel
//! refuses is missing alone. And what the table says of each code, as arrays.

use crate::extract::kernel::Kernel as _;
use crate::extract::{
    calls, credentials, descriptors, files, io, ipc, memory, messages, network, open, process, system,
    wait,
};
use crate::helpers::{self, tail_call};
use crate::layout::{constant, HAS_LOOP};
use crate::maps::{EXTRACTORS, PLACES};
use crate::ring::Ring;
use crate::state::{get, set};
use crate::wire::event;

use core::ffi::c_void;

use crate::call::{Call, Made, MADE};

/// Makes the program of a row; rows without an extractor of their own need none.
macro_rules! program {
    ($name:ident $text:literal calls::generic) => {};
    // These have programs of their own, in `tracepoints.rs`.
    ($name:ident $text:literal tracepoints::$extractor:ident) => {};
    // A record for each message: the kernel calls back for each, so that they are verified once.
    ($name:ident $text:literal messages::sendmmsg) => {
        program!(@messages $name $text sendmmsg);
    };
    ($name:ident $text:literal messages::recvmmsg) => {
        program!(@messages $name $text recvmmsg);
    };
    (@messages $name:ident $text:literal $extractor:ident) => {
        #[allow(non_snake_case)]
        mod $name {
            use super::*;

            #[export_name = $text]
            #[link_section = "tracepoint/calls"]
            extern "C" fn program(context: *const u8) -> i32 {
                if let Some(call) = Call::resume(context) {
                    record_messages(call, message);
                }
                0
            }

            extern "C" fn message(index: u32, _: *mut c_void) -> i64 {
                if let Some(mut call) = message_call(index) {
                    messages::$extractor(&mut call);
                    calls::finish(&mut call);
                    call.commit();
                }
                0
            }
        }
    };
    ($name:ident $text:literal $($extractor:ident)::+) => {
        #[allow(non_snake_case)]
        mod $name {
            use super::*;

            #[export_name = $text]
            #[link_section = "tracepoint/calls"]
            extern "C" fn program(context: *const u8) -> i32 {
                if let Some(mut call) = Call::resume(context) {
                    $($extractor)::+(&mut call);
                    call.finish();
                }
                0
            }
        }
    };
}

macro_rules! extractors {
    ($($code:literal $name:ident $text:literal $event:ident $($extractor:ident)::+;)*) => {
        $(program!($name $text $($extractor)::+);)*

        /// The event of each call.
        static EVENTS: [u16; calls::COUNT] = [$(event::$event),*];

        /// The counter of each call that finds the ring full.
        static LOSSES: [u8; calls::COUNT] = [$(event::full_counter(event::$event) as u8),*];
    };
}

crate::saker_system_calls!(extractors);

/// Writes what stands at the end of every record, which is the same for all calls and for that verified only once. [`Call::finish`] goes on here
/// if the agent asks for it.
#[no_mangle]
#[link_section = "tracepoint/calls"]
extern "C" fn put_credentials(context: *const u8) -> i32 {
    if let Some(mut call) = Call::resume(context) {
        calls::finish(&mut call);
        call.commit();
    }
    0
}

/// Writes where the names of a call lead, one place after the other: with a path the walk is most of what there is to verify. `Call::put_places`
/// goes on here.
#[no_mangle]
#[link_section = "tracepoint/calls"]
extern "C" fn put_places(context: *const u8) -> i32 {
    if let Some(mut call) = Call::resume(context) {
        if call.put_kept_place() {
            tail_call(context, &EXTRACTORS, PLACES);
        }
        call.finish();
    }
    0
}

/// Records each message of a call that carries several. The record of the first is begun.
#[inline(always)]
fn record_messages(call: Call, message: extern "C" fn(u32, *mut c_void) -> i64) {
    let messages = calls::records(call.code(), call.return_value());
    if constant(&HAS_LOOP) == 1 {
        helpers::loop_calls(messages, message, core::ptr::null_mut(), 0);
        return;
    }
    call.commit_unextracted(u64::from(messages));
}

/// The call, with the record of a message begun.
#[inline(always)]
fn message_call(index: u32) -> Option<Call> {
    let ring = Ring::of_this_cpu()?;
    let context = core::ptr::null();
    if index == 0 {
        return Some(Call { ring, record: ring.record(), context });
    }
    let made = Made {
        flags: get!(ring.page, flags) as u32 & MADE,
        word_size: get!(ring.page, word_size),
        code: get!(ring.page, code) as u16,
        number: get!(ring.page, number),
        result: get!(ring.page, result) as i64,
    };
    let task = helpers::get_current_task_btf();
    let record = ring.reserve(task, event_of(made.code), || loss_of(made.code), made.number as u16, made.result)?;
    let call = Call::begin(ring, record, context, made);
    set!(ring.page, message, u64::from(index));
    Some(call)
}

/// The event of a call.
#[inline(always)]
pub fn event_of(code: u16) -> u16 {
    EVENTS.get(usize::from(code)).copied().unwrap_or(event::GENERIC_X)
}

/// The counter of a call that finds the ring full.
#[inline(always)]
pub fn loss_of(code: u16) -> usize {
    LOSSES.get(usize::from(code)).map_or(0, |loss| usize::from(*loss))
}
