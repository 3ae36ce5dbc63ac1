//! `saker suggest-exceptions`: from alerts that were none to exceptions of the rules that made them.
//!
//! Alerts of a rule are grouped by fields that their outputs show. A group becomes rows of an exception: of one that the rule
//! already has if its fields are all shown, else of a new one. What would silence a test that must alert is refused.

mod group;

use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use super::capture::name;
use super::rule_source::RuleSource;
use super::sources::Sources;
use super::test::{positive_failures, test_files};
use crate::alerts::printable;
use crate::config::Config;
use crate::rules::Loader;
use group::{Proposal, propose_all};

/// What `saker suggest-exceptions` takes.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    /// Alerts, a JSON object in each line (`json_output=true`), `-` for stdin
    #[arg(value_name = "ALERTS")]
    pub alerts: PathBuf,

    /// The rule files that made them, or directories of such; may be given again
    #[arg(short, long = "rules", value_name = "RULES")]
    pub rules: Vec<PathBuf>,

    /// Tests that must go on to alert: test files, or directories of them; those beside the rules if it is left out
    #[arg(long, value_name = "PATH")]
    pub tests: Vec<PathBuf>,

    /// How many alerts a row of an exception must remove at least
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub min: usize,

    /// Set a configuration key; may be given again
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    pub option: Vec<String>,
}

/// The most alerts that are looked at.
const MAX_ALERTS: usize = 1_000_000;

/// Suggests and prints.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    suggest(&args, &mut out, &mut io::stderr().lock())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// An alert: its rule and the fields of its output.
pub(super) struct Alert {
    rule: String,
    fields: Map<String, Value>,
}

/// Suggests exceptions to `out`; what was passed over to `err`.
pub fn suggest(args: &Args, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<()> {
    let config = Config::from_options(&args.option)?;
    let known = Sources::of(&config)?;
    let source = RuleSource::load(&args.rules, &config, &known)?;
    let alerts = read(args, err)?;
    let files = match args.tests.as_slice() {
        [] => args
            .rules
            .iter()
            .filter_map(|path| test_files(std::slice::from_ref(path)).ok())
            .flatten()
            .collect(),
        given => test_files(given)?,
    };
    let mut report = Report { files, removed: 0, tried: 0, text: Vec::new() };
    let mut failed = None;
    for rule in source.rules() {
        let own: Vec<&Alert> = alerts.iter().filter(|alert| alert.rule == rule.labels.name).collect();
        if own.is_empty() {
            continue;
        }
        let exceptions = source.loader().exceptions(&rule);
        propose_all(rule.labels.name, &exceptions, &own, args.min, &known.syscall, &mut |proposal| {
            report.judge(proposal, &config, &known, args).unwrap_or_else(|error| {
                failed.get_or_insert(error);
                false
            })
        });
    }
    if let Some(error) = failed {
        return Err(error);
    }
    let unknown =
        alerts.iter().filter(|alert| source.rules().all(|rule| rule.labels.name != alert.rule)).count();
    if unknown > 0 {
        writeln!(err, "saker: {unknown} alerts are of rules that are not among these, and are passed over")?;
    }
    out.write_all(&report.text)?;
    if report.tried == 0 {
        writeln!(out, "# No exception would remove {} or more of the {} alerts.", args.min, alerts.len())?;
    } else {
        writeln!(out, "# In all {} of {} alerts would be gone.", report.removed, alerts.len())?;
    }
    Ok(())
}

/// What is suggested so far.
struct Report {
    /// Test files.
    files: Vec<PathBuf>,
    removed: usize,
    tried: usize,
    text: Vec<u8>,
}

impl Report {
    /// Takes an exception in, or refuses it with the reason.
    fn judge(
        &mut self,
        proposal: &Proposal,
        config: &Config,
        known: &Sources,
        args: &Args,
    ) -> anyhow::Result<bool> {
        self.tried += 1;
        let yaml = proposal.yaml();
        let out = &mut self.text;
        let reasons = match unloadable(config, known, args, &yaml)? {
            Some(error) => vec![format!("it would not load: {}", error.lines().next().unwrap_or_default())],
            None => positive_failures(&self.files, &proposal.rule, &yaml, config, known),
        };
        if reasons.is_empty() {
            self.removed += proposal.alerts;
            writeln!(out, "# removes {} of {} alerts of this rule", proposal.alerts, proposal.of)?;
            writeln!(out, "{yaml}")?;
            return Ok(true);
        }
        writeln!(
            out,
            "# refused, although it would remove {} alerts; it would silence what must alert:",
            proposal.alerts
        )?;
        // Whatever stands in a reason, it must not end the comment.
        for line in reasons.iter().flat_map(|reason| reason.lines()).chain(yaml.lines()) {
            writeln!(out, "#   {}", printable(line))?;
        }
        writeln!(out)?;
        Ok(false)
    }
}

fn read(args: &Args, err: &mut impl Write) -> anyhow::Result<Vec<Alert>> {
    let shown = name(&args.alerts);
    let lines: Box<dyn BufRead> = match args.alerts.as_os_str() == "-" {
        true => Box::new(io::stdin().lock()),
        false => Box::new(BufReader::new(fs::File::open(&args.alerts).with_context(|| shown.clone())?)),
    };
    let mut alerts = Vec::new();
    let mut unread = 0usize;
    for line in lines.split(b'\n') {
        let line = line.with_context(|| shown.clone())?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        if alerts.len() >= MAX_ALERTS {
            writeln!(err, "saker: {shown}: only the first {MAX_ALERTS} alerts are looked at")?;
            break;
        }
        let object = serde_json::from_slice::<Value>(&line).ok();
        let alert = object.as_ref().and_then(|alert| {
            let (rule, fields) = (alert["rule"].as_str()?, alert["output_fields"].as_object()?);
            Some(Alert { rule: rule.to_owned(), fields: fields.clone() })
        });
        match alert {
            Some(alert) => alerts.push(alert),
            None => unread += 1,
        }
    }
    if unread > 0 {
        writeln!(
            err,
            "saker: {shown}: {unread} lines are no alerts with 'rule' and 'output_fields', and are passed over"
        )?;
    }
    if alerts.is_empty() {
        bail!("{shown}: no alerts; they are written one JSON object a line, with json_output=true");
    }
    Ok(alerts)
}

/// Why the rules would not load with the exception behind them.
fn unloadable(config: &Config, known: &Sources, args: &Args, yaml: &str) -> anyhow::Result<Option<String>> {
    let mut loader = Loader::new(known.environment(config));
    for file in crate::rules::rule_files(&args.rules)? {
        let name = file.display().to_string();
        loader.load(&name, &fs::read(&file).with_context(|| name.clone())?);
    }
    let result = loader.load("the exception", yaml.as_bytes());
    Ok(result.errors.first().map(|error| error.render(loader.sources())))
}

impl Proposal {
    /// As a rule file that is loaded behind the others.
    fn yaml(&self) -> String {
        use std::fmt::Write as _;

        // A JSON string is a YAML string.
        let quoted = |text: &str| Value::from(text).to_string();
        let mut out =
            format!("- rule: {}\n  exceptions:\n    - name: {}\n", quoted(&self.rule), quoted(&self.name));
        if self.new {
            let _ = writeln!(out, "      fields: [{}]", self.fields.join(", "));
            let comps = vec!["="; self.fields.len()];
            let _ = writeln!(out, "      comps: [{}]", comps.join(", "));
        }
        let _ = writeln!(out, "      values:");
        for (values, count) in &self.rows {
            let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
            match self.single {
                true => writeln!(out, "        - {}  # {count} alerts", values.join(", ")),
                false => writeln!(out, "        - [{}]  # {count} alerts", values.join(", ")),
            }
            .ok();
        }
        out.push_str("  override: {exceptions: append}\n");
        out
    }
}
