// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Where a file really is: a walk over directory entries and mounts, from the file to the root of the process.
//!
//! The path grows from right to left in a buffer of its own, and the walk's state lies beside it, where the verifier forgets it
//! between steps. A walk that is cut keeps the part near the file, from a `/` on.

use core::ffi::c_void;
use core::mem::offset_of;
use core::num::NonZeroU64;
use core::ptr::from_mut;

use crate::wire::record::{path as how, PATH_SIZE_MAX};

use crate::access::{kernel, kernel_or_0, load, masked, store};
use crate::files::File;
use crate::helpers::{self, get_current_task, probe_read_kernel};
use crate::layout::*;
use crate::maps::PATHS;
use crate::task::pointer;

/// A place in the file system: the address of a `struct path`. It is read when the path is written.
pub type Place = NonZeroU64;

/// Steps of a walk, where the kernel calls the step: most verified once.
const STEPS: u32 = 256;
/// Steps of a walk where the verifier follows each.
const STEPS_UNROLLED: u32 = 64;
/// The longest name of a directory entry.
const NAME_SIZE_MAX: u64 = 255;
/// Bytes of a path with its NUL.
const SIZE: u64 = PATH_SIZE_MAX as u64;
/// Bytes of a mount, and of an entry, that hold all that a step needs.
const MOUNT_SPAN: usize = 64;
const ENTRY_SPAN: usize = 40;

/// The buffer and the walk's state.
#[repr(C)]
struct Scratch {
    /// Room for a path, and behind it for one more name: the verifier does not know that a name ends where the last one began.
    text: [u8; PATH_SIZE_MAX + 256],
    /// The place.
    entry: u64,
    mount: u64,
    /// Of the mount of the place: its own root, and where it is mounted.
    mount_root: u64,
    mount_parent: u64,
    mount_point: u64,
    /// The root of the process.
    root_entry: u64,
    root_mount: u64,
    /// Where the path begins in the buffer.
    at: u64,
    /// `wire::record::path` bits.
    how: u64,
}

/// Bytes of the buffer and the walk's state.
pub const SCRATCH_SIZE: usize = size_of::<Scratch>();

/// Where an open file is.
#[inline(always)]
pub fn of_file(file: File) -> Place {
    file.saturating_add(constant(&FILE_PATH))
}

/// Where the current task is.
#[inline(always)]
pub fn working_directory() -> Option<Place> {
    let fs = NonZeroU64::new(pointer(get_current_task(), &TASK_FS))?;
    Some(fs.saturating_add(constant(&FS_WORKING_DIRECTORY)))
}

/// Writes the path of a place and a NUL, at most [`PATH_SIZE_MAX`] bytes; gives how many, and how the walk ended.
#[inline(always)]
pub fn write(place: Place, to: *mut u8) -> (u64, u32) {
    const NOTHING: (u64, u32) = (0, how::FAULT);
    let scratch = helpers::lookup(&PATHS, 0);
    if scratch.is_null() {
        return NOTHING;
    }
    let walk = Walk(scratch);
    let locks = Locks::now();
    let fs = pointer(get_current_task(), &TASK_FS);
    let root = fs.wrapping_add(constant(&FS_ROOT));
    let entry = pointer(place.get(), &PATH_DENTRY);
    walk.set(offset_of!(Scratch, entry), entry);
    walk.set(offset_of!(Scratch, mount), pointer(place.get(), &PATH_MOUNT).wrapping_sub(constant(&MOUNT_EMBEDDED)));
    walk.set(offset_of!(Scratch, root_entry), pointer(root, &PATH_DENTRY));
    walk.set(offset_of!(Scratch, root_mount), pointer(root, &PATH_MOUNT).wrapping_sub(constant(&MOUNT_EMBEDDED)));
    walk.set(offset_of!(Scratch, at), SIZE - 1);
    walk.set(offset_of!(Scratch, how), 0);
    store(scratch, PATH_SIZE_MAX - 1, 0u8);
    if entry == 0 || !walk.enter_mount() {
        return NOTHING;
    }
    if entry != walk.get(offset_of!(Scratch, mount_root))
        && kernel_or_0::<u64>(entry.wrapping_add(constant(&DENTRY_HASHED))) == 0
    {
        walk.note(how::DELETED);
    }
    walk.run();
    if !locks.are_as_before() {
        walk.note(how::RACED);
    }
    if !locks.known() {
        walk.note(how::RACES_UNCHECKED);
    }
    let mut at = masked::<0x1fff>(walk.get(offset_of!(Scratch, at)));
    let ended = walk.get(offset_of!(Scratch, how)) as u32;
    if at == SIZE - 1 {
        // The place is the root itself.
        at = SIZE - 2;
        store(scratch, PATH_SIZE_MAX - 2, b'/');
    }
    if at > SIZE - 1 {
        return NOTHING;
    }
    let length = masked::<0x1fff>(SIZE - at);
    if length > SIZE {
        return NOTHING;
    }
    if probe_read_kernel(to, length as u32, (scratch as u64).wrapping_add(at)) < 0 {
        return NOTHING;
    }
    (length, ended)
}

/// The walk that is under way.
#[derive(Clone, Copy)]
struct Walk(*mut u8);

impl Walk {
    #[inline(always)]
    fn get(self, field: usize) -> u64 {
        load(self.0, field)
    }

    #[inline(always)]
    fn set(self, field: usize, value: u64) {
        store(self.0, field, value);
    }

    #[inline(always)]
    fn note(self, bits: u32) {
        self.set(offset_of!(Scratch, how), self.get(offset_of!(Scratch, how)) | u64::from(bits));
    }

    /// Steps until the end.
    #[inline(always)]
    fn run(self) {
        const ENDED: u32 = how::ROOT | how::OUTSIDE | how::DETACHED | how::CUT_BYTES | how::FAULT;
        if constant(&HAS_LOOP) == 1 {
            let mut walk = self;
            helpers::loop_calls(STEPS, step, from_mut(&mut walk).cast(), 0);
        } else {
            for _ in 0..STEPS_UNROLLED {
                if self.step() {
                    break;
                }
            }
        }
        if self.get(offset_of!(Scratch, how)) as u32 & ENDED == 0 {
            self.note(how::CUT_COMPONENTS);
        }
    }

    /// Reads the mount of the place.
    #[inline(always)]
    fn enter_mount(self) -> bool {
        let base = least(constant(&MOUNT_PARENT), least(constant(&MOUNT_POINT), constant(&MOUNT_ROOT)));
        let mount = self.get(offset_of!(Scratch, mount));
        let Some(Span(bytes)) = kernel::<Span<MOUNT_SPAN>>(mount.wrapping_add(base)) else {
            self.note(how::FAULT);
            return false;
        };
        let of = |field: &'static Constant| load::<u64>(bytes.as_ptr(), constant(field).wrapping_sub(base) as usize);
        self.set(offset_of!(Scratch, mount_parent), of(&MOUNT_PARENT));
        self.set(offset_of!(Scratch, mount_point), of(&MOUNT_POINT));
        self.set(offset_of!(Scratch, mount_root), of(&MOUNT_ROOT));
        true
    }

    /// One step towards the root. True: the walk has ended.
    #[inline(always)]
    fn step(self) -> bool {
        let entry = self.get(offset_of!(Scratch, entry));
        let mount = self.get(offset_of!(Scratch, mount));
        if entry == self.get(offset_of!(Scratch, root_entry)) && mount == self.get(offset_of!(Scratch, root_mount)) {
            self.note(how::ROOT);
            return true;
        }
        if entry == self.get(offset_of!(Scratch, mount_root)) {
            let parent = self.get(offset_of!(Scratch, mount_parent));
            if parent == mount {
                self.note(how::OUTSIDE);
                return true;
            }
            self.set(offset_of!(Scratch, entry), self.get(offset_of!(Scratch, mount_point)));
            self.set(offset_of!(Scratch, mount), parent);
            return !self.enter_mount();
        }
        let base = least(constant(&DENTRY_PARENT), least(constant(&DENTRY_LENGTH), constant(&DENTRY_NAME)));
        let Some(Span(bytes)) = kernel::<Span<ENTRY_SPAN>>(entry.wrapping_add(base)) else {
            self.note(how::FAULT);
            return true;
        };
        let at = |field: &'static Constant| constant(field).wrapping_sub(base) as usize;
        let parent: u64 = load(bytes.as_ptr(), at(&DENTRY_PARENT));
        let name: u64 = load(bytes.as_ptr(), at(&DENTRY_NAME));
        let length = u64::from(load::<u32>(bytes.as_ptr(), at(&DENTRY_LENGTH)));
        let alone = parent == entry;
        if alone && self.get(offset_of!(Scratch, at)) != SIZE - 1 {
            // A root that is not mounted here: it has no name, only what is below it has.
            self.note(how::DETACHED);
            return true;
        }
        if !self.prepend(name, length) {
            return true;
        }
        if alone {
            self.note(how::DETACHED);
            return true;
        }
        self.set(offset_of!(Scratch, entry), parent);
        false
    }

    /// Puts a `/` and a name before the path. False: the walk has ended.
    #[inline(always)]
    fn prepend(self, name: u64, length: u64) -> bool {
        let length = masked::<0xff>(if length > NAME_SIZE_MAX { NAME_SIZE_MAX } else { length });
        let end = masked::<0x1fff>(self.get(offset_of!(Scratch, at)));
        if end < length + 1 {
            self.note(how::CUT_BYTES);
            return false;
        }
        let at = masked::<0xfff>(end - length - 1);
        // Linux 6.12 loses the bounds of a number when one that was made of it by adding is compared.
        let length = masked::<0xff>(length);
        let to = self.0.wrapping_add(at as usize);
        store(to, 0, b'/');
        if probe_read_kernel(to.wrapping_add(1), length as u32, name) < 0 {
            self.note(how::FAULT);
            return false;
        }
        self.set(offset_of!(Scratch, at), at);
        true
    }
}

/// What the kernel calls for each step.
extern "C" fn step(_index: u32, walk: *mut c_void) -> i64 {
    let walk = Walk(load(walk.cast(), 0));
    i64::from(walk.step())
}

/// Bytes that are read at once.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Span<const SIZE: usize>([u8; SIZE]);

impl<const SIZE: usize> Default for Span<SIZE> {
    #[inline(always)]
    fn default() -> Self {
        Span([0; SIZE])
    }
}

#[inline(always)]
fn least(one: u64, other: u64) -> u64 {
    if one < other {
        one
    } else {
        other
    }
}

/// How often files were renamed and mounts changed: the sequences of the kernel's locks.
struct Locks {
    renames: u32,
    mounts: u32,
}

impl Locks {
    #[inline(always)]
    fn now() -> Locks {
        Locks { renames: sequence(&RENAME_LOCK), mounts: sequence(&MOUNT_LOCK) }
    }

    #[inline(always)]
    fn known(&self) -> bool {
        !is_absent(&RENAME_LOCK) && !is_absent(&MOUNT_LOCK)
    }

    /// Whether nothing changed since, and nothing was changing then (an odd number).
    #[inline(always)]
    fn are_as_before(&self) -> bool {
        let now = Locks::now();
        self.renames & 1 == 0 && self.mounts & 1 == 0 && self.renames == now.renames && self.mounts == now.mounts
    }
}

#[inline(always)]
fn sequence(lock: &'static Constant) -> u32 {
    if is_absent(lock) {
        0
    } else {
        kernel_or_0(constant(lock))
    }
}
