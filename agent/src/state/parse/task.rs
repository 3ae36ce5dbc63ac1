//! Events by which an iterator over the kernel's tasks tells what there already is: as a scan of /proc, but as events.

use super::Call;
use crate::event::id;
use crate::state::State;
use crate::state::fd::{Detail, End, Fd, FdFlags, FdType, Inet, L4Proto, Shared};
use crate::state::thread::{Bytes, Capabilities, Image, Name, Thread, ThreadFlags};

impl State {
    /// A task: replaces what was known of a thread with its tid, but not a thread that made calls already.
    pub(super) fn task(&mut self, call: &mut Call<'_, '_>) {
        let tid = call.event.tid;
        let known =
            self.table.find(tid).and_then(|slot| self.at(slot)).is_some_and(|thread| !thread.is_invalid());
        if known {
            return;
        }
        let mut thread = Box::new(Thread::new(tid));
        let flags = ThreadFlags::from_bits_retain(call.u32(7).unwrap_or(0));
        thread.flags |= flags | ThreadFlags::ACTIVE;
        thread.pid = tid;
        thread.ptid = call.i64(0).unwrap_or(0);
        thread.pgid = call.i64(1).unwrap_or(-1);
        thread.vpgid = call.i64(2).unwrap_or(-1);
        thread.sid = call.i64(3).unwrap_or(-1);
        thread.comm = Name::from_slice(call.text(4).unwrap_or_default());
        let argv = call.bytes(5).unwrap_or_default();
        let split = memchr::memchr(0, argv).unwrap_or(argv.len());
        thread.image = Image {
            exe: argv[..split].into(),
            args_raw: argv.get(split + 1..).unwrap_or_default().into(),
            exepath: call.text(6).unwrap_or_default().into(),
            ino: call.u64(16).unwrap_or(0),
            ctime: call.u64(17).unwrap_or(0),
            mtime: call.u64(18).unwrap_or(0),
            ..Image::default()
        }
        .into();
        thread.env = call.bytes(8).unwrap_or_default().into();
        thread.fd_limit = call.i64(10).unwrap_or(-1);
        thread.uid = call.u32(11).unwrap_or(u32::MAX);
        thread.gid = call.u32(12).unwrap_or(u32::MAX);
        thread.caps = Capabilities {
            permitted: call.u64(13).unwrap_or(0),
            effective: call.u64(14).unwrap_or(0),
            inheritable: call.u64(15).unwrap_or(0),
        };
        thread.vm_size = call.u32(19).unwrap_or(0);
        thread.vm_rss = call.u32(20).unwrap_or(0);
        thread.vm_swap = call.u32(21).unwrap_or(0);
        thread.pf_major = call.u64(22).unwrap_or(0);
        thread.pf_minor = call.u64(23).unwrap_or(0);
        thread.vpid = call.i64(24).unwrap_or(tid);
        thread.vtid = call.i64(25).unwrap_or(tid);
        thread.pidns_init_start_ts = call.u64(26).unwrap_or(0).wrapping_add(self.machine.boot_ts);
        thread.set_cgroups(call.bytes(27).unwrap_or_default());
        thread.root = call.text(28).unwrap_or_default().into();
        thread.clone_ts = call.u64(29).unwrap_or(0);
        thread.tty = call.u32(30).unwrap_or(0);
        thread.loginuid = call.u32(31).unwrap_or(u32::MAX);
        thread.container = self.container_of(&thread);
        let cwd: Bytes = call.text(9).unwrap_or_default().into();
        call.thread = self.add_thread(thread);
        if let Some(slot) = call.thread {
            self.set_cwd(slot, &cwd);
        }
    }

    /// A descriptor of a task.
    pub(super) fn task_file(&mut self, call: &mut Call<'_, '_>) {
        call.owner = call.thread.and_then(|slot| self.table.fd_owner(slot));
        let Some(number) = call.i64(0) else { return };
        let mut fd = Fd { flags: FdFlags::FROM_PROC, ..Fd::default() };
        let (path_at, ino_at) = match call.event.id {
            id::ITER_TASK_FILE_PIPE_E => (Some(1), 2),
            id::ITER_TASK_FILE_MEMFD_E => (Some(1), 2),
            id::ITER_TASK_FILE_DIRECTORY_E => (Some(1), 2),
            id::ITER_TASK_FILE_REGULAR_E => (Some(1), 4),
            id::ITER_TASK_FILE_ANON_INODE_E => (Some(2), 3),
            id::ITER_TASK_FILE_SOCKET_UNIX_E => (Some(4), 5),
            id::ITER_TASK_FILE_SOCKET_NETLINK_E => (None, 3),
            _ => (None, 7),
        };
        fd.name = path_at.and_then(|at| call.text(at)).unwrap_or_default().into();
        fd.ino = call.u64(ino_at).unwrap_or(0);
        fd.kind = match call.event.id {
            id::ITER_TASK_FILE_PIPE_E => FdType::Fifo,
            id::ITER_TASK_FILE_MEMFD_E => FdType::Memfd,
            id::ITER_TASK_FILE_DIRECTORY_E => FdType::Directory,
            id::ITER_TASK_FILE_SOCKET_NETLINK_E => FdType::Netlink,
            id::ITER_TASK_FILE_REGULAR_E => {
                fd.open_flags = call.u32(2).unwrap_or(0);
                fd.mount_id = call.u32(3).unwrap_or(0);
                FdType::FileV2
            }
            id::ITER_TASK_FILE_ANON_INODE_E => {
                call.u64(1).and_then(|kind| FdType::from_scap(kind as u8)).unwrap_or_default()
            }
            id::ITER_TASK_FILE_SOCKET_UNIX_E => {
                fd.detail = Detail::Unix { source: call.u64(3).unwrap_or(0), dest: 0 };
                FdType::UnixSocket
            }
            _ => match task_socket(call) {
                Some((kind, inet)) => {
                    fd.ends = Some(inet);
                    kind
                }
                None => return,
            },
        };
        fd.settle_from_proc(&self.interfaces);
        self.add_fd(call, number, Shared::new(fd));
    }
}

/// An IP socket: listening if it has no other end.
fn task_socket(call: &Call<'_, '_>) -> Option<(FdType, Inet)> {
    let end = |ip_at: usize| {
        let bytes = call.bytes(ip_at)?;
        let ip = match bytes.len() {
            4 => <[u8; 4]>::try_from(bytes).ok()?.into(),
            _ => <[u8; 16]>::try_from(bytes).ok()?.into(),
        };
        Some(End { ip, port: call.u64(ip_at + 1)? as u16 })
    };
    let (local, remote) = (end(3)?, end(5)?);
    let proto = match call.u64(2)? {
        6 => L4Proto::Tcp,
        17 => L4Proto::Udp,
        1 | 58 => L4Proto::Icmp,
        255 => L4Proto::Raw,
        _ => L4Proto::Unknown,
    };
    let v4 = local.ip.is_ipv4();
    Some(if remote.port == 0 {
        let kind = if v4 { FdType::Ipv4Server } else { FdType::Ipv6Server };
        let none = if v4 { End::NONE_V4 } else { End::NONE_V6 };
        (kind, Inet { source: none, dest: local, proto })
    } else {
        let kind = if v4 { FdType::Ipv4Socket } else { FdType::Ipv6Socket };
        (kind, Inet { source: local, dest: remote, proto })
    })
}
