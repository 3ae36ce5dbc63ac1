//! Kubernetes beside the kernel: the API server's audit log as a source of events, and what manifests say of a workload.

pub mod audit;
pub mod posture;
