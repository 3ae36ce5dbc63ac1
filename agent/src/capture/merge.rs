//! Puts the records of all CPUs into one order, that of their times.
//!
//! A record is given out once no earlier one can come any more: when the horizon of every ring has passed it. A CPU on which
//! nothing happens does not hold the others back, because its ring says that nobody is writing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{Ordering, fence};

use saker_probe::wire::record::Record;
use saker_probe::wire::ring::counter;

use super::ring::{ReaderCounters, Ring, RingReader};

/// How far the clocks of two CPUs may be apart, and ours from both, in nanoseconds.
const CLOCK_MARGIN: u64 = 50_000;
/// How often a ring is asked whose producer has not taken its time yet. It does so within a few instructions, unless the
/// machine under a virtual CPU takes that away for a while.
const RETRIES: usize = 64;

/// The rings of all CPUs.
pub struct Merger {
    readers: Vec<RingReader>,
    /// The time before which everything has been given out.
    horizon: u64,
    /// Of each ring with a record before the horizon: the record's time, and the ring.
    next: BinaryHeap<Reverse<(u64, usize)>>,
}

impl Merger {
    /// Begins at the first records of fresh rings.
    pub fn new(rings: Vec<Ring>) -> Self {
        let readers = rings.into_iter().map(RingReader::new).collect();
        Merger { readers, horizon: 0, next: BinaryHeap::new() }
    }

    /// Gives out what is complete, in order, at most so many records; `clock` is that of the records (`CLOCK_BOOTTIME`).
    /// Returns how many there were.
    pub fn drain(
        &mut self,
        clock: impl Fn() -> u64,
        most: usize,
        mut take: impl FnMut(&Record<'_>, u64),
    ) -> usize {
        let now = clock().saturating_sub(CLOCK_MARGIN);
        // The clock is read before any ring is looked at: see `wire::ring::horizon`.
        fence(Ordering::SeqCst);
        let mut horizon = now;
        for reader in &mut self.readers {
            let known = (0..RETRIES).find_map(|_| {
                let found = reader.refresh(now);
                if found.is_none() {
                    std::hint::spin_loop();
                }
                found
            });
            horizon = horizon.min(known.unwrap_or(self.horizon));
        }
        self.horizon = self.horizon.max(horizon);
        self.give(most, &mut take)
    }

    /// Gives out all that is left. Only when nothing is recorded any more.
    pub fn finish(&mut self, mut take: impl FnMut(&Record<'_>, u64)) -> usize {
        for reader in &mut self.readers {
            reader.refresh(u64::MAX);
        }
        self.horizon = u64::MAX;
        self.give(usize::MAX, &mut take)
    }

    fn give(&mut self, most: usize, take: &mut impl FnMut(&Record<'_>, u64)) -> usize {
        self.next.clear();
        for (index, reader) in self.readers.iter().enumerate() {
            self.next.extend(reader.peek().map(|time| Reverse((time, index))));
        }
        let mut given = 0;
        while given < most
            && let Some(Reverse((time, index))) = self.next.pop()
            && time < self.horizon
            && let Some(reader) = self.readers.get_mut(index)
        {
            given += usize::from(reader.take(&mut *take));
            self.next.extend(reader.peek().map(|time| Reverse((time, index))));
        }
        self.readers.iter().for_each(RingReader::release);
        given
    }

    /// What the drivers counted, all CPUs together.
    pub fn driver_counters(&self) -> [u64; counter::COUNT] {
        self.readers.iter().fold([0; counter::COUNT], |mut sum, reader| {
            sum.iter_mut().zip(reader.ring().counters()).for_each(|(sum, count)| *sum += count);
            sum
        })
    }

    /// What the driver counted on each CPU that has a ring.
    pub fn counters_by_cpu(&self) -> impl Iterator<Item = (usize, [u64; counter::COUNT])> {
        self.readers.iter().enumerate().map(|(cpu, reader)| (cpu, reader.ring().counters()))
    }

    /// What the readers noticed, all CPUs together.
    pub fn reader_counters(&self) -> ReaderCounters {
        self.readers.iter().map(RingReader::counters).fold(ReaderCounters::default(), |sum, one| {
            ReaderCounters {
                records: sum.records + one.records,
                missing: sum.missing + one.missing,
                malformed: sum.malformed + one.malformed,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use saker_probe::wire::record::Header;
    use saker_probe::wire::ring::{self, Bounds, ProducerMemory, SLOTS_MIN};

    use super::super::ring::tests::ring;
    use super::*;

    const NOW: u64 = 1_000_000_000;

    fn tid(tid: u32) -> Header {
        Header { tid, ..Header::default() }
    }

    fn drain(merger: &mut Merger, now: u64) -> Vec<u32> {
        let mut found = Vec::new();
        merger.drain(|| now, usize::MAX, |record, _| found.push(record.header.tid));
        found
    }

    #[test]
    fn records_of_several_cpus_come_by_time() {
        let ((one, first), (two, second)) = (ring(), ring());
        let mut merger = Merger::new(vec![first, second]);
        // Both clocks begin at 100 and go on by one for each record.
        two.tick(10);
        one.record(tid(1), &[]).unwrap();
        two.record(tid(2), &[]).unwrap();
        one.tick(20);
        one.record(tid(3), &[]).unwrap();
        two.tick(100);
        two.record(tid(4), &[]).unwrap();
        assert_eq!(drain(&mut merger, NOW), [1, 2, 3, 4]);
        assert_eq!(drain(&mut merger, NOW), [0; 0]);
        assert_eq!(merger.reader_counters().records, 4);
    }

    #[test]
    fn what_may_still_be_overtaken_waits() {
        let ((one, first), (two, second)) = (ring(), ring());
        let mut merger = Merger::new(vec![first, second]);
        let reserved = ring::reserve(&one, Bounds::of(SLOTS_MIN).used_max, || counter::FULL_OTHER).unwrap();
        two.record(tid(1), &[]).unwrap();
        two.tick(100);
        two.record(tid(2), &[]).unwrap();
        assert_eq!(reserved.time, 101);
        // The first record of the second ring has the time of the one in the making: which is earlier is not known.
        assert_eq!(drain(&mut merger, NOW), [0; 0]);
        one.store_pending(ring::ENTERED);
        assert_eq!(drain(&mut merger, NOW), [0; 0], "a producer without a time holds everything");
        ring::abandon(&one);
        assert_eq!(drain(&mut merger, NOW), [1, 2]);
    }

    #[test]
    fn what_is_younger_than_the_margin_waits() {
        let (one, first) = ring();
        let mut merger = Merger::new(vec![first]);
        one.record(tid(1), &[]).unwrap();
        assert_eq!(drain(&mut merger, 101 + CLOCK_MARGIN), [0; 0]);
        assert_eq!(drain(&mut merger, 102 + CLOCK_MARGIN), [1]);
    }

    #[test]
    fn no_more_is_given_than_asked_for() {
        let (one, first) = ring();
        let mut merger = Merger::new(vec![first]);
        (0..5).for_each(|number| one.record(tid(number), &[]).unwrap());
        let mut found = Vec::new();
        assert_eq!(merger.drain(|| NOW, 3, |record, _| found.push(record.header.tid)), 3);
        assert_eq!(merger.finish(|record, _| found.push(record.header.tid)), 2);
        assert_eq!(found, [0, 1, 2, 3, 4]);
    }
}
