//! Rules that never answer because an earlier one always answers before them.
//!
//! A rule is shadowed if the earlier rule's condition follows from its own. That is found where it follows from how the two are
//! written: from `and`, `or` and `not`, from parts that read alike, and from the values of a field that a comparison allows.
//! So what is reported is true, but not all.

use rustc_hash::FxHashMap;
use saker_filter::ast::{Check, ExprKind, Term};
use saker_filter::{Expr, Operator};

use super::clauses::{flatten, literals, values};
use super::{Lint, LintCode};
use crate::rules::{Loader, Rule};

/// Finds rules that an earlier one shadows.
pub(super) fn look(loader: &Loader<'_>, rules: &[Rule<'_>]) -> Vec<Lint> {
    let mut lints = Vec::new();
    // Earlier rules by what a condition must have if theirs follows from it: comparing each with each would take long for many
    // rules.
    let mut earlier: FxHashMap<Vec<u8>, Vec<usize>> = FxHashMap::default();
    for (number, rule) in rules.iter().enumerate().filter(|(_, rule)| rule.enabled) {
        let mut sought = Vec::new();
        evidence(rule.expr, &mut sought);
        let candidates = sought.iter().filter_map(|key| earlier.get(key)).flatten();
        let shadow = candidates
            .filter_map(|other| rules.get(*other))
            .find(|first| rule.events.difference(&first.events).is_empty() && implies(rule.expr, first.expr));
        if let Some(first) = shadow {
            lints.push(Lint {
                code: LintCode::Shadowed,
                rule: rule.labels.name.to_owned(),
                message: format!("rule '{}' comes first and answers to all of its events", first.labels.name),
                written: loader.rule_written(rule),
            });
        }
        let mut keys = Vec::new();
        consequences(rule.expr, &mut keys);
        for key in keys {
            earlier.entry(key).or_default().push(number);
        }
    }
    lints
}

/// Keys of which the [`evidence`] of a condition has at least one, if this expression follows from it.
fn consequences(wide: &Expr, keys: &mut Vec<Vec<u8>>) {
    match &wide.kind {
        ExprKind::And(_) => {
            let mut parts = Vec::new();
            flatten(wide, &mut parts);
            // Any part will do. The longest is the rarest, unless it lists events; of what is negated only the text is a key.
            let rarest = parts.into_iter().max_by_key(|part| {
                let text = part.to_string();
                let rank = match part.kind {
                    _ if text.starts_with("evt.type") => 0,
                    ExprKind::Not(_) => 1,
                    _ => 2,
                };
                (rank, text.len())
            });
            if let Some(part) = rarest {
                consequences(part, keys);
            }
        }
        ExprKind::Or(children) => children.iter().for_each(|child| consequences(child, keys)),
        ExprKind::Check(check) if values(check).is_some() => {
            keys.extend(values(check).into_iter().flatten().map(|value| key(check, b"=", value)));
        }
        ExprKind::Check(check) if prefix(check).is_some() => {
            keys.extend(prefix(check).map(|prefix| key(check, b"^", prefix)));
        }
        _ => keys.push(wide.to_string().into_bytes()),
    }
}

/// What a condition has from which another can follow, as keys.
fn evidence(narrow: &Expr, keys: &mut Vec<Vec<u8>>) {
    match &narrow.kind {
        ExprKind::And(children) => children.iter().for_each(|child| evidence(child, keys)),
        // What follows from all alternatives follows from the first.
        ExprKind::Or(children) => children.iter().take(1).for_each(|child| evidence(child, keys)),
        ExprKind::Check(check) => {
            let list = values(check);
            keys.extend(list.iter().flatten().take(1).map(|value| key(check, b"=", value)));
            if let Some(start) = prefix(check).or_else(|| list.and_then(|list| list.first().copied())) {
                keys.extend((1..=start.len()).map(|length| key(check, b"^", &start[..length])));
            }
        }
        _ => {}
    }
    keys.push(narrow.to_string().into_bytes());
}

fn key(check: &Check, operator: &[u8], value: &[u8]) -> Vec<u8> {
    [check.left.to_string().as_bytes(), operator, value].concat()
}

/// Whether `wide` follows from `narrow`.
fn implies(narrow: &Expr, wide: &Expr) -> bool {
    match (&narrow.kind, &wide.kind) {
        _ if narrow.to_string() == wide.to_string() => true,
        (ExprKind::Or(children), _) => children.iter().all(|narrow| implies(narrow, wide)),
        (_, ExprKind::And(children)) => children.iter().all(|wide| implies(narrow, wide)),
        (_, ExprKind::Or(children)) if children.iter().any(|wide| implies(narrow, wide)) => true,
        (ExprKind::And(children), _) => children.iter().any(|narrow| implies(narrow, wide)),
        (ExprKind::Not(narrow), ExprKind::Not(wide)) => implies(wide, narrow),
        (ExprKind::Check(narrow), ExprKind::Check(wide)) => {
            narrow.left.to_string() == wide.left.to_string() && allows_less(narrow, wide)
        }
        _ => false,
    }
}

/// Whether a comparison of a field allows only values that another one of the field allows, too.
fn allows_less(narrow: &Check, wide: &Check) -> bool {
    match (values(narrow), prefix(narrow), values(wide), prefix(wide)) {
        (Some(narrow), _, Some(wide), _) => narrow.iter().all(|value| wide.contains(value)),
        (Some(narrow), _, _, Some(wide)) => narrow.iter().all(|value| value.starts_with(wide)),
        (_, Some(narrow), _, Some(wide)) => narrow.starts_with(wide),
        _ => false,
    }
}

/// What the values begin with that a comparison allows its field to have, if it names that.
fn prefix(check: &Check) -> Option<&[u8]> {
    let begins = check.operator == Operator::StartsWith && check.modifier.is_none();
    let field = matches!(check.left, Term::Field(_));
    literals(&check.right).first().copied().filter(|prefix| begins && field && !prefix.is_empty())
}
