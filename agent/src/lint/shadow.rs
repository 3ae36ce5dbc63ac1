//! Rules that never answer because an earlier one always answers before them.
//!
//! A rule is shadowed if each part of the earlier rule's condition follows from a part of its own. That is found where the
//! parts read alike, or where one allows fewer values of a field than the other; so what is reported is true, but not all.

use rustc_hash::FxHashMap;
use saker_filter::Expr;
use saker_filter::ast::ExprKind;

use super::clauses::{flatten, values};
use super::{Lint, LintCode};
use crate::rules::{Loader, Rule};

/// A rule as its parts.
struct Parts<'r> {
    exprs: Vec<&'r Expr>,
    texts: Vec<String>,
}

/// Finds rules that an earlier one shadows.
pub(super) fn look(loader: &Loader<'_>, rules: &[Rule<'_>]) -> Vec<Lint> {
    let mut lints = Vec::new();
    // Earlier rules by a part that reads alike in both: comparing each with each would take long for many rules.
    let mut earlier: FxHashMap<String, Vec<usize>> = FxHashMap::default();
    let all: Vec<Parts<'_>> = rules.iter().map(|rule| parts(rule.expr)).collect();
    for (number, (rule, parts)) in rules.iter().zip(&all).enumerate() {
        if !rule.enabled {
            continue;
        }
        let shadow =
            parts.texts.iter().filter_map(|text| earlier.get(text)).flatten().copied().find(|&other| {
                let (Some(first), Some(first_parts)) = (rules.get(other), all.get(other)) else {
                    return false;
                };
                rule.events.difference(&first.events).is_empty() && follows(parts, first_parts)
            });
        if let Some(first) = shadow.and_then(|first| rules.get(first)) {
            lints.push(Lint {
                code: LintCode::Shadowed,
                rule: rule.labels.name.to_owned(),
                message: format!("rule '{}' comes first and answers to all of its events", first.labels.name),
                written: loader.rule_written(rule),
            });
        }
        // The longest part is the rarest, unless it lists events.
        let key = parts.texts.iter().max_by_key(|text| (!text.starts_with("evt.type"), text.len()));
        if let Some(key) = key {
            earlier.entry(key.clone()).or_default().push(number);
        }
    }
    lints
}

fn parts(expr: &Expr) -> Parts<'_> {
    let mut exprs = Vec::new();
    flatten(expr, &mut exprs);
    let texts = exprs.iter().map(|expr| expr.to_string()).collect();
    Parts { exprs, texts }
}

/// Whether each part of `first` follows from a part of `second`.
fn follows(second: &Parts<'_>, first: &Parts<'_>) -> bool {
    first.exprs.iter().zip(&first.texts).all(|(wide, text)| {
        second.texts.contains(text) || second.exprs.iter().any(|narrow| implies(narrow, wide))
    })
}

/// Whether a comparison allows only values that another one allows, too.
fn implies(narrow: &Expr, wide: &Expr) -> bool {
    let (ExprKind::Check(narrow), ExprKind::Check(wide)) = (&narrow.kind, &wide.kind) else { return false };
    if narrow.left.to_string() != wide.left.to_string() {
        return false;
    }
    match (values(narrow), values(wide)) {
        (Some(narrow), Some(wide)) => narrow.iter().all(|value| wide.contains(value)),
        _ => false,
    }
}
