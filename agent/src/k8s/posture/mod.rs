//! The posture of workloads: what in a manifest, or in a request to the API server, makes a container mutable or lets it
//! reach the host.
//!
//! ```text
//! manifest -> YAML with places -> pods (whatever kind they are in) -> checks -> findings, with lines
//! audit event -> requestObject -> pods                             -> checks -> the field saker.ka.pod.findings
//! ```

mod checks;
pub mod observed;
mod pods;
mod report;
mod suggest;
mod tree;

pub use checks::{Check, Finding, check};
pub use pods::{Pod, pods};
pub use report::{Placed, Report, ReportError, Workload, Writes, report};
pub use suggest::{Suggestion, suggestion};
pub use tree::Tree;
