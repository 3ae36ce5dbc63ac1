// SPDX-License-Identifier: GPL-2.0
//! Requests to io_uring between their submission, when it is known what they ask, and their completion, when it is known what
//! became of them. The operations are the probe's ([`crate::extract::io_uring`]).
//!
//! The requests under way stand in a table of fixed size without locks: an entry belongs to whoever has swapped its owner's
//! word from or to [`BUSY`]. A request that finds no room pushes out an old one; what has been pushed out is not recorded.

use crate::alive::{get, Alive};
use crate::arch;
use crate::extract::io_uring::{Operation, Submission};
use crate::headers::{self, file, io_kiocb, io_ring_ctx, io_uring_task, task_struct};
use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicU64, Ordering};

/// Requests that can be under way.
const ENTRIES: usize = 4096;
/// Entries that are looked at for one request.
const REACH: usize = 8;
/// An entry that nobody uses.
const FREE: u64 = 0;
/// An entry that somebody is just reading or writing.
const BUSY: u64 = 1;

/// A request that is under way.
struct Entry {
    /// The address of the request, [`FREE`] or [`BUSY`].
    owner: AtomicU64,
    operation: UnsafeCell<Operation>,
}

/// All requests under way.
struct Pending([Entry; ENTRIES]);

// SAFETY: an operation is only touched by whoever has made its entry `BUSY`.
unsafe impl Sync for Pending {}

static PENDING: Pending = Pending(
    [const {
        Entry {
            owner: AtomicU64::new(FREE),
            operation: UnsafeCell::new(Operation { code: 0, arguments: [0; 6], slot: 0 }),
        }
    }; ENTRIES],
);

/// The entries where a request may be.
fn entries(request: u64) -> impl Iterator<Item = &'static Entry> {
    /// 2^64 divided by the golden ratio: spreads addresses.
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
    let first = (request.wrapping_mul(SPREAD) >> 52) as usize;
    (0..REACH).filter_map(move |step| PENDING.0.get(first.wrapping_add(step) & (ENTRIES - 1)))
}

impl Entry {
    /// Takes the entry from an owner.
    fn take(&self, owner: u64) -> bool {
        // Acquire and release: what was written while it was busy is seen by whoever takes it next.
        self.owner.compare_exchange(owner, BUSY, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Gives it to an owner.
    fn give(&self, owner: u64) {
        self.owner.store(owner, Ordering::Release);
    }
}

/// Keeps what a request asks until it is complete.
pub(crate) fn keep(request: Alive<io_kiocb>, operation: Operation) {
    let request = request.as_ptr() as u64;
    // What is left of a request at the same address goes first: only one of them can be under way.
    let old = entries(request).find(|entry| entry.take(request));
    let free = || entries(request).find(|entry| entry.take(FREE));
    let pushed_out = || {
        entries(request).find(|entry| {
            let owner = entry.owner.load(Ordering::Relaxed);
            owner != BUSY && entry.take(owner)
        })
    };
    if let Some(entry) = old.or_else(free).or_else(pushed_out) {
        // SAFETY: it is busy, and so nobody else's.
        unsafe { entry.operation.get().write(operation) };
        entry.give(request);
    }
}

/// What a request asked, once.
pub(crate) fn take(request: Alive<io_kiocb>) -> Option<Operation> {
    let request = request.as_ptr() as u64;
    let entry = entries(request).find(|entry| entry.take(request))?;
    // SAFETY: it is busy, and so nobody else's.
    let operation = unsafe { entry.operation.get().read() };
    entry.give(FREE);
    Some(operation)
}

/// What a request that is just being submitted asks: the entry of the submission queue that the kernel took last. The ring's
/// lock is held. The program may change the entry at any time; what it says is claimed, as arguments in user memory are.
pub(crate) fn submission(request: Alive<io_kiocb>) -> Option<Submission> {
    // SAFETY: a request keeps its ring.
    let ring: Alive<io_ring_ctx> = unsafe { Alive::new(get!(request, ctx))? };
    // SAFETY: an unsigned int.
    let entries = unsafe { ring.read::<u32>(headers::OFFSET_RING_SQ_ENTRIES) };
    // SAFETY: an unsigned int. The kernel has counted it up already.
    let taken = unsafe { ring.read::<u32>(headers::OFFSET_RING_SQ_HEAD) }.wrapping_sub(1);
    // SAFETY: an unsigned int.
    let flags = unsafe { ring.read::<u32>(headers::OFFSET_RING_FLAGS) };
    let mut at = taken & entries.wrapping_sub(1);
    if flags & headers::IORING_SETUP_NO_SQARRAY == 0 {
        // SAFETY: a pointer to unsigned ints.
        let places = unsafe { ring.read::<*const u32>(headers::OFFSET_RING_SQ_ARRAY) };
        if places.is_null() {
            return None;
        }
        // SAFETY: the array has `entries` elements.
        at = unsafe { places.wrapping_add(at as usize).read_volatile() };
        if at >= entries {
            return None;
        }
    }
    let double = u32::from(flags & headers::IORING_SETUP_SQE128 != 0);
    // SAFETY: a pointer to entries of 64 bytes.
    let list = unsafe { ring.read::<*const [u8; 64]>(headers::OFFSET_RING_SQES) };
    // SAFETY: the queue has `entries` of them, or twice as many.
    let entry = unsafe { Alive::new(list.wrapping_add((at << double) as usize))? };
    Some(Submission {
        opcode: get!(request, opcode),
        // SAFETY: see `struct io_uring_sqe`; the same in each.
        flags: unsafe { entry.read(1) },
        // SAFETY: as above.
        fd: unsafe { entry.read(4) },
        // SAFETY: as above.
        offset: unsafe { entry.read(8) },
        // SAFETY: as above.
        address: unsafe { entry.read(16) },
        // SAFETY: as above.
        length: unsafe { entry.read(24) },
        // SAFETY: as above.
        operation_flags: unsafe { entry.read(28) },
        // SAFETY: as above.
        file_index: unsafe { entry.read(44) },
        // SAFETY: as above.
        address3: unsafe { entry.read(48) },
    })
}

/// Whether a ring belongs to a 32-bit program.
pub(crate) fn is_compat(request: Alive<io_kiocb>) -> bool {
    // SAFETY: a request keeps its ring.
    let ring = unsafe { Alive::<io_ring_ctx>::new(get!(request, ctx)) };
    ring.is_some_and(|ring| {
        // SAFETY: an unsigned int.
        let flags = unsafe { ring.read::<u32>(headers::OFFSET_RING_STATE) };
        flags & headers::NUMBER_IO_RING_F_COMPAT as u32 != 0
    })
}

/// Whose request it is: the current task, or the one that the current task works for. Only its ids may be asked for: it may end
/// at any time. What it shares with the current task is looked at there.
pub(crate) fn requester(request: Alive<io_kiocb>) -> Alive<task_struct> {
    let current = arch::current();
    let flags = get!(current, flags);
    let found = if flags & headers::PF_IO_WORKER != 0 {
        // SAFETY: a request keeps the submitter's side of io_uring.
        let side = unsafe { Alive::<io_uring_task>::new(get!(request, tctx)) };
        // SAFETY: a task is freed by RCU, and waits for its workers before that.
        side.and_then(|side| unsafe { Alive::new(get!(side, task)) })
    } else if flags & headers::PF_USER_WORKER != 0 {
        // The ring's own thread, which polls the submission queue: nobody has heard of it.
        // SAFETY: a task is freed by RCU.
        unsafe { Alive::new(get!(current, group_leader)) }
    } else {
        None
    };
    found.unwrap_or(current)
}

/// What is read from a completion queue's entry.
///
/// # Safety
///
/// `entry` is a `struct io_uring_cqe`.
pub(crate) unsafe fn result(entry: *const u8) -> i32 {
    /// Where `res` is.
    const RESULT: usize = 8;
    // SAFETY: what the caller promises.
    unsafe { entry.wrapping_add(RESULT).cast::<i32>().read_volatile() }
}

/// The file of a request, which may stand in a table of the ring's own.
pub(crate) fn file_of(request: Alive<io_kiocb>) -> Option<Alive<file>> {
    // SAFETY: a request keeps its file until it is freed, which is after its completion.
    unsafe { Alive::new(request.read(headers::OFFSET_REQUEST_FILE)) }
}
