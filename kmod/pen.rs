// SPDX-License-Identifier: GPL-2.0
//! The pen: writes the parameters of a record where the record will be read, in its slots.

use crate::wire::record::{flag, HEADER_SIZE, PARAMETER_SIZE_MAX, PARAMETER_TRUNCATED, RECORD_SIZE_MAX};

/// A record that is being written.
///
/// # Invariants
///
/// `base` is valid for [`RECORD_SIZE_MAX`] bytes, which nobody reads before they are published and nobody else writes.
/// `start <= at <= RECORD_SIZE_MAX`, and `limit` is that or 0.
#[repr(C)]
pub(crate) struct Pen {
    base: *mut u8,
    /// Where the next byte goes.
    at: u32,
    /// Where the length of the parameter goes that is being written.
    start: u32,
    /// Up to where there is room; 0 after something did not fit, so that the parameters are always a prefix of all.
    limit: u32,
    /// Parameters and extras written.
    counts: [u8; 2],
    truncated: bool,
    /// Nothing. With it, what a pen begins with are few words.
    rest: u8,
    /// [`flag`] bits.
    pub(crate) flags: u32,
    /// Bytes of `argv[0]`, its NUL included, once it has been written.
    pub(crate) executable_length: u32,
}

/// What a pen has written.
pub(crate) struct Written {
    /// Bytes of parameters.
    pub(crate) payload: usize,
    /// How many parameters and extras, as they stand in a header.
    pub(crate) counts: [u8; 2],
    /// [`flag`] bits.
    pub(crate) flags: u32,
}

/// The header of a record that is being written.
///
/// # Invariants
///
/// It points to [`HEADER_SIZE`] bytes, which nobody reads before they are published and nobody else writes.
#[derive(Clone, Copy)]
pub(crate) struct Header(*mut u8);

impl Header {
    /// The header at the beginning of a record.
    ///
    /// # Safety
    ///
    /// `base` fulfils the type's invariant.
    #[inline(always)]
    pub(crate) unsafe fn new(base: *mut u8) -> Self {
        Self(base)
    }

    /// Writes a number. `offset` is one of [`crate::wire::record::offset`].
    #[inline(always)]
    pub(crate) fn put<T>(self, offset: usize, value: T) {
        // SAFETY: inside of the header.
        unsafe { self.0.wrapping_add(offset).cast::<T>().write_unaligned(value) };
    }
}

impl Pen {
    /// A pen for the record at `base`.
    ///
    /// # Safety
    ///
    /// `base` fulfils the type's invariant.
    #[inline(always)]
    pub(crate) unsafe fn new(base: *mut u8) -> Self {
        // INVARIANT: by the caller's promise.
        Self {
            base,
            at: HEADER_SIZE as u32,
            start: 0,
            limit: RECORD_SIZE_MAX as u32,
            counts: [0, 0],
            truncated: false,
            rest: 0,
            flags: 0,
            executable_length: 0,
        }
    }

    /// What has been written.
    #[inline(always)]
    pub(crate) fn written(&self) -> Written {
        Written {
            payload: self.at.wrapping_sub(HEADER_SIZE as u32) as usize,
            counts: self.counts,
            flags: self.flags,
        }
    }

    /// Begins a parameter.
    #[inline(always)]
    pub(crate) fn begin(&mut self) {
        self.start = self.at;
        self.truncated = false;
        self.take(2);
    }

    /// Ends it.
    #[inline(always)]
    pub(crate) fn end(&mut self) {
        if self.close() {
            self.counts[0] = self.counts[0].wrapping_add(1);
        }
    }

    /// Ends an extra.
    #[inline(always)]
    pub(crate) fn end_extra(&mut self) {
        if self.close() {
            self.counts[1] = self.counts[1].wrapping_add(1);
        }
    }

    /// Writes the length of the parameter; false if it did not fit.
    #[inline(always)]
    fn close(&mut self) -> bool {
        if self.limit == 0 {
            return false;
        }
        let mut length = self.at.wrapping_sub(self.start).wrapping_sub(2);
        if length > PARAMETER_SIZE_MAX as u32 {
            length = PARAMETER_SIZE_MAX as u32;
            self.at = self.start.wrapping_add(2).wrapping_add(length);
            self.truncated = true;
        }
        let truncated = if self.truncated { PARAMETER_TRUNCATED } else { 0 };
        self.write_length(length as u16 | truncated);
        true
    }

    #[inline(always)]
    fn write_length(&mut self, length: u16) {
        // SAFETY: `begin` took these two bytes.
        unsafe { self.base.wrapping_add(self.start as usize).cast::<u16>().write_unaligned(length) };
    }

    /// A whole parameter of one number.
    #[inline(always)]
    pub(crate) fn put<T>(&mut self, value: T) {
        self.start = self.at;
        let size = core::mem::size_of::<T>();
        if let Some(place) = self.take(size.wrapping_add(2)) {
            self.write_length(size as u16);
            // SAFETY: `take` made sure of the room.
            unsafe { place.wrapping_add(2).cast::<T>().write_unaligned(value) };
            self.counts[0] = self.counts[0].wrapping_add(1);
        }
    }

    /// Adds the bytes of a number.
    #[inline(always)]
    pub(crate) fn add<T>(&mut self, value: T) {
        if let Some(place) = self.take(core::mem::size_of::<T>()) {
            // SAFETY: `take` made sure of the room.
            unsafe { place.cast::<T>().write_unaligned(value) };
        }
    }

    /// Adds bytes that `write` writes: it gets the place and says how many of the `most` bytes it wrote there. `None`: it
    /// failed; nothing is added.
    #[inline(always)]
    pub(crate) fn add_with(&mut self, most: usize, write: impl FnOnce(*mut u8) -> Option<usize>) -> bool {
        let before = self.at;
        let Some(place) = self.take(most) else { return false };
        let written = write(place);
        self.at = before.wrapping_add(written.unwrap_or(0).min(most) as u32);
        written.is_some()
    }

    /// Makes the last byte that was written a NUL.
    #[inline(always)]
    pub(crate) fn make_last_byte_nul(&mut self) {
        if self.at > self.start.wrapping_add(2) {
            // SAFETY: a byte of the parameter that is being written.
            unsafe { self.base.wrapping_add(self.at.wrapping_sub(1) as usize).write(0) };
        }
    }

    /// Takes back what was written since `begin`.
    #[inline(always)]
    pub(crate) fn rewind(&mut self) {
        if self.limit != 0 {
            self.at = self.start.wrapping_add(2);
            self.truncated = false;
        }
    }

    /// Marks the parameter as cut.
    #[inline(always)]
    pub(crate) fn mark_truncated(&mut self) {
        self.truncated = true;
    }

    /// Room for `size` more bytes, or `None`, and the parameter is taken back and no other one fits any more.
    #[inline(always)]
    fn take(&mut self, size: usize) -> Option<*mut u8> {
        let end = self.at.wrapping_add(size as u32);
        if end > self.limit {
            self.overflow();
            return None;
        }
        let place = self.base.wrapping_add(self.at as usize);
        // INVARIANT: not beyond `limit`.
        self.at = end;
        Some(place)
    }

    #[cold]
    #[inline(never)]
    fn overflow(&mut self) {
        self.at = self.start;
        self.limit = 0;
        self.flags |= flag::CUT;
    }
}
