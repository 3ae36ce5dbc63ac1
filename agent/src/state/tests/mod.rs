//! What each event does to the state, one behaviour a test.

mod files;
mod process;
mod scopes;
mod whole;

use super::MachineInfo;
use super::testing::World;
use crate::capture::{FdInfo, FdRecord, GroupRecord, Interface, ProcessRecord, Snapshot, UserRecord};

const THREAD: u32 = 1 << 13 | 1 | 1 << 1 | 1 << 15;
const IN_PIDNS: u32 = 1 << 29;
const VFORK: u32 = 1 << 27;
const O_CLOEXEC: u32 = 1 << 12;
const O_DIRECTORY: u32 = 1 << 10;

fn process(tid: i64, ptid: i64) -> ProcessRecord {
    ProcessRecord {
        tid,
        pid: tid,
        ptid,
        sid: 1,
        vpgid: 10,
        pgid: 10,
        vtid: tid,
        vpid: tid,
        comm: b"bash".to_vec(),
        exe: b"/bin/bash".to_vec(),
        exepath: b"/usr/bin/bash (deleted)".to_vec(),
        args: b"-l\0".to_vec(),
        env: b"A=1\0B=2\0".to_vec(),
        cgroups: b"io=/\0mem_cgroup=/x\0".to_vec(),
        cwd: b"/home".to_vec(),
        loginuid: 1000,
        uid: 1000,
        gid: 100,
        ..ProcessRecord::default()
    }
}

/// init (1) and a shell (10) that has /dev/null as its three first descriptors.
fn world() -> World {
    let mut world = World::new();
    let fds = (0..3).map(|fd| FdRecord {
        tid: 10,
        fd,
        ino: 5,
        info: FdInfo::Regular { name: b"/dev/null".to_vec(), flags: 2, dev: 9 },
    });
    world.state.load(&Snapshot {
        fresh: true,
        machine: Some(MachineInfo { boot_ts: 1_000, ..MachineInfo::default() }),
        interfaces: vec![interface("127.0.0.1", "255.0.0.0"), interface("10.0.0.2", "255.255.255.0")],
        users: vec![UserRecord { uid: 1000, name: b"joe".to_vec(), ..UserRecord::default() }],
        groups: vec![GroupRecord { gid: 100, name: b"users".to_vec() }],
        processes: vec![process(10, 1), process(1, 0)],
        fds: fds.collect(),
        more: false,
    });
    world
}

fn interface(addr: &str, netmask: &str) -> Interface {
    let addr = addr.parse().unwrap();
    Interface { name: b"if".to_vec(), addr, netmask: netmask.parse().unwrap(), broadcast: addr, speed: 0 }
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn joined<'b>(parts: impl Iterator<Item = &'b [u8]>) -> String {
    parts.map(text).collect::<Vec<_>>().join(" ")
}
