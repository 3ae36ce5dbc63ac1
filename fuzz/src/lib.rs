//! What is fuzzed, and from where: a function for each kind of hostile input, and its seeds.
//!
//! libFuzzer calls the functions from `fuzz/targets`; `tests/security` includes this file and runs the same functions
//! over the same seeds as plain tests. Each must return on any input: no panic, no hang, no memory without bound.

mod seeds;

use std::hint::black_box;
use std::io::Cursor;

use saker::capture::scap::{ScapError, ScapReader};

pub use seeds::seeds;

/// A kind of input.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of the libFuzzer binary, and of the folder of its seeds.
    pub name: &'static str,
    /// Feeds it.
    pub run: fn(&[u8]),
}

/// All of them.
pub const TARGETS: &[Target] =
    &[Target { name: "condition", run: condition }, Target { name: "scap", run: scap }];

/// The text of a condition: parsed and printed, or refused with diagnostics.
pub fn condition(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match saker_filter::parse(text, saker_filter::parse::RULE_DEPTH) {
        Ok(expr) => drop(black_box(expr.to_string())),
        Err(diagnostics) => {
            assert!(!diagnostics.is_empty(), "refused without a reason");
            diagnostics.iter().for_each(|diagnostic| drop(black_box(diagnostic.render(text))));
        }
    }
}

/// A capture file: read to its end, or to the damage.
pub fn scap(data: &[u8]) {
    if let Err(error) = read(data) {
        black_box(error.to_string());
    }
}

fn read(data: &[u8]) -> Result<(), ScapError> {
    let mut reader = ScapReader::new(Cursor::new(data.to_vec()))?;
    while let Some(snapshot) = reader.next_section()? {
        black_box(snapshot);
        while let Some(event) = reader.next()? {
            for index in 0..event.param_count() {
                black_box((event.param_u64(index), event.param_i64(index), event.param_str(index)));
            }
        }
    }
    black_box(reader.stats());
    Ok(())
}
