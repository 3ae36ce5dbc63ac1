//! The process that a plugin has for itself: it answers what the agent asks, and ends when nobody asks any more.
//!
//! Standard input is a socket to the agent. It is not left to the plugin, whose own input is empty, and whose output goes where
//! errors go.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use bumpalo::Bump;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use serde_bytes::Bytes;

use super::protocol::{
    Asked, Batch, Losses, MAX_FRAME, ProtocolError, Reply, Request, Then, Told, decode, receive, send,
};
use super::raw::{MAX_EVENT, RawEvent};
use crate::capture::plugin::{Asking, Library, Plugin, PluginError};

/// The most events of a reply, for how many bytes there is room in it, and after how many no more events are put into it.
const MAX_EVENTS: usize = 1024;
const ROOM: usize = MAX_FRAME / 4 * 3;
const FULL: usize = 3 << 20;

// Whatever stands in a reply already, the largest event still has room.
const _: () = assert!(ROOM - FULL > 2 * MAX_EVENT);

/// Serves the agent that started this process, until it is gone or says so.
///
/// # Errors
/// If there is no agent.
pub fn serve() -> Result<(), ProtocolError> {
    leave_signals_to_the_agent()?;
    let mut agent = UnixStream::from(taken()?);
    watch(&agent)?;
    let (mut host, mut buffer) = (Host::default(), Vec::new());
    loop {
        receive(&mut agent, &mut buffer)?;
        let request = decode(&buffer)?;
        let last = request == Request::Close;
        host.arena.reset();
        let Host { arena, serving } = &mut host;
        let request = match request {
            // Nobody waits for an answer.
            Request::Parse(events) => {
                serving.parse(events);
                continue;
            }
            request => request,
        };
        let told = serving.answer(request, arena);
        let reply = match &told {
            Ok(reply) => reply,
            Err(error) => &Reply::Failed(error),
        };
        match send(&mut agent, reply) {
            // More than can be said at once is as good as nothing.
            Err(ProtocolError::TooLong(length)) => {
                let error = format!("events of {length} bytes with their fields are too large");
                send(&mut agent, &Reply::Failed(&error))?;
            }
            sent => sent?,
        }
        if last {
            return Ok(());
        }
    }
}

/// Whoever ends the agent's whole group means the agent, which ends this process in its turn. Call it before any thread is made.
fn leave_signals_to_the_agent() -> io::Result<()> {
    let mut signals = SigSet::empty();
    [Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM].into_iter().for_each(|signal| signals.add(signal));
    Ok(signals.thread_block()?)
}

/// Takes standard input for itself.
fn taken() -> io::Result<OwnedFd> {
    let agent = io::stdin().as_fd().try_clone_to_owned()?;
    nix::unistd::dup2_stdin(File::open("/dev/null")?)?;
    Ok(agent)
}

/// Ends this process when the agent is gone, whatever the plugin is doing then. Of a socket whose other end is closed POLLHUP is
/// told, whatever is waited for.
fn watch(agent: &UnixStream) -> io::Result<()> {
    let agent = agent.try_clone()?;
    let watch = move || loop {
        let mut waited = [PollFd::new(agent.as_fd(), PollFlags::empty())];
        match poll(&mut waited, PollTimeout::NONE) {
            Err(nix::errno::Errno::EINTR) => {}
            // A plugin may have handlers of other signals, and functions that run at an exit.
            _ => _ = raise(Signal::SIGKILL),
        }
    };
    std::thread::Builder::new().name("agent-watch".to_owned()).spawn(watch).map(|_| ())
}

#[derive(Default)]
struct Host {
    arena: Bump,
    serving: Serving,
}

#[derive(Default)]
struct Serving {
    library: Option<Library>,
    plugin: Option<Plugin>,
    asked: Asked,
    asking: Asking,
    /// Events that have not been told yet, and what comes after them.
    waiting: VecDeque<RawEvent>,
    then: Then,
    losses: Losses,
    /// How many events there were.
    count: u64,
}

impl Serving {
    fn answer<'a>(&mut self, request: Request<'_>, arena: &'a Bump) -> Result<Reply<'a>, String> {
        let shown = |error: PluginError| error.to_string();
        match request {
            Request::Load(path) => {
                let library = self.library.insert(Library::load(Path::new(path)).map_err(shown)?);
                return Ok(Reply::Loaded(Box::new(library.info().clone())));
            }
            Request::Init(config) => {
                let library = self.library.as_ref().ok_or(OUT_OF_ORDER)?;
                self.plugin = Some(Plugin::init(library, config).map_err(shown)?);
            }
            Request::OpenParams => return self.plugin()?.open_params().map(Reply::OpenParams).map_err(shown),
            Request::Begin { source, id, open } => {
                self.plugin()?.begin(source, id, open).map_err(shown)?;
            }
            Request::Ask(asked) => {
                let library = self.library.as_ref().ok_or(OUT_OF_ORDER)?;
                self.asking = Asking::of(&asked.fields, library.info());
                self.asked = asked;
            }
            Request::Next => return self.next(arena).map(Reply::Batch),
            Request::Extract(events) => return self.extract(events, arena).map(Reply::Batch),
            Request::Types => return Ok(Reply::Types(self.plugin()?.types())),
            Request::Values { number, event } => return self.values(number, event, arena).map(Reply::Batch),
            // It has no answer; see `serve`.
            Request::Parse(events) => self.parse(events),
            Request::Metrics => return Ok(Reply::Metrics(self.plugin()?.metrics())),
            Request::Close => self.plugin = None,
        }
        Ok(Reply::Done)
    }

    fn plugin(&mut self) -> Result<&mut Plugin, String> {
        Ok(self.plugin.as_mut().ok_or(OUT_OF_ORDER)?)
    }

    fn next<'a>(&mut self, arena: &'a Bump) -> Result<Batch<'a>, String> {
        let plugin = self.plugin.as_mut().ok_or(OUT_OF_ORDER)?;
        self.waiting.extend(plugin.asynchronous(&mut self.losses));
        // The next ones are asked for when these are told.
        if self.waiting.is_empty() {
            let told = plugin.next(&mut self.losses).map_err(|error| error.to_string())?;
            self.then = told.then;
            self.waiting.extend(told.events);
        }
        let (mut events, mut room) = (Vec::new(), ROOM);
        while events.len() < MAX_EVENTS && room > ROOM - FULL {
            let Some(event) = self.waiting.pop_front() else { break };
            events.push(self.tell(event, arena, &mut room));
        }
        let then = if self.waiting.is_empty() { self.then } else { Then::More };
        Ok(Batch { events, then, losses: std::mem::take(&mut self.losses) })
    }

    fn extract<'a>(&mut self, sent: Vec<&Bytes>, arena: &'a Bump) -> Result<Batch<'a>, String> {
        let (mut events, mut room) = (Vec::with_capacity(sent.len()), ROOM);
        for bytes in sent {
            let event = RawEvent::checked(bytes.to_vec()).map_err(|error| error.to_string())?;
            events.push(self.tell(event, arena, &mut room));
        }
        let plugin = self.plugin.as_mut().ok_or(OUT_OF_ORDER)?;
        for event in plugin.asynchronous(&mut self.losses) {
            events.push(self.tell(event, arena, &mut room));
        }
        Ok(Batch { events, then: Then::Idle, losses: std::mem::take(&mut self.losses) })
    }

    /// Has the plugin parse system calls.
    fn parse(&mut self, events: Vec<(u64, &Bytes)>) {
        for (number, bytes) in events {
            match (RawEvent::checked(bytes.to_vec()), &mut self.plugin) {
                (Ok(event), Some(plugin)) => plugin.parse(&event, number, &mut self.losses),
                _ => self.losses.unparsed += 1,
            }
        }
    }

    /// What the plugin extracts from a system call.
    fn values<'a>(&mut self, number: u64, bytes: &Bytes, arena: &'a Bump) -> Result<Batch<'a>, String> {
        let event = RawEvent::checked(bytes.to_vec()).map_err(|error| error.to_string())?;
        let Serving { plugin, asking, losses, .. } = self;
        let plugin = plugin.as_mut().ok_or(OUT_OF_ORDER)?;
        let mut told = Told {
            time: event.time(),
            asynchronous: None,
            values: plugin.extract(&event, number, asking, arena, losses),
            summary: None,
            raw: None,
        };
        if told.size() > ROOM {
            losses.values += told.values.len() as u64;
            told.values.clear();
        }
        Ok(Batch { events: vec![told], then: Then::Idle, losses: std::mem::take(losses) })
    }

    /// Shows an event to the plugin, and says what it makes of it, as far as there is room for it.
    fn tell<'a>(&mut self, event: RawEvent, arena: &'a Bump, room: &mut usize) -> Told<'a> {
        let Serving { plugin, asking, asked, losses, count, .. } = self;
        *count += 1;
        let mut told = Told {
            time: event.time(),
            asynchronous: is_asynchronous(&event).then(|| kept(event.name(), arena)),
            values: Vec::new(),
            summary: None,
            raw: None,
        };
        if let Some(plugin) = plugin {
            plugin.parse(&event, *count, losses);
            told.values = plugin.extract(&event, *count, asking, arena, losses);
            if asked.summary {
                told.summary = plugin.summary(&event, *count).map(|summary| kept(&summary, arena));
            }
        }
        told.raw = asked.raw.then(|| kept(event.bytes(), arena));
        if told.size() > *room {
            losses.values += told.values.len() as u64 + u64::from(told.summary.is_some());
            told.values.clear();
            told.summary = None;
        }
        *room = room.saturating_sub(told.size());
        told
    }
}

fn is_asynchronous(event: &RawEvent) -> bool {
    event.kind() == crate::event::id::ASYNCEVENT_E
}

fn kept<'a>(bytes: &[u8], arena: &'a Bump) -> &'a Bytes {
    Bytes::new(arena.alloc_slice_copy(bytes))
}

/// The agent has asked for something too early.
const OUT_OF_ORDER: &str = "the plugin is not loaded";
