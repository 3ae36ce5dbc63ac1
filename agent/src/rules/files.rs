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

/// Name of the file in which the rule files beside it, and in the folders below, keep the lists and macros that they
/// share. A directory that has one is a rule pack.
pub(super) const SHARED: &str = "_shared.yaml";

/// Whether a file holds tests of rules: `NAME.test.yaml` or `NAME.test.yml`.
pub fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name.ends_with(".test.yaml") || name.ends_with(".test.yml")
}

/// Files in the order given, each once where it is shared.
///
/// A directory stands for the `.yaml` and `.yml` files in it, by name, but not for those in directories below; a rule
/// pack also for those in the folders below that are no packs themselves. Tests of rules are left out. Before a file or a folder of a rule pack comes
/// what the pack shares. What does not exist stays: who reads it says so.
pub fn rule_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, FilesError> {
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        if path.is_dir() {
            let failed = |error| FilesError::Directory { path: path.clone(), error };
            shared(Some(path), &mut files);
            let found = in_directory(path, path.join(SHARED).is_file()).map_err(failed)?;
            // What is shared may be there already, from the folder above or from a path before.
            files.extend(found.into_iter().filter(|file| !is_shared(file)));
        } else if is_shared(path) {
            once(path.clone(), &mut files);
        } else {
            shared(path.parent(), &mut files);
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Whether a file is what a rule pack shares.
pub(super) fn is_shared(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == SHARED)
}

/// Adds what is shared in a directory, else what is shared in the one above.
fn shared(directory: Option<&Path>, files: &mut Vec<PathBuf>) {
    let Some(directory) = directory else { return };
    // The parent of a name without a directory is empty: the current one.
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    // A folder that has its own is a pack by itself.
    let places = [directory.join(SHARED), directory.join("..").join(SHARED)];
    if let Some(place) = places.into_iter().find(|place| place.is_file()) {
        once(place, files);
    }
}

/// Adds a file that is not there yet, under whatever name.
fn once(file: PathBuf, files: &mut Vec<PathBuf>) {
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let file_real = real(&file);
    if !files.iter().any(|other| real(other) == file_real) {
        // `pack/folder/../_shared.yaml` is shorter without the detour, unless the folder is a link.
        let short = match file.parent() {
            Some(up) if up.ends_with("..") => {
                up.parent().and_then(Path::parent).map(|pack| pack.join(SHARED))
            }
            _ => None,
        };
        files.push(short.filter(|short| real(short) == file_real).unwrap_or(file));
    }
}

fn in_directory(directory: &Path, below: bool) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if is_yaml && !is_test_file(&path) && path.is_file() {
            files.push(path);
        } else if below && entry.file_type()?.is_dir() {
            // Links to directories are not followed: they may lead back.
            if !path.join(SHARED).is_file() {
                folders.push(path);
            }
        }
    }
    files.sort();
    folders.sort();
    for folder in folders {
        files.append(&mut in_directory(&folder, true)?);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_stands_for_its_yaml_files() {
        let directory = std::env::temp_dir().join(format!("saker-rule-files-{}", std::process::id()));
        fs::create_dir_all(directory.join("c.yaml")).unwrap();
        for name in ["b.yaml", "a.yml", "z.json", ".yaml"] {
            fs::write(directory.join(name), "").unwrap();
        }
        let missing = PathBuf::from("/nonexistent/r.yaml");
        let files = rule_files(&[missing.clone(), directory.clone()]).unwrap();
        assert_eq!(files, [missing, directory.join("a.yml"), directory.join("b.yaml")]);
        fs::remove_dir_all(&directory).unwrap();
    }

    /// A pack with two folders.
    fn pack(name: &str) -> PathBuf {
        let pack = std::env::temp_dir().join(format!("saker-rule-pack-{name}-{}", std::process::id()));
        for folder in ["a", "b"] {
            fs::create_dir_all(pack.join(folder)).unwrap();
            fs::write(pack.join(folder).join("r.yaml"), "").unwrap();
            fs::write(pack.join(folder).join("r.test.yaml"), "").unwrap();
        }
        fs::write(pack.join(SHARED), "").unwrap();
        pack
    }

    #[test]
    fn a_pack_stands_for_its_folders_and_what_they_share_comes_first() {
        let pack = pack("whole");
        let [shared, a, b] = ["_shared.yaml", "a/r.yaml", "b/r.yaml"].map(|file| pack.join(file));
        let whole = [shared.clone(), a.clone(), b.clone()];
        assert_eq!(rule_files(std::slice::from_ref(&pack)).unwrap(), whole);
        assert_eq!(rule_files(&[pack.join("a")]).unwrap(), [shared.clone(), a.clone()]);
        assert_eq!(rule_files(&[a.clone(), b.clone()]).unwrap(), whole);
        assert_eq!(rule_files(&[pack.join("b"), shared.clone(), pack.join("a")]).unwrap(), [shared, b, a]);
        fs::remove_dir_all(&pack).unwrap();
    }

    #[test]
    fn a_pack_within_a_pack_stands_by_itself() {
        let pack = pack("nested");
        fs::write(pack.join("b").join(SHARED), "").unwrap();
        let [shared, a, inner, b] =
            ["_shared.yaml", "a/r.yaml", "b/_shared.yaml", "b/r.yaml"].map(|file| pack.join(file));
        assert_eq!(rule_files(std::slice::from_ref(&pack)).unwrap(), [shared, a]);
        assert_eq!(rule_files(&[pack.join("b")]).unwrap(), [inner.clone(), b.clone()]);
        assert_eq!(rule_files(std::slice::from_ref(&b)).unwrap(), [inner, b]);
        fs::remove_dir_all(&pack).unwrap();
    }

    #[test]
    fn a_directory_without_shared_macros_is_no_pack() {
        let pack = pack("flat");
        fs::remove_file(pack.join(SHARED)).unwrap();
        assert_eq!(rule_files(std::slice::from_ref(&pack)).unwrap(), Vec::<PathBuf>::new());
        assert_eq!(rule_files(&[pack.join("a")]).unwrap(), [pack.join("a/r.yaml")]);
        fs::remove_dir_all(&pack).unwrap();
    }
}
