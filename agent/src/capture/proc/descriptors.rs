//! The open descriptors of a process: from the links in `fd` and what they lead to.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::sockets::SocketTables;
use super::{ProcLimits, ProcScan, numbers};
use crate::capture::{FdInfo, FdRecord};

/// Makes the description of a descriptor with a name.
type Named = fn(Vec<u8>) -> FdInfo;

/// The kinds of anonymous files, by what follows `anon_inode:` in their link.
const ANONYMOUS: &[(&[u8], Named)] = &[
    (b"[eventfd", |name| FdInfo::Event { name }),
    (b"[signalfd", |name| FdInfo::SignalFd { name }),
    (b"[eventpoll", |name| FdInfo::EventPoll { name }),
    (b"inotify", |name| FdInfo::Inotify { name }),
    (b"[timerfd", |name| FdInfo::TimerFd { name }),
    (b"bpf", |name| FdInfo::Bpf { name }),
    (b"[userfaultfd", |name| FdInfo::UserFaultFd { name }),
    (b"[io_uring", |name| FdInfo::IoUring { name }),
    (b"[pidfd", |name| FdInfo::PidFd { name }),
];

/// Adds the descriptors of a process to what was found.
pub(super) fn read(
    process: &Path,
    pid: i64,
    sockets: &mut SocketTables,
    limits: ProcLimits,
    scan: &mut ProcScan,
) {
    let Ok(directory) = fs::read_dir(process.join("fd")) else { return };
    for (found, fd) in numbers(directory).enumerate() {
        if found >= limits.fds_per_process {
            scan.over_limit += 1;
        } else if let Some(record) = descriptor(process, pid, fd, sockets) {
            scan.add_fd(record, limits);
        }
    }
}

fn descriptor(process: &Path, pid: i64, fd: i64, sockets: &mut SocketTables) -> Option<FdRecord> {
    let link = process.join("fd").join(fd.to_string());
    let name = fs::read_link(&link).ok()?.into_os_string().into_vec();
    let file = fs::metadata(&link).ok()?;
    let info = match FileKind::of(file.mode()) {
        FileKind::Socket => sockets.find(process, file.ino())?,
        FileKind::Fifo => FdInfo::Fifo { name },
        FileKind::Directory => FdInfo::Directory { name },
        FileKind::Regular if name.starts_with(b"/memfd:") => FdInfo::MemFd { name },
        FileKind::Regular => {
            FdInfo::Regular { name, flags: open_flags(process, fd), dev: device(file.dev()) }
        }
        FileKind::Other => {
            let kind = name.strip_prefix(b"anon_inode:").unwrap_or_default();
            match ANONYMOUS.iter().find(|(prefix, _)| kind.starts_with(prefix)) {
                Some((_, info)) => info(name),
                None => FdInfo::Unsupported { name },
            }
        }
    };
    Some(FdRecord { tid: pid, fd, ino: file.ino(), info })
}

/// What an inode is, as far as descriptors differ by it.
enum FileKind {
    Socket,
    Fifo,
    Directory,
    /// A file, or a device.
    Regular,
    Other,
}

impl FileKind {
    fn of(mode: u32) -> FileKind {
        match mode & 0o170_000 {
            0o140_000 => FileKind::Socket,
            0o010_000 => FileKind::Fifo,
            0o040_000 => FileKind::Directory,
            0o100_000 | 0o020_000 | 0o060_000 => FileKind::Regular,
            _ => FileKind::Other,
        }
    }
}

/// The flags of the schema with which a file is open.
fn open_flags(process: &Path, fd: i64) -> u32 {
    let text = fs::read(process.join("fdinfo").join(fd.to_string())).unwrap_or_default();
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"flags:"));
    let number = line.and_then(|line| std::str::from_utf8(line).ok());
    let flags = number.and_then(|number| u32::from_str_radix(number.trim(), 8).ok()).unwrap_or(0);
    saker_probe::extract::flags::open_flags(flags)
}

/// A device number as the kernel's records have it (`new_encode_dev`), from the one of `stat`.
fn device(dev: u64) -> u32 {
    let major = (dev >> 8 & 0xfff) | (dev >> 32 & !0xfff);
    let minor = (dev & 0xff) | (dev >> 12 & !0xff);
    ((minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_encoded_as_the_kernel_does() {
        // 8:1, and 259:300, which stat spreads over the number.
        assert_eq!(device(0x801), 0x801);
        assert_eq!(device((259 << 8) | 0x2c | (0x1 << 20)), (259 << 8) | 0x2c | (0x100 << 12));
    }
}
