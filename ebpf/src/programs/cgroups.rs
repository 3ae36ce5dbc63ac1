// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Cgroups that come, go, and take threads in. Whom they concern is not known here, so scope does not apply: they are rare.

use crate::extract::kernel::{Kernel, TaskText};
use crate::wire::event;

use crate::access::field_of;
use crate::layout::*;
use super::processes::begin;

/// match: include/trace/events/cgroup.h: DEFINE_EVENT(cgroup, cgroup_mkdir, TP_PROTO(struct cgroup *cgrp, const char *path))
#[no_mangle]
#[link_section = "tracepoint"]
extern "C" fn cgroup_mkdir(context: *const u8) -> i32 {
    made_or_removed(context, event::CGROUP_MKDIR);
    0
}

/// match: include/trace/events/cgroup.h: DEFINE_EVENT(cgroup, cgroup_rmdir, TP_PROTO(struct cgroup *cgrp, const char *path))
#[no_mangle]
#[link_section = "tracepoint"]
extern "C" fn cgroup_rmdir(context: *const u8) -> i32 {
    made_or_removed(context, event::CGROUP_RMDIR);
    0
}

/// Both tracepoints are of one class, with the same fields.
#[inline(always)]
fn made_or_removed(context: *const u8, event: u16) {
    let Some(mut call) = begin(context, event) else {
        return;
    };
    call.put_u32(field_of(context, &CGROUP_MKDIR_ROOT));
    call.put_u64(field_of(context, &CGROUP_MKDIR_ID));
    call.put_task_text(TaskText::CgroupPath);
    call.commit();
}

/// match: include/trace/events/cgroup.h: DECLARE_EVENT_CLASS(cgroup_migrate, TP_PROTO(struct cgroup *dst_cgrp, const char *path,
/// struct task_struct *task, bool threadgroup))
#[no_mangle]
#[link_section = "tracepoint"]
extern "C" fn cgroup_attach_task(context: *const u8) -> i32 {
    let Some(mut call) = begin(context, event::CGROUP_ATTACH) else {
        return 0;
    };
    call.put_u32(field_of(context, &CGROUP_ATTACH_ROOT));
    call.put_u64(field_of(context, &CGROUP_ATTACH_ID));
    call.put_u32(field_of(context, &CGROUP_ATTACH_PID));
    call.commit();
    0
}
