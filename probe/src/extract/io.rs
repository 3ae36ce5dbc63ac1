// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that read and write data.

use super::kernel::Kernel;

/// `read`: res, data, fd, size.
#[inline(always)]
pub fn read<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let got = kernel.return_value();
    data(kernel, 1, if got > 0 { got as u64 } else { 0 });
    kernel.put_fd_argument(0);
    kernel.put_u32(kernel.u32_argument(2));
}

/// `write`: res, data, fd, size. What a failed call wanted to write is told too.
#[inline(always)]
pub fn write<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let written = kernel.return_value();
    let length = if written > 0 { written as u64 } else { kernel.argument(2) };
    data(kernel, 1, length);
    kernel.put_fd_argument(0);
    kernel.put_u32(kernel.u32_argument(2));
}

/// The beginning of a buffer that is an argument.
#[inline(always)]
fn data<K: Kernel>(kernel: &mut K, argument: usize, length: u64) {
    let limit = kernel.snaplen();
    let cut = length > u64::from(limit);
    let recorded = if cut { limit } else { length as u32 };
    kernel.begin();
    if recorded > 0 && kernel.add_user_bytes(kernel.argument(argument), recorded) && cut {
        kernel.mark_truncated();
    }
    kernel.end();
}
