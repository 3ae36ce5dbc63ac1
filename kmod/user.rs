// SPDX-License-Identifier: GPL-2.0
//! User memory, read without ever sleeping: what is not in memory is missed, and the record says so.
//!
//! A copy fails as a whole, so text is read in pieces that do not cross a page: an absent next page does not cost the text before
//! it.

use crate::arch;

/// Bytes of a page.
const PAGE_SIZE: usize = 4096;
/// The first piece of a text: most are shorter.
const FIRST_PIECE: usize = 64;

/// Copies user memory of the current task.
///
/// # Safety
///
/// `to` is valid for writes of `length` bytes.
#[inline(always)]
pub(crate) unsafe fn copy(to: *mut u8, address: u64, length: usize) -> bool {
    // SAFETY: what the caller promises.
    unsafe { arch::copy_from_user(arch::current(), to, address, length) }
}

/// Copies user memory in pieces that do not cross a page, up to the first that is missing. Returns how many bytes it copied.
///
/// # Safety
///
/// `to` is valid for writes of `length` bytes.
#[inline(never)]
pub(crate) unsafe fn copy_pages(to: *mut u8, address: u64, length: usize) -> usize {
    let mut done = 0usize;
    while done < length {
        let from = address.wrapping_add(done as u64);
        let piece = left_in_page(from).min(length.wrapping_sub(done));
        // SAFETY: `done + piece` is at most `length`.
        if !unsafe { copy(to.wrapping_add(done), from, piece) } {
            break;
        }
        done = done.wrapping_add(piece);
    }
    done
}

#[inline(always)]
fn left_in_page(address: u64) -> usize {
    PAGE_SIZE.wrapping_sub(address as usize & (PAGE_SIZE - 1))
}

/// Reads a number.
#[inline(always)]
pub(crate) fn number<T: Copy + Default>(address: u64) -> Option<T> {
    let mut value = T::default();
    // SAFETY: `value` has that size. Only used for integers, for which any bytes will do.
    unsafe { copy((&raw mut value).cast(), address, core::mem::size_of::<T>()) }.then_some(value)
}

/// How a text ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Text {
    /// With a NUL: so many bytes, the NUL included.
    Whole(usize),
    /// There would have been more. So many bytes, the last of which has been made a NUL.
    Cut(usize),
    /// It could not be read.
    Missed,
}

/// Copies text up to its NUL, at most `room` bytes with it.
///
/// # Safety
///
/// `to` is valid for writes of `room` bytes, and `room` is not 0.
#[inline(never)]
pub(crate) unsafe fn text(to: *mut u8, address: u64, room: usize) -> Text {
    let mut done = 0usize;
    let mut piece = FIRST_PIECE;
    while done < room {
        let from = address.wrapping_add(done as u64);
        let length = piece.min(left_in_page(from)).min(room.wrapping_sub(done));
        let place = to.wrapping_add(done);
        // SAFETY: `done + length` is at most `room`.
        if !unsafe { copy(place, from, length) } {
            return Text::Missed;
        }
        // SAFETY: these bytes have just been written.
        if let Some(at) = unsafe { find_nul(place, length) } {
            return Text::Whole(done.wrapping_add(at).wrapping_add(1));
        }
        done = done.wrapping_add(length);
        piece = room;
    }
    // SAFETY: the last byte of the room.
    unsafe { to.wrapping_add(room.wrapping_sub(1)).write(0) };
    Text::Cut(room)
}

/// Where the first NUL is, looked for eight bytes at a time.
///
/// # Safety
///
/// `bytes` is valid for reads of `length` bytes.
#[inline(always)]
pub(crate) unsafe fn find_nul(bytes: *const u8, length: usize) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let mut at = 0usize;
    while at.wrapping_add(8) <= length {
        // SAFETY: inside of the bytes.
        let word = u64::from_le(unsafe { bytes.wrapping_add(at).cast::<u64>().read_unaligned() });
        // The lowest high bit that is set is that of the first byte that is 0.
        let zeros = word.wrapping_sub(ONES) & !word & HIGHS;
        if zeros != 0 {
            return Some(at.wrapping_add(zeros.trailing_zeros() as usize >> 3));
        }
        at = at.wrapping_add(8);
    }
    while at < length {
        // SAFETY: inside of the bytes.
        if unsafe { bytes.wrapping_add(at).read() } == 0 {
            return Some(at);
        }
        at = at.wrapping_add(1);
    }
    None
}
