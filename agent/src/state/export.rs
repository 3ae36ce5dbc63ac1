//! What there is now, as the tables at the head of a capture tell it: the opposite of `init`.

use super::State;
use super::fd::{Detail, Fd, FdType, L4Proto};
use super::thread::{Thread, ThreadFlags};
use crate::capture::{FdInfo, FdRecord, ProcessRecord, Snapshot};
use std::net::IpAddr;

impl State {
    /// Adds all threads that live and all that they have open.
    pub fn export(&self, snapshot: &mut Snapshot) {
        // Threads that were only ever seen to make calls are no processes that a table could tell of.
        for thread in
            self.threads().filter(|thread| thread.pid > 0 && !thread.flags.contains(ThreadFlags::CLOSED))
        {
            snapshot.processes.push(self.process(thread));
            if thread.flags.contains(ThreadFlags::CLONE_FILES) && thread.tid != thread.pid {
                continue;
            }
            let fds = self.fds_in_table_order(thread);
            snapshot.fds.extend(fds.into_iter().rev().map(|(number, fd)| FdRecord {
                tid: thread.tid,
                fd: number,
                ino: fd.ino,
                info: info(fd),
            }));
        }
    }

    fn process(&self, thread: &Thread) -> ProcessRecord {
        let image = &thread.image;
        let leader = self.leader(thread).unwrap_or(thread);
        let mut cwd = leader.cwd.to_vec();
        // The state keeps it with a slash at its end.
        if cwd.len() > 1 && cwd.ends_with(b"/") {
            cwd.pop();
        }
        ProcessRecord {
            tid: thread.tid,
            pid: thread.pid,
            ptid: thread.ptid,
            sid: thread.sid,
            vpgid: thread.vpgid,
            pgid: thread.pgid,
            vtid: thread.vtid,
            vpid: thread.vpid,
            comm: thread.comm.to_vec(),
            exe: image.exe.to_vec(),
            exepath: image.exepath.to_vec(),
            args: image.args_raw.to_vec(),
            env: leader.env.to_vec(),
            cgroups: thread.cgroups.to_vec(),
            cwd,
            root: thread.root.to_vec(),
            fdlimit: self.fd_limit(thread),
            flags: thread.flags.bits(),
            uid: thread.uid,
            gid: thread.gid,
            loginuid: thread.loginuid,
            vmsize_kb: thread.vm_size,
            vmrss_kb: thread.vm_rss,
            vmswap_kb: thread.vm_swap,
            pfmajor: thread.pf_major,
            pfminor: thread.pf_minor,
            started: thread.started,
            pidns_init_start_ts: thread.pidns_init_start_ts,
            tty: thread.tty,
            exe_writable: image.writable,
            exe_upper_layer: image.upper_layer,
            exe_lower_layer: image.lower_layer,
            exe_from_memfd: image.from_memfd,
            exe_ino: image.ino,
            exe_ino_ctime: image.ctime,
            exe_ino_mtime: image.mtime,
            cap_inheritable: thread.caps.inheritable,
            cap_permitted: thread.caps.permitted,
            cap_effective: thread.caps.effective,
        }
    }
}

fn info(fd: &Fd) -> FdInfo {
    let name = fd.name.clone();
    let inet = || {
        let inet = fd.inet()?;
        Some((inet.source, inet.dest, proto(inet.proto)))
    };
    match fd.kind {
        FdType::Unknown => FdInfo::Unknown,
        FdType::File => FdInfo::File { name },
        FdType::Directory => FdInfo::Directory { name },
        FdType::Ipv4Socket | FdType::Ipv6Socket => {
            match inet().map(|(s, d, proto)| (s.ip, d.ip, s.port, d.port, proto)) {
                Some((IpAddr::V4(sip), IpAddr::V4(dip), sport, dport, proto)) => {
                    FdInfo::Ipv4Socket { sip, dip, sport, dport, proto }
                }
                Some((IpAddr::V6(sip), IpAddr::V6(dip), sport, dport, proto)) => {
                    FdInfo::Ipv6Socket { sip, dip, sport, dport, proto }
                }
                _ => FdInfo::Unsupported { name },
            }
        }
        FdType::Ipv4Server | FdType::Ipv6Server => match inet().map(|(_, d, proto)| (d.ip, d.port, proto)) {
            Some((IpAddr::V4(ip), port, proto)) => FdInfo::Ipv4Server { ip, port, proto },
            Some((IpAddr::V6(ip), port, proto)) => FdInfo::Ipv6Server { ip, port, proto },
            None => FdInfo::Unsupported { name },
        },
        FdType::Fifo => FdInfo::Fifo { name },
        FdType::UnixSocket => {
            let (source, peer) = match fd.detail {
                Detail::Unix { source, dest } => (source, dest),
                _ => (0, 0),
            };
            FdInfo::UnixSocket { source, peer, name }
        }
        FdType::Event => FdInfo::Event { name },
        FdType::Unsupported => FdInfo::Unsupported { name },
        FdType::Signalfd => FdInfo::SignalFd { name },
        FdType::Eventpoll => FdInfo::EventPoll { name },
        FdType::Inotify => FdInfo::Inotify { name },
        FdType::Timerfd => FdInfo::TimerFd { name },
        FdType::Netlink => FdInfo::Netlink { name },
        FdType::FileV2 => FdInfo::Regular { name, flags: fd.open_flags, dev: fd.dev },
        FdType::Bpf => FdInfo::Bpf { name },
        FdType::Userfaultfd => FdInfo::UserFaultFd { name },
        FdType::IoUring => FdInfo::IoUring { name },
        FdType::Memfd => FdInfo::MemFd { name },
        FdType::Pidfd => FdInfo::PidFd { name },
    }
}

/// The number of a protocol in `.scap`: the opposite of [`L4Proto::from_scap`].
fn proto(proto: L4Proto) -> u8 {
    proto as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Limits;

    fn process(tid: i64, pid: i64) -> ProcessRecord {
        ProcessRecord {
            tid,
            pid,
            ptid: 1,
            sid: 7,
            pgid: 8,
            vpgid: 8,
            vtid: tid,
            vpid: pid,
            comm: b"cat".to_vec(),
            exe: b"/bin/cat".to_vec(),
            exepath: b"/usr/bin/cat".to_vec(),
            args: b"a\0b\0".to_vec(),
            env: b"A=1\0".to_vec(),
            cwd: b"/home".to_vec(),
            root: b"/".to_vec(),
            uid: 3,
            gid: 4,
            tty: 5,
            fdlimit: 1024,
            exe_ino: 9,
            exe_writable: true,
            cap_effective: 6,
            ..ProcessRecord::default()
        }
    }

    #[test]
    fn what_went_in_comes_out() {
        let socket = FdInfo::Ipv4Socket {
            sip: [10, 0, 0, 1].into(),
            dip: [10, 0, 0, 2].into(),
            sport: 1,
            dport: 2,
            proto: 2,
        };
        let infos = [
            FdInfo::Regular { name: b"/etc/passwd".to_vec(), flags: 1, dev: 8 },
            socket,
            FdInfo::Ipv6Server { ip: std::net::Ipv6Addr::LOCALHOST, port: 80, proto: 1 },
            FdInfo::UnixSocket { source: 1, peer: 2, name: b"/run/x".to_vec() },
            FdInfo::Directory { name: b"/etc".to_vec() },
        ];
        let fds = (0..).zip(infos).map(|(fd, info)| FdRecord { tid: 40, fd, ino: 11, info }).collect();
        let before = Snapshot {
            processes: vec![process(1, 1), process(40, 40), process(41, 40)],
            fds,
            ..Snapshot::new()
        };
        let mut state = State::new(Limits::default());
        state.load(&before);
        let mut after = Snapshot::new();
        state.export(&mut after);
        after.processes.sort_by_key(|process| process.tid);
        after.fds.sort_by_key(|fd| fd.fd);
        let [_, leader, thread] = after.processes.as_slice() else { panic!("{:?}", after.processes) };
        assert_eq!((thread.tid, thread.pid, &thread.env), (41, 40, &before.processes[1].env));
        let flags = leader.flags;
        assert_eq!(leader, &ProcessRecord { flags, ..process(40, 40) });
        assert_eq!(after.fds, before.fds);
    }
}
