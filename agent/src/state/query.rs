//! What rules and printers ask of the state.

use std::net::IpAddr;

use super::fd::{Fd, FdTable};
use super::thread::{Slot, Thread, ThreadFlags, strings};
use super::users::{Group, User};
use super::{ContainerInfo, State, Subject};
use crate::capture::TICK;

/// How many steps a walk over ancestors takes at most.
const MAX_ANCESTORS: usize = 4096;

/// Whether two times at which processes began cannot be the same; 0 is unknown.
pub(crate) fn differ(one: u64, other: u64) -> bool {
    one != 0 && other != 0 && one / TICK != other / TICK
}

impl State {
    /// The thread with an id.
    pub fn thread(&self, tid: i64) -> Option<&Thread> {
        self.at(self.table.find(tid)?)
    }

    /// Whether nothing is known of a thread, or only of one that had its id before: of a process that began at another time
    /// than `started`, in nanoseconds since boot.
    pub fn is_stranger(&self, tid: i64, started: u64) -> bool {
        self.thread(tid).is_none_or(|thread| differ(thread.started, started))
    }

    /// The thread in a slot.
    pub fn at(&self, slot: Slot) -> Option<&Thread> {
        self.table.get(slot)
    }

    /// The thread that an event is about.
    pub fn subject_thread(&self, subject: &Subject) -> Option<&Thread> {
        self.at(subject.thread?)
    }

    /// The descriptor that an event is about.
    pub fn subject_fd(&self, subject: &Subject) -> Option<&Fd> {
        self.at(subject.fd_owner?)?.fds.get(subject.fd_num)
    }

    /// The container that an event is about: that of its thread, or the one that a container event tells of. `None` is
    /// the host, and a container of which nothing is known but its id.
    pub fn subject_container(&self, subject: &Subject) -> Option<&ContainerInfo> {
        match subject.container {
            Some(index) => self.containers.info(index),
            None => self.container(self.subject_thread(subject)?),
        }
    }

    /// The leader of a thread's group: the thread itself, or the main thread as long as it is known.
    pub fn leader<'s>(&'s self, thread: &'s Thread) -> Option<&'s Thread> {
        if thread.is_main() {
            Some(thread)
        } else {
            self.at(self.table.group(thread)?.leader()?).filter(|l| l.is_main())
        }
    }

    /// The parent, if it is known.
    pub fn parent(&self, thread: &Thread) -> Option<&Thread> {
        self.thread(thread.ptid)
    }

    /// The processes that a thread descends from, nearest first: leaders of parents. Ends at the first that is not
    /// known. A loop, which only a damaged capture can make, ends after some thousand steps.
    pub fn ancestors<'s>(&'s self, thread: &'s Thread) -> impl Iterator<Item = &'s Thread> {
        let mut next = self.leader(thread);
        let walk = std::iter::from_fn(move || {
            next = self.leader(self.parent(next?)?);
            next
        });
        walk.take(MAX_ANCESTORS)
    }

    /// Its parent, that one's parent and so on, as threads, whether they lead their process or not. A loop ends where
    /// Falco notices it.
    pub fn parents<'s>(&'s self, thread: &'s Thread) -> impl Iterator<Item = &'s Thread> {
        let mut slow = self.parent(thread);
        let mut fast = slow.and_then(|thread| self.parent(thread));
        let walk = std::iter::from_fn(move || {
            let current = slow.filter(|thread| thread.tid != -1)?;
            slow = self.parent(current);
            for _ in 0..2 {
                fast = fast.and_then(|thread| self.parent(thread));
                let met = |slow: &Thread| {
                    slow.tid == slow.ptid || fast.is_some_and(|fast| fast.serial == slow.serial)
                };
                if slow.is_some_and(met) {
                    slow = None;
                }
            }
            Some(current)
        });
        walk.take(MAX_ANCESTORS)
    }

    /// The thread whose tid is `id_of(thread)`, else the eldest of its parents in an unbroken line that have the same
    /// `id_of`: how sessions and process groups find their leader. An id of the thread's own pid namespace
    /// (`namespaced`) is no tid there.
    pub fn oldest_with_same<'s>(
        &'s self,
        thread: &'s Thread,
        namespaced: bool,
        id_of: impl Fn(&Thread) -> i64,
    ) -> Option<&'s Thread> {
        let id = id_of(thread);
        if id == -1 {
            return None;
        }
        let direct = (!namespaced || !thread.in_pid_namespace()).then(|| self.thread(id)).flatten();
        direct.or_else(|| self.parents(thread).take_while(|parent| id_of(parent) == id).last())
    }

    /// `proc.sname` and its kin: who leads the session.
    pub fn session_leader<'s>(&'s self, thread: &'s Thread) -> Option<&'s Thread> {
        self.oldest_with_same(thread, true, |thread| thread.sid)
    }

    /// `proc.pgid.name` and its kin: who leads the process group.
    pub fn group_leader<'s>(&'s self, thread: &'s Thread) -> Option<&'s Thread> {
        self.oldest_with_same(thread, false, |thread| thread.pgid)
    }

    /// `proc.vpgid.name` and its kin: who leads the process group, by its id in the pid namespace.
    pub fn vgroup_leader<'s>(&'s self, thread: &'s Thread) -> Option<&'s Thread> {
        self.oldest_with_same(thread, true, |thread| thread.vpgid)
    }

    /// Descriptors of a thread's process.
    pub fn fds<'s>(&'s self, thread: &'s Thread) -> Option<&'s FdTable> {
        Some(&self.fd_owner(thread)?.fds)
    }

    fn fd_owner<'s>(&'s self, thread: &'s Thread) -> Option<&'s Thread> {
        if thread.flags.contains(ThreadFlags::CLONE_FILES) { self.leader(thread) } else { Some(thread) }
    }

    /// Descriptors of a thread's process in the order in which Falco's hash table has them, which shows in `fd.types`:
    /// that of numbers that came later comes first, and a child has it the other way round than its parent.
    pub fn fds_in_table_order<'s>(&'s self, thread: &'s Thread) -> Vec<(i64, &'s Fd)> {
        let Some(owner) = self.fd_owner(thread) else { return Vec::new() };
        let mut fds = owner.fds.latest_first();
        if owner.fds_reversed {
            fds.reverse();
        }
        fds
    }

    /// A descriptor of a thread's process.
    pub fn fd<'s>(&'s self, thread: &'s Thread, fd: i64) -> Option<&'s Fd> {
        self.fds(thread)?.get(fd)
    }

    /// The working directory of a thread's process, with a slash at its end; `./` if nobody knows its leader.
    pub fn cwd<'s>(&'s self, thread: &'s Thread) -> Option<&'s [u8]> {
        Some(self.leader(thread).map_or(b"./", |leader| &leader.cwd))
    }

    /// The environment of a thread's process: `NAME=value` each.
    pub fn env<'s>(&'s self, thread: &'s Thread) -> impl Iterator<Item = &'s [u8]> + Clone {
        strings(&self.leader(thread).unwrap_or(thread).env)
    }

    /// `proc.fdlimit`: how many descriptors a thread's process may have; -1 is unknown, 0 if nobody knows its leader.
    pub fn fd_limit(&self, thread: &Thread) -> i64 {
        self.leader(thread).map_or(0, |leader| leader.fd_limit)
    }

    /// `proc.nthreads`: threads of its process that live.
    pub fn thread_count(&self, thread: &Thread) -> u64 {
        self.table.group(thread).map_or(0, |group| group.alive)
    }

    /// `proc.nchilds`: threads of its process that live, but for the leader.
    pub fn child_count(&self, thread: &Thread) -> u64 {
        let leader_lives = self.leader(thread).is_some_and(|leader| !leader.is_dead());
        self.thread_count(thread).saturating_sub(u64::from(leader_lives))
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

    /// What is known of the container that a thread is in. `None` is the host, and a container of which nothing is known
    /// but its id.
    pub fn container(&self, thread: &Thread) -> Option<&ContainerInfo> {
        self.containers.info(thread.container?)
    }

    /// The id of the container that a thread is in, empty for the host.
    pub fn container_id(&self, thread: &Thread) -> &[u8] {
        thread.container.and_then(|index| self.containers.id(index)).unwrap_or_default()
    }

    /// Whether an address belongs to the machine that a thread sees: the host, or its container. It tells the local end of
    /// a connection from the remote one (`fd.lip`, `fd.is_server`). A container of unknown address counts as local
    /// what any container has.
    pub fn is_local_address(&self, thread: &Thread, ip: IpAddr) -> bool {
        if let Some(index) = thread.container {
            if ip.is_ipv6() {
                return false;
            }
            let is =
                |told: &ContainerInfo| std::str::from_utf8(&told.ip).is_ok_and(|told| told.parse() == Ok(ip));
            return match self.containers.info(index) {
                Some(info) if !info.ip.is_empty() => is(info) || self.interfaces.is_local(ip),
                _ => self.containers.all().any(is),
            };
        }
        self.interfaces.is_local(ip)
    }

    /// All threads, in no order.
    pub fn threads(&self) -> impl Iterator<Item = &Thread> {
        self.table.iter().map(|(_, thread)| thread)
    }

    /// How many threads there are.
    pub fn thread_table_len(&self) -> usize {
        self.table.len()
    }

    /// Grows whenever anything changes that fields of scope `Process` show of this thread (its ids, program,
    /// arguments, environment, directory, credentials, capabilities, cgroups, container, names of its user and groups,
    /// thread counts). It does not cover descriptors, memory, page faults, limits, CPU and event times. No two threads
    /// of a run ever have the same version for different values, so (slot, version) may be remembered.
    pub fn version(&self, thread: &Thread) -> u64 {
        let group = self.table.group(thread).map_or(0, |group| group.version);
        thread.version.max(group).max(self.global_version)
    }

    /// Grows whenever anything changes that fields of scope `Ancestry` can show of any thread.
    pub fn ancestry_version(&self) -> u64 {
        self.ancestry_version.max(self.global_version)
    }
}
