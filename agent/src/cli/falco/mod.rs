//! `falco ARGS` and `saker falco ARGS`: the command line of Falco 0.44, flag for flag. Actions come in Falco's order; the
//! first that prints something ends the command.

mod lists;
mod plugins_list;
mod rules;
mod support;
pub(super) mod versions;

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::{CommandFactory, Parser};

use self::versions::Versions;
use super::ListFormat;
use super::engine::{Engine, existing};
use super::reload::Given;
use super::{config as keys, log, run};
use crate::config::{self, AppendOutput, Config, EngineKind, Loaded};
use crate::k8s::audit;
use crate::plugins;
use crate::rules::{LoadResult, SYSCALL, Source, json_schema, rule_files};

/// What `falco` takes.
#[derive(clap::Args, Debug, Default)]
#[command(disable_help_flag = true, disable_version_flag = true)]
pub struct Args {
    /// Print this help list and exit
    #[arg(short, long)]
    help: bool,

    /// Configuration file; without it /etc/saker/saker.yaml, else /etc/falco/falco.yaml
    #[arg(short = 'c', value_name = "path")]
    config: Option<PathBuf>,

    /// Print the JSON schema of configuration files and exit
    #[arg(long)]
    config_schema: bool,

    /// Print the JSON schema of rule files and exit
    #[arg(long)]
    rule_schema: bool,

    /// Turn off an event source; may be given again, but not together with --enable-source
    #[arg(long, value_name = "event_source")]
    disable_source: Vec<String>,

    /// Load configuration and rules, but process no events
    #[arg(long)]
    dry_run: bool,

    /// Turn on only this event source; may be given again
    #[arg(long, value_name = "event_source")]
    enable_source: Vec<String>,

    /// Print the events that are ignored by default and exit
    #[arg(short = 'i')]
    ignored: bool,

    /// Show name and description of all rules and exit; with json_output, all details of rules, macros and lists
    #[arg(short = 'L')]
    describe_all: bool,

    /// Show name and description of this rule and exit; with json_output, all its details
    #[arg(short = 'l', value_name = "rule")]
    describe: Option<String>,

    /// List all fields, or those of a source, and exit
    #[arg(long, value_name = "source", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    list: Option<String>,

    /// List all events and exit
    #[arg(long)]
    list_events: bool,

    /// Print info on all plugins and exit
    #[arg(long)]
    list_plugins: bool,

    /// Stop after this many seconds
    #[arg(short = 'M', value_name = "num_seconds", default_value_t = 0)]
    seconds: u64,

    /// Deprecated: use `--format markdown`
    #[arg(long)]
    markdown: bool,

    /// How --list and --list-events print
    #[arg(long, value_enum)]
    format: Option<ListFormat>,

    /// Only names of fields with --list
    #[arg(short = 'N')]
    names_only: bool,

    /// Set a configuration key, as `base.subvalue=val` or `base.list[1]=val`; may be given again
    #[arg(short, long = "option", value_name = "opt>=<val")]
    option: Vec<String>,

    /// Print info on a plugin and exit
    #[arg(long, value_name = "plugin_name")]
    plugin_info: Option<String>,

    /// Deprecated: use `-o append_output`. An output template that is appended to the output of all rules
    #[arg(short, long, value_name = "output_format")]
    print: Option<String>,

    /// Write the process id to this file
    #[arg(short = 'P', long, value_name = "pid_file")]
    pidfile: Option<PathBuf>,

    /// Rule file or directory, instead of those of the configuration; may be given again
    #[arg(short, value_name = "rules_file")]
    rules: Vec<PathBuf>,

    /// Print support information as JSON and exit
    #[arg(long)]
    support: bool,

    /// Write every alert at once
    #[arg(short = 'U', long)]
    unbuffered: bool,

    /// Validate a rule file and exit; may be given again
    #[arg(short = 'V', long, value_name = "rules_file")]
    validate: Vec<PathBuf>,

    /// Verbose output
    #[arg(short)]
    verbose: bool,

    /// Print version information and exit
    #[arg(long)]
    version: bool,

    /// Print the size of a memory page and exit
    #[arg(long)]
    page_size: bool,
}

/// The command line when the program is called `falco`.
#[derive(Parser, Debug)]
#[command(name = "falco", about = "Falco's command line, by Saker", max_term_width = 140)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

/// Parses the command line of `falco` and runs it.
pub(super) fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run(cli.args),
        Err(usage) => super::show_usage(&usage),
    }
}

/// Runs the command; errors are shown in Falco's form.
pub(super) fn run(args: Args) -> ExitCode {
    // Not locked: the alerts of workers come from another thread.
    let mut out = BufWriter::new(io::stdout());
    let result = act(&Arc::new(args), &mut out).and_then(|status| Ok(out.flush().map(|()| status)?));
    drop(out);
    super::status(result, "Error")
}

fn act(args: &Arc<Args>, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let done = Ok(ExitCode::SUCCESS);
    if args.help {
        writeln!(out, "Falco version: {} (Saker {})", versions::FALCO, env!("CARGO_PKG_VERSION"))?;
        write!(out, "{}", Cli::command().render_help())?;
        return done;
    }
    if args.config_schema {
        keys::schema(out)?;
        return done;
    }
    if args.rule_schema {
        serde_json::to_writer_pretty(&mut *out, &json_schema())?;
        writeln!(out)?;
        return done;
    }
    let file = args.config.clone().or_else(|| config::first_file(&config::DEFAULT_FILES));
    let Loaded { mut config, warnings, files: config_files } = load(args, file.as_deref())?;
    log::start_as_falco(&config);
    if args.version {
        Versions::new(&config).print(config.json_output, out)?;
        return done;
    }
    if args.page_size {
        // Falco says it in its log.
        eprintln!("Your system page size is: {} bytes", support::page_size()?);
        return done;
    }
    if args.ignored {
        lists::ignored(out)?;
        return done;
    }
    let format = args.format.unwrap_or(if args.markdown { ListFormat::Markdown } else { ListFormat::Text });
    if args.list_events {
        lists::events(format, out)?;
        return done;
    }
    if let Some(name) = &args.plugin_info {
        plugins_list::info(name, &config, out)?;
        return done;
    }
    if args.list_plugins {
        plugins_list::list(&config, out)?;
        return done;
    }
    if let Some(source) = &args.list {
        lists::fields(source, &config, format, args.names_only, args.verbose, out)?;
        return done;
    }
    tracing::info!(
        "Falco version: {} ({}), by Saker {}",
        versions::FALCO,
        std::env::consts::ARCH,
        env!("CARGO_PKG_VERSION")
    );
    if let Some(file) = &file {
        tracing::info!("Falco initialized with configuration file: {}", file.display());
    }
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    if args.print.is_some() {
        tracing::warn!(
            "The -p/--print option is deprecated and will be removed. Use -o append_output=... instead."
        );
    }
    print_option(args, &mut config);
    let sources = sources(args, &config)?;
    if !args.validate.is_empty() {
        return rules::validate(args, &config, out);
    }
    let rule_paths = paths(args, &config)?;
    let files = rule_files(&rule_paths)?;
    if args.describe_all || args.describe.is_some() {
        rules::describe(args, &config, &files, out)?;
        return done;
    }
    if args.support {
        rules::load_all(&config, &files, args.verbose)?;
        support::print(&config, file.as_deref(), &files, out)?;
        return done;
    }
    out.flush()?;
    detect(args, file, &sources, Given { config, warnings, config_files, rule_files: files, rule_paths })
}

/// Reads the configuration.
fn load(args: &Args, file: Option<&Path>) -> anyhow::Result<Loaded> {
    let mut loaded = config::load(file, &args.option)?;
    loaded.config.buffered_outputs &= !args.unbuffered;
    Ok(loaded)
}

/// `-p`: the container fields that its short forms asked for are suggested by the source itself.
fn print_option(args: &Args, config: &mut Config) {
    let Some(format) = &args.print else { return };
    if !matches!(format.as_str(), "c" | "container" | "k" | "kubernetes") {
        config
            .append_output
            .push(AppendOutput { extra_output: Some(format.clone()), ..AppendOutput::default() });
    }
}

/// The sources that `--enable-source` and `--disable-source` leave on; both mean nothing for a replay.
fn sources(args: &Args, config: &Config) -> anyhow::Result<Vec<String>> {
    let mut known = vec![SYSCALL.to_owned()];
    if config.engine.kind == Some(EngineKind::Replay) {
        return Ok(known);
    }
    if config.loads_plugin(audit::K8SAUDIT) {
        known.push(audit::SOURCE.to_owned());
    }
    known.extend(plugins::Loaded::of(config)?.sources.into_iter().map(|source| source.name));
    let unknown = |sources: &[String]| sources.iter().find(|source| !known.contains(source)).cloned();
    match (args.enable_source.as_slice(), args.disable_source.as_slice()) {
        ([_, ..], [_, ..]) => bail!("You can not mix --enable-source and --disable-source"),
        (enabled @ [_, ..], []) => match unknown(enabled) {
            Some(source) => bail!("Attempted enabling an unknown event source: {source}"),
            None => known.retain(|source| enabled.iter().any(|one| one == source)),
        },
        ([], disabled @ [_, ..]) => match unknown(disabled) {
            Some(source) => bail!("Attempted disabling an unknown event source: {source}"),
            None => known.retain(|source| !disabled.iter().any(|one| one == source)),
        },
        ([], []) => {}
    }
    if known.is_empty() {
        bail!("Must enable at least one event source");
    }
    Ok(known)
}

/// The rule files and directories: those given, else those of the configuration that exist.
fn paths(args: &Args, config: &Config) -> anyhow::Result<Vec<PathBuf>> {
    let paths = if args.rules.is_empty() { existing(config.rules_paths()) } else { args.rules.clone() };
    if paths.is_empty() {
        bail!(
            "You must specify at least one rules file/directory via -r or a rules_files entry in the configuration"
        );
    }
    Ok(paths)
}

/// Detects, live or in a capture, as `engine.kind` says.
fn detect(
    args: &Arc<Args>,
    file: Option<PathBuf>,
    sources: &[String],
    given: Given,
) -> anyhow::Result<ExitCode> {
    let verbose = args.verbose;
    let mut said = move |result: &LoadResult, sources: &[Source]| rules::loaded(result, sources, verbose);
    let duration = (args.seconds > 0).then(|| Duration::from_secs(args.seconds));
    if args.dry_run {
        Engine::of(&given.rule_files, &given.config, None, &mut said, |_, _| ())?;
        return Ok(ExitCode::SUCCESS);
    }
    let pidfile = args.pidfile.clone();
    let args = Arc::clone(args);
    let read = move || {
        let Loaded { mut config, warnings, files } = load(&args, file.as_deref())?;
        print_option(&args, &mut config);
        let rule_paths = paths(&args, &config)?;
        let rule_files = rule_files(&rule_paths)?;
        Ok(Given { config, warnings, config_files: files, rule_files, rule_paths })
    };
    let (read, said) = (Box::new(read), Box::new(said));
    let syscalls = sources.iter().any(|source| source == SYSCALL);
    run::Job { given, driver: None, pidfile, syscalls, beside: Some(sources.to_vec()), duration, read, said }
        .run()
}

/// How a path is shown.
fn shown(path: &Path) -> String {
    path.display().to_string()
}
