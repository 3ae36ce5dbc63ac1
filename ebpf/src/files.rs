// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Facts of open files.

use crate::extract::kernel::FileFact;

use core::num::NonZeroU64;

use crate::access::{kernel_or_0, load, opaque};
use crate::helpers::get_current_task_btf;
use crate::layout::*;
use crate::task::{credentials, encode_device, field, memory, pointer};

/// `TMPFS_MAGIC`, `HUGETLBFS_MAGIC`, `OVERLAYFS_SUPER_MAGIC`.
const TMPFS: u64 = 0x0102_1994;
const HUGETLBFS: u64 = 0x9584_58f6;
const OVERLAYFS: u64 = 0x794c_7630;

/// An open file: the address of its `struct file`. Never 0, so that to have none is a number too: what an `Option` of something else
/// holds without a value the compiler copies about, and verifiers refuse that.
pub type File = NonZeroU64;

/// The file with a descriptor of the current task.
#[inline(always)]
pub fn of_descriptor(fd: i32) -> Option<File> {
    let files = load::<*const u8>(get_current_task_btf(), constant(&TASK_FILES) as usize);
    if files.is_null() {
        return None;
    }
    let table = load::<*const u8>(files, constant(&FILES_TABLE) as usize);
    if table.is_null() {
        return None;
    }
    if fd < 0 || fd as u32 >= load::<u32>(table, constant(&TABLE_SIZE) as usize) {
        return None;
    }
    let list = load::<u64>(table, constant(&TABLE_FILES) as usize);
    NonZeroU64::new(kernel_or_0(list.wrapping_add(u64::from(fd as u32) * 8)))
}

/// The file that the current task executes.
#[inline(always)]
pub fn executable() -> Option<File> {
    let memory = memory();
    if memory == 0 {
        return None;
    }
    NonZeroU64::new(pointer(memory, &MM_EXE_FILE))
}

/// A fact.
#[inline(always)]
pub fn fact(file: File, fact: FileFact) -> u64 {
    let file = file.get();
    match fact {
        FileFact::OpenFlags => return u64::from(field::<u32>(file, &FILE_FLAGS)),
        FileFact::Mode => return u64::from(field::<u32>(file, &FILE_MODE)),
        _ => {}
    }
    let inode = pointer(file, &FILE_INODE);
    match fact {
        FileFact::Device => {
            let device = field::<u32>(pointer(inode, &INODE_SUPER), &SUPER_DEVICE);
            u64::from(encode_device(device >> 20, device & 0xf_ffff))
        }
        FileFact::Inode => field(inode, &INODE_NUMBER),
        FileFact::InodeMode => u64::from(field::<u16>(inode, &INODE_MODE)),
        FileFact::Links => u64::from(field::<u32>(inode, &INODE_LINKS)),
        FileFact::ChangeTime => time(inode, &INODE_CTIME, &INODE_CTIME_NANOSECONDS),
        FileFact::ModifyTime => time(inode, &INODE_MTIME, &INODE_MTIME_NANOSECONDS),
        FileFact::OwnerUid => u64::from(field::<u32>(inode, &INODE_UID)),
        FileFact::FileSystem => file_system(inode),
        FileFact::OverlayLayers => overlay_layers(file, inode),
        FileFact::Writable => u64::from(writable(inode)),
        FileFact::Memfd => u64::from(is_memfd(file, inode)),
        FileFact::OpenFlags | FileFact::Mode => 0,
    }
}

#[inline(always)]
fn file_system(inode: u64) -> u64 {
    field(pointer(inode, &INODE_SUPER), &SUPER_MAGIC)
}

/// The bits of a time that are nanoseconds: Linux 6.13 keeps a mark of its own in the highest one (`I_CTIME_QUERIED`).
const NANOSECONDS: u32 = 0x3fff_ffff;

#[inline(always)]
fn time(inode: u64, seconds: &'static Constant, nanoseconds: &'static Constant) -> u64 {
    field::<u64>(inode, seconds)
        .wrapping_mul(1_000_000_000)
        .wrapping_add(u64::from(field::<u32>(inode, nanoseconds) & NANOSECONDS))
}

/// Which layers of an overlay have the file. The inode of an overlay is the first part of a larger struct, which module BTF would
/// describe: behind the inode comes the directory entry of the upper layer.
#[inline(always)]
fn overlay_layers(file: u64, inode: u64) -> u64 {
    if file_system(inode) != OVERLAYFS {
        return 0;
    }
    let upper = kernel_or_0::<u64>(inode.wrapping_add(constant(&INODE_SIZE))) != 0;
    // The entry's own data says whether it has lower layers; before a copy-up it must have.
    let entry = pointer(file.wrapping_add(constant(&FILE_PATH)), &PATH_DENTRY);
    let lower = pointer(entry, &DENTRY_PRIVATE) != 0 || !upper;
    u64::from(upper) | u64::from(lower) << 1
}

/// `CAP_DAC_OVERRIDE`.
const DAC_OVERRIDE: u64 = 1 << 1;
/// How many supplementary groups are compared.
const GROUPS_MAX: u32 = 32;

/// Whether the current task may write: by owner, group or others, or because it may write to everything.
#[inline(always)]
fn writable(inode: u64) -> bool {
    let mode = field::<u16>(inode, &INODE_MODE);
    let credentials = credentials();
    if field::<u64>(credentials, &CRED_CAP_EFFECTIVE) & DAC_OVERRIDE != 0 {
        return true;
    }
    if field::<u32>(credentials, &CRED_FSUID) == field::<u32>(inode, &INODE_UID) {
        return mode & 0o200 != 0;
    }
    let group = field::<u32>(inode, &INODE_GID);
    if field::<u32>(credentials, &CRED_FSGID) == group || in_groups(credentials, group) {
        return mode & 0o020 != 0;
    }
    mode & 0o002 != 0
}

#[inline(always)]
fn in_groups(credentials: u64, group: u32) -> bool {
    let list = pointer(credentials, &CRED_GROUPS);
    let count = field::<u32>(list, &GROUPS_COUNT);
    for index in 0..GROUPS_MAX {
        if u64::from(index) >= opaque(u64::from(count)) {
            return false;
        }
        let at = list.wrapping_add(constant(&GROUPS_LIST)).wrapping_add(u64::from(index) * 4);
        if kernel_or_0::<u32>(at) == group {
            return true;
        }
    }
    false
}

/// Whether the file was made by `memfd_create`: it lies in the kernel's own tmpfs or hugetlbfs and is called `memfd:…`.
#[inline(always)]
fn is_memfd(file: u64, inode: u64) -> bool {
    let kind = file_system(inode);
    if kind != TMPFS && kind != HUGETLBFS {
        return false;
    }
    let entry = pointer(file.wrapping_add(constant(&FILE_PATH)), &PATH_DENTRY);
    let name: u64 = kernel_or_0(pointer(entry, &DENTRY_NAME));
    // It has no parent but itself, so no file in a directory can take its name.
    name & 0xffff_ffff_ffff == u64::from_le_bytes(*b"memfd:\0\0") && pointer(entry, &DENTRY_PARENT) == entry
}
