// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The pen: parameters, written in place behind the record's header.
//!
//! How far it has come is in the state. When something finds no room the place is set beyond every limit, so that everything after it
//! finds no room either: a record never has a gap.

use crate::extract::kernel::{End, TaskText};
use crate::wire::control::SNAPLEN_MAX;
use crate::wire::record::{
    flag, HEADER_SIZE, PARAMETER_SIZE_MAX, PARAMETER_TRUNCATED, PATH_SIZE_MAX, PAYLOAD_SIZE_MAX,
};

use crate::access::{field_of, kernel_or_0, masked, opaque, store, user};
use crate::call::Call;
use crate::helpers::{
    get_current_task, probe_read_kernel, probe_read_kernel_str, probe_read_user, probe_read_user_str,
};
use crate::layout::*;
use crate::path::{self, Place};
use crate::sockets::{self, Socket};
use crate::state::{get, set, EXTRA, PARAMETER};
use crate::task::{field, memory};

/// A place that is beyond every limit.
const NO_PLACE: u64 = 0xffff;
/// All bits of a place.
const PLACE: u32 = 0xffff;
/// Bytes of a parameter's length.
const LENGTH_SIZE: usize = 2;
/// Bytes of a task's name, the NUL included (`TASK_COMM_LEN`).
const COMM_SIZE: usize = 16;
/// Bytes of a unix socket's name (`sun_path`).
const UNIX_NAME_SIZE: usize = 108;

impl Call {
    /// Where the next bytes go, if there is room for so many.
    #[inline(always)]
    fn place(&mut self, size: usize) -> Option<u64> {
        let at = get!(self.ring.page, at);
        self.place_at(at, size)
    }

    /// The same where it is known already where they go.
    #[inline(always)]
    fn place_at(&mut self, at: u64, size: usize) -> Option<u64> {
        let at = masked::<PLACE>(at);
        if at > (PAYLOAD_SIZE_MAX - size) as u64 {
            self.cut();
            return None;
        }
        Some(at)
    }

    /// The address of a place.
    #[inline(always)]
    fn to(&self, at: u64) -> *mut u8 {
        self.record.wrapping_add(HEADER_SIZE).wrapping_add(at as usize)
    }

    /// From here on nothing has room: the record ends before the parameter that is being written.
    #[inline(always)]
    fn cut(&mut self) {
        self.note(flag::CUT);
        set!(self.ring.page, at, NO_PLACE);
    }

    #[inline(always)]
    fn count_up(&mut self, what: u64) {
        set!(self.ring.page, counts, get!(self.ring.page, counts).wrapping_add(what));
    }

    #[inline(always)]
    pub(super) fn pen_begin(&mut self) {
        let at = get!(self.ring.page, at);
        set!(self.ring.page, start, at);
        if let Some(at) = self.place_at(at, LENGTH_SIZE) {
            set!(self.ring.page, at, at + LENGTH_SIZE as u64);
        }
    }

    #[inline(always)]
    pub(super) fn pen_end(&mut self) {
        if self.close() {
            self.count_up(PARAMETER);
        }
    }

    #[inline(always)]
    pub(super) fn pen_end_extra(&mut self) {
        if self.close() {
            self.count_up(EXTRA);
        }
    }

    /// Writes the length of the parameter; false if it was not all written.
    #[inline(always)]
    fn close(&mut self) -> bool {
        let at = masked::<PLACE>(get!(self.ring.page, at));
        let start = masked::<PLACE>(get!(self.ring.page, start));
        if at > PAYLOAD_SIZE_MAX as u64 || start > (PAYLOAD_SIZE_MAX - LENGTH_SIZE) as u64 {
            return false;
        }
        let mut length = at.wrapping_sub(start).wrapping_sub(LENGTH_SIZE as u64);
        let mut truncated = get!(self.ring.page, truncated);
        if length > PARAMETER_SIZE_MAX as u64 {
            length = PARAMETER_SIZE_MAX as u64;
            truncated = u64::from(PARAMETER_TRUNCATED);
            set!(self.ring.page, at, start.wrapping_add(LENGTH_SIZE as u64).wrapping_add(length));
        }
        store(self.to(start), 0, (length | truncated) as u16);
        set!(self.ring.page, truncated, 0);
        true
    }

    #[inline(always)]
    pub(super) fn pen_rewind(&mut self) {
        if get!(self.ring.page, at) < NO_PLACE {
            set!(self.ring.page, at, get!(self.ring.page, start).wrapping_add(LENGTH_SIZE as u64));
            set!(self.ring.page, truncated, 0);
        }
    }

    #[inline(always)]
    pub(super) fn pen_mark_truncated(&mut self) {
        set!(self.ring.page, truncated, u64::from(PARAMETER_TRUNCATED));
    }

    #[inline(always)]
    pub(super) fn pen_add<T: Copy>(&mut self, value: T) {
        if let Some(at) = self.place(size_of::<T>()) {
            store(self.to(at), 0, value);
            self.advance(at, size_of::<T>() as u64);
        }
    }

    /// Says that bytes were written at a place.
    #[inline(always)]
    fn advance(&mut self, at: u64, size: u64) {
        set!(self.ring.page, at, at.wrapping_add(size));
    }

    /// A whole parameter that is a number.
    #[inline(always)]
    pub(super) fn pen_put<T: Copy>(&mut self, value: T) {
        if let Some(at) = self.place(LENGTH_SIZE + size_of::<T>()) {
            let to = self.to(at);
            store(to, 0, size_of::<T>() as u16);
            store(to, LENGTH_SIZE, value);
            self.advance(at, (LENGTH_SIZE + size_of::<T>()) as u64);
            self.count_up(PARAMETER);
        }
    }

    #[inline(always)]
    pub(super) fn pen_put_empty(&mut self) {
        if let Some(at) = self.place(LENGTH_SIZE) {
            store(self.to(at), 0, 0u16);
            self.advance(at, LENGTH_SIZE as u64);
            self.count_up(PARAMETER);
        }
    }

    #[inline(always)]
    pub(super) fn pen_add_user_text(&mut self, address: u64) -> bool {
        let Some(at) = self.place(PATH_SIZE_MAX) else {
            return false;
        };
        store(self.to(at), 0, 0u8);
        let length = probe_read_user_str(self.to(at), PATH_SIZE_MAX as u32, address);
        if length < 0 {
            self.user_miss(address);
            return false;
        }
        let length = text_length(length);
        if length >= PATH_SIZE_MAX as u64 && user::<u8>(address.wrapping_add(length).wrapping_sub(1)) != Some(0) {
            // The helper closes what it cuts.
            self.pen_mark_truncated();
        }
        self.advance(at, length);
        true
    }

    #[inline(always)]
    pub(super) fn pen_add_user_string(&mut self, address: u64, room: u32) -> u32 {
        let Some(at) = self.place(PATH_SIZE_MAX) else {
            return 0;
        };
        let room = masked::<{ (PATH_SIZE_MAX as u32 * 2) - 1 }>(u64::from(if room > PATH_SIZE_MAX as u32 {
            PATH_SIZE_MAX as u32
        } else {
            room
        }));
        if room == 0 || room > PATH_SIZE_MAX as u64 {
            return 0;
        }
        store(self.to(at), 0, 0u8);
        let length = probe_read_user_str(self.to(at), room as u32, address);
        if length < 0 {
            self.user_miss(address);
            return 0;
        }
        let length = text_length(length);
        self.advance(at, length);
        length as u32
    }

    #[inline(always)]
    pub(super) fn pen_add_user_bytes(&mut self, address: u64, length: u32) -> bool {
        let Some(at) = self.place(SNAPLEN_MAX as usize) else {
            return false;
        };
        // From 1 to the most, without a comparison: old kernels do not see that it holds for a number that was put aside, too.
        let length = masked::<{ SNAPLEN_MAX - 1 }>(u64::from(length).wrapping_sub(1)) + 1;
        if probe_read_user(self.to(at), length as u32, address) < 0 {
            self.user_miss(address);
            return false;
        }
        self.advance(at, length);
        true
    }

    #[inline(always)]
    pub(super) fn pen_add_task_text(&mut self, text: TaskText) {
        match text {
            TaskText::Comm => {
                let name = get_current_task().wrapping_add(constant(&TASK_COMM));
                self.add_kernel_text::<COMM_SIZE>(name);
            }
            TaskText::Executable => {
                self.pen_add_user_text(field(memory(), &MM_ARG_START));
            }
            TaskText::Arguments => {
                let memory = memory();
                let start: u64 = field(memory, &MM_ARG_START);
                if let Some(at) = self.place(PATH_SIZE_MAX) {
                    // Only to know where it ends; what comes next is written over it.
                    let first = probe_read_user_str(self.to(at), PATH_SIZE_MAX as u32, start);
                    let rest = start.wrapping_add(if first < 0 { 0 } else { text_length(first) });
                    self.add_user_list(rest, field(memory, &MM_ARG_END));
                }
            }
            TaskText::Environment => {
                let memory = memory();
                self.add_user_list(field(memory, &MM_ENV_START), field(memory, &MM_ENV_END));
            }
            TaskText::ExecFilename => self.add_tracepoint_text(&EXEC_FILENAME),
            TaskText::CgroupPath => self.add_tracepoint_text(&CGROUP_MKDIR_PATH),
        }
    }

    /// Adds text of the kernel's, with its NUL.
    #[inline(always)]
    fn add_kernel_text<const SIZE: usize>(&mut self, address: u64) {
        if let Some(at) = self.place(SIZE) {
            store(self.to(at), 0, 0u8);
            let length = probe_read_kernel_str(self.to(at), SIZE as u32, address);
            if length >= 0 {
                let length = text_length(length);
                self.advance(at, length);
            } else {
                self.note(flag::KERNEL_MISS);
            }
        }
    }

    /// Adds text that is a field of the tracepoint: the lower half of the field says where it is (`__data_loc`).
    #[inline(always)]
    fn add_tracepoint_text(&mut self, field: &'static Constant) {
        let at: u32 = field_of(self.context, field);
        self.add_kernel_text::<PATH_SIZE_MAX>((self.context as u64).wrapping_add(u64::from(at & 0xffff)));
    }

    /// Adds a list of texts in user memory, each closed by a NUL, and cuts it where a path would be cut.
    #[inline(always)]
    fn add_user_list(&mut self, start: u64, end: u64) {
        let Some(at) = self.place(PATH_SIZE_MAX) else {
            return;
        };
        if start >= end {
            return;
        }
        let length = end.wrapping_sub(start);
        let cut = length > PATH_SIZE_MAX as u64;
        let length = masked::<{ (PATH_SIZE_MAX as u32 * 2) - 1 }>(if cut { PATH_SIZE_MAX as u64 } else { length });
        if length > PATH_SIZE_MAX as u64 || length == 0 {
            return;
        }
        if probe_read_user(self.to(at), length as u32, start) < 0 {
            self.user_miss(start);
            return;
        }
        // The process may have written over its last NUL.
        store(self.to(at).wrapping_add(length as usize - 1), 0, 0u8);
        if cut {
            self.pen_mark_truncated();
        }
        self.advance(at, length);
    }

    #[inline(always)]
    pub(super) fn pen_add_unix_name(&mut self, socket: Socket, end: End) {
        let (name, length) = sockets::unix_name(socket, end);
        if length == 0 {
            return self.pen_add(0u8);
        }
        if kernel_or_0::<u8>(name) != 0 {
            return self.add_kernel_text::<{ UNIX_NAME_SIZE + 1 }>(name);
        }
        let Some(at) = self.place(UNIX_NAME_SIZE + 1) else {
            return;
        };
        let length = masked::<0x7f>(u64::from(length));
        if length > UNIX_NAME_SIZE as u64 {
            return;
        }
        let to = self.to(at);
        if probe_read_kernel(to, length as u32, name) < 0 {
            return self.note(flag::KERNEL_MISS);
        }
        store(to, 0, b'@');
        store(to.wrapping_add(length as usize), 0, 0u8);
        self.advance(at, length + 1);
    }

    #[inline(always)]
    pub(super) fn pen_add_path(&mut self, place: Place, flags: bool) {
        const FLAGS_SIZE: usize = size_of::<u32>();
        let before = if flags { FLAGS_SIZE } else { 0 };
        let Some(at) = self.place(FLAGS_SIZE + PATH_SIZE_MAX) else {
            return;
        };
        let to = self.to(at);
        let (length, how) = path::write(place, to.wrapping_add(before));
        if flags {
            store(to, 0, how);
        }
        if how & crate::wire::record::path::FAULT != 0 {
            self.note(flag::KERNEL_MISS);
        }
        self.advance(at, length.wrapping_add(before as u64));
    }
}

/// The length of text, its NUL included, by what a helper told of it. Before Linux 6.13 they tell 0 of an empty text, and write
/// nothing: the NUL must be there already. Without a branch, which would double what there is to verify in a loop.
#[inline(always)]
fn text_length(told: i64) -> u64 {
    let told = told as u64;
    let is_zero = opaque(told.wrapping_sub(1)) >> 63;
    told.wrapping_add(is_zero)
}
