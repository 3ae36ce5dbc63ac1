// SPDX-License-Identifier: GPL-2.0
//! Who listens: the memory of a consumer's rings, and the table of consumers that the hooks read.
//!
//! # How hooks and control get along
//!
//! The hooks read two things. [`WANTED`], a union of what all ask for, is plain words in static memory: the test that each call
//! of the machine pays looks there and nowhere else. The [`Table`] is what the rest needs; while it is in force it never changes.
//! For every change control writes another, puts it in force and waits for RCU's grace period. Hooks use it with preemption
//! off, which makes them RCU readers.
//!
//! A consumer's rings outlive each table that names them: closing puts a table without them in force and waits, then frees.
//! Two tables may name the same rings while one replaces the other; a CPU's ring is used by one producer at a time all the same,
//! because it turns away whoever comes while it is taken.

use crate::arch;
use crate::cgroup;
use crate::headers;
use crate::ring::Ring;
use crate::wire::control::{is_set, option, Interest, BITMAP_WORDS};
use crate::wire::record::SLOT_SIZE;
use crate::wire::ring::{Bounds, PAGE_SIZE, SLACK_SIZE};
use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use kernel::prelude::*;

/// How many consumers there can be.
pub(crate) const CONSUMERS_MAX: usize = 8;

/// A consumer as the hooks see it.
#[derive(Clone, Copy)]
pub(crate) struct Consumer {
    /// What it asks for.
    pub(crate) interest: Interest,
    /// What bounds a slot's number in each of its rings.
    pub(crate) bounds: Bounds,
    /// How many slots must be unread for the reader to be woken, a power of two.
    pub(crate) watermark: u64,
    rings: *const Ring,
    waker: *const Waker,
}

impl Consumer {
    /// None.
    const NONE: Self = Self {
        interest: Interest {
            abi_version: 0,
            options: 0,
            snaplen: 0,
            tracepoints: 0,
            scope_cgroup: 0,
            scope_level: 0,
            cgroup_hierarchy: 0,
            native: [0; BITMAP_WORDS],
            codes: [0; BITMAP_WORDS],
        },
        bounds: Bounds::of(0),
        watermark: 0,
        rings: core::ptr::null(),
        waker: core::ptr::null(),
    };

    /// Whether it wants every call that it asks for, as it comes: whoever made it, failed or not, with nothing behind it.
    fn is_plain(&self) -> bool {
        let Interest { options, scope_cgroup, cgroup_hierarchy, .. } = self.interest;
        options & (option::CREDENTIALS | option::DROP_FAILED) == 0 && scope_cgroup == 0 && cgroup_hierarchy == 0
    }

    #[inline(always)]
    fn exists(&self) -> bool {
        !self.rings.is_null()
    }

    /// Whether it asks for a call that has no number in the native table.
    #[inline(always)]
    pub(crate) fn wants_code(&self, code: u16) -> bool {
        is_set(&self.interest.codes, usize::from(code))
    }

    /// Whether it asks for a tracepoint ([`crate::wire::control::tracepoint`]).
    #[inline(always)]
    pub(crate) fn wants_tracepoint(&self, tracepoint: u32) -> bool {
        self.interest.tracepoints & tracepoint != 0
    }

    /// Whether it wants to hear of the current task at all.
    #[inline(always)]
    pub(crate) fn is_in_scope(&self) -> bool {
        self.interest.scope_cgroup == 0 || self.scope_has_current()
    }

    #[inline(never)]
    fn scope_has_current(&self) -> bool {
        cgroup::contains(arch::current(), self.interest.scope_cgroup, self.interest.scope_level)
    }

    /// The ring of a CPU.
    #[inline(always)]
    pub(crate) fn ring(&self, cpu: usize) -> &Ring {
        // SAFETY: there is a ring for each number that a CPU can have.
        unsafe { &*self.rings.wrapping_add(cpu) }
    }

    /// Wakes the reader if it has so much to read that it should come.
    #[cold]
    #[inline(never)]
    pub(crate) fn wake_if_due(&self, cpu: usize) {
        if self.ring(cpu).used() >= self.watermark {
            // SAFETY: it lives as long as the rings.
            unsafe { &*self.waker }.wake_sleeper();
        }
    }
}

/// All consumers, at one time.
pub(crate) struct Table {
    /// Behind the last of them is one that has no rings.
    all: [Consumer; CONSUMERS_MAX + 1],
    has_one_plain: bool,
}

impl Table {
    const EMPTY: Self = Self { all: [Consumer::NONE; CONSUMERS_MAX + 1], has_one_plain: false };

    /// The consumers.
    #[inline(always)]
    pub(crate) fn consumers(&self) -> impl Iterator<Item = &Consumer> {
        let mut next = self.all.as_ptr();
        core::iter::from_fn(move || {
            // SAFETY: not beyond the one that has no rings, where this ends.
            let consumer = unsafe { &*next };
            next = next.wrapping_add(1);
            consumer.exists().then_some(consumer)
        })
    }

    /// Whether there is one consumer and no other, and it [is plain](Consumer::is_plain): the ordinary case.
    #[inline(always)]
    pub(crate) fn has_one_plain(&self) -> bool {
        self.has_one_plain
    }

    /// The first consumer. It need not be there, unless [`Table::has_one_plain`] says so.
    #[inline(always)]
    pub(crate) fn first(&self) -> &Consumer {
        let [first, ..] = &self.all;
        first
    }
}

/// Two tables: one may be in force, the other is written next.
struct Tables([UnsafeCell<Table>; 2]);

// SAFETY: hooks only read the one that is in force; `publish` only writes the other one, under the lock of control.
unsafe impl Sync for Tables {}

static TABLES: Tables = Tables([UnsafeCell::new(Table::EMPTY), UnsafeCell::new(Table::EMPTY)]);

/// The table that is in force.
static TABLE: AtomicPtr<Table> = AtomicPtr::new(TABLES.0.as_ptr().cast::<Table>().cast_mut());

/// The table that is in force.
///
/// # Safety
///
/// Preemption is off until after the last use of what is returned.
#[inline(always)]
pub(crate) unsafe fn table<'a>() -> &'a Table {
    // Pairs with the release in `publish`. What is read through the pointer depends on it, so this need not be an acquire in the
    // kernel's memory model.
    let table = TABLE.load(Ordering::Relaxed);
    // SAFETY: a table that was in force is written again only after a grace period.
    unsafe { &*table }
}

/// Puts these consumers in force, and waits until no hook uses the table before and what only that one named.
///
/// # Safety
///
/// Nobody else is in this function.
pub(crate) unsafe fn publish(consumers: impl Iterator<Item = Consumer>) {
    let old = TABLE.load(Ordering::Relaxed);
    let [first, second] = &TABLES.0;
    let next = if first.get() == old { second.get() } else { first.get() };
    // SAFETY: not in force since the last grace period, and the caller keeps others out.
    let table = unsafe { &mut *next };
    *table = Table::EMPTY;
    for (place, consumer) in table.all.iter_mut().take(CONSUMERS_MAX).zip(consumers) {
        *place = consumer;
    }
    let [first, second, ..] = &table.all;
    table.has_one_plain = first.exists() && !second.exists() && first.is_plain();
    let wanted = Wanted::of(table);
    // While both tables are in use, whatever either wants passes the test.
    WANTED.widen(&wanted);
    // Pairs with the dependent load in `table`.
    TABLE.store(next, Ordering::Release);
    // SAFETY: we may sleep.
    unsafe { headers::synchronize_rcu() };
    WANTED.set(&wanted);
}

/// What the consumers ask for together, for the first test.
struct Wanted {
    native: [u64; BITMAP_WORDS],
    codes: [u64; BITMAP_WORDS],
}

impl Wanted {
    fn of(table: &Table) -> Self {
        let mut wanted = Self { native: [0; BITMAP_WORDS], codes: [0; BITMAP_WORDS] };
        for consumer in table.consumers() {
            let Interest { native, codes, .. } = &consumer.interest;
            for (word, asked) in wanted.native.iter_mut().zip(native) {
                *word |= asked;
            }
            for (word, asked) in wanted.codes.iter_mut().zip(codes) {
                *word |= asked;
            }
        }
        wanted
    }
}

/// [`Wanted`], where the hooks look.
pub(crate) struct WantedWords {
    native: [AtomicU64; BITMAP_WORDS],
    codes: [AtomicU64; BITMAP_WORDS],
}

/// See [`WantedWords`].
pub(crate) static WANTED: WantedWords = WantedWords {
    native: [const { AtomicU64::new(0) }; BITMAP_WORDS],
    codes: [const { AtomicU64::new(0) }; BITMAP_WORDS],
};

impl WantedWords {
    /// Whether anybody asks for a call of the native table.
    #[inline(always)]
    pub(crate) fn native(&self, number: usize) -> bool {
        Self::is_set(&self.native, number)
    }

    /// Whether anybody asks for a call by its code.
    #[inline(always)]
    pub(crate) fn code(&self, code: usize) -> bool {
        Self::is_set(&self.codes, code)
    }

    #[inline(always)]
    fn is_set(words: &[AtomicU64; BITMAP_WORDS], bit: usize) -> bool {
        // Relaxed: whoever changes them does not wait for anybody to see it.
        words.get(bit >> 6).is_some_and(|word| word.load(Ordering::Relaxed) >> (bit & 63) & 1 != 0)
    }

    fn each(&self, wanted: &Wanted, change: impl Fn(&AtomicU64, u64)) {
        for (word, wanted) in self.native.iter().zip(&wanted.native) {
            change(word, *wanted);
        }
        for (word, wanted) in self.codes.iter().zip(&wanted.codes) {
            change(word, *wanted);
        }
    }

    fn widen(&self, wanted: &Wanted) {
        self.each(wanted, |word, wanted| {
            word.store(word.load(Ordering::Relaxed) | wanted, Ordering::Relaxed)
        });
    }

    fn set(&self, wanted: &Wanted) {
        self.each(wanted, |word, wanted| word.store(wanted, Ordering::Relaxed));
    }
}

/// The memory of a consumer's rings: per CPU that can exist, a page for the reader, a page for the producer, slots and slack.
pub(crate) struct Rings {
    rings: KVVec<Ring>,
    memory: KVVec<CpuMemory>,
    pub(crate) slots: u64,
}

/// The two parts of a CPU's ring, as they are mapped. Null if the CPU cannot exist.
struct CpuMemory {
    reader: Area,
    producer: Area,
}

// SAFETY: a ring is used by its CPU only, and freed when no CPU can use it any more.
unsafe impl Send for Rings {}
// SAFETY: as above.
unsafe impl Sync for Rings {}

impl Rings {
    /// Bytes of one CPU's producer's page, slots and slack.
    fn producer_size(slots: u64) -> usize {
        (slots as usize).wrapping_mul(SLOT_SIZE).wrapping_add(PAGE_SIZE + SLACK_SIZE)
    }

    /// Bytes of all rings of so many slots.
    pub(crate) fn size(slots: u64) -> u64 {
        let one = Self::producer_size(slots).wrapping_add(PAGE_SIZE) as u64;
        (0..cpus()).filter(|cpu| is_possible(*cpu)).fold(0, |all: u64, _| all.saturating_add(one))
    }

    /// Makes rings. `slots` is a power of two.
    pub(crate) fn new(slots: u64) -> Result<Self> {
        let count = cpus();
        let mut rings = KVVec::with_capacity(count, GFP_KERNEL)?;
        let mut memory = KVVec::with_capacity(count, GFP_KERNEL)?;
        for cpu in 0..count {
            let (reader, producer) = if is_possible(cpu) {
                (Area::new(PAGE_SIZE)?, Area::new(Self::producer_size(slots))?)
            } else {
                (Area::none(), Area::none())
            };
            // INVARIANT: of `Ring`: the areas have these sizes and live as long as the rings do.
            let data = if producer.start.is_null() {
                producer.start
            } else {
                producer.start.wrapping_add(PAGE_SIZE)
            };
            let ring = Ring::new(reader.start, producer.start, data);
            rings.push_within_capacity(ring).map_err(|_| ENOMEM)?;
            memory.push_within_capacity(CpuMemory { reader, producer }).map_err(|_| ENOMEM)?;
        }
        Ok(Self { rings, memory, slots })
    }

    /// The consumer that these rings serve.
    pub(crate) fn consumer(&self, interest: Interest, waker: NonNull<Waker>) -> Consumer {
        Consumer {
            interest,
            bounds: Bounds::of(self.slots),
            watermark: watermark(self.slots),
            rings: self.rings.as_ptr(),
            waker: waker.as_ptr(),
        }
    }

    /// Whether a ring has so much unread that its reader should come.
    pub(crate) fn is_due(&self) -> bool {
        // The head is read while its CPU writes it, and may be a little old: then the reader is woken a little later.
        self.rings.iter().any(|ring| ring.exists() && ring.used() >= watermark(self.slots))
    }

    /// The part of a CPU's ring that `mmap` asks for.
    pub(crate) fn area(&self, cpu: usize, reader: bool) -> Option<&Area> {
        let memory = self.memory.get(cpu)?;
        let area = if reader { &memory.reader } else { &memory.producer };
        (!area.start.is_null()).then_some(area)
    }
}

/// An eighth of the ring.
fn watermark(slots: u64) -> u64 {
    slots >> 3
}

/// One more than the highest number that a CPU can have.
pub(crate) fn cpus() -> usize {
    // SAFETY: set at boot.
    unsafe { headers::nr_cpu_ids as usize }
}

/// Whether a CPU may ever run.
fn is_possible(cpu: usize) -> bool {
    // SAFETY: set at boot.
    let mask = unsafe { headers::__cpu_possible_mask };
    mask.bits.get(cpu >> 6).is_some_and(|word| word >> (cpu & 63) & 1 != 0)
}

/// Zeroed memory that can be mapped.
///
/// # Invariants
///
/// `start` is null or came from `vmalloc_user`.
pub(crate) struct Area {
    start: *mut u8,
    /// Bytes.
    pub(crate) size: usize,
}

impl Area {
    fn new(size: usize) -> Result<Self> {
        // SAFETY: we may sleep.
        let start = unsafe { headers::vmalloc_user_noprof(size as _) };
        if start.is_null() {
            return Err(ENOMEM);
        }
        // INVARIANT: just allocated.
        Ok(Self { start: start.cast(), size })
    }

    fn none() -> Self {
        Self { start: core::ptr::null_mut(), size: 0 }
    }

    /// Maps it.
    ///
    /// # Safety
    ///
    /// `vma` is being set up by `mmap`, and not larger than the area.
    pub(crate) unsafe fn map(&self, vma: *mut headers::vm_area_struct) -> Result {
        // SAFETY: what the caller promises; the pages are referenced by the mapping.
        kernel::error::to_result(unsafe { headers::remap_vmalloc_range(vma, self.start.cast(), 0) })
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: by the type's invariant; `vfree` takes null.
        unsafe { headers::vfree(self.start.cast()) };
    }
}

/// Wakes a consumer's reader from wherever a hook may be, also where the scheduler's own locks are held: by an interrupt that
/// the CPU sends itself.
///
/// It lies where the consumer's file keeps it until no hook uses it any more.
#[repr(C)]
pub(crate) struct Waker {
    work: UnsafeCell<headers::irq_work>,
    readers: UnsafeCell<headers::wait_queue_head>,
    /// Somebody sleeps in `poll`. A hook that reads an old value lets the next record wake; readers wait with a
    /// time limit, so nothing is needed that orders this with the ring's head.
    sleeping: AtomicU64,
}

impl Waker {
    /// A waker, to be set up by [`Waker::init`] where it will stay.
    pub(crate) fn new() -> Self {
        Self {
            // SAFETY: all zero is an `irq_work` that is not queued.
            work: UnsafeCell::new(unsafe { core::mem::zeroed() }),
            // SAFETY: any bytes will do until `init`.
            readers: UnsafeCell::new(unsafe { core::mem::zeroed() }),
            sleeping: AtomicU64::new(0),
        }
    }

    /// Sets it up. It does not move any more.
    pub(crate) fn init(&mut self) {
        self.work.get_mut().func = Some(Self::wake);
        // SAFETY: the queue stays where it is; the key is static.
        unsafe {
            headers::__init_waitqueue_head(
                self.readers.get(),
                c"saker".as_ptr().cast(),
                kernel::static_lock_class!().as_ptr().cast(),
            );
        }
    }

    /// The queue that `poll` waits in.
    pub(crate) fn queue(&self) -> *mut headers::wait_queue_head {
        self.readers.get()
    }

    /// Somebody is about to sleep.
    pub(crate) fn expect_sleeper(&self) {
        self.sleeping.store(1, Ordering::Relaxed);
    }

    /// Wakes whoever sleeps.
    pub(crate) fn wake_sleeper(&self) {
        if self.sleeping.load(Ordering::Relaxed) != 0 {
            self.queue_work();
        }
    }

    fn queue_work(&self) {
        self.sleeping.store(0, Ordering::Relaxed);
        // SAFETY: set up by `init`; may be called from anywhere; does nothing if it is queued already.
        unsafe { headers::irq_work_queue(self.work.get()) };
    }

    /// The interrupt.
    unsafe extern "C" fn wake(work: *mut headers::irq_work) {
        // `work` is the first field.
        let waker = work.cast::<Waker>();
        // SAFETY: the kernel hands over the `work` of a waker, which `drain` keeps alive.
        let queue = unsafe { (*waker).readers.get() };
        // SAFETY: set up by `init`.
        unsafe {
            headers::__wake_up(
                queue,
                headers::NUMBER_TASK_INTERRUPTIBLE as _,
                0,
                headers::NUMBER_EPOLLIN as *mut _,
            );
        }
    }

    /// Waits until no interrupt is under way. No hook may use the waker any more.
    pub(crate) fn drain(&self) {
        // SAFETY: set up by `init`; we may sleep.
        unsafe { headers::irq_work_sync(self.work.get()) };
    }
}
