//! The parameters of what a process does: those that the case gives, and honest values for the others.

use std::collections::BTreeSet;

use super::file::{Action, Problem};
use super::value::{self, AT_FDCWD, End, Given, Raw, encode, terminated};
use super::world::Record;
use crate::capture::ProcessRecord;
use crate::event::{
    Category, Direction, EVENTS, EventFlags, EventId, EventInfo, ParamInfo, ParamType, ParamsBuf, id, syscall,
};
use crate::rules::source::Place;
use crate::spell::hint;

/// The device that files are on.
pub(super) const DEVICE: u32 = 0x803;

/// A process that does things.
#[derive(Clone, Debug)]
pub(super) struct Actor {
    /// As the case calls it.
    pub name: String,
    /// As it is when it does the next thing.
    pub record: ProcessRecord,
    /// The descriptors that it has open.
    pub fds: BTreeSet<i64>,
    /// How many children it made.
    pub children: i64,
}

impl Actor {
    fn free_fd(&self) -> i64 {
        (3..).find(|fd| !self.fds.contains(fd)).unwrap_or(3)
    }
}

/// The name that the kernel keeps.
pub(super) fn comm(name: &str) -> Vec<u8> {
    name.as_bytes().iter().copied().take(15).collect()
}

/// Flags of an open file by their names.
pub(super) fn open_flags(text: &str) -> Result<u32, String> {
    let row = &EVENTS[usize::from(id::SYSCALL_OPENAT_2_X.0)];
    let param = row.params.iter().find(|param| param.name == "flags");
    let bytes = param.map_or(Ok(Vec::new()), |param| encode(param, &Raw::Text(text.to_owned())))?;
    Ok(bytes.try_into().map_or(1, u32::from_le_bytes))
}

/// The newest event that `evt.type` calls so, and of a call without an event of its own its code.
pub(super) fn event_named(name: &str) -> Option<(&'static EventInfo, Option<u16>)> {
    let told = |row: &&EventInfo| {
        let call = row.category.contains(Category::SYSCALL);
        let direction = if call { Direction::Exit } else { Direction::Enter };
        row.name == name
            && row.direction == direction
            && !row.flags.intersects(EventFlags::UNUSED)
            && !row.category.contains(Category::ITER)
    };
    let current = EVENTS.iter().filter(told).rev().find(|row| !row.flags.contains(EventFlags::OLD_VERSION));
    if let Some(row) = current.filter(|row| row.id != id::GENERIC_X) {
        return Some((row, None));
    }
    let call = syscall::SYSCALLS.iter().find(|call| call.name == name && call.is_generic())?;
    Some((id::GENERIC_X.info()?, Some(call.code)))
}

/// Whether a process begins or changes its program: then its parameters are those of the process.
fn tells_of_process(row: &EventInfo) -> bool {
    row.params.iter().any(|param| param.name == "exe") && row.params.iter().any(|param| param.name == "comm")
}

fn is_exec(row: &EventInfo) -> bool {
    matches!(row.id, id::SYSCALL_EXECVE_19_X | id::SYSCALL_EXECVEAT_X)
}

/// The records of something that `actor` does: what leads up to it, and itself. `number` is its place among the
/// events of the case if an alert for it counts.
pub(super) fn records(
    action: &Action,
    number: Option<usize>,
    actor: &mut Actor,
) -> Result<Vec<Record>, Vec<Problem>> {
    let Some((row, code)) = event_named(&action.kind) else {
        let message = format!(
            "no event is called '{}'{}; `saker events` and `saker syscalls` list them",
            action.kind,
            hint(&action.kind, syscall::type_names())
        );
        return Err(vec![Problem { place: action.kind_place, message }]);
    };
    let mut making = Making { action, row, code, actor, problems: Vec::new(), before: Vec::new() };
    let given = making.given();
    let fd = making.descriptor(&given);
    let params = making.params(&given, fd);
    let real = making.helper_text("realpath").map(|path| path.as_bytes().to_vec());
    let io_uring = making.helper_text("io_uring") == Some("true");
    let Making { mut before, problems, .. } = making;
    if !problems.is_empty() {
        return Err(problems);
    }
    follow(row, &params, actor);
    before.push(Record { tid: actor.record.tid, id: row.id, params, real, io_uring, action: number });
    Ok(before)
}

/// An event being put together.
struct Making<'a> {
    action: &'a Action,
    row: &'static EventInfo,
    code: Option<u16>,
    actor: &'a mut Actor,
    problems: Vec<Problem>,
    /// What leads up to it.
    before: Vec<Record>,
}

impl Making<'_> {
    fn fail(&mut self, place: Place, message: impl Into<String>) {
        self.problems.push(Problem { place, message: message.into() });
    }

    fn helper(&self, name: &str) -> Option<&Given> {
        self.action.helpers.iter().find(|(key, _)| *key == name).map(|(_, given)| given)
    }

    fn helper_text(&self, name: &str) -> Option<&str> {
        match &self.helper(name)?.value {
            Raw::Text(text) => Some(text),
            _ => None,
        }
    }

    fn has(&self, param: &str) -> bool {
        self.row.params.iter().any(|known| known.name == param)
    }

    /// The bytes of the parameters that the case gives by name, in the order of the record.
    fn given(&mut self) -> Vec<Option<Vec<u8>>> {
        let mut bytes: Vec<Option<Vec<u8>>> = vec![None; self.row.params.len()];
        for (key_place, key, given) in &self.action.params {
            let name = key.strip_prefix("arg.").unwrap_or(key);
            let Some(index) = self.row.params.iter().position(|param| param.name == name) else {
                let known = self.row.params.iter().map(|param| param.name);
                let hint = hint(name, known.clone().chain(HELPER_NAMES));
                let all: Vec<&str> = known.collect();
                let message = format!(
                    "'{}' has no parameter '{name}'{hint}; it has: {}",
                    self.action.kind,
                    all.join(", ")
                );
                self.fail(*key_place, message);
                continue;
            };
            let Some(param) = self.row.params.get(index) else { continue };
            // One argument is a list of one.
            let whole = match (&given.value, param.name) {
                (Raw::Text(text), "args" | "env" | "cgroups") if param.ty == ParamType::ByteBuf => {
                    Ok(terminated(text))
                }
                _ => encode(param, &given.value),
            };
            match whole {
                Ok(value) if value.len() > MAX_VALUE => {
                    self.fail(given.place, format!("'{name}' is longer than {MAX_VALUE} bytes"));
                }
                Ok(value) => bytes[index] = Some(value),
                Err(message) => self.fail(given.place, message),
            }
        }
        bytes
    }

    /// The end that a key names.
    fn end(&mut self, key: &str) -> Option<End> {
        let text = self.helper_text(key)?.to_owned();
        match value::end(&text) {
            Ok(end) => Some(end),
            Err(message) => {
                let place = self.helper(key).map_or(self.action.place, |given| given.place);
                self.fail(place, message);
                None
            }
        }
    }

    /// Both ends, or neither.
    fn ends(&mut self) -> Option<(End, End)> {
        let (from, to) = (self.end("from"), self.end("to"));
        let other = from.as_ref().or(to.as_ref()).map(value::unspecified)?;
        Some((from.unwrap_or_else(|| other.clone()), to.unwrap_or(other)))
    }

    /// The descriptor that the call uses, opened before if the case says what it is.
    fn descriptor(&mut self, given: &[Option<Vec<u8>>]) -> Option<i64> {
        let uses = self.row.params.iter().position(|param| matches!(param.name, "fd" | "oldfd"));
        let uses = uses.filter(|&at| at > 0 || self.row.flags.contains(EventFlags::USES_FD));
        let makes =
            self.row.flags.contains(EventFlags::CREATES_FD) && !self.row.flags.contains(EventFlags::USES_FD);
        let told = ["file", "from", "to", "at"].into_iter().find(|key| self.helper(key).is_some());
        let Some(at) = uses.filter(|_| !makes) else {
            if let Some(given) = self.helper("file").cloned() {
                self.fail(given.place, format!("'{}' uses no descriptor", self.action.kind));
            }
            return None;
        };
        let number = match given
            .get(at)
            .and_then(Option::as_deref)
            .and_then(|bytes| <[u8; 8]>::try_from(bytes).ok())
        {
            Some(bytes) => i64::from_le_bytes(bytes),
            None if told.is_some() => self.actor.free_fd(),
            None if matches!(self.row.name, "mmap" | "mmap2") => return Some(-1),
            None => {
                let message = format!("'{}' uses a descriptor: give 'fd', 'file' or 'to'", self.action.kind);
                self.fail(self.action.place, message);
                return None;
            }
        };
        if let Some(path) = self.helper_text("file").map(str::to_owned) {
            let writes = self.row.flags.contains(EventFlags::WRITES_TO_FD);
            self.open(number, &path, if writes { 2 } else { 1 });
        } else if told.is_some() && !self.actor.fds.contains(&number) {
            self.socket(number);
        }
        Some(number)
    }

    /// A file that was opened before.
    fn open(&mut self, fd: i64, path: &str, flags: u32) {
        let params = [
            &fd.to_le_bytes()[..],
            &AT_FDCWD.to_le_bytes(),
            &terminated(path),
            &flags.to_le_bytes(),
            &0u32.to_le_bytes(),
            &DEVICE.to_le_bytes(),
            &INODE.to_le_bytes(),
        ];
        self.precede(id::SYSCALL_OPENAT_2_X, &params);
        self.actor.fds.insert(fd);
    }

    /// A socket that was made before, and connected unless the call itself does that.
    fn socket(&mut self, fd: i64) {
        let Some(like) = self.end("to").or_else(|| self.end("from")).or_else(|| self.end("at")) else {
            return;
        };
        let (kind, proto) = self.socket_kind();
        let params = [
            &fd.to_le_bytes()[..],
            &u32::from(value::family_of(&like)).to_le_bytes(),
            &kind.to_le_bytes(),
            &proto.to_le_bytes(),
            &0u32.to_le_bytes(),
        ];
        self.precede(id::SOCKET_SOCKET_X, &params);
        self.actor.fds.insert(fd);
        let itself = self.has("tuple") || self.has("addr");
        if let Some((from, to)) = self.ends().filter(|_| !itself)
            && let Ok(tuple) = value::tuple_of(&from, &to)
        {
            let params = [&0i64.to_le_bytes()[..], &tuple, &fd.to_le_bytes(), &value::address_of(&to)];
            self.precede(id::SOCKET_CONNECT_X, &params);
        }
    }

    /// Type and protocol as socket(2) takes them.
    fn socket_kind(&self) -> (u32, u32) {
        match self.helper_text("proto") {
            Some("udp") => (2, 17),
            Some("icmp") => (3, 1),
            _ => (1, 0),
        }
    }

    fn precede(&mut self, id: EventId, values: &[&[u8]]) {
        self.before.push(Record::before(self.actor.record.tid, id, values));
    }

    /// All parameters.
    fn params(&mut self, given: &[Option<Vec<u8>>], fd: Option<i64>) -> ParamsBuf {
        let given_result = self.result(given);
        let program = tells_of_process(self.row).then(|| self.program(given));
        let ends = self.ends();
        let at = self.end("at");
        let mut buffer = ParamsBuf::default();
        for (index, param) in self.row.params.iter().enumerate() {
            let value = match given.get(index).and_then(Option::as_ref) {
                Some(value) => Ok(value.clone()),
                None if index == 0 && self.has_result() => Ok(sized(param, given_result)),
                None => {
                    self.default(param, given, fd, given_result, program.as_ref(), ends.as_ref(), at.as_ref())
                }
            };
            match value {
                Ok(value) => buffer.push(&value),
                Err(message) => self.fail(self.action.place, message),
            }
        }
        buffer
    }

    /// Whether the first parameter is what the call returns.
    fn has_result(&self) -> bool {
        let first = self.row.params.first();
        first.is_some_and(|param| match param.name {
            "res" => true,
            "fd" => self.row.flags.contains(EventFlags::CREATES_FD),
            _ => false,
        })
    }

    /// What the call returns.
    fn result(&mut self, given: &[Option<Vec<u8>>]) -> i64 {
        if let Some(result) = self.helper("result").cloned() {
            let first = self.row.params.first().filter(|_| self.has_result());
            let Some(param) = first else {
                self.fail(result.place, format!("'{}' has no result", self.action.kind));
                return 0;
            };
            let named = ParamInfo {
                name: "result",
                ty: ParamType::Errno,
                format: param.format,
                detail: param.detail,
            };
            return match encode(&named, &result.value) {
                Ok(bytes) => bytes.try_into().map_or(0, i64::from_le_bytes),
                Err(message) => {
                    self.fail(result.place, message);
                    0
                }
            };
        }
        if !self.has_result() {
            return 0;
        }
        let number = |name: &str| -> Option<i64> {
            let index = self.row.params.iter().position(|param| param.name == name)?;
            let bytes = given.get(index)?.as_deref()?;
            let mut wide = [0; 8];
            wide.get_mut(..bytes.len())?.copy_from_slice(bytes);
            Some(i64::from_le_bytes(wide))
        };
        let data = || {
            let index = self.row.params.iter().position(|param| param.name == "data")?;
            Some(given.get(index)?.as_deref()?.len() as i64)
        };
        match self.row.name {
            _ if tells_of_process(self.row) && !is_exec(self.row) => {
                let child = self.helper_text("child").and_then(value::integer);
                child
                    .and_then(|child| i64::try_from(child).ok())
                    .unwrap_or(self.actor.record.pid + 1000 + self.actor.children)
            }
            "dup2" | "dup3" => number("newfd").unwrap_or_else(|| self.actor.free_fd()),
            "pipe" | "pipe2" | "socketpair" => 0,
            "fcntl" => 0,
            "mmap" | "mmap2" | "mremap" | "brk" => 0x7f00_0000_0000,
            _ if self.row.flags.intersects(EventFlags::READS_FROM_FD | EventFlags::WRITES_TO_FD) => {
                data().or_else(|| number("size")).unwrap_or(SIZE)
            }
            "sendfile" | "splice" | "copy_file_range" => number("size").unwrap_or(SIZE),
            _ if self.row.flags.contains(EventFlags::CREATES_FD) => self.actor.free_fd(),
            _ => 0,
        }
    }

    /// What is recorded of the program: the actor's, or the one that is executed.
    fn program(&self, given: &[Option<Vec<u8>>]) -> ProcessRecord {
        let mut program = self.actor.record.clone();
        let named = |name: &str| -> Option<&[u8]> {
            let index = self.row.params.iter().position(|param| param.name == name)?;
            let bytes = given.get(index)?.as_deref()?;
            Some(bytes.strip_suffix(b"\0").unwrap_or(bytes))
        };
        let path = named("trusted_exepath").or_else(|| named("filename"));
        if let Some(path) = path.filter(|_| is_exec(self.row)) {
            program.exepath = path.to_vec();
            program.exe = path.to_vec();
            let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
            program.comm = name.iter().copied().take(15).collect();
            program.args = Vec::new();
        }
        program
    }

    /// A value for a parameter that the case does not give.
    #[allow(clippy::too_many_arguments)]
    fn default(
        &self,
        param: &ParamInfo,
        given: &[Option<Vec<u8>>],
        fd: Option<i64>,
        result: i64,
        program: Option<&ProcessRecord>,
        ends: Option<&(End, End)>,
        at: Option<&End>,
    ) -> Result<Vec<u8>, String> {
        if let Some(value) = program.and_then(|program| of_process(param, program)) {
            return Ok(value);
        }
        let number = |number: i64| Ok(sized(param, number));
        match (param.ty, param.name) {
            (ParamType::SockTuple, _) => ends.map_or(Ok(Vec::new()), |(from, to)| value::tuple_of(from, to)),
            (ParamType::SockAddr, _) => {
                let end = at.or(ends.map(|(_, to)| to));
                Ok(end.map(value::address_of).unwrap_or_default())
            }
            (ParamType::SyscallId, _) => number(self.code.unwrap_or_default().into()),
            (_, "nativeID") => {
                let call = self.code.and_then(|code| syscall::SYSCALLS.get(usize::from(code)));
                number(call.and_then(|call| call.number).unwrap_or_default().into())
            }
            (ParamType::Fd, "fd" | "oldfd") => number(fd.unwrap_or(-1)),
            (ParamType::Fd, "fd1") => number(self.actor.free_fd()),
            (ParamType::Fd, "fd2") => number(self.actor.free_fd() + 1),
            (ParamType::Fd, "newfd") => number(result),
            (ParamType::Fd, name) if name.contains("dir") => number(AT_FDCWD),
            (ParamType::Fd, _) => number(-1),
            (_, "domain") => number(at.or(ends.map(|(_, to)| to)).map_or(2, value::family_of).into()),
            (_, "type") if self.row.name == "socket" || self.row.name == "socketpair" => {
                number(self.socket_kind().0.into())
            }
            (_, "proto") => number(self.socket_kind().1.into()),
            (_, "flags") if OPENS.contains(&self.row.name) => number(1),
            (_, "mode") if OPENS.contains(&self.row.name) => number(0o644),
            (_, "dev") if param.ty == ParamType::UInt32 => number(DEVICE.into()),
            (_, "ino") => number(INODE),
            (_, "size") => {
                let data = self.row.params.iter().position(|other| other.name == "data");
                let data = data.and_then(|at| given.get(at)?.as_deref());
                number(data.map_or(SIZE, |data| data.len() as i64))
            }
            (_, "reaper_tid") => number(1),
            _ => number(0),
        }
    }
}

/// Calls that open files.
const OPENS: [&str; 4] = ["open", "openat", "openat2", "open_by_handle_at"];
/// Keys that can be meant where a parameter is misspelled.
const HELPER_NAMES: [&str; 11] =
    ["result", "from", "to", "at", "proto", "file", "child", "realpath", "io_uring", "by", "scene"];
/// How much calls read and write.
const SIZE: i64 = 512;
/// The inode of files.
const INODE: i64 = 4711;
/// The longest parameter: what a record can hold.
const MAX_VALUE: usize = 65_000;

/// A number in the width of a parameter; nothing for those of no fixed width.
fn sized(param: &ParamInfo, number: i64) -> Vec<u8> {
    let width = param.ty.width().unwrap_or(0);
    i128::from(number).to_le_bytes().get(..width).unwrap_or_default().to_vec()
}

/// A parameter that tells of a process.
fn of_process(param: &ParamInfo, process: &ProcessRecord) -> Option<Vec<u8>> {
    let text = |bytes: &[u8]| Some([bytes, b"\0"].concat());
    let number = |number: i64| Some(sized(param, number));
    let flags = || {
        u32::from(process.exe_writable)
            | u32::from(process.exe_upper_layer) << 1
            | u32::from(process.exe_from_memfd) << 2
            | u32::from(process.exe_lower_layer) << 3
    };
    match param.name {
        "exe" => text(&process.exe),
        "args" => Some(process.args.clone()),
        "tid" => number(process.tid),
        "pid" => number(process.pid),
        "ptid" => number(process.ptid),
        "cwd" => text(&process.cwd),
        "fdlimit" => number(process.fdlimit),
        "vm_size" => number(process.vmsize_kb.into()),
        "vm_rss" => number(process.vmrss_kb.into()),
        "comm" => text(&process.comm),
        "cgroups" => Some(process.cgroups.clone()),
        "env" => Some(process.env.clone()),
        "tty" => number(process.tty.into()),
        "vpgid" => number(process.vpgid),
        "pgid" => number(process.pgid),
        "loginuid" => number(process.loginuid.into()),
        "uid" => number(process.uid.into()),
        "gid" => number(process.gid.into()),
        "vtid" => number(process.vtid),
        "vpid" => number(process.vpid),
        "pidns_init_start_ts" => number(process.pidns_init_start_ts as i64),
        "cap_inheritable" => number(process.cap_inheritable as i64),
        "cap_permitted" => number(process.cap_permitted as i64),
        "cap_effective" => number(process.cap_effective as i64),
        "exe_ino" => number(process.exe_ino as i64),
        "exe_ino_ctime" => number(process.exe_ino_ctime as i64),
        "exe_ino_mtime" => number(process.exe_ino_mtime as i64),
        "trusted_exepath" | "filename" => text(&process.exepath),
        "flags" if matches!(param.detail, crate::event::Detail::Names(names) if names.iter().any(|(name, _)| *name == "EXE_WRITABLE")) => {
            number(flags().into())
        }
        _ => None,
    }
}

/// What an event changes of its actor, as far as later events of the case depend on it.
fn follow(row: &EventInfo, params: &ParamsBuf, actor: &mut Actor) {
    let get = |name: &str| -> Option<Vec<u8>> {
        let index = row.params.iter().position(|param| param.name == name)?;
        Some(params.params().get(index)?.to_vec())
    };
    let number = |name: &str| get(name).and_then(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes);
    let text =
        |name: &str| get(name).map(|bytes| bytes.strip_suffix(b"\0").map(<[u8]>::to_vec).unwrap_or(bytes));
    let result = params.params().get(0).and_then(|bytes| bytes.try_into().ok()).map_or(0, i64::from_le_bytes);
    if result < 0 {
        return;
    }
    if is_exec(row) {
        let record = &mut actor.record;
        if let (Some(exe), Some(comm), Some(args)) = (text("exe"), text("comm"), get("args")) {
            (record.exe, record.comm, record.args) = (exe, comm, args);
        }
        if let Some(path) = text("trusted_exepath") {
            record.exepath = path;
        }
    } else if tells_of_process(row) {
        actor.children += 1;
    } else if row.flags.contains(EventFlags::CREATES_FD) {
        let made = [Some(result).filter(|_| get("fd1").is_none()), number("fd1"), number("fd2")];
        actor.fds.extend(made.into_iter().flatten());
    } else if row.name == "close" {
        number("fd").map(|fd| actor.fds.remove(&fd));
    } else if row.name == "chdir" {
        actor.record.cwd = text("path").unwrap_or_default();
    } else if matches!(row.name, "setuid" | "setresuid") {
        let uid = get("uid").or_else(|| get("euid")).and_then(|bytes| bytes.try_into().ok());
        actor.record.uid = uid.map_or(actor.record.uid, u32::from_le_bytes);
    }
}
