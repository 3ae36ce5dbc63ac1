//! The processes of the plugins of a source, and their events put together: what each plugin says of an event, as one event.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use bumpalo::Bump;
use saker_filter::Value;
use serde_bytes::Bytes;

use super::info::{Info, Kind};
use super::process::{Process, ProcessError};
use super::protocol::{self, Batch, Losses, Metric, Then, Told, Types, Values};
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

    /// Waits no longer than this for an answer from now on.
    pub(super) fn hurry(&mut self, most: Duration) {
        self.processes.iter_mut().for_each(|process| process.hurry(most));
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
                place(asking, *plugin, answer, arena, &mut outcome.losses, |slot, value| {
                    if let Some(place) = values.get_mut(slot) {
                        *place = Some(value);
                    }
                });
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

    /// Which types of events each plugin takes.
    pub(super) fn types(&mut self) -> Result<Vec<Types>, Failure> {
        let each = self.processes.iter_mut().zip(&self.source.members);
        each.map(|(process, member)| process.types().map_err(|error| failure(&member.info, error))).collect()
    }

    /// What a plugin extracts from a system call with this number: the value of each slot.
    pub(super) fn values<'a>(
        &mut self,
        plugin: usize,
        number: u64,
        event: &[u8],
        out: &'a Bump,
    ) -> Result<(&'a [Option<Value<'a>>], Losses), Failure> {
        let Team { source, processes, asking, arena, .. } = self;
        arena.reset();
        let (Some(process), Some(member)) = (processes.get_mut(plugin), source.members.get(plugin)) else {
            return Ok((&[], Losses::default()));
        };
        let batch =
            process.values(number, Bytes::new(event)).map_err(|error| failure(&member.info, error))?;
        let values = out.alloc_slice_fill_copy(asking.kinds.len(), None);
        let mut losses = batch.losses;
        for told in &batch.events {
            place(asking, plugin, told, arena, &mut losses, |slot, value| {
                if let Some(place) = values.get_mut(slot) {
                    *place = Some(kept(value, out));
                }
            });
        }
        Ok((values, losses))
    }

    /// Has a plugin parse system calls, each with its number.
    pub(super) fn parse(&mut self, plugin: usize, events: Vec<(u64, &[u8])>) -> Result<(), Failure> {
        let (Some(process), Some(member)) = (self.processes.get_mut(plugin), self.source.members.get(plugin))
        else {
            return Ok(());
        };
        let events = events.into_iter().map(|(number, event)| (number, Bytes::new(event))).collect();
        process.parse(events).map_err(|error| failure(&member.info, error))
    }

    /// What was lost of what plugins parsed, once they are done with it.
    pub(super) fn settle(&mut self) -> Result<Losses, Failure> {
        let mut losses = Losses::default();
        for (process, member) in self.processes.iter_mut().zip(&self.source.members) {
            let batch = process.extract(Vec::new()).map_err(|error| failure(&member.info, error))?;
            losses = sum(losses, batch.losses);
        }
        Ok(losses)
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

/// A value in memory of another arena.
fn kept<'a>(value: Value<'_>, out: &'a Bump) -> Value<'a> {
    match value {
        Value::Bytes(bytes) => Value::Bytes(out.alloc_slice_copy(bytes)),
        Value::List(list) => {
            Value::List(out.alloc_slice_fill_iter(list.iter().map(|value| kept(*value, out))))
        }
        Value::Bool(truth) => Value::Bool(truth),
        Value::Int(number) => Value::Int(number),
        Value::UInt(number) => Value::UInt(number),
        Value::Double(number) => Value::Double(number),
        Value::Ip(address) => Value::Ip(address),
        Value::Net(network) => Value::Net(network),
    }
}

/// Hands over the values of an event with the slot of each.
fn place<'a>(
    asking: &Asking,
    plugin: usize,
    told: &'a Told<'a>,
    arena: &'a Bump,
    losses: &mut Losses,
    mut each: impl FnMut(usize, Value<'a>),
) {
    let slots = asking.slots.get(plugin).map(Vec::as_slice).unwrap_or_default();
    for (place, value) in &told.values {
        let slot = slots.get(*place as usize).copied();
        let kind = slot.and_then(|slot| asking.kinds.get(slot));
        // A value of another type than the field's is none, nor is one that nobody has asked for.
        match slot.zip(kind.and_then(|kind| typed(value, *kind, arena))) {
            Some((slot, value)) => each(slot, value),
            None => losses.values = losses.values.saturating_add(1),
        }
    }
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
