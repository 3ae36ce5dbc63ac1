//! The syscall table: the codes by which records name system calls (`PPM_SC_*`), independent of the architecture, with
//! their numbers on x86_64 and the event that each becomes. A call without an event of its own becomes the event `syscall`,
//! whose parameter `ID` is the code.
//!
//! Codes are wire values, so rows are never reordered. The last five are newer than any capture that we have seen: their order
//! is that of the kernels that brought them.

use saker_filter::events::EventSet;

use super::{EVENTS, Event, EventId, id};

/// A row of the syscall table.
#[derive(Debug)]
pub struct SyscallInfo {
    /// Its index (`PPM_SC_*`).
    pub code: u16,
    /// Its name: what `evt.type` and `syscall.type` say of a generic event with this code.
    pub name: &'static str,
    /// Its number on x86_64, if it exists there.
    pub number: Option<u16>,
    /// The event that it becomes; for tracepoints, which have codes too, the tracepoint's.
    pub event: EventId,
}

impl SyscallInfo {
    /// Whether the call has no event of its own: only that it happened is recorded.
    pub fn is_generic(&self) -> bool {
        self.event == id::GENERIC_X
    }
}

/// The call that a generic event is about; `None` for other events and for codes newer than the table. A recorder that had
/// no code for the call wrote 0: then the native number counts.
pub fn of_generic(event: &Event<'_>) -> Option<&'static SyscallInfo> {
    if event.id != id::GENERIC_X && event.id != id::GENERIC_E {
        return None;
    }
    let code = usize::try_from(event.param_u64(0)?).ok()?;
    if code == 0
        && let Some(call) = event.param_u64(1).and_then(|number| by_number(usize::try_from(number).ok()?))
    {
        return Some(call);
    }
    SYSCALLS.get(code)
}

/// The call with a number on x86_64.
pub fn by_number(number: usize) -> Option<&'static SyscallInfo> {
    BY_NUMBER.get(number).filter(|&&code| code != 0).and_then(|&code| SYSCALLS.get(usize::from(code)))
}

/// Codes by number; 0 where there is none.
static BY_NUMBER: [u16; 512] = {
    let mut codes = [0; 512];
    let mut code = 0;
    while code < SYSCALL_COUNT {
        if let Some(number) = SYSCALLS[code].number {
            codes[number as usize] = code as u16;
        }
        code += 1;
    }
    codes
};

/// What `evt.type` says of an event: its name, of a generic event that of the call.
pub fn type_name(event: &Event<'_>) -> &'static str {
    of_generic(event).map_or_else(|| event.info().name, |call| call.name)
}

/// The events whose `evt.type` can be `name`: those of that name, and the generic event if a call without an event of its
/// own has the name. Empty if nothing has.
pub fn events_named(name: &[u8]) -> EventSet {
    let mut events: EventSet = EVENTS
        .iter()
        .filter(|row| row.name.as_bytes() == name && !row.flags.contains(super::EventFlags::UNUSED))
        .map(|row| row.id.0)
        .collect();
    if SYSCALLS.iter().any(|call| call.is_generic() && call.name.as_bytes() == name) {
        events.insert(id::GENERIC_E.0);
        events.insert(id::GENERIC_X.0);
    }
    events
}

/// Every name that `evt.type` can have, in no particular order, some of them twice.
pub fn type_names() -> impl Iterator<Item = &'static str> {
    let events =
        EVENTS.iter().filter(|row| !row.flags.contains(super::EventFlags::UNUSED)).map(|row| row.name);
    events.chain(SYSCALLS.iter().map(|call| call.name))
}

/// Each row: code, name, number on x86_64 (`_` if it has none), event.
macro_rules! syscalls {
    ($($code:literal $name:literal $number:tt $event:ident;)*) => {
        /// The table, indexed by code.
        pub static SYSCALLS: [SyscallInfo; SYSCALL_COUNT] = [$(SyscallInfo {
            code: $code,
            name: $name,
            number: number!($number),
            event: id::$event,
        },)*];

        /// How many codes there are.
        pub const SYSCALL_COUNT: usize = [$($code),*].len();
    };
}

macro_rules! number {
    (_) => {
        None
    };
    ($number:literal) => {
        Some($number)
    };
}

syscalls! {
    0 "unknown" _ GENERIC_X;
    1 "restart_syscall" 219 GENERIC_X;
    2 "exit" 60 GENERIC_X;
    3 "read" 0 SYSCALL_READ_X;
    4 "write" 1 SYSCALL_WRITE_X;
    5 "open" 2 SYSCALL_OPEN_X;
    6 "close" 3 SYSCALL_CLOSE_X;
    7 "creat" 85 SYSCALL_CREAT_X;
    8 "link" 86 SYSCALL_LINK_2_X;
    9 "unlink" 87 SYSCALL_UNLINK_2_X;
    10 "chdir" 80 SYSCALL_CHDIR_X;
    11 "time" 201 GENERIC_X;
    12 "mknod" 133 SYSCALL_MKNOD_X;
    13 "chmod" 90 SYSCALL_CHMOD_X;
    14 "stat" 4 SYSCALL_STAT_X;
    15 "lseek" 8 SYSCALL_LSEEK_X;
    16 "getpid" 39 GENERIC_X;
    17 "mount" 165 SYSCALL_MOUNT_X;
    18 "ptrace" 101 SYSCALL_PTRACE_X;
    19 "alarm" 37 GENERIC_X;
    20 "fstat" 5 SYSCALL_FSTAT_X;
    21 "pause" 34 GENERIC_X;
    22 "utime" 132 GENERIC_X;
    23 "access" 21 SYSCALL_ACCESS_X;
    24 "sync" 162 GENERIC_X;
    25 "kill" 62 SYSCALL_KILL_X;
    26 "rename" 82 SYSCALL_RENAME_X;
    27 "mkdir" 83 SYSCALL_MKDIR_2_X;
    28 "rmdir" 84 SYSCALL_RMDIR_2_X;
    29 "dup" 32 SYSCALL_DUP_1_X;
    30 "pipe" 22 SYSCALL_PIPE_X;
    31 "times" 100 GENERIC_X;
    32 "brk" 12 SYSCALL_BRK_4_X;
    33 "acct" 163 GENERIC_X;
    34 "ioctl" 16 SYSCALL_IOCTL_3_X;
    35 "fcntl" 72 SYSCALL_FCNTL_X;
    36 "setpgid" 109 SYSCALL_SETPGID_X;
    37 "umask" 95 GENERIC_X;
    38 "chroot" 161 SYSCALL_CHROOT_X;
    39 "ustat" 136 GENERIC_X;
    40 "dup2" 33 SYSCALL_DUP2_X;
    41 "getppid" 110 GENERIC_X;
    42 "getpgrp" 111 GENERIC_X;
    43 "setsid" 112 SYSCALL_SETSID_X;
    44 "sethostname" 170 GENERIC_X;
    45 "setrlimit" 160 SYSCALL_SETRLIMIT_X;
    46 "getrusage" 98 GENERIC_X;
    47 "gettimeofday" 96 GENERIC_X;
    48 "settimeofday" 164 GENERIC_X;
    49 "symlink" 88 SYSCALL_SYMLINK_X;
    50 "lstat" 6 SYSCALL_LSTAT_X;
    51 "readlink" 89 GENERIC_X;
    52 "uselib" _ GENERIC_X;
    53 "swapon" 167 GENERIC_X;
    54 "reboot" 169 GENERIC_X;
    55 "mmap" 9 SYSCALL_MMAP_X;
    56 "munmap" 11 SYSCALL_MUNMAP_X;
    57 "truncate" 76 GENERIC_X;
    58 "ftruncate" 77 GENERIC_X;
    59 "fchmod" 91 SYSCALL_FCHMOD_X;
    60 "getpriority" 140 GENERIC_X;
    61 "setpriority" 141 GENERIC_X;
    62 "statfs" 137 GENERIC_X;
    63 "fstatfs" 138 GENERIC_X;
    64 "syslog" 103 GENERIC_X;
    65 "setitimer" 38 GENERIC_X;
    66 "getitimer" 36 GENERIC_X;
    67 "uname" 63 GENERIC_X;
    68 "vhangup" 153 GENERIC_X;
    69 "wait4" 61 GENERIC_X;
    70 "swapoff" 168 GENERIC_X;
    71 "sysinfo" 99 GENERIC_X;
    72 "fsync" 74 GENERIC_X;
    73 "setdomainname" 171 GENERIC_X;
    74 "adjtimex" 159 GENERIC_X;
    75 "mprotect" 10 SYSCALL_MPROTECT_X;
    76 "init_module" 175 SYSCALL_INIT_MODULE_X;
    77 "delete_module" 176 SYSCALL_DELETE_MODULE_X;
    78 "quotactl" 179 SYSCALL_QUOTACTL_X;
    79 "getpgid" 121 GENERIC_X;
    80 "fchdir" 81 SYSCALL_FCHDIR_X;
    81 "sysfs" 139 GENERIC_X;
    82 "personality" 135 GENERIC_X;
    83 "getdents" 78 SYSCALL_GETDENTS_X;
    84 "select" 23 SYSCALL_SELECT_X;
    85 "flock" 73 SYSCALL_FLOCK_X;
    86 "msync" 26 GENERIC_X;
    87 "readv" 19 SYSCALL_READV_X;
    88 "writev" 20 SYSCALL_WRITEV_X;
    89 "getsid" 124 GENERIC_X;
    90 "fdatasync" 75 GENERIC_X;
    91 "mlock" 149 SYSCALL_MLOCK_X;
    92 "munlock" 150 SYSCALL_MUNLOCK_X;
    93 "mlockall" 151 SYSCALL_MLOCKALL_X;
    94 "munlockall" 152 SYSCALL_MUNLOCKALL_X;
    95 "sched_setparam" 142 GENERIC_X;
    96 "sched_getparam" 143 GENERIC_X;
    97 "sched_setscheduler" 144 GENERIC_X;
    98 "sched_getscheduler" 145 GENERIC_X;
    99 "sched_yield" 24 GENERIC_X;
    100 "sched_get_priority_max" 146 GENERIC_X;
    101 "sched_get_priority_min" 147 GENERIC_X;
    102 "sched_rr_get_interval" 148 GENERIC_X;
    103 "nanosleep" 35 SYSCALL_NANOSLEEP_X;
    104 "mremap" 25 GENERIC_X;
    105 "poll" 7 SYSCALL_POLL_X;
    106 "prctl" 157 SYSCALL_PRCTL_X;
    107 "rt_sigaction" 13 GENERIC_X;
    108 "rt_sigprocmask" 14 GENERIC_X;
    109 "rt_sigpending" 127 GENERIC_X;
    110 "rt_sigtimedwait" 128 GENERIC_X;
    111 "rt_sigqueueinfo" 129 GENERIC_X;
    112 "rt_sigsuspend" 130 GENERIC_X;
    113 "getcwd" 79 SYSCALL_GETCWD_X;
    114 "capget" 125 GENERIC_X;
    115 "capset" 126 SYSCALL_CAPSET_X;
    116 "sendfile" 40 SYSCALL_SENDFILE_X;
    117 "getrlimit" 97 SYSCALL_GETRLIMIT_X;
    118 "lchown" 94 SYSCALL_LCHOWN_X;
    119 "getuid" 102 SYSCALL_GETUID_X;
    120 "getgid" 104 SYSCALL_GETGID_X;
    121 "geteuid" 107 SYSCALL_GETEUID_X;
    122 "getegid" 108 SYSCALL_GETEGID_X;
    123 "setreuid" 113 SYSCALL_SETREUID_X;
    124 "setregid" 114 SYSCALL_SETREGID_X;
    125 "getgroups" 115 GENERIC_X;
    126 "setgroups" 116 GENERIC_X;
    127 "fchown" 93 SYSCALL_FCHOWN_X;
    128 "setresuid" 117 SYSCALL_SETRESUID_X;
    129 "getresuid" 118 SYSCALL_GETRESUID_X;
    130 "setresgid" 119 SYSCALL_SETRESGID_X;
    131 "getresgid" 120 SYSCALL_GETRESGID_X;
    132 "chown" 92 SYSCALL_CHOWN_X;
    133 "setuid" 105 SYSCALL_SETUID_X;
    134 "setgid" 106 SYSCALL_SETGID_X;
    135 "setfsuid" 122 GENERIC_X;
    136 "setfsgid" 123 GENERIC_X;
    137 "pivot_root" 155 GENERIC_X;
    138 "mincore" 27 GENERIC_X;
    139 "madvise" 28 GENERIC_X;
    140 "gettid" 186 GENERIC_X;
    141 "setxattr" 188 GENERIC_X;
    142 "lsetxattr" 189 GENERIC_X;
    143 "fsetxattr" 190 GENERIC_X;
    144 "getxattr" 191 GENERIC_X;
    145 "lgetxattr" 192 GENERIC_X;
    146 "fgetxattr" 193 GENERIC_X;
    147 "listxattr" 194 GENERIC_X;
    148 "llistxattr" 195 GENERIC_X;
    149 "flistxattr" 196 GENERIC_X;
    150 "removexattr" 197 GENERIC_X;
    151 "lremovexattr" 198 GENERIC_X;
    152 "fremovexattr" 199 GENERIC_X;
    153 "tkill" 200 SYSCALL_TKILL_X;
    154 "futex" 202 SYSCALL_FUTEX_X;
    155 "sched_setaffinity" 203 GENERIC_X;
    156 "sched_getaffinity" 204 GENERIC_X;
    157 "set_thread_area" 205 GENERIC_X;
    158 "get_thread_area" 211 GENERIC_X;
    159 "io_setup" 206 GENERIC_X;
    160 "io_destroy" 207 GENERIC_X;
    161 "io_getevents" 208 GENERIC_X;
    162 "io_submit" 209 GENERIC_X;
    163 "io_cancel" 210 GENERIC_X;
    164 "exit_group" 231 GENERIC_X;
    165 "epoll_create" 213 SYSCALL_EPOLL_CREATE_X;
    166 "epoll_ctl" 233 GENERIC_X;
    167 "epoll_wait" 232 SYSCALL_EPOLLWAIT_X;
    168 "remap_file_pages" 216 GENERIC_X;
    169 "set_tid_address" 218 GENERIC_X;
    170 "timer_create" 222 GENERIC_X;
    171 "timer_settime" 223 GENERIC_X;
    172 "timer_gettime" 224 GENERIC_X;
    173 "timer_getoverrun" 225 GENERIC_X;
    174 "timer_delete" 226 GENERIC_X;
    175 "clock_settime" 227 GENERIC_X;
    176 "clock_gettime" 228 GENERIC_X;
    177 "clock_getres" 229 GENERIC_X;
    178 "clock_nanosleep" 230 GENERIC_X;
    179 "tgkill" 234 SYSCALL_TGKILL_X;
    180 "utimes" 235 GENERIC_X;
    181 "mq_open" 240 GENERIC_X;
    182 "mq_unlink" 241 GENERIC_X;
    183 "mq_timedsend" 242 GENERIC_X;
    184 "mq_timedreceive" 243 GENERIC_X;
    185 "mq_notify" 244 GENERIC_X;
    186 "mq_getsetattr" 245 GENERIC_X;
    187 "kexec_load" 246 GENERIC_X;
    188 "waitid" 247 GENERIC_X;
    189 "add_key" 248 GENERIC_X;
    190 "request_key" 249 GENERIC_X;
    191 "keyctl" 250 SYSCALL_KEYCTL_X;
    192 "ioprio_set" 251 GENERIC_X;
    193 "ioprio_get" 252 GENERIC_X;
    194 "inotify_init" 253 SYSCALL_INOTIFY_INIT_X;
    195 "inotify_add_watch" 254 GENERIC_X;
    196 "inotify_rm_watch" 255 GENERIC_X;
    197 "openat" 257 SYSCALL_OPENAT_2_X;
    198 "mkdirat" 258 SYSCALL_MKDIRAT_X;
    199 "mknodat" 259 SYSCALL_MKNODAT_X;
    200 "fchownat" 260 SYSCALL_FCHOWNAT_X;
    201 "futimesat" 261 GENERIC_X;
    202 "unlinkat" 263 SYSCALL_UNLINKAT_2_X;
    203 "renameat" 264 SYSCALL_RENAMEAT_X;
    204 "linkat" 265 SYSCALL_LINKAT_2_X;
    205 "symlinkat" 266 SYSCALL_SYMLINKAT_X;
    206 "readlinkat" 267 GENERIC_X;
    207 "fchmodat" 268 SYSCALL_FCHMODAT_X;
    208 "faccessat" 269 GENERIC_X;
    209 "pselect6" 270 GENERIC_X;
    210 "ppoll" 271 SYSCALL_PPOLL_X;
    211 "unshare" 272 SYSCALL_UNSHARE_X;
    212 "set_robust_list" 273 GENERIC_X;
    213 "get_robust_list" 274 GENERIC_X;
    214 "splice" 275 SYSCALL_SPLICE_X;
    215 "tee" 276 GENERIC_X;
    216 "vmsplice" 278 GENERIC_X;
    217 "getcpu" 309 GENERIC_X;
    218 "epoll_pwait" 281 GENERIC_X;
    219 "utimensat" 280 GENERIC_X;
    220 "signalfd" 282 SYSCALL_SIGNALFD_X;
    221 "timerfd_create" 283 SYSCALL_TIMERFD_CREATE_X;
    222 "eventfd" 284 SYSCALL_EVENTFD_X;
    223 "timerfd_settime" 286 GENERIC_X;
    224 "timerfd_gettime" 287 GENERIC_X;
    225 "signalfd4" 289 SYSCALL_SIGNALFD4_X;
    226 "eventfd2" 290 SYSCALL_EVENTFD2_X;
    227 "epoll_create1" 291 SYSCALL_EPOLL_CREATE1_X;
    228 "dup3" 292 SYSCALL_DUP3_X;
    229 "pipe2" 293 SYSCALL_PIPE2_X;
    230 "inotify_init1" 294 SYSCALL_INOTIFY_INIT1_X;
    231 "preadv" 295 SYSCALL_PREADV_X;
    232 "pwritev" 296 SYSCALL_PWRITEV_X;
    233 "rt_tgsigqueueinfo" 297 GENERIC_X;
    234 "perf_event_open" 298 GENERIC_X;
    235 "fanotify_init" 300 GENERIC_X;
    236 "prlimit64" 302 SYSCALL_PRLIMIT_X;
    237 "clock_adjtime" 305 GENERIC_X;
    238 "syncfs" 306 GENERIC_X;
    239 "setns" 308 SYSCALL_SETNS_X;
    240 "getdents64" 217 SYSCALL_GETDENTS64_X;
    241 "socket" 41 SOCKET_SOCKET_X;
    242 "bind" 49 SOCKET_BIND_X;
    243 "connect" 42 SOCKET_CONNECT_X;
    244 "listen" 50 SOCKET_LISTEN_X;
    245 "accept" 43 SOCKET_ACCEPT_5_X;
    246 "getsockname" 51 SOCKET_GETSOCKNAME_X;
    247 "getpeername" 52 SOCKET_GETPEERNAME_X;
    248 "socketpair" 53 SOCKET_SOCKETPAIR_X;
    249 "sendto" 44 SOCKET_SENDTO_X;
    250 "recvfrom" 45 SOCKET_RECVFROM_X;
    251 "shutdown" 48 SOCKET_SHUTDOWN_X;
    252 "setsockopt" 54 SOCKET_SETSOCKOPT_X;
    253 "getsockopt" 55 SOCKET_GETSOCKOPT_X;
    254 "sendmsg" 46 SOCKET_SENDMSG_X;
    255 "sendmmsg" 307 SOCKET_SENDMMSG_X;
    256 "recvmsg" 47 SOCKET_RECVMSG_X;
    257 "recvmmsg" 299 SOCKET_RECVMMSG_X;
    258 "accept4" 288 SOCKET_ACCEPT4_6_X;
    259 "semop" 65 SYSCALL_SEMOP_X;
    260 "semget" 64 SYSCALL_SEMGET_X;
    261 "semctl" 66 SYSCALL_SEMCTL_X;
    262 "msgsnd" 69 GENERIC_X;
    263 "msgrcv" 70 GENERIC_X;
    264 "msgget" 68 GENERIC_X;
    265 "msgctl" 71 GENERIC_X;
    266 "shmdt" 67 GENERIC_X;
    267 "shmget" 29 GENERIC_X;
    268 "shmctl" 31 GENERIC_X;
    269 "statfs64" _ GENERIC_X;
    270 "fstatfs64" _ GENERIC_X;
    271 "fstatat64" _ GENERIC_X;
    272 "sendfile64" _ SYSCALL_SENDFILE_X;
    273 "ugetrlimit" _ SYSCALL_GETRLIMIT_X;
    274 "bdflush" _ GENERIC_X;
    275 "sigprocmask" _ GENERIC_X;
    276 "ipc" _ GENERIC_X;
    277 "socketcall" _ GENERIC_X;
    278 "stat64" _ SYSCALL_STAT64_X;
    279 "lstat64" _ SYSCALL_LSTAT64_X;
    280 "fstat64" _ SYSCALL_FSTAT64_X;
    281 "fcntl64" _ SYSCALL_FCNTL_X;
    282 "mmap2" _ SYSCALL_MMAP2_X;
    283 "_newselect" _ SYSCALL_SELECT_X;
    284 "sgetmask" _ GENERIC_X;
    285 "ssetmask" _ GENERIC_X;
    286 "sigpending" _ GENERIC_X;
    287 "olduname" _ GENERIC_X;
    288 "umount" _ SYSCALL_UMOUNT_1_X;
    289 "signal" _ GENERIC_X;
    290 "nice" _ GENERIC_X;
    291 "stime" _ GENERIC_X;
    292 "_llseek" _ SYSCALL_LLSEEK_X;
    293 "waitpid" _ GENERIC_X;
    294 "pread64" 17 SYSCALL_PREAD_X;
    295 "pwrite64" 18 SYSCALL_PWRITE_X;
    296 "arch_prctl" 158 GENERIC_X;
    297 "shmat" 30 GENERIC_X;
    298 "rt_sigreturn" 15 GENERIC_X;
    299 "fallocate" 285 GENERIC_X;
    300 "newfstatat" 262 SYSCALL_NEWFSTATAT_X;
    301 "process_vm_readv" 310 SYSCALL_PROCESS_VM_READV_X;
    302 "process_vm_writev" 311 SYSCALL_PROCESS_VM_WRITEV_X;
    303 "fork" 57 SYSCALL_FORK_20_X;
    304 "vfork" 58 SYSCALL_VFORK_20_X;
    305 "setuid32" _ SYSCALL_SETUID_X;
    306 "getuid32" _ SYSCALL_GETUID_X;
    307 "setgid32" _ SYSCALL_SETGID_X;
    308 "geteuid32" _ SYSCALL_GETEUID_X;
    309 "getgid32" _ SYSCALL_GETGID_X;
    310 "setresuid32" _ SYSCALL_SETRESUID_X;
    311 "setresgid32" _ SYSCALL_SETRESGID_X;
    312 "getresuid32" _ SYSCALL_GETRESUID_X;
    313 "getresgid32" _ SYSCALL_GETRESGID_X;
    314 "finit_module" 313 SYSCALL_FINIT_MODULE_X;
    315 "bpf" 321 SYSCALL_BPF_2_X;
    316 "seccomp" 317 SYSCALL_SECCOMP_X;
    317 "sigaltstack" 131 GENERIC_X;
    318 "getrandom" 318 GENERIC_X;
    319 "fadvise64" 221 GENERIC_X;
    320 "renameat2" 316 SYSCALL_RENAMEAT2_X;
    321 "userfaultfd" 323 SYSCALL_USERFAULTFD_X;
    322 "openat2" 437 SYSCALL_OPENAT2_X;
    323 "umount2" 166 SYSCALL_UMOUNT2_X;
    324 "execve" 59 SYSCALL_EXECVE_19_X;
    325 "execveat" 322 SYSCALL_EXECVEAT_X;
    326 "copy_file_range" 326 SYSCALL_COPY_FILE_RANGE_X;
    327 "clone" 56 SYSCALL_CLONE_20_X;
    328 "clone3" 435 SYSCALL_CLONE3_X;
    329 "open_by_handle_at" 304 SYSCALL_OPEN_BY_HANDLE_AT_X;
    330 "io_uring_setup" 425 SYSCALL_IO_URING_SETUP_X;
    331 "io_uring_enter" 426 SYSCALL_IO_URING_ENTER_X;
    332 "io_uring_register" 427 SYSCALL_IO_URING_REGISTER_X;
    333 "mlock2" 325 SYSCALL_MLOCK2_X;
    334 "getegid32" _ SYSCALL_GETEGID_X;
    335 "fsconfig" 431 SYSCALL_FSCONFIG_X;
    336 "fspick" 433 GENERIC_X;
    337 "fsmount" 432 GENERIC_X;
    338 "fsopen" 430 GENERIC_X;
    339 "open_tree" 428 GENERIC_X;
    340 "move_mount" 429 GENERIC_X;
    341 "mount_setattr" 442 GENERIC_X;
    342 "memfd_create" 319 SYSCALL_MEMFD_CREATE_X;
    343 "memfd_secret" 447 GENERIC_X;
    344 "ioperm" 173 GENERIC_X;
    345 "kexec_file_load" 320 GENERIC_X;
    346 "pidfd_getfd" 438 SYSCALL_PIDFD_GETFD_X;
    347 "pidfd_open" 434 SYSCALL_PIDFD_OPEN_X;
    348 "pidfd_send_signal" 424 GENERIC_X;
    349 "pkey_alloc" 330 GENERIC_X;
    350 "pkey_mprotect" 329 GENERIC_X;
    351 "pkey_free" 331 GENERIC_X;
    352 "landlock_create_ruleset" 444 GENERIC_X;
    353 "quotactl_fd" 443 GENERIC_X;
    354 "landlock_restrict_self" 446 GENERIC_X;
    355 "landlock_add_rule" 445 GENERIC_X;
    356 "epoll_pwait2" 441 GENERIC_X;
    357 "migrate_pages" 256 GENERIC_X;
    358 "move_pages" 279 GENERIC_X;
    359 "preadv2" 327 GENERIC_X;
    360 "pwritev2" 328 GENERIC_X;
    361 "kcmp" 312 GENERIC_X;
    362 "sched_setattr" 314 GENERIC_X;
    363 "mbind" 237 GENERIC_X;
    364 "epoll_ctl_old" 214 GENERIC_X;
    365 "lookup_dcookie" 212 GENERIC_X;
    366 "modify_ldt" 154 GENERIC_X;
    367 "statx" 332 GENERIC_X;
    368 "set_mempolicy" 238 GENERIC_X;
    369 "io_pgetevents" 333 GENERIC_X;
    370 "set_mempolicy_home_node" 450 GENERIC_X;
    371 "semtimedop" 220 GENERIC_X;
    372 "get_kernel_syms" _ GENERIC_X;
    373 "readahead" 187 GENERIC_X;
    374 "futex_waitv" 449 GENERIC_X;
    375 "getpmsg" _ GENERIC_X;
    376 "name_to_handle_at" 303 GENERIC_X;
    377 "process_mrelease" 448 GENERIC_X;
    378 "nfsservctl" _ GENERIC_X;
    379 "epoll_wait_old" 215 GENERIC_X;
    380 "rseq" 334 GENERIC_X;
    381 "create_module" _ GENERIC_X;
    382 "na_1" _ GENERIC_X;
    383 "sched_getattr" 315 GENERIC_X;
    384 "faccessat2" 439 GENERIC_X;
    385 "_sysctl" _ GENERIC_X;
    386 "query_module" _ GENERIC_X;
    387 "get_mempolicy" 239 GENERIC_X;
    388 "sync_file_range" 277 GENERIC_X;
    389 "process_madvise" 440 GENERIC_X;
    390 "membarrier" 324 GENERIC_X;
    391 "iopl" 172 GENERIC_X;
    392 "close_range" 436 SYSCALL_CLOSE_RANGE_X;
    393 "fanotify_mark" 301 GENERIC_X;
    394 "recv" _ SOCKET_RECV_X;
    395 "send" _ SOCKET_SEND_X;
    396 "sched_process_exit" _ PROCEXIT_1_E;
    397 "sched_switch" _ SCHEDSWITCH_6_E;
    398 "page_fault_user" _ PAGE_FAULT_E;
    399 "page_fault_kernel" _ PAGE_FAULT_E;
    400 "signal_deliver" _ SIGNALDELIVER_E;
    401 "timerfd" _ GENERIC_X;
    402 "s390_pci_mmio_read" _ GENERIC_X;
    403 "sigaction" _ GENERIC_X;
    404 "s390_pci_mmio_write" _ GENERIC_X;
    405 "readdir" _ GENERIC_X;
    406 "s390_sthyi" _ GENERIC_X;
    407 "sigsuspend" _ GENERIC_X;
    408 "idle" _ GENERIC_X;
    409 "s390_runtime_instr" _ GENERIC_X;
    410 "sigreturn" _ GENERIC_X;
    411 "s390_guarded_storage" _ GENERIC_X;
    412 "cachestat" 451 GENERIC_X;
    413 "fchmodat2" 452 GENERIC_X;
    414 "map_shadow_stack" 453 GENERIC_X;
    415 "riscv_flush_icache" _ GENERIC_X;
    416 "riscv_hwprobe" _ GENERIC_X;
    417 "futex_wake" 454 GENERIC_X;
    418 "futex_requeue" 456 GENERIC_X;
    419 "futex_wait" 455 GENERIC_X;
    420 "oldstat" _ GENERIC_X;
    421 "switch_endian" _ GENERIC_X;
    422 "multiplexer" _ GENERIC_X;
    423 "oldlstat" _ GENERIC_X;
    424 "spu_create" _ GENERIC_X;
    425 "sync_file_range2" _ GENERIC_X;
    426 "oldfstat" _ GENERIC_X;
    427 "spu_run" _ GENERIC_X;
    428 "swapcontext" _ GENERIC_X;
    429 "pciconfig_write" _ GENERIC_X;
    430 "rtas" _ GENERIC_X;
    431 "pciconfig_read" _ GENERIC_X;
    432 "sys_debug_setcontext" _ GENERIC_X;
    433 "vm86" _ GENERIC_X;
    434 "oldolduname" _ GENERIC_X;
    435 "subpage_prot" _ GENERIC_X;
    436 "pciconfig_iobase" _ GENERIC_X;
    437 "listmount" 458 GENERIC_X;
    438 "statmount" 457 GENERIC_X;
    439 "lsm_get_self_attr" 459 GENERIC_X;
    440 "lsm_set_self_attr" 460 GENERIC_X;
    441 "lsm_list_modules" 461 GENERIC_X;
    442 "mseal" 462 GENERIC_X;
    443 "uretprobe" 335 GENERIC_X;
    444 "removexattrat" 466 GENERIC_X;
    445 "listxattrat" 465 GENERIC_X;
    446 "getxattrat" 464 GENERIC_X;
    447 "setxattrat" 463 GENERIC_X;
    448 "open_tree_attr" 467 GENERIC_X;
    449 "file_getattr" 468 GENERIC_X;
    450 "file_setattr" 469 GENERIC_X;
    451 "uprobe" 336 GENERIC_X;
    452 "listns" 470 GENERIC_X;
    453 "rseq_slice_yield" 471 GENERIC_X;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Params;

    #[test]
    fn rows_stand_at_their_codes() {
        assert_eq!(SYSCALL_COUNT, 454);
        for (index, call) in SYSCALLS.iter().enumerate() {
            assert_eq!(usize::from(call.code), index, "{}", call.name);
        }
        let numbers: Vec<_> = SYSCALLS.iter().filter_map(|call| call.number).collect();
        assert_eq!(numbers.len(), numbers.iter().collect::<std::collections::HashSet<_>>().len());
    }

    #[test]
    fn generic_events_have_the_name_of_their_call() {
        let name =
            |id, record: &[u8]| type_name(&Event::new(1, 0, 1, 0, id, 0, Params::new(record, &[0, 2, 4])));
        assert_eq!(name(id::GENERIC_X, &[16, 0, 39, 0]), "getpid");
        assert_eq!(name(id::GENERIC_X, &[0, 0, 39, 0]), "getpid");
        assert_eq!(name(id::GENERIC_X, &[0, 0, 255, 255]), "unknown");
        assert_eq!(name(id::GENERIC_X, &[255, 255, 39, 0]), "syscall");
        assert_eq!(name(id::SYSCALL_OPENAT_2_X, &[16, 0, 39, 0]), "openat");
    }

    #[test]
    fn names_find_their_events() {
        let events = |name: &str| {
            let events = events_named(name.as_bytes());
            events
                .iter()
                .filter_map(|id| EventId(id).info())
                .map(|row| row.constant)
                .collect::<Vec<_>>()
                .join(" ")
        };
        insta::assert_snapshot!(events("openat"), @"SYSCALL_OPENAT_E SYSCALL_OPENAT_X SYSCALL_OPENAT_2_E SYSCALL_OPENAT_2_X");
        insta::assert_snapshot!(events("getpid"), @"GENERIC_E GENERIC_X");
        // `pread64` becomes an event that is called `pread`, so no event ever has this name.
        insta::assert_snapshot!(events("pread64"), @"");
        insta::assert_snapshot!(events("no such call"), @"");
    }
}
