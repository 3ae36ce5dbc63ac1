//! Getters of containers and pods: what the built-in container plugin knows from cgroups and container events.

use saker_filter::{Arg, Field, Value};

use super::EventContext;
use crate::state::{Bytes, ContainerInfo, Mount};

type Got<'e> = Option<Value<'e>>;

const HOST: &[u8] = b"host";

/// Characters of a container's id that identify it.
const SHORT_ID: usize = 12;

pub(super) fn null<'e>(_: &EventContext<'e>, _: &Field) -> Got<'e> {
    None
}

/// Where a process lives.
enum Place<'e> {
    Host,
    Container(&'e ContainerInfo),
}

/// Where the process lives, or which container the event tells of. `None` also for a container of which nothing is known
/// but its id.
fn place<'e>(context: &EventContext<'e>) -> Option<Place<'e>> {
    if let Some(container) = context.state.subject_container(&context.subject) {
        return Some(Place::Container(container));
    }
    match context.state.container(context.thread?) {
        Some(container) => Some(Place::Container(container)),
        None => context.container_id().is_empty().then_some(Place::Host),
    }
}

fn container<'e>(context: &EventContext<'e>) -> Option<&'e ContainerInfo> {
    match place(context)? {
        Place::Host => None,
        Place::Container(container) => Some(container),
    }
}

/// A text of the container; another one on the host.
fn text_or<'e>(
    context: &EventContext<'e>,
    host: &'static [u8],
    get: impl Fn(&'e ContainerInfo) -> &'e [u8],
) -> Got<'e> {
    Some(Value::Bytes(match place(context)? {
        Place::Host => host,
        Place::Container(container) => get(container),
    }))
}

fn text<'e>(context: &EventContext<'e>, get: impl Fn(&'e ContainerInfo) -> &'e [u8]) -> Got<'e> {
    text_or(context, b"", get)
}

fn truth<'e>(context: &EventContext<'e>, get: impl Fn(&ContainerInfo) -> bool) -> Got<'e> {
    Some(Value::Bool(match place(context)? {
        Place::Host => false,
        Place::Container(container) => get(container),
    }))
}

pub(super) fn id<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    match place(context) {
        None if context.thread.is_some() => Some(Value::Bytes(context.container_id())),
        _ => text_or(context, HOST, |container| &container.id),
    }
}

pub(super) fn full_id<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text_or(context, HOST, |container| &container.full_id)
}

pub(super) fn name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text_or(context, HOST, |container| &container.name)
}

pub(super) fn image<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text(context, |container| &container.image)
}

pub(super) fn image_id<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text(context, |container| &container.image_id)
}

pub(super) fn image_repository<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text(context, |container| &container.image_repo)
}

pub(super) fn image_tag<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text(context, |container| &container.image_tag)
}

pub(super) fn image_digest<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text(context, |container| &container.image_digest)
}

pub(super) fn ty<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text_or(context, HOST, |container| container.kind.name().as_bytes())
}

pub(super) fn privileged<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    truth(context, |container| container.privileged)
}

pub(super) fn host_pid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    truth(context, |container| container.host_pid)
}

pub(super) fn host_network<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    truth(context, |container| container.host_network)
}

pub(super) fn host_ipc<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    truth(context, |container| container.host_ipc)
}

pub(super) fn incomplete<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    Some(Value::Bool(match place(context) {
        Some(Place::Host) => false,
        Some(Place::Container(container)) => container.incomplete,
        None => context.thread.is_some().then_some(true)?,
    }))
}

fn rdwr(mount: &Mount) -> &'static [u8] {
    if mount.rdwr { b"true" } else { b"false" }
}

/// `source:dest:mode:rdrw:propagation`.
fn push_mount(mount: &Mount, out: &mut bumpalo::collections::Vec<'_, u8>) {
    for (position, part) in
        [&*mount.source, &*mount.dest, &*mount.mode, rdwr(mount), &*mount.propagation].into_iter().enumerate()
    {
        if position > 0 {
            out.push(b':');
        }
        out.extend_from_slice_copy(part);
    }
}

pub(super) fn mounts<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let mut out = context.buffer();
    if let Place::Container(container) = place(context)? {
        for (position, mount) in container.mounts.iter().enumerate() {
            if position > 0 {
                out.push(b',');
            }
            push_mount(mount, &mut out);
        }
    }
    Some(Value::Bytes(out.into_bump_slice()))
}

/// The mount that the argument means: by number, or the first whose path matches a pattern.
fn find<'e>(context: &EventContext<'e>, arg: &Arg, path: fn(&Mount) -> &[u8]) -> Option<&'e Mount> {
    let mounts = &container(context)?.mounts;
    match arg {
        Arg::Index(number) => mounts.get(*number as usize),
        Arg::Key(pattern) => mounts.iter().find(|mount| glob(pattern, path(mount))),
        Arg::None => None,
    }
}

/// Whether a text matches a pattern of `*` (any text) and `?` (any byte). Time is bounded by the product of the
/// lengths: only the last star is tried again.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut tried) = (0, 0);
    let mut star = None;
    while tried < text.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, tried));
                at += 1;
            }
            Some(&byte) if byte == b'?' || byte == text[tried] => {
                at += 1;
                tried += 1;
            }
            _ => match star {
                Some((back, from)) => {
                    star = Some((back, from + 1));
                    at = back + 1;
                    tried = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

pub(super) fn mount<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let mut out = context.buffer();
    push_mount(find(context, &field.arg, |mount| &mount.source)?, &mut out);
    Some(Value::Bytes(out.into_bump_slice()))
}

pub(super) fn mount_source<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    Some(Value::Bytes(&find(context, &field.arg, |mount| &mount.dest)?.source))
}

pub(super) fn mount_dest<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    Some(Value::Bytes(&find(context, &field.arg, |mount| &mount.source)?.dest))
}

pub(super) fn mount_mode<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    Some(Value::Bytes(&find(context, &field.arg, |mount| &mount.source)?.mode))
}

pub(super) fn mount_rdwr<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    Some(Value::Bytes(rdwr(find(context, &field.arg, |mount| &mount.source)?)))
}

pub(super) fn mount_propagation<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    Some(Value::Bytes(&find(context, &field.arg, |mount| &mount.source)?.propagation))
}

fn started(context: &EventContext<'_>) -> Option<u64> {
    Some(context.thread?.pidns_init_start_ts).filter(|&ts| ts != 0)
}

pub(super) fn start_ts<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    started(context).map(Value::UInt)
}

pub(super) fn duration<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    started(context).map(|ts| Value::UInt(context.event.ts.wrapping_sub(ts)))
}

pub(super) fn ip<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text(context, |container| &container.ip)
}

pub(super) fn cni_json<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text(context, |container| &container.cni_json)
}

type Labels = [(Bytes, Bytes)];

fn find_label<'e>(labels: &'e Labels, name: &[u8]) -> Got<'e> {
    labels.iter().find(|(key, _)| **key == *name).map(|(_, value)| Value::Bytes(value))
}

/// Labels as `key:value`, without those that only the kubelet needs.
fn join_labels<'e>(context: &EventContext<'e>, get: impl Fn(&ContainerInfo) -> &Labels) -> Got<'e> {
    let mut out = context.buffer();
    if let Place::Container(container) = place(context)? {
        for (key, value) in get(container) {
            if key.starts_with(b"annotation.") || key.starts_with(b"io.kubernetes.") {
                continue;
            }
            if !out.is_empty() {
                out.extend_from_slice_copy(b", ");
            }
            out.extend_from_slice_copy(key);
            if !value.is_empty() {
                out.push(b':');
                out.extend_from_slice_copy(value);
            }
        }
    }
    Some(Value::Bytes(out.into_bump_slice()))
}

pub(super) fn label<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let Arg::Key(name) = &field.arg else { return None };
    find_label(&container(context)?.labels, name)
}

pub(super) fn labels<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    join_labels(context, |container| &container.labels)
}

/// A label that the kubelet gives to the containers of a pod.
fn kubelet_label<'e>(context: &EventContext<'e>, name: &[u8]) -> Got<'e> {
    find_label(&container(context)?.labels, name)
}

pub(super) fn pod_name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    kubelet_label(context, b"io.kubernetes.pod.name")
}

pub(super) fn ns_name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    kubelet_label(context, b"io.kubernetes.pod.namespace")
}

pub(super) fn pod_uid<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    kubelet_label(context, b"io.kubernetes.pod.uid")
}

pub(super) fn pod_sandbox_id<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text(context, |container| {
        let id = &container.pod_sandbox_id;
        &id[..id.len().min(SHORT_ID)]
    })
}

pub(super) fn pod_full_sandbox_id<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    text(context, |container| &container.pod_sandbox_id)
}

pub(super) fn pod_label<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let Arg::Key(name) = &field.arg else { return None };
    find_label(&container(context)?.pod_sandbox_labels, name)
}

pub(super) fn pod_labels<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    join_labels(context, |container| &container.pod_sandbox_labels)
}

/// Text that a pod's sandbox gives to its containers: null if the sandbox is not known, empty without a sandbox.
fn of_pod<'e>(context: &EventContext<'e>, get: impl Fn(&'e ContainerInfo) -> &'e [u8]) -> Got<'e> {
    match place(context)? {
        Place::Container(container) if !container.cni_json.is_empty() => Some(Value::Bytes(get(container))),
        Place::Container(container) if !container.pod_sandbox_id.is_empty() => None,
        _ => Some(Value::Bytes(b"")),
    }
}

pub(super) fn pod_ip<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    of_pod(context, |container| &container.ip)
}

pub(super) fn pod_cni_json<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    of_pod(context, |container| &container.cni_json)
}

#[cfg(test)]
mod tests {
    use super::glob;

    #[test]
    fn mounts_are_found_by_pattern() {
        let matches = [
            ("/a", "/a"),
            ("/a*", "/abc"),
            ("*c", "/abc"),
            ("/?b*", "/abc"),
            ("/a/*/c", "/a/b/c"),
            ("*", ""),
        ];
        let others = [("/a", "/ab"), ("", "a"), ("/?", "/"), ("*b", "/abc")];
        assert!(matches.iter().all(|(pattern, text)| glob(pattern.as_bytes(), text.as_bytes())));
        assert!(!others.iter().any(|(pattern, text)| glob(pattern.as_bytes(), text.as_bytes())));
    }
}
