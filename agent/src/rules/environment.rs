//! What rules are loaded against: which fields, sources and plugins there are, and what the configuration adds.

use saker_filter::Schema;

use super::version::Version;
use crate::config::AppendOutput;

/// A plugin that rule files can require.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Plugin {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
}

impl Plugin {
    /// The built-in container plugin: as good as Falco's in this version.
    pub fn container() -> Self {
        Plugin { name: crate::config::CONTAINER.to_owned(), version: Version::new(0, 7, 1) }
    }
}

/// The source of events that needs no plugin.
pub const SYSCALL: &str = "syscall";

/// What rules are loaded against.
#[derive(Clone, Copy)]
pub struct Environment<'e> {
    /// The fields of source `syscall`.
    pub schema: &'e dyn Schema,
    /// The plugins that are there.
    pub plugins: &'e [Plugin],
    /// What the configuration appends to outputs.
    pub append_output: &'e [AppendOutput],
}

impl Environment<'_> {
    /// Whether events of this source can occur.
    pub(super) fn knows_source(&self, source: &str) -> bool {
        source == SYSCALL
    }
}
