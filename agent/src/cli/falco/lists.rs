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
use crate::plugins::info::Argument;
use crate::plugins::{Info, Loaded};
use crate::rules::SYSCALL;

/// Where the right column of the list of fields begins, and where lines end.
const COLUMN: usize = 30;
const WIDTH: usize = 120;

/// A group of fields, built in or of a plugin, as it is listed.
struct Group {
    name: String,
    about: String,
    sources: Vec<String>,
    fields: Vec<Row>,
}

/// A field as it is listed.
struct Row {
    name: String,
    kind: String,
    about: String,
    tags: Vec<&'static str>,
}

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
    let loaded = Loaded::of(config)?;
    let mut sources = vec![SYSCALL.to_owned()];
    sources.extend(audited.then(|| audit::SOURCE.to_owned()));
    sources.extend(loaded.sources.iter().map(|source| source.name.clone()));
    if !source.is_empty() && !sources.iter().any(|known| known == source) {
        bail!("Value for --list must be a valid source type");
    }
    let mut groups = built_in(config, &sources);
    groups.extend(loaded.plugins.iter().filter_map(|plugin| of_plugin(&plugin.info, &loaded)));
    groups.retain(|group| source.is_empty() || group.sources.iter().any(|one| one == source));
    let all = groups.iter().flat_map(|group| &group.fields);
    match format {
        ListFormat::Json if names_only => {
            let names: Vec<&str> = all.map(|field| &*field.name).collect();
            writeln!(out, "{:#}", json!({ "fieldnames": names }))?;
        }
        _ if names_only => {
            for field in all {
                writeln!(out, "{}", field.name)?;
            }
        }
        ListFormat::Text => groups.iter().try_for_each(|group| group.text(verbose, out))?,
        ListFormat::Markdown => groups.iter().try_for_each(|group| group.markdown(out))?,
        ListFormat::Json => {
            let groups: Vec<Value> = groups.iter().map(Group::json).collect();
            writeln!(out, "{:#}", json!({ "fieldclasses": groups }))?;
        }
    }
    Ok(())
}

/// The fields of the table, of which `sources` are those that there are.
fn built_in(config: &Config, sources: &[String]) -> Vec<Group> {
    let audited = config.has_plugin(audit::K8SAUDIT);
    let exists = |class: Class| match class {
        Class::Container => config.has_plugin(CONTAINER),
        Class::K8sAudit | Class::SakerAudit => audited,
        Class::Json => sources.len() > 1 && config.has_plugin(audit::JSON),
        _ => true,
    };
    // Falco leaves out what is meant for tables and what is deprecated.
    let shown = |field: &&FieldInfo| {
        !field.is_hidden() && !field.traits.intersects(Traits::TABLE_ONLY | Traits::DEPRECATED)
    };
    let row = |field: &FieldInfo| Row {
        name: field.name.to_owned(),
        kind: type_name(field).to_owned(),
        about: field.doc.to_owned(),
        tags: tags(field),
    };
    let group = |class: &[FieldInfo]| {
        let (name, about) = class[0].class.title();
        // Fields of any event exist for all sources, those of documents for all but system calls.
        let is_of = |source: &&String| match class[0].class {
            Class::Evt => true,
            Class::Json => *source != SYSCALL,
            class => class.sources().contains(&source.as_str()),
        };
        Group {
            name: name.to_owned(),
            about: about.to_owned(),
            sources: sources.iter().filter(is_of).cloned().collect(),
            fields: class.iter().filter(shown).map(row).collect(),
        }
    };
    classes().filter(|class| exists(class[0].class)).map(group).collect()
}

/// The fields that a plugin extracts, if it does.
fn of_plugin(info: &Info, loaded: &Loaded) -> Option<Group> {
    let extract = info.extract.as_ref()?;
    let sources =
        loaded.sources.iter().map(|source| &*source.name).filter(|source| extract.sources.take(source));
    let seen = loaded.calls.iter().any(|member| member.info == *info) && extract.sources.take(SYSCALL);
    let sources = seen.then_some(SYSCALL).into_iter().chain(sources);
    let row = |field: &crate::plugins::info::FieldInfo| {
        let argument = match field.argument {
            Argument { required: true, .. } => Some("EPF_ARG_REQUIRED"),
            Argument { index: false, key: false, .. } => None,
            _ => Some("EPF_ARG_ALLOWED"),
        };
        Row {
            name: field.name.clone(),
            kind: match (field.kind.value_type().falco_name(), field.list) {
                (name, true) => format!("LIST({name})"),
                (name, false) => name.to_owned(),
            },
            about: field.description.clone(),
            tags: argument.into_iter().chain(field.list.then_some("EPF_IS_LIST")).collect(),
        }
    };
    Some(Group {
        name: info.name.clone(),
        about: info.description.clone(),
        sources: sources.map(str::to_owned).collect(),
        fields: extract.fields.iter().map(row).collect(),
    })
}

impl Group {
    fn text(&self, verbose: bool, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "-------------------------------")?;
        writeln!(out, "{:COLUMN$}{}", "Field Class:", self.name)?;
        writeln!(out, "{:COLUMN$}{}", "Description:", wrapped(&self.about))?;
        writeln!(out, "{:COLUMN$}{} \n", "Event Sources:", self.sources.join(", "))?;
        for field in &self.fields {
            match field.name.len() > COLUMN {
                true => write!(out, "{}\n{:COLUMN$}", field.name, "")?,
                false => write!(out, "{:COLUMN$}", field.name)?,
            }
            let mut text = field.about.clone();
            if !field.tags.is_empty() {
                text = format!("({}) {text}", field.tags.join(","));
            }
            if verbose {
                text = format!("(Type: {}) {text}", field.kind);
            }
            writeln!(out, "{}", wrapped(&text))?;
        }
        writeln!(out)
    }

    fn markdown(&self, out: &mut impl Write) -> io::Result<()> {
        let Group { name, about, sources, fields } = self;
        writeln!(out, "## Field Class: {name}\n\n{about}\n\nEvent Sources: {} \n", sources.join(", "))?;
        writeln!(out, "Name | Type | Description\n:----|:-----|:-----------")?;
        for Row { name, kind, about, .. } in fields {
            writeln!(out, "`{name}` | {kind} | {about}")?;
        }
        writeln!(out)
    }

    fn json(&self) -> Value {
        let Group { name, about, sources, fields } = self;
        let field = |row: &Row| {
            let Row { name, kind, about, tags } = row;
            json!({ "name": name, "type": kind, "desc": about, "tags": tags })
        };
        let fields: Vec<Value> = fields.iter().map(field).collect();
        json!({ "name": name, "desc": about, "event_sources": sources, "fields": fields })
    }
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
