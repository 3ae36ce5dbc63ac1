// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that wait: for descriptors, for time, for each other.

use super::flags;
use super::kernel::Kernel;

/// How many descriptors of a poll are recorded.
const POLL_MAX: u32 = 16;
/// Number of `ppoll_time64` in the 32-bit table: the only one of these calls there whose times have 64 bits.
const PPOLL_TIME64: u16 = 414;

/// `poll`: res, fds, timeout.
#[inline(always)]
pub fn poll<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_descriptors(kernel);
    kernel.put_i64(i64::from(kernel.int_argument(2)));
}

/// `ppoll`: res, fds, timeout, sigmask. The first 32 signals of the mask.
#[inline(always)]
pub fn ppoll<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_descriptors(kernel);
    let wide = !kernel.is_compat() || kernel.number() == PPOLL_TIME64;
    put_time(kernel, kernel.argument(2), wide);
    let mask = kernel.argument(3);
    let signals = if mask == 0 { None } else { kernel.user_u32(mask) };
    kernel.put_u32(signals.unwrap_or(0));
}

/// `epoll_wait`: res, maxevents.
#[inline(always)]
pub fn epoll_wait<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_i64(i64::from(kernel.int_argument(2)));
}

/// `nanosleep`: res, interval.
#[inline(always)]
pub fn nanosleep<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let wide = !kernel.is_compat();
    put_time(kernel, kernel.argument(0), wide);
}

/// `futex`: res, addr, op, val.
#[inline(always)]
pub fn futex<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u64_argument(0);
    kernel.put_u16(flags::futex_operation(kernel.u32_argument(1)));
    kernel.put_u64(u64::from(kernel.u32_argument(2)));
}

/// The descriptors that a poll was asked for (`struct pollfd`) and what it found: how many (`u16`), then for each the
/// descriptor (`i64`) and the events (`u16`).
#[inline(always)]
fn put_descriptors<K: Kernel>(kernel: &mut K) {
    let mut entry = kernel.argument(0);
    let asked = kernel.u32_argument(1);
    let count = if asked > POLL_MAX { POLL_MAX } else { asked };
    kernel.begin();
    if count > 0 && kernel.user_u32(entry).is_none() {
        kernel.add_u16(0);
    } else {
        kernel.add_u16(count as u16);
        for index in 0..POLL_MAX {
            if index >= count {
                break;
            }
            let fd = kernel.user_u32(entry).unwrap_or(u32::MAX);
            kernel.add_u64(i64::from(fd as i32) as u64);
            let found = kernel.user_u16(entry.wrapping_add(6)).unwrap_or(0);
            kernel.add_u16(flags::poll_events(found));
            entry = kernel.forget(entry.wrapping_add(8));
        }
        if asked > POLL_MAX {
            kernel.mark_truncated();
        }
    }
    kernel.end();
}

/// A `struct timespec` in nanoseconds; `wide` if its fields have 64 bits. 0 if there is none.
#[inline(always)]
fn put_time<K: Kernel>(kernel: &mut K, address: u64, wide: bool) {
    let (seconds, nanoseconds) = if address == 0 {
        (None, None)
    } else if wide {
        (kernel.user_u64(address), kernel.user_u64(address.wrapping_add(8)))
    } else {
        let seconds = kernel.user_u32(address).map(u64::from);
        (seconds, kernel.user_u32(address.wrapping_add(4)).map(u64::from))
    };
    let whole = seconds.unwrap_or(0).wrapping_mul(1_000_000_000);
    kernel.put_u64(whole.wrapping_add(nanoseconds.unwrap_or(0)));
}
