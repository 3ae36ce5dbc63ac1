//! `override`: what is appended to, and what is replaced.

use super::decode::Ctx;
use crate::rules::codes::{ErrorCode, ItemKind};
use crate::rules::finding::{Fallible, Finding};
use crate::rules::schema::key_text;
use crate::rules::yaml::Node;

/// What `override` may append to, and what it may replace.
pub(super) const LIST_OVERRIDES: Overridable = Overridable { append: &["items"], replace: &["items"] };
pub(super) const MACRO_OVERRIDES: Overridable =
    Overridable { append: &["condition"], replace: &["condition"] };
pub(super) const RULE_OVERRIDES: Overridable = Overridable {
    append: &["condition", "desc", "exceptions", "output", "tags"],
    replace: &[
        "capture",
        "capture_duration",
        "condition",
        "desc",
        "enabled",
        "exceptions",
        "output",
        "priority",
        "skip-if-unknown-filter",
        "tags",
        "warn_evttypes",
    ],
};

#[derive(Clone, Copy)]
pub(super) struct Overridable {
    pub(super) append: &'static [&'static str],
    pub(super) replace: &'static [&'static str],
}

/// What `override` names, each kind sorted.
pub(super) struct Overrides<'o> {
    pub(super) append: Vec<&'o str>,
    pub(super) replace: Vec<&'o str>,
}

impl Overrides<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.append.is_empty() && self.replace.is_empty()
    }
}

pub(super) fn overrides<'o>(
    item: &'o Node,
    overridable: Overridable,
    ctx: &Ctx<'_>,
) -> Fallible<Overrides<'o>> {
    let mut found = Overrides { append: Vec::new(), replace: Vec::new() };
    let Some(node) = item.get("override") else { return Ok(found) };
    if node.items().is_some_and(|items| !items.is_empty()) {
        let message = "invalid node; this may result from using a map iterator as a sequence iterator, or \
                       vice-versa";
        let mut finding = Finding::error(ErrorCode::Validate, message, ctx.trail());
        finding.place.at = node.at;
        return Err(finding);
    }
    let outer = ctx.child(ItemKind::Override, "", item.at);
    for (key, operation) in node.entries() {
        for part in [key, operation] {
            if part.is_map() || part.items().is_some() {
                return outer.child(ItemKind::ValueFor, "", part.at).error("Value is not a scalar value");
            }
        }
        let name = key_text(key);
        let appendable = overridable.append.contains(&name);
        let replaceable = overridable.replace.contains(&name);
        match key_text(operation) {
            "append" if appendable => found.append.push(name),
            "append" => {
                return outer
                    .child(ItemKind::Override, name, key.at)
                    .error(format!("Key '{name}' cannot be appended to, use 'replace' instead"));
            }
            "replace" if replaceable => found.replace.push(name),
            "replace" => {
                return outer
                    .child(ItemKind::Override, name, key.at)
                    .error(format!("Key '{name}' cannot be replaced"));
            }
            other => {
                let append = if appendable { "append " } else { "" };
                let replace = if replaceable { "replace " } else { "" };
                return outer.child(ItemKind::ValueFor, name, operation.at).error(format!(
                    "Invalid override operation for key '{name}': '{other}'. Allowed values are: {append}{replace}"
                ));
            }
        }
    }
    Ok(found)
}

/// Whether `override` names this key for this operation; the key must be there then.
pub(super) fn take_override(
    named: &[&str],
    unexplained: &mut Vec<&str>,
    operation: &str,
    key: &str,
    ctx: &Ctx<'_>,
) -> Fallible<bool> {
    if !named.contains(&key) {
        return Ok(false);
    }
    let before = unexplained.len();
    unexplained.retain(|other| *other != key);
    if unexplained.len() == before {
        return ctx
            .error(format!("An {operation} override for '{key}' was specified but '{key}' is not defined"));
    }
    Ok(true)
}
