//! The table of cases: system calls with known arguments, a file a subject, each with what must be recorded.

use crate::harness::Case;

mod compat;
mod credentials;
mod descriptors;
mod execute;
mod files;
mod interest;
mod io;
mod memory;
mod messages;
mod network;
mod open;
mod process;
mod sockets;
mod system;
mod tracepoints;
mod uring;
mod wait;

/// What every file of cases uses.
mod prelude {
    pub(super) use std::ffi::CString;

    pub(super) use libc::*;
    pub(super) use saker_probe::wire::event::*;
    pub(super) use saker_probe::wire::record::{Extra, flag};

    pub(super) use crate::calls::{Low, native};
    pub(super) use crate::harness::Who;
    pub(super) use crate::harness::trial::{Trial, c_string, path_extra};
    pub(super) use crate::harness::want::*;
    pub(super) use crate::{args, cases};

    /// A descriptor that is never open.
    pub(super) const NO_FD: i32 = -1;
    /// An address that is never mapped.
    pub(super) const NOWHERE: u64 = 0;
}

/// All cases, in the order of the files.
pub fn all() -> Vec<Case> {
    [
        open::CASES,
        files::CASES,
        descriptors::CASES,
        io::CASES,
        credentials::CASES,
        memory::CASES,
        network::CASES,
        messages::CASES,
        wait::CASES,
        process::CASES,
        execute::CASES,
        system::CASES,
        compat::CASES,
        tracepoints::CASES,
        interest::CASES,
        uring::CASES,
    ]
    .concat()
}
