// SPDX-License-Identifier: GPL-2.0
//! The memory of a ring as the producer sees it: two pages that the reader maps, slots, and a head that only the kernel has.

use crate::headers;
use crate::wire::record::SLOT_SIZE;
use crate::wire::ring::{offset, ProducerMemory};
use core::cell::Cell;
use core::sync::atomic::{AtomicU64, Ordering};

/// The ring of one CPU.
///
/// # Invariants
///
/// The pointers are page-aligned and valid while the ring is published (see `consumer.rs`): `reader` for a page that its reader
/// may write at any time, `producer` for a page and `data` for so many slots as the consumer says and the slack, which nobody
/// else writes. All null: this CPU cannot exist. Only this CPU uses the ring, with preemption off.
#[repr(C, align(64))]
pub(crate) struct Ring {
    /// The slot up to which records are visible. What is in the producer's page is a copy.
    head: Cell<u64>,
    reader: *mut u8,
    producer: *mut u8,
    data: *mut u8,
}

impl Ring {
    /// A ring over memory that fulfils the invariant, or over none.
    pub(crate) fn new(reader: *mut u8, producer: *mut u8, data: *mut u8) -> Self {
        Self { head: Cell::new(0), reader, producer, data }
    }

    /// Whether this CPU has a ring.
    #[inline(always)]
    pub(crate) fn exists(&self) -> bool {
        !self.data.is_null()
    }

    /// The memory of this CPU's ring.
    #[inline(always)]
    pub(crate) fn memory(&self) -> Memory<'_> {
        Memory { ring: self, producer: self.producer }
    }

    /// How many slots the reader has not given back, as far as its word goes.
    pub(crate) fn used(&self) -> u64 {
        self.head.get().wrapping_sub(self.memory().tail())
    }
}

/// A ring while it is written to. The producer's page is used most, so its address is a copy, which stays in a register.
pub(crate) struct Memory<'a> {
    ring: &'a Ring,
    producer: *mut u8,
}

impl Memory<'_> {
    /// Where the record at a position is written: room for the longest record, because of the slack.
    #[inline(always)]
    pub(crate) fn slot(&self, position: u64, mask: u64) -> *mut u8 {
        self.ring.data.wrapping_add(((position & mask) as usize).wrapping_mul(SLOT_SIZE))
    }

    #[inline(always)]
    fn producer_word(&self, at: usize) -> *mut u64 {
        self.producer.wrapping_add(at).cast()
    }

    /// A word of the producer's page that its reader looks at.
    #[inline(always)]
    fn shared_word(&self, at: usize) -> &AtomicU64 {
        // SAFETY: in the producer's page, by the type's invariant, and aligned.
        unsafe { AtomicU64::from_ptr(self.producer_word(at)) }
    }

    #[inline(always)]
    fn add_one(word: *mut u64) -> u64 {
        // SAFETY: in the producer's page, which only this CPU writes.
        let value = unsafe { word.read() };
        // SAFETY: as above. The reader may see the old or the new number.
        unsafe { word.write(value.wrapping_add(1)) };
        value
    }
}

impl ProducerMemory for Memory<'_> {
    #[inline(always)]
    fn swap_pending(&self, value: u64) -> u64 {
        self.shared_word(offset::PENDING).swap(value, Ordering::SeqCst)
    }

    #[inline(always)]
    fn store_pending(&self, value: u64) {
        self.shared_word(offset::PENDING).store(value, Ordering::Release);
    }

    #[inline(always)]
    fn head(&self) -> u64 {
        self.ring.head.get()
    }

    #[inline(always)]
    fn publish(&self, head: u64) {
        self.ring.head.set(head);
        self.shared_word(offset::HEAD).store(head, Ordering::Release);
    }

    #[inline(always)]
    fn tail(&self) -> u64 {
        // SAFETY: in the reader's page, by the type's invariant, and aligned.
        unsafe { AtomicU64::from_ptr(self.ring.reader.wrapping_add(offset::TAIL).cast()) }.load(Ordering::Acquire)
    }

    #[inline(always)]
    fn now(&self) -> u64 {
        // SAFETY: may be called from anywhere, an NMI included.
        unsafe { headers::ktime_get_boot_fast_ns() }
    }

    #[inline(always)]
    fn next_sequence(&self) -> u64 {
        Self::add_one(self.producer_word(offset::SEQUENCE))
    }

    #[inline(always)]
    fn count(&self, counter: usize) {
        Self::add_one(self.producer_word(offset::COUNTERS).wrapping_add(counter));
    }
}
