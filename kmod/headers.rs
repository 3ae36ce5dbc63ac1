// SPDX-License-Identifier: GPL-2.0
//! The kernel's structures and functions as bindgen found them in `headers.h`, for what the `kernel` crate does not bind.

#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    dead_code
)]
#![allow(improper_ctypes, unsafe_op_in_unsafe_fn, unknown_lints, unnecessary_transmutes)]
#![allow(clippy::all, clippy::undocumented_unsafe_blocks)]

include!(env!("SAKER_HEADERS"));
