// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What depends on the architecture: which number each system call has. A file an architecture.

use super::calls::code;

pub mod aarch64;
pub mod x86_64;

#[cfg(target_arch = "aarch64")]
pub use aarch64 as native;
#[cfg(not(target_arch = "aarch64"))]
pub use x86_64 as native;

/// How many numbers a table has room for.
pub const NUMBERS: usize = super::super::wire::control::BITMAP_BITS;

/// A table from the numbers of one entry of the kernel to codes; 0 (`unknown`) where there is no code.
pub type Numbers = [u16; NUMBERS];

/// Makes a table of its rows: `NUMBER CODE;`.
macro_rules! numbers {
    ($($number:literal $name:ident;)*) => {{
        let mut table = [super::super::calls::code::UNKNOWN; super::NUMBERS];
        $(table[$number] = super::super::calls::code::$name;)*
        table
    }};
}
pub(crate) use numbers;

/// The code of a call by its number in a table.
#[inline(always)]
pub fn code_of(table: &Numbers, number: usize) -> u16 {
    table.get(number).copied().unwrap_or(code::UNKNOWN)
}
