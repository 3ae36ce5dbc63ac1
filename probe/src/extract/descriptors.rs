// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that make, copy and close descriptors.

use super::kernel::Kernel;

/// `close`: res, fd.
#[inline(always)]
pub fn close<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
}
