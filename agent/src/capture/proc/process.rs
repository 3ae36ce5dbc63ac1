//! A process or thread as /proc shows it: from `stat`, `status`, `cmdline`, `environ`, `cgroup` and the links.

use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use procfs_core::FromRead;
use procfs_core::process::{Limit, LimitValue, Limits, Stat, Status};

use super::ProcRoot;
use crate::capture::{ProcessRecord, TICK};

/// Falco keeps so much of arguments, of an environment and of cgroups.
const TEXT: usize = 4096;
/// The capability to write to any file.
const CAP_DAC_OVERRIDE: u64 = 1 << 1;
/// The most bytes of a file with numbers; they are far smaller.
const NUMBERS: usize = 16 << 10;

/// Reads processes of one host.
pub(super) struct ProcessReader {
    /// The controllers of the version 2 hierarchy.
    controllers: Vec<Vec<u8>>,
    /// When the machine was booted, nanoseconds since the epoch.
    boot: u64,
}

impl ProcessReader {
    pub(super) fn new(root: &ProcRoot, boot: u64) -> Self {
        ProcessReader { controllers: version_2_controllers(root), boot }
    }

    /// Reads a process: the thread that leads it.
    pub(super) fn leader(&self, directory: &Path, pid: i64) -> io::Result<ProcessRecord> {
        let mut record = self.own(directory, pid)?;
        let (exe, args) = split_command(text(&directory.join("cmdline"))?);
        record.exe = exe;
        record.args = args;
        record.loginuid = login_uid(directory);
        // The environment is for its owner only, and kernel threads have none.
        record.env = text(&directory.join("environ")).unwrap_or_default();
        record.cwd = link(&directory.join("cwd"));
        record.root = link(&directory.join("root"));
        record.cgroups = cgroups(&text(&directory.join("cgroup")).unwrap_or_default(), &self.controllers);
        if let Ok(limits) = numbers::<Limits>(&directory.join("limits")) {
            record.fdlimit = fd_limit(limits.max_open_files);
        }
        record.exepath = link(&directory.join("exe"));
        record.exe_from_memfd = record.exepath.starts_with(b"/memfd:");
        if let Ok(file) = fs::metadata(directory.join("exe")) {
            record.exe_ino = file.ino();
            record.exe_ino_ctime = nanoseconds(file.ctime(), file.ctime_nsec());
            record.exe_ino_mtime = nanoseconds(file.mtime(), file.mtime_nsec());
            record.exe_writable = may_write(&record, &file);
        }
        Ok(record)
    }

    /// Reads another thread of a process. What threads share is taken from the leader, but for what only the leader's
    /// record is asked for.
    pub(super) fn thread(
        &self,
        directory: &Path,
        tid: i64,
        leader: &ProcessRecord,
    ) -> io::Result<ProcessRecord> {
        let own = self.own(directory, tid)?;
        Ok(ProcessRecord {
            exe: leader.exe.clone(),
            args: leader.args.clone(),
            exepath: leader.exepath.clone(),
            cgroups: leader.cgroups.clone(),
            root: leader.root.clone(),
            exe_ino: leader.exe_ino,
            exe_ino_ctime: leader.exe_ino_ctime,
            exe_ino_mtime: leader.exe_ino_mtime,
            exe_writable: leader.exe_writable,
            exe_from_memfd: leader.exe_from_memfd,
            fdlimit: leader.fdlimit,
            loginuid: leader.loginuid,
            started: leader.started,
            ..own
        })
    }

    /// What each thread has for itself.
    fn own(&self, directory: &Path, tid: i64) -> io::Result<ProcessRecord> {
        let mut bytes = Vec::with_capacity(NUMBERS);
        read_numbers(&directory.join("stat"), &mut bytes)?;
        let stat: Stat = parse(&bytes)?;
        let comm = name_in_stat(&bytes).to_vec();
        read_numbers(&directory.join("status"), &mut bytes)?;
        let status: Status = parse(&bytes)?;
        let innermost = |ids: &Option<Vec<i32>>, otherwise: i64| {
            ids.as_ref().and_then(|ids| ids.last()).map_or(otherwise, |&id| i64::from(id))
        };
        let pid = i64::from(status.tgid);
        let in_pid_namespace = status.nspid.as_ref().is_some_and(|ids| ids.len() > 1);
        Ok(ProcessRecord {
            tid,
            pid,
            ptid: i64::from(stat.ppid),
            sid: i64::from(stat.session),
            pgid: i64::from(stat.pgrp),
            vpgid: innermost(&status.nspgid, i64::from(stat.pgrp)),
            vtid: innermost(&status.nspid, tid),
            vpid: innermost(&status.nstgid, pid),
            comm,
            uid: status.euid,
            gid: status.egid,
            vmsize_kb: kibibytes(status.vmsize),
            vmrss_kb: kibibytes(status.vmrss),
            vmswap_kb: kibibytes(status.vmswap),
            pfmajor: stat.majflt,
            pfminor: stat.minflt,
            started: stat.starttime.saturating_mul(TICK),
            // The first process of the initial namespace started with the machine.
            pidns_init_start_ts: if in_pid_namespace { 0 } else { self.boot },
            tty: u32::try_from(stat.tty_nr).unwrap_or(0),
            cap_inheritable: status.capinh,
            cap_permitted: status.capprm,
            cap_effective: status.capeff,
            ..ProcessRecord::default()
        })
    }
}

/// The beginning of a file: as much as is kept of it.
fn text(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(TEXT as u64).read_to_end(&mut text)?;
    Ok(text)
}

/// A file of numbers.
fn numbers<T: FromRead>(path: &Path) -> io::Result<T> {
    let mut bytes = Vec::new();
    read_numbers(path, &mut bytes)?;
    parse(&bytes)
}

/// Reads a file of numbers into `bytes`. There may be a hundred thousand of them, so each is asked for once: the kernel
/// gives it whole where there is room.
fn read_numbers(path: &Path, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut file = fs::File::open(path)?;
    bytes.resize(NUMBERS, 0);
    let read = file.read(bytes)?;
    bytes.truncate(read);
    Ok(())
}

/// What a file of numbers says. A process can call itself anything, and its name stands among them: it must not make the
/// file unreadable.
fn parse<T: FromRead>(bytes: &[u8]) -> io::Result<T> {
    T::from_read(String::from_utf8_lossy(bytes).as_bytes())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))
}

/// The name in `stat`: between the first parenthesis and the last, whatever it holds.
fn name_in_stat(stat: &[u8]) -> &[u8] {
    let ends = (memchr::memchr(b'(', stat), memchr::memrchr(b')', stat));
    let (Some(start), Some(end)) = ends else { return b"" };
    stat.get(start + 1..end).unwrap_or_default()
}

/// Where a link points to; empty if that may not be known.
fn link(path: &Path) -> Vec<u8> {
    fs::read_link(path).map(|target| target.into_os_string().into_vec()).unwrap_or_default()
}

/// `argv[0]` and the other arguments, each closed by a NUL.
fn split_command(mut command: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let Some(end) = memchr::memchr(0, &command) else { return (command, Vec::new()) };
    let mut args = command.split_off(end + 1);
    command.pop();
    if args.last().is_some_and(|last| *last != 0) {
        args.push(0);
    }
    (command, args)
}

fn fd_limit(limit: Limit) -> i64 {
    match limit.soft_limit {
        LimitValue::Value(value) => i64::try_from(value).unwrap_or(i64::MAX),
        LimitValue::Unlimited => i64::MAX,
    }
}

fn login_uid(directory: &Path) -> u32 {
    let text = fs::read_to_string(directory.join("loginuid")).unwrap_or_default();
    text.trim().parse().unwrap_or(u32::MAX)
}

/// procfs gives these in KiB, as the file has them.
fn kibibytes(value: Option<u64>) -> u32 {
    u32::try_from(value.unwrap_or(0)).unwrap_or(u32::MAX)
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> u64 {
    let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    u64::try_from(total).unwrap_or(0)
}

/// Whether the process may write to its own executable: as the driver says it at an exec, from the kernel's credentials.
/// An owner can always give itself the right.
fn may_write(process: &ProcessRecord, file: &fs::Metadata) -> bool {
    let mode = file.mode();
    process.cap_effective & CAP_DAC_OVERRIDE != 0
        || process.uid == file.uid()
        || (process.gid == file.gid() && mode & 0o020 != 0)
        || (process.gid != file.gid() && mode & 0o002 != 0)
}

/// The controllers of the version 2 hierarchy, wherever it is mounted.
fn version_2_controllers(root: &ProcRoot) -> Vec<Vec<u8>> {
    let places = ["sys/fs/cgroup/cgroup.controllers", "sys/fs/cgroup/unified/cgroup.controllers"];
    let found = places.iter().find_map(|place| fs::read(root.path(place)).ok()).unwrap_or_default();
    let mut words: Vec<Vec<u8>> =
        found.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).map(<[u8]>::to_vec).collect();
    if words.is_empty() {
        // A hybrid host has all its controllers in version 1; the path of version 2 still says the container.
        words.push(Vec::new());
    }
    words
}

/// `subsystem=path` entries, each closed by a NUL, from the lines `hierarchy:subsystems:path` of a cgroup file. As in Falco,
/// version 2 is told as each of its controllers.
fn cgroups(file: &[u8], version_2: &[Vec<u8>]) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut add = |subsystem: &[u8], path: &[u8]| {
        if entries.len() + subsystem.len() + path.len() + 2 <= TEXT {
            entries.extend_from_slice(subsystem);
            entries.push(b'=');
            entries.extend_from_slice(path);
            entries.push(0);
        }
    };
    for line in file.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(3, |byte| *byte == b':');
        let (Some(_), Some(subsystems), Some(path)) = (parts.next(), parts.next(), parts.next()) else {
            continue;
        };
        if subsystems.is_empty() {
            version_2.iter().for_each(|controller| add(controller, path));
        } else {
            subsystems.split(|byte| *byte == b',').for_each(|subsystem| add(subsystem, path));
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_split_behind_its_first_word() {
        let split = |command: &[u8]| split_command(command.to_vec());
        assert_eq!(split(b"ls\0-l\0/tmp\0"), (b"ls".to_vec(), b"-l\0/tmp\0".to_vec()));
        assert_eq!(split(b"ls\0"), (b"ls".to_vec(), Vec::new()));
        assert_eq!(split(b""), (Vec::new(), Vec::new()));
        assert_eq!(split(b"nginx: master"), (b"nginx: master".to_vec(), Vec::new()), "a name without NUL");
        assert_eq!(split(b"a\0b"), (b"a".to_vec(), b"b\0".to_vec()), "cut in the middle");
    }

    #[test]
    fn a_name_may_hold_parentheses() {
        assert_eq!(name_in_stat(b"7 (a) (b\n) S 1 2"), b"a) (b\n");
        assert_eq!(name_in_stat(b"7 () S"), b"");
        assert_eq!(name_in_stat(b"7 )( S"), b"");
        assert_eq!(name_in_stat(b"7"), b"");
    }

    #[test]
    fn cgroups_are_told_by_controller() {
        let controllers = [b"cpu".to_vec(), b"memory".to_vec()];
        assert_eq!(cgroups(b"0::/a b\n", &controllers), b"cpu=/a b\0memory=/a b\0");
        assert_eq!(
            cgroups(b"4:cpu,cpuacct:/x\n1:name=systemd:/y:z\n", &controllers),
            b"cpu=/x\0cpuacct=/x\0name=systemd=/y:z\0"
        );
        assert_eq!(cgroups(b"rubbish\n\n", &controllers), b"");
    }

    #[test]
    fn what_does_not_fit_is_left_out_whole() {
        let file = [b"0::/".to_vec(), vec![b'x'; TEXT - 10]].concat();
        let controllers = [b"cpu".to_vec(), b"io".to_vec()];
        assert_eq!(memchr::memchr_iter(0, &cgroups(&file, &controllers)).count(), 1);
    }
}
