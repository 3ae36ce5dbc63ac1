// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that name files without opening them: make, remove, rename, link, change, ask.

use super::flags;
use super::kernel::Kernel;
use super::paths::{self, AT_FDCWD};

/// res, path: `unlink`, `rmdir`, `stat` and others that take nothing else.
#[inline(always)]
pub fn path<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    starts_at_argument(kernel);
}

/// `chdir`: res, path. The working directory is the new one.
#[inline(always)]
pub fn chdir<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    if !kernel.failed() {
        paths::working_directory(kernel);
    }
}

/// `getcwd`: res, path. What a failed call left in the buffer says nothing.
#[inline(always)]
pub fn getcwd<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    if kernel.failed() {
        kernel.put_empty();
    } else {
        kernel.put_text_argument(0);
    }
}

/// `mkdir`: res, path, mode.
#[inline(always)]
pub fn mkdir<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    kernel.put_u32_argument(1);
    starts_at_argument(kernel);
}

/// `mkdirat`: res, dirfd, path, mode.
#[inline(always)]
pub fn mkdirat<K: Kernel>(kernel: &mut K) {
    result_and_path_at(kernel);
    kernel.put_u32_argument(2);
    starts_at_descriptor(kernel);
}

/// `mknod`: res, path, mode, dev.
#[inline(always)]
pub fn mknod<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    kernel.put_u32(flags::node_mode(kernel.u32_argument(1)));
    kernel.put_u32_argument(2);
    starts_at_argument(kernel);
}

/// `mknodat`: res, dirfd, path, mode, dev.
#[inline(always)]
pub fn mknodat<K: Kernel>(kernel: &mut K) {
    result_and_path_at(kernel);
    kernel.put_u32(flags::node_mode(kernel.u32_argument(2)));
    kernel.put_u32_argument(3);
    starts_at_descriptor(kernel);
}

/// `unlinkat`: res, dirfd, name, flags.
#[inline(always)]
pub fn unlinkat<K: Kernel>(kernel: &mut K) {
    result_and_path_at(kernel);
    kernel.put_u32(flags::unlinkat_flags(kernel.u32_argument(2)));
    starts_at_descriptor(kernel);
}

/// res, oldpath, newpath: `rename`, `link`.
#[inline(always)]
pub fn two_paths<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    kernel.put_text_argument(1);
    paths::starts(kernel, (AT_FDCWD, kernel.argument(0)), (AT_FDCWD, kernel.argument(1)));
}

/// `renameat`: res, olddirfd, oldpath, newdirfd, newpath.
#[inline(always)]
pub fn renameat<K: Kernel>(kernel: &mut K) {
    result_and_two_paths_at(kernel);
    start_at_descriptors(kernel);
}

/// `renameat2`: res, olddirfd, oldpath, newdirfd, newpath, flags.
#[inline(always)]
pub fn renameat2<K: Kernel>(kernel: &mut K) {
    result_and_two_paths_at(kernel);
    kernel.put_u32_argument(4);
    start_at_descriptors(kernel);
}

/// `linkat`: res, olddir, oldpath, newdir, newpath, flags.
#[inline(always)]
pub fn linkat<K: Kernel>(kernel: &mut K) {
    result_and_two_paths_at(kernel);
    kernel.put_u32(flags::linkat_flags(kernel.u32_argument(4)));
    start_at_descriptors(kernel);
}

/// `symlink`: res, target, linkpath. The target is only text: it starts from where the link is.
#[inline(always)]
pub fn symlink<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    kernel.put_text_argument(1);
    paths::start(kernel, AT_FDCWD, kernel.argument(1));
}

/// `symlinkat`: res, target, linkdirfd, linkpath.
#[inline(always)]
pub fn symlinkat<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    kernel.put_fd_argument(1);
    kernel.put_text_argument(2);
    paths::start(kernel, kernel.int_argument(1), kernel.argument(2));
}

/// `chmod`: res, filename, mode.
#[inline(always)]
pub fn chmod<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    kernel.put_u32(flags::file_mode(kernel.u32_argument(1)));
    starts_at_argument(kernel);
}

/// `fchmod`: res, fd, mode.
#[inline(always)]
pub fn fchmod<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_u32(flags::file_mode(kernel.u32_argument(1)));
}

/// `fchmodat`: res, dirfd, filename, mode.
#[inline(always)]
pub fn fchmodat<K: Kernel>(kernel: &mut K) {
    result_and_path_at(kernel);
    kernel.put_u32(flags::file_mode(kernel.u32_argument(2)));
    starts_at_descriptor(kernel);
}

/// res, path, uid, gid: `chown`, `lchown`.
#[inline(always)]
pub fn chown<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    kernel.put_id_argument(1);
    kernel.put_id_argument(2);
    starts_at_argument(kernel);
}

/// `fchown`: res, fd, uid, gid.
#[inline(always)]
pub fn fchown<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_id_argument(1);
    kernel.put_id_argument(2);
}

/// `fchownat`: res, dirfd, pathname, uid, gid, flags.
#[inline(always)]
pub fn fchownat<K: Kernel>(kernel: &mut K) {
    result_and_path_at(kernel);
    kernel.put_u32_argument(2);
    kernel.put_u32_argument(3);
    kernel.put_u32(flags::fchownat_flags(kernel.u32_argument(4)));
    starts_at_descriptor(kernel);
}

/// `access`: res, name, mode.
#[inline(always)]
pub fn access<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    kernel.put_u32(flags::access_mode(kernel.u32_argument(1)));
    starts_at_argument(kernel);
}

/// `newfstatat`: res, dirfd, path, flags.
#[inline(always)]
pub fn newfstatat<K: Kernel>(kernel: &mut K) {
    result_and_path_at(kernel);
    kernel.put_u32(flags::newfstatat_flags(kernel.u32_argument(3)));
    starts_at_descriptor(kernel);
}

/// `mount`: res, dev, dir, type, flags.
#[inline(always)]
pub fn mount<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    kernel.put_text_argument(1);
    kernel.put_text_argument(2);
    kernel.put_u32(flags::mount_flags(kernel.u32_argument(3)));
    paths::start(kernel, AT_FDCWD, kernel.argument(1));
}

/// `umount2`: res, name, flags.
#[inline(always)]
pub fn umount2<K: Kernel>(kernel: &mut K) {
    result_and_path(kernel);
    kernel.put_u32(flags::umount_flags(kernel.u32_argument(1)));
    starts_at_argument(kernel);
}

#[inline(always)]
fn result_and_path<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_text_argument(0);
}

#[inline(always)]
fn result_and_path_at<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_text_argument(1);
}

#[inline(always)]
fn result_and_two_paths_at<K: Kernel>(kernel: &mut K) {
    result_and_path_at(kernel);
    kernel.put_fd_argument(2);
    kernel.put_text_argument(3);
}

/// The name is the first argument.
#[inline(always)]
fn starts_at_argument<K: Kernel>(kernel: &mut K) {
    paths::start(kernel, AT_FDCWD, kernel.argument(0));
}

/// The first argument is a directory, the second a name in it.
#[inline(always)]
fn starts_at_descriptor<K: Kernel>(kernel: &mut K) {
    paths::start(kernel, kernel.int_argument(0), kernel.argument(1));
}

#[inline(always)]
fn start_at_descriptors<K: Kernel>(kernel: &mut K) {
    let first = (kernel.int_argument(0), kernel.argument(1));
    let second = (kernel.int_argument(2), kernel.argument(3));
    paths::starts(kernel, first, second);
}
