//! Several workers over one source, each with a state, rules and alerts of its own.
//!
//! ```text
//! source -> Dispatcher: place, route -> batch -> worker 0: state, rules -> report \
//!                                            \-> worker 1: ...           -> report -> output, in the order of events
//! ```
//!
//! Every worker gets every batch and takes in what concerns it: all that makes, changes and ends processes, and all that its
//! own processes do (see [`super::router`]). So its rules see what a single worker's would, and each alert is raised by
//! one of them. What only another worker knows goes through [`super::exchange`].

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::batch::{Batch, Item};
use super::exchange::{Exchange, Gift};
use super::router::{Fork, Need, Router};
use super::{Pipeline, RuleSet, Sequence, Sink};
use crate::alerts::{Internal, Summary};
use crate::capture::Snapshot;
use crate::event::Event;
use crate::state::{Counters, StateFigures};

/// How many batches may wait for a worker.
const QUEUE: usize = 8;
/// The most workers: each follows all processes, so more of them cost memory and gain nothing.
pub const WORKERS_MAX: usize = 64;

/// What the workers leave behind.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counted {
    /// What the states counted. Threads are counted by all alike, descriptors by their owners.
    pub state: Counters,
    /// How often a worker waited for another in vain.
    pub handovers_missed: u64,
}

/// Runs so many workers while `feed` hands out events. Alerts go to `out` in the order of events. `rules` are at the end those
/// that were last put in their place.
///
/// # Errors
/// What `out` said; then the alerts after that are lost, and `feed` is told.
pub fn run<R>(
    workers: usize,
    pipeline: impl Fn() -> Pipeline,
    rules: &mut RuleSet,
    out: &mut (impl Write + Send),
    feed: impl FnOnce(&mut Dispatcher) -> R,
) -> io::Result<(R, Counted)> {
    let workers = workers.clamp(1, WORKERS_MAX);
    let exchange = Exchange::default();
    let failed = Arc::new(AtomicBool::new(false));
    let figures: Arc<[Mutex<StateFigures>]> = (0..workers).map(|_| Mutex::default()).collect();
    let (reports, reported) = bounded::<Report>(QUEUE * workers);
    let (spare, spares) = bounded::<Batch>(2);
    thread::scope(|scope| {
        let output = {
            let failed = Arc::clone(&failed);
            thread::Builder::new()
                .name("output".to_owned())
                .spawn_scoped(scope, move || write_in_order(workers, &reported, &failed, out))?
        };
        let mut queues = Vec::new();
        let mut running = Vec::new();
        for number in 0..workers {
            let (queue, messages) = bounded(QUEUE);
            queues.push(queue);
            let mut pipeline = pipeline();
            pipeline.settle(&rules.settings);
            let mut worker = Worker {
                number: number as u16,
                workers: workers as u16,
                exchange: &exchange,
                pipeline,
                rules: rules.clone(),
                figures: Arc::clone(&figures),
                reports: reports.clone(),
                spare: spare.clone(),
            };
            let thread = thread::Builder::new().name(format!("worker {number}"));
            running.push(thread.spawn_scoped(scope, move || {
                worker.run(&messages);
                (*worker.pipeline.state().counters(), worker.rules)
            })?);
        }
        drop(reports);
        let mut dispatcher = Dispatcher {
            sequence: pipeline().sequence,
            router: Router::new(workers as u16),
            batch: Batch::default(),
            queues,
            spares,
            round: 0,
            rules: rules.clone(),
            figures,
            failed,
        };
        let result = feed(&mut dispatcher);
        dispatcher.send();
        drop(dispatcher);
        let counted = gather(running, rules);
        join(output)?;
        Ok((result, Counted { state: counted, handovers_missed: exchange.missed() }))
    })
}

/// Waits for the workers and adds up what they counted.
fn gather(running: Vec<ScopedJoinHandle<'_, (Counters, RuleSet)>>, rules: &mut RuleSet) -> Counters {
    let mut sum = Counters::default();
    for (number, worker) in running.into_iter().enumerate() {
        let (counters, last) = join(worker);
        *rules = last;
        sum = if number == 0 { counters } else { sum.with_descriptors_of(&counters) };
    }
    sum
}

fn join<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What a worker is told, always in the same order as the others.
enum Message {
    /// What was running, and the owner of each descriptor.
    Begin(Arc<(Snapshot, Vec<u16>)>),
    /// Events, and which batch it is.
    Batch(u64, Arc<Batch>),
    /// Threads that are gone although nobody said so.
    Gone(Arc<[i64]>),
    /// Other rules from the next batch on.
    Rules(Arc<RuleSet>),
    /// An alert about Saker itself, in the place of a batch.
    Internal(u64, Arc<Internal>),
    /// Alerts that are made already, in the place of a batch.
    Insert(u64, Arc<[u8]>),
}

/// Hands events to the workers.
#[derive(Debug)]
pub struct Dispatcher {
    sequence: Sequence,
    router: Router,
    batch: Batch,
    queues: Vec<Sender<Message>>,
    /// Batches that all workers are done with.
    spares: Receiver<Batch>,
    round: u64,
    /// Those that the workers have been told last.
    rules: RuleSet,
    /// What each worker's state held last.
    figures: Arc<[Mutex<StateFigures>]>,
    failed: Arc<AtomicBool>,
}

impl Sink for Dispatcher {
    fn begin(&mut self, snapshot: Snapshot) {
        self.send();
        self.router.begin(&snapshot);
        let owners = self.router.owners(&snapshot);
        let running = Arc::new((snapshot, owners));
        for queue in &self.queues {
            // A worker goes away only by a panic, which ends the run.
            let _ = queue.send(Message::Begin(Arc::clone(&running)));
        }
    }

    fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let place = self.sequence.place(event);
        let (route, fork) = self.router.route(event);
        self.batch.push(event, place, route, fork);
        if self.batch.is_full() {
            return self.flush();
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send();
        self.rules.settings.calls.iter().for_each(|calls| calls.flush());
        // Relaxed: the error itself is handed over by joining the thread. Pairs with the store in `write_in_order`.
        if self.failed.load(Ordering::Relaxed) { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn replace(&mut self, rules: RuleSet) -> io::Result<Summary> {
        self.flush()?;
        self.rules = rules.continuing(&self.rules);
        let rules = Arc::new(self.rules.clone());
        for queue in &self.queues {
            let _ = queue.send(Message::Rules(Arc::clone(&rules)));
        }
        Ok(self.rules.alerts.summary().clone())
    }

    fn internal(&mut self, alert: &Internal) -> io::Result<()> {
        self.flush()?;
        self.round += 1;
        let alert = Arc::new(alert.clone());
        for queue in &self.queues {
            let _ = queue.send(Message::Internal(self.round, Arc::clone(&alert)));
        }
        Ok(())
    }

    fn insert(&mut self, alerts: &[u8]) -> io::Result<()> {
        self.flush()?;
        self.round += 1;
        let alerts: Arc<[u8]> = alerts.into();
        for queue in &self.queues {
            let _ = queue.send(Message::Insert(self.round, Arc::clone(&alerts)));
        }
        Ok(())
    }

    fn figures(&self) -> StateFigures {
        let each = self.figures.iter().map(|one| *one.lock().unwrap_or_else(PoisonError::into_inner));
        each.reduce(|sum, one| sum.with_descriptors_of(&one)).unwrap_or_default()
    }

    fn is_stranger(&self, tid: i64, started: u64) -> bool {
        self.router.is_stranger(tid, started)
    }

    fn forget(&mut self, tid: i64) {
        self.router.forget(tid);
        self.tell_gone([tid].into());
    }

    fn purge(&mut self, deadline: u64, alive: &mut dyn FnMut(i64) -> bool) {
        let gone = self.router.purge(deadline, alive);
        self.tell_gone(gone.into());
    }
}

impl Dispatcher {
    /// Has all workers forget threads.
    fn tell_gone(&mut self, gone: Arc<[i64]>) {
        self.send();
        for queue in &self.queues {
            let _ = queue.send(Message::Gone(Arc::clone(&gone)));
        }
    }

    /// Gives the batch to the workers.
    fn send(&mut self) {
        if self.batch.items.is_empty() {
            return;
        }
        let next = self.spares.try_recv().unwrap_or_default();
        let batch = Arc::new(std::mem::replace(&mut self.batch, next));
        self.round += 1;
        for queue in &self.queues {
            let _ = queue.send(Message::Batch(self.round, Arc::clone(&batch)));
        }
    }
}

/// One worker.
struct Worker<'s> {
    number: u16,
    workers: u16,
    exchange: &'s Exchange,
    pipeline: Pipeline,
    rules: RuleSet,
    figures: Arc<[Mutex<StateFigures>]>,
    reports: Sender<Report>,
    spare: Sender<Batch>,
}

/// The alerts of a batch.
#[derive(Debug, Default)]
struct Report {
    round: u64,
    lines: Vec<u8>,
    /// The number of each event with alerts, and where its lines end.
    ends: Vec<(u64, usize)>,
}

impl Worker<'_> {
    fn run(&mut self, messages: &Receiver<Message>) {
        for message in messages {
            match message {
                Message::Begin(running) => {
                    let (snapshot, owners) = &*running;
                    self.pipeline.state.load_part(snapshot, |fd| owners.get(fd) == Some(&self.number));
                }
                Message::Gone(gone) => self.pipeline.state.forget(&gone),
                Message::Rules(rules) => {
                    self.pipeline.settle(&rules.settings);
                    self.rules = RuleSet::clone(&rules);
                }
                Message::Internal(round, alert) => {
                    let mut report = Report { round, ..Report::default() };
                    if self.number == 0 {
                        self.rules.alerts.write_internal(&alert, &mut report.lines);
                        report.ends.push((0, report.lines.len()));
                    }
                    let _ = self.reports.send(report);
                }
                Message::Insert(round, alerts) => {
                    let mut report = Report { round, ..Report::default() };
                    if self.number == 0 {
                        report.lines.extend_from_slice(&alerts);
                        report.ends.push((0, report.lines.len()));
                    }
                    let _ = self.reports.send(report);
                }
                Message::Batch(round, batch) => {
                    let mut report = Report { round, ..Report::default() };
                    for item in &batch.items {
                        if item.route.owner == self.number || item.route.everyone {
                            self.item(&batch, item, &mut report);
                        }
                    }
                    if let Some(figures) = self.figures.get(usize::from(self.number)) {
                        *figures.lock().unwrap_or_else(PoisonError::into_inner) =
                            self.pipeline.state.figures();
                    }
                    let _ = self.reports.send(report);
                    if let Some(mut batch) = Arc::into_inner(batch) {
                        batch.clear();
                        let _ = self.spare.try_send(batch);
                    }
                }
            }
        }
    }

    fn item(&mut self, batch: &Batch, item: &Item, report: &mut Report) {
        let facts = batch.facts(item);
        let event = batch.event(item, facts.as_ref());
        let fork = batch.fork(item);
        if let Some(fork) = fork {
            self.hand_over(item.num, fork);
        }
        let borrowed = if item.route.need == Need::Descriptor { self.borrow(item, &event) } else { None };
        if item.route.owner == self.number {
            let RuleSet { detector, alerts, .. } = &mut self.rules;
            let lines = &mut report.lines;
            let before = lines.len();
            self.pipeline.event_at(item.place, &event, detector.concerns(&event), |context| {
                detector.detect(context, |rule| alerts.write(rule, context, lines));
            });
            if lines.len() > before {
                report.ends.push((item.num, lines.len()));
            }
        } else {
            self.pipeline.follow(&event);
        }
        if item.route.need == Need::Program {
            self.tell_program(item, event.tid);
        }
        let state = &mut self.pipeline.state;
        // What was needed for this event only is not kept: its owner goes on without telling us.
        if let Some(fork) = fork {
            if fork.child_owner == self.number {
                state.disinherit(fork.model);
            } else {
                state.disinherit(fork.child);
            }
        }
        if let Some(pid) = borrowed {
            state.disinherit(pid);
        }
    }

    /// The owner of the parent tells the owner of the child what the child has from it.
    fn hand_over(&mut self, event: u64, fork: &Fork) {
        let (from, to) = (fork.model_owner, fork.child_owner);
        let state = &mut self.pipeline.state;
        if self.number == from {
            self.exchange.give(event, from, to, Gift::Inheritance(state.bequeath(fork.model).map(Box::new)));
        } else if self.number == to
            && let Some(Gift::Inheritance(Some(told))) = self.exchange.take(event, from, to)
        {
            state.inherit(fork.model, *told);
        }
    }

    /// `pidfd_getfd`: only the caller's owner knows which process is meant, and only that one's owner has the descriptor.
    /// Gives the process whose descriptor was borrowed.
    fn borrow(&mut self, item: &Item, event: &Event<'_>) -> Option<i64> {
        let (me, owner) = (self.number, item.route.owner);
        let others = (0..self.workers).filter(|&other| other != owner);
        let state = &mut self.pipeline.state;
        if me != owner {
            if let Some(Gift::Wish(Some((pid, number)))) = self.exchange.take(item.num, owner, me) {
                let loan = state.lend(pid, number).map(Box::new);
                self.exchange.give(item.num, me, owner, Gift::Loan(loan));
            }
            return None;
        }
        let wish = state.wished_descriptor(event);
        // Its own processes' descriptors a worker has itself.
        let wish = wish.filter(|&(pid, number)| state.lend(pid, number).is_none());
        for other in others.clone() {
            self.exchange.give(item.num, me, other, Gift::Wish(wish));
        }
        let (pid, _) = wish?;
        let mut borrowed = None;
        for other in others {
            if let Some(Gift::Loan(Some(loan))) = self.exchange.take(item.num, other, me) {
                state.borrow(*loan);
                borrowed = Some(pid);
            }
        }
        borrowed
    }

    /// The owner tells which program runs now, where that depends on what the process had open.
    fn tell_program(&mut self, item: &Item, tid: i64) {
        let owner = item.route.owner;
        let state = &mut self.pipeline.state;
        if self.number == owner {
            let path = state.exepath(tid);
            for other in (0..self.workers).filter(|&other| other != owner) {
                self.exchange.give(item.num, owner, other, Gift::Program(path.clone()));
            }
        } else if let Some(Gift::Program(Some(path))) = self.exchange.take(item.num, owner, self.number) {
            state.set_exepath(tid, path);
        }
    }
}

/// Writes the alerts of each batch once all workers are done with it, in the order of the events.
fn write_in_order(
    workers: usize,
    reports: &Receiver<Report>,
    failed: &AtomicBool,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut result = Ok(());
    let mut waiting: VecDeque<Vec<Report>> = VecDeque::new();
    let mut first_round = 1;
    for report in reports {
        let at = (report.round - first_round) as usize;
        if at >= waiting.len() {
            waiting.resize_with(at + 1, Vec::new);
        }
        waiting[at].push(report);
        while waiting.front().is_some_and(|round| round.len() == workers) {
            let round = waiting.pop_front().unwrap_or_default();
            first_round += 1;
            // After an error the queue is still emptied: no worker must wait for ever.
            if result.is_ok() {
                result = write_round(&round, out);
                if result.is_err() {
                    failed.store(true, Ordering::Relaxed);
                }
            }
        }
        if result.is_ok() && reports.is_empty() {
            result = out.flush();
        }
    }
    result
}

fn write_round(round: &[Report], out: &mut impl Write) -> io::Result<()> {
    let mut parts: Vec<(u64, &[u8])> = Vec::new();
    for report in round {
        let mut start = 0;
        for &(event, end) in &report.ends {
            parts.push((event, &report.lines[start..end]));
            start = end;
        }
    }
    parts.sort_by_key(|(event, _)| *event);
    parts.into_iter().try_for_each(|(_, lines)| out.write_all(lines))
}
