// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! A call that is being recorded: what the extractors see ([`Kernel`]).

use core::ffi::c_void;
use core::mem::offset_of;
use core::num::NonZeroU64;

use crate::extract::calls;
use crate::extract::io_uring::RING_FILE;
use crate::extract::kernel::{End, FileFact, Kernel, SocketFact, TaskFact, TaskText, Turn};
use crate::extract::paths::{self, Places};
use crate::wire::control::{option, Interest};
use crate::wire::event;
use crate::wire::record::{flag, offset as header};
use crate::wire::ring::counter;

use crate::access::{load, opaque, store, user, user_word};
use crate::arch;
use crate::files::{self, File};
use crate::helpers::{self, get_current_task_btf, tail_call, task_pt_regs};
use crate::layout::{constant, HAS_LOOP};
use crate::maps::{wants, CREDENTIALS, EXTRACTORS, INTEREST, PLACES};
use crate::path::{self, Place};
use crate::ring::Ring;
use crate::sockets::{self, Socket};
use crate::state::{argument, get, set};
use crate::task;

/// The flags of a record that tell how a call was made. A native call in the ordinary way has none of them.
pub const MADE: u32 = flag::COMPAT | flag::X32 | flag::IO_URING;

/// How a call was made, and what became of it.
#[derive(Clone, Copy)]
pub struct Made {
    /// The record's flags that tell the ABI and the way ([`MADE`]).
    pub flags: u32,
    /// Bytes of a pointer or a `long`.
    pub word_size: u64,
    /// The code.
    pub code: u16,
    /// The number.
    pub number: u64,
    /// What it returned.
    pub result: i64,
}

/// A call, in the middle of being recorded.
pub struct Call {
    /// The ring that it goes to.
    pub ring: Ring,
    /// The record.
    pub record: *mut u8,
    /// What the program was called with: the tracepoint's fields.
    pub context: *const u8,
}

impl Call {
    /// Begins the parameters of a record.
    #[inline(always)]
    pub fn begin(ring: Ring, record: *mut u8, context: *const u8, made: Made) -> Call {
        set!(ring.page, at, 0);
        set!(ring.page, counts, 0);
        set!(ring.page, truncated, 0);
        set!(ring.page, flags, u64::from(made.flags));
        set!(ring.page, message, 0);
        set!(ring.page, word_size, made.word_size);
        set!(ring.page, code, u64::from(made.code));
        set!(ring.page, number, made.number);
        set!(ring.page, result, made.result as u64);
        Call { ring, record, context }
    }

    /// The call whose record this CPU has begun.
    #[inline(always)]
    pub fn resume(context: *const u8) -> Option<Call> {
        let ring = Ring::of_this_cpu()?;
        Some(Call { ring, record: ring.record(), context })
    }

    /// Completes the record.
    #[inline(always)]
    pub fn commit(self) {
        self.ring.commit(self.record);
    }

    /// Tells only that the call was made, because its extractor cannot be run here; counts the records that are missing.
    #[inline(always)]
    pub fn commit_unextracted(mut self, missing: u64) {
        store(self.record, header::EVENT, event::GENERIC_X);
        self.note(flag::UNSUPPORTED);
        self.ring.add(counter::UNEXTRACTED, missing);
        calls::generic(&mut self);
        self.finish();
    }

    /// Writes what stands at the end of every record, if the agent asks for it, and completes the record. Only in programs of calls.
    #[inline(always)]
    pub fn finish(mut self) {
        if self.wants_credentials() {
            tail_call(self.context, &EXTRACTORS, CREDENTIALS);
            // This kernel has refused it.
            self.note(flag::UNSUPPORTED);
        }
        self.commit();
    }

    /// Notes something in the record's flags.
    #[inline(always)]
    pub fn note(&mut self, flags: u32) {
        set!(self.ring.page, flags, get!(self.ring.page, flags) | u64::from(flags));
    }

    /// Notes that user memory was not there. A null pointer is no miss: nobody meant it to be read.
    #[inline(always)]
    pub fn user_miss(&mut self, address: u64) {
        if address != 0 {
            self.note(flag::USER_MISS);
        }
    }

    /// Puts aside what is to be told of where names lead.
    #[inline(always)]
    fn keep_places(&self, places: Places<File>) {
        let [start, second_start] = places.starts;
        set!(self.ring.page, place_file, places.file.map_or(0, NonZeroU64::get));
        set!(self.ring.page, place_start, start as u64);
        set!(self.ring.page, place_second_start, second_start as u64);
        set!(self.ring.page, place_working_directory, u64::from(places.working_directory));
    }

    /// Tells one of the places that were put aside. True: there are more.
    #[inline(always)]
    pub fn put_kept_place(&mut self) -> bool {
        let page = self.ring.page;
        let mut places = Places {
            file: NonZeroU64::new(get!(page, place_file)),
            starts: [get!(page, place_start) as i32, get!(page, place_second_start) as i32],
            working_directory: get!(page, place_working_directory) != 0,
        };
        paths::put_next(self, &mut places);
        self.keep_places(places);
        !places.is_empty()
    }

    #[inline(always)]
    fn user<T: Copy + Default>(&mut self, address: u64) -> Option<T> {
        let value = user(address);
        if value.is_none() {
            self.user_miss(address);
        }
        value
    }
}

impl Call {
    /// The file that stands in a table of a ring of io_uring: that of the request, whatever its slot.
    #[inline(always)]
    fn request_file(&self, fd: i32) -> Option<File> {
        if (fd as u32) < RING_FILE || fd < 0 || get!(self.ring.page, flags) as u32 & flag::IO_URING == 0 {
            return None;
        }
        NonZeroU64::new(get!(self.ring.page, request_file))
    }
}

impl Kernel for Call {
    type File = File;
    type Path = Place;
    type Socket = Socket;

    #[inline(always)]
    fn argument(&self, index: usize) -> u64 {
        // Of native calls only the first are kept: most have no more, and each costs.
        if index >= arch::ARGUMENTS_KEPT && get!(self.ring.page, flags) as u32 & MADE == 0 {
            // Opaque, or it would be loaded by the same instruction as from the state, which the verifier refuses.
            return opaque(arch::argument(task_pt_regs(get_current_task_btf()), index));
        }
        argument(self.ring.page, index)
    }

    #[inline(always)]
    fn return_value(&self) -> i64 {
        get!(self.ring.page, result) as i64
    }

    #[inline(always)]
    fn is_compat(&self) -> bool {
        self.word_size() == 4
    }

    #[inline(always)]
    fn code(&self) -> u16 {
        get!(self.ring.page, code) as u16
    }

    #[inline(always)]
    fn number(&self) -> u16 {
        get!(self.ring.page, number) as u16
    }

    #[inline(always)]
    fn message(&self) -> u32 {
        get!(self.ring.page, message) as u32
    }

    #[inline(always)]
    fn snaplen(&self) -> u32 {
        load(INTEREST.address(), offset_of!(Interest, snaplen))
    }

    #[inline(always)]
    fn wants_paths(&self) -> bool {
        wants(option::PATHS)
    }

    #[inline(always)]
    fn forget(&mut self, value: u64) -> u64 {
        set!(self.ring.page, forgotten, value);
        get!(self.ring.page, forgotten)
    }

    #[inline(always)]
    fn wants_credentials(&self) -> bool {
        wants(option::CREDENTIALS)
    }

    #[inline(always)]
    fn user_u8(&mut self, address: u64) -> Option<u8> {
        self.user(address)
    }

    #[inline(always)]
    fn user_u16(&mut self, address: u64) -> Option<u16> {
        self.user(address)
    }

    #[inline(always)]
    fn user_u32(&mut self, address: u64) -> Option<u32> {
        self.user(address)
    }

    #[inline(always)]
    fn user_u64(&mut self, address: u64) -> Option<u64> {
        self.user(address)
    }

    #[inline(always)]
    fn word_size(&self) -> u64 {
        get!(self.ring.page, word_size)
    }

    #[inline(always)]
    fn user_word(&mut self, address: u64) -> Option<u64> {
        let value = user_word(address, self.word_size());
        if value.is_none() {
            self.user_miss(address);
        }
        value
    }

    #[inline(always)]
    fn task(&mut self, fact: TaskFact) -> u64 {
        let value = task::fact(fact);
        self.forget(value)
    }

    #[inline(always)]
    fn file(&mut self, fd: i32) -> Option<File> {
        match files::of_descriptor(fd) {
            None => self.request_file(fd),
            found => found,
        }
    }

    #[inline(always)]
    fn executable(&mut self) -> Option<File> {
        files::executable()
    }

    #[inline(always)]
    fn file_fact(&mut self, file: File, fact: FileFact) -> u64 {
        let value = files::fact(file, fact);
        self.forget(value)
    }

    #[inline(always)]
    fn path(&mut self, file: File) -> Place {
        path::of_file(file)
    }

    #[inline(always)]
    fn working_directory(&mut self) -> Option<Place> {
        path::working_directory()
    }

    /// In a program of its own, which is the same for all calls and for that verified only once.
    #[inline(always)]
    fn put_places(&mut self, places: Places<File>) {
        self.keep_places(places);
        tail_call(self.context, &EXTRACTORS, PLACES);
        // This kernel has refused it.
        self.note(flag::UNSUPPORTED);
    }

    #[inline(always)]
    fn repeat<T: Turn<Call>>(&mut self, turns: u32, turn: &mut T) {
        let mut under_way = Turns { call: Call { ..*self }, turn: *turn };
        if constant(&HAS_LOOP) == 1 {
            helpers::loop_calls(turns, take_turn::<T>, core::ptr::from_mut(&mut under_way).cast(), 0);
        } else {
            for _ in 0..turns {
                if !under_way.turn.turn(&mut under_way.call) {
                    break;
                }
            }
        }
        *turn = under_way.turn;
    }

    #[inline(always)]
    fn socket(&mut self, fd: i32) -> Option<Socket> {
        sockets::of_descriptor(fd)
    }

    #[inline(always)]
    fn socket_fact(&mut self, socket: Socket, fact: SocketFact) -> u64 {
        let value = sockets::fact(socket, fact);
        self.forget(value)
    }

    #[inline(always)]
    fn begin(&mut self) {
        self.pen_begin();
    }

    #[inline(always)]
    fn end(&mut self) {
        self.pen_end();
    }

    #[inline(always)]
    fn end_extra(&mut self) {
        self.pen_end_extra();
    }

    #[inline(always)]
    fn rewind(&mut self) {
        self.pen_rewind();
    }

    #[inline(always)]
    fn add_u8(&mut self, value: u8) {
        self.pen_add(value);
    }

    #[inline(always)]
    fn add_u16(&mut self, value: u16) {
        self.pen_add(value);
    }

    #[inline(always)]
    fn add_u32(&mut self, value: u32) {
        self.pen_add(value);
    }

    #[inline(always)]
    fn add_u64(&mut self, value: u64) {
        self.pen_add(value);
    }

    #[inline(always)]
    fn add_user_text(&mut self, address: u64) -> bool {
        self.pen_add_user_text(address)
    }

    #[inline(always)]
    fn add_user_string(&mut self, address: u64, room: u32) -> u32 {
        self.pen_add_user_string(address, room)
    }

    #[inline(always)]
    fn add_user_bytes(&mut self, address: u64, length: u32) -> bool {
        self.pen_add_user_bytes(address, length)
    }

    #[inline(always)]
    fn add_task_text(&mut self, text: TaskText) {
        self.pen_add_task_text(text);
    }

    #[inline(always)]
    fn add_path(&mut self, place: Place, flags: bool) {
        self.pen_add_path(place, flags);
    }

    #[inline(always)]
    fn add_unix_name(&mut self, socket: Socket, end: End) {
        self.pen_add_unix_name(socket, end);
    }

    #[inline(always)]
    fn mark_truncated(&mut self) {
        self.pen_mark_truncated();
    }

    #[inline(always)]
    fn put_empty(&mut self) {
        self.pen_put_empty();
    }

    #[inline(always)]
    fn put_u8(&mut self, value: u8) {
        self.pen_put(value);
    }

    #[inline(always)]
    fn put_u16(&mut self, value: u16) {
        self.pen_put(value);
    }

    #[inline(always)]
    fn put_u32(&mut self, value: u32) {
        self.pen_put(value);
    }

    #[inline(always)]
    fn put_u64(&mut self, value: u64) {
        self.pen_put(value);
    }
}

/// A loop that is under way, on the stack, where the kernel's callbacks find it.
struct Turns<T> {
    call: Call,
    turn: T,
}

/// What the kernel calls for each turn.
extern "C" fn take_turn<T: Turn<Call>>(_index: u32, turns: *mut c_void) -> i64 {
    // SAFETY: `Call::repeat` gives the kernel a pointer to this, and waits until the last callback has returned.
    let turns = unsafe { &mut *turns.cast::<Turns<T>>() };
    i64::from(!turns.turn.turn(&mut turns.call))
}
