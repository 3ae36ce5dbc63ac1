// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The table of system calls: for each its code (`PPM_SC_*`, the same on every architecture), its name, the event that it
//! becomes, and the extractor that writes the parameters of that event. To record a call, write its extractor and name it
//! here. Which number a call has on an architecture stands in [`super::arch`].
//!
//! Codes are wire values, so rows are never reordered.

use super::super::wire::event;
use super::kernel::Kernel;
use super::{calls, descriptors, files, io};

/// Hands the rows of the table to a macro: `CODE NAME "name" EVENT extractor;`. For whoever makes something of each row, as the
/// eBPF probe does, which has a program for each extractor.
#[macro_export]
macro_rules! saker_system_calls {
    ($use_rows:ident) => {
        $use_rows! {
            0 UNKNOWN "unknown" GENERIC_X calls::generic;
            1 RESTART_SYSCALL "restart_syscall" GENERIC_X calls::generic;
            2 EXIT "exit" GENERIC_X calls::generic;
            3 READ "read" SYSCALL_READ_X io::read;
            4 WRITE "write" SYSCALL_WRITE_X io::write;
            5 OPEN "open" SYSCALL_OPEN_X files::open;
            6 CLOSE "close" SYSCALL_CLOSE_X descriptors::close;
            7 CREAT "creat" GENERIC_X calls::generic;
            8 LINK "link" GENERIC_X calls::generic;
            9 UNLINK "unlink" GENERIC_X calls::generic;
            10 CHDIR "chdir" GENERIC_X calls::generic;
            11 TIME "time" GENERIC_X calls::generic;
            12 MKNOD "mknod" GENERIC_X calls::generic;
            13 CHMOD "chmod" GENERIC_X calls::generic;
            14 STAT "stat" GENERIC_X calls::generic;
            15 LSEEK "lseek" GENERIC_X calls::generic;
            16 GETPID "getpid" GENERIC_X calls::generic;
            17 MOUNT "mount" GENERIC_X calls::generic;
            18 PTRACE "ptrace" GENERIC_X calls::generic;
            19 ALARM "alarm" GENERIC_X calls::generic;
            20 FSTAT "fstat" GENERIC_X calls::generic;
            21 PAUSE "pause" GENERIC_X calls::generic;
            22 UTIME "utime" GENERIC_X calls::generic;
            23 ACCESS "access" GENERIC_X calls::generic;
            24 SYNC "sync" GENERIC_X calls::generic;
            25 KILL "kill" GENERIC_X calls::generic;
            26 RENAME "rename" GENERIC_X calls::generic;
            27 MKDIR "mkdir" GENERIC_X calls::generic;
            28 RMDIR "rmdir" GENERIC_X calls::generic;
            29 DUP "dup" GENERIC_X calls::generic;
            30 PIPE "pipe" GENERIC_X calls::generic;
            31 TIMES "times" GENERIC_X calls::generic;
            32 BRK "brk" GENERIC_X calls::generic;
            33 ACCT "acct" GENERIC_X calls::generic;
            34 IOCTL "ioctl" GENERIC_X calls::generic;
            35 FCNTL "fcntl" GENERIC_X calls::generic;
            36 SETPGID "setpgid" GENERIC_X calls::generic;
            37 UMASK "umask" GENERIC_X calls::generic;
            38 CHROOT "chroot" GENERIC_X calls::generic;
            39 USTAT "ustat" GENERIC_X calls::generic;
            40 DUP2 "dup2" GENERIC_X calls::generic;
            41 GETPPID "getppid" GENERIC_X calls::generic;
            42 GETPGRP "getpgrp" GENERIC_X calls::generic;
            43 SETSID "setsid" GENERIC_X calls::generic;
            44 SETHOSTNAME "sethostname" GENERIC_X calls::generic;
            45 SETRLIMIT "setrlimit" GENERIC_X calls::generic;
            46 GETRUSAGE "getrusage" GENERIC_X calls::generic;
            47 GETTIMEOFDAY "gettimeofday" GENERIC_X calls::generic;
            48 SETTIMEOFDAY "settimeofday" GENERIC_X calls::generic;
            49 SYMLINK "symlink" GENERIC_X calls::generic;
            50 LSTAT "lstat" GENERIC_X calls::generic;
            51 READLINK "readlink" GENERIC_X calls::generic;
            52 USELIB "uselib" GENERIC_X calls::generic;
            53 SWAPON "swapon" GENERIC_X calls::generic;
            54 REBOOT "reboot" GENERIC_X calls::generic;
            55 MMAP "mmap" GENERIC_X calls::generic;
            56 MUNMAP "munmap" GENERIC_X calls::generic;
            57 TRUNCATE "truncate" GENERIC_X calls::generic;
            58 FTRUNCATE "ftruncate" GENERIC_X calls::generic;
            59 FCHMOD "fchmod" GENERIC_X calls::generic;
            60 GETPRIORITY "getpriority" GENERIC_X calls::generic;
            61 SETPRIORITY "setpriority" GENERIC_X calls::generic;
            62 STATFS "statfs" GENERIC_X calls::generic;
            63 FSTATFS "fstatfs" GENERIC_X calls::generic;
            64 SYSLOG "syslog" GENERIC_X calls::generic;
            65 SETITIMER "setitimer" GENERIC_X calls::generic;
            66 GETITIMER "getitimer" GENERIC_X calls::generic;
            67 UNAME "uname" GENERIC_X calls::generic;
            68 VHANGUP "vhangup" GENERIC_X calls::generic;
            69 WAIT4 "wait4" GENERIC_X calls::generic;
            70 SWAPOFF "swapoff" GENERIC_X calls::generic;
            71 SYSINFO "sysinfo" GENERIC_X calls::generic;
            72 FSYNC "fsync" GENERIC_X calls::generic;
            73 SETDOMAINNAME "setdomainname" GENERIC_X calls::generic;
            74 ADJTIMEX "adjtimex" GENERIC_X calls::generic;
            75 MPROTECT "mprotect" GENERIC_X calls::generic;
            76 INIT_MODULE "init_module" GENERIC_X calls::generic;
            77 DELETE_MODULE "delete_module" GENERIC_X calls::generic;
            78 QUOTACTL "quotactl" GENERIC_X calls::generic;
            79 GETPGID "getpgid" GENERIC_X calls::generic;
            80 FCHDIR "fchdir" GENERIC_X calls::generic;
            81 SYSFS "sysfs" GENERIC_X calls::generic;
            82 PERSONALITY "personality" GENERIC_X calls::generic;
            83 GETDENTS "getdents" GENERIC_X calls::generic;
            84 SELECT "select" GENERIC_X calls::generic;
            85 FLOCK "flock" GENERIC_X calls::generic;
            86 MSYNC "msync" GENERIC_X calls::generic;
            87 READV "readv" GENERIC_X calls::generic;
            88 WRITEV "writev" GENERIC_X calls::generic;
            89 GETSID "getsid" GENERIC_X calls::generic;
            90 FDATASYNC "fdatasync" GENERIC_X calls::generic;
            91 MLOCK "mlock" GENERIC_X calls::generic;
            92 MUNLOCK "munlock" GENERIC_X calls::generic;
            93 MLOCKALL "mlockall" GENERIC_X calls::generic;
            94 MUNLOCKALL "munlockall" GENERIC_X calls::generic;
            95 SCHED_SETPARAM "sched_setparam" GENERIC_X calls::generic;
            96 SCHED_GETPARAM "sched_getparam" GENERIC_X calls::generic;
            97 SCHED_SETSCHEDULER "sched_setscheduler" GENERIC_X calls::generic;
            98 SCHED_GETSCHEDULER "sched_getscheduler" GENERIC_X calls::generic;
            99 SCHED_YIELD "sched_yield" GENERIC_X calls::generic;
            100 SCHED_GET_PRIORITY_MAX "sched_get_priority_max" GENERIC_X calls::generic;
            101 SCHED_GET_PRIORITY_MIN "sched_get_priority_min" GENERIC_X calls::generic;
            102 SCHED_RR_GET_INTERVAL "sched_rr_get_interval" GENERIC_X calls::generic;
            103 NANOSLEEP "nanosleep" GENERIC_X calls::generic;
            104 MREMAP "mremap" GENERIC_X calls::generic;
            105 POLL "poll" GENERIC_X calls::generic;
            106 PRCTL "prctl" GENERIC_X calls::generic;
            107 RT_SIGACTION "rt_sigaction" GENERIC_X calls::generic;
            108 RT_SIGPROCMASK "rt_sigprocmask" GENERIC_X calls::generic;
            109 RT_SIGPENDING "rt_sigpending" GENERIC_X calls::generic;
            110 RT_SIGTIMEDWAIT "rt_sigtimedwait" GENERIC_X calls::generic;
            111 RT_SIGQUEUEINFO "rt_sigqueueinfo" GENERIC_X calls::generic;
            112 RT_SIGSUSPEND "rt_sigsuspend" GENERIC_X calls::generic;
            113 GETCWD "getcwd" GENERIC_X calls::generic;
            114 CAPGET "capget" GENERIC_X calls::generic;
            115 CAPSET "capset" GENERIC_X calls::generic;
            116 SENDFILE "sendfile" GENERIC_X calls::generic;
            117 GETRLIMIT "getrlimit" GENERIC_X calls::generic;
            118 LCHOWN "lchown" GENERIC_X calls::generic;
            119 GETUID "getuid" GENERIC_X calls::generic;
            120 GETGID "getgid" GENERIC_X calls::generic;
            121 GETEUID "geteuid" GENERIC_X calls::generic;
            122 GETEGID "getegid" GENERIC_X calls::generic;
            123 SETREUID "setreuid" GENERIC_X calls::generic;
            124 SETREGID "setregid" GENERIC_X calls::generic;
            125 GETGROUPS "getgroups" GENERIC_X calls::generic;
            126 SETGROUPS "setgroups" GENERIC_X calls::generic;
            127 FCHOWN "fchown" GENERIC_X calls::generic;
            128 SETRESUID "setresuid" GENERIC_X calls::generic;
            129 GETRESUID "getresuid" GENERIC_X calls::generic;
            130 SETRESGID "setresgid" GENERIC_X calls::generic;
            131 GETRESGID "getresgid" GENERIC_X calls::generic;
            132 CHOWN "chown" GENERIC_X calls::generic;
            133 SETUID "setuid" GENERIC_X calls::generic;
            134 SETGID "setgid" GENERIC_X calls::generic;
            135 SETFSUID "setfsuid" GENERIC_X calls::generic;
            136 SETFSGID "setfsgid" GENERIC_X calls::generic;
            137 PIVOT_ROOT "pivot_root" GENERIC_X calls::generic;
            138 MINCORE "mincore" GENERIC_X calls::generic;
            139 MADVISE "madvise" GENERIC_X calls::generic;
            140 GETTID "gettid" GENERIC_X calls::generic;
            141 SETXATTR "setxattr" GENERIC_X calls::generic;
            142 LSETXATTR "lsetxattr" GENERIC_X calls::generic;
            143 FSETXATTR "fsetxattr" GENERIC_X calls::generic;
            144 GETXATTR "getxattr" GENERIC_X calls::generic;
            145 LGETXATTR "lgetxattr" GENERIC_X calls::generic;
            146 FGETXATTR "fgetxattr" GENERIC_X calls::generic;
            147 LISTXATTR "listxattr" GENERIC_X calls::generic;
            148 LLISTXATTR "llistxattr" GENERIC_X calls::generic;
            149 FLISTXATTR "flistxattr" GENERIC_X calls::generic;
            150 REMOVEXATTR "removexattr" GENERIC_X calls::generic;
            151 LREMOVEXATTR "lremovexattr" GENERIC_X calls::generic;
            152 FREMOVEXATTR "fremovexattr" GENERIC_X calls::generic;
            153 TKILL "tkill" GENERIC_X calls::generic;
            154 FUTEX "futex" GENERIC_X calls::generic;
            155 SCHED_SETAFFINITY "sched_setaffinity" GENERIC_X calls::generic;
            156 SCHED_GETAFFINITY "sched_getaffinity" GENERIC_X calls::generic;
            157 SET_THREAD_AREA "set_thread_area" GENERIC_X calls::generic;
            158 GET_THREAD_AREA "get_thread_area" GENERIC_X calls::generic;
            159 IO_SETUP "io_setup" GENERIC_X calls::generic;
            160 IO_DESTROY "io_destroy" GENERIC_X calls::generic;
            161 IO_GETEVENTS "io_getevents" GENERIC_X calls::generic;
            162 IO_SUBMIT "io_submit" GENERIC_X calls::generic;
            163 IO_CANCEL "io_cancel" GENERIC_X calls::generic;
            164 EXIT_GROUP "exit_group" GENERIC_X calls::generic;
            165 EPOLL_CREATE "epoll_create" GENERIC_X calls::generic;
            166 EPOLL_CTL "epoll_ctl" GENERIC_X calls::generic;
            167 EPOLL_WAIT "epoll_wait" GENERIC_X calls::generic;
            168 REMAP_FILE_PAGES "remap_file_pages" GENERIC_X calls::generic;
            169 SET_TID_ADDRESS "set_tid_address" GENERIC_X calls::generic;
            170 TIMER_CREATE "timer_create" GENERIC_X calls::generic;
            171 TIMER_SETTIME "timer_settime" GENERIC_X calls::generic;
            172 TIMER_GETTIME "timer_gettime" GENERIC_X calls::generic;
            173 TIMER_GETOVERRUN "timer_getoverrun" GENERIC_X calls::generic;
            174 TIMER_DELETE "timer_delete" GENERIC_X calls::generic;
            175 CLOCK_SETTIME "clock_settime" GENERIC_X calls::generic;
            176 CLOCK_GETTIME "clock_gettime" GENERIC_X calls::generic;
            177 CLOCK_GETRES "clock_getres" GENERIC_X calls::generic;
            178 CLOCK_NANOSLEEP "clock_nanosleep" GENERIC_X calls::generic;
            179 TGKILL "tgkill" GENERIC_X calls::generic;
            180 UTIMES "utimes" GENERIC_X calls::generic;
            181 MQ_OPEN "mq_open" GENERIC_X calls::generic;
            182 MQ_UNLINK "mq_unlink" GENERIC_X calls::generic;
            183 MQ_TIMEDSEND "mq_timedsend" GENERIC_X calls::generic;
            184 MQ_TIMEDRECEIVE "mq_timedreceive" GENERIC_X calls::generic;
            185 MQ_NOTIFY "mq_notify" GENERIC_X calls::generic;
            186 MQ_GETSETATTR "mq_getsetattr" GENERIC_X calls::generic;
            187 KEXEC_LOAD "kexec_load" GENERIC_X calls::generic;
            188 WAITID "waitid" GENERIC_X calls::generic;
            189 ADD_KEY "add_key" GENERIC_X calls::generic;
            190 REQUEST_KEY "request_key" GENERIC_X calls::generic;
            191 KEYCTL "keyctl" GENERIC_X calls::generic;
            192 IOPRIO_SET "ioprio_set" GENERIC_X calls::generic;
            193 IOPRIO_GET "ioprio_get" GENERIC_X calls::generic;
            194 INOTIFY_INIT "inotify_init" GENERIC_X calls::generic;
            195 INOTIFY_ADD_WATCH "inotify_add_watch" GENERIC_X calls::generic;
            196 INOTIFY_RM_WATCH "inotify_rm_watch" GENERIC_X calls::generic;
            197 OPENAT "openat" SYSCALL_OPENAT_2_X files::openat;
            198 MKDIRAT "mkdirat" GENERIC_X calls::generic;
            199 MKNODAT "mknodat" GENERIC_X calls::generic;
            200 FCHOWNAT "fchownat" GENERIC_X calls::generic;
            201 FUTIMESAT "futimesat" GENERIC_X calls::generic;
            202 UNLINKAT "unlinkat" GENERIC_X calls::generic;
            203 RENAMEAT "renameat" GENERIC_X calls::generic;
            204 LINKAT "linkat" GENERIC_X calls::generic;
            205 SYMLINKAT "symlinkat" GENERIC_X calls::generic;
            206 READLINKAT "readlinkat" GENERIC_X calls::generic;
            207 FCHMODAT "fchmodat" GENERIC_X calls::generic;
            208 FACCESSAT "faccessat" GENERIC_X calls::generic;
            209 PSELECT6 "pselect6" GENERIC_X calls::generic;
            210 PPOLL "ppoll" GENERIC_X calls::generic;
            211 UNSHARE "unshare" GENERIC_X calls::generic;
            212 SET_ROBUST_LIST "set_robust_list" GENERIC_X calls::generic;
            213 GET_ROBUST_LIST "get_robust_list" GENERIC_X calls::generic;
            214 SPLICE "splice" GENERIC_X calls::generic;
            215 TEE "tee" GENERIC_X calls::generic;
            216 VMSPLICE "vmsplice" GENERIC_X calls::generic;
            217 GETCPU "getcpu" GENERIC_X calls::generic;
            218 EPOLL_PWAIT "epoll_pwait" GENERIC_X calls::generic;
            219 UTIMENSAT "utimensat" GENERIC_X calls::generic;
            220 SIGNALFD "signalfd" GENERIC_X calls::generic;
            221 TIMERFD_CREATE "timerfd_create" GENERIC_X calls::generic;
            222 EVENTFD "eventfd" GENERIC_X calls::generic;
            223 TIMERFD_SETTIME "timerfd_settime" GENERIC_X calls::generic;
            224 TIMERFD_GETTIME "timerfd_gettime" GENERIC_X calls::generic;
            225 SIGNALFD4 "signalfd4" GENERIC_X calls::generic;
            226 EVENTFD2 "eventfd2" GENERIC_X calls::generic;
            227 EPOLL_CREATE1 "epoll_create1" GENERIC_X calls::generic;
            228 DUP3 "dup3" GENERIC_X calls::generic;
            229 PIPE2 "pipe2" GENERIC_X calls::generic;
            230 INOTIFY_INIT1 "inotify_init1" GENERIC_X calls::generic;
            231 PREADV "preadv" GENERIC_X calls::generic;
            232 PWRITEV "pwritev" GENERIC_X calls::generic;
            233 RT_TGSIGQUEUEINFO "rt_tgsigqueueinfo" GENERIC_X calls::generic;
            234 PERF_EVENT_OPEN "perf_event_open" GENERIC_X calls::generic;
            235 FANOTIFY_INIT "fanotify_init" GENERIC_X calls::generic;
            236 PRLIMIT64 "prlimit64" GENERIC_X calls::generic;
            237 CLOCK_ADJTIME "clock_adjtime" GENERIC_X calls::generic;
            238 SYNCFS "syncfs" GENERIC_X calls::generic;
            239 SETNS "setns" GENERIC_X calls::generic;
            240 GETDENTS64 "getdents64" GENERIC_X calls::generic;
            241 SOCKET "socket" GENERIC_X calls::generic;
            242 BIND "bind" GENERIC_X calls::generic;
            243 CONNECT "connect" GENERIC_X calls::generic;
            244 LISTEN "listen" GENERIC_X calls::generic;
            245 ACCEPT "accept" GENERIC_X calls::generic;
            246 GETSOCKNAME "getsockname" GENERIC_X calls::generic;
            247 GETPEERNAME "getpeername" GENERIC_X calls::generic;
            248 SOCKETPAIR "socketpair" GENERIC_X calls::generic;
            249 SENDTO "sendto" GENERIC_X calls::generic;
            250 RECVFROM "recvfrom" GENERIC_X calls::generic;
            251 SHUTDOWN "shutdown" GENERIC_X calls::generic;
            252 SETSOCKOPT "setsockopt" GENERIC_X calls::generic;
            253 GETSOCKOPT "getsockopt" GENERIC_X calls::generic;
            254 SENDMSG "sendmsg" GENERIC_X calls::generic;
            255 SENDMMSG "sendmmsg" GENERIC_X calls::generic;
            256 RECVMSG "recvmsg" GENERIC_X calls::generic;
            257 RECVMMSG "recvmmsg" GENERIC_X calls::generic;
            258 ACCEPT4 "accept4" GENERIC_X calls::generic;
            259 SEMOP "semop" GENERIC_X calls::generic;
            260 SEMGET "semget" GENERIC_X calls::generic;
            261 SEMCTL "semctl" GENERIC_X calls::generic;
            262 MSGSND "msgsnd" GENERIC_X calls::generic;
            263 MSGRCV "msgrcv" GENERIC_X calls::generic;
            264 MSGGET "msgget" GENERIC_X calls::generic;
            265 MSGCTL "msgctl" GENERIC_X calls::generic;
            266 SHMDT "shmdt" GENERIC_X calls::generic;
            267 SHMGET "shmget" GENERIC_X calls::generic;
            268 SHMCTL "shmctl" GENERIC_X calls::generic;
            269 STATFS64 "statfs64" GENERIC_X calls::generic;
            270 FSTATFS64 "fstatfs64" GENERIC_X calls::generic;
            271 FSTATAT64 "fstatat64" GENERIC_X calls::generic;
            272 SENDFILE64 "sendfile64" GENERIC_X calls::generic;
            273 UGETRLIMIT "ugetrlimit" GENERIC_X calls::generic;
            274 BDFLUSH "bdflush" GENERIC_X calls::generic;
            275 SIGPROCMASK "sigprocmask" GENERIC_X calls::generic;
            276 IPC "ipc" GENERIC_X calls::generic;
            277 SOCKETCALL "socketcall" GENERIC_X calls::generic;
            278 STAT64 "stat64" GENERIC_X calls::generic;
            279 LSTAT64 "lstat64" GENERIC_X calls::generic;
            280 FSTAT64 "fstat64" GENERIC_X calls::generic;
            281 FCNTL64 "fcntl64" GENERIC_X calls::generic;
            282 MMAP2 "mmap2" GENERIC_X calls::generic;
            283 _NEWSELECT "_newselect" GENERIC_X calls::generic;
            284 SGETMASK "sgetmask" GENERIC_X calls::generic;
            285 SSETMASK "ssetmask" GENERIC_X calls::generic;
            286 SIGPENDING "sigpending" GENERIC_X calls::generic;
            287 OLDUNAME "olduname" GENERIC_X calls::generic;
            288 UMOUNT "umount" GENERIC_X calls::generic;
            289 SIGNAL "signal" GENERIC_X calls::generic;
            290 NICE "nice" GENERIC_X calls::generic;
            291 STIME "stime" GENERIC_X calls::generic;
            292 _LLSEEK "_llseek" GENERIC_X calls::generic;
            293 WAITPID "waitpid" GENERIC_X calls::generic;
            294 PREAD64 "pread64" GENERIC_X calls::generic;
            295 PWRITE64 "pwrite64" GENERIC_X calls::generic;
            296 ARCH_PRCTL "arch_prctl" GENERIC_X calls::generic;
            297 SHMAT "shmat" GENERIC_X calls::generic;
            298 RT_SIGRETURN "rt_sigreturn" GENERIC_X calls::generic;
            299 FALLOCATE "fallocate" GENERIC_X calls::generic;
            300 NEWFSTATAT "newfstatat" GENERIC_X calls::generic;
            301 PROCESS_VM_READV "process_vm_readv" GENERIC_X calls::generic;
            302 PROCESS_VM_WRITEV "process_vm_writev" GENERIC_X calls::generic;
            303 FORK "fork" GENERIC_X calls::generic;
            304 VFORK "vfork" GENERIC_X calls::generic;
            305 SETUID32 "setuid32" GENERIC_X calls::generic;
            306 GETUID32 "getuid32" GENERIC_X calls::generic;
            307 SETGID32 "setgid32" GENERIC_X calls::generic;
            308 GETEUID32 "geteuid32" GENERIC_X calls::generic;
            309 GETGID32 "getgid32" GENERIC_X calls::generic;
            310 SETRESUID32 "setresuid32" GENERIC_X calls::generic;
            311 SETRESGID32 "setresgid32" GENERIC_X calls::generic;
            312 GETRESUID32 "getresuid32" GENERIC_X calls::generic;
            313 GETRESGID32 "getresgid32" GENERIC_X calls::generic;
            314 FINIT_MODULE "finit_module" GENERIC_X calls::generic;
            315 BPF "bpf" GENERIC_X calls::generic;
            316 SECCOMP "seccomp" GENERIC_X calls::generic;
            317 SIGALTSTACK "sigaltstack" GENERIC_X calls::generic;
            318 GETRANDOM "getrandom" GENERIC_X calls::generic;
            319 FADVISE64 "fadvise64" GENERIC_X calls::generic;
            320 RENAMEAT2 "renameat2" GENERIC_X calls::generic;
            321 USERFAULTFD "userfaultfd" GENERIC_X calls::generic;
            322 OPENAT2 "openat2" GENERIC_X calls::generic;
            323 UMOUNT2 "umount2" GENERIC_X calls::generic;
            324 EXECVE "execve" GENERIC_X calls::generic;
            325 EXECVEAT "execveat" GENERIC_X calls::generic;
            326 COPY_FILE_RANGE "copy_file_range" GENERIC_X calls::generic;
            327 CLONE "clone" GENERIC_X calls::generic;
            328 CLONE3 "clone3" GENERIC_X calls::generic;
            329 OPEN_BY_HANDLE_AT "open_by_handle_at" GENERIC_X calls::generic;
            330 IO_URING_SETUP "io_uring_setup" GENERIC_X calls::generic;
            331 IO_URING_ENTER "io_uring_enter" GENERIC_X calls::generic;
            332 IO_URING_REGISTER "io_uring_register" GENERIC_X calls::generic;
            333 MLOCK2 "mlock2" GENERIC_X calls::generic;
            334 GETEGID32 "getegid32" GENERIC_X calls::generic;
            335 FSCONFIG "fsconfig" GENERIC_X calls::generic;
            336 FSPICK "fspick" GENERIC_X calls::generic;
            337 FSMOUNT "fsmount" GENERIC_X calls::generic;
            338 FSOPEN "fsopen" GENERIC_X calls::generic;
            339 OPEN_TREE "open_tree" GENERIC_X calls::generic;
            340 MOVE_MOUNT "move_mount" GENERIC_X calls::generic;
            341 MOUNT_SETATTR "mount_setattr" GENERIC_X calls::generic;
            342 MEMFD_CREATE "memfd_create" GENERIC_X calls::generic;
            343 MEMFD_SECRET "memfd_secret" GENERIC_X calls::generic;
            344 IOPERM "ioperm" GENERIC_X calls::generic;
            345 KEXEC_FILE_LOAD "kexec_file_load" GENERIC_X calls::generic;
            346 PIDFD_GETFD "pidfd_getfd" GENERIC_X calls::generic;
            347 PIDFD_OPEN "pidfd_open" GENERIC_X calls::generic;
            348 PIDFD_SEND_SIGNAL "pidfd_send_signal" GENERIC_X calls::generic;
            349 PKEY_ALLOC "pkey_alloc" GENERIC_X calls::generic;
            350 PKEY_MPROTECT "pkey_mprotect" GENERIC_X calls::generic;
            351 PKEY_FREE "pkey_free" GENERIC_X calls::generic;
            352 LANDLOCK_CREATE_RULESET "landlock_create_ruleset" GENERIC_X calls::generic;
            353 QUOTACTL_FD "quotactl_fd" GENERIC_X calls::generic;
            354 LANDLOCK_RESTRICT_SELF "landlock_restrict_self" GENERIC_X calls::generic;
            355 LANDLOCK_ADD_RULE "landlock_add_rule" GENERIC_X calls::generic;
            356 EPOLL_PWAIT2 "epoll_pwait2" GENERIC_X calls::generic;
            357 MIGRATE_PAGES "migrate_pages" GENERIC_X calls::generic;
            358 MOVE_PAGES "move_pages" GENERIC_X calls::generic;
            359 PREADV2 "preadv2" GENERIC_X calls::generic;
            360 PWRITEV2 "pwritev2" GENERIC_X calls::generic;
            361 KCMP "kcmp" GENERIC_X calls::generic;
            362 SCHED_SETATTR "sched_setattr" GENERIC_X calls::generic;
            363 MBIND "mbind" GENERIC_X calls::generic;
            364 EPOLL_CTL_OLD "epoll_ctl_old" GENERIC_X calls::generic;
            365 LOOKUP_DCOOKIE "lookup_dcookie" GENERIC_X calls::generic;
            366 MODIFY_LDT "modify_ldt" GENERIC_X calls::generic;
            367 STATX "statx" GENERIC_X calls::generic;
            368 SET_MEMPOLICY "set_mempolicy" GENERIC_X calls::generic;
            369 IO_PGETEVENTS "io_pgetevents" GENERIC_X calls::generic;
            370 SET_MEMPOLICY_HOME_NODE "set_mempolicy_home_node" GENERIC_X calls::generic;
            371 SEMTIMEDOP "semtimedop" GENERIC_X calls::generic;
            372 GET_KERNEL_SYMS "get_kernel_syms" GENERIC_X calls::generic;
            373 READAHEAD "readahead" GENERIC_X calls::generic;
            374 FUTEX_WAITV "futex_waitv" GENERIC_X calls::generic;
            375 GETPMSG "getpmsg" GENERIC_X calls::generic;
            376 NAME_TO_HANDLE_AT "name_to_handle_at" GENERIC_X calls::generic;
            377 PROCESS_MRELEASE "process_mrelease" GENERIC_X calls::generic;
            378 NFSSERVCTL "nfsservctl" GENERIC_X calls::generic;
            379 EPOLL_WAIT_OLD "epoll_wait_old" GENERIC_X calls::generic;
            380 RSEQ "rseq" GENERIC_X calls::generic;
            381 CREATE_MODULE "create_module" GENERIC_X calls::generic;
            382 NA_1 "na_1" GENERIC_X calls::generic;
            383 SCHED_GETATTR "sched_getattr" GENERIC_X calls::generic;
            384 FACCESSAT2 "faccessat2" GENERIC_X calls::generic;
            385 _SYSCTL "_sysctl" GENERIC_X calls::generic;
            386 QUERY_MODULE "query_module" GENERIC_X calls::generic;
            387 GET_MEMPOLICY "get_mempolicy" GENERIC_X calls::generic;
            388 SYNC_FILE_RANGE "sync_file_range" GENERIC_X calls::generic;
            389 PROCESS_MADVISE "process_madvise" GENERIC_X calls::generic;
            390 MEMBARRIER "membarrier" GENERIC_X calls::generic;
            391 IOPL "iopl" GENERIC_X calls::generic;
            392 CLOSE_RANGE "close_range" GENERIC_X calls::generic;
            393 FANOTIFY_MARK "fanotify_mark" GENERIC_X calls::generic;
            394 RECV "recv" GENERIC_X calls::generic;
            395 SEND "send" GENERIC_X calls::generic;
            396 SCHED_PROCESS_EXIT "sched_process_exit" GENERIC_X calls::generic;
            397 SCHED_SWITCH "sched_switch" GENERIC_X calls::generic;
            398 PAGE_FAULT_USER "page_fault_user" GENERIC_X calls::generic;
            399 PAGE_FAULT_KERNEL "page_fault_kernel" GENERIC_X calls::generic;
            400 SIGNAL_DELIVER "signal_deliver" GENERIC_X calls::generic;
            401 TIMERFD "timerfd" GENERIC_X calls::generic;
            402 S390_PCI_MMIO_READ "s390_pci_mmio_read" GENERIC_X calls::generic;
            403 SIGACTION "sigaction" GENERIC_X calls::generic;
            404 S390_PCI_MMIO_WRITE "s390_pci_mmio_write" GENERIC_X calls::generic;
            405 READDIR "readdir" GENERIC_X calls::generic;
            406 S390_STHYI "s390_sthyi" GENERIC_X calls::generic;
            407 SIGSUSPEND "sigsuspend" GENERIC_X calls::generic;
            408 IDLE "idle" GENERIC_X calls::generic;
            409 S390_RUNTIME_INSTR "s390_runtime_instr" GENERIC_X calls::generic;
            410 SIGRETURN "sigreturn" GENERIC_X calls::generic;
            411 S390_GUARDED_STORAGE "s390_guarded_storage" GENERIC_X calls::generic;
            412 CACHESTAT "cachestat" GENERIC_X calls::generic;
            413 FCHMODAT2 "fchmodat2" GENERIC_X calls::generic;
            414 MAP_SHADOW_STACK "map_shadow_stack" GENERIC_X calls::generic;
            415 RISCV_FLUSH_ICACHE "riscv_flush_icache" GENERIC_X calls::generic;
            416 RISCV_HWPROBE "riscv_hwprobe" GENERIC_X calls::generic;
            417 FUTEX_WAKE "futex_wake" GENERIC_X calls::generic;
            418 FUTEX_REQUEUE "futex_requeue" GENERIC_X calls::generic;
            419 FUTEX_WAIT "futex_wait" GENERIC_X calls::generic;
            420 OLDSTAT "oldstat" GENERIC_X calls::generic;
            421 SWITCH_ENDIAN "switch_endian" GENERIC_X calls::generic;
            422 MULTIPLEXER "multiplexer" GENERIC_X calls::generic;
            423 OLDLSTAT "oldlstat" GENERIC_X calls::generic;
            424 SPU_CREATE "spu_create" GENERIC_X calls::generic;
            425 SYNC_FILE_RANGE2 "sync_file_range2" GENERIC_X calls::generic;
            426 OLDFSTAT "oldfstat" GENERIC_X calls::generic;
            427 SPU_RUN "spu_run" GENERIC_X calls::generic;
            428 SWAPCONTEXT "swapcontext" GENERIC_X calls::generic;
            429 PCICONFIG_WRITE "pciconfig_write" GENERIC_X calls::generic;
            430 RTAS "rtas" GENERIC_X calls::generic;
            431 PCICONFIG_READ "pciconfig_read" GENERIC_X calls::generic;
            432 SYS_DEBUG_SETCONTEXT "sys_debug_setcontext" GENERIC_X calls::generic;
            433 VM86 "vm86" GENERIC_X calls::generic;
            434 OLDOLDUNAME "oldolduname" GENERIC_X calls::generic;
            435 SUBPAGE_PROT "subpage_prot" GENERIC_X calls::generic;
            436 PCICONFIG_IOBASE "pciconfig_iobase" GENERIC_X calls::generic;
            437 LISTMOUNT "listmount" GENERIC_X calls::generic;
            438 STATMOUNT "statmount" GENERIC_X calls::generic;
            439 LSM_GET_SELF_ATTR "lsm_get_self_attr" GENERIC_X calls::generic;
            440 LSM_SET_SELF_ATTR "lsm_set_self_attr" GENERIC_X calls::generic;
            441 LSM_LIST_MODULES "lsm_list_modules" GENERIC_X calls::generic;
            442 MSEAL "mseal" GENERIC_X calls::generic;
            443 URETPROBE "uretprobe" GENERIC_X calls::generic;
            444 REMOVEXATTRAT "removexattrat" GENERIC_X calls::generic;
            445 LISTXATTRAT "listxattrat" GENERIC_X calls::generic;
            446 GETXATTRAT "getxattrat" GENERIC_X calls::generic;
            447 SETXATTRAT "setxattrat" GENERIC_X calls::generic;
            448 OPEN_TREE_ATTR "open_tree_attr" GENERIC_X calls::generic;
            449 FILE_GETATTR "file_getattr" GENERIC_X calls::generic;
            450 FILE_SETATTR "file_setattr" GENERIC_X calls::generic;
            451 UPROBE "uprobe" GENERIC_X calls::generic;
            452 LISTNS "listns" GENERIC_X calls::generic;
            453 RSEQ_SLICE_YIELD "rseq_slice_yield" GENERIC_X calls::generic;
        }
    };
}

macro_rules! table {
    ($($code:literal $name:ident $text:literal $event:ident $($extractor:ident)::+;)*) => {
        /// The code of each call.
        pub mod code {
            $(#[allow(missing_docs)] pub const $name: u16 = $code;)*
        }

        /// The table, indexed by code.
        pub static CALLS: [Call; COUNT] = [$(Call { name: $text, event: event::$event }),*];

        /// How many codes there are.
        pub const COUNT: usize = [$($text),*].len();

        /// The event that a call becomes.
        #[inline(always)]
        pub fn event_of(code: u16) -> u16 {
            match CALLS.get(code as usize) {
                Some(call) => call.event,
                None => event::GENERIC_X,
            }
        }

        /// Writes the parameters of a call.
        #[inline(always)]
        pub fn extract<K: Kernel>(code: u16, kernel: &mut K) {
            match code {
                $(code::$name => $($extractor)::+(kernel),)*
                _ => generic(kernel),
            }
        }
    };
}

saker_system_calls!(table);

/// A row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// Its name.
    pub name: &'static str,
    /// The event that it becomes.
    pub event: u16,
}

/// A call without an event of its own: the driver writes its code and its number.
#[inline(always)]
pub fn generic<K: Kernel>(kernel: &mut K) {
    kernel.put_u16(kernel.code());
    kernel.put_u16(kernel.number());
}
