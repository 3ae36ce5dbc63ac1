//! What each event changes. A handler finds the event, its thread and its descriptor in a [`Call`] and leaves there what
//! the event turned out to be about. Parameters may be missing or short in old captures: then what they would have
//! told stays as it was.

mod files;
mod meta;
pub(super) mod process;
mod sockets;
mod task;

use std::sync::Arc;

use super::State;
use super::fd::Fd;
use super::thread::{Entry, Slot, Thread};
use crate::event::{Event, id};

/// `PPM_AT_FDCWD`: relative to the working directory.
const AT_FDCWD: i64 = -100;

/// An event on its way through a handler.
pub(super) struct Call<'c, 'e> {
    pub event: &'c Event<'e>,
    pub thread: Option<Slot>,
    /// The thread whose table holds the call's descriptors; only of events that use or make one.
    pub owner: Option<Slot>,
    /// What the entry of the call said, if that was the thread's last event.
    pub entry: Option<Box<Entry>>,
    /// Number of the descriptor that the event is about, -1 if none.
    pub fd: i64,
    /// Whether that descriptor is known.
    pub known: bool,
    pub name_changed: bool,
    /// Of a container event: which.
    pub container: Option<u32>,
}

impl<'e> Call<'_, 'e> {
    /// What the call returned; a failure if the record does not say.
    fn ret(&self) -> i64 {
        self.event.param_i64(0).unwrap_or(-1)
    }

    fn failed(&self) -> bool {
        self.ret() < 0
    }

    fn i64(&self, index: usize) -> Option<i64> {
        self.event.param_i64(index)
    }

    fn u64(&self, index: usize) -> Option<u64> {
        self.event.param_u64(index)
    }

    fn u32(&self, index: usize) -> Option<u32> {
        self.event.param_u64(index).map(|value| value as u32)
    }

    /// A string up to its NUL; `None` if it is missing or has not even a NUL.
    fn text(&self, index: usize) -> Option<&'e [u8]> {
        self.event.param(index).filter(|bytes| !bytes.is_empty())?;
        self.event.param_str(index)
    }

    /// The bytes of a parameter, if there are any.
    fn bytes(&self, index: usize) -> Option<&'e [u8]> {
        self.event.param(index).filter(|bytes| !bytes.is_empty())
    }
}

impl State {
    /// Hands the event to its handler.
    pub(super) fn dispatch(&mut self, call: &mut Call<'_, '_>) {
        use super::fd::FdType;
        match call.event.id {
            id::SYSCALL_OPEN_X
            | id::SYSCALL_CREAT_X
            | id::SYSCALL_OPENAT_2_X
            | id::SYSCALL_OPENAT2_X
            | id::SYSCALL_OPEN_BY_HANDLE_AT_X => self.open(call),
            id::SYSCALL_CLOSE_X => self.close(call),
            id::SYSCALL_CLOSE_RANGE_X => self.close_range(call),
            id::SYSCALL_FCNTL_X => self.fcntl(call),
            id::SYSCALL_DUP_1_X | id::SYSCALL_DUP2_X | id::SYSCALL_DUP3_X => self.dup(call),
            id::SYSCALL_PIPE_X | id::SYSCALL_PIPE2_X => self.pipe(call),
            id::SYSCALL_EVENTFD_X | id::SYSCALL_EVENTFD2_X => self.simple_fd(call, FdType::Event),
            id::SYSCALL_SIGNALFD_X | id::SYSCALL_SIGNALFD4_X => self.simple_fd(call, FdType::Signalfd),
            id::SYSCALL_TIMERFD_CREATE_X => self.simple_fd(call, FdType::Timerfd),
            id::SYSCALL_INOTIFY_INIT_X | id::SYSCALL_INOTIFY_INIT1_X => self.simple_fd(call, FdType::Inotify),
            id::SYSCALL_BPF_2_X => self.simple_fd(call, FdType::Bpf),
            id::SYSCALL_USERFAULTFD_X => self.simple_fd(call, FdType::Userfaultfd),
            id::SYSCALL_IO_URING_SETUP_X => self.simple_fd(call, FdType::IoUring),
            id::SYSCALL_EPOLL_CREATE_X | id::SYSCALL_EPOLL_CREATE1_X => {
                self.simple_fd(call, FdType::Eventpoll)
            }
            id::SYSCALL_MEMFD_CREATE_X => self.memfd_create(call),
            id::SYSCALL_PIDFD_OPEN_X => self.pidfd_open(call),
            id::SYSCALL_PIDFD_GETFD_X => self.pidfd_getfd(call),
            id::SYSCALL_CHDIR_X | id::SYSCALL_GETCWD_X => self.chdir(call),
            id::SYSCALL_FCHDIR_X => self.fchdir(call),
            id::SYSCALL_CHROOT_X => self.chroot(call),
            id::SYSCALL_READ_X
            | id::SYSCALL_READV_X
            | id::SYSCALL_PREAD_X
            | id::SYSCALL_PREADV_X
            | id::SOCKET_RECV_X
            | id::SOCKET_RECVFROM_X
            | id::SOCKET_RECVMSG_X
            | id::SOCKET_RECVMMSG_X => self.received(call),
            id::SYSCALL_WRITE_X
            | id::SYSCALL_WRITEV_X
            | id::SYSCALL_PWRITE_X
            | id::SYSCALL_PWRITEV_X
            | id::SOCKET_SEND_X
            | id::SOCKET_SENDTO_X
            | id::SOCKET_SENDMSG_X
            | id::SOCKET_SENDMMSG_X => self.sent(call),
            id::SOCKET_SOCKET_X => self.socket(call),
            id::SOCKET_SOCKETPAIR_X => self.socketpair(call),
            id::SOCKET_BIND_X => self.bind(call),
            id::SOCKET_CONNECT_X => self.connect(call),
            id::SOCKET_ACCEPT_5_X | id::SOCKET_ACCEPT4_6_X => self.accept(call),
            id::SYSCALL_CLONE_20_X
            | id::SYSCALL_CLONE3_X
            | id::SYSCALL_FORK_20_X
            | id::SYSCALL_VFORK_20_X => self.clone_exit(call),
            id::SYSCALL_EXECVE_19_X | id::SYSCALL_EXECVEAT_X => self.exec(call),
            id::PROCEXIT_1_E => self.exit(call),
            id::SYSCALL_PRCTL_X => self.prctl(call),
            id::SYSCALL_SETSID_X => self.setsid(call),
            id::SYSCALL_SETRESUID_X | id::SYSCALL_SETREUID_X => self.set_uid(call, 2),
            id::SYSCALL_SETUID_X => self.set_uid(call, 1),
            id::SYSCALL_SETRESGID_X | id::SYSCALL_SETREGID_X => self.set_gid(call, 2),
            id::SYSCALL_SETGID_X => self.set_gid(call, 1),
            id::SYSCALL_CAPSET_X => self.capset(call),
            id::SYSCALL_UNSHARE_X => self.new_user_namespace(call, 1),
            id::SYSCALL_SETNS_X => self.new_user_namespace(call, 2),
            id::SYSCALL_GETRLIMIT_X | id::SYSCALL_SETRLIMIT_X => self.rlimit(call),
            id::SYSCALL_PRLIMIT_X => self.prlimit(call),
            id::SYSCALL_BRK_4_X | id::SYSCALL_MMAP_X | id::SYSCALL_MMAP2_X | id::SYSCALL_MUNMAP_X => {
                self.memory_changed(call);
            }
            id::SCHEDSWITCH_6_E => self.switched(call),
            id::USER_ADDED_E | id::USER_DELETED_E => self.user_changed(call),
            id::GROUP_ADDED_E | id::GROUP_DELETED_E => self.group_changed(call),
            id::CONTAINER_E => self.old_container(call),
            id::CONTAINER_JSON_E | id::CONTAINER_JSON_2_E => self.container_told(call, 0),
            id::ASYNCEVENT_E => self.async_event(call),
            id::ITER_TASK_E => self.task(call),
            id::ITER_TASK_FILE_PIPE_E
            | id::ITER_TASK_FILE_MEMFD_E
            | id::ITER_TASK_FILE_REGULAR_E
            | id::ITER_TASK_FILE_DIRECTORY_E
            | id::ITER_TASK_FILE_SOCKET_INET_E
            | id::ITER_TASK_FILE_SOCKET_INET6_E
            | id::ITER_TASK_FILE_SOCKET_UNIX_E
            | id::ITER_TASK_FILE_SOCKET_NETLINK_E
            | id::ITER_TASK_FILE_ANON_INODE_E => self.task_file(call),
            _ => {}
        }
    }

    /// The thread of a call, to change it.
    fn thread_mut(&mut self, call: &Call<'_, '_>) -> Option<&mut Thread> {
        self.table.get_mut(call.thread?)
    }

    /// The descriptor that a call uses.
    fn call_fd(&self, call: &Call<'_, '_>) -> Option<&Fd> {
        if !call.known {
            return None;
        }
        self.table.get(call.owner?)?.fds.get(call.fd)
    }

    /// The descriptor that a call uses, to change it.
    fn fd_mut(&mut self, call: &Call<'_, '_>) -> Option<&mut Fd> {
        if !call.known {
            return None;
        }
        self.own_fds_mut(call.owner?)?.get_mut(call.fd)
    }

    /// Enters a descriptor that the call made, as `fill` makes it: the call is about it now.
    fn new_fd(&mut self, call: &mut Call<'_, '_>, number: i64, fill: impl FnOnce(&mut Fd)) {
        let mut shared = self.spare_fds.take();
        if let Some(fd) = Arc::get_mut(&mut shared) {
            fill(fd);
            call.name_changed = !fd.name.is_empty();
        }
        self.add_fd(call, number, shared);
    }

    /// Enters a descriptor that the call made: the call is about it now.
    fn add_fd(&mut self, call: &mut Call<'_, '_>, number: i64, fd: impl Into<Arc<Fd>>) {
        call.fd = number;
        call.known = false;
        if let Some(owner) = call.owner {
            call.known = self.put_fd(owner, number, fd.into());
        }
    }

    /// Keeps those descriptors of a thread for which `keep` is true.
    fn retain_fds(&mut self, slot: Slot, keep: impl FnMut(i64, &Fd) -> bool) {
        if let Some(fds) = self.fds_mut(slot) {
            let before = fds.len();
            fds.retain(keep);
            let closed = before - fds.len();
            self.fd_count = self.fd_count.saturating_sub(closed);
        }
    }

    /// Enters a descriptor into a thread's own table; false if there is no room.
    pub(super) fn put_fd(&mut self, owner: Slot, number: i64, fd: Arc<Fd>) -> bool {
        if number < 0 {
            return false;
        }
        let (per_process, room) = (self.limits.fds_per_process, self.fd_count < self.limits.fds);
        let Some(fds) = self.own_fds_mut(owner) else { return false };
        if (fds.len() >= per_process || !room) && fds.get(number).is_none() {
            self.counters.fds_refused += 1;
            return false;
        }
        match fds.insert(number, fd) {
            Some(old) => self.spare_fds.put(old),
            None => self.fd_count += 1,
        }
        true
    }
}
