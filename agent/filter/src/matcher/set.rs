//! Sets of byte strings: whether one of them is a value, or its beginning, or its end.

use rustc_hash::FxHashSet;

/// Whether a value is one of the set.
#[derive(Clone, Debug)]
pub(crate) struct TextSet {
    /// Bit `n` is set if a member has length `n`; the last bit stands for all greater lengths. Most values are
    /// refused by this alone.
    lengths: u64,
    members: Members,
}

#[derive(Clone, Debug)]
enum Members {
    Few(Box<[Box<[u8]>]>),
    Many(FxHashSet<Box<[u8]>>),
}

/// Up to this many members are compared one by one.
const FEW: usize = 4;

fn length_bit(text: &[u8]) -> u64 {
    1 << text.len().min(63)
}

impl TextSet {
    pub(crate) fn new(members: &[Box<[u8]>]) -> Self {
        let lengths = members.iter().fold(0, |bits, member| bits | length_bit(member));
        let members = if members.len() <= FEW {
            Members::Few(members.into())
        } else {
            Members::Many(members.iter().cloned().collect())
        };
        TextSet { lengths, members }
    }

    pub(crate) fn contains(&self, value: &[u8]) -> bool {
        self.lengths & length_bit(value) != 0
            && match &self.members {
                Members::Few(members) => members.iter().any(|member| **member == *value),
                Members::Many(members) => members.contains(value),
            }
    }
}

/// Whether a value begins with one of the set.
#[derive(Clone, Debug)]
pub(crate) struct PrefixSet {
    /// Sorted, none the beginning of another: so the last one that is not greater than a value is the only one that
    /// can be its beginning.
    prefixes: Box<[Box<[u8]>]>,
}

impl PrefixSet {
    pub(crate) fn new(prefixes: impl Iterator<Item = Box<[u8]>>) -> Self {
        let mut prefixes: Vec<_> = prefixes.collect();
        prefixes.sort_unstable();
        prefixes.dedup_by(|longer, shorter| longer.starts_with(shorter));
        PrefixSet { prefixes: prefixes.into() }
    }

    pub(crate) fn begins(&self, value: &[u8]) -> bool {
        let behind = self.prefixes.partition_point(|prefix| **prefix <= *value);
        behind > 0 && value.starts_with(&self.prefixes[behind - 1])
    }
}

/// Whether a value ends with one of the set.
#[derive(Clone, Debug)]
pub(crate) struct SuffixSet {
    /// As in [`PrefixSet`], but compared from the last byte to the first.
    suffixes: Box<[Box<[u8]>]>,
}

impl SuffixSet {
    pub(crate) fn new(suffixes: impl Iterator<Item = Box<[u8]>>) -> Self {
        let mut suffixes: Vec<_> = suffixes.collect();
        suffixes.sort_unstable_by(|a, b| a.iter().rev().cmp(b.iter().rev()));
        suffixes.dedup_by(|longer, shorter| longer.ends_with(shorter));
        SuffixSet { suffixes: suffixes.into() }
    }

    pub(crate) fn ends(&self, value: &[u8]) -> bool {
        let behind = self.suffixes.partition_point(|suffix| suffix.iter().rev().le(value.iter().rev()));
        behind > 0 && value.ends_with(&self.suffixes[behind - 1])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words() -> impl Strategy<Value = Vec<Box<[u8]>>> {
        prop::collection::vec("[ab]{0,4}", 0..9)
            .prop_map(|words| words.into_iter().map(|word| word.into_bytes().into()).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sets_do_as_a_search_through_all(words in words(), value in "[abc]{0,5}") {
            let value = value.as_bytes();
            prop_assert_eq!(TextSet::new(&words).contains(value), words.iter().any(|w| **w == *value));
            let prefixes = PrefixSet::new(words.iter().cloned());
            prop_assert_eq!(prefixes.begins(value), words.iter().any(|w| value.starts_with(w)));
            let suffixes = SuffixSet::new(words.iter().cloned());
            prop_assert_eq!(suffixes.ends(value), words.iter().any(|w| value.ends_with(w)));
        }
    }
}
