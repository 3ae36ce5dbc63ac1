//! Checks of one kind on one source, answered together: however many rules ask whether `fd.name` is this or begins
//! with that, the first that asks finds out for all.

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use rustc_hash::FxHashMap;

use crate::operator::Modifier;
use crate::typed::{Comparison, Order, Quantifier, Source, Test, TextTest};

/// Checks that are answered together.
#[derive(Clone, Debug)]
pub(crate) struct Family {
    pub(crate) source: crate::program::SourceRef,
    /// Where its words begin among those of all families, and how many there are: one bit for each member.
    pub(crate) first: u32,
    pub(crate) words: u32,
    pub(crate) search: Search,
}

/// The place of a check in a family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Member {
    pub(crate) family: u32,
    /// Counted over the words of all families.
    pub(crate) bit: u32,
}

/// What members ask for, and which do.
type Operand = (Box<[u8]>, Box<[u32]>);

/// Finds the members that a text satisfies.
#[derive(Clone, Debug)]
pub(crate) enum Search {
    /// A handful of operands, compared one by one.
    EqualFew(Box<[Operand]>),
    Equal {
        /// Bit `n` is set if an operand has length `n`; the last bit stands for all greater lengths.
        lengths: u64,
        members: FxHashMap<Box<[u8]>, Box<[u32]>>,
    },
    StartsWith(Trie),
    /// By last byte, sorted.
    EndsWith(Vec<Operand>),
    Contains(Box<AhoCorasick>, Vec<Box<[u32]>>),
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
enum Kind {
    Equal,
    StartsWith,
    EndsWith,
    Contains,
}

impl Kind {
    /// Fewer members than this are better asked one by one.
    fn least_members(self) -> usize {
        match self {
            Kind::Equal | Kind::StartsWith => 2,
            Kind::EndsWith => 3,
            // Single needles are searched for with vector instructions, which an automaton cannot have.
            Kind::Contains => 8,
        }
    }
}

/// What the caller knows a check by, and what it asks for.
type Asked<'c> = (usize, Vec<&'c [u8]>);

/// Sorts checks into families.
#[derive(Default)]
pub(crate) struct FamilyBuilder<'c> {
    families: Vec<(&'c Source, Kind, Vec<Asked<'c>>)>,
    by_source: FxHashMap<(&'c Source, Kind), usize>,
}

impl<'c> FamilyBuilder<'c> {
    /// Takes a check, if it is of a kind that has families. `number` is what the caller knows it by.
    pub(crate) fn add(&mut self, number: usize, comparison: &'c Comparison) {
        if comparison.quantifier != Quantifier::Any {
            return;
        }
        let Some((kind, operands)) = operands(&comparison.test) else { return };
        let next = self.families.len();
        let family = *self.by_source.entry((&comparison.source, kind)).or_insert(next);
        if family == next {
            self.families.push((&comparison.source, kind, Vec::new()));
        }
        self.families[family].2.push((number, operands));
    }

    /// The families that are worth it: source, search, and the numbers of the members in the order of their bits.
    pub(crate) fn finish(self) -> impl Iterator<Item = (&'c Source, Search, Vec<usize>)> {
        self.families
            .into_iter()
            .filter(|(_, kind, members)| members.len() >= kind.least_members())
            .filter_map(|(source, kind, members)| {
                let mut by_operand: FxHashMap<&[u8], Vec<u32>> = FxHashMap::default();
                for (bit, (_, operands)) in members.iter().enumerate() {
                    operands
                        .iter()
                        .for_each(|operand| by_operand.entry(operand).or_default().push(bit as u32));
                }
                let mut operands: Vec<Operand> =
                    by_operand.into_iter().map(|(operand, bits)| (operand.into(), bits.into())).collect();
                operands.sort_unstable();
                Some((
                    source,
                    Search::new(kind, operands)?,
                    members.into_iter().map(|(number, _)| number).collect(),
                ))
            })
    }
}

/// The kind of a test, and what it asks for.
fn operands(test: &Test) -> Option<(Kind, Vec<&[u8]>)> {
    fn single(test: &Test) -> Option<(Kind, &[u8])> {
        Some(match test {
            Test::Text(TextTest::Order(Order::Eq, operand)) => (Kind::Equal, operand),
            Test::Text(TextTest::StartsWith(operand)) => (Kind::StartsWith, operand),
            Test::Text(TextTest::EndsWith(operand)) => (Kind::EndsWith, operand),
            Test::Text(TextTest::Contains(operand)) => (Kind::Contains, operand),
            _ => return None,
        })
    }
    match test {
        Test::Text(TextTest::In(operands)) => Some((Kind::Equal, operands.iter().map(|o| &**o).collect())),
        Test::Modified(Modifier::AnyOf, tests) => {
            let (kind, _) = single(tests.first()?)?;
            let operands =
                tests.iter().map(|test| single(test).filter(|(own, _)| *own == kind).map(|(_, o)| o));
            Some((kind, operands.collect::<Option<_>>()?))
        }
        test => single(test).map(|(kind, operand)| (kind, vec![operand])),
    }
}

impl Search {
    fn new(kind: Kind, operands: Vec<Operand>) -> Option<Self> {
        Some(match kind {
            Kind::Equal if operands.len() <= 4 => Search::EqualFew(operands.into()),
            Kind::Equal => Search::Equal {
                lengths: operands.iter().fold(0, |bits, (operand, _)| bits | length_bit(operand)),
                members: operands.into_iter().collect(),
            },
            Kind::StartsWith => Search::StartsWith(Trie::new(&operands)),
            Kind::EndsWith => {
                let mut operands = operands;
                operands.sort_by_key(|(operand, _)| operand.last().copied());
                Search::EndsWith(operands)
            }
            Kind::Contains => {
                let total: usize = operands.iter().map(|(operand, _)| operand.len()).sum();
                let kind = if total <= 4096 { Some(AhoCorasickKind::DFA) } else { None };
                let needles = operands.iter().map(|(operand, _)| operand);
                let automaton = AhoCorasick::builder().kind(kind).prefilter(false).build(needles).ok()?;
                Search::Contains(Box::new(automaton), operands.into_iter().map(|(_, bits)| bits).collect())
            }
        })
    }

    /// Sets the bits of the members that `text` satisfies.
    pub(crate) fn mark(&self, text: &[u8], words: &mut [u64]) {
        match self {
            Search::EqualFew(operands) => {
                for (operand, bits) in operands {
                    if **operand == *text {
                        set(bits, words);
                    }
                }
            }
            Search::Equal { lengths, members } => {
                if lengths & length_bit(text) != 0
                    && let Some(bits) = members.get(text)
                {
                    set(bits, words);
                }
            }
            Search::StartsWith(trie) => trie.mark(text, words),
            Search::EndsWith(operands) => {
                let last = text.last().copied();
                let from = operands.partition_point(|(operand, _)| operand.last().copied() < last);
                let same = operands[from..].iter().take_while(|(operand, _)| operand.last().copied() == last);
                // One that is empty is at the end of every text.
                let empty = operands.iter().take_while(|(operand, _)| operand.is_empty() && last.is_some());
                for (operand, bits) in same.chain(empty) {
                    if text.ends_with(operand) {
                        set(bits, words);
                    }
                }
            }
            Search::Contains(automaton, members) => {
                for found in automaton.find_overlapping_iter(text) {
                    if let Some(bits) = members.get(found.pattern().as_usize()) {
                        set(bits, words);
                    }
                }
            }
        }
    }

    /// What a member costs, roughly in steps: less than alone.
    pub(crate) fn cost(&self) -> u32 {
        match self {
            Search::EqualFew(_) => 4,
            Search::Equal { .. } => 5,
            Search::StartsWith(_) | Search::EndsWith(_) => 6,
            Search::Contains(..) => 12,
        }
    }
}

fn length_bit(text: &[u8]) -> u64 {
    1 << text.len().min(63)
}

#[inline]
fn set(bits: &[u32], words: &mut [u64]) {
    for bit in bits {
        if let Some(word) = words.get_mut(*bit as usize / 64) {
            *word |= 1 << (bit % 64);
        }
    }
}

/// Prefixes, with common beginnings kept once.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    nodes: Vec<TrieNode>,
}

#[derive(Clone, Debug)]
struct TrieNode {
    /// What stands between the parent and this.
    label: Box<[u8]>,
    /// Who asks for the prefix that ends here.
    members: Box<[u32]>,
    /// By the first byte of their label, sorted.
    children: Box<[(u8, u32)]>,
}

impl Trie {
    /// Of sorted prefixes.
    fn new(prefixes: &[Operand]) -> Self {
        let mut trie = Trie { nodes: Vec::new() };
        trie.add(prefixes, 0, &[]);
        trie
    }

    /// Adds the node of prefixes that share their first `depth` bytes, the last of which are its label.
    fn add(&mut self, prefixes: &[Operand], depth: usize, label: &[u8]) -> u32 {
        let node = self.nodes.len();
        self.nodes.push(TrieNode { label: label.into(), members: Box::default(), children: Box::default() });
        let mut rest = prefixes;
        if let Some(((prefix, members), behind)) = prefixes.split_first()
            && prefix.len() == depth
        {
            self.nodes[node].members = members.clone();
            rest = behind;
        }
        let mut children = Vec::new();
        for same in rest.chunk_by(|(a, _), (b, _)| a[depth] == b[depth]) {
            let (first, last) = (&same[0].0, &same[same.len() - 1].0);
            // They are sorted, so what the first and the last share, all do.
            let shared = first.iter().zip(last.iter()).take_while(|(a, b)| a == b).count();
            let label = first[depth..shared].to_vec();
            children.push((first[depth], self.add(same, shared, &label)));
        }
        self.nodes[node].children = children.into();
        node as u32
    }

    fn mark(&self, text: &[u8], words: &mut [u64]) {
        let mut rest = text;
        let mut node = self.nodes.first();
        while let Some(here) = node {
            set(&here.members, words);
            let Some(first) = rest.first() else { return };
            let Some((_, child)) = here.children.iter().find(|(byte, _)| byte == first) else { return };
            node = self.nodes.get(*child as usize).filter(|child| rest.starts_with(&child.label));
            rest = &rest[node.map_or(0, |child| child.label.len())..];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_family_answers_as_its_members_would(
            members in prop::collection::vec(prop::collection::vec("[ab/]{0,4}", 1..4), 1..70),
            text in "[abc/]{0,6}",
        ) {
            let members: Vec<Vec<Vec<u8>>> =
                members.into_iter().map(|m| m.into_iter().map(String::into_bytes).collect()).collect();
            let mut by_operand: FxHashMap<Vec<u8>, Vec<u32>> = FxHashMap::default();
            for (bit, operands) in members.iter().enumerate() {
                for operand in operands {
                    by_operand.entry(operand.clone()).or_default().push(bit as u32);
                }
            }
            let mut operands: Vec<Operand> =
                by_operand.into_iter().map(|(operand, bits)| (operand.into(), bits.into())).collect();
            operands.sort_unstable();
            let text = text.as_bytes();
            for kind in [Kind::Equal, Kind::StartsWith, Kind::EndsWith, Kind::Contains] {
                let search = Search::new(kind, operands.clone()).unwrap();
                let mut words = [0u64; 2];
                search.mark(text, &mut words);
                for (bit, operands) in members.iter().enumerate() {
                    let expected = operands.iter().any(|operand| match kind {
                        Kind::Equal => operand == text,
                        Kind::StartsWith => text.starts_with(operand),
                        Kind::EndsWith => text.ends_with(operand),
                        Kind::Contains => memchr::memmem::find(text, operand).is_some(),
                    });
                    prop_assert_eq!(words[bit / 64] >> (bit % 64) & 1 == 1, expected, "{:?} {:?}", kind, operands);
                }
            }
        }
    }
}
