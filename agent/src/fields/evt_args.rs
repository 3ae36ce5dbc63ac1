//! Getters of an event's parameters and of its result.

use saker_filter::{Arg, Field, Value};

use super::schema::BY_NAME;
use super::{EventContext, evt, params, print};
use crate::event::{Category, Direction, Event, ParamInfo, ParamType, id};
use crate::state::FdType;

type Got<'e> = Option<Value<'e>>;

/// The index of the parameter that the argument of `evt.arg` means, if this event has it.
fn index(event: &Event<'_>, arg: &Arg) -> Option<usize> {
    let Arg::Index(number) = *arg else { return None };
    let index = if number & BY_NAME != 0 {
        params::index(params::ParamName((number & !BY_NAME) as u16), event.id)?
    } else {
        number as usize
    };
    (index < event.param_count().min(event.info().params.len())).then_some(index)
}

/// The row of the parameter that the argument of `evt.rawarg` means, if this event has it.
pub(super) fn param(event: &Event<'_>, arg: &Arg) -> Option<&'static ParamInfo> {
    event.info().params.get(index(event, arg)?)
}

pub(super) fn arg<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let index = index(context.event, &field.arg)?;
    let shown = context.shown.get();
    // Many checks ask for one parameter in a row.
    if let Some((last, form, text)) = context.last_param.get()
        && (last, form) == (index, shown)
    {
        return Some(Value::Bytes(text));
    }
    let text = print::short(context, index);
    context.last_param.set(Some((index, shown, text)));
    Some(Value::Bytes(text))
}

pub(super) fn args<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let shown = context.shown.get() && context.run.buffer_base64;
    if shown {
        return Some(Value::Bytes(all(context)));
    }
    Some(Value::Bytes(context.args.get_or_init(|| all(context))))
}

/// Every parameter as `name=value`, or `name=value(what it means)`.
fn all<'e>(context: &EventContext<'e>) -> &'e [u8] {
    let event = context.event;
    // The parameters of the generic event only say which call it was.
    if event.id == id::GENERIC_X {
        return b"";
    }
    let mut out = context.buffer();
    for (index, param) in event.info().params.iter().enumerate().take(event.param_count()) {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice_copy(param.name.as_bytes());
        out.push(b'=');
        print::full(context, index, &mut out);
    }
    out.into_bump_slice()
}

pub(super) fn rawarg<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let event = context.event;
    let index = index(event, &field.arg)?;
    let bytes = event.param(index)?;
    let ty = event.info().params.get(index)?.ty;
    let value = match ty {
        ParamType::CharBuf | ParamType::FsPath | ParamType::FsRelPath => {
            Value::Bytes(print::string(event, index))
        }
        ParamType::ByteBuf
        | ParamType::CharBufArray
        | ParamType::CharBufPairArray
        | ParamType::Dyn
        | ParamType::FdList
        | ParamType::SockAddr
        | ParamType::SockTuple => Value::Bytes(bytes),
        ParamType::Ipv4Addr => Value::Ip(<[u8; 4]>::try_from(bytes).ok()?.into()),
        ParamType::Ipv6Addr => Value::Ip(<[u8; 16]>::try_from(bytes).ok()?.into()),
        // A number that the source did not fill in shows as 0, yet it does not exist.
        _ if bytes.is_empty() && !context.shown.get() => return None,
        _ if is_signed(ty) => Value::Int(event.param_i64(index).unwrap_or(0)),
        _ => Value::UInt(event.param_u64(index).unwrap_or(0)),
    };
    // The condition was typed by the first event that has a parameter of this name; another may have it in the
    // other sign.
    Some(match (value, params::is_signed(field.ty)) {
        (Value::UInt(number), true) => Value::Int(number as i64),
        (Value::Int(number), false) => Value::UInt(number as u64),
        _ => value,
    })
}

fn is_signed(ty: ParamType) -> bool {
    params::is_signed(params::value_type(ty))
}

pub(super) fn buffer<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let event = context.event;
    let (name, _) = params::longest(b"data")?;
    let index = params::index(name, event.id).filter(|&index| index < event.param_count())?;
    let bytes = event.param(index)?;
    if !context.shown.get() {
        return Some(Value::Bytes(bytes));
    }
    // The data of ptrace are a number or an address, as the request has it.
    if event.info().params.get(index)?.ty != ParamType::ByteBuf {
        return Some(Value::Bytes(print::short(context, index)));
    }
    let mut out = context.buffer();
    print::payload(bytes, context.run.buffer_base64, &mut out);
    Some(Value::Bytes(out.into_bump_slice()))
}

/// What the call returned: the first parameter of the exit of a call, if it was recorded.
fn returned(event: &Event<'_>) -> Option<i64> {
    let info = event.info();
    if info.direction != Direction::Exit
        || !info.category.contains(Category::SYSCALL)
        || event.id == id::GENERIC_X
    {
        return None;
    }
    event.param_i64(0)
}

pub(super) fn rawres<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    returned(context.event).map(Value::Int)
}

pub(super) fn res<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let value = match returned(context.event)? {
        0.. => b"SUCCESS",
        _ => print::short(context, 0),
    };
    Some(Value::Bytes(value))
}

fn has_failed(context: &EventContext<'_>) -> Option<bool> {
    Some(returned(context.event)? < 0)
}

pub(super) fn failed<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    has_failed(context).map(Value::Bool)
}

/// What a call that returns an error is about, for `evt.count.error.*`.
#[derive(PartialEq, Eq)]
enum About {
    File,
    Net,
    Other,
}

fn about(context: &EventContext<'_>) -> About {
    use FdType::*;
    match context.fd.map(|fd| fd.kind) {
        Some(File | FileV2 | Directory) => About::File,
        Some(Ipv4Socket | Ipv6Socket | Ipv4Server | Ipv6Server | UnixSocket) => About::Net,
        Some(_) => About::Other,
        None => match context.event.id {
            id::SYSCALL_OPEN_X
            | id::SYSCALL_CREAT_X
            | id::SYSCALL_OPENAT_2_X
            | id::SYSCALL_OPENAT2_X
            | id::SYSCALL_OPEN_BY_HANDLE_AT_X => About::File,
            id::SOCKET_ACCEPT_5_X | id::SOCKET_ACCEPT4_6_X | id::SOCKET_CONNECT_X => About::Net,
            _ => About::Other,
        },
    }
}

fn error_if<'e>(context: &EventContext<'e>, applies: bool) -> Got<'e> {
    if applies { has_failed(context).map(|failed| Value::UInt(u64::from(failed))) } else { None }
}

pub(super) fn error_count<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    error_if(context, true)
}

pub(super) fn error_count_file<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    error_if(context, about(context) == About::File)
}

pub(super) fn error_count_net<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    error_if(context, about(context) == About::Net)
}

fn is_about_memory(context: &EventContext<'_>) -> bool {
    evt::plain_category(context.event) == Category::MEMORY
}

pub(super) fn error_count_memory<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    error_if(context, is_about_memory(context))
}

pub(super) fn error_count_other<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let memory = context.fd.is_none() && is_about_memory(context);
    error_if(context, about(context) == About::Other && !memory)
}

/// How much the call moved, if its category and descriptor are the wanted ones.
fn length<'e>(context: &EventContext<'e>, categories: Category, kind: impl Fn(FdType) -> bool) -> Got<'e> {
    let fits = evt::plain_category(context.event).intersects(categories) && kind(context.fd?.kind);
    let moved = if fits && context.event.info().direction == Direction::Exit {
        returned(context.event)?
    } else {
        return None;
    };
    u64::try_from(moved).ok().map(Value::UInt)
}

const IO: Category = Category::IO_READ.union(Category::IO_WRITE).union(Category::IO_OTHER);

pub(super) fn buflen<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    length(context, IO, |_| true)
}

pub(super) fn buflen_in<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    length(context, Category::IO_READ, |_| true)
}

pub(super) fn buflen_out<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    length(context, Category::IO_WRITE, |_| true)
}

pub(super) fn buflen_file<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    length(context, IO, FdType::is_file)
}

pub(super) fn buflen_file_in<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    length(context, Category::IO_READ, FdType::is_file)
}

pub(super) fn buflen_file_out<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    length(context, Category::IO_WRITE, FdType::is_file)
}

pub(super) fn buflen_net<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    length(context, IO, FdType::is_inet)
}

pub(super) fn buflen_net_in<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    length(context, Category::IO_READ, FdType::is_inet)
}

pub(super) fn buflen_net_out<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    length(context, Category::IO_WRITE, FdType::is_inet)
}
