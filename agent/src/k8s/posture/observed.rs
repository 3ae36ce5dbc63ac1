//! Where containers were seen to write, from a capture.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use saker_filter::{Arg, Evaluation, Field, Memo, Program, Schema, Value};

use crate::capture::Snapshot;
use crate::config::Config;
use crate::containers::repository_and_tag;
use crate::event::Event;
use crate::fields::{EventContext, FieldSchema};
use crate::pipeline::Pipeline;

/// A container and the directories that it wrote to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// Its name, if the capture tells it.
    pub name: Option<String>,
    /// Its image without tag, if the capture tells it.
    pub image: Option<String>,
    /// The directories, the least that cover all writes.
    pub directories: Vec<String>,
}

/// What is a write: a file opened for writing, or a change of a directory.
const WRITES: &str = "container.id != host and evt.failed = false and (evt.is_open_write = true and fd.typechar = 'f' or \
                      evt.type in (mkdir, mkdirat, rename, renameat, renameat2, unlink, unlinkat, rmdir, link, linkat, symlink, \
                      symlinkat, creat, mknod, mknodat, chmod, fchmodat, chown, lchown, fchownat, truncate))";

/// What is looked at of such an event. Of paths the first that is there counts.
const FIELDS: [&str; 6] = [
    "container.id",
    "container.name",
    "container.image.repository",
    "fs.path.target",
    "fs.path.name",
    "fd.name",
];

/// Watches the events of a capture.
pub struct Observer {
    pipeline: Pipeline,
    table: saker_filter::CheckTable,
    program: Program,
    memo: Memo,
    fields: Vec<Field>,
    containers: BTreeMap<String, Found>,
}

#[derive(Default)]
struct Found {
    name: Option<String>,
    image: Option<String>,
    directories: BTreeSet<String>,
}

/// The most containers, and the most directories of one, that are kept.
const MAX: usize = 10_000;

impl Observer {
    /// One that has seen nothing yet.
    ///
    /// # Errors
    /// Never, as long as the fields that it asks for exist: says which does not.
    pub fn new(config: &Config) -> Result<Self, String> {
        let schema = FieldSchema::new(true);
        let condition = saker_filter::parse(WRITES, 100).map_err(told)?;
        let checked = saker_filter::check(&condition, &schema).map_err(told)?;
        let mut compiler = saker_filter::Compiler::new();
        compiler.add(&checked.condition);
        let (table, programs) = compiler.finish();
        let fields: Result<Vec<Field>, _> = FIELDS.iter().map(|name| schema.resolve(name, None)).collect();
        Ok(Observer {
            pipeline: Pipeline::new(config),
            table,
            program: programs.into_iter().next().ok_or("no program")?,
            memo: Memo::default(),
            fields: fields.map_err(|error| error.to_string())?,
            containers: BTreeMap::new(),
        })
    }

    /// Takes in what was running when the capture began.
    pub fn begin(&mut self, snapshot: Snapshot) {
        self.pipeline.begin(snapshot);
    }

    /// Takes in an event.
    pub fn event(&mut self, event: &Event<'_>) {
        let Observer { pipeline, table, program, memo, fields, containers } = self;
        pipeline.event(event, true, |context| {
            if Evaluation::new(table, context, memo).matches(program) {
                note(context, fields, containers);
            }
        });
    }

    /// What was seen, container by container.
    pub fn seen(self) -> Vec<Seen> {
        let seen = |found: Found| Seen {
            name: found.name,
            image: found.image,
            directories: least(found.directories),
        };
        self.containers.into_values().map(seen).collect()
    }
}

fn told(errors: Vec<saker_filter::Diagnostic>) -> String {
    errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; ")
}

fn note(context: &EventContext<'_>, fields: &[Field], containers: &mut BTreeMap<String, Found>) {
    let mut texts = fields.iter().map(|field| {
        debug_assert!(field.arg == Arg::None);
        match context.shown(field) {
            Some(Value::Bytes(text)) => std::str::from_utf8(text).ok().map(str::to_owned),
            _ => None,
        }
    });
    let (Some(Some(id)), Some(name), Some(image)) = (texts.next(), texts.next(), texts.next()) else {
        return;
    };
    let Some(path) = texts.flatten().find(|path| path.starts_with('/')) else { return };
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    if containers.len() >= MAX && !containers.contains_key(&id) {
        return;
    }
    let found = containers.entry(id).or_default();
    let known = |text: &String| !text.is_empty() && text != "<NA>" && text != "N/A";
    found.name = found.name.take().or(name.filter(known));
    found.image = found.image.take().or(image.filter(known));
    if found.directories.len() < MAX && !is_kernels(directory) {
        found.directories.insert(if directory.is_empty() { "/" } else { directory }.to_owned());
    }
}

/// What is no file of the image in any case.
fn is_kernels(directory: &str) -> bool {
    ["/proc", "/sys", "/dev"].iter().any(|root| Path::new(directory).starts_with(root))
}

/// Directories in which a volume would hide what an image needs: a volume goes below them.
const SHARED: &[&str] =
    &["", "/", "/var", "/usr", "/etc", "/opt", "/home", "/srv", "/run", "/var/lib", "/var/cache", "/var/log"];

/// The least set of directories that covers all of these: none lies in another, and several in one directory become that one,
/// unless it is one that many share.
fn least(mut directories: BTreeSet<String>) -> Vec<String> {
    loop {
        let mut parents: BTreeMap<&str, usize> = BTreeMap::new();
        for directory in &directories {
            if let Some((parent, _)) = directory.rsplit_once('/') {
                *parents.entry(parent).or_default() += 1;
            }
        }
        let crowded = parents.into_iter().find(|(parent, count)| *count > 1 && !SHARED.contains(parent));
        let Some(parent) = crowded.map(|(parent, _)| parent.to_owned()) else { break };
        directories.retain(|directory| !Path::new(directory).starts_with(&parent));
        directories.insert(parent);
    }
    let all: Vec<String> = directories.into_iter().collect();
    let outer = |path: &&String| {
        !all.iter().any(|other| other != *path && other != "/" && Path::new(path).starts_with(other))
    };
    all.iter().filter(outer).cloned().collect()
}

/// Where a container of a manifest was seen to write: one of that name, else of that image; where the capture tells neither, the
/// only one there is.
pub fn of_container(seen: &[Seen], name: &str, image: Option<&str>) -> Vec<String> {
    let image = image.map(|image| repository_and_tag(image).0);
    let same_image =
        |one: &&Seen| one.image.as_deref().is_some_and(|known| image.is_some_and(|i| is_image(known, i)));
    let found: Vec<&Seen> = match seen {
        [one] if one.name.is_none() && one.image.is_none() => vec![one],
        _ => {
            let named: Vec<&Seen> = seen.iter().filter(|one| one.name.as_deref() == Some(name)).collect();
            if named.is_empty() { seen.iter().filter(same_image).collect() } else { named }
        }
    };
    least(found.into_iter().flat_map(|one| one.directories.iter().cloned()).collect())
}

/// Whether two names mean the same image: a registry may be left out.
fn is_image(one: &str, other: &str) -> bool {
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
    };
    ends(one, other) || ends(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(directories: &[&str]) -> Vec<String> {
        least(directories.iter().map(|path| (*path).to_owned()).collect())
    }

    #[test]
    fn few_directories_cover_all_writes() {
        assert_eq!(
            covered(&["/var/cache/nginx/a", "/var/cache/nginx/b", "/run"]),
            ["/run", "/var/cache/nginx"]
        );
        assert_eq!(covered(&["/tmp", "/tmp/x/y", "/var/log/app"]), ["/tmp", "/var/log/app"]);
        assert_eq!(covered(&["/var/log/a", "/var/log/b"]), ["/var/log/a", "/var/log/b"]);
        assert_eq!(covered(&["/data/a/x", "/data/a/y", "/data/b"]), ["/data"]);
        assert_eq!(covered(&["/", "/tmp"]), ["/", "/tmp"]);
        assert!(covered(&[]).is_empty());
    }

    #[test]
    fn a_container_is_found_by_name_else_by_image() {
        let seen = |name: Option<&str>, image: Option<&str>, path: &str| Seen {
            name: name.map(str::to_owned),
            image: image.map(str::to_owned),
            directories: vec![path.to_owned()],
        };
        let all = [
            seen(Some("web"), Some("docker.io/library/nginx"), "/a"),
            seen(Some("db"), Some("postgres"), "/b"),
            seen(None, None, "/c"),
        ];
        assert_eq!(of_container(&all, "web", None), ["/a"]);
        assert_eq!(of_container(&all, "x", Some("nginx:1.27@sha256:0")), ["/a"]);
        assert_eq!(of_container(&all, "x", Some("registry:5000/team/postgres")), ["/b"]);
        assert!(of_container(&all, "x", Some("gres")).is_empty());
        assert_eq!(of_container(&all[2..], "x", None), ["/c"]);
    }
}
