//! Events of plugins that a capture holds: what the loaded plugins make of them, past the rules of their sources.
//!
//! The plugins' processes are begun at the first event that is theirs; no source is opened.

use std::sync::Arc;

use super::raw::RawEvent;
use super::running::{Counters, Ended, Fresh};
use super::sources::Source;
use super::team::{Failure, Team};
use crate::event::{Event, id};

/// The sources whose events may be in a capture.
#[derive(Debug, Default)]
pub struct Recorded {
    sources: Vec<Recording>,
}

#[derive(Debug)]
struct Recording {
    fresh: Fresh,
    team: Option<Team>,
    counters: Arc<Counters>,
    /// Why the plugins are not asked any more.
    failed: Option<String>,
}

impl Recorded {
    /// With the rules of these sources.
    pub fn of(sources: Vec<Fresh>) -> Recorded {
        let recording = |fresh| Recording { fresh, team: None, counters: Arc::default(), failed: None };
        Recorded { sources: sources.into_iter().map(recording).collect() }
    }

    /// Shows an event to the rules of its source; the lines of the alerts go to `out`. `false` if it is none of these
    /// sources.
    #[inline]
    pub fn show(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> bool {
        event.id == id::PLUGINEVENT_E && self.show_plugin(event, out)
    }

    #[cold]
    fn show_plugin(&mut self, event: &Event<'_>, out: &mut Vec<u8>) -> bool {
        let (Some(plugin), Some(data)) = (event.param_u32(0), event.param(1)) else { return false };
        let Some(source) = self.sources.iter_mut().find(|source| source.fresh.source.id == plugin) else {
            return false;
        };
        if source.failed.is_none()
            && let Err(failure) = source.show(event, &RawEvent::recorded(event.ts, plugin, data), out)
        {
            source.counters.fail();
            source.failed = Some(failure.to_string());
        }
        true
    }

    /// Ends the processes. The sources of which there were events.
    pub fn finish(self) -> Vec<Ended> {
        let ended =
            self.sources.into_iter().filter(|source| source.team.is_some() || source.failed.is_some());
        let ended = ended.map(|source| {
            source.team.into_iter().for_each(Team::close);
            let Fresh { source: Source { name, .. }, watch, .. } = source.fresh;
            Ended { name, watch, counters: source.counters, error: source.failed }
        });
        ended.collect()
    }
}

impl Recording {
    fn show(&mut self, event: &Event<'_>, raw: &RawEvent, out: &mut Vec<u8>) -> Result<(), Failure> {
        let Recording { fresh: Fresh { source, watch, asking }, team, counters, .. } = self;
        let team = match team {
            Some(team) => team,
            None => team.insert(Team::start(&Arc::new(source.clone()), asking, &Arc::default(), false)?),
        };
        let outcome = team.recorded(event.num, raw, |shown| watch.show(shown, out))?;
        counters.add(&outcome);
        Ok(())
    }
}
