//! What a field is worth: the values that a [`Context`](crate::Context) hands to the evaluation.

use std::net::IpAddr;

use ipnet::IpNet;

/// The static type of a field: which operators it takes and how a literal beside it is read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)]
pub enum Type {
    Bool,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    /// A TCP or UDP port: a literal may be a service name.
    Port,
    Double,
    /// Nanoseconds.
    RelTime,
    /// Nanoseconds since the epoch.
    AbsTime,
    /// A byte string: not necessarily UTF-8.
    Str,
    /// Bytes of a payload (`PT_BYTEBUF`).
    Buf,
    Ip,
    Net,
}

impl Type {
    /// Falco's name of the type (`PT_…`), as its messages show it.
    pub fn falco_name(self) -> &'static str {
        match self {
            Type::Bool => "BOOL",
            Type::I16 => "INT16",
            Type::I32 => "INT32",
            Type::I64 => "INT64",
            Type::U8 => "UINT8",
            Type::U16 => "UINT16",
            Type::U32 => "UINT32",
            Type::U64 => "UINT64",
            Type::Port => "PORT",
            Type::Double => "DOUBLE",
            Type::RelTime => "RELTIME",
            Type::AbsTime => "ABSTIME",
            Type::Str => "CHARBUF",
            Type::Buf => "BYTEBUF",
            Type::Ip => "IPADDR",
            Type::Net => "IPNET",
        }
    }

    /// Which operators it takes.
    pub(crate) fn class(self) -> Class {
        match self {
            Type::Bool => Class::Bool,
            Type::Str => Class::Text,
            Type::Buf => Class::Buffer,
            Type::Ip => Class::Ip,
            Type::Net => Class::Net,
            _ => Class::Number,
        }
    }
}

/// Types that are compared alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    Bool,
    Number,
    Text,
    Buffer,
    Ip,
    Net,
}

/// A value, borrowed from the event, the state or the arena of the event. A null value is `None` of
/// `Option<Value>`. Integers of all widths are widened.
#[derive(Clone, Copy, PartialEq, Debug)]
#[allow(missing_docs)]
pub enum Value<'e> {
    Bool(bool),
    Int(i64),
    UInt(u64),
    Double(f64),
    Bytes(&'e [u8]),
    Ip(IpAddr),
    Net(IpNet),
    /// Of a field that is a list, or of a field with several values at once (`fd.ip`, `fd.port`).
    List(&'e [Value<'e>]),
}
