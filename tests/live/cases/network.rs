//! Cases of calls that make, connect and set sockets. All is on loopback, in a network of the tests' own.

use super::prelude::*;
use super::sockets::*;

/// The queue of a socket that listens is empty again once its connection was accepted.
fn queue(most: u32) -> [(&'static str, Want); 3] {
    [("queuepct", number(0)), ("queuelen", number(0)), ("queuemax", number(most))]
}

fn no_queue() -> [(&'static str, Want); 3] {
    queue(0)
}

fn option(name: &str, value: Want, length: u32, fd: i32) -> Vec<(&'static str, Want)> {
    let level = if name == "UNKNOWN" { any() } else { named("SOL_SOCKET") };
    vec![
        ("fd", number(fd)),
        ("level", level),
        ("optname", named(name)),
        ("val", value),
        ("optlen", number(length)),
    ]
}

/// The value of an option, with the byte that says what it is.
fn value(kind: u8, value: &[u8]) -> Want {
    bytes([&[kind], value].concat())
}

/// Options of `SOL_SOCKET` with the kinds of values that there are: number, name, bytes of the value, how they are recorded.
fn options() -> Vec<(i32, &'static str, Vec<u8>, Want)> {
    let timeout = [5_u64.to_le_bytes(), 10_u64.to_le_bytes()].concat();
    vec![
        (SO_PASSCRED, "SO_PASSCRED", 16_u32.to_le_bytes().to_vec(), value(2, &16_u32.to_le_bytes())),
        (SO_RCVTIMEO, "SO_RCVTIMEO", timeout.clone(), value(4, &5_000_010_000_u64.to_le_bytes())),
        (SO_SNDTIMEO, "SO_SNDTIMEO", timeout, value(4, &5_000_010_000_u64.to_le_bytes())),
        (SO_COOKIE, "SO_COOKIE", 16_u64.to_le_bytes().to_vec(), value(3, &16_u64.to_le_bytes())),
        (SO_ERROR, "SO_ERROR", 14_u32.to_le_bytes().to_vec(), value(1, &(-14_i64).to_le_bytes())),
        (-1, "UNKNOWN", 16_u32.to_le_bytes().to_vec(), value(0, &16_u32.to_le_bytes())),
    ]
}

cases! {
    "socket: a datagram socket" => |t| {
        t.call(SYS_socket, &args![AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP]).ok().records(
            SOCKET_SOCKET_X,
            &[
                ("domain", named("AF_INET")),
                ("type", one_of([number(SOCK_DGRAM | SOCK_CLOEXEC), number(SOCK_DGRAM)])),
                ("proto", number(IPPROTO_UDP)),
                ("flags", one_of([named("O_CLOEXEC"), number(0)])),
            ],
        );
    };
    "socket: a family that is none" => |t| {
        t.call(SYS_socket, &args![-1, SOCK_STREAM, 7]).fails(EAFNOSUPPORT).records(
            SOCKET_SOCKET_X,
            &[
                ("domain", number(-1)),
                ("type", number(SOCK_STREAM)),
                ("proto", number(7)),
                ("flags", number(0)),
            ],
        );
    };
    "socketpair: two ends" => |t| {
        let mut ends = [0_i32; 2];
        let made = t.call(SYS_socketpair, &args![AF_UNIX, SOCK_STREAM, 0, ends.as_mut_ptr()]).gives(0);
        made.records(
            SOCKET_SOCKETPAIR_X,
            &[
                ("fd1", number(ends[0])),
                ("fd2", number(ends[1])),
                ("source", something()),
                ("peer", something()),
                ("domain", named("AF_UNIX")),
                ("type", number(SOCK_STREAM)),
                ("proto", number(0)),
            ],
        );
    };
    "socketpair: nowhere to write them" => |t| {
        t.call(SYS_socketpair, &args![AF_UNIX, SOCK_STREAM, 0, NOWHERE]).fails(EFAULT).records(
            SOCKET_SOCKETPAIR_X,
            &[
                ("fd1", number(-1)),
                ("fd2", number(-1)),
                ("source", number(0)),
                ("peer", number(0)),
                ("domain", named("AF_UNIX")),
                ("type", number(SOCK_STREAM)),
                ("proto", number(0)),
            ],
        );
    };
    "bind: IPv4" => |t| {
        let fd = t.must(SYS_socket, &args![AF_INET, SOCK_STREAM, 0]);
        let address = V4.address(SERVER_PORT);
        t.call(SYS_bind, &args![fd, &address[..], address.len()]).gives(0)
            .records(SOCKET_BIND_X, &[("addr", V4.recorded(SERVER_PORT)), ("fd", number(fd))]);
    };
    "bind: IPv6" => |t| {
        let fd = t.must(SYS_socket, &args![AF_INET6, SOCK_STREAM, 0]);
        let address = V6.address(SERVER_PORT);
        t.call(SYS_bind, &args![fd, &address[..], address.len()]).gives(0)
            .records(SOCKET_BIND_X, &[("addr", V6.recorded(SERVER_PORT)), ("fd", number(fd))]);
    };
    "bind: a path" => |t| {
        let fd = t.must(SYS_socket, &args![AF_UNIX, SOCK_STREAM, 0]);
        let path = t.path("socket");
        let address = unix_address(path.as_bytes_with_nul());
        t.call(SYS_bind, &args![fd, &address[..], address.len()]).gives(0).records(
            SOCKET_BIND_X,
            &[("addr", bytes([&[1], path.as_bytes_with_nul()].concat())), ("fd", number(fd))],
        );
    };
    "bind: no address" => |t| {
        t.call(SYS_bind, &args![-1, NOWHERE, 0]).fails(EBADF)
            .records(SOCKET_BIND_X, &[("addr", empty()), ("fd", number(-1))]);
    };
    "connect: datagrams, IPv4" => |t| {
        let fd = bound(t, &V4, SOCK_DGRAM, CLIENT_PORT);
        let address = V4.address(SERVER_PORT);
        t.call(SYS_connect, &args![fd, &address[..], address.len()]).gives(0).records(
            SOCKET_CONNECT_X,
            &[
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
                ("fd", number(fd)),
                ("addr", V4.recorded(SERVER_PORT)),
            ],
        );
    };
    "connect: datagrams, IPv6" => |t| {
        let fd = bound(t, &V6, SOCK_DGRAM, CLIENT_PORT);
        let address = V6.address(SERVER_PORT);
        t.call(SYS_connect, &args![fd, &address[..], address.len()]).gives(0).records(
            SOCKET_CONNECT_X,
            &[
                ("tuple", V6.tuple(CLIENT_PORT, SERVER_PORT)),
                ("fd", number(fd)),
                ("addr", V6.recorded(SERVER_PORT)),
            ],
        );
    };
    "connect: a stream, IPv4" => |t| {
        listening(t, &V4);
        let fd = bound(t, &V4, SOCK_STREAM, CLIENT_PORT);
        let address = V4.address(SERVER_PORT);
        t.call(SYS_connect, &args![fd, &address[..], address.len()]).gives(0).records(
            SOCKET_CONNECT_X,
            &[
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
                ("fd", number(fd)),
                ("addr", V4.recorded(SERVER_PORT)),
            ],
        );
    };
    "connect: a path" => |t| {
        let path = t.path("server");
        let address = unix_address(path.as_bytes_with_nul());
        let server = t.must(SYS_socket, &args![AF_UNIX, SOCK_STREAM, 0]);
        t.must(SYS_bind, &args![server, &address[..], address.len()]);
        t.must(SYS_listen, &args![server, 5]);
        let fd = t.must(SYS_socket, &args![AF_UNIX, SOCK_STREAM, 0]);
        t.call(SYS_connect, &args![fd, &address[..], address.len()]).gives(0).records(
            SOCKET_CONNECT_X,
            &[
                ("tuple", unix_tuple(&path)),
                ("fd", number(fd)),
                ("addr", bytes([&[1], path.as_bytes_with_nul()].concat())),
            ],
        );
    };
    "connect: an abstract name that nobody has" => |t| {
        let fd = t.must(SYS_socket, &args![AF_UNIX, SOCK_STREAM, 0]);
        let address = unix_address(b"\0nobody");
        t.call(SYS_connect, &args![fd, &address[..], address.len()]).fails(ECONNREFUSED).records(
            SOCKET_CONNECT_X,
            // How an abstract name is told is ours: Falco cuts it at its first byte.
            &[("tuple", empty()), ("fd", number(fd)), ("addr", one_of([bytes(b"\x01@nobody\0"), bytes(b"\x01\0")]))],
        );
    };
    "connect: nobody listens" => |t| {
        let fd = bound(t, &V4, SOCK_STREAM, CLIENT_PORT);
        let address = V4.address(SERVER_PORT);
        t.call(SYS_connect, &args![fd, &address[..], address.len()]).fails(ECONNREFUSED).records(
            SOCKET_CONNECT_X,
            &[("tuple", empty()), ("fd", number(fd)), ("addr", V4.recorded(SERVER_PORT))],
        );
    };
    "connect: that goes on in the background" => |t| {
        let fd = t.must(SYS_socket, &args![AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0]);
        let own = V4.address(CLIENT_PORT);
        t.must(SYS_bind, &args![fd, &own[..], own.len()]);
        listening(t, &V4);
        let address = V4.address(SERVER_PORT);
        t.call(SYS_connect, &args![fd, &address[..], address.len()]).fails(EINPROGRESS).records(
            SOCKET_CONNECT_X,
            &[
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
                ("fd", number(fd)),
                ("addr", V4.recorded(SERVER_PORT)),
            ],
        );
    };
    "connect: no address" => |t| {
        t.call(SYS_connect, &args![-1, NOWHERE, 0]).fails(EBADF)
            .records(SOCKET_CONNECT_X, &[("tuple", empty()), ("fd", number(-1)), ("addr", empty())]);
    };
    "listen: with a queue" => |t| {
        let fd = bound(t, &V4, SOCK_STREAM, SERVER_PORT);
        t.call(SYS_listen, &args![fd, 7]).gives(0)
            .records(SOCKET_LISTEN_X, &[("fd", number(fd)), ("backlog", number(7))]);
    };
    "listen: no descriptor" => |t| {
        t.call(SYS_listen, &args![-1, -1]).fails(EBADF)
            .records(SOCKET_LISTEN_X, &[("fd", number(-1)), ("backlog", number(-1))]);
    };
    "accept: IPv4" => |t| {
        let server = listening(t, &V4);
        connected(t, &V4);
        t.call(SYS_accept, &args![server, NOWHERE, NOWHERE]).ok().records(
            SOCKET_ACCEPT_5_X,
            &[&[("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT))][..], &queue(5)].concat(),
        );
    };
    "accept: IPv6" => |t| {
        let server = listening(t, &V6);
        connected(t, &V6);
        t.call(SYS_accept, &args![server, NOWHERE, NOWHERE]).ok().records(
            SOCKET_ACCEPT_5_X,
            &[&[("tuple", V6.tuple(CLIENT_PORT, SERVER_PORT))][..], &queue(5)].concat(),
        );
    };
    "accept: a path" => |t| {
        let (server, path) = unix_pending(t);
        t.call(SYS_accept, &args![server, NOWHERE, NOWHERE]).ok().records(
            SOCKET_ACCEPT_5_X,
            &[&[("tuple", unix_tuple(&path))][..], &queue(5)].concat(),
        );
    };
    "accept: one more waits" => |t| {
        let server = listening(t, &V4);
        connected(t, &V4);
        let second = bound(t, &V4, SOCK_STREAM, CLIENT_PORT + 1);
        let address = V4.address(SERVER_PORT);
        t.must(SYS_connect, &args![second, &address[..], address.len()]);
        t.call(SYS_accept, &args![server, NOWHERE, NOWHERE]).ok().records(
            SOCKET_ACCEPT_5_X,
            &[
                ("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)),
                ("queuepct", number(20)),
                ("queuelen", number(1)),
                ("queuemax", number(5)),
            ],
        );
    };
    "accept: no descriptor" => |t| {
        t.call(SYS_accept, &args![-1, NOWHERE, NOWHERE]).fails(EBADF)
            .records(SOCKET_ACCEPT_5_X, &[&[("tuple", empty())][..], &no_queue()].concat());
    };
    "accept4: IPv4" => |t| {
        let server = listening(t, &V4);
        connected(t, &V4);
        t.call(SYS_accept4, &args![server, NOWHERE, NOWHERE, SOCK_CLOEXEC]).ok().records(
            SOCKET_ACCEPT4_6_X,
            &[
                &[("tuple", V4.tuple(CLIENT_PORT, SERVER_PORT)), ("flags", any())][..],
                &queue(5),
            ]
            .concat(),
        );
    };
    "accept4: IPv6" => |t| {
        let server = listening(t, &V6);
        connected(t, &V6);
        t.call(SYS_accept4, &args![server, NOWHERE, NOWHERE, 0]).ok().records(
            SOCKET_ACCEPT4_6_X,
            &[&[("tuple", V6.tuple(CLIENT_PORT, SERVER_PORT)), ("flags", number(0))][..], &queue(5)].concat(),
        );
    };
    "accept4: a path" => |t| {
        let (server, path) = unix_pending(t);
        t.call(SYS_accept4, &args![server, NOWHERE, NOWHERE, 0]).ok().records(
            SOCKET_ACCEPT4_6_X,
            &[&[("tuple", unix_tuple(&path)), ("flags", number(0))][..], &queue(5)].concat(),
        );
    };
    "accept4: no descriptor" => |t| {
        t.call(SYS_accept4, &args![-1, NOWHERE, NOWHERE, 0]).fails(EBADF).records(
            SOCKET_ACCEPT4_6_X,
            &[&[("tuple", empty()), ("flags", number(0))][..], &no_queue()].concat(),
        );
    };
    "shutdown: both ways" => |t| {
        listening(t, &V4);
        let fd = connected(t, &V4);
        t.call(SYS_shutdown, &args![fd, SHUT_RDWR]).gives(0)
            .records(SOCKET_SHUTDOWN_X, &[("fd", number(fd)), ("how", named("SHUT_RDWR"))]);
    };
    "shutdown: no descriptor" => |t| {
        t.call(SYS_shutdown, &args![-1, SHUT_WR]).fails(EBADF)
            .records(SOCKET_SHUTDOWN_X, &[("fd", number(-1)), ("how", named("SHUT_WR"))]);
    };
    "getsockname, getpeername" => |t| {
        let fd = bound(t, &V4, SOCK_STREAM, CLIENT_PORT);
        let mut address = [0_u8; 28];
        let mut length = 28_u32;
        t.call(SYS_getsockname, &args![fd, address.as_mut_ptr(), &raw mut length]).gives(0)
            .records(SOCKET_GETSOCKNAME_X, &[]);
        t.call(SYS_getpeername, &args![fd, address.as_mut_ptr(), &raw mut length]).fails(ENOTCONN)
            .records(SOCKET_GETPEERNAME_X, &[]);
    };
    "setsockopt: a number" => |t| {
        let fd = bound(t, &V4, SOCK_STREAM, CLIENT_PORT) as i32;
        let one = 1_u32.to_le_bytes();
        t.call(SYS_setsockopt, &args![fd, SOL_SOCKET, SO_KEEPALIVE, &one, 4]).gives(0)
            .records(SOCKET_SETSOCKOPT_X, &option("SO_KEEPALIVE", value(2, &one), 4, fd));
    };
    "setsockopt: each kind of value, in vain" => |t| {
        for (option_name, name, given, recorded) in options() {
            t.call(SYS_setsockopt, &args![-1, SOL_SOCKET, option_name, &given[..], given.len()]).fails(EBADF)
                .records(SOCKET_SETSOCKOPT_X, &option(name, recorded, given.len() as u32, -1));
        }
    };
    "setsockopt: a level that is none" => |t| {
        let given = 16_u32.to_le_bytes();
        t.call(SYS_setsockopt, &args![-1, -1, SO_PASSCRED, &given, 4]).fails(EBADF).records(
            SOCKET_SETSOCKOPT_X,
            &[
                ("fd", number(-1)),
                ("level", named("UNKNOWN")),
                ("optname", named("UNKNOWN")),
                ("val", value(0, &given)),
                ("optlen", number(4)),
            ],
        );
    };
    "setsockopt: a value of no length" => |t| {
        let given = 0_u32.to_le_bytes();
        t.call(SYS_setsockopt, &args![-1, 7, SO_PASSCRED, &given, 0]).fails(EBADF).records(
            SOCKET_SETSOCKOPT_X,
            &[
                ("fd", number(-1)),
                ("level", named("UNKNOWN")),
                ("optname", named("UNKNOWN")),
                ("val", value(0, b"")),
                ("optlen", number(0)),
            ],
        );
    };
    "getsockopt: a number" => |t| {
        let fd = bound(t, &V4, SOCK_STREAM, CLIENT_PORT) as i32;
        let (mut given, mut length) = (14_u32.to_le_bytes(), 4_u32);
        let arguments = args![fd, SOL_SOCKET, SO_REUSEADDR, given.as_mut_ptr(), &raw mut length];
        t.call(SYS_getsockopt, &arguments).gives(0).records(
            SOCKET_GETSOCKOPT_X,
            &option("SO_REUSEADDR", value(2, &1_u32.to_le_bytes()), 4, fd),
        );
    };
    "getsockopt: each kind of value, in vain" => |t| {
        for (option_name, name, given, recorded) in options() {
            let mut length = given.len() as u32;
            let arguments = args![-1, SOL_SOCKET, option_name, &given[..], &raw mut length];
            t.call(SYS_getsockopt, &arguments).fails(EBADF)
                .records(SOCKET_GETSOCKOPT_X, &option(name, recorded, given.len() as u32, -1));
        }
    };
    "getsockopt: a level that is none" => |t| {
        let (given, mut length) = (16_u32.to_le_bytes(), 4_u32);
        t.call(SYS_getsockopt, &args![-1, 7, SO_PASSCRED, &given, &raw mut length]).fails(EBADF).records(
            SOCKET_GETSOCKOPT_X,
            &[
                ("fd", number(-1)),
                ("level", named("UNKNOWN")),
                ("optname", named("UNKNOWN")),
                ("val", value(0, &given)),
                ("optlen", number(4)),
            ],
        );
    };
}
