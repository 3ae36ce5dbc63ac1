//! Runs programs over an event.
//!
//! Outcomes are remembered: for the event, for the run, and, if the caller keeps the memory, for as long as a process
//! or its ancestors stay as they are. Nothing is cleared between events; what was remembered carries the number of
//! the event.

use smallvec::SmallVec;

use crate::family::{Member, Word};
use crate::matcher::Matcher;
use crate::program::{Check, CheckId, CheckKind, CheckTable, Memory, Op, Program, SourceRef, TRUE, Target};
use crate::schema::Context;
use crate::source;
use crate::typed::{Quantifier, Source};
use crate::value::Value;

/// What is remembered from check to check of one event, and the space for it from event to event. One per table and
/// thread.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    generation: u32,
    /// By event slot: the generation, with the outcome of a check in the lowest bit.
    outcomes: Vec<u32>,
    /// By value slot: the generation, and the place of the value.
    places: Vec<(u32, u32)>,
    /// Of all families, which members hold.
    families: Vec<Word>,
    constant: ScopeMemo,
}

/// Outcomes that stay for longer than an event: those of checks on one process, or on one line of ancestors. It
/// belongs to one [`CheckTable`]; the caller keeps it as long as nothing has changed that a check of its scope can
/// see.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScopeMemo {
    /// Two bits for each slot: known, and the outcome.
    words: Vec<u64>,
}

impl ScopeMemo {
    /// An empty one; takes no memory until something is remembered.
    pub const fn new() -> Self {
        ScopeMemo { words: Vec::new() }
    }

    /// Forgets everything: the process has changed.
    pub fn reset(&mut self) {
        self.words.fill(0);
    }

    /// Room for as many outcomes.
    fn words(&mut self, slots: u32) -> &mut [u64] {
        if self.words.is_empty() {
            self.words.resize(slots.div_ceil(32) as usize, 0);
        }
        &mut self.words
    }
}

#[inline]
fn recall(words: &[u64], slot: u32) -> Option<bool> {
    let bits = words.get(slot as usize / 32).copied().unwrap_or(0) >> (slot % 32 * 2);
    (bits & 1 == 1).then_some(bits & 2 == 2)
}

fn remember(words: &mut [u64], slot: u32, outcome: bool) {
    if let Some(word) = words.get_mut(slot as usize / 32) {
        *word |= (1 | u64::from(outcome) << 1) << (slot % 32 * 2);
    }
}

/// Programs over one event.
pub struct Evaluation<'v, C: ?Sized> {
    table: &'v CheckTable,
    context: &'v C,
    generation: u32,
    outcomes: &'v mut [u32],
    places: &'v mut [(u32, u32)],
    families: &'v mut [Word],
    constant: &'v mut [u64],
    process: Option<&'v mut [u64]>,
    ancestry: Option<&'v mut [u64]>,
    /// Values that several checks use, at their places.
    values: SmallVec<[Option<Value<'v>>; 8]>,
}

impl<'v, 'e: 'v, C: Context<'e> + ?Sized> Evaluation<'v, C> {
    /// Begins with an event: nothing is known of it yet.
    pub fn new(table: &'v CheckTable, context: &'v C, memo: &'v mut Memo) -> Self {
        memo.outcomes.resize(table.slots.event as usize, 0);
        memo.places.resize(table.slots.value as usize, (0, 0));
        memo.families.resize(table.slots.family_words as usize, Word::default());
        // Outcomes need a bit of the word.
        memo.generation += 1;
        if memo.generation > u32::MAX >> 1 {
            memo.outcomes.fill(0);
            memo.places.fill((0, 0));
            memo.families.fill(Word::default());
            memo.generation = 1;
        }
        Evaluation {
            table,
            context,
            generation: memo.generation,
            outcomes: &mut memo.outcomes,
            places: &mut memo.places,
            families: &mut memo.families,
            constant: memo.constant.words(table.slots.constant),
            process: None,
            ancestry: None,
            values: SmallVec::new(),
        }
    }

    /// Remembers in `memo` what depends on the process of the event only.
    pub fn with_process(mut self, memo: &'v mut ScopeMemo) -> Self {
        self.process = Some(memo.words(self.table.slots.process));
        self
    }

    /// Remembers in `memo` what depends on the process of the event and its ancestors only.
    pub fn with_ancestry(mut self, memo: &'v mut ScopeMemo) -> Self {
        self.ancestry = Some(memo.words(self.table.slots.ancestry));
        self
    }

    /// Whether a condition holds.
    #[inline]
    pub fn matches(&mut self, program: &Program) -> bool {
        self.run(&self.table.ops, program.start)
    }

    /// Whether a condition holds, of which the operations are elsewhere than in the table.
    #[inline]
    pub(crate) fn run_in(&mut self, ops: &[Op], program: Program) -> bool {
        self.run(ops, program.start)
    }

    /// Whether a condition holds, and which checks decided that, in the order in which they were looked at.
    pub fn explain(&mut self, program: &Program) -> (bool, Vec<(CheckId, bool)>) {
        let mut seen = Vec::new();
        let outcome = self.explain_each(program, &mut |check, outcome| seen.push((check, outcome)));
        (outcome, seen)
    }

    /// The same, with each check shown as soon as it was looked at.
    pub fn explain_each(&mut self, program: &Program, seen: &mut dyn FnMut(CheckId, bool)) -> bool {
        self.trace(program.start, seen)
    }

    fn trace(&mut self, start: Target, seen: &mut dyn FnMut(CheckId, bool)) -> bool {
        let table = self.table;
        let mut at = start;
        while let Some(op) = table.ops.get(at as usize) {
            let outcome = match table.checks.get(op.check as usize) {
                Some(Check { kind: CheckKind::Group { start }, .. }) => self.trace(*start, seen),
                _ => {
                    let outcome = self.outcome(op);
                    seen(CheckId(op.check), outcome);
                    outcome
                }
            };
            at = if outcome { op.then } else { op.otherwise };
        }
        at == TRUE
    }

    #[inline]
    fn run(&mut self, ops: &[Op], start: Target) -> bool {
        let mut at = start;
        while let Some(op) = ops.get(at as usize) {
            at = if self.outcome(op) { op.then } else { op.otherwise };
        }
        at == TRUE
    }

    /// The outcome of a check: remembered, or decided now.
    #[inline(always)]
    pub(crate) fn outcome(&mut self, op: &Op) -> bool {
        // Most operations end here, so it stands where they are run and without a call.
        match op.memory {
            Memory::Family(member) => {
                if let Some(word) = self.families.get(member.word as usize)
                    && word.generation == self.generation
                {
                    return word.has(member.bit);
                }
            }
            Memory::Event(slot) => {
                if let Some(known) = self.outcomes.get(slot as usize)
                    && known >> 1 == self.generation
                {
                    return known & 1 == 1;
                }
            }
            _ => {}
        }
        self.answer(op)
    }

    #[inline(never)]
    fn answer(&mut self, op: &Op) -> bool {
        match op.memory {
            Memory::None => self.decide(op.check),
            Memory::Event(slot) => self.for_event(op.check, slot),
            Memory::Family(member) => self.for_family(member),
            Memory::Constant(slot) => match recall(self.constant, slot) {
                Some(outcome) => outcome,
                None => self.for_run(op.check, slot),
            },
            Memory::Process(slot, event) => match &self.process {
                None => self.for_event(op.check, event),
                Some(words) => match recall(words, slot) {
                    Some(outcome) => outcome,
                    None => self.for_process(op.check, slot),
                },
            },
            Memory::Ancestry(slot, event) => match &self.ancestry {
                None => self.for_event(op.check, event),
                Some(words) => match recall(words, slot) {
                    Some(outcome) => outcome,
                    None => self.for_ancestry(op.check, slot),
                },
            },
        }
    }

    #[inline]
    fn for_event(&mut self, check: u32, slot: u32) -> bool {
        let known = self.outcomes.get(slot as usize).copied().unwrap_or(0);
        if known >> 1 == self.generation {
            return known & 1 == 1;
        }
        let outcome = self.decide(check);
        if let Some(known) = self.outcomes.get_mut(slot as usize) {
            *known = self.generation << 1 | u32::from(outcome);
        }
        outcome
    }

    #[inline]
    fn for_family(&mut self, member: Member) -> bool {
        let known = |word: &Word| word.generation == self.generation;
        if !self.families.get(member.word as usize).is_some_and(known) {
            self.ask_family(member.family);
        }
        self.families.get(member.word as usize).is_some_and(|word| word.has(member.bit))
    }

    #[inline(never)]
    fn ask_family(&mut self, number: u32) {
        let table = self.table;
        let Some(family) = table.families.get(number as usize) else { return };
        let value = self.value(family.source);
        let first = family.first as usize;
        let Some(words) = self.families.get_mut(first..first + family.words as usize) else { return };
        for word in &mut *words {
            *word = Word { generation: self.generation, bits: 0 };
        }
        let values = match &value {
            Some(Value::List(values)) => values,
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        for value in values {
            if let Value::Bytes(text) = value {
                family.searches.iter().for_each(|search| search.mark(text, words));
            }
        }
    }

    #[cold]
    fn for_run(&mut self, check: u32, slot: u32) -> bool {
        let outcome = self.decide(check);
        remember(self.constant, slot, outcome);
        outcome
    }

    #[cold]
    fn for_process(&mut self, check: u32, slot: u32) -> bool {
        let outcome = self.decide(check);
        if let Some(words) = &mut self.process {
            remember(words, slot, outcome);
        }
        outcome
    }

    #[cold]
    fn for_ancestry(&mut self, check: u32, slot: u32) -> bool {
        let outcome = self.decide(check);
        if let Some(words) = &mut self.ancestry {
            remember(words, slot, outcome);
        }
        outcome
    }

    #[inline(never)]
    fn decide(&mut self, check: u32) -> bool {
        let table = self.table;
        let Some(check) = table.checks.get(check as usize) else { return false };
        match &check.kind {
            CheckKind::Compare { source, quantifier, matcher } => match self.value(*source) {
                None => false,
                Some(Value::List(values)) => matches_list(matcher, *quantifier, values),
                Some(value) => matcher.matches(value),
            },
            CheckKind::Relate { left, quantifier, relation, right } => {
                match (self.value(*left), self.value(*right)) {
                    (Some(left), Some(right)) => source::related(*relation, *quantifier, left, right),
                    _ => false,
                }
            }
            CheckKind::Group { start } => self.group(*start),
            CheckKind::Member(member) => self.for_family(*member),
        }
    }

    #[inline(never)]
    fn group(&mut self, start: Target) -> bool {
        self.run(&self.table.ops, start)
    }

    #[inline]
    fn value(&mut self, source: SourceRef) -> Option<Value<'v>> {
        match self.places.get(source.slot as usize) {
            Some((known, at)) if *known == self.generation => {
                self.values.get(*at as usize).copied().flatten()
            }
            _ => self.first_value(source),
        }
    }

    #[inline(never)]
    fn first_value(&mut self, source: SourceRef) -> Option<Value<'v>> {
        let table = self.table;
        let value = match table.sources.get(source.index as usize)? {
            Source::Field(field) => self.context.get(field),
            source => source::value(source, self.context),
        };
        if let Some(known) = self.places.get_mut(source.slot as usize) {
            *known = (self.generation, self.values.len() as u32);
            self.values.push(value);
        }
        value
    }
}

#[cold]
fn matches_list(matcher: &Matcher, quantifier: Quantifier, values: &[Value<'_>]) -> bool {
    let mut values = values.iter();
    match quantifier {
        Quantifier::Any if matches!(matcher, Matcher::Exists) => true,
        Quantifier::Any => values.any(|value| matcher.matches(*value)),
        Quantifier::All => values.all(|value| matcher.matches(*value)),
    }
}

#[cfg(test)]
mod tests;
