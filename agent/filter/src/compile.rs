//! Typed conditions to programs.
//!
//! All conditions of a rule set go into one graph of conjunctions, checks and negations, in which equal parts are one
//! node: a macro that forty rules use is there once. On the way in, checks get a canonical form, and alternatives on
//! one source become one check (`proc.name = a or proc.name = b` is a set; several `contains` one automaton). In a
//! conjunction, what depends on the process only is gathered in a node of its own, so that its outcome can be kept
//! while the process stays as it is. At the end the graph is written out as flat operations; parts that are used more
//! than once or can be kept become groups.

mod estimate;
mod write;

use rustc_hash::FxHashMap;

use crate::canonical::{self, Canonical};
use crate::program::{CheckTable, Program};
use crate::schema::{Field, Scope};
use crate::typed::{self, Comparison, Condition, FieldUse, Source};
use write::Writer;

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

    /// Whether the program at a position never holds.
    pub(crate) fn is_never(&self, position: usize) -> bool {
        self.roots.get(position) == Some(&Edge::FALSE)
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

#[cfg(test)]
mod tests;
