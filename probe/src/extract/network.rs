// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of socket calls.
//!
//! Two composite types of the schema are written here. A *socket address* is the family (one byte) and an IPv4 or IPv6
//! address and port (host order), or the path of a unix socket. A *socket tuple* is the family and both ends, source first: for
//! unix sockets the kernel's addresses of both (eight bytes each) and the path.

use super::kernel::{End, Kernel, SocketFact};

/// `AF_UNIX`.
const AF_UNIX: u16 = 1;
/// `AF_INET`.
const AF_INET: u16 = 2;
/// `AF_INET6`.
const AF_INET6: u16 = 10;

/// Adds both ends of a socket as the kernel knows them, this end first.
#[inline(always)]
pub fn add_tuple<K: Kernel>(kernel: &mut K, socket: K::Socket) {
    let family = kernel.socket_fact(socket, SocketFact::Family) as u16;
    match family {
        AF_INET => {
            kernel.add_u8(family as u8);
            for (address, port) in [
                (SocketFact::LocalAddress, SocketFact::LocalPort),
                (SocketFact::PeerAddress, SocketFact::PeerPort),
            ] {
                let address = kernel.socket_fact(socket, address);
                kernel.add_u32(address as u32);
                let port = kernel.socket_fact(socket, port);
                kernel.add_u16(port as u16);
            }
        }
        AF_INET6 => {
            kernel.add_u8(family as u8);
            for (first, last, port) in [
                (SocketFact::LocalAddress6First, SocketFact::LocalAddress6Last, SocketFact::LocalPort),
                (SocketFact::PeerAddress6First, SocketFact::PeerAddress6Last, SocketFact::PeerPort),
            ] {
                let first = kernel.socket_fact(socket, first);
                kernel.add_u64(first);
                let last = kernel.socket_fact(socket, last);
                kernel.add_u64(last);
                let port = kernel.socket_fact(socket, port);
                kernel.add_u16(port as u16);
            }
        }
        AF_UNIX => {
            kernel.add_u8(family as u8);
            let local = kernel.socket_fact(socket, SocketFact::Identity);
            kernel.add_u64(local);
            let peer = kernel.socket_fact(socket, SocketFact::PeerIdentity);
            kernel.add_u64(peer);
            kernel.add_unix_name(socket, End::Peer);
        }
        _ => {}
    }
}
