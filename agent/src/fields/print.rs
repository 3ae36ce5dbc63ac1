//! Parameters as text: the value (`-2`, `4097`) and, where there is more to say, what it means (`ENOENT`,
//! `O_RDONLY|O_CLOEXEC`). `evt.arg` shows the meaning if there is one, else the value; `evt.args` shows both.

use std::io::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use bumpalo::collections::Vec as BumpVec;

use super::{EventContext, names, time};
use crate::event::{Detail, Event, FlagTable, Format, ParamInfo, ParamType, syscall};
use crate::state::{FdType, L4Proto};

type Out<'e> = BumpVec<'e, u8>;

/// `AT_FDCWD` in events (`PPM_AT_FDCWD`).
pub(super) const AT_FDCWD: i64 = -100;

const AF_UNSPEC: u8 = 0;
const AF_UNIX: u8 = 1;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// A string parameter up to its NUL. One that the kernel had none for is `<NA>`.
pub(super) fn string<'e>(event: &'e Event<'e>, index: usize) -> &'e [u8] {
    match event.param(index) {
        None | Some(b"" | b"(NULL)\0") => b"<NA>",
        Some(_) => event.param_str(index).unwrap_or_default(),
    }
}

/// A parameter with the type that it has in this event.
#[derive(Clone, Copy)]
struct Param<'e> {
    bytes: &'e [u8],
    ty: ParamType,
    format: Format,
    detail: Detail,
}

impl<'e> Param<'e> {
    /// Parameter `index`, if the event has it. One whose first byte says what it is becomes what that says.
    fn new(event: &'e Event<'e>, index: usize) -> Option<Self> {
        let ParamInfo { ty, format, detail, .. } = *event.info().params.get(index)?;
        let bytes = event.param(index)?;
        let mut param = Param { bytes, ty, format, detail };
        if let Detail::Variants(variants) = detail
            && let Some((&variant, rest)) = bytes.split_first()
            && let Some(&(ty, _)) = variants.get(usize::from(variant))
        {
            param = Param { bytes: rest, ty, detail: Detail::None, ..param };
        }
        Some(param)
    }

    fn signed(&self) -> i64 {
        match *self.bytes {
            [byte] => i64::from(byte as i8),
            [a, b] => i64::from(i16::from_le_bytes([a, b])),
            [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
            _ => u64_at(self.bytes, 0).unwrap_or(0) as i64,
        }
    }

    fn unsigned(&self) -> u64 {
        match *self.bytes {
            [byte] => u64::from(byte),
            [a, b] => u64::from(u16::from_le_bytes([a, b])),
            [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
            _ => u64_at(self.bytes, 0).unwrap_or(0),
        }
    }

    fn text(&self) -> &'e [u8] {
        match self.bytes {
            b"" | b"(NULL)\0" => b"<NA>",
            bytes => memchr::memchr(0, bytes).map_or(bytes, |end| &bytes[..end]),
        }
    }

    fn flags(&self) -> FlagTable {
        match self.detail {
            Detail::Names(table) => table,
            _ => &[],
        }
    }
}

/// What `evt.arg` shows of parameter `index`, which the event must have.
pub(super) fn short<'e>(context: &EventContext<'e>, index: usize) -> &'e [u8] {
    let Some(param) = Param::new(context.event, index) else { return b"" };
    match param.ty {
        ParamType::CharBuf => return param.text(),
        // An absolute path means itself.
        ParamType::FsPath | ParamType::FsRelPath => {
            let path = param.text();
            if path.first() == Some(&b'/') && is_clean(path) {
                return path;
            }
        }
        _ => {}
    }
    let mut out = context.buffer();
    meaning(context, param, &mut out);
    if out.is_empty() {
        value(context, param, &mut out);
    }
    out.into_bump_slice()
}

/// What `evt.args` shows of parameter `index`: the value, and in parentheses what it means.
pub(super) fn full<'e>(context: &EventContext<'e>, index: usize, out: &mut Out<'e>) {
    let Some(param) = Param::new(context.event, index) else { return };
    value(context, param, out);
    let before = out.len();
    out.push(b'(');
    meaning(context, param, out);
    if out.len() > before + 1 {
        out.push(b')');
    } else {
        out.truncate(before);
    }
}

/// A payload, printable: other bytes become dots, or all of it base64.
pub(super) fn payload(bytes: &[u8], base64: bool, out: &mut Out<'_>) {
    if base64 {
        out.extend_from_slice_copy(BASE64_STANDARD.encode(bytes).as_bytes());
        return;
    }
    out.extend(bytes.iter().map(|&byte| if is_printable(byte) { byte } else { b'.' }));
}

fn is_printable(byte: u8) -> bool {
    byte.wrapping_sub(b' ') < 0x5f
}

/// Whether text is printable ASCII only.
fn is_clean(text: &[u8]) -> bool {
    // No early end: so the compiler looks at many bytes at once.
    text.iter().fold(true, |clean, &byte| clean & is_printable(byte))
}

/// Appends text without its unprintable bytes, those of other scripts among them, as Falco does.
fn push_clean(text: &[u8], out: &mut Out<'_>) {
    if is_clean(text) {
        out.extend_from_slice_copy(text);
    } else {
        out.extend(text.iter().copied().filter(|&byte| is_printable(byte)));
    }
}

/// Writing to a byte vector does not fail.
macro_rules! put {
    ($out:expr, $($format:tt)*) => {
        let _ = write!($out, $($format)*);
    };
}

/// A number in the format that the event table wants.
fn number(value: i64, bits: u32, format: Format, out: &mut Out<'_>) {
    let unsigned = value as u64 & (u64::MAX >> (64 - bits));
    match format {
        Format::Hex => {
            put!(out, "{unsigned:X}");
        }
        Format::Oct if unsigned == 0 => out.push(b'0'),
        Format::Oct => {
            put!(out, "0{unsigned:o}");
        }
        Format::Padded => {
            put!(out, "{value:09}");
        }
        Format::Dec | Format::Id | Format::Na | Format::Dir => {
            put!(out, "{value}");
        }
    }
}

/// What stands for a parameter that was recorded empty.
fn empty(ty: ParamType) -> &'static [u8] {
    match ty {
        ParamType::ByteBuf
        | ParamType::CharBufArray
        | ParamType::CharBufPairArray
        | ParamType::FdList
        | ParamType::SockTuple => b"NULL",
        _ => b"<NA>",
    }
}

/// The value alone.
fn value<'e>(context: &EventContext<'e>, param: Param<'e>, out: &mut Out<'e>) {
    let Param { bytes, format, .. } = param;
    if bytes.is_empty() {
        return out.extend_from_slice_copy(empty(param.ty));
    }
    let (signed, unsigned) = (param.signed(), param.unsigned());
    match param.ty {
        ParamType::CharBuf => out.extend_from_slice_copy(param.text()),
        ParamType::FsPath | ParamType::FsRelPath => push_clean(param.text(), out),
        ParamType::ByteBuf => payload(bytes, context.shown.get() && context.run.buffer_base64, out),
        ParamType::CharBufArray | ParamType::CharBufPairArray => strings(bytes, out),
        ParamType::Int16 => number(signed, 16, format, out),
        ParamType::Int32 => number(signed, 32, format, out),
        // Falco prints the widest unsigned numbers as signed ones.
        ParamType::Int64 | ParamType::UInt64 => number(signed, 64, format, out),
        ParamType::UInt32 | ParamType::Mode => number(signed, 32, format, out),
        ParamType::UInt8 => number(unsigned as i64, 8, format, out),
        ParamType::UInt16 | ParamType::Port => number(unsigned as i64, 16, format, out),
        ParamType::Errno | ParamType::Fd | ParamType::Fd32 | ParamType::Pid | ParamType::Pid32 => {
            put!(out, "{signed}");
        }
        ParamType::EnumFlags8
        | ParamType::EnumFlags16
        | ParamType::EnumFlags32
        | ParamType::Flags8
        | ParamType::Flags16
        | ParamType::Flags32
        | ParamType::SigType
        | ParamType::SyscallId => {
            put!(out, "{unsigned}");
        }
        ParamType::Uid | ParamType::Gid => {
            put!(out, "{}", signed as i32);
        }
        ParamType::RelTime if unsigned == u64::MAX => out.extend_from_slice_copy(b"none"),
        ParamType::RelTime => {
            put!(out, "{unsigned}");
        }
        ParamType::AbsTime => {
            let _ = time::write_local(unsigned, true, true, out);
        }
        ParamType::SockAddr => sockaddr(bytes, out),
        ParamType::SockTuple => tuple(bytes, out),
        ParamType::FdList => fd_list(context, bytes, out),
        ParamType::SigSet => {
            let set = (0..32).filter(|bit| unsigned >> bit & 1 == 1).filter_map(|bit| names::signal(bit + 1));
            join(set, b' ', out);
        }
        ParamType::Ipv4Addr | ParamType::Ipv6Addr => address(bytes, out),
        ParamType::Dyn => out.extend_from_slice_copy(b"INVALID DYNAMIC PARAMETER"),
    }
}

/// What the value means, if there is anything to say.
fn meaning<'e>(context: &EventContext<'e>, param: Param<'e>, out: &mut Out<'e>) {
    if param.bytes.is_empty() {
        return;
    }
    let (signed, unsigned) = (param.signed(), param.unsigned());
    match param.ty {
        ParamType::Fd | ParamType::Fd32 => fd(context, signed, out),
        ParamType::Pid | ParamType::Pid32 => {
            out.extend_from_slice_copy(context.state.thread(signed).map_or(&[], |thread| &thread.comm));
        }
        ParamType::Errno if signed < 0 => {
            out.extend_from_slice_copy(names::error(signed).unwrap_or_default().as_bytes());
        }
        ParamType::FsPath | ParamType::FsRelPath => {
            let path = param.text();
            if path != b"<NA>"
                && path.first().is_some_and(|&first| first != b'/')
                && let Some(base) = base_dir(context, param.detail)
            {
                push_clean(context.join(base, path), out);
            }
        }
        ParamType::SyscallId => {
            let call = usize::try_from(unsigned).ok().and_then(|code| syscall::SYSCALLS.get(code));
            let name = call.map_or("<unknown syscall>", |call| call.name);
            out.extend_from_slice_copy(name.as_bytes());
        }
        ParamType::SigType => {
            out.extend_from_slice_copy(names::signal(unsigned).unwrap_or_default().as_bytes())
        }
        ParamType::RelTime if unsigned != u64::MAX => {
            general(unsigned as f64 / 1e9, out);
            out.push(b's');
        }
        ParamType::Uid | ParamType::Gid => owner(context, param.ty, unsigned as u32, out),
        ParamType::EnumFlags8 | ParamType::EnumFlags16 | ParamType::EnumFlags32 => {
            let named = param.flags().iter().filter(|(_, flag)| *flag == unsigned as u32);
            join(named.map(|(name, _)| *name), b'|', out);
        }
        ParamType::Flags8 | ParamType::Flags16 | ParamType::Flags32 => {
            named_flags(param.flags(), unsigned as u32, out);
        }
        ParamType::Mode => named_flags(param.flags(), unsigned as u32, out),
        _ => {}
    }
}

/// The names of the flags that are set, in the order of the table; each bit is named once. A flag of value 0 is
/// named when nothing is set.
fn named_flags(table: &[(&str, u32)], initial: u32, out: &mut Out<'_>) {
    let mut left = initial;
    let mut separator = false;
    for (name, flag) in table {
        let set = if *flag == 0 { initial == 0 } else { left != 0 && left & flag == *flag };
        if set {
            left &= !flag;
            if separator {
                out.push(b'|');
            }
            separator = true;
            out.extend_from_slice_copy(name.as_bytes());
            if *flag == initial {
                return;
            }
        }
    }
}

/// A descriptor: `<4t>127.0.0.1:80->…`, `AT_FDCWD`, or the error that stands in its place.
fn fd<'e>(context: &EventContext<'e>, number: i64, out: &mut Out<'e>) {
    let Some(thread) = context.thread else { return };
    if number == AT_FDCWD {
        out.extend_from_slice_copy(b"AT_FDCWD");
    } else if number < 0 {
        out.extend_from_slice_copy(names::error(number).unwrap_or_default().as_bytes());
    } else if let Some(fd) = context.state.fd(thread, number) {
        let proto: &[u8] = match fd.proto() {
            _ if !fd.kind.is_inet() => b"",
            L4Proto::Tcp => b"t",
            L4Proto::Udp => b"u",
            L4Proto::Icmp => b"i",
            L4Proto::Raw => b"r",
            L4Proto::Unknown | L4Proto::NotApplicable => b"",
        };
        out.push(b'<');
        out.push(fd.kind.char() as u8);
        out.extend_from_slice_copy(proto);
        out.push(b'>');
        push_clean(&fd.name, out);
    }
}

/// The directory that a relative path starts in, with a slash at its end: that of the descriptor which the call names
/// with the path, else the working directory. `None` if it is not known.
pub(super) fn base_dir<'e>(context: &EventContext<'e>, detail: Detail) -> Option<&'e [u8]> {
    let thread = context.thread?;
    let dirfd = match detail {
        Detail::RelativeTo(dirfd) => context.event.param_i64(dirfd).unwrap_or(AT_FDCWD),
        _ => AT_FDCWD,
    };
    if dirfd == AT_FDCWD {
        return context.state.cwd(thread);
    }
    let dir = context.state.fd(thread, dirfd)?;
    let mut base = context.buffer();
    push_clean(&dir.name, &mut base);
    if base.last() != Some(&b'/') {
        base.push(b'/');
    }
    Some(base.into_bump_slice())
}

/// The name of a user or group that an event tells.
fn owner<'e>(context: &EventContext<'e>, ty: ParamType, number: u32, out: &mut Out<'e>) {
    if number == u32::MAX {
        return out.extend_from_slice_copy(b"<NONE>");
    }
    let (users, container) = (context.state.users(), context.container_id());
    let name = context.thread.and_then(|_| match ty {
        ParamType::Uid => users.user(container, number).map(|user| &user.name),
        _ => users.group(container, number).map(|group| &group.name),
    });
    match name {
        Some(name) => push_clean(name, out),
        None => out.extend_from_slice_copy(b"<NA>"),
    }
}

/// Strings that each end in a NUL, with dots between them.
fn strings(bytes: &[u8], out: &mut Out<'_>) {
    let body = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    out.extend(body.iter().map(|&byte| if byte == 0 { b'.' } else { byte }));
}

fn join<'n>(names: impl Iterator<Item = &'n str>, separator: u8, out: &mut Out<'_>) {
    for (position, name) in names.enumerate() {
        if position > 0 {
            out.push(separator);
        }
        out.extend_from_slice_copy(name.as_bytes());
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// An IPv4 address of four bytes or an IPv6 address of sixteen.
fn address(bytes: &[u8], out: &mut Out<'_>) {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        put!(out, "{}", Ipv4Addr::from(bytes));
    } else if let Ok(bytes) = <[u8; 16]>::try_from(bytes) {
        put!(out, "{}", Ipv6Addr::from(bytes));
    }
}

/// Family, address, port.
fn sockaddr(bytes: &[u8], out: &mut Out<'_>) {
    let (family, rest) = bytes.split_first().map_or((0, bytes), |(family, rest)| (*family, rest));
    match (family, rest.len()) {
        (AF_UNSPEC, _) => out.extend_from_slice_copy(b"<NA>"),
        (AF_UNIX, _) => push_clean(rest.split(|&byte| byte == 0).next().unwrap_or_default(), out),
        (AF_INET, 6) | (AF_INET6, 18) => {
            let (ip, port) = rest.split_at(rest.len() - 2);
            address(ip, out);
            put!(out, ":{}", u16_at(port, 0).unwrap_or(0));
        }
        (AF_INET, _) => out.extend_from_slice_copy(b"INVALID IPv4"),
        (AF_INET6, _) => out.extend_from_slice_copy(b"INVALID IPv6"),
        _ => {
            put!(out, "family {family}");
        }
    }
}

/// Family, source address and port, destination address and port; or both kernel addresses and path of a Unix socket.
fn tuple(bytes: &[u8], out: &mut Out<'_>) {
    let (family, rest) = bytes.split_first().map_or((0, bytes), |(family, rest)| (*family, rest));
    match (family, rest.len()) {
        (AF_INET, 12) | (AF_INET6, 36) => {
            let (source, dest) = rest.split_at(rest.len() / 2);
            let (source_ip, source_port) = source.split_at(source.len() - 2);
            let (dest_ip, dest_port) = dest.split_at(dest.len() - 2);
            let mapped = [source_ip, dest_ip].map(mapped_v4);
            let [source_ip, dest_ip] = match mapped {
                [Some(source), Some(dest)] => [source, dest],
                _ => [source_ip, dest_ip],
            };
            address(source_ip, out);
            put!(out, ":{}->", u16_at(source_port, 0).unwrap_or(0));
            address(dest_ip, out);
            put!(out, ":{}", u16_at(dest_port, 0).unwrap_or(0));
        }
        (AF_INET, _) => out.extend_from_slice_copy(b"INVALID IPv4"),
        (AF_INET6, _) => out.extend_from_slice_copy(b"INVALID IPv6"),
        (AF_UNIX, _) => {
            let end = |at| u64_at(rest, at).unwrap_or(0);
            put!(out, "{:x}->{:x} ", end(0), end(8));
            let path = rest.get(16..).unwrap_or_default();
            push_clean(path.split(|&byte| byte == 0).next().unwrap_or_default(), out);
        }
        _ => {
            put!(out, "family {family}");
        }
    }
}

/// The IPv4 address in an IPv4-mapped IPv6 one.
fn mapped_v4(ip: &[u8]) -> Option<&[u8]> {
    ip.strip_prefix(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
}

/// The descriptors of a poll with what was waited for: (number, flags) each.
pub(super) fn polled(bytes: &[u8]) -> impl Iterator<Item = (i64, i16)> {
    let count = usize::from(u16_at(bytes, 0).unwrap_or(0));
    (0..count).map_while(move |position| {
        let at = 2 + position * 10;
        Some((u64_at(bytes, at)? as i64, u16_at(bytes, at + 8)? as i16))
    })
}

/// `3:40 1:f0`: number, colon, type, flags in hexadecimal.
fn fd_list<'e>(context: &EventContext<'e>, bytes: &[u8], out: &mut Out<'e>) {
    let Some(thread) = context.thread else { return };
    for (position, (number, flags)) in polled(bytes).enumerate() {
        if position > 0 {
            out.push(b' ');
        }
        let kind = context.state.fd(thread, number).map_or('?', |fd| FdType::char(fd.kind));
        put!(out, "{}:{kind}{:x}", number as u64, i32::from(flags));
    }
}

/// A number as printf's `%g` has it: six significant digits, no zeros at the end.
fn general(number: f64, out: &mut Out<'_>) {
    let scientific = format!("{number:.5e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |digits: &str| match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => digits.to_owned(),
    };
    if (-4..6).contains(&exponent) {
        let decimals = usize::try_from(5 - exponent).unwrap_or(0);
        put!(out, "{}", trim(&format!("{number:.decimals$}")));
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        put!(out, "{}e{sign}{:02}", trim(mantissa), exponent.abs());
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;

    fn text(print: impl FnOnce(&mut Out<'_>)) -> String {
        let arena = Bump::new();
        let mut out = Out::new_in(&arena);
        print(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn flags_are_named_once_each() {
        let open = [("O_NONE", 0), ("O_RDWR", 3), ("O_RDONLY", 1), ("O_WRONLY", 2), ("O_CLOEXEC", 4096)];
        let named = |value| text(|out| named_flags(&open, value, out));
        assert_eq!(
            [named(0), named(3), named(1), named(4098), named(64)],
            ["O_NONE", "O_RDWR", "O_RDONLY", "O_WRONLY|O_CLOEXEC", ""]
        );
    }

    #[test]
    fn times_are_short() {
        let shown = |seconds| text(|out| general(seconds, out));
        assert_eq!(
            [shown(0.99991998), shown(0.0), shown(5.0), shown(0.00001), shown(1234567.0), shown(100000.0)],
            ["0.99992", "0", "5", "1e-05", "1.23457e+06", "100000"]
        );
    }

    #[test]
    fn sockets_show_their_ends() {
        let v4 = [2, 127, 0, 0, 1, 0x90, 0x1f, 10, 0, 0, 2, 80, 0];
        let mut mapped = vec![10];
        for ip in [[127, 0, 0, 1], [10, 0, 0, 2]] {
            mapped.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
            mapped.extend(ip);
            mapped.extend([80, 0]);
        }
        let unix = [&[1][..], &[0xab, 0, 0, 0, 0, 0, 0, 0], &[0; 8], b"/run/x\0"].concat();
        let shown = [&v4[..], &mapped, &unix, &[2, 1], &[16]].map(|bytes| text(|out| tuple(bytes, out)));
        assert_eq!(
            shown,
            [
                "127.0.0.1:8080->10.0.0.2:80",
                "127.0.0.1:80->10.0.0.2:80",
                "ab->0 /run/x",
                "INVALID IPv4",
                "family 16"
            ]
        );
        assert_eq!(text(|out| sockaddr(&[2, 1, 2, 3, 4, 5, 0], out)), "1.2.3.4:5");
    }

    #[test]
    fn payloads_are_printable() {
        assert_eq!(text(|out| payload(b"a\0b\n\xff ", false, out)), "a.b.. ");
        assert_eq!(
            ["", "a", "ab", "abc"].map(|bytes| text(|out| payload(bytes.as_bytes(), true, out))),
            ["", "YQ==", "YWI=", "YWJj"]
        );
    }
}
