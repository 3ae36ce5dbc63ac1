//! The tables between a section header and its first event: machine, interfaces, users, threads, descriptors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::error::{ScapError, ScapErrorKind};
use super::input::Input;
use crate::capture::snapshot::{
    FdInfo, FdRecord, GroupRecord, Interface, MachineInfo, ProcessRecord, Snapshot, UserRecord,
};

/// Bytes of records kept from the tables of a section; a compressed file can claim thousands of times its size.
const BUDGET: usize = 512 << 20;
/// The host name has this many bytes, NUL-padded.
pub(super) const HOSTNAME: usize = 128;

/// The body of a block, read piece by piece so that a table of any size needs no buffer of its size.
pub(super) struct Body<'i> {
    input: &'i mut Input,
    table: &'static str,
    /// Where the block starts.
    offset: u64,
    /// Bytes left before the trailer.
    left: u64,
}

/// An entry inside a body. Entries with a length of their own may be longer than we know.
struct Entry<'b, 'i> {
    body: &'b mut Body<'i>,
    /// Bytes left of an entry that says its length.
    left: Option<u64>,
}

impl<'i> Body<'i> {
    pub(super) fn new(input: &'i mut Input, table: &'static str, offset: u64, length: u64) -> Self {
        Body { input, table, offset, left: length }
    }

    fn damaged(&self, what: &'static str) -> ScapError {
        self.input.error(self.offset, ScapErrorKind::Table { table: self.table, what })
    }

    fn bytes(&mut self, count: usize) -> Result<&[u8], ScapError> {
        if count as u64 > self.left {
            return Err(self.damaged("it is longer than the block"));
        }
        if !self.input.ensure(count) {
            let missing = self.left - self.input.available().len() as u64;
            return Err(self.input.cut_off(self.offset, missing));
        }
        self.left -= count as u64;
        let at = self.input.position();
        self.input.consume(count);
        Ok(&self.input.window()[at..at + count])
    }

    /// Begins an entry. `sized`: it starts with the length of the rest, which includes that length itself if `inclusive`.
    fn entry(&mut self, sized: bool, inclusive: bool) -> Result<Entry<'_, 'i>, ScapError> {
        if !sized {
            return Ok(Entry { body: self, left: None });
        }
        let length = array(self.bytes(4)?).map_or(0, u32::from_le_bytes);
        let rest = if inclusive { length.checked_sub(4) } else { Some(length) };
        match rest {
            Some(rest) if u64::from(rest) <= self.left => {
                Ok(Entry { body: self, left: Some(u64::from(rest)) })
            }
            _ => Err(self.damaged("its length does not fit")),
        }
    }

    /// Passes over what is left, padding as a rule.
    pub(super) fn finish(self) -> Result<(), ScapError> {
        let left = self.left;
        if self.input.skip(left) { Ok(()) } else { Err(self.input.cut_off(self.offset, left)) }
    }
}

impl Entry<'_, '_> {
    fn bytes(&mut self, count: usize) -> Result<&[u8], ScapError> {
        if let Some(left) = &mut self.left {
            match left.checked_sub(count as u64) {
                Some(rest) => *left = rest,
                None => return Err(self.body.damaged("its fields are longer than itself")),
            }
        }
        self.body.bytes(count)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ScapError> {
        let bytes = self.bytes(N)?;
        let mut out = [0; N];
        out.copy_from_slice(bytes);
        Ok(out)
    }

    fn u8(&mut self) -> Result<u8, ScapError> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Result<u16, ScapError> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, ScapError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, ScapError> {
        self.array().map(u64::from_le_bytes)
    }

    fn i64(&mut self) -> Result<i64, ScapError> {
        self.array().map(i64::from_le_bytes)
    }

    fn ipv4(&mut self) -> Result<Ipv4Addr, ScapError> {
        self.array::<4>().map(Ipv4Addr::from)
    }

    fn ipv6(&mut self) -> Result<Ipv6Addr, ScapError> {
        self.array::<16>().map(Ipv6Addr::from)
    }

    /// A string with its length before it.
    fn string(&mut self) -> Result<Vec<u8>, ScapError> {
        let length = self.u16()?;
        Ok(self.bytes(usize::from(length))?.to_vec())
    }

    /// Whether an entry that says its length has `count` more bytes.
    fn has(&self, count: u64) -> bool {
        self.left.is_some_and(|left| left >= count)
    }

    /// Passes over fields that are newer than we are.
    fn finish(self) -> Result<(), ScapError> {
        let Some(left) = self.left else { return Ok(()) };
        if self.body.input.skip(left) {
            self.body.left -= left;
            return Ok(());
        }
        let (offset, missing) = (self.body.offset, self.body.left);
        Err(self.body.input.cut_off(offset, missing))
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}

/// Collects the records of a section and bounds them.
pub(super) struct Tables {
    pub(super) snapshot: Snapshot,
    /// Records that no longer fitted the budget.
    pub(super) dropped: u64,
    room: usize,
}

impl Tables {
    pub(super) fn new(fresh: bool) -> Self {
        Tables { snapshot: Snapshot { fresh, ..Snapshot::default() }, dropped: 0, room: BUDGET }
    }

    fn admit(&mut self, size: usize) -> bool {
        match self.room.checked_sub(size) {
            Some(room) => {
                self.room = room;
                true
            }
            None => {
                self.dropped += 1;
                false
            }
        }
    }

    pub(super) fn machine(&mut self, body: &mut Body<'_>) -> Result<(), ScapError> {
        let mut entry = body.entry(false, false)?;
        let (cpus, memory, max_pid) = (entry.u32()?, entry.u64()?, entry.u64()?);
        let mut hostname = entry.bytes(HOSTNAME)?.to_vec();
        hostname.truncate(memchr::memchr(0, &hostname).unwrap_or(HOSTNAME));
        let (boot_ts, flags) = (entry.u64()?, entry.u64()?);
        self.snapshot.machine = Some(MachineInfo { cpus, memory, max_pid, hostname, boot_ts, flags });
        Ok(())
    }

    pub(super) fn interfaces(&mut self, body: &mut Body<'_>, sized: bool) -> Result<(), ScapError> {
        self.snapshot.interfaces.clear();
        while body.left >= 4 {
            let mut entry = body.entry(sized, false)?;
            let (kind, name_length) = (entry.u16()?, entry.u16()?);
            // Types 3 and 4 are 1 and 2 without speed.
            let (v6, speed) = match kind {
                1 => (false, true),
                2 => (true, true),
                3 => (false, false),
                4 => (true, false),
                _ => return Err(body.damaged("unknown kind of interface")),
            };
            let mut address = || -> Result<IpAddr, ScapError> {
                Ok(if v6 { entry.ipv6()?.into() } else { entry.ipv4()?.into() })
            };
            let (addr, netmask, broadcast) = (address()?, address()?, address()?);
            let speed = if speed { entry.u64()? } else { 0 };
            let name = entry.bytes(usize::from(name_length))?.to_vec();
            entry.finish()?;
            if self.admit(size_of::<Interface>() + name.len()) {
                self.snapshot.interfaces.push(Interface { name, addr, netmask, broadcast, speed });
            }
        }
        Ok(())
    }

    pub(super) fn users(&mut self, body: &mut Body<'_>, sized: bool) -> Result<(), ScapError> {
        self.snapshot.users.clear();
        self.snapshot.groups.clear();
        while body.left >= 4 {
            let mut entry = body.entry(sized, true)?;
            if entry.u8()? == 0 {
                let (uid, gid) = (entry.u32()?, entry.u32()?);
                let (name, home, shell) = (entry.string()?, entry.string()?, entry.string()?);
                entry.finish()?;
                if self.admit(size_of::<UserRecord>() + name.len() + home.len() + shell.len()) {
                    self.snapshot.users.push(UserRecord { uid, gid, name, home, shell });
                }
            } else {
                let (gid, name) = (entry.u32()?, entry.string()?);
                entry.finish()?;
                if self.admit(size_of::<GroupRecord>() + name.len()) {
                    self.snapshot.groups.push(GroupRecord { gid, name });
                }
            }
        }
        Ok(())
    }

    pub(super) fn processes(&mut self, body: &mut Body<'_>, version: u8) -> Result<(), ScapError> {
        while body.left >= 4 {
            let mut entry = body.entry(version >= 9, true)?;
            let process = process(&mut entry, version)?;
            entry.finish()?;
            let strings = [&process.comm, &process.exe, &process.exepath, &process.args, &process.env]
                .into_iter()
                .chain([&process.cgroups, &process.cwd, &process.root]);
            if self.admit(size_of::<ProcessRecord>() + strings.map(Vec::len).sum::<usize>()) {
                self.snapshot.processes.push(process);
            }
        }
        Ok(())
    }

    pub(super) fn fds(&mut self, body: &mut Body<'_>, sized: bool) -> Result<(), ScapError> {
        let tid = body.entry(false, false)?.i64()?;
        while body.left >= 4 {
            let mut entry = body.entry(sized, true)?;
            let (fd, ino, kind) = (entry.i64()?, entry.u64()?, entry.u8()?);
            let Some(info) = fd_info(&mut entry, kind)? else {
                return Err(body.damaged("unknown kind of descriptor"));
            };
            entry.finish()?;
            if self.admit(size_of::<FdRecord>() + info.name().map_or(0, <[u8]>::len)) {
                self.snapshot.fds.push(FdRecord { tid, fd, ino, info });
            }
        }
        Ok(())
    }
}

/// The fields of a thread in the order of the file; `version` says from which list version on each exists.
fn process(entry: &mut Entry<'_, '_>, version: u8) -> Result<ProcessRecord, ScapError> {
    let mut p = ProcessRecord {
        tid: entry.i64()?,
        pid: entry.i64()?,
        ptid: entry.i64()?,
        ..ProcessRecord::default()
    };
    if version >= 6 {
        p.sid = entry.i64()?;
    }
    if version >= 8 {
        p.vpgid = entry.i64()?;
    }
    p.comm = entry.string()?;
    p.exe = entry.string()?;
    if version >= 7 {
        p.exepath = entry.string()?;
    }
    p.args = entry.string()?;
    p.cwd = entry.string()?;
    p.fdlimit = entry.i64()?;
    p.flags = entry.u32()?;
    p.uid = entry.u32()?;
    p.gid = entry.u32()?;
    if version >= 2 {
        p.vmsize_kb = entry.u32()?;
        p.vmrss_kb = entry.u32()?;
        p.vmswap_kb = entry.u32()?;
        p.pfmajor = entry.u64()?;
        p.pfminor = entry.u64()?;
    }
    if version >= 3 {
        p.env = entry.string()?;
    }
    if version >= 4 {
        p.vtid = entry.i64()?;
        p.vpid = entry.i64()?;
        p.cgroups = entry.string()?;
    }
    if version >= 5 {
        p.root = entry.string()?;
    }
    // From here on a field exists if the entry is long enough. Two fields were once put into the middle instead of the end:
    // an entry that ends with the capabilities (29 bytes from here) was written before that and lacks both.
    if entry.has(30) {
        p.pidns_init_start_ts = entry.u64()?;
        p.tty = entry.u32()?;
    }
    if entry.has(4) {
        p.loginuid = entry.u32()?;
    }
    if entry.has(1) {
        p.exe_writable = entry.u8()? != 0;
    }
    for capabilities in [&mut p.cap_inheritable, &mut p.cap_permitted, &mut p.cap_effective] {
        if entry.has(8) {
            *capabilities = entry.u64()?;
        }
    }
    if entry.has(1) {
        p.exe_upper_layer = entry.u8()? != 0;
    }
    for inode in [&mut p.exe_ino, &mut p.exe_ino_ctime, &mut p.exe_ino_mtime] {
        if entry.has(8) {
            *inode = entry.u64()?;
        }
    }
    if entry.has(1) {
        p.exe_from_memfd = entry.u8()? != 0;
    }
    if entry.has(1) {
        p.exe_lower_layer = entry.u8()? != 0;
    }
    if entry.has(8) {
        p.pgid = entry.i64()?;
    }
    Ok(p)
}

fn fd_info(entry: &mut Entry<'_, '_>, kind: u8) -> Result<Option<FdInfo>, ScapError> {
    Ok(Some(match kind {
        0 => FdInfo::Unknown,
        1 => FdInfo::File { name: entry.string()? },
        2 => FdInfo::Directory { name: entry.string()? },
        3 => FdInfo::Ipv4Socket {
            sip: entry.ipv4()?,
            dip: entry.ipv4()?,
            sport: entry.u16()?,
            dport: entry.u16()?,
            proto: entry.u8()?,
        },
        4 => FdInfo::Ipv6Socket {
            sip: entry.ipv6()?,
            dip: entry.ipv6()?,
            sport: entry.u16()?,
            dport: entry.u16()?,
            proto: entry.u8()?,
        },
        5 => FdInfo::Ipv4Server { ip: entry.ipv4()?, port: entry.u16()?, proto: entry.u8()? },
        6 => FdInfo::Ipv6Server { ip: entry.ipv6()?, port: entry.u16()?, proto: entry.u8()? },
        7 => FdInfo::Fifo { name: entry.string()? },
        8 => FdInfo::UnixSocket { source: entry.u64()?, peer: entry.u64()?, name: entry.string()? },
        9 => FdInfo::Event { name: entry.string()? },
        10 => FdInfo::Unsupported { name: entry.string()? },
        11 => FdInfo::SignalFd { name: entry.string()? },
        12 => FdInfo::EventPoll { name: entry.string()? },
        13 => FdInfo::Inotify { name: entry.string()? },
        14 => FdInfo::TimerFd { name: entry.string()? },
        15 => FdInfo::Netlink { name: entry.string()? },
        16 => FdInfo::Regular {
            flags: entry.u32()?,
            name: entry.string()?,
            dev: if entry.has(4) { entry.u32()? } else { 0 },
        },
        17 => FdInfo::Bpf { name: entry.string()? },
        18 => FdInfo::UserFaultFd { name: entry.string()? },
        19 => FdInfo::IoUring { name: entry.string()? },
        20 => FdInfo::MemFd { name: entry.string()? },
        21 => FdInfo::PidFd { name: entry.string()? },
        _ => return Ok(None),
    }))
}
