//! Block types of `.scap`, and what each is.

/// A section header: the capture, or one of several put together, begins.
pub(super) const SECTION: u32 = 0x0A0D_0D0A;
/// The byte order mark in a section header.
pub(super) const BYTE_ORDER: u32 = 0x1A2B_3C4D;
/// The major version that a section header has (`1.2` is what everything writes).
pub(super) const MAJOR: u16 = 1;
/// The minor version that we write.
pub(super) const MINOR: u16 = 2;

pub(super) const MACHINE: u32 = 0x201;
pub(super) const INTERFACES_V2: u32 = 0x219;
pub(super) const USERS_V2: u32 = 0x220;
pub(super) const PROCESSES_V9: u32 = 0x215;
pub(super) const FDS_V2: u32 = 0x218;
pub(super) const EVENT_V2: u32 = 0x216;
pub(super) const EVENT_V2_LARGE: u32 = 0x221;
pub(super) const EVENT_FLAGS_V2: u32 = 0x217;
pub(super) const EVENT_FLAGS_V2_LARGE: u32 = 0x222;

/// What a block holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Block {
    Section,
    Machine,
    /// Threads; entries of version 9 begin with their length and may grow at the end.
    Processes {
        version: u8,
    },
    /// Descriptors of one thread; `sized` entries begin with their length.
    Fds {
        sized: bool,
    },
    Interfaces {
        sized: bool,
    },
    Users {
        sized: bool,
    },
    Event(EventBlock),
    Unknown,
}

/// The variants of an event block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct EventBlock {
    /// A `u32` of flags follows the CPU number.
    pub(super) flags: bool,
    /// The event's header says how many parameters it has.
    pub(super) counted: bool,
    /// The block may be larger than 64 KiB.
    pub(super) large: bool,
}

impl Block {
    /// Classifies a block type. `0x80…ABCD` are the types of sysdig before its first release.
    pub(super) fn of(block_type: u32) -> Block {
        let event = |flags, counted, large| Block::Event(EventBlock { flags, counted, large });
        match block_type {
            SECTION => Block::Section,
            MACHINE | 0x8000_ABCD => Block::Machine,
            0x202 | 0x8001_ABCD => Block::Processes { version: 1 },
            0x207 | 0x8007_ABCD => Block::Processes { version: 2 },
            0x209 | 0x8009_ABCD => Block::Processes { version: 3 },
            0x210 => Block::Processes { version: 4 },
            0x211 => Block::Processes { version: 5 },
            0x212 => Block::Processes { version: 6 },
            0x213 => Block::Processes { version: 7 },
            0x214 => Block::Processes { version: 8 },
            PROCESSES_V9 => Block::Processes { version: 9 },
            0x203 | 0x8002_ABCD => Block::Fds { sized: false },
            FDS_V2 => Block::Fds { sized: true },
            0x204 | 0x8003_ABCD => event(false, false, false),
            EVENT_V2 => event(false, true, false),
            EVENT_V2_LARGE => event(false, true, true),
            0x208 => event(true, false, false),
            EVENT_FLAGS_V2 => event(true, true, false),
            EVENT_FLAGS_V2_LARGE => event(true, true, true),
            0x205 | 0x8004_ABCD => Block::Interfaces { sized: false },
            INTERFACES_V2 => Block::Interfaces { sized: true },
            0x206 | 0x8005_ABCD => Block::Users { sized: false },
            USERS_V2 => Block::Users { sized: true },
            _ => Block::Unknown,
        }
    }
}
