// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Facts of sockets, from the kernel's own.

use crate::extract::kernel::{End, SocketFact};

use core::num::NonZeroU64;

use crate::access::kernel_or_0;
use crate::files;
use crate::layout::*;
use crate::task::{field, pointer};

/// `SOCKFS_MAGIC`.
const SOCKFS: u64 = 0x534f_434b;
const AF_INET6: u16 = 10;

/// A socket: the address of its `struct sock`.
pub type Socket = NonZeroU64;

/// The socket with a descriptor of the current task.
#[inline(always)]
pub fn of_descriptor(fd: i32) -> Option<Socket> {
    let file = files::of_descriptor(fd)?.get();
    let inode = pointer(file, &FILE_INODE);
    if field::<u64>(pointer(inode, &INODE_SUPER), &SUPER_MAGIC) != SOCKFS {
        return None;
    }
    NonZeroU64::new(pointer(pointer(file, &FILE_PRIVATE), &SOCKET_SOCK))
}

/// A fact.
#[inline(always)]
pub fn fact(sock: Socket, fact: SocketFact) -> u64 {
    let sock = sock.get();
    match fact {
        SocketFact::Family => u64::from(field::<u16>(sock, &SOCK_FAMILY)),
        SocketFact::Type => u64::from(field::<u16>(sock, &SOCK_TYPE)),
        SocketFact::Protocol => u64::from(field::<u16>(sock, &SOCK_PROTOCOL)),
        SocketFact::LocalAddress => u64::from(field::<u32>(sock, &INET_LOCAL_ADDRESS)),
        SocketFact::PeerAddress => u64::from(field::<u32>(sock, &SOCK_PEER_ADDRESS)),
        SocketFact::LocalPort => u64::from(u16::from_be(field(sock, &INET_LOCAL_PORT))),
        SocketFact::PeerPort => u64::from(u16::from_be(field(sock, &SOCK_PEER_PORT))),
        SocketFact::LocalAddress6First => local_address6(sock, 0),
        SocketFact::LocalAddress6Last => local_address6(sock, 8),
        SocketFact::PeerAddress6First => half(sock, &SOCK_PEER_ADDRESS6, 0),
        SocketFact::PeerAddress6Last => half(sock, &SOCK_PEER_ADDRESS6, 8),
        SocketFact::Identity => sock,
        SocketFact::PeerIdentity => pointer(sock, &UNIX_PEER),
        SocketFact::Backlog => u64::from(field::<u32>(sock, &SOCK_BACKLOG)),
        SocketFact::BacklogMax => u64::from(field::<u32>(sock, &SOCK_BACKLOG_MAX)),
    }
}

/// The address that packets leave with, where the socket has one of its own (`ipv6_pinfo.saddr`).
#[inline(always)]
fn local_address6(sock: u64, half_at: u64) -> u64 {
    if field::<u16>(sock, &SOCK_FAMILY) == AF_INET6 && !is_absent(&INET_6) {
        return half(pointer(sock, &INET_6), &INET6_LOCAL_ADDRESS, half_at);
    }
    half(sock, &SOCK_LOCAL_ADDRESS6, half_at)
}

#[inline(always)]
fn half(object: u64, at: &'static Constant, half_at: u64) -> u64 {
    if is_absent(at) {
        return 0;
    }
    kernel_or_0(object.wrapping_add(constant(at)).wrapping_add(half_at))
}

/// Where the name of an end of a unix socket is, and how long: the bytes behind the address's family. Length 0: it has none.
#[inline(always)]
pub fn unix_name(sock: Socket, end: End) -> (u64, u32) {
    let sock = match end {
        End::Local => sock.get(),
        End::Peer => pointer(sock.get(), &UNIX_PEER),
    };
    if sock == 0 {
        return (0, 0);
    }
    let address = pointer(sock, &UNIX_ADDRESS);
    if address == 0 {
        return (0, 0);
    }
    let length = field::<u32>(address, &UNIX_ADDRESS_LENGTH);
    let name = address.wrapping_add(constant(&UNIX_ADDRESS_NAME)).wrapping_add(2);
    (name, if length > 2 { length.wrapping_sub(2) } else { 0 })
}
