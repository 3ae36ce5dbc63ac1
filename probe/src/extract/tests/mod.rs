// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Tests of the extractors over the mock: a world that all tests share, a notation for calls and what they record, and what is
//! asked of every extractor.

mod calls;
mod files;
mod flags;
mod io;
mod io_uring;
mod network;
mod process;
mod system;
mod tracepoints;

use std::collections::HashMap;
use std::string::{String, ToString};
use std::vec::Vec;

use super::calls::CALLS;
use super::kernel::{FileFact, SocketFact, TaskFact, TaskText};
use super::mock::{Mock, Written};

/// Addresses in the world: names, absolute and relative; another name; an empty one; data; nothing.
pub(super) const PATH: u64 = 0x1000;
pub(super) const RELATIVE: u64 = 0x1100;
pub(super) const OTHER: u64 = 0x1200;
pub(super) const NO_NAME: u64 = 0x1300;
pub(super) const DATA: u64 = 0x2000;
pub(super) const NOWHERE: u64 = 0xdead_0000;
/// For what a test lays out itself.
pub(super) const HERE: u64 = 0x9000;

/// `AT_FDCWD` as an argument.
pub(super) const CWD: u64 = -100i64 as u64;

/// A parameter that is expected.
#[derive(Clone, Copy, Debug)]
pub(super) enum P<'a> {
    U8(u8),
    U16(u16),
    U32(u32),
    U64(u64),
    I32(i32),
    I64(i64),
    /// Text and its NUL.
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Bytes, marked as cut.
    Cut(&'a [u8]),
    Empty,
}

impl P<'_> {
    fn written(self) -> Written {
        let bytes = match self {
            P::U8(value) => value.to_le_bytes().to_vec(),
            P::U16(value) => value.to_le_bytes().to_vec(),
            P::U32(value) => value.to_le_bytes().to_vec(),
            P::U64(value) => value.to_le_bytes().to_vec(),
            P::I32(value) => value.to_le_bytes().to_vec(),
            P::I64(value) => value.to_le_bytes().to_vec(),
            P::Text(text) => [text.as_bytes(), b"\0"].concat(),
            P::Bytes(bytes) | P::Cut(bytes) => bytes.to_vec(),
            P::Empty => Vec::new(),
        };
        Written { bytes, cut: matches!(self, P::Cut(_)) }
    }
}

/// The code of a call.
pub(super) fn code(name: &str) -> u16 {
    CALLS.iter().position(|call| call.name == name).expect("a call of this name") as u16
}

/// Little-endian numbers one after the other, as structures in memory have them.
#[macro_export]
macro_rules! bytes {
    ($($value:expr),* $(,)?) => {{
        let mut all = std::vec::Vec::new();
        $(all.extend($value.to_le_bytes());)*
        all
    }};
}

/// A process with a few files and sockets. Each fact is its own number.
pub(super) fn world() -> Mock {
    let mut mock =
        Mock { snaplen: 8, working_directory: Some("/home"), executable: Some(4), ..Mock::default() };
    for (address, bytes) in [
        (PATH, &b"/etc/passwd\0"[..]),
        (RELATIVE, b"notes\0"),
        (OTHER, b"/tmp/other\0"),
        (NO_NAME, b"\0"),
        (DATA, b"hello, world"),
    ] {
        mock.memory.insert(address, bytes.to_vec());
    }
    use TaskFact::*;
    for (fact, value) in [
        (Tid, 11),
        (Tgid, 10),
        (ParentTid, 5),
        (VirtualTid, 2),
        (VirtualTgid, 1),
        (ProcessGroup, 9),
        (VirtualProcessGroup, 3),
        (PidNamespaceStart, 777),
        (FdLimit, 1024),
        (MajorFaults, 21),
        (MinorFaults, 22),
        (VmSize, 31),
        (VmRss, 32),
        (VmSwap, 33),
        (Uid, 1000),
        (Euid, 1001),
        (Suid, 1002),
        (Fsuid, 1003),
        (Gid, 2000),
        (Egid, 2001),
        (Sgid, 2002),
        (Fsgid, 2003),
        (CapInheritable, 1),
        (CapPermitted, u64::MAX),
        (CapEffective, 3),
        (Tty, 0x8801),
        (LoginUid, 1000),
        (Reaper, 1),
    ] {
        mock.task.insert(fact, value);
    }
    for (text, bytes) in [
        (TaskText::Comm, &b"cat\0"[..]),
        (TaskText::Executable, b"/bin/cat\0"),
        (TaskText::Arguments, b"-n\0file\0"),
        (TaskText::Environment, b"HOME=/\0"),
        (TaskText::ExecFilename, b"./cat\0"),
        (TaskText::CgroupPath, b"/system.slice\0"),
    ] {
        mock.texts.insert(text, bytes);
    }
    let file = |inode: u64, mode: u64| {
        HashMap::from([
            (FileFact::Device, 0x801),
            (FileFact::Inode, inode),
            (FileFact::Mode, mode),
            (FileFact::ChangeTime, 61),
            (FileFact::ModifyTime, 62),
        ])
    };
    mock.files.insert(0, (file(40, 0), "/dev/null"));
    mock.files.insert(3, (file(43, 0x10_0000), "/real/passwd"));
    mock.files.insert(4, (file(44, 0), "/usr/bin/cat"));
    mock.files.insert(5, (file(45, 0), "/srv"));
    mock.files.insert(6, (file(46, 0), "/var"));
    let loopback = u64::from(u32::from_le_bytes([127, 0, 0, 1]));
    let peer = u64::from(u32::from_le_bytes([10, 0, 0, 1]));
    let ends = |family, extra: &[(SocketFact, u64)]| {
        let mut facts = HashMap::from([(SocketFact::Family, family)]);
        facts.extend(extra.iter().copied());
        facts
    };
    use SocketFact::*;
    let connected = [(LocalAddress, loopback), (LocalPort, 5000), (PeerAddress, peer), (PeerPort, 443)];
    mock.sockets.insert(7, (ends(2, &connected), ["", ""]));
    let connected = [
        (LocalAddress6Last, 0x0100_0000_0000_0000),
        (LocalPort, 5000),
        (PeerAddress6First, 0xb80d_0120),
        (PeerAddress6Last, 0x0200_0000_0000_0000),
        (PeerPort, 443),
    ];
    mock.sockets.insert(8, (ends(10, &connected), ["", ""]));
    mock.sockets.insert(9, (ends(1, &[(Identity, 0xaaaa), (PeerIdentity, 0xbbbb)]), ["/local", "/peer"]));
    mock.sockets.insert(12, (ends(2, &[(LocalAddress, loopback), (LocalPort, 5000)]), ["", ""]));
    mock.sockets.insert(13, (ends(2, &[(Backlog, 3), (BacklogMax, 128)]), ["", ""]));
    mock.sockets.insert(14, (ends(10, &[(LocalPort, 53)]), ["", ""]));
    mock.sockets.insert(16, (ends(16, &[]), ["", ""]));
    mock
}
/// The world in the middle of a call.
pub(super) fn call(name: &str, arguments: &[u64], result: i64) -> Mock {
    let mut mock = Mock { call: (code(name), 0), result, ..world() };
    mock.arguments[..arguments.len()].copy_from_slice(arguments);
    mock
}

/// Runs the extractor.
pub(super) fn run(mut mock: Mock) -> Mock {
    super::calls::extract(mock.call.0, &mut mock);
    mock
}

#[track_caller]
pub(super) fn expect(what: &str, mock: &Mock, parameters: &[P<'_>]) {
    let expected: Vec<_> = parameters.iter().map(|parameter| parameter.written()).collect();
    let show = |list: &[Written]| {
        list.iter()
            .enumerate()
            .map(|(index, one)| std::format!("\n  {index}: {one:x?}"))
            .collect::<Vec<String>>()
            .concat()
    };
    assert!(
        expected == mock.parameters,
        "{what}: expected{}\nfound{}",
        show(&expected),
        show(&mock.parameters)
    );
}

/// The extras as text: kind and what follows the bits of the walk.
pub(super) fn extras(mock: &Mock) -> Vec<(u8, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[5..]).trim_end_matches('\0').to_string();
    mock.extras.iter().map(|extra| (extra.bytes[0], text(&extra.bytes))).collect()
}

/// Calls and what they record: `name(arguments) { address: bytes, … } = result => [parameters];`.
#[macro_export]
macro_rules! records {
    ($($name:ident ($($argument:expr),*) $({$($address:expr => $bytes:expr),*})? = $result:expr => [$($parameter:expr),* $(,)?];)*) => {
        $({
            #[allow(unused_mut)]
            let mut mock = $crate::extract::tests::call(stringify!($name), &[$($argument as u64),*], $result);
            $($(mock.memory.insert($address, $bytes.to_vec());)*)?
            let mock = $crate::extract::tests::run(mock);
            let what = std::format!("{}({:x?}) = {}", stringify!($name), mock.arguments, mock.result);
            $crate::extract::tests::expect(&what, &mock, &[$($parameter),*]);
        })*
    };
}
