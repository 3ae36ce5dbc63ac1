//! Between a live source and the pipeline: what runtimes tell of containers goes in as events, and events of containers that are
//! being looked up wait (see [`Hold`]).

use std::io;
use std::time::{Duration, Instant};

use crate::capture::live::Live;
use crate::event::{Event, EventId, ParamsBuf, id};
use crate::pipeline::Hold;

/// How long at a time it is waited for news when nothing else is left to do.
const PATIENCE: Duration = Duration::from_millis(20);

/// Events that wait, and what they wait for.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    hold: Hold,
    /// The cgroup that holds back too much.
    too_much: Option<u64>,
    given_up: u64,
    params: ParamsBuf,
}

impl Waiting {
    /// Lets an event pass, or keeps it back.
    #[inline]
    pub(super) fn pass(
        &mut self,
        event: &Event<'_>,
        hand: impl FnOnce(&Event<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let awaited = event.facts.is_some_and(|facts| facts.awaited);
        if !self.hold.concerns(event, awaited) {
            return hand(event);
        }
        if !self.hold.keep(event) {
            self.too_much = event.facts.map(|facts| facts.cgroup);
        }
        Ok(())
    }

    /// Takes in what has become known, and hands out the events that waited for it or waited long enough.
    pub(super) fn settle(
        &mut self,
        live: &mut Live,
        mut hand: impl FnMut(&Event<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(watch) = live.containers() else { return Ok(()) };
        let now = Instant::now();
        let (told, gone) = (watch.take_news(), watch.take_gone(now));
        watch.give_up(now);
        if let Some(cgroup) = self.too_much.take() {
            self.given_up += 1;
            watch.give_up_on(cgroup);
        }
        self.tell(live, told, gone, &mut hand)?;
        self.release(live, hand)
    }

    /// As [`Waiting::settle`], until nothing waits any more.
    pub(super) fn finish(
        &mut self,
        live: &mut Live,
        mut hand: impl FnMut(&Event<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        self.settle(live, &mut hand)?;
        while !self.hold.is_empty() {
            let Some(watch) = live.containers() else { break };
            let told = watch.await_news(PATIENCE);
            watch.give_up(Instant::now());
            self.tell(live, told, Vec::new(), &mut hand)?;
            self.release(live, &mut hand)?;
        }
        Ok(())
    }

    fn release(&mut self, live: &mut Live, hand: impl FnMut(&Event<'_>) -> io::Result<()>) -> io::Result<()> {
        let Some(watch) = live.containers() else { return Ok(()) };
        // Most of the time nobody's wait has ended, and going through all that waits would cost each look.
        if !watch.take_freed() || self.hold.is_empty() {
            return Ok(());
        }
        self.hold.release(|cgroup| watch.waits(cgroup), hand)
    }

    /// Hands out the events of what became known, and of what is gone.
    fn tell(
        &mut self,
        live: &mut Live,
        told: Vec<Vec<u8>>,
        gone: Vec<Vec<u8>>,
        hand: &mut impl FnMut(&Event<'_>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut result = Ok(());
        let mut event = |id: EventId, parameters: &[&[u8]]| {
            self.params.clear();
            parameters.iter().for_each(|parameter| self.params.push(parameter));
            live.own_event(id, &self.params, |event| {
                if result.is_ok() {
                    result = hand(event);
                }
            });
        };
        for mut json in told {
            json.push(0);
            event(id::CONTAINER_JSON_2_E, &[&json]);
        }
        for json in gone {
            event(id::ASYNCEVENT_E, &[&[0; 4], b"container_removed\0", &json]);
        }
        result
    }

    /// Says what waited.
    pub(super) fn report(&self) {
        let (waited, given_up) = (self.hold.waited, self.given_up);
        if waited > 0 {
            tracing::info!("{waited} events waited for what runtimes know of their containers");
        }
        if given_up > 0 {
            tracing::warn!("{given_up} times a container made so many events that they could not wait");
        }
    }
}
