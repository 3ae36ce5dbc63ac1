//! The state engine: what is known of threads, descriptors, users and containers, kept true by the events.
//!
//! `apply` takes in an event before the rules see it and says whom and what it is about; `finish` removes what had
//! to stay visible to the rules of that event (an exited thread, a closed descriptor). Processes, descriptor tables, programs
//! and environments are shared by reference after a fork and copied by the one that changes them.

mod cgroup;
mod containers;
mod export;
mod fd;
mod handover;
mod init;
mod parse;
pub(crate) mod path;
mod plan;
mod query;
mod sock;
mod table;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod thread;
mod users;

use std::sync::Arc;

pub use cgroup::{CgroupContainer, Runtime};
pub use containers::{ContainerInfo, ContainerType, Mount};
pub use fd::{Detail, End, Fd, FdFlags, FdTable, FdType, Inet, L4Proto};
pub use handover::{Inheritance, Loan, makes_a_stub};
pub use path::concatenate;
pub(crate) use query::differ;
pub use sock::{Address, Tuple, write_ip};
pub use thread::{Bytes, Capabilities, Image, Name, Slot, Thread, ThreadFlags};
pub use users::{Group, User, Users};

pub use crate::capture::MachineInfo;
use crate::event::{Event, EventId, id};
use containers::Containers;
use fd::Spares;
use init::{Interfaces, Loading};
use parse::Call;
use plan::Lookup;
use table::ThreadTable;
use thread::Entry;

/// How much the state may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Threads, dead ones that others still need included (`falco_libs.thread_table_size`).
    pub threads: usize,
    /// Descriptors of one process.
    pub fds_per_process: usize,
    /// Descriptors in all tables together.
    pub fds: usize,
    /// Containers.
    pub containers: usize,
    /// Nanoseconds between two searches for threads that nobody heard of for long
    /// (`falco_libs.auto_purging_interval_s`).
    pub purge_interval: u64,
    /// Nanoseconds without an event after which a thread is given up (`falco_libs.thread_timeout_s`).
    pub thread_timeout: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            threads: 262_144,
            fds_per_process: 65_536,
            fds: 4_194_304,
            containers: 16_384,
            purge_interval: 300_000_000_000,
            thread_timeout: 300_000_000_000,
        }
    }
}

/// What the state did and what it had to leave undone, since its start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Threads that came into the table.
    pub threads_added: u64,
    /// Threads that left it.
    pub threads_removed: u64,
    /// Threads for which there was no room.
    pub threads_refused: u64,
    /// Threads that were removed because nobody heard of them for long.
    pub threads_purged: u64,
    /// Events of a thread that was not known.
    pub thread_misses: u64,
    /// Events about a descriptor that was not known.
    pub fd_misses: u64,
    /// Descriptors for which there was no room.
    pub fds_refused: u64,
    /// Containers for which there was no room, or whose event could not be read.
    pub containers_refused: u64,
    /// Users and groups for which there was no room.
    pub users_refused: u64,
}

impl Counters {
    /// What several states counted that follow the same threads, but each its own descriptors.
    #[must_use]
    pub fn with_descriptors_of(self, other: &Counters) -> Counters {
        Counters {
            fd_misses: self.fd_misses + other.fd_misses,
            fds_refused: self.fds_refused + other.fds_refused,
            ..self
        }
    }
}

/// How much the state holds, with what it did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StateFigures {
    /// What was done and left undone.
    pub counters: Counters,
    /// Threads in the table.
    pub threads: u64,
    /// Descriptors in all tables.
    pub fds: u64,
    /// Containers of which something is known.
    pub containers: u64,
}

impl StateFigures {
    /// Those of several states that follow the same threads, but each its own descriptors.
    #[must_use]
    pub fn with_descriptors_of(self, other: &StateFigures) -> StateFigures {
        StateFigures {
            counters: self.counters.with_descriptors_of(&other.counters),
            fds: self.fds + other.fds,
            threads: self.threads.max(other.threads),
            containers: self.containers.max(other.containers),
        }
    }
}

/// Whom and what an event is about: what [`State::apply`] found out. Valid until [`State::finish`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The thread that made the call, or the one that the record of an event about something else names. `None` if it
    /// is not known (calls make a stub, but clone, exit, switch and the like do not) or there was no room for it.
    pub thread: Option<Slot>,
    /// The thread whose table holds the descriptor (the leader of `thread`).
    pub fd_owner: Option<Slot>,
    /// The number of the descriptor that the event is about, made by the call or used by it (`fd.num`); -1 is none.
    pub fd_num: i64,
    /// Whether the event changed the name of its descriptor, or made it (`fd.name_changed`).
    pub fd_name_changed: bool,
    /// Timestamp of the event before this one, 0 for the first.
    pub prev_ts: u64,
    /// Of a container event: which one. See [`State::subject_container`].
    pub(crate) container: Option<u32>,
}

impl Subject {
    /// Of an event about nobody.
    pub const NONE: Subject = Subject {
        thread: None,
        fd_owner: None,
        fd_num: -1,
        fd_name_changed: false,
        prev_ts: 0,
        container: None,
    };
}

/// What an event ended, until `finish` removes it.
#[derive(Clone, Copy, Debug, Default)]
enum Ended {
    #[default]
    Nothing,
    /// A thread, by its tid.
    Thread(i64),
    /// A descriptor: whose table, which number.
    Fd(Slot, i64),
    /// A container.
    Container(u32),
}

/// All that is known of the machine at the time of the current event.
#[derive(Debug, Default)]
pub struct State {
    table: ThreadTable,
    users: Users,
    containers: Containers,
    interfaces: Interfaces,
    machine: MachineInfo,
    limits: Limits,
    counters: Counters,
    /// Time of the current event.
    now: u64,
    next_purge: u64,
    /// Numbers all changes; see [`State::version`].
    clock: u64,
    global_version: u64,
    ancestry_version: u64,
    /// Descriptors in all tables, each table counted once however many share it.
    fd_count: usize,
    spare_fds: Spares,
    /// The program of stubs: named, but of unknown name.
    stub_image: Arc<Image>,
    ended: Ended,
    loading: Loading,
    dir_buffer: Vec<u8>,
    path_buffer: Vec<u8>,
    name_buffer: Vec<u8>,
}

impl State {
    /// An empty state.
    pub fn new(limits: Limits) -> Self {
        let stub_image = Arc::new(Image { exe: Bytes::from(&b"<NA>"[..]), ..Image::default() });
        State { limits, stub_image, ..State::default() }
    }

    /// Takes in an event. Call [`State::finish`] when the rules have seen it.
    #[inline(always)]
    pub fn apply(&mut self, event: &Event<'_>) -> Subject {
        let prev_ts = std::mem::replace(&mut self.now, event.ts);
        let plan = plan::plan(event.id);
        let thread = match plan.lookup {
            Lookup::Find => self.table.find_cached(event.tid),
            Lookup::Get => self.get_thread(event.tid),
        };
        let mut call = Call {
            event,
            thread,
            owner: None,
            entry: None,
            fd: -1,
            known: false,
            name_changed: false,
            container: None,
        };
        if let Some(thread) = thread.and_then(|slot| self.table.get_mut(slot)) {
            if plan.lookup == Lookup::Get {
                thread.flags |= ThreadFlags::ACTIVE;
            }
            thread.prev_event_ts = std::mem::replace(&mut thread.last_event_ts, event.ts);
            if plan.exit {
                if thread.entry.is_some() {
                    call.entry = thread.entry.take().filter(|entry| answers(event.id, entry.id));
                }
            } else if matches!(
                event.id,
                id::SYSCALL_OPEN_E
                    | id::SYSCALL_CREAT_E
                    | id::SYSCALL_OPENAT_2_E
                    | id::SYSCALL_OPENAT2_E
                    | id::SYSCALL_EXECVE_19_E
                    | id::SYSCALL_EXECVEAT_E
                    | id::SOCKET_CONNECT_E
            ) {
                thread.entry = Some(Box::new(Entry::new(event)));
            }
        }
        if plan.about_fd {
            let owner = thread.and_then(|slot| self.table.fd_owner_thread(slot));
            call.owner = owner.map(|(slot, _)| slot);
            if let Some(number) = plan.fd_param.and_then(|at| event.param_i64(usize::from(at))) {
                call.fd = number;
                call.known = owner.is_some_and(|(_, owner)| owner.fds.get(number).is_some());
                if !call.known && number >= 0 {
                    self.counters.fd_misses += 1;
                }
            }
        }
        if let Some(handler) = plan.handler {
            handler(self, &mut call);
        }
        Subject {
            thread: call.thread,
            fd_owner: call.owner,
            fd_num: call.fd,
            fd_name_changed: call.name_changed,
            prev_ts,
            container: call.container,
        }
    }

    /// Removes what had to stay visible to the rules of the event.
    #[inline]
    pub fn finish(&mut self) {
        match std::mem::take(&mut self.ended) {
            Ended::Nothing => {}
            Ended::Fd(owner, number) => self.remove_fd(owner, number),
            Ended::Thread(tid) => self.remove_thread(tid),
            Ended::Container(container) => self.forget_container(container),
        }
    }

    fn remove_fd(&mut self, owner: Slot, number: i64) {
        if let Some(fd) = self.own_fds_mut(owner).and_then(|fds| fds.remove(number)) {
            self.fd_count = self.fd_count.saturating_sub(1);
            self.spare_fds.put(fd);
        }
    }

    fn forget_container(&mut self, container: u32) {
        self.containers.undescribe(container);
        self.touch_all();
    }

    /// Users and groups.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// The machine.
    pub fn machine(&self) -> &MachineInfo {
        &self.machine
    }

    /// What was done and left undone.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// How much there is.
    pub fn figures(&self) -> StateFigures {
        StateFigures {
            counters: self.counters,
            threads: self.thread_table_len() as u64,
            fds: self.fd_count as u64,
            containers: self.containers.described() as u64,
        }
    }

    /// Something has changed that fields may show of any thread.
    fn touch_all(&mut self) {
        self.global_version = self.tick();
    }

    /// The container that a new thread is in, with one more thread in it.
    fn container_of(&mut self, thread: &Thread) -> Option<u32> {
        let (id, kind) = containers::id_from_cgroups(thread.cgroups())?;
        let index = self.containers.acquire(id);
        // Of these runtimes nobody can be asked: id and type are all there will ever be.
        let told = !matches!(kind, ContainerType::Unknown) && self.containers.info(index).is_none();
        if told {
            let info = ContainerInfo { id: id.into(), kind, ..ContainerInfo::default() };
            match self.containers.describe(info, self.limits.containers) {
                // Threads may be in it already, if there was no room before.
                Some(_) => self.touch_all(),
                None => self.counters.containers_refused += 1,
            }
        }
        Some(index)
    }

    /// Looks again in which container a thread is, after its cgroups changed.
    fn update_container(&mut self, slot: Slot) {
        let Some(thread) = self.table.get(slot) else { return };
        let found = containers::id_from_cgroups(thread.cgroups());
        if found.map(|(id, _)| id) == thread.container.and_then(|index| self.containers.id(index)) {
            return;
        }
        let Some(thread) = self.table.get_mut(slot) else { return };
        let cgroups = Bytes::clone(&thread.cgroups);
        let old = thread.container.take();
        let model = Thread { cgroups, ..Thread::new(thread.tid) };
        let new = self.container_of(&model);
        if let Some(thread) = self.table.get_mut(slot) {
            thread.container = new;
        }
        if let Some(old) = old {
            self.containers.release(old);
        }
    }
}

/// Whether an event is the exit of the call whose entry is given. A successful execveat returns as execve.
fn answers(exit: EventId, entry: EventId) -> bool {
    exit.0 == entry.0 + 1 || exit == id::SYSCALL_EXECVE_19_X && entry == id::SYSCALL_EXECVEAT_E
}
