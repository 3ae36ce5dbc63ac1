//! Rule files to a `RuleSet`.
#![allow(dead_code)]
mod codes;
mod finding;
mod items;
mod priority;
mod schema;
mod source;
mod version;
mod yaml;
