//! Events that wait until it is known which container they come from, before they enter the pipeline.
//!
//! A new container's processes are held back until its runtime has told of it, for a bounded time (`saker.containers.wait_ms`).
//! Only they wait: their order is kept process by process, and everybody else's events go on. A process that waits once waits
//! with all that it does until then. Ends of processes wait too while anybody does, so that whoever was an
//! ancestor at an event still is one when the event is judged. The first event of a process whose parent does not wait goes on:
//! it takes over what the parent has at that time.

use std::io;

use rustc_hash::FxHashSet;

use super::Place;
use super::batch::Batch;
use super::router::Route;
use crate::event::{Event, id};

/// The most events that wait, and their bytes.
const EVENTS_MAX: usize = 65_536;
const BYTES_MAX: usize = 32 << 20;

/// Events that wait.
#[derive(Debug, Default)]
pub struct Hold {
    events: Batch,
    /// The processes that wait.
    processes: FxHashSet<u32>,
    /// Events that waited since the start.
    pub waited: u64,
}

impl Hold {
    /// Whether an event must wait, given whether its container is awaited. Anything that does goes to [`Hold::keep`].
    #[inline]
    pub fn concerns(&self, event: &Event<'_>, awaited: bool) -> bool {
        (awaited || !self.processes.is_empty()) && self.must_wait(event, awaited)
    }

    fn must_wait(&self, event: &Event<'_>, awaited: bool) -> bool {
        let Some(facts) = event.facts else { return false };
        if self.processes.contains(&facts.tgid) {
            return true;
        }
        match event.id {
            // A thread that is not the first is nobody's ancestor.
            id::PROCEXIT_1_E if event.tid == i64::from(facts.tgid) => true,
            _ if !awaited => false,
            // A child whose parent goes on.
            id::SYSCALL_CLONE_20_X
            | id::SYSCALL_CLONE3_X
            | id::SYSCALL_FORK_20_X
            | id::SYSCALL_VFORK_20_X
                if event.param_i64(0) == Some(0) =>
            {
                let parent = event.param_i64(5).and_then(|parent| u32::try_from(parent).ok());
                parent.is_some_and(|parent| self.processes.contains(&parent))
            }
            _ => true,
        }
    }

    /// Keeps an event back. False if there are too many: something must be given up.
    #[must_use]
    pub fn keep(&mut self, event: &Event<'_>) -> bool {
        if let Some(facts) = event.facts {
            self.processes.insert(facts.tgid);
        }
        self.events.push(event, Place::default(), Route::default(), None);
        self.waited += 1;
        self.events.items.len() < EVENTS_MAX && self.events.bytes() < BYTES_MAX
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.events.items.is_empty()
    }

    /// Hands out the events that need not wait any longer, `awaited` being the cgroups whose events still do.
    ///
    /// # Errors
    /// What `look` says; then what waited is lost.
    pub fn release(
        &mut self,
        awaited: impl Fn(u64) -> bool,
        mut look: impl FnMut(&Event<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let held = std::mem::take(&mut self.events);
        self.processes.clear();
        let waited = self.waited;
        for item in &held.items {
            let facts = held.facts(item);
            let event = held.event(item, facts.as_ref());
            let awaited = facts.is_some_and(|facts| awaited(facts.cgroup));
            if self.concerns(&event, awaited) {
                // There was room for all of them before.
                let _ = self.keep(&event);
            } else {
                look(&event)?;
            }
        }
        self.waited = waited;
        if self.events.items.is_empty() {
            // Keeps the memory, unless it was much.
            if held.bytes() < BYTES_MAX / 16 {
                self.events = held;
                self.events.clear();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventId, Facts, ParamsBuf};

    /// The tid and number of an event, as `release` hands them out.
    type Seen = Vec<(i64, u64)>;

    struct Scene {
        hold: Hold,
        /// The cgroups that are awaited.
        awaited: Vec<u64>,
        number: u64,
        went_on: Seen,
    }

    impl Scene {
        fn event(&mut self, pid: u32, cgroup: u64, id: EventId, params: &ParamsBuf) {
            self.number += 1;
            let facts = Facts { tgid: pid, cgroup, ..Facts::default() };
            let event = Event::new(self.number, self.number, i64::from(pid), 0, id, 0, params.params());
            let event = event.with_facts(&facts);
            if self.hold.concerns(&event, self.awaited.contains(&cgroup)) {
                assert!(self.hold.keep(&event));
            } else {
                self.went_on.push((event.tid, event.num));
            }
        }

        fn does(&mut self, pid: u32, cgroup: u64) {
            self.event(pid, cgroup, id::SYSCALL_OPEN_X, &ParamsBuf::of(&[b"open"]));
        }

        fn begins(&mut self, pid: u32, parent: i64, cgroup: u64) {
            let (zero, parent) = (0_i64.to_le_bytes(), parent.to_le_bytes());
            let params = ParamsBuf::of(&[&zero, b"", b"", b"", b"", &parent]);
            self.event(pid, cgroup, id::SYSCALL_CLONE_20_X, &params);
        }

        fn ends(&mut self, pid: u32, cgroup: u64) {
            self.event(pid, cgroup, id::PROCEXIT_1_E, &ParamsBuf::default());
        }

        fn release(&mut self) -> Seen {
            let mut seen = Seen::new();
            let Scene { hold, awaited, .. } = self;
            hold.release(
                |cgroup| awaited.contains(&cgroup),
                |event| {
                    assert_eq!(event.facts.unwrap().tgid, event.tid as u32);
                    seen.push((event.tid, event.num));
                    Ok(())
                },
            )
            .unwrap();
            seen
        }
    }

    fn scene() -> Scene {
        Scene { hold: Hold::default(), awaited: vec![7, 8], number: 0, went_on: Vec::new() }
    }

    #[test]
    fn only_the_processes_of_awaited_containers_wait() {
        let mut scene = scene();
        scene.does(1, 1);
        scene.does(10, 7);
        scene.does(2, 1);
        scene.does(20, 8);
        scene.does(10, 7);
        assert_eq!(scene.went_on, [(1, 1), (2, 3)]);
        scene.awaited = vec![8];
        assert_eq!(scene.release(), [(10, 2), (10, 5)]);
        scene.does(10, 7);
        assert_eq!(scene.went_on.last(), Some(&(10, 6)), "it waits no longer");
        scene.awaited.clear();
        assert_eq!(scene.release(), [(20, 4)]);
        assert!(scene.hold.is_empty());
        assert_eq!(scene.hold.waited, 3);
    }

    #[test]
    fn the_order_of_a_process_is_kept() {
        let mut scene = scene();
        scene.does(10, 7);
        // It leaves its cgroup, as what a runtime starts in another's.
        scene.does(10, 1);
        scene.does(11, 7);
        assert!(scene.went_on.is_empty());
        assert_eq!(scene.release(), [], "still awaited");
        scene.awaited.clear();
        assert_eq!(scene.release(), [(10, 1), (10, 2), (11, 3)]);
    }

    #[test]
    fn children_begin_when_their_parents_go_on_and_wait_with_them_otherwise() {
        let mut scene = scene();
        // Cloned into the container by someone outside.
        scene.begins(10, 1, 7);
        scene.does(10, 7);
        scene.begins(11, 10, 7);
        scene.does(11, 7);
        assert_eq!(scene.went_on, [(10, 1)]);
        scene.awaited.clear();
        assert_eq!(scene.release(), [(10, 2), (11, 3), (11, 4)]);
    }

    #[test]
    fn ancestors_stay_until_who_waits_has_been_judged() {
        let mut scene = scene();
        scene.ends(3, 1);
        scene.does(10, 7);
        scene.ends(1, 1);
        scene.ends(10, 7);
        // The number is given again.
        scene.begins(1, 2, 1);
        scene.does(4, 1);
        assert_eq!(scene.went_on, [(3, 1), (4, 6)]);
        scene.awaited.clear();
        assert_eq!(scene.release(), [(10, 2), (1, 3), (10, 4), (1, 5)]);
    }

    #[test]
    fn a_flood_is_noticed() {
        let mut hold = Hold::default();
        let facts = Facts { tgid: 1, cgroup: 7, ..Facts::default() };
        let large = vec![0; 8192];
        let params = ParamsBuf::of(&[&large]);
        let event = Event::new(1, 1, 1, 0, id::SYSCALL_OPEN_X, 0, params.params());
        let event = event.with_facts(&facts);
        let room = (0..EVENTS_MAX).take_while(|_| hold.keep(&event)).count();
        assert!(room < EVENTS_MAX && hold.events.items.len() * 8192 <= BYTES_MAX + 8192);
    }
}
