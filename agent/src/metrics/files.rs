//! The files that a run is made of, each with its digest: metrics show them, and a reload sees by them whether something
//! changed.

use std::fs;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};

/// Configuration and rule files with their SHA-256 in hexadecimal digits, in the order in which they are read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Files {
    /// Configuration files.
    pub config: Vec<(PathBuf, String)>,
    /// Rule files.
    pub rules: Vec<(PathBuf, String)>,
}

impl Files {
    /// Reads the files. One that cannot be read has no digest.
    pub fn read(config: &[PathBuf], rules: &[PathBuf]) -> Files {
        let all = |paths: &[PathBuf]| paths.iter().map(|path| (path.clone(), sha256(path))).collect();
        Files { config: all(config), rules: all(rules) }
    }
}

fn sha256(path: &Path) -> String {
    use std::fmt::Write as _;

    let Ok(bytes) = fs::read(path) else { return String::new() };
    let mut text = String::with_capacity(64);
    for byte in digest(&SHA256, &bytes).as_ref() {
        // A String can always be written to.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_the_digest_that_others_give_it() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "abc").unwrap();
        let files = Files::read(&[file.path().to_owned()], &["/nonexistent".into()]);
        assert_eq!(files.config[0].1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(files.rules[0].1, "");
    }
}
