//! Why the eBPF probe cannot be used, and what to do about it.

use std::io;
use std::path::PathBuf;

use super::super::driver::DriverError;

/// Why the eBPF probe cannot be used.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// The agent was built without it.
    #[error("this saker was built without the eBPF driver: {0}")]
    NotBuilt(&'static str),
    /// No permission.
    #[error("the kernel refuses eBPF to this process: {0}")]
    NotPermitted(String),
    /// The kernel has no types.
    #[error(
        "{0}: {1}; the eBPF driver needs a kernel with CONFIG_DEBUG_INFO_BTF (Linux 5.15 or newer of any large \
         distribution has it), or its types in a file that {variable} names", variable = super::btf::VARIABLE
    )]
    NoTypes(PathBuf, #[source] io::Error),
    /// The kernel's types are no types.
    #[error("{0} is no BTF that this version understands")]
    BadTypes(PathBuf),
    /// No tracepoints.
    #[error("cannot reach tracefs ({0}); as root, mount it: mount -t tracefs tracefs /sys/kernel/tracing")]
    NoTracefs(#[source] io::Error),
    /// The number of slots is none that a ring can have.
    #[error(
        "a ring of {0} slots cannot be: a power of two from {min} to {max}",
        min = saker_probe::wire::ring::SLOTS_MIN, max = super::SLOTS_MAX
    )]
    RingSize(u64),
    /// Something that is always there is not in the object.
    #[error("the eBPF object lacks {0}")]
    Object(&'static str),
    /// A map could not be made or used.
    #[error("eBPF map {0}: {1}")]
    Map(&'static str, #[source] aya::maps::MapError),
    /// The object as a whole was refused.
    #[error("loading the eBPF object: {0}")]
    Load(#[source] aya::EbpfError),
    /// A program without which nothing works was refused.
    #[error("the kernel refuses the eBPF program {0}: {1}")]
    Program(&'static str, String),
    /// Memory could not be mapped.
    #[error("mapping the rings: {0}")]
    Mapping(#[source] io::Error),
}

impl From<Error> for DriverError {
    fn from(error: Error) -> Self {
        DriverError::new(error.to_string())
    }
}
