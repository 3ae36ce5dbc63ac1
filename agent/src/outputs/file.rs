//! Alerts to a file, as `file_output` asks.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use super::line;
use super::runner::{Failure, Target};
use crate::alerts::Alert;

/// A file that alerts are appended to.
pub(super) struct FileOutput {
    pub(super) path: PathBuf,
    /// It stays open between alerts, until it is asked to reopen.
    pub(super) keep_alive: bool,
    pub(super) open: Option<File>,
}

impl FileOutput {
    fn write(&mut self, alert: &Alert) -> io::Result<()> {
        let file = match &mut self.open {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                // A pipe or terminal is no reason to wait for a reader, nor to get a controlling terminal.
                options.append(true).create(true).mode(0o640).custom_flags(nix::libc::O_NOCTTY);
                self.open.insert(options.open(&self.path)?)
            }
        };
        let mut bytes = Vec::new();
        line(alert, &mut bytes);
        let before = file.metadata()?;
        if let Err(error) = file.write_all(&bytes) {
            // Half a line would stand there for ever: the whole one is written later.
            if before.is_file() {
                let _ = file.set_len(before.len());
            }
            return Err(error);
        }
        Ok(())
    }
}

impl Target for FileOutput {
    fn deliver(&mut self, alert: &Alert) -> Result<(), Failure> {
        let written = self.write(alert);
        if !self.keep_alive || written.is_err() {
            self.open = None;
        }
        written.map_err(|error| Failure::Later(format!("{}: {error}", self.path.display())))
    }

    fn reopen(&mut self) {
        self.open = None;
    }
}
