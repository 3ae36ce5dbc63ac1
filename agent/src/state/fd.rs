//! File descriptors: what each one refers to, and the table of a process.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bitflags::bitflags;
use rustc_hash::FxHashMap;
use saker_probe::wire::record::path;
// Most events ask whether a descriptor or a table has one holder only. Where there are no weak references that is a
// comparison, with them it is a locked instruction.
pub(super) use triomphe::Arc as Shared;

use crate::event::KernelPath;

/// What a descriptor refers to. The numbers are those of `.scap` files and of iterator events (`SCAP_FD_*`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum FdType {
    #[default]
    Unknown = 0,
    File = 1,
    Directory = 2,
    Ipv4Socket = 3,
    Ipv6Socket = 4,
    Ipv4Server = 5,
    Ipv6Server = 6,
    Fifo = 7,
    UnixSocket = 8,
    Event = 9,
    Unsupported = 10,
    Signalfd = 11,
    Eventpoll = 12,
    Inotify = 13,
    Timerfd = 14,
    Netlink = 15,
    FileV2 = 16,
    Bpf = 17,
    Userfaultfd = 18,
    IoUring = 19,
    Memfd = 20,
    Pidfd = 21,
}

impl FdType {
    /// From the number.
    pub fn from_scap(number: u8) -> Option<FdType> {
        use FdType::*;
        const ALL: [FdType; 22] = [
            Unknown,
            File,
            Directory,
            Ipv4Socket,
            Ipv6Socket,
            Ipv4Server,
            Ipv6Server,
            Fifo,
            UnixSocket,
            Event,
            Unsupported,
            Signalfd,
            Eventpoll,
            Inotify,
            Timerfd,
            Netlink,
            FileV2,
            Bpf,
            Userfaultfd,
            IoUring,
            Memfd,
            Pidfd,
        ];
        ALL.get(usize::from(number)).copied()
    }

    /// `fd.type`.
    pub fn name(self) -> &'static str {
        use FdType::*;
        match self {
            File | FileV2 => "file",
            Directory => "directory",
            Ipv4Socket | Ipv4Server => "ipv4",
            Ipv6Socket | Ipv6Server => "ipv6",
            UnixSocket => "unix",
            Fifo => "pipe",
            Event => "event",
            Signalfd => "signalfd",
            Eventpoll => "eventpoll",
            Inotify => "inotify",
            Timerfd => "timerfd",
            Netlink => "netlink",
            Bpf => "bpf",
            Userfaultfd => "userfaultfd",
            IoUring => "io_uring",
            Memfd => "memfd",
            Pidfd => "pidfd",
            Unsupported | Unknown => "<NA>",
        }
    }

    /// `fd.typechar`.
    pub fn char(self) -> char {
        use FdType::*;
        match self {
            File | FileV2 => 'f',
            Ipv4Socket | Ipv4Server => '4',
            Ipv6Socket | Ipv6Server => '6',
            Directory => 'd',
            Fifo => 'p',
            UnixSocket => 'u',
            Event => 'e',
            Unsupported => 'X',
            Signalfd => 's',
            Eventpoll => 'l',
            Inotify => 'i',
            Timerfd => 't',
            Netlink => 'n',
            Bpf => 'b',
            Userfaultfd => 'u',
            IoUring => 'r',
            Memfd => 'm',
            Pidfd => 'P',
            Unknown => 'o',
        }
    }

    /// Whether `fd.directory` and `fd.filename` apply.
    pub fn is_file(self) -> bool {
        matches!(self, FdType::File | FdType::FileV2)
    }

    /// Whether it is a connection with two ends.
    pub fn is_inet_connection(self) -> bool {
        matches!(self, FdType::Ipv4Socket | FdType::Ipv6Socket)
    }

    /// Whether it is an IP socket, connected or listening.
    pub fn is_inet(self) -> bool {
        matches!(self, FdType::Ipv4Socket | FdType::Ipv6Socket | FdType::Ipv4Server | FdType::Ipv6Server)
    }
}

/// Layer-4 protocol of a socket. The numbers are those of `.scap` files (`scap_l4_proto`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum L4Proto {
    #[default]
    Unknown = 0,
    NotApplicable = 1,
    Tcp = 2,
    Udp = 3,
    Icmp = 4,
    Raw = 5,
}

impl L4Proto {
    /// From the number in a `.scap` file.
    pub fn from_scap(number: u8) -> L4Proto {
        match number {
            1 => L4Proto::NotApplicable,
            2 => L4Proto::Tcp,
            3 => L4Proto::Udp,
            4 => L4Proto::Icmp,
            5 => L4Proto::Raw,
            _ => L4Proto::Unknown,
        }
    }

    /// `fd.l4proto`.
    pub fn name(self) -> &'static str {
        match self {
            L4Proto::Tcp => "tcp",
            L4Proto::Udp => "udp",
            L4Proto::Icmp => "icmp",
            L4Proto::Raw => "raw",
            L4Proto::Unknown | L4Proto::NotApplicable => "<NA>",
        }
    }
}

/// One end of a connection: address and port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct End {
    pub ip: IpAddr,
    pub port: u16,
}

impl End {
    /// No address of the fourth version.
    pub const NONE_V4: End = End { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: 0 };
    /// No address of the sixth version.
    pub const NONE_V6: End = End { ip: IpAddr::V6(Ipv6Addr::UNSPECIFIED), port: 0 };
}

/// The ends of an IP socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Inet {
    /// The client's end of a connection; unused for a server socket.
    pub source: End,
    /// The server's end of a connection, or the address that a server socket listens on.
    pub dest: End,
    /// Protocol.
    pub proto: L4Proto,
}

/// What is known of a descriptor beyond its name, if it is no IP socket.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Detail {
    /// Nothing.
    #[default]
    None,
    /// Unix sockets: kernel addresses of both ends.
    #[allow(missing_docs)]
    Unix { source: u64, dest: u64 },
    /// The process that a pidfd refers to.
    Pid(i64),
    /// Where the kernel says that a file is, unless that is just the name; read by [`Fd::real_path`].
    File(Box<RealPath>),
}

bitflags! {
    /// How a descriptor came to be and what it is used as.
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    pub struct FdFlags: u16 {
        /// From the process table, not from an event.
        const FROM_PROC = 1 << 0;
        /// The process is the client.
        const ROLE_CLIENT = 1 << 1;
        /// The process is the server.
        const ROLE_SERVER = 1 << 2;
        /// `fd.connected`.
        const CONNECTED = 1 << 3;
        /// A connection that is being made (`EINPROGRESS`).
        const PENDING = 1 << 4;
        /// A connection that failed.
        const FAILED = 1 << 5;
        /// `fd.is_upper_layer`.
        const OVERLAY_UPPER = 1 << 6;
        /// `fd.is_lower_layer`.
        const OVERLAY_LOWER = 1 << 7;
        /// It is closed when the process runs another program.
        const CLOEXEC = 1 << 8;
        /// The call gave the name just as it is.
        const RAW_IS_NAME = 1 << 9;
        /// The kernel says that the file is where the name says.
        const REAL_IS_NAME = 1 << 10;
    }
}

/// What a descriptor refers to. Shared by all processes that inherited it, copied when one changes it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fd {
    /// Type.
    pub kind: FdType,
    /// Flags.
    pub flags: FdFlags,
    /// `PPM_O_*` that it was opened with.
    pub open_flags: u32,
    /// Device number, as the kernel encodes it; 0 is unknown.
    pub dev: u32,
    /// Mount id; 0 is unknown.
    pub mount_id: u32,
    /// Inode number; 0 is unknown.
    pub ino: u64,
    /// `fd.name`: the path, or both ends of a connection as text.
    pub name: Vec<u8>,
    /// The path as the call gave it, if that is not the name; read by [`Fd::name_raw`].
    pub(super) raw: Vec<u8>,
    /// Ends of a unix socket, and the like.
    pub detail: Detail,
    /// Ends of an IP socket; read by [`Fd::inet`].
    pub(super) ends: Option<Inet>,
}

/// Where the kernel says that a file is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RealPath {
    /// How the walk that made the path ended.
    flags: u32,
    path: Box<[u8]>,
}

impl Fd {
    /// A descriptor of a type, without a name.
    pub fn new(kind: FdType) -> Self {
        Fd { kind, ..Fd::default() }
    }

    /// Makes it as good as new, keeping the memory of its names.
    #[inline]
    fn clear(&mut self) {
        self.name.clear();
        self.raw.clear();
        let (name, raw) = (std::mem::take(&mut self.name), std::mem::take(&mut self.raw));
        *self = Fd { name, raw, ..Fd::default() };
    }

    /// `fd.nameraw`: the path as the call gave it; empty if it never had one.
    pub fn name_raw(&self) -> &[u8] {
        if self.flags.contains(FdFlags::RAW_IS_NAME) { &self.name } else { &self.raw }
    }

    /// Takes in where the kernel says that the file is. Call it when the name is known.
    pub(super) fn set_real_path(&mut self, real: KernelPath<'_>) {
        if real.flags & !path::RACES_UNCHECKED == path::ROOT && real.path == self.name {
            self.flags |= FdFlags::REAL_IS_NAME;
        } else {
            self.detail = Detail::File(Box::new(RealPath { flags: real.flags, path: real.path.into() }));
        }
    }

    /// `saker.fd.realpath`: where the kernel says that the file is, `None` if it said nothing.
    pub fn real_path(&self) -> Option<&[u8]> {
        match &self.detail {
            Detail::File(real) => Some(&real.path),
            _ => self.flags.contains(FdFlags::REAL_IS_NAME).then_some(&self.name),
        }
    }

    /// `saker.fd.path_mismatch`: whether the file is elsewhere than its name says; `None` if that cannot be told.
    pub fn path_mismatch(&self) -> Option<bool> {
        let Detail::File(real) = &self.detail else {
            return self.flags.contains(FdFlags::REAL_IS_NAME).then_some(false);
        };
        if real.flags & (path::FAULT | path::RACED) != 0 {
            return None;
        }
        // Outside of the process's root there is no name by which it could have asked for the file.
        if real.flags & (path::OUTSIDE | path::DETACHED) != 0 {
            return Some(true);
        }
        let name = match &self.name[..] {
            b"/" => &b"/"[..],
            name => name.strip_suffix(b"/").unwrap_or(name),
        };
        let cut = real.flags & (path::CUT_COMPONENTS | path::CUT_BYTES) != 0;
        Some(if cut { !name.ends_with(&real.path) } else { *name != *real.path })
    }

    /// The ends of an IP socket.
    pub fn inet(&self) -> Option<&Inet> {
        self.ends.as_ref().filter(|_| self.kind.is_inet())
    }

    /// Protocol as `fd.l4proto` shows it: not applicable if it is no IP socket, and for a connection (but a raw one) of
    /// which neither end is known to be the client.
    pub fn proto(&self) -> L4Proto {
        match self.inet() {
            None => L4Proto::NotApplicable,
            Some(inet)
                if self.kind.is_inet_connection()
                    && inet.proto != L4Proto::Raw
                    && !self.flags.intersects(FdFlags::ROLE_CLIENT | FdFlags::ROLE_SERVER) =>
            {
                L4Proto::NotApplicable
            }
            Some(inet) => inet.proto,
        }
    }

    /// `fd.dev.major`.
    pub fn dev_major(&self) -> u32 {
        (self.dev & 0xfff00) >> 8
    }

    /// `fd.dev.minor`.
    pub fn dev_minor(&self) -> u32 {
        (self.dev & 0xff) | ((self.dev >> 12) & 0xfff00)
    }

    /// Says whether it is closed by exec.
    pub(super) fn close_on_exec(mut self, yes: bool) -> Self {
        self.flags.set(FdFlags::CLOEXEC, yes);
        self
    }

    /// Whether the process is the server's end.
    pub fn is_server(&self) -> bool {
        self.flags.contains(FdFlags::ROLE_SERVER)
    }

    /// Whether the process is the client's end.
    pub fn is_client(&self) -> bool {
        self.flags.contains(FdFlags::ROLE_CLIENT)
    }
}

/// Descriptors that nobody holds any more, with the memory of their names: most programs open and close all the time.
#[derive(Debug, Default)]
pub(super) struct Spares(Vec<Shared<Fd>>);

impl Spares {
    /// How many are kept.
    const LIMIT: usize = 64;

    /// An empty descriptor that nobody else holds.
    #[inline]
    pub(super) fn take(&mut self) -> Shared<Fd> {
        self.0.pop().unwrap_or_default()
    }

    /// Keeps a descriptor for later, if nobody else holds it.
    #[inline]
    pub(super) fn put(&mut self, mut shared: Shared<Fd>) {
        if self.0.len() < Self::LIMIT
            && let Some(fd) = Shared::get_mut(&mut shared)
        {
            fd.clear();
            self.0.push(shared);
        }
    }
}

/// Numbers below this have a direct place, however few there are.
const ALWAYS_DIRECT: usize = 64;
/// Numbers from this on have none, however many there are.
const NEVER_DIRECT: usize = 4096;

/// A place in a table.
#[derive(Clone, Debug)]
struct Place {
    fd: Shared<Fd>,
    /// Numbers that came into the table later have a greater one.
    seq: u32,
}

/// The descriptors of a process.
///
/// The kernel gives out the lowest free number, so most numbers are good indexes into `low`. One that a program chose far
/// above the others (shells move theirs to 255) lies in `high`, or each fork would copy the empty places between.
#[derive(Clone, Debug, Default)]
pub struct FdTable {
    low: Vec<Option<Place>>,
    /// The numbers that are beyond `low`.
    high: Option<Box<FxHashMap<i64, Place>>>,
    len: usize,
    next_seq: u32,
}

impl FdTable {
    /// The descriptor with a number.
    #[inline]
    pub fn get(&self, fd: i64) -> Option<&Fd> {
        self.get_shared(fd).map(|shared| &**shared)
    }

    /// How many there are: `proc.fdopencount`.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn places(&self) -> impl Iterator<Item = (i64, &Place)> {
        let low = (0i64..).zip(&self.low).filter_map(|(fd, place)| Some((fd, place.as_ref()?)));
        low.chain(self.high.iter().flat_map(|map| map.iter().map(|(&fd, place)| (fd, place))))
    }

    /// All, ascending as far as they have a direct place, the others in no order.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &Fd)> {
        self.places().map(|(fd, place)| (fd, &*place.fd))
    }

    /// All, by when their numbers came into the table: the latest first.
    pub(super) fn latest_first(&self) -> Vec<(i64, &Fd)> {
        let mut places: Vec<_> = self.places().collect();
        places.sort_unstable_by_key(|(_, place)| std::cmp::Reverse(place.seq));
        places.into_iter().map(|(fd, place)| (fd, &*place.fd)).collect()
    }

    /// Makes the latest the first that came.
    pub(super) fn reverse(&mut self) {
        let last = self.next_seq;
        let low = self.low.iter_mut().flatten();
        let high = self.high.iter_mut().flat_map(|map| map.values_mut());
        low.chain(high).for_each(|place| place.seq = last - place.seq);
        self.next_seq = last.saturating_add(1);
    }

    #[inline]
    fn place(&self, fd: i64) -> Option<&Place> {
        match self.low.get(index(fd)) {
            Some(place) => place.as_ref(),
            None => find(self.high.as_deref()?, fd),
        }
    }

    #[inline]
    fn place_mut(&mut self, fd: i64) -> Option<&mut Place> {
        match self.low.get_mut(index(fd)) {
            Some(place) => place.as_mut(),
            None => find_mut(self.high.as_deref_mut()?, fd),
        }
    }

    #[inline]
    pub(super) fn get_shared(&self, fd: i64) -> Option<&Shared<Fd>> {
        Some(&self.place(fd)?.fd)
    }

    /// To change a descriptor; a copy is made if others share it.
    pub(super) fn get_mut(&mut self, fd: i64) -> Option<&mut Fd> {
        Some(Shared::make_mut(&mut self.place_mut(fd)?.fd))
    }

    /// Puts a descriptor in; returns the one that had the number.
    #[inline]
    pub(super) fn insert(&mut self, fd: i64, shared: Shared<Fd>) -> Option<Shared<Fd>> {
        let Some(place) = self.low.get_mut(index(fd)) else { return self.insert_beyond(fd, shared) };
        if let Some(place) = place {
            return Some(std::mem::replace(&mut place.fd, shared));
        }
        *place = Some(Place { fd: shared, seq: self.next_seq });
        self.next_seq += 1;
        self.len += 1;
        None
    }

    /// Puts in a number that is beyond those that have a direct place.
    #[inline(never)]
    fn insert_beyond(&mut self, fd: i64, shared: Shared<Fd>) -> Option<Shared<Fd>> {
        if let Some(place) = self.place_mut(fd) {
            return Some(std::mem::replace(&mut place.fd, shared));
        }
        let place = Place { fd: shared, seq: self.next_seq };
        self.next_seq += 1;
        self.len += 1;
        let (index, end) = (index(fd), self.low.len());
        if index < NEVER_DIRECT && index < ALWAYS_DIRECT.max(2 * end) {
            let high = &mut self.high;
            let passed = (end..index).map(|number| take(high.as_deref_mut()?, number as i64));
            self.low.extend(passed);
            self.low.push(Some(place));
        } else {
            self.high.get_or_insert_default().insert(fd, place);
        }
        None
    }

    /// Takes a descriptor out.
    #[inline]
    pub(super) fn remove(&mut self, fd: i64) -> Option<Shared<Fd>> {
        let old = match self.low.get_mut(index(fd)) {
            Some(place) => place.take(),
            None => take(self.high.as_deref_mut()?, fd),
        };
        self.len -= usize::from(old.is_some());
        Some(old?.fd)
    }

    /// Keeps those for which `keep` is true.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(i64, &Fd) -> bool) {
        for (fd, place) in (0i64..).zip(&mut self.low) {
            if place.as_ref().is_some_and(|place| !keep(fd, &place.fd)) {
                *place = None;
                self.len -= 1;
            }
        }
        if let Some(map) = &mut self.high {
            let before = map.len();
            map.retain(|&fd, place| keep(fd, &place.fd));
            self.len -= before - map.len();
        }
    }
}

/// Where a number would have its direct place; a negative one is beyond all.
#[inline]
fn index(fd: i64) -> usize {
    usize::try_from(fd as u64).unwrap_or(usize::MAX)
}

// Few tables have a map. Kept apart, its code does not weigh on the way that nearly all numbers take.

#[cold]
fn find(map: &FxHashMap<i64, Place>, fd: i64) -> Option<&Place> {
    map.get(&fd)
}

#[cold]
fn find_mut(map: &mut FxHashMap<i64, Place>, fd: i64) -> Option<&mut Place> {
    map.get_mut(&fd)
}

#[cold]
fn take(map: &mut FxHashMap<i64, Place>, fd: i64) -> Option<Place> {
    map.remove(&fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_keeps_count() {
        let mut table = FdTable::default();
        for fd in [0, 3, 5000, 3, -1] {
            table.insert(fd, Shared::new(Fd::new(FdType::Fifo)));
        }
        assert_eq!(
            table.iter().map(|(fd, _)| fd).filter(|fd| (0..64).contains(fd)).collect::<Vec<_>>(),
            [0, 3]
        );
        assert_eq!(table.len(), 4);
        assert!(table.get(5000).is_some() && table.get(1).is_none());
        assert!(table.remove(5000).is_some() && table.remove(5000).is_none() && table.remove(1).is_none());
        table.retain(|fd, _| fd == 3);
        assert_eq!(table.len(), 1);
    }

    /// Against a plain map: no number may be lost or doubled when the direct places grow past it.
    #[test]
    fn numbers_are_kept_wherever_they_have_their_place() {
        let mut table = FdTable::default();
        let mut model = std::collections::BTreeMap::new();
        let mut seed = 1u64;
        for step in 0..60_000u64 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let random = seed >> 33;
            let fd = match random % 7 {
                0 => [255, 1000, 4095, 4096, 70_000, -1][(random >> 8) as usize % 6],
                _ => ((random >> 8) % (1 + step / 10)) as i64,
            };
            match random >> 3 & 3 {
                0 => assert_eq!(table.remove(fd).map(|fd| fd.ino), model.remove(&fd)),
                1 => assert_eq!(table.get(fd).map(|fd| fd.ino), model.get(&fd).copied()),
                _ => {
                    let new = Shared::new(Fd { ino: step, ..Fd::new(FdType::Fifo) });
                    assert_eq!(table.insert(fd, new).map(|fd| fd.ino), model.insert(fd, step));
                }
            }
            assert_eq!(table.len(), model.len());
        }
        let mut all: Vec<_> = table.iter().map(|(number, fd)| (number, fd.ino)).collect();
        all.sort_unstable();
        assert_eq!(all, model.into_iter().collect::<Vec<_>>());
        table.retain(|number, _| number % 2 == 0);
        assert_eq!(table.len(), all.iter().filter(|(number, _)| number % 2 == 0).count());
    }

    #[test]
    fn a_number_far_above_the_others_costs_no_empty_places() {
        let mut table = FdTable::default();
        for fd in [0, 1, 2, 255, 10] {
            table.insert(fd, Shared::new(Fd::new(FdType::Fifo)));
        }
        assert!(table.low.len() == 11 && table.get(255).is_some());
        (3..300).for_each(|fd| drop(table.insert(fd, Shared::new(Fd::new(FdType::Fifo)))));
        assert_eq!(table.len(), 300);
        assert!(table.get(255).is_some() && table.get(299).is_some() && table.get(300).is_none());
        assert!(table.high.unwrap().is_empty());
    }

    #[test]
    fn a_shared_descriptor_is_copied_when_changed() {
        let mut table = FdTable::default();
        let shared = Shared::new(Fd::new(FdType::Fifo));
        table.insert(1, Shared::clone(&shared));
        table.get_mut(1).unwrap().ino = 7;
        assert_eq!((shared.ino, table.get(1).unwrap().ino), (0, 7));
    }
}
