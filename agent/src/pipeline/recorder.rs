//! Captures around alerts: a thread of its own keeps the last events, follows the state, and writes a capture from the event that raised
//! an alert on.
//!
//! ```text
//! source -> Tap -> loop or workers -> alert -> request \
//!             \-> batches, each kept for a while -----> thread: begin or prolong a capture, write, apply to the state
//! ```
//!
//! The loop hands over copies and never waits: what there is no room for is counted. Workers raise alerts a while after their events were
//! handed out; that is why batches are kept before they are looked at.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use super::batch::Batch;
use super::router::Route;
use super::{Pipeline, Place, RuleSet, Sink};
use crate::alerts::{CaptureDesk, Internal, Request, Requests, Summary, capture_desk};
use crate::capture::Snapshot;
use crate::capture::scap::{ScapOutput, ScapWriter};
use crate::config::{Config, Priority};
use crate::event::Event;
use crate::state::StateFigures;

/// So long alerts may take.
const DELAY: Duration = Duration::from_millis(500);
/// So many bytes of events are kept at most.
const KEPT: usize = 64 << 20;
/// So many batches may wait for the thread.
const QUEUE: usize = 256;

enum Message {
    Begin(Box<Snapshot>),
    Events(Box<Batch>),
}

/// What it came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Recorded {
    /// Captures that were written.
    pub captures: u64,
    /// Events in them.
    pub events: u64,
    /// Events for which the thread had no room.
    pub dropped: u64,
    /// Alerts that asked when their event was gone already, or when too many asked.
    pub late: u64,
    /// Captures that could not be written.
    pub failed: u64,
}

/// The thread, as its source sees it.
pub struct Recorder {
    messages: Sender<Message>,
    batch: Batch,
    dropped: Arc<AtomicU64>,
    desk: CaptureDesk,
    thread: JoinHandle<Recorded>,
}

impl Recorder {
    /// Starts it, if the configuration asks for captures. `tell` gets alerts about captures themselves.
    ///
    /// # Errors
    /// If there can be no thread more.
    pub fn start(config: &Config, tell: impl Fn(Internal) + Send + 'static) -> io::Result<Option<Recorder>> {
        if !config.capture.enabled {
            return Ok(None);
        }
        let (messages, received) = bounded(QUEUE);
        let (desk, requests) = capture_desk();
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            pipeline: Pipeline::live(config),
            host: Snapshot::new(),
            prefix: config.capture.path_prefix.clone(),
            most: u64::from(config.capture.max_file_size_mb) << 20,
            requests,
            asked: Vec::new(),
            open: None,
            recorded: Recorded::default(),
            tell: Box::new(tell),
        };
        let thread = std::thread::Builder::new().name("recorder".to_owned());
        let thread = thread.spawn(move || writer.run(&received))?;
        Ok(Some(Recorder { messages, batch: Batch::default(), dropped, desk, thread }))
    }

    /// Where alerts ask.
    pub fn desk(&self) -> CaptureDesk {
        self.desk.clone()
    }

    /// Waits until everything is written.
    pub fn finish(mut self) -> Recorded {
        self.send();
        drop(self.messages);
        let recorded = self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Relaxed: the thread that counts is this one.
        Recorded { dropped: self.dropped.load(Ordering::Relaxed), ..recorded }
    }

    fn begin(&mut self, snapshot: &Snapshot) {
        self.send();
        // What was running must not be missed; there are events only after it.
        let _ = self.messages.send(Message::Begin(Box::new(snapshot.clone())));
    }

    #[inline]
    fn event(&mut self, event: &Event<'_>) {
        self.batch.push(event, Place::default(), Route::default(), None);
        if self.batch.is_full() {
            self.send();
        }
    }

    fn send(&mut self) {
        if self.batch.items.is_empty() {
            return;
        }
        let batch = Box::new(std::mem::take(&mut self.batch));
        let events = batch.items.len() as u64;
        if self.messages.try_send(Message::Events(batch)).is_err() {
            self.dropped.fetch_add(events, Ordering::Relaxed);
        }
    }
}

/// Hands what goes to a loop to a recorder, too.
pub struct Tap<'t, S> {
    sink: &'t mut S,
    recorder: Option<&'t mut Recorder>,
}

impl<'t, S: Sink> Tap<'t, S> {
    /// Before this sink.
    pub fn new(sink: &'t mut S, recorder: Option<&'t mut Recorder>) -> Self {
        Tap { sink, recorder }
    }
}

impl<S: Sink> Sink for Tap<'_, S> {
    fn begin(&mut self, snapshot: Snapshot) {
        if let Some(recorder) = &mut self.recorder {
            recorder.begin(&snapshot);
        }
        self.sink.begin(snapshot);
    }

    #[inline(always)]
    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        if let Some(recorder) = &mut self.recorder {
            recorder.event(event);
        }
        self.sink.event(event)
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(recorder) = &mut self.recorder {
            recorder.send();
        }
        self.sink.flush()
    }

    fn replace(&mut self, rules: RuleSet) -> io::Result<Summary> {
        self.sink.replace(rules)
    }

    fn internal(&mut self, alert: &Internal) -> io::Result<()> {
        self.sink.internal(alert)
    }

    fn insert(&mut self, alerts: &[u8]) -> io::Result<()> {
        self.sink.insert(alerts)
    }

    fn figures(&self) -> StateFigures {
        self.sink.figures()
    }

    #[inline]
    fn is_stranger(&self, tid: i64, started: u64) -> bool {
        self.sink.is_stranger(tid, started)
    }

    fn forget(&mut self, tid: i64) {
        self.sink.forget(tid);
    }

    fn purge(&mut self, deadline: u64, alive: &mut dyn FnMut(i64) -> bool) {
        self.sink.purge(deadline, alive);
    }
}

/// A capture that is being written.
struct Open {
    path: PathBuf,
    writer: ScapWriter<ScapOutput>,
    /// Until when, nanoseconds since the epoch.
    deadline: u64,
}

/// What the thread knows.
struct Writer {
    /// Follows the state, one step behind the events that are written.
    pipeline: Pipeline,
    /// The machine, its interfaces and users, as they were at the start.
    host: Snapshot,
    prefix: PathBuf,
    /// Bytes of a file; 0 is no limit.
    most: u64,
    requests: Requests,
    /// Requests for events that are still to come, the last one first.
    asked: Vec<Request>,
    open: Option<Open>,
    recorded: Recorded,
    tell: Box<dyn Fn(Internal) + Send>,
}

impl Writer {
    fn run(mut self, messages: &Receiver<Message>) -> Recorded {
        let mut kept: VecDeque<(Instant, Message)> = VecDeque::new();
        let mut bytes = 0;
        loop {
            let over = match messages.recv_timeout(DELAY / 5) {
                Ok(message) => {
                    bytes += size(&message);
                    kept.push_back((Instant::now(), message));
                    false
                }
                Err(RecvTimeoutError::Timeout) => false,
                Err(RecvTimeoutError::Disconnected) => true,
            };
            while let Some((_, message)) =
                kept.pop_front_if(|(since, _)| over || since.elapsed() >= DELAY || bytes > KEPT)
            {
                bytes -= size(&message);
                self.take(message);
            }
            if over {
                self.close();
                self.recorded.late += self.requests.refused();
                return self.recorded;
            }
        }
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Begin(snapshot) => {
                if snapshot.machine.is_some() {
                    let Snapshot { machine, interfaces, users, groups, .. } = &*snapshot;
                    let (machine, interfaces) = (machine.clone(), interfaces.clone());
                    self.host = Snapshot {
                        machine,
                        interfaces,
                        users: users.clone(),
                        groups: groups.clone(),
                        ..Snapshot::new()
                    };
                }
                self.pipeline.begin(*snapshot);
            }
            Message::Events(batch) => {
                self.asked.extend(self.requests.requests.try_iter());
                self.asked.sort_by(|a, b| b.cmp(a));
                for item in &batch.items {
                    let facts = batch.facts(item);
                    self.event(&batch.event(item, facts.as_ref()));
                }
                self.check_size();
            }
        }
    }

    fn event(&mut self, event: &Event<'_>) {
        while let Some(request) = self.asked.pop_if(|request| request.event <= event.num) {
            self.recorded.late += u64::from(request.event < event.num);
            self.begin_or_prolong(&request, event);
        }
        if let Some(open) = &mut self.open {
            match open.writer.event(event) {
                Ok(()) => self.recorded.events += 1,
                // Too long for the format.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => self.recorded.dropped += 1,
                Err(error) => self.fail(&error),
            }
        }
        // As in Falco, the first event behind the end is in it.
        if self.open.as_ref().is_some_and(|open| event.ts >= open.deadline) {
            self.close();
        }
        self.pipeline.event(event, false, |_| ());
    }

    fn begin_or_prolong(&mut self, request: &Request, event: &Event<'_>) {
        let deadline = request.time.saturating_add(request.duration);
        if let Some(open) = &mut self.open {
            open.deadline = open.deadline.max(deadline);
            return;
        }
        let mut path = self.prefix.clone().into_os_string();
        path.push(format!("_{:020}_{:020}.scap", event.ts, event.num));
        let path = PathBuf::from(path);
        let mut running = self.host.clone();
        self.pipeline.state().export(&mut running);
        running.fds.sort_by_key(|fd| fd.tid);
        let writer = ScapWriter::create(&path, true).and_then(|mut writer| {
            writer.snapshot(&running)?;
            Ok(writer)
        });
        match writer {
            Ok(writer) => {
                tracing::info!("capture {} begins", path.display());
                self.recorded.captures += 1;
                self.open = Some(Open { path, writer, deadline });
            }
            Err(error) => {
                tracing::error!("capture {}: {error}", path.display());
                self.recorded.failed += 1;
            }
        }
    }

    fn fail(&mut self, error: &io::Error) {
        if let Some(open) = self.open.take() {
            tracing::error!("capture {}: {error}", open.path.display());
            self.recorded.failed += 1;
        }
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        match open.writer.finish() {
            Ok(()) => tracing::info!("capture {} ends", open.path.display()),
            Err(error) => {
                tracing::error!("capture {}: {error}", open.path.display());
                self.recorded.failed += 1;
            }
        }
    }

    /// Ends a capture that is large enough. What is still held back to be compressed comes on top.
    fn check_size(&mut self) {
        let Some(open) = self.open.as_ref().filter(|_| self.most > 0) else { return };
        let size = fs::metadata(&open.path).map_or(0, |file| file.len());
        if size < self.most {
            return;
        }
        let path = open.path.display().to_string();
        self.close();
        let message = format!("Capture size limit reached: {path} has {size} bytes");
        let alert = Internal::now(Priority::Warning, "Falco internal: capture size limit reached", message);
        (self.tell)(alert.with("file", path).with("size", size).with("limit", self.most));
    }
}

fn size(message: &Message) -> usize {
    match message {
        Message::Begin(_) => 0,
        Message::Events(batch) => batch.bytes(),
    }
}
