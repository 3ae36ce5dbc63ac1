//! What the commands that detect have in common: rules found, loaded and ready to meet events, and the alerts they make.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use saker_filter::{Field, Schema};

use super::audit::OutputBeside;
use super::guard;
use super::sources::Sources;
use crate::alerts::{
    Alert, Alerts, LineCompiler, LineError, Summary, check_append_output, check_key_fields, printable,
};
use crate::config::{self, Config};
use crate::detect::{Detector, select};
use crate::k8s;
use crate::outputs::{self, Occasion, OutputError, OutputStatus, Outputs};
use crate::pipeline::workers::{self, Counted, Dispatcher};
use crate::pipeline::{Pipeline, RuleSet, Settings, Single};
use crate::plugins::{Calls, Fresh};
use crate::rules::{LoadResult, Loader, Rule, SYSCALL, Source, rule_files};
use crate::watch::Watch;

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
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=workers::WORKERS_MAX as i64))]
    pub threads: Option<u16>,
}

impl RuleArgs {
    /// The configuration that the options make.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::from_options(&self.options())?)
    }

    /// All options as those of `-o`.
    pub(super) fn options(&self) -> Vec<String> {
        let mut options = Vec::new();
        options.extend(self.json.then(|| "json_output=true".to_owned()));
        options.extend(self.rule_matching.iter().map(|matching| format!("rule_matching={matching}")));
        options.extend(self.threads.iter().map(|threads| format!("saker.threads={threads}")));
        options.extend_from_slice(&self.option);
        options
    }

    /// The rule files in load order; directories stand for the `.yaml` and `.yml` files in them.
    pub(super) fn files(&self, config: &Config) -> anyhow::Result<Vec<PathBuf>> {
        Ok(rule_files(&self.paths(config)?)?)
    }

    /// The rule files and directories of rule files in load order.
    pub(super) fn paths(&self, config: &Config) -> anyhow::Result<Vec<PathBuf>> {
        let configured = existing(config.rules_paths());
        match (self.rules.as_slice(), configured.as_slice()) {
            ([], []) if Path::new(DEFAULT_RULES).is_dir() => Ok(vec![PathBuf::from(DEFAULT_RULES)]),
            ([], []) => bail!("no rules: name rule files with -r, or put them into {DEFAULT_RULES}"),
            ([], _) => Ok(configured),
            (given, _) => Ok(given.to_vec()),
        }
    }
}

/// Those of the configured paths that exist: a configuration names places where rules may be.
pub(super) fn existing(paths: &[PathBuf]) -> Vec<PathBuf> {
    paths.iter().filter(|path| path.exists()).cloned().collect()
}

/// Says what loading a file came to, and refuses it if it is to be refused.
pub(super) type Show<'s> = &'s mut dyn FnMut(&LoadResult, &[Source]) -> anyhow::Result<()>;

/// How long outputs may take to deliver what they have when detection is over: live, and after a replay, which nobody waits
/// to see restarted.
const DELIVER_LIVE: Duration = Duration::from_secs(10);
const DELIVER_REPLAY: Duration = Duration::from_secs(600);

/// Rules and their alerts.
pub(super) struct Engine {
    pub(super) rules: RuleSet,
    /// Where alerts go, if it is more than standard output.
    outputs: Option<(Outputs, Occasion)>,
    stdout: bool,
    /// Alerts do not wait for more of them.
    pub(super) at_once: bool,
    /// The rules of the audit log, if it is a source.
    pub(super) audit: Option<Watch>,
    /// The rules of the sources of plugins.
    pub(super) plugins: Vec<Fresh>,
}

impl Engine {
    /// Loads the rules. What is noteworthy about them goes to `err`.
    pub(super) fn load(args: &RuleArgs, config: &Config, err: &mut impl Write) -> anyhow::Result<Engine> {
        let mut show = |result: &LoadResult, sources: &[Source]| show(result, sources, err);
        let records_for = outputs::needed(config).then_some(config);
        let (mut engine, ()) = Engine::of(&args.files(config)?, config, records_for, &mut show, |_, _| ())?;
        if records_for.is_some() {
            engine.start_outputs(config, Occasion::Replay)?;
        }
        Ok(engine)
    }

    /// Loads rule files, and lets `look` look at the rules that are on. Their alerts are lines, or records for the outputs of
    /// a configuration.
    pub(super) fn of<T>(
        files: &[PathBuf],
        config: &Config,
        records_for: Option<&Config>,
        show: Show<'_>,
        look: impl FnOnce(&Loader<'_>, &[Rule<'_>]) -> T,
    ) -> anyhow::Result<(Engine, T)> {
        Engine::after(None, files, config, records_for, show, look)
    }

    /// As [`Engine::of`], with rules of our own before those of the files.
    fn after<T>(
        own: Option<&str>,
        files: &[PathBuf],
        config: &Config,
        records_for: Option<&Config>,
        show: Show<'_>,
        look: impl FnOnce(&Loader<'_>, &[Rule<'_>]) -> T,
    ) -> anyhow::Result<(Engine, T)> {
        let known = Sources::of(config)?;
        let schema = &known.syscall;
        let others = known.others();
        let of_source = |source: Option<&str>| match source {
            None | Some(SYSCALL) => Some(schema as &dyn Schema),
            Some(source) => others.iter().find(|(name, _)| *name == source).map(|(_, schema)| *schema),
        };
        check_append_output(&config.append_output, of_source).map_err(anyhow::Error::msg)?;
        let of_others = others.iter().map(|(_, schema)| *schema);
        let schemas: Vec<&dyn Schema> = [schema as &dyn Schema].into_iter().chain(of_others).collect();
        check_key_fields(config, &schemas).map_err(anyhow::Error::msg)?;
        let mut loader = Loader::new(known.environment(config));
        if let Some(own) = own {
            let result = loader.load(guard::RULES_NAME, own.as_bytes());
            // Their warnings are no business of whoever wrote the files.
            if !result.successful() {
                show(&result, loader.sources())?;
            }
        }
        for file in files {
            let name = file.display().to_string();
            let result = match std::fs::read(file) {
                Ok(bytes) => loader.load(&name, &bytes),
                Err(error) => loader.unreadable(&name, &error),
            };
            show(&result, loader.sources())?;
        }
        let hostname = config::hostname();
        let lines = LineCompiler { config, schema, hostname: &hostname };
        let selected = select(loader.rules(), config);
        let of_source = |source: &str| -> Vec<Rule<'_>> {
            selected.iter().copied().filter(|rule| rule.labels.source == source).collect()
        };
        let rules = of_source(SYSCALL);
        let audit = known
            .audit
            .as_ref()
            .map(|schema| Watch::new(&of_source(k8s::audit::SOURCE), config, records_for, schema))
            .transpose()?;
        let sources = known.loaded.sources.iter().zip(&known.of_plugins);
        let plugins = sources.map(|(source, schema)| {
            let rules = of_source(&source.name);
            // Fields of rules that are off are not asked for.
            schema.begin_asking();
            rules.iter().flat_map(fields_of).for_each(|field| schema.want(field));
            let watch = Watch::new(&rules, config, records_for, schema)?;
            Ok(Fresh { source: source.clone(), watch, asking: schema.asking() })
        });
        let plugins = plugins.collect::<Result<_, LineError>>()?;
        let conditions = rules.iter().map(|rule| (rule.condition, rule.events));
        if let Some(fields) = schema.plugins() {
            // Fields of rules that are off are not asked for; those that outputs add are looked up below.
            fields.begin_asking();
            rules.iter().flat_map(fields_of).for_each(|field| fields.want(field));
        }
        let alerts = match records_for {
            Some(config) => Alerts::recorded(&rules, &lines, &outputs::wanted(config))?,
            None => Alerts::new(&rules, &lines)?,
        };
        let set = RuleSet {
            detector: Detector::new(conditions, schema, config.rule_matching),
            alerts,
            settings: Settings { calls: known.calls().map(Arc::new), ..Settings::of(config) },
        };
        let is_measured = config.metrics.enabled && config.metrics.rules_counters_enabled;
        let engine = Engine {
            rules: if is_measured { set.measured() } else { set },
            outputs: None,
            stdout: config.stdout_output.enabled,
            at_once: false,
            audit,
            plugins,
        };
        Ok((engine, look(&loader, &selected)))
    }

    /// Loads rule files; the engine with the names of events that conditions ask for.
    pub(super) fn named(
        files: &[PathBuf],
        config: &Config,
        records_for: Option<&Config>,
        show: Show<'_>,
    ) -> anyhow::Result<(Engine, BTreeSet<&'static str>)> {
        Engine::of(files, config, records_for, show, event_names)
    }

    /// As [`Engine::named`], with the rules about the agent itself before those of the files, unless they are off.
    /// `configuration` are the files of the configuration.
    pub(super) fn guarded(
        files: &[PathBuf],
        configuration: &[PathBuf],
        config: &Config,
        records_for: Option<&Config>,
        show: Show<'_>,
    ) -> anyhow::Result<(Engine, BTreeSet<&'static str>)> {
        let own = config.saker.self_protection.then(|| guard::rules(&[files, configuration].concat()));
        Engine::after(own.as_deref(), files, config, records_for, show, event_names)
    }

    /// The plugins that see system calls, if some do.
    pub(super) fn calls(&self) -> Option<&Arc<Calls>> {
        self.rules.settings.calls.as_ref()
    }

    /// Begins the plugins that see system calls, before a driver is asked for what they parse. With `waits` each is waited for when it
    /// must be begun again.
    pub(super) fn begin_plugins(&self, config: &Config, waits: bool) -> anyhow::Result<()> {
        let Some(calls) = self.calls() else { return Ok(()) };
        calls.begin(waits)?;
        if let (threads @ 2.., Some(plugin)) = (config.saker.threads, calls.parser()) {
            tracing::warn!(
                "saker.threads: one worker does it all instead of {threads}, since plugin {plugin} parses system calls, which it \
                 must see in their order"
            );
        }
        Ok(())
    }

    /// How many workers there are to be: one, if a plugin must see all events in their order.
    pub(super) fn threads(&self, config: &Config) -> u16 {
        let in_order = self.calls().is_some_and(|calls| calls.parser().is_some());
        if in_order { 1 } else { config.saker.threads }
    }

    /// Has outputs take the alerts, which must be records.
    pub(super) fn start_outputs(&mut self, config: &Config, occasion: Occasion) -> Result<(), OutputError> {
        self.outputs = Some((Outputs::start(config, occasion)?, occasion));
        Ok(())
    }

    /// The outputs, if there are any.
    pub(super) fn outputs(&self) -> Option<&Outputs> {
        self.outputs.as_ref().map(|(outputs, _)| outputs)
    }

    /// Detection is over: has the outputs deliver what they have, and says on `err` what they did not.
    pub(super) fn finish(&self, err: &mut impl Write) -> io::Result<()> {
        let Some((outputs, occasion)) = &self.outputs else { return Ok(()) };
        let deadline = match occasion {
            Occasion::Live => DELIVER_LIVE,
            Occasion::Replay => DELIVER_REPLAY,
        };
        for OutputStatus { name, queued, dropped, last_error, .. } in outputs.stop(deadline) {
            if queued + dropped > 0 {
                let why = last_error.map(|error| format!(": {error}")).unwrap_or_default();
                writeln!(err, "Output '{name}': {queued} alerts wait, {dropped} are lost{why}")?;
            }
        }
        let dropped = outputs.queue_drops();
        if dropped > 0 {
            writeln!(err, "Queue before the outputs: {dropped} alerts are lost")?;
        }
        Ok(())
    }

    /// The closing summary, with counts of rules of whatever source.
    pub(super) fn summary_of(&self, summary: &Summary, err: &mut impl Write) -> io::Result<()> {
        write!(err, "{summary}")?;
        let held = self.outputs().map(Outputs::held_back).unwrap_or_default();
        if !held.is_empty() {
            writeln!(err, "Alerts held back by rule name:")?;
        }
        for (rule, held) in held {
            writeln!(
                err,
                "   {}: {} rolled up, {} over the limit",
                printable(&rule),
                held.rolled_up,
                held.limited
            )?;
        }
        Ok(())
    }

    /// Which events some rule can be true for.
    pub(super) fn detector(&self) -> &Detector {
        &self.rules.detector
    }

    /// Where the alerts of a thread beside the loop go.
    pub(super) fn output_beside(&self) -> OutputBeside {
        OutputBeside { outputs: self.outputs().cloned(), shown: self.stdout }
    }

    /// Where alerts go: to the outputs, or as lines to `out`.
    pub(super) fn output<'o, W: Write>(&self, out: &'o mut W) -> Output<'o, W> {
        Output { out, outputs: self.outputs().cloned(), shown: self.stdout, at_once: self.at_once }
    }

    /// The one loop, whose alerts go to `out`.
    pub(super) fn single<'e, W: Write + 'e>(
        &'e mut self,
        pipeline: Pipeline,
        out: &'e mut W,
    ) -> Single<'e, Output<'e, W>> {
        let out = self.output(out);
        Single::new(pipeline, &mut self.rules, out)
    }

    /// Runs so many workers while `feed` hands out events. Their alerts go to `out`.
    pub(super) fn workers<R>(
        &mut self,
        threads: u16,
        pipeline: impl Fn() -> Pipeline,
        out: &mut (impl Write + Send),
        feed: impl FnOnce(&mut Dispatcher) -> R,
    ) -> io::Result<(R, Counted)> {
        let mut out = self.output(out);
        workers::run(usize::from(threads), pipeline, &mut self.rules, &mut out, feed)
    }
}

/// The fields of a rule's condition and of its output.
fn fields_of<'r>(rule: &'r Rule<'_>) -> impl Iterator<Item = &'r Field> {
    rule.condition.fields().chain(rule.template.fields().map(|(_, field)| field))
}

/// The names of events that conditions ask for.
fn event_names(loader: &Loader<'_>, rules: &[Rule<'_>]) -> BTreeSet<&'static str> {
    rules.iter().flat_map(|rule| loader.event_names(rule)).collect()
}

/// Where alerts go: to the outputs, or as lines to a writer, unless `stdout_output` is off.
pub(super) struct Output<'o, W> {
    out: &'o mut W,
    outputs: Option<Outputs>,
    shown: bool,
    at_once: bool,
}

impl<W: Write> Write for Output<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if hand_over(self.outputs.as_ref(), self.shown, bytes)? {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes)?;
        if self.at_once {
            self.out.flush()?;
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Hands whole alerts to the outputs, if there are any. `false` if they are lines that are to be shown.
pub(super) fn hand_over(outputs: Option<&Outputs>, shown: bool, alerts: &[u8]) -> io::Result<bool> {
    match outputs {
        Some(outputs) => Alert::read_all(alerts, |alert| outputs.accept(alert)).map(|()| true),
        None => Ok(!shown),
    }
}

/// Refuses a file with all its errors; of warnings only the number is told.
pub(super) fn show(result: &LoadResult, sources: &[Source], err: &mut impl Write) -> anyhow::Result<()> {
    let name = &result.name;
    if !result.successful() {
        let errors = result.errors.iter().chain(&result.further_errors);
        let shown: Vec<String> = errors.map(|error| error.render(sources)).collect();
        bail!("{name}: invalid rules\n{}", shown.join("\n"));
    }
    if !result.warnings.is_empty() {
        let count = result.warnings.len();
        let s = if count == 1 { "" } else { "s" };
        writeln!(err, "saker: {name}: {count} warning{s}, `saker check` shows them")?;
    }
    Ok(())
}
