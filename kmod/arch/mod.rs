// SPDX-License-Identifier: GPL-2.0
//! What depends on the architecture: a file an architecture, each with the same functions.

#[cfg(target_arch = "x86_64")]
mod x86_64;
#[cfg(target_arch = "x86_64")]
pub(crate) use x86_64::*;
