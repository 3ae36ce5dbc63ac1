//! What there was before the first event: fills the state from the tables of a capture.

use std::hash::BuildHasher as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::State;
use super::fd::{Detail, End, Fd, FdFlags, FdType, Inet, L4Proto, Shared};
use super::parse::process::existing;
use super::sock::{Address, unmapped, write_connection};
use super::thread::{Bytes, Capabilities, Image, Name, Slot, Thread, ThreadFlags};
use super::users::{Group, User};
use crate::capture::{FdInfo, FdRecord, Interface, ProcessRecord, Snapshot};

/// The machine's addresses: they complete connections of which one end is not bound to an address.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    v4: Vec<(Ipv4Addr, Ipv4Addr)>,
    v6: Vec<Ipv6Addr>,
}

impl Interfaces {
    fn new(interfaces: &[Interface]) -> Self {
        let mut result = Interfaces::default();
        for interface in interfaces {
            match (interface.addr, interface.netmask) {
                (IpAddr::V4(addr), IpAddr::V4(mask)) => result.v4.push((addr, mask)),
                (IpAddr::V6(addr), _) => result.v6.push(addr),
                _ => {}
            }
        }
        result
    }

    /// The address by which this machine talks with another one: that address itself, else one of the same subnet, else
    /// the first that is no loopback, else none.
    fn address_for(&self, other: IpAddr) -> IpAddr {
        match other {
            IpAddr::V4(other) => {
                let bits = other.to_bits();
                let same = self.v4.iter().find(|(addr, _)| *addr == other);
                let near =
                    || self.v4.iter().find(|(addr, mask)| (addr.to_bits() ^ bits) & mask.to_bits() == 0);
                let first = || self.v4.iter().find(|(addr, _)| !addr.is_loopback());
                let found = same.or_else(near).or_else(first);
                found.map_or(Ipv4Addr::UNSPECIFIED, |(addr, _)| *addr).into()
            }
            IpAddr::V6(other) => {
                let net = other.to_bits() >> 64;
                let same = self.v6.iter().find(|addr| **addr == other);
                let near = || self.v6.iter().find(|addr| addr.to_bits() >> 64 == net);
                let first = || self.v6.iter().find(|addr| !addr.is_loopback());
                same.or_else(near).or_else(first).copied().unwrap_or(Ipv6Addr::UNSPECIFIED).into()
            }
        }
    }

    /// Whether an address is one of this machine's. Of IPv6 addresses the network part decides.
    pub(super) fn is_local(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => self.v4.iter().any(|(addr, _)| *addr == ip),
            IpAddr::V6(ip) => self.v6.iter().any(|addr| addr.to_bits() >> 64 == ip.to_bits() >> 64),
        }
    }

    /// Gives a connection the address that it lacks.
    pub(super) fn complete(&self, inet: &mut Inet) {
        let (missing, other) = match (inet.source.ip.is_unspecified(), inet.dest.ip.is_unspecified()) {
            (true, _) => (&mut inet.source, inet.dest),
            (false, true) => (&mut inet.dest, inet.source),
            (false, false) => return,
        };
        let address = self.address_for(other.ip);
        if address != other.ip || missing.port != other.port {
            missing.ip = address;
        }
    }
}

impl Fd {
    /// Gives a descriptor of the process table its name, state and role.
    pub(super) fn settle_from_proc(&mut self, interfaces: &Interfaces) {
        if let (true, Some(inet)) = (self.kind.is_inet(), self.ends.as_mut()) {
            let mut name = Vec::new();
            if self.kind.is_inet_connection() {
                if let Some((source, dest)) = unmapped(inet.source, inet.dest) {
                    (inet.source, inet.dest) = (source, dest);
                    self.kind = FdType::Ipv4Socket;
                }
                if self.kind == FdType::Ipv4Socket {
                    interfaces.complete(inet);
                }
                if inet.proto == L4Proto::Tcp {
                    self.flags |= FdFlags::CONNECTED;
                }
                write_tuple(&mut name, inet);
            } else {
                Address::Inet(inet.dest).write(&mut name);
            }
            self.name = name;
        } else if self.kind == FdType::UnixSocket {
            self.flags |= if self.name.is_empty() { FdFlags::ROLE_CLIENT } else { FdFlags::ROLE_SERVER };
        }
    }
}

/// Both ends with their ports, whatever the protocol.
fn write_tuple(out: &mut Vec<u8>, inet: &Inet) {
    write_connection(out, &Inet { proto: L4Proto::Tcp, ..*inet });
}

/// So many different descriptors are remembered to find those that are the same.
const SHARED_FDS: usize = 65_536;

/// Tables that are being taken in, until the last part of them is there.
#[derive(Debug, Default)]
pub(super) struct Loading {
    added: Vec<Slot>,
    /// Ports that are listened on.
    servers: FxHashSet<u16>,
    /// What many processes have alike (an environment, cgroups) is kept once.
    bytes: FxHashSet<Bytes>,
    images: FxHashSet<Arc<Image>>,
    /// By a hash of what they refer to.
    fds: FxHashMap<u64, Shared<Fd>>,
    /// Which container cgroups are of. Finding that out costs more than all the rest of a thread.
    containers: FxHashMap<Bytes, Option<u32>>,
}

impl Loading {
    fn bytes(&mut self, value: &[u8]) -> Bytes {
        if let Some(shared) = self.bytes.get(value) {
            return Bytes::clone(shared);
        }
        let shared = Bytes::from(value);
        self.bytes.insert(Bytes::clone(&shared));
        shared
    }

    /// Processes have files and pipes open that others have open, too.
    fn fd(&mut self, fd: Fd) -> Shared<Fd> {
        let hash = FxBuildHasher.hash_one((fd.ino, fd.dev, &fd.name));
        if let Some(shared) = self.fds.get(&hash)
            && **shared == fd
        {
            return Shared::clone(shared);
        }
        let shared = Shared::new(fd);
        if self.fds.len() < SHARED_FDS {
            self.fds.insert(hash, Shared::clone(&shared));
        }
        shared
    }

    fn image(&mut self, image: Image) -> Arc<Image> {
        if let Some(shared) = self.images.get(&image) {
            return Arc::clone(shared);
        }
        let shared = Arc::new(image);
        self.images.insert(Arc::clone(&shared));
        shared
    }
}

impl State {
    /// Takes in what was running before the first event, or what later tables of a capture add.
    pub fn load(&mut self, snapshot: &Snapshot) {
        self.load_part(snapshot, |_| true);
    }

    /// As [`State::load`], but of the descriptors only those of which `owns` says so, by their place in the snapshot. Another
    /// state follows the others.
    pub fn load_part(&mut self, snapshot: &Snapshot, owns: impl Fn(usize) -> bool) {
        if snapshot.fresh {
            let limits = self.limits;
            let counters = self.counters;
            *self = State { counters, clock: self.clock, ..State::new(limits) };
        }
        if let Some(machine) = &snapshot.machine {
            self.machine = machine.clone();
        }
        if !snapshot.interfaces.is_empty() {
            self.interfaces = Interfaces::new(&snapshot.interfaces);
        }
        for user in &snapshot.users {
            let user = User {
                uid: user.uid,
                gid: user.gid,
                name: user.name[..].into(),
                home: user.home[..].into(),
                shell: user.shell[..].into(),
            };
            if !self.users.add_user(b"", user) {
                self.counters.users_refused += 1;
            }
        }
        for group in &snapshot.groups {
            if !self.users.add_group(b"", Group { gid: group.gid, name: group.name[..].into() }) {
                self.counters.users_refused += 1;
            }
        }
        // A child may come before its parent: nobody gets a group or a parent before all are in.
        let mut loading = std::mem::take(&mut self.loading);
        for process in &snapshot.processes {
            let thread = thread_from(process, &mut loading);
            if let Some(slot) = self.add_loose_thread(thread, &mut loading) {
                loading.added.push(slot);
                if process.tid == process.pid {
                    self.set_cwd(slot, &process.cwd);
                    if let Some(thread) = self.table.get_mut(slot) {
                        thread.cwd = loading.bytes(&thread.cwd);
                    }
                }
            }
        }
        self.load_fds(&snapshot.fds, owns, &mut loading);
        if snapshot.more {
            self.loading = loading;
            return;
        }
        for container in loading.containers.into_values().flatten() {
            self.containers.release(container);
        }
        for &slot in &loading.added {
            self.enter_lineage(slot);
        }
        let owners: FxHashSet<Slot> = loading.added.into_iter().collect();
        for slot in owners {
            self.settle_directions(slot, &loading.servers);
        }
        self.touch_all();
    }

    /// Enters a thread without giving it a group and a parent yet.
    fn add_loose_thread(&mut self, mut thread: Box<Thread>, loading: &mut Loading) -> Option<Slot> {
        if let Some(old) = self.table.find(thread.tid) {
            self.evict(old);
        }
        if self.table.len() >= self.limits.threads {
            self.counters.threads_refused += 1;
            return None;
        }
        self.counters.threads_added += 1;
        thread.container = match loading.containers.get(&thread.cgroups) {
            Some(known) => *known,
            None => {
                // This reference is that of the table, so that the index stays what it is.
                let found = self.container_of(&thread);
                loading.containers.insert(Bytes::clone(&thread.cgroups), found);
                found
            }
        };
        if let Some(container) = thread.container {
            self.containers.retain(container);
        }
        Some(self.table.insert(thread))
    }

    /// Enters descriptors, and notes the ports that are listened on.
    fn load_fds(&mut self, fds: &[FdRecord], owns: impl Fn(usize) -> bool, loading: &mut Loading) {
        for (place, record) in fds.iter().enumerate() {
            let Some(slot) = self.table.find(record.tid) else { continue };
            if let FdInfo::Ipv4Server { port, .. } | FdInfo::Ipv6Server { port, .. } = record.info {
                loading.servers.insert(port);
            }
            if !owns(place) {
                continue;
            }
            let mut fd = fd_from(&record.info);
            fd.ino = record.ino;
            fd.flags |= FdFlags::FROM_PROC;
            // The kernel itself named it.
            fd.flags.set(FdFlags::REAL_IS_NAME, fd.kind.is_file() || fd.kind == FdType::Directory);
            fd.settle_from_proc(&self.interfaces);
            self.put_own_fd(slot, record.fd, loading.fd(fd));
        }
    }

    /// Enters a descriptor into the very table of a thread.
    fn put_own_fd(&mut self, slot: Slot, number: i64, fd: Shared<Fd>) {
        if self.table.fd_owner(slot) == Some(slot) {
            self.put_fd(slot, number, fd);
        }
    }

    /// Connections of the process table stand the wrong way round if this end is the one that is listened on.
    fn settle_directions(&mut self, slot: Slot, servers: &FxHashSet<u16>) {
        let Some(thread) = self.table.get(slot) else { return };
        let connections: Vec<i64> = thread
            .fds
            .iter()
            .filter(|(_, fd)| fd.kind == FdType::Ipv4Socket)
            .map(|(number, _)| number)
            .collect();
        for number in connections {
            let Some(fd) = self.fds_mut(slot).and_then(|fds| fds.get_mut(number)) else { continue };
            if fd.inet().is_some_and(|inet| servers.contains(&inet.source.port)) {
                fd.swap_ends();
                let mut name = Vec::new();
                write_tuple(&mut name, fd.inet_or_new());
                fd.set_name(&name);
                fd.flags |= FdFlags::ROLE_SERVER;
            } else {
                fd.flags |= FdFlags::ROLE_CLIENT;
            }
        }
    }
}

/// A thread as the tables tell of it.
fn thread_from(record: &ProcessRecord, loading: &mut Loading) -> Box<Thread> {
    let mut thread = Box::new(Thread::new(record.tid));
    thread.pid = record.pid;
    thread.ptid = record.ptid;
    thread.sid = record.sid;
    thread.vpgid = record.vpgid;
    thread.pgid = record.pgid;
    thread.vtid = record.vtid;
    thread.vpid = record.vpid;
    thread.comm = Name::from_slice(&record.comm);
    let image = Image {
        exe: loading.bytes(&record.exe),
        exepath: loading.bytes(existing(&record.exepath)),
        exepath_is_real: !record.exepath.is_empty(),
        args_raw: loading.bytes(&record.args),
        writable: record.exe_writable,
        upper_layer: record.exe_upper_layer,
        lower_layer: record.exe_lower_layer,
        from_memfd: record.exe_from_memfd,
        ino: record.exe_ino,
        ctime: record.exe_ino_ctime,
        mtime: record.exe_ino_mtime,
    };
    thread.image = loading.image(image);
    if thread.is_main() {
        thread.env = loading.bytes(&record.env);
    }
    if thread.set_cgroups(&record.cgroups) {
        thread.cgroups = loading.bytes(&record.cgroups);
    }
    thread.root = loading.bytes(&record.root);
    thread.fd_limit = record.fdlimit;
    thread.flags |= ThreadFlags::from_bits_retain(record.flags) | ThreadFlags::ACTIVE;
    thread.uid = record.uid;
    thread.gid = record.gid;
    thread.loginuid = record.loginuid;
    thread.vm_size = record.vmsize_kb;
    thread.vm_rss = record.vmrss_kb;
    thread.vm_swap = record.vmswap_kb;
    thread.pf_major = record.pfmajor;
    thread.pf_minor = record.pfminor;
    thread.started = record.started;
    thread.pidns_init_start_ts = record.pidns_init_start_ts;
    thread.tty = record.tty;
    thread.caps = Capabilities {
        permitted: record.cap_permitted,
        effective: record.cap_effective,
        inheritable: record.cap_inheritable,
    };
    thread
}

/// A descriptor as the process table tells of it.
fn fd_from(info: &FdInfo) -> Fd {
    let named = |kind, name: &Vec<u8>| Fd { name: name.clone(), ..Fd::new(kind) };
    let socket = |kind, source: Option<(IpAddr, u16)>, dest: (IpAddr, u16), proto| {
        let dest = End { ip: dest.0, port: dest.1 };
        let none = if dest.ip.is_ipv4() { End::NONE_V4 } else { End::NONE_V6 };
        let source = source.map_or(none, |(ip, port)| End { ip, port });
        Fd { ends: Some(Inet { source, dest, proto: L4Proto::from_scap(proto) }), ..Fd::new(kind) }
    };
    match info {
        FdInfo::Unknown => Fd::default(),
        FdInfo::File { name } => named(FdType::File, name),
        FdInfo::Directory { name } => named(FdType::Directory, name),
        FdInfo::Ipv4Socket { sip, dip, sport, dport, proto } => {
            socket(FdType::Ipv4Socket, Some(((*sip).into(), *sport)), ((*dip).into(), *dport), *proto)
        }
        FdInfo::Ipv6Socket { sip, dip, sport, dport, proto } => {
            socket(FdType::Ipv6Socket, Some(((*sip).into(), *sport)), ((*dip).into(), *dport), *proto)
        }
        FdInfo::Ipv4Server { ip, port, proto } => {
            socket(FdType::Ipv4Server, None, ((*ip).into(), *port), *proto)
        }
        FdInfo::Ipv6Server { ip, port, proto } => {
            socket(FdType::Ipv6Server, None, ((*ip).into(), *port), *proto)
        }
        FdInfo::Fifo { name } => named(FdType::Fifo, name),
        FdInfo::UnixSocket { source, peer, name } => {
            Fd { detail: Detail::Unix { source: *source, dest: *peer }, ..named(FdType::UnixSocket, name) }
        }
        FdInfo::Event { name } => named(FdType::Event, name),
        FdInfo::Unsupported { name } => named(FdType::Unsupported, name),
        FdInfo::SignalFd { name } => named(FdType::Signalfd, name),
        FdInfo::EventPoll { name } => named(FdType::Eventpoll, name),
        FdInfo::Inotify { name } => named(FdType::Inotify, name),
        FdInfo::TimerFd { name } => named(FdType::Timerfd, name),
        FdInfo::Netlink { name } => named(FdType::Netlink, name),
        FdInfo::Regular { name, flags, dev } => {
            Fd { open_flags: *flags, dev: *dev, ..named(FdType::FileV2, name) }
        }
        FdInfo::Bpf { name } => named(FdType::Bpf, name),
        FdInfo::UserFaultFd { name } => named(FdType::Userfaultfd, name),
        FdInfo::IoUring { name } => named(FdType::IoUring, name),
        FdInfo::MemFd { name } => named(FdType::Memfd, name),
        FdInfo::PidFd { name } => named(FdType::Pidfd, name),
    }
}
