//! `--list`, `--list-events`, `-i`: the references in Falco's forms.

use std::io::{self, Write};

use anyhow::bail;
use serde_json::{Value, json};

use super::super::events::{KINDS, arrow, listed, type_name as param_type, values};
use super::super::fields::{classes, type_name};
use super::super::{ListFormat, syscalls};
use super::versions::SCHEMA;
use crate::config::{CONTAINER, Config};
use crate::event::{EventId, EventInfo, ParamInfo, id};
use crate::fields::{ArgKind, Class, FieldInfo, Traits};
use crate::k8s::audit;
use crate::rules::SYSCALL;

/// Where the right column of the list of fields begins, and where lines end.
const COLUMN: usize = 30;
const WIDTH: usize = 120;

/// Prints the fields of a source; of all sources if it is empty.
pub(super) fn fields(
    source: &str,
    config: &Config,
    format: ListFormat,
    names_only: bool,
    verbose: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let audited = config.has_plugin(audit::K8SAUDIT);
    if !(matches!(source, "" | SYSCALL) || audited && source == audit::SOURCE) {
        bail!("Value for --list must be a valid source type");
    }
    let exists = |class: Class| match class {
        Class::Container => config.has_plugin(CONTAINER),
        Class::K8sAudit | Class::SakerAudit => audited,
        Class::Json => audited && config.has_plugin(audit::JSON),
        _ => true,
    };
    let of_source = |class: Class| source.is_empty() || class.sources().contains(&source);
    let classes = classes().filter(|class| exists(class[0].class) && of_source(class[0].class));
    // Falco leaves out what is meant for tables and what is deprecated.
    let shown = |field: &&FieldInfo| {
        !field.is_hidden() && !field.traits.intersects(Traits::TABLE_ONLY | Traits::DEPRECATED)
    };
    let classes: Vec<(&FieldInfo, Vec<&FieldInfo>)> =
        classes.map(|class| (&class[0], class.iter().filter(shown).collect())).collect();
    let all = classes.iter().flat_map(|(_, fields)| fields);
    match format {
        ListFormat::Json if names_only => {
            let names: Vec<&str> = all.map(|field| field.name).collect();
            writeln!(out, "{:#}", json!({ "fieldnames": names }))?;
        }
        _ if names_only => {
            for field in all {
                writeln!(out, "{}", field.name)?;
            }
        }
        ListFormat::Text => {
            for (first, fields) in &classes {
                class_text(first.class, fields, audited, verbose, out)?;
            }
        }
        ListFormat::Markdown => {
            for (first, fields) in &classes {
                class_markdown(first.class, fields, audited, out)?;
            }
        }
        ListFormat::Json => {
            let classes: Vec<Value> =
                classes.iter().map(|(first, fields)| class_json(first.class, fields, audited)).collect();
            writeln!(out, "{:#}", json!({ "fieldclasses": classes }))?;
        }
    }
    Ok(())
}

/// The sources for which the fields of a class exist, of those that are on.
fn event_sources(class: Class, audited: bool) -> Vec<&'static str> {
    class.sources().iter().copied().filter(|source| audited || *source != audit::SOURCE).collect()
}

fn class_text(
    class: Class,
    fields: &[&FieldInfo],
    audited: bool,
    verbose: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let (name, about) = class.title();
    writeln!(out, "-------------------------------")?;
    writeln!(out, "{:COLUMN$}{name}", "Field Class:")?;
    writeln!(out, "{:COLUMN$}{}", "Description:", wrapped(about))?;
    writeln!(out, "{:COLUMN$}{} \n", "Event Sources:", event_sources(class, audited).join(", "))?;
    for field in fields {
        match field.name.len() > COLUMN {
            true => write!(out, "{}\n{:COLUMN$}", field.name, "")?,
            false => write!(out, "{:COLUMN$}", field.name)?,
        }
        let mut text = field.doc.to_owned();
        let tags = tags(field);
        if !tags.is_empty() {
            text = format!("({}) {text}", tags.join(","));
        }
        if verbose {
            text = format!("(Type: {}) {text}", type_name(field));
        }
        writeln!(out, "{}", wrapped(&text))?;
    }
    writeln!(out)
}

fn class_markdown(
    class: Class,
    fields: &[&FieldInfo],
    audited: bool,
    out: &mut impl Write,
) -> io::Result<()> {
    let (name, about) = class.title();
    writeln!(
        out,
        "## Field Class: {name}\n\n{about}\n\nEvent Sources: {} \n",
        event_sources(class, audited).join(", ")
    )?;
    writeln!(out, "Name | Type | Description\n:----|:-----|:-----------")?;
    for field in fields {
        writeln!(out, "`{}` | {} | {}", field.name, type_name(field), field.doc)?;
    }
    writeln!(out)
}

fn class_json(class: Class, fields: &[&FieldInfo], audited: bool) -> Value {
    let (name, about) = class.title();
    let fields: Vec<Value> = fields
        .iter()
        .map(|field| {
            json!({ "name": field.name, "type": type_name(field), "desc": field.doc, "tags": tags(field) })
        })
        .collect();
    json!({ "name": name, "desc": about, "event_sources": event_sources(class, audited), "fields": fields })
}

/// Falco's marks of a field, in order.
fn tags(field: &FieldInfo) -> Vec<&'static str> {
    let marks = [
        (Traits::FILTER_ONLY, "EPF_FILTER_ONLY"),
        (Traits::LIST, "EPF_IS_LIST"),
        (Traits::NO_RHS, "EPF_NO_RHS"),
        (Traits::NO_TRANSFORMER, "EPF_NO_TRANSFORMER"),
        (Traits::PRINT_ONLY, "EPF_PRINT_ONLY"),
    ];
    let argument = match field.arg {
        ArgKind::None => None,
        ArgKind::Path | ArgKind::Level | ArgKind::Env => Some("EPF_ARG_ALLOWED"),
        _ => Some("EPF_ARG_REQUIRED"),
    };
    let marks = marks.into_iter().filter(|(flag, _)| field.traits.contains(*flag)).map(|(_, mark)| mark);
    argument.into_iter().chain(marks).collect()
}

/// Words with a blank after each, in lines of the right column.
fn wrapped(text: &str) -> String {
    let (mut out, mut length) = (String::new(), 0);
    for word in text.split_whitespace() {
        if length + word.len() + 1 > WIDTH - COLUMN {
            out.push('\n');
            out.push_str(&" ".repeat(COLUMN));
            length = 0;
        }
        length += word.len() + 1;
        out.extend([word, " "]);
    }
    out
}

/// The events of a kind: those of the table, then (of system calls) those of which only the name is recorded.
fn named(kind: usize) -> Vec<(&'static EventInfo, &'static str)> {
    let (category, _, _) = KINDS[kind];
    let rows = listed(category).filter(|row| row.id != id::GENERIC_X).map(|row| (row, row.name));
    let generic: Option<&EventInfo> = EventId::info(id::GENERIC_X);
    let calls = syscalls::listed().into_iter().filter(|call| kind == 0 && call.is_generic());
    let calls = calls.filter_map(|call| Some((generic?, call.name)));
    rows.chain(calls).collect()
}

/// Falco's headings for the kinds of events.
const HEADINGS: [&str; 4] = ["Syscall events", "Tracepoint events", "Plugin events", "Metaevents"];

/// Prints the events. All of them are there for rules, so all are marked available.
pub(super) fn events(format: ListFormat, out: &mut impl Write) -> io::Result<()> {
    if format == ListFormat::Json {
        let mut all = json!({ "schema_version": SCHEMA });
        for (kind, heading) in HEADINGS.iter().enumerate() {
            all[heading] = named(kind).into_iter().map(|(row, name)| event_json(row, name)).collect();
        }
        return writeln!(out, "{all:#}");
    }
    let markdown = format == ListFormat::Markdown;
    writeln!(out, "The events below are valid for Falco *Schema Version*: {SCHEMA}")?;
    for (kind, heading) in HEADINGS.iter().enumerate() {
        writeln!(out, "## {heading}\n")?;
        if markdown {
            writeln!(out, "Default | Dir | Name | Params \n:-------|:----|:-----|:-----")?;
        }
        for (row, name) in named(kind) {
            let params: Vec<String> = row.params.iter().map(|param| param_text(param, markdown)).collect();
            let params = params.join(", ");
            match markdown {
                true => writeln!(out, "Yes | `{}` | `{name}` | {params}", arrow(row))?,
                false => writeln!(out, "{} {name}({params})", arrow(row))?,
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

fn param_text(param: &ParamInfo, markdown: bool) -> String {
    let star = if markdown { "*" } else { "" };
    let names: Vec<String> = values(param).iter().map(|name| format!("{star}{name}{star}")).collect();
    let names = if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
    format!("{} **{}**{names}", param_type(param.ty), param.name)
}

fn event_json(row: &EventInfo, name: &str) -> Value {
    let params: Vec<Value> = row
        .params
        .iter()
        .map(|param| {
            let mut object = json!({ "type": param_type(param.ty), "name": param.name });
            let flags = values(param);
            if !flags.is_empty() {
                object["flags"] = flags.into();
            }
            object
        })
        .collect();
    json!({ "name": name, "dir": arrow(row).to_string(), "available": true, "params": params })
}

/// Prints the events that are ignored by default: none, for what a rule names is recorded.
pub(super) fn ignored(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Ignored Event(s):\n")
}
