// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
//! The table of system calls: for each its code (`PPM_SC_*`, the same on every architecture), its name, the event that it
//! becomes, and the extractor that writes the parameters of that event. To record a call, write its extractor and name it
//! here. Which number a call has on an architecture stands in [`super::arch`].
//!
//! Codes are wire values, so rows are never reordered.

use super::super::wire::event;
use super::super::wire::record::Header;
use super::arch::{code_of, native};
use super::kernel::Kernel;
use super::{
    calls, credentials, descriptors, files, io, ipc, memory, messages, network, open, process, system,
    tracepoints, wait,
};

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
            5 OPEN "open" SYSCALL_OPEN_X open::open;
            6 CLOSE "close" SYSCALL_CLOSE_X descriptors::descriptor;
            7 CREAT "creat" SYSCALL_CREAT_X open::creat;
            8 LINK "link" SYSCALL_LINK_2_X files::two_paths;
            9 UNLINK "unlink" SYSCALL_UNLINK_2_X files::path;
            10 CHDIR "chdir" SYSCALL_CHDIR_X files::chdir;
            11 TIME "time" GENERIC_X calls::generic;
            12 MKNOD "mknod" SYSCALL_MKNOD_X files::mknod;
            13 CHMOD "chmod" SYSCALL_CHMOD_X files::chmod;
            14 STAT "stat" SYSCALL_STAT_X files::path;
            15 LSEEK "lseek" SYSCALL_LSEEK_X descriptors::lseek;
            16 GETPID "getpid" GENERIC_X calls::generic;
            17 MOUNT "mount" SYSCALL_MOUNT_X files::mount;
            18 PTRACE "ptrace" SYSCALL_PTRACE_X process::ptrace;
            19 ALARM "alarm" GENERIC_X calls::generic;
            20 FSTAT "fstat" SYSCALL_FSTAT_X descriptors::descriptor;
            21 PAUSE "pause" GENERIC_X calls::generic;
            22 UTIME "utime" GENERIC_X calls::generic;
            23 ACCESS "access" SYSCALL_ACCESS_X files::access;
            24 SYNC "sync" GENERIC_X calls::generic;
            25 KILL "kill" SYSCALL_KILL_X process::kill;
            26 RENAME "rename" SYSCALL_RENAME_X files::two_paths;
            27 MKDIR "mkdir" SYSCALL_MKDIR_2_X files::mkdir;
            28 RMDIR "rmdir" SYSCALL_RMDIR_2_X files::path;
            29 DUP "dup" SYSCALL_DUP_1_X descriptors::descriptor;
            30 PIPE "pipe" SYSCALL_PIPE_X descriptors::pipe;
            31 TIMES "times" GENERIC_X calls::generic;
            32 BRK "brk" SYSCALL_BRK_4_X memory::brk;
            33 ACCT "acct" GENERIC_X calls::generic;
            34 IOCTL "ioctl" SYSCALL_IOCTL_3_X descriptors::ioctl;
            35 FCNTL "fcntl" SYSCALL_FCNTL_X descriptors::fcntl;
            36 SETPGID "setpgid" SYSCALL_SETPGID_X process::setpgid;
            37 UMASK "umask" GENERIC_X calls::generic;
            38 CHROOT "chroot" SYSCALL_CHROOT_X files::path;
            39 USTAT "ustat" GENERIC_X calls::generic;
            40 DUP2 "dup2" SYSCALL_DUP2_X descriptors::dup2;
            41 GETPPID "getppid" GENERIC_X calls::generic;
            42 GETPGRP "getpgrp" GENERIC_X calls::generic;
            43 SETSID "setsid" SYSCALL_SETSID_X calls::result;
            44 SETHOSTNAME "sethostname" GENERIC_X calls::generic;
            45 SETRLIMIT "setrlimit" SYSCALL_SETRLIMIT_X process::setrlimit;
            46 GETRUSAGE "getrusage" GENERIC_X calls::generic;
            47 GETTIMEOFDAY "gettimeofday" GENERIC_X calls::generic;
            48 SETTIMEOFDAY "settimeofday" GENERIC_X calls::generic;
            49 SYMLINK "symlink" SYSCALL_SYMLINK_X files::symlink;
            50 LSTAT "lstat" SYSCALL_LSTAT_X files::path;
            51 READLINK "readlink" GENERIC_X calls::generic;
            52 USELIB "uselib" GENERIC_X calls::generic;
            53 SWAPON "swapon" GENERIC_X calls::generic;
            54 REBOOT "reboot" GENERIC_X calls::generic;
            55 MMAP "mmap" SYSCALL_MMAP_X memory::mmap;
            56 MUNMAP "munmap" SYSCALL_MUNMAP_X memory::munmap;
            57 TRUNCATE "truncate" GENERIC_X calls::generic;
            58 FTRUNCATE "ftruncate" GENERIC_X calls::generic;
            59 FCHMOD "fchmod" SYSCALL_FCHMOD_X files::fchmod;
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
            75 MPROTECT "mprotect" SYSCALL_MPROTECT_X memory::mprotect;
            76 INIT_MODULE "init_module" SYSCALL_INIT_MODULE_X system::init_module;
            77 DELETE_MODULE "delete_module" SYSCALL_DELETE_MODULE_X system::delete_module;
            78 QUOTACTL "quotactl" SYSCALL_QUOTACTL_X system::quotactl;
            79 GETPGID "getpgid" GENERIC_X calls::generic;
            80 FCHDIR "fchdir" SYSCALL_FCHDIR_X descriptors::fchdir;
            81 SYSFS "sysfs" GENERIC_X calls::generic;
            82 PERSONALITY "personality" GENERIC_X calls::generic;
            83 GETDENTS "getdents" SYSCALL_GETDENTS_X descriptors::descriptor;
            84 SELECT "select" SYSCALL_SELECT_X calls::result;
            85 FLOCK "flock" SYSCALL_FLOCK_X descriptors::flock;
            86 MSYNC "msync" GENERIC_X calls::generic;
            87 READV "readv" SYSCALL_READV_X io::readv;
            88 WRITEV "writev" SYSCALL_WRITEV_X io::writev;
            89 GETSID "getsid" GENERIC_X calls::generic;
            90 FDATASYNC "fdatasync" GENERIC_X calls::generic;
            91 MLOCK "mlock" SYSCALL_MLOCK_X memory::range;
            92 MUNLOCK "munlock" SYSCALL_MUNLOCK_X memory::range;
            93 MLOCKALL "mlockall" SYSCALL_MLOCKALL_X memory::mlockall;
            94 MUNLOCKALL "munlockall" SYSCALL_MUNLOCKALL_X calls::result;
            95 SCHED_SETPARAM "sched_setparam" GENERIC_X calls::generic;
            96 SCHED_GETPARAM "sched_getparam" GENERIC_X calls::generic;
            97 SCHED_SETSCHEDULER "sched_setscheduler" GENERIC_X calls::generic;
            98 SCHED_GETSCHEDULER "sched_getscheduler" GENERIC_X calls::generic;
            99 SCHED_YIELD "sched_yield" GENERIC_X calls::generic;
            100 SCHED_GET_PRIORITY_MAX "sched_get_priority_max" GENERIC_X calls::generic;
            101 SCHED_GET_PRIORITY_MIN "sched_get_priority_min" GENERIC_X calls::generic;
            102 SCHED_RR_GET_INTERVAL "sched_rr_get_interval" GENERIC_X calls::generic;
            103 NANOSLEEP "nanosleep" SYSCALL_NANOSLEEP_X wait::nanosleep;
            104 MREMAP "mremap" GENERIC_X calls::generic;
            105 POLL "poll" SYSCALL_POLL_X wait::poll;
            106 PRCTL "prctl" SYSCALL_PRCTL_X process::prctl;
            107 RT_SIGACTION "rt_sigaction" GENERIC_X calls::generic;
            108 RT_SIGPROCMASK "rt_sigprocmask" GENERIC_X calls::generic;
            109 RT_SIGPENDING "rt_sigpending" GENERIC_X calls::generic;
            110 RT_SIGTIMEDWAIT "rt_sigtimedwait" GENERIC_X calls::generic;
            111 RT_SIGQUEUEINFO "rt_sigqueueinfo" GENERIC_X calls::generic;
            112 RT_SIGSUSPEND "rt_sigsuspend" GENERIC_X calls::generic;
            113 GETCWD "getcwd" SYSCALL_GETCWD_X files::getcwd;
            114 CAPGET "capget" GENERIC_X calls::generic;
            115 CAPSET "capset" SYSCALL_CAPSET_X credentials::capset;
            116 SENDFILE "sendfile" SYSCALL_SENDFILE_X io::sendfile;
            117 GETRLIMIT "getrlimit" SYSCALL_GETRLIMIT_X process::getrlimit;
            118 LCHOWN "lchown" SYSCALL_LCHOWN_X files::chown;
            119 GETUID "getuid" SYSCALL_GETUID_X credentials::get;
            120 GETGID "getgid" SYSCALL_GETGID_X credentials::get;
            121 GETEUID "geteuid" SYSCALL_GETEUID_X credentials::get;
            122 GETEGID "getegid" SYSCALL_GETEGID_X credentials::get;
            123 SETREUID "setreuid" SYSCALL_SETREUID_X credentials::set_two;
            124 SETREGID "setregid" SYSCALL_SETREGID_X credentials::set_two;
            125 GETGROUPS "getgroups" GENERIC_X calls::generic;
            126 SETGROUPS "setgroups" GENERIC_X calls::generic;
            127 FCHOWN "fchown" SYSCALL_FCHOWN_X files::fchown;
            128 SETRESUID "setresuid" SYSCALL_SETRESUID_X credentials::set_three;
            129 GETRESUID "getresuid" SYSCALL_GETRESUID_X credentials::get_three;
            130 SETRESGID "setresgid" SYSCALL_SETRESGID_X credentials::set_three;
            131 GETRESGID "getresgid" SYSCALL_GETRESGID_X credentials::get_three;
            132 CHOWN "chown" SYSCALL_CHOWN_X files::chown;
            133 SETUID "setuid" SYSCALL_SETUID_X credentials::set;
            134 SETGID "setgid" SYSCALL_SETGID_X credentials::set;
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
            153 TKILL "tkill" SYSCALL_TKILL_X process::kill;
            154 FUTEX "futex" SYSCALL_FUTEX_X wait::futex;
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
            165 EPOLL_CREATE "epoll_create" SYSCALL_EPOLL_CREATE_X descriptors::epoll_create;
            166 EPOLL_CTL "epoll_ctl" GENERIC_X calls::generic;
            167 EPOLL_WAIT "epoll_wait" SYSCALL_EPOLLWAIT_X wait::epoll_wait;
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
            179 TGKILL "tgkill" SYSCALL_TGKILL_X process::tgkill;
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
            191 KEYCTL "keyctl" SYSCALL_KEYCTL_X system::keyctl;
            192 IOPRIO_SET "ioprio_set" GENERIC_X calls::generic;
            193 IOPRIO_GET "ioprio_get" GENERIC_X calls::generic;
            194 INOTIFY_INIT "inotify_init" SYSCALL_INOTIFY_INIT_X descriptors::inotify_init;
            195 INOTIFY_ADD_WATCH "inotify_add_watch" GENERIC_X calls::generic;
            196 INOTIFY_RM_WATCH "inotify_rm_watch" GENERIC_X calls::generic;
            197 OPENAT "openat" SYSCALL_OPENAT_2_X open::openat;
            198 MKDIRAT "mkdirat" SYSCALL_MKDIRAT_X files::mkdirat;
            199 MKNODAT "mknodat" SYSCALL_MKNODAT_X files::mknodat;
            200 FCHOWNAT "fchownat" SYSCALL_FCHOWNAT_X files::fchownat;
            201 FUTIMESAT "futimesat" GENERIC_X calls::generic;
            202 UNLINKAT "unlinkat" SYSCALL_UNLINKAT_2_X files::unlinkat;
            203 RENAMEAT "renameat" SYSCALL_RENAMEAT_X files::renameat;
            204 LINKAT "linkat" SYSCALL_LINKAT_2_X files::linkat;
            205 SYMLINKAT "symlinkat" SYSCALL_SYMLINKAT_X files::symlinkat;
            206 READLINKAT "readlinkat" GENERIC_X calls::generic;
            207 FCHMODAT "fchmodat" SYSCALL_FCHMODAT_X files::fchmodat;
            208 FACCESSAT "faccessat" GENERIC_X calls::generic;
            209 PSELECT6 "pselect6" GENERIC_X calls::generic;
            210 PPOLL "ppoll" SYSCALL_PPOLL_X wait::ppoll;
            211 UNSHARE "unshare" SYSCALL_UNSHARE_X process::unshare;
            212 SET_ROBUST_LIST "set_robust_list" GENERIC_X calls::generic;
            213 GET_ROBUST_LIST "get_robust_list" GENERIC_X calls::generic;
            214 SPLICE "splice" SYSCALL_SPLICE_X io::splice;
            215 TEE "tee" GENERIC_X calls::generic;
            216 VMSPLICE "vmsplice" GENERIC_X calls::generic;
            217 GETCPU "getcpu" GENERIC_X calls::generic;
            218 EPOLL_PWAIT "epoll_pwait" GENERIC_X calls::generic;
            219 UTIMENSAT "utimensat" GENERIC_X calls::generic;
            220 SIGNALFD "signalfd" SYSCALL_SIGNALFD_X descriptors::signalfd;
            221 TIMERFD_CREATE "timerfd_create" SYSCALL_TIMERFD_CREATE_X descriptors::timerfd_create;
            222 EVENTFD "eventfd" SYSCALL_EVENTFD_X descriptors::eventfd;
            223 TIMERFD_SETTIME "timerfd_settime" GENERIC_X calls::generic;
            224 TIMERFD_GETTIME "timerfd_gettime" GENERIC_X calls::generic;
            225 SIGNALFD4 "signalfd4" SYSCALL_SIGNALFD4_X descriptors::signalfd4;
            226 EVENTFD2 "eventfd2" SYSCALL_EVENTFD2_X descriptors::eventfd2;
            227 EPOLL_CREATE1 "epoll_create1" SYSCALL_EPOLL_CREATE1_X descriptors::epoll_create1;
            228 DUP3 "dup3" SYSCALL_DUP3_X descriptors::dup3;
            229 PIPE2 "pipe2" SYSCALL_PIPE2_X descriptors::pipe2;
            230 INOTIFY_INIT1 "inotify_init1" SYSCALL_INOTIFY_INIT1_X descriptors::inotify_init1;
            231 PREADV "preadv" SYSCALL_PREADV_X io::preadv;
            232 PWRITEV "pwritev" SYSCALL_PWRITEV_X io::pwritev;
            233 RT_TGSIGQUEUEINFO "rt_tgsigqueueinfo" GENERIC_X calls::generic;
            234 PERF_EVENT_OPEN "perf_event_open" GENERIC_X calls::generic;
            235 FANOTIFY_INIT "fanotify_init" GENERIC_X calls::generic;
            236 PRLIMIT64 "prlimit64" SYSCALL_PRLIMIT_X process::prlimit;
            237 CLOCK_ADJTIME "clock_adjtime" GENERIC_X calls::generic;
            238 SYNCFS "syncfs" GENERIC_X calls::generic;
            239 SETNS "setns" SYSCALL_SETNS_X process::setns;
            240 GETDENTS64 "getdents64" SYSCALL_GETDENTS64_X descriptors::descriptor;
            241 SOCKET "socket" SOCKET_SOCKET_X network::socket;
            242 BIND "bind" SOCKET_BIND_X network::bind;
            243 CONNECT "connect" SOCKET_CONNECT_X network::connect;
            244 LISTEN "listen" SOCKET_LISTEN_X network::listen;
            245 ACCEPT "accept" SOCKET_ACCEPT_5_X network::accept;
            246 GETSOCKNAME "getsockname" SOCKET_GETSOCKNAME_X calls::nothing;
            247 GETPEERNAME "getpeername" SOCKET_GETPEERNAME_X calls::nothing;
            248 SOCKETPAIR "socketpair" SOCKET_SOCKETPAIR_X network::socketpair;
            249 SENDTO "sendto" SOCKET_SENDTO_X messages::sendto;
            250 RECVFROM "recvfrom" SOCKET_RECVFROM_X messages::recvfrom;
            251 SHUTDOWN "shutdown" SOCKET_SHUTDOWN_X network::shutdown;
            252 SETSOCKOPT "setsockopt" SOCKET_SETSOCKOPT_X network::setsockopt;
            253 GETSOCKOPT "getsockopt" SOCKET_GETSOCKOPT_X network::getsockopt;
            254 SENDMSG "sendmsg" SOCKET_SENDMSG_X messages::sendmsg;
            255 SENDMMSG "sendmmsg" SOCKET_SENDMMSG_X messages::sendmmsg;
            256 RECVMSG "recvmsg" SOCKET_RECVMSG_X messages::recvmsg;
            257 RECVMMSG "recvmmsg" SOCKET_RECVMMSG_X messages::recvmmsg;
            258 ACCEPT4 "accept4" SOCKET_ACCEPT4_6_X network::accept4;
            259 SEMOP "semop" SYSCALL_SEMOP_X ipc::semop;
            260 SEMGET "semget" SYSCALL_SEMGET_X ipc::semget;
            261 SEMCTL "semctl" SYSCALL_SEMCTL_X ipc::semctl;
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
            272 SENDFILE64 "sendfile64" SYSCALL_SENDFILE_X io::sendfile64;
            273 UGETRLIMIT "ugetrlimit" SYSCALL_GETRLIMIT_X process::getrlimit;
            274 BDFLUSH "bdflush" GENERIC_X calls::generic;
            275 SIGPROCMASK "sigprocmask" GENERIC_X calls::generic;
            276 IPC "ipc" GENERIC_X calls::generic;
            277 SOCKETCALL "socketcall" GENERIC_X calls::generic;
            278 STAT64 "stat64" SYSCALL_STAT64_X files::path;
            279 LSTAT64 "lstat64" SYSCALL_LSTAT64_X files::path;
            280 FSTAT64 "fstat64" SYSCALL_FSTAT64_X calls::result;
            281 FCNTL64 "fcntl64" SYSCALL_FCNTL_X descriptors::fcntl;
            282 MMAP2 "mmap2" SYSCALL_MMAP2_X memory::mmap;
            283 _NEWSELECT "_newselect" SYSCALL_SELECT_X calls::result;
            284 SGETMASK "sgetmask" GENERIC_X calls::generic;
            285 SSETMASK "ssetmask" GENERIC_X calls::generic;
            286 SIGPENDING "sigpending" GENERIC_X calls::generic;
            287 OLDUNAME "olduname" GENERIC_X calls::generic;
            288 UMOUNT "umount" SYSCALL_UMOUNT_1_X files::path;
            289 SIGNAL "signal" GENERIC_X calls::generic;
            290 NICE "nice" GENERIC_X calls::generic;
            291 STIME "stime" GENERIC_X calls::generic;
            292 _LLSEEK "_llseek" SYSCALL_LLSEEK_X descriptors::llseek;
            293 WAITPID "waitpid" GENERIC_X calls::generic;
            294 PREAD64 "pread64" SYSCALL_PREAD_X io::pread;
            295 PWRITE64 "pwrite64" SYSCALL_PWRITE_X io::pwrite;
            296 ARCH_PRCTL "arch_prctl" GENERIC_X calls::generic;
            297 SHMAT "shmat" GENERIC_X calls::generic;
            298 RT_SIGRETURN "rt_sigreturn" GENERIC_X calls::generic;
            299 FALLOCATE "fallocate" GENERIC_X calls::generic;
            300 NEWFSTATAT "newfstatat" SYSCALL_NEWFSTATAT_X files::newfstatat;
            301 PROCESS_VM_READV "process_vm_readv" SYSCALL_PROCESS_VM_READV_X io::process_vm_readv;
            302 PROCESS_VM_WRITEV "process_vm_writev" SYSCALL_PROCESS_VM_WRITEV_X io::process_vm_writev;
            303 FORK "fork" SYSCALL_FORK_20_X process::clone;
            304 VFORK "vfork" SYSCALL_VFORK_20_X process::clone;
            305 SETUID32 "setuid32" SYSCALL_SETUID_X credentials::set;
            306 GETUID32 "getuid32" SYSCALL_GETUID_X credentials::get;
            307 SETGID32 "setgid32" SYSCALL_SETGID_X credentials::set;
            308 GETEUID32 "geteuid32" SYSCALL_GETEUID_X credentials::get;
            309 GETGID32 "getgid32" SYSCALL_GETGID_X credentials::get;
            310 SETRESUID32 "setresuid32" SYSCALL_SETRESUID_X credentials::set_three;
            311 SETRESGID32 "setresgid32" SYSCALL_SETRESGID_X credentials::set_three;
            312 GETRESUID32 "getresuid32" SYSCALL_GETRESUID_X credentials::get_three;
            313 GETRESGID32 "getresgid32" SYSCALL_GETRESGID_X credentials::get_three;
            314 FINIT_MODULE "finit_module" SYSCALL_FINIT_MODULE_X system::finit_module;
            315 BPF "bpf" SYSCALL_BPF_2_X system::bpf;
            316 SECCOMP "seccomp" SYSCALL_SECCOMP_X process::seccomp;
            317 SIGALTSTACK "sigaltstack" GENERIC_X calls::generic;
            318 GETRANDOM "getrandom" GENERIC_X calls::generic;
            319 FADVISE64 "fadvise64" GENERIC_X calls::generic;
            320 RENAMEAT2 "renameat2" SYSCALL_RENAMEAT2_X files::renameat2;
            321 USERFAULTFD "userfaultfd" SYSCALL_USERFAULTFD_X descriptors::userfaultfd;
            322 OPENAT2 "openat2" SYSCALL_OPENAT2_X open::openat2;
            323 UMOUNT2 "umount2" SYSCALL_UMOUNT2_X files::umount2;
            324 EXECVE "execve" SYSCALL_EXECVE_19_X process::failed_exec;
            325 EXECVEAT "execveat" SYSCALL_EXECVEAT_X process::failed_exec;
            326 COPY_FILE_RANGE "copy_file_range" SYSCALL_COPY_FILE_RANGE_X io::copy_file_range;
            327 CLONE "clone" SYSCALL_CLONE_20_X process::clone;
            328 CLONE3 "clone3" SYSCALL_CLONE3_X process::clone;
            329 OPEN_BY_HANDLE_AT "open_by_handle_at" SYSCALL_OPEN_BY_HANDLE_AT_X open::open_by_handle_at;
            330 IO_URING_SETUP "io_uring_setup" SYSCALL_IO_URING_SETUP_X system::io_uring_setup;
            331 IO_URING_ENTER "io_uring_enter" SYSCALL_IO_URING_ENTER_X system::io_uring_enter;
            332 IO_URING_REGISTER "io_uring_register" SYSCALL_IO_URING_REGISTER_X system::io_uring_register;
            333 MLOCK2 "mlock2" SYSCALL_MLOCK2_X memory::mlock2;
            334 GETEGID32 "getegid32" SYSCALL_GETEGID_X credentials::get;
            335 FSCONFIG "fsconfig" SYSCALL_FSCONFIG_X system::fsconfig;
            336 FSPICK "fspick" GENERIC_X calls::generic;
            337 FSMOUNT "fsmount" GENERIC_X calls::generic;
            338 FSOPEN "fsopen" GENERIC_X calls::generic;
            339 OPEN_TREE "open_tree" GENERIC_X calls::generic;
            340 MOVE_MOUNT "move_mount" GENERIC_X calls::generic;
            341 MOUNT_SETATTR "mount_setattr" GENERIC_X calls::generic;
            342 MEMFD_CREATE "memfd_create" SYSCALL_MEMFD_CREATE_X descriptors::memfd_create;
            343 MEMFD_SECRET "memfd_secret" GENERIC_X calls::generic;
            344 IOPERM "ioperm" GENERIC_X calls::generic;
            345 KEXEC_FILE_LOAD "kexec_file_load" GENERIC_X calls::generic;
            346 PIDFD_GETFD "pidfd_getfd" SYSCALL_PIDFD_GETFD_X descriptors::pidfd_getfd;
            347 PIDFD_OPEN "pidfd_open" SYSCALL_PIDFD_OPEN_X descriptors::pidfd_open;
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
            392 CLOSE_RANGE "close_range" SYSCALL_CLOSE_RANGE_X descriptors::close_range;
            393 FANOTIFY_MARK "fanotify_mark" GENERIC_X calls::generic;
            394 RECV "recv" SOCKET_RECV_X messages::recv;
            395 SEND "send" SOCKET_SEND_X messages::send;
            396 SCHED_PROCESS_EXIT "sched_process_exit" PROCEXIT_1_E tracepoints::exit;
            397 SCHED_SWITCH "sched_switch" SCHEDSWITCH_6_E tracepoints::switch;
            398 PAGE_FAULT_USER "page_fault_user" PAGE_FAULT_E tracepoints::page_fault;
            399 PAGE_FAULT_KERNEL "page_fault_kernel" PAGE_FAULT_E tracepoints::page_fault;
            400 SIGNAL_DELIVER "signal_deliver" SIGNALDELIVER_E tracepoints::signal_deliver;
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
        pub static CALLS: [Call; COUNT] =
            [$(Call { name: $text, event: event::$event, extractor: concat!($("::", stringify!($extractor)),+) }),*];

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

        /// Writes the parameters of a call, and the extras.
        #[inline(always)]
        pub fn extract<K: Kernel>(code: u16, kernel: &mut K) {
            match code {
                $(code::$name => $($extractor)::+(kernel),)*
                _ => generic(kernel),
            }
            finish(kernel);
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
    /// Which function writes its parameters. Calls that have it in common can have it once.
    pub extractor: &'static str,
}

/// What stands at the end of every record. Whoever runs extractors without [`extract`] calls this after each.
#[inline(always)]
pub fn finish<K: Kernel>(kernel: &mut K) {
    if kernel.wants_credentials() {
        credentials::put_extra(kernel);
    }
}

/// The most records that one call makes: the kernel takes no more messages at a time (`UIO_MAXIOV`).
pub const RECORDS_MAX: u32 = 1024;

/// How many records a call makes: one, but for those that carry an array of messages one a message. The driver makes them
/// one after the other, as records of their own, counting up [`Kernel::message`] from 0. Those that it cannot make it counts
/// as `ring::counter::UNEXTRACTED`.
#[inline(always)]
pub fn records(code: u16, return_value: i64) -> u32 {
    if code != code::SENDMMSG && code != code::RECVMMSG || return_value < 1 {
        1
    } else if return_value > RECORDS_MAX as i64 {
        RECORDS_MAX
    } else {
        return_value as u32
    }
}

/// The calls that `socketcall` stands for, by its first argument (`SYS_SOCKET` … `SYS_SENDMMSG`, `include/uapi/linux/net.h`: they begin with
/// 1). Drivers record those.
pub static SOCKET_CALLS: [u16; 21] = [
    code::SOCKETCALL,
    code::SOCKET,
    code::BIND,
    code::CONNECT,
    code::LISTEN,
    code::ACCEPT,
    code::GETSOCKNAME,
    code::GETPEERNAME,
    code::SOCKETPAIR,
    code::SEND,
    code::RECV,
    code::SENDTO,
    code::RECVFROM,
    code::SHUTDOWN,
    code::SETSOCKOPT,
    code::GETSOCKOPT,
    code::SENDMSG,
    code::RECVMSG,
    code::ACCEPT4,
    code::RECVMMSG,
    code::SENDMMSG,
];

/// A call without an event of its own: its code and its number. Nothing where the header has both in its number
/// ([`generic_parameters`]): such calls are many, and often short. A number of the 32-bit table may stand for several calls (`socketcall`).
#[inline(always)]
pub fn generic<K: Kernel>(kernel: &mut K) {
    if kernel.is_compat() {
        kernel.put_u16(kernel.code());
        kernel.put_u16(kernel.number());
    }
}

/// The parameters, little-endian, that [`generic`] has left to the header of a record; `None` if the record has its own.
#[inline]
pub fn generic_parameters(header: &Header) -> Option<[[u8; 2]; 2]> {
    (header.event == event::GENERIC_X && header.parameters == 0).then(|| {
        let code = code_of(&native::NATIVE, usize::from(header.syscall));
        [code.to_le_bytes(), header.syscall.to_le_bytes()]
    })
}

/// A call whose event has only the result.
#[inline(always)]
pub fn result<K: Kernel>(kernel: &mut K) {
    kernel.put_result();
}

/// A call whose event has no parameters.
#[inline(always)]
pub fn nothing<K: Kernel>(_: &mut K) {}
