// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0-only
// The table of what the probe must know of the running kernel. The probe makes a constant of each row; the agent includes the same
// file and fills the constants from the kernel's BTF and symbols before it loads the object.
//
//   NAME offset "struct" "member.member";     bytes from the beginning of the struct; several ways that kernels name it: "a|b"
//   NAME maybe "struct" "member";             as offset, of what only some kernels have and nobody misses
//   NAME bit "struct" "member";               the same in bits, for bit fields
//   NAME size "struct";                       bytes of the struct
//   NAME value "enum" "ENUMERATOR";           value of an enumerator
//   NAME symbol "name";                       address of a kernel variable
//   NAME helper "loop";                       1 if the kernel has the helper `bpf_…`
//   NAME tracepoint "category/name" "field";  bytes from the beginning of a tracepoint's fields
//   NAME argument "category/name" "field" 1;  the same of a tracepoint of calls; where they are raw, of its argument of that index
//   NAME set;                                 set by the loader itself
macro_rules! kernel_layout {
    ($use_rows:ident) => {
        $use_rows! {
            RING_SLOTS set;
            RAW_CALLS set;
            HAS_LOOP helper "loop";

            TASK_STATUS offset "task_struct" "thread_info.status";
            TASK_FLAGS offset "task_struct" "flags";
            TASK_TGID offset "task_struct" "tgid";
            TASK_PID offset "task_struct" "pid";
            TASK_GROUP_LEADER offset "task_struct" "group_leader";
            TASK_START offset "task_struct" "start_boottime|real_start_time";
            TASK_REAL_PARENT offset "task_struct" "real_parent";
            TASK_FILES offset "task_struct" "files";
            TASK_FS offset "task_struct" "fs";
            TASK_MM offset "task_struct" "mm";
            TASK_SIGNAL offset "task_struct" "signal";
            TASK_THREAD_PID offset "task_struct" "thread_pid";
            TASK_CRED offset "task_struct" "cred";
            TASK_COMM offset "task_struct" "comm";
            TASK_MAJOR_FAULTS offset "task_struct" "maj_flt";
            TASK_MINOR_FAULTS offset "task_struct" "min_flt";
            TASK_LOGIN_UID offset "task_struct" "loginuid";
            TASK_EXIT_CODE offset "task_struct" "exit_code";
            TASK_CGROUPS offset "task_struct" "cgroups";

            TASK_CHILDREN offset "task_struct" "children.prev";
            TASK_SIBLING offset "task_struct" "sibling";

            TASK_NAMESPACES offset "task_struct" "nsproxy";
            NAMESPACES_OF_CHILDREN offset "nsproxy" "pid_ns_for_children";
            PID_LEVEL offset "pid" "level";
            PID_NUMBERS offset "pid" "numbers";
            UPID_NR offset "upid" "nr";
            UPID_NS offset "upid" "ns";
            UPID_SIZE size "upid";
            NAMESPACE_REAPER offset "pid_namespace" "child_reaper";

            SIGNAL_PIDS offset "signal_struct" "pids";
            SIGNAL_RLIMITS offset "signal_struct" "rlim";
            SIGNAL_TTY offset "signal_struct" "tty";
            SIGNAL_LIVE offset "signal_struct" "live.counter";
            SIGNAL_IS_SUBREAPER bit "signal_struct" "is_child_subreaper";
            SIGNAL_HAS_SUBREAPER bit "signal_struct" "has_child_subreaper";
            TTY_INDEX offset "tty_struct" "index";
            TTY_DRIVER offset "tty_struct" "driver";
            TTY_DRIVER_MAJOR offset "tty_driver" "major";
            TTY_DRIVER_MINOR offset "tty_driver" "minor_start";

            MM_TOTAL offset "mm_struct" "total_vm";
            MM_BREAK offset "mm_struct" "brk";
            MM_RSS offset "mm_struct" "rss_stat";
            MM_ARG_START offset "mm_struct" "arg_start";
            MM_ARG_END offset "mm_struct" "arg_end";
            MM_ENV_START offset "mm_struct" "env_start";
            MM_ENV_END offset "mm_struct" "env_end";
            MM_EXE_FILE offset "mm_struct" "exe_file";
            // Before Linux 6.2 the counters of memory are plain numbers in a struct, since then per-CPU counters.
            RSS_PLAIN size "mm_rss_stat";
            PERCPU_COUNTER_SIZE size "percpu_counter";
            PERCPU_COUNTER_COUNT offset "percpu_counter" "count";

            CRED_UID offset "cred" "uid";
            CRED_GID offset "cred" "gid";
            CRED_SUID offset "cred" "suid";
            CRED_SGID offset "cred" "sgid";
            CRED_EUID offset "cred" "euid";
            CRED_EGID offset "cred" "egid";
            CRED_FSUID offset "cred" "fsuid";
            CRED_FSGID offset "cred" "fsgid";
            CRED_CAP_INHERITABLE offset "cred" "cap_inheritable";
            CRED_CAP_PERMITTED offset "cred" "cap_permitted";
            CRED_CAP_EFFECTIVE offset "cred" "cap_effective";
            CRED_GROUPS offset "cred" "group_info";
            GROUPS_COUNT offset "group_info" "ngroups";
            GROUPS_LIST offset "group_info" "gid";

            CSS_SET_SUBSYSTEMS offset "css_set" "subsys";
            CSS_CGROUP offset "cgroup_subsys_state" "cgroup";
            CGROUP_NODE offset "cgroup" "kn";
            NODE_ID offset "kernfs_node" "id";

            FILES_TABLE offset "files_struct" "fdt";
            TABLE_SIZE offset "fdtable" "max_fds";
            TABLE_FILES offset "fdtable" "fd";
            FS_ROOT offset "fs_struct" "root";
            FS_WORKING_DIRECTORY offset "fs_struct" "pwd";

            FILE_PATH offset "file" "f_path";
            FILE_INODE offset "file" "f_inode";
            FILE_FLAGS offset "file" "f_flags";
            FILE_MODE offset "file" "f_mode";
            FILE_PRIVATE offset "file" "private_data";
            PATH_MOUNT offset "path" "mnt";
            PATH_DENTRY offset "path" "dentry";
            INODE_MODE offset "inode" "i_mode";
            INODE_UID offset "inode" "i_uid";
            INODE_GID offset "inode" "i_gid";
            INODE_NUMBER offset "inode" "i_ino";
            INODE_LINKS offset "inode" "i_nlink";
            INODE_SUPER offset "inode" "i_sb";
            INODE_CTIME offset "inode" "i_ctime_sec|__i_ctime.tv_sec|i_ctime.tv_sec";
            INODE_CTIME_NANOSECONDS offset "inode" "i_ctime_nsec|__i_ctime.tv_nsec|i_ctime.tv_nsec";
            INODE_MTIME offset "inode" "i_mtime_sec|__i_mtime.tv_sec|i_mtime.tv_sec";
            INODE_MTIME_NANOSECONDS offset "inode" "i_mtime_nsec|__i_mtime.tv_nsec|i_mtime.tv_nsec";
            INODE_SIZE size "inode";
            SUPER_DEVICE offset "super_block" "s_dev";
            SUPER_MAGIC offset "super_block" "s_magic";
            SUPER_USER_NAMESPACE offset "super_block" "s_user_ns";

            MOUNT_EMBEDDED offset "mount" "mnt";
            MOUNT_PARENT offset "mount" "mnt_parent";
            MOUNT_POINT offset "mount" "mnt_mountpoint";
            MOUNT_ROOT offset "mount" "mnt.mnt_root";
            DENTRY_PARENT offset "dentry" "d_parent";
            DENTRY_NAME offset "dentry" "d_name.name|__d_name.name";
            DENTRY_LENGTH offset "dentry" "d_name.len|__d_name.len";
            DENTRY_HASHED offset "dentry" "d_hash.pprev";
            DENTRY_INODE offset "dentry" "d_inode";
            DENTRY_PRIVATE offset "dentry" "d_fsdata";
            RENAME_LOCK symbol "rename_lock";
            MOUNT_LOCK symbol "mount_lock";

            SOCKET_SOCK offset "socket" "sk";
            SOCK_FAMILY offset "sock" "__sk_common.skc_family";
            SOCK_TYPE offset "sock" "sk_type";
            SOCK_PROTOCOL offset "sock" "sk_protocol";
            SOCK_PEER_ADDRESS offset "sock" "__sk_common.skc_daddr";
            SOCK_PEER_PORT offset "sock" "__sk_common.skc_dport";
            SOCK_PEER_ADDRESS6 offset "sock" "__sk_common.skc_v6_daddr";
            SOCK_LOCAL_ADDRESS6 offset "sock" "__sk_common.skc_v6_rcv_saddr";
            SOCK_BACKLOG offset "sock" "sk_ack_backlog";
            SOCK_BACKLOG_MAX offset "sock" "sk_max_ack_backlog";
            INET_LOCAL_ADDRESS offset "inet_sock" "inet_saddr";
            INET_LOCAL_PORT offset "inet_sock" "inet_sport";
            INET_6 offset "inet_sock" "pinet6";
            INET6_LOCAL_ADDRESS offset "ipv6_pinfo" "saddr";
            UNIX_PEER offset "unix_sock" "peer";
            UNIX_ADDRESS offset "unix_sock" "addr";
            UNIX_ADDRESS_LENGTH offset "unix_address" "len";
            UNIX_ADDRESS_NAME offset "unix_address" "name";

            URING_RING offset "io_kiocb" "ctx";
            URING_OPCODE offset "io_kiocb" "opcode";
            URING_FILE offset "io_kiocb" "file";
            URING_SIDE maybe "io_kiocb" "tctx";
            URING_RESULT offset "io_kiocb" "cqe.res";
            URING_TASK maybe "io_kiocb" "task";
            SIDE_TASK maybe "io_uring_task" "task";
            URING_FLAGS offset "io_ring_ctx" "flags";
            URING_ENTRIES offset "io_ring_ctx" "sq_entries";
            URING_HEAD offset "io_ring_ctx" "cached_sq_head";
            URING_ARRAY offset "io_ring_ctx" "sq_array";
            URING_LIST offset "io_ring_ctx" "sq_sqes";

            URING_SUBMITTED argument "io_uring/io_uring_submit_req|io_uring/io_uring_submit_sqe" "req" 0;
            URING_COMPLETED argument "io_uring/io_uring_complete" "req" 1;
            EXEC_FILENAME tracepoint "sched/sched_process_exec" "filename";
            SIGNAL_NUMBER tracepoint "signal/signal_deliver" "sig";
            SIGNAL_CODE tracepoint "signal/signal_deliver" "code";
            FAULT_ADDRESS tracepoint "exceptions/page_fault_user" "address";
            FAULT_INSTRUCTION tracepoint "exceptions/page_fault_user" "ip";
            FAULT_ERROR tracepoint "exceptions/page_fault_user" "error_code";
            SWITCH_NEXT tracepoint "sched/sched_switch" "next_pid";
            CGROUP_MKDIR_ROOT tracepoint "cgroup/cgroup_mkdir" "root";
            CGROUP_MKDIR_ID tracepoint "cgroup/cgroup_mkdir" "id";
            CGROUP_MKDIR_PATH tracepoint "cgroup/cgroup_mkdir" "path";
        }
    };
}
