//! Getters of the fields of the event's parameters and result.

use saker_filter::{Field, Value};

use super::EventContext;

pub(super) fn args<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn arg<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn rawarg<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn buffer<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn buflen<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn res<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn rawres<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn failed<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn error_count<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn error_count_file<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn error_count_net<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn error_count_memory<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn error_count_other<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn buflen_in<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn buflen_out<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn buflen_file<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn buflen_file_in<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn buflen_file_out<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn buflen_net<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn buflen_net_in<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn buflen_net_out<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}
