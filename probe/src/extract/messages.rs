// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that send and receive messages on sockets.
//!
//! `struct msghdr` is laid out in words of the task: name, its length, segments, how many, control data, its length, flags.
//! `sendmmsg` and `recvmmsg` take an array of them, each followed by the bytes sent or received; each of these messages is a
//! record of its own ([`Kernel::message`], [`super::calls::records`]), as if it had been sent alone.

use super::addresses::{put_tuple, Direction};
use super::io::{got, put_data, put_page, put_segments, segments_size, written};
use super::kernel::Kernel;

/// res, data, fd, size, tuple: `send`, which has no address.
#[inline(always)]
pub fn send<K: Kernel>(kernel: &mut K) {
    put_sent(kernel, 0);
}

/// `sendto`: res, data, fd, size, tuple.
#[inline(always)]
pub fn sendto<K: Kernel>(kernel: &mut K) {
    put_sent(kernel, kernel.argument(4));
}

#[inline(always)]
fn put_sent<K: Kernel>(kernel: &mut K, address: u64) {
    kernel.put_result();
    put_data(kernel, kernel.argument(1), written(kernel, kernel.argument(2)));
    kernel.put_fd_argument(0);
    kernel.put_u32_argument(2);
    put_tuple_if(kernel, !kernel.failed(), Direction::Outbound, address);
}

/// `recv`: res, data, fd, size, tuple.
#[inline(always)]
pub fn recv<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_data(kernel, kernel.argument(1), got(kernel));
    kernel.put_fd_argument(0);
    kernel.put_u32_argument(2);
    put_tuple_if(kernel, kernel.return_value() > 0, Direction::Inbound, 0);
}

/// `recvfrom`: res, data, tuple, fd, size.
#[inline(always)]
pub fn recvfrom<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_data(kernel, kernel.argument(1), got(kernel));
    put_tuple_if(kernel, kernel.return_value() > 0, Direction::Inbound, kernel.argument(4));
    kernel.put_fd_argument(0);
    kernel.put_u32_argument(2);
}

/// `sendmsg`: res, data, fd, size, tuple.
#[inline(always)]
pub fn sendmsg<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let message = kernel.argument(1);
    let (segments, count) = segments_of(kernel, message);
    let size = segments_size(kernel, segments, count);
    put_segments(kernel, segments, count, written(kernel, size));
    kernel.put_fd_argument(0);
    kernel.put_u32(size as u32);
    let name = word(kernel, message, NAME);
    put_tuple_if(kernel, !kernel.failed(), Direction::Outbound, name);
}

/// `recvmsg`: res, size, data, tuple, msgcontrol, fd.
#[inline(always)]
pub fn recvmsg<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let received = got(kernel);
    kernel.put_u32(received as u32);
    put_received(kernel, kernel.argument(1), received);
    kernel.put_fd_argument(0);
}

/// `sendmmsg`: res, fd, size, data, tuple.
#[inline(always)]
pub fn sendmmsg<K: Kernel>(kernel: &mut K) {
    if kernel.return_value() <= 0 {
        kernel.put_result();
        kernel.put_fd_argument(0);
        kernel.put_u32(0);
        kernel.put_empty();
        kernel.put_empty();
        return;
    }
    let message = message(kernel);
    let sent = message_length(kernel, message);
    kernel.put_i64(i64::from(sent));
    kernel.put_fd_argument(0);
    let (segments, count) = segments_of(kernel, message);
    let size = segments_size(kernel, segments, count);
    kernel.put_u32(size as u32);
    put_segments(kernel, segments, count, if sent > 0 { u64::from(sent) } else { size });
    let name = word(kernel, message, NAME);
    put_tuple_if(kernel, true, Direction::Outbound, name);
}

/// `recvmmsg`: res, fd, size, data, tuple, msgcontrol.
#[inline(always)]
pub fn recvmmsg<K: Kernel>(kernel: &mut K) {
    if kernel.return_value() <= 0 {
        kernel.put_result();
        kernel.put_fd_argument(0);
        kernel.put_u32(0);
        put_received(kernel, 0, 0);
        return;
    }
    let message = message(kernel);
    let received = message_length(kernel, message);
    kernel.put_i64(i64::from(received));
    kernel.put_fd_argument(0);
    kernel.put_u32(received);
    put_received(kernel, message, u64::from(received));
}

/// Words of `struct msghdr`.
const NAME: u64 = 0;
const SEGMENTS: u64 = 2;
const SEGMENT_COUNT: u64 = 3;
const CONTROL: u64 = 4;
const CONTROL_LENGTH: u64 = 5;
/// Words of it, and of the entry of an array of them.
const HEADER_WORDS: u64 = 7;
const ENTRY_WORDS: u64 = 8;

/// data, tuple, msgcontrol of a message of so many bytes; nothing of one that was not received.
#[inline(always)]
fn put_received<K: Kernel>(kernel: &mut K, message: u64, received: u64) {
    if received == 0 {
        kernel.put_empty();
        kernel.put_empty();
        kernel.put_empty();
        return;
    }
    let (segments, count) = segments_of(kernel, message);
    put_segments(kernel, segments, count, received);
    let name = word(kernel, message, NAME);
    put_tuple_if(kernel, true, Direction::Inbound, name);
    let control = word(kernel, message, CONTROL);
    let length = word(kernel, message, CONTROL_LENGTH);
    put_page(kernel, control, length);
}

#[inline(always)]
fn put_tuple_if<K: Kernel>(kernel: &mut K, there: bool, direction: Direction, address: u64) {
    if there {
        put_tuple(kernel, kernel.int_argument(0), direction, address);
    } else {
        kernel.put_empty();
    }
}

/// Address and number of a message's segments; none if it cannot be read.
#[inline(always)]
fn segments_of<K: Kernel>(kernel: &mut K, message: u64) -> (u64, u64) {
    (word(kernel, message, SEGMENTS), word(kernel, message, SEGMENT_COUNT))
}

#[inline(always)]
fn word<K: Kernel>(kernel: &mut K, message: u64, index: u64) -> u64 {
    let offset = index.wrapping_mul(kernel.word_size());
    kernel.user_word(message.wrapping_add(offset)).unwrap_or(0)
}

/// The message that this record is about.
#[inline(always)]
fn message<K: Kernel>(kernel: &K) -> u64 {
    let offset = u64::from(kernel.message()).wrapping_mul(ENTRY_WORDS.wrapping_mul(kernel.word_size()));
    kernel.argument(1).wrapping_add(offset)
}

/// How many bytes of a message of an array were sent or received.
#[inline(always)]
fn message_length<K: Kernel>(kernel: &mut K, message: u64) -> u32 {
    let offset = HEADER_WORDS.wrapping_mul(kernel.word_size());
    kernel.user_u32(message.wrapping_add(offset)).unwrap_or(0)
}
