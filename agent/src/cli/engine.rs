//! What the commands that detect have in common: rules found, loaded and ready to meet events, and the alerts they make.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::capture::schema;
use crate::alerts::{Alerts, LineCompiler, check_append_output};
use crate::config::{self, CONTAINER, Config};
use crate::detect::{Detector, select};
use crate::pipeline::workers::{self, Counted, Dispatcher};
use crate::pipeline::{Pipeline, Single};
use crate::rules::{Environment, Loader, Plugin, Rule, rule_files};

/// Where rules are looked for when none are given.
const DEFAULT_RULES: &str = "/etc/saker/rules.d";

/// The options about rules and alerts.
#[derive(clap::Args, Debug, Default)]
pub struct RuleArgs {
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

    /// How many workers evaluate rules; 1 does so in the thread that reads. The alerts are the same, in the same order
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=workers::WORKERS_MAX as i64))]
    pub threads: u16,
}

impl RuleArgs {
    /// The configuration that the options make.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let mut options = Vec::new();
        options.extend(self.json.then(|| "json_output=true".to_owned()));
        options.extend(self.rule_matching.iter().map(|matching| format!("rule_matching={matching}")));
        options.extend_from_slice(&self.option);
        Ok(Config::from_options(&options)?)
    }

    /// The rule files in load order; directories stand for the `.yaml` and `.yml` files in them.
    fn files(&self, config: &Config) -> anyhow::Result<Vec<PathBuf>> {
        let default = [PathBuf::from(DEFAULT_RULES)];
        let given = match (self.rules.as_slice(), config.rules_files.as_slice()) {
            ([], []) if Path::new(DEFAULT_RULES).is_dir() => &default,
            ([], []) => bail!("no rules: name rule files with -r, or put them into {DEFAULT_RULES}"),
            ([], configured) => configured,
            (given, _) => given,
        };
        Ok(rule_files(given)?)
    }
}

/// Rules and their alerts.
pub(super) struct Engine {
    detector: Detector,
    pub(super) alerts: Alerts,
    stdout: bool,
}

impl Engine {
    /// Loads the rules. What is noteworthy about them goes to `err`.
    pub(super) fn load(args: &RuleArgs, config: &Config, err: &mut impl Write) -> anyhow::Result<Engine> {
        Engine::load_and(args, config, err, |_, _| ()).map(|(engine, ())| engine)
    }

    /// Loads the rules, and lets `look` look at those that are on.
    pub(super) fn load_and<T>(
        args: &RuleArgs,
        config: &Config,
        err: &mut impl Write,
        look: impl FnOnce(&Loader<'_>, &[Rule<'_>]) -> T,
    ) -> anyhow::Result<(Engine, T)> {
        let schema = schema(config)?;
        let plugins = if config.has_plugin(CONTAINER) { vec![Plugin::container()] } else { Vec::new() };
        let append_output = &config.append_output;
        check_append_output(append_output, &schema).map_err(anyhow::Error::msg)?;
        let mut loader = Loader::new(Environment { schema: &schema, plugins: &plugins, append_output });
        load(&mut loader, &args.files(config)?, err)?;
        let hostname = config::hostname();
        let lines = LineCompiler { config, schema: &schema, hostname: &hostname };
        let rules = select(loader.rules(), config);
        let conditions = rules.iter().map(|rule| (rule.condition, rule.events));
        let engine = Engine {
            detector: Detector::new(conditions, &schema, config.rule_matching),
            alerts: Alerts::new(&rules, &lines)?,
            stdout: config.stdout_output,
        };
        Ok((engine, look(&loader, &rules)))
    }

    /// Which events some rule can be true for.
    pub(super) fn detector(&self) -> &Detector {
        &self.detector
    }

    /// The one loop, whose alerts go to `out`.
    pub(super) fn single<'e, W: Write + 'e>(
        &'e mut self,
        pipeline: Pipeline,
        out: &'e mut W,
    ) -> Single<'e, Output<'e, W>> {
        Single::new(pipeline, &mut self.detector, &mut self.alerts, Output { out, shown: self.stdout })
    }

    /// Runs so many workers while `feed` hands out events. Their alerts go to `out`.
    pub(super) fn workers<R>(
        &mut self,
        threads: u16,
        pipeline: impl Fn() -> Pipeline,
        out: &mut (impl Write + Send),
        feed: impl FnOnce(&mut Dispatcher) -> R,
    ) -> io::Result<(R, Counted)> {
        let mut out = Output { out, shown: self.stdout };
        workers::run(usize::from(threads), pipeline, &self.detector, &mut self.alerts, &mut out, feed)
    }
}

/// Where alerts go, unless `stdout_output` is off.
pub(super) struct Output<'o, W> {
    out: &'o mut W,
    shown: bool,
}

impl<W: Write> Write for Output<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.shown { self.out.write(bytes) } else { Ok(bytes.len()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
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
