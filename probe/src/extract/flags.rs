// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! From the kernel's flags to those of Falco's schema (`PPM_*`), which are the same on every architecture. A function a kind
//! of flags; the names of the schema's bits stand in the agent (`event/flags.rs`).

/// Gives the bits of the schema for those of the kernel that are all set: `KERNEL => SCHEMA`.
macro_rules! translate {
    ($flags:ident: $($kernel:literal => $schema:literal),* $(,)?) => {{
        let mut translated = 0;
        $(if $flags & $kernel == $kernel {
            translated |= $schema;
        })*
        translated
    }};
}

/// Flags of open: `include/uapi/asm-generic/fcntl.h` to `PPM_O_*`.
#[inline(always)]
pub fn open_flags(flags: u32) -> u32 {
    // The two lowest bits are a number: O_RDONLY, O_WRONLY, O_RDWR become bits of their own.
    let access = match flags & 3 {
        0 => 1,
        1 => 2,
        _ => 3,
    };
    access
        | translate! { flags:
            0o100 => 0x4,
            0o2000 => 0x8,
            0o10000 => 0x10,
            0o200 => 0x20,
            0o4000 => 0x40,
            0o4010000 => 0x80,
            0o1000 => 0x100,
            0o40000 => 0x200,
            0o200000 => 0x400,
            0o100000 => 0x800,
            0o2000000 => 0x1000,
            0o20200000 => 0x4000,
        }
}
