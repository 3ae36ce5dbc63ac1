// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that read and write data, or move it between descriptors.
//!
//! Of the data no more than [`Kernel::snaplen`] bytes are recorded: of what was read, or of what was written, or of what a
//! failed call wanted to write.

use super::super::wire::record::PATH_SIZE_MAX;
use super::kernel::{Kernel, Turn};

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
    let room = if length > limit { limit } else { length };
    kernel.begin();
    if room != 0 {
        kernel.repeat(turns(count), &mut Segments { segment: segments, word, room });
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
    let mut sizes = Sizes { size: segments.wrapping_add(word), word, total: 0 };
    kernel.repeat(turns(count), &mut sizes);
    sizes.total
}

/// How many segments are looked at.
#[inline(always)]
fn turns(count: u64) -> u32 {
    if count < SEGMENTS_MAX {
        count as u32
    } else {
        SEGMENTS_MAX as u32
    }
}

/// Segments whose bytes are being added.
#[derive(Clone, Copy)]
struct Segments {
    /// Where the next is.
    segment: u64,
    /// Bytes of a word of it.
    word: u64,
    /// How many bytes may still be added.
    room: u64,
}

impl<K: Kernel> Turn<K> for Segments {
    #[inline(always)]
    fn turn(&mut self, kernel: &mut K) -> bool {
        let Some(address) = kernel.user_word(self.segment) else { return false };
        let Some(size) = kernel.user_word(self.segment.wrapping_add(self.word)) else { return false };
        let taken = if size > self.room { self.room } else { size };
        if taken != 0 && !kernel.add_user_bytes(address, taken as u32) {
            return false;
        }
        self.room = kernel.forget(self.room.wrapping_sub(taken));
        self.segment = kernel.forget(self.segment.wrapping_add(self.word << 1));
        self.room != 0
    }
}

/// Segments whose sizes are being added up.
#[derive(Clone, Copy)]
struct Sizes {
    /// Where the next size is.
    size: u64,
    /// Bytes of a word of a segment.
    word: u64,
    total: u64,
}

impl<K: Kernel> Turn<K> for Sizes {
    #[inline(always)]
    fn turn(&mut self, kernel: &mut K) -> bool {
        let size = kernel.user_word(self.size).unwrap_or(0);
        self.total = kernel.forget(self.total.wrapping_add(size));
        self.size = kernel.forget(self.size.wrapping_add(self.word << 1));
        true
    }
}
