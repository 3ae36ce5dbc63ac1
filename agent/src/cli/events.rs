//! `saker events`: the reference of events, from the tables.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{ListArgs, ListFormat};
use crate::event::{Category, Detail, Direction, EVENTS, EventFlags, EventInfo, ParamInfo, ParamType};

/// Prints the list: the events that rules can meet, in their current version.
pub fn run(args: ListArgs) -> anyhow::Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        ListFormat::Text => text(&mut out)?,
        ListFormat::Markdown => markdown(&mut out)?,
        ListFormat::Json => json(&mut out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// A kind of event, by the bit that says where it comes from.
pub(super) const KINDS: [(Category, &str, &str); 4] = [
    (Category::SYSCALL, "syscall", "System calls, when they return"),
    (Category::TRACEPOINT, "tracepoint", "Kernel tracepoints"),
    (Category::PLUGIN, "plugin", "Events of plugins"),
    (Category::METAEVENT, "metaevent", "Events about the machine and the capture"),
];

pub(super) fn listed(kind: Category) -> impl Iterator<Item = &'static EventInfo> {
    let hidden = EventFlags::OLD_VERSION | EventFlags::UNUSED;
    EVENTS.iter().filter(move |row| {
        row.category.contains(kind) && !row.flags.intersects(hidden) && !row.is_internal() && row.name != "NA"
    })
}

pub(super) fn arrow(row: &EventInfo) -> char {
    if row.direction == Direction::Enter { '>' } else { '<' }
}

/// Falco's name of a type.
pub(super) fn type_name(ty: ParamType) -> String {
    match ty {
        ParamType::CharBufPairArray => "CHARBUF_PAIR_ARRAY".to_owned(),
        _ => format!("{ty:?}").to_uppercase(),
    }
}

/// The names that a parameter can be printed with.
pub(super) fn values(param: &ParamInfo) -> Vec<&'static str> {
    match param.detail {
        Detail::Names(table) => table.iter().map(|(name, _)| *name).collect(),
        _ => Vec::new(),
    }
}

fn text(out: &mut impl Write) -> io::Result<()> {
    for (kind, _, title) in KINDS {
        writeln!(out, "{title}\n")?;
        for row in listed(kind) {
            write!(out, "{} {}(", arrow(row), row.name)?;
            for (index, param) in row.params.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(out, "{comma}{} {}", type_name(param.ty), param.name)?;
                let values = values(param);
                if !values.is_empty() {
                    write!(out, ": {}", values.join(", "))?;
                }
            }
            writeln!(out, ")")?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn markdown(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "# Events\n")?;
    for (kind, _, title) in KINDS {
        writeln!(out, "## {title}\n\nDir | Name | Parameters\n:--- | :--- | :---")?;
        for row in listed(kind) {
            let params = row.params.iter().map(|param| {
                let values = values(param);
                let names =
                    if values.is_empty() { String::new() } else { format!(": {}", values.join(", ")) };
                format!("{} **{}**{names}", type_name(param.ty), param.name)
            });
            writeln!(out, "`{}` | `{}` | {}", arrow(row), row.name, params.collect::<Vec<_>>().join(", "))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn json(out: &mut impl Write) -> anyhow::Result<()> {
    let rows = KINDS.iter().flat_map(|(kind, name, _)| listed(*kind).map(move |row| (row, name)));
    let rows = rows.map(|(row, kind)| {
        let params = row.params.iter().map(|param| {
            let mut object = serde_json::json!({ "name": param.name, "type": type_name(param.ty) });
            let values = values(param);
            if !values.is_empty() {
                object["values"] = values.into();
            }
            object
        });
        serde_json::json!({
            "id": row.id.0,
            "name": row.name,
            "kind": kind,
            "dir": arrow(row).to_string(),
            "params": params.collect::<Vec<_>>(),
        })
    });
    serde_json::to_writer_pretty(&mut *out, &rows.collect::<Vec<_>>())?;
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(print: fn(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        print(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn text_shows_names_and_types() {
        let text = list(text);
        let lines =
            |start: &str| text.lines().filter(|line| line.starts_with(start)).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(lines("< shutdown"), @"< shutdown(ERRNO res, FD fd, ENUMFLAGS8 how: SHUT_UNKNOWN, SHUT_RDWR, SHUT_WR, SHUT_RD)");
        insta::assert_snapshot!(lines("> procinfo"), @"> procinfo(UINT64 cpu_usr, UINT64 cpu_sys)");
        // The entry of a call is not for rules.
        assert_eq!(lines("> open"), "");
    }

    /// Every current event that is not internal is listed once.
    #[test]
    fn all_forms_list_the_same() {
        let count = KINDS.iter().flat_map(|(kind, ..)| listed(*kind)).count();
        assert_eq!(list(text).lines().filter(|line| line.starts_with(['<', '>'])).count(), count);
        assert_eq!(list(markdown).lines().filter(|line| line.starts_with('`')).count(), count);
        let mut out = Vec::new();
        json(&mut out).unwrap();
        let rows: Vec<serde_json::Value> = serde_json::from_slice(&out).unwrap();
        assert_eq!(rows.len(), count);
    }
}
