//! Sockets for the cases: their addresses as the kernel takes them and as they are recorded.

use super::prelude::*;

/// The port of who connects.
pub(super) const CLIENT_PORT: u16 = 51_789;
/// The port of who listens.
pub(super) const SERVER_PORT: u16 = 52_889;

/// A family of internet addresses, with one of loopback.
pub(super) struct Family {
    /// `AF_*`.
    pub(super) family: i32,
    host: &'static [u8],
}

/// 127.0.0.1.
pub(super) const V4: Family = Family { family: AF_INET, host: &[127, 0, 0, 1] };
/// ::1.
pub(super) const V6: Family =
    Family { family: AF_INET6, host: &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1] };

impl Family {
    /// A `struct sockaddr` of a port.
    pub(super) fn address(&self, port: u16) -> Vec<u8> {
        let head = [(self.family as u16).to_le_bytes(), port.to_be_bytes()].concat();
        match self.family {
            AF_INET => [&head[..], self.host, &[0; 8]].concat(),
            _ => [&head[..], &[0; 4], self.host, &[0; 4]].concat(),
        }
    }

    /// A socket address of the schema.
    pub(super) fn recorded(&self, port: u16) -> Want {
        bytes([&[self.family as u8], self.host, &port.to_le_bytes()].concat())
    }

    /// A socket tuple of the schema: both ends on loopback.
    pub(super) fn tuple(&self, source: u16, destination: u16) -> Want {
        let ends = [self.host, &source.to_le_bytes(), self.host, &destination.to_le_bytes()].concat();
        bytes([&[self.family as u8], &ends[..]].concat())
    }
}

/// A `struct sockaddr_un`.
pub(super) fn unix_address(path: &[u8]) -> Vec<u8> {
    [&(AF_UNIX as u16).to_le_bytes(), path].concat()
}

/// A socket tuple of the schema: two kernel addresses and the path of who listens.
pub(super) fn unix_tuple(path: &std::ffi::CStr) -> Want {
    let pieces = vec![
        Piece::Bytes(vec![AF_UNIX as u8]),
        Piece::Address,
        Piece::Address,
        Piece::Bytes(path.to_bytes_with_nul().to_vec()),
    ];
    Want::Pieces(pieces)
}

/// A socket with a port of its own.
pub(super) fn bound(t: &Trial, family: &Family, kind: i32, port: u16) -> i64 {
    let fd = t.must(SYS_socket, &args![family.family, kind, 0]);
    let one = 1_u32.to_le_bytes();
    t.must(SYS_setsockopt, &args![fd, SOL_SOCKET, SO_REUSEADDR, &one, 4]);
    let address = family.address(port);
    t.must(SYS_bind, &args![fd, &address[..], address.len()]);
    fd
}

/// A socket that listens on the server's port, with a queue of five.
pub(super) fn listening(t: &Trial, family: &Family) -> i64 {
    let fd = bound(t, family, SOCK_STREAM, SERVER_PORT);
    t.must(SYS_listen, &args![fd, 5]);
    fd
}

/// A socket that is connected from the client's port to the server's, and will not linger when it is closed.
pub(super) fn connected(t: &Trial, family: &Family) -> i64 {
    let fd = bound(t, family, SOCK_STREAM, CLIENT_PORT);
    let linger = [1_u32, 0];
    t.must(SYS_setsockopt, &args![fd, SOL_SOCKET, SO_LINGER, &linger, 8]);
    let address = family.address(SERVER_PORT);
    t.must(SYS_connect, &args![fd, &address[..], address.len()]);
    fd
}

/// A socket that listens on a path, and somebody who waits to be accepted.
pub(super) fn unix_pending(t: &Trial) -> (i64, CString) {
    let path = t.path("server");
    let address = unix_address(path.as_bytes_with_nul());
    let server = t.must(SYS_socket, &args![AF_UNIX, SOCK_STREAM, 0]);
    t.must(SYS_bind, &args![server, &address[..], address.len()]);
    t.must(SYS_listen, &args![server, 5]);
    let client = t.must(SYS_socket, &args![AF_UNIX, SOCK_STREAM, 0]);
    t.must(SYS_connect, &args![client, &address[..], address.len()]);
    (server, path)
}

/// Both ends of a connection: who sends, who receives.
pub(super) fn stream(t: &Trial, family: &Family) -> (i64, i64) {
    let server = listening(t, family);
    let client = connected(t, family);
    let accepted = t.must(SYS_accept4, &args![server, NOWHERE, NOWHERE, 0]);
    (client, accepted)
}

/// Two datagram sockets with the ports of client and server. Neither is connected.
pub(super) fn datagrams(t: &Trial, family: &Family) -> (i64, i64) {
    (bound(t, family, SOCK_DGRAM, CLIENT_PORT), bound(t, family, SOCK_DGRAM, SERVER_PORT))
}
