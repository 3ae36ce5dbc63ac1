/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's headers that the probe reads structures of. bindgen makes headers_generated.rs of them, with the kernel's
 * own flags (see Kbuild), so every offset is the one of the kernel that the module is built for.
 */

#include <linux/hrtimer_types.h>

#include <asm/cpufeatures.h>
#include <asm/extable_fixup_types.h>
#include <linux/binfmts.h>
#include <linux/capability.h>
#include <linux/cgroup.h>
#include <linux/cpumask.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/io_uring_types.h>
#include <linux/ipv6.h>
#include <linux/irq_work.h>
#include <linux/magic.h>
#include <linux/memfd.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/mm_types.h>
#include <linux/mount.h>
#include <linux/net.h>
#include <linux/nsproxy.h>
#include <linux/percpu_counter.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/srcu.h>
#include <linux/thread_info.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>
#include <linux/tty.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <linux/vmalloc.h>
#include <net/af_unix.h>
#include <net/inet_sock.h>
#include <net/sock.h>

/*
 * Where fields are that stand in a union or structure without a name: bindgen would number those, and the numbers change
 * from kernel to kernel.
 */
#define OFFSET(NAME, structure, field) const size_t OFFSET_##NAME = offsetof(structure, field)

OFFSET(DENTRY_NAME, struct dentry, d_name);
OFFSET(FILE_PATH, struct file, f_path);
OFFSET(INODE_LINKS, struct inode, i_nlink);
OFFSET(CGROUP_ANCESTORS, struct cgroup, ancestors);
OFFSET(MM_ARG_START, struct mm_struct, arg_start);
OFFSET(MM_ARG_END, struct mm_struct, arg_end);
OFFSET(MM_ENV_START, struct mm_struct, env_start);
OFFSET(MM_ENV_END, struct mm_struct, env_end);
OFFSET(MM_BRK, struct mm_struct, brk);
OFFSET(MM_TOTAL_VM, struct mm_struct, total_vm);
OFFSET(MM_RSS, struct mm_struct, rss_stat);
OFFSET(MM_EXE_FILE, struct mm_struct, exe_file);
OFFSET(REQUEST_FILE, struct io_kiocb, file);
OFFSET(RING_FLAGS, struct io_ring_ctx, flags);
OFFSET(RING_SQES, struct io_ring_ctx, sq_sqes);
OFFSET(RING_SQ_ARRAY, struct io_ring_ctx, sq_array);
OFFSET(RING_SQ_ENTRIES, struct io_ring_ctx, sq_entries);
OFFSET(RING_SQ_HEAD, struct io_ring_ctx, cached_sq_head);
OFFSET(RING_STATE, struct io_ring_ctx, int_flags);
OFFSET(SIGINFO_CODE, struct kernel_siginfo, si_code);
OFFSET(SIGINFO_FIELDS, struct kernel_siginfo, _sifields);
OFFSET(SOCK_DADDR, struct sock, sk_daddr);
OFFSET(SOCK_DPORT, struct sock, sk_dport);
OFFSET(SOCK_FAMILY, struct sock, sk_family);
OFFSET(SOCK_V6_DADDR, struct sock, sk_v6_daddr);

/*
 * Where fields are behind a union without a name that has an aligned member (the lock of a socket on kernels with lockdep,
 * what namespaces have in common): bindgen does not see the alignment, and takes all that follows for nearer than it is.
 */
OFFSET(INET_PINET6, struct inet_sock, pinet6);
OFFSET(INET_SADDR, struct inet_sock, inet_saddr);
OFFSET(INET_SPORT, struct inet_sock, inet_sport);
OFFSET(PID_NAMESPACE_REAPER, struct pid_namespace, child_reaper);
OFFSET(SOCK_BACKLOG, struct sock, sk_ack_backlog);
OFFSET(SOCK_BACKLOG_MAX, struct sock, sk_max_ack_backlog);
OFFSET(SOCK_PROTOCOL, struct sock, sk_protocol);
OFFSET(SOCK_TYPE, struct sock, sk_type);
OFFSET(UNIX_ADDR, struct unix_sock, addr);
OFFSET(UNIX_PEER, struct unix_sock, peer);

/* What the kernel exports without declaring it in a header of a distribution. */
struct sock *unix_peer_get(struct sock *sk);

/* Numbers whose definitions bindgen cannot read. */
#define NUMBER(NAME) const unsigned long NUMBER_##NAME = (unsigned long)(NAME)

NUMBER(EPOLLERR);
NUMBER(EPOLLIN);
NUMBER(EPOLLRDNORM);
NUMBER(IO_RING_F_COMPAT);
NUMBER(SB_RDONLY);
NUMBER(TASK_INTERRUPTIBLE);
