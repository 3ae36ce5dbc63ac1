//! The fields of a source that plugins provide: those of any event, and those that the plugins say they extract.
//!
//! A plugin extracts in a process of its own, which must know beforehand what it will be asked. So each field with its argument that is
//! ever looked up here gets a *slot*; the process is told the slots, and sends a value for each with every event.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use saker_filter::{Arg, EventSet, Field, FieldError, FieldTraits, Schema, Scope, Type, Value};

use super::{AUDIT_BASE, EventContext, FieldSchema, PLUGIN_FIELD};
use crate::k8s::audit::Json;
use crate::plugins::info::{FieldInfo, Info, Kind};
use crate::plugins::protocol::{Asked, AskedArgument, AskedField, Told};
use crate::plugins::raw;

/// The fields of a source.
#[derive(Debug)]
pub struct PluginSchema {
    any: FieldSchema,
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
    summary: bool,
    document: bool,
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

/// Whether it is a field of the document that an event is.
fn is_of_document(field: &Field) -> bool {
    field.id >= AUDIT_BASE && field.id != PLUGIN_FIELD
}

/// The summary that a plugin makes of its event.
const SUMMARY: &str = "evt.plugininfo";

impl PluginSchema {
    /// The fields that these plugins extract; of two with one name that of the first plugin counts.
    /// With `json`, events that are documents have the fields of the built-in plugin `json`, too.
    pub fn new<'n>(plugins: Vec<Info>, json: bool, statics: impl IntoIterator<Item = &'n str>) -> Self {
        let mut by_name = FxHashMap::default();
        for (plugin, info) in plugins.iter().enumerate() {
            for (field, row) in fields(info).iter().enumerate() {
                by_name.entry(row.name.clone()).or_insert((plugin, field));
            }
        }
        let longest = by_name.keys().map(String::len).max().unwrap_or(0);
        PluginSchema {
            any: FieldSchema::of_any_event(json).with_static(statics),
            plugins,
            by_name,
            longest,
            slots: Mutex::default(),
        }
    }

    /// The fields of each plugin.
    pub fn plugins(&self) -> &[Info] {
        &self.plugins
    }

    /// From here on only what is looked up, or named by [`PluginSchema::want`], counts as asked for.
    pub fn begin_asking(&self) {
        let mut slots = self.slots();
        (slots.summary, slots.document) = (false, false);
        slots.all.iter_mut().for_each(|slot| slot.wanted = false);
    }

    /// Counts a field as asked for.
    pub fn want(&self, field: &Field) {
        let mut slots = self.slots();
        match (field.id, &field.arg) {
            (PLUGIN_FIELD, Arg::Index(slot)) => {
                slots.all.get_mut(*slot as usize).into_iter().for_each(|slot| slot.wanted = true);
            }
            _ => {
                slots.summary |= self.any.name(field) == SUMMARY;
                slots.document |= is_of_document(field);
            }
        }
    }

    /// What is asked for. The first plugin is the one whose events they are.
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
        let others = self.plugins.len() > 1;
        if let Some(own) = asking.plugins.first_mut() {
            own.summary = slots.summary;
            own.raw = others || slots.document;
        }
        asking
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn row(&self, field: &Field) -> Option<&FieldInfo> {
        let Arg::Index(slot) = field.arg else { return None };
        let slots = self.slots();
        let slot = slots.all.get(slot as usize)?;
        fields(self.plugins.get(slot.plugin)?).get(slot.asked.field as usize)
    }

    /// The field of the longest name that `full` begins with, and what is left.
    fn longest_prefix<'f>(&self, full: &'f str) -> Option<((usize, usize), &'f str)> {
        (1..=full.len().min(self.longest)).rev().find_map(|length| {
            let (name, rest) = (full.get(..length)?, full.get(length..)?);
            self.by_name.get(name).map(|found| (*found, rest))
        })
    }

    fn plugin_field(&self, full: &str) -> Result<Option<Field>, FieldError> {
        let Some(((plugin, number), rest)) = self.longest_prefix(full) else { return Ok(None) };
        let Some(info) = self.plugins.get(plugin).and_then(|info| fields(info).get(number)) else {
            return Ok(None);
        };
        if !rest.is_empty() && !rest.starts_with('[') {
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

impl Schema for PluginSchema {
    fn resolve(&self, name: &str, arg: Option<&[u8]>) -> Result<Field, FieldError> {
        let full = match arg {
            Some(arg) => format!("{name}[{}]", String::from_utf8_lossy(arg)),
            None => name.to_owned(),
        };
        if let Some(field) = self.plugin_field(&full)? {
            return Ok(field);
        }
        let field = self.any.resolve(name, arg)?;
        self.want(&field);
        Ok(field)
    }

    fn name(&self, field: &Field) -> &str {
        if field.id != PLUGIN_FIELD {
            return self.any.name(field);
        }
        self.row(field).map_or("", |row| &row.name)
    }

    fn check_literal(&self, field: &Field, operator: &str, literal: &[u8]) -> Result<(), String> {
        match field.id {
            PLUGIN_FIELD => Ok(()),
            _ => self.any.check_literal(field, operator, literal),
        }
    }

    fn port(&self, service: &[u8]) -> Option<u16> {
        self.any.port(service)
    }

    fn events(&self, field: &Field, operator: &str, literals: &[&[u8]]) -> Option<EventSet> {
        if field.id == PLUGIN_FIELD { None } else { self.any.events(field, operator, literals) }
    }

    fn all_events(&self) -> EventSet {
        self.any.all_events()
    }

    fn kinds(&self, event: u16) -> Range<u16> {
        self.any.kinds(event)
    }

    fn known(&self, field: &Field, kind: u16) -> Option<Option<Value<'static>>> {
        if field.id == PLUGIN_FIELD { None } else { self.any.known(field, kind) }
    }

    fn cost(&self, field: &Field) -> u32 {
        // The first of these has the event parsed.
        if is_of_document(field) { 200 } else { 4 }
    }

    fn suggested(&self) -> Vec<&str> {
        let fields = self.plugins.iter().flat_map(fields);
        fields.filter(|field| field.suggested).map(|field| &*field.name).collect()
    }

    fn at_least(&self, field: &Field) -> Option<i128> {
        if field.id == PLUGIN_FIELD { None } else { self.any.at_least(field) }
    }
}

/// An event of a plugin, as fields see it.
#[derive(Clone, Copy, Debug)]
pub struct PluginEvent<'e> {
    /// The name of its source.
    pub source: &'e str,
    /// The name of its plugin.
    pub plugin: &'e str,
    /// What the plugin told of it.
    pub told: &'e Told<'e>,
    /// The value of each slot.
    pub values: &'e [Option<Value<'e>>],
    /// What the event is as a document, once somebody has asked.
    pub document: &'e OnceCell<Option<Json>>,
}

impl<'e> PluginEvent<'e> {
    /// What the event is as a document, if it is one.
    pub(super) fn document(&self) -> Option<&'e Json> {
        let parse = || serde_json::from_slice(raw::param(self.told.raw?, 1)?).ok();
        self.document.get_or_init(parse).as_ref()
    }
}

/// The value of a field of a plugin.
pub(super) fn get<'e>(context: &EventContext<'e>, field: &Field) -> Option<Value<'e>> {
    let Arg::Index(slot) = field.arg else { return None };
    *context.origin.plugin()?.values.get(slot as usize)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::info::{Extract, Sources, fields};

    fn schema() -> PluginSchema {
        let json = br#"[{"name":"t.num","type":"uint64"},{"name":"t.list","type":"string","isList":true},
            {"name":"t.nth","type":"string","arg":{"isRequired":true,"isIndex":true}},
            {"name":"t.key","type":"ipaddr","arg":{"isKey":true}}]"#;
        let extract = Some(Extract { sources: Sources::default(), fields: fields(json).unwrap() });
        let info = Info { name: "t".to_owned(), extract, ..Info::default() };
        PluginSchema::new(vec![info], true, ["site"])
    }

    #[test]
    fn arguments_are_those_that_the_plugin_takes() {
        let schema = schema();
        let told: Vec<String> = [
            "t.num",
            "t.num[1]",
            "t.nth",
            "t.nth[3]",
            "t.nth[x]",
            "t.key",
            "t.key[a]",
            "t.key[3]",
            "t.numb",
            "t.list",
            "evt.num",
            "evt.plugininfo",
            "static.site",
            "json.value[/a]",
            "ka.verb",
            "proc.name",
        ]
        .iter()
        .map(|name| match schema.resolve(name, None) {
            Ok(field) => format!("{name}: {} {:?} {:?}", schema.name(&field), field.arg, field.ty),
            Err(error) => format!("{name}: {error}"),
        })
        .collect();
        insta::assert_snapshot!(told.join("\n"), @r"
        t.num: t.num Index(0) U64
        t.num[1]: filter 't.num[1]': t.num does not allow nor require an argument but one is provided: 1
        t.nth: filter 't.nth': t.nth requires an argument but none provided
        t.nth[3]: t.nth Index(1) Str
        t.nth[x]: filter 't.nth[x]': t.nth has an argument that is no number: x
        t.key: t.key Index(2) Ip
        t.key[a]: t.key Index(3) Ip
        t.key[3]: t.key Index(4) Ip
        t.numb: filter_check called with nonexistent field t.numb
        t.list: t.list Index(5) Str
        evt.num: evt.num None U64
        evt.plugininfo: evt.plugininfo None Str
        static.site: static.site None Str
        json.value[/a]: json.value Key([47, 97]) Str
        ka.verb: filter_check called with nonexistent field ka.verb
        proc.name: filter_check called with nonexistent field proc.name
        ");
    }

    #[test]
    fn only_what_is_wanted_is_asked_for() {
        let schema = schema();
        let (num, key) =
            (schema.resolve("t.num", None).unwrap(), schema.resolve("t.key", Some(b"a")).unwrap());
        assert_eq!(schema.resolve("t.num", None).unwrap(), num);
        schema.begin_asking();
        schema.want(&key);
        let asking = schema.asking();
        let argument = AskedArgument::Key(b"a".to_vec());
        assert_eq!(asking.plugins[0].fields, [AskedField { field: 3, argument }]);
        assert_eq!((asking.slots, asking.kinds.len(), asking.plugins[0].summary), (vec![vec![1]], 2, false));
        schema.resolve("evt.plugininfo", None).unwrap();
        assert!(schema.asking().plugins[0].summary && !schema.asking().plugins[0].raw);
        schema.resolve("json.obj", None).unwrap();
        assert!(schema.asking().plugins[0].raw);
    }
}
