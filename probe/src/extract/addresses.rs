// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The two composite types of the schema that name ends of sockets.
//!
//! A *socket address* is the family (one byte), then an IPv4 or IPv6 address and port (host order), or the path of a unix
//! socket. A *socket tuple* is the family and both ends, source first; for unix sockets the kernel's addresses of both
//! (eight bytes each), the destination first, and the path of the destination. Families that have neither are empty.

use super::kernel::{End, Kernel, SocketFact};

/// `AF_UNIX`.
const AF_UNIX: u16 = 1;
/// `AF_INET`.
const AF_INET: u16 = 2;
/// `AF_INET6`.
const AF_INET6: u16 = 10;
/// Bytes of `sun_path`, and a NUL.
const UNIX_PATH_MAX: u32 = 109;

/// Who opened a connection, or sent the message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// This task: this end is the source.
    Outbound,
    /// The other side: this end is the destination.
    Inbound,
}

/// Both ends of the socket with a descriptor, as the kernel knows them. `stated` is the address (`struct sockaddr`) that the
/// program gave or got; it counts where the kernel knows no other end, as for datagrams. Empty if it is no socket.
#[inline(always)]
pub fn put_tuple<K: Kernel>(kernel: &mut K, fd: i32, direction: Direction, stated: u64) {
    let socket = kernel.socket(fd);
    kernel.begin();
    if let Some(socket) = socket {
        add_tuple(kernel, socket, direction, stated);
    }
    kernel.end();
}

#[inline(always)]
fn add_tuple<K: Kernel>(kernel: &mut K, socket: K::Socket, direction: Direction, stated: u64) {
    match kernel.socket_fact(socket, SocketFact::Family) as u16 {
        AF_INET => add_tuple4(kernel, socket, direction, stated),
        AF_INET6 => add_tuple6(kernel, socket, direction, stated),
        AF_UNIX => add_tuple_unix(kernel, socket, direction),
        _ => {}
    }
}

#[inline(always)]
fn add_tuple4<K: Kernel>(kernel: &mut K, socket: K::Socket, direction: Direction, stated: u64) {
    let local = kernel.socket_fact(socket, SocketFact::LocalAddress) as u32;
    let local_port = kernel.socket_fact(socket, SocketFact::LocalPort) as u16;
    let mut peer = kernel.socket_fact(socket, SocketFact::PeerAddress) as u32;
    let mut peer_port = kernel.socket_fact(socket, SocketFact::PeerPort) as u16;
    if peer_port == 0 && stated != 0 && kernel.user_u16(stated) == Some(AF_INET) {
        peer = kernel.user_u32(stated.wrapping_add(4)).unwrap_or(0);
        peer_port = stated_port(kernel, stated);
    }
    kernel.add_u8(AF_INET as u8);
    if direction == Direction::Outbound {
        kernel.add_u32(local);
        kernel.add_u16(local_port);
        kernel.add_u32(peer);
        kernel.add_u16(peer_port);
    } else {
        kernel.add_u32(peer);
        kernel.add_u16(peer_port);
        kernel.add_u32(local);
        kernel.add_u16(local_port);
    }
}

#[inline(always)]
fn add_tuple6<K: Kernel>(kernel: &mut K, socket: K::Socket, direction: Direction, stated: u64) {
    let known = kernel.socket_fact(socket, SocketFact::PeerPort) as u16;
    let counts = known == 0 && stated != 0 && kernel.user_u16(stated) == Some(AF_INET6);
    let stated = if counts { stated } else { 0 };
    kernel.add_u8(AF_INET6 as u8);
    if direction == Direction::Outbound {
        add_local6(kernel, socket);
        add_peer6(kernel, socket, known, stated);
    } else {
        add_peer6(kernel, socket, known, stated);
        add_local6(kernel, socket);
    }
}

#[inline(always)]
fn add_local6<K: Kernel>(kernel: &mut K, socket: K::Socket) {
    let first = kernel.socket_fact(socket, SocketFact::LocalAddress6First);
    kernel.add_u64(first);
    let last = kernel.socket_fact(socket, SocketFact::LocalAddress6Last);
    kernel.add_u64(last);
    let port = kernel.socket_fact(socket, SocketFact::LocalPort);
    kernel.add_u16(port as u16);
}

#[inline(always)]
fn add_peer6<K: Kernel>(kernel: &mut K, socket: K::Socket, port: u16, stated: u64) {
    if stated != 0 {
        add_stated6(kernel, stated);
        return;
    }
    let first = kernel.socket_fact(socket, SocketFact::PeerAddress6First);
    kernel.add_u64(first);
    let last = kernel.socket_fact(socket, SocketFact::PeerAddress6Last);
    kernel.add_u64(last);
    kernel.add_u16(port);
}

#[inline(always)]
fn add_tuple_unix<K: Kernel>(kernel: &mut K, socket: K::Socket, direction: Direction) {
    let local = kernel.socket_fact(socket, SocketFact::Identity);
    let peer = kernel.socket_fact(socket, SocketFact::PeerIdentity);
    kernel.add_u8(AF_UNIX as u8);
    if direction == Direction::Outbound {
        kernel.add_u64(peer);
        kernel.add_u64(local);
        kernel.add_unix_name(socket, End::Peer);
    } else {
        kernel.add_u64(local);
        kernel.add_u64(peer);
        kernel.add_unix_name(socket, End::Local);
    }
}

/// The address that a program gave (`struct sockaddr` of `length` bytes); empty if it has none that the kernel could take.
#[inline(always)]
pub fn put_stated<K: Kernel>(kernel: &mut K, address: u64, length: u32) {
    kernel.begin();
    if address != 0 && length >= 2 {
        let family = kernel.user_u16(address).unwrap_or(0);
        if family == AF_INET && length >= 8 {
            let host = kernel.user_u32(address.wrapping_add(4)).unwrap_or(0);
            let port = stated_port(kernel, address);
            kernel.add_u8(AF_INET as u8);
            kernel.add_u32(host);
            kernel.add_u16(port);
        } else if family == AF_INET6 && length >= 24 {
            kernel.add_u8(AF_INET6 as u8);
            add_stated6(kernel, address);
        } else if family == AF_UNIX {
            kernel.add_u8(AF_UNIX as u8);
            add_stated_path(kernel, address.wrapping_add(2), length.wrapping_sub(2));
        }
    }
    kernel.end();
}

/// A `sun_path` of `length` bytes: a path that need not end in a NUL, or a NUL and an abstract name, or nothing.
#[inline(always)]
fn add_stated_path<K: Kernel>(kernel: &mut K, path: u64, length: u32) {
    let room = if length >= UNIX_PATH_MAX { UNIX_PATH_MAX } else { length.wrapping_add(1) };
    let is_abstract = length > 1 && kernel.user_u8(path) == Some(0);
    let added = if is_abstract {
        kernel.add_u8(b'@');
        kernel.add_user_string(path.wrapping_add(1), room.wrapping_sub(1))
    } else {
        kernel.add_user_string(path, room)
    };
    if added == 0 {
        kernel.add_u8(0);
    }
}

#[inline(always)]
fn add_stated6<K: Kernel>(kernel: &mut K, address: u64) {
    let first = kernel.user_u64(address.wrapping_add(8)).unwrap_or(0);
    kernel.add_u64(first);
    let last = kernel.user_u64(address.wrapping_add(16)).unwrap_or(0);
    kernel.add_u64(last);
    let port = stated_port(kernel, address);
    kernel.add_u16(port);
}

/// The port of an IPv4 or IPv6 address, in host order.
#[inline(always)]
fn stated_port<K: Kernel>(kernel: &mut K, address: u64) -> u16 {
    u16::from_be(kernel.user_u16(address.wrapping_add(2)).unwrap_or(0))
}
