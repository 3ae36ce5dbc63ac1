use std::io::Write;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use super::*;
use crate::capture::FdInfo;

fn scan() -> ProcScan {
    ProcRoot::new("/").scan(ProcLimits::default()).unwrap()
}

#[test]
fn a_look_finds_its_own_process_and_threads() {
    let (stop, wait) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv().is_err());
    let pid = i64::from(std::process::id());
    let scan = scan();
    let mine: Vec<_> = scan.snapshot.processes.iter().filter(|process| process.pid == pid).collect();
    let leader = mine.iter().find(|process| process.tid == pid).unwrap();
    let exe = std::env::current_exe().unwrap();
    assert_eq!(leader.exepath, exe.as_os_str().as_encoded_bytes());
    assert_eq!(leader.exe, std::env::args().next().unwrap().into_bytes());
    assert_eq!(leader.cwd, std::env::current_dir().unwrap().as_os_str().as_encoded_bytes());
    assert_eq!(leader.ptid, i64::from(std::os::unix::process::parent_id()));
    assert!(leader.env.windows(5).any(|text| text == b"PATH="), "its environment");
    assert!(leader.exe_ino != 0 && leader.fdlimit > 0 && leader.vmrss_kb > 0);
    assert!(mine.len() > 1 && mine.iter().all(|thread| thread.exepath == leader.exepath));
    drop(stop);
    thread.join().unwrap();
}

#[test]
fn a_look_finds_what_is_open() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = std::fs::File::create(directory.path().join("a file")).unwrap();
    file.write_all(b"x").unwrap();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let unix = UnixListener::bind(directory.path().join("socket")).unwrap();
    let (reader, _writer) = std::io::pipe().unwrap();

    let scan = scan();
    let pid = i64::from(std::process::id());
    let info = |fd: &dyn AsRawFd| {
        let fd = i64::from(fd.as_raw_fd());
        let found = scan.snapshot.fds.iter().find(|record| record.tid == pid && record.fd == fd);
        found.map(|record| record.info.clone()).unwrap()
    };
    let name = directory.path().join("a file").into_os_string().into_encoded_bytes();
    // O_WRONLY, O_LARGEFILE and close-on-exec, in the bits of the schema.
    assert!(matches!(info(&file), FdInfo::Regular { name: found, flags, dev }
        if found == name && flags & 0x2 != 0 && flags & 0x1000 != 0 && dev != 0));
    let port = tcp.local_addr().unwrap().port();
    assert!(matches!(info(&tcp), FdInfo::Ipv4Server { port: found, proto: 1, .. } if found == port));
    let name = directory.path().join("socket").into_os_string().into_encoded_bytes();
    assert!(matches!(info(&unix), FdInfo::UnixSocket { name: found, .. } if found == name));
    assert!(matches!(info(&reader), FdInfo::Fifo { name } if name.starts_with(b"pipe:[")));
}

/// A name that is no text must not hide a process.
#[test]
fn a_process_can_call_itself_anything() {
    let directory = tempfile::tempdir().unwrap();
    use std::os::unix::ffi::OsStrExt;
    let program = directory.path().join(std::ffi::OsStr::from_bytes(b") \xff\nR 1"));
    std::fs::copy("/bin/sleep", &program).unwrap();
    let mut child = Command::new(&program).arg("1000").stdin(Stdio::null()).spawn().unwrap();
    let pid = i64::from(child.id());
    let scan = scan();
    child.kill().unwrap();
    child.wait().unwrap();
    let found = scan.snapshot.processes.iter().find(|process| process.tid == pid).unwrap();
    assert_eq!(found.comm, b") \xff\nR 1");
    assert_eq!(found.args, b"1000\0");
    assert_eq!(found.ptid, i64::from(std::process::id()));
}

#[test]
fn what_is_beyond_a_limit_is_counted() {
    let limits = ProcLimits { threads: 1, fds_per_process: 1, fds: 1 };
    let scan = ProcRoot::new("/").scan(limits).unwrap();
    assert_eq!((scan.snapshot.processes.len(), scan.snapshot.fds.len()), (1, 1));
    assert!(scan.over_limit > 0);
}

#[test]
fn no_proc_is_an_error() {
    let nowhere = tempfile::tempdir().unwrap();
    assert!(ProcRoot::new(nowhere.path()).scan(ProcLimits::default()).is_err());
}
