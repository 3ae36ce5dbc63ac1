//! Threads: what the state knows of each task, and what it shares with its relatives.
//!
//! A thread holds its own numbers inline; what it has in common with the parent it came from (program, environment,
//! cgroups, descriptors) is shared by reference until one of them changes it.

use std::sync::{Arc, LazyLock};

use bitflags::bitflags;
use smallvec::SmallVec;

use super::fd::{FdTable, Shared};
use crate::event::{Event, EventId, ParamsBuf};

/// The descriptors of a thread that has none.
static NO_FDS: LazyLock<Shared<FdTable>> = LazyLock::new(Shared::default);

/// The program of a thread of which it is not known.
static NO_IMAGE: LazyLock<Arc<Image>> = LazyLock::new(Arc::default);

/// A byte string that many may hold.
pub type Bytes = Arc<[u8]>;

/// A short name (`comm`): up to 16 bytes without an allocation.
pub type Name = SmallVec<[u8; 16]>;

/// Where a thread lies in the table. Valid from the event that returned it until [`State::finish`](super::State::finish);
/// a later thread may get the same slot, then with another [`Thread::serial`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Slot(pub u32);

impl Slot {
    /// No slot, in links between threads.
    pub(super) const NONE: Slot = Slot(u32::MAX);

    /// This slot, `None` if it is the one that stands for no thread.
    #[inline]
    pub(super) fn some(self) -> Option<Slot> {
        (self != Slot::NONE).then_some(self)
    }

    /// As an index.
    #[inline]
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

bitflags! {
    /// Flags of clone and of the state's own about a thread (`PPM_CL_*`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    #[allow(missing_docs)]
    pub struct ThreadFlags: u32 {
        const CLONE_FILES = 1 << 0;
        const CLONE_FS = 1 << 1;
        const CLONE_IO = 1 << 2;
        const CLONE_NEWIPC = 1 << 3;
        const CLONE_NEWNET = 1 << 4;
        const CLONE_NEWNS = 1 << 5;
        const CLONE_NEWPID = 1 << 6;
        const CLONE_NEWUTS = 1 << 7;
        const CLONE_PARENT = 1 << 8;
        const CLONE_PARENT_SETTID = 1 << 9;
        const CLONE_PTRACE = 1 << 10;
        const CLONE_SIGHAND = 1 << 11;
        const CLONE_SYSVSEM = 1 << 12;
        const CLONE_THREAD = 1 << 13;
        const CLONE_UNTRACED = 1 << 14;
        const CLONE_VM = 1 << 15;
        /// The child's event came before its parent's.
        const CLONE_INVERTED = 1 << 16;
        const NAME_CHANGED = 1 << 17;
        /// The thread has exited; it stays while others of its group live.
        const CLOSED = 1 << 18;
        /// It has made a call.
        const ACTIVE = 1 << 19;
        const CLONE_NEWUSER = 1 << 20;
        /// Its standard output was made by dup: the left side of a shell's pipe.
        const PIPE_SRC = 1 << 21;
        /// Its standard input was made by dup: the right side of a shell's pipe.
        const PIPE_DST = 1 << 22;
        const CLONE_CHILD_CLEARTID = 1 << 23;
        const CLONE_CHILD_SETTID = 1 << 24;
        const CLONE_SETTLS = 1 << 25;
        const CLONE_STOPPED = 1 << 26;
        const CLONE_VFORK = 1 << 27;
        const CLONE_NEWCGROUP = 1 << 28;
        /// It lives in a pid namespace that is not the first one.
        const CHILD_IN_PIDNS = 1 << 29;
        /// It leads its group although its tid is not its pid.
        const IS_MAIN_THREAD = 1 << 30;
    }
}

/// The program that a process runs: replaced as a whole by exec, shared by all that fork from it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Image {
    /// `proc.exe`: argv\[0\].
    pub exe: Bytes,
    /// `proc.exepath`: the full path, as the kernel resolved it.
    pub exepath: Bytes,
    /// Whether that is so: old captures tell only what the call asked for.
    pub exepath_is_real: bool,
    /// The arguments after argv\[0\], each ended by a NUL (the last one's may be cut off). See [`Image::args`].
    pub args_raw: Bytes,
    /// `proc.is_exe_writable`.
    pub writable: bool,
    /// `proc.is_exe_upper_layer`.
    pub upper_layer: bool,
    /// `proc.is_exe_lower_layer`.
    pub lower_layer: bool,
    /// `proc.is_exe_from_memfd`.
    pub from_memfd: bool,
    /// `proc.exe_ino`; 0 is unknown.
    pub ino: u64,
    /// `proc.exe_ino.ctime`: nanoseconds since the epoch.
    pub ctime: u64,
    /// `proc.exe_ino.mtime`: nanoseconds since the epoch.
    pub mtime: u64,
}

impl Image {
    /// The arguments after argv\[0\].
    pub fn args(&self) -> impl Iterator<Item = &[u8]> + Clone {
        strings(&self.args_raw)
    }
}

/// Splits strings that each end in a NUL; that of the last may be missing. A single empty string is none.
pub(super) fn strings(raw: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let body = raw.strip_suffix(b"\0").unwrap_or(raw);
    body.split(|&byte| byte == 0).take(if body.is_empty() { 0 } else { usize::MAX })
}

/// The three capability sets of a thread, in the kernel's bit order.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub struct Capabilities {
    pub permitted: u64,
    pub effective: u64,
    pub inheritable: u64,
}

/// A thread. Everything is as Falco shows it: ids that nobody told are -1, strings empty.
#[derive(Clone, Debug)]
pub struct Thread {
    /// Its id in the first pid namespace.
    pub tid: i64,
    /// The process that it belongs to. Negative: the thread was only ever seen to make calls.
    pub pid: i64,
    /// Its parent: the tid that cloned it (also after the parent's group lost that thread), 0 if that is not known.
    pub ptid: i64,
    /// Session id.
    pub sid: i64,
    /// Process group id in its own pid namespace.
    pub vpgid: i64,
    /// Process group id in the first pid namespace.
    pub pgid: i64,
    /// Its id in its own pid namespace.
    pub vtid: i64,
    /// The process id in its own pid namespace.
    pub vpid: i64,
    /// `PPM_CL_*`.
    pub flags: ThreadFlags,
    /// Effective user id; `u32::MAX` is none.
    pub uid: u32,
    /// Effective group id; `u32::MAX` is none.
    pub gid: u32,
    /// Audit user id; `u32::MAX` is none.
    pub loginuid: u32,
    /// Number of the controlling terminal; 0 is none.
    pub tty: u32,
    /// `proc.name`: as the last event of its clone or exec told it.
    pub comm: Name,
    /// The name that it gave itself since then, see [`Thread::current_comm`].
    pub(super) renamed: Option<Box<[u8]>>,
    /// What it runs.
    pub image: Arc<Image>,
    /// Capabilities.
    pub caps: Capabilities,
    /// `proc.fdlimit`; -1 is unknown. Kept at the group's leader after `setrlimit`.
    pub fd_limit: i64,
    /// Virtual memory, KiB.
    pub vm_size: u32,
    /// Resident memory, KiB.
    pub vm_rss: u32,
    /// Swapped memory, KiB.
    pub vm_swap: u32,
    /// Major page faults since it started.
    pub pf_major: u64,
    /// Minor page faults since it started.
    pub pf_minor: u64,
    /// When it was cloned, nanoseconds since the epoch; 0 is unknown.
    pub clone_ts: u64,
    /// When its process last called exec, nanoseconds since the epoch; 0 is never or unknown.
    pub lastexec_ts: u64,
    /// When the first process of its pid namespace started, nanoseconds since the epoch; 0 is unknown.
    pub pidns_init_start_ts: u64,
    /// When its process began, nanoseconds since boot, as a live sensor tells it; 0 is unknown. With the id it names the
    /// process for good.
    pub started: u64,
    /// `proc.exe_ino.ctime_duration_proc_start`, nanoseconds.
    pub exe_ctime_to_clone: u64,
    /// `proc.exe_ino.ctime_duration_pidns_start`, nanoseconds.
    pub pidns_start_to_exe_ctime: u64,
    /// Its last event (this one, while an event is processed).
    pub last_event_ts: u64,
    /// Its last but one event; 0 if there was none.
    pub prev_event_ts: u64,
    /// Its root directory, as told by the process table or by chroot.
    pub root: Bytes,
    /// Tells this thread from every other one, also from earlier ones with the same tid or slot.
    pub serial: u64,
    /// The container it is in, an index for [`State::container`](super::State::container); `None` is the host.
    pub(super) container: Option<u32>,
    pub(super) cgroups: Bytes,
    /// Only of a leader: the environment of the process.
    pub(super) env: Bytes,
    /// Only of a leader: the directory that the process works in, with a slash at its end.
    pub(super) cwd: Bytes,
    /// Only of a leader: its descriptors.
    pub(super) fds: Shared<FdTable>,
    /// Its descriptors count as having come in the opposite order, as those of a child do.
    pub(super) fds_reversed: bool,
    pub(super) version: u64,
    pub(super) reaper_tid: i64,
    /// What the entry of its current call said, if a capture recorded it.
    pub(super) entry: Option<Box<Entry>>,
    pub(super) group: u32,
    pub(super) links: Links,
}

/// The entry of a call: what a program asked for before it could change it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: EventId,
    params: ParamsBuf,
}

impl Entry {
    /// Keeps the parameters of an entry event.
    pub(super) fn new(event: &Event<'_>) -> Self {
        let mut params = ParamsBuf::default();
        (0..event.param_count()).for_each(|index| params.push(event.param(index).unwrap_or_default()));
        Entry { id: event.id, params }
    }

    /// The bytes of a parameter, `None` if it is missing or empty.
    pub(super) fn param(&self, index: usize) -> Option<&[u8]> {
        self.params.params().get(index).filter(|value| !value.is_empty())
    }

    /// A parameter up to its NUL, `None` if it is missing, empty or could not be read.
    pub(super) fn path(&self, index: usize) -> Option<&[u8]> {
        let value = self.param(index)?;
        let path = memchr::memchr(0, value).map_or(value, |end| &value[..end]);
        (path != b"<NA>").then_some(path)
    }

    /// A parameter of four bytes.
    pub(super) fn u32(&self, index: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.param(index)?.try_into().ok()?))
    }

    /// A parameter of eight bytes.
    pub(super) fn i64(&self, index: usize) -> Option<i64> {
        Some(i64::from_le_bytes(self.param(index)?.try_into().ok()?))
    }
}

/// The lists that a thread is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    pub(super) parent: Slot,
    pub(super) first_child: Slot,
    pub(super) next_sibling: Slot,
    pub(super) prev_sibling: Slot,
    pub(super) next_in_group: Slot,
    pub(super) prev_in_group: Slot,
}

impl Default for Links {
    fn default() -> Self {
        Links {
            parent: Slot::NONE,
            first_child: Slot::NONE,
            next_sibling: Slot::NONE,
            prev_sibling: Slot::NONE,
            next_in_group: Slot::NONE,
            prev_in_group: Slot::NONE,
        }
    }
}

impl Thread {
    /// A thread of which only its id is known.
    pub fn new(tid: i64) -> Self {
        Thread {
            tid,
            pid: -1,
            ptid: -1,
            sid: -1,
            vpgid: -1,
            pgid: -1,
            vtid: -1,
            vpid: -1,
            flags: ThreadFlags::NAME_CHANGED,
            uid: u32::MAX,
            gid: u32::MAX,
            loginuid: u32::MAX,
            tty: 0,
            comm: Name::new(),
            renamed: None,
            image: Arc::clone(&NO_IMAGE),
            caps: Capabilities::default(),
            fd_limit: -1,
            vm_size: 0,
            vm_rss: 0,
            vm_swap: 0,
            pf_major: 0,
            pf_minor: 0,
            clone_ts: 0,
            lastexec_ts: 0,
            pidns_init_start_ts: 0,
            started: 0,
            exe_ctime_to_clone: 0,
            pidns_start_to_exe_ctime: 0,
            last_event_ts: 0,
            prev_event_ts: 0,
            root: Bytes::default(),
            serial: 0,
            container: None,
            cgroups: Bytes::default(),
            env: Bytes::default(),
            cwd: Bytes::default(),
            fds: Shared::clone(&NO_FDS),
            fds_reversed: false,
            version: 0,
            reaper_tid: -1,
            entry: None,
            group: u32::MAX,
            links: Links::default(),
        }
    }

    /// Whether it leads its process.
    #[inline]
    pub fn is_main(&self) -> bool {
        self.tid == self.pid || self.flags.contains(ThreadFlags::IS_MAIN_THREAD)
    }

    /// Whether it was only ever seen to make calls: its process is not known.
    pub fn is_invalid(&self) -> bool {
        self.tid < 0 || self.pid < 0 || self.ptid < 0
    }

    /// Whether it has exited.
    pub fn is_dead(&self) -> bool {
        self.flags.contains(ThreadFlags::CLOSED)
    }

    /// Whether it lives in a pid namespace that is not the first one.
    pub fn in_pid_namespace(&self) -> bool {
        self.flags.contains(ThreadFlags::CHILD_IN_PIDNS) || (self.tid != self.vtid && self.vtid >= 0)
    }

    /// `saker.proc.comm`: the name that the kernel has for the thread, which it can change by prctl(2). `comm` stays as
    /// it is then: rules know processes by it.
    pub fn current_comm(&self) -> &[u8] {
        self.renamed.as_deref().unwrap_or(&self.comm)
    }

    /// `proc.exe`.
    pub fn exe(&self) -> &[u8] {
        &self.image.exe
    }

    /// `proc.exepath`.
    pub fn exepath(&self) -> &[u8] {
        &self.image.exepath
    }

    /// The arguments after argv\[0\].
    pub fn args(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.image.args()
    }

    /// Its cgroups: (subsystem, path) in the order of the event. Subsystems that the kernel has renamed keep their
    /// first name.
    pub fn cgroups(&self) -> impl Iterator<Item = (&[u8], &[u8])> + Clone {
        strings(&self.cgroups).filter_map(|entry| {
            let at = memchr::memchr(b'=', entry)?;
            let subsystem = &entry[..at];
            let subsystem = match subsystem.strip_suffix(b"_cgroup").unwrap_or(subsystem) {
                b"perf" => &b"perf_event"[..],
                b"mem" => b"memory",
                b"io" => b"blkio",
                other => other,
            };
            Some((subsystem, &entry[at + 1..]))
        })
    }

    /// Replaces its cgroups, unless one of them is cut off before its path. True if they are others now.
    pub(super) fn set_cgroups(&mut self, raw: &[u8]) -> bool {
        let changed = *self.cgroups != *raw && strings(raw).all(|entry| entry.contains(&b'='));
        if changed {
            self.cgroups = raw.into();
        }
        changed
    }

    /// Its cgroup in one subsystem.
    pub fn cgroup(&self, subsystem: &[u8]) -> Option<&[u8]> {
        self.cgroups().find(|(name, _)| *name == subsystem).map(|(_, path)| path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(raw: &[u8]) -> Vec<&[u8]> {
        strings(raw).collect()
    }

    #[test]
    fn strings_end_in_nul() {
        assert_eq!(split(b""), Vec::<&[u8]>::new());
        assert_eq!(split(b"\0"), Vec::<&[u8]>::new());
        assert_eq!(split(b"\0\0"), [b"", b""]);
        assert_eq!(split(b"a\0\0b\0"), [&b"a"[..], b"", b"b"]);
        assert_eq!(split(b"a\0b"), [b"a", b"b"]);
    }
}
