//! Why reading a capture ended early: always with the place.

use std::io;

/// A capture could not be read on. Everything before `offset` has been delivered.
#[derive(Debug, thiserror::Error)]
#[error("at byte {offset}{}: {kind}", if *.compressed { " of the uncompressed data" } else { "" })]
pub struct ScapError {
    /// Where the block starts that cannot be read, counted in uncompressed bytes.
    pub offset: u64,
    /// The file is compressed, so that `offset` is not a place in the file itself.
    pub compressed: bool,
    /// What is wrong there.
    pub kind: ScapErrorKind,
}

/// What is wrong with a capture.
#[derive(Debug, thiserror::Error)]
pub enum ScapErrorKind {
    /// It could not be opened or read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It does not begin with a section header.
    #[error("not a .scap file: it begins with {0:#010x}, not with a section header")]
    NotScap(u32),
    /// The byte order mark says that it is not little-endian, or is nonsense.
    #[error("byte order mark is {0:#010x}: only little-endian captures can be read")]
    ByteOrder(u32),
    /// It was written by something newer than we know.
    #[error("capture version {major}.{minor} is newer than 1.x")]
    Version {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// It ends inside a block.
    #[error("the capture is cut off: {missing} more bytes were expected")]
    Truncated {
        /// How many bytes the block lacks, as far as its length says.
        missing: u64,
    },
    /// The gzip stream itself is damaged.
    #[error("the gzip stream is damaged: {0}")]
    Gzip(String),
    /// The length at the head of a block cannot be.
    #[error("block {block:#x} has the impossible length {length}")]
    BlockLength {
        /// Type of the block.
        block: u32,
        /// Its length.
        length: u32,
    },
    /// The length at the end of a block is not the one at its head.
    #[error("block {block:#x} says {length} bytes at its head and {trailer} at its end")]
    Trailer {
        /// Type of the block.
        block: u32,
        /// Length at the head.
        length: u32,
        /// Length at the end.
        trailer: u32,
    },
    /// An entry of a table does not fit its block.
    #[error("an entry of the {table} list is damaged: {what}")]
    Table {
        /// Which table.
        table: &'static str,
        /// What does not fit.
        what: &'static str,
    },
    /// An event does not fit its block.
    #[error("event {event} is damaged: {what}")]
    Event {
        /// The event id.
        event: u16,
        /// What does not fit.
        what: &'static str,
    },
}
