// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! A program for each row of the table of system calls that has an extractor: each is verified for itself, so that one that a kernel
//! refuses is missing alone. And what the table says of each code, as arrays.

use crate::extract::{
    calls, credentials, descriptors, files, io, ipc, memory, messages, network, open, process, system,
    wait,
};
use crate::wire::event;

use crate::call::Call;

/// Makes the program of a row; rows without an extractor of their own need none.
macro_rules! program {
    ($name:ident $text:literal calls::generic) => {};
    // These have programs of their own, in `tracepoints.rs`.
    ($name:ident $text:literal tracepoints::$extractor:ident) => {};
    ($name:ident $text:literal $($extractor:ident)::+) => {
        #[allow(non_snake_case)]
        mod $name {
            use super::*;

            #[export_name = $text]
            #[link_section = "tracepoint"]
            extern "C" fn program(context: *const u8) -> i32 {
                if let Some(mut call) = Call::resume(context) {
                    $($extractor)::+(&mut call);
                    calls::finish(&mut call);
                    call.commit();
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

/// The event of a call, and the counter that tells of its loss.
#[inline(always)]
pub fn event_of(code: u16) -> (u16, usize) {
    let event = EVENTS.get(usize::from(code)).copied().unwrap_or(event::GENERIC_X);
    let loss = LOSSES.get(usize::from(code)).copied().unwrap_or(0);
    (event, usize::from(loss))
}
