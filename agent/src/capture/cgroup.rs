//! The cgroups of the host: from the id that a record carries to the path that says the container.
//!
//! One hierarchy is followed: version 2, or on hosts where the controllers are still those of version 1, the one that
//! every container runtime uses. Read at the start, kept true by the driver's records of cgroups made and removed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;

/// Cgroups beyond this many are not followed; the containers that they belong to stay unknown.
const MOST: usize = 262_144;
/// The version 1 hierarchies that tell of containers, the best first: directory below the mounts, and controller.
const VERSION_1: [(&str, &str); 2] = [("memory", "memory"), ("pids", "pids")];
/// Falco keeps so much of the cgroups of a thread.
const TEXT: usize = 4096;

/// Which hierarchy is followed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub root: PathBuf,
    /// How Falco names it: the controllers of version 2, or that of version 1.
    controllers: Vec<String>,
    /// `Interest::cgroup_hierarchy`.
    pub number: u32,
    /// How the kernel numbers it (the second column of /proc/cgroups); 0 is version 2.
    pub id: u32,
}

impl Hierarchy {
    /// Finds it below the root of the host.
    pub fn find(host: &Path) -> Hierarchy {
        let mounts = host.join("sys/fs/cgroup");
        if let Ok(controllers) = fs::read_to_string(mounts.join("cgroup.controllers")) {
            let controllers = controllers.split_whitespace().map(str::to_owned).collect();
            return Hierarchy { root: mounts, controllers, number: 0, id: 0 };
        }
        // The kernel numbers controllers in the order in which it lists them.
        let listed = fs::read_to_string(host.join("proc/cgroups")).unwrap_or_default();
        let rows = listed.lines().filter(|line| !line.starts_with('#'));
        let rows: Vec<(&str, u32)> = rows
            .filter_map(|line| {
                let mut columns = line.split('\t');
                Some((columns.next()?, columns.next()?.parse().ok()?))
            })
            .collect();
        for (directory, controller) in VERSION_1 {
            let root = mounts.join(directory);
            let index = rows.iter().position(|(name, _)| *name == controller);
            if let Some(index) = index
                && let Ok(number) = u32::try_from(index + 1)
                && root.is_dir()
            {
                let id = rows.get(index).map_or(0, |(_, id)| *id);
                return Hierarchy { root, controllers: vec![controller.to_owned()], number, id };
            }
        }
        Hierarchy { root: mounts.join("unified"), controllers: vec![String::new()], number: 0, id: 0 }
    }
}

/// Paths by id.
#[derive(Debug)]
pub struct Cgroups {
    hierarchy: Hierarchy,
    /// What `thread.cgroups` says of a thread in it: `controller=path` entries, each closed by a NUL.
    texts: FxHashMap<u64, Arc<[u8]>>,
    /// Cgroups for which there was no room.
    pub refused: u64,
}

impl Cgroups {
    /// Reads what there is.
    pub fn scan(hierarchy: Hierarchy) -> Cgroups {
        let mut cgroups = Cgroups { texts: FxHashMap::default(), refused: 0, hierarchy };
        let root = cgroups.hierarchy.root.clone();
        let mut open = vec![(root, Vec::new())];
        while let Some((directory, path)) = open.pop() {
            let Ok(metadata) = fs::metadata(&directory) else { continue };
            let shown: &[u8] = if path.is_empty() { b"/" } else { &path };
            cgroups.add(metadata.ino(), shown);
            let Ok(entries) = fs::read_dir(&directory) else { continue };
            for entry in entries.flatten() {
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    let mut below = path.clone();
                    below.push(b'/');
                    below.extend_from_slice(entry.file_name().as_encoded_bytes());
                    open.push((entry.path(), below));
                }
            }
        }
        cgroups
    }

    /// The hierarchy.
    pub fn hierarchy(&self) -> &Hierarchy {
        &self.hierarchy
    }

    /// A cgroup was made, or found.
    pub fn add(&mut self, id: u64, path: &[u8]) {
        if self.texts.len() >= MOST && !self.texts.contains_key(&id) {
            self.refused += 1;
            return;
        }
        let mut text = Vec::new();
        for controller in &self.hierarchy.controllers {
            if text.len() + controller.len() + path.len() + 2 <= TEXT {
                text.extend_from_slice(controller.as_bytes());
                text.push(b'=');
                text.extend_from_slice(path);
                text.push(0);
            }
        }
        self.texts.insert(id, text.into());
    }

    /// A cgroup was removed. Nobody is in it any more.
    pub fn remove(&mut self, id: u64) {
        self.texts.remove(&id);
    }

    /// All cgroups: id and path.
    pub fn paths(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.texts.iter().filter_map(|(id, text)| {
            let first = text.split(|byte| *byte == 0).next()?;
            Some((*id, &first[memchr::memchr(b'=', first)? + 1..]))
        })
    }

    /// The cgroups of a thread in this one; empty if it is not known.
    pub fn text(&self, id: u64) -> &[u8] {
        self.texts.get(&id).map_or(&[], |text| text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_2_is_told_by_its_controllers() {
        let host = tempfile::tempdir().unwrap();
        let root = host.path().join("sys/fs/cgroup");
        fs::create_dir_all(root.join("a.slice/b c.scope")).unwrap();
        fs::write(root.join("cgroup.controllers"), "cpu memory\n").unwrap();
        let mut cgroups = Cgroups::scan(Hierarchy::find(host.path()));
        assert_eq!(cgroups.hierarchy().number, 0);
        let id = |path: &str| fs::metadata(root.join(path)).unwrap().ino();
        assert_eq!(cgroups.text(id("")), b"cpu=/\0memory=/\0");
        assert_eq!(
            cgroups.text(id("a.slice/b c.scope")),
            b"cpu=/a.slice/b c.scope\0memory=/a.slice/b c.scope\0"
        );
        assert_eq!(cgroups.text(1 << 60), b"");
        cgroups.add(1 << 60, b"/new");
        assert_eq!(cgroups.text(1 << 60), b"cpu=/new\0memory=/new\0");
        cgroups.remove(1 << 60);
        assert_eq!(cgroups.text(1 << 60), b"");
    }

    #[test]
    fn version_1_is_told_by_the_controller_that_runtimes_use() {
        let host = tempfile::tempdir().unwrap();
        fs::create_dir_all(host.path().join("sys/fs/cgroup/pids/docker")).unwrap();
        fs::create_dir_all(host.path().join("proc")).unwrap();
        let listed = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\npids\t8\t2\t1\n";
        fs::write(host.path().join("proc/cgroups"), listed).unwrap();
        let cgroups = Cgroups::scan(Hierarchy::find(host.path()));
        assert_eq!((cgroups.hierarchy().number, cgroups.hierarchy().id), (2, 8));
        let id = fs::metadata(host.path().join("sys/fs/cgroup/pids/docker")).unwrap().ino();
        assert_eq!(cgroups.text(id), b"pids=/docker\0");
    }
}
