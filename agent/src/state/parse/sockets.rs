//! Calls that make sockets, give them their ends and move data through them.

use super::Call;
use crate::event::id;
use crate::state::State;
use crate::state::fd::{Detail, End, Fd, FdFlags, FdType, Inet, L4Proto, Shared};
use crate::state::sock::{
    AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, Address, Tuple, mapped_v4, unmapped, write_connection, write_unix,
};
use crate::state::thread::Slot;

/// `-EINPROGRESS`.
const EINPROGRESS: i64 = -115;
const SOCK_STREAM: u32 = 1;
const SOCK_DGRAM: u32 = 2;
const SOCK_RAW: u32 = 3;
/// Both in the kind of a socket and in the flags of accept4.
const SOCK_CLOEXEC: u32 = 0o2000000;
const IPPROTO_IP: u32 = 0;
const IPPROTO_ICMP: u32 = 1;
const IPPROTO_TCP: u32 = 6;
const IPPROTO_UDP: u32 = 17;
const IPPROTO_RAW: u32 = 255;

const ROLES: FdFlags = FdFlags::ROLE_CLIENT.union(FdFlags::ROLE_SERVER);

fn protocol(kind: u32, protocol: u32) -> L4Proto {
    match (protocol, kind & 0xff) {
        (IPPROTO_TCP | IPPROTO_UDP | IPPROTO_ICMP, SOCK_RAW) => L4Proto::Raw,
        (IPPROTO_TCP, _) | (IPPROTO_IP, SOCK_STREAM) => L4Proto::Tcp,
        (IPPROTO_UDP, _) | (IPPROTO_IP, SOCK_DGRAM) => L4Proto::Udp,
        (IPPROTO_ICMP, _) => L4Proto::Icmp,
        (IPPROTO_RAW, _) => L4Proto::Raw,
        _ => L4Proto::Unknown,
    }
}

/// Makes a descriptor a new socket: `domain`, `kind` and `proto` as socket(2) takes them.
fn make_socket(fd: &mut Fd, domain: u32, kind: u32, proto: u32) {
    fd.kind = match domain {
        AF_UNIX => FdType::UnixSocket,
        AF_INET => FdType::Ipv4Socket,
        AF_INET6 => FdType::Ipv6Socket,
        AF_NETLINK => FdType::Netlink,
        _ => FdType::Unknown,
    };
    match fd.kind {
        FdType::UnixSocket => fd.detail = Detail::Unix { source: 0, dest: 0 },
        FdType::Ipv4Socket | FdType::Ipv6Socket => fd.inet_or_new().proto = protocol(kind, proto),
        _ => {}
    }
    fd.flags.set(FdFlags::CLOEXEC, kind & SOCK_CLOEXEC != 0);
}

impl Fd {
    fn set_connected(&mut self) {
        self.flags.remove(FdFlags::PENDING | FdFlags::FAILED);
        self.flags.insert(FdFlags::CONNECTED);
    }

    fn has_role(&self) -> bool {
        self.flags.intersects(ROLES)
    }

    fn is_v4(&self, proto: L4Proto) -> bool {
        self.kind == FdType::Ipv4Socket && self.inet().is_some_and(|inet| inet.proto == proto)
    }
}

impl State {
    /// Puts a changed copy of the call's descriptor in its place.
    fn replace_fd(&mut self, call: &mut Call<'_, '_>, fd: Fd) {
        if self.call_fd(call).is_some_and(|old| old.name != fd.name) {
            call.name_changed = true;
        }
        if let Some(fds) = call.owner.and_then(|owner| self.own_fds_mut(owner)) {
            fds.insert(call.fd, Shared::new(fd));
        }
    }

    pub(super) fn socket(&mut self, call: &mut Call<'_, '_>) {
        if call.failed() {
            return;
        }
        let part = |at| call.u32(at).unwrap_or(0);
        let (domain, kind, proto) = (part(1), part(2), part(3));
        self.new_fd(call, call.ret(), |fd| make_socket(fd, domain, kind, proto));
    }

    pub(super) fn socketpair(&mut self, call: &mut Call<'_, '_>) {
        let (Some(first), Some(second), false) = (call.i64(1), call.i64(2), call.failed()) else { return };
        if first == second {
            return;
        }
        let ends = Detail::Unix { source: call.u64(3).unwrap_or(0), dest: call.u64(4).unwrap_or(0) };
        let fd = Fd { detail: ends, ..Fd::new(FdType::UnixSocket) };
        let fd = Shared::new(fd.close_on_exec(call.u32(6).unwrap_or(0) & SOCK_CLOEXEC != 0));
        self.add_fd(call, first, Shared::clone(&fd));
        self.add_fd(call, second, fd);
    }

    pub(super) fn bind(&mut self, call: &mut Call<'_, '_>) {
        let (false, Some(address)) = (call.failed(), call.bytes(1).and_then(Address::parse)) else { return };
        let mut name = std::mem::take(&mut self.name_buffer);
        name.clear();
        address.write(&mut name);
        if let Some(fd) = self.fd_mut(call) {
            if let Address::Inet(end) = address
                && end.port > 0
            {
                let ip = mapped_v4(end.ip).map_or(end.ip, Into::into);
                fd.kind = if ip.is_ipv4() { FdType::Ipv4Server } else { FdType::Ipv6Server };
                fd.inet_or_new().dest = End { ip, port: end.port };
                fd.flags |= FdFlags::ROLE_SERVER;
            }
            call.name_changed = fd.set_name(&name);
        }
        self.name_buffer = name;
    }

    pub(super) fn connect(&mut self, call: &mut Call<'_, '_>) {
        let entry = call.entry.take();
        if call.failed() && call.ret() != EINPROGRESS {
            return;
        }
        let mut name = std::mem::take(&mut self.name_buffer);
        name.clear();
        if let Some(fd) = self.fd_mut(call) {
            fd.set_connected();
            let asked = entry.as_ref().and_then(|entry| entry.param(1)).and_then(Address::parse);
            call.name_changed = match (call.bytes(1).and_then(Tuple::parse), asked) {
                (Some(tuple), asked) => {
                    // The kernel's own view wins over what the program passed, and what it passed at first over
                    // what it may have written there while the call ran.
                    let passed = call.bytes(3).and_then(Address::parse);
                    connect_ends(fd, tuple, passed, asked, &mut name)
                }
                (None, Some(Address::Inet(end))) => {
                    let ip = mapped_v4(end.ip).map_or(end.ip, Into::into);
                    fd.kind = if ip.is_ipv4() { FdType::Ipv4Socket } else { FdType::Ipv6Socket };
                    fd.inet_or_new().dest = End { ip, port: end.port };
                    false
                }
                (None, Some(_)) => fd.set_name(b"NULL"),
                (None, None) => false,
            };
        }
        self.name_buffer = name;
    }

    pub(super) fn accept(&mut self, call: &mut Call<'_, '_>) {
        if call.failed() || call.thread.is_none() {
            return;
        }
        let number = call.ret();
        call.fd = number;
        let Some(tuple) = call.bytes(1).and_then(Tuple::parse) else { return };
        if matches!(tuple, Tuple::Other(_)) {
            return;
        }
        let flags = if call.event.id == id::SOCKET_ACCEPT4_6_X { call.u32(5).unwrap_or(0) } else { 0 };
        self.new_fd(call, number, |fd| {
            match tuple {
                Tuple::Inet { source, dest } => {
                    fd.kind = if source.ip.is_ipv4() { FdType::Ipv4Socket } else { FdType::Ipv6Socket };
                    fd.set_ends(source, dest);
                    fd.inet_or_new().proto = L4Proto::Tcp;
                }
                Tuple::Unix { source, dest, .. } => {
                    fd.kind = FdType::UnixSocket;
                    fd.detail = Detail::Unix { source, dest };
                }
                Tuple::Other(_) => {}
            }
            tuple.write(&mut fd.name);
            fd.flags |= FdFlags::ROLE_SERVER | FdFlags::CONNECTED;
            fd.flags.set(FdFlags::CLOEXEC, flags & SOCK_CLOEXEC != 0);
        });
    }

    pub(super) fn received(&mut self, call: &mut Call<'_, '_>) {
        let tuple_at = match call.event.id {
            id::SOCKET_RECVFROM_X => Some(2),
            id::SOCKET_RECVMSG_X => Some(3),
            id::SOCKET_RECVMMSG_X | id::SOCKET_RECV_X => Some(4),
            _ => None,
        };
        self.transferred(call, tuple_at, true);
    }

    pub(super) fn sent(&mut self, call: &mut Call<'_, '_>) {
        let tuple_at = match call.event.id {
            id::SOCKET_SEND_X | id::SOCKET_SENDTO_X | id::SOCKET_SENDMSG_X => {
                self.infer_socket(call);
                Some(4)
            }
            id::SOCKET_SENDMMSG_X => Some(4),
            _ => None,
        };
        self.transferred(call, tuple_at, false);
    }

    /// A send through a descriptor that nobody saw being made: it must be a socket, of datagrams most likely.
    fn infer_socket(&mut self, call: &mut Call<'_, '_>) {
        if call.known || call.failed() || call.thread.is_none() {
            return;
        }
        let (Some(number), Some(&family)) = (call.i64(2), call.bytes(4).and_then(<[u8]>::first)) else {
            return;
        };
        if matches!(u32::from(family), AF_INET | AF_INET6) {
            self.new_fd(call, number, |fd| make_socket(fd, u32::from(family), SOCK_DGRAM, IPPROTO_UDP));
        }
    }

    /// Data went through a descriptor. Events of datagram sockets tell both ends.
    fn transferred(&mut self, call: &mut Call<'_, '_>, tuple_at: Option<usize>, incoming: bool) {
        if call.failed() {
            return;
        }
        let Some(fd) = self.call_fd(call) else { return };
        let connects = fd.kind.is_inet_connection()
            && (fd.flags & (FdFlags::CONNECTED | FdFlags::PENDING | FdFlags::FAILED)) != FdFlags::CONNECTED;
        let learns = fd.name.is_empty() || !fd.is_v4(L4Proto::Tcp);
        if connects && let Some(fd) = self.fd_mut(call) {
            fd.set_connected();
        }
        if learns && let Some(tuple) = tuple_at.and_then(|at| call.bytes(at)).and_then(Tuple::parse) {
            self.learn_ends(call, tuple, incoming);
        }
    }

    fn learn_ends(&mut self, call: &mut Call<'_, '_>, tuple: Tuple<'_>, incoming: bool) {
        let mut name = std::mem::take(&mut self.name_buffer);
        name.clear();
        if let Some(fd) = self.with_ends(call, tuple, incoming, &mut name) {
            self.replace_fd(call, fd);
        }
        self.name_buffer = name;
    }

    /// The call's descriptor with the ends of a tuple, `None` if it has them already. `name` is room for its name.
    fn with_ends(
        &self,
        call: &Call<'_, '_>,
        tuple: Tuple<'_>,
        incoming: bool,
        name: &mut Vec<u8>,
    ) -> Option<Fd> {
        let (slot, old) = (call.thread?, self.call_fd(call)?);
        let mut fd;
        match tuple {
            Tuple::Inet { source, dest } => {
                let (s, d) = unmapped(source, dest).unwrap_or((source, dest));
                let kind = if s.ip.is_ipv4() { FdType::Ipv4Socket } else { FdType::Ipv6Socket };
                let same =
                    |inet: &Inet| (inet.source, inet.dest) == (s, d) || (inet.source, inet.dest) == (d, s);
                if old.kind == kind && old.inet().is_some_and(same) {
                    return None;
                }
                fd = old.clone();
                fd.set_ends(s, d);
                let inet = fd.inet_or_new();
                if inet.proto == L4Proto::Unknown {
                    inet.proto = L4Proto::Udp;
                }
                self.interfaces.complete(inet);
                if !fd.has_role() {
                    fd.flags |= self.guess_role(slot, call.fd, &fd, incoming);
                }
                let swapped = if incoming { FdFlags::ROLE_CLIENT } else { FdFlags::ROLE_SERVER };
                if fd.flags.contains(swapped) {
                    fd.swap_ends();
                }
                write_connection(name, fd.inet_or_new());
            }
            Tuple::Unix { source, dest, .. } => {
                tuple.write(name);
                let detail = Detail::Unix { source, dest };
                if old.kind == FdType::UnixSocket && old.detail == detail && *old.name == **name {
                    return None;
                }
                fd = Fd { kind: FdType::UnixSocket, detail, ..old.clone() };
            }
            Tuple::Other(_) if old.kind.is_inet_connection() => return None,
            Tuple::Other(_) => {
                tuple.write(name);
                fd = old.clone();
            }
        }
        fd.set_name(name);
        Some(fd)
    }

    /// Whether a process is client or server of a connection of which it just got or sent data: server if it listens on
    /// the destination's port; if it seems to be both, the one who starts by listening.
    fn guess_role(&self, slot: Slot, number: i64, fd: &Fd, incoming: bool) -> FdFlags {
        let (Some(inet), Some(fds)) = (
            fd.inet(),
            self.table.fd_owner(slot).and_then(|owner| self.table.get(owner)).map(|owner| &owner.fds),
        ) else {
            return FdFlags::ROLE_CLIENT;
        };
        // For IPv6 Falco compares what lies in memory where IPv4 keeps its ports: a part of the source address.
        let (sport, dport) = match inet.source.ip {
            std::net::IpAddr::V4(_) => (inet.source.port, inet.dest.port),
            std::net::IpAddr::V6(ip) => {
                let octets = ip.octets();
                (u16::from_le_bytes([octets[8], octets[9]]), u16::from_le_bytes([octets[10], octets[11]]))
            }
        };
        let v4 = fd.kind == FdType::Ipv4Socket;
        let others = || fds.iter().filter(|&(other, _)| other != number).map(|(_, fd)| fd);
        let has = |fd: &Fd, kind, port: &dyn Fn(&Inet) -> u16, wanted: u16| {
            fd.kind == kind && fd.inet().is_some_and(|inet| port(inet) == wanted)
        };
        let bound = v4
            || others().any(|fd| {
                has(fd, FdType::Ipv4Socket, &|inet| inet.dest.port, dport)
                    || has(fd, FdType::Ipv4Server, &|inet| inet.dest.port, dport)
            });
        if !bound {
            return FdFlags::ROLE_CLIENT;
        }
        let used = v4 || others().any(|fd| has(fd, FdType::Ipv4Socket, &|inet| inet.source.port, sport));
        if !used || incoming { FdFlags::ROLE_SERVER } else { FdFlags::ROLE_CLIENT }
    }
}

/// Gives a socket the ends that connect told; true if its name is another one now. `name` is room for it.
fn connect_ends(
    fd: &mut Fd,
    tuple: Tuple<'_>,
    passed: Option<Address<'_>>,
    asked: Option<Address<'_>>,
    name: &mut Vec<u8>,
) -> bool {
    match tuple {
        Tuple::Inet { source, mut dest } => {
            if let (Some(Address::Inet(passed)), Some(Address::Inet(asked))) = (passed, asked)
                && passed == dest
            {
                dest = asked;
            }
            let changed = fd.set_ends(source, dest);
            if changed && fd.is_server() && fd.is_v4(L4Proto::Udp) {
                fd.swap_ends();
            }
            write_connection(name, fd.inet_or_new());
        }
        Tuple::Unix { source, dest, mut path } => {
            if fd.kind != FdType::UnixSocket {
                return false;
            }
            if let (Some(Address::Unix(passed)), Some(Address::Unix(asked))) = (passed, asked)
                && passed == path
            {
                path = asked;
            }
            fd.detail = Detail::Unix { source, dest };
            write_unix(name, source, dest, path);
        }
        Tuple::Other(_) => return false,
    }
    if !fd.has_role() {
        fd.flags |= FdFlags::ROLE_CLIENT;
    }
    fd.set_name(name)
}
