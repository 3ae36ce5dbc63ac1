//! Which threads are there now: to tell those that are silent from those whose exit was lost. Looking takes a while on a
//! machine with many, so another thread does it.

use std::fs;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::{ProcRoot, numbers};
use crate::capture::live::boot_time;

/// A look, and when it began, in nanoseconds since boot: who is not there has ended before.
type Look = (u64, FxHashSet<i64>);

/// Looks again and again.
pub struct LivingThreads {
    root: ProcRoot,
    every: Duration,
    next: Instant,
    looking: Option<Receiver<Look>>,
}

impl LivingThreads {
    /// Looks every so often, the first time after that.
    pub fn new(root: &ProcRoot, every: Duration) -> Self {
        LivingThreads { root: root.clone(), every, next: Instant::now() + every, looking: None }
    }

    /// What a look found that has ended; never waits.
    pub fn found(&mut self) -> Option<Look> {
        let Some(looking) = &self.looking else {
            if Instant::now() >= self.next {
                self.next = Instant::now() + self.every;
                let (done, looking) = channel();
                let root = self.root.clone();
                // Without the thread there is no look this time; `looking` will say so.
                let _ = thread::Builder::new().name("proc".to_owned()).spawn(move || {
                    let began = boot_time();
                    if let Some(threads) = look(&root) {
                        let _ = done.send((began, threads));
                    }
                });
                self.looking = Some(looking);
            }
            return None;
        };
        match looking.try_recv() {
            Ok(look) => {
                self.looking = None;
                Some(look)
            }
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                self.looking = None;
                None
            }
        }
    }
}

/// All threads; `None` if that cannot be known.
fn look(root: &ProcRoot) -> Option<FxHashSet<i64>> {
    let mut threads = FxHashSet::default();
    for pid in numbers(fs::read_dir(root.path("proc")).ok()?) {
        threads.insert(pid);
        if let Ok(tasks) = fs::read_dir(root.path(&format!("proc/{pid}/task"))) {
            threads.extend(numbers(tasks));
        }
    }
    Some(threads)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_finds_the_threads_that_are_there() {
        let mut living = LivingThreads::new(&ProcRoot::new("/"), Duration::ZERO);
        let (began, threads) = loop {
            if let Some(look) = living.found() {
                break look;
            }
            thread::sleep(Duration::from_millis(1));
        };
        assert!(began <= boot_time());
        assert!(threads.contains(&i64::from(std::process::id())) && !threads.contains(&i64::MAX));
        assert!(threads.len() > 1, "this test has a thread of its own");
    }
}
