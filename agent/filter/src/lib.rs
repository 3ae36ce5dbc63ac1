//! The condition language of Falco's rules: text is parsed to a syntax tree, typed against a [`Schema`] of fields,
//! compiled to a program, and evaluated over a [`Context`].
//!
//! This crate knows no events and does no IO. What fields exist, what they are worth for an event and which
//! events a check on `evt.type` allows is told to it by the two traits.

pub mod ast;
mod canonical;
mod compile;
pub mod diagnostic;
mod eval;
mod event_types;
pub mod events;
mod family;
mod index;
mod lexer;
mod literal;
mod matcher;
pub mod operator;
pub mod parse;
mod print;
pub mod program;
mod regex;
mod residual;
pub mod schema;
mod source;
pub mod typed;
mod typing;
pub mod value;
mod warnings;

#[cfg(test)]
extern crate self as saker_filter;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;

pub use ast::Expr;
pub use compile::Compiler;
pub use diagnostic::{Diagnostic, Span};
pub use eval::{Evaluation, Memo, ScopeMemo};
pub use events::EventSet;
pub use index::{Candidate, Index, ProcessKey, Remembered};
pub use operator::{Modifier, Operator, Transformer};
pub use parse::{parse, parse_source, parse_term};
pub use program::{CheckId, CheckTable, Program};
pub use schema::{Arg, Context, Field, FieldError, FieldTraits, Schema, Scope};
pub use typed::{Comparison, Condition, Source};
pub use typing::{Checked, check, check_term};
pub use value::{Type, Value};
