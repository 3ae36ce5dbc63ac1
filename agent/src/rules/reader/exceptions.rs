//! Exceptions of rule items.

use rustc_hash::FxHashMap;

use super::Reader;
use super::decode::{Ctx, required};
use crate::rules::codes::{ItemKind, WarningCode};
use crate::rules::finding::Fallible;
use crate::rules::items::{Entry, ExceptionInfo};
use crate::rules::yaml::Node;

/// Entries of an exception deeper than this are not read; two levels of lists have a meaning.
const MAX_ENTRY_DEPTH: usize = 4;

/// The most exceptions that a rule may have.
pub(in crate::rules) const MAX_EXCEPTIONS: usize = 5_000;

/// Further exceptions of the same name are not counted.
const MAX_NAMESAKES: usize = 10;

/// The most entries that the exceptions of a file may have, since aliases can make few bytes many entries.
pub(super) const MAX_ENTRIES: usize = 1_000_000;

impl Reader<'_> {
    pub(super) fn exceptions(
        &mut self,
        item: &Node,
        rule: &Ctx<'_>,
        append: bool,
    ) -> Fallible<Vec<ExceptionInfo>> {
        let mut infos: Vec<ExceptionInfo> = Vec::new();
        let Some(exceptions) = item.get("exceptions").filter(|exceptions| !exceptions.is_null()) else {
            return Ok(infos);
        };
        let all = rule.child(ItemKind::Exceptions, "", exceptions.at);
        let Some(exceptions) = exceptions.items() else {
            return all.error("Rule exceptions must be a sequence");
        };
        if exceptions.len() > MAX_EXCEPTIONS {
            return all.error(format!("Rule has more than {MAX_EXCEPTIONS} exceptions"));
        }
        let mut names = FxHashMap::default();
        for exception in exceptions {
            let unnamed = all.child(ItemKind::Exception, "", exception.at);
            if !exception.is_map() {
                return unnamed.error("Rule exception must be a mapping");
            }
            let (name, _) = required(exception, "name", &unnamed)?;
            let ctx = rule.child(ItemKind::Exception, name, exception.at);
            // One warning for each that had the name before, as far as anyone wants to read them.
            let earlier = names.entry(name).or_insert(0usize);
            *earlier += 1;
            for _ in 1..(*earlier).min(MAX_NAMESAKES) {
                let message = format!("Multiple definitions of exception '{name}' in the same rule");
                self.warn(WarningCode::ExceptionNameNotUnique, message, &ctx);
            }
            let fields = match exception.get("fields") {
                None if append => Entry::Absent,
                None => return ctx.error("Item has no mapping for key 'fields'"),
                Some(fields) => self.entry(fields, &ctx.child(ItemKind::ValueFor, "fields", fields.at), 0)?,
            };
            let comps = match exception.get("comps") {
                None => Entry::Absent,
                Some(comps) => self.entry(comps, &ctx.child(ItemKind::ValueFor, "comps", comps.at), 0)?,
            };
            let mut values = Vec::new();
            if let Some(given) = exception.get("values") {
                let all = ctx.child(ItemKind::ExceptionValues, "", given.at);
                let Some(given) = given.items() else {
                    return all.error("Rule exception values must be a sequence");
                };
                for value in given {
                    let one = all.child(ItemKind::ExceptionValue, "", value.at);
                    values.push(self.entry(value, &one.child(ItemKind::ValueFor, "", value.at), 0)?);
                }
            } else if append {
                let message = "Overriding/appending exception with no values";
                self.warn(WarningCode::AppendNoValues, message, &ctx);
            }
            infos.push(ExceptionInfo {
                name: name.to_owned(),
                fields,
                comps,
                values,
                place: ctx.place,
                rule: (rule.name.to_owned(), rule.place),
            });
        }
        Ok(infos)
    }

    fn entry(&mut self, node: &Node, ctx: &Ctx<'_>, depth: usize) -> Fallible<Entry> {
        self.entries_left = match self.entries_left.checked_sub(1) {
            Some(left) => left,
            None => return ctx.error(format!("Exceptions have more than {MAX_ENTRIES} values")),
        };
        if let Some(text) = node.scalar() {
            if text.is_empty() {
                return ctx.error("Value must be non-empty");
            }
            return Ok(Entry::Text(text.to_owned()));
        }
        let Some(items) = node.items() else { return Ok(Entry::Absent) };
        if depth >= MAX_ENTRY_DEPTH {
            return Ok(Entry::Absent);
        }
        let mut list = Vec::with_capacity(items.len());
        for item in items {
            let outer = ctx.child(ItemKind::Exception, "", item.at);
            list.push(self.entry(item, &outer.child(ItemKind::ValueFor, "", item.at), depth + 1)?);
        }
        Ok(Entry::List(list))
    }
}
