//! The event source `k8s_audit`: what the API server tells of its requests, as events that rules meet.
//!
//! ```text
//! webhook | followed file | file -> batch (JSON to events, with limits) -> Watch -> rules of source k8s_audit -> alerts
//! ```
//!
//! The source has a loop of its own beside that of system calls: neither waits for the other. Fields of the events stand in
//! `fields/audit.rs`. It is Falco's plugins `k8saudit` and `json` in one, and is configured as they are.
//!
//! Invariants: what comes in is hostile, so bodies, events and queues have limits; nothing is refused without a count.

mod batch;
mod counters;
mod follow;
mod json;
mod lines;
pub mod policy;
mod running;
mod show;
mod source;
mod webhook;

pub use batch::{AuditEvent, Batch, Limits, Refused};
pub use counters::{Counters, Requests};
pub use json::Json;
pub use lines::{Lines, lines};
pub use running::{Ended, Running};
pub use show::show;
pub use source::{Input, Settings, SourceError};

/// The name of the source: what rules say in `source:`.
pub const SOURCE: &str = "k8s_audit";

/// The name of the plugin that produces the events.
pub const K8SAUDIT: &str = "k8saudit";

/// The name of the plugin that adds the fields `json.*` and `jevt.*`.
pub const JSON: &str = "json";
