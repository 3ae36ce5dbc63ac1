//! What rules are loaded against: which fields, sources and plugins there are, and what the configuration adds.

use saker_filter::Schema;

use super::version::Version;
use crate::config::AppendOutput;
use crate::k8s::audit;

/// A plugin that rule files can require.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The source that it is, and the fields that it has, if it is not built in.
    pub provides: Vec<String>,
}

impl Plugin {
    /// The built-in container plugin: as good as Falco's in this version.
    pub fn container() -> Self {
        Plugin {
            name: crate::config::CONTAINER.to_owned(),
            version: Version::new(0, 7, 1),
            provides: Vec::new(),
        }
    }

    /// The built-in source of the Kubernetes audit log.
    pub fn k8saudit() -> Self {
        Plugin { name: audit::K8SAUDIT.to_owned(), version: Version::new(0, 18, 0), provides: Vec::new() }
    }

    /// The built-in fields of JSON documents.
    pub fn json() -> Self {
        Plugin { name: audit::JSON.to_owned(), version: Version::new(0, 7, 0), provides: Vec::new() }
    }
}

/// The source of events that needs no plugin.
pub const SYSCALL: &str = "syscall";

/// What rules are loaded against.
#[derive(Clone)]
pub struct Environment<'e> {
    /// The fields of source `syscall`.
    pub schema: &'e dyn Schema,
    /// The other sources that there are, each with its name and its fields.
    pub others: Vec<(&'e str, &'e dyn Schema)>,
    /// The plugins that are there.
    pub plugins: &'e [Plugin],
    /// What the configuration appends to outputs.
    pub append_output: &'e [AppendOutput],
}

impl<'e> Environment<'e> {
    /// The fields of a source, if events of it can occur.
    pub(super) fn schema_of(&self, source: &str) -> Option<&'e dyn Schema> {
        if source == SYSCALL {
            return Some(self.schema);
        }
        self.others.iter().find(|(name, _)| *name == source).map(|(_, schema)| *schema)
    }
}
