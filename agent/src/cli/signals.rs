//! How a running command is asked to stop: SIGINT by ctrlc, SIGTERM by a thread that waits for it. The same thread has the
//! outputs reopen what they write to at SIGUSR1.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use nix::sys::signal::{SigSet, Signal};

use crate::outputs::Outputs;

/// Whether somebody asked to stop, or the time is over.
#[derive(Clone, Debug, Default)]
pub(super) struct Stop {
    asked: Arc<AtomicBool>,
    end: Option<Instant>,
    outputs: Arc<OnceLock<Outputs>>,
}

impl Stop {
    /// Listens from now on. Call it before any thread is made: they all must leave the signals to the one that
    /// waits for them.
    pub(super) fn listen() -> anyhow::Result<Stop> {
        let stop = Stop::default();
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGTERM);
        signals.add(Signal::SIGUSR1);
        signals.thread_block().context("SIGTERM and SIGUSR1 cannot be set aside")?;
        let interrupted = stop.clone();
        ctrlc::set_handler(move || interrupted.ask()).context("SIGINT cannot be handled")?;
        let terminated = stop.clone();
        std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
            while let Ok(signal) = signals.wait() {
                match signal {
                    Signal::SIGUSR1 => terminated.outputs.get().into_iter().for_each(Outputs::reopen),
                    _ => terminated.ask(),
                }
            }
        })?;
        Ok(stop)
    }

    /// SIGUSR1 is for these outputs.
    pub(super) fn reopens(&self, outputs: &Outputs) {
        // A second call is for the same outputs.
        let _ = self.outputs.set(outputs.clone());
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
