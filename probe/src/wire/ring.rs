// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The ring that carries records from one CPU to one reader: the algorithm, over memory that kernel, BPF, agent and the
//! loom test each bring along.
//!
//! ```text
//! reader's page:    tail                          written by the reader, believed by nobody
//! producer's page:  head, pending, counters       written by the kernel, read-only to the reader
//! data:             2^n slots, then RECORD_SLOTS_MAX slots of slack, so that no record is ever split
//! ```
//!
//! `head` and `tail` count slots and never wrap; a slot's place is its number modulo the number of slots. A record may go on
//! into the slack behind the last slot; the slots at the beginning that it stands for stay unused.
//!
//! One producer at a time writes to a ring: a CPU's, with preemption off. What interrupts it there (a page fault of its
//! own, an interrupt) finds `pending` set and is turned away and counted.
//!
//! `pending` also tells the reader how far it may go when it merges rings by time: a record whose time is taken may not be
//! visible yet. See [`horizon`].

use super::record::{RECORD_SLOTS_MAX, SLOT_SIZE};

/// Bytes of the reader's page and of the producer's page.
pub const PAGE_SIZE: usize = 4096;
/// Bytes of slack behind the slots.
pub const SLACK_SIZE: usize = RECORD_SLOTS_MAX * SLOT_SIZE;
/// The fewest slots of a ring.
pub const SLOTS_MIN: u64 = 2 * RECORD_SLOTS_MAX as u64;
/// The most slots of a ring: 512 MiB.
pub const SLOTS_MAX: u64 = 1 << 22;

/// Where things are in the two pages.
pub mod offset {
    /// In the reader's page, `u64`: the slot up to which the reader is done.
    pub const TAIL: usize = 0;
    /// In the producer's page, `u64`: the slot up to which records are visible.
    pub const HEAD: usize = 0;
    /// In the producer's page, `u64`: [`super::IDLE`], [`super::ENTERED`], or the time of the record being written.
    pub const PENDING: usize = 64;
    /// In the producer's page, `u64`: how many records there were to write ([`super::super::record::offset::SEQUENCE`]).
    pub const SEQUENCE: usize = 128;
    /// In the producer's page, `[u64; counter::COUNT]`.
    pub const COUNTERS: usize = 192;
    /// In the producer's page: from here on it is the driver's own, to keep what it likes.
    pub const DRIVER: usize = 2048;
}

/// Nobody is writing.
pub const IDLE: u64 = 0;
/// Somebody is about to write, and has not taken the time yet.
pub const ENTERED: u64 = 1;

macro_rules! counters {
    ($($(#[$doc:meta])* $index:literal $name:ident $text:literal;)*) => {
        /// What a driver counts, per ring: indices into the counters of the producer's page.
        pub mod counter {
            use super::super::record::flag;

            $($(#[$doc])* pub const $name: usize = $index;)*
            /// Index and name of each.
            pub const NAMES: &[(usize, &str)] = &[$(($index, $text)),*];
            /// How many there is room for.
            pub const COUNT: usize = 32;

            /// Counts what the flags of a record say that it lacks ([`flag::MISSES`]).
            #[inline(always)]
            pub fn misses(flags: u32, mut count: impl FnMut(usize)) {
                for (bit, counter) in
                    [(flag::USER_MISS, USER_MISS), (flag::KERNEL_MISS, KERNEL_MISS), (flag::CUT, CUT)]
                {
                    if flags & bit != 0 {
                        count(counter);
                    }
                }
            }
        }
    };
}

counters! {
    /// Records written.
    0 RECORDS "records";
    /// Refused because the ring was full: calls that open, close or name files.
    1 FULL_FILE "full_file";
    /// Refused because the ring was full: network calls.
    2 FULL_NETWORK "full_network";
    /// Refused because the ring was full: what makes, changes or ends processes.
    3 FULL_PROCESS "full_process";
    /// Refused because the ring was full: calls that read or write.
    4 FULL_IO "full_io";
    /// Refused because the ring was full: everything else.
    5 FULL_OTHER "full_other";
    /// Turned away because the same CPU was just writing another record.
    6 NESTED "nested";
    /// Records with a parameter whose user memory could not be read.
    7 USER_MISS "user_miss";
    /// Records with a parameter whose kernel object could not be read.
    8 KERNEL_MISS "kernel_miss";
    /// Records that were full before all parameters were in.
    9 CUT "cut";
    /// Records for which the extractor could not be run: only that the call happened is told.
    10 UNEXTRACTED "unextracted";
}

/// The memory of a ring as the producer sees it.
///
/// Only the producer of this CPU calls these, with preemption off.
pub trait ProducerMemory {
    /// Sets `pending` and returns what it was, as one step and with a full barrier: what the producer does next, taking the
    /// time above all, happens after the reader can see the new value. Pairs with [`ConsumerMemory::pending`].
    fn swap_pending(&self, value: u64) -> u64;
    /// Sets `pending`; what was written before is visible to whoever sees it. Pairs with [`ConsumerMemory::pending`].
    fn store_pending(&self, value: u64);
    /// The producer's own copy of `head`, which nobody else can write.
    fn head(&self) -> u64;
    /// Makes records visible up to `head`: a release. Pairs with [`ConsumerMemory::head`].
    fn publish(&self, head: u64);
    /// The reader's `tail`: an acquire, so that slots are written after the reader is done with them. Pairs with
    /// [`ConsumerMemory::release`]. May be any number.
    fn tail(&self) -> u64;
    /// The clock that orders records, in nanoseconds since boot; never 0 or 1.
    fn now(&self) -> u64;
    /// Adds one to the sequence and returns what it was.
    fn next_sequence(&self) -> u64;
    /// Adds one to a counter.
    fn count(&self, counter: usize);
}

/// Why there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The same CPU is writing a record already.
    Nested,
    /// The reader is not fast enough.
    Full,
}

/// Room for the longest record, from a slot on. Must end in [`commit`] or [`abandon`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reserved {
    /// The number of the first slot.
    pub position: u64,
    /// The number of the record.
    pub sequence: u64,
    /// The time of the record.
    pub time: u64,
}

/// What bounds a slot's number, worked out of how many slots the ring has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The bits of a slot's number that tell its place.
    pub mask: u64,
    /// How many slots may be in use for another record, which may be the longest, to have room.
    pub used_max: u64,
}

impl Bounds {
    /// Those of a ring of so many slots, a power of two and at least [`SLOTS_MIN`].
    #[inline(always)]
    pub const fn of(slots: u64) -> Bounds {
        Bounds { mask: slots.wrapping_sub(1), used_max: slots.wrapping_sub(RECORD_SLOTS_MAX as u64) }
    }
}

/// Takes the ring for one record. `used_max` is that of the ring's [`Bounds`], `full` tells the counter of what has no room.
#[inline(always)]
pub fn reserve<M: ProducerMemory>(
    memory: &M,
    used_max: u64,
    full: impl FnOnce() -> usize,
) -> Result<Reserved, Refused> {
    if memory.swap_pending(ENTERED) != IDLE {
        // The outer producer sets the word again when it is done; until then it may hold ENTERED instead of a time, which
        // makes the reader wait a little longer.
        memory.count(counter::NESTED);
        return Err(Refused::Nested);
    }
    // A tail that lies makes this number too large (only the liar loses records) or too small (only the liar's unread
    // records are overwritten).
    let used = memory.head().wrapping_sub(memory.tail());
    if used > used_max {
        memory.next_sequence();
        memory.count(full());
        memory.store_pending(IDLE);
        return Err(Refused::Full);
    }
    let time = memory.now();
    memory.store_pending(time);
    // The clock is a function of the kernel's: what is taken behind it need not be saved from it.
    Ok(Reserved { position: memory.head(), sequence: memory.next_sequence(), time })
}

/// Makes the record visible that was written where [`reserve`] said and takes so many slots. Returns the new head.
#[inline(always)]
pub fn commit<M: ProducerMemory>(memory: &M, record_slots: u64) -> u64 {
    memory.count(counter::RECORDS);
    let head = memory.head().wrapping_add(record_slots);
    memory.publish(head);
    memory.store_pending(IDLE);
    head
}

/// Gives the room back unused. The reader will miss the sequence number.
#[inline(always)]
pub fn abandon<M: ProducerMemory>(memory: &M) {
    memory.store_pending(IDLE);
}

/// The memory of a ring as the reader sees it.
pub trait ConsumerMemory {
    /// `head`: an acquire. Pairs with [`ProducerMemory::publish`].
    fn head(&self) -> u64;
    /// `pending`: an acquire. Pairs with [`ProducerMemory::swap_pending`] and [`ProducerMemory::store_pending`].
    fn pending(&self) -> u64;
    /// Gives slots back up to `tail`: a release. Pairs with [`ProducerMemory::tail`].
    fn release(&self, tail: u64);
}

/// Before which time all records of a ring are visible in what [`ConsumerMemory::head`] says from now on.
///
/// `now` must have been read from the clock before, with a full barrier between: then a producer whose `pending` is not
/// seen takes its time after `now`. `None`: a producer is there whose time is not known yet; ask again.
#[inline]
pub fn horizon<M: ConsumerMemory>(memory: &M, now: u64) -> Option<u64> {
    match memory.pending() {
        IDLE => Some(now),
        ENTERED => None,
        time => Some(time.min(now)),
    }
}
