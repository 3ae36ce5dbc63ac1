//! Checks on one source, answered together: however many rules ask whether `fd.name` is this or begins with that, the
//! first that asks finds out for all.

use std::collections::BTreeMap;

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
    pub(crate) searches: Box<[Search]>,
}

/// The place of a check in a family.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Member {
    pub(crate) family: u32,
    /// Counted over all families.
    pub(crate) word: u32,
    /// Of the word.
    pub(crate) bit: u32,
}

/// Which of some members of a family hold.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Word {
    /// For which the family was asked.
    pub(crate) generation: u32,
    pub(crate) bits: u64,
}

impl Word {
    #[inline]
    pub(crate) fn has(&self, bit: u32) -> bool {
        self.bits >> (bit % 64) & 1 == 1
    }
}

/// What members ask for, and which do.
type Operand = (Box<[u8]>, Box<[u32]>);

/// Finds the members of one kind that a text satisfies.
#[derive(Clone, Debug)]
pub(crate) enum Search {
    /// A handful of operands, compared one by one.
    EqualFew(Box<[Operand]>),
    Equal(Sieve, FxHashMap<Box<[u8]>, Box<[u32]>>),
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

/// Sorts checks into families.
#[derive(Default)]
pub(crate) struct FamilyBuilder<'c> {
    families: Vec<(&'c Source, Vec<Asked<'c>>)>,
    /// By source, and whether it is about [`Kind::Contains`].
    by_source: FxHashMap<(&'c Source, bool), usize>,
}

/// A check.
struct Asked<'c> {
    /// What the caller knows it by.
    number: usize,
    kind: Kind,
    operands: Vec<&'c [u8]>,
}

/// Fewer members than this are better asked one by one.
const LEAST: usize = 2;
/// Single needles are searched for with vector instructions, which an automaton cannot have.
const LEAST_CONTAINS: usize = 8;

impl<'c> FamilyBuilder<'c> {
    /// Takes a check, if it is of a kind that has families. `number` is what the caller knows it by.
    pub(crate) fn add(&mut self, number: usize, comparison: &'c Comparison) {
        if comparison.quantifier != Quantifier::Any {
            return;
        }
        let Some((kind, operands)) = operands(&comparison.test) else { return };
        let next = self.families.len();
        // The others cost so little that they are answered at once.
        let key = (&comparison.source, kind == Kind::Contains);
        let family = *self.by_source.entry(key).or_insert(next);
        if family == next {
            self.families.push((&comparison.source, Vec::new()));
        }
        self.families[family].1.push(Asked { number, kind, operands });
    }

    /// The families that are worth it: source, searches, and the numbers of the members in the order of their bits.
    pub(crate) fn finish(self) -> impl Iterator<Item = (&'c Source, Box<[Search]>, Vec<usize>)> {
        self.families.into_iter().filter_map(|(source, members)| {
            let contains = members.first()?.kind == Kind::Contains;
            if members.len() < if contains { LEAST_CONTAINS } else { LEAST } {
                return None;
            }
            let mut by_kind: BTreeMap<Kind, BTreeMap<&[u8], Vec<u32>>> = BTreeMap::new();
            for (bit, asked) in (0..).zip(&members) {
                let by_operand = by_kind.entry(asked.kind).or_default();
                for operand in &asked.operands {
                    by_operand.entry(operand).or_default().push(bit);
                }
            }
            let searches = by_kind.into_iter().map(|(kind, by_operand)| {
                let operands = by_operand.into_iter().map(|(operand, bits)| (operand.into(), bits.into()));
                Search::new(kind, operands.collect())
            });
            let searches = searches.collect::<Option<_>>()?;
            Some((source, searches, members.into_iter().map(|asked| asked.number).collect()))
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
    /// Of sorted operands.
    fn new(kind: Kind, operands: Vec<Operand>) -> Option<Self> {
        Some(match kind {
            Kind::Equal if operands.len() <= 4 => Search::EqualFew(operands.into()),
            Kind::Equal => {
                let sieve = Sieve::new(operands.iter().map(|(operand, _)| &**operand));
                Search::Equal(sieve, operands.into_iter().collect())
            }
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
    pub(crate) fn mark(&self, text: &[u8], words: &mut [Word]) {
        match self {
            Search::EqualFew(operands) => {
                for (operand, bits) in operands {
                    if **operand == *text {
                        set(bits, words);
                    }
                }
            }
            Search::Equal(sieve, members) => {
                if sieve.may_have(text)
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

    /// What it costs, roughly in steps.
    pub(crate) fn cost(&self) -> u32 {
        match self {
            Search::Contains(..) => 12,
            _ => 5,
        }
    }
}

/// Knows of most texts that they are not in a set, from their length and two bytes.
#[derive(Clone, Debug)]
pub(crate) struct Sieve([u64; 16]);

impl Sieve {
    fn new<'t>(texts: impl Iterator<Item = &'t [u8]>) -> Self {
        let mut bits = [0; 16];
        for text in texts {
            let (word, bit) = Self::place(text);
            bits[word] |= 1 << bit;
        }
        Sieve(bits)
    }

    #[inline]
    fn place(text: &[u8]) -> (usize, usize) {
        let middle = text.get(text.len() / 2).copied().unwrap_or(0);
        let last = text.last().copied().unwrap_or(0);
        let hash = text.len() * 37 + usize::from(middle) * 11 + usize::from(last);
        (hash / 64 % 16, hash % 64)
    }

    #[inline]
    fn may_have(&self, text: &[u8]) -> bool {
        let (word, bit) = Self::place(text);
        self.0[word] >> bit & 1 == 1
    }
}

#[inline]
fn set(bits: &[u32], words: &mut [Word]) {
    for bit in bits {
        if let Some(word) = words.get_mut(*bit as usize / 64) {
            word.bits |= 1 << (bit % 64);
        }
    }
}

/// Prefixes, with common beginnings kept once.
#[derive(Clone, Debug)]
pub(crate) struct Trie {
    nodes: Vec<TrieNode>,
}

#[derive(Clone, Debug, Default)]
struct TrieNode {
    /// What stands between the parent and this.
    label: Box<[u8]>,
    /// Who asks for the prefix that ends here.
    members: Box<[u32]>,
    /// By the first byte of their label.
    children: Box<[(u8, u32)]>,
    /// Which bytes those are: mostly there is no child to look for.
    begins: [u64; 4],
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
        self.nodes.push(TrieNode { label: label.into(), ..TrieNode::default() });
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
        for (byte, _) in &children {
            self.nodes[node].begins[usize::from(*byte / 64)] |= 1 << (byte % 64);
        }
        self.nodes[node].children = children.into();
        node as u32
    }

    fn mark(&self, text: &[u8], words: &mut [Word]) {
        let mut rest = text;
        let mut node = self.nodes.first();
        while let Some(here) = node {
            set(&here.members, words);
            let Some(first) = rest.first() else { return };
            if here.begins[usize::from(*first / 64)] >> (first % 64) & 1 == 0 {
                return;
            }
            let Some((_, child)) = here.children.iter().find(|(byte, _)| byte == first) else { return };
            let Some(child) = self.nodes.get(*child as usize) else { return };
            // Most differ soon, so this is cheaper than a call.
            let label = &*child.label;
            if label.len() > rest.len() || label.iter().zip(rest).any(|(a, b)| a != b) {
                return;
            }
            rest = &rest[label.len()..];
            node = Some(child);
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
                let mut words = [Word::default(); 2];
                search.mark(text, &mut words);
                for (bit, operands) in members.iter().enumerate() {
                    let expected = operands.iter().any(|operand| match kind {
                        Kind::Equal => operand == text,
                        Kind::StartsWith => text.starts_with(operand),
                        Kind::EndsWith => text.ends_with(operand),
                        Kind::Contains => memchr::memmem::find(text, operand).is_some(),
                    });
                    prop_assert_eq!(words[bit / 64].has(bit as u32), expected, "{:?} {:?}", kind, operands);
                }
            }
        }
    }
}
