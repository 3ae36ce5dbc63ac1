//! Getters of the fields of paths that calls name.

use saker_filter::{Field, Value};

use super::EventContext;

pub(super) fn abspath<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn name<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn nameraw<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn source<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn sourceraw<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn target<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn targetraw<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}
