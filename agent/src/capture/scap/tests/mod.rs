//! Reader, converter and writer together: what was written is read again, in old forms too, and damage is found where it is.

mod damage;
mod old;
mod write;

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use crate::capture::snapshot::{
    FdInfo, FdRecord, GroupRecord, Interface, MachineInfo, ProcessRecord, Snapshot, UserRecord,
};
use crate::event::{Event, EventId, Params, ParamsBuf, id};

/// An event that outlives its buffer.
#[derive(Clone, PartialEq, Debug)]
struct Owned {
    ts: u64,
    tid: i64,
    cpu: u16,
    flags: u32,
    id: EventId,
    params: Vec<Vec<u8>>,
}

impl Owned {
    fn new(id: EventId, params: &[&[u8]]) -> Self {
        let params = params.iter().map(|param| param.to_vec()).collect();
        Owned { ts: 1_700_000_000_000_000_000, tid: 41, cpu: 1, flags: 0, id, params }
    }

    fn of(event: &Event<'_>) -> Self {
        let params = (0..event.param_count()).map(|index| event.param(index).unwrap().to_vec()).collect();
        Owned { ts: event.ts, tid: event.tid, cpu: event.cpu, flags: event.flags, id: event.id, params }
    }

    fn write<W: std::io::Write>(&self, writer: &mut ScapWriter<W>) {
        let params = ParamsBuf::of(&self.params.iter().map(Vec::as_slice).collect::<Vec<_>>());
        writer
            .event(&Event::new(1, self.ts, self.tid, self.cpu, self.id, self.flags, params.params()))
            .unwrap();
    }
}

struct Read {
    snapshots: Vec<Snapshot>,
    events: Vec<Owned>,
    numbers: Vec<u64>,
    stats: ReaderStats,
    error: Option<ScapError>,
}

fn read(bytes: &[u8]) -> Read {
    let mut read = Read {
        snapshots: vec![],
        events: vec![],
        numbers: vec![],
        stats: ReaderStats::default(),
        error: None,
    };
    let mut reader = match ScapReader::new(Cursor::new(bytes.to_vec())) {
        Ok(reader) => reader,
        Err(error) => {
            read.error = Some(error);
            return read;
        }
    };
    let result = (|| {
        while let Some(snapshot) = reader.next_section()? {
            read.snapshots.push(snapshot);
            while let Some(event) = reader.next()? {
                read.events.push(Owned::of(&event));
                read.numbers.push(event.num);
            }
        }
        Ok(())
    })();
    read.error = result.err();
    read.stats = reader.stats();
    read
}

/// A snapshot with one of everything.
fn snapshot() -> Snapshot {
    let v4 = Ipv4Addr::new(10, 0, 2, 15);
    let v6 = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let name = || b"/var/log/\xff.log".to_vec();
    let infos = [
        FdInfo::Unknown,
        FdInfo::File { name: name() },
        FdInfo::Directory { name: name() },
        FdInfo::Ipv4Socket { sip: v4, dip: Ipv4Addr::LOCALHOST, sport: 50000, dport: 443, proto: 2 },
        FdInfo::Ipv6Socket { sip: v6, dip: Ipv6Addr::LOCALHOST, sport: 50001, dport: 53, proto: 3 },
        FdInfo::Ipv4Server { ip: v4, port: 22, proto: 2 },
        FdInfo::Ipv6Server { ip: v6, port: 8080, proto: 2 },
        FdInfo::Fifo { name: name() },
        FdInfo::UnixSocket { source: 0xffff_8880_0000_1000, peer: 7, name: name() },
        FdInfo::Event { name: name() },
        FdInfo::Unsupported { name: name() },
        FdInfo::SignalFd { name: name() },
        FdInfo::EventPoll { name: name() },
        FdInfo::Inotify { name: name() },
        FdInfo::TimerFd { name: name() },
        FdInfo::Netlink { name: name() },
        FdInfo::Regular { name: name(), flags: 3, dev: 0x801 },
        FdInfo::Bpf { name: name() },
        FdInfo::UserFaultFd { name: name() },
        FdInfo::IoUring { name: name() },
        FdInfo::MemFd { name: name() },
        FdInfo::PidFd { name: vec![] },
    ];
    Snapshot {
        fresh: true,
        machine: Some(MachineInfo {
            cpus: 4,
            memory: 8 << 30,
            max_pid: 4_194_304,
            hostname: b"saker".to_vec(),
            boot_ts: 1_699_999_000_000_000_000,
            flags: 1,
        }),
        more: false,
        interfaces: vec![
            Interface {
                name: b"eth0".to_vec(),
                addr: IpAddr::V4(v4),
                netmask: IpAddr::V4(Ipv4Addr::new(255, 255, 255, 0)),
                broadcast: IpAddr::V4(Ipv4Addr::new(10, 0, 2, 255)),
                speed: 1_000_000_000,
            },
            Interface {
                name: b"eth0".to_vec(),
                addr: IpAddr::V6(v6),
                netmask: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                broadcast: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                speed: 0,
            },
        ],
        users: vec![
            UserRecord {
                uid: 0,
                gid: 0,
                name: b"root".to_vec(),
                home: b"/root".to_vec(),
                shell: b"/bin/sh".to_vec(),
            },
            UserRecord { uid: 65534, gid: 65534, name: b"nobody".to_vec(), ..UserRecord::default() },
        ],
        groups: vec![GroupRecord { gid: 0, name: b"root".to_vec() }],
        processes: vec![
            ProcessRecord {
                tid: 41,
                pid: 40,
                ptid: 1,
                sid: 40,
                vpgid: 40,
                pgid: 40,
                vtid: 2,
                vpid: 1,
                comm: b"worker".to_vec(),
                exe: b"./server".to_vec(),
                exepath: b"/usr/bin/server".to_vec(),
                args: b"-f\0\xc3\x28\0".to_vec(),
                env: b"HOME=/root\0".to_vec(),
                cgroups: b"cpu=/docker/1\0".to_vec(),
                cwd: b"/srv/".to_vec(),
                root: b"/".to_vec(),
                fdlimit: -1,
                flags: 7,
                uid: 1000,
                gid: 100,
                loginuid: 1000,
                vmsize_kb: 1,
                vmrss_kb: 2,
                vmswap_kb: 3,
                pfmajor: 4,
                pfminor: 5,
                started: 0,
                pidns_init_start_ts: 6,
                tty: 34816,
                exe_writable: true,
                exe_upper_layer: true,
                exe_lower_layer: true,
                exe_from_memfd: true,
                exe_ino: 7,
                exe_ino_ctime: 8,
                exe_ino_mtime: 9,
                cap_inheritable: 10,
                cap_permitted: 11,
                cap_effective: 12,
            },
            ProcessRecord { tid: 1, pid: 1, ..ProcessRecord::default() },
        ],
        fds: infos
            .into_iter()
            .enumerate()
            .map(|(index, info)| FdRecord { tid: 40 + (index as i64) / 10, fd: index as i64, ino: 9, info })
            .collect(),
    }
}

/// Current events: plain, with flags, with large payload, in a large block.
fn events() -> Vec<Owned> {
    let big = vec![b'x'; 70_000];
    vec![
        Owned::new(id::SYSCALL_CLOSE_X, &[&0i64.to_le_bytes(), &3i64.to_le_bytes()]),
        Owned::new(id::GENERIC_X, &[&16u16.to_le_bytes(), &39u16.to_le_bytes()]),
        Owned { flags: 5, ..Owned::new(id::SYSCALL_STAT_X, &[&(-2i64).to_le_bytes(), b"/etc/shadow\0"]) },
        Owned::new(id::CONTAINER_JSON_2_E, &[b"{}\0"]),
        Owned::new(id::ASYNCEVENT_E, &[&1u32.to_le_bytes(), b"container\0", &big]),
        Owned { flags: 5, ..Owned::new(id::ASYNCEVENT_E, &[&1u32.to_le_bytes(), b"container\0", &big]) },
        Owned::new(id::SYSCALL_GETUID_X, &[&0u32.to_le_bytes()]),
    ]
}

fn capture() -> Vec<u8> {
    let mut writer = ScapWriter::new(Vec::new()).unwrap();
    writer.snapshot(&snapshot()).unwrap();
    events().iter().for_each(|event| event.write(&mut writer));
    writer.into_inner()
}

/// A block of any kind.
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let length = (body.len().next_multiple_of(4) + 12) as u32;
    let mut out = [kind.to_le_bytes(), length.to_le_bytes()].concat();
    out.extend_from_slice(body);
    out.resize(length as usize - 4, 0);
    out.extend_from_slice(&length.to_le_bytes());
    out
}

/// The body of an event block of any version, without the `u32` of flags.
fn event_body(event: &Owned, counted: bool) -> Vec<u8> {
    let values = event.params.concat();
    let length = 22 + if counted { 4 } else { 0 } + 2 * event.params.len() + values.len();
    let mut body = event.cpu.to_le_bytes().to_vec();
    body.extend_from_slice(&event.ts.to_le_bytes());
    body.extend_from_slice(&event.tid.to_le_bytes());
    body.extend_from_slice(&(length as u32).to_le_bytes());
    body.extend_from_slice(&event.id.0.to_le_bytes());
    if counted {
        body.extend_from_slice(&(event.params.len() as u32).to_le_bytes());
    }
    event.params.iter().for_each(|param| body.extend_from_slice(&(param.len() as u16).to_le_bytes()));
    body.extend_from_slice(&values);
    body
}

fn section() -> Vec<u8> {
    ScapWriter::new(Vec::new()).unwrap().into_inner()
}

/// What an event of an old capture becomes, with the events before it.
fn lifted(old: &[Owned]) -> Vec<Owned> {
    let mut bytes = section();
    old.iter().for_each(|event| bytes.extend(block(0x216, &event_body(event, true))));
    let read = read(&bytes);
    assert!(read.error.is_none(), "{:?}", read.error);
    read.events
}
