//! A source of plugins at work: a thread that shows its events to the rules, and begins the plugins again when one fails.

use std::fmt::{self, Display, Formatter};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};

use super::failing::Failures;
use super::process::ProcessError;
use super::protocol::{Losses, Metric, Then};
use super::sources::Source;
use super::team::{Failure, Outcome, Team};
use crate::alerts::{Internal, Summary};
use crate::fields::Asking;
use crate::source_thread::SourceThread;
use crate::watch::Watch;

/// How often it is looked whether the thread shall stop while it waits.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A plugin that has nothing and says so at once is asked again after this.
const IDLE: Duration = Duration::from_millis(10);

/// How often plugins are asked what they count.
pub(super) const MEASURE_EVERY: Duration = Duration::from_secs(5);

/// The rules of a source, and what they ask of its plugins.
#[derive(Debug)]
pub struct Fresh {
    /// The source.
    pub source: Source,
    /// The rules.
    pub watch: Watch,
    /// The fields that they ask for.
    pub asking: Asking,
}

/// The source at work.
#[derive(Debug)]
pub struct Running {
    name: String,
    thread: SourceThread<Fresh, Ended>,
    counters: Arc<Counters>,
}

/// How it ended.
#[derive(Debug)]
pub struct Ended {
    /// The name of the source.
    pub name: String,
    /// The rules, with their counts.
    pub watch: Watch,
    /// What came, and what was lost.
    pub counters: Arc<Counters>,
    /// Why it ended before it was asked to.
    pub error: Option<String>,
}

/// What came from a source, and what was lost.
#[derive(Debug, Default)]
pub struct Counters {
    /// Events that rules met; of system calls, those about which the plugin was asked.
    pub events: AtomicU64,
    /// How often a plugin crashed, hung or gave up. How many events were lost by that nobody can know.
    pub failures: AtomicU64,
    /// How often the plugins were begun again.
    pub restarts: AtomicU64,
    /// Events that were none.
    pub malformed: AtomicU64,
    /// Values that could not be extracted.
    pub values: AtomicU64,
    /// Events that a plugin could not parse.
    pub unparsed: AtomicU64,
    /// System calls that were sent to be parsed.
    pub sent: AtomicU64,
    /// System calls that the plugin should have seen and did not, because it was down or they are too large; of those on their way to
    /// it when it failed, all.
    pub unseen: AtomicU64,
    /// Asynchronous events for which there was no room, or that were none.
    pub asynchronous: AtomicU64,
    summary: Mutex<Summary>,
    reported: Mutex<Vec<Metric>>,
}

impl Counters {
    /// The counts of the source's rules, which go on.
    pub fn summary(&self) -> Summary {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the plugins count themselves, as they last said: each metric with its plugin's name before it.
    pub fn reported(&self) -> Vec<Metric> {
        self.reported.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_reported(&self, metrics: Vec<Metric>) {
        *self.reported.lock().unwrap_or_else(PoisonError::into_inner) = metrics;
    }

    pub(super) fn fail(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn set_summary(&self, summary: &Summary) {
        *self.summary.lock().unwrap_or_else(PoisonError::into_inner) = summary.clone();
    }

    pub(super) fn add(&self, outcome: &Outcome) {
        let Losses { malformed, values, unparsed, asynchronous } = outcome.losses;
        for (counter, count) in [
            (&self.events, outcome.events),
            (&self.malformed, malformed),
            (&self.values, values),
            (&self.unparsed, unparsed),
            (&self.asynchronous, asynchronous),
        ] {
            // Relaxed, here and below: the numbers stand for themselves. They come from a process that is not trusted.
            let add = |sum: u64| Some(sum.saturating_add(count));
            let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        }
    }
}

impl Display for Counters {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let lost = of(&self.malformed).saturating_add(of(&self.asynchronous));
        write!(f, "events: {}, refused: {lost}", of(&self.events))?;
        for (counter, what) in [
            (&self.failures, "failures of plugins"),
            (&self.restarts, "begun again"),
            (&self.values, "fields not extracted"),
            (&self.unparsed, "events not parsed"),
            (&self.sent, "sent to be parsed"),
            (&self.unseen, "not seen"),
        ] {
            if of(counter) > 0 {
                write!(f, ", {what}: {}", of(counter))?;
            }
        }
        Ok(())
    }
}

impl Running {
    /// Begins the plugins of a source, opens it, and shows its events to the rules. Alerts are written to `out`, which is flushed
    /// after those of each batch; `alert` gets those about the plugins themselves.
    ///
    /// # Errors
    /// If a plugin cannot be begun.
    pub fn start(
        fresh: Fresh,
        out: impl Write + Send + 'static,
        alert: impl Fn(Internal) + Send + 'static,
    ) -> Result<Running, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let counters = Arc::new(Counters::default());
        let Fresh { source, watch, asking } = fresh;
        counters.set_summary(watch.summary());
        let source = Arc::new(source);
        let team = Team::start(&source, &asking, &stop, true)?;
        let name = source.name.clone();
        let (asked, counted) = (Arc::clone(&stop), Arc::clone(&counters));
        let work = move |successors| {
            Work { source, watch, asking, successors, stop: asked, counters: counted, out, alert }.run(team)
        };
        let thread = SourceThread::start("plugin-source", stop, work)
            .map_err(|error| Failure { plugin: name.clone(), error: ProcessError::Start(error) })?;
        Ok(Running { name, thread, counters })
    }

    /// The name of the source.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where other rules can be sent to. They meet events from the next batch on.
    pub fn rules(&self) -> Sender<Fresh> {
        self.thread.rules()
    }

    /// What came so far, and what was lost.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Whether it has ended by itself: the source has no more events, or a plugin failed too often.
    pub fn is_over(&self) -> bool {
        self.thread.is_over()
    }

    /// Ends it. `None` if the thread has panicked.
    pub fn stop(self) -> Option<Ended> {
        self.thread.stop()
    }
}

struct Work<W, A> {
    source: Arc<Source>,
    watch: Watch,
    asking: Asking,
    successors: Receiver<Fresh>,
    stop: Arc<AtomicBool>,
    counters: Arc<Counters>,
    out: W,
    alert: A,
}

/// Why the source is not asked for more.
enum Break {
    /// It has ended, or shall.
    Over,
    /// Its plugins are others now.
    Changed,
    Failed(Failure),
    Unwritten(io::Error),
}

impl<W: Write, A: Fn(Internal)> Work<W, A> {
    fn run(mut self, team: Team) -> Ended {
        let error = self.work(team).err();
        if let Some(error) = &error {
            tracing::error!("source '{}' is not watched any more: {error}", self.source.name);
        }
        Ended { name: self.source.name.clone(), watch: self.watch, counters: self.counters, error }
    }

    fn work(&mut self, team: Team) -> Result<(), String> {
        let mut team = Some(team);
        let mut failures = Failures::none();
        loop {
            let broken = match &mut team {
                Some(running) => self.serve(running),
                None => match Team::start(&self.source, &self.asking, &self.stop, true) {
                    Ok(started) => {
                        team = Some(started);
                        continue;
                    }
                    Err(failure) => Break::Failed(failure),
                },
            };
            match broken {
                Break::Over => {
                    team.take().into_iter().for_each(Team::close);
                    return Ok(());
                }
                Break::Changed => team.take().into_iter().for_each(Team::close),
                Break::Unwritten(error) => return Err(error.to_string()),
                Break::Failed(Failure { error: ProcessError::Stopped, .. }) => return Ok(()),
                Break::Failed(failure) => {
                    team = None;
                    self.failed(&failure, &mut failures)?;
                }
            }
        }
    }

    /// Says that a plugin failed, and waits until it is begun again; an error if it is not.
    fn failed(&mut self, failure: &Failure, failures: &mut Failures) -> Result<(), String> {
        let Source { name, members, .. } = &*self.source;
        let pause = failures.add(failure, members, name, &self.counters, &self.alert)?;
        let until = Instant::now() + pause;
        while !self.stopped() && Instant::now() < until {
            std::thread::sleep(LOOK_EVERY.min(until.saturating_duration_since(Instant::now())));
        }
        if !self.stopped() {
            self.counters.restarts.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Shows events to the rules for as long as there are some.
    fn serve(&mut self, team: &mut Team) -> Break {
        let (mut lines, mut measured) = (Vec::new(), None::<Instant>);
        loop {
            if measured.is_none_or(|measured| measured.elapsed() > MEASURE_EVERY) {
                match team.metrics() {
                    Ok(metrics) => self.counters.set_reported(metrics),
                    Err(failure) => return Break::Failed(failure),
                }
                measured = Some(Instant::now());
            }
            if self.stopped() {
                return Break::Over;
            }
            while let Ok(fresh) = self.successors.try_recv() {
                self.watch = fresh.watch.continuing(&self.watch);
                self.counters.set_summary(self.watch.summary());
                self.asking = fresh.asking;
                if fresh.source != *self.source {
                    self.source = Arc::new(fresh.source);
                    return Break::Changed;
                }
                if let Err(failure) = team.ask(&self.asking) {
                    return Break::Failed(failure);
                }
            }
            let began = Instant::now();
            let watch = &mut self.watch;
            let outcome = match team.next(|event| watch.show(event, &mut lines)) {
                Ok(outcome) => outcome,
                Err(failure) => return Break::Failed(failure),
            };
            self.counters.add(&outcome);
            if !lines.is_empty() {
                if let Err(error) = self.out.write_all(&lines).and_then(|()| self.out.flush()) {
                    return Break::Unwritten(error);
                }
                lines.clear();
            }
            match outcome.then {
                Then::End => return Break::Over,
                // Also one that says that there is more, and tells nothing.
                Then::Idle | Then::More if outcome.events == 0 && began.elapsed() < IDLE => {
                    std::thread::sleep(IDLE);
                }
                Then::Idle | Then::More => {}
            }
        }
    }
}
