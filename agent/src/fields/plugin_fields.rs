//! The fields that plugins extract, found by name: the part of a source's schema that its plugins say themselves.
//!
//! A plugin extracts in a process of its own, which must know beforehand what it will be asked. So each field with its argument that is
//! ever looked up here gets a *slot*; the process is told the slots, and sends a value for each with every event.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use saker_filter::{Arg, Field, FieldError, FieldTraits, Scope, Type};

use super::PLUGIN_FIELD;
use crate::plugins::info::{FieldInfo, Info, Kind};
use crate::plugins::protocol::{Asked, AskedArgument, AskedField};

/// The fields that the plugins of a source extract.
#[derive(Debug)]
pub struct PluginFields {
    plugins: Vec<Info>,
    /// For each name the plugin, and its number there.
    by_name: FxHashMap<String, (usize, usize)>,
    longest: usize,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    all: Vec<Slot>,
    numbers: FxHashMap<(usize, usize, Arg), usize>,
}

#[derive(Debug)]
struct Slot {
    plugin: usize,
    asked: AskedField,
    /// The type of the field, and whether it is a list.
    kind: (Kind, bool),
    /// Some rule that is on asks for it.
    wanted: bool,
}

/// What the plugins of a source are asked, and where their answers belong.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asking {
    /// For each plugin what it is asked.
    pub plugins: Vec<Asked>,
    /// For each plugin and value the slot that it is for.
    pub slots: Vec<Vec<usize>>,
    /// The type of each slot, and whether it is a list.
    pub kinds: Vec<(Kind, bool)>,
}

impl PluginFields {
    /// The fields that these plugins extract; of two with one name that of the first plugin counts.
    pub fn new(plugins: Vec<Info>) -> Self {
        let mut by_name = FxHashMap::default();
        for (plugin, info) in plugins.iter().enumerate() {
            for (field, row) in fields(info).iter().enumerate() {
                by_name.entry(row.name.clone()).or_insert((plugin, field));
            }
        }
        let longest = by_name.keys().map(String::len).max().unwrap_or(0);
        PluginFields { plugins, by_name, longest, slots: Mutex::default() }
    }

    /// From here on only what is looked up, or named by [`PluginFields::want`], counts as asked for.
    pub fn begin_asking(&self) {
        self.slots().all.iter_mut().for_each(|slot| slot.wanted = false);
    }

    /// Counts a field as asked for, if it is one of a plugin.
    pub fn want(&self, field: &Field) {
        if let (PLUGIN_FIELD, Arg::Index(slot)) = (field.id, &field.arg)
            && let Some(slot) = self.slots().all.get_mut(*slot as usize)
        {
            slot.wanted = true;
        }
    }

    /// What is asked for.
    pub fn asking(&self) -> Asking {
        let slots = self.slots();
        let mut asking = Asking {
            plugins: vec![Asked::default(); self.plugins.len()],
            slots: vec![Vec::new(); self.plugins.len()],
            kinds: slots.all.iter().map(|slot| slot.kind).collect(),
        };
        for (number, slot) in slots.all.iter().enumerate().filter(|(_, slot)| slot.wanted) {
            if let (Some(asked), Some(places)) =
                (asking.plugins.get_mut(slot.plugin), asking.slots.get_mut(slot.plugin))
            {
                asked.fields.push(slot.asked.clone());
                places.push(number);
            }
        }
        asking
    }

    /// The fields that an output should show, if it is to show what is suggested.
    pub fn suggested(&self) -> Vec<&str> {
        let fields = self.plugins.iter().flat_map(fields);
        fields.filter(|field| field.suggested).map(|field| &*field.name).collect()
    }

    /// The name of a field without its argument.
    pub(super) fn name(&self, field: &Field) -> &str {
        self.row(field).map_or("", |row| &row.name)
    }

    fn row(&self, field: &Field) -> Option<&FieldInfo> {
        let Arg::Index(slot) = field.arg else { return None };
        let slots = self.slots();
        let slot = slots.all.get(slot as usize)?;
        fields(self.plugins.get(slot.plugin)?).get(slot.asked.field as usize)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The field of the longest name that `full` begins with, and what is left.
    fn longest_prefix<'f>(&self, full: &'f str) -> Option<((usize, usize), &'f str)> {
        (1..=full.len().min(self.longest)).rev().find_map(|length| {
            let (name, rest) = (full.get(..length)?, full.get(length..)?);
            self.by_name.get(name).map(|found| (*found, rest))
        })
    }

    /// The field that `full` means, which is asked for then; `None` if it is none of a plugin, or if its name has no more than
    /// `known` bytes: then another field has it.
    pub(super) fn resolve(&self, full: &str, known: usize) -> Result<Option<Field>, FieldError> {
        let Some(((plugin, number), rest)) = self.longest_prefix(full) else { return Ok(None) };
        let Some(info) = self.plugins.get(plugin).and_then(|info| fields(info).get(number)) else {
            return Ok(None);
        };
        if (!rest.is_empty() && !rest.starts_with('[')) || full.len() - rest.len() <= known {
            return Ok(None);
        }
        let arg = argument(full, info, rest)?;
        let mut slots = self.slots();
        let slot = match slots.numbers.get(&(plugin, number, arg.clone())) {
            Some(slot) => *slot,
            None => {
                let slot = slots.all.len();
                let argument = match &arg {
                    Arg::None => AskedArgument::None,
                    Arg::Index(index) => AskedArgument::Index(u64::from(*index)),
                    Arg::Key(key) => AskedArgument::Key(key.to_vec()),
                };
                // A plugin has a few thousand fields at most.
                let asked = AskedField { field: number as u32, argument };
                slots.all.push(Slot { plugin, asked, kind: (info.kind, info.list), wanted: false });
                slots.numbers.insert((plugin, number, arg), slot);
                slot
            }
        };
        if let Some(slot) = slots.all.get_mut(slot) {
            slot.wanted = true;
        }
        let ty = info.kind.value_type();
        // Lists of texts can be asked what they contain, as those of the plugin `k8saudit` are by Falco's own rules.
        let traits = FieldTraits {
            list: info.list,
            each_contains: info.list && ty == Type::Str,
            ..FieldTraits::default()
        };
        // So many arguments no rule set has: a slot is a u32 by far.
        Ok(Some(Field { id: PLUGIN_FIELD, arg: Arg::Index(slot as u32), ty, traits, scope: Scope::Event }))
    }
}

fn fields(info: &Info) -> &[FieldInfo] {
    info.extract.as_ref().map(|extract| &extract.fields[..]).unwrap_or_default()
}

/// The argument that `rest` is, by what the field takes. Texts of errors are Falco's.
fn argument(full: &str, info: &FieldInfo, rest: &str) -> Result<Arg, FieldError> {
    let refuse = |why: &str| Err(FieldError::Argument(format!("filter '{full}': {} {why}", info.name)));
    let takes = info.argument;
    let Some(inner) = rest.strip_prefix('[') else {
        return if takes.required { refuse("requires an argument but none provided") } else { Ok(Arg::None) };
    };
    let Some(inner) = inner.strip_suffix(']') else {
        return refuse("has a badly-formatted argument");
    };
    if !takes.index && !takes.key {
        return refuse(&format!("does not allow nor require an argument but one is provided: {inner}"));
    }
    let is_number = !inner.is_empty() && inner.bytes().all(|byte| byte.is_ascii_digit());
    match inner.parse::<u32>() {
        Ok(index) if takes.index && is_number => Ok(Arg::Index(index)),
        _ if takes.key && !inner.contains('\0') => Ok(Arg::Key(inner.as_bytes().into())),
        _ => refuse(&format!("has an argument that is no number: {inner}")),
    }
}

#[cfg(test)]
mod tests {
    use saker_filter::Schema as _;

    use super::super::FieldSchema;
    use super::*;
    use crate::plugins::info::{Extract, Sources, fields};

    /// The fields of system calls with those of a plugin.
    fn schema() -> FieldSchema {
        let json = br#"[{"name":"proc.name","type":"uint64"},{"name":"proc.name.long","type":"uint64","addOutput":true},
            {"name":"evt.arg.flags.more","type":"string"},{"name":"x.y","type":"string","arg":{"isKey":true}}]"#;
        let extract = Some(Extract { sources: Sources::default(), fields: fields(json).unwrap() });
        let info = Info { name: "p".to_owned(), extract, ..Info::default() };
        FieldSchema::new(false).with_plugins(PluginFields::new(vec![info]))
    }

    #[test]
    fn the_longer_name_counts_and_of_two_equal_ones_that_of_the_table() {
        let schema = schema();
        let told: Vec<String> = [
            "proc.name",
            "proc.name.long",
            "evt.arg.flags",
            "evt.arg.flags.more",
            "x.y[k]",
            "x.y.z",
            "proc.names",
        ]
        .iter()
        .map(|name| match schema.resolve(name, None) {
            Ok(field) => {
                format!("{name}: {} {:?} {}", schema.name(&field), field.ty, schema.cost(&field))
            }
            Err(error) => format!("{name}: {error}"),
        })
        .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        proc.name: proc.name Str 4
        proc.name.long: proc.name.long U64 20000
        evt.arg.flags: evt.arg Str 200
        evt.arg.flags.more: evt.arg.flags.more Str 20000
        x.y[k]: x.y Str 20000
        x.y.z: filter_check called with nonexistent field x.y.z
        proc.names: filter_check called with nonexistent field proc.names
        ");
        assert_eq!(schema.suggested(), ["proc.name.long"]);
        assert_eq!(schema.plugins().unwrap().asking().plugins[0].fields.len(), 3);
    }
}
