// SPDX-License-Identifier: GPL-2.0
//! What the extractors ask, answered from the kernel's objects.

use super::{Context, Recorder};
use crate::alive::{get, Alive};
use crate::arch;
use crate::extract::io_uring::RING_FILE;
use crate::extract::kernel::{End, FileFact, Kernel, SocketFact, TaskFact, TaskText};
use crate::file::{self, Directory};
use crate::headers::{self, path, sock};
use crate::io_uring;
use crate::socket;
use crate::task;
use crate::user;
use crate::wire::control::{option, SNAPLEN_MAX};
use crate::wire::record::{flag, PATH_SIZE_MAX};

impl Recorder {
    /// The file of a request to io_uring that stands in a table of the ring's own.
    #[cold]
    #[inline(never)]
    fn ring_file(&self) -> Option<Alive<headers::file>> {
        match self.occurrence().context {
            Context::IoUring(request) => io_uring::file_of(request),
            _ => None,
        }
    }

    /// Notes that user memory could not be read. A null pointer says that there is none, and is no miss.
    #[inline(always)]
    fn missed_user(&mut self, address: u64) {
        if address != 0 {
            self.pen.flags |= flag::USER_MISS;
        }
    }

    #[inline(always)]
    fn missed_kernel(&mut self) {
        self.pen.flags |= flag::KERNEL_MISS;
    }

    #[inline(always)]
    fn noted<T>(&mut self, address: u64, found: Option<T>) -> Option<T> {
        if found.is_none() {
            self.missed_user(address);
        }
        found
    }

    /// Adds a piece of the task's own memory, at most [`PATH_SIZE_MAX`] bytes, and of that what is there, so that it ends in a
    /// NUL; with `one`, only up to the first NUL. Returns how many bytes it added.
    fn add_own_memory(&mut self, from: u64, to: u64, one: bool) -> usize {
        let length = to.saturating_sub(from);
        let most = length.min(PATH_SIZE_MAX as u64) as usize;
        let mut read = 0usize;
        let mut added = 0usize;
        self.pen.add_with(most, |place| {
            // SAFETY: `add_with` gives as much room.
            read = unsafe { user::copy_pages(place, from, most) };
            // SAFETY: these bytes have just been written.
            let end = if one { unsafe { user::find_nul(place, read) } } else { None };
            added = end.map_or(read, |at| at.wrapping_add(1));
            Some(added)
        });
        if added == 0 {
            if most != 0 {
                self.missed_user(from);
            }
            return 0;
        }
        self.pen.make_last_byte_nul();
        let whole = if one { added < read } else { added as u64 == length };
        if !whole && (read < most || length > PATH_SIZE_MAX as u64) {
            self.pen.mark_truncated();
            if read < most {
                self.missed_user(from);
            }
        }
        added
    }

    fn add_kernel_text(&mut self, text: *const u8, most: usize) {
        self.pen.add_with(most, |place| {
            let mut at = 0usize;
            while at.wrapping_add(1) < most {
                // SAFETY: text of the kernel ends in a NUL, so nothing is read behind one.
                let byte = unsafe { text.wrapping_add(at).read() };
                if byte == 0 {
                    break;
                }
                // SAFETY: there is room for `most` bytes.
                unsafe { place.wrapping_add(at).write(byte) };
                at = at.wrapping_add(1);
            }
            // SAFETY: as above.
            unsafe { place.wrapping_add(at).write(0) };
            Some(at.wrapping_add(1))
        });
    }
}

/// The answers. A fact is looked at when it is asked for and not before.
impl Kernel for Recorder {
    type File = Alive<headers::file>;
    type Path = path;
    type Socket = Alive<sock>;

    #[inline(always)]
    fn argument(&self, index: usize) -> u64 {
        match self.occurrence().registers {
            Some(registers) => arch::argument(registers, index),
            // SAFETY: whoever gives no registers gives arguments.
            None => unsafe { self.occurrence().arguments.assume_init_ref() }.get(index).copied().unwrap_or(0),
        }
    }

    #[inline(always)]
    fn return_value(&self) -> i64 {
        self.occurrence().return_value
    }

    #[inline(always)]
    fn is_compat(&self) -> bool {
        /// The first number that only x32 has.
        const X32_FIRST: u16 = 512;
        let flags = self.occurrence().flags & (flag::COMPAT | flag::X32);
        flags != 0 && (flags & flag::COMPAT != 0 || self.occurrence().number >= X32_FIRST)
    }

    #[inline(always)]
    fn code(&self) -> u16 {
        self.occurrence().row.code
    }

    #[inline(always)]
    fn number(&self) -> u16 {
        self.occurrence().number
    }

    #[inline(always)]
    fn message(&self) -> u32 {
        self.occurrence().message
    }

    #[inline(always)]
    fn snaplen(&self) -> u32 {
        self.interest().snaplen
    }

    #[inline(always)]
    fn wants_paths(&self) -> bool {
        self.interest().options & option::PATHS != 0
    }

    #[inline(always)]
    fn wants_credentials(&self) -> bool {
        self.interest().options & option::CREDENTIALS != 0
    }

    #[inline(always)]
    fn user_u8(&mut self, address: u64) -> Option<u8> {
        let found = user::number(address);
        self.noted(address, found)
    }

    #[inline(always)]
    fn user_u16(&mut self, address: u64) -> Option<u16> {
        let found = user::number(address);
        self.noted(address, found)
    }

    #[inline(always)]
    fn user_u32(&mut self, address: u64) -> Option<u32> {
        let found = user::number(address);
        self.noted(address, found)
    }

    #[inline(always)]
    fn user_u64(&mut self, address: u64) -> Option<u64> {
        let found = user::number(address);
        self.noted(address, found)
    }

    #[inline(always)]
    fn task(&mut self, fact: TaskFact) -> u64 {
        task::fact(arch::current(), fact)
    }

    #[inline(always)]
    fn file(&mut self, fd: i32) -> Option<Self::File> {
        if fd >= RING_FILE as i32 {
            return self.ring_file();
        }
        let task = arch::current();
        let found = file::of_descriptor(task, fd, &mut self.held);
        self.note_held();
        found
    }

    #[inline(always)]
    fn executable(&mut self) -> Option<Self::File> {
        let task = arch::current();
        let found = file::executable(task, &mut self.held);
        self.note_held();
        found
    }

    #[inline(always)]
    fn file_fact(&mut self, file: Self::File, fact: FileFact) -> u64 {
        file::fact(arch::current(), file, fact)
    }

    #[inline(always)]
    fn path(&mut self, file: Self::File) -> path {
        file::path_of(file)
    }

    #[inline(always)]
    fn working_directory(&mut self) -> Option<path> {
        let found = file::directory(arch::current(), Directory::Working);
        if found.is_none() {
            self.missed_kernel();
        }
        found
    }

    #[inline(always)]
    fn socket(&mut self, fd: i32) -> Option<Self::Socket> {
        let file = self.file(fd)?;
        socket::of_file(file)
    }

    #[inline(always)]
    fn socket_fact(&mut self, socket: Self::Socket, fact: SocketFact) -> u64 {
        socket::fact(socket, fact)
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.pen.begin();
    }

    #[inline(always)]
    fn end(&mut self) {
        self.pen.end();
    }

    #[inline(always)]
    fn end_extra(&mut self) {
        self.pen.end_extra();
    }

    #[inline(always)]
    fn rewind(&mut self) {
        self.pen.rewind();
    }

    #[inline(always)]
    fn add_u8(&mut self, value: u8) {
        self.pen.add(value);
    }

    #[inline(always)]
    fn add_u16(&mut self, value: u16) {
        self.pen.add(value);
    }

    #[inline(always)]
    fn add_u32(&mut self, value: u32) {
        self.pen.add(value);
    }

    #[inline(always)]
    fn add_u64(&mut self, value: u64) {
        self.pen.add(value);
    }

    #[inline(never)]
    fn add_user_text(&mut self, address: u64) -> bool {
        let mut cut = false;
        let read = self.pen.add_with(PATH_SIZE_MAX, |place| {
            // SAFETY: `add_with` gives as much room.
            match unsafe { user::text(place, address, PATH_SIZE_MAX) } {
                user::Text::Whole(length) => Some(length),
                user::Text::Cut(length) => {
                    cut = true;
                    Some(length)
                }
                user::Text::Missed => None,
            }
        });
        if cut {
            self.pen.mark_truncated();
        }
        if !read {
            self.missed_user(address);
        }
        read
    }

    #[inline(never)]
    fn add_user_string(&mut self, address: u64, room: u32) -> u32 {
        let room = (room as usize).min(PATH_SIZE_MAX);
        if room == 0 {
            return 0;
        }
        let mut added = 0;
        self.pen.add_with(room, |place| {
            // SAFETY: `add_with` gives as much room.
            added = match unsafe { user::text(place, address, room) } {
                user::Text::Whole(length) | user::Text::Cut(length) => length,
                user::Text::Missed => 0,
            };
            Some(added)
        });
        if added == 0 {
            self.missed_user(address);
        }
        added as u32
    }

    #[inline(never)]
    fn add_user_bytes(&mut self, address: u64, length: u32) -> bool {
        let length = length.min(SNAPLEN_MAX) as usize;
        // SAFETY: `add_with` gives as much room.
        let read = self
            .pen
            .add_with(length, |place| unsafe { user::copy(place, address, length) }.then_some(length));
        if !read {
            self.missed_user(address);
        }
        read
    }

    #[inline(never)]
    fn add_task_text(&mut self, text: TaskText) {
        let task = arch::current();
        match text {
            TaskText::Comm => {
                let comm = get!(task, comm);
                self.add_kernel_text(comm.as_ptr().cast(), comm.len());
            }
            TaskText::ExecFilename => {
                if let Context::Exec(exec) = self.occurrence().context {
                    self.add_kernel_text(get!(exec, filename).cast(), PATH_SIZE_MAX);
                }
            }
            TaskText::CgroupPath => {
                if let Context::CgroupPath(path) = self.occurrence().context {
                    self.add_kernel_text(path, PATH_SIZE_MAX);
                }
            }
            TaskText::Executable | TaskText::Arguments | TaskText::Environment => {
                let Some(mm) = task::memory(task) else { return };
                // SAFETY: these four are unsigned longs.
                let place = |offset| unsafe { mm.read::<u64>(offset) };
                let start = place(headers::OFFSET_MM_ARG_START);
                let end = place(headers::OFFSET_MM_ARG_END);
                match text {
                    TaskText::Executable => {
                        self.pen.executable_length = self.add_own_memory(start, end, true) as u32
                    }
                    TaskText::Arguments => {
                        self.add_own_memory(
                            start.wrapping_add(u64::from(self.pen.executable_length)),
                            end,
                            false,
                        );
                    }
                    _ => {
                        let start = place(headers::OFFSET_MM_ENV_START);
                        self.add_own_memory(start, place(headers::OFFSET_MM_ENV_END), false);
                    }
                }
            }
        }
    }

    #[inline(never)]
    fn add_path(&mut self, path: path, flags: bool) {
        let task = arch::current();
        let mut ending = 0;
        let mark = if flags { core::mem::size_of::<u32>() } else { 0 };
        let written = self.pen.add_with(PATH_SIZE_MAX.wrapping_add(mark), |place| {
            // SAFETY: `add_with` gives room for a path behind the flags; whoever made the path saw to its being alive.
            let written = unsafe { file::write_path(task, path, place.wrapping_add(mark), PATH_SIZE_MAX) }?;
            ending = written.ending;
            if flags {
                // SAFETY: there is room for four bytes before the path.
                unsafe { place.cast::<u32>().write_unaligned(ending) };
            }
            Some(mark.wrapping_add(written.length))
        });
        if !written {
            self.missed_kernel();
        } else if ending & crate::wire::record::path::CUT_BYTES != 0 {
            self.pen.mark_truncated();
        }
    }

    #[inline(always)]
    fn add_unix_name(&mut self, socket: Self::Socket, end: End) {
        socket::add_unix_name(&mut self.pen, socket, end);
    }

    #[inline(always)]
    fn mark_truncated(&mut self) {
        self.pen.mark_truncated();
    }

    #[inline(always)]
    fn put_u8(&mut self, value: u8) {
        self.pen.put(value);
    }

    #[inline(always)]
    fn put_u16(&mut self, value: u16) {
        self.pen.put(value);
    }

    #[inline(always)]
    fn put_u32(&mut self, value: u32) {
        self.pen.put(value);
    }

    #[inline(always)]
    fn put_u64(&mut self, value: u64) {
        self.pen.put(value);
    }
}
