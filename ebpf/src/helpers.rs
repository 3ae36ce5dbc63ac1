// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The kernel's BPF helpers that the probe calls, as safe functions. A helper is called by its number (`include/uapi/linux/bpf.h`).

use core::ffi::c_void;
use core::mem::transmute;
use core::ptr::addr_of;

use crate::maps::Map;

/// Makes functions that call helpers: `NUMBER name(argument: type, …) -> type;`.
macro_rules! helpers {
    ($($(#[$doc:meta])* $number:literal $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        $($(#[$doc])*
        #[inline(always)]
        pub fn $name($($argument: $type),*) -> $result {
            // SAFETY: the compiler emits a call of that number, and the loader takes the number for a helper.
            let helper = unsafe { transmute::<usize, extern "C" fn($($type),*) -> $result>($number) };
            helper($($argument),*)
        })*
    };
}

helpers! {
    /// The address of the value with a key, or null.
    1 map_lookup_elem(map: *const c_void, key: *const u32) -> *mut u8;
    /// Puts a value under a key; with no flags over what is there.
    2 map_update_elem(map: *const c_void, key: *const u64, value: *const u8, flags: u64) -> i64;
    /// Removes a key.
    3 map_delete_elem(map: *const c_void, key: *const u64) -> i64;
    /// The CPU.
    8 get_smp_processor_id() -> u32;
    /// Goes on in another program and does not come back, unless there is none in that place.
    12 tail_call_to(context: *const u8, map: *const c_void, index: u32) -> i64;
    /// Thread group id in the upper half, thread id in the lower, both of the initial pid namespace.
    14 get_current_pid_tgid() -> u64;
    /// The address of the current task, as a number.
    35 get_current_task() -> u64;
    /// Id of the current task's cgroup, version 2.
    80 get_current_cgroup_id() -> u64;
    /// Reads user memory without sleeping.
    112 probe_read_user(to: *mut u8, size: u32, from: u64) -> i64;
    /// Reads kernel memory; an address that is none gives an error.
    113 probe_read_kernel(to: *mut u8, size: u32, from: u64) -> i64;
    /// Reads user text with its NUL; gives its length.
    114 probe_read_user_str(to: *mut u8, size: u32, from: u64) -> i64;
    /// As [`probe_read_user_str`], of kernel memory.
    115 probe_read_kernel_str(to: *mut u8, size: u32, from: u64) -> i64;
    /// Id of the ancestor of the current task's cgroup (version 2) at a depth, 0 if it is not that deep.
    123 get_current_ancestor_cgroup_id(level: i32) -> u64;
    /// Nanoseconds since boot.
    125 ktime_get_boot_ns() -> u64;
    /// The current task; the verifier knows the type.
    158 get_current_task_btf() -> *const u8;
    /// The registers that a task came into the kernel with; the verifier knows the type.
    175 task_pt_regs(task: *const u8) -> *const u8;
    /// Calls a function a number of times, or until it gives 1.
    181 loop_calls(times: u32, step: extern "C" fn(u32, *mut c_void) -> i64, context: *mut c_void, flags: u64) -> i64;
}

/// The value of an array with an index; null beyond its end.
#[inline(always)]
pub fn lookup(map: &'static Map, index: u32) -> *mut u8 {
    map_lookup_elem(addr_of!(*map).cast(), &index)
}

/// The value of a hash with a key of 8 bytes; null if there is none.
#[inline(always)]
pub fn lookup_by(map: &'static Map, key: &u64) -> *mut u8 {
    map_lookup_elem(addr_of!(*map).cast(), core::ptr::from_ref(key).cast())
}

/// Keeps a value, of the size of the map's, under a key.
#[inline(always)]
pub fn keep(map: &'static Map, key: &u64, value: *const u8) {
    map_update_elem(addr_of!(*map).cast(), key, value, 0);
}

/// Removes a key.
#[inline(always)]
pub fn forget(map: &'static Map, key: &u64) {
    map_delete_elem(addr_of!(*map).cast(), key);
}

/// Goes on in the program at a place of a program array. Comes back only if there is none.
#[inline(always)]
pub fn tail_call(context: *const u8, map: &'static Map, index: u32) {
    tail_call_to(context, addr_of!(*map).cast(), index);
}
