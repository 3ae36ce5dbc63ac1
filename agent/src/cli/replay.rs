//! `saker replay`: rules over a capture file. Alerts go to stdout, the closing summary to stderr.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;

use super::capture::{name, open};
use super::engine::{Engine, RuleArgs};
use crate::config::Config;
use crate::pipeline::Pipeline;

/// What `saker replay` takes.
#[derive(clap::Args, Debug, Default)]
pub struct Args {
    /// Rules and alerts
    #[command(flatten)]
    pub rules: RuleArgs,

    /// The capture file (.scap, plain or gzip), `-` for stdin
    #[arg(value_name = "FILE")]
    pub capture: PathBuf,
}

/// Replays the capture.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let result = replay(&args, &mut out, &mut io::stderr());
    // Alerts from before an error are still shown.
    out.flush()?;
    result.map(|()| ExitCode::SUCCESS)
}

/// Replays a capture: alerts to `out`, the closing summary and what is noteworthy about the rules to `err`.
pub fn replay(args: &Args, out: &mut impl Write, err: &mut impl Write) -> anyhow::Result<()> {
    let config = args.rules.config()?;
    let mut engine = Engine::load(&args.rules, &config, err)?;
    let result = events(args, &config, &mut engine, out);
    // On a terminal the summary comes after the last alert.
    out.flush()?;
    write!(err, "{}", engine.alerts.summary())?;
    result
}

fn events(args: &Args, config: &Config, engine: &mut Engine, out: &mut impl Write) -> anyhow::Result<()> {
    let name = || name(&args.capture);
    let (mut reader, _progress) = open(&args.capture)?;
    let mut pipeline = Pipeline::new(config);
    while let Some(snapshot) = reader.next_section().with_context(name)? {
        pipeline.begin(snapshot);
        loop {
            // The context of an error is looked for when there is one: asking for it costs each event.
            let event = match reader.next() {
                Ok(Some(event)) => event,
                Ok(None) => break,
                Err(error) => return Err(error).with_context(name),
            };
            engine.event(&mut pipeline, &event, out)?;
        }
    }
    Ok(())
}
