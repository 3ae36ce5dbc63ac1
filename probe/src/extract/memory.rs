// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that change the address space.

use super::flags;
use super::kernel::{Kernel, TaskFact};

/// Number of the mmap of old 32-bit programs, whose arguments stand in memory.
const OLD_MMAP: u16 = 90;

/// `mmap`: res, vm_size, vm_rss, vm_swap, addr, length, prot, flags, fd, offset. Also `mmap2`, whose offset is in pages.
#[inline(always)]
pub fn mmap<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_usage(kernel);
    let stored = kernel.is_compat() && kernel.number() == OLD_MMAP;
    let address = argument(kernel, stored, 0);
    kernel.put_u64(address);
    let length = argument(kernel, stored, 1);
    kernel.put_u64(length);
    let protection = argument(kernel, stored, 2);
    kernel.put_u32(flags::protection(protection as u32));
    let kind = argument(kernel, stored, 3);
    kernel.put_u32(flags::mmap_flags(kind as u32));
    let fd = argument(kernel, stored, 4);
    kernel.put_i64(i64::from(fd as i32));
    let offset = argument(kernel, stored, 5);
    kernel.put_u64(offset);
}

/// An argument, `stored` if the only true argument is the address of all of them.
#[inline(always)]
fn argument<K: Kernel>(kernel: &mut K, stored: bool, index: usize) -> u64 {
    if stored {
        let address = kernel.argument(0).wrapping_add(index as u64 * 4);
        kernel.user_u32(address).map_or(0, u64::from)
    } else {
        kernel.argument(index)
    }
}

/// `munmap`: res, vm_size, vm_rss, vm_swap, addr, length.
#[inline(always)]
pub fn munmap<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_usage(kernel);
    kernel.put_u64_argument(0);
    kernel.put_u64_argument(1);
}

/// `mprotect`: res, addr, length, prot.
#[inline(always)]
pub fn mprotect<K: Kernel>(kernel: &mut K) {
    range(kernel);
    kernel.put_u32(flags::protection(kernel.u32_argument(2)));
}

/// `brk`: res, vm_size, vm_rss, vm_swap, addr.
#[inline(always)]
pub fn brk<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_usage(kernel);
    kernel.put_u64_argument(0);
}

/// res, addr, len: `mlock`, `munlock`.
#[inline(always)]
pub fn range<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u64_argument(0);
    kernel.put_u64_argument(1);
}

/// `mlock2`: res, addr, len, flags.
#[inline(always)]
pub fn mlock2<K: Kernel>(kernel: &mut K) {
    range(kernel);
    kernel.put_u32(flags::mlock2_flags(kernel.u32_argument(2)));
}

/// `mlockall`: res, flags.
#[inline(always)]
pub fn mlockall<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u32(flags::mlockall_flags(kernel.u32_argument(0)));
}

/// vm_size, vm_rss, vm_swap.
#[inline(always)]
pub fn put_usage<K: Kernel>(kernel: &mut K) {
    kernel.put_task_u32(TaskFact::VmSize);
    kernel.put_task_u32(TaskFact::VmRss);
    kernel.put_task_u32(TaskFact::VmSwap);
}
