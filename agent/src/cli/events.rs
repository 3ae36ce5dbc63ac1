//! `saker events`: the reference of events, from the tables.

use std::process::ExitCode;

use super::ListFormat;

/// What `saker events` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// How to print the list
    #[arg(long, value_enum, default_value_t)]
    pub format: ListFormat,
}

/// Prints the list.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("events --format {:?} is not there yet", args.format)
}
