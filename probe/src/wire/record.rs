// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! A record: a header of 64 bytes, then parameters, in one to 512 slots of 128 bytes that follow each other in the ring.
//!
//! ```text
//! 0                         64                                          128
//! | header                  | len,param | len,param | len,extra | ...    | ... next slot
//! ```
//!
//! A parameter is a `u16` and as many bytes as its low 15 bits say; the high bit says that there would have been more.
//! First come the parameters of the event in the order of Falco's schema, then the extras: what our sensor knows beyond the
//! schema, each beginning with a byte that says what it is ([`Extra`]). All numbers are little-endian.

/// Bytes of a slot.
pub const SLOT_SIZE: usize = 128;
/// Slots of the longest record.
pub const RECORD_SLOTS_MAX: usize = 512;
/// Bytes of the longest record.
pub const RECORD_SIZE_MAX: usize = SLOT_SIZE * RECORD_SLOTS_MAX;
/// Bytes of the header.
pub const HEADER_SIZE: usize = 64;
/// Bytes that parameters can take, their lengths included.
pub const PAYLOAD_SIZE_MAX: usize = RECORD_SIZE_MAX - HEADER_SIZE;
/// Bytes of the longest parameter.
pub const PARAMETER_SIZE_MAX: usize = 0x7fff;
/// The bit of a parameter's length that says that the parameter was cut.
pub const PARAMETER_TRUNCATED: u16 = 0x8000;
/// Bytes of a path, the closing NUL included (`PATH_MAX`).
pub const PATH_SIZE_MAX: usize = 4096;

/// Where the fields of the header are.
pub mod offset {
    /// `u64`: the number of the record among all of this CPU that there was to write, refused ones included.
    pub const SEQUENCE: usize = 0;
    /// `u64`: when, in nanoseconds since boot (`CLOCK_BOOTTIME`).
    pub const TIME: usize = 8;
    /// `u32`: thread id in the initial pid namespace.
    pub const TID: usize = 16;
    /// `u32`: thread group id in the initial pid namespace.
    pub const TGID: usize = 20;
    /// `u16`: what happened ([`super::super::event`]).
    pub const EVENT: usize = 24;
    /// `u16`: how many slots the record takes.
    pub const SLOTS: usize = 26;
    /// `u16`: bytes after the header.
    pub const PAYLOAD: usize = 28;
    /// `u8`: how many parameters of the schema follow.
    pub const PARAMETERS: usize = 30;
    /// `u8`: how many extras follow them.
    pub const EXTRAS: usize = 31;
    /// `i64`: what the call returned.
    pub const RETURN: usize = 32;
    /// `u64`: id of the thread's cgroup, in the hierarchy that the driver was told to use.
    pub const CGROUP: usize = 40;
    /// `u64`: when the thread group began, in nanoseconds since boot: with `TGID` it names a process for good.
    pub const START_TIME: usize = 48;
    /// `u32`: [`super::flag`].
    pub const FLAGS: usize = 56;
    /// `u16`: the number of the call in the table of its ABI, or `u16::MAX`.
    pub const SYSCALL: usize = 60;
    /// `u16`: the CPU.
    pub const CPU: usize = 62;
}

/// Bits of the header's flags.
pub mod flag {
    /// The call came through the 32-bit entry: its number is one of the 32-bit table.
    pub const COMPAT: u32 = 1 << 0;
    /// The call came through the x32 entry.
    pub const X32: u32 = 1 << 1;
    /// An io_uring operation, told as the call that it stands for.
    pub const IO_URING: u32 = 1 << 2;
    /// User memory that a parameter tells of could not be read.
    pub const USER_MISS: u32 = 1 << 3;
    /// A kernel object that a parameter tells of could not be read.
    pub const KERNEL_MISS: u32 = 1 << 4;
    /// Parameters are missing at the end, because the record was full.
    pub const CUT: u32 = 1 << 5;
    /// The driver or the kernel has no way to tell some parameter; it is empty.
    pub const UNSUPPORTED: u32 = 1 << 6;
    /// Those that a driver counts ([`super::super::ring::counter::misses`]).
    pub const MISSES: u32 = USER_MISS | KERNEL_MISS | CUT;
}

/// What the sensor knows beyond Falco's schema: the first byte of an extra parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Extra {
    /// `u32` of [`path`] bits, then the path of the file that the call opened or executed, from kernel objects.
    FilePath = 1,
    /// As `FilePath`: the directory descriptor that the call's (first) path is relative to.
    DirectoryPath = 2,
    /// As `FilePath`: the directory descriptor that the call's second path is relative to.
    SecondDirectoryPath = 3,
    /// As `FilePath`: the working directory.
    WorkingDirectory = 4,
    /// `u32` each: uid, gid, euid, egid, suid, sgid, fsuid, fsgid.
    Credentials = 5,
}

impl Extra {
    /// The kind with a number.
    pub fn from_byte(byte: u8) -> Option<Extra> {
        Some(match byte {
            1 => Extra::FilePath,
            2 => Extra::DirectoryPath,
            3 => Extra::SecondDirectoryPath,
            4 => Extra::WorkingDirectory,
            5 => Extra::Credentials,
            _ => return None,
        })
    }
}

/// How the walk that made a path ended.
pub mod path {
    /// At the root of the process: the path is what the process would see.
    pub const ROOT: u32 = 1 << 0;
    /// At a mount without parent: outside the root of the process, in another mount namespace, or detached.
    pub const OUTSIDE: u32 = 1 << 1;
    /// At a directory entry without parent that is no mount: a pseudo file (memfd, pipe, socket), or a bind mount's outside.
    pub const DETACHED: u32 = 1 << 2;
    /// Too many components: the path is the right-hand part.
    pub const CUT_COMPONENTS: u32 = 1 << 3;
    /// Too many bytes: the path is the right-hand part.
    pub const CUT_BYTES: u32 = 1 << 4;
    /// The file has no name any more.
    pub const DELETED: u32 = 1 << 5;
    /// Something could not be read.
    pub const FAULT: u32 = 1 << 6;
    /// A rename or a mount happened during the walk.
    pub const RACED: u32 = 1 << 7;
    /// The kernel does not let the driver see whether a rename or a mount happened.
    pub const RACES_UNCHECKED: u32 = 1 << 8;
}

/// The header of a record, decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Header {
    /// See [`offset::SEQUENCE`], and so on for each field.
    pub sequence: u64,
    /// Nanoseconds since boot.
    pub time: u64,
    /// Thread id.
    pub tid: u32,
    /// Thread group id.
    pub tgid: u32,
    /// Event id.
    pub event: u16,
    /// Slots.
    pub slots: u16,
    /// Bytes after the header.
    pub payload: u16,
    /// Parameters of the schema.
    pub parameters: u8,
    /// Extras after them.
    pub extras: u8,
    /// Return value.
    pub return_value: i64,
    /// Cgroup id.
    pub cgroup: u64,
    /// Start of the thread group, nanoseconds since boot.
    pub start_time: u64,
    /// [`flag`] bits.
    pub flags: u32,
    /// Number of the call.
    pub syscall: u16,
    /// CPU.
    pub cpu: u16,
}

/// Why bytes are no record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// Fewer bytes than a header.
    Short,
    /// The number of slots is none of 1 to 512, or not the one that the payload needs.
    Slots,
    /// A parameter goes beyond the payload, or the payload beyond the parameters.
    Parameters,
}

impl Header {
    /// The bytes of the header.
    pub fn to_bytes(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        let mut put = |at: usize, value: &[u8]| {
            if let Some(to) = bytes.get_mut(at..at.wrapping_add(value.len())) {
                to.copy_from_slice(value);
            }
        };
        put(offset::SEQUENCE, &self.sequence.to_le_bytes());
        put(offset::TIME, &self.time.to_le_bytes());
        put(offset::TID, &self.tid.to_le_bytes());
        put(offset::TGID, &self.tgid.to_le_bytes());
        put(offset::EVENT, &self.event.to_le_bytes());
        put(offset::SLOTS, &self.slots.to_le_bytes());
        put(offset::PAYLOAD, &self.payload.to_le_bytes());
        put(offset::PARAMETERS, &[self.parameters, self.extras]);
        put(offset::RETURN, &self.return_value.to_le_bytes());
        put(offset::CGROUP, &self.cgroup.to_le_bytes());
        put(offset::START_TIME, &self.start_time.to_le_bytes());
        put(offset::FLAGS, &self.flags.to_le_bytes());
        put(offset::SYSCALL, &self.syscall.to_le_bytes());
        put(offset::CPU, &self.cpu.to_le_bytes());
        bytes
    }

    /// Reads a header; only that there are enough bytes is checked.
    pub fn from_bytes(bytes: &[u8]) -> Option<Header> {
        let bytes: &[u8; HEADER_SIZE] = bytes.get(..HEADER_SIZE)?.try_into().ok()?;
        Some(Header {
            sequence: u64_at(bytes, offset::SEQUENCE),
            time: u64_at(bytes, offset::TIME),
            tid: u32_at(bytes, offset::TID),
            tgid: u32_at(bytes, offset::TGID),
            event: u16_at(bytes, offset::EVENT),
            slots: u16_at(bytes, offset::SLOTS),
            payload: u16_at(bytes, offset::PAYLOAD),
            parameters: byte_at(bytes, offset::PARAMETERS),
            extras: byte_at(bytes, offset::EXTRAS),
            return_value: u64_at(bytes, offset::RETURN) as i64,
            cgroup: u64_at(bytes, offset::CGROUP),
            start_time: u64_at(bytes, offset::START_TIME),
            flags: u32_at(bytes, offset::FLAGS),
            syscall: u16_at(bytes, offset::SYSCALL),
            cpu: u16_at(bytes, offset::CPU),
        })
    }
}

/// How many slots a record with a payload of so many bytes takes.
#[inline(always)]
pub const fn slots_for(payload: usize) -> usize {
    (HEADER_SIZE.wrapping_add(payload)).wrapping_add(SLOT_SIZE - 1) >> SLOT_SIZE.trailing_zeros()
}

/// A record whose lengths have been found to fit.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its header.
    pub header: Header,
    payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// Takes a record from bytes that may hold anything. They may go on behind the record.
    pub fn decode(bytes: &'a [u8]) -> Result<Record<'a>, Malformed> {
        let header = Header::from_bytes(bytes).ok_or(Malformed::Short)?;
        let payload = usize::from(header.payload);
        if usize::from(header.slots) != slots_for(payload) || payload > PAYLOAD_SIZE_MAX {
            return Err(Malformed::Slots);
        }
        let end = HEADER_SIZE.wrapping_add(payload);
        let payload = bytes.get(HEADER_SIZE..end).ok_or(Malformed::Short)?;
        let record = Record { header, payload };
        // Walk once, so that whoever takes the parameters later need not doubt them.
        let mut walk = Parameters { rest: payload };
        let expected = usize::from(header.parameters).wrapping_add(usize::from(header.extras));
        let mut found = 0usize;
        while walk.next().is_some() {
            found = found.wrapping_add(1);
        }
        if found != expected || !walk.rest.is_empty() {
            return Err(Malformed::Parameters);
        }
        Ok(record)
    }

    /// The parameters of the schema, in its order. There may be fewer than the schema has ([`flag::CUT`]).
    pub fn parameters(&self) -> impl Iterator<Item = Parameter<'a>> {
        Parameters { rest: self.payload }.take(usize::from(self.header.parameters))
    }

    /// What is told beyond the schema: kind and bytes. Kinds newer than this version are passed over.
    pub fn extras(&self) -> impl Iterator<Item = (Extra, Parameter<'a>)> {
        Parameters { rest: self.payload }.skip(usize::from(self.header.parameters)).filter_map(|extra| {
            let (kind, bytes) = extra.bytes.split_first()?;
            Some((Extra::from_byte(*kind)?, Parameter { bytes, truncated: extra.truncated }))
        })
    }
}

/// A parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Parameter<'a> {
    /// Its bytes; none if it has no value.
    pub bytes: &'a [u8],
    /// There would have been more.
    pub truncated: bool,
}

#[derive(Clone, Debug)]
struct Parameters<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Parameters<'a> {
    type Item = Parameter<'a>;

    fn next(&mut self) -> Option<Parameter<'a>> {
        let (length, rest) = self.rest.split_first_chunk::<2>()?;
        let length = u16::from_le_bytes(*length);
        let (bytes, rest) = rest.split_at_checked(usize::from(length & !PARAMETER_TRUNCATED))?;
        self.rest = rest;
        Some(Parameter { bytes, truncated: length & PARAMETER_TRUNCATED != 0 })
    }
}

fn byte_at(bytes: &[u8; HEADER_SIZE], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

fn u16_at(bytes: &[u8; HEADER_SIZE], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u16::from_le_bytes(*chunk))
}

fn u32_at(bytes: &[u8; HEADER_SIZE], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8; HEADER_SIZE], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn record(header: Header, parameters: &[(&[u8], bool)]) -> Vec<u8> {
        let mut payload = Vec::new();
        for (bytes, truncated) in parameters {
            let length = bytes.len() as u16 | if *truncated { PARAMETER_TRUNCATED } else { 0 };
            payload.extend(length.to_le_bytes());
            payload.extend(*bytes);
        }
        let header =
            Header { payload: payload.len() as u16, slots: slots_for(payload.len()) as u16, ..header };
        let mut bytes = header.to_bytes().to_vec();
        bytes.extend(payload);
        bytes
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let header = Header {
            sequence: 1,
            time: 2,
            tid: 3,
            tgid: 4,
            event: 5,
            parameters: 2,
            extras: 2,
            return_value: -6,
            cgroup: 7,
            start_time: 8,
            flags: 9,
            syscall: 10,
            cpu: 11,
            ..Header::default()
        };
        let bytes = record(
            header,
            &[(b"", false), (b"name\0", true), (b"\x01\x01\0\0\0/etc\0", false), (b"\xffnew", false)],
        );
        let found = Record::decode(&bytes).unwrap();
        assert_eq!(Header { slots: 0, payload: 0, ..found.header }, header);
        let parameters: Vec<_> = found.parameters().collect();
        assert_eq!(
            parameters,
            [Parameter { bytes: b"", truncated: false }, Parameter { bytes: b"name\0", truncated: true }]
        );
        let extras: Vec<_> = found.extras().collect();
        assert_eq!(
            extras,
            [(Extra::FilePath, Parameter { bytes: b"\x01\0\0\0/etc\0", truncated: false })],
            "a kind that is not known is passed over"
        );
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        let header = Header { parameters: 1, ..Header::default() };
        let good = record(header, &[(b"abc", false)]);
        assert!(Record::decode(&good).is_ok());
        for cut in 0..good.len() {
            assert_eq!(Record::decode(&good[..cut]).unwrap_err(), Malformed::Short, "{cut}");
        }
        let mut wrong = good.clone();
        wrong[offset::SLOTS] = 2;
        assert_eq!(Record::decode(&wrong).unwrap_err(), Malformed::Slots);
        wrong = good.clone();
        wrong[offset::PAYLOAD] = 4;
        assert_eq!(Record::decode(&wrong).unwrap_err(), Malformed::Parameters);
        wrong = good.clone();
        wrong[offset::PARAMETERS] = 2;
        assert_eq!(Record::decode(&wrong).unwrap_err(), Malformed::Parameters);
        wrong = good.clone();
        wrong[HEADER_SIZE] = 4;
        assert_eq!(Record::decode(&wrong).unwrap_err(), Malformed::Parameters);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            if let Ok(record) = Record::decode(&bytes) {
                record.parameters().for_each(drop);
                record.extras().for_each(drop);
            }
        }
    }

    #[test]
    fn slots_hold_header_and_payload() {
        for (payload, slots) in [(0, 1), (64, 1), (65, 2), (192, 2), (193, 3), (PAYLOAD_SIZE_MAX, 512)] {
            assert_eq!(slots_for(payload), slots, "{payload}");
        }
    }
}
