// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The programs: one for each tracepoint, and one for each extractor, which the one at the end of system calls goes on in.
//!
//! Those of calls are in a section of their own, `tracepoint/calls`. As it stands it says that they hang on classic tracepoints. On kernels
//! where raw ones lose nothing the agent renames it (`agent/src/capture/ebpf/tracepoint.rs`): they cost less. What a program is called
//! with then differs, which `RAW_CALLS` tells; all of them are of one type, since they share the programs that they go on in.

mod extractors;
mod io_uring;
mod sys_exit;
mod tracepoints;

use core::mem::offset_of;

use crate::wire::control::{option, Interest, BITMAP_WORDS};

use crate::access::{load, opaque};
use crate::helpers::get_current_ancestor_cgroup_id;
use crate::maps::{wants, INTEREST};

/// Whether the current task is one that the agent asks about. The first thing that every program does.
#[inline(always)]
fn in_scope() -> bool {
    let scope: u64 = load(INTEREST.address(), offset_of!(Interest, scope_cgroup));
    if scope == 0 {
        return true;
    }
    let level: u32 = load(INTEREST.address(), offset_of!(Interest, scope_level));
    get_current_ancestor_cgroup_id(level as i32) == scope
}

/// Whether the agent asks for a tracepoint. One that it asked for once stays attached.
#[inline(always)]
fn wants_tracepoint(bit: u32) -> bool {
    load::<u32>(INTEREST.address(), offset_of!(Interest, tracepoints)) & bit != 0
}

/// Whether a bit of one of the bitmaps is set: whether the agent asks for a call.
#[inline(always)]
fn is_asked(bitmap: usize, bit: u64) -> bool {
    // Opaque, or the two shifts become one, and the verifier loses that it is a multiple of eight.
    let word = opaque(bit >> 6);
    if word >= BITMAP_WORDS as u64 {
        return false;
    }
    let word: u64 = load(INTEREST.address().wrapping_add(word as usize * 8), bitmap);
    word >> (bit & 63) & 1 != 0
}

/// Whether the agent wants a call with this result: it may want none that failed.
#[inline(always)]
fn is_kept(result: i64) -> bool {
    result >= 0 || !wants(option::DROP_FAILED)
}
