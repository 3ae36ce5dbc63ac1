//! What is measured while events go on, for whoever shows it: the loop writes, the web server and the snapshots read.

mod files;
mod telemetry;

pub use files::Files;
pub use telemetry::{Loaded, Telemetry};
