//! `cargo run --example seeds TARGET DIRECTORY`: writes the seeds of a target as files, for libFuzzer to start from.
//!
//! An example of the agent and not a binary of `fuzz/`: what is built for libFuzzer cannot be linked without it.

#[allow(unreachable_pub, dead_code)]
#[path = "src/lib.rs"]
mod fuzz;

use std::path::Path;

use anyhow::{Context as _, bail};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, directory] = arguments.as_slice() else { bail!("usage: seeds TARGET DIRECTORY") };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (number, seed) in fuzz::seeds(&root, target).into_iter().enumerate() {
        let path = Path::new(directory).join(format!("seed-{number}"));
        std::fs::write(&path, seed).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
