//! Exceptions of rules: what their parts must be, and the condition that they become.
//!
//! An exception says of what a rule shall not speak: fields, how each is compared, and rows of values. The rule's
//! condition becomes `(condition) and not (…)` for each exception that has values. With one field the values are a
//! list behind one operator; with a list of fields each row is a conjunction, and the rows are alternatives.

use saker_filter::ast::{FieldRef, Visitor};
use saker_filter::operator::OperatorKind;
use saker_filter::{Modifier, Operator, Schema, parse_term};

use super::codes::{ErrorCode, ItemKind};
use super::finding::{Fallible, Finding, Spot};
use super::items::{Entry, ExceptionInfo};
use super::lists::quote_item;
use super::source::Place;

fn refuse<T>(message: impl Into<String>, exception: &ExceptionInfo) -> Fallible<T> {
    Err(Finding::error(ErrorCode::Validate, message, trail(exception)))
}

/// The chain of locations that leads to an exception.
pub(super) fn trail(exception: &ExceptionInfo) -> Vec<Spot> {
    let (rule, place) = &exception.rule;
    let file = Place { file: exception.place.file, at: 0 };
    vec![
        Spot { kind: ItemKind::RulesContent, name: String::new(), place: file },
        Spot { kind: ItemKind::Rule, name: rule.clone(), place: *place },
        Spot { kind: ItemKind::Exception, name: exception.name.clone(), place: exception.place },
    ]
}

/// Checks an exception of a definition and fills in the operators that it leaves out. The fields are only known when
/// the source of the rule is.
pub(super) fn complete(schema: Option<&dyn Schema>, exception: &mut ExceptionInfo) -> Fallible<()> {
    if !exception.fields.is_given() {
        return refuse("Rule exception item must have fields property with a list of fields", exception);
    }
    check(schema, exception)
}

/// The same for an exception that is appended to a rule which has none of that name.
pub(super) fn complete_appended(schema: Option<&dyn Schema>, exception: &mut ExceptionInfo) -> Fallible<()> {
    if !exception.fields.is_given() {
        return refuse("Rule exception must have fields property with a list of fields", exception);
    }
    if exception.values.is_empty() {
        return refuse("Rule exception must have values property with a list of values", exception);
    }
    check(schema, exception)
}

/// Checks that an exception adds nothing but values to one that exists.
pub(super) fn only_values(exception: &ExceptionInfo) -> Fallible<()> {
    if exception.fields.is_given() {
        return refuse("Can not append exception fields to existing exception, only values", exception);
    }
    if exception.comps.is_given() {
        return refuse("Can not append exception comps to existing exception, only values", exception);
    }
    Ok(())
}

fn check(schema: Option<&dyn Schema>, exception: &mut ExceptionInfo) -> Fallible<()> {
    squeeze(&mut exception.comps);
    if !exception.comps.is_given() {
        exception.comps = match &exception.fields {
            Entry::List(fields) => Entry::List(vec![Entry::Text("=".to_owned()); fields.len()]),
            _ => Entry::Text("in".to_owned()),
        };
    }
    let fields = match &exception.fields {
        Entry::List(fields) => {
            if fields.len() != exception.comps.items().len() {
                return refuse("Fields and comps lists must have equal length", exception);
            }
            for comp in exception.comps.items() {
                if comparison(comp.text()).is_none() {
                    return refuse(
                        format!("'{}' is not a supported comparison operator", comp.text()),
                        exception,
                    );
                }
            }
            fields.as_slice()
        }
        field => {
            if exception.comps.is_list() {
                return refuse("Fields and comps must both be strings", exception);
            }
            let takes_a_list = matches!(
                comparison(exception.comps.text()),
                Some((Operator::In | Operator::PMatch | Operator::Intersects, None) | (_, Some(_)))
            );
            if !takes_a_list {
                return refuse(
                    "When fields is a single value, comps must be one of (in, pmatch, intersects) or a modifier \
                     operator (e.g. startswith oneof)",
                    exception,
                );
            }
            std::slice::from_ref(field)
        }
    };
    if let Some(schema) = schema
        && let Some(unknown) = fields.iter().find(|field| !is_field(schema, field.text()))
    {
        return refuse(format!("'{}' is not a supported filter field", unknown.text()), exception);
    }
    Ok(())
}

/// Takes needless blanks out of operators.
fn squeeze(comps: &mut Entry) {
    match comps {
        Entry::Absent => {}
        Entry::Text(text) => {
            let words: Vec<&str> = text.split_ascii_whitespace().collect();
            *text = words.join(" ");
        }
        Entry::List(comps) => comps.iter_mut().for_each(squeeze),
    }
}

/// The operator that a text spells, with the modifier behind it.
fn comparison(text: &str) -> Option<(Operator, Option<Modifier>)> {
    let operator = |text: &str| Operator::ALL.iter().copied().find(|operator| operator.text() == text);
    let Some((first, second)) = text.split_once(' ') else { return Some((operator(text)?, None)) };
    let modifier = Modifier::ALL.iter().copied().find(|modifier| modifier.text() == second)?;
    let operator = operator(first).filter(|operator| operator.kind() == OperatorKind::Text)?;
    Some((operator, Some(modifier)))
}

/// Whether a text is a field that exists, or a transformer over such.
fn is_field(schema: &dyn Schema, text: &str) -> bool {
    struct Fields<'s>(&'s dyn Schema, bool);
    impl Visitor for Fields<'_> {
        fn field(&mut self, field: &FieldRef) {
            self.1 &= self.0.resolve(&field.name, field.arg.as_deref()).is_ok();
        }
    }
    let Ok((term, length)) = parse_term(text) else { return false };
    let mut fields = Fields(schema, length == text.len());
    term.visit(&mut fields);
    fields.1
}

/// A rule's condition with its exceptions.
#[derive(Debug)]
pub(super) struct Excepted {
    /// The condition.
    pub text: String,
    /// Where the rule's own condition begins in it.
    pub start: usize,
    /// Where the part of each exception begins, and where that exception stands.
    pub parts: Vec<(usize, Place)>,
    /// The fields of the exceptions that have values, as written, sorted.
    pub fields: Vec<String>,
}

/// The condition of a rule that has `exceptions`, which may be none. `exact` quotes and escapes every value that could
/// not stand as it is.
pub(super) fn apply(condition: &str, exceptions: &[ExceptionInfo], exact: bool) -> Fallible<Excepted> {
    if exceptions.is_empty() {
        let text = condition.to_owned();
        return Ok(Excepted { text, start: 0, parts: Vec::new(), fields: Vec::new() });
    }
    let mut out =
        Excepted { text: format!("({condition})"), start: 1, parts: Vec::new(), fields: Vec::new() };
    for exception in exceptions {
        let start = out.text.len();
        let part = match exception.fields.is_list() {
            true => rows(exception, exact)?,
            false => values(exception, exact)?,
        };
        if part.is_empty() {
            continue;
        }
        out.parts.push((start, exception.place));
        out.text.push_str(" and not ");
        out.text.push_str(&part);
        let fields = std::slice::from_ref(&exception.fields);
        let fields = if exception.fields.is_list() { exception.fields.items() } else { fields };
        out.fields.extend(fields.iter().map(|field| field.text().to_owned()));
    }
    out.fields.sort_unstable();
    out.fields.dedup();
    Ok(out)
}

/// `(field comp (v1, v2))`.
fn values(exception: &ExceptionInfo, exact: bool) -> Fallible<String> {
    if exception.values.is_empty() {
        return Ok(String::new());
    }
    let mut list = Vec::with_capacity(exception.values.len());
    for value in &exception.values {
        if value.is_list() {
            return refuse("Expected values array to contain a list of strings", exception);
        }
        list.push(quote_item(value.text(), exact));
    }
    Ok(format!("({} {} ({}))", exception.fields.text(), exception.comps.text(), list.join(", ")))
}

/// `(( f1 c1 v1 and  f2 c2 v2) or …)`.
fn rows(exception: &ExceptionInfo, exact: bool) -> Fallible<String> {
    let fields = exception.fields.items();
    let mut rows = Vec::with_capacity(exception.values.len());
    for row in &exception.values {
        if row.items().len() != fields.len() {
            return refuse("Fields and values lists must have equal length", exception);
        }
        let mut checks = Vec::with_capacity(fields.len());
        for ((field, comp), value) in fields.iter().zip(exception.comps.items()).zip(row.items()) {
            let (field, comp) = (field.text(), comp.text());
            let takes_a_list = match comparison(comp) {
                Some((operator, modifier)) => operator.kind() == OperatorKind::List || modifier.is_some(),
                None => false,
            };
            let operand = match value {
                Entry::List(values) => {
                    let list: Vec<_> = values.iter().map(|value| quote_item(value.text(), exact)).collect();
                    format!("({})", list.join(", "))
                }
                value if !takes_a_list => quote_item(value.text(), exact).into_owned(),
                value if value.text().starts_with('(') => value.text().to_owned(),
                // A list would be split at the blanks of its only value.
                value if exact => format!("({})", quote_item(value.text(), exact)),
                value => format!("({})", value.text()),
            };
            checks.push(format!(" {field} {comp} {operand}"));
        }
        rows.push(format!("({})", checks.join(" and ")));
    }
    Ok(if rows.is_empty() { String::new() } else { format!("({})", rows.join(" or ")) })
}
