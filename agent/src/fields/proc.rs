//! Getters of the process and of its ancestors.

use bumpalo::collections::Vec as BumpVec;
use saker_filter::{Arg, Field, Value};

use super::EventContext;
use crate::state::{Fd, State, Thread};

type Got<'e> = Option<Value<'e>>;
type Out<'e> = BumpVec<'e, u8>;

/// The process at a level above the thread: 0 is its own main thread, 1 the parent.
fn ancestor<'e>(context: &EventContext<'e>, level: u32) -> Option<&'e Thread> {
    match level.checked_sub(1) {
        None => context.leader(),
        Some(above) => context.state.ancestors(context.thread?).nth(usize::try_from(above).ok()?),
    }
}

fn parent<'e>(context: &EventContext<'e>) -> Option<&'e Thread> {
    ancestor(context, 1)
}

/// A field of an ancestor: of one level; or without a level, in a condition of every ancestor at once, in an output
/// of all of them with spaces between.
fn of_ancestors<'e>(
    context: &EventContext<'e>,
    field: &Field,
    get: impl Fn(&EventContext<'e>, &'e Thread) -> &'e [u8],
) -> Got<'e> {
    match field.arg {
        Arg::Index(level) => Some(Value::Bytes(get(context, ancestor(context, level)?))),
        _ if context.shown.get() => joined(context, get),
        _ => every_ancestor(context, get),
    }
}

/// A text of every ancestor, each to be compared for itself.
fn every_ancestor<'e>(
    context: &EventContext<'e>,
    get: impl Fn(&EventContext<'e>, &'e Thread) -> &'e [u8],
) -> Got<'e> {
    let ancestors = context.state.ancestors(context.thread?);
    let values = ancestors.map(|thread| Value::Bytes(get(context, thread)));
    Some(Value::List(BumpVec::from_iter_in(values, context.arena).into_bump_slice()))
}

/// A text of every ancestor, nearest first, with spaces between; null if all are empty.
fn joined<'e>(
    context: &EventContext<'e>,
    get: impl Fn(&EventContext<'e>, &'e Thread) -> &'e [u8],
) -> Got<'e> {
    let mut out = context.buffer();
    for thread in context.state.ancestors(context.thread?) {
        if !out.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice_copy(get(context, thread));
    }
    (!out.is_empty()).then(|| Value::Bytes(out.into_bump_slice()))
}

fn push_args(thread: &Thread, out: &mut Out<'_>) {
    for (position, arg) in thread.args().enumerate() {
        if position > 0 {
            out.push(b' ');
        }
        out.extend_from_slice_copy(arg);
    }
}

fn args_of<'e>(context: &EventContext<'e>, thread: &Thread) -> &'e [u8] {
    let mut out = context.buffer();
    push_args(thread, &mut out);
    out.into_bump_slice()
}

fn cmdline_of<'e>(context: &EventContext<'e>, thread: &Thread) -> &'e [u8] {
    let mut out = context.buffer();
    out.extend_from_slice_copy(&thread.comm);
    for arg in thread.args() {
        out.push(b' ');
        out.extend_from_slice_copy(arg);
    }
    out.into_bump_slice()
}

fn env_of<'e>(context: &EventContext<'e>, thread: &'e Thread) -> &'e [u8] {
    let mut out = context.buffer();
    for (position, variable) in context.state.env(thread).enumerate() {
        if position > 0 {
            out.push(b' ');
        }
        out.extend_from_slice_copy(variable);
    }
    out.into_bump_slice()
}

/// The value of an environment variable without the blanks around it, empty if there is none.
fn variable_of<'e>(context: &EventContext<'e>, thread: &'e Thread, name: &[u8]) -> &'e [u8] {
    context
        .state
        .env(thread)
        .find_map(|variable| {
            variable.strip_prefix(name)?.strip_prefix(b"=").filter(|value| !value.is_empty())
        })
        .map(|value| {
            let start = value.iter().position(|&byte| byte != b' ').unwrap_or(value.len());
            let end = value.iter().rposition(|&byte| byte != b' ').map_or(start, |last| last + 1);
            &value[start..end]
        })
        .unwrap_or_default()
}

pub(super) fn name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(&context.thread?.comm))
}

pub(super) fn comm<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(context.thread?.current_comm()))
}

pub(super) fn pname<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(&parent(context)?.comm))
}

pub(super) fn aname<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    of_ancestors(context, field, |_, thread| &thread.comm)
}

pub(super) fn exe<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(context.thread?.exe()))
}

pub(super) fn pexe<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(parent(context)?.exe()))
}

pub(super) fn aexe<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    of_ancestors(context, field, |_, thread| thread.exe())
}

pub(super) fn exepath<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(context.thread?.exepath()))
}

pub(super) fn pexepath<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(parent(context)?.exepath()))
}

pub(super) fn aexepath<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    of_ancestors(context, field, |_, thread| thread.exepath())
}

pub(super) fn args<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let thread = context.thread?;
    Some(Value::Bytes(match field.arg {
        // An argument that is not there is empty, as in Falco, not null.
        Arg::Index(position) => thread.args().nth(position as usize).unwrap_or_default(),
        _ => args_of(context, thread),
    }))
}

pub(super) fn aargs<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    match field.arg {
        Arg::Index(level) => Some(Value::Bytes(args_of(context, ancestor(context, level)?))),
        _ => joined(context, |context, thread| args_of(context, thread)),
    }
}

pub(super) fn cmdline<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let thread = context.thread?;
    Some(Value::Bytes(context.cmdline.get_or_init(|| cmdline_of(context, thread))))
}

pub(super) fn pcmdline<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(cmdline_of(context, parent(context)?)))
}

pub(super) fn acmdline<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    of_ancestors(context, field, |context, thread| cmdline_of(context, thread))
}

pub(super) fn cmdnargs<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(context.thread?.args().count() as u64))
}

pub(super) fn cmdlenargs<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(context.thread?.args().map(<[u8]>::len).sum::<usize>() as u64))
}

pub(super) fn exeline<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let thread = context.thread?;
    let mut out = context.buffer();
    out.extend_from_slice_copy(thread.exe());
    out.push(b' ');
    push_args(thread, &mut out);
    Some(Value::Bytes(out.into_bump_slice()))
}

pub(super) fn env<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let thread = context.thread?;
    Some(Value::Bytes(match &field.arg {
        Arg::Key(name) => variable_of(context, thread, name),
        _ => env_of(context, thread),
    }))
}

/// How far up `proc.aenv[NAME]` looks.
const ENV_LEVELS: usize = 20;

pub(super) fn aenv<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let thread = context.thread?;
    match &field.arg {
        Arg::Key(name) => {
            let ancestors = context.state.ancestors(thread).take(ENV_LEVELS);
            let mut values = ancestors.map(|ancestor| variable_of(context, ancestor, name));
            Some(Value::Bytes(values.find(|value| !value.is_empty()).unwrap_or_default()))
        }
        // A level counts in outputs only: a condition asks all ancestors, as in Falco.
        Arg::Index(_) | Arg::None if !context.shown.get() => every_ancestor(context, env_of),
        // Nothing is known of a process without a main thread, but it has an environment.
        Arg::Index(_) if context.leader().is_none() => Some(Value::Bytes(b"")),
        Arg::Index(level) => Some(Value::Bytes(env_of(context, ancestor(context, *level)?))),
        Arg::None => Some(Value::Bytes(env_of(context, thread))),
    }
}

pub(super) fn cwd<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bytes(context.state.cwd(context.thread?).unwrap_or(b"./")))
}

pub(super) fn loginshellid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let leader = context.leader()?;
    std::iter::once(leader)
        .chain(context.state.ancestors(leader))
        .filter(|thread| thread.comm.ends_with(b"sh"))
        .last()
        .map(|shell| Value::Int(shell.pid))
}

pub(super) fn tty<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(u64::from(context.thread?.tty)))
}

/// Ids beyond what the kernel gives out mean nothing.
fn id<'e>(number: i64) -> Got<'e> {
    (-1..=i64::from(u32::MAX)).contains(&number).then_some(Value::Int(number))
}

pub(super) fn pid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    id(context.thread?.pid)
}

pub(super) fn ppid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    id(parent(context)?.pid)
}

pub(super) fn apid<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    match field.arg {
        Arg::Index(level) => id(ancestor(context, level)?.pid),
        _ if context.shown.get() => id(context.leader()?.pid),
        _ => {
            let ancestors = context.state.ancestors(context.thread?);
            let pids = ancestors.map(|thread| Value::Int(thread.pid));
            Some(Value::List(BumpVec::from_iter_in(pids, context.arena).into_bump_slice()))
        }
    }
}

pub(super) fn vpid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(context.thread?.vpid).filter(|&vpid| vpid != -1).map(Value::Int)
}

pub(super) fn pvpid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Int(parent(context)?.vpid))
}

pub(super) fn sid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Int(context.thread?.sid))
}

pub(super) fn vpgid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Int(context.thread?.vpgid))
}

pub(super) fn pgid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Int(context.thread?.pgid))
}

/// Who leads a session or group that a thread is in.
type Leader = for<'s> fn(&'s State, &'s Thread) -> Option<&'s Thread>;

fn of_leader<'e>(context: &EventContext<'e>, leader: Leader, get: fn(&Thread) -> &[u8]) -> Got<'e> {
    Some(Value::Bytes(leader(context.state, context.thread?).map_or(&[], get)))
}

pub(super) fn sname<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    of_leader(context, State::session_leader, |leader| &leader.comm)
}

pub(super) fn sid_exe<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    of_leader(context, State::session_leader, Thread::exe)
}

pub(super) fn sid_exepath<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    of_leader(context, State::session_leader, Thread::exepath)
}

pub(super) fn vpgid_name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    of_leader(context, State::vgroup_leader, |leader| &leader.comm)
}

pub(super) fn vpgid_exe<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    of_leader(context, State::vgroup_leader, Thread::exe)
}

pub(super) fn vpgid_exepath<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    of_leader(context, State::vgroup_leader, Thread::exepath)
}

pub(super) fn pgid_name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    of_leader(context, State::group_leader, |leader| &leader.comm)
}

pub(super) fn pgid_exe<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    of_leader(context, State::group_leader, Thread::exe)
}

pub(super) fn pgid_exepath<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    of_leader(context, State::group_leader, Thread::exepath)
}

/// Time since a process was made; null if nobody told when.
fn since<'e>(context: &EventContext<'e>, thread: &Thread) -> Got<'e> {
    (thread.clone_ts != 0).then(|| Value::UInt(context.event.ts.wrapping_sub(thread.clone_ts)))
}

pub(super) fn duration<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    since(context, context.thread?)
}

pub(super) fn ppid_duration<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    since(context, parent(context)?)
}

/// Numbers where 0 means that nobody told.
fn told<'e>(number: u64) -> Got<'e> {
    (number != 0).then_some(Value::UInt(number))
}

pub(super) fn pid_ts<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    told(context.thread?.clone_ts)
}

pub(super) fn ppid_ts<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(parent(context)?.clone_ts))
}

pub(super) fn is_exe_writable<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(context.thread?.image.writable))
}

pub(super) fn is_exe_upper_layer<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(context.thread?.image.upper_layer))
}

pub(super) fn is_exe_lower_layer<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(context.thread?.image.lower_layer))
}

pub(super) fn is_exe_from_memfd<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(context.thread?.image.from_memfd))
}

pub(super) fn is_sid_leader<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let thread = context.thread?;
    Some(Value::Bool(thread.sid == thread.vpid))
}

pub(super) fn is_vpgid_leader<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let thread = context.thread?;
    Some(Value::Bool(thread.vpgid == thread.vpid))
}

pub(super) fn is_pgid_leader<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let thread = context.thread?;
    Some(Value::Bool(thread.pgid == thread.pid))
}

pub(super) fn exe_ino<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let ino = context.thread?.image.ino;
    (ino != 0).then_some(Value::Int(ino as i64))
}

pub(super) fn exe_ino_ctime<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    told(context.thread?.image.ctime)
}

pub(super) fn exe_ino_mtime<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    told(context.thread?.image.mtime)
}

pub(super) fn exe_ino_ctime_duration_proc_start<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    told(context.thread?.exe_ctime_to_clone)
}

pub(super) fn exe_ino_ctime_duration_pidns_start<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    told(context.thread?.pidns_start_to_exe_ctime)
}

pub(super) fn pidns_init_start_ts<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    told(context.thread?.pidns_init_start_ts)
}

fn open_fds(context: &EventContext<'_>) -> Option<u64> {
    context.thread?;
    Some(context.leader().and_then(|leader| context.state.fds(leader)).map_or(0, |fds| fds.len() as u64))
}

fn fd_limit(context: &EventContext<'_>) -> Option<i64> {
    Some(context.state.fd_limit(context.thread?))
}

pub(super) fn fdopencount<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    open_fds(context).map(Value::UInt)
}

pub(super) fn fdlimit<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    fd_limit(context).map(Value::Int)
}

pub(super) fn fdusage<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let (open, limit) = (open_fds(context)?, fd_limit(context)?);
    Some(Value::Double(match u64::try_from(limit) {
        Ok(0) | Err(_) => 0.0,
        Ok(limit) if open > limit => 100.0,
        Ok(limit) => open as f64 * 100.0 / limit as f64,
    }))
}

pub(super) fn vmsize<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(u64::from(context.thread?.vm_size)))
}

pub(super) fn vmrss<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(u64::from(context.thread?.vm_rss)))
}

pub(super) fn vmswap<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(u64::from(context.thread?.vm_swap)))
}

pub(super) fn nthreads<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(context.state.thread_count(context.thread?)))
}

pub(super) fn nchilds<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::UInt(context.state.child_count(context.thread?)))
}

fn standard<'e>(context: &EventContext<'e>, fd: i64) -> Option<&'e Fd> {
    context.state.fd(context.thread?, fd)
}

fn standard_type<'e>(context: &EventContext<'e>, fd: i64) -> Got<'e> {
    Some(Value::Bytes(standard(context, fd)?.kind.name().as_bytes()))
}

fn standard_name<'e>(context: &EventContext<'e>, fd: i64) -> Got<'e> {
    Some(Value::Bytes(&standard(context, fd)?.name))
}

pub(super) fn stdin_type<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    standard_type(context, 0)
}

pub(super) fn stdout_type<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    standard_type(context, 1)
}

pub(super) fn stderr_type<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    standard_type(context, 2)
}

pub(super) fn stdin_name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    standard_name(context, 0)
}

pub(super) fn stdout_name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    standard_name(context, 1)
}

pub(super) fn stderr_name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    standard_name(context, 2)
}
