//! Writes captures that sysdig, Falco and Stratoshark open: the newest version of each block, as libscap writes them.

use std::io::{self, Write};
use std::net::IpAddr;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::block;
use super::older::older;
use super::tables::HOSTNAME;
use crate::capture::snapshot::{
    FdInfo, FdRecord, Interface, MachineInfo, ProcessRecord, Snapshot, UserRecord,
};
use crate::event::{Event, EventFlags, ParamsBuf};

/// libscap refuses longer paths …
const PATH: usize = 1023;
/// … arguments, environments, cgroups …
const ARGUMENTS: usize = 4095;
/// … and names of users, their homes and shells.
const CREDENTIAL: usize = 255;
/// The largest block that is not `*_LARGE`.
const MAX_BLOCK: usize = 64 * 1024;

/// Writes a capture: a section header when it is made, then what it is given.
pub struct ScapWriter<W: Write> {
    out: W,
    /// The body of the block being put together.
    body: Vec<u8>,
    /// Where parameters for older readers are put together, if it is for them.
    older: Option<ParamsBuf>,
}

impl<W: Write> ScapWriter<GzEncoder<W>> {
    /// A compressed capture.
    pub fn gzip(out: W) -> io::Result<Self> {
        ScapWriter::new(GzEncoder::new(out, Compression::fast()))
    }
}

impl<W: Write> ScapWriter<W> {
    /// A plain capture. Writes a block at a time; buffer `out` if that is a system call.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = ScapWriter { out, body: Vec::new(), older: None };
        writer.section()?;
        Ok(writer)
    }

    /// Leaves out from now on what readers older than Falco 0.44 stop at, as sysdig 0.41 does: the flags of `socket`, the argument of `fcntl`,
    /// and all but the number of `keyctl` and `close_range`.
    #[must_use]
    pub fn for_older_readers(self) -> Self {
        ScapWriter { older: Some(ParamsBuf::default()), ..self }
    }

    /// Begins a section: a capture of another machine state behind this one.
    pub fn section(&mut self) -> io::Result<()> {
        self.body.clear();
        put(&mut self.body, &block::BYTE_ORDER.to_le_bytes());
        put(&mut self.body, &block::MAJOR.to_le_bytes());
        put(&mut self.body, &block::MINOR.to_le_bytes());
        put(&mut self.body, &u64::MAX.to_le_bytes());
        self.block(block::SECTION)
    }

    /// Writes what is running, before the events.
    pub fn snapshot(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        if let Some(machine) = &snapshot.machine {
            machine_info(&mut self.body, machine);
            self.block(block::MACHINE)?;
        }
        self.body.clear();
        snapshot.interfaces.iter().for_each(|interface| self::interface(&mut self.body, interface));
        self.block(block::INTERFACES_V2)?;
        self.body.clear();
        snapshot.users.iter().for_each(|user| self::user(&mut self.body, user));
        for group in &snapshot.groups {
            entry(&mut self.body, true, |body| {
                body.push(1);
                put(body, &group.gid.to_le_bytes());
                string(body, &group.name, CREDENTIAL);
            });
        }
        self.block(block::USERS_V2)?;
        self.body.clear();
        snapshot.processes.iter().for_each(|process| self::process(&mut self.body, process));
        self.block(block::PROCESSES_V9)?;
        for fds in snapshot.fds.chunk_by(|a, b| a.tid == b.tid) {
            self.body.clear();
            put(&mut self.body, &fds[0].tid.to_le_bytes());
            fds.iter().for_each(|fd| self::fd(&mut self.body, fd));
            self.block(block::FDS_V2)?;
        }
        Ok(())
    }

    /// Writes an event of the current schema. Fails with `InvalidInput` if a parameter is too long for its kind of event.
    pub fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        let Some(mut params) = self.older.take() else { return self.write_event(event) };
        let result = match older(event, &mut params) {
            None => self.write_event(event),
            Some(id) => {
                let Event { num, ts, tid, cpu, flags, .. } = *event;
                self.write_event(&Event::new(num, ts, tid, cpu, id, flags, params.params()))
            }
        };
        self.older = Some(params);
        result
    }

    fn write_event(&mut self, event: &Event<'_>) -> io::Result<()> {
        self.body.clear();
        put(&mut self.body, &event.cpu.to_le_bytes());
        if event.flags != 0 {
            put(&mut self.body, &event.flags.to_le_bytes());
        }
        encode(event, &mut self.body)?;
        self.block(match (event.flags != 0, self.body.len() + 16 > MAX_BLOCK) {
            (false, false) => block::EVENT_V2,
            (true, false) => block::EVENT_FLAGS_V2,
            (false, true) => block::EVENT_V2_LARGE,
            (true, true) => block::EVENT_FLAGS_V2_LARGE,
        })
    }

    /// Gives the destination back. Flush or finish it.
    pub fn into_inner(self) -> W {
        self.out
    }

    /// Writes the body as a block, padded, and empties it.
    fn block(&mut self, block: u32) -> io::Result<()> {
        self.body.resize(self.body.len().next_multiple_of(4), 0);
        let length = u32::try_from(self.body.len() + 12)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a block would be 4 GiB or more"))?;
        self.out.write_all(&block.to_le_bytes())?;
        self.out.write_all(&length.to_le_bytes())?;
        self.out.write_all(&self.body)?;
        self.out.write_all(&length.to_le_bytes())?;
        self.body.clear();
        Ok(())
    }
}

/// Appends an event as captures and plugins have it: time, thread, length, type, the lengths of the parameters (of four bytes each where
/// [`EventFlags::LARGE_PAYLOAD`] says so, else of two), the parameters.
///
/// # Errors
/// `InvalidInput` if a parameter is too long for its kind of event.
pub fn encode(event: &Event<'_>, body: &mut Vec<u8>) -> io::Result<()> {
    const HEADER: u32 = 26;
    let large = event.info().flags.contains(EventFlags::LARGE_PAYLOAD);
    let params = || (0..event.param_count()).filter_map(|index| event.param(index));
    let values: usize = params().map(<[u8]>::len).sum();
    let width = if large { 4 } else { 2 };
    let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "a parameter is too long for its event");
    let length = u32::try_from(values + width * params().count()).map_err(|_| too_long())?;
    let length = length.checked_add(HEADER).ok_or_else(too_long)?;
    put(body, &event.ts.to_le_bytes());
    put(body, &event.tid.to_le_bytes());
    put(body, &length.to_le_bytes());
    put(body, &event.id.0.to_le_bytes());
    put(body, &(params().count() as u32).to_le_bytes());
    for param in params() {
        if large {
            put(body, &u32::try_from(param.len()).map_err(|_| too_long())?.to_le_bytes());
        } else {
            put(body, &u16::try_from(param.len()).map_err(|_| too_long())?.to_le_bytes());
        }
    }
    params().for_each(|param| put(body, param));
    Ok(())
}

fn put(body: &mut Vec<u8>, bytes: &[u8]) {
    body.extend_from_slice(bytes);
}

/// A string with its length before it, cut to what readers take.
fn string(body: &mut Vec<u8>, string: &[u8], most: usize) {
    let string = &string[..string.len().min(most)];
    put(body, &(string.len() as u16).to_le_bytes());
    put(body, string);
}

/// An entry with its length before it, which counts itself if `inclusive`.
fn entry(body: &mut Vec<u8>, inclusive: bool, fill: impl FnOnce(&mut Vec<u8>)) {
    let start = body.len();
    put(body, &[0; 4]);
    fill(body);
    let length = body.len() - start - if inclusive { 0 } else { 4 };
    body[start..start + 4].copy_from_slice(&(length as u32).to_le_bytes());
}

fn machine_info(body: &mut Vec<u8>, machine: &MachineInfo) {
    body.clear();
    put(body, &machine.cpus.to_le_bytes());
    put(body, &machine.memory.to_le_bytes());
    put(body, &machine.max_pid.to_le_bytes());
    let mut hostname = [0; HOSTNAME];
    // The last byte stays NUL.
    hostname.iter_mut().take(HOSTNAME - 1).zip(&machine.hostname).for_each(|(to, from)| *to = *from);
    put(body, &hostname);
    put(body, &machine.boot_ts.to_le_bytes());
    put(body, &machine.flags.to_le_bytes());
    put(body, &[0; 16]);
}

fn interface(body: &mut Vec<u8>, interface: &Interface) {
    entry(body, false, |body| {
        let name = &interface.name[..interface.name.len().min(PATH)];
        put(body, &if interface.addr.is_ipv4() { 1u16 } else { 2 }.to_le_bytes());
        put(body, &(name.len() as u16).to_le_bytes());
        for address in [interface.addr, interface.netmask, interface.broadcast] {
            ip(body, address);
        }
        put(body, &interface.speed.to_le_bytes());
        put(body, name);
    });
}

fn ip(body: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => put(body, &address.octets()),
        IpAddr::V6(address) => put(body, &address.octets()),
    }
}

fn user(body: &mut Vec<u8>, user: &UserRecord) {
    entry(body, true, |body| {
        body.push(0);
        put(body, &user.uid.to_le_bytes());
        put(body, &user.gid.to_le_bytes());
        string(body, &user.name, CREDENTIAL);
        string(body, &user.home, CREDENTIAL);
        string(body, &user.shell, CREDENTIAL);
    });
}

fn process(body: &mut Vec<u8>, p: &ProcessRecord) {
    entry(body, true, |body| {
        for id in [p.tid, p.pid, p.ptid, p.sid, p.vpgid] {
            put(body, &id.to_le_bytes());
        }
        string(body, &p.comm, PATH);
        string(body, &p.exe, PATH);
        string(body, &p.exepath, PATH);
        string(body, &p.args, ARGUMENTS);
        string(body, &p.cwd, PATH);
        put(body, &p.fdlimit.to_le_bytes());
        for number in [p.flags, p.uid, p.gid, p.vmsize_kb, p.vmrss_kb, p.vmswap_kb] {
            put(body, &number.to_le_bytes());
        }
        put(body, &p.pfmajor.to_le_bytes());
        put(body, &p.pfminor.to_le_bytes());
        string(body, &p.env, ARGUMENTS);
        put(body, &p.vtid.to_le_bytes());
        put(body, &p.vpid.to_le_bytes());
        string(body, &p.cgroups, ARGUMENTS);
        string(body, &p.root, PATH);
        put(body, &p.pidns_init_start_ts.to_le_bytes());
        put(body, &p.tty.to_le_bytes());
        put(body, &p.loginuid.to_le_bytes());
        body.push(p.exe_writable.into());
        for capabilities in [p.cap_inheritable, p.cap_permitted, p.cap_effective] {
            put(body, &capabilities.to_le_bytes());
        }
        body.push(p.exe_upper_layer.into());
        for inode in [p.exe_ino, p.exe_ino_ctime, p.exe_ino_mtime] {
            put(body, &inode.to_le_bytes());
        }
        body.push(p.exe_from_memfd.into());
        body.push(p.exe_lower_layer.into());
        put(body, &p.pgid.to_le_bytes());
    });
}

fn fd(body: &mut Vec<u8>, fd: &FdRecord) {
    entry(body, true, |body| {
        put(body, &fd.fd.to_le_bytes());
        put(body, &fd.ino.to_le_bytes());
        body.push(fd.info.kind());
        match &fd.info {
            FdInfo::Ipv4Socket { sip, dip, sport, dport, proto } => {
                tuple(body, (*sip).into(), (*dip).into(), [*sport, *dport], *proto);
            }
            FdInfo::Ipv6Socket { sip, dip, sport, dport, proto } => {
                tuple(body, (*sip).into(), (*dip).into(), [*sport, *dport], *proto);
            }
            FdInfo::Ipv4Server { ip: address, port, proto } => server(body, (*address).into(), *port, *proto),
            FdInfo::Ipv6Server { ip: address, port, proto } => server(body, (*address).into(), *port, *proto),
            FdInfo::UnixSocket { source, peer, name } => {
                put(body, &source.to_le_bytes());
                put(body, &peer.to_le_bytes());
                string(body, name, PATH);
            }
            FdInfo::Regular { name, flags, dev } => {
                put(body, &flags.to_le_bytes());
                string(body, name, PATH);
                put(body, &dev.to_le_bytes());
            }
            info => {
                if let Some(name) = info.name() {
                    string(body, name, PATH);
                }
            }
        }
    });
}

fn tuple(body: &mut Vec<u8>, source: IpAddr, destination: IpAddr, ports: [u16; 2], proto: u8) {
    ip(body, source);
    ip(body, destination);
    ports.iter().for_each(|port| put(body, &port.to_le_bytes()));
    body.push(proto);
}

fn server(body: &mut Vec<u8>, address: IpAddr, port: u16, proto: u8) {
    ip(body, address);
    put(body, &port.to_le_bytes());
    body.push(proto);
}
