// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! aarch64: 64-bit calls only. Untried.

use crate::extract::arch::{aarch64, code_of};

use crate::access::load;

/// The codes of native calls by their number.
pub use crate::extract::arch::aarch64::NATIVE as NATIVE_CALLS;

/// Puts a value in a word after everything that was written before.
#[inline(always)]
pub fn store_release<const OFFSET: usize>(base: *mut u8, value: u64) {
    // BPF has no store with release before Linux 6.14; a swap is a full barrier.
    super::swap::<OFFSET>(base, value);
}

/// A system call as the task made it.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its number.
    pub number: u64,
    /// Always 0: there is one ABI.
    pub flags: u32,
}

impl Entry {
    /// Whether pointers and `long`s have 32 bits.
    #[inline(always)]
    pub fn is_compat(self) -> bool {
        false
    }

    /// The code of the call.
    #[inline(always)]
    pub fn code(self) -> u16 {
        code_of(&aarch64::NATIVE, self.number as usize)
    }
}

/// Tells by which entry a number came.
#[inline(always)]
pub fn entry(_task: *const u8, number: u64) -> Entry {
    Entry { number, flags: 0 }
}

/// Offset of `syscallno` in `struct pt_regs`.
const NUMBER: usize = 280;

/// The number of the call that the registers are of; negative if they are of none. As `syscall_get_nr`.
#[inline(always)]
pub fn number(registers: *const u8) -> u64 {
    i64::from(load::<i32>(registers, NUMBER)) as u64
}

/// Offsets in `struct user_pt_regs`: the first argument is overwritten by the result, and kept in `orig_x0`.
const ARGUMENTS: [usize; 6] = [272, 8, 16, 24, 32, 40];

/// An argument of a call.
#[inline(always)]
pub fn argument(registers: *const u8, index: usize) -> u64 {
    ARGUMENTS.get(index).map_or(0, |offset| load(registers, *offset))
}

/// Copies the arguments of a call of another ABI, which is not to be had here.
#[inline(always)]
pub fn keep_foreign_arguments(_page: *mut u8, _registers: *const u8, _flags: u32) {}

/// The two arguments of `socketcall`, which is not to be had here.
#[inline(always)]
pub fn socketcall_arguments(_registers: *const u8) -> [u32; 2] {
    [0, 0]
}
