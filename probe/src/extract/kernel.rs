// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! What a driver offers to the extractors: facts of the current call, task, files and sockets, and a pen to write
//! parameters with. The module implements it on the kernel's structures, the eBPF probe on helpers and BTF offsets, the tests on
//! a table.
//!
//! Nothing here fails loudly: a fact that cannot be had is 0 or an empty parameter, and the driver notes in the record's
//! flags that something was missed.

use super::super::wire::record::Extra;
use super::paths::{self, Places};

/// A number that is known of the current task.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TaskFact {
    /// Thread id, in the initial pid namespace.
    Tid,
    /// Thread group id, in the initial pid namespace.
    Tgid,
    /// Thread id of the real parent (`real_parent->pid`: the thread that made it, while it lives), in the initial pid
    /// namespace.
    ParentTid,
    /// Thread id in its own pid namespace.
    VirtualTid,
    /// Thread group id in its own pid namespace.
    VirtualTgid,
    /// Process group id in the initial pid namespace.
    ProcessGroup,
    /// Process group id in its own pid namespace.
    VirtualProcessGroup,
    /// 1 if the level of its pid namespace (`thread_pid->numbers[thread_pid->level].ns->level`) is not 0, or if its children
    /// go to another (`nsproxy->pid_ns_for_children` is not that namespace); else 0.
    InPidNamespace,
    /// When the first process of its pid namespace was started (`ns->child_reaper->start_boottime`), nanoseconds since boot.
    PidNamespaceStart,
    /// `RLIMIT_NOFILE`, the soft one.
    FdLimit,
    /// Major page faults.
    MajorFaults,
    /// Minor page faults.
    MinorFaults,
    /// Virtual memory, KiB.
    VmSize,
    /// Resident memory, KiB.
    VmRss,
    /// Swapped memory, KiB.
    VmSwap,
    /// Real user id.
    Uid,
    /// Effective user id.
    Euid,
    /// Saved user id.
    Suid,
    /// User id for file access.
    Fsuid,
    /// Real group id.
    Gid,
    /// Effective group id.
    Egid,
    /// Saved group id.
    Sgid,
    /// Group id for file access.
    Fsgid,
    /// Inheritable capabilities, the kernel's bits.
    CapInheritable,
    /// Permitted capabilities, the kernel's bits.
    CapPermitted,
    /// Effective capabilities, the kernel's bits.
    CapEffective,
    /// Number of the controlling terminal in the form of `new_encode_dev`, 0 for none.
    Tty,
    /// Audit user id (`loginuid`), `u32::MAX` for none and on kernels without audit.
    LoginUid,
    /// `exit_code` of a task that ends: `status << 8 | core << 7 | signal`.
    ExitCode,
    /// Thread id (initial pid namespace) of the task that takes the children of one that ends; 0 if it has no children or its
    /// whole pid namespace ends; all ones (-1) if it could not be found out.
    Reaper,
    /// Where the heap ends (`mm->brk`).
    Break,
    /// The thread's flags (`PF_*`).
    Flags,
}

/// Text that is known of the current task.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TaskText {
    /// Its name, closed by a NUL.
    Comm,
    /// `argv[0]`, closed by a NUL, from its memory.
    Executable,
    /// The other arguments, each closed by a NUL, from its memory.
    Arguments,
    /// The environment, each entry closed by a NUL, from its memory.
    Environment,
    /// The name that an exec was asked for (`bprm->filename`), closed by a NUL. Only during a successful exec.
    ExecFilename,
    /// The path that the tracepoints `cgroup_mkdir` and `cgroup_rmdir` tell, closed by a NUL. Only in these.
    CgroupPath,
}

/// A number that is known of an open file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FileFact {
    /// Device, in the form of `new_encode_dev`.
    Device,
    /// Inode number.
    Inode,
    /// `f_flags`: the kernel's open flags.
    OpenFlags,
    /// `f_mode`: the kernel's `FMODE_*`.
    Mode,
    /// `i_mode`.
    InodeMode,
    /// Links to the inode.
    Links,
    /// Change time of the inode, nanoseconds since the epoch.
    ChangeTime,
    /// Modification time of the inode, nanoseconds since the epoch.
    ModifyTime,
    /// Owner.
    OwnerUid,
    /// Magic number of the file system.
    FileSystem,
    /// 0 unless `d_sb->s_magic` is overlayfs; else bit 0 if the file is in the upper layer (`__upperdentry` of the overlay's
    /// inode is set and has an inode), bit 1 if it is only in a lower one.
    OverlayLayers,
    /// Whether the current task may write to it, by the inode's mode, owner and the task's credentials and capabilities.
    Writable,
    /// Whether it lives in memory only (`memfd_create`).
    Memfd,
}

/// A number that is known of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SocketFact {
    /// `AF_*`.
    Family,
    /// `SOCK_*`.
    Type,
    /// `IPPROTO_*`.
    Protocol,
    /// IPv4 address of this end, as its four bytes in memory order.
    LocalAddress,
    /// IPv4 address of the other end, as its four bytes in memory order; 0 if not connected.
    PeerAddress,
    /// Port of this end, in host order.
    LocalPort,
    /// Port of the other end, in host order; 0 if not connected.
    PeerPort,
    /// IPv6 address of this end, the first eight bytes in memory order.
    LocalAddress6First,
    /// IPv6 address of this end, the last eight bytes in memory order.
    LocalAddress6Last,
    /// IPv6 address of the other end, the first eight bytes in memory order.
    PeerAddress6First,
    /// IPv6 address of the other end, the last eight bytes in memory order.
    PeerAddress6Last,
    /// Unix: the kernel's address of this end (`struct unix_sock`).
    Identity,
    /// Unix: the kernel's address of the other end.
    PeerIdentity,
    /// Connections that wait for accept.
    Backlog,
    /// How many may wait.
    BacklogMax,
}

/// One end of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum End {
    /// This one.
    Local,
    /// The other one.
    Peer,
}

/// A turn of a long loop ([`Kernel::repeat`]): plain data that one turn hands on to the next.
pub trait Turn<K: Kernel>: Copy {
    /// Does it. False: it was the last.
    fn turn(&mut self, kernel: &mut K) -> bool;
}

/// A driver, in the middle of recording a call of the current task.
///
/// Parameters are written between [`Kernel::begin`] and [`Kernel::end`]; the `put_*` functions write a whole one.
pub trait Kernel: Sized {
    /// An open file.
    type File: Copy;
    /// A place in the file system: a mount and a directory entry.
    type Path: Copy;
    /// A socket.
    type Socket: Copy;

    // ---- the call ---------------------------------------------------------------------------------------------------

    /// Argument 0 to 5 of the call. Arguments of 32-bit calls are zero-extended. For what is no call, [`super::tracepoints`]
    /// says what each argument is, and for io_uring operations [`super::io_uring`]. 0 from 6 on.
    fn argument(&self, index: usize) -> u64;
    /// What the call returned: negative errno if it failed.
    fn return_value(&self) -> i64;
    /// Whether the task's pointers and `long`s have 32 bits in this call: in every call through the 32-bit entry, and in those
    /// x32 calls that have numbers of their own (512 and up); other x32 calls are laid out as 64-bit ones.
    fn is_compat(&self) -> bool;
    /// The code of the call ([`super::calls`]).
    fn code(&self) -> u16;
    /// The number of the call in the table of its ABI.
    fn number(&self) -> u16;
    /// Which message of a call that carries several is recorded, from 0 on ([`super::calls::records`]).
    #[inline(always)]
    fn message(&self) -> u32 {
        0
    }
    /// How many bytes of data to record.
    fn snaplen(&self) -> u32;
    /// Whether the consumer asked for paths from kernel objects.
    fn wants_paths(&self) -> bool;
    /// Whether the consumer asked for credentials.
    fn wants_credentials(&self) -> bool;

    /// Hands a number through memory. A driver whose code is verified has a verifier that follows each value through each
    /// turn of a loop; what went through memory it forgets, and loops stay cheap to verify.
    #[inline(always)]
    fn forget(&mut self, value: u64) -> u64 {
        value
    }

    // ---- user memory ------------------------------------------------------------------------------------------------

    /// Reads user memory without ever sleeping; `None` if it is not there.
    fn user_u8(&mut self, address: u64) -> Option<u8>;
    /// As [`Kernel::user_u8`].
    fn user_u16(&mut self, address: u64) -> Option<u16>;
    /// As [`Kernel::user_u8`].
    fn user_u32(&mut self, address: u64) -> Option<u32>;
    /// As [`Kernel::user_u8`].
    fn user_u64(&mut self, address: u64) -> Option<u64>;

    // ---- kernel objects ---------------------------------------------------------------------------------------------

    /// A fact of the current task.
    fn task(&mut self, fact: TaskFact) -> u64;
    /// The open file with a descriptor of the current task.
    fn file(&mut self, fd: i32) -> Option<Self::File>;
    /// The file that the current task executes.
    fn executable(&mut self) -> Option<Self::File>;
    /// A fact of an open file.
    fn file_fact(&mut self, file: Self::File, fact: FileFact) -> u64;
    /// Where an open file is.
    fn path(&mut self, file: Self::File) -> Self::Path;
    /// Where the current task is.
    fn working_directory(&mut self) -> Option<Self::Path>;
    /// The socket with a descriptor of the current task; `None` if it is something else.
    fn socket(&mut self, fd: i32) -> Option<Self::Socket>;
    /// A fact of a socket.
    fn socket_fact(&mut self, socket: Self::Socket, fact: SocketFact) -> u64;

    // ---- the pen ----------------------------------------------------------------------------------------------------

    /// Begins a parameter.
    fn begin(&mut self);
    /// Ends it.
    fn end(&mut self);
    /// Ends an extra.
    fn end_extra(&mut self);
    /// Takes back what was written since `begin`: the parameter goes on empty.
    fn rewind(&mut self);
    /// Adds bytes of a number, little-endian.
    fn add_u8(&mut self, value: u8);
    /// As [`Kernel::add_u8`].
    fn add_u16(&mut self, value: u16);
    /// As [`Kernel::add_u8`].
    fn add_u32(&mut self, value: u32);
    /// As [`Kernel::add_u8`].
    fn add_u64(&mut self, value: u64);
    /// Adds text from user memory up to its NUL, and a NUL: at most [`super::super::wire::record::PATH_SIZE_MAX`] bytes
    /// (then the parameter is marked as cut). False, and nothing is added, if it could not be read.
    fn add_user_text(&mut self, address: u64) -> bool;
    /// Adds text from user memory up to its NUL, and a NUL: at most `room` bytes with the NUL (`PATH_SIZE_MAX` if `room` is
    /// more), never marking the parameter as cut. Returns how many bytes were added: `room` also if the text goes on; 0 if it
    /// could not be read or `room` is 0.
    fn add_user_string(&mut self, address: u64, room: u32) -> u32;
    /// Adds bytes of user memory: one at least, [`super::super::wire::control::SNAPLEN_MAX`] at most. False, and nothing is added,
    /// if they could not be read.
    fn add_user_bytes(&mut self, address: u64, length: u32) -> bool;
    /// Adds text of the current task, at most `PATH_SIZE_MAX` bytes.
    fn add_task_text(&mut self, text: TaskText);
    /// Adds a path, closed by a NUL; with `flags`, after a `u32` of [`super::super::wire::record::path`] bits.
    fn add_path(&mut self, path: Self::Path, flags: bool);
    /// Adds the name of an end of a unix socket, closed by a NUL; an abstract name begins with a NUL, which becomes `@`.
    fn add_unix_name(&mut self, socket: Self::Socket, end: End);
    /// Marks the parameter that is being written as cut.
    fn mark_truncated(&mut self);

    // ---- whole parameters -------------------------------------------------------------------------------------------

    /// A parameter without value.
    #[inline(always)]
    fn put_empty(&mut self) {
        self.begin();
        self.end();
    }

    /// A number of one byte.
    #[inline(always)]
    fn put_u8(&mut self, value: u8) {
        self.begin();
        self.add_u8(value);
        self.end();
    }

    /// A number of two bytes.
    #[inline(always)]
    fn put_u16(&mut self, value: u16) {
        self.begin();
        self.add_u16(value);
        self.end();
    }

    /// A number of four bytes.
    #[inline(always)]
    fn put_u32(&mut self, value: u32) {
        self.begin();
        self.add_u32(value);
        self.end();
    }

    /// A number of eight bytes.
    #[inline(always)]
    fn put_u64(&mut self, value: u64) {
        self.begin();
        self.add_u64(value);
        self.end();
    }

    /// A signed number of eight bytes.
    #[inline(always)]
    fn put_i64(&mut self, value: i64) {
        self.put_u64(value as u64);
    }

    /// What the call returned.
    #[inline(always)]
    fn put_result(&mut self) {
        self.put_i64(self.return_value());
    }

    /// A descriptor that is an argument: `int` in the kernel, eight bytes in the schema.
    #[inline(always)]
    fn put_fd_argument(&mut self, index: usize) {
        self.put_i64(i64::from(self.int_argument(index)));
    }

    /// A signed number of four bytes.
    #[inline(always)]
    fn put_i32(&mut self, value: i32) {
        self.put_u32(value as u32);
    }

    /// A fact of the current task as a number of four bytes.
    #[inline(always)]
    fn put_task_u32(&mut self, fact: TaskFact) {
        let value = self.task(fact);
        self.put_u32(value as u32);
    }

    /// A fact of the current task as a number of eight bytes.
    #[inline(always)]
    fn put_task_u64(&mut self, fact: TaskFact) {
        let value = self.task(fact);
        self.put_u64(value);
    }

    /// An id (`pid_t`, 32 bits with sign) of the current task, eight bytes in the schema.
    #[inline(always)]
    fn put_task_pid(&mut self, fact: TaskFact) {
        let value = self.task(fact);
        self.put_i64(i64::from(value as i32));
    }

    /// An argument of type `unsigned int`.
    #[inline(always)]
    fn put_u32_argument(&mut self, index: usize) {
        self.put_u32(self.u32_argument(index));
    }

    /// A user or group id that is an argument. The old 32-bit calls take 16 bits of it, all ones meaning "leave as it is"; their
    /// successors stand from 198 on in the 32-bit table.
    #[inline(always)]
    fn put_id_argument(&mut self, index: usize) {
        let id = self.u32_argument(index);
        self.put_u32(if !self.has_short_ids() {
            id
        } else if id & 0xffff == 0xffff {
            u32::MAX
        } else {
            id & 0xffff
        });
    }

    /// An argument of type `unsigned long`, or a pointer as a number.
    #[inline(always)]
    fn put_u64_argument(&mut self, index: usize) {
        self.put_u64(self.argument(index));
    }

    /// A string that is an argument: text from user memory; empty if it could not be read.
    #[inline(always)]
    fn put_text_argument(&mut self, index: usize) {
        self.put_user_text(self.argument(index));
    }

    /// Text from user memory; empty if it could not be read.
    #[inline(always)]
    fn put_user_text(&mut self, address: u64) {
        self.begin();
        self.add_user_text(address);
        self.end();
    }

    /// Text of the current task.
    #[inline(always)]
    fn put_task_text(&mut self, text: TaskText) {
        self.begin();
        self.add_task_text(text);
        self.end();
    }

    /// An extra with a path.
    #[inline(always)]
    fn put_path_extra(&mut self, kind: Extra, path: Self::Path) {
        self.begin();
        self.add_u8(kind as u8);
        self.add_path(path, true);
        self.end_extra();
    }

    /// The extras that say where a call's names lead, if they are wanted. It is the last thing that an extractor does, and only
    /// extractors of calls do it: a driver may go on elsewhere and never come back.
    #[inline(always)]
    fn put_places(&mut self, places: Places<Self::File>) {
        paths::put(self, places);
    }

    /// Does turns until one is the last, at most so many. A loop here; a driver whose programs are verified may have its kernel call back
    /// for each, so that what a turn does is verified once.
    #[inline(always)]
    fn repeat<T: Turn<Self>>(&mut self, turns: u32, turn: &mut T) {
        for _ in 0..turns {
            if !turn.turn(self) {
                break;
            }
        }
    }

    // ---- derived ----------------------------------------------------------------------------------------------------

    /// An argument of type `int`.
    #[inline(always)]
    fn int_argument(&self, index: usize) -> i32 {
        self.argument(index) as i32
    }

    /// An argument of type `long`.
    #[inline(always)]
    fn long_argument(&self, index: usize) -> i64 {
        if self.is_compat() {
            i64::from(self.int_argument(index))
        } else {
            self.argument(index) as i64
        }
    }

    /// An argument of type `unsigned int`.
    #[inline(always)]
    fn u32_argument(&self, index: usize) -> u32 {
        self.argument(index) as u32
    }

    /// Whether the call failed.
    #[inline(always)]
    fn failed(&self) -> bool {
        self.return_value() < 0
    }

    /// Whether user and group ids of the call have 16 bits.
    #[inline(always)]
    fn has_short_ids(&self) -> bool {
        self.is_compat() && self.number() < 198
    }

    /// Bytes of a pointer or a `long` of the task.
    #[inline(always)]
    fn word_size(&self) -> u64 {
        if self.is_compat() {
            4
        } else {
            8
        }
    }

    /// The pointer or unsigned `long` at an address.
    #[inline(always)]
    fn user_word(&mut self, address: u64) -> Option<u64> {
        if self.is_compat() {
            self.user_u32(address).map(u64::from)
        } else {
            self.user_u64(address)
        }
    }
}
