// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What goes into the record of each system call and tracepoint: the extractors, written once, over what a driver offers
//! ([`Kernel`]).
//!
//! [`calls`] is the table: a row for each system call, with its event and its extractor. The extractors stand in files by
//! subject. Each writes the parameters of its event in the order of the schema, then extras.

pub mod addresses;
pub mod arch;
pub mod calls;
pub mod credentials;
pub mod descriptors;
pub mod files;
pub mod flags;
pub mod io;
pub mod io_uring;
pub mod ipc;
pub mod kernel;
pub mod memory;
pub mod messages;
pub mod network;
pub mod open;
pub mod paths;
pub mod process;
pub mod system;
pub mod tracepoints;
pub mod wait;

pub use kernel::Kernel;

#[cfg(all(test, not(loom)))]
mod mock;
#[cfg(all(test, not(loom)))]
mod tests;
