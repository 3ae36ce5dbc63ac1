//! The conditions that an event can make true, by its id: what is evaluated for an event, and nothing else.
//!
//! A condition is compiled once for each way in which ids decide its checks on the event. So a candidate does not ask
//! for `evt.type` again, and a branch for other events is gone from it.

use rustc_hash::FxHashMap;

use crate::compile::Compiler;
use crate::events::{EventSet, MAX_EVENTS};
use crate::matcher::Matcher;
use crate::program::{CheckTable, Program};
use crate::schema::Schema;
use crate::typed::{Comparison, Condition, Source, Test};

/// Conditions, compiled together and sorted by event.
#[derive(Clone, Debug, Default)]
pub struct Index {
    table: CheckTable,
    by_event: Vec<Box<[Candidate]>>,
}

/// A condition that may hold for an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
            for event in events.iter() {
                let outcomes: Vec<_> = decided.iter().map(|decided| decided.outcome(schema, event)).collect();
                let program = *compiled.entry(outcomes).or_insert_with_key(|outcomes| {
                    compiler.add_with(condition, &mut outcomes.iter().copied())
                });
                places[usize::from(event)].push((index as u32, program));
            }
        }
        let (table, programs) = compiler.finish();
        let candidates = |places: Vec<(u32, usize)>| {
            let candidates =
                places.into_iter().map(|(condition, at)| Candidate { condition, program: programs[at] });
            candidates.filter(|candidate| !candidate.program.is_never()).collect()
        };
        Index { table, by_event: places.into_iter().map(candidates).collect() }
    }

    /// The checks of all candidates.
    pub fn table(&self) -> &CheckTable {
        &self.table
    }

    /// The conditions that can hold for an event with this id, in the order in which they were given.
    #[inline]
    pub fn candidates(&self, event: u16) -> &[Candidate] {
        self.by_event.get(usize::from(event)).map_or(&[], |candidates| candidates)
    }
}

/// A check that ids of events may decide.
struct Decided<'c>(Option<(&'c Comparison, Matcher)>);

impl<'c> Decided<'c> {
    fn new(check: &'c Comparison, schema: &dyn Schema, events: &EventSet) -> Self {
        let Source::Field(field) = &check.source else { return Decided(None) };
        if matches!(check.test, Test::Source(..))
            || !events.iter().any(|event| schema.known(field, event).is_some())
        {
            return Decided(None);
        }
        Decided(Matcher::new(&check.test).map(|matcher| (check, matcher)))
    }

    fn outcome(&self, schema: &dyn Schema, event: u16) -> Option<bool> {
        let (check, matcher) = self.0.as_ref()?;
        let Source::Field(field) = &check.source else { return None };
        let value = schema.known(field, event)?;
        Some(value.is_some_and(|value| matcher.matches(value)))
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;
    use crate::eval::{Evaluation, Memo};
    use crate::parse::{RULE_DEPTH, parse};
    use crate::support::{EVENTS, SmallContext, SmallSchema};
    use crate::typing::check;

    #[test]
    fn candidates_are_cut_to_the_event() {
        let texts = [
            "evt.type in (open, openat) and fd.name = /a",
            "proc.name = cat",
            "(evt.type = open and fd.num = 1) or (not evt.type contains open and fd.num = 2)",
            "evt.type = open and evt.type = close",
        ];
        let checked: Vec<_> = texts
            .iter()
            .map(|text| check(&parse(text, RULE_DEPTH).unwrap(), &SmallSchema).unwrap())
            .collect();
        let index =
            Index::new(checked.iter().map(|checked| (&checked.condition, checked.events)), &SmallSchema);
        let shown: Vec<_> = (0..EVENTS.len())
            .map(|event| {
                let candidates = index.candidates(event as u16).iter().map(|candidate| {
                    format!("{} {}", candidate.condition, index.table().display(&candidate.program))
                });
                format!("{}\n{}", EVENTS[event], candidates.collect::<String>())
            })
            .collect();
        insta::assert_snapshot!(shown.join(""), @r"
        open
        0   0: fd.name = /a ? true : false
        1   0: proc.name = cat [process] ? true : false
        2   0: fd.num = 1 ? true : false
        openat
        0   0: fd.name = /a ? true : false
        1   0: proc.name = cat [process] ? true : false
        close
        1   0: proc.name = cat [process] ? true : false
        2   0: fd.num = 2 ? true : false
        execve
        1   0: proc.name = cat [process] ? true : false
        2   0: fd.num = 2 ? true : false
        connect
        1   0: proc.name = cat [process] ? true : false
        2   0: fd.num = 2 ? true : false
        ");
        assert!(index.candidates(u16::MAX).is_empty());

        let arena = Bump::new();
        let mut context = SmallContext::new(&arena);
        context.text("evt.type", "close");
        context.set("fd.num", crate::Value::Int(2));
        let mut memo = Memo::default();
        let mut evaluation = Evaluation::new(index.table(), &context, &mut memo);
        let matching: Vec<_> = index
            .candidates(2)
            .iter()
            .filter(|candidate| evaluation.matches(&candidate.program))
            .map(|candidate| candidate.condition)
            .collect();
        assert_eq!(matching, [2]);
    }
}
