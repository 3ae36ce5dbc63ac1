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

const _: () = assert!(header::TGID == header::TID + 4 && cfg!(target_endian = "little"));

/// The producer's page of a CPU; the slots follow it.
#[derive(Clone, Copy)]
pub struct Ring {
    /// Its address.
    pub page: *mut u8,
    cpu: u32,
    /// What the verifier knows of the slots' numbers.
    bounds: Bounds,
}

impl Ring {
    /// That of this CPU.
    #[inline(always)]
    pub fn of_this_cpu() -> Option<Ring> {
        let cpu = helpers::get_smp_processor_id();
        let page = helpers::lookup(&RINGS, cpu);
        let bounds = Bounds::of(constant(&RING_SLOTS));
        (!page.is_null()).then_some(Ring { page, cpu, bounds })
    }

    /// The address of the record that is being written.
    #[inline(always)]
    pub fn record(self) -> *mut u8 {
        // Until it is visible the head stands before it.
        self.slot(self.head())
    }

    /// The address of a slot.
    #[inline(always)]
    fn slot(self, position: u64) -> *mut u8 {
        let slot = arch::and(position, self.bounds.mask);
        self.page.wrapping_add(ring::PAGE_SIZE).wrapping_add(slot as usize * SLOT_SIZE)
    }

    /// Takes room for a record of an event of a task and writes what is known of it already. `None`: there is no room, which was
    /// counted where `full` says.
    #[inline(always)]
    pub fn reserve(
        self,
        task: *const u8,
        event: u16,
        full: impl FnOnce() -> usize,
        syscall: u16,
        result: i64,
    ) -> Option<*mut u8> {
        let Ok(Reserved { position, sequence, time }) = ring::reserve(&self, self.bounds.used_max, full) else {
            return None;
        };
        let record = self.slot(position);
        store(record, header::SEQUENCE, sequence);
        store(record, header::TIME, time);
        // Both at once, as the helper tells them.
        store(record, header::TID, helpers::get_current_pid_tgid());
        store(record, header::EVENT, event);
        store(record, header::RETURN, result);
        store(record, header::CGROUP, task::cgroup());
        store(record, header::START_TIME, task::process_start(task));
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
        store(record, header::PARAMETERS, get!(self.page, counts) as u16);
        store(record, header::FLAGS, flags);
        if flags & MISSES != 0 {
            counter::misses(flags, |counter| self.count(counter));
        }
        ring::commit(&self, slots);
    }

    /// Completes the header of a record without parameters and without flags, and makes it visible.
    #[inline(always)]
    pub fn commit_bare(self, record: *mut u8) {
        store(record, header::SLOTS, 1u16);
        store(record, header::PAYLOAD, 0u16);
        store(record, header::PARAMETERS, 0u16);
        store(record, header::FLAGS, 0u32);
        ring::commit(&self, 1);
    }

    /// Adds to a counter.
    #[inline(always)]
    pub fn add(self, counter: usize, count: u64) {
        // The one of every record is known here already.
        let index = match counter {
            counter::RECORDS => counter,
            _ => masked::<{ counter::COUNT as u32 - 1 }>(counter as u64) as usize,
        };
        let at = offset::COUNTERS + index * 8;
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
        // Not as `load` does: only this CPU writes it, so the compiler may keep it until it calls something.
        // SAFETY: as in `load`; a page is aligned, and so is its head.
        unsafe { self.page.wrapping_add(offset::HEAD).cast::<u64>().read() }
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
        if self.head().wrapping_sub(seen) <= self.bounds.used_max {
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
