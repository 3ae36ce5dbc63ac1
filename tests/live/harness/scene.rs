//! The scene: namespaces and directories that the cases play in, so that nothing of the machine is touched, and the cgroup
//! whose processes alone are recorded.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::args;
use crate::calls::native;

/// Where the directories of the cases are: a file system of its own, seen by the tests alone.
pub const SCRATCH: &str = "/tmp/saker-live";

/// Namespaces of mounts, network and IPC for this process and its children; loopback is up, [`SCRATCH`] is empty.
pub fn set() -> Result<()> {
    let namespaces = libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    call("unshare", libc::SYS_unshare, &args![namespaces])?;
    call("mount", libc::SYS_mount, &args![c"none", c"/", 0, libc::MS_REC | libc::MS_PRIVATE, 0])?;
    fs::create_dir_all(SCRATCH).context(SCRATCH)?;
    let scratch = CString::new(SCRATCH)?;
    call("mount", libc::SYS_mount, &args![c"tmpfs", &scratch, c"tmpfs", 0, c"mode=0755"])?;
    loopback_up()
}

fn loopback_up() -> Result<()> {
    let socket = call("socket", libc::SYS_socket, &args![libc::AF_INET, libc::SOCK_DGRAM, 0])?;
    // struct ifreq: the name, then the flags.
    let mut request = [0_u8; 40];
    request[..2].copy_from_slice(b"lo");
    request[16..18].copy_from_slice(&((libc::IFF_UP | libc::IFF_RUNNING) as i16).to_le_bytes());
    call("SIOCSIFFLAGS", libc::SYS_ioctl, &args![socket, libc::SIOCSIFFLAGS, &request])?;
    call("close", libc::SYS_close, &args![socket])?;
    Ok(())
}

fn call(what: &str, number: i64, arguments: &[u64]) -> Result<i64> {
    match native(number, arguments) {
        result if result < 0 => {
            bail!(
                "{what}: {} (the live tests run as root)",
                std::io::Error::from_raw_os_error(-result as i32)
            )
        }
        result => Ok(result),
    }
}

/// A cgroup with this process in it. Dropping it puts the process back.
pub struct Scope {
    path: PathBuf,
    before: PathBuf,
    /// Its id, which is its inode.
    pub id: u64,
    /// How deep it is below the root.
    pub level: u32,
}

impl Scope {
    /// Makes a cgroup below the one that this process is in, of the version 2 hierarchy.
    pub fn enter() -> Result<Scope> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let mount = mounts.lines().find_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let (path, kind) = (fields.next()?, fields.next()?);
            (kind == "cgroup2").then(|| PathBuf::from(path))
        });
        let root = mount.context("no cgroup file system of version 2 is mounted")?;
        let own = fs::read_to_string("/proc/self/cgroup")?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default().to_owned();
        let before = root.join(&own);
        let path = before.join(format!("saker-live-{}", std::process::id()));
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let depth = own.split('/').filter(|name| !name.is_empty()).count() as u32 + 1;
        let scope = Scope { id: fs::metadata(&path)?.ino(), level: depth, path, before };
        scope.move_to(&scope.path)?;
        Ok(scope)
    }

    fn move_to(&self, cgroup: &Path) -> Result<()> {
        let file = cgroup.join("cgroup.procs");
        fs::write(&file, "0").with_context(|| file.display().to_string())
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        // At worst an empty cgroup stays behind.
        let _ = self.move_to(&self.before);
        let _ = fs::remove_dir(&self.path);
    }
}
