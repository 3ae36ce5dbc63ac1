//! Getters of the fields of the thread.

use saker_filter::{Field, Value};

use super::EventContext;

pub(super) fn cap_permitted<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn cap_inheritable<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn cap_effective<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn pfmajor<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn pfminor<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn tid<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn ismain<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn vtid<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn nametid<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn exectime<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn totexectime<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn cgroups<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn cgroup<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn cpu<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn cpu_user<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn cpu_system<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn vmsize<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn vmrss<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn vmsize_b<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn vmrss_b<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}
