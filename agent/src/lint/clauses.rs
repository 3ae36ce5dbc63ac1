//! Lints of single clauses, and of clauses that stand side by side.

use std::collections::BTreeMap;

use saker_filter::ast::{Check, ExprKind, FieldRef, Operand, Term, Visitor};
use saker_filter::{Compiler, Expr, Operator, Schema, check};

use super::{Found, LintCode};
use crate::fields::{FIELDS, Traits};

/// Shows the names of all fields of a condition.
pub(super) fn fields(expr: &Expr, look: &mut dyn FnMut(&str)) {
    struct Names<'l>(&'l mut dyn FnMut(&str));
    impl Visitor for Names<'_> {
        fn field(&mut self, field: &FieldRef) {
            (self.0)(&field.name);
        }
    }
    expr.visit(&mut Names(look));
}

/// Looks at each clause of a rule.
pub(super) fn look(found: &mut Found<'_>, schema: &dyn Schema) {
    let expr = found.rule.expr;
    each(expr, &mut |expr, comparison| clause(found, schema, expr, comparison));
    side_by_side(found, schema, expr);
}

fn each<'e>(expr: &'e Expr, look: &mut dyn FnMut(&'e Expr, &'e Check)) {
    match &expr.kind {
        ExprKind::And(children) | ExprKind::Or(children) => {
            children.iter().for_each(|child| each(child, look))
        }
        ExprKind::Not(child) => each(child, look),
        ExprKind::Check(comparison) => look(expr, comparison),
        ExprKind::Macro(_) => {}
    }
}

fn clause(found: &mut Found<'_>, schema: &dyn Schema, expr: &Expr, comparison: &Check) {
    let written = found.loader.written(expr.span);
    let mut mentioned = Vec::new();
    fields(expr, &mut |name| mentioned.push(name.to_owned()));
    for name in mentioned {
        let Ok(field) = schema.resolve(&name, None).or_else(|_| schema.resolve(&name, Some(b"0"))) else {
            continue;
        };
        let Some(info) = FIELDS.get(usize::from(field.id)) else { continue };
        if info.traits.contains(Traits::NULL) {
            found.add(LintCode::NullField, written.clone(), format!("'{name}' never has a value"));
        } else if info.traits.contains(Traits::DEPRECATED) {
            found.add(
                LintCode::DeprecatedField,
                written.clone(),
                format!("'{name}' is deprecated: {}", info.doc),
            );
        }
    }
    if !is_idiom(comparison)
        && let Ok(checked) = check(expr, schema)
    {
        let mut compiler = Compiler::new();
        compiler.add(&checked.condition);
        let (_, programs) = compiler.finish();
        for program in programs {
            if program.is_never() {
                found.add(LintCode::NeverTrue, written.clone(), format!("'{expr}' is never true"));
            } else if program.is_always() {
                found.add(LintCode::AlwaysTrue, written.clone(), format!("'{expr}' is always true"));
            }
        }
    }
    if let Term::Field(field) = &comparison.left {
        for literal in literals(&comparison.right) {
            if let Some(why) = wrong_form(&field.name, comparison.operator, literal) {
                let shown = String::from_utf8_lossy(literal);
                found.add(
                    LintCode::PathForm,
                    written.clone(),
                    format!("{} cannot be '{shown}': {why}", field.name),
                );
            }
        }
    }
}

/// Whether a clause is there to be replaced: `evt.num = 0` in macros for people to fill in, and empty lists.
fn is_idiom(comparison: &Check) -> bool {
    let number = matches!(&comparison.left, Term::Field(field) if &*field.name == "evt.num");
    number || matches!(&comparison.right, Operand::List(list, _) if list.is_empty())
}

pub(super) fn literals(operand: &Operand) -> Vec<&[u8]> {
    match operand {
        Operand::Literal(literal) => vec![&literal.value],
        Operand::List(list, _) => list.iter().map(|literal| &*literal.value).collect(),
        Operand::None | Operand::Term(_) => Vec::new(),
    }
}

/// Fields whose values are absolute and clean paths of files.
const PATHS: [&str; 8] = [
    "proc.exepath",
    "proc.pexepath",
    "proc.aexepath",
    "proc.sexepath",
    "fs.path.name",
    "fs.path.source",
    "fs.path.target",
    "fd.directory",
];

/// Fields that hold the name that the kernel keeps of a thread.
const NAMES: [&str; 6] =
    ["proc.name", "proc.pname", "proc.aname", "proc.sname", "proc.vpgid.name", "proc.pgid.name"];

/// How many bytes of a name the kernel keeps.
const NAME_LENGTH: usize = 15;

/// Why a field is never `literal`, or never begins or ends so.
fn wrong_form(field: &str, operator: Operator, literal: &[u8]) -> Option<&'static str> {
    let whole = matches!(operator, Operator::Eq | Operator::EqEq | Operator::In | Operator::Ne);
    let begins = matches!(operator, Operator::StartsWith | Operator::PMatch);
    if !whole && !begins {
        return None;
    }
    if NAMES.contains(&field) {
        return if literal.len() > NAME_LENGTH {
            Some("the kernel keeps 15 bytes of a name")
        } else if whole && literal.starts_with(b"/") {
            Some("a name has no path; use proc.exepath")
        } else {
            None
        };
    }
    let path =
        PATHS.contains(&field) || (matches!(field, "fd.name" | "proc.cwd") && literal.starts_with(b"/"));
    if !path || literal.is_empty() || literal.starts_with(b"<") {
        return None;
    }
    let text = String::from_utf8_lossy(literal);
    if text.contains("//")
        || text.contains("/./")
        || text.contains("/../")
        || text.ends_with("/..")
        || text.ends_with("/.")
    {
        return Some("paths are clean: without '//', '.' and '..'");
    }
    if !literal.starts_with(b"/") {
        // A glob may begin with anything; a memfd and what is no file have names without a root.
        let named = text.contains(':') || text.contains('*') || text.contains('?');
        return (text.contains('/') && !named).then_some("paths are absolute");
    }
    if whole && literal.len() > 1 {
        match (field, literal.ends_with(b"/")) {
            ("proc.cwd", false) => return Some("a working directory ends in '/'"),
            ("proc.cwd", true) => {}
            (_, true) => return Some("no path ends in '/'"),
            _ => {}
        }
    }
    None
}

/// Of conjunctions: fields that would have to be two things at once.
fn side_by_side(found: &mut Found<'_>, schema: &dyn Schema, expr: &Expr) {
    match &expr.kind {
        ExprKind::And(children) => {
            let mut conjuncts = Vec::new();
            flatten(expr, &mut conjuncts);
            contradiction(found, schema, &conjuncts);
            // What is directly below was looked at together with this.
            for child in children {
                below(found, schema, child);
            }
        }
        _ => below(found, schema, expr),
    }
}

fn below(found: &mut Found<'_>, schema: &dyn Schema, expr: &Expr) {
    match &expr.kind {
        ExprKind::And(children) => children.iter().for_each(|child| below(found, schema, child)),
        ExprKind::Or(children) => children.iter().for_each(|child| side_by_side(found, schema, child)),
        ExprKind::Not(child) => side_by_side(found, schema, child),
        _ => {}
    }
}

/// The parts of nested conjunctions.
pub(super) fn flatten<'e>(expr: &'e Expr, out: &mut Vec<&'e Expr>) {
    match &expr.kind {
        ExprKind::And(children) => children.iter().for_each(|child| flatten(child, out)),
        _ => out.push(expr),
    }
}

fn contradiction(found: &mut Found<'_>, schema: &dyn Schema, conjuncts: &[&Expr]) {
    let mut allowed: BTreeMap<String, Vec<&[u8]>> = BTreeMap::new();
    for conjunct in conjuncts {
        let ExprKind::Check(comparison) = &conjunct.kind else { continue };
        let Some(values) = values(comparison) else { continue };
        let Term::Field(field) = &comparison.left else { continue };
        let one = schema.resolve(&field.name, field.arg.as_deref());
        // Fields with several values at once can be several things.
        let single = one.is_ok_and(|field| {
            let text = matches!(field.ty, saker_filter::Type::Str | saker_filter::Type::Bool);
            text && !field.traits.list && !field.traits.any_differs
        });
        if !single {
            continue;
        }
        let name = comparison.left.to_string();
        match allowed.get_mut(&name) {
            None => {
                allowed.insert(name, values);
            }
            Some(known) => {
                known.retain(|value| values.contains(value));
                if known.is_empty() {
                    let written = found.loader.written(conjunct.span);
                    let message = format!("'{name}' would have to be two things at once");
                    found.add(LintCode::NeverTrue, written, message);
                    return;
                }
            }
        }
    }
}

/// The values that a comparison allows its field to have, if it names them.
pub(super) fn values(comparison: &Check) -> Option<Vec<&[u8]>> {
    let names = matches!(comparison.operator, Operator::Eq | Operator::EqEq | Operator::In);
    let field = matches!(comparison.left, Term::Field(_));
    let list = literals(&comparison.right);
    (names && field && comparison.modifier.is_none() && !list.is_empty()).then_some(list)
}
