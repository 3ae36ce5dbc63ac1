// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The ring of this CPU: the memory that `crate::wire::ring` works on, the record's header, and its end.

use crate::wire::record::{flag::MISSES, offset as header, HEADER_SIZE, SLOT_SIZE};
use crate::wire::ring::{self, counter, offset, Bounds, ProducerMemory, Reserved};

use crate::access::{load, masked, store};
use crate::arch;
use crate::helpers;
use crate::layout::{constant, RING_SLOTS};
use crate::maps::{RINGS, TAILS};
use crate::state::{get, set};
use crate::task;

/// The producer's page of a CPU; the slots follow it.
#[derive(Clone, Copy)]
pub struct Ring {
    /// Its address.
    pub page: *mut u8,
    cpu: u32,
}

impl Ring {
    /// That of this CPU.
    #[inline(always)]
    pub fn of_this_cpu() -> Option<Ring> {
        let cpu = helpers::get_smp_processor_id();
        let page = helpers::lookup(&RINGS, cpu);
        (!page.is_null()).then_some(Ring { page, cpu })
    }

    /// The address of the record that is being written.
    #[inline(always)]
    pub fn record(self) -> *mut u8 {
        // Until it is visible the head stands before it. The verifier knows the number of slots, and so how far this can be.
        let slot = arch::and(self.head(), Bounds::of(constant(&RING_SLOTS)).mask);
        self.page.wrapping_add(ring::PAGE_SIZE).wrapping_add(slot as usize * SLOT_SIZE)
    }

    /// Takes room for a record of an event and writes what is known of it already. `None`: there is no room, which was counted.
    #[inline(always)]
    pub fn reserve(self, event: u16, full: usize, syscall: u16, result: i64) -> Option<*mut u8> {
        let bounds = Bounds::of(constant(&RING_SLOTS));
        let Ok(Reserved { sequence, time, .. }) = ring::reserve(&self, bounds.used_max, || full) else {
            return None;
        };
        set!(self.page, at, 0);
        set!(self.page, parameters, 0);
        set!(self.page, extras, 0);
        set!(self.page, flags, 0);
        set!(self.page, truncated, 0);
        set!(self.page, result, result as u64);
        let record = self.record();
        store(record, header::SEQUENCE, sequence);
        store(record, header::TIME, time);
        let ids = helpers::get_current_pid_tgid();
        store(record, header::TID, ids as u32);
        store(record, header::TGID, (ids >> 32) as u32);
        store(record, header::EVENT, event);
        store(record, header::RETURN, result);
        store(record, header::CGROUP, task::cgroup());
        store(record, header::START_TIME, task::process_start());
        store(record, header::SYSCALL, syscall);
        store(record, header::CPU, self.cpu as u16);
        Some(record)
    }

    /// Completes the header of the record and makes it visible.
    #[inline(always)]
    pub fn commit(self, record: *mut u8) {
        let payload = get!(self.page, at);
        let flags = get!(self.page, flags) as u32;
        let slots = payload.wrapping_add((HEADER_SIZE + SLOT_SIZE - 1) as u64) >> SLOT_SIZE.trailing_zeros();
        store(record, header::SLOTS, slots as u16);
        store(record, header::PAYLOAD, payload as u16);
        store(record, header::PARAMETERS, get!(self.page, parameters) as u8);
        store(record, header::EXTRAS, get!(self.page, extras) as u8);
        store(record, header::FLAGS, flags);
        if flags & MISSES != 0 {
            counter::misses(flags, |counter| self.count(counter));
        }
        ring::commit(&self, masked::<0x3ff>(slots));
    }

    /// Adds to a counter.
    #[inline(always)]
    pub fn add(self, counter: usize, count: u64) {
        let at = offset::COUNTERS + masked::<{ counter::COUNT as u32 - 1 }>(counter as u64) as usize * 8;
        store(self.page, at, load::<u64>(self.page, at).wrapping_add(count));
    }

}

impl ProducerMemory for Ring {
    #[inline(always)]
    fn swap_pending(&self, value: u64) -> u64 {
        arch::swap::<{ offset::PENDING }>(self.page, value)
    }

    #[inline(always)]
    fn store_pending(&self, value: u64) {
        arch::store_release::<{ offset::PENDING }>(self.page, value);
    }

    #[inline(always)]
    fn head(&self) -> u64 {
        load(self.page, offset::HEAD)
    }

    #[inline(always)]
    fn publish(&self, head: u64) {
        arch::store_release::<{ offset::HEAD }>(self.page, head);
    }

    #[inline(always)]
    fn tail(&self) -> u64 {
        // What the tail was is good enough while it leaves room: a tail only grows. This spares most calls a look at a page that
        // another CPU writes to. The stores to the slots wait for these loads: they hang on a branch on them.
        let seen = get!(self.page, tail);
        if self.head().wrapping_sub(seen) <= constant(&RING_SLOTS) / 2 {
            return seen;
        }
        let page = helpers::lookup(&TAILS, self.cpu);
        if page.is_null() {
            return seen;
        }
        let tail = load(page, offset::TAIL);
        set!(self.page, tail, tail);
        tail
    }

    #[inline(always)]
    fn now(&self) -> u64 {
        helpers::ktime_get_boot_ns()
    }

    #[inline(always)]
    fn next_sequence(&self) -> u64 {
        let sequence = load::<u64>(self.page, offset::SEQUENCE);
        store(self.page, offset::SEQUENCE, sequence.wrapping_add(1));
        sequence
    }

    #[inline(always)]
    fn count(&self, counter: usize) {
        self.add(counter, 1);
    }
}
