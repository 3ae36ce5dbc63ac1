//! What is left of conditions for a process: the checks that the process decides are taken out of them, and what they
//! ruled out is gone.
//!
//! Processes that decide alike share one residue, so there are about as many as there are kinds of process.

use rustc_hash::FxHashMap;

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
    /// By plan, the first step to its residue.
    roots: Vec<u32>,
    steps: Vec<Step>,
    making: Making,
    epoch: u32,
}

/// What is asked of a process to find its residue: only what the answers before have left open.
#[derive(Clone, Copy, Debug)]
enum Step {
    Ask {
        op: Op,
        /// Where to go on after no and yes.
        next: [u32; 2],
    },
    Found(u32),
}

/// A step that nobody has come to.
const UNKNOWN: u32 = u32::MAX;

/// The space in which a residue is made.
#[derive(Clone, Debug, Default)]
struct Making {
    /// By operation of the table, what became of it.
    became: Vec<Target>,
    /// By operation, whether it was come to.
    seen: Vec<bool>,
    /// Operations that were come to.
    reached: Vec<Target>,
    open: Vec<Target>,
    /// By check, what the process said.
    outcomes: FxHashMap<u32, bool>,
    /// The same in the order in which it was asked.
    asked: Vec<(Op, bool)>,
}

/// Beyond this, all residues are forgotten and made again when needed: some mega-bytes.
const MAX_OPS: usize = 1 << 18;
const MAX_LISTS: usize = 1 << 14;
const MAX_STEPS: usize = 1 << 17;

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

    /// The residue of the candidates of a plan for a process, which answers what it is asked.
    pub(crate) fn find(
        &mut self,
        plan: u32,
        table: &CheckTable,
        candidates: &[Candidate],
        mut ask: impl FnMut(&Op) -> bool,
    ) -> u32 {
        let mut at = self.roots.get(plan as usize).copied().unwrap_or(UNKNOWN);
        while let Some(step) = self.steps.get(at as usize) {
            match step {
                Step::Ask { op, next } => at = next[usize::from(ask(op))],
                Step::Found(list) => return *list,
            }
        }
        if self.ops.len() > MAX_OPS || self.lists.len() > MAX_LISTS || self.steps.len() > MAX_STEPS {
            *self = Residues { epoch: self.epoch.wrapping_add(1), ..Residues::default() };
        }
        self.reach(table, candidates, ask);
        let residue = self.make(table, candidates);
        let next = self.lists.len() as u32;
        let list = *self.list_ids.entry(residue.clone()).or_insert(next);
        if list == next {
            self.lists.push(residue);
        }
        self.note_way(plan, list);
        list
    }

    /// Comes to the operations that are left for the process, through groups except those that it decides.
    fn reach(&mut self, table: &CheckTable, candidates: &[Candidate], mut ask: impl FnMut(&Op) -> bool) {
        let Making { seen, reached, open, outcomes, asked, .. } = &mut self.making;
        seen.resize(table.ops.len(), false);
        for at in reached.drain(..) {
            seen[at as usize] = false;
        }
        outcomes.clear();
        asked.clear();
        open.extend(candidates.iter().map(|candidate| candidate.program.start));
        while let Some(at) = open.pop() {
            let Some(op) = table.ops.get(at as usize) else { continue };
            if std::mem::replace(&mut seen[at as usize], true) {
                continue;
            }
            reached.push(at);
            if by_process(op) {
                let outcome = *outcomes.entry(op.check).or_insert_with(|| {
                    let outcome = ask(op);
                    asked.push((*op, outcome));
                    outcome
                });
                open.push(if outcome { op.then } else { op.otherwise });
                continue;
            }
            open.extend([op.then, op.otherwise]);
            if let Some(start) = group(table, op) {
                open.push(start);
            }
        }
    }

    /// Writes down what is left of the operations that were come to.
    fn make(&mut self, table: &CheckTable, candidates: &[Candidate]) -> Box<[Candidate]> {
        let mut reached = std::mem::take(&mut self.making.reached);
        reached.sort_unstable();
        self.making.became.resize(table.ops.len(), FALSE);
        for &at in &reached {
            let Some(op) = table.ops.get(at as usize) else { continue };
            self.making.became[at as usize] = match self.making.outcomes.get(&op.check) {
                Some(outcome) => self.target(if *outcome { op.then } else { op.otherwise }),
                None => self.kept(table, op),
            };
        }
        self.making.reached = reached;
        let left = candidates.iter().map(|candidate| {
            let program = Program { start: self.target(candidate.program.start) };
            Candidate { program, ..*candidate }
        });
        left.filter(|candidate| !candidate.program.is_never()).collect()
    }

    /// What became of the operation at a target. Targets stand before the operations that jump to them, so they have
    /// been looked at.
    fn target(&self, target: Target) -> Target {
        self.making.became.get(target as usize).copied().unwrap_or(target)
    }

    fn kept(&mut self, table: &CheckTable, op: &Op) -> Target {
        let (mut then, mut otherwise) = (self.target(op.then), self.target(op.otherwise));
        let mut kept = *op;
        if let Some(start) = group(table, op) {
            match self.target(start) {
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

    /// Remembers that these answers lead to this residue.
    fn note_way(&mut self, plan: u32, list: u32) {
        let plan = plan as usize;
        if plan >= self.roots.len() {
            self.roots.resize(plan + 1, UNKNOWN);
        }
        // What is asked depends on the answers before only, so the way begins like those that are known.
        let mut from: Option<(u32, bool)> = None;
        let mut at = self.roots[plan];
        let way = self
            .making
            .asked
            .iter()
            .map(|(op, outcome)| (Step::Ask { op: *op, next: [UNKNOWN; 2] }, *outcome));
        for (step, outcome) in way.chain([(Step::Found(list), false)]) {
            if at == UNKNOWN {
                at = self.steps.len() as u32;
                self.steps.push(step);
                match from {
                    None => self.roots[plan] = at,
                    Some((from, outcome)) => {
                        if let Some(Step::Ask { next, .. }) = self.steps.get_mut(from as usize) {
                            next[usize::from(outcome)] = at;
                        }
                    }
                }
            }
            from = Some((at, outcome));
            at = match self.steps.get(at as usize) {
                Some(Step::Ask { next, .. }) => next[usize::from(outcome)],
                _ => UNKNOWN,
            };
        }
    }
}

fn by_process(op: &Op) -> bool {
    matches!(op.memory, Memory::Process(..) | Memory::Constant(_))
}

/// Where the group begins that an operation asks, if it does.
fn group(table: &CheckTable, op: &Op) -> Option<Target> {
    match table.checks.get(op.check as usize)?.kind {
        CheckKind::Group { start } => Some(start),
        _ => None,
    }
}
