//! The thread between detection and the outputs: it decides which alerts pass, writes them to the spool and tells the outputs.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded, unbounded};

use super::alive::Alive;
use super::build::{self, Planned};
use super::mailbox::Mailbox;
use super::noise::Noise;
use super::runner::{Counts, Feed, Runner};
use super::spool::Spool;
use super::{Load, Occasion, OutputError, Outputs, REPLAY_QUEUE, Running, Shared};
use crate::alerts::{Alert, InternalForm, now};
use crate::config::{self, Config};

/// How often the gate looks after what has its time.
const TICK: Duration = Duration::from_millis(250);
/// How often it writes down that the agent watches.
const ALIVE_EVERY: Duration = Duration::from_secs(1);
/// How often a full spool is looked at in a replay, which waits for it.
const FULL_EVERY: Duration = Duration::from_millis(5);

/// What the gate is told.
#[derive(Debug)]
pub(super) enum Message {
    Alert(Alert),
    /// Nothing more is to come.
    Stop,
}

/// Starts gate and outputs.
pub(super) fn start(config: &Config, occasion: Occasion) -> Result<Outputs, OutputError> {
    let planned = build::plan(config)?;
    let mut spool = open_spool(config, &planned);
    let mut outputs = Vec::new();
    let mut ways = Vec::new();
    if let Some(spool) = &spool {
        let names: Vec<&str> = planned.iter().map(|one| one.name.as_str()).collect();
        for (name, count) in spool.keep_only(&names) {
            tracing::warn!("{count} alerts waited for '{name}', which is no longer an output: they are lost");
        }
    }
    for Planned { name, target, local_only, priority, .. } in planned {
        let reader = spool.as_ref().filter(|_| !local_only).and_then(|spool| match spool.reader(&name) {
            Ok(reader) => Some(reader),
            Err(error) => {
                tracing::warn!("output '{name}': its alerts wait in memory only: {error}");
                None
            }
        });
        let spooled = reader.is_some();
        let mailbox = Arc::new(Mailbox::default());
        let counts = Arc::new(Counts::default());
        let runner = Runner {
            name: name.clone(),
            target,
            feed: reader.map_or(Feed::Memory, Feed::Spool),
            mailbox: Arc::clone(&mailbox),
            counts: Arc::clone(&counts),
            timeouts_max: config.http_output.max_consecutive_timeouts.into(),
            unconfirmed: Default::default(),
            priority,
        };
        let thread = thread::Builder::new().name(format!("output {name}").chars().take(15).collect());
        let thread = thread.spawn(move || runner.run()).map_err(OutputError::Thread)?;
        ways.push(Way {
            name: name.clone(),
            spooled,
            mailbox: Arc::clone(&mailbox),
            counts: Arc::clone(&counts),
            told: false,
        });
        outputs.push(Running { name, spooled, mailbox, counts, thread: Mutex::new(Some(thread)) });
    }
    if !ways.iter().any(|way| way.spooled) {
        spool = None;
    }
    let capacity = usize::try_from(config.outputs_queue.capacity).ok().filter(|capacity| *capacity > 0);
    let (sender, receiver) = match (occasion, capacity) {
        (Occasion::Replay, _) => bounded(REPLAY_QUEUE),
        (Occasion::Live, Some(capacity)) => bounded(capacity),
        (Occasion::Live, None) => unbounded(),
    };
    let load = Arc::new(Load::default());
    let gate = Gate {
        config: config.clone(),
        occasion,
        receiver,
        load: Arc::clone(&load),
        noise: Noise::new(config),
        spool: spool.clone(),
        ways,
        number: 0,
        spool_fails: false,
    };
    let thread = thread::Builder::new().name("alerts".to_owned());
    let thread = thread.spawn(move || gate.run()).map_err(OutputError::Thread)?;
    let gate = Mutex::new(Some(thread));
    Ok(Outputs(Arc::new(Shared { occasion, capacity, sender, load, outputs, gate, spool })))
}

/// The spool, if some output needs one and it can be had.
fn open_spool(config: &Config, planned: &[Planned]) -> Option<Arc<Spool>> {
    let settings = &config.saker.spool;
    if !settings.enabled || !planned.iter().any(|one| one.remote) {
        return None;
    }
    match Spool::open(&settings.path, u64::from(settings.max_size_mb) << 20) {
        Ok(spool) => Some(spool),
        Err(error) => {
            tracing::warn!("there is no spool, alerts that cannot be delivered wait in memory only: {error}");
            None
        }
    }
}

/// The way to an output.
struct Way {
    name: String,
    spooled: bool,
    mailbox: Arc<Mailbox>,
    counts: Arc<Counts>,
    /// It was said that it is slow.
    told: bool,
}

struct Gate {
    config: Config,
    occasion: Occasion,
    receiver: Receiver<Message>,
    load: Arc<Load>,
    noise: Noise,
    spool: Option<Arc<Spool>>,
    ways: Vec<Way>,
    /// The number of the last alert, where no spool gives one.
    number: u64,
    spool_fails: bool,
}

impl Gate {
    fn run(mut self) {
        let alive = self.begin();
        let mut next_tick = Instant::now() + TICK;
        let mut next_alive = Instant::now() + ALIVE_EVERY;
        loop {
            match self.receiver.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
                Ok(Message::Alert(alert)) => {
                    self.load.bytes.fetch_sub(
                        if self.occasion == Occasion::Live { alert.bytes().len() } else { 0 },
                        Ordering::Relaxed,
                    );
                    self.take(alert);
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() < next_tick {
                continue;
            }
            next_tick = Instant::now() + TICK;
            self.tick();
            if let Some(alive) = &alive
                && Instant::now() >= next_alive
            {
                next_alive = Instant::now() + ALIVE_EVERY;
                // A gap that is told too long does less harm than no agent.
                let _ = alive.tick(now());
            }
        }
        let mut passed = Vec::new();
        self.noise.finish(&mut |alert| passed.push(alert));
        passed.into_iter().for_each(|alert| self.send(alert));
        self.tell_held();
        if let Some(alive) = &alive {
            let _ = alive.end(now());
        }
        self.ways.iter().for_each(|way| way.mailbox.stop());
    }

    /// Tells of the time since the last agent, and that there is one now.
    fn begin(&mut self) -> Option<Alive> {
        if self.occasion == Occasion::Replay {
            return None;
        }
        let directory = &self.config.saker.spool.path;
        let (alive, gap) = match Alive::begin(directory, now()) {
            Ok(Some(begun)) => begun,
            Ok(None) => return None,
            Err(error) => {
                tracing::warn!("{}: gaps in detection cannot be told: {error}", directory.display());
                return None;
            }
        };
        if let Some(gap) = gap {
            let form = InternalForm::of(&self.config, &config::hostname());
            let mut record = Vec::new();
            gap.alert().write(&InternalForm { recorded: true, ..form }, &mut record);
            // What was just written can be read.
            if let Ok((alert, _)) = Alert::read(&record) {
                self.send(alert);
            }
        }
        Some(alive)
    }

    fn take(&mut self, alert: Alert) {
        let mut passed = Vec::new();
        self.noise.take(alert, &mut |alert| passed.push(alert));
        passed.into_iter().for_each(|alert| self.send(alert));
    }

    fn tell_held(&self) {
        if !self.noise.held().is_empty() {
            *self.load.held.lock().unwrap_or_else(PoisonError::into_inner) = self.noise.held().clone();
        }
    }

    /// Hands an alert to all outputs, after it is in the spool.
    fn send(&mut self, alert: Alert) {
        let alert = Arc::new(alert);
        let patient = self.occasion == Occasion::Replay;
        let mut number = self.number + 1;
        let mut spooled = false;
        if let Some(spool) = self.spool.clone() {
            while patient
                && spool.is_full()
                && !self.ways.iter().any(|way| way.spooled && way.mailbox.failing())
            {
                thread::sleep(FULL_EVERY);
            }
            match spool.append(&alert) {
                Ok((given, evicted)) => {
                    (number, spooled, self.spool_fails) = (given, true, false);
                    if let Some(evicted) = evicted {
                        tracing::error!(
                            "the spool is full, its oldest alerts are gone; by rule: {:?}",
                            evicted.rules
                        );
                    }
                }
                Err(error) => {
                    if !self.spool_fails {
                        tracing::error!("the spool cannot be written, alerts are lost: {error}");
                    }
                    self.spool_fails = true;
                }
            }
        }
        self.number = number;
        for way in &self.ways {
            match (way.spooled, spooled) {
                (true, true) => way.mailbox.wake(),
                (true, false) => way.counts.drop_some(1),
                (false, _) => {
                    if !way.mailbox.push(number, &alert, patient) {
                        way.counts.drop_some(1);
                    }
                }
            }
        }
        let closed = |way: &Way| way.counts.closed();
        if !self.ways.is_empty() && self.ways.iter().all(closed) {
            self.load.closed.store(true, Ordering::Relaxed);
        }
    }

    /// What is to be done now and then.
    fn tick(&mut self) {
        if self.occasion == Occasion::Live {
            let mut passed = Vec::new();
            self.noise.expire(now(), &mut |alert| passed.push(alert));
            passed.into_iter().for_each(|alert| self.send(alert));
        }
        self.tell_held();
        let limit = Duration::from_millis(self.config.output_timeout.into());
        for way in &mut self.ways {
            let slow = way.counts.busy_for().is_some_and(|busy| busy > limit) && !limit.is_zero();
            if slow && !way.told {
                tracing::warn!(
                    "output '{}' takes longer than {} ms for an alert",
                    way.name,
                    limit.as_millis()
                );
            }
            way.told = slow;
        }
    }
}
