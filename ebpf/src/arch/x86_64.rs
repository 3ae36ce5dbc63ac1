// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! x86: three ways to call the kernel, and stores that are never reordered.

use core::arch::asm;

use crate::extract::arch::{code_of, x86_64};
use crate::wire::record::flag;

use crate::access::{load, store};
use crate::layout::{constant, ABSENT, TASK_STATUS};
use crate::state::set_argument;

/// The codes of native calls by their number.
pub use crate::extract::arch::x86_64::NATIVE as NATIVE_CALLS;

/// The call is one of the 32-bit table (`TS_COMPAT`, `arch/x86/include/asm/thread_info.h`).
const TS_COMPAT: u32 = 2;

/// Puts a value in a word after everything that was written before.
#[inline(always)]
pub fn store_release<const OFFSET: usize>(base: *mut u8, value: u64) {
    // A store is a release here; only the compiler must not move it.
    // SAFETY: does nothing; to the compiler it may have read all memory.
    unsafe { asm!("", options(nostack, preserves_flags)) };
    store(base, OFFSET, value);
}

/// A system call as the task made it.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Its number in the table of its ABI, without the bit of x32.
    pub number: u64,
    /// [`flag`] bits that tell the ABI.
    pub flags: u32,
}

impl Entry {
    /// Whether pointers and `long`s have 32 bits: in 32-bit calls, and in those x32 calls that 64-bit programs do not have.
    #[inline(always)]
    pub fn is_compat(self) -> bool {
        const X32_ONLY: u64 = 512;
        self.flags & flag::COMPAT != 0 || self.flags & flag::X32 != 0 && self.number >= X32_ONLY
    }

    /// The code of the call.
    #[inline(always)]
    pub fn code(self) -> u16 {
        let table = if self.flags & flag::COMPAT != 0 { &x86_64::COMPAT } else { &x86_64::NATIVE };
        code_of(table, self.number as usize)
    }
}

/// Tells by which entry a number came. `task` is the current task.
#[inline(always)]
pub fn entry(task: *const u8, number: u64) -> Entry {
    let status = constant(&TASK_STATUS);
    if status != ABSENT && load::<u32>(task, status as usize) & TS_COMPAT != 0 {
        return Entry { number, flags: flag::COMPAT };
    }
    if number & u64::from(x86_64::X32_BIT) != 0 {
        return Entry { number: number & !u64::from(x86_64::X32_BIT), flags: flag::X32 };
    }
    Entry { number, flags: 0 }
}

/// Offset of `orig_ax` in `struct pt_regs`.
const NUMBER: usize = 120;

/// The number of the call that the registers are of; negative if they are of none. As `syscall_get_nr`.
#[inline(always)]
pub fn number(registers: *const u8) -> u64 {
    i64::from(load::<i32>(registers, NUMBER)) as u64
}

/// Offsets in `struct pt_regs`, in the order of the arguments. Fixed by the ABI of ptrace.
const NATIVE_ARGUMENTS: [usize; 6] = [112, 104, 96, 56, 72, 64];
const COMPAT_ARGUMENTS: [usize; 6] = [40, 88, 96, 104, 112, 32];

/// An argument of a call with 64-bit registers.
#[inline(always)]
pub fn argument(registers: *const u8, index: usize) -> u64 {
    NATIVE_ARGUMENTS.get(index).map_or(0, |offset| load(registers, *offset))
}

/// Copies the arguments of a call of another ABI than the native one from its registers into the state.
#[inline(always)]
pub fn keep_foreign_arguments(page: *mut u8, registers: *const u8, flags: u32) {
    for index in 0..6 {
        let value = if flags & flag::COMPAT != 0 {
            u64::from(load::<u64>(registers, COMPAT_ARGUMENTS[index]) as u32)
        } else {
            argument(registers, index)
        };
        set_argument(page, index, value);
    }
}

/// The two arguments of `socketcall`, a 32-bit call.
#[inline(always)]
pub fn socketcall_arguments(registers: *const u8) -> [u32; 2] {
    let [first, second, ..] = COMPAT_ARGUMENTS;
    [load(registers, first), load(registers, second)]
}
