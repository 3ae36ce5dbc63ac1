//! The sockets of a network namespace by their inodes: from the tables in a process's `net`. Read once for each namespace,
//! when the first of its sockets is asked for.

use std::fs;
use std::io::Cursor;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use procfs_core::net::{TcpNetEntries, TcpState, UdpNetEntries};
use procfs_core::{ExplicitSystemInfo, FromBufReadSI, SystemInfo};
use rustc_hash::FxHashMap;

use crate::capture::FdInfo;

/// `SCAP_L4_*`.
const TCP: u8 = 1;
const UDP: u8 = 2;
const RAW: u8 = 4;

/// Sockets by inode.
type Sockets = FxHashMap<u64, FdInfo>;

/// The tables read so far, by the inode of their namespace.
#[derive(Debug, Default)]
pub(super) struct SocketTables {
    namespaces: FxHashMap<u64, Sockets>,
}

impl SocketTables {
    /// The socket with an inode, in the network namespace of a process. Something is known of each socket, if only that it
    /// is one; `None` if the process is gone.
    pub(super) fn find(&mut self, process: &Path, inode: u64) -> Option<FdInfo> {
        let namespace = fs::metadata(process.join("ns/net")).ok()?.ino();
        let sockets = self.namespaces.entry(namespace).or_insert_with(|| read(&process.join("net")));
        Some(sockets.get(&inode).cloned().unwrap_or(FdInfo::Unknown))
    }
}

fn read(net: &Path) -> Sockets {
    let mut sockets = Sockets::default();
    for name in ["tcp", "tcp6"] {
        for entry in table::<TcpNetEntries>(&net.join(name)).map(|table| table.0).unwrap_or_default() {
            let listens = matches!(entry.state, TcpState::Listen);
            add(&mut sockets, entry.inode, listens, entry.local_address, entry.remote_address, TCP);
        }
    }
    for (name, proto) in [("udp", UDP), ("udp6", UDP), ("raw", RAW), ("raw6", RAW)] {
        for entry in table::<UdpNetEntries>(&net.join(name)).map(|table| table.0).unwrap_or_default() {
            add(&mut sockets, entry.inode, false, entry.local_address, entry.remote_address, proto);
        }
    }
    unix(&fs::read(net.join("unix")).unwrap_or_default(), &mut sockets);
    netlink(&fs::read(net.join("netlink")).unwrap_or_default(), &mut sockets);
    sockets
}

fn table<T: FromBufReadSI>(path: &Path) -> Option<T> {
    // Only the byte order matters for these tables.
    let system = ExplicitSystemInfo {
        boot_time_secs: 0,
        ticks_per_second: 100,
        page_size: 4096,
        is_little_endian: cfg!(target_endian = "little"),
    };
    let system: &SystemInfo = &system;
    T::from_buf_read(Cursor::new(fs::read(path).ok()?), system).ok()
}

/// Without another end a socket is a server, whether it listens or waits for datagrams.
fn add(sockets: &mut Sockets, inode: u64, listens: bool, local: SocketAddr, remote: SocketAddr, proto: u8) {
    let alone = listens || remote.ip().is_unspecified() && remote.port() == 0;
    let info = match (local, remote) {
        (SocketAddr::V4(local), SocketAddr::V4(remote)) if !alone => FdInfo::Ipv4Socket {
            sip: *local.ip(),
            dip: *remote.ip(),
            sport: local.port(),
            dport: remote.port(),
            proto,
        },
        (SocketAddr::V6(local), SocketAddr::V6(remote)) if !alone => FdInfo::Ipv6Socket {
            sip: *local.ip(),
            dip: *remote.ip(),
            sport: local.port(),
            dport: remote.port(),
            proto,
        },
        (SocketAddr::V4(local), _) => FdInfo::Ipv4Server { ip: *local.ip(), port: local.port(), proto },
        (SocketAddr::V6(local), _) => FdInfo::Ipv6Server { ip: *local.ip(), port: local.port(), proto },
    };
    sockets.insert(inode, info);
}

/// Lines `address: references protocol flags type state inode [path]`; the path may hold anything.
fn unix(table: &[u8], sockets: &mut Sockets) {
    for line in table.split(|byte| *byte == b'\n').skip(1) {
        let Some((address, mut rest)) = word(line) else { continue };
        let mut inode = None;
        for column in 1..7 {
            let Some((value, after)) = word(rest) else { break };
            rest = after;
            if column == 6 {
                inode = number(value, 10);
            }
        }
        let address = address.strip_suffix(b":").unwrap_or(address);
        let (Some(inode), Some(source)) = (inode, number(address, 16)) else { continue };
        let name = rest.strip_prefix(b" ").unwrap_or(rest).to_vec();
        sockets.insert(inode, FdInfo::UnixSocket { source, peer: 0, name });
    }
}

/// Lines whose tenth column is the inode.
fn netlink(table: &[u8], sockets: &mut Sockets) {
    for line in table.split(|byte| *byte == b'\n').skip(1) {
        let mut columns = line.split(u8::is_ascii_whitespace).filter(|column| !column.is_empty());
        if let Some(inode) = columns.next_back().and_then(|inode| number(inode, 10)) {
            sockets.insert(inode, FdInfo::Netlink { name: Vec::new() });
        }
    }
}

/// The first word of a line, and what follows it.
fn word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = line.iter().position(|byte| *byte != b' ')?;
    let line = &line[start..];
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    Some(line.split_at(end))
}

fn number(text: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(text).ok()?, radix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unix_sockets_may_be_called_anything() {
        let table = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            ffff8880: 00000002 00000000 00010000 0001 01 100 /run/a b\n\
            0000000000000000: 00000003 00000000 00000000 0001 03 101\n\
            0000000000000001: 00000003 00000000 00000000 0001 03   102 @\xff\n\
            rubbish\n";
        let mut sockets = Sockets::default();
        unix(table, &mut sockets);
        let socket = |source, name: &[u8]| FdInfo::UnixSocket { source, peer: 0, name: name.to_vec() };
        assert_eq!(sockets.get(&100), Some(&socket(0xffff_8880, b"/run/a b")));
        assert_eq!(sockets.get(&101), Some(&socket(0, b"")));
        assert_eq!(sockets.get(&102), Some(&socket(1, b"@\xff")));
        assert_eq!(sockets.len(), 3);
    }

    #[test]
    fn a_socket_with_another_end_is_a_connection() {
        let mut sockets = Sockets::default();
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        add(&mut sockets, 1, false, address("10.0.0.1:22"), address("10.0.0.2:999"), TCP);
        add(&mut sockets, 2, true, address("[::]:80"), address("[::]:0"), TCP);
        add(&mut sockets, 3, false, address("0.0.0.0:53"), address("0.0.0.0:0"), UDP);
        assert!(matches!(sockets[&1], FdInfo::Ipv4Socket { sport: 22, dport: 999, proto: TCP, .. }));
        assert!(matches!(sockets[&2], FdInfo::Ipv6Server { port: 80, .. }));
        assert!(matches!(sockets[&3], FdInfo::Ipv4Server { port: 53, proto: UDP, .. }));
    }
}
