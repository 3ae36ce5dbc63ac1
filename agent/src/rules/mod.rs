//! Rule files to a `RuleSet`.

mod codes;
mod collector;
mod compile;
mod describe;
mod environment;
mod event_names;
mod exceptions;
mod files;
mod finding;
mod items;
mod lists;
mod loader;
mod macros;
mod origin;
mod output;
mod reader;
mod schema;
mod set;
mod source;
#[cfg(test)]
mod tests;
mod version;
mod yaml;

pub use codes::{ErrorCode, ItemKind, WarningCode};
pub use describe::describe;
pub use environment::{Environment, Plugin, SYSCALL};
pub use files::{FilesError, rule_files};
pub use finding::{Code, Finding, Location};
pub use loader::{LoadResult, Loader};
pub use set::Rule;
pub use source::{Position, Source};
pub use version::{ENGINE_VERSION, Version};
