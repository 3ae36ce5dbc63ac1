//! What a parameter must be: exact where it can be, a pattern where something varies.

use saker::event::{Detail, Format, ParamInfo, ParamType};
use serde::{Deserialize, Serialize};

/// What a parameter must be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Want {
    /// Anything of the right size.
    Any,
    /// No bytes at all.
    Empty,
    /// Any bytes but none, and not all zero.
    Something,
    /// Exactly these bytes, whole.
    Bytes(Vec<u8>),
    /// Exactly these bytes, and the mark that there would have been more.
    Cut(Vec<u8>),
    /// This number, as wide as the type of the parameter is.
    Number(u64),
    /// A number that is not less.
    AtLeast(u64),
    /// The bits or values with these names, `|` between them.
    Named(String),
    /// These pieces one after the other.
    Pieces(Vec<Piece>),
    /// One of these.
    OneOf(Vec<Want>),
}

/// A piece of a parameter.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Piece {
    /// These bytes.
    Bytes(Vec<u8>),
    /// So many bytes of any value.
    Skip(usize),
    /// So many bytes that are not all zero: a kernel address.
    Address,
}

/// Anything of the right size.
pub fn any() -> Want {
    Want::Any
}

/// No bytes at all: the driver had nothing to tell.
pub fn empty() -> Want {
    Want::Empty
}

/// Not nothing, and not zero.
pub fn something() -> Want {
    Want::Something
}

/// Exactly these bytes.
pub fn bytes(bytes: impl AsRef<[u8]>) -> Want {
    Want::Bytes(bytes.as_ref().to_vec())
}

/// Exactly these bytes of more.
pub fn cut(bytes: impl AsRef<[u8]>) -> Want {
    Want::Cut(bytes.as_ref().to_vec())
}

/// A text, with the closing NUL that texts have in records.
pub fn text(text: impl Text) -> Want {
    Want::Bytes(text.with_nul())
}

/// A number of whatever width.
pub fn number(number: impl crate::calls::Argument) -> Want {
    Want::Number(number.raw())
}

/// A number that is at least so large.
pub fn at_least(number: u64) -> Want {
    Want::AtLeast(number)
}

/// Bits or a value by the names of the schema: `"O_RDWR|O_CREAT"`.
pub fn named(names: &str) -> Want {
    Want::Named(names.into())
}

/// One of several.
pub fn one_of(wants: impl IntoIterator<Item = Want>) -> Want {
    Want::OneOf(wants.into_iter().collect())
}

/// What can be given as a text.
pub trait Text {
    /// Its bytes and a NUL.
    fn with_nul(&self) -> Vec<u8>;
}

impl Text for &str {
    fn with_nul(&self) -> Vec<u8> {
        [self.as_bytes(), b"\0"].concat()
    }
}

impl Text for String {
    fn with_nul(&self) -> Vec<u8> {
        self.as_str().with_nul()
    }
}

impl Text for &String {
    fn with_nul(&self) -> Vec<u8> {
        self.as_str().with_nul()
    }
}

impl Text for &[u8] {
    fn with_nul(&self) -> Vec<u8> {
        [self, &b"\0"[..]].concat()
    }
}

impl Text for &std::ffi::CString {
    fn with_nul(&self) -> Vec<u8> {
        self.as_bytes_with_nul().to_vec()
    }
}

impl Text for &std::ffi::CStr {
    fn with_nul(&self) -> Vec<u8> {
        self.to_bytes_with_nul().to_vec()
    }
}

impl Want {
    /// What is wrong with a parameter; `None` if it is as wanted.
    pub fn refuses(&self, info: &ParamInfo, found: &[u8], truncated: bool) -> Option<String> {
        if self.accepts(info, found, truncated) {
            return None;
        }
        let mark = if truncated { " (cut)" } else { "" };
        Some(format!("{}: {}{mark}, wanted {}", info.name, show(info, found), self.show(info)))
    }

    fn accepts(&self, info: &ParamInfo, found: &[u8], truncated: bool) -> bool {
        let sized = info.ty.width().is_none_or(|width| width == found.len());
        match self {
            Want::Any => sized,
            Want::Empty => found.is_empty(),
            Want::Something => sized && found.iter().any(|byte| *byte != 0),
            Want::Bytes(wanted) => found == wanted && !truncated,
            Want::Cut(wanted) => found == wanted && truncated,
            Want::Number(wanted) => sized && found == &wanted.to_le_bytes()[..found.len().min(8)],
            Want::AtLeast(wanted) => sized && value(found) >= *wanted,
            Want::Named(names) => by_name(info, names).is_some_and(|wanted| {
                sized && found == &u64::from(wanted).to_le_bytes()[..found.len().min(8)]
            }),
            Want::Pieces(pieces) => fits(pieces, found) && !truncated,
            Want::OneOf(wants) => wants.iter().any(|want| want.accepts(info, found, truncated)),
        }
    }

    fn show(&self, info: &ParamInfo) -> String {
        match self {
            Want::Any => "anything of its size".into(),
            Want::Empty => "nothing".into(),
            Want::Something => "something".into(),
            Want::Bytes(wanted) => show(info, wanted),
            Want::Cut(wanted) => format!("{} (cut)", show(info, wanted)),
            Want::Number(wanted) => {
                let width = info.ty.width().unwrap_or(8).min(8);
                show(info, &wanted.to_le_bytes()[..width])
            }
            Want::AtLeast(wanted) => format!("at least {wanted}"),
            Want::Named(names) => match by_name(info, names) {
                Some(value) => format!("{names} ({value:#x})"),
                None => format!("{names}, which {} does not have", info.name),
            },
            Want::Pieces(pieces) => format!("{pieces:?}"),
            Want::OneOf(wants) => wants.iter().map(|want| want.show(info)).collect::<Vec<_>>().join(" or "),
        }
    }
}

fn fits(pieces: &[Piece], mut found: &[u8]) -> bool {
    for piece in pieces {
        let length = match piece {
            Piece::Bytes(bytes) => bytes.len(),
            Piece::Skip(length) => *length,
            Piece::Address => 8,
        };
        let Some((taken, rest)) = found.split_at_checked(length) else { return false };
        let fits = match piece {
            Piece::Bytes(bytes) => taken == bytes,
            Piece::Skip(_) => true,
            Piece::Address => taken.iter().any(|byte| *byte != 0),
        };
        if !fits {
            return false;
        }
        found = rest;
    }
    found.is_empty()
}

/// The value of names joined by `|`; `None` if the parameter has no such name.
fn by_name(info: &ParamInfo, names: &str) -> Option<u32> {
    let Detail::Names(table) = info.detail else { return None };
    names.split('|').filter(|name| !name.is_empty()).try_fold(0, |value, name| {
        table.iter().find(|(known, _)| *known == name).map(|(_, bits)| value | bits)
    })
}

/// The number in at most eight bytes.
fn value(bytes: &[u8]) -> u64 {
    let mut wide = [0; 8];
    let length = bytes.len().min(8);
    wide[..length].copy_from_slice(&bytes[..length]);
    u64::from_le_bytes(wide)
}

/// A parameter for people.
pub fn show(info: &ParamInfo, bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".into();
    }
    if info.ty.width() != Some(bytes.len()) || bytes.len() > 8 {
        return format!("\"{}\"", bytes.escape_ascii());
    }
    let value = value(bytes);
    let signed = matches!(
        info.ty,
        ParamType::Int16
            | ParamType::Int32
            | ParamType::Int64
            | ParamType::Errno
            | ParamType::Fd
            | ParamType::Pid
    );
    if signed {
        let shift = 64 - 8 * bytes.len() as u32;
        return format!("{}", (value << shift) as i64 >> shift);
    }
    if let Detail::Names(table) = info.detail {
        let set = table.iter().filter(|(_, bits)| *bits != 0 && value as u32 & bits == *bits);
        let names: Vec<_> = set.map(|(name, _)| *name).collect();
        return format!("{value:#x} ({})", names.join("|"));
    }
    match info.format {
        Format::Hex => format!("{value:#x}"),
        Format::Oct => format!("{value:#o}"),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use saker::event::{EventId, id};

    use super::*;

    fn parameter(event: EventId, name: &str) -> &'static ParamInfo {
        event.info().unwrap().params.iter().find(|info| info.name == name).unwrap()
    }

    #[test]
    fn numbers_have_the_width_of_their_type() {
        let fd = parameter(id::SYSCALL_READ_X, "fd");
        assert_eq!(number(-9).refuses(fd, &(-9_i64).to_le_bytes(), false), None);
        assert!(number(-9).refuses(fd, &(-9_i32).to_le_bytes(), false).is_some(), "half as wide");
        assert_eq!(number(8).refuses(fd, &9_i64.to_le_bytes(), false).unwrap(), "fd: 9, wanted 8");
        assert!(any().refuses(fd, b"", false).is_some());
    }

    #[test]
    fn names_are_those_of_the_parameter() {
        let flags = parameter(id::SYSCALL_OPEN_X, "flags");
        assert_eq!(named("O_RDWR|O_CREAT").refuses(flags, &7_u32.to_le_bytes(), false), None);
        let refused = named("O_RDWR").refuses(flags, &7_u32.to_le_bytes(), false).unwrap();
        assert_eq!(refused, "flags: 0x7 (O_CREAT|O_RDWR|O_WRONLY|O_RDONLY), wanted O_RDWR (0x3)");
        assert!(named("O_NONSENSE").refuses(flags, &7_u32.to_le_bytes(), false).is_some());
    }

    #[test]
    fn texts_are_whole_unless_they_must_be_cut() {
        let name = parameter(id::SYSCALL_OPEN_X, "name");
        assert_eq!(text("/etc").refuses(name, b"/etc\0", false), None);
        assert_eq!(
            text("/etc").refuses(name, b"/etc\0", true).unwrap(),
            r#"name: "/etc\x00" (cut), wanted "/etc\x00""#
        );
        assert_eq!(cut("/e").refuses(name, b"/e", true), None);
        assert!(cut("/e").refuses(name, b"/e", false).is_some());
    }

    #[test]
    fn pieces_cover_the_whole() {
        let tuple = parameter(id::SOCKET_CONNECT_X, "tuple");
        let want = Want::Pieces(vec![Piece::Bytes(vec![1]), Piece::Address, Piece::Skip(1)]);
        assert_eq!(want.refuses(tuple, &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0], false), None);
        assert!(
            want.refuses(tuple, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0], false).is_some(),
            "an address is not zero"
        );
        assert!(want.refuses(tuple, &[1, 0, 0, 0, 0, 0, 0, 0, 9], false).is_some(), "too short");
        assert!(want.refuses(tuple, &[1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0], false).is_some(), "too long");
    }
}
