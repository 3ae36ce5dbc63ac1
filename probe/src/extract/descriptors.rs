// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that make, copy, close and steer descriptors.

use super::flags;
use super::kernel::{FileFact, Kernel};
use super::paths;

/// res, fd: `close`, `fstat`, `getdents`, `getdents64`.
#[inline(always)]
pub fn descriptor<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
}

/// `fchdir`: res, fd. The working directory is the new one.
#[inline(always)]
pub fn fchdir<K: Kernel>(kernel: &mut K) {
    descriptor(kernel);
    if !kernel.failed() {
        paths::working_directory(kernel);
    }
}

/// `close_range`: res, first, last, flags.
#[inline(always)]
pub fn close_range<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u32_argument(0);
    kernel.put_u32_argument(1);
    kernel.put_u32(flags::close_range_flags(kernel.u32_argument(2)));
}

/// `dup2`: res, oldfd, newfd.
#[inline(always)]
pub fn dup2<K: Kernel>(kernel: &mut K) {
    descriptor(kernel);
    kernel.put_fd_argument(1);
}

/// `dup3`: res, oldfd, newfd, flags.
#[inline(always)]
pub fn dup3<K: Kernel>(kernel: &mut K) {
    dup2(kernel);
    kernel.put_u32(flags::dup_flags(kernel.u32_argument(2)));
}

/// `pipe`: res, fd1, fd2, ino.
#[inline(always)]
pub fn pipe<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let first = put_pair(kernel, kernel.argument(0));
    let pipe = kernel.file(first);
    let inode = pipe.map_or(0, |file| kernel.file_fact(file, FileFact::Inode));
    kernel.put_u64(inode);
}

/// `pipe2`: res, fd1, fd2, ino, flags.
#[inline(always)]
pub fn pipe2<K: Kernel>(kernel: &mut K) {
    pipe(kernel);
    kernel.put_u32(flags::pipe_flags(non_negative(kernel, 1)));
}

/// The two descriptors that a call wrote to user memory: -1 each if it failed or they cannot be read. Returns the first,
/// as a number: the compiler for BPF copies about what an `Option` without value does not hold, and verifiers refuse that.
#[inline(always)]
pub fn put_pair<K: Kernel>(kernel: &mut K, address: u64) -> i32 {
    let made = kernel.return_value() == 0;
    let first = if made { descriptor_at(kernel, address) } else { -1 };
    let second = if made { descriptor_at(kernel, address.wrapping_add(4)) } else { -1 };
    kernel.put_i64(i64::from(first));
    kernel.put_i64(i64::from(second));
    first
}

#[inline(always)]
fn descriptor_at<K: Kernel>(kernel: &mut K, address: u64) -> i32 {
    kernel.user_u32(address).map_or(-1, |fd| fd as i32)
}

/// `eventfd`: res, initval, flags. There are no flags.
#[inline(always)]
pub fn eventfd<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u64(u64::from(kernel.u32_argument(0)));
    kernel.put_u32(0);
}

/// `eventfd2`: res, flags, initval.
#[inline(always)]
pub fn eventfd2<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u16(flags::descriptor_flags(non_negative(kernel, 1)) as u16);
    kernel.put_u64(u64::from(kernel.u32_argument(0)));
}

/// `signalfd`: res, fd, mask, flags. As in Falco the mask is left out, and there are no flags.
#[inline(always)]
pub fn signalfd<K: Kernel>(kernel: &mut K) {
    descriptor(kernel);
    kernel.put_u32(0);
    kernel.put_u8(0);
}

/// `signalfd4`: res, flags, fd, mask. As in Falco the mask is left out.
#[inline(always)]
pub fn signalfd4<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u16(flags::descriptor_flags(non_negative(kernel, 3)) as u16);
    kernel.put_fd_argument(0);
    kernel.put_u32(0);
}

/// `timerfd_create`: res, clockid, flags. Falco leaves both at 0; the flags would not fit into their byte.
#[inline(always)]
pub fn timerfd_create<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u8(0);
    kernel.put_u8(0);
}

/// `inotify_init`: res, flags. There are no flags.
#[inline(always)]
pub fn inotify_init<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u8(0);
}

/// `inotify_init1`: res, flags.
#[inline(always)]
pub fn inotify_init1<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u16(flags::descriptor_flags(non_negative(kernel, 0)) as u16);
}

/// `epoll_create`: res, size.
#[inline(always)]
pub fn epoll_create<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_i32(kernel.int_argument(0));
}

/// `epoll_create1`: res, flags.
#[inline(always)]
pub fn epoll_create1<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u32(flags::epoll_flags(kernel.u32_argument(0)));
}

/// `userfaultfd`: res, flags.
#[inline(always)]
pub fn userfaultfd<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u32_argument(0);
}

/// `memfd_create`: fd, name, flags.
#[inline(always)]
pub fn memfd_create<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_text_argument(0);
    kernel.put_u32(flags::memfd_flags(kernel.u32_argument(1)));
}

/// `pidfd_open`: fd, pid, flags.
#[inline(always)]
pub fn pidfd_open<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_u32(flags::pidfd_flags(kernel.u32_argument(1)));
}

/// `pidfd_getfd`: fd, pid_fd, target_fd, flags.
#[inline(always)]
pub fn pidfd_getfd<K: Kernel>(kernel: &mut K) {
    dup2(kernel);
    kernel.put_u32_argument(2);
}

/// `fcntl`: res, fd, cmd, arg.
#[inline(always)]
pub fn fcntl<K: Kernel>(kernel: &mut K) {
    descriptor(kernel);
    kernel.put_u8(flags::fcntl_command(kernel.u32_argument(1)));
    kernel.put_u64_argument(2);
}

/// `ioctl`: res, fd, request, argument.
#[inline(always)]
pub fn ioctl<K: Kernel>(kernel: &mut K) {
    descriptor(kernel);
    kernel.put_u64_argument(1);
    kernel.put_u64_argument(2);
}

/// `flock`: res, fd, operation.
#[inline(always)]
pub fn flock<K: Kernel>(kernel: &mut K) {
    descriptor(kernel);
    kernel.put_u32(flags::flock_operation(kernel.u32_argument(1)));
}

/// `lseek`: res, fd, offset, whence.
#[inline(always)]
pub fn lseek<K: Kernel>(kernel: &mut K) {
    descriptor(kernel);
    kernel.put_i64(kernel.long_argument(1));
    kernel.put_u8(flags::seek_origin(kernel.u32_argument(2)));
}

/// `_llseek`: res, fd, offset, whence. The offset comes in halves, high one first.
#[inline(always)]
pub fn llseek<K: Kernel>(kernel: &mut K) {
    descriptor(kernel);
    let offset = kernel.argument(1) << 32 | u64::from(kernel.u32_argument(2));
    kernel.put_u64(offset);
    kernel.put_u8(flags::seek_origin(kernel.u32_argument(4)));
}

/// Flags that are an `int`: a negative one is refused by the kernel and has no meaning.
#[inline(always)]
fn non_negative<K: Kernel>(kernel: &K, index: usize) -> u32 {
    if kernel.int_argument(index) < 0 {
        0
    } else {
        kernel.u32_argument(index)
    }
}
