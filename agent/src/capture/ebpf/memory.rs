//! The rings' memory, shared with the kernel.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// A mapping of a map's values, undone when dropped.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    length: NonZeroUsize,
}

// SAFETY: the mapping belongs to the process, not to a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps so many bytes from the beginning of a map's values.
    pub fn new(map: impl AsFd, length: NonZeroUsize, writable: bool) -> io::Result<Mapping> {
        let mut protection = ProtFlags::PROT_READ;
        protection.set(ProtFlags::PROT_WRITE, writable);
        // SAFETY: a new mapping, in a place that the kernel chooses.
        let start = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, map, 0) }?;
        Ok(Mapping { start: start.cast(), length })
    }

    /// The address of a byte; `None` beyond the end.
    pub fn at(&self, offset: usize) -> Option<NonNull<u8>> {
        if offset >= self.length.get() {
            return None;
        }
        // SAFETY: within the mapping.
        Some(unsafe { self.start.add(offset) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: whoever handed out addresses of it promised not to keep them longer.
        let unmapped = unsafe { munmap(self.start.cast(), self.length.get()) };
        debug_assert!(unmapped.is_ok());
    }
}
