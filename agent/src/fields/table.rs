//! The table of fields: one row per field that conditions and outputs can use. Lookup, type checks, reference and
//! getters are all derived from it.
//!
//! Names, types and flags are Falco 0.44's (libs 0.25.4, container plugin 0.7.1); the getters stand in the files
//! of their class.

use super::{ArgKind, Class, FieldInfo, Traits};
use super::{audit, container, evt, evt_args, fd, fspath, proc, sensor, thread, user};
use crate::event::Format;
use saker_filter::{Scope, Type};

/// Each row: name, argument, type, print format, scope, traits, getter, doc.
macro_rules! fields {
    ($($class:ident { $($name:literal $(($arg:ident))? $ty:ident $format:ident $scope:ident [$($trait:ident)|*]
       $module:ident::$getter:ident $doc:literal;)* })*) => {
        /// The table. A field's index is its [`Field::id`](saker_filter::Field::id).
        pub static FIELDS: &[FieldInfo] = &[$($(FieldInfo {
            name: $name,
            class: Class::$class,
            arg: fields!(@arg $($arg)?),
            ty: Type::$ty,
            format: Format::$format,
            scope: Scope::$scope,
            traits: Traits::from_bits_retain(0 $(| Traits::$trait.bits())*),
            doc: $doc,
            get: $module::$getter,
        },)*)*];
    };
    (@arg) => { ArgKind::None };
    (@arg $arg:ident) => { ArgKind::$arg };
}

fields! {
    Evt {
        "evt.num" U64 Dec Event [] evt::num "Number of the event: 1 for the first one of the source.";
        "evt.time" Str Na Event [] evt::time "Local wall clock time of the event, with nanoseconds.";
        "evt.time.s" Str Na Event [] evt::time_s "Local wall clock time of the event, to the second.";
        "evt.time.iso8601" Str Na Event [] evt::time_iso8601 "Time of the event in ISO 8601, UTC, with nanoseconds.";
        "evt.datetime" Str Na Event [] evt::datetime "Local date and time of the event, with nanoseconds.";
        "evt.datetime.s" Str Na Event [] evt::datetime_s "Local date and time of the event, to the second.";
        "evt.rawtime" AbsTime Dec Event [] evt::rawtime "Time of the event in nanoseconds since the epoch.";
        "evt.rawtime.s" AbsTime Dec Event [] evt::rawtime_s "Whole seconds of `evt.rawtime`.";
        "evt.rawtime.ns" AbsTime Padded Event [] evt::rawtime_ns "Nanoseconds of `evt.rawtime` within its second.";
        "evt.reltime" RelTime Dec Event [] evt::reltime "Nanoseconds since the first event of the source.";
        "evt.reltime.s" RelTime Dec Event [] evt::reltime_s "Whole seconds of `evt.reltime`.";
        "evt.reltime.ns" RelTime Padded Event [] evt::reltime_ns "Nanoseconds of `evt.reltime` within its second.";
        "evt.pluginname" Str Na Event [NULL] audit::plugin_name "Name of the plugin that made the event; null for events of the kernel.";
        "evt.plugininfo" Str Na Event [NULL] audit::plugin_info "The plugin's own summary of its event; null for events of the kernel.";
        "evt.source" Str Na Event [] audit::source "Name of the event's source: `syscall` for events of the kernel, `k8s_audit` for those of the audit log.";
        "evt.is_async" Bool Na Event [] evt::is_async "Whether the event was not caused by a call: process snapshots, container events, notices of the capture.";
        "evt.asynctype" Str Na Event [] evt::asynctype "For an asynchronous event, which kind it is, e.g. `container`.";
        "evt.hostname" Str Na Constant [] evt::hostname "Name of the host; the environment variable FALCO_HOSTNAME overrides it.";
    }
    EvtSyscall {
        "evt.latency" RelTime Dec Event [DEPRECATED] evt::zero "Time that the call took. Always 0: calls are recorded once, at their exit.";
        "evt.latency.s" RelTime Dec Event [DEPRECATED] evt::zero "Whole seconds of `evt.latency`.";
        "evt.latency.ns" RelTime Padded Event [DEPRECATED] evt::zero "Nanoseconds of `evt.latency` within its second.";
        "evt.latency.quantized" U64 Dec Event [TABLE_ONLY | DEPRECATED] evt::zero "Decimal logarithm of `evt.latency`.";
        "evt.latency.human" Str Na Event [DEPRECATED] evt::latency_human "`evt.latency` with a unit.";
        "evt.deltatime" RelTime Dec Event [] evt::deltatime "Nanoseconds since the event before.";
        "evt.deltatime.s" RelTime Dec Event [] evt::deltatime_s "Whole seconds of `evt.deltatime`.";
        "evt.deltatime.ns" RelTime Padded Event [] evt::deltatime_ns "Nanoseconds of `evt.deltatime` within its second.";
        "evt.outputtime" Str Na Event [PRINT_ONLY] evt::time "Time of the event as outputs show it.";
        "evt.dir" Str Na Event [DEPRECATED] evt::dir "`<` for the exit of a call, `>` for an event that is no call.";
        "evt.type" Str Na Event [] evt::ty "Name of the event: of the call, or of what else happened, e.g. `procexit`.";
        "evt.type.is"(EventType) U32 Na Event [] evt::type_is "1 for events of the named type, else 0.";
        "syscall.type" Str Na Event [] evt::syscall_type "Like `evt.type`, but null for what is no system call.";
        "evt.category" Str Na Event [] evt::category "What the event is about, e.g. `file`, `net`, `process`; for reads and writes, what the descriptor is.";
        "evt.cpu" I16 Id Event [] evt::cpu "Number of the CPU on which it happened.";
        "evt.args" Str Na Event [] evt_args::args "All parameters of the event, each as `name=value`.";
        "evt.arg"(Param) Str Na Event [] evt_args::arg "One parameter as text, by name or by number: `evt.arg.flags`, `evt.arg[0]`. Flags, descriptors, users and error codes are named.";
        "evt.rawarg"(RawParam) Buf Na Event [NO_RHS | NO_TRANSFORMER] evt_args::rawarg "One parameter as it was recorded, by name. Its type is that of the parameter.";
        "evt.info" Str Na Event [] evt_args::args "The same as `evt.args`.";
        "evt.buffer" Buf Na Event [] evt_args::buffer "The data that the call moved (as much as was recorded).";
        "evt.buflen" U64 Dec Event [] evt_args::buflen "How many bytes the call moved.";
        "evt.res" Str Dec Event [] evt_args::res "Result of the call: `SUCCESS` or the name of the error, e.g. `ENOENT`.";
        "evt.rawres" I64 Dec Event [] evt_args::rawres "Return value of the call as a number.";
        "evt.failed" Bool Na Event [] evt_args::failed "Whether the call failed.";
        "evt.is_io" Bool Na Event [] evt::is_io_any "Whether the event reads from or writes to a descriptor.";
        "evt.is_io_read" Bool Na Event [] evt::is_io_read "Whether the event reads from a descriptor.";
        "evt.is_io_write" Bool Na Event [] evt::is_io_write "Whether the event writes to a descriptor.";
        "evt.io_dir" Str Na Event [] evt::io_dir "`read` or `write` for events that move data.";
        "evt.is_wait" Bool Na Event [] evt::is_wait "Whether the call can make the thread wait, e.g. `poll`.";
        "evt.wait_latency" RelTime Dec Event [DEPRECATED] evt::zero "Time that the call waited. Always 0.";
        "evt.is_syslog" Bool Na Event [] evt::is_syslog "Whether the event writes to /dev/log.";
        "evt.count" U32 Dec Event [] evt::one "Always 1: something to add up.";
        "evt.count.error" U32 Dec Event [] evt_args::error_count "1 for a call that failed, 0 for one that did not.";
        "evt.count.error.file" U32 Dec Event [] evt_args::error_count_file "Like `evt.count.error`, for calls on files only.";
        "evt.count.error.net" U32 Dec Event [] evt_args::error_count_net "Like `evt.count.error`, for calls on sockets only.";
        "evt.count.error.memory" U32 Dec Event [] evt_args::error_count_memory "Like `evt.count.error`, for calls on memory only.";
        "evt.count.error.other" U32 Dec Event [] evt_args::error_count_other "Like `evt.count.error`, for calls of none of the other kinds.";
        "evt.count.exit" U32 Dec Event [] evt::count_exit "1 for the exit of a call.";
        "evt.count.procinfo" U32 Dec Event [TABLE_ONLY] evt::count_procinfo "1 for the snapshot of a process's main thread, else 0.";
        "evt.count.threadinfo" U32 Dec Event [TABLE_ONLY] evt::count_threadinfo "1 for the snapshot of a thread, else 0.";
        "evt.around"(Time) U64 Dec Event [FILTER_ONLY | NO_RHS | NO_TRANSFORMER] evt::around "`evt.around[T] = D` is true within D milliseconds of the time T (`evt.rawtime`).";
        "evt.abspath"(Path) Str Na Event [] fspath::abspath "Absolute path that a call with a directory descriptor meant; `.src` and `.dst` for calls with two paths.";
        "evt.buflen.in" U64 Dec Event [TABLE_ONLY] evt_args::buflen_in "`evt.buflen` of reads.";
        "evt.buflen.out" U64 Dec Event [TABLE_ONLY] evt_args::buflen_out "`evt.buflen` of writes.";
        "evt.buflen.file" U64 Dec Event [TABLE_ONLY] evt_args::buflen_file "`evt.buflen` of files.";
        "evt.buflen.file.in" U64 Dec Event [TABLE_ONLY] evt_args::buflen_file_in "`evt.buflen` of reads of files.";
        "evt.buflen.file.out" U64 Dec Event [TABLE_ONLY] evt_args::buflen_file_out "`evt.buflen` of writes of files.";
        "evt.buflen.net" U64 Dec Event [TABLE_ONLY] evt_args::buflen_net "`evt.buflen` of sockets.";
        "evt.buflen.net.in" U64 Dec Event [TABLE_ONLY] evt_args::buflen_net_in "`evt.buflen` of reads of sockets.";
        "evt.buflen.net.out" U64 Dec Event [TABLE_ONLY] evt_args::buflen_net_out "`evt.buflen` of writes of sockets.";
        "evt.is_open_read" Bool Na Event [] evt::is_open_read "Whether a file was opened for reading.";
        "evt.is_open_write" Bool Na Event [] evt::is_open_write "Whether a file was opened for writing.";
        "evt.infra.docker.name" Str Na Event [TABLE_ONLY] evt::infra_name "Docker infrastructure events: what happened.";
        "evt.infra.docker.container.id" Str Na Event [TABLE_ONLY] evt::infra_id "Docker infrastructure events: to which container.";
        "evt.infra.docker.container.name" Str Na Event [TABLE_ONLY] evt::infra_container "Docker infrastructure events: the container's name.";
        "evt.infra.docker.container.image" Str Na Event [TABLE_ONLY] evt::infra_image "Docker infrastructure events: the container's image.";
        "evt.is_open_exec" Bool Na Event [] evt::is_open_exec "Whether a file was created with permission to execute.";
        "evt.is_open_create" Bool Na Event [] evt::is_open_create "Whether opening a file created it.";
    }
    Process {
        "proc.exe" Str Na Process [] proc::exe "argv[0] of the process.";
        "proc.pexe" Str Na Ancestry [] proc::pexe "`proc.exe` of the parent.";
        "proc.aexe"(Level) Str Na Ancestry [NO_RHS | NO_TRANSFORMER] proc::aexe "`proc.exe` of an ancestor: [1] is the parent; without a level a condition asks all ancestors.";
        "proc.exepath" Str Na Process [] proc::exepath "Full path of the executable, as the kernel knows it.";
        "proc.pexepath" Str Na Ancestry [] proc::pexepath "`proc.exepath` of the parent.";
        "proc.aexepath"(Level) Str Na Ancestry [NO_RHS | NO_TRANSFORMER] proc::aexepath "`proc.exepath` of an ancestor; without a level a condition asks all ancestors.";
        "proc.name" Str Na Process [] proc::name "Name of the process (its comm: at most 15 bytes).";
        "proc.pname" Str Na Ancestry [] proc::pname "`proc.name` of the parent.";
        "proc.aname"(Level) Str Na Ancestry [NO_RHS | NO_TRANSFORMER] proc::aname "`proc.name` of an ancestor; without a level a condition asks all ancestors.";
        "proc.args"(Level) Str Na Process [] proc::args "Arguments of the process without argv[0], joined by spaces; [0] is the first of them.";
        "proc.aargs"(Level) Str Na Ancestry [] proc::aargs "`proc.args` of an ancestor; without a level, of all of them.";
        "proc.cmdline" Str Na Process [] proc::cmdline "Command line: `proc.name` and `proc.args`.";
        "proc.pcmdline" Str Na Ancestry [] proc::pcmdline "`proc.cmdline` of the parent.";
        "proc.acmdline"(Level) Str Na Ancestry [NO_RHS | NO_TRANSFORMER] proc::acmdline "`proc.cmdline` of an ancestor; without a level a condition asks all ancestors.";
        "proc.cmdnargs" U64 Dec Process [] proc::cmdnargs "How many arguments there are (`proc.args`).";
        "proc.cmdlenargs" U64 Dec Process [] proc::cmdlenargs "Length of all arguments together, without the spaces between them.";
        "proc.exeline" Str Na Process [] proc::exeline "Command line: `proc.exe` and `proc.args`.";
        "proc.env"(Env) Str Na Process [] proc::env "Environment of the process; [NAME] is the value of one variable.";
        "proc.aenv"(Env) Str Na Ancestry [NO_RHS | NO_TRANSFORMER] proc::aenv "Environment of an ancestor by level; a condition asks all ancestors, with a level or without. With [NAME] the variable of the nearest ancestor that has it.";
        "proc.cwd" Str Na Process [] proc::cwd "Working directory.";
        "proc.loginshellid" I64 Id Ancestry [] proc::loginshellid "Pid of the oldest shell among the ancestors: tells sessions apart.";
        "proc.tty" U32 Id Process [] proc::tty "Device number of the controlling terminal, 0 for none.";
        "proc.pid" I64 Id Process [] proc::pid "Process id.";
        "proc.ppid" I64 Id Ancestry [] proc::ppid "Process id of the parent.";
        "proc.apid"(Level) I64 Id Ancestry [NO_RHS | NO_TRANSFORMER] proc::apid "Process id of an ancestor; without a level a condition asks all ancestors.";
        "proc.vpid" I64 Id Process [] proc::vpid "Process id in the process's own pid namespace.";
        "proc.pvpid" I64 Id Ancestry [] proc::pvpid "Process id of the parent in its own pid namespace.";
        "proc.sid" I64 Id Process [] proc::sid "Session id.";
        "proc.sname" Str Na Ancestry [] proc::sname "Name of the session's leader, or of the oldest ancestor in the session.";
        "proc.sid.exe" Str Na Ancestry [] proc::sid_exe "`proc.exe` of the session's leader.";
        "proc.sid.exepath" Str Na Ancestry [] proc::sid_exepath "`proc.exepath` of the session's leader.";
        "proc.vpgid" I64 Id Process [] proc::vpgid "Process group id in the process's own pid namespace.";
        "proc.vpgid.name" Str Na Ancestry [] proc::vpgid_name "Name of the process group's leader, by `proc.vpgid`.";
        "proc.vpgid.exe" Str Na Ancestry [] proc::vpgid_exe "`proc.exe` of the process group's leader, by `proc.vpgid`.";
        "proc.vpgid.exepath" Str Na Ancestry [] proc::vpgid_exepath "`proc.exepath` of the process group's leader, by `proc.vpgid`.";
        "proc.pgid" I64 Id Process [] proc::pgid "Process group id on the host.";
        "proc.pgid.name" Str Na Ancestry [] proc::pgid_name "Name of the process group's leader.";
        "proc.pgid.exe" Str Na Ancestry [] proc::pgid_exe "`proc.exe` of the process group's leader.";
        "proc.pgid.exepath" Str Na Ancestry [] proc::pgid_exepath "`proc.exepath` of the process group's leader.";
        "proc.duration" RelTime Dec Event [] proc::duration "Nanoseconds since the process was made.";
        "proc.ppid.duration" RelTime Dec Event [] proc::ppid_duration "Nanoseconds since the parent was made.";
        "proc.pid.ts" RelTime Dec Process [] proc::pid_ts "When the process was made, in nanoseconds since the epoch.";
        "proc.ppid.ts" RelTime Dec Ancestry [] proc::ppid_ts "When the parent was made, in nanoseconds since the epoch.";
        "proc.is_exe_writable" Bool Na Process [] proc::is_exe_writable "Whether the user of the process may write to its executable.";
        "proc.is_exe_upper_layer" Bool Na Process [] proc::is_exe_upper_layer "Whether the executable is in the upper layer of an overlayfs: put there after the image was made.";
        "proc.is_exe_lower_layer" Bool Na Process [] proc::is_exe_lower_layer "Whether the executable is in a lower layer of an overlayfs.";
        "proc.is_exe_from_memfd" Bool Na Process [] proc::is_exe_from_memfd "Whether the executable exists in memory only (memfd_create).";
        "proc.is_sid_leader" Bool Na Process [] proc::is_sid_leader "Whether the process leads its session.";
        "proc.is_vpgid_leader" Bool Na Process [] proc::is_vpgid_leader "Whether the process leads its process group, by the ids of its pid namespace.";
        "proc.is_pgid_leader" Bool Na Process [] proc::is_pgid_leader "Whether the process leads its process group.";
        "proc.exe_ino" I64 Dec Process [] proc::exe_ino "Inode number of the executable.";
        "proc.exe_ino.ctime" AbsTime Dec Process [] proc::exe_ino_ctime "When the executable's inode last changed, in nanoseconds since the epoch.";
        "proc.exe_ino.mtime" AbsTime Dec Process [] proc::exe_ino_mtime "When the executable's content last changed, in nanoseconds since the epoch.";
        "proc.exe_ino.ctime_duration_proc_start" AbsTime Dec Process [] proc::exe_ino_ctime_duration_proc_start "Nanoseconds from the last change of the executable's inode to the start of the process.";
        "proc.exe_ino.ctime_duration_pidns_start" AbsTime Dec Process [] proc::exe_ino_ctime_duration_pidns_start "Nanoseconds from the start of the pid namespace to a later change of the executable's inode.";
        "proc.pidns_init_start_ts" U64 Dec Process [] proc::pidns_init_start_ts "When the pid namespace was made, in nanoseconds since the epoch.";
        "thread.cap_permitted" Str Na Process [] thread::cap_permitted "Permitted capabilities, by name.";
        "thread.cap_inheritable" Str Na Process [] thread::cap_inheritable "Inheritable capabilities, by name.";
        "thread.cap_effective" Str Na Process [] thread::cap_effective "Effective capabilities, by name.";
        "proc.fdopencount" U64 Dec Event [] proc::fdopencount "How many descriptors the process has open.";
        "proc.fdlimit" I64 Dec Event [] proc::fdlimit "How many descriptors the process may open.";
        "proc.fdusage" Double Na Event [] proc::fdusage "Open descriptors in percent of the limit.";
        "proc.vmsize" U64 Dec Event [] proc::vmsize "Virtual memory of the process in KiB.";
        "proc.vmrss" U64 Dec Event [] proc::vmrss "Resident memory of the process in KiB.";
        "proc.vmswap" U64 Dec Event [] proc::vmswap "Swapped memory of the process in KiB.";
        "thread.pfmajor" U64 Dec Event [] thread::pfmajor "Major page faults of the thread.";
        "thread.pfminor" U64 Dec Event [] thread::pfminor "Minor page faults of the thread.";
        "thread.tid" I64 Id Process [] thread::tid "Thread id.";
        "thread.ismain" Bool Na Process [] thread::ismain "Whether the thread is the main one of its process.";
        "thread.vtid" I64 Id Process [] thread::vtid "Thread id in the thread's own pid namespace.";
        "thread.nametid" Str Na Process [TABLE_ONLY] thread::nametid "`proc.name` and `thread.tid` in one word.";
        "thread.exectime" RelTime Dec Constant [] evt::zero "How long a thread ran before it left the CPU. Always 0, as in Falco 0.44.";
        "thread.totexectime" RelTime Dec Process [] thread::totexectime "How long the thread ran since the source began. Always 0, as in Falco 0.44.";
        "thread.cgroups" Str Na Process [] thread::cgroups "All cgroups of the thread, each as `subsystem=path`.";
        "thread.cgroup"(Cgroup) Str Na Process [] thread::cgroup "Cgroup of the thread in one subsystem, e.g. `thread.cgroup.cpuset`.";
        "proc.nthreads" U64 Dec Process [] proc::nthreads "How many threads of the process live.";
        "proc.nchilds" U64 Dec Process [] proc::nchilds "How many threads of the process live, not counting the main one.";
        "thread.cpu" Double Na Event [] thread::cpu "CPU time of the thread between two snapshots of it. Always 0, as in Falco 0.44; null for other events.";
        "thread.cpu.user" Double Na Event [] thread::cpu "User part of `thread.cpu`.";
        "thread.cpu.system" Double Na Event [] thread::cpu "System part of `thread.cpu`.";
        "thread.vmsize" U64 Dec Event [] thread::vmsize "Virtual memory in KiB, for the main thread; 0 for others.";
        "thread.vmrss" U64 Dec Event [] thread::vmrss "Resident memory in KiB, for the main thread; 0 for others.";
        "thread.vmsize.b" U64 Dec Event [TABLE_ONLY] thread::vmsize_b "`thread.vmsize` in bytes.";
        "thread.vmrss.b" U64 Dec Event [TABLE_ONLY] thread::vmrss_b "`thread.vmrss` in bytes.";
        "proc.stdin.type" Str Na Event [] proc::stdin_type "What descriptor 0 of the process is.";
        "proc.stdout.type" Str Na Event [] proc::stdout_type "What descriptor 1 of the process is.";
        "proc.stderr.type" Str Na Event [] proc::stderr_type "What descriptor 2 of the process is.";
        "proc.stdin.name" Str Na Event [] proc::stdin_name "Name of descriptor 0 of the process.";
        "proc.stdout.name" Str Na Event [] proc::stdout_name "Name of descriptor 1 of the process.";
        "proc.stderr.name" Str Na Event [] proc::stderr_name "Name of descriptor 2 of the process.";
    }
    User {
        "user.uid" U32 Id Process [] user::uid "Effective user id.";
        "user.name" Str Na Process [] user::name "User name; `<NA>` for an unknown id.";
        "user.homedir" Str Na Process [] user::homedir "Home directory of the user.";
        "user.shell" Str Na Process [] user::shell "Shell of the user.";
        "user.loginuid" I64 Id Process [] user::loginuid "User id at login (the audit uid); -1 for none.";
        "user.loginname" Str Na Process [] user::loginname "Name of the user at login.";
    }
    Group {
        "group.gid" U32 Id Process [] user::gid "Effective group id.";
        "group.name" Str Na Process [] user::group_name "Group name; `<NA>` for an unknown id.";
    }
    Fd {
        "fd.num" I64 Id Event [] fd::num "Number of the descriptor.";
        "fd.type" Str Na Event [] fd::ty "What the descriptor is: `file`, `directory`, `ipv4`, `ipv6`, `unix`, `pipe`, `event`, `signalfd`, `eventpoll`, `inotify`, `memfd` and others.";
        "fd.typechar" Str Na Event [] fd::typechar "`fd.type` as one character: `f` file, `d` directory, `4` and `6` IP sockets, `u` Unix socket, `p` pipe and others.";
        "fd.name" Str Na Event [] fd::name "Full name: the absolute path of a file, both ends of a socket.";
        "fd.directory" Str Na Event [] fd::directory "Directory of a file.";
        "fd.filename" Str Na Event [] fd::filename "Name of a file without its directory.";
        "fd.ip" Ip Na Event [FILTER_ONLY | NO_RHS | NO_TRANSFORMER] fd::ip "Address of the client or of the server: true if either matches.";
        "fd.cip" Ip Na Event [] fd::cip "Address of the client.";
        "fd.sip" Ip Na Event [] fd::sip "Address of the server.";
        "fd.lip" Ip Na Event [] fd::lip "Address of the local end.";
        "fd.rip" Ip Na Event [] fd::rip "Address of the remote end.";
        "fd.port" Port Dec Event [FILTER_ONLY | NO_RHS | NO_TRANSFORMER] fd::port "Port of the client or of the server: true if either matches.";
        "fd.cport" Port Dec Event [] fd::cport "Port of the client.";
        "fd.sport" Port Dec Event [] fd::sport "Port of the server.";
        "fd.lport" Port Dec Event [] fd::lport "Port of the local end.";
        "fd.rport" Port Dec Event [] fd::rport "Port of the remote end.";
        "fd.l4proto" Str Na Event [] fd::l4proto "Protocol of a socket: `tcp`, `udp`, `icmp` or `raw`.";
        "fd.sockfamily" Str Na Event [] fd::sockfamily "Family of a socket: `ip` or `unix`.";
        "fd.is_server" Bool Na Event [] fd::is_server "Whether the process is the server of the connection.";
        "fd.uid" Str Na Event [] fd::uid "Thread id and descriptor number in one word: unique for the descriptor.";
        "fd.containername" Str Na Event [] fd::containername "Container id, a colon, `fd.name`.";
        "fd.containerdirectory" Str Na Event [] fd::containerdirectory "Container id, a colon, `fd.directory`.";
        "fd.proto" Port Na Event [FILTER_ONLY | NO_RHS | NO_TRANSFORMER] fd::port "Service of the client or of the server: true if either matches.";
        "fd.cproto" Str Na Event [] fd::cproto "Service of the client's port, or its number.";
        "fd.sproto" Str Na Event [] fd::sproto "Service of the server's port, or its number.";
        "fd.lproto" Str Na Event [] fd::lproto "Service of the local port, or its number.";
        "fd.rproto" Str Na Event [] fd::rproto "Service of the remote port, or its number.";
        "fd.net" Net Na Event [FILTER_ONLY | NO_RHS | NO_TRANSFORMER] fd::ip "Network of the client or of the server: true if either address is in it.";
        "fd.cnet" Net Na Event [FILTER_ONLY | NO_RHS | NO_TRANSFORMER] fd::cip "Network of the client.";
        "fd.snet" Net Na Event [FILTER_ONLY | NO_RHS | NO_TRANSFORMER] fd::sip "Network of the server.";
        "fd.lnet" Net Na Event [FILTER_ONLY | NO_RHS | NO_TRANSFORMER] fd::lip "Network of the local end.";
        "fd.rnet" Net Na Event [FILTER_ONLY | NO_RHS | NO_TRANSFORMER] fd::rip "Network of the remote end.";
        "fd.connected" Bool Na Event [] fd::connected "Whether the socket is connected.";
        "fd.name_changed" Bool Na Event [] fd::name_changed "Whether the event changed the descriptor's name, e.g. an unconnected UDP socket that speaks to somebody else.";
        "fd.cip.name" Str Na Event [NO_RHS | NO_TRANSFORMER] fd::host_name "Host name of the client. Null: names are not looked up.";
        "fd.sip.name" Str Na Event [NO_RHS | NO_TRANSFORMER] fd::host_name "Host name of the server. Null: names are not looked up.";
        "fd.lip.name" Str Na Event [NO_RHS | NO_TRANSFORMER] fd::host_name "Host name of the local end. Null: names are not looked up.";
        "fd.rip.name" Str Na Event [NO_RHS | NO_TRANSFORMER] fd::host_name "Host name of the remote end. Null: names are not looked up.";
        "fd.dev" I32 Hex Event [] fd::dev "Number of the device that holds the file.";
        "fd.dev.major" I32 Id Event [] fd::dev_major "Major part of `fd.dev`.";
        "fd.dev.minor" I32 Id Event [] fd::dev_minor "Minor part of `fd.dev`.";
        "fd.ino" I64 Dec Event [] fd::ino "Inode number of the file.";
        "fd.nameraw" Str Na Event [] fd::nameraw "Path of a file as it was given to the call.";
        "fd.types"(Level) Str Na Event [LIST | NO_RHS] fd::types "Kinds of all open descriptors; [0] is a list with that of descriptor 0.";
        "fd.is_upper_layer" Bool Na Event [] fd::is_upper_layer "Whether the file is in the upper layer of an overlayfs.";
        "fd.is_lower_layer" Bool Na Event [] fd::is_lower_layer "Whether the file is in a lower layer of an overlayfs.";
    }
    FsPath {
        "fs.path.name" Str Na Event [] fspath::name "Path that a call works on, made absolute.";
        "fs.path.nameraw" Str Na Event [] fspath::nameraw "Path that a call works on, as it was given.";
        "fs.path.source" Str Na Event [] fspath::source "Source path of a call with two paths, made absolute.";
        "fs.path.sourceraw" Str Na Event [] fspath::sourceraw "Source path of a call with two paths, as it was given.";
        "fs.path.target" Str Na Event [] fspath::target "Target path of a call with two paths, made absolute.";
        "fs.path.targetraw" Str Na Event [] fspath::targetraw "Target path of a call with two paths, as it was given.";
    }
    Util {
        "util.cnt" U64 Dec Event [HIDDEN] evt::count "Counts how often it is asked.";
    }
    FdList {
        "fdlist.nums" Str Na Event [] fd::list_nums "poll: numbers of the descriptors, joined by commas.";
        "fdlist.names" Str Na Event [] fd::list_names "poll: names of the descriptors, joined by commas.";
        "fdlist.cips" Str Na Event [] fd::list_cips "poll: addresses of the clients, joined by commas.";
        "fdlist.sips" Str Na Event [] fd::list_sips "poll: addresses of the servers, joined by commas.";
        "fdlist.cports" Str Na Event [] fd::list_cports "poll: ports of the clients, joined by commas.";
        "fdlist.sports" Str Na Event [] fd::list_sports "poll: ports of the servers, joined by commas.";
    }
    Container {
        "container.id" Str Na Process [] container::id "First 12 characters of the container's id; `host` outside of containers.";
        "container.full_id" Str Na Process [] container::full_id "The container's whole id.";
        "container.name" Str Na Process [] container::name "Name of the container; `host` outside of containers.";
        "container.image" Str Na Process [] container::image "Image of the container with its tag.";
        "container.image.id" Str Na Process [] container::image_id "Id of the image.";
        "container.type" Str Na Process [] container::ty "What runs the container: `docker`, `containerd`, `cri-o`, `podman` or another; `host` outside of containers.";
        "container.privileged" Bool Na Process [] container::privileged "Whether the container is privileged.";
        "container.mounts" Str Na Process [] container::mounts "All mounts, each as `source:dest:mode:rdrw:propagation`, joined by commas.";
        "container.mount"(IndexOrKey) Str Na Process [] container::mount "One mount, by number or by its source (which may be a glob).";
        "container.mount.source"(IndexOrKey) Str Na Process [] container::mount_source "Source of a mount, by number or by its destination.";
        "container.mount.dest"(IndexOrKey) Str Na Process [] container::mount_dest "Destination of a mount, by number or by its source.";
        "container.mount.mode"(IndexOrKey) Str Na Process [] container::mount_mode "Mode of a mount, by number or by its source.";
        "container.mount.rdwr"(IndexOrKey) Str Na Process [] container::mount_rdwr "Whether a mount is writable, by number or by its source.";
        "container.mount.propagation"(IndexOrKey) Str Na Process [] container::mount_propagation "Propagation of a mount, by number or by its source.";
        "container.image.repository" Str Na Process [] container::image_repository "Repository of the image.";
        "container.image.tag" Str Na Process [] container::image_tag "Tag of the image.";
        "container.image.digest" Str Na Process [] container::image_digest "Digest of the image in its registry.";
        "container.healthcheck" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "container.liveness_probe" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "container.readiness_probe" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "container.start_ts" AbsTime Dec Process [] container::start_ts "When the container was started, in nanoseconds since the epoch: the start of its pid namespace.";
        "container.duration" RelTime Dec Event [] container::duration "Nanoseconds since the container was started.";
        "container.ip" Str Na Process [] container::ip "First IPv4 address of the container.";
        "container.cni.json" Str Na Process [] container::cni_json "Network interfaces of the pod as the runtime reports them, in JSON.";
        "container.host_pid" Bool Na Process [] container::host_pid "Whether the container shares the pid namespace of the host.";
        "container.host_network" Bool Na Process [] container::host_network "Whether the container shares the network namespace of the host.";
        "container.host_ipc" Bool Na Process [] container::host_ipc "Whether the container shares the IPC namespace of the host.";
        "container.label"(Key) Str Na Process [] container::label "One label of the container.";
        "container.labels" Str Na Process [] container::labels "All labels of the container, each as `key:value`, joined by commas.";
        "proc.is_container_healthcheck" Bool Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "proc.is_container_liveness_probe" Bool Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "proc.is_container_readiness_probe" Bool Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.pod.name" Str Na Process [] container::pod_name "Name of the pod.";
        "k8s.ns.name" Str Na Process [] container::ns_name "Namespace of the pod.";
        "k8s.pod.id" Str Na Process [] container::pod_uid "The same as `k8s.pod.uid`.";
        "k8s.pod.uid" Str Na Process [] container::pod_uid "Unique id that Kubernetes gave to the pod.";
        "k8s.pod.sandbox_id" Str Na Process [] container::pod_sandbox_id "First 12 characters of the id of the pod's sandbox.";
        "k8s.pod.full_sandbox_id" Str Na Process [] container::pod_full_sandbox_id "Whole id of the pod's sandbox.";
        "k8s.pod.label"(Key) Str Na Process [] container::pod_label "One label of the pod.";
        "k8s.pod.labels" Str Na Process [] container::pod_labels "All labels of the pod, each as `key:value`, joined by commas.";
        "k8s.pod.ip" Str Na Process [] container::pod_ip "First IPv4 address of the pod.";
        "k8s.pod.cni.json" Str Na Process [] container::pod_cni_json "Network interfaces of the pod as the runtime reports them, in JSON.";
        "k8s.rc.name" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.rc.id" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.rc.label"(Key) Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.rc.labels" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.svc.name" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.svc.id" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.svc.label"(Key) Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.svc.labels" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.ns.id" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.ns.label"(Key) Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.ns.labels" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.rs.name" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.rs.id" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.rs.label"(Key) Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.rs.labels" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.deployment.name" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.deployment.id" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.deployment.label"(Key) Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
        "k8s.deployment.labels" Str Na Constant [DEPRECATED | NULL] container::null "Always null.";
    }
    Saker {
        "saker.proc.comm" Str Na Process [] proc::comm "Name that the thread gave itself (by prctl), which `proc.name` does not follow; `proc.name` if it gave none.";
        "saker.proc.realexe" Str Na Process [] sensor::realexe "Path of the program as the kernel resolved it, whatever the call asked for; null where a capture does not tell.";
        "saker.fd.realpath" Str Na Event [] sensor::realpath "Path of the opened file from the kernel's own objects, seen from the root of the process: links, `..` and names that the program changed meanwhile cannot hide it. Null where no sensor told.";
        "saker.fd.path_mismatch" Bool Na Event [] sensor::path_mismatch "Whether the opened file is elsewhere than `fd.name` says. Links make honest mismatches, too (`/bin` to `/usr/bin`). Null where no sensor told.";
        "saker.container.incomplete" Bool Na Process [] container::incomplete "Whether something is missing in what is known of the process's container: its runtime had not told of it in time, or cannot be asked. False on the host.";
        "saker.io_uring" Bool Na Event [] sensor::io_uring "Whether the event is an operation of an io_uring, told as the call that it stands for.";
    }
}
