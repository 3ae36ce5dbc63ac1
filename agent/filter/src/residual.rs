//! What is left of conditions for a process: the checks that the process decides are taken out of them, and what they
//! ruled out is gone.
//!
//! Processes that decide alike share one residue, so there are about as many as there are kinds of process.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::index::Candidate;
use crate::program::{CheckKind, CheckTable, FALSE, Memory, Op, Program, TRUE, Target};

/// The residues of an index that were needed so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Residues {
    /// The operations of all of them; equal ones are kept once.
    ops: Vec<Op>,
    op_ids: FxHashMap<(u32, Target, Target), Target>,
    lists: Vec<Box<[Candidate]>>,
    list_ids: FxHashMap<Box<[Candidate]>, u32>,
    by_outcomes: FxHashMap<(u32, Outcomes), u32>,
    /// By operation of the table, what became of it. Used while one residue is made.
    became: Vec<Target>,
    epoch: u32,
}

/// What a process decides, one bit for each check.
pub(crate) type Outcomes = SmallVec<[u64; 4]>;

/// Beyond this, all residues are forgotten and made again when needed: some mega-bytes.
const MAX_OPS: usize = 1 << 18;
const MAX_LISTS: usize = 1 << 14;

impl Residues {
    /// Numbers of lists are valid only as long as this does not change.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(crate) fn list(&self, list: u32) -> &[Candidate] {
        self.lists.get(list as usize).map_or(&[], |list| list)
    }

    pub(crate) fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The residue of the candidates of a plan for a process with these outcomes. `decided` tells the outcome of an
    /// operation that the process decides.
    pub(crate) fn find(
        &mut self,
        plan: u32,
        outcomes: Outcomes,
        table: &CheckTable,
        candidates: &[Candidate],
        decided: impl Fn(&Op) -> Option<bool>,
    ) -> u32 {
        if let Some(list) = self.by_outcomes.get(&(plan, outcomes.clone())) {
            return *list;
        }
        if self.ops.len() > MAX_OPS || self.lists.len() > MAX_LISTS || self.by_outcomes.len() > MAX_LISTS {
            *self = Residues { epoch: self.epoch.wrapping_add(1), ..Residues::default() };
        }
        let residue = self.make(table, candidates, decided);
        let next = self.lists.len() as u32;
        let list = *self.list_ids.entry(residue.clone()).or_insert(next);
        if list == next {
            self.lists.push(residue);
        }
        self.by_outcomes.insert((plan, outcomes), list);
        list
    }

    fn make(
        &mut self,
        table: &CheckTable,
        candidates: &[Candidate],
        decided: impl Fn(&Op) -> Option<bool>,
    ) -> Box<[Candidate]> {
        self.became.resize(table.ops.len(), FALSE);
        for at in reachable(table, candidates.iter().map(|candidate| candidate.program.start)) {
            let Some(op) = table.ops.get(at as usize) else { continue };
            let became = match decided(op) {
                Some(outcome) => self.target(if outcome { op.then } else { op.otherwise }),
                None => self.kept(table, op),
            };
            self.became[at as usize] = became;
        }
        let left = candidates.iter().map(|candidate| {
            let program = Program { start: self.target(candidate.program.start) };
            Candidate { program, ..*candidate }
        });
        left.filter(|candidate| !candidate.program.is_never()).collect()
    }

    /// What became of the operation at a target. Targets stand before the operations that jump to them, so they have
    /// been looked at.
    fn target(&self, target: Target) -> Target {
        self.became.get(target as usize).copied().unwrap_or(target)
    }

    fn kept(&mut self, table: &CheckTable, op: &Op) -> Target {
        let (mut then, mut otherwise) = (self.target(op.then), self.target(op.otherwise));
        let mut kept = *op;
        if let Some(CheckKind::Group { start }) = table.checks.get(op.check as usize).map(|check| &check.kind)
        {
            match self.target(*start) {
                TRUE => return then,
                FALSE => return otherwise,
                inner => {
                    // Of a single check that is left, the group adds nothing.
                    let inner = self.ops.get(inner as usize).copied();
                    if let Some(inner) = inner
                        && inner.then >= FALSE
                        && inner.otherwise >= FALSE
                    {
                        if inner.then == FALSE {
                            (then, otherwise) = (otherwise, then);
                        }
                        kept = inner;
                    }
                }
            }
        }
        if then == otherwise {
            return then;
        }
        let next = self.ops.len() as Target;
        let at = *self.op_ids.entry((kept.check, then, otherwise)).or_insert(next);
        if at == next {
            self.ops.push(Op { then, otherwise, ..kept });
        }
        at
    }
}

/// The operations that can be reached from starts, ascending, through groups except those that a process decides.
fn reachable(table: &CheckTable, starts: impl Iterator<Item = Target>) -> Vec<Target> {
    let mut seen = vec![false; table.ops.len()];
    let mut open: Vec<Target> = starts.collect();
    let mut found = Vec::new();
    while let Some(at) = open.pop() {
        let Some(op) = table.ops.get(at as usize) else { continue };
        if std::mem::replace(&mut seen[at as usize], true) {
            continue;
        }
        found.push(at);
        open.extend([op.then, op.otherwise]);
        if !by_process(op)
            && let Some(CheckKind::Group { start }) =
                table.checks.get(op.check as usize).map(|check| &check.kind)
        {
            open.push(*start);
        }
    }
    found.sort_unstable();
    found
}

fn by_process(op: &Op) -> bool {
    matches!(op.memory, Memory::Process(..) | Memory::Constant(_))
}

/// The operations of candidates that a process decides, each check once.
pub(crate) fn decided_by_process(table: &CheckTable, candidates: &[Candidate]) -> Box<[Op]> {
    let starts = candidates.iter().map(|candidate| candidate.program.start);
    let mut ops: Vec<Op> = reachable(table, starts)
        .into_iter()
        .filter_map(|at| table.ops.get(at as usize).copied())
        .filter(by_process)
        .collect();
    ops.sort_unstable_by_key(|op| op.check);
    ops.dedup_by_key(|op| op.check);
    ops.into()
}
