//! What the kernel module and the eBPF probe have in common: rings to read, an interest to tell, and counts of what was lost.

use std::time::Duration;

use saker_probe::wire::control::Interest;

use super::ring::Ring;

/// A driver that is ready to record. Dropping it ends the recording; rings taken from it stay readable.
pub trait Driver: Send {
    /// Its name on the command line: `kmod` or `ebpf`.
    fn name(&self) -> &'static str;

    /// The rings, one for each CPU that can exist. Called once.
    ///
    /// # Errors
    /// If they cannot be mapped.
    fn rings(&self) -> Result<Vec<Ring>, DriverError>;

    /// Tells it what to record from now on. The first time begins the recording.
    ///
    /// # Errors
    /// If it cannot record at all. What it cannot record in part stands in [`Driver::gaps`].
    fn set_interest(&mut self, interest: &Interest) -> Result<(), DriverError>;

    /// Waits until a ring is well filled, or for so long.
    fn wait(&self, timeout: Duration) {
        std::thread::sleep(timeout);
    }

    /// Whether it tells io_uring operations as the calls that they stand for.
    fn tells_io_uring(&self) -> bool {
        true
    }

    /// What was lost besides what the rings count: what it is, and how often.
    fn losses(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    /// The tracepoints that it has its hooks in, as `category:name`; none if it does not say.
    fn hooked(&self) -> Vec<String> {
        Vec::new()
    }

    /// The system calls and programs whose parameters this kernel does not let it tell, by name.
    fn untold(&self) -> Vec<String> {
        Vec::new()
    }

    /// How often the kernel ran each of its programs, and for how many nanoseconds in all, where it measures that.
    fn program_times(&self) -> Vec<(String, u64, u64)> {
        Vec::new()
    }

    /// What this kernel does not let it tell, each in a sentence.
    fn gaps(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Why a driver cannot be used. Says what to do where something can be done.
#[derive(thiserror::Error, Debug)]
#[error("{what}{}", remedy.as_ref().map(|remedy| format!(" ({remedy})")).unwrap_or_default())]
pub struct DriverError {
    /// What is wrong.
    pub what: String,
    /// What would help.
    pub remedy: Option<String>,
}

impl DriverError {
    /// Something is wrong, and there is nothing to be done about it here.
    pub fn new(what: impl Into<String>) -> Self {
        DriverError { what: what.into(), remedy: None }
    }

    /// Adds what would help.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        DriverError { remedy: Some(remedy.into()), ..self }
    }
}
