//! The event model: what every source of events (capture file, module ring, eBPF ring, /proc snapshot) hands to
//! the state engine and to the rules. One event per call, the exit event, with all its parameters.

mod facts;
pub mod flags;
mod params;
pub mod syscall;
mod table;

use bitflags::bitflags;

pub use facts::{Credentials, Facts, KernelPath};
pub use flags::FlagTable;
pub use params::{MAX_PARAMS, Params, ParamsBuf};
pub use table::{EVENT_COUNT, EVENTS, id};

/// The id of an event in schema 4.5: an index into [`EVENTS`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventId(pub u16);

impl EventId {
    /// The table row of this event; `None` for an id newer than the table.
    pub fn info(self) -> Option<&'static EventInfo> {
        EVENTS.get(usize::from(self.0))
    }
}

/// Whether a row describes the entry or the exit of a call. Meta events and tracepoints are `Enter`, as in Falco.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Entry of a call, or an event that is no call.
    Enter,
    /// Exit of a call.
    Exit,
}

bitflags! {
    /// What an event is about (`EC_*`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[allow(missing_docs)]
    pub struct Category: u32 {
        const UNKNOWN = 1 << 0;
        const OTHER = 1 << 1;
        const FILE = 1 << 2;
        const NET = 1 << 3;
        const IPC = 1 << 4;
        const MEMORY = 1 << 5;
        const PROCESS = 1 << 6;
        const SLEEP = 1 << 7;
        const SYSTEM = 1 << 8;
        const SIGNAL = 1 << 9;
        const USER = 1 << 10;
        const TIME = 1 << 11;
        const IO_READ = 1 << 12;
        const IO_WRITE = 1 << 13;
        const IO_OTHER = 1 << 14;
        const WAIT = 1 << 15;
        const SCHEDULER = 1 << 16;
        const INTERNAL = 1 << 17;
        const SYSCALL = 1 << 18;
        const TRACEPOINT = 1 << 19;
        const PLUGIN = 1 << 20;
        const METAEVENT = 1 << 21;
        const ITER = 1 << 22;
    }
}

bitflags! {
    /// How an event behaves (`EF_*`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    #[allow(missing_docs)]
    pub struct EventFlags: u32 {
        const CREATES_FD = 1 << 0;
        const DESTROYS_FD = 1 << 1;
        const USES_FD = 1 << 2;
        const READS_FROM_FD = 1 << 3;
        const WRITES_TO_FD = 1 << 4;
        const MODIFIES_STATE = 1 << 5;
        const UNUSED = 1 << 6;
        const WAITS = 1 << 7;
        const SKIPPARSERESET = 1 << 8;
        const OLD_VERSION = 1 << 9;
        const CONVERTER_MANAGED = 1 << 10;
        const LARGE_PAYLOAD = 1 << 11;
    }
}

/// The type of a parameter (`PT_*`): how its bytes are laid out (little-endian) and what they mean.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum ParamType {
    AbsTime,
    ByteBuf,
    CharBuf,
    CharBufArray,
    CharBufPairArray,
    Dyn,
    EnumFlags8,
    EnumFlags16,
    EnumFlags32,
    Errno,
    Fd,
    Fd32,
    FdList,
    Flags8,
    Flags16,
    Flags32,
    FsPath,
    FsRelPath,
    Gid,
    Int16,
    Int32,
    Int64,
    Ipv4Addr,
    Ipv6Addr,
    Mode,
    Pid,
    Pid32,
    Port,
    RelTime,
    SigSet,
    SigType,
    SockAddr,
    SockTuple,
    SyscallId,
    Uid,
    UInt8,
    UInt16,
    UInt32,
    UInt64,
}

impl ParamType {
    /// Bytes of a type that always has the same number of them.
    pub fn width(self) -> Option<usize> {
        Some(match self {
            ParamType::UInt8 | ParamType::Flags8 | ParamType::EnumFlags8 | ParamType::SigType => 1,
            ParamType::Int16
            | ParamType::UInt16
            | ParamType::Flags16
            | ParamType::EnumFlags16
            | ParamType::SyscallId
            | ParamType::Port => 2,
            ParamType::Int32
            | ParamType::UInt32
            | ParamType::Flags32
            | ParamType::EnumFlags32
            | ParamType::Uid
            | ParamType::Gid
            | ParamType::Mode
            | ParamType::SigSet
            | ParamType::Fd32
            | ParamType::Pid32
            | ParamType::Ipv4Addr => 4,
            ParamType::Int64
            | ParamType::UInt64
            | ParamType::RelTime
            | ParamType::AbsTime
            | ParamType::Errno
            | ParamType::Fd
            | ParamType::Pid => 8,
            ParamType::Ipv6Addr => 16,
            ParamType::ByteBuf
            | ParamType::CharBuf
            | ParamType::CharBufArray
            | ParamType::CharBufPairArray
            | ParamType::Dyn
            | ParamType::FdList
            | ParamType::FsPath
            | ParamType::FsRelPath
            | ParamType::SockAddr
            | ParamType::SockTuple => return None,
        })
    }
}

/// A parameter of an event.
#[derive(Debug)]
pub struct ParamInfo {
    /// Falco's name: `evt.arg.NAME`.
    pub name: &'static str,
    /// The type of its bytes.
    pub ty: ParamType,
    /// How it is printed.
    pub format: Format,
    /// What is known beyond the type.
    pub detail: Detail,
}

/// How a parameter is printed (`PF_*`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// As its type says; not a number.
    Na,
    /// A decimal number.
    Dec,
    /// A hexadecimal number.
    Hex,
    /// A decimal number of ten digits.
    Padded,
    /// An opaque number.
    Id,
    /// A direction.
    Dir,
    /// An octal number.
    Oct,
}

/// What is known of a parameter beyond its type.
#[derive(Clone, Copy, Debug)]
pub enum Detail {
    /// Nothing.
    None,
    /// Names of its bits or values.
    Names(FlagTable),
    /// It is a path relative to the directory descriptor in this parameter.
    RelativeTo(usize),
    /// Its first byte says which of these it is; the value follows.
    Variants(&'static [(ParamType, Format)]),
}

/// Types of the parameters of type [`ParamType::Dyn`], by their first byte.
pub mod variants {
    use super::{Format, ParamType};

    /// The value of a socket option.
    pub static SOCKOPT: &[(ParamType, Format)] = &[
        (ParamType::ByteBuf, Format::Hex),
        (ParamType::Errno, Format::Dec),
        (ParamType::UInt32, Format::Dec),
        (ParamType::UInt64, Format::Dec),
        (ParamType::RelTime, Format::Dec),
    ];

    /// Address and data of ptrace.
    pub static PTRACE: &[(ParamType, Format)] =
        &[(ParamType::UInt64, Format::Hex), (ParamType::SigType, Format::Dec)];

    /// The result of old `bpf` events.
    pub static BPF: &[(ParamType, Format)] = &[(ParamType::Fd, Format::Dec), (ParamType::Errno, Format::Dec)];

    /// Arguments of keyctl.
    pub static KEYCTL: &[(ParamType, Format)] = &[
        (ParamType::Int64, Format::Dec),
        (ParamType::CharBuf, Format::Na),
        (ParamType::ByteBuf, Format::Na),
    ];
}

/// A row of the event table.
#[derive(Debug)]
pub struct EventInfo {
    /// Its index.
    pub id: EventId,
    /// The name of the id without `PPME_`, e.g. `SYSCALL_OPENAT_2_X`.
    pub constant: &'static str,
    /// What `evt.type` says, e.g. `openat`.
    pub name: &'static str,
    /// Entry or exit.
    pub direction: Direction,
    /// What it is about.
    pub category: Category,
    /// How it behaves.
    pub flags: EventFlags,
    /// Its parameters, in the order of the record.
    pub params: &'static [ParamInfo],
}

impl EventInfo {
    /// Whether the event only feeds the state: the entry of a call, or a task or a descriptor found by iterating over them.
    /// Falco numbers these and never shows them to rules. (Users, groups and containers that a capture begins with are hidden
    /// too, but by their place: later ones are shown.)
    pub const fn is_internal(&self) -> bool {
        let call = matches!(self.direction, Direction::Enter) && self.category.contains(Category::SYSCALL);
        call || self.category.contains(Category::ITER)
    }
}

/// One event, borrowed from the source's buffer for as long as it is processed.
#[derive(Clone, Debug)]
pub struct Event<'e> {
    /// `evt.num`: 1 for the first event of a source. Internal events count too.
    pub num: u64,
    /// Wall clock, nanoseconds since the epoch.
    pub ts: u64,
    /// The thread that made the call.
    pub tid: i64,
    /// The CPU it ran on.
    pub cpu: u16,
    /// Which event.
    pub id: EventId,
    /// Block flags of `.scap` (`SCAP_DF_*`), 0 elsewhere.
    pub flags: u32,
    /// What a live sensor knows beyond the schema.
    pub facts: Option<&'e Facts<'e>>,
    params: Params<'e>,
}

impl<'e> Event<'e> {
    /// Puts an event together.
    #[inline]
    pub fn new(num: u64, ts: u64, tid: i64, cpu: u16, id: EventId, flags: u32, params: Params<'e>) -> Self {
        Event { num, ts, tid, cpu, id, flags, facts: None, params }
    }

    /// Adds what a live sensor knows.
    #[must_use]
    pub fn with_facts(self, facts: &'e Facts<'e>) -> Self {
        Event { facts: Some(facts), ..self }
    }

    /// Whether the event only feeds the state: rules, counts and outputs never see it, although it has a number.
    #[inline]
    pub fn is_internal(&self) -> bool {
        self.info().is_internal()
    }

    /// The table row.
    #[inline]
    pub fn info(&self) -> &'static EventInfo {
        // Sources skip ids beyond the table, so the fallback row is never taken.
        EVENTS.get(usize::from(self.id.0)).unwrap_or(&EVENTS[0])
    }

    /// The bytes of parameter `index`, `None` if the record has fewer. A parameter of length 0 is `Some(&[])`.
    #[inline]
    pub fn param(&self, index: usize) -> Option<&'e [u8]> {
        self.params.get(index)
    }

    /// The parameters.
    pub fn params(&self) -> &Params<'e> {
        &self.params
    }

    /// How many parameters the record has.
    #[inline]
    pub fn param_count(&self) -> usize {
        self.params.len()
    }

    /// Parameter `index` as a little-endian signed number of its own width (1, 2, 4 or 8 bytes).
    #[inline]
    pub fn param_i64(&self, index: usize) -> Option<i64> {
        let bytes = self.param(index)?;
        // Results and descriptors, which every event has, are of eight bytes.
        match bytes.try_into() {
            Ok(bytes) => Some(i64::from_le_bytes(bytes)),
            Err(_) => narrow_i64(bytes),
        }
    }

    /// Parameter `index` as a little-endian unsigned number of its own width (1, 2, 4 or 8 bytes).
    #[inline]
    pub fn param_u64(&self, index: usize) -> Option<u64> {
        let bytes = self.param(index)?;
        match bytes.try_into() {
            Ok(bytes) => Some(u64::from_le_bytes(bytes)),
            Err(_) => narrow_u64(bytes),
        }
    }

    /// The lower half of [`Event::param_u64`]: for parameters of four bytes or less.
    #[inline]
    pub fn param_u32(&self, index: usize) -> Option<u32> {
        let bytes = self.param(index)?;
        match bytes.try_into() {
            Ok(bytes) => Some(u32::from_le_bytes(bytes)),
            Err(_) => self.param_u64(index).map(|value| value as u32),
        }
    }

    /// Parameter `index` as a string: its bytes up to the first NUL.
    pub fn param_str(&self, index: usize) -> Option<&'e [u8]> {
        let bytes = self.param(index)?;
        Some(memchr::memchr(0, bytes).map_or(bytes, |end| &bytes[..end]))
    }
}

/// A signed number of less than eight bytes.
fn narrow_i64(bytes: &[u8]) -> Option<i64> {
    Some(match *bytes {
        [a] => i64::from(a as i8),
        [a, b] => i64::from(i16::from_le_bytes([a, b])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => return None,
    })
}

/// An unsigned number of less than eight bytes.
fn narrow_u64(bytes: &[u8]) -> Option<u64> {
    Some(match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        _ => return None,
    })
}

#[cfg(test)]
mod recorded_tests;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_at_their_ids() {
        for (index, row) in EVENTS.iter().enumerate() {
            assert_eq!(usize::from(row.id.0), index, "{}", row.constant);
        }
        assert_eq!(EVENT_COUNT, 454);
    }

    /// The types that need a detail have it, and no other.
    #[test]
    fn details_fit_the_type() {
        for (row, param) in EVENTS.iter().flat_map(|row| row.params.iter().map(move |param| (row, param))) {
            let fits = match param.detail {
                Detail::Names(table) => {
                    !table.is_empty()
                        && matches!(
                            param.ty,
                            ParamType::Flags8
                                | ParamType::Flags16
                                | ParamType::Flags32
                                | ParamType::EnumFlags8
                                | ParamType::EnumFlags16
                                | ParamType::EnumFlags32
                                | ParamType::Mode
                        )
                }
                Detail::RelativeTo(dirfd) => {
                    param.ty == ParamType::FsRelPath
                        && row.params.get(dirfd).is_some_and(|dir| dir.ty == ParamType::Fd)
                }
                Detail::Variants(variants) => param.ty == ParamType::Dyn && !variants.is_empty(),
                Detail::None => !matches!(param.ty, ParamType::FsRelPath | ParamType::Dyn),
            };
            assert!(fits, "{} {}", row.constant, param.name);
        }
    }
}
