//! What other threads ask of the loop: it is carried out between two events, so nothing is missed and nothing is seen twice.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::reload::Fresh;
use crate::alerts::Internal;

/// How many orders may wait. Alerts beyond that are counted and left out; rules wait for room.
const QUEUE: usize = 64;

/// Something to be done between two events.
pub(super) enum Order {
    /// Go on with these rules.
    Rules(Box<Fresh>),
    /// Write this alert about Saker itself.
    Alert(Box<Internal>),
}

/// Gives orders; a clone gives them to the same loop.
#[derive(Clone)]
pub(super) struct Desk {
    orders: Sender<Order>,
    waiting: Arc<AtomicBool>,
    refused: Arc<AtomicU64>,
}

/// The orders that a loop carries out.
pub(super) struct Orders {
    /// For what the loop itself has others do.
    desk: Desk,
    orders: Receiver<Order>,
    waiting: Arc<AtomicBool>,
}

/// Both ends.
pub(super) fn orders() -> (Desk, Orders) {
    let (sender, receiver) = bounded(QUEUE);
    let waiting = Arc::new(AtomicBool::new(false));
    let desk = Desk { orders: sender, waiting: Arc::clone(&waiting), refused: Arc::default() };
    (desk.clone(), Orders { desk, orders: receiver, waiting })
}

impl Desk {
    /// Has rules take effect. Waits while too much is asked; gives them back if the loop has ended.
    pub(super) fn rules(&self, rules: Box<Fresh>) -> Result<(), Order> {
        self.orders.send(Order::Rules(rules)).map_err(|refused| refused.0)?;
        self.tell();
        Ok(())
    }

    /// Has an alert written. Never waits: what there is no room for is counted.
    pub(super) fn alert(&self, alert: Internal) {
        match self.orders.try_send(Order::Alert(Box::new(alert))) {
            Ok(()) => self.tell(),
            // Relaxed: a number that stands for itself.
            Err(_) => _ = self.refused.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// What has alerts written, for those who run beside the loop.
    pub(super) fn alerts(&self) -> impl Fn(Internal) + Send + Sync + use<> {
        let desk = self.clone();
        move |alert| desk.alert(alert)
    }

    /// Says at the end what there was no room for.
    pub(super) fn close(&self) {
        let refused = self.refused.load(Ordering::Relaxed);
        if refused > 0 {
            tracing::warn!("{refused} alerts about Saker itself were left out: too many at once");
        }
    }

    fn tell(&self) {
        // Pairs with the load and the store in `Orders::next`.
        self.waiting.store(true, Ordering::SeqCst);
    }
}

impl Orders {
    /// The other end.
    pub(super) fn desk(&self) -> Desk {
        self.desk.clone()
    }

    /// The next order, if there is one. Costs a load if there is none.
    #[inline(always)]
    pub(super) fn next(&self) -> Option<Order> {
        if self.waiting.load(Ordering::Relaxed) { self.take() } else { None }
    }

    #[cold]
    fn take(&self) -> Option<Order> {
        if let Ok(order) = self.orders.try_recv() {
            return Some(order);
        }
        self.waiting.store(false, Ordering::SeqCst);
        // One may have come after the look and before the store, whose sign is then wiped away.
        self.orders.try_recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Priority;

    #[test]
    fn alerts_beyond_the_room_are_counted() {
        let (desk, orders) = orders();
        assert!(orders.next().is_none());
        for number in 0..QUEUE + 3 {
            desk.alert(Internal::now(Priority::Debug, number.to_string(), ""));
        }
        assert_eq!(desk.refused.load(Ordering::Relaxed), 3);
        let mut seen = Vec::new();
        while let Some(Order::Alert(alert)) = orders.next() {
            seen.push(alert.rule);
        }
        assert_eq!(seen, (0..QUEUE).map(|number| number.to_string()).collect::<Vec<_>>());
        desk.alert(Internal::now(Priority::Debug, "later", ""));
        assert!(orders.next().is_some());
    }
}
