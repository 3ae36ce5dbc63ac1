//! Tests of values in the form that is run: literals turned into searchers, sets and automata.

mod glob;
mod path;
mod set;

use std::net::IpAddr;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use ipnet::IpNet;
use memchr::memmem::Finder;
use rustc_hash::FxHashSet;

pub(crate) use glob::{Glob, Simple};
use path::PathTree;
use set::{PrefixSet, SuffixSet, TextSet};

use crate::operator::Modifier;
use crate::regex::Regex;
use crate::typed::{BoolTest, IpTest, NetTest, NumberTest, Order, Test, TextTest};
use crate::value::Value;

/// A test that can be run on a value.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    /// Any value passes.
    Exists,
    Number(Order, i128),
    NumberIn(NumberSet),
    Bool(bool),
    Both,
    Text(Order, Box<[u8]>),
    TextIn(TextSet),
    Contains(Box<Finder<'static>>),
    /// Several needles, or one without regard to case.
    ContainsAny(Box<AhoCorasick>),
    StartsWith(Box<[u8]>),
    StartsWithAny(PrefixSet),
    EndsWith(Box<[u8]>),
    EndsWithAny(SuffixSet),
    Glob(Glob),
    Regex(Regex),
    Path(PathTree),
    Ip(bool, IpAddr),
    IpIn(Box<[IpAddr]>),
    Net(bool, IpNet),
    NetIn(Box<[IpNet]>),
    Modified(Modifier, Box<[Matcher]>),
    /// No value passes.
    Nothing,
}

/// A set of numbers.
#[derive(Clone, Debug)]
pub(crate) enum NumberSet {
    Few(Box<[i128]>),
    Many(FxHashSet<i128>),
}

impl NumberSet {
    fn new(members: &[i128]) -> Self {
        if members.len() <= 8 {
            NumberSet::Few(members.into())
        } else {
            NumberSet::Many(members.iter().copied().collect())
        }
    }

    fn contains(&self, value: i128) -> bool {
        match self {
            NumberSet::Few(members) => members.contains(&value),
            NumberSet::Many(members) => members.contains(&value),
        }
    }
}

impl Matcher {
    /// The form in which a test is run. A test against another source has none: `None`.
    pub(crate) fn new(test: &Test) -> Option<Matcher> {
        Some(match test {
            Test::Exists => Matcher::Exists,
            Test::Number(NumberTest::Order(order, value)) => Matcher::Number(*order, *value),
            Test::Number(NumberTest::In(values)) => Matcher::NumberIn(NumberSet::new(values)),
            Test::Bool(BoolTest::Eq(value)) => Matcher::Bool(*value),
            Test::Bool(BoolTest::Ne(value)) => Matcher::Bool(!value),
            Test::Bool(BoolTest::In(values)) => match (values.contains(&true), values.contains(&false)) {
                (true, true) => Matcher::Both,
                (true, false) => Matcher::Bool(true),
                (false, true) => Matcher::Bool(false),
                (false, false) => Matcher::Nothing,
            },
            Test::Ip(IpTest::Eq(value)) => Matcher::Ip(true, *value),
            Test::Ip(IpTest::Ne(value)) => Matcher::Ip(false, *value),
            Test::Ip(IpTest::In(values)) => Matcher::IpIn(values.clone()),
            Test::Net(NetTest::Eq(value)) => Matcher::Net(true, *value),
            Test::Net(NetTest::Ne(value)) => Matcher::Net(false, *value),
            Test::Net(NetTest::In(values)) => Matcher::NetIn(values.clone()),
            Test::Text(test) => text(test),
            Test::Modified(modifier, tests) => match any(*modifier, tests) {
                Some(matcher) => matcher,
                None => {
                    let matchers = tests.iter().map(Matcher::new).collect::<Option<_>>()?;
                    Matcher::Modified(*modifier, matchers)
                }
            },
            Test::Source(..) => return None,
        })
    }

    /// Whether a single value passes. One of another type than the test's never does.
    pub(crate) fn matches(&self, value: Value<'_>) -> bool {
        match self {
            Matcher::Exists => true,
            Matcher::Nothing => false,
            Matcher::Number(order, operand) => {
                compare_number(value, *operand).is_some_and(|o| order.holds(o))
            }
            Matcher::NumberIn(set) => whole_number(value).is_some_and(|value| set.contains(value)),
            Matcher::Bool(expected) => boolean(value) == Some(*expected),
            Matcher::Both => boolean(value).is_some(),
            Matcher::Ip(expected, operand) => match value {
                Value::Ip(address) => (address == *operand) == *expected,
                _ => false,
            },
            Matcher::IpIn(operands) => matches!(value, Value::Ip(address) if operands.contains(&address)),
            Matcher::Net(expected, operand) => match value {
                Value::Ip(address) => operand.contains(&address) == *expected,
                _ => false,
            },
            Matcher::NetIn(operands) => match value {
                Value::Ip(address) => operands.iter().any(|operand| operand.contains(&address)),
                _ => false,
            },
            Matcher::Modified(modifier, matchers) => {
                let mut passed = matchers.iter().filter(|matcher| matcher.matches(value));
                match modifier {
                    Modifier::AnyOf => passed.next().is_some(),
                    Modifier::AllOf => passed.count() == matchers.len(),
                    Modifier::OneOf => passed.next().is_some() && passed.next().is_none(),
                }
            }
            matcher => matches!(value, Value::Bytes(text) if matcher.matches_text(text)),
        }
    }

    fn matches_text(&self, text: &[u8]) -> bool {
        match self {
            Matcher::Text(Order::Eq, operand) => *text == **operand,
            Matcher::Text(Order::Ne, operand) => *text != **operand,
            Matcher::Text(order, operand) => order.holds(text.cmp(operand)),
            Matcher::TextIn(set) => set.contains(text),
            Matcher::Contains(finder) => finder.find(text).is_some(),
            Matcher::ContainsAny(needles) => needles.is_match(text),
            Matcher::StartsWith(operand) => text.starts_with(operand),
            Matcher::StartsWithAny(operands) => operands.begins(text),
            Matcher::EndsWith(operand) => text.ends_with(operand),
            Matcher::EndsWithAny(operands) => operands.ends(text),
            Matcher::Glob(glob) => glob.matches(text),
            Matcher::Regex(regex) => regex.matches(text),
            Matcher::Path(paths) => paths.matches(text),
            _ => false,
        }
    }

    /// How dear it is to run, roughly in steps.
    pub(crate) fn cost(&self) -> u32 {
        match self {
            Matcher::Text(..) | Matcher::StartsWith(_) | Matcher::EndsWith(_) => 2,
            Matcher::TextIn(_) | Matcher::NumberIn(_) | Matcher::IpIn(_) | Matcher::NetIn(_) => 3,
            Matcher::StartsWithAny(_) | Matcher::EndsWithAny(_) => 6,
            Matcher::Contains(_) => 8,
            Matcher::ContainsAny(_) | Matcher::Path(_) => 16,
            Matcher::Glob(_) => 20,
            Matcher::Regex(_) => 40,
            Matcher::Modified(_, matchers) => matchers.iter().map(Matcher::cost).sum(),
            _ => 1,
        }
    }
}

fn text(test: &TextTest) -> Matcher {
    match test {
        TextTest::Order(order, value) => Matcher::Text(*order, value.clone()),
        TextTest::In(values) => Matcher::TextIn(TextSet::new(values)),
        TextTest::Contains(needle) => Matcher::Contains(Box::new(Finder::new(needle).into_owned())),
        TextTest::IContains(needle) => needles(&[&**needle], true),
        TextTest::StartsWith(value) => Matcher::StartsWith(value.clone()),
        TextTest::EndsWith(value) => Matcher::EndsWith(value.clone()),
        TextTest::Glob(pattern) => Matcher::Glob(Glob::new(pattern, false)),
        TextTest::IGlob(pattern) => Matcher::Glob(Glob::new(pattern, true)),
        TextTest::Regex(regex) => Matcher::Regex(regex.clone()),
        TextTest::PMatch(paths) => Matcher::Path(PathTree::new(paths.iter().map(|path| &**path))),
    }
}

/// One search for many operands, where any of them will do and all are of a kind for which there is one.
fn any(modifier: Modifier, tests: &[Test]) -> Option<Matcher> {
    let Some(Test::Text(first)) = tests.first() else { return None };
    if modifier != Modifier::AnyOf {
        return None;
    }
    let operands: Vec<&[u8]> = tests
        .iter()
        .map(|test| match (first, test) {
            (TextTest::Contains(_), Test::Text(TextTest::Contains(operand)))
            | (TextTest::IContains(_), Test::Text(TextTest::IContains(operand)))
            | (TextTest::StartsWith(_), Test::Text(TextTest::StartsWith(operand)))
            | (TextTest::EndsWith(_), Test::Text(TextTest::EndsWith(operand))) => Some(&**operand),
            _ => None,
        })
        .collect::<Option<_>>()?;
    let owned = operands.iter().map(|operand| Box::from(*operand));
    Some(match first {
        TextTest::Contains(_) => needles(&operands, false),
        TextTest::IContains(_) => needles(&operands, true),
        TextTest::StartsWith(_) => Matcher::StartsWithAny(PrefixSet::new(owned)),
        _ => Matcher::EndsWithAny(SuffixSet::new(owned)),
    })
}

fn needles(needles: &[&[u8]], fold: bool) -> Matcher {
    let build = |kind| {
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(fold).kind(kind).build(needles)
    };
    // A full automaton is the fastest, and small for the few dozens of needles that conditions have.
    let total: usize = needles.iter().map(|needle| needle.len()).sum();
    let kind = if total <= 4096 { Some(AhoCorasickKind::DFA) } else { None };
    match build(kind) {
        Ok(automaton) => Matcher::ContainsAny(Box::new(automaton)),
        // Only gigabytes of needles cannot be built.
        Err(_) => Matcher::Nothing,
    }
}

fn whole_number(value: Value<'_>) -> Option<i128> {
    match value {
        Value::Int(value) => Some(value.into()),
        Value::UInt(value) => Some(value.into()),
        Value::Double(value) if value.fract() == 0.0 => Some(value as i128),
        _ => None,
    }
}

pub(crate) fn compare_number(value: Value<'_>, operand: i128) -> Option<std::cmp::Ordering> {
    match value {
        Value::Int(value) => Some(i128::from(value).cmp(&operand)),
        Value::UInt(value) => Some(i128::from(value).cmp(&operand)),
        Value::Double(value) => value.partial_cmp(&(operand as f64)),
        _ => None,
    }
}

fn boolean(value: Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(value),
        Value::UInt(value) => Some(value != 0),
        Value::Int(value) => Some(value != 0),
        _ => None,
    }
}
