//! The C interface of Falco's plugins, behind safe functions. Only the process that a plugin has for itself uses it
//! (`plugins/host.rs`): what a plugin does wrong with memory, it does there.
//!
//! # Invariants
//! A plugin's functions are called from one thread, in the order that the API asks for, with the state that its `init` returned.
//! What it points at is read before the function that returned it is called again. That these pointers are good is the plugin's
//! promise, which nobody can check; whoever breaks it ends the process.

mod instance;
mod library;
mod owner;
mod tables;
mod values;

pub use instance::{Plugin, Told};
pub use library::Library;
pub use values::Asking;

use crate::plugins::info::{ApiError, InfoError};

/// Why a plugin cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// The library cannot be loaded.
    #[error("cannot be loaded: {0}")]
    Load(String),
    /// It lacks a function that every plugin has.
    #[error("it is no plugin: the function 'plugin_{0}' is missing")]
    Symbol(&'static str),
    /// It has a part of functions that belong together.
    #[error("broken plugin capabilities: of {0}, some are missing")]
    Broken(&'static str),
    /// It can do nothing.
    #[error("plugin does not implement any capability")]
    Incapable,
    /// It was built for another API.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// What it says of itself makes no sense.
    #[error(transparent)]
    Info(#[from] InfoError),
    /// One of its functions failed.
    #[error("{0}: {1}")]
    Failed(&'static str, String),
}

/// A structure that is handed to a plugin, with zeros behind it: one that was built for a later minor version finds null where that
/// version has added something.
#[repr(C)]
#[derive(Debug)]
struct Padded<T> {
    inner: T,
    beyond: [usize; 16],
}

impl<T> Padded<T> {
    const fn new(inner: T) -> Self {
        Padded { inner, beyond: [0; 16] }
    }
}
