//! The scene of an action: namespaces of its own, with empty directories where the machine's are, and addresses that look far
//! away.

use std::ffi::CString;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use saker_live::args;
use saker_live::calls::native;
use saker_live::programs;

/// Where the action may put files: a file system of its own.
pub(crate) const WORK: &str = "/tmp/saker-actions";
/// An address that looks like a host on the internet, and is this one (TEST-NET-3).
pub(crate) const FAR: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 7);
/// The address of the metadata service of clouds, here too.
pub(crate) const METADATA: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// Directories that are empty in the scene.
const EMPTY: &[&str] = &["/etc", "/root", "/home", "/var", "/boot", "/bin", "/sbin", "/dev/shm", WORK];

/// Sets the scene for this process and its children.
pub(crate) fn set() -> Result<()> {
    let own = std::env::current_exe().context("where this program is")?;
    let program = fs::read(&own).with_context(|| own.display().to_string())?;
    fs::create_dir_all(WORK).context(WORK)?;
    call("unshare", libc::SYS_unshare, &args![libc::CLONE_NEWNS | libc::CLONE_NEWNET])?;
    call("mount", libc::SYS_mount, &args![c"none", c"/", 0, libc::MS_REC | libc::MS_PRIVATE, 0])?;
    for directory in EMPTY {
        if Path::new(directory).is_dir() {
            let at = CString::new(*directory)?;
            call("mount", libc::SYS_mount, &args![c"tmpfs", &at, c"tmpfs", 0, c"mode=0755"])
                .context(*directory)?;
        }
    }
    for directory in ["/etc/cron.d", "/root/.ssh", "/var/log", "/var/lib/rpm", "/home/user/.ssh"] {
        fs::create_dir_all(directory).with_context(|| directory.to_owned())?;
    }
    fs::write("/etc/shadow", "root:*:1:0:99999:7:::\n")?;
    fs::write("/root/.bashrc", "")?;
    fs::write("/root/.bash_history", "")?;
    fs::write("/root/.ssh/id_rsa", "not a key\n")?;
    // This program again, for parts of actions that run under another name: its old place may be hidden now.
    install_bytes("saker-actions", &program)?;
    interface("lo", None)?;
    interface("lo:1", Some(FAR))?;
    interface("lo:2", Some(METADATA))
}

/// Switches an interface on, with an address.
fn interface(name: &str, address: Option<Ipv4Addr>) -> Result<()> {
    let socket = call("socket", libc::SYS_socket, &args![libc::AF_INET, libc::SOCK_DGRAM, 0])?;
    // struct ifreq: the name, then an address or the flags.
    let mut request = [0_u8; 40];
    request[..name.len()].copy_from_slice(name.as_bytes());
    if let Some(address) = address {
        request[16..18].copy_from_slice(&(libc::AF_INET as u16).to_le_bytes());
        request[20..24].copy_from_slice(&address.octets());
        call("SIOCSIFADDR", libc::SYS_ioctl, &args![socket, libc::SIOCSIFADDR, &request])?;
    } else {
        request[16..18].copy_from_slice(&((libc::IFF_UP | libc::IFF_RUNNING) as i16).to_le_bytes());
        call("SIOCSIFFLAGS", libc::SYS_ioctl, &args![socket, libc::SIOCSIFFLAGS, &request])?;
    }
    call("close", libc::SYS_close, &args![socket])?;
    Ok(())
}

/// Makes a call that must succeed.
pub(crate) fn call(what: &str, number: i64, arguments: &[u64]) -> Result<i64> {
    match native(number, arguments) {
        result if result < 0 => {
            bail!("{what}: {} (actions run as root)", std::io::Error::from_raw_os_error(-result as i32))
        }
        result => Ok(result),
    }
}

fn install_bytes(name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = Path::new(WORK).join(name);
    fs::write(&path, bytes).with_context(|| path.display().to_string())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path)
}

/// A program with any name that ends at once.
pub(crate) fn tool(name: &str) -> Result<PathBuf> {
    install_bytes(name, &programs::exit_at_once())
}

/// Runs a program with any name, which ends at once.
pub(crate) fn run_tool(name: &str, arguments: &[&str]) -> Result<()> {
    let path = tool(name)?;
    run(Command::new(path).args(arguments))
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("{command:?}"))?;
    if !status.success() {
        bail!("{command:?}: {status}");
    }
    Ok(())
}

/// A command that does a part of an action ([`super::processes::step`]) under another name.
pub(crate) fn step(name: &str, step: &str) -> Result<Command> {
    let path = Path::new(WORK).join(name);
    if !path.exists() {
        symlink(Path::new(WORK).join("saker-actions"), &path)?;
    }
    let mut command = Command::new(path);
    command.args(["step", step]);
    Ok(command)
}
