//! The audit log on the command line: a file of it replayed, and the source beside others in a run.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;

use anyhow::Context as _;
use flate2::read::MultiGzDecoder;

use super::engine::{Engine, hand_over};
use crate::k8s::audit::{Counters, Limits, lines, show};
use crate::outputs::Outputs;

/// The first bytes of a gzip file.
const GZIP: &[u8] = &[0x1f, 0x8b];

/// Whether a file is JSON, as an audit log is, and no capture: by its first byte that is no blank.
pub(super) fn is_audit_log(file: &Path) -> bool {
    let first = || -> std::io::Result<bool> {
        if !file.is_file() {
            return Ok(false);
        }
        let mut text = [0; 64];
        let length = open(file)?.read(&mut text)?;
        let first = text[..length].trim_ascii_start().first();
        Ok(matches!(first, Some(b'{' | b'[')))
    };
    // What cannot be read is reported by whoever reads it.
    first().unwrap_or(false)
}

/// The file, unzipped if it is a gzip file.
fn open(file: &Path) -> std::io::Result<Box<dyn BufRead>> {
    let mut reader = BufReader::new(File::open(file)?);
    match reader.fill_buf()?.starts_with(GZIP) {
        true => Ok(Box::new(BufReader::new(MultiGzDecoder::new(reader)))),
        false => Ok(Box::new(reader)),
    }
}

/// Replays an audit log: alerts to `out`, the closing summary to `err`.
pub(super) fn replay(
    mut engine: Engine,
    file: &Path,
    out: &mut impl Write,
    err: &mut impl Write,
) -> anyhow::Result<()> {
    let name = || file.display().to_string();
    let mut watch = engine.audit.take().context("the audit log is no source of events here")?;
    let mut counters = Counters::default();
    let mut alerts = Vec::new();
    let reader = open(file).with_context(name)?;
    for batch in lines(reader, &Limits::default()) {
        show(&mut watch, &batch.with_context(name)?, &mut counters, &mut alerts);
        engine.output(out).write_all(&alerts)?;
        alerts.clear();
    }
    // On a terminal the summary comes after the last alert.
    out.flush()?;
    engine.finish(err)?;
    engine.summary_of(watch.summary(), err)?;
    writeln!(err, "{counters}")?;
    Ok(())
}

/// Where the alerts of a thread beside the main loop go: to the outputs, or as lines to standard output, unless `stdout_output`
/// is off.
pub(super) struct OutputBeside {
    pub outputs: Option<Outputs>,
    pub shown: bool,
}

impl Write for OutputBeside {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !hand_over(self.outputs.as_ref(), self.shown, bytes)? {
            // All at once under one lock, so that lines stay whole.
            io::stdout().lock().write_all(bytes)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush()
    }
}
