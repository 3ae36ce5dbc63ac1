//! `saker config`: the reference of configuration keys, from the table.

use std::io::{self, Write};
use std::process::ExitCode;

use super::ListFormat;
use crate::config::{Key, SECTIONS, Support, Type, json_schema, keys};

/// What `saker config` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// How to print the list
    #[arg(long, value_enum, default_value_t)]
    pub format: ListFormat,

    /// Print a JSON schema of configuration files instead
    #[arg(long, conflicts_with = "format")]
    pub schema: bool,
}

/// Prints the list, or the schema.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match args.format {
        _ if args.schema => schema(&mut out)?,
        ListFormat::Text => text(&mut out)?,
        ListFormat::Markdown => markdown(&mut out)?,
        ListFormat::Json => json(&mut out)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the JSON schema of configuration files.
pub(super) fn schema(out: &mut impl Write) -> anyhow::Result<()> {
    serde_json::to_writer_pretty(&mut *out, &json_schema())?;
    writeln!(out)?;
    Ok(())
}

/// What a value must be, in words.
fn type_text(ty: Type) -> String {
    match ty {
        Type::Flag => "boolean".to_owned(),
        Type::Integer(min, i64::MAX) => format!("integer from {min}"),
        Type::Integer(min, max) if max == i64::from(u32::MAX) => format!("integer from {min}"),
        Type::Integer(min, max) => format!("integer, {min} to {max}"),
        Type::Number(min, f64::MAX) => format!("number from {min}"),
        Type::Number(min, max) => format!("number, {min} to {max}"),
        Type::Text => "text".to_owned(),
        Type::Word(words) => words.join(", "),
        Type::Duration => "time span".to_owned(),
        Type::Address => "IP address".to_owned(),
        Type::List => "sequence".to_owned(),
        Type::Mapping => "mapping".to_owned(),
        Type::Texts => "mapping of texts".to_owned(),
        Type::TextOrMapping => "text or mapping".to_owned(),
        Type::TextOrPair => "text, or mapping of one text".to_owned(),
        Type::Any => "anything".to_owned(),
    }
}

/// What becomes of a key; `code` marks what is code.
fn support_text(key: &Key, code: &str) -> String {
    match key.support {
        Support::Works => "yes".to_owned(),
        Support::With(other) if key.path == other => "yes".to_owned(),
        Support::With(other) => format!("see {code}{other}{code}"),
        Support::Not { like, instead } => {
            let marked: Vec<String> = like
                .iter()
                .filter(|value| !value.is_empty())
                .map(|value| format!("{code}{value}{code}"))
                .collect();
            match marked.is_empty() {
                true => format!("not heeded: {instead}"),
                false => format!("only {}: {instead}", marked.join(", ")),
            }
        }
    }
}

fn text(out: &mut impl Write) -> io::Result<()> {
    for section in SECTIONS {
        writeln!(out, "{}\n", section.title)?;
        for key in section.keys {
            write!(out, "{} ({}", key.path, type_text(key.ty))?;
            if !key.default.is_empty() {
                write!(out, "; default {}", key.default)?;
            }
            writeln!(out, ")\n    {}", key.doc)?;
            if key.support != Support::Works {
                writeln!(out, "    In Saker: {}.", support_text(key, ""))?;
            }
        }
        writeln!(out)?;
    }
    Ok(())
}

/// Where the keys of each section are tested. What is only told, because it is not heeded, is tested with the table.
#[rustfmt::skip]
const TESTED: &[(&str, &str)] = &[
    ("Configuration files", "`agent/src/config/tests.rs`; `watch_config_files` by `tests/functional/reload.rs`"),
    ("Rules", "`agent/src/config/tests.rs`, `tests/functional/main.rs` and `tests/functional/falco.rs`"),
    ("What alerts look like", "`agent/src/alerts/line.rs`, `tests/functional/main.rs`, and by comparison with Falco in `tests/conformance/replay.rs`"),
    ("Where alerts go", "`tests/functional/outputs/mod.rs` and `tests/functional/outputs/delivery.rs`, with real receivers"),
    ("Where events come from", "`agent/src/capture/interest.rs` (what a driver is asked for), `agent/src/cli/sensor.rs` (sizes), `tests/functional/drivers.rs` and `tests/functional/record.rs` (live, where the machine permits it)"),
    ("Lost and late events", "`agent/src/metrics/drops.rs` and `agent/src/cli/watch.rs`"),
    ("Plugins", "`tests/functional/falco.rs`, `tests/functional/containers.rs` and `tests/functional/k8s_audit.rs`"),
    ("Log, web server, metrics", "`agent/src/cli/log.rs`, `agent/src/web/tests.rs`, `agent/src/metrics/figures_tests.rs`, `tests/functional/web.rs` and `tests/functional/guard.rs`"),
    ("Only in Saker", "`tests/functional/threads.rs`, `tests/functional/guard.rs` and `tests/functional/containers.rs`"),
    ("Outputs only in Saker", "`tests/functional/outputs/mod.rs` and `agent/src/outputs/noise.rs`"),
];

fn markdown(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "# Configuration\n")?;
    writeln!(
        out,
        "The keys are those of Falco 0.44's `falco.yaml`, and `saker.*`. The column \"heeded\" says whether Saker does \
         what a key\nsays; `only` names the values that ask for what happens anyway, and what that is. A configuration \
         with another value\nis taken, with a warning. An unknown key is a warning too, a value of the wrong type an \
         error; each has its file,\nline and column.\n"
    )?;
    writeln!(
        out,
        "`${{NAME}}` in a value is replaced by the environment's value, `$${{NAME}}` stands for `${{NAME}}`. `-o \
         KEY=VALUE` sets a key\nafter all files: `a.b[0].c` names a place, `a[]` a new last element, `\\.` a dot within \
         a name; a value in `[]` or `{{}}`\nis YAML.\n"
    )?;
    for section in SECTIONS {
        writeln!(out, "## {}\n", section.title)?;
        if let Some((_, tested)) = TESTED.iter().find(|(title, _)| *title == section.title) {
            writeln!(out, "Tested by {tested}.\n")?;
        }
        writeln!(out, "Key | Value | Default | Heeded | Description\n:--- | :--- | :--- | :--- | :---")?;
        for key in section.keys {
            let default = match key.default {
                "" => String::new(),
                default => format!("`{default}`"),
            };
            let (ty, support) = (type_text(key.ty), support_text(key, "`"));
            writeln!(out, "`{}` | {ty} | {default} | {support} | {}", key.path, key.doc.replace('|', "\\|"))?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn json(out: &mut impl Write) -> anyhow::Result<()> {
    let rows = keys().map(|key| {
        serde_json::json!({
            "path": key.path,
            "type": type_text(key.ty),
            "default": key.default,
            "heeded": support_text(key, ""),
            "description": key.doc,
        })
    });
    serde_json::to_writer_pretty(&mut *out, &rows.collect::<Vec<_>>())?;
    writeln!(out)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_section_says_where_it_is_tested() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for section in SECTIONS {
            let tested = TESTED.iter().find(|(title, _)| *title == section.title);
            let (_, tested) = tested.unwrap_or_else(|| panic!("{}", section.title));
            for file in tested.split('`').skip(1).step_by(2).filter(|name| name.contains('/')) {
                assert!(root.join(file).is_file(), "{file}");
            }
        }
    }
}
