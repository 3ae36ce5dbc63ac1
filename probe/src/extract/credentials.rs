// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that ask for and change users, groups and capabilities, and the extra with the credentials that
//! any record can have.

use super::super::wire::record::Extra;
use super::flags::capabilities;
use super::kernel::{Kernel, TaskFact};

/// One number: `getuid`, `geteuid`, `getgid`, `getegid`.
#[inline(always)]
pub fn get<K: Kernel>(kernel: &mut K) {
    kernel.put_u32(kernel.return_value() as u32);
}

/// res, and one id: `setuid`, `setgid`.
#[inline(always)]
pub fn set<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_id_argument(0);
}

/// res, and two ids: `setreuid`, `setregid`.
#[inline(always)]
pub fn set_two<K: Kernel>(kernel: &mut K) {
    set(kernel);
    kernel.put_id_argument(1);
}

/// res, and three ids: `setresuid`, `setresgid`.
#[inline(always)]
pub fn set_three<K: Kernel>(kernel: &mut K) {
    set_two(kernel);
    kernel.put_id_argument(2);
}

/// res, and three ids from where the call wrote them: `getresuid`, `getresgid`.
#[inline(always)]
pub fn get_three<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_stored_id(kernel, 0);
    put_stored_id(kernel, 1);
    put_stored_id(kernel, 2);
}

/// `capset`: res, cap_inheritable, cap_permitted, cap_effective. What the task has after the call.
#[inline(always)]
pub fn capset<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_capabilities(kernel);
}

/// cap_inheritable, cap_permitted, cap_effective.
#[inline(always)]
pub fn put_capabilities<K: Kernel>(kernel: &mut K) {
    // Written out and not a loop over the facts: so each is a constant, and its one way to be found all that remains of it.
    let inheritable = kernel.task(TaskFact::CapInheritable);
    kernel.put_u64(capabilities(inheritable));
    let permitted = kernel.task(TaskFact::CapPermitted);
    kernel.put_u64(capabilities(permitted));
    let effective = kernel.task(TaskFact::CapEffective);
    kernel.put_u64(capabilities(effective));
}

/// The extra with all ids of the task.
#[inline(always)]
pub fn put_extra<K: Kernel>(kernel: &mut K) {
    kernel.begin();
    kernel.add_u8(Extra::Credentials as u8);
    add(kernel, TaskFact::Uid);
    add(kernel, TaskFact::Gid);
    add(kernel, TaskFact::Euid);
    add(kernel, TaskFact::Egid);
    add(kernel, TaskFact::Suid);
    add(kernel, TaskFact::Sgid);
    add(kernel, TaskFact::Fsuid);
    add(kernel, TaskFact::Fsgid);
    kernel.end_extra();
}

#[inline(always)]
fn add<K: Kernel>(kernel: &mut K, fact: TaskFact) {
    let id = kernel.task(fact);
    kernel.add_u32(id as u32);
}

/// The id at the address that is an argument; all ones if there is none.
#[inline(always)]
fn put_stored_id<K: Kernel>(kernel: &mut K, index: usize) {
    let address = kernel.argument(index);
    let id = if kernel.failed() {
        None
    } else if kernel.has_short_ids() {
        kernel.user_u16(address).map(u32::from)
    } else {
        kernel.user_u32(address)
    };
    kernel.put_u32(id.unwrap_or(u32::MAX));
}
