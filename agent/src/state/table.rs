//! The table of threads: where each lies, which group and which parent it belongs to, and what becomes of a dead
//! thread's children.

use std::sync::Arc;

use super::fd::{FdTable, Shared};
use super::thread::{Links, Slot, Thread, ThreadFlags};
use super::{Counters, Limits, State};

/// How many ancestors are asked when a dead thread's children need a new parent.
const MAX_REAPER_STEPS: usize = 1024;

/// A thread group: a process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) pid: i64,
    /// Threads that have not exited.
    pub(super) alive: u64,
    /// It takes the orphans among its descendants: an init, or by prctl.
    pub(super) reaper: bool,
    pub(super) version: u64,
    /// The leader, if it is known, is the first.
    first: Slot,
    last: Slot,
}

impl Group {
    /// The first member: the leader, if it is known.
    #[inline]
    pub(super) fn leader(&self) -> Option<Slot> {
        self.first.some()
    }
}

/// All threads. Boxes keep growing cheap: a thread never moves.
#[derive(Debug, Default)]
pub(super) struct ThreadTable {
    slots: Vec<Option<Box<Thread>>>,
    free: Vec<Slot>,
    by_tid: rustc_hash::FxHashMap<i64, Slot>,
    groups: Vec<Option<Group>>,
    free_groups: Vec<u32>,
    by_pid: rustc_hash::FxHashMap<i64, u32>,
    last: Option<(i64, Slot)>,
    serials: u64,
}

impl ThreadTable {
    pub(super) fn len(&self) -> usize {
        self.by_tid.len()
    }

    #[inline]
    pub(super) fn get(&self, slot: Slot) -> Option<&Thread> {
        self.slots.get(slot.index())?.as_deref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Thread> {
        self.slots.get_mut(slot.index())?.as_deref_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Thread)> {
        (0u32..).zip(&self.slots).filter_map(|(index, place)| Some((Slot(index), place.as_deref()?)))
    }

    pub(super) fn find(&self, tid: i64) -> Option<Slot> {
        self.by_tid.get(&tid).copied()
    }

    /// As `find`, for the thread of an event: the same thread often makes the next one.
    #[inline]
    pub(super) fn find_cached(&mut self, tid: i64) -> Option<Slot> {
        if let Some((last, slot)) = self.last
            && last == tid
        {
            return Some(slot);
        }
        self.find_and_remember(tid)
    }

    #[inline(never)]
    fn find_and_remember(&mut self, tid: i64) -> Option<Slot> {
        let slot = self.find(tid)?;
        self.last = Some((tid, slot));
        Some(slot)
    }

    #[inline]
    pub(super) fn group(&self, thread: &Thread) -> Option<&Group> {
        self.groups.get(thread.group as usize)?.as_ref()
    }

    pub(super) fn group_mut(&mut self, slot: Slot) -> Option<&mut Group> {
        let group = self.get(slot)?.group;
        self.groups.get_mut(group as usize)?.as_mut()
    }

    /// The leader of a thread's group, if it is known.
    #[inline]
    pub(super) fn leader(&self, slot: Slot) -> Option<Slot> {
        let thread = self.get(slot)?;
        if thread.is_main() {
            return Some(slot);
        }
        let first = self.group(thread)?.first.some()?;
        self.get(first)?.is_main().then_some(first)
    }

    /// The thread whose descriptor table a thread uses.
    #[inline]
    pub(super) fn fd_owner(&self, slot: Slot) -> Option<Slot> {
        self.fd_owner_thread(slot).map(|(owner, _)| owner)
    }

    /// The same with the thread itself.
    #[inline]
    pub(super) fn fd_owner_thread(&self, slot: Slot) -> Option<(Slot, &Thread)> {
        let thread = self.get(slot)?;
        if thread.is_main() || !thread.flags.contains(ThreadFlags::CLONE_FILES) {
            return Some((slot, thread));
        }
        let first = self.group(thread)?.first.some()?;
        let leader = self.get(first)?;
        leader.is_main().then_some((first, leader))
    }

    /// Members of a thread's group, leader first.
    pub(super) fn members(&self, thread: &Thread) -> impl Iterator<Item = Slot> {
        let mut next = self.group(thread).and_then(|group| group.first.some());
        std::iter::from_fn(move || {
            let slot = next?;
            next = self.get(slot).and_then(|thread| thread.links.next_in_group.some());
            Some(slot)
        })
    }

    /// Puts a thread in whose tid is free.
    pub(super) fn insert(&mut self, mut thread: Box<Thread>) -> Slot {
        self.serials += 1;
        thread.serial = self.serials;
        thread.links = Links::default();
        thread.group = u32::MAX;
        let tid = thread.tid;
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.slots.push(None);
                Slot((self.slots.len() - 1) as u32)
            }
        };
        if let Some(place) = self.slots.get_mut(slot.index()) {
            *place = Some(thread);
        }
        self.by_tid.insert(tid, slot);
        self.last = None;
        slot
    }

    /// Takes a thread out, whoever refers to it: out of its group, its parent's list; its children lose their
    /// link but keep `ptid`.
    pub(super) fn take(&mut self, slot: Slot) -> Option<Box<Thread>> {
        while let Some(child) = self.get(slot)?.links.first_child.some() {
            self.unlink_child(child);
        }
        self.unlink_child(slot);
        self.leave_group(slot);
        let thread = self.slots.get_mut(slot.index())?.take()?;
        if self.by_tid.get(&thread.tid) == Some(&slot) {
            self.by_tid.remove(&thread.tid);
        }
        self.free.push(slot);
        self.last = None;
        Some(thread)
    }

    /// Enters a thread into the group of its pid, which is made if there is none.
    pub(super) fn join_group(&mut self, slot: Slot, reaper: bool, version: u64) {
        let Some(thread) = self.get(slot) else { return };
        let (pid, main) = (thread.pid, thread.is_main());
        let index = match self.by_pid.get(&pid) {
            Some(&index) => index,
            None => {
                let group = Group { pid, alive: 0, reaper, version, first: Slot::NONE, last: Slot::NONE };
                let index = self.free_groups.pop().unwrap_or_else(|| {
                    self.groups.push(None);
                    (self.groups.len() - 1) as u32
                });
                if let Some(place) = self.groups.get_mut(index as usize) {
                    *place = Some(group);
                }
                self.by_pid.insert(pid, index);
                index
            }
        };
        let Some(group) = self.groups.get_mut(index as usize).and_then(Option::as_mut) else { return };
        group.alive += 1;
        group.version = version;
        let (first, last) = (group.first, group.last);
        let neighbour = if main { first } else { last };
        if main || first == Slot::NONE {
            group.first = slot;
        }
        if !main || last == Slot::NONE {
            group.last = slot;
        }
        if let Some(thread) = self.get_mut(slot) {
            thread.group = index;
            thread.links.next_in_group = if main { neighbour } else { Slot::NONE };
            thread.links.prev_in_group = if main { Slot::NONE } else { neighbour };
        }
        if let Some(neighbour) = self.get_mut(neighbour) {
            let link =
                if main { &mut neighbour.links.prev_in_group } else { &mut neighbour.links.next_in_group };
            *link = slot;
        }
    }

    /// Takes a thread out of its group; the group goes with its last member.
    fn leave_group(&mut self, slot: Slot) {
        let Some(thread) = self.get_mut(slot) else { return };
        let dead = thread.is_dead();
        let index = std::mem::replace(&mut thread.group, u32::MAX);
        let (prev, next) = (thread.links.prev_in_group, thread.links.next_in_group);
        thread.links.prev_in_group = Slot::NONE;
        thread.links.next_in_group = Slot::NONE;
        let Some(place) = self.groups.get_mut(index as usize) else { return };
        let Some(group) = place else { return };
        if !dead {
            group.alive = group.alive.saturating_sub(1);
        }
        if group.first == slot {
            group.first = next;
        }
        if group.last == slot {
            group.last = prev;
        }
        if group.first == Slot::NONE {
            self.by_pid.remove(&group.pid);
            *place = None;
            self.free_groups.push(index);
        }
        if let Some(prev) = self.get_mut(prev) {
            prev.links.next_in_group = next;
        }
        if let Some(next) = self.get_mut(next) {
            next.links.prev_in_group = prev;
        }
    }

    /// Makes a thread the child of another and tells it its parent's tid.
    pub(super) fn link_child(&mut self, parent: Slot, child: Slot) {
        self.unlink_child(child);
        let Some(thread) = self.get_mut(parent) else { return };
        let tid = thread.tid;
        let next = std::mem::replace(&mut thread.links.first_child, child);
        if let Some(next) = self.get_mut(next) {
            next.links.prev_sibling = child;
        }
        if let Some(child) = self.get_mut(child) {
            child.ptid = tid;
            child.links.parent = parent;
            child.links.next_sibling = next;
        }
    }

    fn unlink_child(&mut self, child: Slot) {
        let Some(thread) = self.get_mut(child) else { return };
        let parent = std::mem::replace(&mut thread.links.parent, Slot::NONE);
        let prev = std::mem::replace(&mut thread.links.prev_sibling, Slot::NONE);
        let next = std::mem::replace(&mut thread.links.next_sibling, Slot::NONE);
        if let Some(next) = self.get_mut(next) {
            next.links.prev_sibling = prev;
        }
        if let Some(prev) = self.get_mut(prev) {
            prev.links.next_sibling = next;
        } else if let Some(parent) = self.get_mut(parent) {
            parent.links.first_child = next;
        }
    }

    /// Who takes a dead thread's children: another living thread of its group, else the nearest reaper among its
    /// ancestors as far as they live in the same kind of pid namespace.
    fn find_reaper(&self, slot: Slot) -> Option<Slot> {
        let thread = self.get(slot)?;
        let alive = |candidate: &Slot| {
            *candidate != slot && self.get(*candidate).is_some_and(|thread| !thread.is_dead())
        };
        if self.group(thread).is_some_and(|group| group.alive > 0)
            && let Some(sibling) = self.members(thread).find(alive)
        {
            return Some(sibling);
        }
        let mut next = self.find(thread.ptid);
        for _ in 0..MAX_REAPER_STEPS {
            let ancestor = self.get(next?)?;
            if ancestor.tid == thread.tid || ancestor.in_pid_namespace() != thread.in_pid_namespace() {
                return None;
            }
            if self.group(ancestor).is_some_and(|group| group.reaper && group.alive > 0)
                && let Some(reaper) = self.members(ancestor).find(alive)
            {
                return Some(reaper);
            }
            next = self.find(ancestor.ptid);
        }
        None
    }
}

impl State {
    /// Enters a thread, in place of an older one with the same tid. `None` if there is no room.
    pub(super) fn add_thread(&mut self, thread: Box<Thread>) -> Option<Slot> {
        if let Some(old) = self.table.find(thread.tid) {
            self.evict(old);
        }
        if self.table.len() >= self.limits.threads && !self.make_room() {
            self.counters.threads_refused += 1;
            return None;
        }
        self.counters.threads_added += 1;
        let slot = self.table.insert(thread);
        self.enter_lineage(slot);
        self.touch_lineage(slot);
        Some(slot)
    }

    /// The thread of an event; a stub if it is not known, `None` if there is no room for one.
    #[inline]
    pub(super) fn get_thread(&mut self, tid: i64) -> Option<Slot> {
        match self.table.find_cached(tid) {
            Some(slot) => Some(slot),
            None => self.add_stub(tid),
        }
    }

    #[cold]
    fn add_stub(&mut self, tid: i64) -> Option<Slot> {
        self.counters.thread_misses += 1;
        let mut stub = Box::new(Thread::new(tid));
        stub.comm = super::thread::Name::from_slice(b"<NA>");
        stub.image = Arc::clone(&self.stub_image);
        self.add_thread(stub)
    }

    /// Gives a thread its group and its parent, once: when its pid and its parent's tid are known.
    pub(super) fn enter_lineage(&mut self, slot: Slot) {
        let version = self.tick();
        let Some(thread) = self.table.get(slot) else { return };
        if thread.is_invalid() || self.table.group(thread).is_some() {
            return;
        }
        let (pid, ptid) = (thread.pid, thread.ptid);
        let reaper = pid == 1 || thread.vpid == 1;
        self.table.join_group(slot, reaper, version);
        if pid == 1 {
            return;
        }
        let parent = self.table.find(ptid).filter(|&parent| {
            parent != slot && self.table.get(parent).is_some_and(|parent| !parent.is_invalid())
        });
        match parent {
            Some(parent) => self.table.link_child(parent, slot),
            None => {
                if let Some(thread) = self.table.get_mut(slot) {
                    thread.ptid = 0;
                }
            }
        }
    }

    /// A thread is gone: its children get another parent. A leader stays, dead, while others of its group live.
    pub(super) fn remove_thread(&mut self, tid: i64) {
        let Some(slot) = self.table.find(tid) else { return };
        let Some(thread) = self.table.get_mut(slot) else { return };
        let (main, pid, reaper_tid) = (thread.is_main(), thread.pid, thread.reaper_tid);
        if thread.is_invalid() || self.table.group_mut(slot).is_none() {
            self.evict(slot);
            return;
        }
        self.mark_dead(slot);
        self.touch_lineage(slot);
        if self.table.get(slot).is_some_and(|thread| thread.links.first_child != Slot::NONE) {
            self.reparent(slot, pid, reaper_tid);
        }
        if self.table.group_mut(slot).is_some_and(|group| group.alive == 0)
            && let Some(leader) = self.table.leader(slot)
            && leader != slot
        {
            self.evict(leader);
        }
        if !main || self.table.group_mut(slot).is_some_and(|group| group.alive == 0) {
            self.evict(slot);
        }
    }

    /// Marks a thread as exited.
    pub(super) fn mark_dead(&mut self, slot: Slot) {
        let Some(thread) = self.table.get_mut(slot) else { return };
        if thread.is_dead() {
            return;
        }
        thread.flags |= ThreadFlags::CLOSED;
        if let Some(group) = self.table.group_mut(slot) {
            group.alive = group.alive.saturating_sub(1);
        }
        self.touch_group(slot);
    }

    fn reparent(&mut self, slot: Slot, pid: i64, reaper_tid: i64) {
        let told = (reaper_tid > 0).then(|| self.table.find(reaper_tid)).flatten().filter(|&reaper| {
            reaper != slot && self.table.get(reaper).is_some_and(|reaper| !reaper.is_invalid())
        });
        let reaper = told.or_else(|| self.table.find_reaper(slot));
        if let Some(reaper) = reaper
            && self.table.get(reaper).is_some_and(|reaper| reaper.pid != pid)
            && let Some(group) = self.table.group_mut(reaper)
        {
            group.reaper = true;
        }
        while let Some(child) = self.table.get(slot).and_then(|thread| thread.links.first_child.some()) {
            match reaper {
                Some(reaper) => self.table.link_child(reaper, child),
                None => {
                    self.table.unlink_child(child);
                    if let Some(child) = self.table.get_mut(child) {
                        child.ptid = 0;
                    }
                }
            }
            self.touch_lineage(child);
        }
    }

    /// Takes a thread out of the table at once.
    pub(super) fn evict(&mut self, slot: Slot) {
        self.touch_group(slot);
        let Some(thread) = self.table.take(slot) else { return };
        self.counters.threads_removed += 1;
        self.release_fds(&thread.fds);
        if let Some(container) = thread.container {
            self.containers.release(container);
        }
        self.ancestry_version = self.tick();
    }

    /// Before a thread is refused: gives up those that nobody heard of for long, stubs and dead leaders first. Not more
    /// often than once in a purge interval, so that a full table costs nothing per event.
    fn make_room(&mut self) -> bool {
        if self.now < self.next_purge {
            return false;
        }
        self.next_purge = self.now.saturating_add(self.limits.purge_interval);
        let deadline = self.now.saturating_sub(self.limits.thread_timeout);
        let old: Vec<i64> = self
            .table
            .iter()
            .filter(|(_, thread)| {
                (thread.is_invalid() || thread.is_dead())
                    && thread.last_event_ts < deadline
                    && thread.clone_ts < deadline
            })
            .map(|(_, thread)| thread.tid)
            .collect();
        self.counters.threads_purged += old.len() as u64;
        for tid in old {
            if let Some(slot) = self.table.find(tid) {
                self.evict(slot);
            }
        }
        self.table.len() < self.limits.threads
    }

    /// Removes threads that made no event since `deadline` and of which `alive` says that they are gone: for live
    /// sources, where an exit can be lost.
    pub fn purge(&mut self, deadline: u64, mut alive: impl FnMut(i64) -> bool) {
        let idle = |thread: &Thread| thread.last_event_ts.max(thread.clone_ts) < deadline;
        let gone: Vec<i64> = self
            .table
            .iter()
            .filter(|(_, thread)| idle(thread) && !thread.is_dead() && !alive(thread.tid))
            .map(|(_, thread)| thread.tid)
            .collect();
        self.forget(&gone);
    }

    /// Removes threads that are gone although no event said so.
    pub fn forget(&mut self, gone: &[i64]) {
        let before = self.counters.threads_removed;
        gone.iter().for_each(|&tid| self.remove_thread(tid));
        self.counters.threads_purged += self.counters.threads_removed - before;
    }

    /// The next version number.
    pub(super) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// What fields show of this thread alone has changed.
    pub(super) fn touch(&mut self, slot: Slot) {
        let version = self.tick();
        if let Some(thread) = self.table.get_mut(slot) {
            thread.version = version;
        }
    }

    /// What fields show of all threads of this process has changed.
    pub(super) fn touch_group(&mut self, slot: Slot) {
        let version = self.tick();
        if let Some(group) = self.table.group_mut(slot) {
            group.version = version;
        }
        self.touch(slot);
    }

    /// What fields show of this thread's process and of its descendants has changed.
    pub(super) fn touch_lineage(&mut self, slot: Slot) {
        self.touch_group(slot);
        self.ancestry_version = self.clock;
    }

    /// The descriptors that a thread uses.
    pub(super) fn fds_of(&self, slot: Slot) -> Option<&FdTable> {
        Some(&self.table.get(self.table.fd_owner(slot)?)?.fds)
    }

    /// The descriptors that a thread uses, to change them: a copy of its own if they are shared.
    pub(super) fn fds_mut(&mut self, slot: Slot) -> Option<&mut FdTable> {
        self.own_fds_mut(self.table.fd_owner(slot)?)
    }

    /// The very table of a thread, to change it.
    #[inline]
    pub(super) fn own_fds_mut(&mut self, owner: Slot) -> Option<&mut FdTable> {
        let thread = self.table.get_mut(owner)?;
        if thread.fds_reversed || !thread.fds.is_unique() {
            unshare_fds(thread, &mut self.fd_count, &self.limits, &mut self.counters);
        }
        Shared::get_mut(&mut thread.fds)
    }

    /// A table is about to lose one holder.
    pub(super) fn release_fds(&mut self, fds: &Shared<FdTable>) {
        if fds.is_unique() {
            self.fd_count = self.fd_count.saturating_sub(fds.len());
        }
    }
}

/// Gives a thread a copy of its own of a table that others hold too, and brings it into its own order. `held` counts the
/// descriptors of all tables.
#[cold]
fn unshare_fds(thread: &mut Thread, held: &mut usize, limits: &Limits, counters: &mut Counters) {
    let count = thread.fds.len();
    // The copy counts against the limit of all descriptors, or a forking process could make the state grow by a whole
    // table with each event.
    if *held + count > limits.fds {
        counters.fds_refused += count as u64;
        thread.fds = Shared::default();
        thread.fds_reversed = false;
    } else {
        *held += if thread.fds.is_unique() { 0 } else { count };
        let fds = Shared::make_mut(&mut thread.fds);
        if std::mem::take(&mut thread.fds_reversed) {
            fds.reverse();
        }
    }
}
