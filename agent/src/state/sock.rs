//! Socket addresses as events carry them, and the names that descriptors get from them.
//!
//! Layouts (little-endian; addresses in network order): an address is the family byte, then IPv4 address and port, or IPv6
//! address and port, or a path. A tuple is the family byte, then address and port of the source and of the destination, or
//! the kernel addresses of both unix sockets and a path.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::fd::{End, Fd, FdFlags, FdType, Inet, L4Proto};

/// `PPM_AF_UNIX`.
pub(super) const AF_UNIX: u32 = 1;
/// `PPM_AF_INET`.
pub(super) const AF_INET: u32 = 2;
/// `PPM_AF_INET6`.
pub(super) const AF_INET6: u32 = 10;
/// `PPM_AF_NETLINK`.
pub(super) const AF_NETLINK: u32 = 16;

/// One end, as a `SockAddr` parameter says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Address<'e> {
    /// IPv4 or IPv6.
    Inet(End),
    /// A unix socket's path.
    Unix(&'e [u8]),
    /// Another family, by number.
    Other(u8),
}

/// Both ends, as a `SockTuple` parameter says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Tuple<'e> {
    /// IPv4 or IPv6, both ends alike.
    Inet { source: End, dest: End },
    /// Kernel addresses of the two sockets, and the path.
    Unix { source: u64, dest: u64, path: &'e [u8] },
    /// Another family, by number.
    Other(u8),
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

fn end_v4(bytes: &[u8], at: usize) -> Option<End> {
    let ip = IpAddr::V4(Ipv4Addr::from(array::<4>(bytes, at)?));
    Some(End { ip, port: u16::from_le_bytes(array(bytes, at + 4)?) })
}

fn end_v6(bytes: &[u8], at: usize) -> Option<End> {
    let ip = IpAddr::V6(Ipv6Addr::from(array::<16>(bytes, at)?));
    Some(End { ip, port: u16::from_le_bytes(array(bytes, at + 16)?) })
}

pub(super) fn until_nul(bytes: &[u8]) -> &[u8] {
    memchr::memchr(0, bytes).map_or(bytes, |end| &bytes[..end])
}

impl<'e> Address<'e> {
    /// Reads a parameter; `None` if it is empty or too short for its family.
    pub fn parse(bytes: &'e [u8]) -> Option<Self> {
        let family = *bytes.first()?;
        Some(match u32::from(family) {
            AF_INET => Address::Inet(end_v4(bytes, 1)?),
            AF_INET6 => Address::Inet(end_v6(bytes, 1)?),
            AF_UNIX => Address::Unix(until_nul(&bytes[1..])),
            _ => Address::Other(family),
        })
    }

    /// Its text: `address:port`, the path, or `family N`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Address::Inet(end) => write_end(out, *end),
            Address::Unix(path) => write_clean(out, path),
            Address::Other(family) => write_all(out, format_args!("family {family}")),
        }
    }
}

impl<'e> Tuple<'e> {
    /// Reads a parameter; `None` if it is empty or too short for its family.
    pub fn parse(bytes: &'e [u8]) -> Option<Self> {
        let family = *bytes.first()?;
        Some(match u32::from(family) {
            AF_INET => Tuple::Inet { source: end_v4(bytes, 1)?, dest: end_v4(bytes, 7)? },
            AF_INET6 => Tuple::Inet { source: end_v6(bytes, 1)?, dest: end_v6(bytes, 19)? },
            AF_UNIX => Tuple::Unix {
                source: u64::from_le_bytes(array(bytes, 1)?),
                dest: u64::from_le_bytes(array(bytes, 9)?),
                path: until_nul(bytes.get(17..)?),
            },
            _ => Tuple::Other(family),
        })
    }

    /// Its text: `address:port->address:port`, `source->dest path` with hexadecimal addresses, or `family N`.
    pub fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Tuple::Inet { source, dest } => {
                let (source, dest) = unmapped(source, dest).unwrap_or((source, dest));
                write_end(out, source);
                out.extend_from_slice(b"->");
                write_end(out, dest);
            }
            Tuple::Unix { source, dest, path } => write_unix(out, source, dest, path),
            Tuple::Other(family) => write_all(out, format_args!("family {family}")),
        }
    }
}

/// `source->dest path`, the name of a connected unix socket.
pub(super) fn write_unix(out: &mut Vec<u8>, source: u64, dest: u64, path: &[u8]) {
    write_all(out, format_args!("{source:x}->{dest:x} "));
    write_clean(out, path);
}

fn write_all(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

fn write_clean(out: &mut Vec<u8>, path: &[u8]) {
    out.extend(path.iter().filter(|byte| (b' '..=b'~').contains(byte)));
}

fn write_end(out: &mut Vec<u8>, end: End) {
    write_ip(out, end.ip);
    out.push(b':');
    write_decimal(out, end.port);
}

fn write_decimal(out: &mut Vec<u8>, mut number: u16) {
    let mut digits = [0; 5];
    let mut first = digits.len();
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        first = at;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[first..]);
}

/// Of each number: its digits, a dot after them, and how many bytes that is.
const OCTETS: [[u8; 5]; 256] = {
    let mut octets = [[b'.'; 5]; 256];
    let mut number = 0;
    while number < 256 {
        let mut rest = number;
        let digits = 1 + (number >= 10) as usize + (number >= 100) as usize;
        let mut at = digits;
        while at > 0 {
            at -= 1;
            octets[number][at] = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        octets[number][4] = digits as u8 + 1;
        number += 1;
    }
    octets
};

fn write_v4(out: &mut Vec<u8>, ip: Ipv4Addr) {
    let mut text = [0; 16];
    let mut at = 0;
    for octet in ip.octets() {
        let [a, b, c, dot, len] = OCTETS[usize::from(octet)];
        if let Some(place) = text.get_mut(at..at + 4) {
            place.copy_from_slice(&[a, b, c, dot]);
        }
        at += usize::from(len);
    }
    out.extend_from_slice(text.get(..at - 1).unwrap_or_default());
}

/// An address as inet_ntop writes it. Rust differs where only the last four bytes of an IPv6 address are set.
pub fn write_ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(v4) => write_v4(out, v4),
        IpAddr::V6(v6) if v6.segments()[..6] == [0; 6] && v6.segments()[6] != 0 => {
            let [.., a, b, c, d] = v6.octets();
            write_all(out, format_args!("::{a}.{b}.{c}.{d}"));
        }
        IpAddr::V6(v6) => write_all(out, format_args!("{v6}")),
    }
}

/// The IPv4 address in an IPv4-mapped one; `::` counts as `0.0.0.0`.
pub(super) fn mapped_v4(ip: IpAddr) -> Option<Ipv4Addr> {
    match ip {
        IpAddr::V6(ip) if ip.is_unspecified() => Some(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(ip) => ip.to_ipv4_mapped(),
        IpAddr::V4(_) => None,
    }
}

/// Both ends in IPv4, if both are IPv4-mapped.
pub(super) fn unmapped(source: End, dest: End) -> Option<(End, End)> {
    let (s, d) = (mapped_v4(source.ip)?, mapped_v4(dest.ip)?);
    Some((End { ip: s.into(), port: source.port }, End { ip: d.into(), port: dest.port }))
}

/// The name that a connection's ends give (`sockinfo_to_str`).
pub(super) fn write_connection(out: &mut Vec<u8>, inet: &Inet) {
    let (source, dest) = unmapped(inet.source, inet.dest).unwrap_or((inet.source, inet.dest));
    let bare = match inet.proto {
        L4Proto::Tcp | L4Proto::Udp => false,
        L4Proto::Icmp => true,
        L4Proto::Raw if inet.source.ip.is_ipv4() => true,
        _ => return out.extend_from_slice(b"<unknown>"),
    };
    if bare {
        write_ip(out, source.ip);
        out.extend_from_slice(b"->");
        write_ip(out, dest.ip);
    } else {
        write_end(out, source);
        out.extend_from_slice(b"->");
        write_end(out, dest);
    }
}

impl Fd {
    /// Its ends, made up (all zero, of the family of its type) if it has none yet.
    pub(super) fn inet_or_new(&mut self) -> &mut Inet {
        let none = match self.kind {
            FdType::Ipv6Socket | FdType::Ipv6Server => End::NONE_V6,
            _ => End::NONE_V4,
        };
        self.ends.get_or_insert(Inet { source: none, dest: none, proto: L4Proto::Unknown })
    }

    /// Becomes a connection with these ends, in IPv4 if both are mapped. False if it was that connection already, in
    /// either direction.
    pub(super) fn set_ends(&mut self, source: End, dest: End) -> bool {
        let (source, dest) = unmapped(source, dest).unwrap_or((source, dest));
        let kind = if source.ip.is_ipv4() { FdType::Ipv4Socket } else { FdType::Ipv6Socket };
        let same_kind = self.kind == kind;
        self.kind = kind;
        let inet = self.inet_or_new();
        let old = (inet.source, inet.dest);
        if same_kind && (old == (source, dest) || old == (dest, source)) {
            return false;
        }
        (inet.source, inet.dest) = (source, dest);
        old != (source, dest)
    }

    /// Exchanges the two ends of a connection.
    pub(super) fn swap_ends(&mut self) {
        let inet = self.inet_or_new();
        std::mem::swap(&mut inet.source, &mut inet.dest);
    }

    /// Takes the text as name; true if it is another one.
    pub(super) fn set_name(&mut self, name: &[u8]) -> bool {
        let changed = *self.name != *name;
        if changed {
            if self.flags.contains(FdFlags::RAW_IS_NAME) {
                self.flags.remove(FdFlags::RAW_IS_NAME);
                self.raw.clone_from(&self.name);
            }
            self.name.clear();
            self.name.extend_from_slice(name);
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn tuples_are_read_and_written() {
        let v4 = [2, 127, 0, 0, 1, 0x39, 0x30, 10, 0, 0, 2, 80, 0];
        assert_eq!(text(|out| Tuple::parse(&v4).unwrap().write(out)), "127.0.0.1:12345->10.0.0.2:80");
        assert_eq!(Tuple::parse(&v4[..12]), None);
        assert_eq!(Tuple::parse(&[]), None);
        let mut unix = vec![1];
        unix.extend(0xabcdu64.to_le_bytes());
        unix.extend(0u64.to_le_bytes());
        unix.extend(b"/run/x\0junk");
        assert_eq!(text(|out| Tuple::parse(&unix).unwrap().write(out)), "abcd->0 /run/x");
        assert_eq!(text(|out| Tuple::parse(&[16, 1]).unwrap().write(out)), "family 16");
    }

    #[test]
    fn ipv6_is_written_as_inet_ntop_does() {
        let v6 = |ip: &str| ip.parse::<IpAddr>().unwrap();
        assert_eq!(text(|out| write_ip(out, v6("::1"))), "::1");
        assert_eq!(text(|out| write_ip(out, v6("::1:2"))), "::0.1.0.2");
        assert_eq!(text(|out| write_ip(out, v6("::ffff:1.2.3.4"))), "::ffff:1.2.3.4");
        assert_eq!(text(|out| write_ip(out, v6("fe80::1"))), "fe80::1");
        for ip in ["255.255.255.255", "0.0.0.0", "1.22.100.9"] {
            assert_eq!(text(|out| write_ip(out, v6(ip))), ip);
        }
    }

    #[test]
    fn the_same_connection_in_either_direction_is_no_change() {
        let end = |port| End { ip: "10.0.0.1".parse().unwrap(), port };
        let mut fd = Fd::new(FdType::Ipv4Socket);
        assert!(fd.set_ends(end(1), end(2)));
        assert!(!fd.set_ends(end(1), end(2)));
        assert!(!fd.set_ends(end(2), end(1)));
        assert!(fd.set_ends(end(2), end(3)));
    }
}
