//! What the states of several workers tell each other. Each follows all processes, but descriptors and directories are
//! known only to the state of the worker that owns the process.

use std::sync::Arc;

use super::fd::{Detail, Fd, FdTable};
use super::thread::{Bytes, Slot};
use super::{State, plan};
use crate::event::{Event, EventId};

/// What a child has from its parent that only the owner of the parent knows.
#[derive(Clone, Debug)]
pub struct Inheritance {
    /// A copy: a table that two states held would be counted by none.
    fds: FdTable,
    fds_reversed: bool,
    cwd: Option<Bytes>,
    root: Bytes,
}

/// A descriptor that another process takes over.
#[derive(Clone, Debug)]
pub struct Loan {
    pid: i64,
    number: i64,
    fd: Fd,
}

/// Whether an event of an unknown thread makes it known, as one of which nothing else is known.
pub fn makes_a_stub(event: EventId) -> bool {
    plan::plan(event).lookup == plan::Lookup::Get
}

impl State {
    /// What a child of a thread has from it.
    pub fn bequeath(&self, tid: i64) -> Option<Inheritance> {
        let slot = self.table.find(tid)?;
        let thread = self.at(slot)?;
        let owner = self.table.fd_owner(slot).and_then(|owner| self.at(owner));
        Some(Inheritance {
            fds: owner.map(|owner| (*owner.fds).clone()).unwrap_or_default(),
            fds_reversed: owner.is_some_and(|owner| owner.fds_reversed),
            cwd: self.leader(thread).map(|leader| Bytes::clone(&leader.cwd)),
            root: Bytes::clone(&thread.root),
        })
    }

    /// Takes in what the owner of a thread told of it, until [`State::disinherit`].
    pub fn inherit(&mut self, tid: i64, told: Inheritance) {
        let Some(slot) = self.table.find(tid) else { return };
        if let Some(owner) = self.table.fd_owner(slot) {
            self.replace_fds(owner, told.fds, told.fds_reversed);
        }
        if let Some(cwd) = told.cwd
            && let Some(leader) = self.table.leader(slot).and_then(|leader| self.table.get_mut(leader))
        {
            leader.cwd = cwd;
        }
        if let Some(thread) = self.table.get_mut(slot) {
            thread.root = told.root;
        }
    }

    /// Forgets the descriptors of a process that another worker owns.
    pub fn disinherit(&mut self, tid: i64) {
        if let Some(owner) = self.table.find(tid).and_then(|slot| self.table.fd_owner(slot)) {
            self.replace_fds(owner, FdTable::default(), false);
        }
    }

    fn replace_fds(&mut self, slot: Slot, fds: FdTable, reversed: bool) {
        let count = fds.len();
        let Some(thread) = self.table.get_mut(slot) else { return };
        let old = std::mem::replace(&mut thread.fds, fds.into());
        thread.fds_reversed = reversed;
        self.release_fds(&old);
        self.fd_count += count;
    }

    /// Of a call of `pidfd_getfd`: the process and the number of the descriptor that it takes over.
    pub fn wished_descriptor(&self, event: &Event<'_>) -> Option<(i64, i64)> {
        let thread = self.thread(event.tid)?;
        match &self.fd(thread, event.param_i64(1)?)?.detail {
            Detail::Pid(pid) => Some((*pid, event.param_i64(2)?)),
            _ => None,
        }
    }

    /// The descriptor of a process, if this state has it.
    pub fn lend(&self, pid: i64, number: i64) -> Option<Loan> {
        let fd = self.fd(self.thread(pid)?, number)?.clone();
        Some(Loan { pid, number, fd })
    }

    /// Takes in a descriptor of a process that another worker owns, until [`State::disinherit`].
    pub fn borrow(&mut self, loan: Loan) {
        let owner = self.table.find(loan.pid).and_then(|slot| self.table.fd_owner(slot));
        if let Some(owner) = owner {
            self.put_fd(owner, loan.number, loan.fd.into());
        }
    }

    /// The path of the program that a thread runs.
    pub fn exepath(&self, tid: i64) -> Option<Bytes> {
        Some(Bytes::clone(&self.thread(tid)?.image.exepath))
    }

    /// Says what program a thread runs.
    pub fn set_exepath(&mut self, tid: i64, path: Bytes) {
        if let Some(slot) = self.table.find(tid)
            && let Some(thread) = self.table.get_mut(slot)
            && thread.image.exepath != path
        {
            Arc::make_mut(&mut thread.image).exepath = path;
            self.touch_lineage(slot);
        }
    }
}
