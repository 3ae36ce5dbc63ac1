//! Rule files: from their text to rules that can be evaluated, with Falco's verdict on each file.
//!
//! ```text
//! text -> yaml (nodes with places) -> schema (a remark only)
//!                                  -> reader (items) -> collector (definitions of all files so far)
//!   -> compile: exceptions and lists (text) -> parser -> macros (tree) -> typing -> Rule
//! ```
//!
//! [`Loader`] takes file after file; each has a [`LoadResult`] with its [`Finding`]s, and [`describe`] tells what all
//! of them define. What is compiled is handed out by [`Loader::rules`]; which rules are on, and which of them an event
//! concerns, is decided by who evaluates them.
//!
//! Invariants: what a file makes never grows without bound (every expansion has a limit, and an error beyond it); a
//! finding has a place in a file, whatever was put into the condition before it was parsed; at most one error of a file
//! counts, as in Falco, the others are [`LoadResult::further_errors`].

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
pub(crate) mod source;
#[cfg(test)]
mod tests;
mod version;
pub(crate) mod yaml;

pub use codes::{ErrorCode, ItemKind, WarningCode};
pub use describe::describe;
pub use environment::{Environment, Plugin, SYSCALL};
pub use files::{FilesError, is_test_file, rule_files};
pub use finding::{Code, Finding, Location};
pub use loader::{LoadResult, Loader};
pub use schema::json_schema;
pub use set::{Rule, Written};
pub use source::{Position, Source};
pub use version::{ENGINE_VERSION, Version};
