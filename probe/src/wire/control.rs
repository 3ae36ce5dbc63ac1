// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What the agent tells a driver: which calls it asks for, of whom, and how much of them. The module takes it by `ioctl`, the
//! eBPF probe finds it in a map; both see the same bytes.

/// Words of a bitmap of system calls.
pub const BITMAP_WORDS: usize = 10;
/// One more than the highest number that a bitmap of system calls can hold.
pub const BITMAP_BITS: usize = BITMAP_WORDS * 64;

/// What a consumer asks for. Plain numbers only: it crosses the border of the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(C)]
pub struct Interest {
    /// [`super::ABI_VERSION`] of the agent.
    pub abi_version: u32,
    /// [`option`] bits.
    pub options: u32,
    /// How many bytes of read and written data are recorded, at most [`SNAPLEN_MAX`].
    pub snaplen: u32,
    /// [`tracepoint`] bits.
    pub tracepoints: u32,
    /// Only threads in this cgroup and below are recorded; 0 is everybody. Always an id of the version 2 hierarchy.
    pub scope_cgroup: u64,
    /// How deep `scope_cgroup` is below the root, which has depth 0.
    pub scope_level: u32,
    /// Which hierarchy the header's cgroup id is of: 0 is version 2, else one more than the index of a version 1
    /// controller among the kernel's (`cgroup_subsys_id`).
    pub cgroup_hierarchy: u32,
    /// Calls that are asked for, by their number in the native table.
    pub native: [u64; BITMAP_WORDS],
    /// The same, by code ([`super::super::extract::calls`]): for calls through other tables.
    pub codes: [u64; BITMAP_WORDS],
}

/// The most bytes of data that a parameter takes.
pub const SNAPLEN_MAX: u32 = 16_384;
/// Bytes of data that a parameter takes unless the configuration says otherwise, as in Falco.
pub const SNAPLEN_DEFAULT: u32 = 80;

/// Bits of [`Interest::options`].
pub mod option {
    /// Paths from kernel objects go with the calls that open files or start from directories.
    pub const PATHS: u32 = 1 << 0;
    /// Credentials go with every record.
    pub const CREDENTIALS: u32 = 1 << 1;
    /// Calls that failed are not recorded (`engine.*.drop_failed_exit`).
    pub const DROP_FAILED: u32 = 1 << 2;
}

/// Bits of [`Interest::tracepoints`]: what is recorded besides calls. Fork, exec and exit always are.
pub mod tracepoint {
    /// A signal was delivered (`signaldeliver`).
    pub const SIGNAL_DELIVER: u32 = 1 << 0;
    /// A page fault (`page_fault`).
    pub const PAGE_FAULT: u32 = 1 << 1;
    /// A context switch (`switch`).
    pub const SWITCH: u32 = 1 << 2;
    /// Operations through io_uring.
    pub const IO_URING: u32 = 1 << 3;
}

/// The module's device.
pub mod device {
    use super::Interest;

    /// Where it is.
    pub const PATH: &str = "/dev/saker";

    /// What the module says of itself ([`VERSION`]).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    #[repr(C)]
    pub struct Version {
        /// [`super::super::ABI_VERSION`] of the module.
        pub abi_version: u32,
        /// How many rings a consumer gets: one more than the highest number that a CPU can have. Not every one need exist.
        pub cpus: u32,
        /// Slots of each ring; 0 before [`SETUP`].
        pub slots: u64,
    }

    /// How the rings shall be ([`SETUP`]).
    #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
    #[repr(C)]
    pub struct Setup {
        /// [`super::super::ABI_VERSION`] of the agent.
        pub abi_version: u32,
        /// 0.
        pub reserved: u32,
        /// Slots of each ring: a power of two from [`super::super::ring::SLOTS_MIN`] to [`super::super::ring::SLOTS_MAX`].
        pub slots: u64,
    }

    /// `ioctl`: writes [`Version`]. At any time.
    pub const VERSION: u32 = request(READ, 0, core::mem::size_of::<Version>());
    /// `ioctl`: takes [`Setup`] and makes the rings, once for each time that the device is opened. Errors: `EPROTO` if the
    /// versions differ, `EINVAL` if the rings cannot have that size, `ENOMEM` if they are too large for the machine,
    /// `EBUSY` if they are there already, `EUSERS` if there are as many consumers as there can be.
    pub const SETUP: u32 = request(WRITE, 1, core::mem::size_of::<Setup>());
    /// `ioctl`: takes [`Interest`]. From the first time on records are written; each later time replaces it. Errors:
    /// `EPROTO` if the versions differ, `EINVAL` before [`SETUP`] or if it asks for what cannot be.
    pub const INTEREST: u32 = request(WRITE, 2, core::mem::size_of::<Interest>());

    /// The reader's page of a ring: one page, to read and write.
    pub const PART_READER: u64 = 0;
    /// The producer's page, the slots and the slack: to read only.
    pub const PART_PRODUCER: u64 = 1;

    /// Where `mmap` finds a part of the ring of a CPU.
    pub const fn mmap_offset(cpu: u32, part: u64) -> u64 {
        ((cpu as u64) << 1 | part) << 32
    }

    const WRITE: u32 = 1;
    const READ: u32 = 2;

    /// The kernel's `_IOC`.
    const fn request(direction: u32, number: u32, size: usize) -> u32 {
        direction << 30 | (size as u32) << 16 | (b'S' as u32) << 8 | number
    }
}

impl Interest {
    /// Asks for a call.
    pub fn ask(&mut self, native_number: Option<u16>, code: u16) {
        if let Some(number) = native_number {
            set(&mut self.native, number);
        }
        set(&mut self.codes, code);
    }
}

/// Whether a bit of a bitmap is set; bits beyond it are not.
#[inline(always)]
pub fn is_set(bitmap: &[u64; BITMAP_WORDS], bit: usize) -> bool {
    bitmap.get(bit >> 6).is_some_and(|word| word >> (bit & 63) & 1 != 0)
}

fn set(bitmap: &mut [u64; BITMAP_WORDS], bit: u16) {
    if let Some(word) = bitmap.get_mut(usize::from(bit >> 6)) {
        *word |= 1 << (bit & 63);
    }
}
