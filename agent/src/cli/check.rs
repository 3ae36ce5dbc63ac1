//! `saker check`: validates rule files, or bare conditions.

use std::path::PathBuf;
use std::process::ExitCode;

/// What `saker check` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Rule files, loaded in this order
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Validates and prints the verdict.
pub fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("check is not there yet")
}
