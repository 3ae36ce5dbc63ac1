//! Getters of the event itself: its number, times, name, category and flags.

use saker_filter::{Arg, Field, Value};

use super::EventContext;
use super::schema::BY_ID;
use super::time;
use crate::event::{Category, Direction, EVENTS, Event, EventFlags, id, syscall};
use crate::state::{FdType, Thread};

type Got<'e> = Option<Value<'e>>;

const SECOND: u64 = 1_000_000_000;

/// `PPM_O_*` bits that the fields ask for.
mod open {
    pub(super) const RDONLY: u64 = 1 << 0;
    pub(super) const WRONLY: u64 = 1 << 1;
    pub(super) const CREAT: u64 = 1 << 2;
    pub(super) const TMPFILE: u64 = 1 << 13;
    pub(super) const F_CREATED: u64 = 1 << 14;
}

/// `PPM_S_IX*`: any permission to execute.
const EXECUTE: u64 = 0o111;

pub(super) fn zero<'e>(_: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(0))
}

pub(super) fn one<'e>(_: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(1))
}

pub(super) fn num<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(context.event.num))
}

pub(super) fn time<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    time::show(context, false, true)
}

pub(super) fn time_s<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    time::show(context, false, false)
}

pub(super) fn datetime<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    time::show(context, true, true)
}

pub(super) fn datetime_s<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    time::show(context, true, false)
}

pub(super) fn time_iso8601<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    time::show_iso8601(context)
}

pub(super) fn rawtime<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(context.event.ts))
}

pub(super) fn rawtime_s<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(context.event.ts / SECOND))
}

pub(super) fn rawtime_ns<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(context.event.ts % SECOND))
}

fn since_first(context: &EventContext<'_>) -> u64 {
    context.event.ts.wrapping_sub(context.run.first_ts)
}

pub(super) fn reltime<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(since_first(context)))
}

pub(super) fn reltime_s<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(since_first(context) / SECOND))
}

pub(super) fn reltime_ns<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(since_first(context) % SECOND))
}

/// Nanoseconds since the event before, 0 if that has a later time (they come from several CPUs). An output shows 0, as
/// Falco's do: each output is its own first asker there.
fn since_previous(context: &EventContext<'_>) -> u64 {
    match context.subject.prev_ts {
        0 => 0,
        _ if context.shown.get() => 0,
        previous => context.event.ts.saturating_sub(previous),
    }
}

pub(super) fn deltatime<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(since_previous(context)))
}

pub(super) fn deltatime_s<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(since_previous(context) / SECOND))
}

pub(super) fn deltatime_ns<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(since_previous(context) % SECOND))
}

pub(super) fn latency_human<'e>(_: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(b"0ns"))
}

fn is_metaevent(event: &Event<'_>) -> bool {
    event.info().category.contains(Category::METAEVENT)
}

pub(super) fn is_async<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(is_metaevent(context.event)))
}

pub(super) fn asynctype<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    is_metaevent(context.event).then(|| Value::Bytes(name_of(context.event)))
}

pub(super) fn hostname<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(&context.run.hostname))
}

pub(super) fn dir<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(match context.event.info().direction {
        Direction::Enter => b">",
        Direction::Exit => b"<",
    }))
}

/// `evt.type`: the name of the call behind a generic event, of an asynchronous event its own name.
pub(super) fn name_of<'e>(event: &'e Event<'e>) -> &'e [u8] {
    match event.id {
        id::GENERIC_X | id::GENERIC_E => {
            syscall::of_generic(event).map_or(b"unknown", |call| call.name.as_bytes())
        }
        id::ASYNCEVENT_E => event.param_str(1).unwrap_or_default(),
        _ => event.info().name.as_bytes(),
    }
}

pub(super) fn ty<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(name_of(context.event)))
}

pub(super) fn type_is<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let Arg::Index(wanted) = field.arg else { return None };
    let event = context.event.id;
    let same = if wanted & BY_ID != 0 {
        wanted & !BY_ID == u32::from(event.0)
    } else {
        EVENTS.get(wanted as usize).is_some_and(|row| row.name == context.event.info().name)
    };
    Some(Value::UInt(u64::from(same)))
}

pub(super) fn syscall_type<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let is_syscall = context.event.info().category.contains(Category::SYSCALL);
    is_syscall.then(|| Value::Bytes(name_of(context.event)))
}

/// What an event is about, without the bits that say where it comes from.
pub(super) fn plain_category(event: &Event<'_>) -> Category {
    event.info().category
        - (Category::UNKNOWN
            | Category::SYSCALL
            | Category::TRACEPOINT
            | Category::PLUGIN
            | Category::METAEVENT
            | Category::ITER)
}

/// Whether a category is about moving data: then the descriptor says what it is about.
pub(super) fn is_io(category: Category) -> bool {
    category.intersects(Category::IO_READ | Category::IO_WRITE | Category::IO_OTHER)
}

pub(super) fn category<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let category = plain_category(context.event);
    let name: &'static [u8] = if is_io(category) {
        use FdType::*;
        match context.fd.map(|fd| fd.kind) {
            Some(File | FileV2 | Directory) => b"file",
            Some(Ipv4Socket | Ipv6Socket | Ipv4Server | Ipv6Server) => b"net",
            Some(Fifo | UnixSocket | Event | Signalfd | Inotify | Userfaultfd) => b"ipc",
            _ => b"unknown",
        }
    } else {
        match category {
            Category::OTHER => b"other",
            Category::FILE => b"file",
            Category::NET => b"net",
            Category::IPC => b"IPC",
            Category::MEMORY => b"memory",
            Category::PROCESS => b"process",
            Category::SLEEP => b"sleep",
            Category::SYSTEM => b"system",
            Category::SIGNAL => b"signal",
            Category::USER => b"user",
            Category::TIME => b"time",
            Category::WAIT => b"wait",
            Category::SCHEDULER => b"scheduler",
            Category::INTERNAL => b"internal",
            _ => b"unknown",
        }
    };
    Some(Value::Bytes(name))
}

pub(super) fn cpu<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Int(i64::from(context.event.cpu as i16)))
}

fn flag<'e>(context: &EventContext<'e>, flags: EventFlags) -> Got<'e> {
    Some(Value::Bool(context.event.info().flags.intersects(flags)))
}

pub(super) fn is_io_any<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    flag(context, EventFlags::READS_FROM_FD | EventFlags::WRITES_TO_FD)
}

pub(super) fn is_io_read<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    flag(context, EventFlags::READS_FROM_FD)
}

pub(super) fn is_io_write<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    flag(context, EventFlags::WRITES_TO_FD)
}

pub(super) fn io_dir<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let flags = context.event.info().flags;
    if flags.contains(EventFlags::WRITES_TO_FD) {
        Some(Value::Bytes(b"write"))
    } else {
        flags.contains(EventFlags::READS_FROM_FD).then_some(Value::Bytes(b"read"))
    }
}

pub(super) fn is_wait<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    flag(context, EventFlags::WAITS)
}

pub(super) fn is_syslog<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let writes = context.event.info().flags.contains(EventFlags::WRITES_TO_FD);
    Some(Value::Bool(
        writes && context.fd.is_some_and(|fd| memchr::memmem::find(&fd.name, b"/dev/log").is_some()),
    ))
}

pub(super) fn count_exit<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    (context.event.info().direction == Direction::Exit).then_some(Value::UInt(1))
}

pub(super) fn count_procinfo<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let main = context.thread.is_some_and(Thread::is_main);
    Some(Value::UInt(u64::from(context.event.id == id::PROCINFO_E && main)))
}

pub(super) fn count_threadinfo<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(u64::from(context.event.id == id::PROCINFO_E)))
}

/// The distance from the time that is the argument, in milliseconds, rounded up; for conditions only.
pub(super) fn around<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let Arg::Key(digits) = &field.arg else { return None };
    if context.shown.get() {
        return None;
    }
    let time: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Value::UInt(context.event.ts.abs_diff(time).div_ceil(1_000_000)))
}

pub(super) fn count<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(context.ask()))
}

/// Flags and mode of a call that opens a file, `None` for other events.
fn opened(event: &Event<'_>) -> Option<(u64, u64)> {
    let (flags, mode) = match event.id {
        id::SYSCALL_OPEN_X => (2, Some(3)),
        id::SYSCALL_OPENAT_2_X | id::SYSCALL_OPENAT2_X => (3, Some(4)),
        id::SYSCALL_OPEN_BY_HANDLE_AT_X => (2, None),
        _ => return None,
    };
    let number = |index| event.param_u64(index).unwrap_or(0);
    Some((number(flags), mode.map_or(0, number)))
}

pub(super) fn is_open_read<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(opened(context.event).is_some_and(|(flags, _)| flags & open::RDONLY != 0)))
}

pub(super) fn is_open_write<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(opened(context.event).is_some_and(|(flags, _)| flags & open::WRONLY != 0)))
}

pub(super) fn is_open_create<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let created = opened(context.event).is_some_and(|(flags, _)| {
        let succeeded = context.event.param_i64(0).is_some_and(|fd| fd >= 0);
        flags & open::F_CREATED != 0 || (flags & open::TMPFILE != 0 && succeeded)
    });
    Some(Value::Bool(created))
}

pub(super) fn is_open_exec<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let executable = match context.event.id {
        id::SYSCALL_CREAT_X => context.event.param_u64(2).is_some_and(|mode| mode & EXECUTE != 0),
        _ => opened(context.event)
            .is_some_and(|(flags, mode)| flags & (open::TMPFILE | open::CREAT) != 0 && mode & EXECUTE != 0),
    };
    Some(Value::Bool(executable))
}

/// One `key: value` of the description of a Docker event, `;` between them.
fn infra<'e>(context: &EventContext<'e>, key: &[u8]) -> Got<'e> {
    if context.event.id != id::INFRASTRUCTURE_EVENT_E {
        return None;
    }
    let description = context.event.param_str(2)?;
    let entry = description
        .split(|&byte| byte == b';')
        .map(<[u8]>::trim_ascii)
        .find(|entry| entry.starts_with(key))?;
    let at = memchr::memchr(b':', entry)?;
    Some(Value::Bytes(entry[at + 1..].trim_ascii()))
}

pub(super) fn infra_name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    infra(context, b"Event")
}

pub(super) fn infra_id<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    infra(context, b"ID")
}

pub(super) fn infra_container<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    infra(context, b"name")
}

pub(super) fn infra_image<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    infra(context, b"Image")
}
