//! Old forms of events and tables, and forms newer than we know.

use super::*;

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
