//! Where fuzzing starts: hand-made inputs in `fuzz/seeds`, the shipped rules, and pieces of the bundled capture.

use std::fs;
use std::path::Path;

/// The seeds of the target with this name.
pub fn seeds(root: &Path, target: &str) -> Vec<Vec<u8>> {
    match target {
        "condition" => lines(&root.join("fuzz/seeds/condition.txt")),
        _ => Vec::new(),
    }
}

/// The lines of a file, a seed each.
fn lines(path: &Path) -> Vec<Vec<u8>> {
    let text = fs::read(path).expect("the seeds are in the repository");
    text.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect()
}
