//! Alerts to standard output.

use std::io::{self, Write as _};

use super::line;
use super::runner::{Failure, Target};
use crate::alerts::Alert;

/// Standard output, written to in blocks or line by line.
pub(super) struct Stdout {
    pub(super) buffered: bool,
    pub(super) block: Vec<u8>,
}

/// A block is written when it has this many bytes.
const BLOCK: usize = 1 << 16;

impl Stdout {
    fn write(&mut self) -> Result<(), Failure> {
        let mut out = io::stdout().lock();
        let written = out.write_all(&self.block).and_then(|()| out.flush());
        self.block.clear();
        written.map_err(|error| Failure::Closed(format!("standard output: {error}")))
    }
}

impl Target for Stdout {
    fn deliver(&mut self, alert: &Alert) -> Result<(), Failure> {
        line(alert, &mut self.block);
        if self.buffered && self.block.len() < BLOCK { Ok(()) } else { self.write() }
    }

    fn flush(&mut self) -> Result<(), Failure> {
        if self.block.is_empty() { Ok(()) } else { self.write() }
    }
}
