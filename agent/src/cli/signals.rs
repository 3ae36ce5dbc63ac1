//! How a running command is asked to stop: SIGINT by ctrlc, SIGTERM by a thread that waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::{SigSet, Signal};

/// Whether somebody asked to stop, or the time is over.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    asked: Arc<AtomicBool>,
    end: Option<Instant>,
}

impl Stop {
    /// Listens from now on. Call it before any thread is made: they all must leave SIGTERM to the one that waits for it.
    pub(super) fn listen() -> anyhow::Result<Stop> {
        let stop = Stop::default();
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGTERM);
        signals.thread_block().context("SIGTERM cannot be set aside")?;
        let interrupted = stop.clone();
        ctrlc::set_handler(move || interrupted.ask()).context("SIGINT cannot be handled")?;
        let terminated = stop.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            while signals.wait().is_ok() {
                terminated.ask();
            }
        })?;
        Ok(stop)
    }

    /// Asks to stop.
    pub(super) fn ask(&self) {
        // Relaxed: nothing else is handed over. Pairs with the load in `asked`.
        self.asked.store(true, Ordering::Relaxed);
    }

    /// Stops by itself after this time.
    pub(super) fn after(&mut self, duration: Duration) {
        self.end = Instant::now().checked_add(duration);
    }

    /// Whether to stop.
    pub(super) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) || self.end.is_some_and(|end| Instant::now() >= end)
    }
}
