//! Calls that make, copy and close descriptors of everything but sockets, and calls that change the working directory.

use super::{AT_FDCWD, Call};
use crate::event::id;
use crate::state::fd::{Detail, Fd, FdFlags, FdType, Shared};
use crate::state::path::{concatenate, is_absolute_and_clean};
use crate::state::sock::until_nul;
use crate::state::thread::{Bytes, Slot, ThreadFlags};
use crate::state::{Ended, State};

/// `PPM_O_DIRECTORY`.
const O_DIRECTORY: u32 = 1 << 10;
/// `PPM_O_CLOEXEC`.
const O_CLOEXEC: u32 = 1 << 12;
/// `PPM_O_F_CREATED`: this flag and those above are told by the kernel, not asked for by the call.
const O_F_CREATED: u32 = 1 << 14;
/// `PPM_FD_UPPER_LAYER`.
const FD_UPPER_LAYER: u32 = 1 << 15;
/// `PPM_FD_LOWER_LAYER`.
const FD_LOWER_LAYER: u32 = 1 << 16;
/// `PPM_FCNTL_F_DUPFD`.
const F_DUPFD: i64 = 1;
/// `PPM_FCNTL_F_DUPFD_CLOEXEC`.
const F_DUPFD_CLOEXEC: i64 = 26;
/// `PPM_FCNTL_F_SETFD`.
const F_SETFD: i64 = 3;
/// `FD_CLOEXEC`, the one flag that F_SETFD sets.
const FD_CLOEXEC: u64 = 1;
/// `PPM_EPOLL_CLOEXEC` and `PPM_MFD_CLOEXEC`.
const OTHER_CLOEXEC: u32 = 1 << 0;
/// `PPM_CLOSE_RANGE_CLOEXEC`: nothing is closed before the next exec.
const CLOSE_RANGE_CLOEXEC: u32 = 1 << 2;

/// Where a relative path starts that nobody can tell.
pub(super) const UNKNOWN_DIR: &[u8] = b"<UNKNOWN>";

impl State {
    /// Directory that a path starts at, written to `out`: nothing for an absolute path.
    pub(super) fn write_dir(&self, out: &mut Vec<u8>, thread: Option<Slot>, dirfd: i64, path: &[u8]) {
        out.clear();
        if path.first() == Some(&b'/') {
            return;
        }
        let Some(thread) = thread.and_then(|slot| self.at(slot)) else {
            return out.extend_from_slice(UNKNOWN_DIR);
        };
        if dirfd == AT_FDCWD {
            return out.extend_from_slice(self.cwd(thread).unwrap_or_default());
        }
        match self.fd(thread, dirfd) {
            None => out.extend_from_slice(UNKNOWN_DIR),
            Some(fd) => {
                out.extend_from_slice(&fd.name);
                if out.last().is_some_and(|&last| last != b'/') {
                    out.push(b'/');
                }
            }
        }
    }

    pub(super) fn open(&mut self, call: &mut Call<'_, '_>) {
        let number = call.ret();
        let (Some(slot), true) = (call.thread, number >= 0) else { return };
        // Where in the record the name stands, and behind it flags, device and inode.
        let (name_at, flags_at, dev_at) = match call.event.id {
            id::SYSCALL_OPEN_X => (1, 2, 4),
            id::SYSCALL_CREAT_X => (1, 5, 3),
            id::SYSCALL_OPENAT_2_X => (2, 3, 5),
            id::SYSCALL_OPENAT2_X => (2, 3, 6),
            _ => (3, 2, 4),
        };
        let entry = call.entry.take();
        let mut flags = call.u32(flags_at).unwrap_or(0);
        let mut dirfd = match call.event.id {
            id::SYSCALL_OPENAT_2_X | id::SYSCALL_OPENAT2_X => call.i64(1),
            id::SYSCALL_OPEN_BY_HANDLE_AT_X => None,
            _ => Some(AT_FDCWD),
        };
        let raw = call.bytes(name_at).unwrap_or(b"<NA>");
        // A NUL before the last byte is no clean path: what is clean has its NUL, if it has one, at the end.
        let (mut name, mut clean) = match raw.strip_suffix(b"\0").unwrap_or(raw) {
            name if is_absolute_and_clean(name) => (name, true),
            _ => (until_nul(raw), false),
        };
        if call.event.id == id::SYSCALL_CREAT_X {
            // creat has no flags; the record says only in which layer of an overlay the file lies.
            flags = (if flags & 1 != 0 { FD_UPPER_LAYER } else { 0 })
                | if flags & 2 != 0 { FD_LOWER_LAYER } else { 0 };
            if let Some(asked) = entry.as_ref().and_then(|entry| entry.path(0)) {
                (name, clean) = (asked, is_absolute_and_clean(asked));
            }
        } else if let Some(entry) = &entry {
            // What the program asked for counts, not what it may have written there while the call ran.
            let at = usize::from(call.event.id != id::SYSCALL_OPEN_X);
            if let Some(asked) = entry.path(at) {
                (name, clean) = (asked, is_absolute_and_clean(asked));
                flags = entry.u32(at + 1).unwrap_or(0) | flags & !(O_F_CREATED - 1);
                if at == 1 {
                    dirfd = entry.i64(0);
                }
            }
        }
        let mut path = std::mem::take(&mut self.path_buffer);
        let full_name = if clean {
            name
        } else {
            let mut dir = std::mem::take(&mut self.dir_buffer);
            dir.clear();
            if let Some(dirfd) = dirfd {
                self.write_dir(&mut dir, Some(slot), dirfd, name);
            }
            concatenate(&mut path, &dir, name);
            self.dir_buffer = dir;
            &path
        };
        let (dev, ino) = (call.u32(dev_at).unwrap_or(0), call.u64(dev_at + 1).unwrap_or(0));
        self.new_fd(call, number, |fd| {
            fd.kind = if flags & O_DIRECTORY != 0 { FdType::Directory } else { FdType::FileV2 };
            fd.open_flags = flags;
            (fd.dev, fd.ino) = (dev, ino);
            fd.name.extend_from_slice(full_name);
            if clean {
                fd.flags |= FdFlags::RAW_IS_NAME;
            } else {
                fd.raw.extend_from_slice(name);
            }
            fd.flags.set(FdFlags::CLOEXEC, flags & O_CLOEXEC != 0);
            fd.flags.set(FdFlags::OVERLAY_UPPER, flags & FD_UPPER_LAYER != 0);
            fd.flags.set(FdFlags::OVERLAY_LOWER, flags & FD_LOWER_LAYER != 0);
            if let Some(file) = call.event.facts.and_then(|facts| facts.file) {
                fd.set_real_path(file);
            }
        });
        self.path_buffer = path;
    }

    pub(super) fn close(&mut self, call: &mut Call<'_, '_>) {
        if !call.failed() && call.known {
            self.ended = call.owner.map_or(Ended::Nothing, |owner| Ended::Fd(owner, call.fd));
        }
    }

    pub(super) fn close_range(&mut self, call: &mut Call<'_, '_>) {
        if call.failed() {
            return;
        }
        let (Some(slot), Some(first), Some(last)) = (call.thread, call.u32(1), call.u32(2)) else { return };
        let range = i64::from(first)..=i64::from(last);
        if call.u32(3).unwrap_or(0) & CLOSE_RANGE_CLOEXEC == 0 {
            return self.retain_fds(slot, |number, _| !range.contains(&number));
        }
        if let Some(fds) = self.fds_mut(slot) {
            let numbers: Vec<i64> = fds.iter().map(|(fd, _)| fd).filter(|fd| range.contains(fd)).collect();
            for number in numbers {
                if let Some(fd) = fds.get_mut(number) {
                    fd.flags |= FdFlags::CLOEXEC;
                }
            }
        }
    }

    pub(super) fn fcntl(&mut self, call: &mut Call<'_, '_>) {
        if call.failed() {
            return;
        }
        match call.i64(2) {
            Some(F_DUPFD) => self.copy_fd(call, false),
            Some(F_DUPFD_CLOEXEC) => self.copy_fd(call, true),
            Some(F_SETFD) => {
                let cloexec = call.u64(3).is_some_and(|flags| flags & FD_CLOEXEC != 0);
                if let Some(fd) = self.call_fd(call)
                    && fd.flags.contains(FdFlags::CLOEXEC) != cloexec
                    && let Some(fd) = self.fd_mut(call)
                {
                    fd.flags.set(FdFlags::CLOEXEC, cloexec);
                }
            }
            _ => {}
        }
    }

    pub(super) fn dup(&mut self, call: &mut Call<'_, '_>) {
        if call.failed() {
            return;
        }
        let pipe = match call.ret() {
            0 => ThreadFlags::PIPE_DST,
            1 => ThreadFlags::PIPE_SRC,
            _ => ThreadFlags::empty(),
        };
        if let Some(thread) = self.thread_mut(call) {
            thread.flags |= pipe;
        }
        let dup3 = call.event.id == id::SYSCALL_DUP3_X;
        self.copy_fd(call, dup3 && call.u32(3).is_some_and(|flags| flags & O_CLOEXEC != 0));
    }

    /// The result of the call becomes another number for what the call's descriptor refers to.
    fn copy_fd(&mut self, call: &mut Call<'_, '_>, cloexec: bool) {
        let original = call.known.then(|| self.shared_fd(call.thread?, call.fd)).flatten();
        let Some(mut fd) = original else { return };
        // dup2 of a descriptor to itself changes nothing.
        if fd.flags.contains(FdFlags::CLOEXEC) != cloexec && call.ret() != call.fd {
            Shared::make_mut(&mut fd).flags.set(FdFlags::CLOEXEC, cloexec);
        }
        self.add_fd(call, call.ret(), fd);
    }

    /// A descriptor of a thread, shared with its table.
    fn shared_fd(&self, slot: Slot, number: i64) -> Option<Shared<Fd>> {
        let owner = self.table.fd_owner(slot)?;
        self.table.get(owner)?.fds.get_shared(number).cloned()
    }

    pub(super) fn pipe(&mut self, call: &mut Call<'_, '_>) {
        if call.failed() {
            return;
        }
        let ends = [call.i64(1), call.i64(2)];
        let open_flags = call.u32(4).unwrap_or(0);
        let fd = Fd { ino: call.u64(3).unwrap_or(0), open_flags, ..Fd::new(FdType::Fifo) };
        let fd = Shared::new(fd.close_on_exec(open_flags & O_CLOEXEC != 0));
        for number in ends.into_iter().flatten() {
            self.add_fd(call, number, Shared::clone(&fd));
        }
    }

    /// A call whose result is a descriptor of a type and nothing more is to be known of it.
    pub(super) fn simple_fd(&mut self, call: &mut Call<'_, '_>, kind: FdType) {
        if call.failed() {
            return;
        }
        let (open_flags, cloexec) = match call.event.id {
            id::SYSCALL_EVENTFD2_X
            | id::SYSCALL_INOTIFY_INIT1_X
            | id::SYSCALL_SIGNALFD4_X
            | id::SYSCALL_USERFAULTFD_X => (call.u32(1).unwrap_or(0), O_CLOEXEC),
            id::SYSCALL_EPOLL_CREATE1_X => (call.u32(1).unwrap_or(0), OTHER_CLOEXEC),
            // Always, by definition of these calls.
            id::SYSCALL_BPF_2_X | id::SYSCALL_IO_URING_SETUP_X => (O_CLOEXEC, O_CLOEXEC),
            _ => (0, 0),
        };
        let fd = Fd { open_flags, ..Fd::new(kind) };
        self.add_fd(call, call.ret(), Shared::new(fd.close_on_exec(open_flags & cloexec != 0)));
    }

    pub(super) fn memfd_create(&mut self, call: &mut Call<'_, '_>) {
        if call.failed() {
            return;
        }
        let fd = Fd {
            name: call.text(1).unwrap_or_default().into(),
            open_flags: call.u32(2).unwrap_or(0),
            ..Fd::new(FdType::Memfd)
        };
        call.name_changed = !fd.name.is_empty();
        let cloexec = fd.open_flags & OTHER_CLOEXEC != 0;
        self.add_fd(call, call.ret(), Shared::new(fd.close_on_exec(cloexec)));
    }

    pub(super) fn pidfd_open(&mut self, call: &mut Call<'_, '_>) {
        if call.failed() {
            return;
        }
        let pid = call.i64(1).unwrap_or(0);
        let fd = Fd {
            name: format!("/proc/{pid}").into_bytes(),
            open_flags: call.u32(2).unwrap_or(0),
            detail: Detail::Pid(pid),
            ..Fd::new(FdType::Pidfd)
        };
        call.name_changed = true;
        self.add_fd(call, call.ret(), Shared::new(fd.close_on_exec(true)));
    }

    pub(super) fn pidfd_getfd(&mut self, call: &mut Call<'_, '_>) {
        let (Some(slot), Some(pidfd), Some(target)) = (call.thread, call.i64(1), call.i64(2)) else { return };
        if call.failed() {
            return;
        }
        let Some(Detail::Pid(pid)) = self.shared_fd(slot, pidfd).map(|fd| fd.detail.clone()) else { return };
        let Some(other) = self.table.find(pid) else { return };
        if let Some(fd) = self.shared_fd(other, target) {
            self.add_fd(call, call.ret(), fd);
        }
    }

    pub(super) fn chdir(&mut self, call: &mut Call<'_, '_>) {
        if !call.failed()
            && let Some(slot) = call.thread
        {
            let path: Bytes = call.text(1).unwrap_or_default().into();
            self.set_cwd(slot, &path);
        }
    }

    pub(super) fn fchdir(&mut self, call: &mut Call<'_, '_>) {
        if call.failed() || !call.known {
            return;
        }
        if let Some(slot) = call.thread
            && let Some(fd) = self.shared_fd(slot, call.fd)
        {
            self.set_cwd(slot, &fd.name);
        }
    }

    /// The process works in another directory now. A relative path starts where this very thread worked, which is known
    /// of leaders only.
    pub(in crate::state) fn set_cwd(&mut self, slot: Slot, path: &[u8]) {
        let Some(leader) = self.table.leader(slot) else { return };
        let mut cwd = std::mem::take(&mut self.path_buffer);
        let old = self.table.get(slot).map(|thread| Bytes::clone(&thread.cwd)).unwrap_or_default();
        concatenate(&mut cwd, &old, path);
        if cwd.last() != Some(&b'/') {
            cwd.push(b'/');
        }
        if let Some(leader) = self.table.get_mut(leader)
            && *leader.cwd != *cwd
        {
            leader.cwd = cwd[..].into();
        }
        self.path_buffer = cwd;
        self.touch_group(leader);
    }

    pub(super) fn chroot(&mut self, call: &mut Call<'_, '_>) {
        if call.ret() != 0 {
            return;
        }
        let (Some(slot), Some(path)) = (call.thread, call.text(1)) else { return };
        let mut dir = Vec::new();
        self.write_dir(&mut dir, Some(slot), AT_FDCWD, path);
        let mut root = Vec::new();
        concatenate(&mut root, &dir, path);
        if let Some(thread) = self.thread_mut(call) {
            thread.root = root.into();
        }
        self.touch(slot);
    }
}
