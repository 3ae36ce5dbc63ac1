//! The machine itself: its size, its users and groups, its network interfaces.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::sys::socket::SockaddrStorage;

use super::ProcRoot;
use crate::capture::{GroupRecord, Interface, MachineInfo, Snapshot, UserRecord};

impl ProcRoot {
    /// All that is not about processes.
    pub(super) fn host(&self) -> Snapshot {
        Snapshot {
            machine: Some(self.machine()),
            interfaces: interfaces(),
            users: fs::read(self.path("etc/passwd")).map(|file| users(&file)).unwrap_or_default(),
            groups: fs::read(self.path("etc/group")).map(|file| groups(&file)).unwrap_or_default(),
            ..Snapshot::new()
        }
    }

    pub(super) fn machine(&self) -> MachineInfo {
        let read = |path| fs::read_to_string(self.path(path)).unwrap_or_default();
        let after = |text: &str, label: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(label)).unwrap_or_default();
            line.split_whitespace().next().and_then(|number| number.parse::<u64>().ok()).unwrap_or(0)
        };
        let stat = read("proc/stat");
        let cpus = stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")).count();
        MachineInfo {
            cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
            memory: after(&read("proc/meminfo"), "MemTotal:").saturating_mul(1024),
            max_pid: read("proc/sys/kernel/pid_max").trim().parse().unwrap_or(0),
            hostname: read("proc/sys/kernel/hostname").trim_end().as_bytes().to_vec(),
            boot_ts: after(&stat, "btime ").saturating_mul(1_000_000_000),
            flags: 0,
        }
    }
}

/// Lines `name:password:uid:gid:comment:home:shell`. Others are passed over.
fn users(file: &[u8]) -> Vec<UserRecord> {
    let user = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next()?.to_vec();
        let (uid, gid) = (number(fields.nth(1)?)?, number(fields.next()?)?);
        let (home, shell) = (fields.nth(1)?.to_vec(), fields.next()?.to_vec());
        Some(UserRecord { uid, gid, name, home, shell })
    };
    file.split(|byte| *byte == b'\n').filter_map(user).collect()
}

/// Lines `name:password:gid:members`. Others are passed over.
fn groups(file: &[u8]) -> Vec<GroupRecord> {
    let group = |line: &[u8]| {
        let mut fields = line.split(|byte| *byte == b':');
        let name = fields.next()?.to_vec();
        Some(GroupRecord { gid: number(fields.nth(1)?)?, name })
    };
    file.split(|byte| *byte == b'\n').filter_map(group).collect()
}

fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// One entry for each address of the network namespace that the agent is in.
fn interfaces() -> Vec<Interface> {
    let Ok(addresses) = getifaddrs() else { return Vec::new() };
    addresses.filter_map(interface).collect()
}

fn interface(address: InterfaceAddress) -> Option<Interface> {
    let addr = ip(address.address?)?;
    let none =
        if addr.is_ipv4() { IpAddr::from(Ipv4Addr::UNSPECIFIED) } else { Ipv6Addr::UNSPECIFIED.into() };
    let other = |address: Option<SockaddrStorage>| address.and_then(ip).unwrap_or(none);
    Some(Interface {
        name: address.interface_name.into_bytes(),
        addr,
        netmask: other(address.netmask),
        broadcast: other(address.broadcast),
        speed: 0,
    })
}

fn ip(address: SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_are_read_line_by_line() {
        let found = users(b"root:x:0:0:root:/root:/bin/bash\n+::::::\nbroken\nn\xff:x:7:8::/:\n");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].uid, found[0].home.as_slice()), (0, &b"/root"[..]));
        assert_eq!((found[1].uid, found[1].gid, found[1].name.as_slice()), (7, 8, &b"n\xff"[..]));
        let found = groups(b"wheel:x:10:a,b\n\nbroken:x\n");
        assert_eq!(found, [GroupRecord { gid: 10, name: b"wheel".to_vec() }]);
    }
}
