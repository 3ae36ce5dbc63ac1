//! The running kernel's types (BTF): where members of structs are. Read once, at load time, for the table of the probe's layout.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

/// Where the kernel has its types.
const PATH: &str = "sys/kernel/btf/vmlinux";
/// Names a file that has them instead: for kernels that keep them elsewhere.
pub(super) const VARIABLE: &str = "SAKER_BTF";

/// Where the types of the kernel are, on the host below `root`.
pub fn types_path(root: &Path) -> PathBuf {
    std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map_or_else(|| root.join(PATH), PathBuf::from)
}

const MAGIC: u16 = 0xeb9f;
/// `BTF_KIND_*`, `include/uapi/linux/btf.h`.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// The types, parsed as far as names go.
pub(super) struct Types<'a> {
    bytes: &'a [u8],
    /// Where each type begins; type 0 is `void`.
    starts: Vec<usize>,
    strings: usize,
    /// Structs and enums that were asked for, by name.
    named: HashMap<&'a [u8], u32>,
}

impl<'a> Types<'a> {
    /// Reads types, and remembers those of the names. `None` if the bytes are no BTF.
    pub(super) fn parse(bytes: &'a [u8], wanted: &HashSet<&[u8]>) -> Option<Types<'a>> {
        let mut types = Types { bytes, starts: vec![0], strings: 0, named: HashMap::new() };
        if types.word(0)? as u16 != MAGIC {
            return None;
        }
        let header = types.word(4)? as usize;
        let mut at = header.checked_add(types.word(8)? as usize)?;
        let end = at.checked_add(types.word(12)? as usize)?;
        types.strings = header.checked_add(types.word(16)? as usize)?;
        while at < end {
            let id = types.starts.len() as u32;
            types.starts.push(at);
            let info = types.word(at + 4)?;
            let count = (info & 0xffff) as usize;
            let kind = info >> 24 & 0x1f;
            if matches!(kind, kind::STRUCT | kind::ENUM | kind::ENUM64) {
                let name = types.string(types.word(at)?)?;
                if wanted.contains(name) {
                    types.named.entry(name).or_insert(id);
                }
            }
            at += 12
                + match kind {
                    kind::INT | kind::VAR | kind::DECL_TAG => 4,
                    kind::ARRAY => 12,
                    kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 12 * count,
                    kind::ENUM | kind::FUNC_PROTO => 8 * count,
                    _ => 0,
                };
        }
        Some(types)
    }

    /// The bits before a member of a struct: `member`, or `member.member`; members of unnamed members count as the struct's own.
    pub(super) fn bit_offset(&self, of: &str, path: &str) -> Option<u64> {
        let mut id = *self.named.get(of.as_bytes())?;
        let mut bits = 0u64;
        for name in path.split('.') {
            let (offset, member) = self.member(id, name.as_bytes())?;
            bits += offset;
            id = member;
        }
        Some(bits)
    }

    /// Bytes of a struct.
    pub(super) fn size(&self, of: &str) -> Option<u64> {
        let start = self.start(*self.named.get(of.as_bytes())?)?;
        Some(u64::from(self.word(start + 8)?))
    }

    /// Offset in bits and type of a member.
    fn member(&self, id: u32, name: &[u8]) -> Option<(u64, u32)> {
        let start = self.start(id)?;
        let info = self.word(start + 4)?;
        match info >> 24 & 0x1f {
            kind::STRUCT | kind::UNION => {}
            kind::TYPEDEF | kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                return self.member(self.word(start + 8)?, name);
            }
            _ => return None,
        }
        // With bit fields about, the upper byte of an offset is the width.
        let mask = if info >> 31 != 0 { 0xff_ffff } else { u32::MAX };
        for index in 0..(info & 0xffff) as usize {
            let at = start + 12 + index * 12;
            let (found, member, bits) =
                (self.string(self.word(at)?)?, self.word(at + 4)?, self.word(at + 8)? & mask);
            if found == name {
                return Some((u64::from(bits), member));
            }
            if found.is_empty()
                && let Some((inner, member)) = self.member(member, name)
            {
                return Some((u64::from(bits) + inner, member));
            }
        }
        None
    }

    fn start(&self, id: u32) -> Option<usize> {
        self.starts.get(id as usize).copied().filter(|start| *start != 0)
    }

    fn word(&self, at: usize) -> Option<u32> {
        self.bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    fn string(&self, at: u32) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.strings + at as usize..)?;
        Some(&rest[..memchr::memchr(0, rest)?])
    }
}
