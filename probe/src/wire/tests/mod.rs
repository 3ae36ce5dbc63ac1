// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Tests of what crosses the border of the kernel as a whole: that it stays as it is written down, and that the ring keeps its
//! promises under every interleaving.

#[cfg(not(loom))]
mod abi;
#[cfg(loom)]
mod loom_ring;
