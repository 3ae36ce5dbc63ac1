//! The conditions that an event can make true, by its kind: what is evaluated for an event, and nothing else.
//!
//! The kind of an event is its id, or where the schema tells more kinds apart, the number of one of those.
//!
//! A condition is compiled once for each way in which kinds decide its checks on the event. So a candidate does not ask
//! for `evt.type` again, and a branch for other events is gone from it.

use std::iter;
use std::ops::ControlFlow;

use rustc_hash::FxHashMap;

use crate::compile::Compiler;
use crate::eval::{Evaluation, Memo, ScopeMemo};
use crate::events::{EventSet, MAX_EVENTS};
use crate::matcher::Matcher;
use crate::program::{CheckTable, Program};
use crate::residual::Residues;
use crate::schema::{Context, Schema};
use crate::typed::{Comparison, Condition, Source, Test};

/// Conditions, compiled together and sorted by kind of event.
#[derive(Clone, Debug, Default)]
pub struct Index {
    table: CheckTable,
    /// By kind, which plan.
    by_kind: Vec<u32>,
    /// What is evaluated for an event. Many kinds have the same.
    plans: Vec<Box<[Candidate]>>,
}

/// A condition that may hold for an event.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Candidate {
    /// Which one, by its place in what the index was made of.
    pub condition: u32,
    /// How it reads for the event.
    pub program: Program,
}

impl Index {
    /// Of conditions and the events for which each is to be evaluated.
    pub fn new<'c>(
        conditions: impl IntoIterator<Item = (&'c Condition, EventSet)>,
        schema: &dyn Schema,
    ) -> Self {
        let mut compiler = Compiler::new();
        let mut places: Vec<Vec<(u32, usize)>> = vec![Vec::new(); MAX_EVENTS];
        for (index, (condition, events)) in conditions.into_iter().enumerate() {
            let decided: Vec<_> = condition
                .comparisons()
                .into_iter()
                .map(|check| Decided::new(check, schema, &events))
                .collect();
            let mut compiled: FxHashMap<Vec<Option<bool>>, usize> = FxHashMap::default();
            for kind in kinds(schema, &events) {
                let outcomes: Vec<_> = decided.iter().map(|decided| decided.outcome(schema, kind)).collect();
                let program = *compiled.entry(outcomes).or_insert_with_key(|outcomes| {
                    compiler.add_with(condition, &mut outcomes.iter().copied())
                });
                if compiler.is_never(program) {
                    continue;
                }
                let kind = usize::from(kind);
                if kind >= places.len() {
                    places.resize_with(kind + 1, Vec::new);
                }
                places[kind].push((index as u32, program));
            }
        }
        let mut together: Vec<Vec<usize>> =
            places.iter().map(|places| places.iter().map(|(_, program)| *program).collect()).collect();
        together.sort_unstable();
        together.dedup();
        let (table, programs) = compiler.finish_for(&together);
        let mut plans = Vec::new();
        let mut plan_ids: FxHashMap<Box<[Candidate]>, u32> = FxHashMap::default();
        let mut plan = |places: Vec<(u32, usize)>| {
            let candidates =
                places.into_iter().map(|(condition, at)| Candidate { condition, program: programs[at] });
            *plan_ids.entry(candidates.collect()).or_insert_with_key(|candidates| {
                plans.push(candidates.clone());
                plans.len() as u32 - 1
            })
        };
        let by_kind = places.into_iter().map(&mut plan).collect();
        Index { table, by_kind, plans }
    }

    /// The checks of all candidates.
    pub fn table(&self) -> &CheckTable {
        &self.table
    }

    /// The conditions that can hold for an event of this kind, in the order in which they were given. For an id of which the schema tells
    /// kinds apart: what can hold for any of them.
    #[inline]
    pub fn candidates(&self, kind: u16) -> &[Candidate] {
        self.plan(kind).map_or(&[], |(_, candidates)| candidates)
    }

    /// Evaluates one candidate with nothing remembered: what it costs by itself.
    pub fn evaluate_alone<'e, C: Context<'e> + ?Sized>(
        &self,
        candidate: &Candidate,
        context: &C,
        memo: &mut Memo,
    ) -> bool {
        Evaluation::new(&self.table, context, memo).matches(&candidate.program)
    }

    #[inline]
    fn plan(&self, kind: u16) -> Option<(u32, &[Candidate])> {
        let number = *self.by_kind.get(usize::from(kind))?;
        Some((number, self.plans.get(number as usize)?))
    }
}

/// Whose event it is: how long what was found out stays true.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessKey {
    /// A small number of the thread; another thread may have it later, with another version.
    pub slot: u32,
    /// Differs whenever something differs that a check of [`Scope::Process`](crate::Scope) can see. Not 0.
    pub version: u64,
    /// The same for [`Scope::Ancestry`](crate::Scope).
    pub ancestry: u64,
}

/// What an [`Index`] has found out, for the event and for processes. One per index and thread.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    memo: Memo,
    /// By slot.
    processes: Vec<OfProcess>,
    residues: Residues,
}

#[derive(Clone, Debug, Default)]
struct OfProcess {
    version: u64,
    ancestry_version: u64,
    process: ScopeMemo,
    ancestry: ScopeMemo,
    /// By plan, which residue.
    residues: Vec<(u32, u32)>,
    epoch: u32,
}

/// Threads with greater slots are not remembered.
const MAX_SLOTS: u32 = 1 << 20;

impl Index {
    /// Evaluates the conditions that an event of this kind can concern, and hands those that hold to `found` until it breaks.
    pub fn evaluate<'e, C: Context<'e> + ?Sized>(
        &self,
        kind: u16,
        context: &C,
        key: Option<ProcessKey>,
        remembered: &mut Remembered,
        mut found: impl FnMut(u32) -> ControlFlow<()>,
    ) {
        let Some((plan, candidates)) = self.plan(kind) else { return };
        if candidates.is_empty() {
            return;
        }
        let Remembered { memo, processes, residues } = remembered;
        let mut evaluation = Evaluation::new(&self.table, context, memo);
        let Some(key) = key.filter(|key| key.slot < MAX_SLOTS) else {
            for candidate in candidates {
                if evaluation.matches(&candidate.program) && found(candidate.condition).is_break() {
                    return;
                }
            }
            return;
        };
        let slot = key.slot as usize;
        if slot >= processes.len() {
            processes.resize_with(slot + 1, OfProcess::default);
        }
        let OfProcess { process, ancestry, residues: known, .. } =
            processes[slot].renewed(key, residues.epoch());
        evaluation = evaluation.with_process(process).with_ancestry(ancestry);
        let residue = match known.iter().find(|(known, _)| *known == plan) {
            Some((_, residue)) => *residue,
            None => {
                let residue = residues.find(plan, &self.table, candidates, |op| evaluation.outcome(op));
                known.push((plan, residue));
                residue
            }
        };
        for candidate in residues.list(residue) {
            if evaluation.run_in(residues.ops(), candidate.program) && found(candidate.condition).is_break() {
                return;
            }
        }
    }
}

impl OfProcess {
    /// Forgets what is not true any more.
    #[inline]
    fn renewed(&mut self, key: ProcessKey, epoch: u32) -> &mut Self {
        if self.version != key.version {
            self.version = key.version;
            self.process.reset();
            self.ancestry.reset();
            self.residues.clear();
        } else if self.ancestry_version != key.ancestry {
            self.ancestry.reset();
        }
        if self.epoch != epoch {
            self.epoch = epoch;
            self.residues.clear();
        }
        self.ancestry_version = key.ancestry;
        self
    }
}

/// Each id, followed by its kinds.
fn kinds(schema: &dyn Schema, events: &EventSet) -> impl Iterator<Item = u16> {
    events.iter().flat_map(|event| iter::once(event).chain(schema.kinds(event)))
}

/// A check that kinds of events may decide.
struct Decided<'c>(Option<(&'c Comparison, Matcher)>);

impl<'c> Decided<'c> {
    fn new(check: &'c Comparison, schema: &dyn Schema, events: &EventSet) -> Self {
        let Source::Field(field) = &check.source else { return Decided(None) };
        if matches!(check.test, Test::Source(..))
            || !kinds(schema, events).any(|kind| schema.known(field, kind).is_some())
        {
            return Decided(None);
        }
        Decided(Matcher::new(&check.test).map(|matcher| (check, matcher)))
    }

    fn outcome(&self, schema: &dyn Schema, kind: u16) -> Option<bool> {
        let (check, matcher) = self.0.as_ref()?;
        let Source::Field(field) = &check.source else { return None };
        let value = schema.known(field, kind)?;
        Some(value.is_some_and(|value| matcher.matches(value)))
    }
}

#[cfg(test)]
mod tests;
