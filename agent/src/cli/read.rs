//! `saker read`: prints the events of a capture file, like sysdig.

use std::path::PathBuf;
use std::process::ExitCode;

/// What `saker read` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The capture file (.scap, plain or gzip), `-` for stdin
    #[arg(value_name = "FILE")]
    pub capture: PathBuf,

    /// A condition: only events for which it is true are printed
    #[arg(value_name = "FILTER")]
    pub filter: Option<String>,
}

/// Prints the events.
pub fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("read is not there yet")
}
