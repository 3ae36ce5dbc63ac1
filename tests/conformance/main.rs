//! How close Saker is to Falco 0.44.1: six scores over the conformance corpus.
//!
//! The corpus is no part of this repository. It is looked for in `$SAKER_CONFORMANCE`, else beside the repository in
//! `../shared/conformance`; without it every test here passes with a notice.

// A test may stop at what must not be.
#![allow(clippy::unwrap_used, clippy::panic)]

mod config;
mod eval;
mod fields;
mod filters;
mod k8s_audit;
mod load;
mod oracle;
mod replay;

use std::io::Read;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Where the corpus is, `None` (and a notice) when there is none.
pub(crate) fn corpus() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance");
    let dir = std::env::var_os("SAKER_CONFORMANCE").map_or(beside, PathBuf::from);
    if dir.join("MANIFEST.tsv").is_file() {
        return Some(dir);
    }
    eprintln!("no conformance corpus at {}: nothing to compare with", dir.display());
    None
}

/// How many cases of a data set agree; prints the line that the scores are read from, then the cases that differ.
pub(crate) struct Score {
    name: &'static str,
    passed: usize,
    failures: Vec<String>,
}

impl Score {
    /// An empty score of a data set.
    pub(crate) fn new(name: &'static str) -> Self {
        Score { name, passed: 0, failures: Vec::new() }
    }

    /// Counts one case; `failure` says what differs.
    pub(crate) fn add(&mut self, failure: Option<String>) {
        match failure {
            None => self.passed += 1,
            Some(failure) => self.failures.push(failure),
        }
    }

    /// Prints the score and fails when it is below `floor` (a share, 0 to 1). The differing cases are listed in
    /// full when `SAKER_CONFORMANCE_VERBOSE` is set, else the first ten.
    pub(crate) fn report(self, floor: f64) {
        let total = self.passed + self.failures.len();
        let share = if total == 0 { 1.0 } else { self.passed as f64 / total as f64 };
        let shown = if std::env::var_os("SAKER_CONFORMANCE_VERBOSE").is_some() { usize::MAX } else { 10 };
        println!("conformance {}: {}/{total} ({:.2} %)", self.name, self.passed, share * 100.0);
        for failure in self.failures.iter().take(shown) {
            println!("  {failure}");
        }
        assert!(share >= floor, "{}: {share:.4} is below the floor {floor}", self.name);
    }
}

/// The bytes of a file of the corpus, unpacked if it is a gzip stream.
pub(crate) fn read(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return bytes;
    }
    let mut unpacked = Vec::new();
    flate2::read::MultiGzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).expect("the corpus is intact");
    unpacked
}

/// The objects of a file with one in each line.
pub(crate) fn json_lines(path: &Path) -> Vec<Value> {
    let lines = read(path);
    let lines = lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("the corpus is intact")).collect()
}
