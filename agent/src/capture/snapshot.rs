//! What was running before the first event: the tables at the head of a capture, or a scan of /proc. Owned, because the
//! state engine keeps most of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The state of a machine when a capture, or a section of it, begins.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// A new machine state begins: forget all threads, descriptors and users known so far. False for tables that a
    /// capture has after its first events, which only add.
    pub fresh: bool,
    /// More follows of the same state, with `fresh` not set: whose child and whose server is whose is settled with the last
    /// part.
    pub more: bool,
    /// The machine, if the capture says.
    pub machine: Option<MachineInfo>,
    /// Network interfaces, one entry per address.
    pub interfaces: Vec<Interface>,
    /// Users.
    pub users: Vec<UserRecord>,
    /// Groups.
    pub groups: Vec<GroupRecord>,
    /// Threads, in the order of the capture: thread group leaders are not necessarily first.
    pub processes: Vec<ProcessRecord>,
    /// Open descriptors, in the order of the capture.
    pub fds: Vec<FdRecord>,
}

/// The machine that a capture was made on.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MachineInfo {
    /// Number of CPUs.
    pub cpus: u32,
    /// Physical memory in bytes.
    pub memory: u64,
    /// The highest process id.
    pub max_pid: u64,
    /// Host name.
    pub hostname: Vec<u8>,
    /// When it was booted, nanoseconds since the epoch; 0 in old captures.
    pub boot_ts: u64,
    /// `PPM_*` machine flags.
    pub flags: u64,
}

/// An address of a network interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Name, `eth0`.
    pub name: Vec<u8>,
    /// The address.
    pub addr: IpAddr,
    /// Its network mask.
    pub netmask: IpAddr,
    /// Its broadcast address.
    pub broadcast: IpAddr,
    /// Bits per second, 0 if unknown.
    pub speed: u64,
}

/// A user of the host.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct UserRecord {
    /// User id.
    pub uid: u32,
    /// Id of the primary group.
    pub gid: u32,
    /// Login name.
    pub name: Vec<u8>,
    /// Home directory.
    pub home: Vec<u8>,
    /// Login shell.
    pub shell: Vec<u8>,
}

/// A group of the host.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GroupRecord {
    /// Group id.
    pub gid: u32,
    /// Name.
    pub name: Vec<u8>,
}

/// Nanoseconds in which /proc tells when a process began (`USER_HZ` is 100 for all programs).
pub const TICK: u64 = 10_000_000;

/// A thread that existed before the first event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessRecord {
    /// Thread id.
    pub tid: i64,
    /// Thread group id.
    pub pid: i64,
    /// Parent's thread group id.
    pub ptid: i64,
    /// Session id, -1 if the capture has none.
    pub sid: i64,
    /// Process group id in the process's own namespace, -1 if the capture has none.
    pub vpgid: i64,
    /// Process group id, -1 if the capture has none.
    pub pgid: i64,
    /// Thread id in its own namespace, -1 if the capture has none.
    pub vtid: i64,
    /// Process id in its own namespace, -1 if the capture has none.
    pub vpid: i64,
    /// Command name.
    pub comm: Vec<u8>,
    /// `argv[0]`.
    pub exe: Vec<u8>,
    /// Full path of the executable.
    pub exepath: Vec<u8>,
    /// Arguments without `argv[0]`, each closed by a NUL.
    pub args: Vec<u8>,
    /// Environment, each entry closed by a NUL.
    pub env: Vec<u8>,
    /// `subsystem=path` entries, each closed by a NUL.
    pub cgroups: Vec<u8>,
    /// Working directory.
    pub cwd: Vec<u8>,
    /// Root directory.
    pub root: Vec<u8>,
    /// `RLIMIT_NOFILE`.
    pub fdlimit: i64,
    /// `PPM_CL_*` flags.
    pub flags: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Audit user id; `u32::MAX` if unset.
    pub loginuid: u32,
    /// Size of virtual memory, KiB.
    pub vmsize_kb: u32,
    /// Resident memory, KiB.
    pub vmrss_kb: u32,
    /// Swapped memory, KiB.
    pub vmswap_kb: u32,
    /// Major page faults.
    pub pfmajor: u64,
    /// Minor page faults.
    pub pfminor: u64,
    /// When its process began, nanoseconds since boot, as exact as a tick ([`TICK`]); 0 is unknown.
    pub started: u64,
    /// When the init of its pid namespace started, nanoseconds since the epoch.
    pub pidns_init_start_ts: u64,
    /// Controlling terminal, 0 for none.
    pub tty: u32,
    /// The user of the process may write to its executable.
    pub exe_writable: bool,
    /// The executable lives in the upper layer of an overlay.
    pub exe_upper_layer: bool,
    /// The executable lives in the lower layer of an overlay.
    pub exe_lower_layer: bool,
    /// The executable is a memfd.
    pub exe_from_memfd: bool,
    /// Inode of the executable.
    pub exe_ino: u64,
    /// When that inode changed, nanoseconds since the epoch.
    pub exe_ino_ctime: u64,
    /// When its contents changed, nanoseconds since the epoch.
    pub exe_ino_mtime: u64,
    /// Inheritable capabilities.
    pub cap_inheritable: u64,
    /// Permitted capabilities.
    pub cap_permitted: u64,
    /// Effective capabilities.
    pub cap_effective: u64,
}

impl Default for ProcessRecord {
    /// What holds of a process whose capture is too old to say.
    fn default() -> Self {
        ProcessRecord {
            tid: 0,
            pid: 0,
            ptid: 0,
            sid: -1,
            vpgid: -1,
            pgid: -1,
            vtid: -1,
            vpid: -1,
            comm: Vec::new(),
            exe: Vec::new(),
            exepath: Vec::new(),
            args: Vec::new(),
            env: Vec::new(),
            cgroups: Vec::new(),
            cwd: Vec::new(),
            root: Vec::new(),
            fdlimit: 0,
            flags: 0,
            uid: 0,
            gid: 0,
            loginuid: u32::MAX,
            vmsize_kb: 0,
            vmrss_kb: 0,
            vmswap_kb: 0,
            pfmajor: 0,
            pfminor: 0,
            started: 0,
            pidns_init_start_ts: 0,
            tty: 0,
            exe_writable: false,
            exe_upper_layer: false,
            exe_lower_layer: false,
            exe_from_memfd: false,
            exe_ino: 0,
            exe_ino_ctime: 0,
            exe_ino_mtime: 0,
            cap_inheritable: 0,
            cap_permitted: 0,
            cap_effective: 0,
        }
    }
}

/// A descriptor that was open before the first event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FdRecord {
    /// The thread in whose table it is (in practice a thread group leader).
    pub tid: i64,
    /// The descriptor.
    pub fd: i64,
    /// Inode number.
    pub ino: u64,
    /// What it refers to.
    pub info: FdInfo,
}

/// What a descriptor refers to (`SCAP_FD_*`; the number in `.scap` stands beside each).
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum FdInfo {
    /// 0: nothing is known.
    Unknown,
    /// 1: written by old captures only.
    File { name: Vec<u8> },
    /// 2
    Directory { name: Vec<u8> },
    /// 3: a socket with both ends.
    Ipv4Socket { sip: Ipv4Addr, dip: Ipv4Addr, sport: u16, dport: u16, proto: u8 },
    /// 4
    Ipv6Socket { sip: Ipv6Addr, dip: Ipv6Addr, sport: u16, dport: u16, proto: u8 },
    /// 5: a listening or unconnected socket.
    Ipv4Server { ip: Ipv4Addr, port: u16, proto: u8 },
    /// 6
    Ipv6Server { ip: Ipv6Addr, port: u16, proto: u8 },
    /// 7
    Fifo { name: Vec<u8> },
    /// 8: `source` and `peer` are the kernel addresses of the two ends.
    UnixSocket { source: u64, peer: u64, name: Vec<u8> },
    /// 9
    Event { name: Vec<u8> },
    /// 10
    Unsupported { name: Vec<u8> },
    /// 11
    SignalFd { name: Vec<u8> },
    /// 12
    EventPoll { name: Vec<u8> },
    /// 13
    Inotify { name: Vec<u8> },
    /// 14
    TimerFd { name: Vec<u8> },
    /// 15
    Netlink { name: Vec<u8> },
    /// 16: a regular file with `PPM_O_*` flags and the device it is on.
    Regular { name: Vec<u8>, flags: u32, dev: u32 },
    /// 17
    Bpf { name: Vec<u8> },
    /// 18
    UserFaultFd { name: Vec<u8> },
    /// 19
    IoUring { name: Vec<u8> },
    /// 20
    MemFd { name: Vec<u8> },
    /// 21
    PidFd { name: Vec<u8> },
}

impl Snapshot {
    /// An empty state of a machine of which nothing is known yet.
    pub fn new() -> Self {
        Snapshot { fresh: true, ..Snapshot::default() }
    }
}

impl FdInfo {
    /// The number of this kind in `.scap` (`SCAP_FD_*`).
    pub fn kind(&self) -> u8 {
        match self {
            FdInfo::Unknown => 0,
            FdInfo::File { .. } => 1,
            FdInfo::Directory { .. } => 2,
            FdInfo::Ipv4Socket { .. } => 3,
            FdInfo::Ipv6Socket { .. } => 4,
            FdInfo::Ipv4Server { .. } => 5,
            FdInfo::Ipv6Server { .. } => 6,
            FdInfo::Fifo { .. } => 7,
            FdInfo::UnixSocket { .. } => 8,
            FdInfo::Event { .. } => 9,
            FdInfo::Unsupported { .. } => 10,
            FdInfo::SignalFd { .. } => 11,
            FdInfo::EventPoll { .. } => 12,
            FdInfo::Inotify { .. } => 13,
            FdInfo::TimerFd { .. } => 14,
            FdInfo::Netlink { .. } => 15,
            FdInfo::Regular { .. } => 16,
            FdInfo::Bpf { .. } => 17,
            FdInfo::UserFaultFd { .. } => 18,
            FdInfo::IoUring { .. } => 19,
            FdInfo::MemFd { .. } => 20,
            FdInfo::PidFd { .. } => 21,
        }
    }

    /// The name, of the kinds that have one in the capture.
    pub fn name(&self) -> Option<&[u8]> {
        match self {
            FdInfo::File { name }
            | FdInfo::Directory { name }
            | FdInfo::Fifo { name }
            | FdInfo::UnixSocket { name, .. }
            | FdInfo::Event { name }
            | FdInfo::Unsupported { name }
            | FdInfo::SignalFd { name }
            | FdInfo::EventPoll { name }
            | FdInfo::Inotify { name }
            | FdInfo::TimerFd { name }
            | FdInfo::Netlink { name }
            | FdInfo::Regular { name, .. }
            | FdInfo::Bpf { name }
            | FdInfo::UserFaultFd { name }
            | FdInfo::IoUring { name }
            | FdInfo::MemFd { name }
            | FdInfo::PidFd { name } => Some(name),
            FdInfo::Unknown
            | FdInfo::Ipv4Socket { .. }
            | FdInfo::Ipv6Socket { .. }
            | FdInfo::Ipv4Server { .. }
            | FdInfo::Ipv6Server { .. } => None,
        }
    }
}
