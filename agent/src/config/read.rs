//! From YAML nodes to typed values, the way Falco takes them: any scalar may be quoted or not, and `${NAME}` in it is
//! replaced by the environment's value.

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::{Mapping, Value};

use crate::config::{AppendOutput, ExtraField, RuleSelection};

/// Why a value does not fit its key.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The node has another shape.
    #[error("expected {0}")]
    Expected(&'static str),
    /// The word is none of those that mean something here.
    #[error("unknown {what} '{given}', must be one of {known}")]
    Unknown {
        /// What the word should name.
        what: &'static str,
        /// The word.
        given: String,
        /// The words that there are.
        known: String,
    },
    /// The key exists twice.
    #[error("'{0}' is given twice")]
    Twice(String),
    /// Something inside is wrong.
    #[error("{place}: {error}")]
    Inside {
        /// Index or key.
        place: String,
        /// What is wrong.
        error: Box<ValueError>,
    },
}

fn inside(place: impl ToString) -> impl FnOnce(ValueError) -> ValueError {
    let place = place.to_string();
    move |error| ValueError::Inside { place, error: Box::new(error) }
}

/// A scalar's text, environment variables expanded.
pub(super) fn text(value: &Value) -> Result<String, ValueError> {
    match value {
        Value::String(text) => Ok(expand_env(text)),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(ValueError::Expected("a scalar")),
    }
}

/// A switch, in any of YAML 1.1's spellings.
pub(super) fn flag(value: &Value) -> Result<bool, ValueError> {
    match text(value)?.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" => Ok(true),
        "false" | "no" | "off" | "n" => Ok(false),
        _ => Err(ValueError::Expected("true or false")),
    }
}

/// One of a few words.
pub(super) fn named<T: Copy>(
    what: &'static str,
    value: &Value,
    words: &[(&str, T)],
) -> Result<T, ValueError> {
    let given = text(value)?;
    match words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&given)) {
        Some((_, meaning)) => Ok(*meaning),
        None => {
            let known =
                words.iter().map(|(word, _)| word.to_ascii_lowercase()).collect::<Vec<_>>().join(", ");
            Err(ValueError::Unknown { what, given, known })
        }
    }
}

/// A sequence of scalars, or a single one.
pub(super) fn strings(value: &Value) -> Result<Vec<String>, ValueError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Sequence(_) => sequence(value, text),
        scalar => Ok(vec![text(scalar)?]),
    }
}

/// A sequence, each element read by `element`.
pub(super) fn sequence<T>(
    value: &Value,
    element: fn(&Value) -> Result<T, ValueError>,
) -> Result<Vec<T>, ValueError> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Sequence(elements) => {
            let read = |(index, value)| element(value).map_err(inside(index));
            elements.iter().enumerate().map(read).collect()
        }
        _ => Err(ValueError::Expected("a sequence")),
    }
}

/// A mapping from names to scalars.
pub(super) fn text_map(value: &Value) -> Result<BTreeMap<String, String>, ValueError> {
    if value.is_null() {
        return Ok(BTreeMap::new());
    }
    mapping(value)?.iter().map(|(key, value)| Ok((text(key)?, text(value)?))).collect()
}

fn mapping(value: &Value) -> Result<&Mapping, ValueError> {
    value.as_mapping().ok_or(ValueError::Expected("a mapping"))
}

/// The members of a mapping, which may have no others than `known`.
fn members<'v, const N: usize>(
    value: &'v Value,
    known: [&'static str; N],
) -> Result<[Option<&'v Value>; N], ValueError> {
    let mapping = mapping(value)?;
    for key in mapping.keys() {
        let given = text(key)?;
        if !known.contains(&given.as_str()) {
            return Err(ValueError::Unknown { what: "key", given, known: known.join(", ") });
        }
    }
    Ok(known.map(|name| mapping.get(name)))
}

fn member_text(value: Option<&Value>, key: &'static str) -> Result<Option<String>, ValueError> {
    value.map(text).transpose().map_err(inside(key))
}

/// `{enable: {rule: …, tag: …}}` or the same with `disable`.
pub(super) fn rule_selection(value: &Value) -> Result<RuleSelection, ValueError> {
    let (enable, step, key) = match members(value, ["enable", "disable"])? {
        [Some(step), _] => (true, step, "enable"),
        [None, Some(step)] => (false, step, "disable"),
        [None, None] => return Err(ValueError::Expected("'enable' or 'disable'")),
    };
    let [rule, tag] = members(step, ["rule", "tag"]).map_err(inside(key))?;
    let (rule, tag) = (member_text(rule, "rule")?, member_text(tag, "tag")?);
    if rule.is_none() && tag.is_none() {
        return Err(inside(key)(ValueError::Expected("'rule' or 'tag'")));
    }
    Ok(RuleSelection { enable, rule, tag })
}

/// One element of `append_output`.
pub(super) fn append_output(value: &Value) -> Result<AppendOutput, ValueError> {
    let [filter, output, fields, suggested] =
        members(value, ["match", "extra_output", "extra_fields", "suggested_output"])?;
    let mut append = AppendOutput {
        extra_output: member_text(output, "extra_output")?.filter(|text| !text.is_empty()),
        suggested_output: suggested
            .map(flag)
            .transpose()
            .map_err(inside("suggested_output"))?
            .unwrap_or(false),
        ..AppendOutput::default()
    };
    if let Some(filter) = filter {
        let [source, rule, tags] = members(filter, ["source", "rule", "tags"]).map_err(inside("match"))?;
        append.source = member_text(source, "source")?.filter(|text| !text.is_empty());
        append.rule = member_text(rule, "rule")?.filter(|text| !text.is_empty());
        append.tags =
            tags.map(strings).transpose().map_err(inside("tags"))?.unwrap_or_default().into_iter().collect();
    }
    if let Some(fields) = fields {
        append.extra_fields = sequence(fields, extra_field).map_err(inside("extra_fields"))?;
        let mut keys = BTreeSet::new();
        for field in &append.extra_fields {
            let (ExtraField::Raw(key) | ExtraField::Formatted { key, .. }) = field;
            if !keys.insert(key) && matches!(field, ExtraField::Formatted { .. }) {
                return Err(inside("extra_fields")(ValueError::Twice(key.clone())));
            }
        }
    }
    Ok(append)
}

fn extra_field(value: &Value) -> Result<ExtraField, ValueError> {
    match value {
        Value::Mapping(pair) if pair.len() == 1 => {
            let (key, format) = pair.iter().next().ok_or(ValueError::Expected("a key"))?;
            Ok(ExtraField::Formatted { key: text(key)?, format: text(format)? })
        }
        Value::Mapping(_) => Err(ValueError::Expected("one key with its format")),
        scalar => Ok(ExtraField::Raw(text(scalar)?)),
    }
}

/// Replaces `${NAME}` by the variable's value (nothing if it is not set); `$${NAME}` stays `${NAME}`.
pub(super) fn expand_env(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('$') {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let (escaped, braced) = match from.strip_prefix("$$") {
            Some(after) => (true, after.strip_prefix('{')),
            None => (false, from[1..].strip_prefix('{')),
        };
        match braced.and_then(|braced| braced.split_once('}')) {
            Some((name, after)) => {
                if escaped {
                    out.extend(["${", name, "}"]);
                } else if let Some(value) = std::env::var_os(name) {
                    out.push_str(&value.to_string_lossy());
                }
                rest = after;
            }
            None => {
                out.push('$');
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    out
}
