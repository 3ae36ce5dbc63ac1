//! Getters of users and groups. What nobody told is the text `<NA>`, not null, as rules expect; root needs no telling.

use saker_filter::{Field, Value};

use super::EventContext;
use crate::state::User;

type Got<'e> = Option<Value<'e>>;

const UNKNOWN: &[u8] = b"<NA>";

/// A text of a user, or what stands for it if the user is not known.
fn or_root<'e>(known: Option<&'e [u8]>, id: u32, root: &'static [u8]) -> Got<'e> {
    Some(Value::Bytes(known.unwrap_or(if id == 0 { root } else { UNKNOWN })))
}

fn user<'e>(context: &EventContext<'e>) -> Option<&'e User> {
    context.state.users().user(context.container_id(), context.thread?.uid)
}

pub(super) fn uid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(u64::from(context.thread?.uid)))
}

pub(super) fn name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    or_root(user(context).map(|user| &*user.name), context.thread?.uid, b"root")
}

pub(super) fn homedir<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    or_root(user(context).map(|user| &*user.home), context.thread?.uid, b"/root")
}

pub(super) fn shell<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    or_root(user(context).map(|user| &*user.shell), context.thread?.uid, UNKNOWN)
}

pub(super) fn loginuid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Int(match context.thread?.loginuid {
        u32::MAX => -1,
        loginuid => i64::from(loginuid),
    }))
}

pub(super) fn loginname<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let thread = context.thread?;
    let user = context.state.users().user(context.container_id(), thread.loginuid);
    or_root(user.map(|user| &*user.name), thread.loginuid, b"root")
}

pub(super) fn gid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(u64::from(context.thread?.gid)))
}

pub(super) fn group_name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let thread = context.thread?;
    let group = context.state.users().group(context.container_id(), thread.gid);
    or_root(group.map(|group| &*group.name), thread.gid, b"root")
}
