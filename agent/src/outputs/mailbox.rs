//! What an output's thread waits for: alerts in a bounded queue, news of the spool, and the wishes to reopen and to stop.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::alerts::Alert;

/// The most bytes of alerts that wait in memory for one output.
pub(super) const QUEUE_BYTES: usize = 16 << 20;

/// The queue of one output.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    inner: Mutex<Inner>,
    /// Something is there to be done.
    wake: Condvar,
    /// Something is done: there may be room.
    room: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    alerts: VecDeque<(u64, Arc<Alert>)>,
    /// So many of them were taken, but are not yet delivered.
    taken: usize,
    bytes: usize,
    /// There is news since the thread last waited.
    news: bool,
    /// How often it was asked to reopen.
    reopened: u64,
    /// From when on it is to stop.
    stopping: Option<Instant>,
    /// It cannot deliver at the moment.
    failing: bool,
}

impl Mailbox {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Each change is one step, whoever panicked in between.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an alert into the queue; `false` if there is no room. With `patient` it waits for room, unless the output cannot
    /// deliver at all.
    pub(super) fn push(&self, number: u64, alert: &Arc<Alert>, patient: bool) -> bool {
        let size = alert.bytes().len();
        let mut inner = self.inner();
        let full = |inner: &Inner| !inner.alerts.is_empty() && inner.bytes + size > QUEUE_BYTES;
        while full(&inner) {
            if !patient || inner.failing || inner.stopping.is_some() {
                return false;
            }
            let waited = self.room.wait_timeout(inner, Duration::from_millis(100));
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.bytes += size;
        inner.alerts.push_back((number, Arc::clone(alert)));
        inner.news = true;
        drop(inner);
        self.wake.notify_one();
        true
    }

    /// The next alert that was not taken yet.
    pub(super) fn take(&self) -> Option<(u64, Arc<Alert>)> {
        let mut inner = self.inner();
        let (number, alert) = inner.alerts.get(inner.taken)?;
        let next = (*number, Arc::clone(alert));
        inner.taken += 1;
        Some(next)
    }

    /// All up to this alert are done.
    pub(super) fn commit(&self, number: u64) {
        let mut inner = self.inner();
        while inner.taken > 0 && inner.alerts.front().is_some_and(|(first, _)| *first <= number) {
            if let Some((_, alert)) = inner.alerts.pop_front() {
                inner.bytes -= alert.bytes().len();
                inner.taken -= 1;
            }
        }
        drop(inner);
        self.room.notify_one();
    }

    /// What was taken and is not done is to be taken again.
    pub(super) fn rewind(&self) {
        self.inner().taken = 0;
    }

    /// How many wait, those that are under way included.
    pub(super) fn waiting(&self) -> u64 {
        self.inner().alerts.len() as u64
    }

    /// There is news in the spool.
    pub(super) fn wake(&self) {
        self.inner().news = true;
        self.wake.notify_one();
    }

    /// Asks to close and open again.
    pub(super) fn reopen(&self) {
        let mut inner = self.inner();
        inner.reopened += 1;
        inner.news = true;
        drop(inner);
        self.wake.notify_one();
    }

    /// How often that was asked.
    pub(super) fn reopened(&self) -> u64 {
        self.inner().reopened
    }

    /// Asks to stop once all is delivered.
    pub(super) fn stop(&self) {
        let mut inner = self.inner();
        inner.stopping.get_or_insert_with(Instant::now);
        inner.news = true;
        drop(inner);
        self.wake.notify_one();
    }

    /// How long ago it was asked to stop.
    pub(super) fn stopping(&self) -> Option<Duration> {
        self.inner().stopping.map(|since| since.elapsed())
    }

    /// Says whether the output can deliver.
    pub(super) fn set_failing(&self, failing: bool) {
        self.inner().failing = failing;
        self.room.notify_one();
    }

    /// Whether the output cannot deliver.
    pub(super) fn failing(&self) -> bool {
        self.inner().failing
    }

    /// Waits for news.
    pub(super) fn wait(&self, timeout: Duration) {
        let mut inner = self.inner();
        if !inner.news {
            let waited = self.wake.wait_timeout(inner, timeout);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        inner.news = false;
    }

    /// Waits until it is asked to stop or to reopen, whatever else comes.
    pub(super) fn pause(&self, time: Duration) {
        let end = Instant::now() + time;
        let mut inner = self.inner();
        let (stopping, reopened) = (inner.stopping, inner.reopened);
        while inner.stopping == stopping && inner.reopened == reopened {
            let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) else {
                break;
            };
            let waited = self.wake.wait_timeout(inner, left);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::Parts;

    fn alert(length: usize) -> Arc<Alert> {
        let text = vec![b'x'; length];
        Arc::new(Alert::new(&Parts { text: &text, ..Parts::default() }).unwrap())
    }

    #[test]
    fn what_is_not_committed_comes_again() {
        let mailbox = Mailbox::default();
        (1..=3).for_each(|number| assert!(mailbox.push(number, &alert(1), false)));
        let take = || mailbox.take().map(|(number, _)| number);
        assert_eq!((take(), take()), (Some(1), Some(2)));
        mailbox.commit(1);
        mailbox.rewind();
        assert_eq!((take(), take(), take(), mailbox.waiting()), (Some(2), Some(3), None, 2));
        mailbox.commit(3);
        assert_eq!(mailbox.waiting(), 0);
    }

    #[test]
    fn the_queue_is_bounded_and_one_alert_always_fits() {
        let mailbox = Arc::new(Mailbox::default());
        assert!(mailbox.push(1, &alert(QUEUE_BYTES), false));
        assert!(!mailbox.push(2, &alert(1), false));
        let patient = Arc::clone(&mailbox);
        let waiting = std::thread::spawn(move || patient.push(2, &alert(1), true));
        mailbox.take();
        mailbox.commit(1);
        assert!(waiting.join().unwrap(), "room was made");
        mailbox.set_failing(true);
        assert!(mailbox.push(3, &alert(1), true));
        assert!(!mailbox.push(4, &alert(QUEUE_BYTES), true), "nobody waits for what cannot deliver");
        mailbox.stop();
        mailbox.set_failing(false);
        assert!(!mailbox.push(4, &alert(QUEUE_BYTES), true), "nor for what is to stop");
    }
}
