// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What the probe knows of the running kernel: constants that the agent sets before it loads the object. They lie in frozen memory, so
//! the verifier takes them for numbers that it knows, and leaves out code for what a kernel does not have.

include!("layout_table.rs");

/// A constant. 8 bytes, so that addresses fit too.
#[repr(transparent)]
pub struct Constant(u64);

/// The value of what the kernel does not have.
pub const ABSENT: u64 = u64::MAX;

macro_rules! constants {
    ($($name:ident $kind:ident $($detail:literal)*;)*) => {
        $(#[no_mangle] pub static $name: Constant = Constant(ABSENT);)*
    };
}

kernel_layout!(constants);

/// The value of a constant. The compiler must not take it for the one that stands here.
#[inline(always)]
pub fn constant(constant: &'static Constant) -> u64 {
    super::access::load(core::ptr::from_ref(constant).cast(), 0)
}

/// Whether the kernel does not have it.
#[inline(always)]
pub fn is_absent(of: &'static Constant) -> bool {
    constant(of) == ABSENT
}
