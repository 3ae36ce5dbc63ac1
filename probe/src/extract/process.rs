// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! Extractors of what makes processes and steers them. What ends them is a tracepoint, and so is a successful exec.

use super::super::wire::record::PATH_SIZE_MAX;
use super::calls::code;
use super::credentials::put_capabilities;
use super::flags::{clone_flags, layer, limit_resource, ptrace_request};
use super::kernel::{FileFact, Kernel, TaskFact, TaskText, Turn};
use super::memory::put_usage;
use super::paths::{self, AT_FDCWD};

/// That the child is, or will be, in a pid namespace other than the initial one (`PPM_CL_CHILD_IN_PIDNS`).
const CHILD_IN_PID_NAMESPACE: u32 = 1 << 29;
/// What `vfork` is, in flags of clone: `CLONE_VFORK`, `CLONE_VM`.
const VFORK: u32 = 0x4100;
/// How many strings of the arguments or the environment of a failed exec are looked at.
const STRINGS_MAX: u32 = 32;

/// `clone`, `clone3`, `fork`, `vfork`: the 21 parameters of a new process. The parent has one, and the child, whose call returns 0,
/// another. One extractor for all, since it is long: drivers may have it once.
#[inline(always)]
pub fn clone<K: Kernel>(kernel: &mut K) {
    let code = kernel.code();
    let flags = if code == code::CLONE3 {
        // They stand first in the structure that is its argument.
        kernel.user_u64(kernel.argument(0)).unwrap_or(0) as u32
    } else if code == code::CLONE {
        kernel.u32_argument(0)
    } else if code == code::VFORK {
        VFORK
    } else {
        0
    };
    put_clone(kernel, flags);
}

/// res, exe, args, tid, pid, ptid, cwd, fdlimit, pgft_maj, pgft_min, vm_size, vm_rss, vm_swap, comm, cgroups, flags, uid, gid,
/// vtid, vpid, pidns_init_start_ts.
#[inline(always)]
fn put_clone<K: Kernel>(kernel: &mut K, flags: u32) {
    kernel.put_result();
    if kernel.failed() {
        kernel.put_empty();
        kernel.put_empty();
    } else {
        kernel.put_task_text(TaskText::Executable);
        kernel.put_task_text(TaskText::Arguments);
    }
    put_process(kernel);
    let namespace = if kernel.task(TaskFact::InPidNamespace) != 0 { CHILD_IN_PID_NAMESPACE } else { 0 };
    kernel.put_u32(clone_flags(flags) | namespace);
    kernel.put_task_u32(TaskFact::Euid);
    kernel.put_task_u32(TaskFact::Egid);
    kernel.put_task_pid(TaskFact::VirtualTid);
    kernel.put_task_pid(TaskFact::VirtualTgid);
    let start = if kernel.return_value() == 0 { kernel.task(TaskFact::PidNamespaceStart) } else { 0 };
    kernel.put_u64(start);
}

/// tid, pid, ptid, cwd, fdlimit, pgft_maj, pgft_min, vm_size, vm_rss, vm_swap, comm, cgroups. The working directory is left
/// out as in Falco; the agent knows the cgroups from the header.
#[inline(always)]
fn put_process<K: Kernel>(kernel: &mut K) {
    kernel.put_task_pid(TaskFact::Tid);
    kernel.put_task_pid(TaskFact::Tgid);
    kernel.put_task_pid(TaskFact::ParentTid);
    kernel.put_empty();
    kernel.put_task_u64(TaskFact::FdLimit);
    kernel.put_task_u64(TaskFact::MajorFaults);
    kernel.put_task_u64(TaskFact::MinorFaults);
    put_usage(kernel);
    kernel.put_task_text(TaskText::Comm);
    kernel.put_empty();
}

/// The tracepoint of a successful exec, the 31 parameters of `execve`: all from the new program.
#[inline(always)]
pub fn executed<K: Kernel>(kernel: &mut K) {
    kernel.put_i64(0);
    kernel.put_task_text(TaskText::Executable);
    kernel.put_task_text(TaskText::Arguments);
    put_process(kernel);
    kernel.put_task_text(TaskText::Environment);
    put_program(kernel);
    kernel.put_task_text(TaskText::ExecFilename);
    paths::executed(kernel);
}

/// `execve` and `execveat` that failed: the same parameters, but what was to be executed is known from the arguments only. `execveat` has
/// a directory before them, and no name behind them.
#[inline(always)]
pub fn failed_exec<K: Kernel>(kernel: &mut K) {
    let (arguments, environment) = if kernel.code() == code::EXECVEAT {
        (kernel.argument(2), kernel.argument(3))
    } else {
        (kernel.argument(1), kernel.argument(2))
    };
    put_failed_exec(kernel, arguments, environment);
    // Asked again: else the compiler would make two copies of all that lies between.
    let (directory, name) = if kernel.code() == code::EXECVEAT {
        (kernel.int_argument(0), kernel.argument(1))
    } else {
        kernel.put_text_argument(0);
        (AT_FDCWD, kernel.argument(0))
    };
    paths::start(kernel, directory, name);
}

#[inline(always)]
fn put_failed_exec<K: Kernel>(kernel: &mut K, arguments: u64, environment: u64) {
    kernel.put_result();
    kernel.begin();
    let first = pointer(kernel, arguments);
    if first != 0 {
        kernel.add_user_text(first);
    }
    kernel.end();
    put_strings(kernel, if first == 0 { 0 } else { arguments.wrapping_add(kernel.word_size()) });
    put_process(kernel);
    put_strings(kernel, environment);
    put_program(kernel);
}

/// tty, vpgid, loginuid, flags, cap_inheritable, cap_permitted, cap_effective, exe_ino, exe_ino_ctime, exe_ino_mtime, uid,
/// trusted_exepath, pgid, gid.
#[inline(always)]
fn put_program<K: Kernel>(kernel: &mut K) {
    kernel.put_task_u32(TaskFact::Tty);
    kernel.put_task_pid(TaskFact::VirtualProcessGroup);
    kernel.put_task_u32(TaskFact::LoginUid);
    let file = kernel.executable();
    let writable = file.is_some_and(|file| kernel.file_fact(file, FileFact::Writable) != 0);
    let layers = file.map_or(0, |file| kernel.file_fact(file, FileFact::OverlayLayers));
    let memfd = file.is_some_and(|file| kernel.file_fact(file, FileFact::Memfd) != 0);
    kernel.put_u32(layer(layers, 2, 8) | if writable { 1 } else { 0 } | if memfd { 4 } else { 0 });
    put_capabilities(kernel);
    let inode = file.map_or(0, |file| kernel.file_fact(file, FileFact::Inode));
    kernel.put_u64(inode);
    let changed = file.map_or(0, |file| kernel.file_fact(file, FileFact::ChangeTime));
    kernel.put_u64(changed);
    let modified = file.map_or(0, |file| kernel.file_fact(file, FileFact::ModifyTime));
    kernel.put_u64(modified);
    kernel.put_task_u32(TaskFact::Euid);
    kernel.begin();
    if let Some(file) = file {
        let path = kernel.path(file);
        kernel.add_path(path, false);
    }
    kernel.end();
    kernel.put_task_pid(TaskFact::ProcessGroup);
    kernel.put_task_u32(TaskFact::Egid);
}

/// The strings of an array of pointers that ends in a null pointer, each with its NUL: a page at most.
#[inline(always)]
fn put_strings<K: Kernel>(kernel: &mut K, array: u64) {
    let word = kernel.word_size();
    let mut strings =
        Strings { entry: array, word, room: PATH_SIZE_MAX as u64, ended: u64::from(array == 0) };
    kernel.begin();
    if array != 0 {
        kernel.repeat(STRINGS_MAX, &mut strings);
    }
    if strings.ended == 0 {
        kernel.mark_truncated();
    }
    kernel.end();
}

/// Strings that are being added. All words: what a turn hands on, verifiers follow word by word.
#[derive(Clone, Copy)]
struct Strings {
    /// Where the pointer to the next is.
    entry: u64,
    /// Bytes of a pointer.
    word: u64,
    /// How many bytes may still be added.
    room: u64,
    /// Whether there are no more.
    ended: u64,
}

impl<K: Kernel> Turn<K> for Strings {
    #[inline(always)]
    fn turn(&mut self, kernel: &mut K) -> bool {
        let string = pointer(kernel, self.entry);
        let added = if string == 0 { 0 } else { kernel.add_user_string(string, self.room as u32) };
        self.ended = u64::from(added == 0);
        self.room = kernel.forget(self.room.saturating_sub(u64::from(added)));
        self.entry = kernel.forget(self.entry.wrapping_add(self.word));
        added != 0 && self.room != 0
    }
}

/// The pointer at an address, null if there is none.
#[inline(always)]
fn pointer<K: Kernel>(kernel: &mut K, address: u64) -> u64 {
    if address == 0 {
        0
    } else {
        kernel.user_word(address).unwrap_or(0)
    }
}

/// res, pid or tid, sig: `kill`, `tkill`.
#[inline(always)]
pub fn kill<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_u8(kernel.u32_argument(1) as u8);
}

/// `tgkill`: res, pid, tid, sig.
#[inline(always)]
pub fn tgkill<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_fd_argument(1);
    kernel.put_u8(kernel.u32_argument(2) as u8);
}

/// `setpgid`: res, pid, pgid.
#[inline(always)]
pub fn setpgid<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_fd_argument(1);
}

/// `unshare`: res, flags.
#[inline(always)]
pub fn unshare<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u32(clone_flags(kernel.u32_argument(0)));
}

/// `setns`: res, fd, nstype.
#[inline(always)]
pub fn setns<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_fd_argument(0);
    kernel.put_u32(clone_flags(kernel.u32_argument(1)));
}

/// `seccomp`: res, op, flags.
#[inline(always)]
pub fn seccomp<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    kernel.put_u64(u64::from(kernel.u32_argument(0)));
    kernel.put_u64(u64::from(kernel.u32_argument(1)));
}

/// `prctl`: res, option, arg2_str, arg2_int. Which of the two the second argument is depends on the option.
#[inline(always)]
pub fn prctl<K: Kernel>(kernel: &mut K) {
    const PR_SET_NAME: u32 = 15;
    const PR_GET_NAME: u32 = 16;
    const PR_GET_CHILD_SUBREAPER: u32 = 37;
    /// Bytes of a name with its NUL (`TASK_COMM_LEN`).
    const NAME_SIZE: u32 = 16;
    let option = kernel.u32_argument(0);
    let argument = kernel.argument(1);
    kernel.put_result();
    kernel.put_u32(option);
    if option == PR_SET_NAME || option == PR_GET_NAME {
        kernel.begin();
        kernel.add_user_string(argument, NAME_SIZE);
        kernel.end();
        kernel.put_empty();
    } else {
        kernel.put_empty();
        let number = if option == PR_GET_CHILD_SUBREAPER {
            i64::from(kernel.user_u32(argument).unwrap_or(0) as i32)
        } else {
            kernel.long_argument(1)
        };
        kernel.put_i64(number);
    }
}

/// `ptrace`: res, addr, data, request, pid.
#[inline(always)]
pub fn ptrace<K: Kernel>(kernel: &mut K) {
    /// The first byte of addr and data: a number, or a signal.
    const NUMBER: u8 = 0;
    const SIGNAL: u8 = 1;
    let request = kernel.argument(0);
    let done = !kernel.failed();
    kernel.put_result();
    kernel.begin();
    kernel.add_u8(NUMBER);
    kernel.add_u64(if done { kernel.argument(2) } else { 0 });
    kernel.end();
    kernel.begin();
    let data = kernel.argument(3);
    match request {
        _ if !done => {
            kernel.add_u8(NUMBER);
            kernel.add_u64(0);
        }
        // PTRACE_PEEKTEXT, PTRACE_PEEKDATA, PTRACE_PEEKUSER: the kernel wrote the word there.
        1..=3 => {
            let word = kernel.user_word(data).unwrap_or(0);
            kernel.add_u8(NUMBER);
            kernel.add_u64(word);
        }
        // PTRACE_CONT, PTRACE_SINGLESTEP, PTRACE_DETACH, PTRACE_SYSCALL: the signal to go on with.
        7 | 9 | 17 | 24 => {
            kernel.add_u8(SIGNAL);
            kernel.add_u8(data as u8);
        }
        _ => {
            kernel.add_u8(NUMBER);
            kernel.add_u64(data);
        }
    }
    kernel.end();
    kernel.put_u16(ptrace_request(request));
    kernel.put_fd_argument(1);
}

/// `setrlimit`: res, cur, max, resource.
#[inline(always)]
pub fn setrlimit<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    put_limits(kernel);
}

/// `getrlimit`: res, cur, max, resource. A failed call has written no limits: they are -1, as in Falco.
#[inline(always)]
pub fn getrlimit<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    if kernel.failed() {
        kernel.put_i64(-1);
        kernel.put_i64(-1);
        kernel.put_u8(limit_resource(kernel.u32_argument(0)));
    } else {
        put_limits(kernel);
    }
}

/// cur, max, resource.
#[inline(always)]
fn put_limits<K: Kernel>(kernel: &mut K) {
    let limits = kernel.argument(1);
    let word = kernel.word_size();
    put_limit(kernel, limits, word);
    put_limit(kernel, if limits == 0 { 0 } else { limits.wrapping_add(word) }, word);
    kernel.put_u8(limit_resource(kernel.u32_argument(0)));
}

/// `prlimit64`: res, newcur, newmax, oldcur, oldmax, pid, resource. A failed call has written no old limits.
#[inline(always)]
pub fn prlimit<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
    let new = kernel.argument(2);
    put_limit(kernel, new, 8);
    put_limit(kernel, if new == 0 { 0 } else { new.wrapping_add(8) }, 8);
    let old = if kernel.failed() { 0 } else { kernel.argument(3) };
    put_limit(kernel, old, 8);
    put_limit(kernel, if old == 0 { 0 } else { old.wrapping_add(8) }, 8);
    kernel.put_fd_argument(0);
    kernel.put_u8(limit_resource(kernel.u32_argument(1)));
}

/// A limit at an address, 0 if there is none. All ones, of any width, are no limit.
#[inline(always)]
fn put_limit<K: Kernel>(kernel: &mut K, address: u64, size: u64) {
    let limit = if address == 0 {
        None
    } else if size == 8 {
        kernel.user_u64(address)
    } else {
        kernel.user_u32(address).map(|limit| if limit == u32::MAX { u64::MAX } else { u64::from(limit) })
    };
    kernel.put_u64(limit.unwrap_or(0));
}
