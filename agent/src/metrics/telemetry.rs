//! The numbers themselves. A clone is the same numbers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::Files;
use crate::alerts::{Summary, now};

/// Numbers that several threads write and read.
#[derive(Clone, Debug, Default)]
pub struct Telemetry(Arc<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    reloads: AtomicU64,
    reloads_refused: AtomicU64,
    loaded: Mutex<Loaded>,
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

// Relaxed everywhere: each number stands for itself, and nothing is handed over by them.
impl Telemetry {
    /// Rules took effect: those of the start, or others that were loaded anew from these files.
    pub fn loaded(&self, files: Files, summary: Summary, anew: bool) {
        self.0.reloads.fetch_add(u64::from(anew), Ordering::Relaxed);
        *self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner) =
            Loaded { time: now(), files, summary };
    }

    /// What took effect last.
    pub fn last_loaded(&self) -> Loaded {
        self.0.loaded.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A reload was refused.
    pub fn reload_refused(&self) {
        self.0.reloads_refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Reloads that took effect, and those that were refused.
    pub fn reloads(&self) -> (u64, u64) {
        (self.0.reloads.load(Ordering::Relaxed), self.0.reloads_refused.load(Ordering::Relaxed))
    }
}
