//! `saker explain`: why a rule answers to an event of a capture, or why it does not.

use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::Format;
use super::capture::{name, open};
use super::rule_source::RuleSource;
use super::sources::{Sources, finish};
use crate::alerts::printable;
use crate::config::Config;
use crate::event::syscall::type_name;
use crate::explain::{Explainer, Explanation, Step, StepKind};
use crate::fields::{EventContext, FieldSchema};
use crate::pipeline::Pipeline;
use crate::rules::{Loader, Rule};

/// What `saker explain` takes.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    /// The name of the rule; with --alert only the capture is given
    #[arg(value_name = "RULE")]
    pub rule: String,

    /// The capture file, with #N behind it for its event number N; without a number the first event that the rule answers to is
    /// explained, else the one that came nearest
    #[arg(value_name = "CAPTURE[#EVENT]")]
    pub capture: Option<PathBuf>,

    /// Explain an alert instead: the JSON line that it was printed as, in a file or from standard input (`-`)
    #[arg(long, value_name = "FILE")]
    pub alert: Option<PathBuf>,

    /// A rule file, or a directory of them; may be given again, files are loaded in this order
    #[arg(short, long = "rules", value_name = "RULES")]
    pub rules: Vec<PathBuf>,

    /// How to print the explanation
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,

    /// Set a configuration key; may be given again
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    pub option: Vec<String>,
}

/// Explains and prints.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(io::stdout().lock());
    explain(&args, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Which event is to be explained.
#[derive(Clone, Debug)]
enum Wanted {
    /// The first that the rule answers to, else the nearest.
    Any,
    /// By its number.
    Number(u64),
    /// Of an alert: by its time.
    Time(u64),
}

/// What was found in a capture.
#[derive(Default)]
struct Found {
    /// The explanation, and which event it is about.
    best: Option<(Explanation, Subject)>,
    /// How many events the rule answers to.
    alerts: u64,
    events: u64,
}

struct Subject {
    num: u64,
    ts: u64,
    kind: String,
    process: String,
}

/// Explains what `args` name.
pub fn explain(args: &Args, out: &mut impl Write) -> anyhow::Result<()> {
    let config = Config::from_options(&args.option)?;
    let known = Sources::of(&config)?;
    let schema = &known.syscall;
    let (rule_name, capture, wanted) = question(args)?;
    let source = RuleSource::load(&args.rules, &config, &known)?;
    let rule = source.rule(&rule_name)?;
    let mut explainer = Explainer::new(source.loader(), &rule, schema);
    let found = search(&mut explainer, &rule, &capture, &wanted, &config, &known)?;
    let Some((explanation, subject)) = &found.best else {
        match wanted {
            Wanted::Number(number) => bail!(
                "{}: no event {number} that rules meet; it has {} of them",
                name(&capture),
                found.events
            ),
            Wanted::Time(ts) => bail!("{}: no event at {ts} ns, the time of the alert", name(&capture)),
            Wanted::Any => bail!("{}: no event that rules meet", name(&capture)),
        }
    };
    match args.format {
        Format::Text => text(source.loader(), &rule, explanation, subject, &found, &wanted, out)?,
        Format::Json => {
            let document = json!({
                "rule": rule.labels.name,
                "event": subject.num,
                "time": subject.ts,
                "type": subject.kind,
                "process": subject.process,
                "alert": explanation.truth,
                "distance": explanation.distance,
                "alerts_in_capture": matches!(wanted, Wanted::Any).then_some(found.alerts),
                "condition": step_json(&explanation.root),
            });
            writeln!(out, "{document}")?;
        }
    }
    Ok(())
}

/// The rule, the capture and the event that are asked for.
fn question(args: &Args) -> anyhow::Result<(String, PathBuf, Wanted)> {
    let Some(alert) = &args.alert else {
        let Some(capture) = &args.capture else {
            bail!("name a rule and a capture: saker explain RULE CAPTURE")
        };
        let (capture, number) = numbered(capture);
        return Ok((args.rule.clone(), capture, number.map_or(Wanted::Any, Wanted::Number)));
    };
    if args.capture.is_some() {
        bail!("with --alert the rule is that of the alert: give the capture alone");
    }
    let shown = name(alert);
    let line = match alert.as_os_str() == "-" {
        true => first_line(&mut io::stdin().lock()),
        false => first_line(&mut BufReader::new(fs::File::open(alert).with_context(|| shown.clone())?)),
    };
    let line = line.with_context(|| shown.clone())?;
    let alert: Value =
        serde_json::from_str(&line).with_context(|| format!("{shown}: not an alert in JSON"))?;
    let Some(rule) = alert["rule"].as_str() else { bail!("{shown}: the alert names no 'rule'") };
    let fields = &alert["output_fields"];
    let (capture, number) = numbered(Path::new(&args.rule));
    let number = number.or_else(|| fields["evt.num"].as_u64());
    let time = fields["evt.time"].as_u64().or_else(|| fields["evt.time.iso8601"].as_u64());
    let time = time.or_else(|| {
        let time: jiff::Timestamp = alert["time"].as_str()?.parse().ok()?;
        u64::try_from(time.as_nanosecond()).ok()
    });
    let wanted = match (number, time) {
        (Some(number), _) => Wanted::Number(number),
        (None, Some(time)) => Wanted::Time(time),
        (None, None) => {
            bail!("{shown}: the alert has no 'time' and no 'evt.num', so its event cannot be found")
        }
    };
    Ok((rule.to_owned(), capture, wanted))
}

/// Lines of alerts are never longer.
const LONGEST_LINE: u64 = 16 << 20;

fn first_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    let mut from = io::Read::take(from, LONGEST_LINE);
    while line.trim().is_empty() && from.read_line(&mut line)? > 0 {}
    Ok(line)
}

/// A capture and the number of an event behind `#`.
fn numbered(capture: &Path) -> (PathBuf, Option<u64>) {
    let text = capture.to_string_lossy();
    let parts = text.rsplit_once('#').and_then(|(file, number)| Some((file, number.parse().ok()?)));
    match parts {
        Some((file, number)) if !capture.exists() => (PathBuf::from(file), Some(number)),
        _ => (capture.to_owned(), None),
    }
}

fn search(
    explainer: &mut Explainer,
    rule: &Rule<'_>,
    capture: &Path,
    wanted: &Wanted,
    config: &Config,
    known: &Sources,
) -> anyhow::Result<Found> {
    let schema = &known.syscall;
    let mut found = Found::default();
    let mut pipeline = Pipeline::new(config);
    let calls = known.consult(&mut pipeline, config)?;
    let shown = || name(capture);
    let (mut reader, _progress) = open(capture)?;
    // What an event is to the rule, and whether it is of a kind that the rule asks for: the smaller, the better.
    let mut nearest = (false, u32::MAX);
    while let Some(snapshot) = reader.next_section().with_context(shown)? {
        pipeline.begin(snapshot);
        while let Some(event) = reader.next().with_context(shown)? {
            let asked = match wanted {
                Wanted::Any => true,
                Wanted::Number(number) => event.num == *number,
                Wanted::Time(ts) => event.ts == *ts,
            };
            pipeline.event(&event, asked, |context| {
                let (truth, distance) = explainer.distance(context);
                found.alerts += u64::from(truth);
                let other_kind = !rule.events.contains(event.id.0);
                let better = match (&found.best, wanted) {
                    (None, _) => true,
                    (Some((best, _)), _) if best.truth => false,
                    (Some(_), Wanted::Number(_)) => false,
                    _ => truth || (other_kind, distance) < nearest,
                };
                if better {
                    nearest = (other_kind, distance);
                    found.best = Some((explainer.explain(context), subject(context, schema)));
                }
            });
            found.events += 1;
        }
    }
    finish(calls)?;
    Ok(found)
}

fn subject(context: &EventContext<'_>, schema: &FieldSchema) -> Subject {
    use saker_filter::Schema as _;

    let event = context.event();
    let field = |name: &str| {
        let mut text = Vec::new();
        if let Ok(field) = schema.resolve(name, None) {
            crate::alerts::text_value(context, &field, &mut text);
        }
        String::from_utf8_lossy(&text).into_owned()
    };
    Subject {
        num: event.num,
        ts: event.ts,
        kind: type_name(event).to_owned(),
        process: format!("{} (pid {})", field("proc.cmdline"), field("proc.pid")),
    }
}

fn text(
    loader: &Loader<'_>,
    rule: &Rule<'_>,
    explanation: &Explanation,
    subject: &Subject,
    found: &Found,
    wanted: &Wanted,
    out: &mut impl Write,
) -> io::Result<()> {
    let place = loader.rule_written(rule).map(|written| format!(", {written}")).unwrap_or_default();
    writeln!(out, "rule '{}'{place}", printable(rule.labels.name))?;
    if let Wanted::Any = wanted {
        match found.alerts {
            0 => writeln!(out, "no event of the capture makes it true; this one comes nearest")?,
            1 => writeln!(out, "one event makes it true")?,
            alerts => writeln!(out, "{alerts} events make it true; this is the first")?,
        }
    }
    let answer = if explanation.truth { "true" } else { "false" };
    let process = printable(&subject.process);
    writeln!(out, "event {}, {} by {process}: {answer}\n", subject.num, subject.kind)?;
    tree(&explanation.root, 1, out)?;
    writeln!(out, "\ndecided by (>):")?;
    for step in explanation.root.deciding() {
        writeln!(out, "  {}", step.line())?;
    }
    if explanation.distance > 1 && !explanation.truth {
        writeln!(out, "{} clauses would have to differ", explanation.distance)?;
    }
    if let Some((exception, clauses)) = closest_exception(&explanation.root) {
        let missing: Vec<String> = clauses.iter().map(|step| step.line()).collect();
        if missing.is_empty() {
            writeln!(out, "exception '{exception}' applies")?;
        } else {
            writeln!(out, "the exception that came closest is '{exception}'; it does not apply because of")?;
            missing.iter().try_for_each(|line| writeln!(out, "  {line}"))?;
        }
    }
    Ok(())
}

fn tree(step: &Step, depth: usize, out: &mut impl Write) -> io::Result<()> {
    let mark = if step.decisive { '>' } else { ' ' };
    let indent = "  ".repeat(depth);
    let truth = if step.truth { "true: " } else { "false:" };
    match &step.kind {
        StepKind::All(children) => {
            writeln!(out, "{mark}{indent}{truth} all of")?;
            children.iter().try_for_each(|child| tree(child, depth + 1, out))
        }
        StepKind::Any(children) => {
            writeln!(out, "{mark}{indent}{truth} any of")?;
            children.iter().try_for_each(|child| tree(child, depth + 1, out))
        }
        StepKind::Not(child) => {
            writeln!(out, "{mark}{indent}{truth} not")?;
            tree(child, depth + 1, out)
        }
        StepKind::Clause { .. } => writeln!(out, "{mark}{indent}{}", step.line()),
    }
}

/// Of the exceptions the one that the event came closest to, with the clauses that are missing.
fn closest_exception(root: &Step) -> Option<(String, Vec<&Step>)> {
    let mut exceptions = Vec::new();
    collect(root, &mut exceptions);
    exceptions.into_iter().min_by_key(|(_, missing)| missing.len())
}

fn collect<'s>(step: &'s Step, found: &mut Vec<(String, Vec<&'s Step>)>) {
    match &step.kind {
        StepKind::All(children) | StepKind::Any(children) => {
            children.iter().for_each(|child| collect(child, found))
        }
        StepKind::Not(child) => match exception_of(child) {
            Some(name) => found.push((name.to_owned(), missing(child))),
            None => collect(child, found),
        },
        StepKind::Clause { .. } => {}
    }
}

/// The exception that all clauses of a part belong to.
fn exception_of(step: &Step) -> Option<&str> {
    match &step.kind {
        StepKind::All(children) | StepKind::Any(children) => children.first().and_then(exception_of),
        StepKind::Not(child) => exception_of(child),
        StepKind::Clause { exception, .. } => exception.as_deref(),
    }
}

/// The fewest clauses that keep a part from being true.
fn missing(step: &Step) -> Vec<&Step> {
    match &step.kind {
        _ if step.truth => Vec::new(),
        StepKind::All(children) => children.iter().flat_map(missing).collect(),
        StepKind::Any(children) => children.iter().map(missing).min_by_key(Vec::len).unwrap_or_default(),
        StepKind::Not(_) | StepKind::Clause { .. } => vec![step],
    }
}

fn step_json(step: &Step) -> Value {
    let mut value = match &step.kind {
        StepKind::All(children) => json!({ "all": children.iter().map(step_json).collect::<Vec<_>>() }),
        StepKind::Any(children) => json!({ "any": children.iter().map(step_json).collect::<Vec<_>>() }),
        StepKind::Not(child) => json!({ "not": step_json(child) }),
        StepKind::Clause { text, written, exception, values } => {
            let values: serde_json::Map<String, Value> =
                values.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
            json!({
                "clause": text,
                "values": values,
                "exception": exception,
                "at": written.as_ref().map(ToString::to_string),
            })
        }
    };
    value["true"] = step.truth.into();
    value["decides"] = step.decisive.into();
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_stands_behind_the_capture() {
        assert_eq!(numbered(Path::new("a.scap#12")), (PathBuf::from("a.scap"), Some(12)));
        assert_eq!(numbered(Path::new("a#b.scap")), (PathBuf::from("a#b.scap"), None));
        assert_eq!(numbered(Path::new("a.scap")), (PathBuf::from("a.scap"), None));
    }

    #[test]
    fn an_alert_line_may_follow_empty_ones() {
        assert_eq!(first_line(&mut &b"\n{}\nx\n"[..]).unwrap().trim(), "{}");
        assert_eq!(first_line(&mut &b""[..]).unwrap(), "");
    }
}
