//! What a live detection looks after while events go on: losses, silence, and the numbers for metrics.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use saker_probe::wire::ring::counter;

use super::sensor::Losses;
use crate::alerts::Internal;
use crate::capture::driver::Driver;
use crate::capture::live::Live;
use crate::config::{Config, Priority};
use crate::metrics::{CpuReadings, DropMonitor, Lost, ProgramTime, Readings, Telemetry, Verdict, cpu_time};
use crate::pipeline::Sink;

/// How often it is looked whether something was lost.
const EVERY: Duration = Duration::from_secs(1);
/// What Falco calls the alert about silence.
const SILENCE: &str = "Falco internal: timeouts notification";

/// Looks after a live detection.
pub(super) struct Watch<'w> {
    telemetry: &'w Telemetry,
    drops: DropMonitor,
    silence: Silence,
    next: Instant,
    last: Instant,
}

impl<'w> Watch<'w> {
    /// Begins now.
    pub(super) fn new(config: &Config, driver: &dyn Driver, telemetry: &'w Telemetry) -> Watch<'w> {
        telemetry.set_engine(if is_bpf(driver) { "modern_bpf" } else { "kmod" });
        telemetry.beat();
        let last = Instant::now();
        Watch {
            telemetry,
            drops: DropMonitor::new(&config.syscall_event_drops),
            silence: Silence::new(config.syscall_event_timeouts.max_consecutives),
            next: last + EVERY,
            last,
        }
    }

    /// After each look at the rings, which gave so many records: what is to be told and done.
    pub(super) fn round(
        &mut self,
        records: usize,
        driver: &dyn Driver,
        live: &Live,
        sink: &impl Sink,
    ) -> (Option<Internal>, Option<Verdict>) {
        let silence = self.silence.round(records);
        let now = Instant::now();
        if now < self.next {
            return (silence, None);
        }
        self.next = now + EVERY;
        let readings = readings(driver, live, sink);
        let (events, lost) = (readings.records() + readings.lost().total(), readings.lost());
        let seconds = now.duration_since(std::mem::replace(&mut self.last, now)).as_secs_f64();
        self.telemetry.read(readings);
        self.telemetry.beat();
        (silence, Some(self.drops.look(seconds, events, &lost, is_bpf(driver))))
    }

    /// What it came to: a part of the closing summary.
    pub(super) fn summary(&self) -> String {
        self.drops.to_string()
    }
}

fn is_bpf(driver: &dyn Driver) -> bool {
    driver.name() == "ebpf"
}

/// What was counted until now.
fn readings(driver: &dyn Driver, live: &Live, sink: &impl Sink) -> Readings {
    let cpus = live.merger().counters_by_cpu().map(|(cpu, counted)| {
        let lost = Lost {
            file: counted[counter::FULL_FILE],
            network: counted[counter::FULL_NETWORK],
            process: counted[counter::FULL_PROCESS],
            io: counted[counter::FULL_IO],
            other: counted[counter::FULL_OTHER],
            nested: counted[counter::NESTED],
        };
        CpuReadings { cpu, records: counted[counter::RECORDS], lost }
    });
    // Rings of CPUs that do not exist stay empty.
    let cpus = cpus.filter(|cpu| cpu.records + cpu.lost.total() > 0).collect();
    let counts = driver.programs();
    let measured = counts.iter().filter(|program| program.runs > 0);
    let programs = measured.map(|program| {
        // The names that Falco's programs have.
        let name = match program.name {
            "on_sched_process_exit" => "sched_process_e",
            "on_page_fault_kernel" => "page_fault_kern",
            name => name.strip_prefix("on_").unwrap_or(name),
        };
        ProgramTime { name: name.to_owned(), runs: program.runs, time: program.nanoseconds }
    });
    Readings {
        events: live.counters().events,
        cpu_time: cpu_time(),
        cpus,
        losses: Losses::of(&counts, live).into_inner(),
        state: sink.figures(),
        programs: programs.collect(),
    }
}

/// Counts looks at the rings that found nothing.
struct Silence {
    most: u32,
    rounds: u32,
    last: Option<Timestamp>,
}

impl Silence {
    fn new(most: u32) -> Silence {
        Silence { most, rounds: 0, last: None }
    }

    fn round(&mut self, records: usize) -> Option<Internal> {
        if records > 0 {
            self.rounds = 0;
            self.last = Some(Timestamp::now());
            return None;
        }
        self.rounds += 1;
        if self.rounds <= self.most {
            return None;
        }
        self.rounds = 0;
        let message = format!("{SILENCE}. {} consecutive timeouts without event.", self.most);
        let last =
            self.last.map(|last| last.to_zoned(TimeZone::system()).strftime("%H:%M:%S.%9f").to_string());
        let last = last.unwrap_or_else(|| "none".to_owned());
        Some(Internal::now(Priority::Debug, SILENCE, message).with("last_event_time", last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_once_for_so_many_rounds() {
        let mut silence = Silence::new(3);
        let told: Vec<bool> = [1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]
            .into_iter()
            .map(|records| silence.round(records).is_some())
            .collect();
        let at: Vec<usize> = told.iter().enumerate().filter(|(_, told)| **told).map(|(at, _)| at).collect();
        assert_eq!(at, [4, 11]);
        let alert = Silence { most: 0, rounds: 0, last: None }.round(0).unwrap();
        assert_eq!(alert.fields["last_event_time"], "none");
        assert_eq!(
            alert.message,
            "Falco internal: timeouts notification. 0 consecutive timeouts without event."
        );
    }
}
