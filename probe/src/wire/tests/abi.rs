// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! `probe/abi.txt` holds every size, offset and number that kernel and agent agree on. A change of any fails here until
//! [`ABI_VERSION`] is raised; then `UPDATE_ABI=1 cargo test -p saker-probe abi` writes the file anew.

use core::mem::{offset_of, size_of};
use std::fmt::Write;
use std::string::String;

use super::super::super::extract::calls::CALLS;
use super::super::control::{self, device, Interest};
use super::super::record::{self, Extra};
use super::super::{event, ring, ABI_VERSION};

/// Lines `name value` of constants, with the path that leads to them left out.
macro_rules! constants {
    ($text:ident, $title:literal: $($($part:ident)::+),* $(,)?) => {{
        writeln!($text, "\n{}", $title).unwrap();
        $(line(&mut $text, stringify!($($part)::+), ($($part)::+) as u64);)*
    }};
}

macro_rules! fields {
    ($text:ident, $name:literal $of:ty: $($field:ident),*) => {{
        writeln!($text, "\n{} size {}", $name, size_of::<$of>()).unwrap();
        $(line(&mut $text, stringify!($field), offset_of!($of, $field) as u64);)*
    }};
}

fn line(text: &mut String, path: &str, value: u64) {
    let name = path.rsplit("::").next().unwrap_or(path).trim();
    writeln!(text, "  {name} {value:#x}").unwrap();
}

fn described() -> String {
    let mut text = std::format!("version {ABI_VERSION}\n");
    constants!(text, "record":
        record::SLOT_SIZE, record::RECORD_SLOTS_MAX, record::HEADER_SIZE, record::PARAMETER_SIZE_MAX,
        record::PARAMETER_TRUNCATED, record::PATH_SIZE_MAX);
    constants!(text, "header, offsets":
        record::offset::SEQUENCE, record::offset::TIME, record::offset::TID, record::offset::TGID,
        record::offset::EVENT, record::offset::SLOTS, record::offset::PAYLOAD, record::offset::PARAMETERS,
        record::offset::EXTRAS, record::offset::RETURN, record::offset::CGROUP, record::offset::START_TIME,
        record::offset::FLAGS, record::offset::SYSCALL, record::offset::CPU);
    constants!(text, "header, flags":
        record::flag::COMPAT, record::flag::X32, record::flag::IO_URING, record::flag::USER_MISS,
        record::flag::KERNEL_MISS, record::flag::CUT, record::flag::UNSUPPORTED);
    constants!(text, "extras":
        Extra::FilePath, Extra::DirectoryPath, Extra::SecondDirectoryPath, Extra::WorkingDirectory,
        Extra::Credentials);
    constants!(text, "path, flags":
        record::path::ROOT, record::path::OUTSIDE, record::path::DETACHED, record::path::CUT_COMPONENTS,
        record::path::CUT_BYTES, record::path::DELETED, record::path::FAULT, record::path::RACED,
        record::path::RACES_UNCHECKED);
    constants!(text, "ring":
        ring::PAGE_SIZE, ring::SLACK_SIZE, ring::SLOTS_MIN, ring::SLOTS_MAX, ring::IDLE, ring::ENTERED);
    constants!(text, "ring, offsets":
        ring::offset::TAIL, ring::offset::HEAD, ring::offset::PENDING, ring::offset::SEQUENCE,
        ring::offset::COUNTERS);
    writeln!(text, "\ncounters, room for {}", ring::counter::COUNT).unwrap();
    for (index, name) in ring::counter::NAMES {
        writeln!(text, "  {index} {name}").unwrap();
    }
    fields!(text, "Interest" Interest:
        abi_version, options, snaplen, tracepoints, scope_cgroup, scope_level, cgroup_hierarchy, native, codes);
    constants!(text, "Interest, bits and limits":
        control::option::PATHS, control::option::CREDENTIALS, control::option::DROP_FAILED,
        control::tracepoint::SIGNAL_DELIVER, control::tracepoint::PAGE_FAULT, control::tracepoint::SWITCH,
        control::tracepoint::IO_URING, control::BITMAP_BITS, control::SNAPLEN_MAX);
    fields!(text, "Version" device::Version: abi_version, cpus, slots);
    fields!(text, "Setup" device::Setup: abi_version, reserved, slots);
    constants!(text, "ioctl": device::VERSION, device::SETUP, device::INTEREST);
    writeln!(text, "\nmmap\n  cpu 3, reader {:#x}", device::mmap_offset(3, device::PART_READER)).unwrap();
    writeln!(text, "  cpu 3, producer {:#x}", device::mmap_offset(3, device::PART_PRODUCER)).unwrap();
    constants!(text, "events of our own": event::CGROUP_MKDIR, event::CGROUP_RMDIR);
    writeln!(text, "\nevents: id, name, parameters").unwrap();
    for (id, name, parameters) in event::RECORDED {
        writeln!(text, "  {id} {name} {parameters}").unwrap();
    }
    writeln!(text, "\nsystem calls: code, name, event").unwrap();
    for (code, call) in CALLS.iter().enumerate() {
        writeln!(text, "  {code} {} {}", call.name, call.event).unwrap();
    }
    text
}

#[test]
fn what_is_agreed_stands_in_abi_txt() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/abi.txt");
    let written = std::fs::read_to_string(path).unwrap_or_default();
    let described = described();
    if written == described {
        return;
    }
    let raised = !written.starts_with(&std::format!("version {ABI_VERSION}\n"));
    if raised && std::env::var_os("UPDATE_ABI").is_some() {
        std::fs::write(path, described).unwrap();
        return;
    }
    let differing = written.lines().zip(described.lines()).find(|(was, is)| was != is);
    let advice = if raised {
        "run UPDATE_ABI=1 cargo test -p saker-probe abi"
    } else {
        "drivers and agents of before would misread it: raise ABI_VERSION"
    };
    panic!("what kernel and agent agree on has changed ({advice}); the first line: {differing:?}");
}
