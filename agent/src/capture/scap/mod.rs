//! `.scap` files: the capture format of sysdig, Falco and Stratoshark, plain or gzip.
//!
//! Blocks in the manner of pcapng: type, total length, body padded to 4 bytes, total length again. A section header comes
//! first, then tables of what was running ([`Snapshot`](super::Snapshot)), then one block per event. Numbers are little-endian.
//!
//! [`ScapReader`] streams: it holds a window of the file, never all of it. It does not map the file: that saves 5 of the 17 ms
//! which 400,000 events in 35 MB take (measured with the file in memory), but makes the whole file count as resident memory,
//! and turns a file that is cut while it is read into a signal.

mod block;
mod convert;
mod convert_table;
mod error;
mod file;
mod input;
mod layout;
mod older;
mod reader;
mod tables;
#[cfg(test)]
mod tests;
mod write;

pub use error::{ScapError, ScapErrorKind};
pub use file::ScapOutput;
pub use reader::{ReaderStats, ScapReader};
pub use write::{ScapWriter, encode};
