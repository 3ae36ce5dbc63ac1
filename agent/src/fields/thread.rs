//! Getters of the thread that made the call.

use std::io::Write as _;

use saker_filter::{Arg, Field, Value};

use super::{EventContext, names};
use crate::event::id;

type Got<'e> = Option<Value<'e>>;

fn capabilities<'e>(context: &EventContext<'e>, set: u64) -> Got<'e> {
    let mut out = context.buffer();
    for name in names::capabilities(set) {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice_copy(name.as_bytes());
    }
    Some(Value::Bytes(out.into_bump_slice()))
}

pub(super) fn cap_permitted<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    capabilities(context, context.thread?.caps.permitted)
}

pub(super) fn cap_inheritable<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    capabilities(context, context.thread?.caps.inheritable)
}

pub(super) fn cap_effective<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    capabilities(context, context.thread?.caps.effective)
}

pub(super) fn pfmajor<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(context.thread?.pf_major))
}

pub(super) fn pfminor<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(context.thread?.pf_minor))
}

pub(super) fn tid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let tid = context.event.tid;
    (-1..=i64::from(u32::MAX)).contains(&tid).then_some(Value::Int(tid))
}

pub(super) fn ismain<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(context.thread?.is_main()))
}

pub(super) fn vtid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(context.thread?.vtid).filter(|&vtid| vtid != -1).map(Value::Int)
}

pub(super) fn nametid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let mut out = context.buffer();
    out.extend_from_slice_copy(&context.thread?.comm);
    write!(out, "{}", context.event.tid).ok()?;
    Some(Value::Bytes(out.into_bump_slice()))
}

pub(super) fn totexectime<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    context.thread?;
    Some(Value::UInt(0))
}

pub(super) fn cgroups<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let mut out = context.buffer();
    for (subsystem, path) in context.thread?.cgroups() {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice_copy(subsystem);
        out.push(b'=');
        out.extend_from_slice_copy(path);
    }
    (!out.is_empty()).then(|| Value::Bytes(out.into_bump_slice()))
}

pub(super) fn cgroup<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let Arg::Key(subsystem) = &field.arg else { return None };
    context.thread?.cgroup(subsystem).map(Value::Bytes)
}

pub(super) fn cpu<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    context.thread?;
    (context.event.id == id::PROCINFO_E).then_some(Value::Double(0.0))
}

/// KiB of memory of a main thread, 0 for others.
fn memory(context: &EventContext<'_>, kib: fn(&crate::state::Thread) -> u32) -> Option<u64> {
    let thread = context.thread?;
    Some(if thread.is_main() { u64::from(kib(thread)) } else { 0 })
}

pub(super) fn vmsize<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    memory(context, |thread| thread.vm_size).map(Value::UInt)
}

pub(super) fn vmrss<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    memory(context, |thread| thread.vm_rss).map(Value::UInt)
}

pub(super) fn vmsize_b<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    memory(context, |thread| thread.vm_size).map(|kib| Value::UInt(kib * 1024))
}

pub(super) fn vmrss_b<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    memory(context, |thread| thread.vm_rss).map(|kib| Value::UInt(kib * 1024))
}
