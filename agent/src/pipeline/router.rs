//! Which worker owns the process that an event is about, and which events concern all workers.
//!
//! Every worker follows what makes, changes and ends processes, so that each can answer for the ancestors of its own. All
//! other events go to the owner of their process alone. It owns descriptors, directories and the rules' verdicts. Who shares
//! descriptors or directories by the flags of clone has one owner.

use rustc_hash::FxHashMap;

use crate::capture::Snapshot;
use crate::event::{Category, EVENT_COUNT, EVENTS, Event, EventId, id};
use crate::state::{ThreadFlags, differ, makes_a_stub};

/// How many threads are followed; the events of others concern all workers.
const THREADS: usize = 524_288;
/// The parameter of exec that says which file it is, from the kernel.
const EXEPATH: usize = 27;

/// What happens to an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Route {
    /// The worker that evaluates rules on it.
    pub(super) owner: u16,
    /// All workers take it in.
    pub(super) everyone: bool,
    /// What only some worker knows and another needs.
    pub(super) need: Need,
}

/// What of an event not every worker can know by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Need {
    #[default]
    Nothing,
    /// A descriptor of another process, which the owner of that has.
    Descriptor,
    /// The path of the program, which old captures tell by what the process has open.
    Program,
}

/// A process and the one that it takes after, which belongs to another worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Fork {
    pub(super) model: i64,
    pub(super) model_owner: u16,
    pub(super) child: i64,
    pub(super) child_owner: u16,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    /// Who shares a number has one owner: the pid, or that of whom descriptors or directories are shared with.
    group: i64,
    /// When it last made an event.
    last_ts: u64,
    /// When its process began, nanoseconds since boot; 0 is unknown.
    started: u64,
}

/// What is known of threads: their owners.
#[derive(Debug)]
pub(super) struct Router {
    workers: u16,
    threads: FxHashMap<i64, Known>,
}

impl Router {
    pub(super) fn new(workers: u16) -> Self {
        Router { workers: workers.max(1), threads: FxHashMap::default() }
    }

    /// Takes in what was running.
    pub(super) fn begin(&mut self, snapshot: &Snapshot) {
        if snapshot.fresh {
            self.threads.clear();
        }
        for process in &snapshot.processes {
            self.add(process.tid, process.pid, 0, process.started);
        }
    }

    /// The owner of each descriptor of what was running.
    pub(super) fn owners(&self, snapshot: &Snapshot) -> Vec<u16> {
        snapshot.fds.iter().map(|fd| self.owner_of(fd.tid)).collect()
    }

    /// Where the next event goes.
    pub(super) fn route(&mut self, event: &Event<'_>) -> (Route, Option<Fork>) {
        let known = match self.threads.get_mut(&event.tid) {
            Some(known) => {
                known.last_ts = event.ts;
                Some(known.group)
            }
            None => None,
        };
        let owner = self.owner(known.unwrap_or(event.tid));
        let everyone = EVERYONE.get(usize::from(event.id.0)).copied().unwrap_or(false);
        let mut route = Route { owner, everyone, need: Need::Nothing };
        if known.is_none() && makes_a_stub(event.id) {
            // All workers make the stub, so that it is the ancestor of its children everywhere.
            let tgid = event.facts.map_or(event.tid, |facts| i64::from(facts.tgid));
            let group = self.threads.get(&tgid).map_or(tgid, |leader| leader.group);
            self.add(event.tid, group, event.ts, 0);
            route.owner = self.owner(group);
            route.everyone = true;
        }
        let mut fork = None;
        match event.id {
            id::SYSCALL_CLONE_20_X
            | id::SYSCALL_CLONE3_X
            | id::SYSCALL_FORK_20_X
            | id::SYSCALL_VFORK_20_X => {
                fork = self.clone_event(event);
                // The child's own event makes it known.
                route.owner = self.owner_of(event.tid);
            }
            id::SYSCALL_EXECVE_19_X | id::SYSCALL_EXECVEAT_X
                if event.param(EXEPATH).is_none_or(<[u8]>::is_empty) && event.param_i64(0) == Some(0) =>
            {
                route.need = Need::Program;
            }
            id::SYSCALL_PIDFD_GETFD_X => {
                route.everyone = true;
                route.need = Need::Descriptor;
            }
            id::PROCEXIT_1_E => {
                self.threads.remove(&event.tid);
            }
            _ => {}
        }
        (route, fork)
    }

    /// Follows a clone as the state does, from the side of the parent or of the child.
    fn clone_event(&mut self, event: &Event<'_>) -> Option<Fork> {
        let result = event.param_i64(0).filter(|result| *result >= 0)?;
        let flags = ThreadFlags::from_bits_retain(event.param_u64(15).unwrap_or(0) as u32);
        let thread = flags.contains(ThreadFlags::CLONE_THREAD);
        let (model, child) = if result == 0 {
            let of = if thread { 4 } else { 5 };
            (event.param_i64(of).unwrap_or(-1), event.tid)
        } else {
            let namespaced =
                ThreadFlags::CHILD_IN_PIDNS | ThreadFlags::CLONE_NEWPID | ThreadFlags::CLONE_PARENT;
            let vtid = event.param_i64(19).and_then(|_| event.param_i64(18)).unwrap_or(event.tid);
            let vfork = flags.contains(ThreadFlags::CLONE_VFORK) || event.id == id::SYSCALL_VFORK_20_X;
            if flags.intersects(namespaced) || vtid != event.tid || vfork || result == event.tid {
                return None;
            }
            (event.tid, result)
        };
        let model_group = match self.threads.get(&model) {
            Some(model) => model.group,
            None => {
                self.add(model, model, event.ts, 0);
                model
            }
        };
        let shares = ThreadFlags::CLONE_THREAD | ThreadFlags::CLONE_FILES | ThreadFlags::CLONE_FS;
        let group = if flags.intersects(shares) { model_group } else { child };
        let started = event.facts.filter(|_| result == 0).map_or(0, |facts| facts.start_time);
        self.add(child, group, event.ts, started);
        let (model_owner, child_owner) = (self.owner(model_group), self.owner(group));
        (model_owner != child_owner).then_some(Fork { model, model_owner, child, child_owner })
    }

    fn add(&mut self, tid: i64, group: i64, last_ts: u64, started: u64) {
        if self.threads.len() < THREADS || self.threads.contains_key(&tid) {
            self.threads.insert(tid, Known { group, last_ts, started });
        }
    }

    /// Whether nothing is known of a thread, or only of one that had its id before.
    pub(super) fn is_stranger(&self, tid: i64, started: u64) -> bool {
        self.threads.get(&tid).is_none_or(|known| differ(known.started, started))
    }

    /// Forgets a thread.
    pub(super) fn forget(&mut self, tid: i64) {
        self.threads.remove(&tid);
    }

    /// Forgets threads that made no event since `deadline` and of which `alive` says that they are gone, and says which.
    pub(super) fn purge(&mut self, deadline: u64, mut alive: impl FnMut(i64) -> bool) -> Vec<i64> {
        let mut gone = Vec::new();
        self.threads.retain(|&tid, known| {
            let keep = known.last_ts >= deadline || alive(tid);
            if !keep {
                gone.push(tid);
            }
            keep
        });
        gone
    }

    fn owner_of(&self, tid: i64) -> u16 {
        self.owner(self.threads.get(&tid).map_or(tid, |known| known.group))
    }

    fn owner(&self, group: i64) -> u16 {
        // Neighbouring pids go to different workers.
        let mixed = (group as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        (mixed % u64::from(self.workers)) as u16
    }
}

/// By event: whether all workers take it in.
static EVERYONE: [bool; EVENT_COUNT] = {
    let mut table = [false; EVENT_COUNT];
    let mut index = 0;
    while index < EVENT_COUNT {
        let row = &EVENTS[index];
        // Users, groups, containers and the like.
        table[index] = row.category.contains(Category::METAEVENT) || changes_processes(row.id);
        index += 1;
    }
    table
};

/// Whether an event changes what others than its own process can see: who there is, what runs, as whom and where.
const fn changes_processes(event: EventId) -> bool {
    matches!(
        event,
        id::SYSCALL_CLONE_20_X
            | id::SYSCALL_CLONE3_X
            | id::SYSCALL_FORK_20_X
            | id::SYSCALL_VFORK_20_X
            | id::SYSCALL_EXECVE_19_E
            | id::SYSCALL_EXECVE_19_X
            | id::SYSCALL_EXECVEAT_E
            | id::SYSCALL_EXECVEAT_X
            | id::PROCEXIT_1_E
            | id::SYSCALL_PRCTL_X
            | id::SYSCALL_SETSID_X
            | id::SYSCALL_SETRESUID_X
            | id::SYSCALL_SETREUID_X
            | id::SYSCALL_SETUID_X
            | id::SYSCALL_SETRESGID_X
            | id::SYSCALL_SETREGID_X
            | id::SYSCALL_SETGID_X
            | id::SYSCALL_CAPSET_X
            | id::SYSCALL_UNSHARE_X
            | id::SYSCALL_SETNS_X
            | id::SYSCALL_GETRLIMIT_X
            | id::SYSCALL_SETRLIMIT_X
            | id::SYSCALL_PRLIMIT_X
            | id::ITER_TASK_E
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::ProcessRecord;
    use crate::event::ParamsBuf;

    fn route(router: &mut Router, tid: i64, id: EventId, params: &ParamsBuf) -> (Route, Option<Fork>) {
        router.route(&Event::new(1, 100, tid, 0, id, 0, params.params()))
    }

    fn clone_params(result: i64, pid: i64, ptid: i64, flags: ThreadFlags) -> ParamsBuf {
        let mut params = ParamsBuf::default();
        for index in 0..16 {
            match index {
                0 => params.push(&result.to_le_bytes()),
                4 => params.push(&pid.to_le_bytes()),
                5 => params.push(&ptid.to_le_bytes()),
                15 => params.push(&flags.bits().to_le_bytes()),
                _ => params.push(b""),
            }
        }
        params
    }

    fn router() -> Router {
        let mut router = Router::new(4);
        let process = |tid, pid| ProcessRecord { tid, pid, ..ProcessRecord::default() };
        let processes = vec![process(10, 10), process(11, 10), process(20, 20)];
        router.begin(&Snapshot { processes, ..Snapshot::new() });
        router
    }

    #[test]
    fn threads_of_a_process_have_one_owner() {
        let mut router = router();
        let none = ParamsBuf::default();
        let (leader, _) = route(&mut router, 10, id::SYSCALL_READ_X, &none);
        let (thread, _) = route(&mut router, 11, id::SYSCALL_READ_X, &none);
        assert_eq!(leader, thread);
        assert!(!leader.everyone);
        let made = clone_params(12, 10, 1, ThreadFlags::CLONE_THREAD);
        let (made, fork) = route(&mut router, 10, id::SYSCALL_CLONE_20_X, &made);
        assert!(made.everyone && made.owner == leader.owner && fork.is_none());
        assert_eq!(route(&mut router, 12, id::SYSCALL_READ_X, &none).0, leader);
    }

    #[test]
    fn a_stranger_concerns_everyone_once() {
        let mut router = router();
        let none = ParamsBuf::default();
        assert!(route(&mut router, 99, id::SYSCALL_READ_X, &none).0.everyone);
        assert!(!route(&mut router, 99, id::SYSCALL_READ_X, &none).0.everyone);
        assert!(!route(&mut router, 98, id::PAGE_FAULT_E, &none).0.everyone, "it makes no stub");
    }

    #[test]
    fn both_sides_of_a_fork_say_the_same() {
        let mut owners = std::collections::HashSet::new();
        for child in 100..120 {
            let mut router = router();
            let ours = clone_params(child, 10, 1, ThreadFlags::empty());
            let (_, first) = route(&mut router, 10, id::SYSCALL_CLONE_20_X, &ours);
            let theirs = clone_params(0, child, 10, ThreadFlags::empty());
            let (route_of_child, second) = route(&mut router, child, id::SYSCALL_CLONE_20_X, &theirs);
            assert_eq!(first, second);
            assert_eq!(router.owner_of(child), route_of_child.owner);
            if let Some(fork) = first {
                assert_eq!((fork.model, fork.child, fork.child_owner), (10, child, route_of_child.owner));
                assert_ne!(fork.model_owner, fork.child_owner);
            }
            owners.insert(route_of_child.owner);
        }
        assert_eq!(owners.len(), 4, "all workers get work");
    }

    #[test]
    fn who_shares_descriptors_stays_with_the_owner() {
        let mut router = router();
        for child in 100..120 {
            let shares = clone_params(child, 10, 1, ThreadFlags::CLONE_FILES | ThreadFlags::CLONE_VM);
            let (route, fork) = route(&mut router, 10, id::SYSCALL_CLONE_20_X, &shares);
            assert_eq!((router.owner_of(child), fork), (route.owner, None));
        }
    }

    #[test]
    fn the_idle_are_forgotten_when_they_are_gone() {
        let mut router = router();
        let none = ParamsBuf::default();
        route(&mut router, 20, id::SYSCALL_READ_X, &none);
        assert_eq!(router.purge(50, |tid| tid == 10), [11]);
        assert_eq!(router.purge(50, |_| false), [10]);
    }
}
