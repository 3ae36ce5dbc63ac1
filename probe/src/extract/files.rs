// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that name files: open, make, remove, rename, change.

use super::super::wire::record::Extra;
use super::flags::open_flags;
use super::kernel::{FileFact, Kernel};

/// `openat`: fd, dirfd, name, flags, mode, dev, ino.
#[inline(always)]
pub fn openat<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_user_text(kernel.argument(1));
    let flags = kernel.u32_argument(2);
    kernel.put_u32(open_flags(flags));
    kernel.put_u32(open_mode(flags, kernel.u32_argument(3)));
    opened_file(kernel);
}

/// `open`: fd, name, flags, mode, dev, ino.
#[inline(always)]
pub fn open<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_user_text(kernel.argument(0));
    let flags = kernel.u32_argument(1);
    kernel.put_u32(open_flags(flags));
    kernel.put_u32(open_mode(flags, kernel.u32_argument(2)));
    opened_file(kernel);
}

/// The mode counts only for calls that can make a file (`O_CREAT`, `O_TMPFILE`); else the argument may be anything.
#[inline(always)]
fn open_mode(flags: u32, mode: u32) -> u32 {
    const O_CREAT: u32 = 0o100;
    const O_TMPFILE: u32 = 0o20_000_000;
    if flags & (O_CREAT | O_TMPFILE) != 0 {
        mode
    } else {
        0
    }
}

/// dev, ino of the file that the call opened, and where it really is.
#[inline(always)]
fn opened_file<K: Kernel>(kernel: &mut K) {
    let fd = kernel.return_value();
    let file = if fd >= 0 { kernel.file(fd as i32) } else { None };
    let Some(file) = file else {
        kernel.put_u32(0);
        kernel.put_u64(0);
        return;
    };
    let device = kernel.file_fact(file, FileFact::Device);
    kernel.put_u32(device as u32);
    let inode = kernel.file_fact(file, FileFact::Inode);
    kernel.put_u64(inode);
    if kernel.wants_paths() {
        let path = kernel.path(file);
        kernel.put_path_extra(Extra::FilePath, path);
    }
}
