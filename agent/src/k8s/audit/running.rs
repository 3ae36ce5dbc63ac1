//! The source at work: a thread that shows to the rules what comes in, until it is asked to stop.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::batch::{Batch, Limits, Refused};
use super::counters::Counters;
use super::follow::{self, Follow};
use super::lines::{Lines, lines};
use super::show::show;
use super::source::{Input, Settings, SourceError};
use super::webhook::Webhook;
use crate::source_thread::SourceThread;
use crate::watch::Watch;

/// For how long the thread waits before it looks whether it shall stop, or go on with other rules.
const WAIT: Duration = Duration::from_millis(100);

/// How often it is said at most that something was refused.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// The source at work.
#[derive(Debug)]
pub struct Running {
    thread: SourceThread<Watch, Ended>,
    address: Option<SocketAddr>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// The rules, with their counts.
    pub watch: Watch,
    /// What came in and what was refused.
    pub counters: Counters,
    /// Why it ended before it was asked to.
    pub error: Option<io::Error>,
}

impl Running {
    /// Opens the source and begins. Alerts are written to `out`, and it is flushed after those of each batch.
    ///
    /// # Errors
    /// If the source cannot be opened.
    pub fn start(
        settings: &Settings,
        watch: Watch,
        out: impl Write + Send + 'static,
    ) -> Result<Running, SourceError> {
        let feed = Feed::open(settings)?;
        let address = match &feed {
            Feed::Webhook(webhook) => Some(webhook.address()),
            _ => None,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let work =
            move |fresh| Work { feed, watch, fresh, stop: asked, counters: Counters::default(), out }.run();
        let thread = SourceThread::start("audit", stop, work).map_err(SourceError::Thread)?;
        Ok(Running { thread, address })
    }

    /// What it listens on, if it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Where other rules can be sent to. They meet events from the next batch on.
    pub fn rules(&self) -> Sender<Watch> {
        self.thread.rules()
    }

    /// Whether it has ended by itself: all files are read, or the alerts cannot be written.
    pub fn is_over(&self) -> bool {
        self.thread.is_over()
    }

    /// Ends it. What the webhook has said yes to still meets the rules. `None` if the thread has panicked.
    pub fn stop(self) -> Option<Ended> {
        self.thread.stop()
    }
}

/// Where batches come from.
enum Feed {
    Webhook(Webhook),
    Follow(Follow),
    Files { left: Vec<PathBuf>, open: Option<Lines<BufReader<File>>>, limits: Limits },
}

/// What came of waiting for a batch.
enum Next {
    Batch(Result<Batch, Refused>),
    Nothing,
    End,
}

impl Feed {
    fn open(settings: &Settings) -> Result<Feed, SourceError> {
        let limits = settings.limits;
        Ok(match &settings.input {
            Input::Webhook { address, path, tls } => {
                let certificate = tls.then_some(&*settings.certificate);
                Feed::Webhook(Webhook::start(address, path, certificate, limits)?)
            }
            Input::Follow(path) => Feed::Follow(Follow::new(path, &limits)),
            Input::Files(paths) => {
                let left = paths.iter().rev().cloned().collect();
                Feed::Files { left, open: None, limits }
            }
        })
    }

    fn next(&mut self) -> io::Result<Next> {
        match self {
            Feed::Webhook(webhook) => Ok(match webhook.next(WAIT) {
                // The room of the delivery is given back here: its events meet the rules at once.
                Some(delivery) => Next::Batch(Ok(delivery.batch)),
                None => Next::Nothing,
            }),
            Feed::Follow(follow) => Ok(match follow.next()? {
                follow::Next::Line(batch) => Next::Batch(batch),
                follow::Next::Nothing => {
                    std::thread::sleep(WAIT);
                    Next::Nothing
                }
            }),
            Feed::Files { left, open, limits } => loop {
                if let Some(batch) = open.as_mut().and_then(Iterator::next) {
                    return batch.map(Next::Batch);
                }
                let Some(path) = left.pop() else { return Ok(Next::End) };
                let told =
                    |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
                *open = Some(lines(BufReader::new(File::open(&path).map_err(told)?), limits));
            },
        }
    }

    /// Takes nothing more in. Whether what was taken in already is still to be had.
    fn close(&mut self) -> bool {
        match self {
            Feed::Webhook(webhook) => {
                webhook.close();
                true
            }
            _ => false,
        }
    }
}

struct Work<W> {
    feed: Feed,
    watch: Watch,
    fresh: Receiver<Watch>,
    stop: Arc<AtomicBool>,
    counters: Counters,
    out: W,
}

impl<W: Write> Work<W> {
    fn run(mut self) -> Ended {
        let error = self.work().err();
        if let Some(error) = &error {
            tracing::error!("the audit log is not watched any more: {error}");
        }
        // Whoever posts now shall hear that nobody takes it.
        self.feed.close();
        self.counters.requests = self.requests();
        Ended { watch: self.watch, counters: self.counters, error }
    }

    fn work(&mut self) -> io::Result<()> {
        let (mut lines, mut closed) = (Vec::new(), false);
        let (mut said, mut told) = (0, None::<Instant>);
        loop {
            if !closed && self.stop.load(Ordering::Relaxed) {
                if !self.feed.close() {
                    return Ok(());
                }
                closed = true;
            }
            while let Ok(fresh) = self.fresh.try_recv() {
                self.watch = fresh.continuing(&self.watch);
            }
            match self.feed.next()? {
                Next::Batch(batch) => {
                    show(&mut self.watch, &batch, &mut self.counters, &mut lines);
                    if !lines.is_empty() {
                        self.out.write_all(&lines)?;
                        self.out.flush()?;
                        lines.clear();
                    }
                }
                Next::Nothing if closed => return Ok(()),
                Next::Nothing => {}
                Next::End => return Ok(()),
            }
            if told.is_none_or(|told| told.elapsed() > SAY_EVERY) {
                self.counters.requests = self.requests();
                let refused = self.counters.refused() + self.counters.requests.refused();
                if refused > said {
                    tracing::warn!("audit events are refused: {}", self.counters);
                }
                (said, told) = (refused, Some(Instant::now()));
            }
        }
    }

    fn requests(&self) -> super::counters::Requests {
        match &self.feed {
            Feed::Webhook(webhook) => webhook.requests(),
            _ => super::counters::Requests::default(),
        }
    }
}
