//! What runtimes know of containers: engines are asked on a thread of their own, and what they tell enters the stream of
//! events as the container events that captures have.
//!
//! ```text
//! cgroup made -> Watch -> worker: Docker, Podman, CRI, containerd, files -> news -> container event -> state
//! runtime's own events ---^
//! ```
//!
//! Nobody waits for an answer. Events of a container that is being looked up are held back by `pipeline::hold` for a bounded
//! time; all others go on.

mod api;
mod containerd;
mod cri;
mod grpc;
mod http;
mod info;
mod messages;
mod oci;
mod settings;
mod store;
#[cfg(test)]
mod tests;
mod watch;
mod worker;

use std::io;

pub use info::Info;
pub(crate) use info::repository_and_tag;
pub use settings::{EngineKind, Hook, Settings, SettingsError};
pub use watch::{Watch, WatchCounters};
pub use worker::{AskCounters, start};

/// A container that someone told of, by its whole id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    id: String,
    /// containerd's namespace, if it is known.
    namespace: Option<String>,
}

impl Found {
    fn new(id: &str) -> Found {
        Found { id: id.to_owned(), namespace: None }
    }
}

/// What became of a look-up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum News {
    /// A runtime told of the container with this short id: the JSON of a container event.
    Told {
        /// The short id.
        id: String,
        /// The event's JSON.
        json: Vec<u8>,
    },
    /// Nobody knows the container, so nobody needs to wait.
    Nothing {
        /// The short id.
        id: String,
    },
}

/// Why an engine did not answer.
#[derive(Debug, thiserror::Error)]
enum EngineError {
    #[error("cannot be reached: {0}")]
    Unreachable(io::Error),
    #[error("does not answer in time")]
    Slow,
    #[error("answers with status {0}")]
    Status(u16),
    #[error("refuses: {0}")]
    Refused(String),
    #[error("does not offer that")]
    NotOffered,
    #[error("answers with more than is read")]
    TooLarge,
    #[error("answers with what cannot be read: {0}")]
    Malformed(String),
}

impl EngineError {
    fn malformed(error: impl std::fmt::Display) -> EngineError {
        EngineError::Malformed(error.to_string())
    }
}
