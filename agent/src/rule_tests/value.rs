//! Values as people write them, to the bytes that a driver records for them.

use std::net::{IpAddr, Ipv4Addr};

use crate::event::{Detail, Format, ParamInfo, ParamType, syscall};
use crate::fields::names::{error_number, signal_number};
use crate::rules::source::Place;
use crate::spell::hint;

/// A value with the place where it was written.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub place: Place,
    pub value: Raw,
}

/// What was written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Raw {
    /// Nothing: the driver could not read it.
    Null,
    Text(String),
    List(Vec<String>),
}

/// `AT_FDCWD`: a path starts in the working directory.
pub(super) const AT_FDCWD: i64 = -100;

/// A whole number: decimal, `0x` hexadecimal, or octal after a `0`.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let number = if let Some(digits) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        unsigned(digits, 16)?
    } else if let Some(digits) = digits.strip_prefix("0o") {
        unsigned(digits, 8)?
    } else if digits.len() > 1 && digits.starts_with('0') {
        unsigned(&digits[1..], 8)?
    } else {
        unsigned(digits, 10)?
    };
    Some(if negative { -number } else { number })
}

/// As `from_str_radix`, without a sign.
fn unsigned(digits: &str, radix: u32) -> Option<i128> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    i128::from(u64::from_str_radix(digits, radix).ok().filter(|_| plain)?).into()
}

/// The bytes of a parameter. The error says what would be right.
pub(super) fn encode(param: &ParamInfo, raw: &Raw) -> Result<Vec<u8>, String> {
    let text = match raw {
        Raw::Null => return Ok(Vec::new()),
        Raw::List(items) => return list(param, items),
        Raw::Text(text) => text.as_str(),
    };
    match param.ty {
        ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath => Ok(terminated(text)),
        ParamType::ByteBuf => Ok(hexadecimal(text).unwrap_or_else(|| text.as_bytes().to_vec())),
        ParamType::CharBufArray | ParamType::CharBufPairArray => Ok(terminated(text)),
        ParamType::SockAddr => address(text),
        ParamType::SockTuple => tuple(text),
        ParamType::Dyn => variant(param, text),
        ParamType::FdList => Err(format!("'{}' is a list of descriptors, e.g. [3, 4]", param.name)),
        ParamType::Ipv4Addr | ParamType::Ipv6Addr => match text.parse() {
            Ok(IpAddr::V4(ip)) if param.ty == ParamType::Ipv4Addr => Ok(ip.octets().to_vec()),
            Ok(IpAddr::V6(ip)) if param.ty == ParamType::Ipv6Addr => Ok(ip.octets().to_vec()),
            _ => Err(format!("'{text}' is no address for '{}'", param.name)),
        },
        _ => number(param, text),
    }
}

/// The bytes that a text like `0xcafebabe` stands for.
fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.is_ascii() && digits.len() % 2 == 0)?;
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()).collect()
}

/// Text with its NUL.
pub(super) fn terminated(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// Texts, each with its NUL.
pub(super) fn strings<'t>(items: impl IntoIterator<Item = &'t String>) -> Vec<u8> {
    items.into_iter().flat_map(|item| terminated(item)).collect()
}

fn list(param: &ParamInfo, items: &[String]) -> Result<Vec<u8>, String> {
    match param.ty {
        ParamType::ByteBuf | ParamType::CharBufArray | ParamType::CharBufPairArray => Ok(strings(items)),
        ParamType::FdList => {
            let count = u16::try_from(items.len()).map_err(|_| "too many descriptors".to_owned())?;
            let mut bytes = count.to_le_bytes().to_vec();
            for item in items {
                let fd = integer(item).and_then(|fd| i64::try_from(fd).ok());
                let fd = fd.ok_or_else(|| format!("'{item}' is no descriptor"))?;
                bytes.extend_from_slice(&fd.to_le_bytes());
                // POLLIN
                bytes.extend_from_slice(&1i16.to_le_bytes());
            }
            Ok(bytes)
        }
        _ if names(param).is_some() => number(param, &items.join("|")),
        _ => Err(format!("'{}' takes one value, not a list", param.name)),
    }
}

/// The names of the bits or values of a parameter.
fn names(param: &ParamInfo) -> Option<&'static [(&'static str, u32)]> {
    match param.detail {
        Detail::Names(table) => Some(table),
        _ => None,
    }
}

/// A number, or what stands for one, in as many bytes as the type has.
fn number(param: &ParamInfo, text: &str) -> Result<Vec<u8>, String> {
    let number = meaning(param, text)?;
    let width = param.ty.width().unwrap_or(8);
    let (least, most) = (-(1i128 << (8 * width - 1)), (1i128 << (8 * width)) - 1);
    if !(least..=most).contains(&number) {
        return Err(format!("{text} does not fit into the {width} bytes of '{}'", param.name));
    }
    Ok(number.to_le_bytes()[..width].to_vec())
}

/// The number that a text stands for.
fn meaning(param: &ParamInfo, text: &str) -> Result<i128, String> {
    if let Some(number) = integer(text) {
        return Ok(number);
    }
    if let Some(table) = names(param) {
        let mut bits = 0;
        for name in text.split(['|', ' ']).filter(|name| !name.is_empty()) {
            let found = table.iter().find(|(known, _)| *known == name).map(|&(_, value)| i128::from(value));
            let found = found.or_else(|| integer(name)).ok_or_else(|| {
                let hint = hint(name, table.iter().map(|(known, _)| *known));
                format!("'{name}' is no value of '{}'{hint}; `saker events` lists them", param.name)
            })?;
            bits |= found;
        }
        return Ok(bits);
    }
    let found = match param.ty {
        ParamType::Fd | ParamType::Fd32 if text == "AT_FDCWD" => Some(AT_FDCWD.into()),
        ParamType::Errno | ParamType::Fd | ParamType::Pid => {
            error_number(text.trim_start_matches('-')).map(Into::into)
        }
        ParamType::SigType => signal_number(text).map(Into::into),
        ParamType::SyscallId => {
            syscall::SYSCALLS.iter().find(|call| call.name == text).map(|call| call.code.into())
        }
        _ => None,
    };
    found.ok_or_else(|| {
        let what = match param.ty {
            ParamType::Errno => "number, or an error as ENOENT",
            ParamType::Fd | ParamType::Fd32 => "descriptor, AT_FDCWD, or an error as ENOENT",
            ParamType::SigType => "signal as SIGKILL",
            ParamType::SyscallId => "system call",
            _ if param.format == Format::Oct => "number as 0644",
            _ => "number",
        };
        format!("'{text}' is no {what} for '{}'", param.name)
    })
}

/// A parameter whose first byte says what it is.
fn variant(param: &ParamInfo, text: &str) -> Result<Vec<u8>, String> {
    let Detail::Variants(variants) = param.detail else {
        return Err(format!("'{}' cannot be given", param.name));
    };
    let number = integer(text);
    let fits = |ty: ParamType| match number {
        Some(_) => ty.width().is_some(),
        None => matches!(ty, ParamType::CharBuf | ParamType::ByteBuf),
    };
    // Of numbers, the plain ones before those that mean an error or a signal.
    let plain = |ty: ParamType| !matches!(ty, ParamType::Errno | ParamType::SigType | ParamType::Fd);
    let all = || variants.iter().enumerate().filter(|(_, (ty, _))| fits(*ty));
    let chosen = all().find(|(_, (ty, _))| plain(*ty)).or_else(|| all().next());
    let (index, (ty, _)) = chosen.ok_or_else(|| format!("'{text}' is no value of '{}'", param.name))?;
    let mut bytes = vec![index as u8];
    match (number, ty.width()) {
        (Some(number), Some(width)) => bytes.extend_from_slice(&number.to_le_bytes()[..width]),
        _ if *ty == ParamType::CharBuf => bytes.append(&mut terminated(text)),
        _ => bytes.extend_from_slice(text.as_bytes()),
    }
    Ok(bytes)
}

/// An end of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum End {
    Inet(IpAddr, u16),
    Unix(String),
}

/// Reads `address:port`, `[address]:port` or `unix:PATH`.
pub(super) fn end(text: &str) -> Result<End, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(End::Unix(path.to_owned()));
    }
    let wrong = || format!("'{text}' is no `address:port` (IPv6: `[address]:port`) and no `unix:PATH`");
    let (ip, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let ip = ip.strip_prefix('[').and_then(|ip| ip.strip_suffix(']')).unwrap_or(ip);
    Ok(End::Inet(ip.parse().map_err(|_| wrong())?, port.parse().map_err(|_| wrong())?))
}

/// Families, as `PPM_AF_*`.
const UNIX: u8 = 1;
const INET: u8 = 2;
const INET6: u8 = 10;

/// One end as a `SockAddr` parameter.
pub(super) fn address_of(end: &End) -> Vec<u8> {
    match end {
        End::Unix(path) => [&[UNIX][..], &terminated(path)].concat(),
        End::Inet(ip, port) => [&[family(*ip)][..], &octets(*ip), &port.to_le_bytes()].concat(),
    }
}

/// Both ends as a `SockTuple` parameter. Of a unix socket the path is that of the second.
pub(super) fn tuple_of(from: &End, to: &End) -> Result<Vec<u8>, String> {
    match (from, to) {
        (_, End::Unix(path)) => {
            // The kernel's addresses of the two sockets: any two will do.
            let (source, peer) = (0xffff_8880_0000_1000_u64, 0xffff_8880_0000_2000_u64);
            Ok([&[UNIX][..], &source.to_le_bytes(), &peer.to_le_bytes(), &terminated(path)].concat())
        }
        (End::Inet(source, source_port), End::Inet(dest, dest_port))
            if source.is_ipv4() == dest.is_ipv4() =>
        {
            let mut bytes = vec![family(*source)];
            for (ip, port) in [(source, source_port), (dest, dest_port)] {
                bytes.extend_from_slice(&octets(*ip));
                bytes.extend_from_slice(&port.to_le_bytes());
            }
            Ok(bytes)
        }
        _ => Err("the two ends are of different families".to_owned()),
    }
}

/// The other end when only one is given: of the same family.
pub(super) fn unspecified(like: &End) -> End {
    match like {
        End::Unix(_) => End::Unix(String::new()),
        End::Inet(IpAddr::V4(_), _) => End::Inet(Ipv4Addr::new(10, 0, 0, 2).into(), 50_000),
        End::Inet(IpAddr::V6(_), _) => {
            End::Inet("fd00::2".parse().unwrap_or(Ipv4Addr::UNSPECIFIED.into()), 50_000)
        }
    }
}

/// The family of the socket that an end belongs to.
pub(super) fn family_of(end: &End) -> u8 {
    match end {
        End::Unix(_) => UNIX,
        End::Inet(ip, _) => family(*ip),
    }
}

fn family(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { INET } else { INET6 }
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn address(text: &str) -> Result<Vec<u8>, String> {
    Ok(address_of(&end(text)?))
}

/// `from->to`, or one end that is the second.
fn tuple(text: &str) -> Result<Vec<u8>, String> {
    let (from, to) = match text.split_once("->") {
        Some((from, to)) => (Some(end(from.trim())?), end(to.trim())?),
        None => (None, end(text)?),
    };
    let from = from.unwrap_or_else(|| unspecified(&to));
    tuple_of(&from, &to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventId;
    use crate::event::id;

    fn param(event: EventId, name: &str) -> &'static ParamInfo {
        event.info().unwrap().params.iter().find(|param| param.name == name).unwrap()
    }

    fn text(text: &str) -> Raw {
        Raw::Text(text.to_owned())
    }

    #[test]
    fn numbers_are_read_in_three_bases() {
        let read = ["0", "-5", "0x1F", "0755", "0o17", "18446744073709551615"].map(integer);
        assert_eq!(read, [Some(0), Some(-5), Some(31), Some(493), Some(15), Some(u64::MAX.into())]);
        for wrong in ["", "-", "09", "1e3", "0x", "+1", "--1", "18446744073709551616"] {
            assert_eq!(integer(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_become_bits() {
        let flags = param(id::SYSCALL_OPENAT_2_X, "flags");
        assert_eq!(encode(flags, &text("O_WRONLY|O_CREAT")), Ok(vec![6, 0, 0, 0]));
        assert_eq!(
            encode(flags, &Raw::List(vec!["O_RDONLY".into(), "0x1000".into()])),
            Ok(vec![1, 16, 0, 0])
        );
        let wrong = encode(flags, &text("O_RDONLI")).unwrap_err();
        assert!(wrong.contains("did you mean 'O_RDONLY'"), "{wrong}");
        let mode = param(id::SYSCALL_CHMOD_X, "mode");
        assert_eq!(encode(mode, &text("04755")), Ok(vec![0xed, 9, 0, 0]));
        let result = param(id::SYSCALL_CHMOD_X, "res");
        assert_eq!(encode(result, &text("ENOENT")), Ok((-2i64).to_le_bytes().to_vec()));
        assert_eq!(encode(result, &Raw::Null), Ok(Vec::new()));
        let dir = param(id::SYSCALL_OPENAT_2_X, "dirfd");
        assert_eq!(encode(dir, &text("AT_FDCWD")), Ok((-100i64).to_le_bytes().to_vec()));
        assert!(
            encode(param(id::SYSCALL_OPENAT_2_X, "dev"), &text("0x100000000"))
                .unwrap_err()
                .contains("4 bytes")
        );
    }

    #[test]
    fn ends_become_addresses() {
        let tuple = param(id::SOCKET_CONNECT_X, "tuple");
        let bytes = encode(tuple, &text("10.0.0.2:5->1.2.3.4:80")).unwrap();
        assert_eq!(bytes, [2, 10, 0, 0, 2, 5, 0, 1, 2, 3, 4, 80, 0]);
        assert_eq!(encode(tuple, &text("unix:/run/x.sock")).unwrap().len(), 1 + 16 + 12);
        assert_eq!(encode(tuple, &text("[::1]:5->[::2]:80")).unwrap().len(), 1 + 2 * 18);
        assert!(encode(tuple, &text("[::1]:5->1.2.3.4:80")).is_err());
        assert!(encode(tuple, &text("1.2.3.4")).is_err());
        let addr = param(id::SOCKET_BIND_X, "addr");
        assert_eq!(encode(addr, &text("0.0.0.0:80")), Ok(vec![2, 0, 0, 0, 0, 80, 0]));
    }

    #[test]
    fn dynamic_parameters_say_what_they_are() {
        let data = param(id::SYSCALL_PTRACE_X, "addr");
        assert_eq!(encode(data, &text("0x10")), Ok(vec![0, 16, 0, 0, 0, 0, 0, 0, 0]));
        let key = param(id::SYSCALL_KEYCTL_X, "arg2");
        assert_eq!(encode(key, &text("user")), Ok(b"\x01user\0".to_vec()));
        assert_eq!(encode(key, &text("-1")).map(|bytes| bytes.len()), Ok(9));
    }
}
