//! The state engine: what is known of threads, descriptors, users and containers, kept true by the events.
//!
//! `apply` takes in an event before the rules see it and says whom and what it is about; `finish` removes what had
//! to stay visible to the rules of that event (an exited thread, a closed descriptor).

mod containers;
mod fd;
mod thread;
mod users;

use rustc_hash::FxHashMap;

pub use containers::{ContainerInfo, ContainerType, Mount};
pub use fd::{Detail, End, Fd, FdFlags, FdTable, FdType, Inet, L4Proto};
pub use thread::{Bytes, Capabilities, Image, Name, Slot, Thread, ThreadFlags};
pub use users::{Group, User, Users};

use crate::event::Event;

/// The machine that the events come from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MachineInfo {
    /// How many CPUs it has.
    pub num_cpus: u32,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// The highest process id.
    pub max_pid: u64,
    /// Its name, up to the first NUL.
    pub hostname: Vec<u8>,
    /// When it booted, nanoseconds since the epoch.
    pub boot_ts: u64,
}

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

/// Whom and what an event is about: what [`State::apply`] found out. Valid until [`State::finish`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The thread that made the call; `None` for events that no thread made (containers, users, plugins) and when
    /// there was no room for it.
    pub thread: Option<Slot>,
    /// The thread whose table holds the descriptor (the leader of `thread`).
    pub fd_owner: Option<Slot>,
    /// The number of the descriptor that the event is about, made by the call or used by it (`fd.num`); -1 is none.
    pub fd_num: i64,
    /// Whether the event changed the name of its descriptor, or made it (`fd.name_changed`).
    pub fd_name_changed: bool,
    /// Timestamp of the event before this one, 0 for the first.
    pub prev_ts: u64,
}

impl Subject {
    /// Of an event about nobody.
    pub const NONE: Subject =
        Subject { thread: None, fd_owner: None, fd_num: -1, fd_name_changed: false, prev_ts: 0 };
}

/// All that is known of the machine at the time of the current event.
#[derive(Debug, Default)]
pub struct State {
    threads: Vec<Option<Box<Thread>>>,
    by_tid: FxHashMap<i64, Slot>,
    users: Users,
    containers: Vec<ContainerInfo>,
    machine: MachineInfo,
    limits: Limits,
    counters: Counters,
    ancestry_version: u64,
}

impl State {
    /// An empty state.
    pub fn new(limits: Limits) -> Self {
        State { limits, ..State::default() }
    }

    /// Takes in an event. Call [`State::finish`] when the rules have seen it.
    pub fn apply(&mut self, event: &Event<'_>) -> Subject {
        let _ = (event, self.limits, &mut self.threads);
        Subject::NONE
    }

    /// Removes what had to stay visible to the rules of the event.
    pub fn finish(&mut self) {}

    /// The thread with an id.
    pub fn thread(&self, tid: i64) -> Option<&Thread> {
        self.at(*self.by_tid.get(&tid)?)
    }

    /// The thread in a slot.
    pub fn at(&self, slot: Slot) -> Option<&Thread> {
        self.threads.get(slot.index())?.as_deref()
    }

    /// The thread that an event is about.
    pub fn subject_thread(&self, subject: &Subject) -> Option<&Thread> {
        self.at(subject.thread?)
    }

    /// The descriptor that an event is about.
    pub fn subject_fd(&self, subject: &Subject) -> Option<&Fd> {
        self.at(subject.fd_owner?)?.fds.get(subject.fd_num)
    }

    /// The leader of a thread's group: the thread itself, or the main thread as long as it is known.
    pub fn leader<'s>(&'s self, thread: &'s Thread) -> Option<&'s Thread> {
        if thread.is_main() { Some(thread) } else { self.thread(thread.pid) }
    }

    /// The parent, if it is known.
    pub fn parent(&self, thread: &Thread) -> Option<&Thread> {
        self.thread(thread.ptid)
    }

    /// The processes that a thread descends from, nearest first: leaders of parents. Ends at the first that is not
    /// known, and at a loop.
    pub fn ancestors<'s>(&'s self, thread: &'s Thread) -> impl Iterator<Item = &'s Thread> {
        let mut next = self.leader(thread);
        std::iter::from_fn(move || {
            let parent = self.parent(next?)?;
            next = self.leader(parent);
            next
        })
    }

    /// Descriptors of a thread's process.
    pub fn fds<'s>(&'s self, thread: &'s Thread) -> Option<&'s FdTable> {
        Some(&self.leader(thread)?.fds)
    }

    /// A descriptor of a thread's process.
    pub fn fd<'s>(&'s self, thread: &'s Thread, fd: i64) -> Option<&'s Fd> {
        self.fds(thread)?.get(fd)
    }

    /// The working directory of a thread's process, with a slash at its end.
    pub fn cwd<'s>(&'s self, thread: &'s Thread) -> Option<&'s [u8]> {
        Some(&self.leader(thread)?.cwd)
    }

    /// The environment of a thread's process: `NAME=value` each.
    pub fn env<'s>(&'s self, thread: &'s Thread) -> impl Iterator<Item = &'s [u8]> + Clone {
        thread::strings(self.leader(thread).map_or(&[][..], |leader| &leader.env))
    }

    /// `proc.nthreads`: threads of its process that live.
    pub fn thread_count(&self, thread: &Thread) -> u64 {
        let _ = thread;
        0
    }

    /// `proc.nchilds`: threads of its process that live, but for the leader.
    pub fn child_count(&self, thread: &Thread) -> u64 {
        let _ = thread;
        0
    }

    /// The user that a thread runs as; `None` if nobody told its name.
    pub fn user(&self, thread: &Thread) -> Option<&User> {
        self.users.user(self.container_id(thread), thread.uid)
    }

    /// The group that a thread runs as; `None` if nobody told its name.
    pub fn group(&self, thread: &Thread) -> Option<&Group> {
        self.users.group(self.container_id(thread), thread.gid)
    }

    /// The user that logged in; `None` if nobody told its name.
    pub fn login_user(&self, thread: &Thread) -> Option<&User> {
        self.users.user(self.container_id(thread), thread.loginuid)
    }

    /// Users and groups.
    pub fn users(&self) -> &Users {
        &self.users
    }

    /// The container that a thread is in; `None` is the host.
    pub fn container(&self, thread: &Thread) -> Option<&ContainerInfo> {
        self.containers.get(thread.container? as usize)
    }

    /// The id of the container that a thread is in, empty for the host.
    pub fn container_id(&self, thread: &Thread) -> &[u8] {
        self.container(thread).map_or(&[], |container| &container.id)
    }

    /// All threads, in no order.
    pub fn threads(&self) -> impl Iterator<Item = &Thread> {
        self.threads.iter().filter_map(Option::as_deref)
    }

    /// How many threads there are.
    pub fn thread_table_len(&self) -> usize {
        self.by_tid.len()
    }

    /// The machine.
    pub fn machine(&self) -> &MachineInfo {
        &self.machine
    }

    /// Tells what machine the events come from.
    pub fn set_machine(&mut self, machine: MachineInfo) {
        self.machine = machine;
    }

    /// What was done and left undone.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Grows whenever anything changes that fields of scope `Process` show of this thread (its ids, program,
    /// arguments, environment, directory, credentials, capabilities, cgroups, container, names of its user and groups,
    /// thread counts). It does not cover descriptors, memory, page faults, CPU and event times. No two threads of
    /// a run ever have the same version for different values, so (slot, version) may be remembered.
    pub fn version(&self, thread: &Thread) -> u64 {
        thread.version
    }

    /// Grows whenever anything changes that fields of scope `Ancestry` can show of any thread.
    pub fn ancestry_version(&self) -> u64 {
        self.ancestry_version
    }
}
