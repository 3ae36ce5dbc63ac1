//! What our own sensor knows of an event beyond Falco's schema. Captures know none of it.

/// Facts from the header and the extras of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Facts<'e> {
    /// Thread group id.
    pub tgid: u32,
    /// When the thread group began, nanoseconds since boot: with `tgid` it names a process for good.
    pub start_time: u64,
    /// Id of the cgroup.
    pub cgroup: u64,
    /// The cgroup is of a container that is being looked up.
    pub awaited: bool,
    /// An io_uring operation, told as the call that it stands for.
    pub io_uring: bool,
    /// The file that the call opened or executed.
    pub file: Option<KernelPath<'e>>,
    /// The directory that the call's first path is relative to, if it came as a descriptor.
    pub directory: Option<KernelPath<'e>>,
    /// The directory that the call's second path is relative to, if it came as a descriptor.
    pub second_directory: Option<KernelPath<'e>>,
    /// The working directory, if the call's path is relative to it.
    pub working_directory: Option<KernelPath<'e>>,
    /// Who made the call.
    pub credentials: Option<Credentials>,
}

/// A path from kernel objects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KernelPath<'e> {
    /// How the walk that made it ended: bits of `saker_probe::wire::record::path`.
    pub flags: u32,
    /// The path, without a closing NUL.
    pub path: &'e [u8],
}

/// User and group ids at the time of the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct Credentials {
    pub uid: u32,
    pub gid: u32,
    pub euid: u32,
    pub egid: u32,
    pub suid: u32,
    pub sgid: u32,
    pub fsuid: u32,
    pub fsgid: u32,
}
