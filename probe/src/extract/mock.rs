// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! A driver made of tables, for tests: memory, facts, files and sockets that a test lays out, and the record as a list. The
//! agent's tests take this file too, to hold the extractors against its table of events; so it names nothing but `kernel`.

use std::collections::{BTreeMap, HashMap};
use std::vec;
use std::vec::Vec;

use super::kernel::{End, FileFact, Kernel, SocketFact, TaskFact, TaskText};

/// Bytes of the longest string.
const STRING_MAX: u32 = 4096;

/// A parameter or an extra as it was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Written {
    /// Its bytes.
    pub(crate) bytes: Vec<u8>,
    /// It was marked as cut.
    pub(crate) cut: bool,
}

/// See the file.
#[derive(Clone, Default)]
pub(crate) struct Mock {
    /// Arguments of the call.
    pub(crate) arguments: [u64; 6],
    /// What it returns.
    pub(crate) result: i64,
    /// Its code and number.
    pub(crate) call: (u16, u16),
    /// Whether it is a 32-bit call.
    pub(crate) compat: bool,
    /// Which message of it.
    pub(crate) message: u32,
    /// How many bytes of data are wanted.
    pub(crate) snaplen: u32,
    /// Whether paths are wanted.
    pub(crate) paths: bool,
    /// Whether credentials are wanted.
    pub(crate) credentials: bool,
    /// User memory: what is at an address.
    pub(crate) memory: BTreeMap<u64, Vec<u8>>,
    /// The task.
    pub(crate) task: HashMap<TaskFact, u64>,
    /// Its texts, as they are recorded.
    pub(crate) texts: HashMap<TaskText, &'static [u8]>,
    /// Its descriptors of files: facts and path.
    pub(crate) files: HashMap<i32, (HashMap<FileFact, u64>, &'static str)>,
    /// The descriptor of the file that it executes.
    pub(crate) executable: Option<i32>,
    /// Where it is.
    pub(crate) working_directory: Option<&'static str>,
    /// Its sockets: facts, and the names of both ends.
    pub(crate) sockets: HashMap<i32, (HashMap<SocketFact, u64>, [&'static str; 2])>,
    /// The parameters.
    pub(crate) parameters: Vec<Written>,
    /// The extras.
    pub(crate) extras: Vec<Written>,
    /// The one that is being written.
    pub(crate) open: Option<Written>,
}

impl Mock {
    /// So many bytes of user memory, if all are there.
    fn user(&self, address: u64, length: usize) -> Option<&[u8]> {
        let (start, bytes) = self.memory.range(..=address).next_back()?;
        let from = usize::try_from(address - start).ok()?;
        bytes.get(from..from.checked_add(length)?)
    }

    fn pen(&mut self) -> &mut Vec<u8> {
        &mut self.open.as_mut().expect("a parameter is being written").bytes
    }

    fn written(&mut self) -> Written {
        self.open.take().expect("a parameter is being written")
    }
}

impl Kernel for Mock {
    type File = i32;
    type Path = &'static str;
    type Socket = i32;

    fn argument(&self, index: usize) -> u64 {
        self.arguments.get(index).copied().unwrap_or(0)
    }
    fn return_value(&self) -> i64 {
        self.result
    }
    fn is_compat(&self) -> bool {
        self.compat
    }
    fn code(&self) -> u16 {
        self.call.0
    }
    fn number(&self) -> u16 {
        self.call.1
    }
    fn message(&self) -> u32 {
        self.message
    }
    fn snaplen(&self) -> u32 {
        self.snaplen
    }
    fn wants_paths(&self) -> bool {
        self.paths
    }
    fn wants_credentials(&self) -> bool {
        self.credentials
    }

    fn user_u8(&mut self, address: u64) -> Option<u8> {
        self.user(address, 1)?.first().copied()
    }
    fn user_u16(&mut self, address: u64) -> Option<u16> {
        self.user(address, 2)?.first_chunk().map(|bytes| u16::from_le_bytes(*bytes))
    }
    fn user_u32(&mut self, address: u64) -> Option<u32> {
        self.user(address, 4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }
    fn user_u64(&mut self, address: u64) -> Option<u64> {
        self.user(address, 8)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
    }

    fn task(&mut self, fact: TaskFact) -> u64 {
        self.task.get(&fact).copied().unwrap_or(0)
    }
    fn file(&mut self, fd: i32) -> Option<i32> {
        self.files.contains_key(&fd).then_some(fd)
    }
    fn executable(&mut self) -> Option<i32> {
        self.executable
    }
    fn file_fact(&mut self, file: i32, fact: FileFact) -> u64 {
        self.files[&file].0.get(&fact).copied().unwrap_or(0)
    }
    fn path(&mut self, file: i32) -> &'static str {
        self.files[&file].1
    }
    fn working_directory(&mut self) -> Option<&'static str> {
        self.working_directory
    }
    fn socket(&mut self, fd: i32) -> Option<i32> {
        self.sockets.contains_key(&fd).then_some(fd)
    }
    fn socket_fact(&mut self, socket: i32, fact: SocketFact) -> u64 {
        self.sockets[&socket].0.get(&fact).copied().unwrap_or(0)
    }

    fn begin(&mut self) {
        assert!(self.extras.is_empty() || self.open.is_none(), "begun twice");
        self.open = Some(Written::default());
    }
    fn end(&mut self) {
        assert!(self.extras.is_empty(), "a parameter behind an extra");
        let written = self.written();
        self.parameters.push(written);
    }
    fn end_extra(&mut self) {
        let written = self.written();
        self.extras.push(written);
    }
    fn rewind(&mut self) {
        self.open = Some(Written::default());
    }
    fn add_u8(&mut self, value: u8) {
        self.pen().push(value);
    }
    fn add_u16(&mut self, value: u16) {
        self.pen().extend(value.to_le_bytes());
    }
    fn add_u32(&mut self, value: u32) {
        self.pen().extend(value.to_le_bytes());
    }
    fn add_u64(&mut self, value: u64) {
        self.pen().extend(value.to_le_bytes());
    }
    fn add_user_text(&mut self, address: u64) -> bool {
        let added = self.add_user_string(address, STRING_MAX);
        if added == STRING_MAX {
            self.mark_truncated();
        }
        added > 0
    }
    fn add_user_string(&mut self, address: u64, room: u32) -> u32 {
        let room = room.min(STRING_MAX) as usize;
        if room == 0 {
            return 0;
        }
        let mut text = vec![];
        while text.len() + 1 < room {
            match self.user(address.wrapping_add(text.len() as u64), 1) {
                Some([0]) => break,
                Some([byte]) => text.push(*byte),
                _ => return 0,
            }
        }
        text.push(0);
        self.pen().extend(&text);
        text.len() as u32
    }
    fn add_user_bytes(&mut self, address: u64, length: u32) -> bool {
        assert!(length <= 16_384, "more bytes than a parameter may have of them");
        let Some(bytes) = self.user(address, length as usize).map(<[u8]>::to_vec) else { return false };
        self.pen().extend(bytes);
        true
    }
    fn add_task_text(&mut self, text: TaskText) {
        let bytes = self.texts.get(&text).copied().unwrap_or(b"");
        self.pen().extend(bytes);
    }
    fn add_path(&mut self, path: &'static str, flags: bool) {
        if flags {
            self.add_u32(1);
        }
        self.pen().extend(path.as_bytes());
        self.add_u8(0);
    }
    fn add_unix_name(&mut self, socket: i32, end: End) {
        let name = self.sockets[&socket].1[end as usize];
        self.pen().extend(name.as_bytes());
        self.add_u8(0);
    }
    fn mark_truncated(&mut self) {
        self.open.as_mut().expect("a parameter is being written").cut = true;
    }
}
