//! The processes of the plugins of a source, and their events put together: what each plugin says of an event, as one event.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bumpalo::Bump;
use saker_filter::Value;
use serde_bytes::Bytes;

use super::info::{Info, Kind};
use super::process::{Process, ProcessError};
use super::protocol::{self, Batch, Losses, Metric, Then, Told, Values};
use super::raw::RawEvent;
use super::sources::Source;
use crate::event::{ParamsBuf, id};
use crate::fields::{Asking, Origin, PluginEvent};
use crate::watch::Shown;

/// The most metrics of a plugin.
const MAX_METRICS: usize = 1 << 10;

/// The processes of a source.
#[derive(Debug)]
pub(super) struct Team {
    source: Arc<Source>,
    /// In the order of the source's plugins.
    processes: Vec<Process>,
    asking: Asking,
    arena: Bump,
}

/// A plugin of the source is of no use any more.
#[derive(Debug, thiserror::Error)]
#[error("plugin {plugin}: {error}")]
pub struct Failure {
    /// Which.
    pub plugin: String,
    /// Why.
    pub error: ProcessError,
}

/// What came of asking for events.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Outcome {
    pub(super) then: Then,
    pub(super) events: u64,
    pub(super) losses: Losses,
}

impl Team {
    /// Begins the processes of a source, and opens it if `open`.
    pub(super) fn start(
        source: &Arc<Source>,
        asking: &Asking,
        stop: &Arc<AtomicBool>,
        open: bool,
    ) -> Result<Team, Failure> {
        let mut team = Team {
            source: Arc::clone(source),
            processes: Vec::new(),
            asking: Asking::default(),
            arena: Bump::new(),
        };
        for (number, member) in source.members.iter().enumerate() {
            let start = || -> Result<Process, ProcessError> {
                let (mut process, info) = Process::start(&member.settings, stop)?;
                if info != member.info {
                    return Err(ProcessError::Failed(
                        "its library has changed; load the configuration anew".to_owned(),
                    ));
                }
                process.begin(&member.settings, &source.name, source.id, open && number == 0)?;
                Ok(process)
            };
            let process = start().map_err(|error| failure(&member.info, error))?;
            team.processes.push(process);
        }
        team.ask(asking)?;
        Ok(team)
    }

    /// Has these fields extracted from now on.
    pub(super) fn ask(&mut self, asking: &Asking) -> Result<(), Failure> {
        let members = self.source.members.iter().zip(&asking.plugins);
        for (process, (member, asked)) in self.processes.iter_mut().zip(members) {
            process.extract_these(asked.clone()).map_err(|error| failure(&member.info, error))?;
        }
        self.asking = asking.clone();
        Ok(())
    }

    /// Hands over the next events.
    pub(super) fn next(&mut self, each: impl FnMut(Shown<'_>)) -> Result<Outcome, Failure> {
        self.show(None, None, each)
    }

    /// Hands over an event that a capture holds, under its number there, with what the plugins make of it.
    pub(super) fn recorded(
        &mut self,
        number: u64,
        event: &RawEvent,
        each: impl FnMut(Shown<'_>),
    ) -> Result<Outcome, Failure> {
        self.show(Some(number), Some(event), each)
    }

    fn show(
        &mut self,
        number: Option<u64>,
        recorded: Option<&RawEvent>,
        mut each: impl FnMut(Shown<'_>),
    ) -> Result<Outcome, Failure> {
        let Team { source, processes, asking, arena, .. } = self;
        arena.reset();
        let (Some((first, others)), Some((producer, helpers))) =
            (processes.split_first_mut(), source.members.split_first())
        else {
            return Ok(Outcome { then: Then::End, ..Outcome::default() });
        };
        let batch = match recorded {
            None => first.next_batch(),
            Some(event) => first.extract(vec![Bytes::new(event.bytes())]),
        };
        let batch = batch.map_err(|error| failure(&producer.info, error))?;
        let mut outcome = Outcome { then: batch.then, losses: batch.losses, ..Outcome::default() };
        let mut helped = Vec::with_capacity(others.len());
        for (process, member) in others.iter_mut().zip(helpers) {
            let is_asynchronous = member.info.asynchronous.is_some();
            if batch.events.is_empty() && !is_asynchronous {
                helped.push(Batch::default());
                continue;
            }
            let raw = batch.events.iter().filter_map(|told| told.raw).collect();
            let answer = process.extract(raw).map_err(|error| failure(&member.info, error))?;
            outcome.losses = sum(outcome.losses, answer.losses);
            helped.push(answer);
        }
        let mut show = |told: &Told<'_>, answers: &[(usize, &Told<'_>)]| {
            let mut values = bumpalo::vec![in &*arena; None; asking.kinds.len()];
            for (plugin, answer) in answers {
                let slots = asking.slots.get(*plugin).map(Vec::as_slice).unwrap_or_default();
                for (place, value) in &answer.values {
                    let slot = slots.get(*place as usize).copied();
                    let kind = slot.and_then(|slot| asking.kinds.get(slot));
                    // A value of another type than the field's is none, nor is one that nobody has asked for.
                    let value = kind.and_then(|kind| typed(value, *kind, arena));
                    match slot.and_then(|slot| values.get_mut(slot)).filter(|_| value.is_some()) {
                        Some(place) => *place = value,
                        None => outcome.losses.values = outcome.losses.values.saturating_add(1),
                    }
                }
            }
            outcome.events += 1;
            let document = OnceCell::new();
            let event = PluginEvent {
                source: &source.name,
                plugin: &producer.info.name,
                told,
                values: &values,
                document: &document,
            };
            let origin = Origin::Plugin(event);
            let params = match told.asynchronous {
                None => ParamsBuf::default(),
                Some(name) => ParamsBuf::of(&[&source.id.to_le_bytes(), &[&name[..], &[0]].concat(), &[]]),
            };
            let id = if told.asynchronous.is_some() { id::ASYNCEVENT_E } else { id::PLUGINEVENT_E };
            each(Shown { number, time: told.time, id, params: params.params(), origin });
        };
        for (position, told) in batch.events.iter().enumerate() {
            let of_others = helped.iter().enumerate();
            let of_others =
                of_others.filter_map(|(helper, answer)| Some((helper + 1, answer.events.get(position)?)));
            let answers: Vec<(usize, &Told<'_>)> = [(0, told)].into_iter().chain(of_others).collect();
            show(told, &answers);
        }
        for (helper, answer) in helped.iter().enumerate() {
            for told in answer.events.iter().skip(batch.events.len()) {
                show(told, &[(helper + 1, told)]);
            }
        }
        Ok(outcome)
    }

    /// What the plugins count themselves, each metric with its plugin's name before it.
    pub(super) fn metrics(&mut self) -> Result<Vec<Metric>, Failure> {
        let mut all = Vec::new();
        for (process, member) in self.processes.iter_mut().zip(&self.source.members) {
            let metrics = process.metrics().map_err(|error| failure(&member.info, error))?;
            // Nobody can show more than these.
            all.extend(
                metrics
                    .into_iter()
                    .take(MAX_METRICS)
                    .map(|metric| Metric { name: format!("{}.{}", member.info.name, metric.name), ..metric }),
            );
        }
        Ok(all)
    }

    /// Has the plugins and their processes end.
    pub(super) fn close(self) {
        self.processes.into_iter().for_each(Process::close);
    }
}

fn failure(info: &Info, error: ProcessError) -> Failure {
    Failure { plugin: info.name.clone(), error }
}

/// Both together. The numbers come from processes that are not trusted.
pub(super) fn sum(one: Losses, two: Losses) -> Losses {
    Losses {
        malformed: one.malformed.saturating_add(two.malformed),
        values: one.values.saturating_add(two.values),
        unparsed: one.unparsed.saturating_add(two.unparsed),
        asynchronous: one.asynchronous.saturating_add(two.asynchronous),
    }
}

/// A value as rules see it, if it is of the field's type.
fn typed<'a>(values: &'a Values<'a>, (kind, list): (Kind, bool), arena: &'a Bump) -> Option<Value<'a>> {
    match values {
        Values::One(value) if !list => one(value, kind),
        Values::List(values) if list => {
            let mut typed = bumpalo::collections::Vec::with_capacity_in(values.len(), arena);
            for value in values {
                typed.push(one(value, kind)?);
            }
            Some(Value::List(typed.into_bump_slice()))
        }
        _ => None,
    }
}

fn one<'a>(value: &protocol::Value<'a>, kind: Kind) -> Option<Value<'a>> {
    match (*value, kind) {
        (protocol::Value::Text(text), Kind::String) => Some(Value::Bytes(text)),
        (protocol::Value::Number(number), Kind::Uint64 | Kind::RelTime | Kind::AbsTime) => {
            Some(Value::UInt(number))
        }
        (protocol::Value::Bool(truth), Kind::Bool) => Some(Value::Bool(truth)),
        (protocol::Value::Address(address), Kind::IpAddr | Kind::IpNet) => Some(Value::Ip(address)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_of_another_type_than_the_field_is_none() {
        let arena = Bump::new();
        let text = || protocol::Value::Text(Bytes::new(b"x"));
        let number = protocol::Value::Number(7);
        let typed = |values: Values<'static>, kind| {
            let values = arena.alloc(values);
            typed(values, kind, &arena).is_some()
        };
        assert!(typed(Values::One(text()), (Kind::String, false)));
        assert!(typed(Values::One(number), (Kind::AbsTime, false)));
        assert!(typed(Values::List(vec![text(), text()]), (Kind::String, true)));
        assert!(!typed(Values::One(number), (Kind::String, false)));
        assert!(!typed(Values::One(text()), (Kind::Bool, false)));
        assert!(!typed(Values::One(text()), (Kind::String, true)));
        assert!(!typed(Values::List(vec![text(), number]), (Kind::String, true)));
        assert!(!typed(Values::List(vec![text()]), (Kind::String, false)));
    }
}
