//! Falco's plugins: shared libraries that produce events and extract fields, each in a process of its own.
//!
//! ```text
//! agent: Running (a thread for each source) <- protocol -> saker plugin-host: capture/plugin -> library
//!          -> Watch: rules of the source -> alerts
//! ```
//!
//! Plugins that see system calls have no source and no thread: the loop itself asks them ([`Calls`]).
//!
//! A plugin is foreign code. So it does not run in the agent: one that crashes or hangs ends its own process, which is begun again
//! a few times. Fields are extracted in that process: it is told once which fields the rules ask for, and sends their values
//! with each event, so nothing goes back and forth for a single field.
//!
//! Invariants: no byte of a plugin's process is trusted; nothing of it is waited for longer than its deadline; what is lost is
//! counted.

mod calls;
mod consulted;
mod failing;
pub mod host;
pub mod info;
pub mod process;
pub mod protocol;
pub mod raw;
mod recorded;
mod running;
pub mod settings;
mod sources;
mod team;

pub use calls::{Calls, CallsEnded};
pub use info::Info;
pub use recorded::Recorded;
pub use running::{Counters, Ended, Fresh, Running};
pub use settings::{Settings, SettingsError};
pub use sources::{LoadError, Loaded, Member, Source};
