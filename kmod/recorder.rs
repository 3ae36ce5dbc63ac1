// SPDX-License-Identifier: GPL-2.0
//! One record in the making: the room in the ring, the extractor that writes the parameters, the header before them. What
//! extractors ask is answered in `recorder/kernel.rs`.

mod kernel;

use crate::alive::Alive;
use crate::arch;
use crate::calls::Row;
use crate::cgroup;
use crate::consumer::Consumer;
use crate::extract::calls;
use crate::file::Held;
use crate::headers::{io_kiocb, linux_binprm, pt_regs, task_struct};
use crate::pen::{Header, Pen, Written};
use crate::task;
use crate::wire::control::{option, Interest};
use crate::wire::record::{flag, offset, slots_for};
use crate::wire::ring::{commit, counter, reserve, ProducerMemory};
use core::mem::MaybeUninit;

/// What happened, before it is known who wants to hear of it.
pub(crate) struct Occurrence {
    pub(crate) row: &'static Row,
    /// The task that the record names: another than the current one, whose facts are told, only if that works for it.
    pub(crate) named: Alive<task_struct>,
    /// Where the arguments of a call through the 64-bit entries are; else they are in `arguments`.
    pub(crate) registers: Option<Alive<pt_regs>>,
    /// The arguments of a call through another entry, of a call that another call stands for, or of a tracepoint.
    pub(crate) arguments: MaybeUninit<[u64; 6]>,
    pub(crate) return_value: i64,
    /// The number of the call, or `u16::MAX`.
    pub(crate) number: u16,
    /// [`flag`] bits.
    pub(crate) flags: u32,
    /// Which message of several.
    pub(crate) message: u32,
    /// What a tracepoint tells besides.
    pub(crate) context: Context,
}

/// What a tracepoint tells besides numbers.
#[derive(Clone, Copy)]
pub(crate) enum Context {
    /// Nothing.
    None,
    /// What is being executed (`sched_process_exec`).
    Exec(Alive<linux_binprm>),
    /// Text of the kernel that ends in a NUL (`cgroup_mkdir`, `cgroup_rmdir`).
    CgroupPath(*const u8),
    /// The request that the call stands for (`io_uring_complete`).
    IoUring(Alive<io_kiocb>),
}

/// A record that is being written.
///
/// It has pointers where references would do, because then it needs no lifetime: a generic extractor of a type with a lifetime is
/// not one function for all lifetimes, and could not stand in a table.
///
/// # Invariants
///
/// `occurrence` and `interest` are those of [`record`], which the recorder does not outlive.
pub(crate) struct Recorder {
    pen: Pen,
    occurrence: *const Occurrence,
    interest: *const Interest,
    held: Held,
}

/// Writes the parameters of a record.
pub(crate) type Extractor = fn(&mut Recorder);

/// Records an occurrence for a consumer. Preemption is off. `PLAIN`: the consumer [is](Consumer::is_plain).
///
/// Every recorded call pays for this function: it is laid out for few instructions, which are counted (`scripts/bench-calls`).
/// What is known beforehand is written beforehand: the extractor leaves it no registers.
#[inline(always)]
pub(crate) fn record<const PLAIN: bool>(occurrence: &Occurrence, consumer: &Consumer) {
    let memory = consumer.ring(arch::cpu()).memory();
    let full = || usize::from(occurrence.row.full);
    let Ok(reserved) = reserve(&memory, consumer.bounds.used_max, full) else { return };
    let base = memory.slot(reserved.position, consumer.bounds.mask);
    let task = arch::current();
    let cgroup =
        if PLAIN { cgroup::id_of_task(task) } else { cgroup::id_in_hierarchy(task, &consumer.interest) };
    // SAFETY: between `reserve` and `commit` the slots are ours, and a header is no longer than a slot.
    let header = unsafe { Header::new(base) };
    header.put(offset::SEQUENCE, reserved.sequence);
    header.put(offset::TIME, reserved.time);
    header.put(offset::TID, task::ids(occurrence.named));
    header.put(offset::EVENT, occurrence.row.event);
    header.put(offset::RETURN, occurrence.return_value);
    header.put(offset::CGROUP, cgroup);
    header.put(offset::START_TIME, task::start_time(task));
    header.put(offset::SYSCALL, occurrence.number);
    header.put(offset::CPU, arch::cpu() as u16);
    // INVARIANT: it is dropped at the end of this function.
    let mut recorder = Recorder {
        // SAFETY: as above.
        pen: unsafe { Pen::new(base) },
        occurrence,
        interest: &consumer.interest,
        held: Held::new(),
    };
    (occurrence.row.extract)(&mut recorder);
    if !PLAIN && consumer.interest.options & option::CREDENTIALS != 0 {
        calls::finish(&mut recorder);
    }
    let Written { payload, counts, flags } = recorder.pen.written();
    let flags = flags | occurrence.flags;
    let slots = slots_for(payload);
    header.put(offset::SLOTS, slots as u16);
    header.put(offset::PAYLOAD, payload as u16);
    header.put(offset::PARAMETERS, counts);
    header.put(offset::FLAGS, flags);
    if flags & (flag::MISSES | HELD) != 0 {
        header.put(offset::FLAGS, recorder.settle(consumer, flags));
    }
    let head = commit(&memory, slots as u64);
    // The reader's page is looked at only when an eighth of the ring has been passed.
    if (head ^ head.wrapping_sub(slots as u64)) & consumer.watermark != 0 {
        consumer.wake_if_due(arch::cpu());
    }
}

/// A bit beside [`flag`]'s that no record shows: references to files are held.
const HELD: u32 = 1 << 31;

impl Recorder {
    /// Does what few records need when they are written: counts what is missing in it and gives back the files. Returns the flags that
    /// the record shows.
    #[cold]
    #[inline(never)]
    fn settle(&mut self, consumer: &Consumer, flags: u32) -> u32 {
        let memory = consumer.ring(arch::cpu()).memory();
        counter::misses(flags, |counter| memory.count(counter));
        self.held.release();
        flags & !HELD
    }

    /// Notes that files are held, if there are any.
    #[inline(always)]
    fn note_held(&mut self) {
        if !self.held.is_empty() {
            self.pen.flags |= HELD;
        }
    }

    #[inline(always)]
    fn occurrence(&self) -> &Occurrence {
        // SAFETY: by the type's invariant.
        unsafe { &*self.occurrence }
    }

    #[inline(always)]
    fn interest(&self) -> &Interest {
        // SAFETY: by the type's invariant.
        unsafe { &*self.interest }
    }
}
