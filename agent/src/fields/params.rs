//! Parameters by name: which parameter of an event `evt.arg.NAME` means, without comparing strings per event.

use std::sync::LazyLock;

use saker_filter::Type;

use crate::event::{EVENT_COUNT, EVENTS, EventId, ParamInfo, ParamType};

/// Number of a parameter name, an index into the list of all names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ParamName(pub u16);

const NONE: u8 = u8::MAX;

struct Names {
    /// Distinct names in the order in which the event table first has them, with that first parameter.
    first: Vec<&'static ParamInfo>,
    /// For each name and event the index of the parameter, or [`NONE`].
    index: Vec<[u8; EVENT_COUNT]>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let mut names = Names { first: Vec::new(), index: Vec::new() };
    for row in &EVENTS {
        for (position, param) in row.params.iter().enumerate() {
            let name = names.first.iter().position(|known| known.name == param.name).unwrap_or_else(|| {
                names.first.push(param);
                names.index.push([NONE; EVENT_COUNT]);
                names.first.len() - 1
            });
            let slot = &mut names.index[name][usize::from(row.id.0)];
            if *slot == NONE {
                *slot = position as u8;
            }
        }
    }
    names
});

/// The longest parameter name that `text` begins with.
pub(super) fn longest(text: &[u8]) -> Option<(ParamName, &'static str)> {
    let mut best: Option<(usize, &'static str)> = None;
    for (index, param) in NAMES.first.iter().enumerate() {
        if text.starts_with(param.name.as_bytes())
            && best.is_none_or(|(_, name)| name.len() < param.name.len())
        {
            best = Some((index, param.name));
        }
    }
    best.map(|(index, name)| (ParamName(index as u16), name))
}

/// The parameter that has this name where the event table first uses it: it gives `evt.rawarg` its type.
pub(super) fn first(name: ParamName) -> Option<&'static ParamInfo> {
    NAMES.first.get(usize::from(name.0)).copied()
}

/// Which parameter of an event has this name.
pub(super) fn index(name: ParamName, event: EventId) -> Option<usize> {
    let index = *NAMES.index.get(usize::from(name.0))?.get(usize::from(event.0))?;
    (index != NONE).then_some(usize::from(index))
}

/// The type of `evt.rawarg.NAME` for a parameter type.
pub(super) fn value_type(ty: ParamType) -> Type {
    match ty {
        ParamType::AbsTime => Type::AbsTime,
        ParamType::RelTime => Type::RelTime,
        ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath => Type::Str,
        ParamType::CharBufArray | ParamType::CharBufPairArray => Type::Str,
        ParamType::ByteBuf
        | ParamType::Dyn
        | ParamType::FdList
        | ParamType::SockAddr
        | ParamType::SockTuple => Type::Buf,
        ParamType::EnumFlags8 | ParamType::Flags8 | ParamType::SigType | ParamType::UInt8 => Type::U8,
        ParamType::EnumFlags16 | ParamType::Flags16 | ParamType::SyscallId | ParamType::UInt16 => Type::U16,
        ParamType::EnumFlags32
        | ParamType::Flags32
        | ParamType::Gid
        | ParamType::Mode
        | ParamType::SigSet
        | ParamType::Uid
        | ParamType::UInt32 => Type::U32,
        ParamType::UInt64 => Type::U64,
        ParamType::Int16 => Type::I16,
        ParamType::Int32 | ParamType::Fd32 | ParamType::Pid32 => Type::I32,
        ParamType::Int64 | ParamType::Errno | ParamType::Fd | ParamType::Pid => Type::I64,
        ParamType::Ipv4Addr | ParamType::Ipv6Addr => Type::Ip,
        ParamType::Port => Type::Port,
    }
}

/// Whether numbers of a type have a sign.
pub(super) fn is_signed(ty: Type) -> bool {
    matches!(ty, Type::I16 | Type::I32 | Type::I64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::id;

    #[test]
    fn a_name_means_the_parameter_of_each_event() {
        let (name, text) = longest(b"flagsandmore").unwrap();
        assert_eq!(text, "flags");
        assert_eq!(index(name, id::SYSCALL_OPEN_X), Some(2));
        assert_eq!(index(name, id::SYSCALL_OPENAT_2_X), Some(3));
        assert_eq!(index(name, id::SYSCALL_CLOSE_X), None);
        assert!(longest(b"nosuch").is_none());
    }
}
