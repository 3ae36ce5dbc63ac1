// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of calls that open files by name or handle. They tell the file that was found too: device, inode, layer, path.

use super::flags::{file_mode, layer, open_flags, open_mode, opened_flags, resolve_flags};
use super::kernel::{FileFact, Kernel};
use super::paths::{self, AT_FDCWD};

/// `open`: fd, name, flags, mode, dev, ino.
#[inline(always)]
pub fn open<K: Kernel>(kernel: &mut K) {
    let file = opened(kernel);
    kernel.put_result();
    kernel.put_text_argument(0);
    let flags = kernel.u32_argument(1);
    put_flags(kernel, file, flags);
    kernel.put_u32(open_mode(flags, kernel.u32_argument(2)));
    put_file(kernel, file);
    paths::opened(kernel, file, (AT_FDCWD, kernel.argument(0)));
}

/// `openat`: fd, dirfd, name, flags, mode, dev, ino.
#[inline(always)]
pub fn openat<K: Kernel>(kernel: &mut K) {
    let file = opened(kernel);
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_text_argument(1);
    let flags = kernel.u32_argument(2);
    put_flags(kernel, file, flags);
    kernel.put_u32(open_mode(flags, kernel.u32_argument(3)));
    put_file(kernel, file);
    paths::opened(kernel, file, (kernel.int_argument(0), kernel.argument(1)));
}

/// `openat2`: fd, dirfd, name, flags, mode, resolve, dev, ino. The third argument points to flags, mode and resolve.
#[inline(always)]
pub fn openat2<K: Kernel>(kernel: &mut K) {
    let file = opened(kernel);
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_text_argument(1);
    let how = kernel.argument(2);
    let flags = kernel.user_u64(how).unwrap_or(0) as u32;
    put_flags(kernel, file, flags);
    let mode = kernel.user_u64(how.wrapping_add(8)).unwrap_or(0) as u32;
    kernel.put_u32(open_mode(flags, mode));
    let resolve = kernel.user_u64(how.wrapping_add(16)).unwrap_or(0);
    kernel.put_u32(resolve_flags(resolve));
    put_file(kernel, file);
    paths::opened(kernel, file, (kernel.int_argument(0), kernel.argument(1)));
}

/// `creat`: fd, name, mode, dev, ino, creat_flags.
#[inline(always)]
pub fn creat<K: Kernel>(kernel: &mut K) {
    let file = opened(kernel);
    kernel.put_result();
    kernel.put_text_argument(0);
    kernel.put_u32(file_mode(kernel.u32_argument(1)));
    put_file(kernel, file);
    let layers = file.map_or(0, |file| kernel.file_fact(file, FileFact::OverlayLayers));
    kernel.put_u16(layer(layers, 1, 2) as u16);
    paths::opened(kernel, file, (AT_FDCWD, kernel.argument(0)));
}

/// `open_by_handle_at`: fd, mountfd, flags, path, dev, ino. There is no name: the path is the kernel's.
#[inline(always)]
pub fn open_by_handle_at<K: Kernel>(kernel: &mut K) {
    let file = opened(kernel);
    kernel.put_result();
    kernel.put_fd_argument(0);
    put_flags(kernel, file, kernel.u32_argument(2));
    kernel.begin();
    if let Some(file) = file {
        let path = kernel.path(file);
        kernel.add_path(path, false);
    }
    kernel.end();
    put_file(kernel, file);
    paths::opened(kernel, file, (AT_FDCWD, 0));
}

/// The file that the call opened.
#[inline(always)]
fn opened<K: Kernel>(kernel: &mut K) -> Option<K::File> {
    let fd = kernel.return_value();
    if fd >= 0 {
        kernel.file(fd as i32)
    } else {
        None
    }
}

#[inline(always)]
fn put_flags<K: Kernel>(kernel: &mut K, file: Option<K::File>, flags: u32) {
    let mut translated = open_flags(flags);
    if let Some(file) = file {
        let mode = kernel.file_fact(file, FileFact::Mode);
        let layers = kernel.file_fact(file, FileFact::OverlayLayers);
        translated |= opened_flags(mode, layers);
    }
    kernel.put_u32(translated);
}

/// dev, ino.
#[inline(always)]
fn put_file<K: Kernel>(kernel: &mut K, file: Option<K::File>) {
    let device = file.map_or(0, |file| kernel.file_fact(file, FileFact::Device));
    kernel.put_u32(device as u32);
    let inode = file.map_or(0, |file| kernel.file_fact(file, FileFact::Inode));
    kernel.put_u64(inode);
}
