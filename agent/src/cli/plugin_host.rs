//! `saker plugin-host`: the process that a plugin has for itself. The agent starts it; it is of no use to anybody else.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::plugins::host;

/// Serves the agent until it is gone.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    if io::stdin().is_terminal() {
        bail!("this is how Saker runs a plugin: the agent starts it, with a socket as its standard input");
    }
    host::serve().context("the agent cannot be served")?;
    Ok(ExitCode::SUCCESS)
}
