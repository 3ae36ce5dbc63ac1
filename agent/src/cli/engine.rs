//! What the commands that detect have in common: rules found, loaded and ready to meet events, and the alerts they make.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::bail;

use super::capture::schema;
use crate::alerts::{Alerts, LineCompiler, check_append_output};
use crate::config::{self, CONTAINER, Config};
use crate::detect::{Detector, select};
use crate::event::Event;
use crate::pipeline::Pipeline;
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
    lines: Vec<u8>,
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
            lines: Vec::new(),
        };
        Ok((engine, look(&loader, &rules)))
    }

    /// Which events some rule can be true for.
    pub(super) fn detector(&self) -> &Detector {
        &self.detector
    }

    /// Takes in an event and prints the alerts that it raises.
    #[inline]
    pub(super) fn event(
        &mut self,
        pipeline: &mut Pipeline,
        event: &Event<'_>,
        out: &mut impl Write,
    ) -> std::io::Result<()> {
        let Engine { detector, alerts, lines, .. } = self;
        pipeline.event(event, detector.wants(event.id), |context| {
            detector.detect(context, |rule| alerts.write(rule, context, lines));
        });
        if !self.lines.is_empty() {
            if self.stdout {
                out.write_all(&self.lines)?;
            }
            self.lines.clear();
        }
        Ok(())
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
