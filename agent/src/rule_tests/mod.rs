//! Tests that stand beside rules: a file describes processes and what one of them does, and says which rule must answer,
//! or must not.
//!
//! ```text
//! NAME.test.yaml -> form (keys, shapes) -> file (cases) -> world (records, as a driver writes them)
//!                                                        -> run (state, fields, rules) -> verdict
//!                                              mutate: the same, with a rule that is a little wrong
//! ```
//!
//! Nothing here knows a rule from its text: a case goes through the same state, fields and conditions as an event of a
//! driver does.

mod file;
mod form;
mod mutate;
mod params;
mod run;
#[cfg(test)]
mod tests;
mod value;
mod world;

pub use file::{Case, Expect, MAX_FILE, Problem, TestFile};
pub use form::{json_schema, markdown};
pub use mutate::{Mutant, Mutation, Survey};
pub use run::{Outcome, RuleSet, Verdict};
