//! Snapshots of the figures, every `metrics.interval`: as Falco's internal alert (`output_rule`), as lines of a file
//! (`output_file`).

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::time::Duration;

use serde_json::json;

use super::Monitor;
use super::figures::{Look, snapshot};
use crate::alerts::Internal;
use crate::config::Priority;

/// What Falco calls the alert.
const RULE: &str = "Falco internal: metrics snapshot";
const MESSAGE: &str = "Falco metrics snapshot";

/// Takes snapshots.
pub struct Snapshots {
    monitor: Monitor,
    file: Option<File>,
    before: Option<Look>,
    samples: u64,
    /// A file that cannot be written to is complained about once.
    complained: bool,
}

impl Snapshots {
    /// Opens the file, if there is to be one.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn new(monitor: Monitor) -> io::Result<Snapshots> {
        let path = monitor.config.output_file.as_ref().filter(|path| !path.as_os_str().is_empty());
        let open = |path| OpenOptions::new().create(true).append(true).open(path);
        let file = path.map(open).transpose()?;
        Ok(Snapshots { monitor, file, before: None, samples: 0, complained: false })
    }

    /// Whether somebody wants them.
    pub fn wanted(&self) -> bool {
        self.monitor.config.enabled && (self.monitor.config.output_rule || self.file.is_some())
    }

    /// Takes them on a thread of its own, and hands the alerts to `tell`.
    ///
    /// # Errors
    /// If there can be no thread.
    pub fn start(mut self, tell: impl Fn(Internal) + Send + 'static) -> io::Result<()> {
        let interval = Duration::from_millis(self.monitor.config.interval.max(100));
        let thread = std::thread::Builder::new().name("metrics".to_owned());
        let run = move || loop {
            std::thread::sleep(interval);
            if let Some(alert) = self.take() {
                tell(alert);
            }
        };
        thread.spawn(run).map(|_| ())
    }

    /// Takes one: a line to the file, and the alert if it is wanted.
    pub fn take(&mut self) -> Option<Internal> {
        let look = self.monitor.look();
        let fields = snapshot(&look, self.before.as_ref(), &self.monitor.config);
        self.samples += 1;
        let time = look.time;
        self.before = Some(look);
        if let Some(file) = &mut self.file {
            let line = json!({ "output_fields": fields, "sample": self.samples });
            if let Err(error) = file.write_all(format!("{line}\n").as_bytes())
                && !std::mem::replace(&mut self.complained, true)
            {
                tracing::error!("metrics.output_file: {error}");
            }
        }
        self.monitor.config.output_rule.then(|| Internal {
            time,
            priority: Priority::Informational,
            rule: RULE.to_owned(),
            message: MESSAGE.to_owned(),
            fields,
        })
    }
}
