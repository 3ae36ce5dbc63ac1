// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The programs: one for each tracepoint, and one for each extractor, which the one at the end of system calls goes on in.

mod extractors;
mod io_uring;
mod sys_exit;
mod tracepoints;

use core::mem::offset_of;

use crate::wire::control::Interest;

use crate::access::load;
use crate::helpers::get_current_ancestor_cgroup_id;
use crate::maps::INTEREST;

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
