//! Descriptors: files, copies, sockets.

use super::*;
use crate::event::{EventId, id};
use crate::state::testing::Val;
use crate::state::*;

fn v4(source: (&str, u16), dest: (&str, u16)) -> Vec<u8> {
    let mut tuple = vec![2];
    for (ip, port) in [source, dest] {
        tuple.extend(ip.parse::<std::net::Ipv4Addr>().unwrap().octets());
        tuple.extend(port.to_le_bytes());
    }
    tuple
}

#[test]
fn opened_files_have_absolute_names() {
    let mut world = world();
    let subject = world.open(10, 3, "../etc//passwd", 1);
    let fd = world.state.subject_fd(&subject).unwrap();
    assert_eq!(
        (text(&fd.name), text(fd.name_raw()), fd.kind),
        ("/etc/passwd", "../etc//passwd", FdType::FileV2)
    );
    assert_eq!((fd.dev_major(), fd.dev_minor(), fd.ino), (0xfe, 0, 12));
    assert_eq!((subject.fd_num, subject.fd_name_changed), (3, true));
    world.open(10, 4, "/srv/", O_DIRECTORY);
    assert_eq!(world.fd(10, 4).kind, FdType::Directory);
    world.event(
        10,
        id::SYSCALL_OPENAT_2_X,
        &[5.into(), 4.into(), "x".into(), 1.into(), 0.into(), 0.into(), 0.into()],
    );
    assert_eq!(world.fd_name(10, 5), "/srv/x");
    world.event(
        10,
        id::SYSCALL_OPENAT_2_X,
        &[6.into(), 40.into(), "x".into(), 1.into(), 0.into(), 0.into(), 0.into()],
    );
    assert_eq!(world.fd_name(10, 6), "<UNKNOWN>x");
    world.event(10, id::SYSCALL_OPEN_X, &[7.into(), "y".into(), 1.into(), 0.into(), 0.into(), 0.into()]);
    assert_eq!(world.fd_name(10, 7), "/home/y");
    let subject = world.open(10, -2, "/nowhere", 1);
    assert!(world.state.subject_fd(&subject).is_none() && !subject.fd_name_changed);
}

#[test]
fn what_a_call_asked_for_at_entry_counts() {
    let mut world = world();
    world.event(10, id::SYSCALL_OPENAT_2_E, &[(-100).into(), "/etc/shadow".into(), 1.into(), 0.into()]);
    world.open(10, 3, "/tmp/decoy", 1 << 14);
    assert_eq!((world.fd_name(10, 3).as_str(), world.fd(10, 3).open_flags), ("/etc/shadow", 1 | 1 << 14));
    world.open(10, 4, "/tmp/next", 1);
    assert_eq!(world.fd_name(10, 4), "/tmp/next", "an entry counts for its own exit only");
}

#[test]
fn layers_of_an_overlay_are_told_by_flags() {
    let mut world = world();
    world.open(10, 3, "/x", 1 << 15);
    assert!(world.fd(10, 3).flags.contains(FdFlags::OVERLAY_UPPER));
    world.event(10, id::SYSCALL_CREAT_X, &[4.into(), "/y".into(), 0.into(), 1.into(), 2.into(), 2.into()]);
    assert!(world.fd(10, 4).flags.contains(FdFlags::OVERLAY_LOWER));
    assert_eq!((world.fd(10, 4).dev, world.fd(10, 4).ino), (1, 2));
}

#[test]
fn a_closed_descriptor_is_visible_until_the_event_is_finished() {
    let mut world = world();
    world.open(10, 3, "/x", 1);
    let subject = world.apply(10, id::SYSCALL_CLOSE_X, &[0.into(), 3.into()]);
    assert_eq!(text(&world.state.subject_fd(&subject).unwrap().name), "/x");
    world.state.finish();
    assert_eq!(world.numbers(10), [0, 1, 2]);
    world.event(10, id::SYSCALL_CLOSE_X, &[(-9).into(), 2.into()]);
    assert_eq!(world.numbers(10), [0, 1, 2]);
}

#[test]
fn close_range_closes_or_marks() {
    let mut world = world();
    for fd in 3..8 {
        world.open(10, fd, "/x", 1);
    }
    world.event(10, id::SYSCALL_CLOSE_RANGE_X, &[0.into(), 6.into(), 0xffff_ffff.into(), 0.into()]);
    assert_eq!(world.numbers(10), [0, 1, 2, 3, 4, 5]);
    world.event(10, id::SYSCALL_CLOSE_RANGE_X, &[0.into(), 4.into(), 9.into(), 4.into()]);
    assert_eq!(world.numbers(10), [0, 1, 2, 3, 4, 5]);
    world.exec(10, "/bin/ls", b"");
    assert_eq!(world.numbers(10), [0, 1, 2, 3]);
}

#[test]
fn table_order_is_latest_first_and_turns_around_in_a_child() {
    let mut world = world();
    let order = |world: &World, tid| -> Vec<i64> {
        world.state.fds_in_table_order(world.thread(tid)).into_iter().map(|(fd, _)| fd).collect()
    };
    world.open(10, 3, "/x", 1);
    assert_eq!(order(&world, 10), [3, 2, 1, 0]);
    world.open(10, 1, "/in-its-old-place", 1);
    assert_eq!(order(&world, 10), [3, 2, 1, 0]);
    world.clone(10, 11, 0);
    assert_eq!((order(&world, 10), order(&world, 11)), (vec![3, 2, 1, 0], vec![0, 1, 2, 3]));
    world.open(11, 4, "/x", 1);
    world.close(11, 2);
    world.clone(11, 12, 0);
    assert_eq!((order(&world, 11), order(&world, 12)), (vec![4, 0, 1, 3], vec![3, 1, 0, 4]));
}

#[test]
fn copies_of_a_descriptor_go_their_own_ways() {
    let mut world = world();
    world.open(10, 3, "/x", 1);
    let subject = world.event(10, id::SYSCALL_DUP2_X, &[1.into(), 3.into(), 1.into()]);
    assert_eq!((subject.fd_num, subject.fd_name_changed), (1, false));
    assert_eq!(world.fd_name(10, 1), "/x");
    world.clone(10, 11, 0);
    world.close(11, 3);
    world.open(11, 0, "/z", 1);
    assert_eq!((world.numbers(10), world.fd_name(10, 0).as_str()), (vec![0, 1, 2, 3], "/dev/null"));
    assert_eq!((world.numbers(11), world.fd_name(11, 0).as_str()), (vec![0, 1, 2], "/z"));
}

#[test]
fn calls_that_make_descriptors_give_them_a_type() {
    let cases: [(EventId, &[Val<'_>], FdType); 12] = [
        (id::SYSCALL_EVENTFD2_X, &[Val::Num(5), Val::Num(0), Val::Num(0)], FdType::Event),
        (id::SYSCALL_SIGNALFD4_X, &[Val::Num(5), Val::Num(0), Val::Num(-1), Val::Num(0)], FdType::Signalfd),
        (id::SYSCALL_TIMERFD_CREATE_X, &[Val::Num(5), Val::Num(0), Val::Num(0)], FdType::Timerfd),
        (id::SYSCALL_INOTIFY_INIT1_X, &[Val::Num(5), Val::Num(0)], FdType::Inotify),
        (id::SYSCALL_EPOLL_CREATE1_X, &[Val::Num(5), Val::Num(0)], FdType::Eventpoll),
        (id::SYSCALL_BPF_2_X, &[Val::Num(5), Val::Num(0)], FdType::Bpf),
        (id::SYSCALL_USERFAULTFD_X, &[Val::Num(5), Val::Num(0)], FdType::Userfaultfd),
        (id::SYSCALL_IO_URING_SETUP_X, &[Val::Num(5)], FdType::IoUring),
        (id::SYSCALL_PIPE_X, &[Val::Num(0), Val::Num(5), Val::Num(6), Val::Num(9)], FdType::Fifo),
        (id::SYSCALL_MEMFD_CREATE_X, &[Val::Num(5), Val::Text("mem"), Val::Num(0)], FdType::Memfd),
        (id::SYSCALL_PIDFD_OPEN_X, &[Val::Num(5), Val::Num(10), Val::Num(0)], FdType::Pidfd),
        (id::SOCKET_SOCKET_X, &[Val::Num(5), Val::Num(16), Val::Num(3), Val::Num(0)], FdType::Netlink),
    ];
    for (event, values, kind) in cases {
        let mut world = world();
        world.event(10, event, values);
        assert_eq!(world.fd(10, 5).kind, kind);
        let mut failed = values.to_vec();
        failed[0] = Val::Num(-24);
        let mut world = self::world();
        world.event(10, event, &failed);
        assert_eq!(world.numbers(10), [0, 1, 2], "{kind:?}");
    }
}

#[test]
fn pidfd_getfd_takes_a_descriptor_of_another_process() {
    let mut world = world();
    world.clone(10, 11, 0);
    world.open(11, 8, "/theirs", 1);
    world.event(10, id::SYSCALL_PIDFD_OPEN_X, &[5.into(), 11.into(), 0.into()]);
    assert_eq!(world.fd_name(10, 5), "/proc/11");
    let subject = world.event(10, id::SYSCALL_PIDFD_GETFD_X, &[6.into(), 5.into(), 8.into(), 0.into()]);
    assert_eq!((world.fd_name(10, 6).as_str(), subject.fd_num), ("/theirs", 6));
}

#[test]
fn directories_are_changed_by_name_and_by_descriptor() {
    let mut world = world();
    world.event(10, id::SYSCALL_CHDIR_X, &[0.into(), "joe/..//jim".into()]);
    assert_eq!(world.state.cwd(world.thread(10)), Some(&b"/home/jim/"[..]));
    world.open(10, 3, "/srv/www", O_DIRECTORY);
    world.event(10, id::SYSCALL_FCHDIR_X, &[0.into(), 3.into()]);
    assert_eq!(world.state.cwd(world.thread(10)), Some(&b"/srv/www/"[..]));
    world.event(10, id::SYSCALL_CHDIR_X, &[(-2).into(), "/nowhere".into()]);
    assert_eq!(world.state.cwd(world.thread(10)), Some(&b"/srv/www/"[..]));
    world.event(10, id::SYSCALL_GETCWD_X, &[4.into(), "/opt".into()]);
    assert_eq!(world.state.cwd(world.thread(10)), Some(&b"/opt/"[..]));
}

#[test]
fn a_connection_has_two_ends() {
    let mut world = world();
    world.event(10, id::SOCKET_SOCKET_X, &[3.into(), 2.into(), 1.into(), 0.into(), 0.into()]);
    assert_eq!((world.fd(10, 3).kind, world.fd(10, 3).proto()), (FdType::Ipv4Socket, L4Proto::NotApplicable));
    let tuple = v4(("10.0.0.2", 40000), ("1.2.3.4", 443));
    let subject =
        world.event(10, id::SOCKET_CONNECT_X, &[(-115).into(), (&tuple[..]).into(), 3.into(), Val::Empty]);
    let fd = world.state.subject_fd(&subject).unwrap();
    assert_eq!((text(&fd.name), fd.proto()), ("10.0.0.2:40000->1.2.3.4:443", L4Proto::Tcp));
    assert!(fd.is_client() && fd.flags.contains(FdFlags::CONNECTED) && subject.fd_name_changed);
    assert_eq!(fd.inet().unwrap().dest.port, 443);
    let refused = world.event(10, id::SOCKET_CONNECT_X, &[(-111).into(), Val::Empty, 3.into(), Val::Empty]);
    assert!(!refused.fd_name_changed);
}

#[test]
fn the_address_at_entry_counts_unless_the_kernel_saw_another() {
    let mut world = world();
    let asked = [&[2, 9, 9, 9, 9][..], &80u16.to_le_bytes()].concat();
    let passed = [&[2, 1, 2, 3, 4][..], &443u16.to_le_bytes()].concat();
    let tuple = v4(("10.0.0.2", 40000), ("1.2.3.4", 443));
    world.event(10, id::SOCKET_SOCKET_X, &[3.into(), 2.into(), 1.into(), 0.into(), 0.into()]);
    world.event(10, id::SOCKET_CONNECT_E, &[3.into(), (&asked[..]).into()]);
    world.event(10, id::SOCKET_CONNECT_X, &[0.into(), (&tuple[..]).into(), 3.into(), (&passed[..]).into()]);
    assert_eq!(world.fd_name(10, 3), "10.0.0.2:40000->9.9.9.9:80");
    world.event(10, id::SOCKET_CONNECT_E, &[3.into(), (&asked[..]).into()]);
    world.event(10, id::SOCKET_CONNECT_X, &[0.into(), (&tuple[..]).into(), 3.into(), (&asked[..]).into()]);
    assert_eq!(world.fd_name(10, 3), "10.0.0.2:40000->1.2.3.4:443");
}

#[test]
fn servers_listen_and_accept() {
    let mut world = world();
    world.event(10, id::SOCKET_SOCKET_X, &[3.into(), 2.into(), 1.into(), 6.into(), 0.into()]);
    let address = [&[2, 0, 0, 0, 0][..], &80u16.to_le_bytes()].concat();
    let subject = world.event(10, id::SOCKET_BIND_X, &[0.into(), (&address[..]).into(), 3.into()]);
    assert!(subject.fd_name_changed);
    let fd = world.fd(10, 3);
    assert_eq!((fd.kind, text(&fd.name), fd.proto()), (FdType::Ipv4Server, "0.0.0.0:80", L4Proto::Tcp));
    let tuple = v4(("1.2.3.4", 5555), ("10.0.0.2", 80));
    let values: [Val<'_>; 6] =
        [4.into(), (&tuple[..]).into(), 0.into(), 0.into(), 0.into(), 0o2000000.into()];
    let subject = world.event(10, id::SOCKET_ACCEPT4_6_X, &values);
    let fd = world.state.subject_fd(&subject).unwrap();
    assert_eq!((text(&fd.name), fd.is_server(), subject.fd_num), ("1.2.3.4:5555->10.0.0.2:80", true, 4));
    assert!(fd.flags.contains(FdFlags::CLOEXEC));
}

#[test]
fn datagrams_tell_both_ends_and_who_is_client() {
    let mut world = world();
    world.event(10, id::SOCKET_SOCKET_X, &[3.into(), 2.into(), 2.into(), 0.into(), 0.into()]);
    let out = v4(("0.0.0.0", 6000), ("8.8.8.8", 53));
    let subject =
        world.event(10, id::SOCKET_SENDTO_X, &[9.into(), Val::Empty, 3.into(), 9.into(), (&out[..]).into()]);
    let fd = world.state.subject_fd(&subject).unwrap();
    assert_eq!(
        (text(&fd.name), fd.is_client()),
        ("10.0.0.2:6000->8.8.8.8:53", true),
        "completed from the interfaces"
    );
    let back = v4(("8.8.8.8", 53), ("10.0.0.2", 6000));
    let subject = world.event(
        10,
        id::SOCKET_RECVFROM_X,
        &[9.into(), Val::Empty, (&back[..]).into(), 3.into(), 9.into()],
    );
    assert!(!subject.fd_name_changed, "the same connection");
    let subject =
        world.event(10, id::SOCKET_SENDTO_X, &[9.into(), Val::Empty, 8.into(), 9.into(), (&out[..]).into()]);
    assert_eq!(
        text(&world.state.subject_fd(&subject).unwrap().name),
        "10.0.0.2:6000->8.8.8.8:53",
        "an unseen socket"
    );
}

#[test]
fn ipv4_in_ipv6_is_ipv4() {
    let mut world = world();
    world.event(10, id::SOCKET_SOCKET_X, &[3.into(), 10.into(), 1.into(), 6.into(), 0.into()]);
    let mut tuple = vec![10];
    for (ip, port) in [([10, 0, 0, 2], 4000u16), ([1, 2, 3, 4], 443)] {
        tuple.extend([0; 10]);
        tuple.extend([0xff, 0xff]);
        tuple.extend(ip);
        tuple.extend(port.to_le_bytes());
    }
    world.event(10, id::SOCKET_CONNECT_X, &[0.into(), (&tuple[..]).into(), 3.into(), Val::Empty]);
    let fd = world.fd(10, 3);
    assert_eq!((fd.kind, text(&fd.name)), (FdType::Ipv4Socket, "10.0.0.2:4000->1.2.3.4:443"));
}

#[test]
fn unix_sockets_are_named_by_kernel_address_and_path() {
    let mut world = world();
    world.event(10, id::SOCKET_SOCKET_X, &[3.into(), 1.into(), 1.into(), 0.into(), 0.into()]);
    let tuple = [&[1][..], &0xabcu64.to_le_bytes(), &0xdefu64.to_le_bytes(), b"/run/log\0"].concat();
    world.event(10, id::SOCKET_CONNECT_X, &[0.into(), (&tuple[..]).into(), 3.into(), Val::Empty]);
    assert_eq!(world.fd_name(10, 3), "abc->def /run/log");
    let values: [Val<'_>; 8] =
        [0.into(), 4.into(), 5.into(), 0x11.into(), 0x22.into(), 1.into(), 1.into(), 0.into()];
    world.event(10, id::SOCKET_SOCKETPAIR_X, &values);
    assert_eq!(world.fd(10, 5).detail, Detail::Unix { source: 0x11, dest: 0x22 });
}
