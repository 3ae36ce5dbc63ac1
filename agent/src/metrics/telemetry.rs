//! The numbers themselves. A clone is the same numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::Files;
use crate::alerts::{Summary, now};
use crate::outputs::Outputs;
use crate::plugins::{Calls, Counters};
use crate::state::StateFigures;

/// Numbers that several threads write and read.
#[derive(Clone)]
pub struct Telemetry(Arc<Numbers>);

/// What a listener is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sign {
    /// The loop goes on; the first time it means that detection is on.
    Alive,
    /// So many rules took effect.
    Loaded(usize),
    /// Detection has ended.
    Ended,
}

/// Who wants to be told.
type Listener = Box<dyn Fn(Sign) + Send + Sync>;

struct Numbers {
    listener: OnceLock<Listener>,
    /// When this process began to measure, in nanoseconds since the epoch.
    start: u64,
    /// The same by the clock that never jumps.
    began: Instant,
    engine: OnceLock<&'static str>,
    outputs: OnceLock<Outputs>,
    /// The sources of plugins, each with its name.
    plugins: OnceLock<Vec<(String, Arc<Counters>)>>,
    /// The plugins that see system calls, each with its name.
    calls: Mutex<Vec<(String, Arc<Counters>)>>,
    reloads: AtomicU64,
    reloads_refused: AtomicU64,
    /// Milliseconds after `began` at which the loop last said that it goes on; 0: it does not yet.
    beat: AtomicU64,
    loaded: Mutex<Loaded>,
    readings: Mutex<Readings>,
}

/// Rules that took effect.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// When, in nanoseconds since the epoch; 0 if there are none yet.
    pub time: u64,
    /// What they were read from.
    pub files: Files,
    /// What they count.
    pub summary: Summary,
}

/// What the loop and those who feed it have counted since the start.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Readings {
    /// Events that went through the loop.
    pub events: u64,
    /// Nanoseconds of CPU time that this process has taken for them, and for everything else.
    pub cpu_time: u64,
    /// What each CPU's ring counted; none in a replay.
    pub cpus: Vec<CpuReadings>,
    /// All losses by what was lost.
    pub losses: Vec<(String, u64)>,
    /// What the state holds.
    pub state: StateFigures,
    /// What the kernel measured of BPF programs.
    pub programs: Vec<ProgramTime>,
}

/// What a CPU's ring counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CpuReadings {
    /// The CPU.
    pub cpu: usize,
    /// Records written.
    pub records: u64,
    /// Records refused, by what they were about.
    pub lost: Lost,
}

/// Records refused by the drivers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct Lost {
    /// Because the ring was full.
    pub file: u64,
    pub network: u64,
    pub process: u64,
    pub io: u64,
    pub other: u64,
    /// Because the same CPU was writing.
    pub nested: u64,
}

impl Lost {
    /// Because the ring was full.
    pub fn full(&self) -> u64 {
        self.file + self.network + self.process + self.io + self.other
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.full() + self.nested
    }

    fn combine(&self, other: &Lost, with: impl Fn(u64, u64) -> u64) -> Lost {
        Lost {
            file: with(self.file, other.file),
            network: with(self.network, other.network),
            process: with(self.process, other.process),
            io: with(self.io, other.io),
            other: with(self.other, other.other),
            nested: with(self.nested, other.nested),
        }
    }

    /// What was lost since `before`.
    #[must_use]
    pub fn since(&self, before: &Lost) -> Lost {
        self.combine(before, u64::saturating_sub)
    }
}

impl Readings {
    /// Records written by all CPUs.
    pub fn records(&self) -> u64 {
        self.cpus.iter().map(|cpu| cpu.records).sum()
    }

    /// Records refused on all CPUs.
    pub fn lost(&self) -> Lost {
        self.cpus.iter().fold(Lost::default(), |sum, cpu| sum.combine(&cpu.lost, u64::wrapping_add))
    }
}

/// What the kernel measured of a BPF program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProgramTime {
    /// Its name.
    pub name: String,
    /// How often it ran.
    pub runs: u64,
    /// For how many nanoseconds in all.
    pub time: u64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry(Arc::new(Numbers {
            start: now(),
            began: Instant::now(),
            listener: OnceLock::new(),
            engine: OnceLock::new(),
            outputs: OnceLock::new(),
            plugins: OnceLock::new(),
            calls: Mutex::default(),
            reloads: AtomicU64::new(0),
            reloads_refused: AtomicU64::new(0),
            beat: AtomicU64::new(0),
            loaded: Mutex::default(),
            readings: Mutex::default(),
        }))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

// Relaxed everywhere: each number stands for itself, and nothing is handed over by them.
impl Telemetry {
    /// When this process began, in nanoseconds since the epoch.
    pub fn start(&self) -> u64 {
        self.0.start
    }

    /// Says where events come from, as metrics name it.
    pub fn set_engine(&self, engine: &'static str) {
        let _ = self.0.engine.set(engine);
    }

    /// Where events come from.
    pub fn engine(&self) -> Option<&'static str> {
        self.0.engine.get().copied()
    }

    /// Says where alerts go.
    pub fn set_outputs(&self, outputs: &Outputs) {
        let _ = self.0.outputs.set(outputs.clone());
    }

    /// Where alerts go.
    pub fn outputs(&self) -> Option<&Outputs> {
        self.0.outputs.get()
    }

    /// Says which sources plugins make, each with its name.
    pub fn set_plugins(&self, sources: Vec<(String, Arc<Counters>)>) {
        let _ = self.0.plugins.set(sources);
    }

    /// The sources of plugins, each with its name.
    pub fn plugins(&self) -> &[(String, Arc<Counters>)] {
        self.0.plugins.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// Says which plugins see system calls from now on.
    pub fn set_calls(&self, calls: Option<&Calls>) {
        let named = calls.into_iter().flat_map(Calls::counters);
        *lock(&self.0.calls) =
            named.map(|(name, counters)| (name.to_owned(), Arc::clone(counters))).collect();
    }

    /// The plugins that see system calls, each with its name.
    pub fn calls(&self) -> Vec<(String, Arc<Counters>)> {
        lock(&self.0.calls).clone()
    }

    /// Rules took effect: those of the start, or others that were loaded anew from these files.
    pub fn loaded(&self, files: Files, summary: Summary, anew: bool) {
        self.0.reloads.fetch_add(u64::from(anew), Ordering::Relaxed);
        let rules = summary.rules().len();
        *lock(&self.0.loaded) = Loaded { time: now(), files, summary };
        self.tell(Sign::Loaded(rules));
    }

    /// What took effect last.
    pub fn last_loaded(&self) -> Loaded {
        lock(&self.0.loaded).clone()
    }

    /// A reload was refused.
    pub fn reload_refused(&self) {
        self.0.reloads_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Reloads that took effect, and those that were refused.
    pub fn reloads(&self) -> (u64, u64) {
        (self.0.reloads.load(Ordering::Relaxed), self.0.reloads_refused.load(Ordering::Relaxed))
    }

    /// The loop goes on.
    pub fn beat(&self) {
        let elapsed = u64::try_from(self.0.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.beat.store(elapsed.max(1), Ordering::Relaxed);
        self.tell(Sign::Alive);
    }

    /// Has somebody told of the loop's signs, in the thread that gives them. There is one listener, the first.
    pub fn listen(&self, listener: Listener) {
        let _ = self.0.listener.set(listener);
        self.tell(Sign::Loaded(self.last_loaded().summary.rules().len()));
    }

    /// Detection has ended.
    pub fn end(&self) {
        self.tell(Sign::Ended);
    }

    fn tell(&self, sign: Sign) {
        if let Some(listener) = self.0.listener.get() {
            listener(sign);
        }
    }

    /// How long ago the loop said that it goes on; `None` if it never did.
    pub fn since_beat(&self) -> Option<Duration> {
        let beat = self.0.beat.load(Ordering::Relaxed);
        (beat > 0).then(|| self.0.began.elapsed().saturating_sub(Duration::from_millis(beat)))
    }

    /// Stores what was counted until now.
    pub fn read(&self, readings: Readings) {
        *lock(&self.0.readings) = readings;
    }

    /// What was counted.
    pub fn readings(&self) -> Readings {
        lock(&self.0.readings).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_summed_and_compared() {
        let lost = Lost { file: 5, nested: 2, ..Lost::default() };
        let cpu = |cpu, lost| CpuReadings { cpu, records: 10, lost };
        let readings =
            Readings { cpus: vec![cpu(0, lost), cpu(3, Lost { io: 1, ..lost })], ..Readings::default() };
        assert_eq!((readings.records(), readings.lost().full(), readings.lost().total()), (20, 11, 15));
        let since = readings.lost().since(&lost);
        assert_eq!(since, Lost { file: 5, io: 1, nested: 2, ..Lost::default() });
    }

    #[test]
    fn a_loop_that_never_beat_is_known() {
        let telemetry = Telemetry::default();
        assert_eq!(telemetry.since_beat(), None);
        telemetry.clone().beat();
        assert!(telemetry.since_beat().is_some_and(|since| since < Duration::from_secs(60)));
    }
}
