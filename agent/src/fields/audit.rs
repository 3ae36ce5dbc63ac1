//! Getters of the audit log: what a field takes from the document of an event.
//!
//! A field that is not there is null, also a list without items. Values that are no text show as JSON.

use std::collections::BTreeSet;

use bumpalo::collections::Vec as BumpVec;
use saker_filter::{Arg, Field, Value};

use super::audit_table::EXTRACTS;
use super::{AUDIT_BASE, EventContext, Origin};
use crate::containers::repository_and_tag;
use crate::k8s::audit::Json;
use crate::k8s::posture;
use crate::rules::SYSCALL;

type Got<'e> = Option<Value<'e>>;
type Path = &'static [&'static str];

/// What a field takes from a document.
#[derive(Clone, Copy, Debug)]
pub(super) enum Extract {
    /// What lies there.
    Path(Path),
    /// An annotation of the event.
    Annotation(&'static str),
    /// The items of the list that lies there.
    Items(Path),
    /// Of each item of a list (or of the one with the field's number) what lies at a path in it. Lists there are
    /// joined, and items without it left out.
    Parts(Path, Path),
    /// Images of containers without tag and digest.
    Repositories(Path),
    /// Ports of the host that containers take.
    HostPorts(Path),
    /// What containers start as: their own setting, else that of the pod, else 0.
    Effective(Path, &'static str),
    /// Names of the subjects of a binding that are of a kind; with their namespace, if so.
    Subjects(&'static str, bool),
    /// What lies at a path in the first container; without what follows the name of an image, if so.
    First(Path, bool),
    /// Whether some container is privileged.
    AnyPrivileged,
    /// Whether a volume is the path of the host that the argument names.
    HostPath,
    /// The keys of the volumes that are not their names.
    VolumeTypes,
    /// The parameter of the URI that the argument names.
    UriParameter,
    /// The name of the pod.
    PodName,
    /// What the argument, a JSON pointer, points at.
    Pointer,
    /// The document.
    Whole,
    /// The time.
    Time,
    /// The codes of what posture checks find.
    Findings,
    /// True.
    True,
}

const CONTAINERS: Path = &["requestObject", "spec", "containers"];
const VOLUMES: Path = &["requestObject", "spec", "volumes"];

/// Reads the value of any field of the table.
pub(super) fn get<'e>(context: &EventContext<'e>, field: &Field) -> Got<'e> {
    let document = context.origin.document()?;
    let extract = EXTRACTS.get(usize::from(field.id.checked_sub(AUDIT_BASE)?))?;
    Reader { context, document, arg: &field.arg }.extract(*extract)
}

/// `evt.source`.
pub(super) fn source<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let source = match context.origin {
        Origin::Kernel => SYSCALL,
        Origin::AuditLog(_) => crate::k8s::audit::SOURCE,
        Origin::Plugin(event) => event.source,
    };
    Some(Value::Bytes(source.as_bytes()))
}

/// `evt.pluginname`.
pub(super) fn plugin_name<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    let name = match context.origin {
        Origin::Kernel => return None,
        Origin::AuditLog(_) => crate::k8s::audit::K8SAUDIT,
        Origin::Plugin(event) => event.plugin,
    };
    Some(Value::Bytes(name.as_bytes()))
}

/// `evt.plugininfo`: of the audit log the document on one line, of a plugin what it says itself.
pub(super) fn plugin_info<'e>(context: &EventContext<'e>, _: &Field) -> Got<'e> {
    match context.origin {
        Origin::Kernel => None,
        Origin::AuditLog(document) => {
            let text = serde_json::to_vec(document).ok()?;
            Some(Value::Bytes(context.arena.alloc_slice_copy(&text)))
        }
        Origin::Plugin(event) => event.told.summary.map(|summary| Value::Bytes(summary)),
    }
}

struct Reader<'c, 'e> {
    context: &'c EventContext<'e>,
    document: &'e Json,
    arg: &'c Arg,
}

impl<'e> Reader<'_, 'e> {
    fn extract(&self, extract: Extract) -> Got<'e> {
        match extract {
            Extract::Path(path) => self.shown(self.document.at(path)?),
            Extract::Annotation(name) => self.shown(self.document.at(&["annotations", name])?),
            Extract::Items(path) => self.list(self.document.at(path)?.items()?.iter().map(Part::Whole)),
            Extract::Parts(list, path) => {
                let found = self.items(list)?.iter().filter_map(|item| item.at(path));
                self.list(found.flat_map(|value| flat(value).iter().map(Part::Whole)))
            }
            Extract::Repositories(list) => {
                let images = self.items(list)?.iter().filter_map(|item| item.get("image")?.text());
                self.list(images.map(|image| Part::Text(repository_and_tag(image).0)))
            }
            Extract::HostPorts(list) => {
                let ports = self.items(list)?.iter().filter_map(|item| item.get("ports")?.items()).flatten();
                let taken = ports.filter_map(|port| port.get("hostPort").or(port.get("containerPort")));
                self.list(taken.map(Part::Whole))
            }
            Extract::Effective(list, key) => {
                let pod = self.document.at(&["requestObject", "spec", "securityContext", key]);
                let own = self.items(list)?.iter().map(|item| item.at(&["securityContext", key]).or(pod));
                self.list(own.map(|id| id.map_or(Part::Text("0"), Part::Whole)))
            }
            Extract::Subjects(kind, with_namespace) => {
                let subjects = self.document.at(&["requestObject", "subjects"])?.items()?.iter();
                let named = subjects.filter(|subject| subject.get("kind").and_then(Json::text) == Some(kind));
                self.list(named.filter_map(|subject| {
                    let name = subject.get("name")?.text()?;
                    match with_namespace {
                        true => Some(Part::Joined(subject.get("namespace")?.text()?, name)),
                        false => Some(Part::Text(name)),
                    }
                }))
            }
            Extract::First(path, is_image) => {
                let value = self.document.at(CONTAINERS)?.items()?.first()?.at(path)?;
                match value.text() {
                    Some(text) if is_image => Some(Value::Bytes(repository_and_tag(text).0.as_bytes())),
                    _ => self.shown(value),
                }
            }
            Extract::AnyPrivileged => {
                let mut containers = self.document.at(CONTAINERS)?.items()?.iter();
                let set = &Json::Bool(true);
                Some(truth(containers.any(|one| one.at(&["securityContext", "privileged"]) == Some(set))))
            }
            Extract::HostPath => {
                let Arg::Key(wanted) = self.arg else { return None };
                let mut paths = self.document.at(VOLUMES)?.items()?.iter();
                let fits = |path: &str| match wanted.strip_suffix(b"*") {
                    Some(prefix) => path.as_bytes().starts_with(prefix),
                    None => path.as_bytes() == &**wanted,
                };
                Some(truth(
                    paths.any(|volume| {
                        volume.at(&["hostPath", "path"]).and_then(Json::text).is_some_and(fits)
                    }),
                ))
            }
            Extract::VolumeTypes => {
                let members = self.items(VOLUMES)?.iter().flat_map(|volume| volume.members());
                let types = members.map(|(key, _)| &**key).filter(|key| *key != "name");
                self.list(types.map(Part::Text))
            }
            Extract::UriParameter => {
                let Arg::Key(wanted) = self.arg else { return None };
                let uri = self.document.get("requestURI")?.text()?;
                let query = uri.split_once('?')?.1.split('#').next()?;
                let (_, value) = form_urlencoded::parse(query.as_bytes())
                    .find(|(name, _)| name.as_bytes() == &**wanted)?;
                Some(Value::Bytes(self.context.arena.alloc_slice_copy(value.as_bytes())))
            }
            Extract::PodName => {
                let reference = self.document.get("objectRef")?;
                (reference.get("resource")?.text()? == "pods").then_some(())?;
                let answered = || self.document.at(&["responseObject", "metadata", "name"]);
                self.shown(reference.get("name").or_else(answered)?)
            }
            Extract::Pointer => {
                let Arg::Key(pointer) = self.arg else { return None };
                self.shown(self.document.pointer(std::str::from_utf8(pointer).ok()?)?)
            }
            Extract::Whole => {
                let text = serde_json::to_vec_pretty(self.document).ok()?;
                Some(Value::Bytes(self.context.arena.alloc_slice_copy(&text)))
            }
            Extract::Time => {
                let text = self.context.event.ts.to_string();
                Some(Value::Bytes(self.context.arena.alloc_slice_copy(text.as_bytes())))
            }
            Extract::Findings => {
                let is_patch = self.document.get("verb")?.text()? == "patch";
                let object = self.document.get(if is_patch { "responseObject" } else { "requestObject" })?;
                let pods = posture::pods(object);
                let found = pods.iter().flat_map(|pod| posture::check(pod.spec));
                let codes: BTreeSet<&str> = found.map(|finding| finding.check.code).collect();
                self.list(codes.into_iter().map(Part::Text))
            }
            Extract::True => Some(truth(true)),
        }
    }

    /// The items of a list, or the one that the field's argument numbers.
    fn items(&self, list: Path) -> Option<&'e [Json]> {
        let items = self.document.at(list)?.items()?;
        match *self.arg {
            Arg::Index(index) => items.get(index as usize).map(std::slice::from_ref),
            _ => Some(items),
        }
    }

    /// A text as it is, anything else as JSON.
    fn shown(&self, value: &'e Json) -> Got<'e> {
        Some(Value::Bytes(match value {
            Json::Text(text) => text.as_bytes(),
            other => self.context.arena.alloc_slice_copy(&serde_json::to_vec(other).ok()?),
        }))
    }

    fn list<'p>(&self, parts: impl Iterator<Item = Part<'p, 'e>>) -> Got<'e>
    where
        'e: 'p,
    {
        let mut values = BumpVec::new_in(self.context.arena);
        for part in parts {
            values.push(match part {
                Part::Whole(value) => self.shown(value)?,
                Part::Text(text) => Value::Bytes(text.as_bytes()),
                Part::Joined(one, two) => {
                    let joined = [one, ":", two].concat();
                    Value::Bytes(self.context.arena.alloc_slice_copy(joined.as_bytes()))
                }
            });
        }
        (!values.is_empty()).then(|| Value::List(values.into_bump_slice()))
    }
}

/// An item of a list.
enum Part<'p, 'e> {
    Whole(&'e Json),
    Text(&'e str),
    Joined(&'p str, &'p str),
}

/// The items of a list; anything else alone.
fn flat(value: &Json) -> &[Json] {
    value.items().unwrap_or(std::slice::from_ref(value))
}

fn truth(value: bool) -> Value<'static> {
    Value::Bytes(if value { b"true" } else { b"false" })
}
