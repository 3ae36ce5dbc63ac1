// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What depends on the architecture: where registers lie, and how memory is ordered. A file an architecture; the build says which by
//! `--cfg saker_arch="…"`, since to the compiler the architecture is `bpf`.

use core::arch::asm;

#[cfg(saker_arch = "aarch64")]
mod aarch64;
#[cfg(saker_arch = "x86_64")]
mod x86_64;

#[cfg(saker_arch = "aarch64")]
pub use aarch64::*;
#[cfg(saker_arch = "x86_64")]
pub use x86_64::*;

/// How many arguments of a native call are kept in the state. The others are taken from its registers when an extractor asks.
pub const ARGUMENTS_KEPT: usize = 3;

/// Puts a value in a word and gives what was there, as one step and with a full barrier.
#[inline(always)]
pub fn swap<const OFFSET: usize>(base: *mut u8, value: u64) -> u64 {
    let mut swapped = value;
    // SAFETY: the verifier proves that the word is there, as for every access.
    unsafe {
        asm!("{value} = xchg_64({base} + {offset}, {value})",
            value = inout(reg) swapped, base = in(reg) base, offset = const OFFSET, options(nostack));
    }
    swapped
}

/// Bitwise and, by an instruction that the compiler cannot see through: see [`super::access::masked`].
#[inline(always)]
pub fn and(value: u64, mask: u64) -> u64 {
    let mut result = value;
    // SAFETY: changes one register.
    unsafe {
        asm!("{value} &= {mask}", value = inout(reg) result, mask = in(reg) mask, options(pure, nomem, nostack));
    }
    result
}
