// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The shipped algorithm of the ring under every interleaving that the memory model allows (loom): one producer, what
//! interrupts it at any step, and one reader. Run with `scripts/test loom`.
//!
//! Each rule that the drivers must keep is also broken once, to show that it is needed and that the model would tell.

use std::cell::{Cell, RefCell};
use std::sync::Mutex;
use std::vec::Vec;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{fence, AtomicU64, Ordering};
use loom::sync::Arc;

use super::super::record::RECORD_SLOTS_MAX;
use super::super::ring::{self, counter, Bounds, ConsumerMemory, ProducerMemory, IDLE};

/// Slots of the ring. A record of one slot needs the room of the longest: so two records fit in until the reader comes.
const SLOTS: u64 = RECORD_SLOTS_MAX as u64 + 1;
/// Two places take turns: the third record overwrites the first.
const PLACES: u64 = 2;
/// How many records the producer tries to write.
const RECORDS: usize = 3;

/// Orders of memory, as the drivers promise them, or weaker.
#[derive(Clone, Copy)]
struct Orders {
    publish: Ordering,
    release: Ordering,
    acquire_tail: Ordering,
    /// Whether entering is a full barrier.
    barrier: bool,
}

const PROMISED: Orders = Orders {
    publish: Ordering::Release,
    release: Ordering::Release,
    acquire_tail: Ordering::Acquire,
    barrier: true,
};

/// A place of a record: its content, and a guard that fails when two use it at the same time.
struct Place {
    guard: Mutex<UnsafeCell<()>>,
    sequence: AtomicU64,
    time: AtomicU64,
}

struct Ring {
    orders: Orders,
    tail: AtomicU64,
    head: AtomicU64,
    pending: AtomicU64,
    /// The clock: each look at it is later than all before, and synchronizes with nothing.
    clock: AtomicU64,
    places: [Place; PLACES as usize],
}

impl Ring {
    fn new(orders: Orders) -> Ring {
        let place = || Place {
            guard: Mutex::new(UnsafeCell::new(())),
            sequence: AtomicU64::new(u64::MAX),
            time: AtomicU64::new(u64::MAX),
        };
        Ring {
            orders,
            tail: AtomicU64::new(0),
            head: AtomicU64::new(0),
            pending: AtomicU64::new(IDLE),
            clock: AtomicU64::new(2),
            places: [place(), place()],
        }
    }

    fn place(&self, position: u64) -> &Place {
        &self.places[(position % PLACES) as usize]
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::Relaxed)
    }
}

impl ConsumerMemory for Ring {
    fn head(&self) -> u64 {
        self.head.load(Ordering::Acquire)
    }
    fn pending(&self) -> u64 {
        self.pending.load(Ordering::Acquire)
    }
    fn release(&self, tail: u64) {
        self.tail.store(tail, self.orders.release);
    }
}

/// What only the producer's CPU has.
struct Producer<'a> {
    ring: &'a Ring,
    head: Cell<u64>,
    sequence: Cell<u64>,
    counters: RefCell<[u64; counter::COUNT]>,
    /// Sequence and time of all records that were published.
    written: RefCell<Vec<(u64, u64)>>,
    /// How many steps until something interrupts and tries to write a record of its own.
    until_interrupt: Cell<Option<usize>>,
}

impl Producer<'_> {
    /// Before each step: perhaps an interruption.
    fn step(&self) {
        match self.until_interrupt.get() {
            Some(0) => {
                self.until_interrupt.set(None);
                self.record();
            }
            Some(steps) => self.until_interrupt.set(Some(steps - 1)),
            None => {}
        }
    }

    /// What a driver does for an event.
    fn record(&self) {
        if let Ok(reserved) = ring::reserve(self, Bounds::of(SLOTS).used_max, || counter::FULL_OTHER) {
            let place = self.ring.place(reserved.position);
            place.guard.lock().unwrap().with_mut(|_| ());
            place.sequence.store(reserved.sequence, Ordering::Relaxed);
            self.step();
            place.time.store(reserved.time, Ordering::Relaxed);
            self.written.borrow_mut().push((reserved.sequence, reserved.time));
            ring::commit(self, 1);
        }
    }
}

impl ProducerMemory for Producer<'_> {
    fn swap_pending(&self, value: u64) -> u64 {
        self.step();
        if self.ring.orders.barrier {
            let before = self.ring.pending.swap(value, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            before
        } else {
            self.ring.pending.swap(value, Ordering::Relaxed)
        }
    }
    fn store_pending(&self, value: u64) {
        self.step();
        self.ring.pending.store(value, Ordering::Release);
    }
    fn head(&self) -> u64 {
        self.step();
        self.head.get()
    }
    fn publish(&self, head: u64) {
        self.step();
        self.head.set(head);
        self.ring.head.store(head, self.ring.orders.publish);
    }
    fn tail(&self) -> u64 {
        self.step();
        self.ring.tail.load(self.ring.orders.acquire_tail)
    }
    fn now(&self) -> u64 {
        self.step();
        self.ring.now()
    }
    fn next_sequence(&self) -> u64 {
        self.step();
        self.sequence.replace(self.sequence.get() + 1)
    }
    fn count(&self, counter: usize) {
        self.counters.borrow_mut()[counter] += 1;
    }
}

/// What one look of the reader found: before which time everything is visible, and how many records it has seen in all.
struct Look {
    horizon: Option<u64>,
    seen: usize,
}

/// Looks at the ring and takes what is there.
fn look(ring: &Ring, tail: &mut u64, seen: &mut Vec<(u64, u64)>) -> Look {
    let now = ring.now();
    fence(Ordering::SeqCst);
    let horizon = ring::horizon(ring, now);
    let head = ConsumerMemory::head(ring);
    while *tail < head {
        let place = ring.place(*tail);
        place.guard.lock().unwrap().with(|_| ());
        seen.push((place.sequence.load(Ordering::Relaxed), place.time.load(Ordering::Relaxed)));
        *tail += 1;
    }
    ring.release(*tail);
    Look { horizon, seen: seen.len() }
}

/// Runs producer and reader against each other and holds them to what the ring promises.
fn check(orders: Orders, interrupt: Option<usize>) {
    let mut model = loom::model::Builder::new();
    // An interruption is a switch of its own: with it, one fewer of those between the threads keeps the number of runs down.
    model.preemption_bound = Some(if interrupt.is_some() { 2 } else { 3 });
    model.check(move || {
        let ring = Arc::new(Ring::new(orders));
        let reader = loom::thread::spawn({
            let ring = ring.clone();
            move || {
                let (mut tail, mut seen) = (0, Vec::new());
                let looks: Vec<Look> = (0..2).map(|_| look(&ring, &mut tail, &mut seen)).collect();
                (tail, seen, looks)
            }
        });
        let producer = Producer {
            ring: &ring,
            head: Cell::new(0),
            sequence: Cell::new(0),
            counters: RefCell::new([0; counter::COUNT]),
            written: RefCell::new(Vec::new()),
            until_interrupt: Cell::new(interrupt),
        };
        for _ in 0..RECORDS {
            producer.record();
        }
        let (mut tail, mut seen, mut looks) = reader.join().unwrap();
        looks.push(look(&ring, &mut tail, &mut seen));

        let written = producer.written.take();
        assert_eq!(seen, written, "each record once, whole, in order");
        for Look { horizon, seen } in &looks {
            let late =
                written.iter().skip(*seen).find(|(_, time)| horizon.is_some_and(|horizon| *time < horizon));
            assert_eq!(late, None, "a record came after its time was called complete");
        }
        assert!(looks.last().unwrap().horizon.is_some(), "the ring is left idle");
        let counters = producer.counters.take();
        let attempts = RECORDS + usize::from(interrupt.is_some() && producer.until_interrupt.get().is_none());
        let told = counters[counter::RECORDS] + counters[counter::FULL_OTHER] + counters[counter::NESTED];
        assert_eq!(counters[counter::RECORDS] as usize, written.len());
        assert_eq!(told as usize, attempts, "nothing is lost without a counter");
        let refused = counters[counter::FULL_OTHER];
        assert_eq!(
            producer.sequence.get(),
            counters[counter::RECORDS] + refused,
            "the sequence has a gap for it"
        );
    });
}

#[test]
fn loom_keeps_its_promises() {
    check(PROMISED, None);
}

#[test]
fn loom_keeps_its_promises_when_interrupted() {
    // A record takes eight steps; the last interruptions come after all records.
    for steps in 0..12 {
        check(PROMISED, Some(steps));
    }
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_sees_a_head_that_does_not_release() {
    check(Orders { publish: Ordering::Relaxed, ..PROMISED }, None);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_sees_a_tail_that_does_not_release() {
    check(Orders { release: Ordering::Relaxed, ..PROMISED }, None);
}

#[test]
#[should_panic(expected = "Causality violation")]
fn loom_sees_a_tail_that_is_not_acquired() {
    check(Orders { acquire_tail: Ordering::Relaxed, ..PROMISED }, None);
}

#[test]
#[should_panic(expected = "a record came after its time was called complete")]
fn loom_sees_an_entry_without_a_barrier() {
    check(Orders { barrier: false, ..PROMISED }, None);
}
