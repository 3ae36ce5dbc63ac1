// SPDX-License-Identifier: GPL-2.0
//! The cgroups of tasks.

use crate::alive::{get, Alive};
use crate::headers::{self, cgroup, css_set, kernfs_node, task_struct};
use crate::wire::control::Interest;

/// The cgroup of a task in the version 2 hierarchy.
#[inline(always)]
pub(crate) fn of_task(task: Alive<task_struct>) -> Alive<cgroup> {
    // SAFETY: never null, and sets of cgroups are freed by RCU.
    let set: Alive<css_set> = unsafe { Alive::new(get!(task, cgroups)).unwrap_unchecked() };
    // SAFETY: never null, and a set keeps its cgroups.
    unsafe { Alive::new(get!(set, dfl_cgrp)).unwrap_unchecked() }
}

/// The id of a task's cgroup in the version 2 hierarchy.
#[inline(always)]
pub(crate) fn id_of_task(task: Alive<task_struct>) -> u64 {
    id_of(of_task(task))
}

/// The id of a cgroup.
#[inline(always)]
pub(crate) fn id_of(of: Alive<cgroup>) -> u64 {
    // SAFETY: never null, and a cgroup keeps its directory.
    let directory = unsafe { Alive::<kernfs_node>::new(get!(of, kn)).unwrap_unchecked() };
    get!(directory, id)
}

/// The id of the hierarchy that a cgroup is in.
pub(crate) fn hierarchy_of(of: Alive<cgroup>) -> u64 {
    // SAFETY: a cgroup keeps its root.
    let root = unsafe { Alive::<headers::cgroup_root>::new(get!(of, root)) };
    root.map_or(0, |root| get!(root, hierarchy_id) as u64)
}

/// The id of a task's cgroup in the hierarchy that the consumer wants ([`Interest`]).
#[inline(always)]
pub(crate) fn id_in_hierarchy(task: Alive<task_struct>, interest: &Interest) -> u64 {
    if interest.cgroup_hierarchy == 0 {
        id_of_task(task)
    } else {
        controller_cgroup_id(task, interest)
    }
}

#[inline(never)]
fn controller_cgroup_id(task: Alive<task_struct>, interest: &Interest) -> u64 {
    let controller = interest.cgroup_hierarchy.wrapping_sub(1);
    // SAFETY: sets of cgroups are freed by RCU.
    let Some(set) = (unsafe { Alive::<css_set>::new(get!(task, cgroups)) }) else { return 0 };
    let states = get!(set, subsys);
    let Some(state) = states.get(controller as usize) else { return 0 };
    // SAFETY: a set keeps the states of its controllers.
    let Some(state) = (unsafe { Alive::<headers::cgroup_subsys_state>::new(*state) }) else { return 0 };
    // SAFETY: a state keeps its cgroup.
    unsafe { Alive::new(get!(state, cgroup)) }.map_or(0, id_of)
}

/// Whether a task is in a cgroup, given by its id and depth, or below it.
#[inline(always)]
pub(crate) fn contains(task: Alive<task_struct>, id: u64, level: u32) -> bool {
    let own = of_task(task);
    if level > get!(own, level) as u32 {
        return false;
    }
    // SAFETY: `ancestors` has as many elements as the cgroup is deep, and one.
    let ancestors: *const *const cgroup = unsafe { own.field(headers::OFFSET_CGROUP_ANCESTORS) };
    // SAFETY: `level` is not deeper than the cgroup.
    let ancestor = unsafe { ancestors.wrapping_add(level as usize).read_volatile() };
    // SAFETY: a cgroup keeps its ancestors.
    unsafe { Alive::new(ancestor) }.is_some_and(|ancestor| id_of(ancestor) == id)
}
