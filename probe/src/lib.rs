// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What the drivers record and how: written once, for the kernel module, the eBPF probe and the agent.
//!
//! ```text
//! hook -> wanted? -> reserve -> extract -> commit      in the kernel, by a driver
//!                      |          |          |
//!                    wire       extract    wire        this crate
//! ```
//!
//! Three compilers build it: cargo, the kernel's own rustc (which takes the two modules by `#[path]`), and rustc for BPF.
//! So there is no `crate::` path, no dependency, no allocation, no `unsafe`, and nothing that can panic.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod extract;
pub mod wire;
