//! Threads and processes: how they come, change and go.

use super::*;
use crate::event::id;
use crate::state::testing::Val;
use crate::state::*;

#[test]
fn an_unknown_thread_becomes_a_stub_with_its_own_descriptors() {
    let mut world = World::new();
    let subject = world.open(99, 3, "relative", 1);
    let stub = world.state.subject_thread(&subject).unwrap();
    assert_eq!((stub.tid, stub.pid, text(&stub.comm), text(stub.exe())), (99, -1, "<NA>", "<NA>"));
    assert_eq!(world.fd_name(99, 3), "./relative");
    assert_eq!((world.state.thread_count(stub), world.state.counters().thread_misses), (0, 1));
    assert!(world.exit(77, 0).thread.is_none());
}

#[test]
fn fork_in_the_child_takes_after_the_parent() {
    let mut world = world();
    let subject = world.clone_in_child(10, 11, 11, 0);
    let child = world.state.subject_thread(&subject).unwrap();
    assert_eq!((child.tid, child.pid, child.ptid, child.vpid), (11, 11, 10, 11));
    assert_eq!(
        (text(&child.comm), text(child.exe()), text(child.exepath())),
        ("sh", "/bin/sh", "/usr/bin/bash")
    );
    assert_eq!(joined(child.args()), "-c x y");
    assert_eq!((child.sid, child.pgid, child.vpgid, child.loginuid), (1, 10, 10, 1000));
    assert_eq!((child.uid, child.gid, child.pf_minor, child.vm_size), (0, 0, 2, 300));
    assert_eq!((child.clone_ts, child.pidns_init_start_ts), (world.ts, 1_000));
    assert_eq!(joined(world.state.env(child)), "A=1 B=2");
    assert_eq!(world.state.cwd(child), Some(&b"/home/"[..]));
    assert_eq!(world.numbers(11), [0, 1, 2]);
    assert_eq!(world.state.ancestors(child).map(|thread| thread.tid).collect::<Vec<_>>(), [10, 1]);
}

#[test]
fn the_parents_side_does_not_make_the_child_twice() {
    let mut world = world();
    world.clone_in_child(10, 11, 11, 0);
    let serial = world.thread(11).serial;
    let subject = world.clone_in_parent(10, 11, 0);
    assert_eq!(world.state.subject_thread(&subject).unwrap().tid, 10);
    assert_eq!(world.thread(11).serial, serial);
}

#[test]
fn the_parents_side_makes_a_child_that_was_not_seen() {
    let mut world = world();
    world.clone_in_parent(10, 11, 0);
    let child = world.thread(11);
    assert_eq!((child.pid, child.ptid, child.vpid), (11, 10, 11));
    assert_eq!(world.numbers(11), [0, 1, 2]);
    let serial = child.serial;
    world.clone_in_child(10, 11, 11, 0);
    assert_eq!(world.thread(11).serial, serial, "the child's event finds what its parent's made");
}

#[test]
fn a_child_in_a_pid_namespace_is_made_by_its_own_event_only() {
    let mut world = world();
    world.clone_in_parent(10, 2, IN_PIDNS);
    assert!(world.state.thread(2).is_none());
    world.clone_in_child(10, 11, 2, IN_PIDNS);
    let child = world.thread(11);
    assert_eq!((child.vpid, child.vtid, child.in_pid_namespace()), (2, 2, true));
    assert_eq!(child.pidns_init_start_ts, 1_005);
}

#[test]
fn a_vfork_child_that_has_gone_is_not_made_again() {
    let mut world = world();
    world.clone_in_child(10, 11, 11, VFORK);
    world.exit(11, 0);
    world.clone_in_parent(10, 11, VFORK);
    assert!(world.state.thread(11).is_none());
}

#[test]
fn a_reused_id_is_another_process() {
    let mut world = world();
    world.clone_in_child(10, 11, 11, 0);
    let (serial, version) = (world.thread(11).serial, world.state.version(world.thread(11)));
    world.ts += 3_000_000_000;
    world.clone_in_child(1, 11, 11, 0);
    let child = world.thread(11);
    assert_eq!(child.ptid, 1);
    assert_ne!(child.serial, serial);
    assert!(world.state.version(child) > version);
}

#[test]
fn a_failed_clone_changes_nothing() {
    let mut world = world();
    let before = world.state.counters().threads_added;
    world.clone_in_parent(10, -11, 0);
    assert_eq!(world.state.counters().threads_added, before);
}

#[test]
fn the_parent_of_a_child_is_patched_from_the_event() {
    let mut world = World::new();
    world.clone_in_parent(50, 51, 0);
    let parent = world.thread(50);
    assert_eq!((parent.pid, parent.ptid, text(&parent.comm)), (50, 0, "sh"));
    assert_eq!(world.thread(51).ptid, 50);
}

#[test]
fn threads_share_what_their_leader_has() {
    let mut world = world();
    world.clone(10, 12, THREAD);
    let thread = world.thread(12);
    assert_eq!((thread.pid, thread.ptid, thread.is_main()), (10, 1, false));
    assert_eq!((world.state.thread_count(thread), world.state.child_count(thread)), (2, 1));
    world.open(12, 7, "/etc/passwd", 1);
    assert_eq!(world.fd_name(10, 7), "/etc/passwd");
    world.event(12, id::SYSCALL_CHDIR_X, &[0.into(), "/srv".into()]);
    assert_eq!(world.state.cwd(world.thread(10)), Some(&b"/srv/"[..]));
    assert_eq!(joined(world.state.env(world.thread(12))), "A=1 B=2");
}

#[test]
fn a_dead_leader_stays_while_its_threads_live() {
    let mut world = world();
    world.clone(10, 12, THREAD);
    world.exit(10, 12);
    assert!(world.thread(10).is_dead());
    assert_eq!(
        (world.state.thread_count(world.thread(12)), world.state.child_count(world.thread(12))),
        (1, 1)
    );
    world.exit(12, 1);
    assert!(world.state.thread(10).is_none() && world.state.thread(12).is_none());
}

#[test]
fn an_exiting_thread_is_visible_until_the_event_is_finished() {
    let mut world = world();
    let values: [Val<'_>; 5] = [0.into(), 0.into(), 0.into(), 0.into(), 1.into()];
    let subject = world.apply(10, id::PROCEXIT_1_E, &values);
    assert_eq!(world.state.subject_thread(&subject).unwrap().tid, 10);
    world.state.finish();
    assert!(world.state.thread(10).is_none());
}

#[test]
fn orphans_go_to_the_reaper_that_the_kernel_names() {
    let mut world = world();
    world.clone(10, 11, 0);
    world.clone(11, 12, 0);
    world.exit(11, 10);
    assert_eq!(world.thread(12).ptid, 10);
    world.exit(10, 0);
    assert_eq!(world.thread(12).ptid, 1, "init takes them if nobody is named");
}

#[test]
fn a_subreaper_takes_orphans() {
    let mut world = world();
    world.event(10, id::SYSCALL_PRCTL_X, &[0.into(), 36.into(), Val::Empty, 1.into()]);
    for (parent, child) in [(10, 11), (11, 12), (12, 13)] {
        world.clone(parent, child, 0);
    }
    world.exit(12, -1);
    assert_eq!(world.thread(13).ptid, 10);
}

#[test]
fn a_thread_may_give_itself_a_name() {
    let mut world = world();
    let names = |world: &World, tid| {
        let thread = world.thread(tid);
        (text(&thread.comm).to_owned(), text(thread.current_comm()).to_owned())
    };
    let named = |comm: &str, current: &str| (comm.to_owned(), current.to_owned());
    let set_name = |world: &mut World, tid, ret: i64, name| {
        world.event(tid, id::SYSCALL_PRCTL_X, &[ret.into(), 15.into(), name, 0.into()])
    };
    world.clone(10, 12, THREAD);
    assert_eq!(names(&world, 10), named("bash", "bash"));
    let version = world.state.version(world.thread(10));
    set_name(&mut world, 10, 0, "a name of many bytes".into());
    assert_eq!(names(&world, 10), named("bash", "a name of many "));
    assert!(world.state.version(world.thread(10)) > version);
    assert_eq!(names(&world, 12), named("sh", "sh"), "it is the name of one thread");
    set_name(&mut world, 10, -22, "refused".into());
    set_name(&mut world, 10, 0, Val::Empty);
    assert_eq!(names(&world, 10), named("bash", "a name of many "));
    set_name(&mut world, 10, 0, "".into());
    assert_eq!(names(&world, 10), named("bash", ""));
    world.clone(10, 11, 0);
    assert_eq!(names(&world, 11), named("sh", "sh"), "what the clone says");
    world.exec(10, "/bin/ls", b"");
    assert_eq!(names(&world, 10), named("ls", "ls"));
}

#[test]
fn a_loop_of_parents_ends() {
    let mut world = World::new();
    world.state.load(&Snapshot { processes: vec![process(5, 6), process(6, 5)], ..Snapshot::new() });
    let thread = world.thread(5);
    assert!(world.state.parents(thread).count() < 5);
    assert!(world.state.ancestors(thread).count() <= 4096);
    world.exit(5, 0);
    world.exit(6, 0);
}

#[test]
fn exec_replaces_the_program() {
    let mut world = world();
    world.clone(10, 11, 0);
    let clone_ts = world.thread(11).clone_ts;
    let version = world.state.version(world.thread(11));
    world.exec(11, "/usr/bin/cat (deleted)", b"/etc/passwd\0");
    let thread = world.thread(11);
    assert_eq!((text(&thread.comm), text(thread.exepath())), ("cat (deleted)", "/usr/bin/cat"));
    assert_eq!(joined(thread.args()), "/etc/passwd");
    assert_eq!(joined(world.state.env(thread)), "HOME=/root TERM=x");
    assert_eq!((thread.tty, thread.vpgid, thread.pgid, thread.loginuid), (34816, 11, 11, 1000));
    assert_eq!((thread.image.ino, thread.image.ctime, thread.image.mtime), (77, 500, 400));
    assert_eq!((thread.image.writable, thread.image.from_memfd), (true, false));
    assert_eq!((thread.lastexec_ts, thread.exe_ctime_to_clone), (world.ts, clone_ts - 500));
    assert_eq!(thread.caps, Capabilities { permitted: 3, effective: 3, inheritable: 0 });
    assert!(world.state.version(thread) > version);
    assert_eq!(text(world.thread(10).exepath()), "/usr/bin/bash", "the parent keeps its own");
}

#[test]
fn exec_ends_the_other_threads() {
    let mut world = world();
    world.clone(10, 12, THREAD);
    world.exec(10, "/bin/ls", b"");
    assert!(world.state.thread(12).is_none());
    assert_eq!(world.state.thread_count(world.thread(10)), 1);
}

#[test]
fn exec_by_another_thread_revives_a_dead_leader() {
    let mut world = world();
    world.clone(10, 12, THREAD);
    world.exit(10, 12);
    world.exec(10, "/bin/ls", b"");
    assert!(!world.thread(10).is_dead() && world.state.thread(12).is_none());
    assert_eq!(world.state.thread_count(world.thread(10)), 1);
}

#[test]
fn exec_tells_who_a_stub_is() {
    let mut world = world();
    world.exec(60, "/bin/ls", b"");
    let thread = world.thread(60);
    assert_eq!((thread.pid, thread.ptid, thread.vpid), (60, 1, 60));
    assert_eq!(world.state.thread_count(thread), 1);
}

#[test]
fn exec_closes_what_is_to_be_closed() {
    let mut world = world();
    world.open(10, 3, "/a", O_CLOEXEC);
    world.open(10, 4, "/b", O_CLOEXEC);
    world.event(10, id::SYSCALL_DUP_1_X, &[5.into(), 3.into()]);
    world.event(10, id::SYSCALL_FCNTL_X, &[6.into(), 5.into(), 26.into(), 0.into()]);
    world.event(10, id::SYSCALL_FCNTL_X, &[0.into(), 4.into(), 3.into(), 0.into()]);
    world.event(10, id::SYSCALL_FCNTL_X, &[0.into(), 2.into(), 3.into(), 1.into()]);
    world.event(
        10,
        id::SYSCALL_PIPE2_X,
        &[0.into(), 7.into(), 8.into(), 1.into(), i64::from(O_CLOEXEC).into()],
    );
    world.event(10, id::SOCKET_SOCKET_X, &[9.into(), 2.into(), 0o2000001.into(), 6.into(), 0.into()]);
    world.event(10, id::SYSCALL_DUP3_X, &[11.into(), 5.into(), 11.into(), i64::from(O_CLOEXEC).into()]);
    assert_eq!(world.numbers(10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
    world.exec(10, "/bin/ls", b"");
    assert_eq!(world.numbers(10), [0, 1, 4, 5]);
}

#[test]
fn the_entry_of_exec_names_the_program_where_the_exit_does_not() {
    let mut world = world();
    world.event(10, id::SYSCALL_EXECVE_19_E, &["bin/tool".into()]);
    let values: Vec<Val<'_>> = vec![0.into(), "tool".into(), Val::Empty, 10.into(), 10.into(), 1.into()];
    world.event(10, id::SYSCALL_EXECVE_19_X, &values);
    assert_eq!(text(world.thread(10).exepath()), "/home/bin/tool");
    world.event(10, id::SYSCALL_EXECVEAT_E, &[(-100).into(), "x".into(), 0.into()]);
    world.event(10, id::SYSCALL_EXECVE_19_X, &values);
    assert_eq!(text(world.thread(10).exepath()), "/home/x");
    world.event(10, id::SYSCALL_EXECVEAT_E, &[44.into(), "x".into(), 0.into()]);
    world.event(10, id::SYSCALL_EXECVEAT_X, &values);
    assert_eq!(text(world.thread(10).exepath()), "<NA>");
}

#[test]
fn credentials_follow_the_calls() {
    let mut world = world();
    let version = |world: &World| world.state.version(world.thread(10));
    let mut last = version(&world);
    let mut changed = |world: &World| {
        let now = version(world);
        now > std::mem::replace(&mut last, now)
    };
    world.event(10, id::SYSCALL_SETUID_X, &[0.into(), 7.into()]);
    assert!(world.thread(10).uid == 7 && changed(&world));
    world.event(10, id::SYSCALL_SETRESUID_X, &[0.into(), 1.into(), 8.into(), 3.into()]);
    assert!(world.thread(10).uid == 8 && changed(&world));
    world.event(10, id::SYSCALL_SETRESGID_X, &[0.into(), 1.into(), 9.into(), 3.into()]);
    assert!(world.thread(10).gid == 9 && changed(&world));
    world.event(10, id::SYSCALL_SETGID_X, &[(-1).into(), 5.into()]);
    assert!(world.thread(10).gid == 9 && !changed(&world));
    world.event(10, id::SYSCALL_CAPSET_X, &[0.into(), 1.into(), 2.into(), 4.into()]);
    let caps = Capabilities { inheritable: 1, permitted: 2, effective: 4 };
    assert!(world.thread(10).caps == caps && changed(&world));
    world.event(10, id::SYSCALL_UNSHARE_X, &[0.into(), (1 << 20).into()]);
    assert!(world.thread(10).caps.effective == (1 << 41) - 1 && changed(&world));
    world.event(10, id::SYSCALL_SETSID_X, &[10.into()]);
    assert!(world.thread(10).sid == 10 && changed(&world));
}

#[test]
fn limits_and_memory_are_kept_at_the_leader() {
    let mut world = world();
    world.clone(10, 12, THREAD);
    world.event(12, id::SYSCALL_SETRLIMIT_X, &[0.into(), 99.into(), 100.into(), 7.into()]);
    assert_eq!(world.state.fd_limit(world.thread(12)), 99);
    world.event(
        1,
        id::SYSCALL_PRLIMIT_X,
        &[0.into(), 55.into(), 56.into(), 0.into(), 0.into(), 10.into(), 7.into()],
    );
    assert_eq!(world.state.fd_limit(world.thread(10)), 55);
    world.event(12, id::SCHEDSWITCH_6_E, &[1.into(), 3.into(), 4.into(), 500.into(), 60.into(), 7.into()]);
    assert_eq!((world.thread(12).pf_major, world.thread(10).vm_size, world.thread(10).vm_rss), (3, 500, 60));
    world.event(10, id::SYSCALL_BRK_4_X, &[0.into(), 501.into(), 61.into(), 8.into(), 0.into()]);
    assert_eq!((world.thread(10).vm_size, world.thread(10).vm_swap), (501, 8));
}
