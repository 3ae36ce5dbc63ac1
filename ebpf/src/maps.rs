// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The maps, and the variables that the agent sets.

use core::cell::UnsafeCell;
use core::mem::offset_of;

use crate::extract::calls;
use crate::wire::control::Interest;

use crate::access::load;

/// How a map is described in the object's section `maps`, without types.
#[repr(C)]
pub struct Map {
    kind: u32,
    key_size: u32,
    value_size: u32,
    entries: u32,
    flags: u32,
    id: u32,
    pinning: u32,
}

impl Map {
    const fn array(kind: u32, value_size: u32, entries: u32, flags: u32) -> Map {
        Map { kind, key_size: 4, value_size, entries, flags, id: 0, pinning: 0 }
    }

    const fn hash(kind: u32, key_size: u32, value_size: u32, entries: u32) -> Map {
        Map { kind, key_size, value_size, entries, flags: 0, id: 0, pinning: 0 }
    }
}

const ARRAY: u32 = 2;
const PROGRAM_ARRAY: u32 = 3;
const PER_CPU_ARRAY: u32 = 6;
/// Forgets what was not used for the longest time.
const LRU_HASH: u32 = 9;
const MMAPABLE: u32 = 1 << 10;

/// Per CPU the producer's page, the slots and the slack of `crate::wire::ring`. The agent sets the size of a value and the number
/// of CPUs before it loads the object.
#[no_mangle]
#[link_section = "maps"]
pub static RINGS: Map = Map::array(ARRAY, 0, 1, MMAPABLE);

/// Per CPU the reader's page.
#[no_mangle]
#[link_section = "maps"]
pub static TAILS: Map = Map::array(ARRAY, crate::wire::ring::PAGE_SIZE as u32, 1, MMAPABLE);

/// By code of a call, the program with its extractor; behind them those that write what stands at the end of records.
#[no_mangle]
#[link_section = "maps"]
pub static EXTRACTORS: Map = Map::array(PROGRAM_ARRAY, 4, PLACES + 1, 0);

/// Where in [`EXTRACTORS`] the program is that writes the credentials.
pub const CREDENTIALS: u32 = calls::COUNT as u32;

/// Where in [`EXTRACTORS`] the program is that writes where names lead.
pub const PLACES: u32 = CREDENTIALS + 1;

/// Where paths are put together, from right to left (`path.rs`).
#[no_mangle]
#[link_section = "maps"]
pub static PATHS: Map = Map::array(PER_CPU_ARRAY, super::path::SCRATCH_SIZE as u32, 1, 0);

/// Requests to io_uring that are under way: by the address of the request its operation (`programs/io_uring.rs`).
#[no_mangle]
#[link_section = "maps"]
pub static PENDING: Map = Map::hash(LRU_HASH, 8, 56, 4096);

/// A variable that the agent changes while programs run.
#[repr(transparent)]
pub struct Shared<T>(UnsafeCell<T>);

// SAFETY: it is only read here, by volatile loads of single words.
unsafe impl<T> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// Its address.
    #[inline(always)]
    pub fn address(&self) -> *const u8 {
        self.0.get().cast()
    }
}

/// What the agent asks for. Lies in a map of its own (`.bss`), which the agent writes to.
#[no_mangle]
pub static INTEREST: Shared<Interest> = Shared(UnsafeCell::new(Interest {
    abi_version: 0,
    options: 0,
    snaplen: 0,
    tracepoints: 0,
    scope_cgroup: 0,
    scope_level: 0,
    cgroup_hierarchy: 0,
    native: [0; 10],
    codes: [0; 10],
}));

/// Whether the agent has set one of its options ([`crate::wire::control::option`]).
#[inline(always)]
pub fn wants(option: u32) -> bool {
    load::<u32>(INTEREST.address(), offset_of!(Interest, options)) & option != 0
}
