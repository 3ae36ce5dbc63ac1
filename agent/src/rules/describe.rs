//! What a rule set consists of, in the form of Falco's `-L`: `falco_describe_results`.

use std::collections::BTreeSet;

use saker_filter::ast::{Call, Check, FieldRef, Literal, Visitor};
use saker_filter::{Expr, Schema, Span, parse};
use serde_json::{Value, json};

use super::compile::CompiledRule;
use super::environment::{Plugin, SYSCALL};
use super::event_names::event_names;
use super::items::{Entry, ListInfo, MacroInfo, RuleInfo};
use super::lists::CompiledList;
use super::loader::Loader;
use super::macros::CompiledMacro;
use crate::config::CONTAINER;
use crate::fields::{AUDIT_FIELDS, Class, FIELDS};
use crate::k8s::audit;

/// Describes everything that is loaded.
pub fn describe(loader: &Loader<'_>) -> Value {
    let (collector, compiled) = (loader.collector(), loader.compiled());
    let requirements = &collector.requirements;
    let plugins: Vec<Value> = requirements
        .plugins
        .iter()
        .filter_map(|requirement| {
            let named = |(name, version): &(String, String)| json!({ "name": name, "version": version });
            let (first, others) = requirement.alternatives.split_first()?;
            let mut entry = named(first);
            entry["alternatives"] = others.iter().map(named).collect();
            Some(entry)
        })
        .collect();
    let names = Names {
        schema: loader.env().schema,
        macros: collector.macros.all().iter().map(|info| info.name.as_str()).collect(),
        lists: collector.lists.all().iter().map(|info| info.name.as_str()).collect(),
        plugins: loader.env().plugins,
    };
    let rules = collector.rules.all();
    let rules: Vec<Value> = compiled.rules.iter().map(|r| rule(r, &rules[r.info], &names)).collect();
    let macros = compiled.macros.iter().zip(collector.macros.all());
    let macros: Vec<Value> = macros.filter_map(|(compiled, info)| macro_(compiled, info, &names)).collect();
    let lists = compiled.lists.all.iter().zip(collector.lists.all());
    let lists: Vec<Value> = lists.map(|(compiled, info)| list(compiled, info)).collect();
    json!({
        "required_engine_version": requirements.engine.to_string(),
        "required_plugin_versions": plugins,
        "rules": rules,
        "macros": macros,
        "lists": lists,
    })
}

/// The names that conditions can refer to.
struct Names<'n> {
    schema: &'n dyn Schema,
    macros: BTreeSet<&'n str>,
    lists: BTreeSet<&'n str>,
    plugins: &'n [Plugin],
}

/// What a condition mentions.
struct Mentions<'n> {
    names: &'n Names<'n>,
    macros: BTreeSet<String>,
    lists: BTreeSet<String>,
    fields: BTreeSet<String>,
    operators: BTreeSet<String>,
}

impl<'n> Mentions<'n> {
    fn of(expr: &Expr, names: &'n Names<'n>) -> Self {
        let mut mentions = Mentions {
            names,
            macros: BTreeSet::new(),
            lists: BTreeSet::new(),
            fields: BTreeSet::new(),
            operators: BTreeSet::new(),
        };
        expr.visit(&mut mentions);
        mentions
    }
}

impl Visitor for Mentions<'_> {
    fn identifier(&mut self, name: &str, _: Span) {
        if self.names.macros.contains(name) {
            self.macros.insert(name.to_owned());
        }
    }

    fn check(&mut self, check: &Check) {
        self.operators.insert(check.operator_text());
    }

    fn field(&mut self, field: &FieldRef) {
        self.fields.insert(field.to_string());
    }

    fn transformer(&mut self, _: &Call) {}

    fn literal(&mut self, check: &Check, literal: &Literal) {
        let in_list = matches!(check.right, saker_filter::ast::Operand::List(..));
        let name = std::str::from_utf8(&literal.value).unwrap_or_default();
        if in_list && self.names.lists.contains(name) {
            self.lists.insert(name.to_owned());
        }
    }
}

fn rule(compiled: &CompiledRule, info: &RuleInfo, names: &Names<'_>) -> Value {
    let condition = &info.condition.text;
    // The condition compiled once, so it parses with its lists in place; without, it may not.
    let written = parse::parse(condition, parse::RULE_DEPTH).ok();
    let written = written.as_ref().map(|expr| Mentions::of(expr, names));
    let mentions = Mentions::of(&compiled.expr, names);
    let mut output_fields: Vec<&str> = compiled.template.names().collect();
    output_fields.sort_unstable();
    let exception_names: BTreeSet<&str> = info.exceptions.iter().map(|e| e.name.as_str()).collect();
    let mut exception_operators = BTreeSet::new();
    for exception in &info.exceptions {
        operators(&exception.comps, &mut exception_operators);
    }
    let of_output = output_names(&output_fields);
    let fields = || mentions.fields.iter().chain(&of_output);
    let mut plugins = plugins(fields(), &info.source);
    let needed =
        fields().map(|field| field.split('[').next().unwrap_or_default()).chain([info.source.as_str()]);
    for name in needed {
        let provides = |plugin: &&Plugin| plugin.provides.iter().any(|one| one == name);
        plugins.extend(names.plugins.iter().filter(provides).map(|plugin| plugin.name.as_str()));
    }
    let events = match info.source.as_str() {
        SYSCALL => event_names(&compiled.expr, names.schema),
        _ => PLUGIN_EVENTS.to_vec(),
    };
    json!({
        "info": {
            "name": info.name,
            "condition": condition,
            "priority": info.priority.word(),
            "output": info.output.text,
            "description": info.description,
            "enabled": info.enabled,
            "source": info.source,
            "tags": info.tags,
            "capture": info.capture,
            "capture_duration": info.capture_duration,
        },
        "details": {
            "macros": written.as_ref().map(|m| &m.macros).cloned().unwrap_or_default(),
            "lists": written.as_ref().map(|m| &m.lists).cloned().unwrap_or_default(),
            "condition_operators": mentions.operators,
            "condition_fields": mentions.fields,
            "output_fields": output_fields,
            "exception_fields": compiled.exception_fields,
            "exception_names": exception_names,
            "exception_operators": exception_operators,
            "condition_compiled": compiled.expr.to_string(),
            "output_compiled": compiled.output,
            "events": events,
            "plugins": plugins,
        },
    })
}

fn output_names(fields: &[&str]) -> Vec<String> {
    fields.iter().map(|&field| field.to_owned()).collect()
}

/// The events of a source that is a plugin.
const PLUGIN_EVENTS: &[&str] = &["asyncevent", "pluginevent"];

/// The built-in plugins that a rule needs: that of its source, and those that its fields come from.
fn plugins<'f, 'n>(fields: impl Iterator<Item = &'f String>, source: &str) -> BTreeSet<&'n str> {
    let of_class = |class| match class {
        Class::Container => Some(CONTAINER),
        Class::K8sAudit => Some(audit::K8SAUDIT),
        Class::Json => Some(audit::JSON),
        _ => None,
    };
    let named = fields.filter_map(|field| {
        let name = field.split('[').next().unwrap_or_default();
        FIELDS.iter().chain(AUDIT_FIELDS).find(|info| info.name == name)
    });
    let of_fields = named.filter_map(|info| of_class(info.class));
    of_fields.chain((source == audit::SOURCE).then_some(audit::K8SAUDIT)).collect()
}

fn operators<'e>(comps: &'e Entry, found: &mut BTreeSet<&'e str>) {
    match comps {
        Entry::List(comps) => comps.iter().for_each(|comp| operators(comp, found)),
        comp => {
            found.insert(comp.text());
        }
    }
}

fn macro_(compiled: &CompiledMacro, info: &MacroInfo, names: &Names<'_>) -> Option<Value> {
    let expr = compiled.expr.as_ref()?;
    let written = parse::parse(&info.condition.text, parse::RULE_DEPTH).ok();
    let written = written.as_ref().map(|expr| Mentions::of(expr, names));
    let mentions = Mentions::of(expr, names);
    Some(json!({
        "info": { "name": info.name, "condition": info.condition.text },
        "details": {
            "used": compiled.used,
            "macros": written.as_ref().map(|m| &m.macros).cloned().unwrap_or_default(),
            "lists": written.as_ref().map(|m| &m.lists).cloned().unwrap_or_default(),
            "condition_operators": mentions.operators,
            "condition_fields": mentions.fields,
            "condition_compiled": expr.to_string(),
            "events": event_names(expr, names.schema),
            "plugins": [],
        },
    }))
}

fn list(compiled: &CompiledList, info: &ListInfo) -> Value {
    // What is written but not in the compiled list was the name of a list.
    let kept: BTreeSet<&str> = compiled.items.iter().map(String::as_str).collect();
    let (items, lists): (Vec<&str>, Vec<&str>) =
        info.items.iter().map(String::as_str).partition(|item| kept.contains(item));
    let lists: BTreeSet<&str> = lists.into_iter().collect();
    json!({
        "info": { "name": info.name, "items": items },
        "details": {
            "used": compiled.used,
            "lists": lists,
            "items_compiled": compiled.items,
            "plugins": [],
        },
    })
}
