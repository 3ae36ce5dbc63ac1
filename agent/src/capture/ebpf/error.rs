//! Why the eBPF probe cannot be used, and what to do about it.

use std::{fs, io};

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
        "{path}: {0}; the eBPF driver needs a kernel with CONFIG_DEBUG_INFO_BTF (Linux 5.15 or newer of any large \
         distribution has it)", path = super::btf::PATH
    )]
    NoTypes(#[source] io::Error),
    /// The kernel's types are no types.
    #[error("{path} is no BTF that this version understands", path = super::btf::PATH)]
    BadTypes,
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

/// What keeps a process from eBPF, as far as can be seen.
pub(super) fn what_forbids() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    /// `CAP_SYS_ADMIN`, `CAP_PERFMON`, `CAP_BPF`.
    const ADMIN: u64 = 1 << 21;
    const PERFMON: u64 = 1 << 38;
    const BPF: u64 = 1 << 39;
    let capabilities = field("CapEff:").and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0);
    if capabilities & ADMIN == 0 && capabilities & (PERFMON | BPF) != PERFMON | BPF {
        return "run it as root, or give it CAP_BPF and CAP_PERFMON (in a container: --cap-add BPF --cap-add PERFMON, or \
                --privileged)"
            .into();
    }
    let lockdown = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    if lockdown.contains("[confidentiality]") {
        return "kernel lockdown is at `confidentiality`, which forbids reading kernel memory; boot with \
                lockdown=integrity"
            .into();
    }
    if field("Seccomp:").is_some_and(|mode| mode != "0") {
        return "a seccomp filter is in force (a container's default profile forbids bpf()); start it with \
                --security-opt seccomp=unconfined"
            .into();
    }
    "a security module (SELinux, AppArmor) may forbid it; its audit log says more".into()
}
