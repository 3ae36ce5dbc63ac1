//! `saker replay`: rules over a capture file. Alerts go to stdout, the closing summary to stderr.

use std::path::PathBuf;
use std::process::ExitCode;

/// What `saker replay` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A rule file, or a directory of them; may be given again, files are loaded in this order
    #[arg(short, long = "rules", value_name = "RULES")]
    pub rules: Vec<PathBuf>,

    /// Set a configuration key, as `json_output=true` or `rules[].disable.tag=noisy`; may be given again
    #[arg(short, long = "option", value_name = "KEY=VALUE")]
    pub option: Vec<String>,

    /// The capture file (.scap, plain or gzip)
    #[arg(value_name = "FILE")]
    pub capture: PathBuf,
}

/// Replays the capture.
pub fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("replay is not there yet")
}
