//! Where workers leave for each other what only one of them knows: the descriptors that a child has from its parent, above
//! all. Who takes waits until the giver has come to the same event, and for so long only.
//!
//! Nobody waits in a circle: what is waited for is given at the same event or before it, and batches go to all workers
//! in the same order.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::state::{Bytes, Inheritance, Loan};

/// How long a worker waits for another. The other one always comes, but on a busy machine it may have to wait for a CPU itself:
/// this is for mistakes of our own, not for load.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is left for another worker.
#[derive(Debug)]
pub(super) enum Gift {
    /// What a child has from its parent.
    Inheritance(Option<Box<Inheritance>>),
    /// Which descriptor of which process is asked for.
    Wish(Option<(i64, i64)>),
    /// The descriptor, if the giver has it.
    Loan(Option<Box<Loan>>),
    /// The path of a program.
    Program(Option<Bytes>),
}

/// The number of the event, who gives, who takes.
type Key = (u64, u16, u16);

/// Gifts on their way.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    /// `None`: who wanted it has given up.
    gifts: Mutex<FxHashMap<Key, Option<Gift>>>,
    given: Condvar,
    missed: AtomicU64,
}

impl Exchange {
    /// Leaves something for a worker.
    pub(super) fn give(&self, event: u64, from: u16, to: u16, gift: Gift) {
        let mut gifts = self.gifts();
        if gifts.remove(&(event, from, to)).is_none() {
            gifts.insert((event, from, to), Some(gift));
            drop(gifts);
            self.given.notify_all();
        }
    }

    /// Waits for what a worker leaves. `None` if it does not come in time.
    pub(super) fn take(&self, event: u64, from: u16, to: u16) -> Option<Gift> {
        let key = (event, from, to);
        let deadline = Instant::now() + PATIENCE;
        let mut gifts = self.gifts();
        loop {
            if let Some(gift) = gifts.remove(&key) {
                return gift;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                gifts.insert(key, None);
                // Relaxed: a count that stands for itself.
                self.missed.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            gifts = self.given.wait_timeout(gifts, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How often a worker gave up.
    pub(super) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn gifts(&self) -> MutexGuard<'_, FxHashMap<Key, Option<Gift>>> {
        // Nobody panics while holding it, and what is in it is whole.
        self.gifts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gift_reaches_who_waits_for_it_and_nobody_else() {
        let exchange = Exchange::default();
        std::thread::scope(|scope| {
            let taker = scope.spawn(|| exchange.take(7, 0, 1));
            exchange.give(7, 0, 2, Gift::Wish(None));
            exchange.give(7, 0, 1, Gift::Wish(Some((5, 6))));
            assert!(matches!(taker.join().unwrap(), Some(Gift::Wish(Some((5, 6))))));
        });
        assert_eq!(exchange.gifts().len(), 1);
        assert_eq!(exchange.missed(), 0);
    }

    #[test]
    fn what_comes_too_late_is_thrown_away() {
        let exchange = Exchange::default();
        exchange.gifts().insert((7, 0, 1), None);
        exchange.give(7, 0, 1, Gift::Wish(None));
        assert!(exchange.gifts().is_empty());
    }
}
