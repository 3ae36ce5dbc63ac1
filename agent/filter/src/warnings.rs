//! Literals that are legal but look like a mistake. The heuristics and the texts are Falco's.

use crate::ast::{Literal, Term};
use crate::diagnostic::{Diagnostic, Span};
use crate::operator::{Operator, Transformer};
use crate::parse::parse_term;
use crate::schema::Schema;

/// Looks at one literal of a comparison. `span` is the whole right-hand side, where Falco puts the warning.
pub(crate) fn literal(
    operator: Operator,
    literal: &Literal,
    span: Span,
    schema: &dyn Schema,
    warnings: &mut Vec<Diagnostic>,
) {
    let Ok(text) = std::str::from_utf8(&literal.value) else { return };
    let mut warn = |message: String| {
        warnings.push(Diagnostic { message, span: literal.span, at: span.start });
    };
    if operator == Operator::Regex && simple_regex(text.as_bytes()) {
        warn(format!(
            "regex check with '{text}' may be optimized with simpler operators such as '=', 'contains', 'startswith', 'endswith'"
        ));
    }
    // Neither a field nor a transformer is without one of these.
    if !text.contains(['.', '(']) {
        return;
    }
    let squeezed: String = text.chars().filter(|c| !c.is_ascii_whitespace() && *c != '\x0b').collect();
    if is_field(&squeezed, schema) {
        warn(format!("'{text}' may be a valid field misused as a const string value"));
    }
    let transformer = Transformer::ALL.iter().any(|transformer| {
        let behind = squeezed.strip_prefix(transformer.text());
        behind.is_some_and(|behind| behind.starts_with('(') && behind.ends_with(')'))
    });
    if transformer {
        warn(format!("'{text}' may be a valid field transformer misused as a const string value"));
    }
}

fn is_field(text: &str, schema: &dyn Schema) -> bool {
    match parse_term(text) {
        Ok((Term::Field(field), length)) if length == text.len() => {
            schema.resolve(&field.name, field.arg.as_deref()).is_ok()
        }
        _ => false,
    }
}

/// Whether nothing in the pattern is special but anchors and any-character repetitions at its ends.
fn simple_regex(pattern: &[u8]) -> bool {
    let length = pattern.len();
    let mut at = 0;
    while let Some(&byte) = pattern.get(at) {
        let anchor = (at == 0 && byte == b'^') || (at + 1 == length && byte == b'$');
        let end = (at == 0 && length > 1) || at + 2 == length;
        if end && byte == b'.' && matches!(pattern.get(at + 1), Some(b'+' | b'*' | b'?')) {
            at += 1;
        } else if !anchor && b".+*?^$()[]{}|\\".contains(&byte) {
            return false;
        }
        at += 1;
    }
    true
}
