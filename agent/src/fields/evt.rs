//! Getters of the fields of the event itself.

use saker_filter::{Field, Value};

use super::EventContext;

pub(super) fn num<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn time<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn time_s<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn time_iso8601<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn datetime<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn datetime_s<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn rawtime<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn rawtime_s<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn rawtime_ns<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn reltime<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn reltime_s<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn reltime_ns<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn null<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn source<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_async<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn asynctype<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn hostname<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn zero<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn latency_human<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn deltatime<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn deltatime_s<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn deltatime_ns<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn dir<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn ty<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn type_is<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn syscall_type<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn category<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn cpu<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_io<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_io_read<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_io_write<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn io_dir<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_wait<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_syslog<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn one<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn count_exit<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn count_procinfo<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn count_threadinfo<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn around<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_open_read<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_open_write<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn infra_name<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn infra_id<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn infra_container<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn infra_image<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_open_exec<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_open_create<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn count<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}
