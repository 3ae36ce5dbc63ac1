// SPDX-License-Identifier: GPL-2.0
//! Sockets, from the kernel's objects.

use crate::alive::{get, Alive};
use crate::extract::kernel::{End, SocketFact};
use crate::headers::{self, file, inet_sock, ipv6_pinfo, sock, socket, unix_address, unix_sock};
use crate::pen::Pen;
use crate::wire::record::PATH_SIZE_MAX;

/// `AF_UNIX`.
const AF_UNIX: u16 = 1;
/// `AF_INET`.
const AF_INET: u16 = 2;
/// `AF_INET6`.
const AF_INET6: u16 = 10;

/// The socket that a file is.
#[inline(always)]
pub(crate) fn of_file(file: Alive<file>) -> Option<Alive<sock>> {
    // SAFETY: returns null if it is no socket; a file keeps its socket.
    let socket: Alive<socket> = unsafe { Alive::new(headers::sock_from_file(file.as_ptr()))? };
    // SAFETY: a socket that is open keeps this.
    unsafe { Alive::new(get!(socket, sk)) }
}

#[inline(always)]
fn family(sk: Alive<sock>) -> u16 {
    // SAFETY: `sk_family` is an unsigned short.
    unsafe { sk.read(headers::OFFSET_SOCK_FAMILY) }
}

/// The socket as one of IPv4 or IPv6; only these are allocated with what an `inet_sock` has more.
#[inline(always)]
fn inet(sk: Alive<sock>) -> Option<Alive<inet_sock>> {
    // SAFETY: sockets of these families are inside of an `inet_sock`.
    matches!(family(sk), AF_INET | AF_INET6).then(|| unsafe { Alive::new(sk.as_ptr().cast()) })?
}

#[inline(always)]
fn ipv6(sk: Alive<sock>) -> Option<Alive<ipv6_pinfo>> {
    if family(sk) != AF_INET6 {
        return None;
    }
    let inet = inet(sk)?;
    // SAFETY: `pinet6` is a pointer to a part of the socket.
    unsafe { Alive::new(inet.read::<*const ipv6_pinfo>(headers::OFFSET_INET_PINET6)) }
}

#[inline(always)]
fn unix(sk: Alive<sock>) -> Option<Alive<unix_sock>> {
    // SAFETY: sockets of this family are inside of a `unix_sock`.
    (family(sk) == AF_UNIX).then(|| unsafe { Alive::new(sk.as_ptr().cast()) })?
}

/// Eight bytes of an IPv6 address, as a little-endian number.
#[derive(Clone, Copy)]
enum Half {
    First = 0,
    Last = 8,
}

#[inline(always)]
fn local_half(sk: Alive<sock>, half: Half) -> u64 {
    ipv6(sk).map_or(0, |of| {
        let of = of.as_ptr();
        // SAFETY: allocated; this only makes an address inside of the field.
        let place: *const u8 = unsafe { (&raw const (*of).saddr).cast() };
        // SAFETY: an address has sixteen bytes.
        u64::from_le(unsafe { place.wrapping_add(half as usize).cast::<u64>().read_unaligned() })
    })
}

#[inline(always)]
fn peer_half(sk: Alive<sock>, half: Half) -> u64 {
    if family(sk) != AF_INET6 {
        return 0;
    }
    // SAFETY: `sk_v6_daddr` has sixteen bytes.
    let place: *mut u8 = unsafe { sk.field(headers::OFFSET_SOCK_V6_DADDR) };
    // SAFETY: as above.
    u64::from_le(unsafe { place.wrapping_add(half as usize).cast::<u64>().read_unaligned() })
}

/// A fact of a socket.
#[inline(always)]
pub(crate) fn fact(sk: Alive<sock>, fact: SocketFact) -> u64 {
    match fact {
        SocketFact::Family => u64::from(family(sk)),
        SocketFact::Type => {
            // SAFETY: `sk_type` is a u16.
            u64::from(unsafe { sk.read::<u16>(headers::OFFSET_SOCK_TYPE) })
        }
        SocketFact::Protocol => {
            // SAFETY: `sk_protocol` is a u16.
            u64::from(unsafe { sk.read::<u16>(headers::OFFSET_SOCK_PROTOCOL) })
        }
        SocketFact::LocalAddress => inet(sk).map_or(0, |inet| {
            // SAFETY: `inet_saddr` is a __be32.
            u64::from(unsafe { inet.read::<u32>(headers::OFFSET_INET_SADDR) })
        }),
        SocketFact::PeerAddress => inet(sk).map_or(0, |_| {
            // SAFETY: `sk_daddr` is a __be32.
            u64::from(unsafe { sk.read::<u32>(headers::OFFSET_SOCK_DADDR) })
        }),
        SocketFact::LocalPort => inet(sk).map_or(0, |inet| {
            // SAFETY: `inet_sport` is a __be16.
            u64::from(u16::from_be(unsafe { inet.read::<u16>(headers::OFFSET_INET_SPORT) }))
        }),
        SocketFact::PeerPort => inet(sk).map_or(0, |_| {
            // SAFETY: `sk_dport` is a __be16.
            u64::from(u16::from_be(unsafe { sk.read::<u16>(headers::OFFSET_SOCK_DPORT) }))
        }),
        SocketFact::LocalAddress6First => local_half(sk, Half::First),
        SocketFact::LocalAddress6Last => local_half(sk, Half::Last),
        SocketFact::PeerAddress6First => peer_half(sk, Half::First),
        SocketFact::PeerAddress6Last => peer_half(sk, Half::Last),
        SocketFact::Identity => sk.as_ptr() as u64,
        SocketFact::PeerIdentity => unix(sk).map_or(0, |unix| {
            // SAFETY: `peer` is a pointer.
            unsafe { unix.read::<u64>(headers::OFFSET_UNIX_PEER) }
        }),
        SocketFact::Backlog => {
            // SAFETY: `sk_ack_backlog` is a u32.
            u64::from(unsafe { sk.read::<u32>(headers::OFFSET_SOCK_BACKLOG) })
        }
        SocketFact::BacklogMax => {
            // SAFETY: `sk_max_ack_backlog` is a u32.
            u64::from(unsafe { sk.read::<u32>(headers::OFFSET_SOCK_BACKLOG_MAX) })
        }
    }
}

/// Adds the name of an end of a unix socket, closed by a NUL.
#[inline(never)]
pub(crate) fn add_unix_name(pen: &mut Pen, sk: Alive<sock>, end: End) {
    match (unix(sk), end) {
        (Some(this), End::Local) => add_name_of(pen, this),
        (Some(this), End::Peer) => {
            // SAFETY: takes the socket's lock for a moment, which nobody holds around a hook that asks for names; gives a
            // reference.
            let peer = unsafe { headers::unix_peer_get(this.as_ptr().cast()) };
            // SAFETY: a reference is held, and the other end of a unix socket is one too.
            match unsafe { Alive::new(peer.cast()) } {
                Some(other) => {
                    add_name_of(pen, other);
                    put_reference(other);
                }
                None => pen.add(0u8),
            }
        }
        (None, _) => pen.add(0u8),
    }
}

/// `sock_put`, which is inline.
fn put_reference(unix: Alive<unix_sock>) {
    let sk: *mut sock = unix.as_ptr().cast();
    // SAFETY: allocated; this only makes an address.
    let count = unsafe { &raw mut (*sk).__sk_common.skc_refcnt };
    // SAFETY: the reference that is given back is held.
    let last = unsafe { kernel::bindings::refcount_dec_and_test(count.cast()) };
    if last {
        // SAFETY: nobody has a reference any more.
        unsafe { headers::sk_free(sk) };
    }
}

fn add_name_of(pen: &mut Pen, unix: Alive<unix_sock>) {
    // SAFETY: `addr` is a pointer.
    let address: *const unix_address = unsafe { unix.read(headers::OFFSET_UNIX_ADDR) };
    // SAFETY: a socket gets a name once and keeps it.
    let Some(address) = (unsafe { Alive::new(address) }) else {
        pen.add(0u8);
        return;
    };
    /// Bytes before the name (`sun_family`).
    const FAMILY_SIZE: usize = 2;
    let length = (get!(address, len) as usize).saturating_sub(FAMILY_SIZE).min(PATH_SIZE_MAX.wrapping_sub(2));
    let name = address.as_ptr();
    // SAFETY: allocated; this only makes an address.
    let name: *const u8 = unsafe { (&raw const (*name).name).cast() };
    let name = name.wrapping_add(FAMILY_SIZE);
    pen.add_with(length.wrapping_add(1), |to| {
        let mut written = 0usize;
        // SAFETY: the name has `length` bytes.
        let is_abstract = length > 0 && unsafe { name.read() } == 0;
        while written < length {
            // SAFETY: as above.
            let byte = unsafe { name.wrapping_add(written).read() };
            if byte == 0 && !(is_abstract && written == 0) {
                break;
            }
            // SAFETY: there is room for `length + 1` bytes.
            unsafe { to.wrapping_add(written).write(if byte == 0 { b'@' } else { byte }) };
            written = written.wrapping_add(1);
        }
        // SAFETY: as above.
        unsafe { to.wrapping_add(written).write(0) };
        Some(written.wrapping_add(1))
    });
}
