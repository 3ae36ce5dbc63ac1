//! `saker replay`: rules over a capture file. Alerts go to stdout, the closing summary to stderr.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::capture::{name, open, schema};
use crate::alerts::{Alerts, LineCompiler, check_append_output};
use crate::config::{self, CONTAINER, Config};
use crate::detect::{Detector, select};
use crate::pipeline::Pipeline;
use crate::rules::{Environment, Loader, Plugin, rule_files};

/// Where rules are looked for when none are given.
const DEFAULT_RULES: &str = "/etc/saker/rules.d";

/// What `saker replay` takes.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    /// A rule file, or a directory of them; may be given again, files are loaded in this order
    #[arg(short, long = "rules", value_name = "RULES")]
    pub rules: Vec<PathBuf>,

    /// How many rules may answer to one event: 'first' (of those that are true, in load order) or 'all'
    #[arg(long, value_name = "first|all")]
    pub rule_matching: Option<String>,

    /// Print alerts as JSON, one in each line
    #[arg(long)]
    pub json: bool,

    /// Set a configuration key, as `json_output=true` or `rules[].disable.tag=noisy`; may be given again
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    pub option: Vec<String>,

    /// The capture file (.scap, plain or gzip), `-` for stdin
    #[arg(value_name = "FILE")]
    pub capture: PathBuf,
}

/// Replays the capture.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let result = replay(&args, &mut out, &mut io::stderr());
    // Alerts from before an error are still shown.
    out.flush()?;
    result.map(|()| ExitCode::SUCCESS)
}

/// Replays a capture: alerts to `out`, the closing summary and what is noteworthy about the rules to `err`.
pub fn replay(args: &Args, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<()> {
    let mut options = Vec::new();
    options.extend(args.json.then(|| "json_output=true".to_owned()));
    options.extend(args.rule_matching.iter().map(|matching| format!("rule_matching={matching}")));
    options.extend_from_slice(&args.option);
    let config = Config::from_options(&options)?;
    let schema = schema(&config)?;

    let plugins = if config.has_plugin(CONTAINER) { vec![Plugin::container()] } else { Vec::new() };
    let append_output = &config.append_output;
    check_append_output(append_output, &schema).map_err(anyhow::Error::msg)?;
    let mut loader = Loader::new(Environment { schema: &schema, plugins: &plugins, append_output });
    load(&mut loader, &given_rules(args, &config)?, err)?;
    let hostname = config::hostname();
    let lines = LineCompiler { config: &config, schema: &schema, hostname: &hostname };
    let rules = select(loader.rules(), &config);
    let mut alerts = Alerts::new(&rules, &lines)?;
    let conditions = rules.iter().map(|rule| (rule.condition, rule.events));
    let mut detector = Detector::new(conditions, &schema, config.rule_matching);
    drop(loader);

    let result = events(args, &config, &mut detector, &mut alerts, out);
    // On a terminal the summary comes after the last alert.
    out.flush()?;
    write!(err, "{}", alerts.summary())?;
    result
}

/// The rule files in load order; directories stand for the `.yaml` and `.yml` files in them.
fn given_rules(args: &Args, config: &Config) -> anyhow::Result<Vec<PathBuf>> {
    let default = [PathBuf::from(DEFAULT_RULES)];
    let given = match (args.rules.as_slice(), config.rules_files.as_slice()) {
        ([], []) if Path::new(DEFAULT_RULES).is_dir() => &default,
        ([], []) => bail!("no rules: name rule files with -r, or put them into {DEFAULT_RULES}"),
        ([], configured) => configured,
        (given, _) => given,
    };
    Ok(rule_files(given)?)
}

fn load(loader: &mut Loader<'_>, files: &[PathBuf], err: &mut impl Write) -> anyhow::Result<()> {
    for file in files {
        let name = file.display().to_string();
        let result = match std::fs::read(file) {
            Ok(bytes) => loader.load(&name, &bytes),
            Err(error) => loader.unreadable(&name, &error),
        };
        if !result.successful() {
            let errors = result.errors.iter().chain(&result.further_errors);
            let shown: Vec<String> = errors.map(|error| error.render(loader.sources())).collect();
            bail!("{name}: invalid rules\n{}", shown.join("\n"));
        }
        if !result.warnings.is_empty() {
            let count = result.warnings.len();
            let s = if count == 1 { "" } else { "s" };
            writeln!(err, "saker: {name}: {count} warning{s}, `saker check` shows them")?;
        }
    }
    Ok(())
}

fn events(
    args: &Args,
    config: &Config,
    detector: &mut Detector,
    alerts: &mut Alerts,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let name = || name(&args.capture);
    let (mut reader, _progress) = open(&args.capture)?;
    let mut pipeline = Pipeline::new(config);
    let mut lines = Vec::new();
    while let Some(snapshot) = reader.next_section().with_context(name)? {
        pipeline.begin(snapshot);
        loop {
            // The context of an error is looked for when there is one: asking for it costs each event.
            let event = match reader.next() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => return Err(error).with_context(name),
            };
            pipeline.event(&event, detector.wants(event.id), |context| {
                detector.detect(context, |rule| alerts.write(rule, context, &mut lines));
            });
            if !lines.is_empty() {
                if config.stdout_output {
                    out.write_all(&lines)?;
                }
                lines.clear();
            }
        }
    }
    Ok(())
}
