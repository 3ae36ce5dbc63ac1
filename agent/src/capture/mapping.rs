//! Memory shared with the kernel, mapped for as long as somebody has a pointer into it.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};

/// A mapping of a file, undone when dropped.
///
/// # Invariants
/// `start` is the address of a mapping of `length` bytes that belongs to this value.
#[derive(Debug)]
pub struct Mapping {
    start: NonNull<u8>,
    length: NonZeroUsize,
}

// SAFETY: the mapping belongs to the process, not to a thread.
unsafe impl Send for Mapping {}
// SAFETY: the value only hands out addresses; who uses them answers for it.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps so many bytes of a file from an offset on.
    ///
    /// # Errors
    /// What mmap(2) says; `InvalidInput` for no bytes at all.
    pub fn new(file: impl AsFd, offset: u64, length: usize, writable: bool) -> io::Result<Mapping> {
        let length = NonZeroUsize::new(length).ok_or(io::ErrorKind::InvalidInput)?;
        let offset = i64::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut protection = ProtFlags::PROT_READ;
        protection.set(ProtFlags::PROT_WRITE, writable);
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let start = unsafe { mmap(None, length, protection, MapFlags::MAP_SHARED, file, offset) }?;
        Ok(Mapping { start: start.cast(), length })
    }

    /// The address of a byte; `None` beyond the end. It is valid as long as the mapping lives.
    pub fn at(&self, offset: usize) -> Option<NonNull<u8>> {
        // SAFETY: inside the mapping (invariant).
        (offset < self.length.get()).then(|| unsafe { self.start.add(offset) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours (invariant), and nobody has addresses of it any more.
        let unmapped = unsafe { munmap(self.start.cast(), self.length.get()) };
        debug_assert!(unmapped.is_ok());
    }
}
