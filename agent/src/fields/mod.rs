//! Fields: what conditions and outputs can ask of an event and of the state around it.
//!
//! [`FIELDS`] is the one table, [`AUDIT_FIELDS`] that of the audit log; [`FieldSchema`] finds a row by name for the condition language, [`EventContext`]
//! asks the row's getter for the value on an event, and [`render_text`] and [`render_json`] say how a value is shown.

mod audit;
mod audit_table;
mod container;
mod context;
mod evt;
mod evt_args;
mod fd;
mod fspath;
pub(crate) mod names;
mod params;
mod plugin;
mod plugin_fields;
mod print;
mod proc;
mod render;
mod schema;
mod sensor;
mod services;
mod table;
#[cfg(test)]
mod tests;
mod thread;
mod time;
mod user;

use bitflags::bitflags;
use saker_filter::{Field, FieldTraits, Scope, Type, Value};

use crate::event::Format;

pub use audit_table::AUDIT_FIELDS;
pub use context::{EventContext, Origin, RunInfo};
pub use plugin::{PluginEvent, PluginSchema};
pub use plugin_fields::{Asking, PluginFields};
pub use render::{render_json, render_text};
pub use schema::FieldSchema;
pub use services::Services;
pub use table::FIELDS;

/// The id of the first field of [`AUDIT_FIELDS`]: far behind those of [`FIELDS`].
pub const AUDIT_BASE: u16 = 1 << 15;

/// The id of all fields that plugins extract: the argument tells them apart.
pub const PLUGIN_FIELD: u16 = u16::MAX;

/// Reads a field's value; `None` is null. The value lives as long as the event, the state or the arena.
pub type Getter = for<'c, 'e> fn(&'c EventContext<'e>, &'c Field) -> Option<Value<'e>>;

/// A row of the table.
#[derive(Debug)]
pub struct FieldInfo {
    /// Full name without argument, e.g. `proc.name`.
    pub name: &'static str,
    /// The group under which references list it.
    pub class: Class,
    /// Which argument it takes.
    pub arg: ArgKind,
    /// Its type; that of `evt.rawarg` depends on the argument.
    pub ty: Type,
    /// How numbers are printed.
    pub format: Format,
    /// On what the value depends.
    pub scope: Scope,
    /// How it may be used.
    pub traits: Traits,
    /// One sentence for references.
    pub doc: &'static str,
    /// Reads the value.
    pub get: Getter,
}

/// The groups of fields, as references list them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[allow(missing_docs)]
pub enum Class {
    Evt,
    EvtSyscall,
    Process,
    User,
    Group,
    Fd,
    FsPath,
    Util,
    FdList,
    Container,
    Saker,
    K8sAudit,
    Json,
    SakerAudit,
}

impl Class {
    /// The name of the group and what its fields are about.
    pub fn title(self) -> (&'static str, &'static str) {
        match self {
            Class::Evt => ("evt", "Any event."),
            Class::EvtSyscall => ("evt (for system calls)", "Events of the kernel and their parameters."),
            Class::Process => {
                ("process", "The process and the thread that made the call, and its ancestors.")
            }
            Class::User => ("user", "The user that the process runs as."),
            Class::Group => ("group", "The group that the process runs as."),
            Class::Fd => ("fd", "The file descriptor that the call makes or uses."),
            Class::FsPath => ("fs.path", "The paths that a call on the file system names."),
            Class::Util => ("util", "Helpers."),
            Class::FdList => ("fdlist", "The descriptors of a poll."),
            Class::Container => {
                ("container", "The container of the process, and its pod (built-in container plugin).")
            }
            Class::Saker => ("saker", "What only Saker has: rules that use it do not load in Falco."),
            Class::K8sAudit => ("k8saudit", "Events of the Kubernetes audit log (built-in k8saudit plugin)."),
            Class::SakerAudit => (
                "saker (audit log)",
                "What only Saker has of audit events: rules that use it do not load in Falco.",
            ),
            Class::Json => (
                "json",
                "The document that an event of the audit log or of a plugin is (built-in json plugin).",
            ),
        }
    }

    /// Whether they are those of a plugin in Falco.
    pub fn is_plugin(self) -> bool {
        matches!(self, Class::Container | Class::K8sAudit | Class::Json)
    }

    /// The sources of events for which the fields exist.
    pub fn sources(self) -> &'static [&'static str] {
        match self {
            Class::Evt => &["syscall", crate::k8s::audit::SOURCE],
            Class::K8sAudit | Class::Json | Class::SakerAudit => &[crate::k8s::audit::SOURCE],
            _ => &["syscall"],
        }
    }
}

/// Which argument a field takes, and in what form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArgKind {
    /// None.
    None,
    /// Needed: a parameter of the event, `[0]` or `.name`.
    Param,
    /// Needed: a parameter of the event, `.name`.
    RawParam,
    /// Needed: an event, `.name` or `.id`.
    EventType,
    /// Needed: a time, `[ns]`.
    Time,
    /// Optional: `.src` or `.dst`.
    Path,
    /// Optional: a number, `[1]`.
    Level,
    /// Optional: the name of a variable, or (of `proc.aenv`) a number: `[HOME]`, `[1]`.
    Env,
    /// Needed: a cgroup subsystem, `.name`.
    Cgroup,
    /// Needed: a name, `[app]`.
    Key,
    /// Needed: a name or a number.
    IndexOrKey,
}

bitflags! {
    /// How a field may be used (`EPF_*`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Traits: u16 {
        /// It is a list: only `in`, `intersects` and `exists` take it.
        const LIST = 1 << 0;
        /// It cannot stand under a transformer.
        const NO_TRANSFORMER = 1 << 1;
        /// It cannot stand on the right-hand side.
        const NO_RHS = 1 << 2;
        /// It can be printed, not compared.
        const PRINT_ONLY = 1 << 3;
        /// It can be compared, not printed.
        const FILTER_ONLY = 1 << 4;
        /// It is kept for old rules only.
        const DEPRECATED = 1 << 5;
        /// It is meant for tabular views: it works, but short references leave it out.
        const TABLE_ONLY = 1 << 6;
        /// References leave it out.
        const HIDDEN = 1 << 7;
        /// It never has a value for what the kernel tells.
        const NULL = 1 << 8;
    }
}

impl From<Traits> for FieldTraits {
    fn from(traits: Traits) -> Self {
        FieldTraits {
            list: traits.contains(Traits::LIST),
            no_transformer: traits.contains(Traits::NO_TRANSFORMER),
            no_rhs: traits.contains(Traits::NO_RHS),
            print_only: traits.contains(Traits::PRINT_ONLY),
            filter_only: traits.contains(Traits::FILTER_ONLY),
            deprecated: traits.contains(Traits::DEPRECATED),
            any_differs: false,
            each_contains: false,
            distance: false,
        }
    }
}
