//! Getters of the paths that calls on the file system name.

use saker_filter::{Arg, Field, Value};

use super::{EventContext, fd, params, print};
use crate::event::{Event, EventId, id};

type Got<'e> = Option<Value<'e>>;

/// Stands for a directory that nobody knows.
const UNKNOWN_DIR: &[u8] = b"<UNKNOWN>/";

/// Where the path of a call stands.
#[derive(Clone, Copy)]
enum Place {
    /// The parameter of this index.
    Param(usize),
    /// The descriptor that the call is about.
    Descriptor,
}

/// Which of the paths of a call.
#[derive(Clone, Copy)]
enum Which {
    Only,
    Source,
    Target,
}

/// Where an event has a path.
fn place(event: EventId, which: Which) -> Option<Place> {
    use Place::{Descriptor, Param};
    let place = match (event, which) {
        (id::SYSCALL_OPEN_X, Which::Only) => Param(1),
        (id::SYSCALL_OPENAT_2_X | id::SYSCALL_OPENAT2_X, Which::Only) => Param(2),
        (id::SYSCALL_MKDIR_2_X | id::SYSCALL_RMDIR_2_X | id::SYSCALL_UNLINK_2_X, Which::Only) => Param(1),
        (id::SYSCALL_MKDIRAT_X | id::SYSCALL_UNLINKAT_2_X, Which::Only) => Param(2),
        (id::SYSCALL_CHMOD_X, Which::Only) => Param(1),
        (id::SYSCALL_FCHMODAT_X | id::SYSCALL_FCHOWNAT_X, Which::Only) => Param(2),
        (id::SYSCALL_CHOWN_X | id::SYSCALL_LCHOWN_X, Which::Only) => Param(1),
        (id::SYSCALL_FCHMOD_X | id::SYSCALL_FCHOWN_X, Which::Only) => Descriptor,
        (id::SYSCALL_UMOUNT_X | id::SYSCALL_UMOUNT_1_X | id::SYSCALL_UMOUNT2_X, Which::Only) => {
            return named(event, b"name");
        }
        (id::SYSCALL_QUOTACTL_X, Which::Only) => return named(event, b"special"),
        (id::SYSCALL_RENAME_X | id::SYSCALL_RENAMEAT_X | id::SYSCALL_RENAMEAT2_X, Which::Source) => {
            return named(event, b"oldpath");
        }
        (id::SYSCALL_RENAME_X | id::SYSCALL_RENAMEAT_X | id::SYSCALL_RENAMEAT2_X, Which::Target) => {
            return named(event, b"newpath");
        }
        // The new name is where a link starts, the old one where it leads.
        (id::SYSCALL_LINK_2_X | id::SYSCALL_LINKAT_2_X, Which::Source) => return named(event, b"newpath"),
        (id::SYSCALL_LINK_2_X | id::SYSCALL_LINKAT_2_X, Which::Target) => return named(event, b"oldpath"),
        (id::SYSCALL_SYMLINK_X | id::SYSCALL_SYMLINKAT_X, Which::Source) => return named(event, b"linkpath"),
        (id::SYSCALL_SYMLINK_X | id::SYSCALL_SYMLINKAT_X, Which::Target) => return named(event, b"target"),
        (id::SYSCALL_MOUNT_X, Which::Source) => return named(event, b"dev"),
        (id::SYSCALL_MOUNT_X, Which::Target) => return named(event, b"dir"),
        _ => return None,
    };
    Some(place)
}

fn named(event: EventId, name: &[u8]) -> Option<Place> {
    let (name, _) = params::longest(name)?;
    params::index(name, event).map(Place::Param)
}

/// Whether the call did what it was asked. Opening counts as done unless it returned -1 exactly, as in Falco: a file
/// that was not found still has a path.
fn succeeded(event: &Event<'_>) -> bool {
    match event.id {
        id::SYSCALL_OPEN_X | id::SYSCALL_OPENAT_2_X | id::SYSCALL_OPENAT2_X => event.param_i64(0) != Some(-1),
        _ => event.param_i64(0) == Some(0),
    }
}

fn raw<'e>(context: &EventContext<'e>, which: Which) -> Option<&'e [u8]> {
    let event = context.event;
    let place = place(event.id, which).filter(|_| succeeded(event))?;
    match place {
        Place::Param(index) => (index < event.param_count()).then(|| print::string(event, index)),
        Place::Descriptor => fd::full_name(context),
    }
}

fn absolute<'e>(context: &EventContext<'e>, which: Which) -> Got<'e> {
    let path = raw(context, which)?;
    if path.first() == Some(&b'/') {
        return Some(Value::Bytes(path));
    }
    let event = context.event;
    if matches!(event.id, id::SYSCALL_OPEN_X | id::SYSCALL_OPENAT_2_X | id::SYSCALL_OPENAT2_X) {
        return fd::full_name(context).map(Value::Bytes);
    }
    let Some(Place::Param(index)) = place(event.id, which) else { return Some(Value::Bytes(path)) };
    context.thread?;
    let base = print::base_dir(context, event.info().params.get(index)?.detail);
    Some(Value::Bytes(context.join(base.unwrap_or(UNKNOWN_DIR), path)))
}

pub(super) fn name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    absolute(context, Which::Only)
}

pub(super) fn nameraw<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    raw(context, Which::Only).map(Value::Bytes)
}

pub(super) fn source<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    absolute(context, Which::Source)
}

pub(super) fn sourceraw<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    raw(context, Which::Source).map(Value::Bytes)
}

pub(super) fn target<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    absolute(context, Which::Target)
}

pub(super) fn targetraw<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    raw(context, Which::Target).map(Value::Bytes)
}

/// The names of the parameters with the directory and the path; the second pair is `evt.abspath.dst`.
fn directory_and_path(event: EventId, second: bool) -> Option<(&'static [u8], &'static [u8])> {
    Some(match (event, second) {
        (id::SYSCALL_RENAMEAT_X | id::SYSCALL_RENAMEAT2_X, false) => (b"olddirfd", b"oldpath"),
        (id::SYSCALL_RENAMEAT_X | id::SYSCALL_RENAMEAT2_X, true) => (b"newdirfd", b"newpath"),
        (id::SYSCALL_LINKAT_2_X, false) => (b"olddir", b"oldpath"),
        (id::SYSCALL_LINKAT_2_X, true) => (b"newdir", b"newpath"),
        (id::SYSCALL_SYMLINKAT_X, _) => (b"linkdirfd", b"linkpath"),
        (id::SYSCALL_OPENAT_2_X | id::SYSCALL_OPENAT2_X | id::SYSCALL_UNLINKAT_2_X, _) => (b"dirfd", b"name"),
        (id::SYSCALL_MKDIRAT_X, _) => (b"dirfd", b"path"),
        (id::SYSCALL_FCHMODAT_X, _) => (b"dirfd", b"filename"),
        (id::SYSCALL_FCHOWNAT_X, _) => (b"dirfd", b"pathname"),
        _ => return None,
    })
}

/// `evt.abspath`: the path of a call, seen from the directory that the call was given.
pub(super) fn abspath<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let thread = context.thread?;
    let event = context.event;
    if event.id == id::SYSCALL_OPEN_BY_HANDLE_AT_X {
        let opened = event.param_i64(0).is_some_and(|fd| fd > 0);
        return opened.then(|| Value::Bytes(context.join(b"", event.param_str(3).unwrap_or_default())));
    }
    let (directory, path) = directory_and_path(event.id, field.arg == Arg::Index(2))?;
    let index = |name| params::index(params::longest(name)?.0, event.id);
    let (directory, path) = (event.param_i64(index(directory)?)?, index(path)?);
    let path = Some(print::string(event, path)).filter(|path| !path.is_empty() && *path != b"<NA>")?;
    let base = match directory {
        _ if path.first() == Some(&b'/') => b"".as_slice(),
        print::AT_FDCWD => context.state.cwd(thread).unwrap_or(b"./"),
        _ => match context.state.fd(thread, directory) {
            None => UNKNOWN_DIR,
            Some(fd) => {
                let mut base = context.buffer();
                base.extend_from_slice_copy(&fd.name);
                base.push(b'/');
                base.into_bump_slice()
            }
        },
    };
    Some(Value::Bytes(context.join(base, path)))
}
