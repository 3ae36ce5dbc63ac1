//! A plugin at work on system calls: its process, begun again when it fails, and what is kept for it to parse.

use std::fmt::{self, Debug, Formatter};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use bumpalo::Bump;
use crossbeam_channel::{Receiver, bounded};
use saker_filter::{EventSet, Value};

use super::calls::CallsEnded;
use super::failing::Failures;
use super::process::ProcessError;
use super::protocol::Then;
use super::raw::MAX_EVENT;
use super::running::{Counters, MEASURE_EVERY};
use super::sources::{Member, Source};
use super::team::{Failure, Outcome, Team};
use crate::alerts::Internal;
use crate::capture::scap::encode;
use crate::event::{Event, EventId, id};
use crate::fields::Asking;
use crate::rules::SYSCALL;

/// So many events to be parsed are sent at once, or so many bytes of them.
const MANY: usize = 256;
const MANY_BYTES: usize = 64 << 10;

/// What happens live waits no longer for a plugin, whatever its settings allow: everything waits with it, and what looks whether the agent
/// is alive.
const MOST: Duration = Duration::from_secs(5);

/// Where alerts about plugins go.
pub(super) type Alert = dyn Fn(Internal) + Send + Sync;

/// A plugin at work on system calls.
pub(super) struct Consulted {
    /// It alone, as what makes a source.
    source: Arc<Source>,
    counters: Arc<Counters>,
    /// Which events it takes, known once it was begun.
    takes: OnceLock<Takes>,
    alert: OnceLock<Arc<Alert>>,
    desk: Mutex<Desk>,
}

/// Which events a plugin takes.
#[derive(Debug)]
struct Takes {
    /// From which it extracts; all without a set.
    extract: Option<EventSet>,
    /// Which it parses, if it parses.
    parse: Option<Option<EventSet>>,
}

/// What only one at a time may use of a plugin.
#[derive(Debug)]
struct Desk {
    state: State,
    failures: Failures,
    /// The version of what the process was told to extract, 0 if that is nothing yet.
    version: u64,
    /// Events to be parsed that were not sent yet: the number of each and where it ends among the bytes.
    kept: Vec<(u64, usize)>,
    bytes: Vec<u8>,
    /// How many were sent since the process last answered.
    under_way: u64,
    measured: Instant,
    scratch: Vec<u8>,
    /// It is waited for while it is begun again.
    waits: bool,
}

#[derive(Debug)]
enum State {
    /// Not begun, or ended.
    Off,
    Up(Box<Team>),
    /// Being begun again.
    Down(Receiver<Result<Team, Failure>>),
    /// It failed too often.
    Over(String),
}

/// Whether a plugin parses system calls.
pub(super) fn parses(member: &Member) -> bool {
    member.info.parse.as_ref().is_some_and(|sources| sources.take(SYSCALL))
}

impl Consulted {
    /// Not begun yet.
    pub(super) fn of(member: &Member, counters: Arc<Counters>) -> Consulted {
        let source = Source { name: SYSCALL.to_owned(), id: 0, members: vec![member.clone()] };
        Consulted {
            source: Arc::new(source),
            counters,
            takes: OnceLock::new(),
            alert: OnceLock::new(),
            desk: Mutex::new(Desk {
                state: State::Off,
                failures: Failures::none(),
                version: 0,
                kept: Vec::new(),
                bytes: Vec::new(),
                under_way: 0,
                measured: Instant::now(),
                scratch: Vec::new(),
                waits: false,
            }),
        }
    }

    /// The plugin's name.
    pub(super) fn name(&self) -> &str {
        self.source.members.first().map_or("", |member| &member.info.name)
    }

    /// What it counts.
    pub(super) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Has alerts about it go there, unless they go somewhere already.
    pub(super) fn connect(&self, alert: &Arc<Alert>) {
        let _ = self.alert.set(Arc::clone(alert));
    }

    /// Itself, if `new` is the same plugin with the same settings; else the new one, which goes on with the counts.
    pub(super) fn followed_by(self: &Arc<Self>, new: &Arc<Consulted>) -> Arc<Consulted> {
        match &new.source.members[..] {
            [member] if new.source != self.source => {
                Arc::new(Consulted::of(member, Arc::clone(&self.counters)))
            }
            _ => Arc::clone(self),
        }
    }

    /// Sends what was kept, and asks now and then what it counts.
    pub(super) fn flush(&self, asking: &Asking, version: u64) {
        // One that is just asked by a worker is not idle.
        let Ok(mut desk) = self.desk.try_lock() else { return };
        desk.send(self, asking, version);
        if desk.measured.elapsed() > MEASURE_EVERY {
            desk.measure(self);
        }
    }

    /// Ends it, when it is done with what it was sent.
    pub(super) fn finish(&self) -> CallsEnded {
        let mut desk = self.desk();
        desk.measure(self);
        let error = match std::mem::replace(&mut desk.state, State::Off) {
            State::Up(team) => {
                team.close();
                None
            }
            State::Over(why) => Some(why),
            State::Off | State::Down(_) => None,
        };
        CallsEnded { plugin: self.name().to_owned(), counters: Arc::clone(&self.counters), error }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nobody panics while holding it.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins it, if it is not begun yet.
    pub(super) fn begin(&self, asking: &Asking, version: u64, waits: bool) -> Result<(), Failure> {
        let mut desk = self.desk();
        desk.waits = waits;
        if !matches!(desk.state, State::Off) {
            return Ok(());
        }
        let mut team = Team::start(&self.source, asking, &Arc::default(), false)?;
        let types = team.types()?.into_iter().next().unwrap_or_default();
        let set = |types: Vec<u16>| (!types.is_empty()).then(|| EventSet::from_iter(types));
        let parses = self.source.members.first().is_some_and(parses);
        let takes = Takes { extract: set(types.extract), parse: parses.then(|| set(types.parse)) };
        self.counters.set_reported(team.metrics()?);
        if !waits {
            team.hurry(MOST);
        }
        let _ = self.takes.set(takes);
        (desk.state, desk.version, desk.measured) = (State::Up(Box::new(team)), version, Instant::now());
        Ok(())
    }

    /// Whether it parses system calls.
    pub(super) fn parses_any(&self) -> bool {
        self.takes.get().is_some_and(|takes| takes.parse.is_some())
    }

    /// Whether it parses events of whatever type.
    pub(super) fn parses_all(&self) -> bool {
        self.takes.get().is_some_and(|takes| matches!(takes.parse, Some(None)))
    }

    /// Whether it parses events of a type.
    pub(super) fn parses(&self, event: EventId) -> bool {
        let parse = self.takes.get().and_then(|takes| takes.parse.as_ref());
        // A capture may hold events of plugins that are not loaded.
        event != id::PLUGINEVENT_E
            && parse.is_some_and(|types| types.as_ref().is_none_or(|types| types.contains(event.0)))
    }

    /// The values that it has for a system call: of each slot, as far as rules ask for it. Copied into the arena.
    pub(super) fn values<'a>(
        &self,
        asking: &Asking,
        version: u64,
        event: &Event<'_>,
        arena: &'a Bump,
    ) -> &'a [Option<Value<'a>>] {
        let Some(takes) = self.takes.get() else { return &[] };
        let named = takes.extract.as_ref().is_none_or(|types| types.contains(event.id.0));
        if !named || event.id == id::PLUGINEVENT_E {
            return &[];
        }
        let mut desk = self.desk();
        let mut bytes = std::mem::take(&mut desk.scratch);
        bytes.clear();
        let values = match encode(event, &mut bytes) {
            Ok(()) if bytes.len() <= MAX_EVENT => {
                desk.values(self, asking, version, event.num, &bytes, arena)
            }
            _ => None,
        };
        desk.scratch = bytes;
        values.unwrap_or_else(|| {
            self.missed(1);
            &[]
        })
    }

    /// Keeps a system call for it to parse.
    pub(super) fn parse(&self, asking: &Asking, version: u64, event: &Event<'_>) {
        let desk = &mut *self.desk();
        let before = desk.bytes.len();
        match encode(event, &mut desk.bytes) {
            Ok(()) if desk.bytes.len() - before <= MAX_EVENT => {
                desk.kept.push((event.num, desk.bytes.len()));
            }
            _ => {
                desk.bytes.truncate(before);
                self.missed(1);
            }
        }
        if desk.kept.len() >= MANY || desk.bytes.len() >= MANY_BYTES {
            desk.send(self, asking, version);
        }
    }

    /// Counts system calls that the plugin did not see.
    fn missed(&self, count: u64) {
        // Relaxed: a number that stands for itself.
        self.counters.unseen.fetch_add(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
impl Consulted {
    /// As if it had been begun and had said which types of events it parses.
    pub(super) fn parsing(self, types: Option<&[u16]>) -> Consulted {
        let types = types.map(|types| types.iter().copied().collect());
        let _ = self.takes.set(Takes { extract: None, parse: Some(types) });
        self
    }

    /// It alone.
    pub(super) fn members(&self) -> &[Member] {
        &self.source.members
    }
}

impl Debug for Consulted {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consulted")
            .field("source", &self.source)
            .field("desk", &self.desk)
            .finish_non_exhaustive()
    }
}

impl Desk {
    /// Asks for the values of an event, after what is to be parsed before it. `None` if the plugin does not see it.
    fn values<'a>(
        &mut self,
        consulted: &Consulted,
        asking: &Asking,
        version: u64,
        number: u64,
        event: &[u8],
        arena: &'a Bump,
    ) -> Option<&'a [Option<Value<'a>>]> {
        self.send(consulted, asking, version);
        let team = self.team(consulted, asking, version)?;
        match team.values(0, number, event, arena) {
            Ok((values, losses)) => {
                self.under_way = 0;
                consulted.counters.add(&Outcome { then: Then::More, events: 1, losses });
                Some(values)
            }
            Err(failure) => {
                self.fail(consulted, &failure);
                None
            }
        }
    }

    /// Sends what is to be parsed.
    fn send(&mut self, consulted: &Consulted, asking: &Asking, version: u64) {
        if self.kept.is_empty() {
            return;
        }
        let (kept, mut bytes) = (std::mem::take(&mut self.kept), std::mem::take(&mut self.bytes));
        let count = kept.len() as u64;
        match self.team(consulted, asking, version) {
            None => consulted.missed(count),
            Some(team) => {
                let mut start = 0;
                let events = kept.iter().map(|&(number, end)| {
                    let event = bytes.get(start..end).unwrap_or_default();
                    start = end;
                    (number, event)
                });
                let sent = team.parse(0, events.collect());
                self.under_way += count;
                match sent {
                    Ok(()) => _ = consulted.counters.sent.fetch_add(count, Ordering::Relaxed),
                    Err(failure) => self.fail(consulted, &failure),
                }
            }
        }
        bytes.clear();
        self.bytes = bytes;
    }

    /// The process, told what to extract; `None` while there is none.
    fn team(&mut self, consulted: &Consulted, asking: &Asking, version: u64) -> Option<&mut Team> {
        while let State::Down(begun) = &self.state {
            let begun = match self.waits {
                true => begun.recv().ok(),
                false => begun.try_recv().ok(),
            };
            match begun? {
                Ok(mut team) => {
                    if !self.waits {
                        team.hurry(MOST);
                    }
                    (self.state, self.version) = (State::Up(Box::new(team)), 0);
                    consulted.counters.restarts.fetch_add(1, Ordering::Relaxed);
                }
                Err(failure) => self.fail(consulted, &failure),
            }
        }
        if self.version != version
            && let State::Up(team) = &mut self.state
        {
            self.version = version;
            if let Err(failure) = team.ask(asking) {
                self.fail(consulted, &failure);
            }
        }
        if let State::Up(team) = &mut self.state { Some(team) } else { None }
    }

    /// Counts what the plugin did not see, and has it begun again, if it may be.
    fn fail(&mut self, consulted: &Consulted, failure: &Failure) {
        consulted.missed(std::mem::take(&mut self.under_way));
        let quiet = |_: Internal| ();
        let alert = consulted.alert.get();
        let alert: &dyn Fn(Internal) = match alert {
            Some(alert) => &**alert,
            None => &quiet,
        };
        let Consulted { source, counters, .. } = consulted;
        let again = self.failures.add(failure, &source.members, SYSCALL, counters, alert);
        let begun =
            again.and_then(|pause| begin_after(pause, Arc::clone(source)).map_err(|error| error.to_string()));
        self.state = match begun {
            Ok(begun) => State::Down(begun),
            Err(why) => State::Over(why),
        };
    }

    /// Waits until the plugin is done with what it was sent, and asks what was lost and what it counts.
    fn measure(&mut self, consulted: &Consulted) {
        self.measured = Instant::now();
        let State::Up(team) = &mut self.state else { return };
        let told = team.settle().and_then(|losses| Ok((losses, team.metrics()?)));
        match told {
            Ok((losses, metrics)) => {
                self.under_way = 0;
                consulted.counters.add(&Outcome { losses, ..Outcome::default() });
                consulted.counters.set_reported(metrics);
            }
            Err(failure) => self.fail(consulted, &failure),
        }
    }
}

/// Begins a plugin after a while, on a thread of its own. Whoever uses it next says what it is asked.
fn begin_after(
    pause: Duration,
    source: Arc<Source>,
) -> Result<Receiver<Result<Team, Failure>>, ProcessError> {
    let (sender, receiver) = bounded(1);
    let begin = move || {
        std::thread::sleep(pause);
        // If nobody waits any more, the process ends with what is sent.
        let _ = sender.send(Team::start(&source, &Asking::default(), &Arc::default(), false));
    };
    let thread = std::thread::Builder::new().name("plugin-restart".to_owned());
    thread.spawn(begin).map_err(ProcessError::Start)?;
    Ok(receiver)
}
