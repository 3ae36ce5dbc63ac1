// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that read and write data, or move it between descriptors.
//!
//! Of the data no more than [`Kernel::snaplen`] bytes are recorded: of what was read, or of what was written, or of what a
//! failed call wanted to write.

use super::super::wire::record::PATH_SIZE_MAX;
use super::kernel::Kernel;

/// How many bytes of control messages, options and the like are recorded.
pub const PAGE: u32 = PATH_SIZE_MAX as u32;
/// How many pieces of a scattered buffer are looked at.
pub const SEGMENTS_MAX: u64 = 32;

/// `read`: res, data, fd, size.
#[inline(always)]
pub fn read<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_data(kernel, kernel.argument(1), got(kernel));
    kernel.put_fd_argument(0);
    kernel.put_u32_argument(2);
}

/// `pread64`: res, data, fd, size, pos.
#[inline(always)]
pub fn pread<K: Kernel>(kernel: &mut K) {
    read(kernel);
    kernel.put_u64(position(kernel));
}

/// `write`: res, data, fd, size.
#[inline(always)]
pub fn write<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_data(kernel, kernel.argument(1), written(kernel, kernel.argument(2)));
    kernel.put_fd_argument(0);
    kernel.put_u32_argument(2);
}

/// `pwrite64`: res, data, fd, size, pos.
#[inline(always)]
pub fn pwrite<K: Kernel>(kernel: &mut K) {
    write(kernel);
    kernel.put_u64(position(kernel));
}

/// `readv`: res, size, data, fd. The size is what was read.
#[inline(always)]
pub fn readv<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let got = got(kernel);
    kernel.put_u32(got as u32);
    put_segments(kernel, kernel.argument(1), kernel.argument(2), got);
    kernel.put_fd_argument(0);
}

/// `preadv`: res, size, data, fd, pos.
#[inline(always)]
pub fn preadv<K: Kernel>(kernel: &mut K) {
    readv(kernel);
    kernel.put_u64(position(kernel));
}

/// `writev`: res, data, fd, size. The size is what was to be written.
#[inline(always)]
pub fn writev<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let (address, count) = (kernel.argument(1), kernel.argument(2));
    let size = segments_size(kernel, address, count);
    put_segments(kernel, address, count, written(kernel, size));
    kernel.put_fd_argument(0);
    kernel.put_u32(size as u32);
}

/// `pwritev`: res, data, fd, size, pos.
#[inline(always)]
pub fn pwritev<K: Kernel>(kernel: &mut K) {
    writev(kernel);
    kernel.put_u64(position(kernel));
}

/// res, pid, data: `process_vm_readv`, with what was read.
#[inline(always)]
pub fn process_vm_readv<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    put_segments(kernel, kernel.argument(1), kernel.argument(2), got(kernel));
}

/// res, pid, data: `process_vm_writev`, with what was written.
#[inline(always)]
pub fn process_vm_writev<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    let (address, count) = (kernel.argument(1), kernel.argument(2));
    let size = segments_size(kernel, address, count);
    put_segments(kernel, address, count, written(kernel, size));
}

/// `sendfile`: res, offset, out_fd, in_fd, size. The offset is the one after the call.
#[inline(always)]
pub fn sendfile<K: Kernel>(kernel: &mut K) {
    let address = kernel.argument(2);
    let offset = if address == 0 { None } else { kernel.user_word(address) };
    put_sendfile(kernel, offset);
}

/// `sendfile64`, of 32-bit programs: as [`sendfile`], with an offset of 64 bits.
#[inline(always)]
pub fn sendfile64<K: Kernel>(kernel: &mut K) {
    let address = kernel.argument(2);
    let offset = if address == 0 { None } else { kernel.user_u64(address) };
    put_sendfile(kernel, offset);
}

#[inline(always)]
fn put_sendfile<K: Kernel>(kernel: &mut K, offset: Option<u64>) {
    kernel.put_result();
    kernel.put_u64(offset.unwrap_or(0));
    kernel.put_fd_argument(0);
    kernel.put_fd_argument(1);
    kernel.put_u64_argument(3);
}

/// `splice`: res, fd_in, fd_out, size, flags.
#[inline(always)]
pub fn splice<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_fd_argument(2);
    kernel.put_u64_argument(4);
    kernel.put_u32(super::flags::splice_flags(kernel.u32_argument(5)));
}

/// `copy_file_range`: res, fdout, offout, fdin, offin, len. The offsets are those after the call.
#[inline(always)]
pub fn copy_file_range<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(2);
    put_offset(kernel, kernel.argument(3));
    kernel.put_fd_argument(0);
    put_offset(kernel, kernel.argument(1));
    kernel.put_u64_argument(4);
}

#[inline(always)]
fn put_offset<K: Kernel>(kernel: &mut K, address: u64) {
    let offset = if address == 0 { None } else { kernel.user_u64(address) };
    kernel.put_u64(offset.unwrap_or(0));
}

/// How many bytes a call read.
#[inline(always)]
pub fn got<K: Kernel>(kernel: &K) -> u64 {
    let result = kernel.return_value();
    if result > 0 {
        result as u64
    } else {
        0
    }
}

/// How many bytes a call wrote, or wanted to.
#[inline(always)]
pub fn written<K: Kernel>(kernel: &K, wanted: u64) -> u64 {
    let result = kernel.return_value();
    if result > 0 {
        result as u64
    } else {
        wanted
    }
}

/// Position in a file: argument 3, which 32-bit programs give in halves, low one first.
#[inline(always)]
fn position<K: Kernel>(kernel: &K) -> u64 {
    if kernel.is_compat() {
        kernel.argument(4) << 32 | u64::from(kernel.u32_argument(3))
    } else {
        kernel.argument(3)
    }
}

/// The beginning of a buffer, as much as is asked for of all data.
#[inline(always)]
pub fn put_data<K: Kernel>(kernel: &mut K, address: u64, length: u64) {
    let limit = kernel.snaplen();
    put_bytes(kernel, address, length, limit);
}

/// Bytes that say more than data does (control messages, options): up to a page of them.
#[inline(always)]
pub fn put_page<K: Kernel>(kernel: &mut K, address: u64, length: u64) {
    put_bytes(kernel, address, length, PAGE);
}

#[inline(always)]
fn put_bytes<K: Kernel>(kernel: &mut K, address: u64, length: u64, limit: u32) {
    kernel.begin();
    add_bytes(kernel, address, length, limit);
    kernel.end();
}

/// Adds at most `limit` bytes of a buffer, and marks the parameter as cut if there are more.
#[inline(always)]
pub fn add_bytes<K: Kernel>(kernel: &mut K, address: u64, length: u64, limit: u32) {
    let cut = length > u64::from(limit);
    let recorded = if cut { limit } else { length as u32 };
    if recorded > 0 && address != 0 && kernel.add_user_bytes(address, recorded) && cut {
        kernel.mark_truncated();
    }
}

/// The beginning of a scattered buffer (`struct iovec`), of which `length` bytes count.
#[inline(always)]
pub fn put_segments<K: Kernel>(kernel: &mut K, segments: u64, count: u64, length: u64) {
    let limit = u64::from(kernel.snaplen());
    let word = kernel.word_size();
    let word = kernel.forget(word);
    let mut room = kernel.forget(if length > limit { limit } else { length });
    let count = kernel.forget(count);
    let mut segment = segments;
    kernel.begin();
    for index in 0..SEGMENTS_MAX {
        if index >= count || room == 0 {
            break;
        }
        let Some(address) = kernel.user_word(segment) else { break };
        let Some(size) = kernel.user_word(segment.wrapping_add(word)) else { break };
        let taken = if size > room { room } else { size };
        if taken != 0 && !kernel.add_user_bytes(address, taken as u32) {
            break;
        }
        room = kernel.forget(room.wrapping_sub(taken));
        segment = kernel.forget(segment.wrapping_add(word << 1));
    }
    if length > limit {
        kernel.mark_truncated();
    }
    kernel.end();
}

/// How many bytes a scattered buffer has.
#[inline(always)]
pub fn segments_size<K: Kernel>(kernel: &mut K, segments: u64, count: u64) -> u64 {
    let word = kernel.word_size();
    let word = kernel.forget(word);
    let mut total = 0u64;
    let mut size = segments.wrapping_add(word);
    for index in 0..SEGMENTS_MAX {
        if index >= count {
            break;
        }
        let segment = kernel.user_word(size).unwrap_or(0);
        total = kernel.forget(total.wrapping_add(segment));
        size = kernel.forget(size.wrapping_add(word << 1));
    }
    total
}
