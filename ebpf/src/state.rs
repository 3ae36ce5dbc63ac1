// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The state of the record in the making: in the driver's part of the producer's page, where the verifier forgets values and every
//! program of the call finds them again. The reader never looks there.

use core::mem::offset_of;

use crate::wire::record::offset as header;
use crate::wire::ring;

use crate::access::{load, store};

/// What is kept while a record is made, and a little between records.
#[repr(C)]
pub struct State {
    /// Bytes of the payload so far.
    pub at: u64,
    /// Where the parameter begins that is being written.
    pub start: u64,
    /// Parameters of the schema so far, and extras, by [`PARAMETER`] and [`EXTRA`].
    pub counts: u64,
    /// The record's flags so far.
    pub flags: u64,
    /// [`crate::wire::record::PARAMETER_TRUNCATED`] if the parameter that is being written is cut.
    pub truncated: u64,
    /// The arguments of the call; of native ones the first (`arch::ARGUMENTS_KEPT`), and the rest is where it was.
    pub arguments: [u64; 6],
    /// What the call returned.
    pub result: i64,
    /// Bytes of a pointer or a `long` in the call.
    pub word_size: u64,
    /// Which message of the call is recorded.
    pub message: u64,
    /// What was handed through memory ([`crate::extract::Kernel::forget`]).
    pub forgotten: u64,
    /// The code of the call.
    pub code: u64,
    /// The number of the call.
    pub number: u64,
    /// Of a request to io_uring the file that it works on, which may stand in a table of the ring's own.
    pub request_file: u64,
    /// What is still to be told of where names lead ([`crate::extract::paths::Places`]): the address of the file or 0.
    pub place_file: u64,
    /// The directories that names start from.
    pub place_start: u64,
    pub place_second_start: u64,
    /// Whether the working directory is told.
    pub place_working_directory: u64,
    /// The reader's tail, as it was when last asked.
    pub tail: u64,
}

/// One parameter, and one extra, in [`State::counts`]: as the bytes stand in the record's header.
pub const PARAMETER: u64 = 1;
pub const EXTRA: u64 = 1 << 8;

const _: () = assert!(header::EXTRAS == header::PARAMETERS + 1);
const _: () = assert!(ring::offset::DRIVER + size_of::<State>() <= ring::PAGE_SIZE);

/// Where a field of the state is in the producer's page.
macro_rules! field {
    ($field:ident) => {
        crate::wire::ring::offset::DRIVER + core::mem::offset_of!(crate::state::State, $field)
    };
}
pub(crate) use field;

/// Reads a field.
macro_rules! get {
    ($page:expr, $field:ident) => {
        crate::access::load::<u64>($page, crate::state::field!($field))
    };
}
pub(crate) use get;

/// Writes a field.
macro_rules! set {
    ($page:expr, $field:ident, $value:expr) => {
        crate::access::store::<u64>($page, crate::state::field!($field), $value)
    };
}
pub(crate) use set;

/// Argument `index` of the call; the last one if there are not so many.
#[inline(always)]
pub fn argument(page: *const u8, index: usize) -> u64 {
    load(page, argument_offset(index))
}

/// Sets an argument.
#[inline(always)]
pub fn set_argument(page: *mut u8, index: usize, value: u64) {
    store(page, argument_offset(index), value);
}

#[inline(always)]
fn argument_offset(index: usize) -> usize {
    let index = if index < 6 { index } else { 5 };
    ring::offset::DRIVER + offset_of!(State, arguments) + index * 8
}
