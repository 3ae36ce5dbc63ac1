// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Loads and stores, in the form that the verifier can follow.

use core::arch::asm;

use crate::helpers::{probe_read_kernel, probe_read_user};

/// A number of so many bits, by an instruction that the compiler cannot see through: it would leave out what it can prove
/// itself, and the verifier could not prove it again.
#[inline(always)]
pub fn masked<const MASK: u32>(value: u64) -> u64 {
    let mut bounded = value;
    // SAFETY: changes one register.
    unsafe { asm!("{value} &= {mask}", value = inout(reg) bounded, mask = const MASK, options(pure, nomem, nostack)) };
    bounded
}

/// A number that the compiler knows nothing of, though the verifier does. Keeps a loop as it is written: else the compiler counts
/// down from the smaller of two bounds, and old verifiers do not see that this ends.
#[inline(always)]
pub fn opaque(value: u64) -> u64 {
    let mut same = value;
    // SAFETY: does nothing.
    unsafe { asm!("/* {value} */", value = inout(reg) same, options(pure, nomem, nostack)) };
    same
}

/// What is at an offset. Volatile: so it happens once, there, with the width of the type.
#[inline(always)]
pub fn load<T: Copy>(base: *const u8, offset: usize) -> T {
    // SAFETY: no program loads in which the verifier cannot prove this access. It also need not be aligned there: BPF has no
    // alignment of its own, and the kernels that need one refuse the program.
    unsafe { base.wrapping_add(offset).cast::<T>().read_volatile() }
}

/// Puts something at an offset. As [`load`].
#[inline(always)]
pub fn store<T: Copy>(base: *mut u8, offset: usize, value: T) {
    // SAFETY: as in `load`.
    unsafe { base.wrapping_add(offset).cast::<T>().write_volatile(value) }
}

/// A field of a tracepoint. Only offsets that stand in the program itself can be loaded from there, so this asks a helper.
#[inline(always)]
pub fn field_of<T: Copy + Default>(context: *const u8, field: &'static crate::layout::Constant) -> T {
    kernel_or_0((context as u64).wrapping_add(crate::layout::constant(field)))
}

/// A number in kernel memory, at any address; `None` if there is nothing.
#[inline(always)]
pub fn kernel<T: Copy + Default>(address: u64) -> Option<T> {
    let mut value = T::default();
    let to = core::ptr::from_mut(&mut value).cast();
    (probe_read_kernel(to, size_of::<T>() as u32, address) == 0).then_some(value)
}

/// As [`kernel`], 0 if there is nothing.
#[inline(always)]
pub fn kernel_or_0<T: Copy + Default>(address: u64) -> T {
    // The helper clears what it cannot fill.
    let mut value = T::default();
    probe_read_kernel(core::ptr::from_mut(&mut value).cast(), size_of::<T>() as u32, address);
    value
}

/// A number of `size` bytes, 4 or 8, in user memory; `None` if it is not there. One call for both: a branch in each turn of a loop
/// would double what there is to verify.
#[inline(always)]
pub fn user_word(address: u64, size: u64) -> Option<u64> {
    // Room for what the mask lets through.
    let mut words = [0u64; 2];
    let read = probe_read_user(words.as_mut_ptr().cast(), masked::<0xf>(size) as u32, address) == 0;
    read.then_some(words[0])
}

/// A number in user memory; `None` if it is not there.
#[inline(always)]
pub fn user<T: Copy + Default>(address: u64) -> Option<T> {
    let mut value = T::default();
    let to = core::ptr::from_mut(&mut value).cast();
    (probe_read_user(to, size_of::<T>() as u32, address) == 0).then_some(value)
}
