// SPDX-License-Identifier: GPL-2.0
//! Open files and paths, from the kernel's objects.

use crate::alive::{get, Alive};
use crate::compat::{self, Mount};
use crate::extract::kernel::FileFact;
use crate::headers::{
    self, cred, dentry, fdtable, file, files_struct, fs_struct, inode, path, qstr, super_block, task_struct,
    vfsmount,
};
use crate::task;
use crate::wire::record::path as ending;
use core::mem::MaybeUninit;

/// References to files that are held while a record is written. Whoever has one must call [`Held::release`] in the end.
///
/// Only where another thread shares the descriptor table: nobody but the current task could close the file otherwise.
pub(crate) struct Held {
    /// The first `count` are initialised.
    files: [MaybeUninit<*mut file>; Held::ROOM],
    count: u32,
}

impl Held {
    /// No extractor asks for more files of one call.
    const ROOM: usize = 6;

    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { files: [const { MaybeUninit::uninit() }; Self::ROOM], count: 0 }
    }

    /// Whether there is room for one more.
    fn has_room(&self) -> bool {
        (self.count as usize) < Self::ROOM
    }

    /// Keeps a reference.
    fn keep(&mut self, file: *mut file) {
        if let Some(place) = self.files.get_mut(self.count as usize) {
            place.write(file);
            self.count = self.count.wrapping_add(1);
        }
    }

    /// Whether there is none.
    #[inline(always)]
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Gives all back.
    pub(crate) fn release(&mut self) {
        for file in self.files.iter().take(self.count as usize) {
            // SAFETY: one of the first `count`.
            let file = unsafe { file.assume_init() };
            // SAFETY: `keep` was given a reference. What the last one needs is done when the task returns to user space.
            unsafe { headers::fput(file) };
        }
        self.count = 0;
    }
}

/// The open file with a descriptor of the current task.
#[inline(never)]
pub(crate) fn of_descriptor(task: Alive<task_struct>, fd: i32, held: &mut Held) -> Option<Alive<file>> {
    let fd = u32::try_from(fd).ok()?;
    // SAFETY: only the current task lets go of its table.
    let files: Alive<files_struct> = unsafe { Alive::new(get!(task, files))? };
    if get!(files, count.counter) != 1 {
        if !held.has_room() {
            return None;
        }
        // SAFETY: takes a reference, or returns null.
        let file = unsafe { headers::fget_raw(fd) };
        if file.is_null() {
            return None;
        }
        held.keep(file);
        // SAFETY: a reference is held.
        return unsafe { Alive::new(file) };
    }
    // SAFETY: a table that has been replaced by a larger one is freed by RCU.
    let table: Alive<fdtable> = unsafe { Alive::new(get!(files, fdt))? };
    if fd >= get!(table, max_fds) {
        return None;
    }
    // SAFETY: inside of the array, which has `max_fds` elements.
    let entry = unsafe { get!(table, fd).wrapping_add(fd as usize).read_volatile() };
    // SAFETY: nobody but the current task can close it, and that is here.
    unsafe { Alive::new(entry) }
}

/// The file that the current task executes.
#[inline(never)]
pub(crate) fn executable(task: Alive<task_struct>, held: &mut Held) -> Option<Alive<file>> {
    let mm = task::memory(task)?;
    if !held.has_room() {
        return None;
    }
    // Another thread may replace it (`PR_SET_MM_EXE_FILE`).
    // SAFETY: `exe_file` is a pointer to a file that RCU readers may follow; this takes a reference or returns null.
    let file = unsafe { headers::get_file_rcu(mm.field(headers::OFFSET_MM_EXE_FILE)) };
    if file.is_null() {
        return None;
    }
    held.keep(file);
    // SAFETY: a reference is held.
    unsafe { Alive::new(file) }
}

#[inline(always)]
fn inode_of(file: Alive<file>) -> Option<Alive<inode>> {
    // SAFETY: a file keeps its inode.
    unsafe { Alive::new(get!(file, f_inode)) }
}

#[inline(always)]
fn super_block_of(inode: Alive<inode>) -> Option<Alive<super_block>> {
    // SAFETY: an inode keeps its file system.
    unsafe { Alive::new(get!(inode, i_sb)) }
}

/// A fact of an open file.
#[inline(always)]
pub(crate) fn fact(task: Alive<task_struct>, file: Alive<file>, fact: FileFact) -> u64 {
    match fact {
        FileFact::OpenFlags => u64::from(get!(file, f_flags)),
        FileFact::Mode => u64::from(get!(file, f_mode)),
        FileFact::Memfd => u64::from(is_memfd(file)),
        _ => inode_of(file).map_or(0, |inode| inode_fact(task, inode, fact)),
    }
}

#[inline(always)]
fn inode_fact(task: Alive<task_struct>, inode: Alive<inode>, fact: FileFact) -> u64 {
    match fact {
        FileFact::Device => super_block_of(inode).map_or(0, |sb| task::encode_device(get!(sb, s_dev))),
        FileFact::Inode => get!(inode, i_ino),
        FileFact::InodeMode => u64::from(get!(inode, i_mode)),
        // SAFETY: `i_nlink` is an unsigned int.
        FileFact::Links => u64::from(unsafe { inode.read::<u32>(headers::OFFSET_INODE_LINKS) }),
        FileFact::ChangeTime => nanoseconds(get!(inode, i_ctime_sec), get!(inode, i_ctime_nsec)),
        FileFact::ModifyTime => nanoseconds(get!(inode, i_mtime_sec), get!(inode, i_mtime_nsec)),
        FileFact::OwnerUid => u64::from(get!(inode, i_uid.val)),
        FileFact::FileSystem => super_block_of(inode).map_or(0, |sb| get!(sb, s_magic) as u64),
        FileFact::OverlayLayers => match super_block_of(inode) {
            Some(sb) if get!(sb, s_magic) == headers::OVERLAYFS_SUPER_MAGIC as usize => {
                compat::overlay_layers(inode)
            }
            _ => 0,
        },
        FileFact::Writable => u64::from(is_writable(task, inode)),
        FileFact::OpenFlags | FileFact::Mode | FileFact::Memfd => 0,
    }
}

#[inline(always)]
fn nanoseconds(seconds: i64, nanoseconds: u32) -> u64 {
    /// The bits of a time that are nanoseconds: Linux 6.13 keeps a mark of its own in the highest one (`I_CTIME_QUERIED`).
    const NANOSECONDS: u32 = 0x3fff_ffff;
    (seconds as u64).wrapping_mul(1_000_000_000).wrapping_add(u64::from(nanoseconds & NANOSECONDS))
}

/// Whether the current task may write to a file, or may give itself the right to.
#[inline(never)]
fn is_writable(task: Alive<task_struct>, inode: Alive<inode>) -> bool {
    /// Write permission of the group (`S_IWGRP`).
    const GROUP_WRITES: u16 = 0o020;
    /// Write permission of all others (`S_IWOTH`).
    const OTHERS_WRITE: u16 = 0o002;
    /// An id that nobody has (`INVALID_UID`).
    const NOBODY: u32 = u32::MAX;
    let Some(sb) = super_block_of(inode) else { return false };
    if get!(sb, s_flags) & headers::NUMBER_SB_RDONLY != 0 || get!(inode, i_flags) & headers::S_IMMUTABLE != 0
    {
        return false;
    }
    let (owner, group) = (get!(inode, i_uid.val), get!(inode, i_gid.val));
    if owner == NOBODY || group == NOBODY {
        return false;
    }
    let credentials = task::credentials(task);
    if get!(credentials, fsuid.val) == owner {
        return true;
    }
    let mode = get!(inode, i_mode);
    if mode & OTHERS_WRITE != 0 || mode & GROUP_WRITES != 0 && is_member(credentials, group) {
        return true;
    }
    let overrides: u64 = 1 << headers::CAP_DAC_OVERRIDE | 1 << headers::CAP_FOWNER;
    // In a user namespace of its own a task has these capabilities only over ids that the namespace has.
    get!(credentials, cap_effective.val) & overrides != 0 && maps(credentials, owner, group)
}

/// Whether a task's file group or one of its other groups is this one.
fn is_member(credentials: Alive<cred>, group: u32) -> bool {
    /// The most groups that a task can have (`NGROUPS_MAX`).
    const GROUPS_MAX: u32 = 65_536;
    if get!(credentials, fsgid.val) == group {
        return true;
    }
    // SAFETY: credentials keep their groups.
    let Some(groups) = (unsafe { Alive::<headers::group_info>::new(get!(credentials, group_info)) }) else {
        return false;
    };
    let count = (get!(groups, ngroups) as u32).min(GROUPS_MAX);
    let list = groups.as_ptr();
    // SAFETY: allocated; this only makes an address.
    let list: *const u32 = unsafe { (&raw const (*list).gid).cast() };
    // The kernel keeps the list sorted.
    let (mut from, mut to) = (0, count);
    while from < to {
        let middle = from.wrapping_add(to.wrapping_sub(from) >> 1);
        // SAFETY: `middle` is below `ngroups`.
        let found = unsafe { list.wrapping_add(middle as usize).read_volatile() };
        match found.cmp(&group) {
            core::cmp::Ordering::Equal => return true,
            core::cmp::Ordering::Less => from = middle.wrapping_add(1),
            core::cmp::Ordering::Greater => to = middle,
        }
    }
    false
}

/// Whether the user namespace of credentials has both ids.
fn maps(credentials: Alive<cred>, owner: u32, group: u32) -> bool {
    let namespace = get!(credentials, user_ns);
    if core::ptr::eq(namespace, &raw const headers::init_user_ns) {
        return true;
    }
    // SAFETY: only looks the ids up; credentials keep their namespace.
    let owner = unsafe { headers::from_kuid(namespace, headers::kuid_t { val: owner }) };
    // SAFETY: as above.
    let group = unsafe { headers::from_kgid(namespace, headers::kgid_t { val: group }) };
    owner != u32::MAX && group != u32::MAX
}

/// A file of `memfd_create`: it is the root of nothing else, and the kernel gave it this name.
fn is_memfd(file: Alive<file>) -> bool {
    const PREFIX: &[u8] = b"memfd:";
    // SAFETY: a file keeps its directory entry.
    let Some(entry) = (unsafe { Alive::<dentry>::new(path_of(file).dentry) }) else { return false };
    if get!(entry, d_parent) != entry.as_ptr() {
        return false;
    }
    // SAFETY: `d_name` is a `qstr`.
    let name: *const u8 = unsafe { (*entry.field::<qstr>(headers::OFFSET_DENTRY_NAME)).name.cast() };
    // SAFETY: names end in a NUL, so nothing is read behind one; a name that is replaced is freed by RCU.
    PREFIX.iter().enumerate().all(|(at, byte)| unsafe { name.wrapping_add(at).read() } == *byte)
}

/// Where an open file is.
#[inline(always)]
pub(crate) fn path_of(file: Alive<file>) -> path {
    // SAFETY: `f_path` is a `path`.
    unsafe { file.read(headers::OFFSET_FILE_PATH) }
}

/// Which of a task's two directories.
#[derive(Clone, Copy)]
pub(crate) enum Directory {
    Root,
    Working,
}

/// A directory of the current task, in one piece also if another thread that shares it is just changing it.
#[inline(always)]
pub(crate) fn directory(task: Alive<task_struct>, which: Directory) -> Option<path> {
    /// How often to look again.
    const ATTEMPTS: u32 = 8;
    // SAFETY: only the current task lets go of its directories.
    let fs: Alive<fs_struct> = unsafe { Alive::new(get!(task, fs))? };
    for _ in 0..ATTEMPTS {
        let before = compat::directories_sequence(fs);
        // Volatile reads, which x86 does in order; elsewhere this needs a read barrier.
        let found = match which {
            Directory::Root => get!(fs, root),
            Directory::Working => get!(fs, pwd),
        };
        if before & 1 == 0 && compat::directories_sequence(fs) == before {
            return (!found.mnt.is_null() && !found.dentry.is_null()).then_some(found);
        }
    }
    None
}

/// What a path turned out to be.
pub(crate) struct Written {
    /// Bytes, the closing NUL included.
    pub(crate) length: usize,
    /// Bits of [`ending`].
    pub(crate) ending: u32,
}

/// Writes a path, closed by a NUL; `None` if the kernel could not tell it. `room` bytes are there, and all may be written.
///
/// # Safety
///
/// `to` is valid for writes of `room` bytes. The path's mount and directory entry are alive.
#[inline(never)]
pub(crate) unsafe fn write_path(
    task: Alive<task_struct>,
    place: path,
    to: *mut u8,
    room: usize,
) -> Option<Written> {
    const DELETED: &[u8] = b" (deleted)";
    // SAFETY: the caller promises both. Takes no locks and does not sleep.
    let text = unsafe { headers::d_path(&raw const place, to.cast(), room as i32) };
    let end = to.wrapping_add(room);
    let mut ending = how_it_ends(task, place);
    let mut from = text.cast::<u8>();
    if !(to..end).contains(&from) {
        // A negative error number. The buffer was filled from its end, and holds the right-hand part of the name.
        const ENAMETOOLONG: isize = 36;
        if from as isize != -ENAMETOOLONG {
            return None;
        }
        ending |= ending::CUT_BYTES;
        from = to;
        while from < end {
            // SAFETY: inside of the buffer.
            if unsafe { from.read() } == b'/' {
                break;
            }
            from = from.wrapping_add(1);
        }
    }
    let mut length = (end as usize).wrapping_sub(from as usize);
    if has_no_name(place) {
        ending |= ending::DELETED;
        let without = length.wrapping_sub(DELETED.len()).wrapping_sub(1);
        let suffix = from.wrapping_add(without);
        // SAFETY: `suffix` is inside of the buffer if the name is longer than it.
        let deleted = length > DELETED.len().wrapping_add(1)
            && DELETED
                .iter()
                .enumerate()
                .all(|(at, byte)| unsafe { suffix.wrapping_add(at).read() } == *byte);
        if deleted {
            // SAFETY: inside of the buffer.
            unsafe { suffix.write(0) };
            length = without.wrapping_add(1);
        }
    }
    // SAFETY: both inside of the buffer; they may overlap.
    unsafe { core::ptr::copy(from, to, length) };
    Some(Written { length, ending })
}

/// Whether a file has been removed from its directory, or never was in one.
#[inline(always)]
fn has_no_name(place: path) -> bool {
    // SAFETY: the caller of `write_path` promises that it is alive.
    let Some(entry) = (unsafe { Alive::<dentry>::new(place.dentry) }) else { return false };
    get!(entry, d_hash.pprev).is_null() && (get!(entry, d_parent) != entry.as_ptr() || names_itself(entry))
}

/// Whether a file has a name that its file system makes up: a pipe, a socket, a memfd.
#[inline(always)]
fn names_itself(entry: Alive<dentry>) -> bool {
    // SAFETY: operations are static, and their module is kept by the file system.
    let operations = unsafe { Alive::<headers::dentry_operations>::new(get!(entry, d_op)) };
    operations.is_some_and(|operations| get!(operations, d_dname).is_some())
}

/// Where a path leads when it is followed upwards: bits of [`ending`].
#[inline(always)]
fn how_it_ends(task: Alive<task_struct>, place: path) -> u32 {
    /// A bound for a walk that another CPU may change at any time.
    const MOUNTS_MAX: u32 = 256;
    // SAFETY: the caller of `write_path` promises that both are alive.
    let (Some(entry), Some(public)) =
        (unsafe { (Alive::<dentry>::new(place.dentry), Alive::new(place.mnt)) })
    else {
        return ending::FAULT;
    };
    // As `d_path` decides it: the root of a mount in the tree has its path for a name.
    if names_itself(entry)
        && (get!(entry, d_parent) != entry.as_ptr() || entry.as_ptr() != get!(public, mnt_root))
    {
        return ending::DETACHED;
    }
    let Some(root) = directory(task, Directory::Root) else { return ending::FAULT };
    let Some(mut mount) = compat::mount_of(public) else { return ending::RACES_UNCHECKED };
    let mut entry = entry;
    for _ in 0..MOUNTS_MAX {
        let top = get!(mount, public.mnt_root);
        if public_part(mount) == root.mnt {
            let inside = core::ptr::eq(root.dentry, top) || is_below(entry, root.dentry);
            return if inside { ending::ROOT } else { ending::OUTSIDE };
        }
        // Of a mount of a part of a file system: what was moved out of that part has no path.
        // SAFETY: a mount keeps its file system.
        let whole = unsafe { Alive::<super_block>::new(get!(mount, public.mnt_sb)) }
            .is_some_and(|sb| get!(sb, s_root) == top);
        if !whole && !is_below(entry, top) {
            return ending::DETACHED;
        }
        let parent = get!(mount, parent);
        if core::ptr::eq(parent, mount.as_ptr()) {
            return ending::OUTSIDE;
        }
        // SAFETY: a mount and its mountpoint are freed by RCU.
        let next = unsafe { (Alive::<Mount>::new(parent), Alive::<dentry>::new(get!(mount, mountpoint))) };
        let (Some(parent), Some(mountpoint)) = next else { return ending::FAULT };
        (mount, entry) = (parent, mountpoint);
    }
    ending::CUT_COMPONENTS
}

#[inline(always)]
fn public_part(mount: Alive<Mount>) -> *mut vfsmount {
    let mount = mount.as_ptr();
    // SAFETY: allocated; this only makes an address.
    unsafe { &raw mut (*mount).public }
}

/// Whether a directory entry is this one or below it, in its own file system.
#[inline(always)]
fn is_below(entry: Alive<dentry>, top: *mut dentry) -> bool {
    /// A path has fewer components.
    const COMPONENTS_MAX: u32 = 4096;
    let mut entry = entry;
    for _ in 0..COMPONENTS_MAX {
        if entry.as_ptr() == top {
            return true;
        }
        // SAFETY: directory entries are freed by RCU.
        let Some(parent) = (unsafe { Alive::new(get!(entry, d_parent)) }) else { return false };
        if parent.as_ptr() == entry.as_ptr() {
            return false;
        }
        entry = parent;
    }
    false
}
