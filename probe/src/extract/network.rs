// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that make, connect and set sockets. Those that carry messages stand in `messages.rs`.

use super::addresses::{put_stated, put_tuple, Direction};
use super::descriptors::put_pair;
use super::flags;
use super::io::{add_bytes, PAGE};
use super::kernel::{Kernel, SocketFact};

/// `SOL_SOCKET`.
const SOL_SOCKET: u32 = 1;
/// A connection that goes on in the background.
const EINPROGRESS: i64 = 115;

/// `socket`: fd, domain, type, proto, flags.
#[inline(always)]
pub fn socket<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_kind(kernel);
    kernel.put_u32(flags::descriptor_flags(kernel.u32_argument(1)));
}

/// `socketpair`: res, fd1, fd2, source, peer, domain, type, proto.
#[inline(always)]
pub fn socketpair<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let first = put_pair(kernel, kernel.argument(3));
    let socket = kernel.socket(first);
    let source = socket.map_or(0, |socket| kernel.socket_fact(socket, SocketFact::Identity));
    kernel.put_u64(source);
    let peer = socket.map_or(0, |socket| kernel.socket_fact(socket, SocketFact::PeerIdentity));
    kernel.put_u64(peer);
    put_kind(kernel);
}

/// domain, type, proto.
#[inline(always)]
fn put_kind<K: Kernel>(kernel: &mut K) {
    kernel.put_u32_argument(0);
    kernel.put_u32_argument(1);
    kernel.put_u32_argument(2);
}

/// `bind`: res, addr, fd.
#[inline(always)]
pub fn bind<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_stated(kernel, kernel.argument(1), kernel.u32_argument(2));
    kernel.put_fd_argument(0);
}

/// `connect`: res, tuple, fd, addr.
#[inline(always)]
pub fn connect<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let result = kernel.return_value();
    if result == 0 || result == -EINPROGRESS {
        put_tuple(kernel, kernel.int_argument(0), Direction::Outbound, kernel.argument(1));
    } else {
        kernel.put_empty();
    }
    kernel.put_fd_argument(0);
    put_stated(kernel, kernel.argument(1), kernel.u32_argument(2));
}

/// `listen`: res, fd, backlog.
#[inline(always)]
pub fn listen<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_u32_argument(1);
}

/// `accept`: fd, tuple, queuepct, queuelen, queuemax. The tuple is the new socket's, the queue that of the listening one.
#[inline(always)]
pub fn accept<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    if kernel.failed() {
        kernel.put_empty();
        kernel.put_u8(0);
        kernel.put_u32(0);
        kernel.put_u32(0);
        return;
    }
    put_tuple(kernel, kernel.return_value() as i32, Direction::Inbound, 0);
    let listening = kernel.socket(kernel.int_argument(0));
    let waiting = listening.map_or(0, |socket| kernel.socket_fact(socket, SocketFact::Backlog)) as u32;
    let most = listening.map_or(0, |socket| kernel.socket_fact(socket, SocketFact::BacklogMax)) as u32;
    let percent = u64::from(waiting).wrapping_mul(100).checked_div(u64::from(most)).unwrap_or(0);
    kernel.put_u8(percent as u8);
    kernel.put_u32(waiting);
    kernel.put_u32(most);
}

/// `accept4`: fd, tuple, queuepct, queuelen, queuemax, flags.
#[inline(always)]
pub fn accept4<K: Kernel>(kernel: &mut K) {
    accept(kernel);
    kernel.put_u32_argument(3);
}

/// `shutdown`: res, fd, how.
#[inline(always)]
pub fn shutdown<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_u8(kernel.u32_argument(1) as u8);
}

/// `setsockopt`: res, fd, level, optname, val, optlen.
#[inline(always)]
pub fn setsockopt<K: Kernel>(kernel: &mut K) {
    let length = kernel.u32_argument(4);
    put_option(kernel, length);
}

/// `getsockopt`: res, fd, level, optname, val, optlen. The kernel wrote the length over the one that was given.
#[inline(always)]
pub fn getsockopt<K: Kernel>(kernel: &mut K) {
    let length = kernel.user_u32(kernel.argument(4)).unwrap_or(0);
    put_option(kernel, length);
}

#[inline(always)]
fn put_option<K: Kernel>(kernel: &mut K, length: u32) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    let (level, name) = (kernel.u32_argument(1), kernel.u32_argument(2));
    kernel.put_u8(flags::option_level(level));
    kernel.put_u8(flags::option_name(level, name));
    kernel.begin();
    add_option_value(kernel, level, name, length);
    kernel.end();
    kernel.put_u32(length);
}

/// What the value of a socket option is: the first byte of the parameter.
mod value {
    /// Bytes.
    pub(super) const BYTES: u8 = 0;
    /// A negative errno, `i64`.
    pub(super) const ERRNO: u8 = 1;
    /// `u32`.
    pub(super) const U32: u8 = 2;
    /// `u64`.
    pub(super) const U64: u8 = 3;
    /// Nanoseconds, `u64`.
    pub(super) const TIME: u8 = 4;
}

#[inline(always)]
fn add_option_value<K: Kernel>(kernel: &mut K, level: u32, name: u32, length: u32) {
    let address = kernel.argument(3);
    match if level == SOL_SOCKET { value_kind(name) } else { value::BYTES } {
        value::ERRNO => {
            let errno = kernel.user_u32(address).unwrap_or(0) as i32;
            kernel.add_u8(value::ERRNO);
            kernel.add_u64(i64::from(errno).wrapping_neg() as u64);
        }
        value::U32 => {
            let number = kernel.user_u32(address).unwrap_or(0);
            kernel.add_u8(value::U32);
            kernel.add_u32(number);
        }
        value::U64 => {
            let number = kernel.user_u64(address).unwrap_or(0);
            kernel.add_u8(value::U64);
            kernel.add_u64(number);
        }
        value::TIME => {
            let time = time_value(kernel, address, name);
            kernel.add_u8(value::TIME);
            kernel.add_u64(time);
        }
        _ => {
            kernel.add_u8(value::BYTES);
            add_bytes(kernel, address, u64::from(length), PAGE);
        }
    }
}

/// Structures, lists and filters are bytes; what remains is a number.
#[inline(always)]
fn value_kind(name: u32) -> u8 {
    match name {
        4 => value::ERRNO,
        20 | 21 | 66 | 67 => value::TIME,
        57 => value::U64,
        13 | 17 | 26 | 28 => value::BYTES,
        1..=49 => value::U32,
        _ => value::BYTES,
    }
}

/// A `struct timeval`. The newer names of the options have fields of 64 bits in 32-bit calls too.
#[inline(always)]
fn time_value<K: Kernel>(kernel: &mut K, address: u64, name: u32) -> u64 {
    let (seconds, microseconds) = if kernel.is_compat() && name < 66 {
        let seconds = kernel.user_u32(address).map(u64::from);
        (seconds, kernel.user_u32(address.wrapping_add(4)).map(u64::from))
    } else {
        (kernel.user_u64(address), kernel.user_u64(address.wrapping_add(8)))
    };
    let whole = seconds.unwrap_or(0).wrapping_mul(1_000_000_000);
    whole.wrapping_add(microseconds.unwrap_or(0).wrapping_mul(1000))
}
