//! Actions through io_uring: what stands for a call must raise the rules for that call.

use std::ffi::CString;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use anyhow::{Context, Result, bail};
use io_uring::{IoUring, opcode, squeue, types};
use saker_live::args;
use saker_live::calls::native;

use super::actions;
use super::scene::FAR;

/// Submits one operation and gives its result.
fn submit(entry: &squeue::Entry) -> Result<i32> {
    let mut ring = IoUring::new(4).context("this kernel lets us have no io_uring")?;
    // SAFETY: what the operation points to outlives the wait for its completion: the callers own it.
    unsafe { ring.submission().push(entry) }?;
    ring.submit_and_wait(1)?;
    let completion = ring.completion().next().context("no completion")?;
    match completion.result() {
        result if result < 0 => bail!("{}", std::io::Error::from_raw_os_error(-result)),
        result => Ok(result),
    }
}

fn open(path: &str, flags: i32) -> Result<()> {
    let path = CString::new(path)?;
    let entry =
        opcode::OpenAt::new(types::Fd(libc::AT_FDCWD), path.as_ptr()).flags(flags).mode(0o600).build();
    let fd = submit(&entry)?;
    native(libc::SYS_close, &args![fd]);
    Ok(())
}

/// As `network::datagrams`.
pub(crate) fn datagrams() -> Result<()> {
    let socket = UdpSocket::bind(("0.0.0.0", 0))?;
    // struct sockaddr_in.
    let mut address = [0_u8; 16];
    address[..2].copy_from_slice(&(libc::AF_INET as u16).to_le_bytes());
    address[2..4].copy_from_slice(&9_999_u16.to_be_bytes());
    address[4..8].copy_from_slice(&FAR.octets());
    let entry = opcode::Connect::new(types::Fd(socket.as_raw_fd()), address.as_ptr().cast(), 16).build();
    submit(&entry).map(drop)
}

actions! {
    "IoUringReadSensitiveFile" "Read sensitive file untrusted" => || open("/etc/shadow", libc::O_RDONLY);
    "IoUringWriteBelowEtc" "Write below etc" => || open("/etc/saker-live-file", libc::O_WRONLY | libc::O_CREAT);
    "IoUringUnexpectedUDPTraffic" "Unexpected UDP Traffic" => datagrams;
    "IoUringDeleteShellHistory" "Delete or rename shell history" => || {
        let path = CString::new("/root/.bash_history")?;
        submit(&opcode::UnlinkAt::new(types::Fd(libc::AT_FDCWD), path.as_ptr()).build()).map(drop)
    };
}
