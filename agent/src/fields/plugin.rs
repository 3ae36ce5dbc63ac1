//! The fields of a source that plugins provide: those of any event, and those that the plugins say they extract.

use std::cell::OnceCell;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use saker_filter::{Arg, EventSet, Field, FieldError, Schema, Value};

use super::{AUDIT_BASE, Asking, EventContext, FieldSchema, PLUGIN_FIELD, PluginFields};
use crate::k8s::audit::Json;
use crate::plugins::info::Info;
use crate::plugins::protocol::Told;
use crate::plugins::raw;

/// The fields of a source.
#[derive(Debug)]
pub struct PluginSchema {
    any: FieldSchema,
    fields: PluginFields,
    others: bool,
    summary: AtomicBool,
    document: AtomicBool,
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
        PluginSchema {
            any: FieldSchema::of_any_event(json).with_static(statics),
            others: plugins.len() > 1,
            fields: PluginFields::new(plugins),
            summary: AtomicBool::new(false),
            document: AtomicBool::new(false),
        }
    }

    /// From here on only what is looked up, or named by [`PluginSchema::want`], counts as asked for.
    pub fn begin_asking(&self) {
        self.fields.begin_asking();
        // Relaxed, here and below: one thread loads rules.
        self.summary.store(false, Ordering::Relaxed);
        self.document.store(false, Ordering::Relaxed);
    }

    /// Counts a field as asked for.
    pub fn want(&self, field: &Field) {
        self.fields.want(field);
        if field.id != PLUGIN_FIELD {
            self.summary.fetch_or(self.any.name(field) == SUMMARY, Ordering::Relaxed);
            self.document.fetch_or(is_of_document(field), Ordering::Relaxed);
        }
    }

    /// What is asked for. The first plugin is the one whose events they are.
    pub fn asking(&self) -> Asking {
        let mut asking = self.fields.asking();
        if let Some(own) = asking.plugins.first_mut() {
            own.summary = self.summary.load(Ordering::Relaxed);
            own.raw = self.others || self.document.load(Ordering::Relaxed);
        }
        asking
    }
}

impl Schema for PluginSchema {
    fn resolve(&self, name: &str, arg: Option<&[u8]>) -> Result<Field, FieldError> {
        let full = match arg {
            Some(arg) => format!("{name}[{}]", String::from_utf8_lossy(arg)),
            None => name.to_owned(),
        };
        if let Some(field) = self.fields.resolve(&full, 0)? {
            return Ok(field);
        }
        let field = self.any.resolve(name, arg)?;
        self.want(&field);
        Ok(field)
    }

    fn name(&self, field: &Field) -> &str {
        match field.id {
            PLUGIN_FIELD => self.fields.name(field),
            _ => self.any.name(field),
        }
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
        self.fields.suggested()
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
    match context.origin.plugin() {
        Some(event) => *event.values.get(slot as usize)?,
        None => context.of_plugin(slot as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::info::{Extract, Sources, fields};
    use crate::plugins::protocol::{AskedArgument, AskedField};

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
