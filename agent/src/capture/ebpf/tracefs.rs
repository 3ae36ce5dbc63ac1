//! tracefs: which tracepoints the kernel has, and where their fields are. Where it is not mounted, it is mounted for as long as it is
//! needed, seen by one thread only.

use std::path::{Path, PathBuf};
use std::{fs, io, thread};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Where it may be.
const PLACES: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// Runs something with tracefs in its place: the root of it is handed in.
pub(super) fn with<T: Send>(run: impl FnOnce(&Path) -> T + Send) -> io::Result<T> {
    if let Some(place) = PLACES.iter().map(Path::new).find(|place| place.join("events").is_dir()) {
        return Ok(run(place));
    }
    let place = Path::new(PLACES[0]);
    thread::scope(|scope| {
        let runner = scope.spawn(|| {
            // The thread gets mounts of its own, and no other process sees what it mounts.
            unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_FS)?;
            let nothing = None::<&str>;
            mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)?;
            mount(Some("tracefs"), place, Some("tracefs"), MsFlags::empty(), nothing)?;
            Ok(run(place))
        });
        runner.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The fields of a tracepoint, by name: how many bytes are before each.
pub(super) fn field_offset(root: &Path, tracepoint: &str, field: &str) -> Option<u64> {
    let format = fs::read_to_string(format_path(root, tracepoint)).ok()?;
    // `field:__data_loc char[] filename;	offset:8;	size:4;	signed:0;`
    format.lines().find_map(|line| {
        let (declaration, rest) = line.trim().strip_prefix("field:")?.split_once(';')?;
        let name = declaration.rsplit(' ').next()?;
        let name = name.split('[').next()?;
        if name != field {
            return None;
        }
        rest.trim().strip_prefix("offset:")?.split(';').next()?.parse().ok()
    })
}

/// The first of some tracepoints, named with `|` between them, that the kernel has; else the first of all.
pub(super) fn first<'n>(root: &Path, category: &str, names: &'n str) -> &'n str {
    let there = |name: &&str| format_path(root, &format!("{category}/{name}")).exists();
    names.split('|').find(there).or_else(|| names.split('|').next()).unwrap_or(names)
}

fn format_path(root: &Path, tracepoint: &str) -> PathBuf {
    root.join("events").join(tracepoint).join("format")
}
