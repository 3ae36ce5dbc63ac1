//! Getters of descriptors: the one that a call makes or uses, and those of a poll.

use std::io::Write as _;
use std::net::IpAddr;

use bumpalo::collections::Vec as BumpVec;
use saker_filter::{Arg, Field, Value};

use super::{EventContext, params, print};
use crate::event::{Direction, EventFlags, id};
use crate::state::{End, Fd, FdFlags, FdType, Inet};

type Got<'e> = Option<Value<'e>>;

/// Whether the event is about a descriptor at all: then `fd.*` may be asked, even if the descriptor is not known.
fn is_about_fd(context: &EventContext<'_>) -> bool {
    let flags = EventFlags::CREATES_FD | EventFlags::USES_FD | EventFlags::DESTROYS_FD;
    context.thread.is_some() && context.event.info().flags.intersects(flags)
}

/// The descriptor that the event is about, if it is known.
pub(super) fn known<'e>(context: &EventContext<'e>) -> Option<&'e Fd> {
    context.fd.filter(|_| is_about_fd(context))
}

pub(super) fn num<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    is_about_fd(context).then_some(Value::Int(context.subject.fd_num))
}

pub(super) fn ty<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(known(context)?.kind.name().as_bytes()))
}

/// What a call that made no descriptor would have made.
fn missing_typechar(context: &EventContext<'_>) -> char {
    match context.event.id {
        // Falco has no letter for the oldest way to open a file.
        id::SYSCALL_OPENAT_2_X | id::SYSCALL_OPENAT2_X | id::SYSCALL_CREAT_X => 'f',
        id::SOCKET_SOCKET_X | id::SOCKET_ACCEPT_5_X | id::SOCKET_ACCEPT4_6_X => '4',
        id::SYSCALL_PIPE_X | id::SYSCALL_PIPE2_X => 'p',
        id::SYSCALL_EVENTFD_X | id::SYSCALL_EVENTFD2_X => 'e',
        id::SYSCALL_SIGNALFD_X | id::SYSCALL_SIGNALFD4_X => 's',
        id::SYSCALL_TIMERFD_CREATE_X => 't',
        id::SYSCALL_INOTIFY_INIT_X | id::SYSCALL_INOTIFY_INIT1_X => 'i',
        _ => 'o',
    }
}

/// A character as a text that lives as long as the program.
fn letter(char: char) -> &'static [u8] {
    const ASCII: [u8; 128] = {
        let mut bytes = [0; 128];
        let mut index = 0;
        while index < 128 {
            bytes[index] = index as u8;
            index += 1;
        }
        bytes
    };
    static LETTERS: [u8; 128] = ASCII;
    let index = char as usize & 127;
    &LETTERS[index..=index]
}

pub(super) fn typechar<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    if !is_about_fd(context) {
        return None;
    }
    Some(Value::Bytes(letter(match context.fd {
        Some(fd) => fd.kind.char(),
        None => missing_typechar(context),
    })))
}

/// The name that a call gave to what it did not get: of a file that could not be opened. Empty for other calls.
fn claimed_name<'e>(context: &EventContext<'e>, raw: bool) -> Option<&'e [u8]> {
    let event = context.event;
    if event.info().direction == Direction::Enter {
        return None;
    }
    Some(match event.id {
        id::SYSCALL_OPEN_X | id::SYSCALL_CREAT_X | id::SOCKET_ACCEPT_5_X | id::SOCKET_ACCEPT4_6_X
            if event.param_count() > 1 =>
        {
            print::short(context, 1)
        }
        id::SYSCALL_OPENAT_2_X | id::SYSCALL_OPENAT2_X => {
            let name = event.param_str(2).unwrap_or_default();
            if raw {
                return Some(name);
            }
            context.join(base_of_openat(context, name), name)
        }
        id::SYSCALL_OPEN_BY_HANDLE_AT_X => print::string(event, 3),
        _ => b"",
    })
}

/// The directory that the path of an openat starts in.
fn base_of_openat<'e>(context: &EventContext<'e>, name: &[u8]) -> &'e [u8] {
    let dirfd = context.event.param_i64(1).unwrap_or(print::AT_FDCWD);
    let thread = context.thread;
    if name.first() == Some(&b'/') {
        return b"";
    }
    if dirfd == print::AT_FDCWD {
        return thread.and_then(|thread| context.state.cwd(thread)).unwrap_or_default();
    }
    match thread.and_then(|thread| context.state.fd(thread, dirfd)) {
        None => b"<UNKNOWN>/",
        Some(fd) => {
            let mut base = context.buffer();
            base.extend_from_slice_copy(&fd.name);
            if base.last() != Some(&b'/') {
                base.push(b'/');
            }
            base.into_bump_slice()
        }
    }
}

/// `fd.name`.
pub(super) fn full_name<'e>(context: &EventContext<'e>) -> Option<&'e [u8]> {
    if !is_about_fd(context) {
        return None;
    }
    match context.fd {
        Some(fd) => Some(&fd.name),
        None => claimed_name(context, false),
    }
}

pub(super) fn name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    full_name(context).map(Value::Bytes)
}

/// Container id, a colon, and a text.
fn in_container<'e>(context: &EventContext<'e>, text: &[u8]) -> Got<'e> {
    let mut out = context.buffer();
    out.extend_from_slice_copy(context.container_id());
    out.push(b':');
    out.extend_from_slice_copy(text);
    Some(Value::Bytes(out.into_bump_slice()))
}

pub(super) fn containername<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    in_container(context, full_name(context)?)
}

/// What is before the last slash of a path; the root has no parent, and a path that ends in a slash is its own.
fn parent_of(path: &[u8]) -> &[u8] {
    match memchr::memrchr(b'/', path) {
        None | Some(0) => b"/",
        Some(at) if at + 1 < path.len() => &path[..at],
        Some(_) => path,
    }
}

fn directory_path<'e>(context: &EventContext<'e>) -> Option<&'e [u8]> {
    if !is_about_fd(context) {
        return None;
    }
    match context.fd {
        None => claimed_name(context, false).map(parent_of),
        Some(fd) if fd.kind.is_file() => Some(parent_of(&fd.name)),
        Some(fd) if fd.kind == FdType::Directory => Some(&fd.name),
        Some(_) => None,
    }
}

pub(super) fn directory<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    directory_path(context).map(Value::Bytes)
}

pub(super) fn containerdirectory<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    in_container(context, directory_path(context)?)
}

pub(super) fn filename<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let fd = known(context).filter(|fd| fd.kind.is_file())?;
    Some(Value::Bytes(match memchr::memrchr(b'/', &fd.name) {
        None => b"/",
        Some(at) if at + 1 < fd.name.len() => &fd.name[at + 1..],
        Some(_) => &fd.name,
    }))
}

pub(super) fn nameraw<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    if !is_about_fd(context) {
        return None;
    }
    let name = match context.fd {
        Some(fd) => fd.name_raw(),
        None => claimed_name(context, true)?,
    };
    if memchr::memmem::find(name, b"//").is_none() {
        return Some(Value::Bytes(name));
    }
    let mut out = context.buffer();
    for &byte in name {
        if byte != b'/' || out.last() != Some(&b'/') {
            out.push(byte);
        }
    }
    Some(Value::Bytes(out.into_bump_slice()))
}

/// Whether the process took a side in the connection.
fn has_role(fd: &Fd) -> bool {
    fd.flags.intersects(FdFlags::ROLE_CLIENT | FdFlags::ROLE_SERVER)
}

/// The ends of a connection whose roles are known.
fn connection(fd: &Fd) -> Option<&Inet> {
    fd.inet().filter(|_| fd.kind.is_inet_connection() && has_role(fd))
}

fn client(fd: &Fd) -> Option<End> {
    connection(fd).map(|inet| inet.source)
}

/// The server's end of a connection, or the address that a server listens on.
fn server(fd: &Fd) -> Option<End> {
    match fd.kind {
        FdType::Ipv4Server | FdType::Ipv6Server => fd.inet().map(|inet| inet.dest),
        _ => connection(fd).map(|inet| inet.dest),
    }
}

/// Both ends, the local one first.
fn local_and_remote(context: &EventContext<'_>, fd: &Fd) -> Option<(End, End)> {
    let inet = connection(fd)?;
    Some(match is_local(context, inet.source.ip) {
        true => (inet.source, inet.dest),
        false => (inet.dest, inet.source),
    })
}

fn local(context: &EventContext<'_>, fd: &Fd) -> Option<End> {
    local_and_remote(context, fd).map(|(local, _)| local)
}

fn remote(context: &EventContext<'_>, fd: &Fd) -> Option<End> {
    local_and_remote(context, fd).map(|(_, remote)| remote)
}

/// Whether an address is one of the machine that the process sees.
fn is_local(context: &EventContext<'_>, ip: IpAddr) -> bool {
    context.thread.is_some_and(|thread| context.state.is_local_address(thread, ip))
}

fn ip_of<'e>(end: End) -> Value<'e> {
    Value::Ip(end.ip)
}

fn port_of<'e>(end: End) -> Value<'e> {
    Value::UInt(u64::from(end.port))
}

pub(super) fn cip<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    client(known(context)?).map(ip_of)
}

pub(super) fn sip<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let fd = known(context).filter(|fd| has_role(fd))?;
    server(fd).map(ip_of)
}

pub(super) fn lip<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    local(context, known(context)?).map(ip_of)
}

pub(super) fn rip<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    remote(context, known(context)?).map(ip_of)
}

pub(super) fn cport<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    client(known(context)?).map(port_of)
}

pub(super) fn sport<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    server(known(context)?).map(port_of)
}

pub(super) fn lport<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    local(context, known(context)?).map(port_of)
}

pub(super) fn rport<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    remote(context, known(context)?).map(port_of)
}

/// What a descriptor without an address has in place of its ends: it is there, but neither equal to an address nor
/// different from one.
const NO_END: &[Value<'static>] = &[Value::Bytes(b"")];

/// Both ends of a connection, whatever the roles; the one end of a server socket. For conditions only: there is no one
/// value to show. Every known descriptor has such a value, as in Falco.
fn ends<'e>(context: &EventContext<'e>, value: fn(End) -> Value<'e>) -> Got<'e> {
    let fd = known(context).filter(|_| !context.shown.get())?;
    let Some(inet) = fd.inet() else { return Some(Value::List(NO_END)) };
    let both = [value(inet.source), value(inet.dest)];
    let ends = if fd.kind.is_inet_connection() { &both[..] } else { &both[1..] };
    Some(Value::List(context.arena.alloc_slice_copy(ends)))
}

pub(super) fn ip<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    ends(context, ip_of)
}

pub(super) fn port<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    ends(context, port_of)
}

/// A port as text. Names of services are not looked up, as in Falco by default.
fn service<'e>(context: &EventContext<'e>, end: Option<End>) -> Got<'e> {
    let mut out = context.buffer();
    if let Some(end) = end {
        write!(out, "{}", end.port).ok()?;
    }
    Some(Value::Bytes(out.into_bump_slice()))
}

pub(super) fn cproto<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let fd = known(context).filter(|fd| has_role(fd))?;
    service(context, client(fd))
}

pub(super) fn sproto<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let fd = known(context)?;
    let end = server(fd)?;
    service(context, fd.kind.is_inet_connection().then_some(end))
}

pub(super) fn lproto<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    service(context, Some(local(context, known(context)?)?))
}

pub(super) fn rproto<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    service(context, Some(remote(context, known(context)?)?))
}

pub(super) fn host_name<'e>(_: &EventContext<'e>, _: &Field) -> Got<'e> {
    None
}

pub(super) fn l4proto<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(known(context)?.proto().name().as_bytes()))
}

pub(super) fn sockfamily<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    match known(context)?.kind {
        kind if kind.is_inet() => Some(Value::Bytes(b"ip")),
        FdType::UnixSocket => Some(Value::Bytes(b"unix")),
        _ => None,
    }
}

pub(super) fn is_server<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let fd = known(context)?;
    Some(Value::Bool(match fd.kind {
        FdType::Ipv4Server | FdType::Ipv6Server => true,
        FdType::Ipv4Socket | FdType::Ipv6Socket => {
            fd.inet().is_some_and(|inet| is_local(context, inet.dest.ip))
        }
        _ => false,
    }))
}

pub(super) fn uid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    if !is_about_fd(context) {
        return None;
    }
    let mut out = context.buffer();
    write!(out, "{}{}", context.thread?.tid, context.subject.fd_num).ok()?;
    Some(Value::Bytes(out.into_bump_slice()))
}

pub(super) fn connected<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(known(context)?.flags.contains(FdFlags::CONNECTED)))
}

pub(super) fn name_changed<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    known(context)?;
    Some(Value::Bool(context.subject.fd_name_changed))
}

pub(super) fn dev<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Int(i64::from(known(context)?.dev as i32)))
}

pub(super) fn dev_major<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Int(i64::from(known(context)?.dev_major())))
}

pub(super) fn dev_minor<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Int(i64::from(known(context)?.dev_minor())))
}

pub(super) fn ino<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Int(known(context)?.ino as i64))
}

pub(super) fn is_upper_layer<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(known(context)?.flags.contains(FdFlags::OVERLAY_UPPER)))
}

pub(super) fn is_lower_layer<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(known(context)?.flags.contains(FdFlags::OVERLAY_LOWER)))
}

pub(super) fn types<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    if !is_about_fd(context) {
        return None;
    }
    let thread = context.thread?;
    let name = |fd: &Fd| Value::Bytes(fd.kind.name().as_bytes());
    let mut types = BumpVec::new_in(context.arena);
    match field.arg {
        Arg::Index(number) => types.push(name(context.state.fd(thread, i64::from(number))?)),
        _ => {
            for (_, fd) in context.state.fds_in_table_order(thread) {
                if !types.contains(&name(fd)) {
                    types.push(name(fd));
                }
            }
        }
    }
    Some(Value::List(types.into_bump_slice()))
}

/// One text per descriptor of a poll, joined by commas; descriptors without one are left out. Null if nothing is left.
fn list<'e>(
    context: &EventContext<'e>,
    mut text: impl FnMut(&mut BumpVec<'e, u8>, i64, Option<&'e Fd>) -> Option<()>,
) -> Got<'e> {
    let event = context.event;
    let index = params::index(params::longest(b"fds")?.0, event.id)?;
    let thread = context.thread?;
    let mut out = context.buffer();
    for (number, _) in print::polled(event.param(index)?) {
        let before = out.len();
        if before > 0 {
            out.push(b',');
        }
        if text(&mut out, number, context.state.fd(thread, number)).is_none() {
            out.truncate(before);
        }
    }
    (!out.is_empty()).then(|| Value::Bytes(out.into_bump_slice()))
}

pub(super) fn list_nums<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    list(context, |out, number, _| write!(out, "{number}").ok())
}

pub(super) fn list_names<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    list(context, |out, _, fd| {
        let name = fd.map(|fd| &*fd.name).filter(|name| !name.is_empty());
        out.extend_from_slice_copy(name.unwrap_or(b"<NA>"));
        Some(())
    })
}

/// The client's end of a connection in a poll, whatever the roles.
fn polled_client(fd: Option<&Fd>) -> Option<End> {
    fd.filter(|fd| fd.kind.is_inet_connection())?.inet().map(|inet| inet.source)
}

fn polled_server(fd: Option<&Fd>) -> Option<End> {
    fd?.inet().map(|inet| inet.dest)
}

pub(super) fn list_cips<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    list(context, |out, _, fd| write!(out, "{}", polled_client(fd)?.ip).ok())
}

pub(super) fn list_sips<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    list(context, |out, _, fd| write!(out, "{}", polled_server(fd)?.ip).ok())
}

pub(super) fn list_cports<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    list(context, |out, _, fd| write!(out, "{}", polled_client(fd)?.port).ok())
}

pub(super) fn list_sports<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    list(context, |out, _, fd| {
        let fd = fd.filter(|fd| fd.kind.is_inet_connection());
        write!(out, "{}", polled_server(fd)?.port).ok()
    })
}
