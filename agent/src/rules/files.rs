//! Which files paths on the command line or in the configuration stand for.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Why paths cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A directory, or an entry of it, cannot be read.
    #[error("{}: {error}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

/// Whether a file holds tests of rules: `NAME.test.yaml` or `NAME.test.yml`.
pub fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}

/// Files in the order given; a directory stands for the `.yaml` and `.yml` files in it, by name, but not for tests of
/// rules ([`is_test_file`]) nor for those in directories below. What does not exist stays: who reads it says so.
pub fn rule_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, FilesError> {
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        if path.is_dir() {
            let failed = |error| FilesError::Directory { path: path.clone(), error };
            files.append(&mut in_directory(path).map_err(failed)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

fn in_directory(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && !is_test_file(&path) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stands_for_its_yaml_files() {
        let directory = std::env::temp_dir().join(format!("saker-rule-files-{}", std::process::id()));
        fs::create_dir_all(directory.join("c.yaml")).unwrap();
        for name in ["b.yaml", "a.yml", "z.json", ".yaml", "b.test.yaml"] {
            fs::write(directory.join(name), "").unwrap();
        }
        let missing = PathBuf::from("/nonexistent/r.yaml");
        let files = rule_files(&[missing.clone(), directory.clone()]).unwrap();
        assert_eq!(files, [missing, directory.join("a.yml"), directory.join("b.yaml")]);
        fs::remove_dir_all(&directory).unwrap();
    }
}
