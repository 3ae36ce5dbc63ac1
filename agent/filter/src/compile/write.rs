//! Writes a graph as flat operations, and decides what is remembered, and where.

use rustc_hash::FxHashMap;

use super::estimate::{chance, rank};
use super::{Edge, Graph, NodeKind};
use crate::family::{Family, FamilyBuilder, Member, Search};
use crate::matcher::Matcher;
use crate::program::{
    Check, CheckKind, CheckTable, FALSE, Memory, NO_SLOT, Op, Program, Slots, SourceRef, TRUE, Target,
};
use crate::schema::Scope;
use crate::typed::{Comparison, Source, Test};

/// Writes the part of a graph that roots can reach as a table.
pub(super) struct Writer<'g> {
    graph: &'g Graph,
    /// By node: from how many places it is used, and whether a place that it does not share its scope with does.
    uses: Vec<u32>,
    boundary: Vec<bool>,
    /// By node: the check that stands for it.
    ids: Vec<Option<u32>>,
    /// By node: what it costs when it is looked at, and how often it holds, as guesses.
    costs: Vec<f32>,
    chances: Vec<f32>,
    /// By node: its place in a family.
    members: Vec<Option<Member>>,
    sources: FxHashMap<&'g Source, u32>,
    source_uses: Vec<u32>,
    table: CheckTable,
}

impl<'g> Writer<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        let count = graph.nodes.len();
        Writer {
            graph,
            uses: vec![0; count],
            boundary: vec![false; count],
            ids: vec![None; count],
            costs: vec![0.0; count],
            chances: vec![1.0; count],
            members: vec![None; count],
            sources: FxHashMap::default(),
            source_uses: Vec::new(),
            table: CheckTable::default(),
        }
    }

    /// Counts from how many places each node is used when the roots are evaluated for one event.
    pub(super) fn count_uses(&mut self, roots: &[Edge]) {
        let mut uses = vec![0; self.graph.nodes.len()];
        for root in roots {
            self.used(root.node(), Scope::Event, &mut uses);
        }
        // A parent stands behind its children, so when it is looked at its own uses are known.
        for index in (0..uses.len()).rev() {
            let node = &self.graph.nodes[index];
            if uses[index] > 0
                && let NodeKind::And(children) = &node.kind
            {
                children.iter().for_each(|child| self.used(child.node(), node.scope, &mut uses));
            }
        }
        self.uses.iter_mut().zip(uses).for_each(|(most, uses)| *most = uses.max(*most));
    }

    fn used(&mut self, node: usize, by: Scope, uses: &mut [u32]) {
        uses[node] += 1;
        self.boundary[node] |= self.graph.nodes[node].scope < by;
    }

    pub(super) fn write(mut self, roots: &[Edge]) -> (CheckTable, Vec<Program>) {
        self.families();
        for index in 0..self.graph.nodes.len() {
            if self.uses[index] > 0 {
                self.node(index);
            }
        }
        let mut written: FxHashMap<Edge, Program> = FxHashMap::default();
        let mut program = |root: &Edge| {
            *written.entry(*root).or_insert_with(|| Program { start: self.operations(*root, TRUE, FALSE) })
        };
        let programs = roots.iter().map(&mut program).collect();
        self.slots_of_values();
        (self.table, programs)
    }

    /// Finds the checks that are answered together.
    fn families(&mut self) {
        let graph = self.graph;
        let mut builder = FamilyBuilder::default();
        for (index, node) in graph.nodes.iter().enumerate() {
            if self.uses[index] > 0
                && node.scope > Scope::Constant
                && let NodeKind::Check(comparison) = &node.kind
            {
                builder.add(index, comparison);
            }
        }
        for (source, searches, members) in builder.finish() {
            let first = self.table.slots.family_words;
            let words = (members.len() as u32).div_ceil(64);
            let family = self.table.families.len() as u32;
            for (bit, index) in (0..).zip(members) {
                self.members[index] = Some(Member { family, word: first + bit / 64, bit: bit % 64 });
            }
            let source = self.source(source);
            self.table.families.push(Family { source, first, words, searches });
            self.table.slots.family_words += words;
        }
    }

    /// Makes the check that stands for a node, if there must be one. Its children have been here before.
    fn node(&mut self, index: usize) {
        let node = &self.graph.nodes[index];
        let mut remembered = self.uses[index] > 1 || self.boundary[index];
        let (kind, comparison) = match &node.kind {
            NodeKind::True => return,
            NodeKind::Check(comparison) => {
                let (kind, cost) = match self.members[index] {
                    Some(member) => (CheckKind::Member(member), self.member_cost(member, &comparison.source)),
                    None => self.comparison(comparison),
                };
                self.costs[index] = cost as f32;
                self.chances[index] = chance(&comparison.test);
                (kind, Some(comparison.clone()))
            }
            NodeKind::And(children) => {
                let children = self.in_order(children);
                self.chances[index] = 1.0;
                let mut most = 0.0;
                for child in &children {
                    most += self.cost(child.node());
                    self.costs[index] += self.chances[index] * self.cost(child.node());
                    self.chances[index] *= self.chance(*child);
                }
                remembered &= self.boundary[index] || most > CHEAP;
                if !remembered {
                    return;
                }
                let start = self.conjunction(&children, TRUE, FALSE);
                (CheckKind::Group { start }, None)
            }
        };
        let memory = match self.members[index] {
            // The family remembers for the event.
            Some(member) if !remembered || node.scope == Scope::Event => Memory::Family(member),
            _ if remembered => self.memory(node.scope),
            _ => Memory::None,
        };
        self.ids[index] = Some(self.table.checks.len() as u32);
        self.table.checks.push(Check { kind, scope: node.scope, memory });
        self.table.comparisons.push(comparison);
    }

    /// A member costs less than a check alone, but its source may be dear all the same.
    fn member_cost(&self, member: Member, source: &Source) -> u32 {
        let family = self.table.families.get(member.family as usize);
        let search = family.map_or(0, |family| family.searches.iter().map(Search::cost).sum());
        // Others are likely to have asked before.
        1 + (search + self.source_cost(source)) / 4
    }

    fn memory(&mut self, scope: Scope) -> Memory {
        let Slots { event, constant, process, ancestry, .. } = &mut self.table.slots;
        let next = |slots: &mut u32| {
            *slots += 1;
            *slots - 1
        };
        match scope {
            Scope::Constant => Memory::Constant(next(constant)),
            Scope::Process => Memory::Process(next(process), next(event)),
            Scope::Ancestry => Memory::Ancestry(next(ancestry), next(event)),
            Scope::Event => Memory::Event(next(event)),
        }
    }

    fn comparison(&mut self, comparison: &'g Comparison) -> (CheckKind, u32) {
        let quantifier = comparison.quantifier;
        let source = self.source(&comparison.source);
        let cost = self.source_cost(&comparison.source);
        match (&comparison.test, Matcher::new(&comparison.test)) {
            (Test::Source(relation, right), _) => {
                let cost = cost + self.source_cost(right) + 8;
                let right = self.source(right);
                (CheckKind::Relate { left: source, quantifier, relation: *relation, right }, cost)
            }
            (_, matcher) => {
                let matcher = matcher.unwrap_or(Matcher::Nothing);
                let cost = cost + matcher.cost();
                (CheckKind::Compare { source, quantifier, matcher }, cost)
            }
        }
    }

    fn source(&mut self, source: &'g Source) -> SourceRef {
        let next = self.table.sources.len() as u32;
        let index = *self.sources.entry(source).or_insert(next);
        if index == next {
            self.table.sources.push(source.clone());
            self.source_uses.push(0);
        }
        self.source_uses[index as usize] += 1;
        SourceRef { index, slot: NO_SLOT }
    }

    fn source_cost(&self, source: &Source) -> u32 {
        match source {
            Source::Literal(_) => 0,
            Source::Field(field) => self.graph.fields.get(field).map_or(4, |known| known.cost),
            Source::Map(_, inner) | Source::Count(inner) => 8 + self.source_cost(inner),
            Source::List(list) | Source::Concat(list) => {
                8 + list.iter().map(|source| self.source_cost(source)).sum::<u32>()
            }
            Source::Join(a, b) | Source::Getopt { arguments: a, options: b, .. } => {
                20 + self.source_cost(a) + self.source_cost(b)
            }
        }
    }

    /// Gives a slot to every source that more than one check uses.
    fn slots_of_values(&mut self) {
        let next = &mut self.table.slots.value;
        let slots: Vec<u32> = self
            .source_uses
            .iter()
            .map(|uses| {
                let slot = if *uses > 1 { *next } else { NO_SLOT };
                *next += u32::from(*uses > 1);
                slot
            })
            .collect();
        for family in &mut self.table.families {
            family.source.slot = slots[family.source.index as usize];
        }
        for check in &mut self.table.checks {
            match &mut check.kind {
                CheckKind::Compare { source, .. } => source.slot = slots[source.index as usize],
                CheckKind::Relate { left, right, .. } => {
                    left.slot = slots[left.index as usize];
                    right.slot = slots[right.index as usize];
                }
                CheckKind::Group { .. } | CheckKind::Member(_) => {}
            }
        }
    }

    /// What a node costs where it is used.
    fn cost(&self, node: usize) -> f32 {
        let cost = self.costs[node];
        match self.graph.nodes[node].scope {
            // Often something changes somewhere among the ancestors.
            Scope::Ancestry if self.boundary[node] => 1.0 + cost / 2.0,
            _ if self.boundary[node] => 1.0,
            // Others may have asked before.
            _ if self.ids[node].is_some() && self.uses[node] > 1 => 1.0 + cost / self.uses[node] as f32,
            _ => cost,
        }
    }

    fn chance(&self, edge: Edge) -> f32 {
        let chance = self.chances[edge.node()];
        if edge.negated() { 1.0 - chance } else { chance }
    }

    /// The operations of an edge, with where to go on after either outcome. They are written last to first, so that
    /// targets are known.
    fn operations(&mut self, edge: Edge, then: Target, otherwise: Target) -> Target {
        let (then, otherwise) = if edge.negated() { (otherwise, then) } else { (then, otherwise) };
        if let Some(check) = self.ids[edge.node()] {
            let memory = self.table.checks[check as usize].memory;
            self.table.ops.push(Op { check, then, otherwise, memory });
            return self.table.ops.len() as Target - 1;
        }
        match &self.graph.nodes[edge.node()].kind {
            NodeKind::And(children) => self.conjunction(children, then, otherwise),
            _ => then,
        }
    }

    fn conjunction(&mut self, children: &[Edge], then: Target, otherwise: Target) -> Target {
        let children = self.in_order(children);
        children.into_iter().rev().fold(then, |next, child| self.operations(child, next, otherwise))
    }

    /// The parts of a conjunction in the order in which they are looked at: before all what the process decides for
    /// long.
    fn in_order(&self, children: &[Edge]) -> Vec<Edge> {
        let mut ranked: Vec<_> = children
            .iter()
            .map(|child| {
                let late = self.graph.nodes[child.node()].scope > Scope::Process;
                (late, rank(self.cost(child.node()), self.chance(*child)), *child)
            })
            .collect();
        ranked.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        ranked.into_iter().map(|(.., child)| child).collect()
    }
}

/// A group that costs no more is evaluated again rather than remembered for the event.
const CHEAP: f32 = 6.0;
