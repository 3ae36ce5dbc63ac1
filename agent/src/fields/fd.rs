//! Getters of the fields of descriptors.

use saker_filter::{Field, Value};

use super::EventContext;

pub(super) fn num<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn ty<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn typechar<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn name<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn directory<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn filename<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn ip<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn cip<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn sip<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn lip<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn rip<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn port<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn cport<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn sport<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn lport<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn rport<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn l4proto<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn sockfamily<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_server<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn uid<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn containername<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn containerdirectory<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn cproto<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn sproto<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn lproto<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn rproto<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn connected<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn name_changed<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn host_name<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn dev<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn dev_major<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn dev_minor<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn ino<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn nameraw<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn types<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_upper_layer<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn is_lower_layer<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn list_nums<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn list_names<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn list_cips<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn list_sips<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn list_cports<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}

pub(super) fn list_sports<'e>(_context: &EventContext<'e>, _field: &Field) -> Option<Value<'e>> {
    None
}
