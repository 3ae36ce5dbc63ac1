//! The reader's side of a ring that a driver shares with us: of the kernel module or of the eBPF probe, both write the same.
//!
//! The layout and the algorithm stand in `saker_probe::wire::ring`. The kernel writes the producer's page and the slots, we
//! write the reader's page. No byte of a slot is believed before it was checked.

use std::cell::Cell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use saker_probe::wire::record::{Header, RECORD_SIZE_MAX, Record, SLOT_SIZE};
use saker_probe::wire::ring::{self, ConsumerMemory, SLOTS_MAX, SLOTS_MIN, counter};

/// The memory of one CPU's ring, as it is mapped here.
///
/// # Invariants
/// `reader`, `producer` and `data` point into memory that `_mapping` keeps mapped, page-aligned: a page to read and write,
/// a page to read, and `slots` slots with the slack behind them to read. `slots` is a power of two. Nobody but this value
/// writes the reader's page. The kernel writes slots only between `head` and the `tail` that we released.
pub struct Ring {
    reader: NonNull<u8>,
    producer: NonNull<u8>,
    data: NonNull<u8>,
    slots: u64,
    _mapping: Arc<dyn Send + Sync>,
}

// SAFETY: the memory stays mapped as long as the value lives (invariant), and all shared words are accessed atomically.
unsafe impl Send for Ring {}

/// Where the parts of a ring are mapped.
#[derive(Clone, Copy, Debug)]
pub struct Parts {
    /// The reader's page.
    pub reader: NonNull<u8>,
    /// The producer's page.
    pub producer: NonNull<u8>,
    /// The first slot.
    pub data: NonNull<u8>,
    /// How many slots there are.
    pub slots: u64,
}

impl Ring {
    /// Takes a mapped ring. `None` if its size is none that a ring can have.
    ///
    /// # Safety
    /// The invariants of [`Ring`] hold of `parts` for as long as `mapping` lives.
    pub unsafe fn new(parts: Parts, mapping: Arc<dyn Send + Sync>) -> Option<Ring> {
        let Parts { reader, producer, data, slots } = parts;
        let valid = slots.is_power_of_two() && (SLOTS_MIN..=SLOTS_MAX).contains(&slots);
        valid.then_some(Ring { reader, producer, data, slots, _mapping: mapping })
    }

    /// A word of the producer's page.
    fn producer_word(&self, offset: usize) -> &AtomicU64 {
        debug_assert!(offset + 8 <= ring::PAGE_SIZE && offset.is_multiple_of(8));
        // SAFETY: the offset lies inside the page, which is mapped as long as `self` lives (invariant).
        let word = unsafe { self.producer.add(offset) };
        // SAFETY: the word is aligned, and whoever writes it does so atomically. We only load it.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    /// How many slots the ring has.
    pub fn slots(&self) -> u64 {
        self.slots
    }

    /// What the driver counted, by `saker_probe::wire::ring::counter`.
    pub fn counters(&self) -> [u64; counter::COUNT] {
        // Relaxed: each counter stands for itself.
        std::array::from_fn(|index| {
            self.producer_word(ring::offset::COUNTERS + 8 * index).load(Ordering::Relaxed)
        })
    }

    /// The bytes from a slot on, as far as the longest record goes.
    ///
    /// # Safety
    /// The slot is visible and not yet released, and so are all slots of the record that the caller takes from it.
    unsafe fn slot(&self, position: u64) -> &[u8] {
        let index = (position & (self.slots - 1)) as usize;
        // SAFETY: an index below the number of slots, and the slack is behind the last (invariant).
        let start = unsafe { self.data.add(index * SLOT_SIZE) };
        // SAFETY: mapped (invariant); the kernel does not write what is visible and not released (the caller's promise). What
        // lies beyond may change under us, and the caller does not look at it.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), RECORD_SIZE_MAX) }
    }
}

impl ConsumerMemory for Ring {
    fn head(&self) -> u64 {
        // Pairs with the driver's release store in `publish`: the records before it are written.
        self.producer_word(ring::offset::HEAD).load(Ordering::Acquire)
    }

    fn pending(&self) -> u64 {
        // Pairs with the driver's exchange and store in `reserve` and `commit`.
        self.producer_word(ring::offset::PENDING).load(Ordering::Acquire)
    }

    fn release(&self, tail: u64) {
        // SAFETY: the offset lies inside the page, which is mapped as long as `self` lives (invariant).
        let word = unsafe { self.reader.add(ring::offset::TAIL) };
        // SAFETY: the word is aligned, and nobody but us writes it (invariant).
        let word = unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) };
        // Pairs with the driver's acquire load in `reserve`: we are done with the slots before it.
        word.store(tail, Ordering::Release);
    }
}

/// What the reader of a ring noticed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReaderCounters {
    /// Records read.
    pub records: u64,
    /// Records that the driver had no room for, as the gaps in their numbers prove.
    pub missing: u64,
    /// Times that the bytes at the tail were no record; what was visible then was given up.
    pub malformed: u64,
}

/// Reads the records of a ring, one after the other.
pub struct RingReader {
    ring: Ring,
    /// The next slot to read.
    tail: Cell<u64>,
    /// The slot up to which records are known to be visible.
    head: u64,
    /// The number that the next record must have; `None` before the first.
    sequence: Option<u64>,
    /// The latest time that a record of this ring had.
    time: u64,
    records: u64,
    missing: u64,
    malformed: Cell<u64>,
}

impl RingReader {
    /// Begins at the first record of a fresh ring.
    pub fn new(ring: Ring) -> Self {
        RingReader {
            ring,
            tail: Cell::new(0),
            head: 0,
            sequence: None,
            time: 0,
            records: 0,
            missing: 0,
            malformed: Cell::new(0),
        }
    }

    /// What was noticed so far.
    pub fn counters(&self) -> ReaderCounters {
        ReaderCounters { records: self.records, missing: self.missing, malformed: self.malformed.get() }
    }

    /// The ring.
    pub fn ring(&self) -> &Ring {
        &self.ring
    }

    /// Looks for new records. Those before `now` are all there if the answer says so: it is the time before which no record
    /// can come any more. See [`ring::horizon`] for what must have happened before.
    pub fn refresh(&mut self, now: u64) -> Option<u64> {
        let horizon = ring::horizon(&self.ring, now);
        self.head = self.ring.head();
        if self.head.wrapping_sub(self.tail.get()) > self.ring.slots {
            // A driver never does this. Whatever happened, nothing between is left to be read.
            self.give_up();
        }
        horizon
    }

    /// Whether a record is there. Gives its time, which never goes back. Whether it is a record indeed shows when it is
    /// taken.
    pub fn peek(&self) -> Option<u64> {
        let header = Header::from_bytes(self.visible()?)?;
        Some(header.time.max(self.time))
    }

    /// Hands out the record at the tail with its time, and goes on behind it. False if there is none.
    pub fn take(&mut self, look: impl FnOnce(&Record<'_>, u64)) -> bool {
        let Some((record, time)) = self.record() else { return false };
        let Header { slots, sequence, .. } = record.header;
        look(&record, time);
        let missing = self.sequence.map_or(sequence, |expected| sequence.wrapping_sub(expected));
        // A number that goes back proves nothing.
        if missing < 1 << 48 {
            self.missing += missing;
        }
        self.sequence = Some(sequence.wrapping_add(1));
        self.time = time;
        self.records += 1;
        self.tail.set(self.tail.get().wrapping_add(u64::from(slots)));
        true
    }

    /// The record at the tail, and its time.
    fn record(&self) -> Option<(Record<'_>, u64)> {
        match Record::decode(self.visible()?) {
            Ok(record) => Some((record, record.header.time.max(self.time))),
            Err(_) => {
                self.give_up();
                None
            }
        }
    }

    /// What is visible from the tail on, as far as the longest record goes. `None` if nothing is.
    #[inline]
    fn visible(&self) -> Option<&[u8]> {
        let tail = self.tail.get();
        let visible = self.head.wrapping_sub(tail).min(RECORD_SIZE_MAX as u64 / SLOT_SIZE as u64);
        if visible == 0 {
            return None;
        }
        // SAFETY: the slot lies between tail and head: visible, not released. Of the bytes behind it only those are looked at
        // that do, too.
        let bytes = unsafe { self.ring.slot(tail) };
        bytes.get(..visible as usize * SLOT_SIZE)
    }

    /// Gives what was read back to the driver.
    pub fn release(&self) {
        self.ring.release(self.tail.get());
    }

    fn give_up(&self) {
        self.malformed.set(self.malformed.get() + 1);
        self.tail.set(self.head);
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
pub(crate) mod tests;
