//! Output templates: text with `%field`, `%field[arg]`, `%10field` (width) and `%transformer(field)`.
//!
//! What stands behind a `%` is read as a condition would read it, as far as it makes sense: `%proc.name[0]` is the
//! field and the text `[0]`, because `proc.name` takes no argument. `%` itself cannot be written.

use std::io::Write as _;

use saker_filter::ast::{FieldRef, Term};
use saker_filter::{Field, Schema, Source, Value, check_term, parse_term};

use crate::fields::{EventContext, render_json, render_text};

/// What a null value shows as in text.
pub const NOT_AVAILABLE: &[u8] = b"<NA>";

/// The widest column that a template can ask for, in bytes.
const MAX_WIDTH: usize = 4096;

/// Why a template is refused. The text is Falco's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TemplateErrorKind {
    /// Nothing is there.
    #[error("empty formatting token")]
    Empty,
    /// A `%` stands at the end.
    #[error("invalid formatting syntax: formatting cannot end with a %")]
    EndsWithPercent,
    /// A width stands at the end.
    #[error("invalid formatting syntax: formatting cannot end with a number")]
    EndsWithWidth,
    /// What follows a `%` is no field and no transformer over fields.
    #[error("unknown filter: unexpected token after '")]
    UnknownField,
}

/// Why a template is refused, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{kind}")]
pub struct TemplateError {
    /// What is wrong.
    pub kind: TemplateErrorKind,
    /// The byte of the template's text where it is wrong: that of the `%`.
    pub offset: usize,
}

impl TemplateError {
    /// What is wrong in words that say where, for whoever typed `text` just now.
    pub fn explain(&self, text: &str) -> String {
        match self.kind {
            TemplateErrorKind::UnknownField => {
                let token = text.get(self.offset..).unwrap_or_default();
                let token = token.split(char::is_whitespace).next().unwrap_or_default();
                format!("there is no field at '{token}' (`saker fields` lists them)")
            }
            _ => self.to_string(),
        }
    }

    /// Whether `skip-if-unknown-filter` forgives it: the field may exist in another version or with a plugin.
    pub fn is_unknown_field(&self) -> bool {
        self.kind == TemplateErrorKind::UnknownField
    }
}

/// A compiled output template.
#[derive(Clone, Debug)]
pub struct Template {
    /// It began with `*`: null values show as [`NOT_AVAILABLE`]. Without it, one null value suppresses the text.
    tolerant: bool,
    pieces: Vec<Piece>,
    names: Vec<Name>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Box<[u8]>),
    /// A value in a column of that many bytes, 0 for as many as it needs.
    Value(Printed, usize),
}

#[derive(Clone, Debug)]
enum Printed {
    Field(Field),
    /// `evt.deltatime` and its parts: in an output the time since the output was last shown, as in Falco.
    Elapsed {
        field: Field,
        /// From nanoseconds to what is shown.
        part: fn(u64) -> u64,
        /// Timestamp of the event for which it was last shown.
        last: Option<u64>,
    },
    /// A transformer over fields.
    Call(Source),
}

#[derive(Clone, Debug)]
struct Name {
    name: String,
    /// `None` for a transformer over fields.
    field: Option<Field>,
}

impl Template {
    /// Compiles a template.
    pub fn compile(text: &str, schema: &dyn Schema) -> Result<Template, TemplateError> {
        let error = |kind, offset| Err(TemplateError { kind, offset });
        if text.is_empty() {
            return error(TemplateErrorKind::Empty, 0);
        }
        let mut template =
            Template { tolerant: text.starts_with('*'), pieces: Vec::new(), names: Vec::new() };
        let mut at = usize::from(template.tolerant);
        while let Some(length) = text[at..].find('%') {
            template.push_text(&text[at..at + length]);
            let percent = at + length;
            let token = &text[percent + 1..];
            if token.is_empty() {
                return error(TemplateErrorKind::EndsWithPercent, percent);
            }
            let digits = token.len() - token.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            // Only a number of digits beyond all sense fails to parse.
            let width = if digits == 0 { 0 } else { token[..digits].parse().unwrap_or(MAX_WIDTH) };
            let token = &token[digits..];
            if token.is_empty() {
                return error(TemplateErrorKind::EndsWithWidth, percent);
            }
            let Some(taken) = template.push_value(token, width.min(MAX_WIDTH), schema) else {
                return error(TemplateErrorKind::UnknownField, percent);
            };
            at = percent + 1 + digits + taken;
        }
        template.push_text(&text[at..]);
        Ok(template)
    }

    /// The same template as if it began with `*`.
    pub fn tolerant(self) -> Template {
        Template { tolerant: true, ..self }
    }

    fn push_text(&mut self, text: &str) {
        if !text.is_empty() {
            self.pieces.push(Piece::Text(text.as_bytes().into()));
        }
    }

    /// Reads the field or transformer at the start of `token`; returns how many bytes it takes.
    fn push_value(&mut self, token: &str, width: usize, schema: &dyn Schema) -> Option<usize> {
        let (term, source, taken) = longest_term(token, schema)?;
        let printed = match source {
            Source::Field(field) => match elapsed_part(schema.name(&field)) {
                Some(part) => Printed::Elapsed { field, part, last: None },
                None => Printed::Field(field),
            },
            call => Printed::Call(call),
        };
        self.pieces.push(Piece::Value(printed, width));
        self.collect_names(&term, schema, &mut false);
        Some(taken)
    }

    /// Notes the names under which the parts of a term are known: its fields, and the outermost of transformers that
    /// directly follow each other.
    fn collect_names(&mut self, term: &Term, schema: &dyn Schema, last_is_call: &mut bool) {
        match term {
            Term::Field(field) => {
                self.names.push(Name { name: field.to_string(), field: resolve(field, schema) });
                *last_is_call = false;
            }
            Term::Call(call) => {
                call.args.iter().for_each(|arg| self.collect_names(arg, schema, last_is_call));
                if *last_is_call {
                    self.names.pop();
                }
                self.names.push(Name { name: call.to_string(), field: None });
                *last_is_call = true;
            }
            Term::List(list, _) => list.iter().for_each(|arg| self.collect_names(arg, schema, last_is_call)),
            Term::Literal(_) => {}
        }
    }

    /// What the template shows, as written: every field, and transformers with what is under them. A name comes as
    /// often as it is mentioned.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| name.name.as_str())
    }

    /// The fields that it shows, also those under transformers, with the names they have in `output_fields`.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.names.iter().filter_map(|name| Some((name.name.as_str(), name.field.as_ref()?)))
    }

    /// Appends the text for an event. `false` (and nothing appended) when a value is null and the template does not
    /// begin with `*`.
    pub fn render(&mut self, context: &EventContext<'_>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        for piece in &mut self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Value(printed, width) => {
                    let begin = out.len();
                    if !printed.render(context, out) {
                        if !self.tolerant {
                            out.truncate(start);
                            return false;
                        }
                        out.extend_from_slice(NOT_AVAILABLE);
                    }
                    if *width > 0 {
                        out.resize(begin + *width, b' ');
                    }
                }
            }
        }
        true
    }
}

impl Printed {
    /// Appends the value; `false` if it is null.
    fn render(&mut self, context: &EventContext<'_>, out: &mut Vec<u8>) -> bool {
        match self {
            Printed::Field(field) => text_value(context, field, out),
            Printed::Elapsed { field, part, last } => {
                let now = context.event().ts;
                let elapsed = now.wrapping_sub(last.replace(now).unwrap_or(now));
                render_text(context, field, Value::UInt(part(elapsed)), out);
                true
            }
            Printed::Call(source) => match source.value(context) {
                // What `len` counts never shows in Falco's outputs, and whoever compares outputs relies on it.
                Some(Value::UInt(_)) | None => false,
                Some(value) => {
                    plain_text(value, out);
                    true
                }
            },
        }
    }
}

/// What is left of nanoseconds in the fields that show an elapsed time.
fn elapsed_part(field: &str) -> Option<fn(u64) -> u64> {
    const SECOND: u64 = 1_000_000_000;
    match field {
        "evt.deltatime" => Some(|elapsed| elapsed),
        "evt.deltatime.s" => Some(|elapsed| elapsed / SECOND),
        "evt.deltatime.ns" => Some(|elapsed| elapsed % SECOND),
        _ => None,
    }
}

/// Appends what a transformer made, as text: it has no field that would say how to show it.
pub(crate) fn plain_text(value: Value<'_>, out: &mut Vec<u8>) {
    // Writing to a Vec does not fail.
    let _ = match value {
        Value::Bool(value) => write!(out, "{value}"),
        Value::Int(value) => write!(out, "{value}"),
        Value::UInt(value) => write!(out, "{value}"),
        Value::Double(value) => write!(out, "{value:.1}"),
        Value::Ip(value) => write!(out, "{value}"),
        Value::Net(value) => write!(out, "{value}"),
        Value::Bytes(value) => {
            out.extend_from_slice(value);
            Ok(())
        }
        Value::List(values) => {
            out.push(b'(');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                plain_text(*value, out);
            }
            out.push(b')');
            Ok(())
        }
    };
}

/// Appends a field's value as text; `false` if it is null.
pub fn text_value(context: &EventContext<'_>, field: &Field, out: &mut Vec<u8>) -> bool {
    let Some(value) = context.shown(field) else { return false };
    render_text(context, field, value, out);
    true
}

/// Appends a field's value as JSON, `null` included.
pub fn json_value(context: &EventContext<'_>, field: &Field, out: &mut Vec<u8>) {
    match context.shown(field) {
        Some(value) => render_json(context, field, value, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn resolve(field: &FieldRef, schema: &dyn Schema) -> Option<Field> {
    schema.resolve(&field.name, field.arg.as_deref()).ok()
}

/// The term that the longest beginning of `text` is, typed, and that beginning's length.
///
/// A shorter beginning than the whole text can only be better when it ends within the name of a field: behind the
/// name, a cut would take away the bracket that closes the argument.
fn longest_term(text: &str, schema: &dyn Schema) -> Option<(Term, Source, usize)> {
    if let Some(found) = term(text, schema) {
        return Some(found);
    }
    let name =
        text.len() - text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "_.".contains(c)).len();
    // Longer than any field's name and argument; keeps the search linear in the text.
    (1..=name.min(512)).rev().find_map(|length| term(&text[..length], schema))
}

fn term(text: &str, schema: &dyn Schema) -> Option<(Term, Source, usize)> {
    let (term, taken) = parse_term(text).ok()?;
    let (source, _, _) = check_term(&term, schema).ok()?;
    Some((term, source, taken))
}

/// The placeholder that rules written before Falco 0.41 have at the end of their outputs. It shows nothing any more:
/// a source adds its fields by `append_output`.
pub const CONTAINER_INFO: &str = "%container.info";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::FieldSchema;

    fn names(text: &str) -> Result<Vec<String>, String> {
        let schema = FieldSchema::new(false);
        let template =
            Template::compile(text, &schema).map_err(|error| format!("{}: {error}", error.offset))?;
        Ok(template.names().map(str::to_owned).collect())
    }

    #[test]
    fn fields_are_found() {
        for (text, expected) in [
            ("no field", vec![]),
            ("%proc.name", vec!["proc.name"]),
            ("*%proc.name,%fd.name.", vec!["proc.name", "fd.name"]),
            ("%evt.num:%evt.type", vec!["evt.num", "evt.type"]),
            (
                "%evt.arg[1] %evt.rawarg.fd %proc.aname[2]",
                vec!["evt.arg[1]", "evt.rawarg.fd", "proc.aname[2]"],
            ),
            ("%proc.name[0]", vec!["proc.name"]),
            ("%proc.namefoo", vec!["proc.name"]),
            ("%10proc.name|%0proc.pid", vec!["proc.name", "proc.pid"]),
            ("%tolower(proc.name) x", vec!["proc.name", "tolower(proc.name)"]),
            ("%toupper(tolower(proc.name))", vec!["proc.name", "toupper(tolower(proc.name))"]),
            (
                "%concat(proc.name, tolower(proc.pname))",
                vec!["proc.name", "proc.pname", "concat(proc.name,tolower(proc.pname))"],
            ),
            ("%proc.env[HOME] (%proc.env[\"A B\"])", vec!["proc.env[HOME]", "proc.env[\"A B\"]"]),
        ] {
            assert_eq!(
                names(text).as_deref(),
                Ok(&expected.iter().map(|s| s.to_string()).collect::<Vec<_>>()[..])
            );
        }
    }

    #[test]
    fn mistakes_have_the_texts_of_falco() {
        let errors: Vec<String> = [
            "",
            "%",
            "a %",
            "50%",
            "%5",
            "%%",
            "%nosuch.field",
            "a %(proc.name)",
            "%evt.arg",
            "% proc.name",
            "%tolower(proc.name",
            "%tolower(proc.pid)",
            "%val(proc.name)",
            "%nosuch(proc.name)",
        ]
        .iter()
        .map(|text| format!("{text:?} {}", names(text).unwrap_err()))
        .collect();
        insta::assert_snapshot!(errors.join("\n"), @r#"
        "" 0: empty formatting token
        "%" 0: invalid formatting syntax: formatting cannot end with a %
        "a %" 2: invalid formatting syntax: formatting cannot end with a %
        "50%" 2: invalid formatting syntax: formatting cannot end with a %
        "%5" 0: invalid formatting syntax: formatting cannot end with a number
        "%%" 0: unknown filter: unexpected token after '
        "%nosuch.field" 0: unknown filter: unexpected token after '
        "a %(proc.name)" 2: unknown filter: unexpected token after '
        "%evt.arg" 0: unknown filter: unexpected token after '
        "% proc.name" 0: unknown filter: unexpected token after '
        "%tolower(proc.name" 0: unknown filter: unexpected token after '
        "%tolower(proc.pid)" 0: unknown filter: unexpected token after '
        "%val(proc.name)" 0: unknown filter: unexpected token after '
        "%nosuch(proc.name)" 0: unknown filter: unexpected token after '
        "#);
    }
}
