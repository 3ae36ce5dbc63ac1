//! The side of the source: which cgroups are of containers that are being looked up, since when, and what has become known.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;
use rustc_hash::FxHashMap;
use tokio::sync::mpsc;

use super::worker::Counting;
use super::{AskCounters, Found, News, info};
use crate::state::{CgroupContainer, Runtime};

/// How many containers are followed; those beyond are not looked up before an engine tells of them.
const MOST: usize = 16_384;
/// How long what is known of a container stays after its cgroup is gone: its last events may still come.
const AFTERLIFE: Duration = Duration::from_secs(10);

/// A container to be looked up.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) wanted: Found,
    /// Whose its cgroup says that it is.
    pub(super) runtime: Runtime,
    /// It is a container without doubt, so that it is worth asking again.
    pub(super) certain: bool,
}

/// What was noticed at the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WatchCounters {
    /// What the look-ups came to.
    pub asked: AskCounters,
    /// Containers that became known too late: their events went on without.
    pub late: u64,
    /// Containers for which there was no room.
    pub refused: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Its events wait until then.
    Awaited(Instant),
    /// A runtime has told.
    Known,
    /// Its events do not wait any more.
    Unknown,
}

#[derive(Debug)]
struct Container {
    /// The cgroups that it has.
    cgroups: Vec<u64>,
    state: State,
}

/// The containers of the host, by their cgroups.
#[derive(Debug)]
pub struct Watch {
    requests: mpsc::Sender<Request>,
    news: Receiver<News>,
    wait: Duration,
    counting: Counting,
    /// By short id.
    containers: FxHashMap<Box<str>, Container>,
    /// The containers of cgroups.
    of_cgroups: FxHashMap<u64, Box<str>>,
    /// The cgroups of containers whose events wait.
    awaited: FxHashMap<u64, Box<str>>,
    /// Some were taken from `awaited` since that was last asked.
    freed: bool,
    /// Containers whose cgroups are gone, and since when.
    gone: VecDeque<(Instant, Box<str>)>,
    late: u64,
    refused: u64,
}

impl Watch {
    pub(super) fn new(
        requests: mpsc::Sender<Request>,
        news: Receiver<News>,
        wait: Duration,
        counting: Counting,
    ) -> Watch {
        Watch {
            requests,
            news,
            wait,
            counting,
            containers: FxHashMap::default(),
            of_cgroups: FxHashMap::default(),
            awaited: FxHashMap::default(),
            freed: false,
            gone: VecDeque::new(),
            late: 0,
            refused: 0,
        }
    }

    /// A cgroup was made, or found. If it is a container's, that is looked up.
    pub fn cgroup_made(&mut self, cgroup: u64, path: &[u8]) {
        let Some(found) = CgroupContainer::of_path(path).filter(|found| found.runtime.is_some()) else {
            return;
        };
        let Ok(id) = std::str::from_utf8(found.id) else { return };
        let short: Box<str> = info::short_id(id).into();
        if !self.containers.contains_key(&short) && self.containers.len() >= MOST {
            self.refused += 1;
            return;
        }
        let fresh = Container { cgroups: Vec::new(), state: State::Unknown };
        let container = self.containers.entry(short.clone()).or_insert(fresh);
        let first = container.cgroups.is_empty();
        if !container.cgroups.contains(&cgroup) {
            container.cgroups.push(cgroup);
        }
        self.of_cgroups.insert(cgroup, short.clone());
        if first {
            let namespace =
                found.namespace.and_then(|name| std::str::from_utf8(name).ok()).map(str::to_owned);
            let request = Request {
                wanted: Found { id: id.to_owned(), namespace },
                runtime: found.runtime.unwrap_or_default(),
                certain: found.certain,
            };
            if self.requests.try_send(request).is_err() {
                self.counting.dropped();
            } else if container.state == State::Unknown && !self.wait.is_zero() {
                container.state = State::Awaited(Instant::now() + self.wait);
            }
        }
        if matches!(container.state, State::Awaited(_)) {
            self.awaited.insert(cgroup, short);
        }
    }

    /// A cgroup was removed.
    pub fn cgroup_removed(&mut self, cgroup: u64) {
        let Some(short) = self.of_cgroups.remove(&cgroup) else { return };
        let Some(container) = self.containers.get_mut(&short) else { return };
        container.cgroups.retain(|own| *own != cgroup);
        // Its events that wait still need it.
        if container.cgroups.is_empty() {
            self.gone.push_back((Instant::now(), short));
        }
    }

    /// Whether the events of a cgroup's processes wait.
    #[inline]
    pub fn waits(&self, cgroup: u64) -> bool {
        !self.awaited.is_empty() && self.awaited.contains_key(&cgroup)
    }

    /// Whether anybody's events wait.
    pub fn is_waiting(&self) -> bool {
        !self.awaited.is_empty()
    }

    /// Whether events that waited may go on: somebody's wait has ended since this was last asked, or nobody waits.
    pub fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed) || !self.is_waiting()
    }

    /// What became known since the last time: the JSON of container events. They must be taken in before the events that
    /// waited for them.
    pub fn take_news(&mut self) -> Vec<Vec<u8>> {
        let mut told = Vec::new();
        while let Ok(news) = self.news.try_recv() {
            self.take(news, &mut told);
        }
        told
    }

    /// As [`Watch::take_news`], and waits so long for something.
    pub fn await_news(&mut self, patience: Duration) -> Vec<Vec<u8>> {
        let mut told = Vec::new();
        if let Ok(news) = self.news.recv_timeout(patience) {
            self.take(news, &mut told);
        }
        told.extend(self.take_news());
        told
    }

    fn take(&mut self, news: News, told: &mut Vec<Vec<u8>>) {
        let (id, state) = match news {
            News::Told { id, json } => {
                told.push(json);
                (id, State::Known)
            }
            News::Nothing { id } => (id, State::Unknown),
        };
        if state == State::Known && !self.containers.contains_key(id.as_str()) && self.containers.len() < MOST
        {
            // A runtime told of it before it has a cgroup.
            let container = Container { cgroups: Vec::new(), state };
            self.containers.insert(id.as_str().into(), container);
            self.gone.push_back((Instant::now(), id.into()));
            return;
        }
        self.settle(&id, state);
    }

    /// The events of a container wait no longer.
    fn settle(&mut self, short: &str, state: State) {
        let Some(container) = self.containers.get_mut(short) else { return };
        if state == State::Known && container.state == State::Unknown {
            self.late += 1;
        }
        if container.state != State::Known || state == State::Known {
            container.state = state;
        }
        // Also cgroups that are gone by now.
        let before = self.awaited.len();
        self.awaited.retain(|_, of| &**of != short);
        self.freed |= self.awaited.len() < before;
    }

    /// Gives up on containers that were waited for long enough.
    pub fn give_up(&mut self, now: Instant) {
        if !self.is_waiting() {
            return;
        }
        let over = |short: &str| {
            let container = self.containers.get(short);
            container.is_some_and(|one| matches!(one.state, State::Awaited(until) if until <= now))
        };
        let late: Vec<Box<str>> = self.awaited.values().filter(|short| over(short)).cloned().collect();
        for short in late {
            self.settle(&short, State::Unknown);
        }
    }

    /// Gives up on the container of a cgroup: it holds back too much.
    pub fn give_up_on(&mut self, cgroup: u64) {
        if let Some(short) = self.awaited.get(&cgroup).cloned() {
            self.settle(&short, State::Unknown);
        }
    }

    /// The containers that are gone for good: the JSON of the events that say so.
    pub fn take_gone(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut gone = Vec::new();
        while self.gone.front().is_some_and(|(since, _)| now.saturating_duration_since(*since) >= AFTERLIFE) {
            let Some((_, short)) = self.gone.pop_front() else { break };
            let idle = self.containers.get(&short).filter(|container| container.cgroups.is_empty());
            match idle.map(|container| container.state) {
                // Its events still wait, and whoever forgot it would let them wait for ever.
                Some(State::Awaited(_)) => self.gone.push_back((now, short)),
                Some(_) => {
                    self.containers.remove(&short);
                    gone.push(info::removed(&short));
                }
                None => {}
            }
        }
        gone
    }

    /// What was noticed.
    pub fn counters(&self) -> WatchCounters {
        WatchCounters { asked: self.counting.read(), late: self.late, refused: self.refused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &[u8] =
        b"/machine.slice/libpod-3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e.scope";
    const SHORT: &str = "3ad7b26ded6d";

    fn watch(wait: u64) -> (Watch, mpsc::Receiver<Request>, crossbeam_channel::Sender<News>) {
        let (requests, asked) = mpsc::channel(2);
        let (news, told) = crossbeam_channel::bounded(8);
        (Watch::new(requests, told, Duration::from_millis(wait), Counting::default()), asked, news)
    }

    #[test]
    fn events_of_a_container_wait_until_its_runtime_has_told() {
        let (mut watch, mut asked, news) = watch(60_000);
        watch.cgroup_made(1, b"/user.slice");
        watch.cgroup_made(2, PATH);
        watch.cgroup_made(3, &[PATH, b"/container"].concat());
        assert!(!watch.take_freed());
        let request = asked.try_recv().unwrap();
        assert_eq!((request.runtime, request.certain), (Runtime::Podman, true));
        assert!(asked.try_recv().is_err(), "it is looked up once");
        assert_eq!([1, 2, 3].map(|cgroup| watch.waits(cgroup)), [false, true, true]);
        news.send(News::Told { id: SHORT.to_owned(), json: b"{}".to_vec() }).unwrap();
        assert_eq!(watch.take_news(), [b"{}"]);
        assert!(!watch.waits(2) && watch.take_freed());
    }

    #[test]
    fn nobody_waits_for_ever() {
        let (mut watch, _asked, news) = watch(60_000);
        watch.cgroup_made(2, PATH);
        watch.give_up(Instant::now());
        assert!(watch.waits(2));
        watch.give_up(Instant::now() + Duration::from_secs(61));
        assert!(!watch.waits(2));
        news.send(News::Told { id: SHORT.to_owned(), json: Vec::new() }).unwrap();
        assert_eq!(watch.take_news().len(), 1, "better late than never");
        assert_eq!(watch.counters().late, 1);
    }

    #[test]
    fn who_is_known_to_nobody_is_not_waited_for() {
        let (mut watch, _asked, news) = watch(60_000);
        watch.cgroup_made(2, PATH);
        news.send(News::Nothing { id: SHORT.to_owned() }).unwrap();
        assert_eq!(watch.take_news().len(), 0);
        assert!(!watch.waits(2));
        let (mut impatient, mut asked, _news) = self::watch(0);
        impatient.cgroup_made(2, PATH);
        assert!(asked.try_recv().is_ok() && !impatient.waits(2));
    }

    #[test]
    fn a_container_is_forgotten_some_time_after_its_end() {
        let (mut watch, mut asked, news) = watch(60_000);
        watch.cgroup_made(2, PATH);
        watch.cgroup_removed(2);
        assert!(watch.waits(2), "its events may still come");
        news.send(News::Told { id: SHORT.to_owned(), json: Vec::new() }).unwrap();
        watch.take_news();
        assert!(watch.take_gone(Instant::now()).is_empty());
        assert_eq!(watch.take_gone(Instant::now() + 2 * AFTERLIFE).len(), 1);
        asked.try_recv().unwrap();
        watch.cgroup_made(2, PATH);
        assert!(watch.waits(2) && asked.try_recv().is_ok(), "it may come again");
        // No room for another question: nobody waits for an answer that cannot come.
        drop(asked);
        watch.cgroup_made(
            4,
            &PATH.iter().map(|byte| if *byte == b'3' { b'4' } else { *byte }).collect::<Vec<u8>>(),
        );
        assert!(!watch.waits(4));
        assert_eq!(watch.counters().asked.dropped, 1);
    }

    #[test]
    fn what_a_runtime_told_early_is_not_waited_for() {
        let (mut watch, _asked, news) = watch(60_000);
        news.send(News::Told { id: SHORT.to_owned(), json: Vec::new() }).unwrap();
        watch.take_news();
        watch.cgroup_made(2, PATH);
        assert!(!watch.waits(2));
    }

    #[test]
    fn a_container_that_ends_while_its_events_wait_is_not_forgotten_before_they_go_on() {
        let (mut watch, _asked, _news) = watch(60_000);
        watch.cgroup_made(2, PATH);
        watch.cgroup_removed(2);
        let later = Instant::now() + 2 * AFTERLIFE;
        assert!(watch.take_gone(later).is_empty());
        watch.give_up(later);
        assert!(watch.waits(2), "not long enough");
        let late = Instant::now() + Duration::from_secs(61);
        watch.give_up(late);
        assert!(!watch.waits(2) && watch.take_freed());
        assert_eq!(watch.take_gone(late + AFTERLIFE).len(), 1);
    }

    #[test]
    fn a_container_that_holds_back_too_much_is_given_up() {
        let (mut watch, _asked, _news) = watch(60_000);
        watch.cgroup_made(2, PATH);
        watch.give_up_on(2);
        assert!(!watch.waits(2));
    }
}
