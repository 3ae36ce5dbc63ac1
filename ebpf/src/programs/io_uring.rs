// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! io_uring: what a request asks is known when it is submitted, what became of it when it is complete. Between both the operation is
//! kept in a map; then it goes to the extractor of the call that it stands for ([`crate::extract::io_uring`]).
//!
//! A request that finds no room pushes out an old one; what has been pushed out is not recorded. Rings of 32-bit programs are read as
//! those of 64-bit ones: their structures in user memory are not told.

use core::mem::offset_of;

use crate::extract::calls::{self, generic};
use crate::extract::io_uring::{Operation, Submission};
use crate::wire::control::{tracepoint, Interest};
use crate::wire::event;
use crate::wire::record::{flag, offset as header};

use crate::access::{field_of, kernel, load, store};
use crate::arch;
use crate::call::{Call, Made};
use crate::helpers::{
    self, get_current_pid_tgid, get_current_task, get_current_task_btf, probe_read_kernel, tail_call,
};
use crate::layout::*;
use crate::maps::{EXTRACTORS, PENDING};
use crate::ring::Ring;
use crate::state::{set, set_argument};
use crate::task::{field, pointer};

use super::extractors::{event_of, loss_of};
use super::{in_scope, is_asked, is_kept, wants_tracepoint};

/// `IOSQE_CQE_SKIP_SUCCESS`: nothing is told if it succeeds.
const SKIP_SUCCESS: u8 = 1 << 6;
/// `IORING_SETUP_SQE128`: entries of twice the size.
const DOUBLE: u32 = 1 << 10;
/// `IORING_SETUP_NO_SQARRAY`: entries are taken in their order.
const NO_ARRAY: u32 = 1 << 16;
/// `PF_IO_WORKER`, `PF_USER_WORKER`: threads of the process that the kernel made for io_uring.
const IO_WORKER: u32 = 0x10;
const USER_WORKER: u32 = 0x4000;

/// An operation as it is kept: its arguments, then code and slot.
type Kept = [u64; 7];

/// match: include/trace/events/io_uring.h: TRACE_EVENT(io_uring_submit_req, TP_PROTO(struct io_kiocb *req)); io_uring_submit_sqe
/// before 6.3
#[no_mangle]
#[link_section = "tracepoint/calls"]
extern "C" fn on_io_uring_submit(context: *const u8) -> i32 {
    if in_scope() && wants_tracepoint(tracepoint::IO_URING) {
        submit(context, field_of(context, &URING_SUBMITTED));
    }
    0
}

/// match: include/trace/events/io_uring.h: TRACE_EVENT(io_uring_complete, …)
#[no_mangle]
#[link_section = "tracepoint/calls"]
extern "C" fn on_io_uring_complete(context: *const u8) -> i32 {
    if in_scope() && wants_tracepoint(tracepoint::IO_URING) {
        let request: u64 = field_of(context, &URING_COMPLETED);
        operate_kept(context, request, true);
    }
    0
}

/// Keeps what a request asks for, if the agent wants to know.
#[inline(always)]
fn submit(context: *const u8, request: u64) {
    let mut entry = [0u64; 8];
    if !read_entry(request, &mut entry) {
        return;
    }
    let submission = Submission {
        opcode: field(request, &URING_OPCODE),
        flags: (entry[0] >> 8) as u8,
        fd: (entry[0] >> 32) as i32,
        offset: entry[1],
        address: entry[2],
        length: entry[3] as u32,
        operation_flags: (entry[3] >> 32) as u32,
        file_index: (entry[5] >> 32) as u32,
        address3: entry[6],
    };
    let Some(operation) = submission.operation() else { return };
    if !is_asked(offset_of!(Interest, codes), u64::from(operation.code)) {
        return;
    }
    let [a, b, c, d, e, f] = operation.arguments;
    let kept: Kept = [a, b, c, d, e, f, u64::from(operation.code) | u64::from(operation.slot) << 32];
    helpers::keep(&PENDING, &request, kept.as_ptr().cast());
    if submission.flags & SKIP_SUCCESS != 0 {
        // Whether it fails is not known yet, and if it succeeds this is all that there is to see. Taken from where it is kept, since
        // the verifier goes through what follows once then, and not for each operation.
        operate_kept(context, request, false);
    }
}

/// Records the operation that is kept of a request, if there is one.
#[inline(always)]
fn operate_kept(context: *const u8, request: u64, complete: bool) {
    let kept = helpers::lookup_by(&PENDING, &request);
    if kept.is_null() {
        return;
    }
    let mut operation: Kept = [0; 7];
    for (index, word) in operation.iter_mut().enumerate() {
        *word = load(kept, index * 8);
    }
    helpers::forget(&PENDING, &request);
    let completion = if complete { Some(field(request, &URING_RESULT)) } else { None };
    operate(context, request, &operation, completion);
}

/// Reads the entry of the submission queue that the kernel took last. The program may change it at any time: what it says is claimed, as
/// arguments in user memory are.
#[inline(always)]
fn read_entry(request: u64, entry: &mut [u64; 8]) -> bool {
    let ring = pointer(request, &URING_RING);
    let entries: u32 = field(ring, &URING_ENTRIES);
    // The kernel has counted it up already.
    let mut at = field::<u32>(ring, &URING_HEAD).wrapping_sub(1) & entries.wrapping_sub(1);
    let flags: u32 = field(ring, &URING_FLAGS);
    if flags & NO_ARRAY == 0 {
        let places = pointer(ring, &URING_ARRAY);
        let Some(place) = kernel::<u32>(places.wrapping_add(u64::from(at) * 4)) else { return false };
        if place >= entries {
            return false;
        }
        at = place;
    }
    let double = if flags & DOUBLE != 0 { 1 } else { 0 };
    let address = pointer(ring, &URING_LIST).wrapping_add((u64::from(at) << double) * 64);
    probe_read_kernel(entry.as_mut_ptr().cast(), 64, address) == 0
}

/// Records an operation as the call that it stands for. Without a result it is one that will not be told.
#[inline(always)]
fn operate(context: *const u8, request: u64, kept: &Kept, completion: Option<i32>) {
    let [.., last] = *kept;
    let code = last as u16;
    let operation = Operation { code, arguments: [0; 6], slot: (last >> 32) as u32 };
    let result = match completion {
        Some(completion) => operation.result(completion),
        None => 0,
    };
    if !is_kept(result) {
        return;
    }
    let Some(ring) = Ring::of_this_cpu() else { return };
    let event = event_of(code);
    let number = number_of(code);
    let task = get_current_task_btf();
    let Some(record) = ring.reserve(task, event, || loss_of(code), number, result) else { return };
    let mut flags = flag::IO_URING;
    if completion.is_none() {
        flags |= flag::UNSUPPORTED;
    }
    let mut call = Call::begin(ring, record, context, Made { flags, word_size: 8, code, number: u64::from(number), result });
    set!(ring.page, request_file, pointer(request, &URING_FILE));
    for (index, argument) in kept.iter().take(6).enumerate() {
        set_argument(ring.page, index, *argument);
    }
    store(record, header::TID, requester(request));
    if event != event::GENERIC_X {
        tail_call(context, &EXTRACTORS, u32::from(code));
        // This kernel has refused the extractor.
        return call.commit_unextracted(1);
    }
    generic(&mut call);
    call.finish();
}

/// The thread whose request it is: this one, or the one that this one works for. Of a worker only the kernel has heard.
#[inline(always)]
fn requester(request: u64) -> u32 {
    let ids = get_current_pid_tgid();
    let flags: u32 = field(get_current_task(), &TASK_FLAGS);
    if flags & IO_WORKER != 0 {
        // Before 6.13 the request has the task itself, since then its side of io_uring.
        let task = if is_absent(&URING_SIDE) {
            pointer(request, &URING_TASK)
        } else {
            pointer(pointer(request, &URING_SIDE), &SIDE_TASK)
        };
        let tid: u32 = field(task, &TASK_PID);
        if tid != 0 {
            return tid;
        }
    }
    // The ring's own thread, which polls the submission queue, stands for its process.
    if flags & (IO_WORKER | USER_WORKER) != 0 {
        return (ids >> 32) as u32;
    }
    ids as u32
}

/// The native number of each call.
static NUMBERS: [u16; calls::COUNT] = numbers();

const fn numbers() -> [u16; calls::COUNT] {
    let mut numbers = [u16::MAX; calls::COUNT];
    let mut number = 0;
    while number < arch::NATIVE_CALLS.len() {
        let code = arch::NATIVE_CALLS[number] as usize;
        if code < calls::COUNT && numbers[code] == u16::MAX {
            numbers[code] = number as u16;
        }
        number += 1;
    }
    numbers
}

#[inline(always)]
fn number_of(code: u16) -> u16 {
    NUMBERS.get(usize::from(code)).copied().unwrap_or(u16::MAX)
}
