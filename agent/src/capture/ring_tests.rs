//! Rings in ordinary memory, written by the algorithm that the drivers use.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::Cell;

use saker_probe::wire::record::slots_for;
use saker_probe::wire::ring::{Bounds, PAGE_SIZE, ProducerMemory, Refused, SLACK_SIZE};

use super::*;

/// Page-aligned memory for a ring.
struct Memory {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: it is only memory.
unsafe impl Send for Memory {}
// SAFETY: as above; whoever has pointers into it uses atomics.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

/// The producer of a ring in ordinary memory, with a clock of its own.
pub(crate) struct Producer {
    memory: Arc<Memory>,
    slots: u64,
    head: Cell<u64>,
    clock: Cell<u64>,
}

/// A ring with as few slots as there can be, and its producer.
pub(crate) fn ring() -> (Producer, Ring) {
    let slots = SLOTS_MIN;
    let size = 2 * PAGE_SIZE + slots as usize * SLOT_SIZE + SLACK_SIZE;
    let layout = Layout::from_size_align(size, PAGE_SIZE).unwrap();
    // SAFETY: the size is not zero.
    let start = NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap();
    let memory = Arc::new(Memory { start, layout });
    let at = |offset| {
        // SAFETY: inside the allocation.
        unsafe { start.add(offset) }
    };
    let parts = Parts { reader: at(0), producer: at(PAGE_SIZE), data: at(2 * PAGE_SIZE), slots };
    let mapping: Arc<dyn Send + Sync> = Arc::<Memory>::clone(&memory);
    // SAFETY: the parts lie in the allocation, which lives as long as the mapping.
    let ring = unsafe { Ring::new(parts, mapping) }.unwrap();
    (Producer { memory, slots, head: Cell::new(0), clock: Cell::new(100) }, ring)
}

impl Producer {
    fn word(&self, offset: usize) -> &AtomicU64 {
        // SAFETY: the pages lie in the allocation.
        let word = unsafe { self.memory.start.add(offset) };
        // SAFETY: aligned, and accessed atomically by all.
        unsafe { AtomicU64::from_ptr(word.as_ptr().cast()) }
    }

    /// Lets time pass.
    pub(crate) fn tick(&self, nanoseconds: u64) {
        self.clock.set(self.clock.get() + nanoseconds);
    }

    /// Writes any bytes as a record of so many slots.
    fn write_bytes(&self, position: u64, bytes: &[u8]) {
        let index = (position & (self.slots - 1)) as usize;
        // SAFETY: a slot of the ring, with the slack behind it.
        let to = unsafe { self.memory.start.add(2 * PAGE_SIZE + index * SLOT_SIZE) };
        // SAFETY: the reader does not look at these slots before they are published.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.as_ptr(), bytes.len()) }
    }

    /// Writes a record with these parameters.
    pub(crate) fn record(&self, header: Header, parameters: &[&[u8]]) -> Result<(), Refused> {
        let reserved = ring::reserve(self, Bounds::of(self.slots).used_max, || counter::FULL_OTHER)?;
        let mut payload = Vec::new();
        for parameter in parameters {
            payload.extend((parameter.len() as u16).to_le_bytes());
            payload.extend(*parameter);
        }
        let header = Header {
            sequence: reserved.sequence,
            time: reserved.time,
            slots: slots_for(payload.len()) as u16,
            payload: payload.len() as u16,
            parameters: parameters.len() as u8 - header.extras,
            ..header
        };
        self.write_bytes(reserved.position, &[&header.to_bytes()[..], &payload].concat());
        ring::commit(self, u64::from(header.slots));
        Ok(())
    }
}

impl ProducerMemory for Producer {
    fn swap_pending(&self, value: u64) -> u64 {
        self.word(PAGE_SIZE + ring::offset::PENDING).swap(value, Ordering::SeqCst)
    }
    fn store_pending(&self, value: u64) {
        self.word(PAGE_SIZE + ring::offset::PENDING).store(value, Ordering::Release);
    }
    fn head(&self) -> u64 {
        self.head.get()
    }
    fn publish(&self, head: u64) {
        self.head.set(head);
        self.word(PAGE_SIZE + ring::offset::HEAD).store(head, Ordering::Release);
    }
    fn tail(&self) -> u64 {
        self.word(ring::offset::TAIL).load(Ordering::Acquire)
    }
    fn now(&self) -> u64 {
        self.tick(1);
        self.clock.get()
    }
    fn next_sequence(&self) -> u64 {
        self.word(PAGE_SIZE + ring::offset::SEQUENCE).fetch_add(1, Ordering::Relaxed)
    }
    fn count(&self, counter: usize) {
        self.word(PAGE_SIZE + ring::offset::COUNTERS + 8 * counter).fetch_add(1, Ordering::Relaxed);
    }
}

fn texts(reader: &mut RingReader) -> Vec<Vec<u8>> {
    reader.refresh(u64::MAX);
    let mut found = Vec::new();
    while reader.take(|record, _| {
        found.push(record.parameters().next().map_or(Vec::new(), |first| first.bytes.to_vec()));
    }) {}
    reader.release();
    found
}

#[test]
fn records_come_in_order_and_around_the_end() {
    let (producer, ring) = ring();
    let mut reader = RingReader::new(ring);
    // Records of many sizes, several times around the ring.
    for round in 0..2_000_usize {
        let text = vec![round as u8; round * 37 % 9_000];
        producer.record(Header::default(), &[&text]).unwrap();
        assert_eq!(texts(&mut reader), [text], "{round}");
    }
    let counters = reader.counters();
    assert_eq!(counters, ReaderCounters { records: 2_000, missing: 0, malformed: 0 });
    assert_eq!(reader.ring().counters()[counter::RECORDS], 2_000);
}

#[test]
fn what_finds_no_room_is_missed_by_its_number() {
    let (producer, ring) = ring();
    let mut reader = RingReader::new(ring);
    let mut written = 0;
    while producer.record(Header::default(), &[b"x"]).is_ok() {
        written += 1;
    }
    assert_eq!(producer.record(Header::default(), &[b"x"]), Err(Refused::Full));
    assert_eq!(texts(&mut reader).len(), written);
    producer.record(Header::default(), &[b"after"]).unwrap();
    assert_eq!(texts(&mut reader), [b"after"]);
    assert_eq!(reader.counters().missing, 2);
    assert_eq!(reader.ring().counters()[counter::FULL_OTHER], 2);
}

#[test]
fn bytes_that_are_no_record_are_given_up_and_counted() {
    let (producer, ring) = ring();
    let mut reader = RingReader::new(ring);
    producer.record(Header::default(), &[b"good"]).unwrap();
    let reserved =
        ring::reserve(&producer, Bounds::of(producer.slots).used_max, || counter::FULL_OTHER).unwrap();
    producer.write_bytes(reserved.position, &[0xff; SLOT_SIZE]);
    ring::commit(&producer, 1);
    producer.record(Header::default(), &[b"unreachable"]).unwrap();
    assert_eq!(texts(&mut reader), [b"good"]);
    producer.record(Header::default(), &[b"next"]).unwrap();
    assert_eq!(texts(&mut reader), [b"next"], "the ring goes on");
    assert_eq!(reader.counters().malformed, 1);
}

/// A record may claim slots that are not visible yet; they may not be looked at.
#[test]
fn a_record_ends_where_the_visible_slots_end() {
    let (producer, ring) = ring();
    let mut reader = RingReader::new(ring);
    let reserved =
        ring::reserve(&producer, Bounds::of(producer.slots).used_max, || counter::FULL_OTHER).unwrap();
    let header = Header { payload: 130, slots: slots_for(130) as u16, ..Header::default() };
    producer.write_bytes(reserved.position, &header.to_bytes());
    ring::commit(&producer, 1);
    assert!(texts(&mut reader).is_empty());
    assert_eq!(reader.counters().malformed, 1);
}

#[test]
fn a_head_beyond_the_ring_is_not_followed() {
    let (producer, ring) = ring();
    let mut reader = RingReader::new(ring);
    producer.publish(producer.slots + 1);
    assert!(texts(&mut reader).is_empty());
    assert_eq!(reader.counters().malformed, 1);
}

proptest::proptest! {
    /// Whatever the shared memory holds, what is read lies between tail and head, and the reader goes on.
    #[test]
    fn no_contents_of_a_ring_do_harm(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..4 * SLOT_SIZE),
        slots in proptest::collection::vec(0u16..4, 4),
        heads in proptest::collection::vec(0u64..2 * SLOTS_MIN, 1..6),
        pending in proptest::num::u64::ANY,
    ) {
        let (producer, ring) = ring();
        let mut reader = RingReader::new(ring);
        for (index, chunk) in bytes.chunks(SLOT_SIZE).enumerate() {
            producer.write_bytes(index as u64, chunk);
            // A likely number of slots, so that some records are taken for sound.
            let at = 2 * PAGE_SIZE + index * SLOT_SIZE + saker_probe::wire::record::offset::SLOTS;
            // SAFETY: a slot of the ring.
            let to = unsafe { producer.memory.start.add(at) };
            // SAFETY: as above; nobody else looks at it now.
            unsafe { to.cast::<[u8; 2]>().write_unaligned(slots[index].to_le_bytes()) };
        }
        producer.store_pending(pending);
        for head in heads {
            producer.publish(head);
            reader.refresh(1_000);
            while reader.take(|record, _| record.parameters().for_each(drop)) {}
            reader.release();
            assert_eq!(reader.peek(), None);
            assert_eq!(producer.tail(), head, "all is read or given up");
        }
    }
}

#[test]
fn time_never_goes_back() {
    let (producer, ring) = ring();
    let mut reader = RingReader::new(ring);
    producer.record(Header::default(), &[]).unwrap();
    producer.clock.set(50);
    producer.record(Header::default(), &[]).unwrap();
    reader.refresh(u64::MAX);
    assert_eq!(reader.peek(), Some(101));
    assert!(reader.take(|_, time| assert_eq!(time, 101)));
    assert_eq!(reader.peek(), Some(101));
    assert!(reader.take(|_, time| assert_eq!(time, 101)) && !reader.take(|_, _| panic!("there were two")));
}

#[test]
fn a_record_in_the_making_holds_the_horizon() {
    let (producer, ring) = ring();
    let mut reader = RingReader::new(ring);
    assert_eq!(reader.refresh(1_000), Some(1_000));
    let reserved =
        ring::reserve(&producer, Bounds::of(producer.slots).used_max, || counter::FULL_OTHER).unwrap();
    assert_eq!(reader.refresh(1_000), Some(reserved.time));
    producer.store_pending(ring::ENTERED);
    assert_eq!(reader.refresh(1_000), None);
    ring::abandon(&producer);
    assert_eq!(reader.refresh(1_000), Some(1_000));
}
