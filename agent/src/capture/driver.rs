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

    /// The tracepoints that it has its hooks in, as `category:name`; none if it does not say.
    fn hooked(&self) -> Vec<String> {
        Vec::new()
    }

    /// The system calls and programs whose parameters this kernel does not let it tell, by name.
    fn untold(&self) -> Vec<String> {
        Vec::new()
    }

    /// What the kernel counts for each of its programs that the kernel enters.
    fn programs(&self) -> Vec<ProgramCounts> {
        Vec::new()
    }

    /// What this kernel does not let it tell, each in a sentence.
    fn gaps(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What the kernel counts for a program.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProgramCounts {
    /// The program.
    pub name: &'static str,
    /// How often it should have run and did not, because another was running on the same CPU.
    pub misses: u64,
    /// How often it ran, and for how many nanoseconds in all: 0 unless the kernel measures that.
    pub runs: u64,
    /// See `runs`.
    pub nanoseconds: u64,
}

impl ProgramCounts {
    /// What was lost for it, and how often.
    pub fn loss(&self) -> (String, u64) {
        (format!("ebpf.{}.recursion_misses", self.name), self.misses)
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
