//! Runs programs over an event.
//!
//! Outcomes are remembered: for the event, for the run, and, if the caller keeps the memory, for as long as a process
//! or its ancestors stay as they are. Nothing is cleared between events; what was remembered carries the number of
//! the event.

use smallvec::SmallVec;

use crate::program::{Check, CheckId, CheckKind, CheckTable, FALSE, Memory, Program, TRUE, Target};
use crate::schema::{Context, Scope};
use crate::source;
use crate::typed::Quantifier;
use crate::value::Value;

/// What is remembered from check to check of one event, and the space for it from event to event. One per table and
/// thread.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    generation: u32,
    /// By event slot: the generation, and the outcome of a check in the lowest bit or the place of a value.
    event: Vec<(u32, u32)>,
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

    #[inline]
    fn get(&self, slot: u32) -> Option<bool> {
        let bits = *self.words.get(slot as usize / 32)? >> (slot % 32 * 2);
        (bits & 1 == 1).then_some(bits & 2 == 2)
    }

    fn set(&mut self, slot: u32, outcome: bool, slots: u32) {
        if self.words.is_empty() {
            self.words.resize(slots.div_ceil(32) as usize, 0);
        }
        if let Some(word) = self.words.get_mut(slot as usize / 32) {
            *word |= (1 | u64::from(outcome) << 1) << (slot % 32 * 2);
        }
    }
}

/// Programs over one event.
pub struct Evaluation<'v, C: ?Sized> {
    table: &'v CheckTable,
    context: &'v C,
    memo: &'v mut Memo,
    process: Option<&'v mut ScopeMemo>,
    ancestry: Option<&'v mut ScopeMemo>,
    /// Values that several checks use; the memo knows which is where.
    values: SmallVec<[Option<Value<'v>>; 8]>,
}

impl<'v, 'e: 'v, C: Context<'e> + ?Sized> Evaluation<'v, C> {
    /// Begins with an event: nothing is known of it yet.
    pub fn new(table: &'v CheckTable, context: &'v C, memo: &'v mut Memo) -> Self {
        memo.event.resize(table.slots.event as usize, (0, 0));
        memo.generation = memo.generation.wrapping_add(1);
        if memo.generation == 0 {
            memo.event.fill((0, 0));
            memo.generation = 1;
        }
        Evaluation { table, context, memo, process: None, ancestry: None, values: SmallVec::new() }
    }

    /// Remembers in `memo` what depends on the process of the event only.
    pub fn with_process(mut self, memo: &'v mut ScopeMemo) -> Self {
        self.process = Some(memo);
        self
    }

    /// Remembers in `memo` what depends on the process of the event and its ancestors only.
    pub fn with_ancestry(mut self, memo: &'v mut ScopeMemo) -> Self {
        self.ancestry = Some(memo);
        self
    }

    /// Whether a condition holds.
    #[inline]
    pub fn matches(&mut self, program: &Program) -> bool {
        self.run(program.start)
    }

    /// Whether a condition holds, and which checks decided that, in the order in which they were looked at.
    pub fn explain(&mut self, program: &Program) -> (bool, Vec<(CheckId, bool)>) {
        let mut seen = Vec::new();
        let outcome = self.trace(program.start, &mut seen);
        (outcome, seen)
    }

    fn trace(&mut self, start: Target, seen: &mut Vec<(CheckId, bool)>) -> bool {
        let table = self.table;
        let mut at = start;
        while let Some(op) = table.ops.get(at as usize) {
            let outcome = match table.checks.get(op.check as usize) {
                Some(Check { kind: CheckKind::Group { start }, .. }) => self.trace(*start, seen),
                _ => {
                    let outcome = self.check(op.check);
                    seen.push((CheckId(op.check), outcome));
                    outcome
                }
            };
            at = if outcome { op.then } else { op.otherwise };
        }
        at == TRUE
    }

    fn run(&mut self, start: Target) -> bool {
        let table = self.table;
        let mut at = start;
        while at < FALSE {
            let Some(op) = table.ops.get(at as usize) else { return false };
            at = if self.check(op.check) { op.then } else { op.otherwise };
        }
        at == TRUE
    }

    #[inline]
    fn check(&mut self, id: u32) -> bool {
        let table = self.table;
        let Some(check) = table.checks.get(id as usize) else { return false };
        match check.memory {
            Memory::None => self.decide(check),
            Memory::Event(slot) => self.for_event(check, slot),
            Memory::Scope { slot, event } => {
                if let Some(known) = self.scope_memo(check.scope).map(|(memo, _)| memo.get(slot)) {
                    if let Some(outcome) = known {
                        return outcome;
                    }
                    let outcome = self.decide(check);
                    if let Some((memo, slots)) = self.scope_memo(check.scope) {
                        memo.set(slot, outcome, slots);
                    }
                    return outcome;
                }
                self.for_event(check, event)
            }
        }
    }

    #[inline]
    fn scope_memo(&mut self, scope: Scope) -> Option<(&mut ScopeMemo, u32)> {
        let slots = &self.table.slots;
        match scope {
            Scope::Constant => Some((&mut self.memo.constant, slots.constant)),
            Scope::Process => self.process.as_deref_mut().map(|memo| (memo, slots.process)),
            Scope::Ancestry => self.ancestry.as_deref_mut().map(|memo| (memo, slots.ancestry)),
            Scope::Event => None,
        }
    }

    fn for_event(&mut self, check: &'v Check, slot: u32) -> bool {
        let generation = self.memo.generation;
        match self.memo.event.get(slot as usize) {
            Some((known, outcome)) if *known == generation => *outcome == 1,
            _ => {
                let outcome = self.decide(check);
                if let Some(entry) = self.memo.event.get_mut(slot as usize) {
                    *entry = (generation, u32::from(outcome));
                }
                outcome
            }
        }
    }

    fn decide(&mut self, check: &'v Check) -> bool {
        match &check.kind {
            CheckKind::Compare { source, quantifier, matcher } => match self.value(*source) {
                None => false,
                Some(Value::List(values)) => {
                    let mut values = values.iter();
                    match quantifier {
                        Quantifier::Any if matches!(matcher, crate::matcher::Matcher::Exists) => true,
                        Quantifier::Any => values.any(|value| matcher.matches(*value)),
                        Quantifier::All => values.all(|value| matcher.matches(*value)),
                    }
                }
                Some(value) => matcher.matches(value),
            },
            CheckKind::Relate { left, quantifier, relation, right } => {
                match (self.value(*left), self.value(*right)) {
                    (Some(left), Some(right)) => source::related(*relation, *quantifier, left, right),
                    _ => false,
                }
            }
            CheckKind::Group { start } => self.run(*start),
        }
    }

    fn value(&mut self, source: u32) -> Option<Value<'v>> {
        let table = self.table;
        let entry = table.sources.get(source as usize)?;
        let Some(slot) = entry.slot else { return source::value(&entry.source, self.context) };
        let generation = self.memo.generation;
        match self.memo.event.get(slot as usize) {
            Some((known, at)) if *known == generation => self.values.get(*at as usize).copied().flatten(),
            _ => {
                let value = source::value(&entry.source, self.context);
                if let Some(known) = self.memo.event.get_mut(slot as usize) {
                    *known = (generation, self.values.len() as u32);
                }
                self.values.push(value);
                value
            }
        }
    }
}

#[cfg(test)]
mod tests;
