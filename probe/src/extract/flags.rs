// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The tables from the kernel's flags to those of Falco's schema (`PPM_*`), which are the same on every architecture. A
//! function a kind of flag; the names of the schema's bits stand in the agent (`event/flags.rs`). Kinds that are the same in
//! both are only masked, so that a bit without a name does not take another's.
//!
//! Straight-line code: BPF has no tables of jumps, and the kernel's own tables would be one more thing to relocate.

/// Gives the bits of the schema for those of the kernel that are all set: `KERNEL => SCHEMA`.
macro_rules! translate {
    ($flags:expr; $($kernel:literal => $schema:literal),* $(,)?) => {{
        let flags = $flags;
        let mut translated = 0;
        $(if flags & $kernel == $kernel {
            translated |= $schema;
        })*
        translated
    }};
}

/// Gives the schema's number for one of the kernel's, or `else`.
macro_rules! choose {
    ($value:expr; $($kernel:literal => $schema:literal),* ; else $none:expr) => {{
        let value = $value;
        $(if value == $kernel {
            $schema
        } else)* {
            $none
        }
    }};
}

/// `O_CREAT`.
const O_CREAT: u32 = 0o100;
/// `O_TMPFILE`, which has the bit of `O_DIRECTORY` in it.
const O_TMPFILE: u32 = 0o20_200_000;

/// Flags of open: `include/uapi/asm-generic/fcntl.h` to `PPM_O_*`.
#[inline(always)]
pub fn open_flags(flags: u32) -> u32 {
    // The two lowest bits are a number: O_RDONLY, O_WRONLY, O_RDWR become bits of their own.
    let access = choose! { flags & 3; 1 => 2, 2 => 3; else 1 };
    access
        | translate! { flags;
            0o100 => 0x4,
            0o2000 => 0x8,
            0o10000 => 0x10,
            0o200 => 0x20,
            0o4000 => 0x40,
            0o4010000 => 0x80,
            0o1000 => 0x100,
            0o40000 => 0x200,
            0o200000 => 0x400,
            0o100000 => 0x800,
            0o2000000 => 0x1000,
            0o20200000 => 0x2000,
        }
}

/// The mode counts only for calls that can make a file (`O_CREAT`, `O_TMPFILE`); else the argument may be anything.
#[inline(always)]
pub fn open_mode(flags: u32, mode: u32) -> u32 {
    if flags & O_CREAT != 0 || flags & O_TMPFILE == O_TMPFILE {
        file_mode(mode)
    } else {
        0
    }
}

/// The flags that the opened file adds to those of the call: that it was made (`FMODE_CREATED`), and its layer of an overlay.
#[inline(always)]
pub fn opened_flags(mode: u64, layers: u64) -> u32 {
    const FMODE_CREATED: u64 = 0x10_0000;
    let created = if mode & FMODE_CREATED != 0 { 0x4000 } else { 0 };
    created | layer(layers, 0x8000, 0x1_0000)
}

/// A flag for the layer of an overlay that a file is in.
#[inline(always)]
pub fn layer(layers: u64, upper: u32, lower: u32) -> u32 {
    if layers & 1 != 0 {
        upper
    } else if layers & 2 != 0 {
        lower
    } else {
        0
    }
}

/// Flags of calls that make descriptors other than of files (`eventfd2`, `inotify_init1`, …), and those within a socket's
/// type.
#[inline(always)]
pub fn descriptor_flags(flags: u32) -> u32 {
    translate! { flags; 0o4000 => 0x40, 0o2000000 => 0x1000 }
}

/// Flags of `pipe2`.
#[inline(always)]
pub fn pipe_flags(flags: u32) -> u32 {
    translate! { flags; 0o4000 => 0x40, 0o40000 => 0x200, 0o2000000 => 0x1000 }
}

/// Flags of `dup3`.
#[inline(always)]
pub fn dup_flags(flags: u32) -> u32 {
    translate! { flags; 0o2000000 => 0x1000 }
}

/// How `openat2` resolves.
#[inline(always)]
pub fn resolve_flags(flags: u64) -> u32 {
    translate! { flags; 0x1 => 0x10, 0x2 => 0x4, 0x4 => 0x8, 0x8 => 0x1, 0x10 => 0x2, 0x20 => 0x20 }
}

/// Permissions: the same bits in both.
#[inline(always)]
pub fn file_mode(mode: u32) -> u32 {
    mode & 0o7777
}

/// Permissions and type of a file that `mknod` makes; no type means a regular file.
#[inline(always)]
pub fn node_mode(mode: u32) -> u32 {
    let kind = choose! { mode & 0o170000;
        0 => 0x8000, 0o100000 => 0x8000, 0o20000 => 0x2000, 0o60000 => 0x6000, 0o10000 => 0x1000, 0o140000 => 0xc000;
        else 0
    };
    file_mode(mode) | kind
}

/// How `access` asks.
#[inline(always)]
pub fn access_mode(mode: u32) -> u32 {
    mode & 7
}

/// `AT_REMOVEDIR`.
#[inline(always)]
pub fn unlinkat_flags(flags: u32) -> u32 {
    flags & 0x200
}

/// `AT_SYMLINK_FOLLOW`, `AT_EMPTY_PATH`.
#[inline(always)]
pub fn linkat_flags(flags: u32) -> u32 {
    flags & 0x1400
}

/// `AT_SYMLINK_NOFOLLOW`, `AT_NO_AUTOMOUNT`, `AT_EMPTY_PATH`.
#[inline(always)]
pub fn newfstatat_flags(flags: u32) -> u32 {
    flags & 0x1900
}

/// `AT_SYMLINK_NOFOLLOW`, which has another bit here than elsewhere, and `AT_EMPTY_PATH`.
#[inline(always)]
pub fn fchownat_flags(flags: u32) -> u32 {
    translate! { flags; 0x100 => 0x400, 0x1000 => 0x1000 }
}

/// Flags of `mount`, without the magic number that programs of the last century put before them.
#[inline(always)]
pub fn mount_flags(flags: u32) -> u32 {
    if flags & 0xffff_0000 == 0xc0ed_0000 {
        flags & 0xffff
    } else {
        flags
    }
}

/// `MNT_FORCE`, `MNT_DETACH`, `MNT_EXPIRE`, `UMOUNT_NOFOLLOW`.
#[inline(always)]
pub fn umount_flags(flags: u32) -> u32 {
    flags & 0xf
}

/// Flags of clone, unshare and setns.
#[inline(always)]
pub fn clone_flags(flags: u32) -> u32 {
    translate! { flags;
        0x0000_0100 => 0x8000,
        0x0000_0200 => 0x2,
        0x0000_0400 => 0x1,
        0x0000_0800 => 0x800,
        0x0000_2000 => 0x400,
        0x0000_4000 => 0x800_0000,
        0x0000_8000 => 0x100,
        0x0001_0000 => 0x2000,
        0x0002_0000 => 0x20,
        0x0004_0000 => 0x1000,
        0x0008_0000 => 0x200_0000,
        0x0010_0000 => 0x200,
        0x0020_0000 => 0x80_0000,
        0x0080_0000 => 0x4000,
        0x0100_0000 => 0x100_0000,
        0x0200_0000 => 0x1000_0000,
        0x0400_0000 => 0x80,
        0x0800_0000 => 0x8,
        0x1000_0000 => 0x10_0000,
        0x2000_0000 => 0x40,
        0x4000_0000 => 0x10,
        0x8000_0000 => 0x4,
    }
}

/// Protection of memory.
#[inline(always)]
pub fn protection(flags: u32) -> u32 {
    flags & 0xf | translate! { flags; 0x0100_0000 => 0x10, 0x0200_0000 => 0x20 }
}

/// Flags of mmap.
#[inline(always)]
pub fn mmap_flags(flags: u32) -> u32 {
    translate! { flags;
        0x1 => 0x1,
        0x2 => 0x2,
        0x10 => 0x4,
        0x20 => 0x8,
        0x40 => 0x10,
        0x4000 => 0x40,
        0x8000 => 0x80,
        0x1_0000 => 0x100,
        0x100 => 0x200,
        0x800 => 0x400,
        0x1000 => 0x800,
        0x2000 => 0x4000,
    }
}

/// Commands of fcntl. Those for 64-bit offsets, which only 32-bit calls have, become the plain ones: they mean the same.
#[inline(always)]
pub fn fcntl_command(command: u32) -> u8 {
    choose! { command;
        0 => 1, 1 => 2, 2 => 3, 3 => 4, 4 => 5, 5 => 6, 6 => 8, 7 => 9, 8 => 10, 9 => 12, 10 => 13, 11 => 15,
        12 => 6, 13 => 8, 14 => 9, 15 => 21, 16 => 22, 36 => 30, 37 => 31, 38 => 32,
        1024 => 23, 1025 => 24, 1026 => 27, 1029 => 25, 1030 => 26, 1031 => 28, 1032 => 29;
        else 0
    }
}

/// `LOCK_SH`, `LOCK_EX`, `LOCK_NB`, `LOCK_UN`.
#[inline(always)]
pub fn flock_operation(operation: u32) -> u32 {
    operation & 0xf
}

/// From where `lseek` counts: `SEEK_SET`, `SEEK_CUR`, `SEEK_END`.
#[inline(always)]
pub fn seek_origin(whence: u32) -> u8 {
    choose! { whence; 1 => 1, 2 => 2; else 0 }
}

/// `RLIMIT_*`.
#[inline(always)]
pub fn limit_resource(resource: u32) -> u8 {
    if resource < 16 {
        resource as u8
    } else {
        255
    }
}

/// Levels of socket options.
#[inline(always)]
pub fn option_level(level: u32) -> u8 {
    choose! { level; 1 => 1, 6 => 2; else 0 }
}

/// Socket options of `SOL_SOCKET`: up to 50 the schema has the kernel's numbers.
#[inline(always)]
pub fn option_name(level: u32, name: u32) -> u8 {
    if level != 1 {
        0
    } else if name <= 50 {
        name as u8
    } else {
        choose! { name; 55 => 52, 57 => 53, 59 => 51, 66 => 20, 67 => 21; else 0 }
    }
}

/// What a poll found.
#[inline(always)]
pub fn poll_events(events: u16) -> u16 {
    translate! { events;
        0x1 => 0x1,
        0x2 => 0x2,
        0x4 => 0x4,
        0x2000 => 0x8,
        0x8 => 0x10,
        0x10 => 0x20,
        0x20 => 0x40,
        0x40 => 0x80,
        0x80 => 0x100,
        0x100 => 0x200,
        0x200 => 0x400,
    }
}

/// Operation of futex, `FUTEX_PRIVATE_FLAG` and `FUTEX_CLOCK_REALTIME`.
#[inline(always)]
pub fn futex_operation(operation: u32) -> u16 {
    let number = if operation & 127 <= 12 { operation & 127 } else { 0 };
    (number | operation & 0x180) as u16
}

/// Error code of a page fault (x86). Bits that are not set have names too.
#[inline(always)]
pub fn fault_error(error: u64) -> u32 {
    let protection = if error & 1 != 0 { 0x1 } else { 0x2 };
    let access = if error & 2 != 0 { 0x4 } else { 0x8 };
    let mode = if error & 4 != 0 { 0x10 } else { 0x20 };
    protection | access | mode | translate! { error; 0x8 => 0x40, 0x10 => 0x80 }
}

/// `IPC_CREAT`, `IPC_EXCL`.
#[inline(always)]
pub fn semget_flags(flags: u32) -> u32 {
    translate! { flags; 0o1000 => 0x2000, 0o2000 => 0x4000 }
}

/// `IPC_NOWAIT`, `SEM_UNDO`.
#[inline(always)]
pub fn semop_flags(flags: u16) -> u16 {
    translate! { flags; 0o4000 => 0x1, 0x1000 => 0x2 }
}

/// Commands of semctl. 32-bit programs add `IPC_64` to them.
#[inline(always)]
pub fn semctl_command(command: u32) -> u16 {
    choose! { command & !0x100;
        2 => 0x1, 1 => 0x2, 0 => 0x4, 3 => 0x8, 19 => 0x10, 18 => 0x20, 13 => 0x40, 14 => 0x80, 11 => 0x100,
        12 => 0x200, 15 => 0x400, 17 => 0x800, 16 => 0x1000;
        else 0
    }
}

/// Requests of ptrace, with x86's own from 12 to 33.
#[inline(always)]
pub fn ptrace_request(request: u64) -> u16 {
    choose! { request;
        0 => 1, 1 => 2, 2 => 3, 3 => 4, 4 => 5, 5 => 6, 6 => 7, 7 => 8, 8 => 9, 9 => 10,
        12 => 26, 13 => 27, 14 => 28, 15 => 29, 16 => 11, 17 => 12, 18 => 30, 19 => 31, 21 => 32, 24 => 13,
        25 => 33, 26 => 34, 30 => 35, 31 => 36, 32 => 37, 33 => 38,
        0x4200 => 14, 0x4201 => 15, 0x4202 => 16, 0x4203 => 17, 0x4204 => 18, 0x4205 => 19, 0x4206 => 20,
        0x4207 => 21, 0x4208 => 22, 0x4209 => 23, 0x420a => 24, 0x420b => 25;
        else 0
    }
}

/// Commands of quotactl: all but the lowest byte of its first argument.
#[inline(always)]
pub fn quota_command(command: u32) -> u16 {
    choose! { command >> 8;
        0x80_0001 => 0x80, 0x80_0002 => 0x1, 0x80_0003 => 0x2, 0x80_0004 => 0x4, 0x80_0005 => 0x8,
        0x80_0006 => 0x10, 0x80_0007 => 0x20, 0x80_0008 => 0x40,
        0x5801 => 0x100, 0x5802 => 0x200, 0x5803 => 0x400, 0x5804 => 0x800, 0x5805 => 0x1000, 0x5806 => 0x2000,
        0x5807 => 0x4000;
        else 0
    }
}

/// Whose quota: the lowest byte of quotactl's first argument.
#[inline(always)]
pub fn quota_type(command: u32) -> u8 {
    choose! { command & 0xff; 0 => 1, 1 => 2; else 0 }
}

/// Format of quota files (`QFMT_*`).
#[inline(always)]
pub fn quota_format(format: u32) -> u8 {
    choose! { format; 1 => 2, 2 => 4, 4 => 8; else 1 }
}

/// `DQF_ROOT_SQUASH`, or that nothing is set.
#[inline(always)]
pub fn quota_flags(flags: u32) -> u8 {
    choose! { flags & 1; 1 => 2; else 1 }
}

/// Flags of io_uring_setup.
#[inline(always)]
pub fn ring_setup_flags(flags: u32) -> u32 {
    translate! { flags;
        0x1 => 0x1,
        0x2 => 0x2,
        0x4 => 0x8,
        0x8 => 0x10,
        0x10 => 0x20,
        0x20 => 0x40,
        0x40 => 0x80,
    }
}

/// `IORING_FEAT_*`, the first eleven.
#[inline(always)]
pub fn ring_features(features: u32) -> u32 {
    features & 0x7ff
}

/// `IORING_ENTER_*`, the first four.
#[inline(always)]
pub fn ring_enter_flags(flags: u32) -> u32 {
    flags & 0xf
}

/// `MCL_CURRENT`, `MCL_FUTURE`, `MCL_ONFAULT`.
#[inline(always)]
pub fn mlockall_flags(flags: u32) -> u32 {
    flags & 7
}

/// `MLOCK_ONFAULT`.
#[inline(always)]
pub fn mlock2_flags(flags: u32) -> u32 {
    flags & 1
}

/// `MFD_CLOEXEC`, `MFD_ALLOW_SEALING`, `MFD_HUGETLB`.
#[inline(always)]
pub fn memfd_flags(flags: u32) -> u32 {
    flags & 7
}

/// `SPLICE_F_*`.
#[inline(always)]
pub fn splice_flags(flags: u32) -> u32 {
    flags & 0xf
}

/// `EPOLL_CLOEXEC`.
#[inline(always)]
pub fn epoll_flags(flags: u32) -> u32 {
    translate! { flags; 0o2000000 => 1 }
}

/// `PIDFD_NONBLOCK`.
#[inline(always)]
pub fn pidfd_flags(flags: u32) -> u32 {
    translate! { flags; 0o4000 => 1 }
}

/// `MODULE_INIT_*`.
#[inline(always)]
pub fn finit_module_flags(flags: u32) -> u32 {
    flags & 7
}

/// `O_NONBLOCK` and `O_TRUNC` of delete_module.
#[inline(always)]
pub fn delete_module_flags(flags: u32) -> u32 {
    translate! { flags; 0o1000 => 1, 0o4000 => 2 }
}

/// `CLOSE_RANGE_UNSHARE`, `CLOSE_RANGE_CLOEXEC`.
#[inline(always)]
pub fn close_range_flags(flags: u32) -> u32 {
    flags & 6
}

/// Capabilities: the same bits in both, as far as the schema has names.
#[inline(always)]
pub fn capabilities(bits: u64) -> u64 {
    bits & 0x1ff_ffff_ffff
}
