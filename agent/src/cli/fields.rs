//! `saker fields`: the reference of fields, from the tables.

use std::io::{self, Write};
use std::process::ExitCode;

use super::{ListArgs, ListFormat};
use crate::fields::{AUDIT_FIELDS, ArgKind, FIELDS, FieldInfo, Traits};

/// Prints the list.
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

/// Falco's name of a type, as its error messages and references have it.
pub(super) fn type_name(field: &FieldInfo) -> String {
    let name = match field.arg {
        ArgKind::RawParam => "DYNAMIC",
        _ => field.ty.falco_name(),
    };
    if field.traits.contains(Traits::LIST) { format!("LIST({name})") } else { name.to_owned() }
}

/// What to know before using a field.
fn notes(field: &FieldInfo) -> Vec<&'static str> {
    let flags = [
        (Traits::DEPRECATED, "deprecated"),
        (Traits::PRINT_ONLY, "outputs only"),
        (Traits::FILTER_ONLY, "conditions only"),
        (Traits::NO_RHS, "not inside val()"),
        (Traits::NO_TRANSFORMER, "no transformers"),
        (Traits::TABLE_ONLY, "for tables"),
    ];
    flags.into_iter().filter(|(flag, _)| field.traits.contains(*flag)).map(|(_, note)| note).collect()
}

/// The fields that references list, class by class.
pub(super) fn classes() -> impl Iterator<Item = &'static [FieldInfo]> {
    [FIELDS, AUDIT_FIELDS]
        .into_iter()
        .flat_map(|fields| fields.chunk_by(|one, next| one.class == next.class))
        .filter(|class| !class.iter().all(FieldInfo::is_hidden))
}

fn text(out: &mut impl Write) -> io::Result<()> {
    let width = classes().flatten().map(|field| field.name.len()).max().unwrap_or(0);
    for class in classes() {
        let (title, about) = class[0].class.title();
        writeln!(out, "{title}\n    {about}\n")?;
        for field in class {
            write!(out, "{:width$}  {:13}  {}", field.name, type_name(field), field.doc)?;
            if field.arg != ArgKind::None {
                write!(out, " Argument: {}.", field.argument_hint())?;
            }
            let notes = notes(field);
            if !notes.is_empty() {
                write!(out, " ({})", notes.join(", "))?;
            }
            writeln!(out)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn markdown(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "# Fields\n")?;
    for class in classes() {
        let (title, about) = class[0].class.title();
        writeln!(out, "## {title}\n\n{about}\n")?;
        writeln!(out, "Name | Argument | Type | Notes | Description\n:--- | :--- | :--- | :--- | :---")?;
        for field in class {
            let (name, hint, ty) = (field.name, field.argument_hint(), type_name(field));
            let hint = if hint.is_empty() { String::new() } else { format!("`{hint}`") };
            writeln!(out, "`{name}` | {hint} | {ty} | {} | {}", notes(field).join(", "), field.doc)?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn json(out: &mut impl Write) -> anyhow::Result<()> {
    let listed = classes().flatten().map(|field| {
        serde_json::json!({
            "class": field.class.title().0,
            "name": field.name,
            "type": type_name(field),
            "argument": field.argument_hint(),
            "notes": notes(field),
            "description": field.doc,
        })
    });
    serde_json::to_writer_pretty(&mut *out, &listed.collect::<Vec<_>>())?;
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_but_the_hidden_one_is_listed_with_a_sentence() {
        let mut printed = Vec::new();
        json(&mut printed).unwrap();
        let listed: Vec<serde_json::Value> = serde_json::from_slice(&printed).unwrap();
        assert_eq!(listed.len(), FIELDS.len() + AUDIT_FIELDS.len() - 1);
        let sentences = listed.iter().filter_map(|field| field["description"].as_str());
        assert_eq!(sentences.filter(|doc| doc.len() > 8 && doc.ends_with('.')).count(), listed.len());
    }

    #[test]
    fn a_row_says_type_argument_and_notes() {
        let mut printed = Vec::new();
        text(&mut printed).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        let row = |name: &str| {
            let line = printed.lines().find(|line| line.split(' ').next() == Some(name)).unwrap_or_default();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        };
        let rows = ["proc.name", "fd.types", "evt.rawarg", "evt.dir"].map(row).join("\n");
        insta::assert_snapshot!(rows, @r#"
        proc.name CHARBUF Name of the process (its comm: at most 15 bytes).
        fd.types LIST(CHARBUF) Kinds of all open descriptors; [0] is a list with that of descriptor 0. Argument: [N] or none. (not inside val())
        evt.rawarg DYNAMIC One parameter as it was recorded, by name. Its type is that of the parameter. Argument: .NAME. (not inside val(), no transformers)
        evt.dir CHARBUF `<` for the exit of a call, `>` for an event that is no call. (deprecated)
        "#);
    }
}
