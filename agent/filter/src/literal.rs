//! Literals, read by the type of the field that they are compared with. The messages are Falco's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::schema::Schema;

fn lossy(text: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(text)
}

/// A decimal number: blanks, a sign and digits. One beyond `i128` stands for the nearest that there is, so that
/// comparisons come out as they would.
pub(crate) fn number(text: &[u8]) -> Result<i128, String> {
    let digits = text.trim_ascii_start();
    let (negative, digits) = match digits {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(format!("{} is not a valid number", lossy(text)));
    }
    let value = digits
        .iter()
        .fold(0i128, |value, digit| value.saturating_mul(10).saturating_add(i128::from(digit - b'0')));
    Ok(if negative { -value } else { value })
}

/// A port: digits, or the name of a service. Nothing at all is port 0. Numbers above 65,535 are accepted as far as
/// Falco does, and equal no port.
pub(crate) fn port(text: &[u8], schema: &dyn Schema) -> Result<i128, String> {
    if text.is_empty() {
        return Ok(0);
    }
    if text.iter().all(u8::is_ascii_digit) {
        return match number(text)? {
            port if port <= i128::from(i32::MAX) => Ok(port),
            _ => Err(format!("{} is not a valid port", lossy(text))),
        };
    }
    schema.port(text).map(i128::from).ok_or_else(|| format!("unrecognized protocol {}", lossy(text)))
}

pub(crate) fn boolean(text: &[u8]) -> Result<bool, String> {
    match text {
        b"true" => Ok(true),
        b"false" => Ok(false),
        _ => Err(format!("filter error: unrecognized boolean value {}", lossy(text))),
    }
}

pub(crate) fn address(text: &[u8]) -> Result<IpAddr, String> {
    if text.contains(&b'.') {
        return match parse::<Ipv4Addr>(text) {
            Some(address) => Ok(IpAddr::V4(address)),
            None => Err(format!("unrecognized IPv4 address {}", lossy(text))),
        };
    }
    match parse::<Ipv6Addr>(text) {
        Some(address) => Ok(IpAddr::V6(address)),
        None => Err(format!("unrecognized IPv6 address {}", lossy(text))),
    }
}

/// An address, a slash and a length. `::/0` is refused, as by Falco.
pub(crate) fn network(text: &[u8]) -> Result<IpNet, String> {
    let Some(slash) = memchr::memchr(b'/', text) else {
        return Err(format!("unrecognized IP network {}", lossy(text)));
    };
    let (address, mask) = (&text[..slash], &text[slash + 1..]);
    if text.contains(&b'.') {
        let Some(address) = parse::<Ipv4Addr>(address) else {
            return Err(format!("unrecognized IP address {}", lossy(text)));
        };
        let net = u8::try_from(number(mask)?).ok().and_then(|length| Ipv4Net::new(address, length).ok());
        return net.map(IpNet::V4).ok_or_else(|| format!("invalid netmask {}", lossy(mask)));
    }
    let Some(address) = parse::<Ipv6Addr>(address) else {
        return Err(format!("unrecognized IPv6 address {}", lossy(text)));
    };
    let length = u8::try_from(number(mask)?).ok().filter(|&length| length > 0);
    let net = length.and_then(|length| Ipv6Net::new(address, length).ok());
    net.map(IpNet::V6).ok_or_else(|| format!("invalid v6 netmask {}", lossy(mask)))
}

fn parse<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Bytes written in hexadecimal.
pub(crate) fn hexadecimal(text: &[u8]) -> Result<Box<[u8]>, String> {
    let nibble = |digit: u8| char::from(digit).to_digit(16);
    let bytes = text.chunks(2).map(|pair| match *pair {
        [high, low] => Some((nibble(high)? << 4 | nibble(low)?) as u8),
        _ => None,
    });
    bytes
        .collect::<Option<_>>()
        .ok_or_else(|| "filter error: bcontains and bstartswith operator support hex strings only".to_owned())
}
