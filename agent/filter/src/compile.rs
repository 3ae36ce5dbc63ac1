//! Typed conditions to programs.
//!
//! All conditions of a rule set go into one graph of conjunctions, checks and negations, in which equal parts are one
//! node: a macro that forty rules use is there once. On the way in, checks get a canonical form, and alternatives on
//! one source become one check (`proc.name = a or proc.name = b` is a set; several `contains` one automaton). In a
//! conjunction, what depends on the process only is gathered in a node of its own, so that its outcome can be kept
//! while the process stays as it is. At the end the graph is written out as flat operations; parts that are used more
//! than once or can be kept become groups.

use rustc_hash::FxHashMap;

use crate::canonical::{self, Canonical};
use crate::matcher::Matcher;
use crate::program::{
    Check, CheckKind, CheckTable, FALSE, Memory, NO_SLOT, Op, Program, Slots, SourceRef, TRUE, Target,
};
use crate::schema::{Field, Scope};
use crate::typed::{self, Comparison, Condition, FieldUse, Source, Test};

/// Compiles conditions into one table.
#[derive(Default)]
pub struct Compiler {
    graph: Graph,
    roots: Vec<Edge>,
}

impl Compiler {
    /// An empty one.
    pub fn new() -> Self {
        Compiler::default()
    }

    /// Adds a condition. Its program is the one at the returned position of what [`Compiler::finish`] returns.
    pub fn add(&mut self, condition: &Condition) -> usize {
        self.add_with(condition, &mut std::iter::repeat(None))
    }

    /// Adds a condition of which the outcomes of some checks are known, in the order of the text.
    pub(crate) fn add_with(
        &mut self,
        condition: &Condition,
        outcomes: &mut dyn Iterator<Item = Option<bool>>,
    ) -> usize {
        for (field, known) in &condition.fields {
            self.graph.fields.entry(field.clone()).or_insert_with(|| known.clone());
        }
        let root = self.graph.condition(&condition.root, outcomes);
        self.roots.push(root);
        self.roots.len() - 1
    }

    /// The table and the programs, in the order in which their conditions were added.
    pub fn finish(self) -> (CheckTable, Vec<Program>) {
        let all: Vec<usize> = (0..self.roots.len()).collect();
        self.finish_for(&[all])
    }

    /// The same, where not all programs are evaluated for the same event: each set of positions is evaluated
    /// together. Remembering what is used once in each set would be in vain.
    pub(crate) fn finish_for(self, together: &[Vec<usize>]) -> (CheckTable, Vec<Program>) {
        let mut writer = Writer::new(&self.graph);
        for positions in together {
            let mut roots: Vec<Edge> = positions.iter().map(|position| self.roots[*position]).collect();
            roots.sort_unstable();
            writer.count_uses(&roots);
        }
        let (mut table, programs) = writer.write(&self.roots);
        table.fields = self.graph.fields;
        (table, programs)
    }
}

/// A node of the graph, or its negation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
struct Edge(u32);

impl Edge {
    /// Node 0 is what always holds.
    const TRUE: Edge = Edge(0);
    const FALSE: Edge = Edge(1);

    fn to(node: usize) -> Self {
        Edge((node as u32) << 1)
    }

    fn node(self) -> usize {
        (self.0 >> 1) as usize
    }

    fn negated(self) -> bool {
        self.0 & 1 == 1
    }

    fn not(self) -> Self {
        Edge(self.0 ^ 1)
    }
}

enum NodeKind {
    True,
    Check(Comparison),
    And(Box<[Edge]>),
}

struct Node {
    kind: NodeKind,
    scope: Scope,
}

struct Graph {
    /// Children stand before their parents.
    nodes: Vec<Node>,
    checks: FxHashMap<Comparison, usize>,
    conjunctions: FxHashMap<Box<[Edge]>, usize>,
    fields: FxHashMap<Field, FieldUse>,
}

impl Default for Graph {
    fn default() -> Self {
        Graph {
            nodes: vec![Node { kind: NodeKind::True, scope: Scope::Constant }],
            checks: FxHashMap::default(),
            conjunctions: FxHashMap::default(),
            fields: FxHashMap::default(),
        }
    }
}

impl Graph {
    fn condition(&mut self, node: &typed::Node, outcomes: &mut dyn Iterator<Item = Option<bool>>) -> Edge {
        match node {
            typed::Node::And(children) => self.all_of(children, false, outcomes),
            typed::Node::Or(children) => self.all_of(children, true, outcomes).not(),
            typed::Node::Not(child) => self.condition(child, outcomes).not(),
            typed::Node::Check(comparison) => self.comparison(comparison, outcomes.next().flatten()),
        }
    }

    /// The conjunction of conditions, or of their negations.
    fn all_of(
        &mut self,
        children: &[typed::Node],
        negated: bool,
        outcomes: &mut dyn Iterator<Item = Option<bool>>,
    ) -> Edge {
        let mut edges = Vec::with_capacity(children.len());
        for child in children {
            let edge = self.condition(child, outcomes);
            edges.push(if negated { edge.not() } else { edge });
        }
        self.and(edges)
    }

    fn comparison(&mut self, comparison: &Comparison, outcome: Option<bool>) -> Edge {
        let outcome = outcome.or_else(|| match &comparison.source {
            Source::Field(field) => canonical::bounded(&comparison.test, self.fields.get(field)?.at_least?),
            _ => None,
        });
        match (outcome, canonical::canonical(comparison)) {
            (Some(true), _) | (None, Canonical::Always(true)) => Edge::TRUE,
            (Some(false), _) | (None, Canonical::Always(false)) => Edge::FALSE,
            (None, Canonical::Check(comparison)) => self.check(comparison),
        }
    }

    fn check(&mut self, comparison: Comparison) -> Edge {
        if let Some(node) = self.checks.get(&comparison) {
            return Edge::to(*node);
        }
        let node = self.nodes.len();
        self.nodes.push(Node { scope: comparison.scope(), kind: NodeKind::Check(comparison.clone()) });
        self.checks.insert(comparison, node);
        Edge::to(node)
    }

    /// The conjunction of edges.
    fn and(&mut self, mut edges: Vec<Edge>) -> Edge {
        self.merge(&mut edges);
        edges.sort_unstable();
        edges.dedup();
        edges.retain(|edge| *edge != Edge::TRUE);
        let contradicts = |pair: &[Edge]| pair[0].not() == pair[1];
        if edges.first() == Some(&Edge::FALSE) || edges.windows(2).any(contradicts) {
            return Edge::FALSE;
        }
        self.gather(&mut edges, |scope| scope <= Scope::Process);
        self.gather(&mut edges, |scope| scope == Scope::Ancestry);
        self.conjunction(edges)
    }

    /// Makes what has such a scope one edge, if there is something else.
    fn gather(&mut self, edges: &mut Vec<Edge>, such: fn(Scope) -> bool) {
        let (within, beyond): (Vec<_>, Vec<_>) =
            edges.iter().partition(|edge| such(self.nodes[edge.node()].scope));
        if within.len() < 2 || beyond.is_empty() {
            return;
        }
        *edges = beyond;
        edges.push(self.conjunction(within));
        edges.sort_unstable();
    }

    fn conjunction(&mut self, edges: Vec<Edge>) -> Edge {
        match edges[..] {
            [] => return Edge::TRUE,
            [edge] => return edge,
            _ => {}
        }
        let key: Box<[Edge]> = edges.into();
        if let Some(node) = self.conjunctions.get(&key) {
            return Edge::to(*node);
        }
        let scope = key.iter().map(|edge| self.nodes[edge.node()].scope).max().unwrap_or(Scope::Constant);
        let node = self.nodes.len();
        self.nodes.push(Node { kind: NodeKind::And(key.clone()), scope });
        self.conjunctions.insert(key, node);
        Edge::to(node)
    }

    /// Replaces negated checks on one source, which together are the negation of alternatives, by one.
    fn merge(&mut self, edges: &mut [Edge]) {
        if edges.iter().filter(|edge| edge.negated()).count() < 2 {
            return;
        }
        let mut groups: FxHashMap<_, Vec<usize>> = FxHashMap::default();
        for (index, edge) in edges.iter().enumerate() {
            if edge.negated()
                && let NodeKind::Check(comparison) = &self.nodes[edge.node()].kind
                && let Some(kind) = canonical::merge_kind(comparison)
            {
                groups.entry((&comparison.source, kind)).or_default().push(index);
            }
        }
        // The order of a hash map must not show in the program.
        let mut groups: Vec<_> = groups.into_values().filter(|group| group.len() > 1).collect();
        groups.sort_unstable();
        let merged: Vec<_> = groups
            .iter()
            .map(|group| {
                let parts = group.iter().filter_map(|index| match &self.nodes[edges[*index].node()].kind {
                    NodeKind::Check(comparison) => Some(comparison),
                    _ => None,
                });
                canonical::merge(parts)
            })
            .collect();
        for (group, comparison) in groups.into_iter().zip(merged) {
            if let Some(comparison) = comparison {
                let edge = self.check(comparison).not();
                group.into_iter().for_each(|index| edges[index] = edge);
            }
        }
    }
}

/// Writes the part of a graph that roots can reach as a table.
struct Writer<'g> {
    graph: &'g Graph,
    /// By node: from how many places it is used, and whether a place that it does not share its scope with does.
    uses: Vec<u32>,
    boundary: Vec<bool>,
    /// By node: the check that stands for it.
    ids: Vec<Option<u32>>,
    costs: Vec<u32>,
    sources: FxHashMap<&'g Source, u32>,
    source_uses: Vec<u32>,
    table: CheckTable,
}

impl<'g> Writer<'g> {
    fn new(graph: &'g Graph) -> Self {
        let count = graph.nodes.len();
        Writer {
            graph,
            uses: vec![0; count],
            boundary: vec![false; count],
            ids: vec![None; count],
            costs: vec![0; count],
            sources: FxHashMap::default(),
            source_uses: Vec::new(),
            table: CheckTable::default(),
        }
    }

    /// Counts from how many places each node is used when the roots are evaluated for one event.
    fn count_uses(&mut self, roots: &[Edge]) {
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

    fn write(mut self, roots: &[Edge]) -> (CheckTable, Vec<Program>) {
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

    /// Makes the check that stands for a node, if there must be one. Its children have been here before.
    fn node(&mut self, index: usize) {
        let node = &self.graph.nodes[index];
        let mut remembered = self.uses[index] > 1 || self.boundary[index];
        let (kind, comparison) = match &node.kind {
            NodeKind::True => return,
            NodeKind::Check(comparison) => {
                let (kind, cost) = self.comparison(comparison);
                self.costs[index] = cost;
                (kind, Some(comparison.clone()))
            }
            NodeKind::And(children) => {
                let costs = children.iter().map(|child| self.cost(child.node()));
                self.costs[index] = costs.fold(0, u32::saturating_add);
                remembered &= self.boundary[index] || self.costs[index] > CHEAP;
                if !remembered {
                    return;
                }
                let start = self.conjunction(children, TRUE, FALSE);
                (CheckKind::Group { start }, None)
            }
        };
        let memory = if remembered { self.memory(node.scope) } else { Memory::None };
        self.ids[index] = Some(self.table.checks.len() as u32);
        self.table.checks.push(Check { kind, scope: node.scope, memory });
        self.table.comparisons.push(comparison);
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
        for check in &mut self.table.checks {
            match &mut check.kind {
                CheckKind::Compare { source, .. } => source.slot = slots[source.index as usize],
                CheckKind::Relate { left, right, .. } => {
                    left.slot = slots[left.index as usize];
                    right.slot = slots[right.index as usize];
                }
                CheckKind::Group { .. } => {}
            }
        }
    }

    /// What a node costs where it is used.
    fn cost(&self, node: usize) -> u32 {
        if self.boundary[node] { 1 } else { self.costs[node] }
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

    /// Cheap children come first, what is remembered longest before all.
    fn conjunction(&mut self, children: &[Edge], then: Target, otherwise: Target) -> Target {
        let mut children = children.to_vec();
        children.sort_by_key(|child| (self.graph.nodes[child.node()].scope, self.cost(child.node())));
        children.into_iter().rev().fold(then, |next, child| self.operations(child, next, otherwise))
    }
}

/// A group that costs no more is evaluated again rather than remembered for the event.
const CHEAP: u32 = 12;

#[cfg(test)]
mod tests;
