//! The events for which a condition can be true, by what it says of `evt.type`: Falco's static analysis, which
//! decides on warnings and on the index of rules.
//!
//! Negation is pushed down to the checks; a check that says nothing of the event allows all events, negated or not.

use crate::ast::{Check, Expr, ExprKind, Operand, Term};
use crate::diagnostic::Diagnostic;
use crate::events::EventSet;
use crate::operator::Operator;
use crate::schema::{Field, Schema};

/// The events for which a well-typed condition can be true.
pub(crate) fn events(expr: &Expr, schema: &dyn Schema) -> EventSet {
    allowed(expr, false, schema)
}

fn allowed(expr: &Expr, negated: bool, schema: &dyn Schema) -> EventSet {
    match &expr.kind {
        ExprKind::And(children) => all_or_any(children, !negated, negated, schema),
        ExprKind::Or(children) => all_or_any(children, negated, negated, schema),
        ExprKind::Not(child) => allowed(child, !negated, schema),
        ExprKind::Macro(_) => schema.all_events(),
        ExprKind::Check(check) => checked(check, negated, schema),
    }
}

/// The events that every child allows, or that some child does.
fn all_or_any(children: &[Expr], every: bool, negated: bool, schema: &dyn Schema) -> EventSet {
    let mut events = if every { schema.all_events() } else { EventSet::EMPTY };
    for child in children {
        let allowed = allowed(child, negated, schema);
        events = if every { events.intersection(&allowed) } else { events.union(&allowed) };
    }
    events
}

fn checked(check: &Check, negated: bool, schema: &dyn Schema) -> EventSet {
    match said(check, schema) {
        Some(set) if negated => schema.all_events().difference(&set),
        Some(set) => set,
        None => schema.all_events(),
    }
}

/// The events that a check names, if it is one on the event.
fn said(check: &Check, schema: &dyn Schema) -> Option<EventSet> {
    let Term::Field(reference) = &check.left else { return None };
    if reference.arg.is_some() || check.modifier.is_some() {
        return None;
    }
    let field = schema.resolve(&reference.name, None).ok()?;
    if check.operator == Operator::Exists {
        return decides(&field, schema).then(|| schema.all_events());
    }
    if !asks_events(check.operator) {
        return None;
    }
    let literals: Vec<&[u8]> = match &check.right {
        Operand::Literal(literal) => vec![&literal.value],
        Operand::List(literals, _) => literals.iter().map(|literal| &*literal.value).collect(),
        Operand::None | Operand::Term(_) => return None,
    };
    schema.events(&field, check.operator.text(), &literals)
}

fn asks_events(operator: Operator) -> bool {
    matches!(operator, Operator::Eq | Operator::EqEq | Operator::Ne | Operator::In)
}

/// Whether the event decides the value of the field.
fn decides(field: &Field, schema: &dyn Schema) -> bool {
    schema.events(field, "=", &[]).is_some()
}

/// Refuses checks on the event that the analysis cannot follow; Falco gives up on them when it loads the rule.
pub(crate) fn refuse(expr: &Expr, schema: &dyn Schema, errors: &mut Vec<Diagnostic>) {
    match &expr.kind {
        ExprKind::And(children) | ExprKind::Or(children) => {
            children.iter().for_each(|child| refuse(child, schema, errors));
        }
        ExprKind::Not(child) => refuse(child, schema, errors),
        ExprKind::Macro(_) => {}
        ExprKind::Check(check) => {
            let looked_at = check.operator == Operator::Exists
                || (check.modifier.is_none() && asks_events(check.operator));
            let message = if !looked_at {
                return;
            } else if transformed(&check.left, schema) {
                "event code search does not support `evt.type` checks with transformers"
            } else if matches!(check.right, Operand::Term(_)) && is_event(&check.left, schema) {
                "right-hand field comparisons on `evt.type`/`syscall.type` checks are not supported by event code search"
            } else {
                return;
            };
            errors.push(Diagnostic { message: message.to_owned(), span: expr.span, at: expr.span.start });
        }
    }
}

fn is_event(term: &Term, schema: &dyn Schema) -> bool {
    match term {
        Term::Field(field) if field.arg.is_none() => {
            schema.resolve(&field.name, None).is_ok_and(|field| decides(&field, schema))
        }
        // Of a list, Falco sees the last element.
        Term::List(list, _) => list.last().is_some_and(|term| is_event(term, schema)),
        _ => false,
    }
}

/// Whether a field that the event decides stands directly under a transformer.
fn transformed(term: &Term, schema: &dyn Schema) -> bool {
    match term {
        Term::Call(call) => call.args.iter().any(|arg| is_event(arg, schema) || transformed(arg, schema)),
        Term::List(list, _) => list.iter().any(|term| transformed(term, schema)),
        Term::Field(_) | Term::Literal(_) => false,
    }
}
