//! What the commands that read captures have in common.

use std::fs::File;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};

use crate::capture::scap::ScapReader;
use crate::config::{CONTAINER, Config};
use crate::fields::{FieldSchema, Services};

/// The fields that exist under a configuration.
pub(super) fn schema(config: &Config) -> anyhow::Result<FieldSchema> {
    let schema = FieldSchema::new(config.has_plugin(CONTAINER))
        .with_static(config.static_fields.keys().map(String::as_str));
    if config.saker.services_file == Config::default().saker.services_file {
        return Ok(schema);
    }
    let file = &config.saker.services_file;
    let services =
        Services::read(file).with_context(|| format!("saker.services_file: {}", file.display()))?;
    Ok(schema.with_services(services))
}

/// How errors name a capture.
pub(super) fn name(capture: &Path) -> String {
    if capture.as_os_str() == "-" { "standard input".to_owned() } else { capture.display().to_string() }
}

/// Opens a capture, `-` for standard input, and shows on a terminal how much of the file has been read. The bar stays
/// away when standard error is no terminal, or when alerts and events go to the same terminal; drop it at the end.
pub(super) fn open(capture: &Path) -> anyhow::Result<(ScapReader, Progress)> {
    let name = || name(capture);
    let shown = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
    let size = std::fs::metadata(capture).ok().filter(|file| shown && file.is_file()).map(|file| file.len());
    let Some(size) = size else {
        return Ok((ScapReader::open(capture).with_context(name)?, Progress(ProgressBar::hidden())));
    };
    let bar = ProgressBar::new(size).with_style(
        ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar.enable_steady_tick(Duration::from_millis(200));
    let file = File::open(capture).with_context(name)?;
    Ok((ScapReader::new(bar.wrap_read(file)).with_context(name)?, Progress(bar)))
}

/// The bar; it goes away when it is dropped.
pub(super) struct Progress(ProgressBar);

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
