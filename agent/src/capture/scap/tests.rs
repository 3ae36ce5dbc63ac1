//! Reader, converter and writer together: what was written is read again, in old forms too, and damage is found where it is.

use std::io::Cursor;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

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

#[test]
fn what_is_written_is_read_again() {
    let read = read(&capture());
    assert!(read.error.is_none(), "{:?}", read.error);
    assert_eq!(read.snapshots.len(), 1);
    let (was, is) = (snapshot(), &read.snapshots[0]);
    assert!(is.fresh);
    assert_eq!(is.machine, was.machine);
    assert_eq!(is.interfaces, was.interfaces);
    assert_eq!(is.users, was.users);
    assert_eq!(is.groups, was.groups);
    assert_eq!(is.processes, was.processes);
    assert_eq!(is.fds, was.fds);
    assert_eq!(read.events, events());
    assert_eq!(read.numbers, (1..=7).collect::<Vec<_>>());
}

#[test]
fn compressed_is_the_same() {
    let mut writer = ScapWriter::gzip(Vec::new()).unwrap();
    writer.snapshot(&snapshot()).unwrap();
    events().iter().for_each(|event| event.write(&mut writer));
    let bytes = writer.into_inner().finish().unwrap();
    assert_eq!(bytes[..2], [0x1f, 0x8b]);
    assert_eq!(read(&bytes).events, events());
    // gzip files may follow each other, and so may sections.
    let twice = read(&[&bytes[..], &bytes[..]].concat());
    assert!(twice.error.is_none(), "{:?}", twice.error);
    assert_eq!((twice.snapshots.len(), twice.events.len()), (2, 14));
    assert_eq!(twice.numbers, (1..=14).collect::<Vec<_>>());
}

#[test]
fn parameters_that_do_not_fit_are_refused() {
    let mut writer = ScapWriter::new(Vec::new()).unwrap();
    let data = vec![b'x'; 70_000];
    let params = Params::new(&data, &[0, 8, 70_000]);
    let event = Event::new(1, 1, 1, 0, id::SYSCALL_STAT_X, 0, params);
    assert_eq!(writer.event(&event).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
}

/// Events once had no count of their parameters: the lengths must fill the event.
#[test]
fn events_without_count_are_understood() {
    let old = [
        Owned::new(id::SYSCALL_STAT_X, &[&0i64.to_le_bytes(), b"/tmp\0"]),
        Owned::new(id::SYSCALL_GETUID_X, &[&0u32.to_le_bytes()]),
        Owned::new(id::SYSCALL_SELECT_X, &[]),
    ];
    let mut bytes = section();
    old.iter().for_each(|event| bytes.extend(block(0x204, &event_body(event, false))));
    let read = read(&bytes);
    assert!(read.error.is_none(), "{:?}", read.error);
    assert_eq!(read.events, old);
}

#[test]
fn entries_move_into_exits() {
    let open = [
        Owned::new(
            id::SYSCALL_OPENAT_E,
            &[&(-100i64).to_le_bytes(), b"x\0", &1u32.to_le_bytes(), &0u32.to_le_bytes()],
        ),
        Owned { tid: 42, ..Owned::new(id::SYSCALL_READ_E, &[&9i64.to_le_bytes(), &100u32.to_le_bytes()]) },
        Owned::new(id::SYSCALL_OPENAT_X, &[&3i64.to_le_bytes()]),
        Owned { tid: 42, ..Owned::new(id::SYSCALL_READ_X, &[&2i64.to_le_bytes(), b"hi"]) },
    ];
    assert_eq!(
        lifted(&open),
        [
            Owned::new(
                id::SYSCALL_OPENAT_2_X,
                &[
                    &3i64.to_le_bytes(),
                    &(-100i64).to_le_bytes(),
                    b"x\0",
                    &1u32.to_le_bytes(),
                    &0u32.to_le_bytes(),
                    b"",
                    b""
                ]
            ),
            Owned {
                tid: 42,
                ..Owned::new(
                    id::SYSCALL_READ_X,
                    &[&2i64.to_le_bytes(), b"hi", &9i64.to_le_bytes(), &100u32.to_le_bytes()]
                )
            },
        ]
    );
}

/// Without an entry its parameters are defaults or empty; the entry of another call is no entry.
#[test]
fn missing_entries_leave_defaults() {
    let close = Owned::new(id::SYSCALL_CLOSE_X, &[&0i64.to_le_bytes()]);
    let with_default = Owned::new(id::SYSCALL_CLOSE_X, &[&0i64.to_le_bytes(), &[0; 8]]);
    assert_eq!(lifted(std::slice::from_ref(&close)), std::slice::from_ref(&with_default));
    let read_enter = Owned::new(id::SYSCALL_READ_E, &[&9i64.to_le_bytes(), &100u32.to_le_bytes()]);
    assert_eq!(lifted(&[read_enter, close]), [with_default]);
    assert_eq!(
        lifted(&[Owned::new(id::SYSCALL_SETUID_X, &[&0i64.to_le_bytes()])]),
        [Owned::new(id::SYSCALL_SETUID_X, &[&0i64.to_le_bytes(), b""])]
    );
}

/// Nine versions of execve, from the oldest to the newest.
#[test]
fn chains_lead_to_the_current_version() {
    let old: Vec<Vec<u8>> = (0..8u8).map(|index| vec![index; 8]).collect();
    let old: Vec<&[u8]> = old.iter().map(Vec::as_slice).collect();
    let events = lifted(&[Owned::new(id::SYSCALL_EXECVE_8_E, &[]), Owned::new(id::SYSCALL_EXECVE_8_X, &old)]);
    assert_eq!(events.len(), 2);
    // The entry is of use to the state, so it is delivered as well.
    assert_eq!(events[0], Owned::new(id::SYSCALL_EXECVE_19_E, &[b""]));
    assert_eq!(events[1].id, id::SYSCALL_EXECVE_19_X);
    assert_eq!(events[1].params.len(), 31);
    assert_eq!(events[1].params[..8], old);
    assert!(events[1].params[8..].iter().all(Vec::is_empty));
}

#[test]
fn old_containers_become_json() {
    let old = Owned::new(id::CONTAINER_E, &[b"3ad7\0", &0u32.to_le_bytes(), b"a\"b\0", b"img:1\0"]);
    let events = lifted(&[old]);
    assert_eq!(events[0].id, id::CONTAINER_JSON_2_E);
    insta::assert_snapshot!(
        events[0].params[0].escape_ascii().to_string(),
        @r#"{\"id\":\"3ad7\",\"type\":0,\"name\":\"a\\\"b\",\"image\":\"img:1\"}\x00"#
    );
}

/// Entries that say nothing have no number; those that the state uses have one; so have tables.
#[test]
fn numbers_count_what_falco_counts() {
    let mut bytes = section();
    for event in [
        Owned::new(id::SYSCALL_GETCWD_E, &[]),
        Owned::new(id::SYSCALL_OPEN_E, &[b"f\0", &1u32.to_le_bytes(), &0u32.to_le_bytes()]),
        Owned::new(id::GROUP_ADDED_E, &[&0u32.to_le_bytes(), b"root\0", b"\0"]),
        Owned::new(id::PROCINFO_E, &[&[1; 8], &[2; 8]]),
    ] {
        bytes.extend(block(0x216, &event_body(&event, true)));
    }
    let mut reader = ScapReader::new(Cursor::new(bytes)).unwrap();
    reader.next_section().unwrap();
    let mut seen = Vec::new();
    while let Some(event) = reader.next().unwrap() {
        seen.push(format!("{} {} {}", event.num, event.info().name, event.is_internal()));
    }
    assert_eq!(seen, ["1 open true", "2 groupadded false", "3 procinfo false"]);
    assert_eq!(reader.stats().merged, 1);
}

#[test]
fn what_is_newer_is_skipped_and_counted() {
    let mut bytes = section();
    bytes.extend(block(0x7777, b"from the future"));
    bytes.extend(block(0x216, &event_body(&Owned::new(EventId(5000), &[b"x"]), true)));
    bytes.extend(block(0x7777, b""));
    let mut longer = Owned::new(id::SYSCALL_GETUID_X, &[&0u32.to_le_bytes(), b"more"]);
    bytes.extend(block(0x216, &event_body(&longer, true)));
    let read = read(&bytes);
    assert!(read.error.is_none(), "{:?}", read.error);
    longer.params.pop();
    assert_eq!(read.events, [longer]);
    assert_eq!((read.stats.unknown_blocks, read.stats.unknown_events), (2, 1));
}

/// Tables after events add to the state; a section header starts it anew.
#[test]
fn tables_may_come_later() {
    let mut writer = ScapWriter::new(Vec::new()).unwrap();
    events()[0].write(&mut writer);
    writer.snapshot(&snapshot()).unwrap();
    events()[0].write(&mut writer);
    writer.section().unwrap();
    events()[0].write(&mut writer);
    let read = read(&writer.into_inner());
    assert!(read.error.is_none(), "{:?}", read.error);
    let fresh: Vec<_> =
        read.snapshots.iter().map(|snapshot| (snapshot.fresh, snapshot.processes.len())).collect();
    assert_eq!(fresh, [(true, 0), (false, 2), (true, 0)]);
    assert_eq!(read.events.len(), 3);
}

/// A caller that does not want the events of a section still gets the next.
#[test]
fn sections_can_be_skipped() {
    let bytes = [capture(), capture()].concat();
    let mut reader = ScapReader::new(Cursor::new(bytes)).unwrap();
    assert!(reader.next_section().unwrap().is_some());
    assert!(reader.next_section().unwrap().is_some_and(|snapshot| snapshot.fresh));
    assert!(reader.next_section().unwrap().is_none());
}

/// Old versions of the thread list have fewer fields.
#[test]
fn old_process_lists_are_read() {
    let string = |text: &[u8]| [&(text.len() as u16).to_le_bytes()[..], text].concat();
    let ids = |ids: &[i64]| ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<u8>>();
    for (version, kind) in
        [(1, 0x202), (2, 0x207), (3, 0x209), (4, 0x210), (5, 0x211), (6, 0x212), (7, 0x213), (8, 0x214)]
    {
        let mut body = ids(&[41, 40, 1]);
        let add = |body: &mut Vec<u8>, from: i32, bytes: &[u8]| {
            if version >= from {
                body.extend_from_slice(bytes);
            }
        };
        add(&mut body, 6, &ids(&[39]));
        add(&mut body, 8, &ids(&[38]));
        add(&mut body, 1, &[string(b"sh"), string(b"/bin/sh")].concat());
        add(&mut body, 7, &string(b"/bin/dash"));
        add(
            &mut body,
            1,
            &[string(b"-c\0"), string(b"/"), ids(&[1024]), vec![1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]].concat(),
        );
        add(&mut body, 2, &[0; 28]);
        add(&mut body, 3, &string(b"A=b\0"));
        add(&mut body, 4, &[ids(&[2, 1]), string(b"cpu=/\0")].concat());
        add(&mut body, 5, &string(b"/root"));
        let read = read(&[section(), block(kind, &[body.clone(), body].concat())].concat());
        assert!(read.error.is_none(), "{version}: {:?}", read.error);
        let processes = &read.snapshots[0].processes;
        assert_eq!(processes.len(), 2, "{version}");
        let expected = ProcessRecord {
            tid: 41,
            pid: 40,
            ptid: 1,
            sid: if version >= 6 { 39 } else { -1 },
            vpgid: if version >= 8 { 38 } else { -1 },
            comm: b"sh".to_vec(),
            exe: b"/bin/sh".to_vec(),
            exepath: if version >= 7 { b"/bin/dash".to_vec() } else { vec![] },
            args: b"-c\0".to_vec(),
            cwd: b"/".to_vec(),
            fdlimit: 1024,
            flags: 1,
            uid: 2,
            gid: 3,
            env: if version >= 3 { b"A=b\0".to_vec() } else { vec![] },
            vtid: if version >= 4 { 2 } else { -1 },
            vpid: if version >= 4 { 1 } else { -1 },
            cgroups: if version >= 4 { b"cpu=/\0".to_vec() } else { vec![] },
            root: if version >= 5 { b"/root".to_vec() } else { vec![] },
            ..ProcessRecord::default()
        };
        assert_eq!(processes[1], expected, "{version}");
    }
}

#[test]
fn errors_say_what_and_where() {
    let text = |bytes: &[u8]| read(bytes).error.map(|error| error.to_string()).unwrap_or_default();
    insta::assert_snapshot!(text(b"hello, world"), @"at byte 0: not a .scap file: it begins with 0x6c6c6568, not with a section header");
    insta::assert_snapshot!(text(b"abc"), @"at byte 0: the capture is cut off: 5 more bytes were expected");
    let mut newer = section();
    newer[12] = 2;
    insta::assert_snapshot!(text(&newer), @"at byte 0: capture version 2.2 is newer than 1.x");
    let good = capture();
    insta::assert_snapshot!(text(&good[..good.len() - 1]), @"at byte 142148: the capture is cut off: 1 more bytes were expected");
    let mut trailer = good.clone();
    *trailer.last_mut().unwrap() = 1;
    insta::assert_snapshot!(text(&trailer), @"at byte 142148: block 0x216 says 48 bytes at its head and 16777264 at its end");
    let mut length = good.clone();
    let at = good.len() - 48;
    length[at + 4] = 3;
    insta::assert_snapshot!(text(&length), @"at byte 142148: block 0x216 has the impossible length 3");
    let mut params = good.clone();
    params[at + 10 + 26] = 200;
    insta::assert_snapshot!(text(&params), @"at byte 142148: event 203 is damaged: its parameters are longer than itself");
}

/// Cut anywhere, a capture gives all events before the cut and then an error at the block that is cut.
#[test]
fn every_cut_is_found() {
    let good = capture();
    let all = read(&good);
    let events_end = |cut: usize| {
        // Walk the blocks to know how many events lie wholly before the cut, and where the cut block starts.
        let (mut at, mut events) = (0, 0);
        while at < cut {
            let word = |at: usize| u32::from_le_bytes(good[at..at + 4].try_into().unwrap());
            let length = word(at + 4) as usize;
            if at + length > cut {
                break;
            }
            events += usize::from(matches!(word(at), 0x216 | 0x217 | 0x221 | 0x222));
            at += length;
        }
        (events, at)
    };
    for cut in (0..4000).chain((4000..good.len()).step_by(997)) {
        let (events, block) = events_end(cut);
        let part = read(&good[..cut]);
        assert_eq!(part.events, all.events[..events], "{cut}");
        match part.error {
            Some(error) => assert_eq!(error.offset, block as u64, "{cut}: {error}"),
            None => assert_eq!(block, cut, "a cut inside a block went unnoticed"),
        }
    }
}

/// The same of a compressed capture: what was decompressed before the damage counts.
#[test]
fn damaged_gzip_gives_what_came_before() {
    let mut writer = ScapWriter::gzip(Vec::new()).unwrap();
    let many: Vec<_> = (0..2000u64)
        .map(|ts| Owned { ts: ts.wrapping_mul(0x9E37_79B9_7F4A_7C15), ..events()[0].clone() })
        .collect();
    many.iter().for_each(|event| event.write(&mut writer));
    let good = writer.into_inner().finish().unwrap();
    let cut = read(&good[..good.len() / 2]);
    assert!(cut.events.len() > 100, "{}", cut.events.len());
    assert_eq!(cut.events, many[..cut.events.len()]);
    assert!(cut.error.is_some_and(|error| error.compressed && error.offset > 0));
    let mut checksum = good.clone();
    let at = good.len() - 6;
    checksum[at] ^= 1;
    let damaged = read(&checksum);
    assert_eq!(damaged.events, many);
    assert!(matches!(damaged.error.map(|error| error.kind), Some(ScapErrorKind::Gzip(_))));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Flipped bytes end in success or in a located error, never in a panic, and never before the first flip.
    #[test]
    fn flipped_bytes_are_survived(flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let good = capture();
        let mut bad = good.clone();
        for (index, value) in &flips {
            // Mostly in the tables and headers, where it hurts.
            let at = index.index(4200.min(bad.len()));
            bad[at] = *value;
        }
        let first = good.iter().zip(&bad).position(|(a, b)| a != b).unwrap_or(good.len());
        let read = read(&bad);
        if let Some(error) = read.error {
            prop_assert!(error.offset <= bad.len() as u64);
            // The block with the first flip starts at or before it, and nothing before that block is damaged.
            prop_assert!(error.offset + 150_000 > first as u64);
        }
    }

    /// Any bytes after a section header are survived.
    #[test]
    fn garbage_is_survived(garbage in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = read(&[section(), garbage].concat());
    }

    /// Any parameters of any event, as an old capture may have them, come out as a current event or not at all.
    #[test]
    fn any_event_is_lifted(
        ids in prop::collection::vec(0u16..454, 1..20),
        params in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..32),
    ) {
        let mut bytes = section();
        for id in ids {
            let params: Vec<&[u8]> = params.iter().map(Vec::as_slice).collect();
            for count in 0..=params.len() {
                bytes.extend(block(0x216, &event_body(&Owned::new(EventId(id), &params[..count]), true)));
            }
        }
        // Events with large payload have lengths of four bytes, so these may be damaged.
        for event in read(&bytes).events {
            let row = event.id.info().unwrap();
            prop_assert!(event.params.len() <= row.params.len());
        }
    }
}
