// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The extras that say where a name really is: the file that was opened, and the directory that a relative name starts
//! from. All from kernel objects; the names themselves are only what the program claimed.

use super::super::wire::record::Extra;
use super::kernel::Kernel;

/// The descriptor that stands for the working directory.
pub const AT_FDCWD: i32 = -100;

/// Where an open file is.
#[inline(always)]
pub fn file<K: Kernel>(kernel: &mut K, file: K::File) {
    let path = kernel.path(file);
    kernel.put_path_extra(Extra::FilePath, path);
}

/// Where the task is.
#[inline(always)]
pub fn working_directory<K: Kernel>(kernel: &mut K) {
    if let Some(path) = kernel.working_directory() {
        kernel.put_path_extra(Extra::WorkingDirectory, path);
    }
}

/// Where a call's name starts from, if it is relative.
#[inline(always)]
pub fn start<K: Kernel>(kernel: &mut K, directory: i32, name: u64) {
    if kernel.wants_paths() && descriptor_start(kernel, (directory, name), Extra::DirectoryPath) {
        working_directory(kernel);
    }
}

/// As [`start`], of a call with two names.
#[inline(always)]
pub fn starts<K: Kernel>(kernel: &mut K, first: (i32, u64), second: (i32, u64)) {
    if !kernel.wants_paths() {
        return;
    }
    let first = descriptor_start(kernel, first, Extra::DirectoryPath);
    let second = descriptor_start(kernel, second, Extra::SecondDirectoryPath);
    if first || second {
        working_directory(kernel);
    }
}

/// Tells the directory that a name starts from, unless that is the working directory: then returns true.
#[inline(always)]
fn descriptor_start<K: Kernel>(kernel: &mut K, (directory, name): (i32, u64), kind: Extra) -> bool {
    if !is_relative(kernel, name) {
        return false;
    }
    if directory == AT_FDCWD {
        return true;
    }
    descriptor(kernel, directory, kind);
    false
}

#[inline(always)]
fn descriptor<K: Kernel>(kernel: &mut K, fd: i32, kind: Extra) {
    if let Some(file) = kernel.file(fd) {
        let path = kernel.path(file);
        kernel.put_path_extra(kind, path);
    }
}

/// An empty name is relative too: it means the descriptor itself.
#[inline(always)]
fn is_relative<K: Kernel>(kernel: &mut K, name: u64) -> bool {
    name != 0 && kernel.user_u8(name).is_some_and(|first| first != b'/')
}
