//! Captures around alerts (`capture` in falco.yaml and in rules): which rules ask for one and for how long. Whoever makes them
//! is told; an alert never waits for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::config::{CaptureMode, Config};
use crate::event::Event;
use crate::rules::Rule;

/// So many alerts may wait to be heard. One is enough for a capture; the others make it longer.
const QUEUE: usize = 4096;

/// A capture is asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Request {
    /// The number of the event that raised the alert.
    pub event: u64,
    /// Its time, nanoseconds since the epoch.
    pub time: u64,
    /// For how long, nanoseconds.
    pub duration: u64,
}

/// Where captures are asked for. A clone asks at the same place.
#[derive(Clone, Debug)]
pub struct Desk {
    requests: Sender<Request>,
    refused: Arc<AtomicU64>,
}

/// What was asked for.
#[derive(Debug)]
pub struct Requests {
    /// The requests, in no order.
    pub requests: Receiver<Request>,
    refused: Arc<AtomicU64>,
}

/// Both ends.
pub fn desk() -> (Desk, Requests) {
    let (sender, requests) = bounded(QUEUE);
    let refused = Arc::new(AtomicU64::new(0));
    (Desk { requests: sender, refused: Arc::clone(&refused) }, Requests { requests, refused })
}

impl Requests {
    /// Requests for which there was no room.
    pub fn refused(&self) -> u64 {
        // Relaxed: a number that stands for itself.
        self.refused.load(Ordering::Relaxed)
    }
}

/// Which rules ask.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    /// For each rule how long its captures are, in nanoseconds; nothing if it asks for none.
    durations: Arc<[Option<u64>]>,
    desk: Option<Desk>,
}

impl Captures {
    /// As the configuration says.
    pub fn of(rules: &[Rule<'_>], config: &Config) -> Captures {
        if !config.capture.enabled {
            return Captures::default();
        }
        let all = config.capture.mode == CaptureMode::AllRules;
        let duration = |rule: &Rule<'_>| {
            let milliseconds = match rule.capture_duration {
                0 => config.capture.default_duration,
                own => own,
            };
            (rule.capture || all).then(|| u64::from(milliseconds) * 1_000_000)
        };
        Captures { durations: rules.iter().map(duration).collect(), desk: None }
    }

    /// Asks at this desk from now on.
    pub(super) fn connect(&mut self, desk: Option<Desk>) {
        self.desk = desk;
    }

    /// Where it is asked.
    pub(super) fn desk(&self) -> Option<Desk> {
        self.desk.clone()
    }

    /// A rule was true for an event.
    #[inline]
    pub(super) fn ask(&self, rule: usize, event: &Event<'_>) {
        let (Some(desk), Some(Some(duration))) = (&self.desk, self.durations.get(rule)) else { return };
        let request = Request { event: event.num, time: event.ts, duration: *duration };
        if desk.requests.try_send(request).is_err() {
            desk.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}
