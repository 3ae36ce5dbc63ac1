//! What is measured while events go on, for whoever shows it: the loop writes, the web server and the snapshots read.
//!
//! ```text
//! loop -> telemetry -> look -> figures (one table) -> /metrics
//!                                                  -> snapshot: alert, file
//! loop -> drops -> log, alert, end
//! ```

mod drops;
mod exposition;
mod figures;
mod files;
mod host;
mod plugins;
mod snapshot;
mod telemetry;

pub use drops::{DropMonitor, Verdict};
pub use figures::About;
pub use files::Files;
pub use host::cpu_time;
pub use snapshot::Snapshots;
pub use telemetry::{CpuReadings, Loaded, Lost, ProgramTime, Readings, Sign, Telemetry};

use crate::config::Metrics;

/// Shows what the telemetry says, in the forms that Falco has for it.
#[derive(Clone)]
pub struct Monitor {
    telemetry: Telemetry,
    about: About,
    config: Metrics,
}

impl Monitor {
    /// Of these numbers.
    pub fn new(telemetry: Telemetry, about: About, config: Metrics) -> Monitor {
        Monitor { telemetry, about, config }
    }

    /// The text for Prometheus.
    pub fn prometheus(&self) -> String {
        figures::exposition(&self.look(), &self.config).to_string()
    }

    fn look(&self) -> figures::Look {
        figures::Look::new(&self.telemetry, &self.about, &self.config)
    }
}
