//! `-V`, `-L`, `-l`, and what is said about rule files while they are loaded.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use serde_json::{Value, json};

use super::super::sources::Sources;
use super::{Args, shown};
use crate::config::Config;
use crate::rules::{LoadResult, Loader, Source, describe as description};

/// Loads rule files under a configuration and hands each load result and at last the loader to the caller.
fn with_loader<T>(
    config: &Config,
    files: &[PathBuf],
    mut each: impl FnMut(&LoadResult, &[Source]) -> anyhow::Result<()>,
    then: impl FnOnce(&Loader<'_>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let known = Sources::of(config)?;
    let mut loader = Loader::new(known.environment(config));
    for file in files {
        let name = shown(file);
        let result = match fs::read(file) {
            Ok(bytes) => loader.load(&name, &bytes),
            Err(error) => loader.unreadable(&name, &error),
        };
        each(&result, loader.sources())?;
    }
    then(&loader)
}

/// What loading a file says: an error if it is refused, its warnings if they are wanted.
pub(super) fn loaded(result: &LoadResult, sources: &[Source], verbose: bool) -> anyhow::Result<()> {
    tracing::info!("Loading rules from file {}", result.name);
    if !result.successful() {
        bail!("{}", result.verbose(sources).trim_end().to_owned());
    }
    if verbose && !result.warnings.is_empty() {
        tracing::warn!("{}", result.verbose(sources).trim_end());
    }
    Ok(())
}

/// Loads all files, for commands that only want to know that they can.
pub(super) fn load_all(config: &Config, files: &[PathBuf], verbose: bool) -> anyhow::Result<()> {
    with_loader(config, files, |result, sources| loaded(result, sources, verbose), |_| Ok(()))
}

/// `-L` and `-l`.
pub(super) fn describe(
    args: &Args,
    config: &Config,
    files: &[PathBuf],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let each = |result: &LoadResult, sources: &[Source]| loaded(result, sources, args.verbose);
    let described = with_loader(config, files, each, |loader| details(args, loader))?;
    match config.json_output {
        true => writeln!(out, "{described}")?,
        false => table(&described, out)?,
    }
    Ok(())
}

/// Everything, or only the rule that `-l` names.
fn details(args: &Args, loader: &Loader<'_>) -> anyhow::Result<Value> {
    let all = description(loader);
    let Some(name) = &args.describe else { return Ok(all) };
    let rules = all["rules"].as_array().map(Vec::as_slice).unwrap_or_default();
    match rules.iter().find(|rule| rule["info"]["name"] == name.as_str()) {
        Some(rule) => Ok(json!({ "rules": [rule] })),
        None => bail!("Rule \"{name}\" is not loaded"),
    }
}

/// Where the second column begins, and where it ends.
const DESCRIPTION: (usize, usize) = (51, 110);

fn table(described: &Value, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{:50} Description", "Rule")?;
    writeln!(out, "{:50} -----------", "----")?;
    for rule in described["rules"].as_array().into_iter().flatten() {
        let text = |key: &str| rule["info"][key].as_str().unwrap_or_default();
        writeln!(out, "{:50} {}\n", text("name"), wrapped(text("description")))?;
    }
    Ok(())
}

/// Words with a blank after each, in lines of the second column.
fn wrapped(text: &str) -> String {
    let (indent, end) = DESCRIPTION;
    let (mut out, mut length) = (String::new(), 0);
    for word in text.split_whitespace() {
        let needed = word.len() + 1;
        if length + needed > end - indent {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            length = 0;
        }
        length += needed;
        out.extend([word, " "]);
    }
    out
}

/// `-V`: the verdict on each file.
pub(super) fn validate(args: &Args, config: &Config, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    tracing::info!("Validating rules file(s):");
    args.validate.iter().for_each(|file| tracing::info!("   {}", file.display()));
    let (mut results, mut verdicts, mut valid) = (Vec::new(), Vec::new(), true);
    let each = |result: &LoadResult, sources: &[Source]| {
        valid &= result.successful();
        results.push(result.json(sources));
        if result.successful() && !result.warnings.is_empty() {
            tracing::warn!("{}", result.verbose(sources).trim_end());
            verdicts.push(result.summary());
        } else {
            verdicts.push(result.verbose(sources));
        }
        Ok(())
    };
    let wanted = args.describe_all || args.describe.is_some();
    // The description is only asked for when all is well, which is known at the end.
    let described = with_loader(config, &args.validate, each, |loader| Ok(details(args, loader)));
    let described = if valid && wanted { Some(described??) } else { described.map(|_| None)? };
    let summary = verdicts.join("\n");
    if config.json_output {
        let mut verdict = json!({ "falco_load_results": results });
        if let Some(described) = described {
            verdict["falco_describe_results"] = described;
        }
        writeln!(out, "{verdict}")?;
    } else {
        writeln!(out, "{summary}")?;
        if let Some(described) = described {
            writeln!(out)?;
            table(&described, out)?;
        }
    }
    if !valid {
        out.flush()?;
        bail!("{}", summary.trim_end().to_owned());
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_wrapped_into_their_column() {
        let text = wrapped(&"eleven char ".repeat(12));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(lines[0].len() <= 59 && lines[1].starts_with(&" ".repeat(51)) && lines[1].len() <= 110);
    }
}
