//! A stretch of events on its way to the workers: the bytes of all of them, copied once, and what is to be done with each.

use super::Place;
use super::router::{Fork, Route};
use crate::event::{Event, EventId, Facts, KernelPath, Params};

/// A batch with so many events goes to the workers.
const EVENTS: usize = 1024;
/// A batch with so many bytes of parameters goes to the workers.
const BYTES: usize = 256 << 10;
/// An index that stands for nothing.
const NONE: u32 = u32::MAX;

/// Events in their order.
#[derive(Debug, Default)]
pub(super) struct Batch {
    data: Vec<u8>,
    /// Of each event one more than it has parameters.
    offsets: Vec<u32>,
    facts: Vec<StoredFacts>,
    forks: Vec<Fork>,
    pub(super) items: Vec<Item>,
}

/// An event of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) num: u64,
    ts: u64,
    pub(super) place: Place,
    tid: i64,
    first_offset: u32,
    facts: u32,
    fork: u32,
    flags: u32,
    cpu: u16,
    pub(super) id: EventId,
    params: u8,
    pub(super) route: Route,
}

/// Facts, with their paths among the bytes of the batch.
#[derive(Debug)]
struct StoredFacts {
    facts: Facts<'static>,
    /// The file's, the directories' and the working directory's: flags, first byte, length.
    paths: [Option<(u32, u32, u32)>; 4],
}

impl Batch {
    /// Whether it is time to let the workers have it.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= EVENTS || self.data.len() >= BYTES
    }

    /// How much it holds.
    pub(super) fn bytes(&self) -> usize {
        self.data.len() + self.items.len() * size_of::<Item>()
    }

    /// Forgets all, keeping the memory.
    pub(super) fn clear(&mut self) {
        self.data.clear();
        self.offsets.clear();
        self.facts.clear();
        self.forks.clear();
        self.items.clear();
    }

    /// Adds an event.
    pub(super) fn push(&mut self, event: &Event<'_>, place: Place, route: Route, fork: Option<Fork>) {
        let first_offset = index(self.offsets.len());
        event.params().append_to(&mut self.data, &mut self.offsets);
        let facts = event.facts.map_or(NONE, |facts| {
            let stored = self.store(facts);
            self.facts.push(stored);
            index(self.facts.len() - 1)
        });
        let fork = fork.map_or(NONE, |fork| {
            self.forks.push(fork);
            index(self.forks.len() - 1)
        });
        self.items.push(Item {
            num: event.num,
            ts: event.ts,
            place,
            tid: event.tid,
            first_offset,
            facts,
            fork,
            flags: event.flags,
            cpu: event.cpu,
            id: event.id,
            params: u8::try_from(event.param_count()).unwrap_or(u8::MAX),
            route,
        });
    }

    fn store(&mut self, facts: &Facts<'_>) -> StoredFacts {
        let mut keep = |path: Option<KernelPath<'_>>| {
            let path = path?;
            let start = index(self.data.len());
            self.data.extend_from_slice(path.path);
            Some((path.flags, start, index(path.path.len())))
        };
        let paths =
            [facts.file, facts.directory, facts.second_directory, facts.working_directory].map(&mut keep);
        let Facts { tgid, start_time, cgroup, io_uring, credentials, .. } = *facts;
        StoredFacts {
            facts: Facts { tgid, start_time, cgroup, io_uring, credentials, ..Facts::default() },
            paths,
        }
    }

    /// What a live sensor knows of an event.
    pub(super) fn facts(&self, item: &Item) -> Option<Facts<'_>> {
        let stored = self.facts.get(item.facts as usize)?;
        let path = |at: usize| {
            let (flags, start, length) = stored.paths[at]?;
            let path = self.data.get(start as usize..start as usize + length as usize)?;
            Some(KernelPath { flags, path })
        };
        Some(Facts {
            file: path(0),
            directory: path(1),
            second_directory: path(2),
            working_directory: path(3),
            ..stored.facts
        })
    }

    /// The process that an event makes.
    pub(super) fn fork(&self, item: &Item) -> Option<&Fork> {
        self.forks.get(item.fork as usize)
    }

    /// The event of an item, with what [`Batch::facts`] says.
    pub(super) fn event<'b>(&'b self, item: &Item, facts: Option<&'b Facts<'b>>) -> Event<'b> {
        let first = item.first_offset as usize;
        let offsets = self.offsets.get(first..=first + usize::from(item.params)).unwrap_or_default();
        let params = Params::new(&self.data, offsets);
        let event = Event::new(item.num, item.ts, item.tid, item.cpu, item.id, item.flags, params);
        match facts {
            Some(facts) => event.with_facts(facts),
            None => event,
        }
    }
}

/// A place in a batch, which never holds four billion of anything.
fn index(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Credentials, ParamsBuf, id};

    #[test]
    fn an_event_comes_out_as_it_went_in() {
        let params = ParamsBuf::of(&[b"one", b"", b"three"]);
        let facts = Facts {
            tgid: 7,
            io_uring: true,
            file: Some(KernelPath { flags: 3, path: b"/file" }),
            working_directory: Some(KernelPath { flags: 0, path: b"/" }),
            credentials: Some(Credentials { uid: 5, ..Credentials::default() }),
            ..Facts::default()
        };
        let plain = Event::new(1, 2, 3, 4, id::SYSCALL_OPEN_X, 5, params.params());
        let known = plain.clone().with_facts(&facts);
        let mut batch = Batch::default();
        for _ in 0..2 {
            batch.clear();
            for event in [&plain, &known, &plain] {
                batch.push(event, Place::default(), Route::default(), None);
            }
            for (item, expected) in batch.items.iter().zip([None, Some(facts), None]) {
                let found = batch.facts(item);
                assert_eq!(found, expected);
                let event = batch.event(item, found.as_ref());
                assert_eq!((event.num, event.ts, event.tid, event.cpu, event.flags), (1, 2, 3, 4, 5));
                assert_eq!((event.id, event.param_count()), (id::SYSCALL_OPEN_X, 3));
                assert_eq!(
                    [0, 1, 2, 3].map(|at| event.param(at)),
                    [Some(&b"one"[..]), Some(b""), Some(b"three"), None]
                );
            }
        }
        assert!(!batch.is_full());
    }
}
