//! The table of cases: system calls with known arguments, a file a subject, each with what must be recorded.

use crate::harness::Case;

mod credentials;
mod descriptors;
mod files;
mod io;
mod memory;
mod open;

/// What every file of cases uses.
mod prelude {
    pub use std::ffi::CString;

    pub use libc::*;
    pub use saker_probe::wire::event::*;
    pub use saker_probe::wire::record::{Extra, flag};

    pub use crate::calls::{Low, native};
    pub use crate::harness::Who;
    pub use crate::harness::trial::{Trial, c_string, path_extra};
    pub use crate::harness::want::*;
    pub use crate::{args, cases};

    /// A descriptor that is never open.
    pub const NO_FD: i32 = -1;
    /// An address that is never mapped.
    pub const NOWHERE: u64 = 0;
}

/// All cases, in the order of the files.
pub fn all() -> Vec<Case> {
    [open::CASES, files::CASES, descriptors::CASES, io::CASES, credentials::CASES, memory::CASES].concat()
}
