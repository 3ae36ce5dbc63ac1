//! One form for comparisons that mean the same, so that they are one check; and one comparison for alternatives on
//! one source.

use crate::matcher::{Glob, Simple};
use crate::operator::Modifier;
use crate::typed::{Comparison, IpTest, NetTest, NumberTest, Order, Quantifier, Source, Test, TextTest};

/// The form of a comparison, or its outcome if that does not depend on the event.
pub(crate) enum Canonical {
    Always(bool),
    Check(Comparison),
}

/// Finds the form of a comparison.
pub(crate) fn canonical(comparison: &Comparison) -> Canonical {
    match test(&comparison.test, comparison.quantifier) {
        Some(test) => Canonical::Check(Comparison {
            test,
            source: comparison.source.clone(),
            quantifier: comparison.quantifier,
        }),
        None => Canonical::Always(false),
    }
}

/// The outcome of a test of a number that is never less than `least`, where that decides it.
pub(crate) fn bounded(test: &Test, least: i128) -> Option<bool> {
    match test {
        Test::Exists => Some(true),
        Test::Number(NumberTest::Order(Order::Eq, value)) if *value < least => Some(false),
        Test::Number(NumberTest::Order(Order::Ne, value)) if *value < least => Some(true),
        Test::Number(NumberTest::Order(Order::Lt, value)) if *value <= least => Some(false),
        Test::Number(NumberTest::Order(Order::Le, value)) if *value < least => Some(false),
        Test::Number(NumberTest::Order(Order::Gt, value)) if *value < least => Some(true),
        Test::Number(NumberTest::Order(Order::Ge, value)) if *value <= least => Some(true),
        Test::Number(NumberTest::In(values)) if values.iter().all(|value| *value < least) => Some(false),
        _ => None,
    }
}

/// `None` for a test that nothing passes.
fn test(shown: &Test, quantifier: Quantifier) -> Option<Test> {
    // Of a list, `in ()` is true when it is empty.
    let empty_fails = quantifier == Quantifier::Any;
    let one = |count: usize| count == 1 && quantifier == Quantifier::Any;
    Some(match shown {
        Test::Text(TextTest::Glob(pattern)) => glob(pattern, false),
        Test::Text(TextTest::IGlob(pattern)) => glob(pattern, true),
        Test::Number(NumberTest::In(values)) => match sorted(values) {
            values if values.is_empty() && empty_fails => return None,
            values if one(values.len()) => Test::Number(NumberTest::Order(Order::Eq, values[0])),
            values => Test::Number(NumberTest::In(values)),
        },
        Test::Text(TextTest::In(values)) => match sorted(values) {
            values if values.is_empty() && empty_fails => return None,
            values if one(values.len()) => Test::Text(TextTest::Order(Order::Eq, values[0].clone())),
            values => Test::Text(TextTest::In(values)),
        },
        Test::Text(TextTest::PMatch(paths)) => match sorted(paths) {
            paths if paths.is_empty() => return None,
            paths => Test::Text(TextTest::PMatch(paths)),
        },
        Test::Ip(IpTest::In(values)) => match sorted(values) {
            values if values.is_empty() && empty_fails => return None,
            values if one(values.len()) => Test::Ip(IpTest::Eq(values[0])),
            values => Test::Ip(IpTest::In(values)),
        },
        Test::Net(NetTest::In(values)) => match sorted(values) {
            values if values.is_empty() && empty_fails => return None,
            values if one(values.len()) => Test::Net(NetTest::Eq(values[0])),
            values => Test::Net(NetTest::In(values)),
        },
        Test::Modified(modifier, tests) => {
            let mut tests: Vec<_> =
                tests.iter().map(|inner| test(inner, quantifier)).collect::<Option<_>>()?;
            match (modifier, tests.len()) {
                (Modifier::AllOf, 0) => Test::Exists,
                (_, 0) => return None,
                (_, 1) => tests.pop()?,
                (Modifier::AnyOf, _) => match equalities(&tests) {
                    Some(values) => Test::Text(TextTest::In(sorted(&values))),
                    None => Test::Modified(Modifier::AnyOf, tests),
                },
                (modifier, _) => Test::Modified(*modifier, tests),
            }
        }
        other => other.clone(),
    })
}

fn sorted<T: Ord + Clone>(values: &[T]) -> Box<[T]> {
    let mut values = values.to_vec();
    values.sort_unstable();
    values.dedup();
    values.into()
}

fn glob(pattern: &[u8], fold: bool) -> Test {
    Test::Text(match Glob::new(pattern, fold).simple() {
        Some(Simple::Equal(value)) => TextTest::Order(Order::Eq, value.into()),
        Some(Simple::StartsWith(value)) => TextTest::StartsWith(value.into()),
        Some(Simple::EndsWith(value)) => TextTest::EndsWith(value.into()),
        Some(Simple::Contains(value)) => TextTest::Contains(value.into()),
        Some(Simple::IContains(value)) => TextTest::IContains(value.into()),
        None if fold => TextTest::IGlob(pattern.into()),
        None => TextTest::Glob(pattern.into()),
    })
}

/// The operands, if all tests are for equality with a text.
fn equalities(tests: &[Test]) -> Option<Vec<Box<[u8]>>> {
    let values = tests.iter().map(|test| match test {
        Test::Text(TextTest::Order(Order::Eq, value)) => Some(value.clone()),
        _ => None,
    });
    values.collect()
}

/// Comparisons of one kind on one source can be one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum MergeKind {
    Number,
    Text,
    Contains,
    IContains,
    StartsWith,
    EndsWith,
    PMatch,
    Ip,
    Net,
}

/// How a comparison in canonical form can be merged with alternatives, if at all.
pub(crate) fn merge_kind(comparison: &Comparison) -> Option<MergeKind> {
    if comparison.quantifier != Quantifier::Any {
        return None;
    }
    let test = match &comparison.test {
        Test::Modified(Modifier::AnyOf, tests) => {
            let kind = text_kind(tests.first()?)?;
            return tests.iter().all(|test| text_kind(test) == Some(kind)).then_some(kind);
        }
        test => test,
    };
    Some(match test {
        Test::Number(NumberTest::Order(Order::Eq, _) | NumberTest::In(_)) => MergeKind::Number,
        Test::Text(TextTest::Order(Order::Eq, _) | TextTest::In(_)) => MergeKind::Text,
        Test::Text(TextTest::PMatch(_)) => MergeKind::PMatch,
        Test::Ip(IpTest::Eq(_) | IpTest::In(_)) => MergeKind::Ip,
        Test::Net(NetTest::Eq(_) | NetTest::In(_)) => MergeKind::Net,
        test => return text_kind(test),
    })
}

/// The kinds for which `anyof` has one search.
fn text_kind(test: &Test) -> Option<MergeKind> {
    Some(match test {
        Test::Text(TextTest::Contains(_)) => MergeKind::Contains,
        Test::Text(TextTest::IContains(_)) => MergeKind::IContains,
        Test::Text(TextTest::StartsWith(_)) => MergeKind::StartsWith,
        Test::Text(TextTest::EndsWith(_)) => MergeKind::EndsWith,
        _ => return None,
    })
}

/// One comparison for alternatives of the same kind on the same source.
pub(crate) fn merge<'c>(alternatives: impl Iterator<Item = &'c Comparison>) -> Option<Comparison> {
    let mut source: Option<&Source> = None;
    let mut numbers = Vec::new();
    let mut texts = Vec::new();
    let mut paths = Vec::new();
    let mut addresses = Vec::new();
    let mut networks = Vec::new();
    let mut others = Vec::new();
    for comparison in alternatives {
        source = Some(&comparison.source);
        match &comparison.test {
            Test::Number(NumberTest::Order(_, value)) => numbers.push(*value),
            Test::Number(NumberTest::In(values)) => numbers.extend(values),
            Test::Text(TextTest::Order(_, value)) => texts.push(value.clone()),
            Test::Text(TextTest::In(values)) => texts.extend(values.iter().cloned()),
            Test::Text(TextTest::PMatch(values)) => paths.extend(values.iter().cloned()),
            Test::Ip(IpTest::Eq(value)) => addresses.push(*value),
            Test::Ip(IpTest::In(values)) => addresses.extend(values),
            Test::Net(NetTest::Eq(value)) => networks.push(*value),
            Test::Net(NetTest::In(values)) => networks.extend(values),
            Test::Modified(_, tests) => others.extend(tests.iter().cloned()),
            test => others.push(test.clone()),
        }
    }
    let test = if !numbers.is_empty() {
        Test::Number(NumberTest::In(numbers.into()))
    } else if !texts.is_empty() {
        Test::Text(TextTest::In(texts.into()))
    } else if !paths.is_empty() {
        Test::Text(TextTest::PMatch(paths.into()))
    } else if !addresses.is_empty() {
        Test::Ip(IpTest::In(addresses.into()))
    } else if !networks.is_empty() {
        Test::Net(NetTest::In(networks.into()))
    } else {
        Test::Modified(Modifier::AnyOf, others)
    };
    let comparison = Comparison { source: source?.clone(), quantifier: Quantifier::Any, test };
    match canonical(&comparison) {
        Canonical::Check(comparison) => Some(comparison),
        Canonical::Always(_) => None,
    }
}
