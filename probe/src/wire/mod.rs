// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What kernel and agent agree on: the layout of a record ([`record`]), the ids of events ([`event`]), the ring that
//! carries records ([`ring`]), and what the agent tells a driver ([`control`]).
//!
//! Every size, offset and number of it stands in `probe/abi.txt`. A test compares; a change raises [`ABI_VERSION`].

pub mod control;
pub mod event;
pub mod record;
pub mod ring;

/// The version of all that is in this module. A driver and an agent of different versions do not talk.
pub const ABI_VERSION: u32 = 4;

#[cfg(test)]
mod tests;
