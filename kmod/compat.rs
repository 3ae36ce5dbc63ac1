// SPDX-License-Identifier: GPL-2.0
//! Where kernels differ, and what has to be believed of them because no header tells it. A new kernel that does not build, or
//! whose facts come out wrong, is mended here.

use crate::alive::{get, Alive};
use crate::headers::{self, dentry, fs_struct, inode, signal_struct, task_struct, vfsmount};
use core::sync::atomic::{AtomicBool, Ordering};

/// Waits until no CPU runs a probe that has been unregistered (`tracepoint_synchronize_unregister`, which is inline): the
/// faultable tracepoints (system calls) run under tasks trace RCU, which is this SRCU since 6.19, the others under SRCU of
/// their own since 7.0.
pub(crate) fn wait_for_probes() {
    // SAFETY: an SRCU structure of the kernel; we may sleep.
    unsafe { headers::synchronize_srcu(&raw mut headers::rcu_tasks_trace_srcu_struct) };
    // SAFETY: as above.
    unsafe { headers::synchronize_srcu(&raw mut headers::tracepoint_srcu) };
}

/// The audit user id.
#[inline(always)]
pub(crate) fn login_uid(task: Alive<task_struct>) -> u64 {
    #[cfg(CONFIG_AUDIT)]
    return u64::from(get!(task, loginuid.val));
    #[cfg(not(CONFIG_AUDIT))]
    {
        let _ = task;
        u64::from(u32::MAX)
    }
}

/// Whether a process may have a child subreaper among its ancestors. The two are bits until 7.2, which bindgen makes methods
/// of; Kbuild looks in the header.
pub(crate) fn has_child_subreaper(signal: Alive<signal_struct>) -> bool {
    #[cfg(saker_subreaper_bits)]
    // SAFETY: allocated, by `Alive`'s invariant. Reads the word that holds the bit.
    return unsafe { (*signal.as_ptr()).has_child_subreaper() != 0 };
    #[cfg(not(saker_subreaper_bits))]
    get!(signal, has_child_subreaper)
}

/// Whether a process takes the orphans among its descendants. As [`has_child_subreaper`].
pub(crate) fn is_child_subreaper(signal: Alive<signal_struct>) -> bool {
    #[cfg(saker_subreaper_bits)]
    // SAFETY: allocated, by `Alive`'s invariant. Reads the word that holds the bit.
    return unsafe { (*signal.as_ptr()).is_child_subreaper() != 0 };
    #[cfg(not(saker_subreaper_bits))]
    get!(signal, is_child_subreaper)
}

/// The sequence counter of a task's root and working directory; odd while they are being changed.
#[inline(always)]
pub(crate) fn directories_sequence(fs: Alive<fs_struct>) -> u32 {
    get!(fs, seq.seqcount.seqcount.sequence)
}

/// The first fields of the kernel's `struct mount`, which no header of a distribution has. They have been these since 3.3.
/// [`check_mounts`] looks whether they still are.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Mount {
    hash: [usize; 2],
    pub(crate) parent: *const Mount,
    pub(crate) mountpoint: *const dentry,
    pub(crate) public: vfsmount,
}

/// The mount that the public part belongs to; `None` on a kernel whose mounts look different.
#[inline(always)]
pub(crate) fn mount_of(public: Alive<vfsmount>) -> Option<Alive<Mount>> {
    if !MOUNTS_KNOWN.load(Ordering::Relaxed) {
        return None;
    }
    let mount = public.as_ptr().wrapping_byte_sub(core::mem::offset_of!(Mount, public));
    // SAFETY: each public part is inside of a mount, and both are freed together.
    unsafe { Alive::new(mount.cast()) }
}

/// Set once by [`check_mounts`], before any hook is registered.
static MOUNTS_KNOWN: AtomicBool = AtomicBool::new(false);

/// Climbs from the current task's root to where mounts end, and sees whether each step is what [`Mount`] says. Without mounts
/// paths are recorded all the same, but not whether they are inside of the process's root.
pub(crate) fn check_mounts(task: Alive<task_struct>) -> bool {
    const MOUNTS_MAX: u32 = 64;
    // SAFETY: only the current task lets go of its directories.
    let Some(fs) = (unsafe { Alive::<fs_struct>::new(get!(task, fs)) }) else { return false };
    // SAFETY: the root directory keeps its mount.
    let Some(public) = (unsafe { Alive::new(get!(fs, root.mnt)) }) else { return false };
    MOUNTS_KNOWN.store(true, Ordering::Relaxed);
    let mut mount = mount_of(public);
    let mut known = false;
    for _ in 0..MOUNTS_MAX {
        let Some(this) = mount else { break };
        let mut parent: *const Mount = core::ptr::null();
        // SAFETY: reads one word, and fails without harm if there is none. The kernel lays out `Mount` like this, or the words
        // before the public part are others and what follows finds out.
        if !unsafe { read_kernel(&raw mut parent, &raw const (*this.as_ptr()).parent) } {
            break;
        }
        if parent.cast_mut() == this.as_ptr() {
            known = true;
            break;
        }
        let mut mountpoint: *const dentry = core::ptr::null();
        // SAFETY: as above.
        if !unsafe { read_kernel(&raw mut mountpoint, &raw const (*this.as_ptr()).mountpoint) } {
            break;
        }
        // A directory entry that something is mounted on belongs to the parent's file system.
        let (mut below, mut above) = (core::ptr::null_mut(), core::ptr::null_mut());
        // SAFETY: as above.
        let read = unsafe {
            read_kernel(&raw mut below, (&raw const (*mountpoint).d_sb).cast())
                && read_kernel(&raw mut above, (&raw const (*parent).public.mnt_sb).cast())
        };
        if !read || below != above || !core::ptr::eq::<headers::super_block>(below, above) {
            break;
        }
        // SAFETY: it has the shape of a mount, and mounts are freed by RCU.
        mount = unsafe { Alive::new(parent) };
    }
    MOUNTS_KNOWN.store(known, Ordering::Relaxed);
    known
}

/// `copy_from_kernel_nofault` of one value.
///
/// # Safety
///
/// `to` is valid; any bytes that may be at `from` make a value.
unsafe fn read_kernel<T>(to: *mut T, from: *const T) -> bool {
    // SAFETY: the callee checks `from`; the caller promises `to`.
    unsafe { headers::copy_from_kernel_nofault(to.cast(), from.cast(), core::mem::size_of::<T>()) == 0 }
}

/// Of an inode of overlayfs: bit 0 its file is in the upper layer, bit 1 in a lower one. `struct ovl_inode` is in no header;
/// the upper layer's directory entry has followed the public inode in it since 4.8.
#[inline(always)]
pub(crate) fn overlay_layers(overlay: Alive<inode>) -> u64 {
    const UPPER: u64 = 1;
    const LOWER: u64 = 2;
    // SAFETY: overlayfs allocates each of its inodes inside of a `struct ovl_inode`.
    let upper = unsafe { Alive::<dentry>::new(overlay.read(core::mem::size_of::<inode>())) };
    match upper {
        Some(upper) if !get!(upper, d_inode).is_null() => UPPER,
        _ => LOWER,
    }
}
