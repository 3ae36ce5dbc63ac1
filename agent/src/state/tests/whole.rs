//! Tables of a capture, containers, users, versions, limits, and whatever must hold for every event.

use super::*;
use crate::event::{EVENT_COUNT, EVENTS, id};
use crate::state::testing::{START, Val};
use crate::state::*;

#[test]
fn tables_of_a_capture_fill_the_state() {
    let world = world();
    let shell = world.thread(10);
    assert_eq!(text(shell.exepath()), "/usr/bin/bash");
    assert_eq!(joined(shell.args()), "-l");
    assert_eq!(joined(world.state.env(shell)), "A=1 B=2");
    assert_eq!(world.state.cwd(shell), Some(&b"/home/"[..]));
    assert_eq!(shell.cgroup(b"blkio"), Some(&b"/"[..]));
    assert_eq!(shell.cgroup(b"memory"), Some(&b"/x"[..]));
    assert_eq!(text(&world.state.user(shell).unwrap().name), "joe");
    assert_eq!(text(&world.state.group(shell).unwrap().name), "users");
    assert_eq!(world.state.parent(shell).unwrap().tid, 1);
    assert_eq!(world.state.session_leader(shell).unwrap().tid, 1);
    assert_eq!(world.state.group_leader(shell).unwrap().tid, 10);
    assert_eq!((world.fd(10, 0).dev, world.fd(10, 0).ino), (9, 5));
    assert_eq!(world.state.machine().boot_ts, 1_000);
}

#[test]
fn a_fresh_snapshot_forgets_the_old_machine() {
    let mut world = world();
    world.state.load(&Snapshot { processes: vec![process(20, 1)], ..Snapshot::default() });
    assert_eq!(world.state.thread_table_len(), 3);
    world.state.load(&Snapshot { processes: vec![process(30, 1)], ..Snapshot::new() });
    assert_eq!(world.state.thread_table_len(), 1);
    assert!(world.state.user(world.thread(30)).is_none());
}

#[test]
fn connections_of_the_tables_stand_as_their_listener_says() {
    let mut world = World::new();
    let socket = |sport, dport| FdInfo::Ipv4Socket {
        sip: [10, 0, 0, 2].into(),
        dip: [1, 2, 3, 4].into(),
        sport,
        dport,
        proto: 2,
    };
    let fd = |fd, info| FdRecord { tid: 10, fd, ino: 0, info };
    let listening = FdInfo::Ipv4Server { ip: [0; 4].into(), port: 22, proto: 2 };
    world.state.load(&Snapshot {
        processes: vec![process(10, 1)],
        fds: vec![fd(3, socket(22, 5000)), fd(4, socket(6000, 443)), fd(5, listening)],
        ..Snapshot::new()
    });
    assert_eq!(
        (world.fd_name(10, 3).as_str(), world.fd(10, 3).is_server()),
        ("1.2.3.4:5000->10.0.0.2:22", true)
    );
    assert_eq!(
        (world.fd_name(10, 4).as_str(), world.fd(10, 4).is_client()),
        ("10.0.0.2:6000->1.2.3.4:443", true)
    );
    assert_eq!(world.fd_name(10, 5), "0.0.0.0:22");
}

#[test]
fn containers_are_told_from_cgroups_and_described_by_events() {
    let mut world = world();
    let cgroups = format!(
        "cpu=/\0memory=/docker/{}\0",
        "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e"
    );
    world.state.load(&Snapshot {
        processes: vec![ProcessRecord { cgroups: cgroups.into_bytes(), ..process(70, 1) }],
        ..Snapshot::default()
    });
    assert_eq!(world.state.container_id(world.thread(70)), b"3ad7b26ded6d");
    assert_eq!(world.state.container_id(world.thread(10)), b"");
    assert!(world.state.container(world.thread(70)).is_none());
    let version = world.state.version(world.thread(70));
    let json = r#"{"container":{"id":"3ad7b26ded6d","type":0,"name":"web","image":"nginx:1"}}"#;
    let subject = world.event(-1, id::CONTAINER_JSON_2_E, &[json.into()]);
    assert_eq!(text(&world.state.subject_container(&subject).unwrap().name), "web");
    assert_eq!(text(&world.state.container(world.thread(70)).unwrap().image), "nginx:1");
    assert!(world.state.version(world.thread(70)) > version);
    let values: [Val<'_>; 3] = [0.into(), "container_removed".into(), json.into()];
    let subject = world.apply(-1, id::ASYNCEVENT_E, &values);
    assert!(world.state.subject_container(&subject).is_some());
    world.state.finish();
    assert!(world.state.container(world.thread(70)).is_none());
    world.event(-1, id::CONTAINER_JSON_2_E, &["not json".into()]);
    assert_eq!(world.state.counters().containers_refused, 1);
}

#[test]
fn exec_may_move_a_process_into_a_container() {
    let mut world = world();
    world.clone(10, 11, 0);
    let mut values: Vec<Val<'_>> = vec![0.into(), "x".into(), Val::Empty, 11.into(), 11.into(), 10.into()];
    values.resize(14, Val::Empty);
    let cgroups = b"cpu=/docker/3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e\0";
    values.push((&cgroups[..]).into());
    world.event(11, id::SYSCALL_EXECVE_19_X, &values);
    assert_eq!(world.state.container_id(world.thread(11)), b"3ad7b26ded6d");
}

#[test]
fn users_and_groups_come_and_go_by_events() {
    let mut world = world();
    let version = world.state.version(world.thread(1));
    let values: [Val<'_>; 6] =
        [1001.into(), 5.into(), "ann".into(), "/home/ann".into(), "/bin/sh".into(), "".into()];
    world.event(-1, id::USER_ADDED_E, &values);
    assert_eq!(text(&world.state.users().user(b"", 1001).unwrap().home), "/home/ann");
    assert!(world.state.version(world.thread(1)) > version);
    world.event(-1, id::USER_DELETED_E, &values);
    assert!(world.state.users().user(b"", 1001).is_none());
    world.event(-1, id::GROUP_ADDED_E, &[7.into(), "ops".into(), "c1".into()]);
    assert_eq!(text(&world.state.users().group(b"c1", 7).unwrap().name), "ops");
}

#[test]
fn versions_tell_what_changed() {
    let mut world = world();
    world.clone(10, 12, THREAD);
    let of = |world: &World, tid| world.state.version(world.thread(tid));
    let before = (of(&world, 1), of(&world, 10), of(&world, 12), world.state.ancestry_version());
    world.open(10, 3, "/x", 1);
    world.close(10, 3);
    assert_eq!(before, (of(&world, 1), of(&world, 10), of(&world, 12), world.state.ancestry_version()));
    world.event(12, id::SYSCALL_CHDIR_X, &[0.into(), "/".into()]);
    assert!(of(&world, 10) > before.1 && of(&world, 12) > before.2);
    assert_eq!((of(&world, 1), world.state.ancestry_version()), (before.0, before.3));
    world.exec(10, "/bin/ls", b"");
    assert!(world.state.ancestry_version() > before.3);
}

#[test]
fn threads_are_bounded_and_stubs_make_room() {
    let mut world =
        World::with_limits(Limits { threads: 4, thread_timeout: 1_000_000_000, ..Limits::default() });
    for tid in 1..=6 {
        world.open(tid, 3, "/x", 1);
    }
    assert_eq!((world.state.thread_table_len(), world.state.counters().threads_refused), (4, 2));
    world.ts = START + 400_000_000_000;
    let subject = world.open(9, 3, "/x", 1);
    assert!(subject.thread.is_some());
    assert_eq!((world.state.thread_table_len(), world.state.counters().threads_purged), (1, 4));
}

#[test]
fn descriptors_are_bounded() {
    let mut world = World::with_limits(Limits { fds_per_process: 3, fds: 5, ..Limits::default() });
    for fd in 0..5 {
        world.open(1, fd, "/x", 1);
    }
    assert_eq!((world.fds(1).len(), world.state.counters().fds_refused), (3, 2));
    for fd in 0..3 {
        world.open(2, fd, "/x", 1);
    }
    assert_eq!((world.fds(2).len(), world.state.counters().fds_refused), (2, 3));
    world.close(1, 0);
    world.open(2, 9, "/x", 1);
    assert_eq!(world.fds(2).len(), 3);
}

#[test]
fn a_purge_asks_who_is_alive() {
    let mut world = world();
    world.event(10, id::SYSCALL_GETUID_X, &[0.into()]);
    world.clone(10, 11, 0);
    world.ts += 500_000_000_000;
    world.event(1, id::SYSCALL_GETUID_X, &[0.into()]);
    let deadline = world.ts - 1_000_000_000;
    world.state.purge(deadline, |tid| tid == 10);
    assert!(world.state.thread(11).is_none() && world.state.thread(10).is_some());
    world.state.purge(deadline, |_| false);
    assert!(world.state.thread(10).is_none() && world.state.thread(1).is_some(), "1 was heard of");
    assert_eq!(world.state.counters().threads_purged, 2);
}

/// A recorded machine: what the kernel did must leave nobody unknown and nothing behind.
#[test]
fn a_whole_capture_leaves_a_sane_state() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/vm_small.scap.gz");
    let mut reader = crate::capture::scap::ScapReader::open(path.as_ref()).unwrap();
    let mut state = State::new(Limits::default());
    let mut events = 0;
    while let Some(snapshot) = reader.next_section().unwrap() {
        state.load(&snapshot);
        while let Some(event) = reader.next().unwrap() {
            let subject = state.apply(&event);
            if let Some(thread) = state.subject_thread(&subject) {
                assert_eq!(thread.tid, event.tid);
                assert!(state.parents(thread).count() < 20);
                if let (Some(leader), false) = (state.leader(thread), thread.is_invalid()) {
                    assert_eq!((leader.pid, leader.is_main()), (thread.pid, true));
                }
            }
            state.finish();
            events += 1;
        }
    }
    let counters = state.counters();
    assert!(events > 36_000);
    assert_eq!(counters.threads_added - counters.threads_removed, state.thread_table_len() as u64);
    assert!(state.thread_table_len() < 10 && counters.thread_misses < 10 && counters.fd_misses < 100);
    let held: usize = state.threads().map(|thread| state.fds(thread).map_or(0, FdTable::len)).sum();
    assert!(state.fd_count <= held, "{} of {held}", state.fd_count);
}

/// Every event, with no, few and odd parameters, by a known and an unknown thread: nothing may panic, and the state must
/// still answer.
#[test]
fn odd_parameters_do_no_harm() {
    let odd: [Val<'_>; 5] =
        [Val::Empty, Val::Num(0), Val::Num(-1), Val::Raw(&[2, 1, 0, 255]), Val::Text("../x")];
    let mut world = world();
    for row in &EVENTS {
        for (salt, filler) in odd.iter().enumerate() {
            for count in [0, 1, row.params.len() / 2, row.params.len()] {
                let values: Vec<Val<'_>> = (0..count)
                    .map(|index| if index % 3 == salt % 3 { *filler } else { odd[index % 5] })
                    .collect();
                for tid in [10, 400 + salt as i64, -1] {
                    let subject = world.event(tid, row.id, &values);
                    if let Some(thread) = world.state.subject_thread(&subject) {
                        let _ = (world.state.parents(thread).count(), world.state.container_id(thread));
                        let _ = (world.state.version(thread), world.state.fds(thread));
                    }
                }
            }
        }
    }
    assert_eq!(EVENTS.len(), EVENT_COUNT);
}

/// Tables in parts: what the whole would be, and what processes have alike is kept once.
#[test]
fn parts_make_a_whole() {
    let processes: Vec<_> =
        (2..9).map(|pid| ProcessRecord { env: b"A=1\0".to_vec(), ..process(pid, 9) }).collect();
    let parent = ProcessRecord { env: b"A=1\0".to_vec(), ..process(9, 0) };
    let mut state = State::new(Limits::default());
    for part in processes.chunks(2) {
        state.load(&Snapshot { more: true, processes: part.to_vec(), ..Snapshot::default() });
    }
    state.load(&Snapshot { processes: vec![parent], ..Snapshot::default() });
    let thread = |tid| state.thread(tid).unwrap();
    for tid in 2..9 {
        assert_eq!(state.parent(thread(tid)).map(|parent| parent.tid), Some(9), "the parent came last");
        assert!(
            Arc::ptr_eq(&thread(tid).image, &thread(9).image)
                && Arc::ptr_eq(&thread(tid).env, &thread(9).env)
        );
    }
}

#[test]
fn many_idle_threads_are_cheap() {
    // Boxed, without what is shared: 100,000 of them must fit in 80 MB.
    assert!(size_of::<Thread>() <= 408, "{}", size_of::<Thread>());
    assert!(size_of::<Fd>() <= 144, "{}", size_of::<Fd>());
}
