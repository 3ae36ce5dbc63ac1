//! A command in a cgroup of its own: what `saker trace` and `saker record -- CMD` look at, and nothing else.
//!
//! The cgroup is made below ours in the version 2 hierarchy, which needs no controller and is also there on hosts that mount version 1
//! beside it. The command waits before its exec until it is released, so that its first system call is already recorded.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::host::INITIAL_CGROUP_NAMESPACE;

/// Why there is no scope.
#[derive(thiserror::Error, Debug)]
pub enum ScopeError {
    /// The version 2 hierarchy is nowhere.
    #[error(
        "no cgroup version 2 hierarchy is mounted; as root: mkdir -p /sys/fs/cgroup/unified && \
         mount -t cgroup2 none /sys/fs/cgroup/unified"
    )]
    NoHierarchy,
    /// How deep a cgroup really is cannot be seen from inside a cgroup namespace.
    #[error(
        "this process is in a cgroup namespace of its own (a container?); start the container with --cgroupns=host to \
         trace a single command"
    )]
    Namespace,
    /// The cgroup could not be made or used.
    #[error("cgroup {0}: {1}")]
    Cgroup(PathBuf, #[source] io::Error),
    /// The command could not be started.
    #[error("{0}: {1}")]
    Command(String, #[source] io::Error),
}

/// A cgroup that was made for one command.
#[derive(Debug)]
pub struct Scope {
    path: PathBuf,
    id: u64,
    level: u32,
}

impl Scope {
    /// Makes an empty cgroup.
    pub fn new() -> Result<Scope, ScopeError> {
        let namespace = fs::metadata("/proc/self/ns/cgroup").map(|link| link.ino());
        if namespace.is_ok_and(|inode| inode != INITIAL_CGROUP_NAMESPACE) {
            return Err(ScopeError::Namespace);
        }
        let root = hierarchy().ok_or(ScopeError::NoHierarchy)?;
        let own = own_cgroup().unwrap_or_default();
        let name = format!("saker-{}", std::process::id());
        // Below our own, so that its limits hold; a cgroup that hands out controllers has no place for processes, then at the top.
        let mut last = ScopeError::NoHierarchy;
        for parent in [own.as_str(), ""] {
            let parent = parent.trim_matches('/');
            let path = root.join(parent).join(&name);
            let made = fs::create_dir(&path).and_then(|()| fs::metadata(&path));
            match made {
                Ok(directory) => {
                    let depth = parent.split('/').filter(|part| !part.is_empty()).count();
                    return Ok(Scope { path, id: directory.ino(), level: depth as u32 + 1 });
                }
                Err(error) => last = ScopeError::Cgroup(path, error),
            }
        }
        Err(last)
    }

    /// The cgroup's id, as the kernel's probes see it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How deep it is below the root of the hierarchy.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// Starts a command in the cgroup, up to its exec.
    pub fn hold(&self, command: &[String]) -> Result<Held, ScopeError> {
        let [program, arguments @ ..] = command else {
            return Err(ScopeError::Command(String::new(), io::ErrorKind::InvalidInput.into()));
        };
        let failed = |error| ScopeError::Command(program.clone(), error);
        let list = self.path.join("cgroup.procs");
        let in_cgroup = |error| ScopeError::Cgroup(list.clone(), error);
        let processes = OpenOptions::new().write(true).open(&list).map_err(in_cgroup)?;
        let (wait, release) =
            nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(|error| failed(error.into()))?;
        let mut start = Command::new(program);
        start.args(arguments);
        let release_in_child = release.as_raw_fd();
        let enter = move || {
            (&processes).write_all(b"0")?;
            // Else the child itself would keep its pipe open.
            // SAFETY: the descriptor is the child's copy, which nothing else there uses.
            let _ = unsafe { nix::libc::close(release_in_child) };
            let mut byte = [0];
            // The other end is closed, or its process has ended.
            nix::unistd::read(&wait, &mut byte)?;
            // Signals that we set aside for ourselves are not set aside for the command.
            nix::sys::signal::SigSet::empty().thread_set_mask()?;
            Ok(())
        };
        // SAFETY: between fork and exec it only makes system calls, on descriptors of its own.
        unsafe { start.pre_exec(enter) };
        let starting = thread::spawn(move || start.spawn());
        let pid = self.wait_for_process(&starting).map_err(in_cgroup)?;
        Ok(Held { program: program.clone(), pid, starting, release })
    }

    /// Waits until the child has entered the cgroup.
    fn wait_for_process(&self, starting: &JoinHandle<io::Result<Child>>) -> io::Result<Option<u32>> {
        loop {
            let mut text = String::new();
            File::open(self.path.join("cgroup.procs"))?.read_to_string(&mut text)?;
            if let Some(pid) = text.lines().next().and_then(|line| line.parse().ok()) {
                return Ok(Some(pid));
            }
            if starting.is_finished() {
                return Ok(None);
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // What the command left running goes on in the cgroup above. A process that has just ended stays in the way for a moment.
        for _ in 0..50 {
            if fs::remove_dir(&self.path).is_ok() {
                return;
            }
            let left = fs::read_to_string(self.path.join("cgroup.procs")).unwrap_or_default();
            for pid in left.lines() {
                let above = self.path.parent().map(|parent| parent.join("cgroup.procs"));
                let _ = above.map(|list| fs::write(list, pid));
            }
            thread::sleep(Duration::from_millis(2));
        }
        tracing::warn!("the cgroup {} is still in use and stays; remove it with rmdir", self.path.display());
    }
}

/// A command that waits before its exec.
#[derive(Debug)]
pub struct Held {
    program: String,
    pid: Option<u32>,
    starting: JoinHandle<io::Result<Child>>,
    release: OwnedFd,
}

impl Held {
    /// Its process; `None` if it has ended already.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Lets it go on.
    pub fn release(self) -> Result<Running, ScopeError> {
        drop(self.release);
        let started = self.starting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        started.map(Running).map_err(|error| ScopeError::Command(self.program, error))
    }
}

/// A command that runs.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Waits for its end.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        self.0.wait()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, if it has.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.try_wait()
    }
}

/// Where the version 2 hierarchy is mounted.
fn hierarchy() -> Option<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|line| {
        // `36 35 98:0 / /mnt rw - type source options`; the place has octal escapes for blanks, which nobody uses here.
        let (before, after) = line.split_once(" - ")?;
        (after.split(' ').next()? == "cgroup2").then(|| before.split(' ').nth(4))?.map(PathBuf::from)
    })
}

/// Our own cgroup in that hierarchy.
fn own_cgroup() -> Option<String> {
    let list = fs::read_to_string("/proc/self/cgroup").ok()?;
    list.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}
