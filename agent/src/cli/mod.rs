//! The command line: which commands there are, how errors are shown, and what the exit status says.
//!
//! Each command is a file with its `Args` and a `run(args) -> anyhow::Result<ExitCode>`; errors are printed here only.

mod audit;
pub mod audit_policy;
mod beside;
mod capture;
pub mod check;
pub mod config;
pub mod doctor;
pub mod engine;
pub mod events;
pub mod explain;
pub mod falco;
pub mod fields;
mod guard;
mod live;
mod log;
mod notify;
mod orders;
mod plugin_host;
pub mod posture;
pub mod read;
pub mod record;
mod reload;
pub mod replay;
mod rule_source;
pub mod rules;
pub mod run;
mod scoped;
mod sensor;
mod service;
mod signals;
mod sources;
pub mod suggest;
pub mod syscalls;
pub mod test;
pub mod trace;
mod waiting;
mod watch;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::plugins::process::SUBCOMMAND;

/// Runtime threat detection for Linux with Falco's rules.
#[derive(Parser, Debug)]
#[command(name = "saker", version, max_term_width = 110, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Detect live: run rules over what happens on this host
    Run(run::Args),
    /// Detect live in a command and its descendants, and nothing else
    Trace(trace::Args),
    /// Write what happens to a capture file: on this host, or in a command and its descendants
    Record(record::Args),
    /// Say what this host allows a live sensor, what it cannot tell, and try it
    Doctor(doctor::Args),
    /// Run rules over a capture file and print their alerts
    Replay(replay::Args),
    /// Print the events of a capture file
    Read(read::Args),
    /// Validate rule files, or bare conditions
    Check(check::Args),
    /// Run the tests that stand beside rules
    Test(test::Args),
    /// Tell why a rule answers to an event, or why it does not
    Explain(explain::Args),
    /// Suggest exceptions for alerts that were none
    SuggestExceptions(suggest::Args),
    /// Measure what rules cost
    Rules(rules::Args),
    /// Falco's command line, flag for flag; also what a program called `falco` is
    Falco(falco::Args),
    /// Print the smallest Kubernetes audit policy that feeds the rules
    AuditPolicy(audit_policy::Args),
    /// Check Kubernetes manifests for what makes containers mutable or lets them reach the host
    Posture(posture::Args),
    /// List the configuration keys
    Config(config::Args),
    /// List the fields that conditions and outputs can use
    Fields(ListArgs),
    /// List the events and their parameters
    Events(ListArgs),
    /// List the system calls
    Syscalls(ListArgs),
    /// Run a plugin; the agent starts it
    #[command(hide = true, name = SUBCOMMAND)]
    PluginHost,
}

/// How a result is printed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// A JSON document.
    Json,
}

/// What a reference (`fields`, `events`, `syscalls`) takes.
#[derive(clap::Args, Debug)]
pub struct ListArgs {
    /// How to print the list
    #[arg(long, value_enum, default_value_t)]
    pub format: ListFormat,
}

/// How a reference (`config`, `fields`, `events`, `syscalls`) is printed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ListFormat {
    /// Aligned columns, for people.
    #[default]
    Text,
    /// A Markdown table.
    Markdown,
    /// A JSON document.
    Json,
}

/// Parses the command line, runs the command and turns its result into an exit status: 0 fine, 1 error.
pub fn main() -> ExitCode {
    let program = std::env::args_os().next().unwrap_or_default();
    if Path::new(&program).file_name().is_some_and(|name| name == "falco") {
        return falco::main();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return show_usage(&usage),
    };
    let result = match cli.command {
        Command::Run(args) => run::run(args),
        Command::Trace(args) => trace::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Record(args) => record::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Read(args) => read::run(args),
        Command::Check(args) => check::run(args),
        Command::Test(args) => test::run(args),
        Command::Explain(args) => explain::run(args),
        Command::SuggestExceptions(args) => suggest::run(args),
        Command::Rules(args) => rules::run(args),
        Command::Falco(args) => return falco::run(args),
        Command::AuditPolicy(args) => audit_policy::run(args),
        Command::Posture(args) => posture::run(args),
        Command::Config(args) => config::run(args),
        Command::Fields(args) => fields::run(args),
        Command::Events(args) => events::run(args),
        Command::Syscalls(args) => syscalls::run(args),
        Command::PluginHost => plugin_host::run(),
    };
    status(result, "saker")
}

/// Prints what clap has to say: help, or why a command line is wrong.
fn show_usage(usage: &clap::Error) -> ExitCode {
    let _ = usage.print();
    if usage.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// Shows an error after `prefix`, and turns a result into the exit status.
fn status(result: anyhow::Result<ExitCode>, prefix: &str) -> ExitCode {
    result.unwrap_or_else(|error| {
        // `saker read FILE | head` is not an error: nobody listens any more.
        if is_broken_pipe(&error) {
            return ExitCode::SUCCESS;
        }
        eprintln!("{prefix}: {}", printable(&format!("{error:#}")));
        ExitCode::FAILURE
    })
}

/// A text of several lines without characters that could move a terminal's cursor.
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => out.push(character),
            c if c.is_control() => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_broken_pipe_is_found_under_its_context() {
        let pipe = Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe)).context("stdout");
        let full = Err::<(), _>(io::Error::from(io::ErrorKind::StorageFull)).context("stdout");
        assert!(is_broken_pipe(&pipe.unwrap_err()));
        assert!(!is_broken_pipe(&full.unwrap_err()));
    }
}
