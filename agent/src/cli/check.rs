//! `saker check`: validates rule files, or bare conditions.

use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use saker_filter::Schema;
use saker_filter::ast::Visitor;
use saker_filter::parse::RULE_DEPTH;
use serde_json::{Value, json};

use super::Format;
use super::sources::Sources;
use crate::config::Config;
use crate::lint::{Lint, lint};
use crate::rules::{Finding, LoadResult, Loader, Source, describe, json_schema, rule_files};

/// What `saker check` takes.
#[derive(clap::Args, Debug, Default)]
#[command(group(clap::ArgGroup::new("input").required(true).args(["files", "conditions", "rule_schema"])))]
pub struct Args {
    /// Rule files, or directories of them, loaded in this order
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Judge bare conditions instead: one object {"id": …, "condition": "…"} in each line of this file (`-`: standard
    /// input); each gets a verdict, and the exit status only says whether all could be read
    #[arg(long, value_name = "FILE")]
    pub conditions: Option<PathBuf>,

    /// With --conditions: only parse, without asking which fields and events exist
    #[arg(long, requires = "conditions")]
    pub syntax_only: bool,

    /// Also say what is sound but probably not what was meant; a comment `# saker: allow CODE` above a rule allows it
    #[arg(long, conflicts_with = "conditions")]
    pub lint: bool,

    /// Take what --lint finds for an error
    #[arg(long, requires = "lint")]
    pub deny: bool,

    /// Print the JSON schema of rule files, and do nothing else
    #[arg(long)]
    pub rule_schema: bool,

    /// How to print the verdict; `json` has the shape of Falco's, with a description of what is loaded
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Set a configuration key, as `saker.builtin_plugins=[]`; may be given again
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    pub option: Vec<String>,
}

/// Validates and prints the verdict.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    let valid = check(&args, &mut out, &mut io::stderr().lock())?;
    out.flush()?;
    Ok(if valid { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Validates what `args` name: verdicts to `out`, warnings to `err`. `false` if something is invalid.
pub fn check(args: &Args, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<bool> {
    if args.rule_schema {
        writeln!(out, "{:#}", json_schema())?;
        return Ok(true);
    }
    let config = Config::from_options(&args.option)?;
    let known = Sources::of(&config)?;
    match &args.conditions {
        Some(file) => conditions(file, args, &known.syscall, out, err),
        None => files(args, &config, &known, out, err),
    }
}

fn files(
    args: &Args,
    config: &Config,
    known: &Sources,
    out: &mut impl Write,
    err: &mut impl Write,
) -> anyhow::Result<bool> {
    let files = rule_files(&args.files)?;
    if files.is_empty() {
        bail!("no .yaml or .yml files there");
    }
    let mut loader = Loader::new(known.environment(config));
    let mut results = Vec::with_capacity(files.len());
    for file in files {
        let name = file.display().to_string();
        results.push(match std::fs::read(&file) {
            Ok(bytes) => loader.load(&name, &bytes),
            Err(error) => loader.unreadable(&name, &error),
        });
    }
    let valid = results.iter().all(LoadResult::successful);
    let lints = match args.lint && valid {
        true => lint(&loader, &known.syscall, config.rule_matching),
        false => Vec::new(),
    };
    match args.format {
        Format::Json => {
            let sources = loader.sources();
            let list: Vec<Value> = results.iter().map(|result| result.json(sources)).collect();
            let mut verdict = json!({ "falco_load_results": list });
            if valid {
                verdict["falco_describe_results"] = describe(&loader);
            }
            if args.lint {
                verdict["saker_lints"] = lints.iter().map(lint_json).collect();
            }
            writeln!(out, "{verdict}")?;
        }
        Format::Text => {
            for result in &results {
                show(result, loader.sources(), out, err)?;
            }
            for lint in &lints {
                writeln!(out, "{}", lint.render())?;
            }
        }
    }
    Ok(valid && (!args.deny || lints.is_empty()))
}

fn lint_json(lint: &Lint) -> Value {
    json!({
        "code": lint.code.code(),
        "help": lint.code.help(),
        "message": lint.message,
        "rule": lint.rule,
        "file": lint.written.as_ref().map(|written| written.file.as_str()),
        "line": lint.written.as_ref().map(|written| written.line),
        "column": lint.written.as_ref().map(|written| written.column),
    })
}

/// Falco's verdict and our details: errors to `out`, warnings to `err`.
fn show(
    result: &LoadResult,
    sources: &[Source],
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "{}", result.summary())?;
    let render = |finding: &Finding| finding.render(sources);
    for error in &result.errors {
        writeln!(out, "\n{}", render(error).trim_end())?;
    }
    for error in &result.further_errors {
        writeln!(out, "\n{}", render(error).trim_end())?;
    }
    if !result.errors.is_empty() {
        writeln!(out)?;
    }
    // The verdict stands before the warnings also where both go to one terminal.
    out.flush()?;
    for warning in &result.warnings {
        writeln!(err, "\n{}", render(warning).trim_end())?;
    }
    let schema = result.schema_warnings.iter().filter(|_| result.successful());
    for message in schema {
        writeln!(err, "\nschema: {message}")?;
    }
    Ok(())
}

/// Judges the conditions of a file, one in each line. `false` if a line is not what it must be.
fn conditions(
    file: &Path,
    args: &Args,
    schema: &dyn Schema,
    out: &mut impl Write,
    err: &mut impl Write,
) -> anyhow::Result<bool> {
    let name = || file.display().to_string();
    let lines: Box<dyn BufRead> = match file.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(BufReader::new(std::fs::File::open(file).with_context(name)?)),
    };
    let mut sound = true;
    for (number, line) in lines.split(b'\n').enumerate() {
        let line = line.with_context(name)?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let (id, condition) = match read_line(&line) {
            Ok(read) => read,
            Err(problem) => {
                writeln!(err, "saker: {}:{}: {problem}", file.display(), number + 1)?;
                sound = false;
                continue;
            }
        };
        let schema = if args.syntax_only { None } else { Some(schema) };
        let error = judge(&condition, schema).err();
        match args.format {
            Format::Json => {
                writeln!(out, "{}", json!({ "id": id, "valid": error.is_none(), "error": error }))?;
            }
            Format::Text => {
                let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
                match error {
                    None => writeln!(out, "{id}: Ok")?,
                    Some(error) => writeln!(out, "{id}: Invalid: {error}")?,
                }
            }
        }
    }
    Ok(sound)
}

/// The id and the condition of a line.
fn read_line(line: &[u8]) -> Result<(Value, String), String> {
    let mut object = match serde_json::from_slice(line) {
        Ok(Value::Object(object)) => object,
        Ok(_) => return Err("expected an object with \"id\" and \"condition\"".to_owned()),
        Err(error) => return Err(format!("not a JSON object: {error}")),
    };
    let condition = match object.remove("condition").or_else(|| object.remove("filter")) {
        Some(Value::String(condition)) => condition,
        Some(_) => return Err("the condition is not a string".to_owned()),
        None => return Err("neither \"condition\" nor \"filter\"".to_owned()),
    };
    Ok((object.remove("id").unwrap_or_default(), condition))
}

/// Why a condition is invalid; without a schema only its syntax counts.
fn judge(condition: &str, schema: Option<&dyn Schema>) -> Result<(), String> {
    struct Macros(Option<String>);
    impl Visitor for Macros {
        fn identifier(&mut self, name: &str, _: saker_filter::Span) {
            self.0.get_or_insert_with(|| name.to_owned());
        }
    }
    let first = |found: Vec<saker_filter::Diagnostic>| {
        found.into_iter().next().map_or_else(String::new, |diagnostic| diagnostic.message)
    };
    let expr = saker_filter::parse(condition, RULE_DEPTH).map_err(first)?;
    let Some(schema) = schema else { return Ok(()) };
    let mut macros = Macros(None);
    expr.visit(&mut macros);
    if let Macros(Some(name)) = macros {
        return Err(format!("Undefined macro '{name}' used in filter."));
    }
    saker_filter::check(&expr, schema).map(|_| ()).map_err(first)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Runs `check` on files in a directory of their own; paths in what it prints are shortened to the names.
    fn checked(files: &[(&str, &str)], args: Args) -> (bool, String, String) {
        use std::sync::atomic::{AtomicUsize, Ordering};
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("saker-check-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        for (name, text) in files {
            fs::write(directory.join(name), text).unwrap();
        }
        let mut args = args;
        args.files.iter_mut().for_each(|file| *file = directory.join(&*file));
        args.conditions = args.conditions.map(|file| directory.join(file));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let valid = check(&args, &mut out, &mut err);
        fs::remove_dir_all(&directory).unwrap();
        let shorten = |bytes: Vec<u8>| {
            String::from_utf8(bytes).unwrap().replace(&format!("{}/", directory.display()), "")
        };
        (valid.unwrap(), shorten(out), shorten(err))
    }

    const RULE: &str =
        "- rule: r\n  desc: d\n  condition: evt.type=open and is_cat\n  output: o\n  priority: INFO\n";

    fn files(names: &[&str]) -> Args {
        Args { files: names.iter().map(PathBuf::from).collect(), ..Args::default() }
    }

    #[test]
    fn people_read_the_verdict_and_where_to_look() {
        let macros = "- macro: is_cat\n  condition: proc.name=cat\n";
        let (valid, out, err) =
            checked(&[("m.yaml", macros), ("r.yaml", RULE)], files(&["m.yaml", "r.yaml"]));
        assert!(valid);
        insta::assert_snapshot!(out, @r"
        m.yaml: Ok, with warnings
        r.yaml: Ok
        ");
        insta::assert_snapshot!(err, @r"

        warning[LOAD_UNUSED_MACRO]: Macro not referred to by any other rule/macro
          --> m.yaml:1:3 (macro 'is_cat')
          |
        1 | - macro: is_cat
          |   ^
        ");
        let (valid, out, err) = checked(&[("r.yaml", RULE)], files(&["r.yaml", "missing.yaml"]));
        assert!(!valid && err.is_empty(), "{err}");
        insta::assert_snapshot!(out, @r"
        r.yaml: Invalid

        error[LOAD_ERR_VALIDATE]: Undefined macro 'is_cat' used in filter.
          --> r.yaml:3:32 (rule 'r')
          |
        3 |   condition: evt.type=open and is_cat
          |                                ^^^^^^

        missing.yaml: Invalid

        error[LOAD_ERR_FILE_READ]: Could not open missing.yaml for reading: No such file or directory (os error 2)
          --> missing.yaml:1:1
        ");
    }

    #[test]
    fn tools_read_falcos_shape() {
        let text = RULE.replace(" and is_cat", "");
        let args = Args { format: Format::Json, ..files(&["r.yaml"]) };
        let (valid, out, _) = checked(&[("r.yaml", &text)], args);
        let json: Value = serde_json::from_str(&out).unwrap();
        assert!(valid);
        assert_eq!(json["falco_load_results"][0]["successful"], true);
        let rule = &json["falco_describe_results"]["rules"][0];
        assert_eq!(rule["info"]["priority"], "Informational");
        assert_eq!(rule["details"]["condition_compiled"], "evt.type = open");
        let (valid, out, _) =
            checked(&[("r.yaml", RULE)], Args { format: Format::Json, ..files(&["r.yaml"]) });
        let json: Value = serde_json::from_str(&out).unwrap();
        assert!(!valid && json.get("falco_describe_results").is_none());
        let error = &json["falco_load_results"][0]["errors"][0];
        assert_eq!(error["code"], "LOAD_ERR_VALIDATE");
        assert_eq!(error["context"]["locations"][1]["item_name"], "r");
    }

    #[test]
    fn conditions_are_judged_one_by_one() {
        let lines = "{\"id\": 1, \"condition\": \"proc.name = cat\"}\n\n{\"id\": \"b\", \"filter\": \"proc.nme = cat\"}\n\
                     {\"id\": 3, \"condition\": \"m and (\"}\n{\"condition\": \"m\"}\n[]\n{\"id\": 5}\n";
        let args = || Args { conditions: Some("c.jsonl".into()), format: Format::Json, ..Args::default() };
        let (sound, out, err) = checked(&[("c.jsonl", lines)], args());
        assert!(!sound);
        insta::assert_snapshot!(out, @r#"
        {"error":null,"id":1,"valid":true}
        {"error":"filter_check called with nonexistent field proc.nme","id":"b","valid":false}
        {"error":"expected a '(' token, a field check, or an identifier","id":3,"valid":false}
        {"error":"Undefined macro 'm' used in filter.","id":null,"valid":false}
        "#);
        insta::assert_snapshot!(err, @r#"
        saker: c.jsonl:6: expected an object with "id" and "condition"
        saker: c.jsonl:7: neither "condition" nor "filter"
        "#);
        let (_, out, _) =
            checked(&[("c.jsonl", lines)], Args { syntax_only: true, format: Format::Text, ..args() });
        insta::assert_snapshot!(out, @r"
        1: Ok
        b: Ok
        3: Invalid: expected a '(' token, a field check, or an identifier
        null: Ok
        ");
    }
}
