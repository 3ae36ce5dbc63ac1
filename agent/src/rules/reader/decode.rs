//! Values of items: texts, truth values, numbers and sequences, read as Falco reads them, and what is said when they
//! are not there or not what they must be.

use crate::config::Priority;
use crate::rules::codes::{ErrorCode, ItemKind};
use crate::rules::finding::{Fallible, Finding, Spot};
use crate::rules::items::Text;
use crate::rules::source::Place;
use crate::rules::yaml::{Node, Offset};

/// Where the reader is: a chain through the items that it is in. Becomes locations only when something is found.
#[derive(Clone, Copy)]
pub(super) struct Ctx<'c> {
    pub(super) parent: Option<&'c Ctx<'c>>,
    pub(super) kind: ItemKind,
    pub(super) name: &'c str,
    pub(super) place: Place,
}

impl<'c> Ctx<'c> {
    pub(super) fn child(&'c self, kind: ItemKind, name: &'c str, at: Offset) -> Ctx<'c> {
        Ctx { parent: Some(self), kind, name, place: Place { file: self.place.file, at } }
    }

    pub(super) fn trail(&self) -> Vec<Spot> {
        let mut trail = self.parent.map(Ctx::trail).unwrap_or_default();
        trail.push(Spot { kind: self.kind, name: self.name.to_owned(), place: self.place });
        trail
    }

    pub(super) fn error<T>(&self, message: impl Into<String>) -> Fallible<T> {
        Err(Finding::error(ErrorCode::YamlValidate, message, self.trail()))
    }
}

/// The text of a key that must be there, and where it stands.
pub(super) fn required<'n>(item: &'n Node, key: &str, ctx: &Ctx<'_>) -> Fallible<(&'n str, Offset)> {
    match optional(item, key, ctx)? {
        Some(found) => Ok(found),
        None => ctx.error(format!("Item has no mapping for key '{key}'")),
    }
}

/// The text of a key that may be missing, but not be empty.
pub(super) fn optional<'n>(item: &'n Node, key: &str, ctx: &Ctx<'_>) -> Fallible<Option<(&'n str, Offset)>> {
    let Some(value) = item.get(key) else { return Ok(None) };
    if value.is_null() {
        return ctx.error(format!("Mapping for key '{key}' is empty"));
    }
    let value_ctx = ctx.child(ItemKind::ValueFor, key, value.at);
    match value.scalar() {
        None => value_ctx.error("Value is not a scalar value"),
        Some("") => value_ctx.error("Value must be non-empty"),
        Some(text) => Ok(Some((text, value.at))),
    }
}

pub(super) fn required_text(item: &Node, key: &str, ctx: &Ctx<'_>) -> Fallible<Text> {
    let (text, at) = required(item, key, ctx)?;
    Ok(Text::new(text, Place { file: ctx.place.file, at }))
}

fn undecodable<T>(key: &str, at: Offset, ctx: &Ctx<'_>) -> Fallible<T> {
    ctx.child(ItemKind::ValueFor, key, at).error("Can't decode YAML scalar value")
}

pub(super) fn required_flag(item: &Node, key: &str, ctx: &Ctx<'_>) -> Fallible<bool> {
    let (text, at) = required(item, key, ctx)?;
    flag(text).map_or_else(|| undecodable(key, at, ctx), Ok)
}

pub(super) fn optional_flag(item: &Node, key: &str, ctx: &Ctx<'_>) -> Fallible<Option<bool>> {
    match item.get(key) {
        Some(_) => required_flag(item, key, ctx).map(Some),
        None => Ok(None),
    }
}

pub(super) fn required_number(item: &Node, key: &str, ctx: &Ctx<'_>) -> Fallible<u32> {
    let (text, at) = required(item, key, ctx)?;
    unsigned(text).map_or_else(|| undecodable(key, at, ctx), Ok)
}

pub(super) fn priority(item: &Node, ctx: &Ctx<'_>) -> Fallible<Priority> {
    let (text, at) = required(item, "priority", ctx)?;
    Priority::parse(text)
        .map_or_else(|| ctx.child(ItemKind::RulePriority, "", at).error("Invalid priority"), Ok)
}

pub(super) fn tags(item: &Node, ctx: &Ctx<'_>) -> Fallible<Vec<String>> {
    let Some(tags) = item.get("tags") else { return Ok(Vec::new()) };
    let mut tags = texts(tags, "tags", ctx)?;
    tags.sort_unstable();
    tags.dedup();
    Ok(tags)
}

/// The items of a sequence of texts.
pub(super) fn texts(sequence: &Node, key: &str, ctx: &Ctx<'_>) -> Fallible<Vec<String>> {
    let ctx = ctx.child(ItemKind::ValueFor, key, sequence.at);
    let Some(items) = sequence.items() else { return ctx.error("Value is not a sequence") };
    let mut texts = Vec::with_capacity(items.len());
    for item in items {
        match item.scalar() {
            Some(text) => texts.push(text.to_owned()),
            None => {
                return ctx.child(ItemKind::ListItem, "", item.at).error("sequence value is not scalar");
            }
        }
    }
    Ok(texts)
}

/// A truth value in any of YAML 1.1's spellings, quoted or not.
pub(super) fn flag(text: &str) -> Option<bool> {
    let rest = text.get(1..)?;
    let flexible = text.bytes().all(|byte| byte.is_ascii_lowercase())
        || (text.starts_with(|c: char| c.is_ascii_uppercase())
            && (rest.bytes().all(|byte| byte.is_ascii_lowercase())
                || rest.bytes().all(|byte| byte.is_ascii_uppercase())));
    match text.to_ascii_lowercase().as_str() {
        _ if !flexible => None,
        "y" | "yes" | "true" | "on" => Some(true),
        "n" | "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// A number as C++ streams read it without a base: `0x` is hexadecimal, a leading 0 octal.
pub(super) fn unsigned(text: &str) -> Option<u32> {
    let text = text.trim_end_matches(|c: char| c.is_ascii_whitespace() || c == '\u{b}');
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    // The standard library would take another sign.
    digits.starts_with(|c: char| c.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, radix).ok())?
}

pub(super) fn is_identifier(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_yaml_cpps() {
        for yes in ["y", "Y", "yes", "Yes", "YES", "true", "on", "ON"] {
            assert_eq!(flag(yes), Some(true), "{yes}");
        }
        for no in ["n", "no", "False", "off"] {
            assert_eq!(flag(no), Some(false), "{no}");
        }
        for neither in ["", "1", "0", "yEs", "TRUe", "maybe", "é"] {
            assert_eq!(flag(neither), None, "{neither}");
        }
    }

    #[test]
    fn numbers_are_cpps() {
        for (text, number) in [("10", 10), ("0", 0), ("0x10", 16), ("010", 8), ("+5", 5), ("7 ", 7)] {
            assert_eq!(unsigned(text), Some(number), "{text}");
        }
        for bad in ["", "-1", "1.5", "a", "4294967296", "08", "0x", "++1", " 1"] {
            assert_eq!(unsigned(bad), None, "{bad}");
        }
    }
}
