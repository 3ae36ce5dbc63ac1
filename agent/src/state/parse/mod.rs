//! What each event changes. A handler finds the event, its thread and its descriptor in a [`Call`] and leaves there what
//! the event turned out to be about. Parameters may be missing or short in old captures: then what they would have
//! told stays as it was.

mod files;
mod meta;
pub(super) mod process;
mod sockets;
mod task;

use super::State;
use super::fd::{Fd, FdType, Shared};
use super::thread::{Entry, Slot, Thread};
use crate::event::{Event, EventId, id};

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
        self.event.param_u32(index)
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

/// What takes in an event of one kind.
pub(super) type Handler = fn(&mut State, &mut Call<'_, '_>);

/// The handler of an event; most events change nothing.
pub(super) const fn handler(event: EventId) -> Option<Handler> {
    let handler: Handler = match event {
        id::SYSCALL_OPEN_X
        | id::SYSCALL_CREAT_X
        | id::SYSCALL_OPENAT_2_X
        | id::SYSCALL_OPENAT2_X
        | id::SYSCALL_OPEN_BY_HANDLE_AT_X => State::open,
        id::SYSCALL_CLOSE_X => State::close,
        id::SYSCALL_CLOSE_RANGE_X => State::close_range,
        id::SYSCALL_FCNTL_X => State::fcntl,
        id::SYSCALL_DUP_1_X | id::SYSCALL_DUP2_X | id::SYSCALL_DUP3_X => State::dup,
        id::SYSCALL_PIPE_X | id::SYSCALL_PIPE2_X => State::pipe,
        id::SYSCALL_EVENTFD_X | id::SYSCALL_EVENTFD2_X => |state, call| state.simple_fd(call, FdType::Event),
        id::SYSCALL_SIGNALFD_X | id::SYSCALL_SIGNALFD4_X => {
            |state, call| state.simple_fd(call, FdType::Signalfd)
        }
        id::SYSCALL_TIMERFD_CREATE_X => |state, call| state.simple_fd(call, FdType::Timerfd),
        id::SYSCALL_INOTIFY_INIT_X | id::SYSCALL_INOTIFY_INIT1_X => {
            |state, call| state.simple_fd(call, FdType::Inotify)
        }
        id::SYSCALL_BPF_2_X => |state, call| state.simple_fd(call, FdType::Bpf),
        id::SYSCALL_USERFAULTFD_X => |state, call| state.simple_fd(call, FdType::Userfaultfd),
        id::SYSCALL_IO_URING_SETUP_X => |state, call| state.simple_fd(call, FdType::IoUring),
        id::SYSCALL_EPOLL_CREATE_X | id::SYSCALL_EPOLL_CREATE1_X => {
            |state, call| state.simple_fd(call, FdType::Eventpoll)
        }
        id::SYSCALL_MEMFD_CREATE_X => State::memfd_create,
        id::SYSCALL_PIDFD_OPEN_X => State::pidfd_open,
        id::SYSCALL_PIDFD_GETFD_X => State::pidfd_getfd,
        id::SYSCALL_CHDIR_X | id::SYSCALL_GETCWD_X => State::chdir,
        id::SYSCALL_FCHDIR_X => State::fchdir,
        id::SYSCALL_CHROOT_X => State::chroot,
        id::SYSCALL_READ_X
        | id::SYSCALL_READV_X
        | id::SYSCALL_PREAD_X
        | id::SYSCALL_PREADV_X
        | id::SOCKET_RECV_X
        | id::SOCKET_RECVFROM_X
        | id::SOCKET_RECVMSG_X
        | id::SOCKET_RECVMMSG_X => State::received,
        id::SYSCALL_WRITE_X
        | id::SYSCALL_WRITEV_X
        | id::SYSCALL_PWRITE_X
        | id::SYSCALL_PWRITEV_X
        | id::SOCKET_SEND_X
        | id::SOCKET_SENDTO_X
        | id::SOCKET_SENDMSG_X
        | id::SOCKET_SENDMMSG_X => State::sent,
        id::SOCKET_SOCKET_X => State::socket,
        id::SOCKET_SOCKETPAIR_X => State::socketpair,
        id::SOCKET_BIND_X => State::bind,
        id::SOCKET_CONNECT_X => State::connect,
        id::SOCKET_ACCEPT_5_X | id::SOCKET_ACCEPT4_6_X => State::accept,
        id::SYSCALL_CLONE_20_X | id::SYSCALL_CLONE3_X | id::SYSCALL_FORK_20_X | id::SYSCALL_VFORK_20_X => {
            State::clone_exit
        }
        id::SYSCALL_EXECVE_19_X | id::SYSCALL_EXECVEAT_X => State::exec,
        id::PROCEXIT_1_E => State::exit,
        id::SYSCALL_PRCTL_X => State::prctl,
        id::SYSCALL_SETSID_X => State::setsid,
        id::SYSCALL_SETRESUID_X | id::SYSCALL_SETREUID_X => |state, call| state.set_uid(call, 2),
        id::SYSCALL_SETUID_X => |state, call| state.set_uid(call, 1),
        id::SYSCALL_SETRESGID_X | id::SYSCALL_SETREGID_X => |state, call| state.set_gid(call, 2),
        id::SYSCALL_SETGID_X => |state, call| state.set_gid(call, 1),
        id::SYSCALL_CAPSET_X => State::capset,
        id::SYSCALL_UNSHARE_X => |state, call| state.new_user_namespace(call, 1),
        id::SYSCALL_SETNS_X => |state, call| state.new_user_namespace(call, 2),
        id::SYSCALL_GETRLIMIT_X | id::SYSCALL_SETRLIMIT_X => State::rlimit,
        id::SYSCALL_PRLIMIT_X => State::prlimit,
        id::SYSCALL_BRK_4_X | id::SYSCALL_MMAP_X | id::SYSCALL_MMAP2_X | id::SYSCALL_MUNMAP_X => {
            State::memory_changed
        }
        id::SCHEDSWITCH_6_E => State::switched,
        id::USER_ADDED_E | id::USER_DELETED_E => State::user_changed,
        id::GROUP_ADDED_E | id::GROUP_DELETED_E => State::group_changed,
        id::CONTAINER_E => State::old_container,
        id::CONTAINER_JSON_E | id::CONTAINER_JSON_2_E => |state, call| state.container_told(call, 0),
        id::ASYNCEVENT_E => State::async_event,
        id::ITER_TASK_E => State::task,
        id::ITER_TASK_FILE_PIPE_E
        | id::ITER_TASK_FILE_MEMFD_E
        | id::ITER_TASK_FILE_REGULAR_E
        | id::ITER_TASK_FILE_DIRECTORY_E
        | id::ITER_TASK_FILE_SOCKET_INET_E
        | id::ITER_TASK_FILE_SOCKET_INET6_E
        | id::ITER_TASK_FILE_SOCKET_UNIX_E
        | id::ITER_TASK_FILE_SOCKET_NETLINK_E
        | id::ITER_TASK_FILE_ANON_INODE_E => State::task_file,
        _ => return None,
    };
    Some(handler)
}

impl State {
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
        if let Some(fd) = Shared::get_mut(&mut shared) {
            fill(fd);
            call.name_changed = !fd.name.is_empty();
        }
        self.add_fd(call, number, shared);
    }

    /// Enters a descriptor that the call made: the call is about it now.
    fn add_fd(&mut self, call: &mut Call<'_, '_>, number: i64, fd: Shared<Fd>) {
        call.fd = number;
        call.known = false;
        if let Some(owner) = call.owner {
            call.known = self.put_fd(owner, number, fd);
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
    #[inline]
    pub(super) fn put_fd(&mut self, owner: Slot, number: i64, fd: Shared<Fd>) -> bool {
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
