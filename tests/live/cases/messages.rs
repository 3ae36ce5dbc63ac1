//! Cases of calls that send and receive messages: on streams and datagrams of both families, short, longer than what is
//! recorded, without an address, without a buffer, in vain.

use super::prelude::*;
use super::sockets::*;

const SHORT: &[u8] = b"hey! there is a first message here.";
const LONG: [u8; 200] = [b'm'; 200];
/// What is recorded of data.
const SNAPLEN: usize = 80;

/// How a message's data is recorded.
fn data(message: &[u8]) -> Want {
    if message.len() > SNAPLEN { cut(&message[..SNAPLEN]) } else { bytes(message) }
}

/// A `struct msghdr`, and what it points to.
struct Header {
    words: [u64; 8],
    segment: Box<[u64; 2]>,
    name: Vec<u8>,
}

impl Header {
    fn new(buffer: &[u8], name: Vec<u8>) -> Header {
        let segment = Box::new([buffer.as_ptr() as u64, buffer.len() as u64]);
        // name, its length, segments, how many, control, its length, flags; of an array: length.
        let words = [0, name.len() as u64, segment.as_ptr() as u64, 1, 0, 0, 0, 0];
        let mut header = Header { words, segment, name };
        if !header.name.is_empty() {
            header.words[0] = header.name.as_ptr() as u64;
        }
        header
    }

    /// With no segment at all.
    fn without_segments(mut self) -> Header {
        (self.words[2], self.words[3]) = (0, 0);
        self
    }

    fn at(&self) -> *const u64 {
        debug_assert_eq!(self.words[2] == 0, self.words[3] == 0 || self.segment[1] == 0);
        self.words.as_ptr()
    }
}

/// Sends a message outside the marks.
fn send(t: &Trial, family: &Family, from: i64, connected: bool, message: &[u8]) {
    let address = family.address(SERVER_PORT);
    let (address, length) = if connected { (0, 0) } else { (address.as_ptr() as u64, address.len()) };
    t.must(SYS_sendto, &args![from, message, message.len(), 0, address, length]);
}

/// `sendto` from client to server.
fn sendto(t: &mut Trial, family: &Family, kind: i32, message: &[u8], with_address: bool) {
    let from = if kind == SOCK_STREAM { stream(t, family).0 } else { datagrams(t, family).0 };
    let address = family.address(SERVER_PORT);
    if kind == SOCK_DGRAM && !with_address {
        t.must(SYS_connect, &args![from, &address[..], address.len()]);
    }
    let (at, length) = if with_address { (address.as_ptr() as u64, address.len()) } else { (0, 0) };
    t.call(SYS_sendto, &args![from, message, message.len(), 0, at, length]).gives(message.len()).records(
        SOCKET_SENDTO_X,
        &[
            ("data", data(message)),
            ("fd", number(from)),
            ("size", number(message.len())),
            ("tuple", family.tuple(CLIENT_PORT, SERVER_PORT)),
        ],
    );
}

/// `sendmsg` from client to server.
fn sendmsg(t: &mut Trial, family: &Family, kind: i32, message: &[u8], with_address: bool) {
    let from = if kind == SOCK_STREAM { stream(t, family).0 } else { datagrams(t, family).0 };
    let address = if with_address { family.address(SERVER_PORT) } else { Vec::new() };
    let header = Header::new(message, address);
    t.call(SYS_sendmsg, &args![from, header.at(), 0]).gives(message.len()).records(
        SOCKET_SENDMSG_X,
        &[
            ("data", data(message)),
            ("fd", number(from)),
            ("size", number(message.len())),
            ("tuple", family.tuple(CLIENT_PORT, SERVER_PORT)),
        ],
    );
}

/// `sendmmsg` of so many messages from client to server: a record each.
fn sendmmsg(t: &mut Trial, family: &Family, kind: i32, messages: &[&[u8]]) {
    let from = if kind == SOCK_STREAM { stream(t, family).0 } else { datagrams(t, family).0 };
    let address = if kind == SOCK_DGRAM { family.address(SERVER_PORT) } else { Vec::new() };
    let headers: Vec<Header> = messages.iter().map(|one| Header::new(one, address.clone())).collect();
    let mut array: Vec<u64> = headers.iter().flat_map(|header| header.words).collect();
    let made =
        t.call(SYS_sendmmsg, &args![from, array.as_mut_ptr(), messages.len(), 0]).gives(messages.len());
    for message in messages {
        made.expect(
            Who::Caller,
            SOCKET_SENDMMSG_X,
            &[
                ("res", number(message.len())),
                ("fd", number(from)),
                ("size", number(message.len())),
                ("data", data(message)),
                ("tuple", family.tuple(CLIENT_PORT, SERVER_PORT)),
            ],
        );
    }
}

/// `recvfrom` at the server.
fn recvfrom(t: &mut Trial, family: &Family, kind: i32, message: &[u8], with_address: bool) {
    let (from, to) = if kind == SOCK_STREAM { stream(t, family) } else { datagrams(t, family) };
    send(t, family, from, kind == SOCK_STREAM, message);
    let mut buffer = [0_u8; 300];
    let (mut address, mut length) = ([0_u8; 28], 28_u32);
    let (at, length) =
        if with_address { (address.as_mut_ptr() as u64, &raw mut length as u64) } else { (0, 0) };
    // The kernel knows no peer of a datagram socket; without an address nobody says who sent it.
    let tuple =
        if kind == SOCK_DGRAM && !with_address { any() } else { family.tuple(CLIENT_PORT, SERVER_PORT) };
    t.call(SYS_recvfrom, &args![to, buffer.as_mut_ptr(), 300, 0, at, length]).gives(message.len()).records(
        SOCKET_RECVFROM_X,
        &[("data", data(message)), ("tuple", tuple), ("fd", number(to)), ("size", number(300))],
    );
}

/// `recvmsg` at the server.
fn recvmsg(t: &mut Trial, family: &Family, kind: i32, message: &[u8], with_address: bool) {
    let (from, to) = if kind == SOCK_STREAM { stream(t, family) } else { datagrams(t, family) };
    send(t, family, from, kind == SOCK_STREAM, message);
    let buffer = [0_u8; 300];
    let header = Header::new(&buffer, if with_address { vec![0; 28] } else { Vec::new() });
    let tuple =
        if kind == SOCK_DGRAM && !with_address { any() } else { family.tuple(CLIENT_PORT, SERVER_PORT) };
    t.call(SYS_recvmsg, &args![to, header.at(), 0]).gives(message.len()).records(
        SOCKET_RECVMSG_X,
        &[
            ("size", number(message.len())),
            ("data", data(message)),
            ("tuple", tuple),
            ("msgcontrol", empty()),
            ("fd", number(to)),
        ],
    );
}

/// `recvmmsg` of so many messages at the server: a record each.
fn recvmmsg(t: &mut Trial, family: &Family, kind: i32, messages: &[&[u8]]) {
    let (from, to) = if kind == SOCK_STREAM { stream(t, family) } else { datagrams(t, family) };
    for message in messages {
        send(t, family, from, kind == SOCK_STREAM, message);
    }
    let buffers = vec![[0_u8; 300]; messages.len()];
    let headers: Vec<Header> = buffers.iter().map(|one| Header::new(one, vec![0; 28])).collect();
    let mut array: Vec<u64> = headers.iter().flat_map(|header| header.words).collect();
    let arguments = args![to, array.as_mut_ptr(), messages.len(), MSG_DONTWAIT, 0];
    let made = t.call(SYS_recvmmsg, &arguments).gives(messages.len());
    for message in messages {
        made.expect(
            Who::Caller,
            SOCKET_RECVMMSG_X,
            &[
                ("res", number(message.len())),
                ("fd", number(to)),
                ("size", number(message.len())),
                ("data", data(message)),
                ("tuple", family.tuple(CLIENT_PORT, SERVER_PORT)),
                ("msgcontrol", empty()),
            ],
        );
    }
}

cases! {
    "sendto: a stream, IPv4" => |t| sendto(t, &V4, SOCK_STREAM, SHORT, false);
    "sendto: a stream, IPv4, long" => |t| sendto(t, &V4, SOCK_STREAM, &LONG, false);
    "sendto: a stream, IPv4, with an address that does not count" => |t| sendto(t, &V4, SOCK_STREAM, SHORT, true);
    "sendto: a stream, IPv6" => |t| sendto(t, &V6, SOCK_STREAM, SHORT, false);
    "sendto: datagrams, IPv4" => |t| sendto(t, &V4, SOCK_DGRAM, SHORT, true);
    "sendto: datagrams, IPv4, long" => |t| sendto(t, &V4, SOCK_DGRAM, &LONG, true);
    "sendto: datagrams, IPv4, connected" => |t| sendto(t, &V4, SOCK_DGRAM, SHORT, false);
    "sendto: datagrams, IPv6" => |t| sendto(t, &V6, SOCK_DGRAM, SHORT, true);
    "sendto: no descriptor" => |t| {
        t.call(SYS_sendto, &args![-1, SHORT, SHORT.len(), 0, NOWHERE, 0]).fails(EBADF).records(
            SOCKET_SENDTO_X,
            &[("data", data(SHORT)), ("fd", number(-1)), ("size", number(SHORT.len())), ("tuple", empty())],
        );
    };
    "sendto: nothing" => |t| {
        t.call(SYS_sendto, &args![-2, NOWHERE, 0, 0, NOWHERE, 0]).fails(EBADF).records(
            SOCKET_SENDTO_X,
            &[("data", empty()), ("fd", number(-2)), ("size", number(0)), ("tuple", empty())],
        );
    };
    "sendmsg: a stream, IPv4" => |t| sendmsg(t, &V4, SOCK_STREAM, SHORT, false);
    "sendmsg: a stream, IPv4, long" => |t| sendmsg(t, &V4, SOCK_STREAM, &LONG, false);
    "sendmsg: a stream, IPv6" => |t| sendmsg(t, &V6, SOCK_STREAM, SHORT, false);
    "sendmsg: datagrams, IPv4" => |t| sendmsg(t, &V4, SOCK_DGRAM, SHORT, true);
    "sendmsg: datagrams, IPv4, long" => |t| sendmsg(t, &V4, SOCK_DGRAM, &LONG, true);
    "sendmsg: datagrams, IPv6" => |t| sendmsg(t, &V6, SOCK_DGRAM, SHORT, true);
    "sendmsg: no descriptor" => |t| {
        let header = Header::new(SHORT, Vec::new());
        t.call(SYS_sendmsg, &args![-1, header.at(), 0]).fails(EBADF).records(
            SOCKET_SENDMSG_X,
            &[("data", data(SHORT)), ("fd", number(-1)), ("size", number(SHORT.len())), ("tuple", empty())],
        );
    };
    "sendmsg: no buffers" => |t| {
        let header = Header::new(b"", Vec::new()).without_segments();
        t.call(SYS_sendmsg, &args![-1, header.at(), 0]).fails(EBADF).records(
            SOCKET_SENDMSG_X,
            &[("data", empty()), ("fd", number(-1)), ("size", number(0)), ("tuple", empty())],
        );
    };
    "sendmsg: no header" => |t| {
        t.call(SYS_sendmsg, &args![-1, NOWHERE, 0]).fails(EBADF).records_with(
            SOCKET_SENDMSG_X,
            &[("data", empty()), ("fd", number(-1)), ("size", number(0)), ("tuple", empty())],
            &[],
            flag::USER_MISS,
        );
    };
    "sendmmsg: a stream, IPv4" => |t| sendmmsg(t, &V4, SOCK_STREAM, &[SHORT]);
    "sendmmsg: a stream, IPv4, long" => |t| sendmmsg(t, &V4, SOCK_STREAM, &[&LONG]);
    "sendmmsg: a stream, IPv6" => |t| sendmmsg(t, &V6, SOCK_STREAM, &[SHORT]);
    "sendmmsg: datagrams, IPv4" => |t| sendmmsg(t, &V4, SOCK_DGRAM, &[SHORT]);
    "sendmmsg: datagrams, IPv4, long" => |t| sendmmsg(t, &V4, SOCK_DGRAM, &[&LONG]);
    "sendmmsg: datagrams, IPv6" => |t| sendmmsg(t, &V6, SOCK_DGRAM, &[SHORT]);
    "sendmmsg: several messages, IPv4" => |t| sendmmsg(t, &V4, SOCK_DGRAM, &[SHORT, &LONG, b"third"]);
    "sendmmsg: several messages, IPv6" => |t| sendmmsg(t, &V6, SOCK_DGRAM, &[SHORT, &LONG, b"third"]);
    "sendmmsg: no descriptor" => |t| {
        let header = Header::new(SHORT, Vec::new());
        t.call(SYS_sendmmsg, &args![-1, header.at(), 1, 0]).fails(EBADF).records(
            SOCKET_SENDMMSG_X,
            &[("fd", number(-1)), ("size", number(0)), ("data", empty()), ("tuple", empty())],
        );
    };
    "sendmmsg: no headers" => |t| {
        t.call(SYS_sendmmsg, &args![-1, NOWHERE, 1, 0]).fails(EBADF).records(
            SOCKET_SENDMMSG_X,
            &[("fd", number(-1)), ("size", number(0)), ("data", empty()), ("tuple", empty())],
        );
    };
    "recvfrom: a stream, IPv4" => |t| recvfrom(t, &V4, SOCK_STREAM, SHORT, true);
    "recvfrom: a stream, IPv4, long" => |t| recvfrom(t, &V4, SOCK_STREAM, &LONG, true);
    "recvfrom: a stream, IPv4, without an address" => |t| recvfrom(t, &V4, SOCK_STREAM, SHORT, false);
    "recvfrom: a stream, IPv6" => |t| recvfrom(t, &V6, SOCK_STREAM, SHORT, true);
    "recvfrom: datagrams, IPv4" => |t| recvfrom(t, &V4, SOCK_DGRAM, SHORT, true);
    "recvfrom: datagrams, IPv4, long" => |t| recvfrom(t, &V4, SOCK_DGRAM, &LONG, true);
    "recvfrom: datagrams, IPv4, without an address" => |t| recvfrom(t, &V4, SOCK_DGRAM, SHORT, false);
    "recvfrom: datagrams, IPv6" => |t| recvfrom(t, &V6, SOCK_DGRAM, SHORT, true);
    "recvfrom: into no buffer" => |t| {
        let (from, to) = datagrams(t, &V4);
        send(t, &V4, from, false, SHORT);
        t.call(SYS_recvfrom, &args![to, NOWHERE, 0, 0, NOWHERE, 0]).gives(0).records(
            SOCKET_RECVFROM_X,
            &[("data", empty()), ("tuple", any()), ("fd", number(to)), ("size", number(0))],
        );
    };
    "recvfrom: no descriptor" => |t| {
        t.call(SYS_recvfrom, &args![-1, NOWHERE, 9, 0, NOWHERE, 0]).fails(EBADF).records(
            SOCKET_RECVFROM_X,
            &[("data", empty()), ("tuple", empty()), ("fd", number(-1)), ("size", number(9))],
        );
    };
    "recvmsg: a stream, IPv4" => |t| recvmsg(t, &V4, SOCK_STREAM, SHORT, true);
    "recvmsg: a stream, IPv4, long" => |t| recvmsg(t, &V4, SOCK_STREAM, &LONG, true);
    "recvmsg: a stream, IPv4, without an address" => |t| recvmsg(t, &V4, SOCK_STREAM, SHORT, false);
    "recvmsg: a stream, IPv6" => |t| recvmsg(t, &V6, SOCK_STREAM, SHORT, true);
    "recvmsg: datagrams, IPv4" => |t| recvmsg(t, &V4, SOCK_DGRAM, SHORT, true);
    "recvmsg: datagrams, IPv4, long" => |t| recvmsg(t, &V4, SOCK_DGRAM, &LONG, true);
    "recvmsg: datagrams, IPv4, without an address" => |t| recvmsg(t, &V4, SOCK_DGRAM, SHORT, false);
    "recvmsg: datagrams, IPv6" => |t| recvmsg(t, &V6, SOCK_DGRAM, SHORT, true);
    "recvmsg: no descriptor" => |t| {
        t.call(SYS_recvmsg, &args![-1, NOWHERE, 0]).fails(EBADF).records(
            SOCKET_RECVMSG_X,
            &[
                ("size", number(0)),
                ("data", empty()),
                ("tuple", empty()),
                ("msgcontrol", empty()),
                ("fd", number(-1)),
            ],
        );
    };
    "recvmsg: a descriptor among the control data" => |t| {
        let mut ends = [0_i32; 2];
        t.must(SYS_socketpair, &args![AF_UNIX, SOCK_DGRAM, 0, ends.as_mut_ptr()]);
        // struct cmsghdr: length, level, type; then the descriptor, padded.
        let control: [u32; 6] = [20, 0, SOL_SOCKET as u32, SCM_RIGHTS as u32, 1, 0];
        let mut header = Header::new(SHORT, Vec::new());
        (header.words[4], header.words[5]) = (control.as_ptr() as u64, 24);
        t.must(SYS_sendmsg, &args![ends[0], header.at(), 0]);
        let (buffer, mut received) = ([0_u8; 100], [0_u32; 6]);
        let mut header = Header::new(&buffer, Vec::new());
        (header.words[4], header.words[5]) = (received.as_mut_ptr() as u64, 24);
        let made = t.call(SYS_recvmsg, &args![ends[1], header.at(), 0]).gives(SHORT.len());
        let length = header.words[5] as usize;
        let control: Vec<u8> = received.iter().flat_map(|word| word.to_le_bytes()).take(length).collect();
        made.records(
            SOCKET_RECVMSG_X,
            &[
                ("size", number(SHORT.len())),
                ("data", data(SHORT)),
                ("tuple", any()),
                ("msgcontrol", bytes(control)),
                ("fd", number(ends[1])),
            ],
        );
    };
    "recvmmsg: a stream, IPv4" => |t| recvmmsg(t, &V4, SOCK_STREAM, &[SHORT]);
    "recvmmsg: a stream, IPv4, long" => |t| recvmmsg(t, &V4, SOCK_STREAM, &[&LONG]);
    "recvmmsg: a stream, IPv6" => |t| recvmmsg(t, &V6, SOCK_STREAM, &[SHORT]);
    "recvmmsg: datagrams, IPv4" => |t| recvmmsg(t, &V4, SOCK_DGRAM, &[SHORT]);
    "recvmmsg: datagrams, IPv4, long" => |t| recvmmsg(t, &V4, SOCK_DGRAM, &[&LONG]);
    "recvmmsg: datagrams, IPv6" => |t| recvmmsg(t, &V6, SOCK_DGRAM, &[SHORT]);
    "recvmmsg: several messages" => |t| recvmmsg(t, &V4, SOCK_DGRAM, &[SHORT, &LONG, b"third"]);
    "recvmmsg: no descriptor" => |t| {
        t.call(SYS_recvmmsg, &args![-1, NOWHERE, 1, 0, NOWHERE]).fails(EBADF).records(
            SOCKET_RECVMMSG_X,
            &[
                ("fd", number(-1)),
                ("size", number(0)),
                ("data", empty()),
                ("tuple", empty()),
                ("msgcontrol", empty()),
            ],
        );
    };
    "write, read: on a socket" => |t| {
        let (from, to) = stream(t, &V4);
        t.call(SYS_write, &args![from, SHORT, SHORT.len()]).gives(SHORT.len()).records(
            SYSCALL_WRITE_X,
            &[("data", data(SHORT)), ("fd", number(from)), ("size", number(SHORT.len()))],
        );
        let mut buffer = [0_u8; 300];
        t.call(SYS_read, &args![to, buffer.as_mut_ptr(), 300]).gives(SHORT.len())
            .records(SYSCALL_READ_X, &[("data", data(SHORT)), ("fd", number(to)), ("size", number(300))]);
    };
}
