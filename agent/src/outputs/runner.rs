//! The thread of one output: takes alert after alert and delivers it, again and again if need be.
//!
//! Alerts are delivered one by one in their order: as long as one cannot be delivered, the others wait behind it. What was
//! written to a stream is not yet where it belongs; it counts as delivered when the stream has stayed whole for a while, and
//! comes again when it breaks before.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::mailbox::Mailbox;
use super::spool::Reader;
use crate::alerts::Alert;
use crate::config::Priority;

/// The first pause after a failure; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// At the end, an output that cannot deliver gets this long to do so again.
const LAST_CHANCE: Duration = Duration::from_secs(3);
/// How many alerts may be written to a stream and not be known to have arrived.
const UNCONFIRMED_MAX: usize = 10_000;
/// How long a thread sleeps when there is nothing to do.
const IDLE: Duration = Duration::from_millis(500);

/// Why an alert was not delivered.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It may be delivered later.
    #[error("{0}")]
    Later(String),
    /// The receiver did not answer in time. It may be delivered later.
    #[error("{0}")]
    TimedOut(String),
    /// The receiver will never take this alert.
    #[error("{0}")]
    Refused(String),
    /// Nobody will ever take an alert here again.
    #[error("{0}")]
    Closed(String),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Failure::TimedOut(error.to_string()),
            _ => Failure::Later(error.to_string()),
        }
    }
}

/// Where an output delivers to.
pub(super) trait Target: Send {
    /// Delivers an alert.
    fn deliver(&mut self, alert: &Alert) -> Result<(), Failure>;

    /// For how long a stream must stay whole until what was written to it counts as delivered; zero if the receiver says so
    /// itself.
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    /// Looks whether a stream is still whole.
    fn probe(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Nothing more is to come for now.
    fn flush(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Closes and opens again, before the next alert.
    fn reopen(&mut self) {}

    /// Closes a stream. Whether all that was written has arrived.
    fn finish(&mut self) -> bool {
        true
    }
}

/// What an output counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) delivered: AtomicU64,
    pub(super) retried: AtomicU64,
    pub(super) dropped: AtomicU64,
    /// In a spool: those that wait.
    pub(super) waiting: AtomicU64,
    closed: AtomicBool,
    last_error: Mutex<Option<String>>,
    busy: Mutex<Option<Instant>>,
}

impl Counts {
    pub(super) fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether nobody will ever take an alert there again.
    pub(super) fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    fn close(&self, error: &str) {
        self.set_error(error);
        self.closed.store(true, Ordering::Relaxed);
    }

    fn set_error(&self, error: &str) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_owned());
    }

    /// For how long the output has been at the same alert.
    pub(super) fn busy_for(&self) -> Option<Duration> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner).map(|since| since.elapsed())
    }

    fn set_busy(&self, busy: bool) {
        *self.busy.lock().unwrap_or_else(PoisonError::into_inner) = busy.then(Instant::now);
    }

    pub(super) fn drop_some(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }
}

/// Where an output's alerts come from.
#[derive(Debug)]
pub(super) enum Feed {
    /// Its own queue.
    Memory,
    /// The spool.
    Spool(Reader),
}

/// The work of an output.
pub(super) struct Runner {
    pub(super) name: String,
    pub(super) target: Box<dyn Target>,
    pub(super) feed: Feed,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) counts: Arc<Counts>,
    /// How many timeouts one after the other are borne before an alert waits, or is dropped where there is no spool.
    pub(super) timeouts_max: u32,
    /// Alerts less severe than this are not for it.
    pub(super) priority: Priority,
    /// Written to a stream at that time, and not known to have arrived.
    pub(super) unconfirmed: VecDeque<(u64, Instant)>,
}

/// What became of an attempt.
enum Outcome {
    Done,
    /// The stream broke: what is unconfirmed comes first.
    Again,
    /// The thread is to end.
    End,
}

impl Runner {
    /// Delivers until it is asked to stop.
    pub(super) fn run(mut self) {
        let mut reopened = self.mailbox.reopened();
        loop {
            let asked = self.mailbox.reopened();
            if asked != reopened {
                reopened = asked;
                self.target.reopen();
            }
            self.confirm();
            // Before the look at what is there: what was accepted before the wish to stop is then seen.
            let stopping = self.mailbox.stopping().is_some();
            match self.next() {
                Some((number, alert)) if alert.priority() > self.priority => self.settle(number),
                Some((number, alert)) => match self.deliver(number, &alert) {
                    Outcome::Done | Outcome::Again => {}
                    Outcome::End => break,
                },
                None => {
                    if self.idle(stopping) {
                        break;
                    }
                }
            }
            self.count_waiting();
        }
        self.count_waiting();
    }

    fn next(&mut self) -> Option<(u64, Arc<Alert>)> {
        let Feed::Spool(reader) = &mut self.feed else { return self.mailbox.take() };
        let next = reader.read().unwrap_or_else(|error| {
            let message = format!("the spool cannot be read: {error}");
            if self.counts.last_error().as_deref() != Some(&message) {
                tracing::error!("output '{}': {message}", self.name);
            }
            self.counts.set_error(&message);
            None
        });
        let missed = reader.take_missed();
        if missed > 0 {
            self.counts.drop_some(missed);
            tracing::error!(
                "output '{}': {missed} alerts are lost, the spool had no room for them",
                self.name
            );
        }
        next
    }

    fn count_waiting(&self) {
        if let Feed::Spool(reader) = &self.feed {
            self.counts.waiting.store(reader.waiting(), Ordering::Relaxed);
        }
    }

    /// Delivers one alert, however often it takes.
    fn deliver(&mut self, number: u64, alert: &Alert) -> Outcome {
        let (mut pause, mut timeouts, mut failed) = (PAUSE, 0, None);
        let mut reopened = self.mailbox.reopened();
        self.counts.set_busy(true);
        let outcome = loop {
            match self.target.deliver(alert) {
                Ok(()) => {
                    self.done(number);
                    break Outcome::Done;
                }
                Err(Failure::Refused(error)) => {
                    self.drop_one(alert, number, &error);
                    break Outcome::Done;
                }
                Err(Failure::Closed(error)) => {
                    self.counts.close(&error);
                    self.mailbox.set_failing(true);
                    break Outcome::End;
                }
                Err(failure) => {
                    self.counts.retried.fetch_add(1, Ordering::Relaxed);
                    let error = failure.to_string();
                    self.counts.set_error(&error);
                    if matches!(failure, Failure::TimedOut(_)) {
                        timeouts += 1;
                        if timeouts <= self.timeouts_max && self.mailbox.stopping().is_none() {
                            continue;
                        }
                        if matches!(self.feed, Feed::Memory) {
                            self.drop_one(alert, number, &error);
                            break Outcome::Done;
                        }
                    }
                    if !self.mailbox.failing() {
                        tracing::warn!("output '{}': {error}; alerts wait", self.name);
                        self.mailbox.set_failing(true);
                    }
                    let since: Instant = *failed.get_or_insert_with(Instant::now);
                    if let Some(stopping) = self.mailbox.stopping()
                        && stopping.min(since.elapsed()) >= LAST_CHANCE
                    {
                        break Outcome::End;
                    }
                    self.count_waiting();
                    // At the end the pauses are short, for the last chance to be one.
                    let ends = self.mailbox.stopping().is_some();
                    self.mailbox.pause(if ends { pause.min(IDLE) } else { pause });
                    pause = (pause * 2).min(PAUSE_MAX);
                    let asked = self.mailbox.reopened();
                    if asked != reopened {
                        reopened = asked;
                        self.target.reopen();
                    }
                    if !self.unconfirmed.is_empty() {
                        self.rewind();
                        break Outcome::Again;
                    }
                }
            }
        };
        self.counts.set_busy(false);
        if matches!(outcome, Outcome::Done) && self.mailbox.failing() {
            tracing::info!("output '{}' delivers again", self.name);
            self.mailbox.set_failing(false);
        }
        if let (Outcome::End, Feed::Memory) = (&outcome, &self.feed) {
            let left = self.mailbox.waiting();
            self.counts.drop_some(left);
            if left > 0 && self.mailbox.stopping().is_some() {
                tracing::error!("output '{}': {left} alerts are lost, it does not deliver", self.name);
            }
        }
        outcome
    }

    fn drop_one(&mut self, alert: &Alert, number: u64, error: &str) {
        tracing::error!("output '{}': an alert of rule '{}' is lost: {error}", self.name, alert.rule());
        self.counts.set_error(error);
        self.counts.drop_some(1);
        self.settle(number);
    }

    /// An alert needs nothing more, as it is not for this output or lost to it: it is done once those before it are.
    fn settle(&mut self, number: u64) {
        match self.unconfirmed.back_mut() {
            Some((last, _)) => *last = number,
            None => self.commit(number),
        }
    }

    fn done(&mut self, number: u64) {
        if self.target.linger().is_zero() {
            self.counts.delivered.fetch_add(1, Ordering::Relaxed);
            self.commit(number);
        } else {
            self.unconfirmed.push_back((number, Instant::now()));
        }
    }

    fn commit(&mut self, number: u64) {
        match &mut self.feed {
            Feed::Memory => self.mailbox.commit(number),
            Feed::Spool(reader) => {
                if let Err(error) = reader.commit(number) {
                    // It comes twice after a restart, no more.
                    self.counts.set_error(&format!("the spool cannot be written: {error}"));
                }
            }
        }
    }

    /// What has been on a whole stream for long enough has arrived.
    fn confirm(&mut self) {
        let linger = self.target.linger();
        let old = |(_, written): &(u64, Instant)| written.elapsed() >= linger;
        let crowded = self.unconfirmed.len() > UNCONFIRMED_MAX;
        if !crowded && !self.unconfirmed.front().is_some_and(old) {
            return;
        }
        if let Err(failure) = self.target.probe() {
            return self.broken(&failure);
        }
        let mut last = None;
        while self.unconfirmed.front().is_some_and(old) || self.unconfirmed.len() > UNCONFIRMED_MAX {
            last = self.unconfirmed.pop_front().or(last);
            self.counts.delivered.fetch_add(1, Ordering::Relaxed);
        }
        if let Some((number, _)) = last {
            self.commit(number);
        }
    }

    fn broken(&mut self, failure: &Failure) {
        self.counts.retried.fetch_add(1, Ordering::Relaxed);
        self.counts.set_error(&failure.to_string());
        tracing::warn!("output '{}': {failure}; what is not known to have arrived is sent again", self.name);
        self.rewind();
    }

    fn rewind(&mut self) {
        self.unconfirmed.clear();
        match &mut self.feed {
            Feed::Memory => self.mailbox.rewind(),
            Feed::Spool(reader) => reader.rewind(),
        }
    }

    /// There is nothing to deliver. Whether that is the end.
    fn idle(&mut self, stopping: bool) -> bool {
        if let Err(failure) = self.target.flush() {
            if matches!(failure, Failure::Closed(_)) {
                self.counts.close(&failure.to_string());
                self.mailbox.set_failing(true);
                return true;
            }
            self.broken(&failure);
            self.mailbox.pause(PAUSE);
        }
        if stopping {
            let arrived = self.target.finish();
            if arrived {
                let count = self.unconfirmed.len() as u64;
                self.counts.delivered.fetch_add(count, Ordering::Relaxed);
                if let Some((number, _)) = self.unconfirmed.pop_back() {
                    self.commit(number);
                }
                self.unconfirmed.clear();
            }
            return true;
        }
        let pause = match self.unconfirmed.front() {
            Some((_, written)) => {
                self.target.linger().saturating_sub(written.elapsed()).max(Duration::from_millis(10))
            }
            None => IDLE,
        };
        self.mailbox.wait(pause.min(IDLE));
        false
    }
}
