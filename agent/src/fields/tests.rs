//! Values of fields on events of the bundled capture. All of them are the ones that Falco 0.44 gives, except where a
//! test says why not.

use saker_filter::{Context, Field, Schema, Value};

use super::{Class, EventContext, FIELDS, FieldSchema, Traits, render_json};
use crate::capture::scap::ScapReader;
use crate::config::Config;
use crate::event::{Event, EventId, ParamsBuf, id};
use crate::pipeline::Pipeline;

const CAPTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/data/vm_small.scap.gz");

/// Asks `look` about the event with the number `num`.
fn at<R>(num: u64, look: impl FnOnce(&EventContext<'_>) -> R) -> R {
    let mut pipeline = pipeline();
    let mut reader = ScapReader::open(CAPTURE.as_ref()).unwrap();
    while let Some(snapshot) = reader.next_section().unwrap() {
        pipeline.begin(snapshot);
        while let Some(event) = reader.next().unwrap() {
            if event.num == num {
                return pipeline.event(&event, true, look).expect("an event that rules meet");
            }
            pipeline.event(&event, false, |_| ());
        }
    }
    panic!("no event {num}");
}

fn pipeline() -> Pipeline {
    Pipeline::new(&Config::from_options(&["saker.builtin_plugins=[]".to_owned()]).unwrap())
}

/// Asks `look` about an event that is alone in the world.
fn on<R>(id: EventId, params: &[&[u8]], look: impl FnOnce(&EventContext<'_>) -> R) -> R {
    let params = ParamsBuf::of(params);
    let event = Event::new(1, 1_700_000_000_000_000_000, 7, 0, id, 0, params.params());
    pipeline().event(&event, true, look).expect("an event that rules meet")
}

/// A field by its name in an output.
fn field(name: &str) -> Field {
    let (name, arg) = match name.strip_suffix(']').and_then(|open| open.split_once('[')) {
        Some((bare, arg)) => (bare, Some(arg.as_bytes())),
        None => (name, None),
    };
    FieldSchema::new(false).resolve(name, arg).unwrap()
}

/// A line `name value` for each of the fields that has a value, in JSON.
fn values<'n>(context: &EventContext<'_>, names: impl IntoIterator<Item = &'n str>) -> String {
    let mut out = Vec::new();
    for name in names {
        let field = field(name);
        if let Some(value) = context.shown(&field) {
            out.extend_from_slice(format!("{name} ").as_bytes());
            render_json(context, &field, value, &mut out);
            out.push(b'\n');
        }
    }
    String::from_utf8(out).unwrap()
}

/// The fields of a class that can be asked without an argument.
fn class(class: Class) -> impl Iterator<Item = &'static str> {
    let rows = FIELDS.iter().enumerate().filter(move |(_, info)| {
        info.class == class && !info.traits.intersects(Traits::FILTER_ONLY | Traits::HIDDEN)
    });
    rows.map(|(_, info)| info.name).filter(|name| FieldSchema::new(false).resolve(name, None).is_ok())
}

#[test]
fn any_event() {
    let names = class(Class::Evt).filter(|name| !name.contains("time") || name.contains("rawtime"));
    let got = at(2142, |context| values(context, names));
    insta::assert_snapshot!(got, @r#"
    evt.num 2142
    evt.rawtime 1795325808389295938
    evt.rawtime.s 1795325808
    evt.rawtime.ns 389295938
    evt.source "syscall"
    evt.is_async false
    evt.hostname ""
    "#);
}

#[test]
fn open_of_a_file() {
    // The counters and what is 0 in any case would only make it longer.
    let syscall = class(Class::EvtSyscall).filter(|name| {
        !["evt.count", "evt.latency", "evt.deltatime", "evt.wait"].iter().any(|start| name.starts_with(start))
    });
    let names = syscall.chain(["evt.arg.flags", "evt.arg[0]", "evt.rawarg.flags", "evt.rawarg.name"]);
    let got = at(2142, |context| values(context, names.chain(class(Class::Fd)).chain(class(Class::FsPath))));
    insta::assert_snapshot!(got, @r#"
    evt.outputtime 1795325808389295938
    evt.dir "<"
    evt.type "openat"
    syscall.type "openat"
    evt.category "file"
    evt.cpu 1
    evt.args "fd=3(<f>/proc/self/maps) dirfd=-100(AT_FDCWD) name=/proc/self/maps flags=1(O_RDONLY) mode=0 dev=17 ino=142"
    evt.info "fd=3(<f>/proc/self/maps) dirfd=-100(AT_FDCWD) name=/proc/self/maps flags=1(O_RDONLY) mode=0 dev=17 ino=142"
    evt.res "SUCCESS"
    evt.rawres 3
    evt.failed false
    evt.is_io false
    evt.is_io_read false
    evt.is_io_write false
    evt.is_wait false
    evt.is_syslog false
    evt.abspath "/proc/self/maps"
    evt.is_open_read true
    evt.is_open_write false
    evt.is_open_exec false
    evt.is_open_create false
    evt.arg.flags "O_RDONLY"
    evt.arg[0] "<f>/proc/self/maps"
    evt.rawarg.flags "1"
    evt.rawarg.name "/proc/self/maps"
    fd.num 3
    fd.type "file"
    fd.typechar "f"
    fd.name "/proc/self/maps"
    fd.directory "/proc/self"
    fd.filename "maps"
    fd.l4proto "<NA>"
    fd.is_server false
    fd.uid "1553"
    fd.containername ":/proc/self/maps"
    fd.containerdirectory ":/proc/self"
    fd.connected false
    fd.name_changed true
    fd.dev "17"
    fd.dev.major 0
    fd.dev.minor 23
    fd.ino 142
    fd.nameraw "/proc/self/maps"
    fd.types ["file"]
    fd.is_upper_layer false
    fd.is_lower_layer false
    fs.path.name "/proc/self/maps"
    fs.path.nameraw "/proc/self/maps"
    "#);
}

#[test]
fn start_of_a_process() {
    let names = class(Class::Process).chain(class(Class::User)).chain(class(Class::Group));
    let more = ["proc.aname[2]", "proc.apid[1]", "proc.env[HOME]", "proc.aenv[HOME]", "thread.cgroup.cpu"];
    let got = at(1437, |context| values(context, names.chain(more)));
    insta::assert_snapshot!(got, @r#"
    proc.exe "ls"
    proc.pexe "bash"
    proc.aexe "bash bash /bin/bash"
    proc.exepath "/usr/bin/ls"
    proc.pexepath "/usr/bin/bash"
    proc.aexepath "/usr/bin/bash /usr/bin/bash /usr/bin/bash"
    proc.name "ls"
    proc.pname "bash"
    proc.aname "bash bash init.sh"
    proc.args "-la /root"
    proc.aargs "/mnt/w_small.sh /mnt/run.sh /mnt/init.sh"
    proc.cmdline "ls -la /root"
    proc.pcmdline "bash /mnt/w_small.sh"
    proc.acmdline "bash /mnt/w_small.sh bash /mnt/run.sh init.sh /mnt/init.sh"
    proc.cmdnargs 2
    proc.cmdlenargs 8
    proc.exeline "ls -la /root"
    proc.env "JOBS=small large PWD=/mnt HOME=/root LANG=C TERM=linux jobs=small,large SHLVL=4 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin OLDPWD=/ _=/usr/bin/ls"
    proc.aenv "JOBS=small large PWD=/mnt HOME=/root LANG=C TERM=linux jobs=small,large SHLVL=4 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin OLDPWD=/ _=/usr/bin/ls"
    proc.cwd "/mnt/"
    proc.loginshellid 1
    proc.tty 0
    proc.pid 151
    proc.ppid 147
    proc.apid 151
    proc.vpid 151
    proc.pvpid 147
    proc.sid 0
    proc.sname "init.sh"
    proc.sid.exe "/bin/bash"
    proc.sid.exepath "/usr/bin/bash"
    proc.vpgid 0
    proc.vpgid.name "init.sh"
    proc.vpgid.exe "/bin/bash"
    proc.vpgid.exepath "/usr/bin/bash"
    proc.pgid 0
    proc.pgid.name "init.sh"
    proc.pgid.exe "/bin/bash"
    proc.pgid.exepath "/usr/bin/bash"
    proc.duration 25025715
    proc.ppid.duration 663948023
    proc.pid.ts 1795325807763511223
    proc.ppid.ts 1795325807124588915
    proc.is_exe_writable true
    proc.is_exe_upper_layer false
    proc.is_exe_lower_layer false
    proc.is_exe_from_memfd false
    proc.is_sid_leader false
    proc.is_vpgid_leader false
    proc.is_pgid_leader false
    proc.exe_ino 1130
    proc.exe_ino.ctime 1795324683000000000
    proc.exe_ino.mtime 1772143193000000000
    proc.exe_ino.ctime_duration_proc_start 1124763511223
    thread.cap_permitted "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE"
    thread.cap_inheritable ""
    thread.cap_effective "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE"
    proc.fdopencount 3
    proc.fdlimit 65536
    proc.fdusage 0.00457763671875
    proc.vmsize 564
    proc.vmrss 0
    proc.vmswap 0
    thread.pfmajor 0
    thread.pfminor 49
    thread.tid 151
    thread.ismain true
    thread.vtid 151
    thread.nametid "ls151"
    thread.exectime 0
    thread.totexectime 0
    thread.cgroups "cpuset=/ cpu=/ cpuacct=/ blkio=/ memory=/ devices=/ freezer=/ net_cls=/ perf_event=/ net_prio=/ hugetlb=/ pids=/ rdma=/ misc=/"
    proc.nthreads 1
    proc.nchilds 0
    thread.vmsize 564
    thread.vmrss 0
    thread.vmsize.b 577536
    thread.vmrss.b 0
    proc.stdin.type "file"
    proc.stdout.type "file"
    proc.stderr.type "file"
    proc.stdin.name "/dev/null"
    proc.stdout.name "/dev/null"
    proc.stderr.name "/dev/null"
    user.uid 0
    user.name "root"
    user.homedir "/root"
    user.shell "/bin/bash"
    user.loginuid -1
    user.loginname "<NA>"
    group.gid 0
    group.name "root"
    proc.aname[2] "bash"
    proc.apid[1] 147
    proc.env[HOME] "/root"
    proc.aenv[HOME] "/root"
    thread.cgroup.cpu "/"
    "#);
}

#[test]
fn connection() {
    let got = at(8128, |context| values(context, class(Class::Fd).chain(["evt.args", "evt.buffer"])));
    insta::assert_snapshot!(got, @r#"
    fd.num 3
    fd.type "ipv4"
    fd.typechar "4"
    fd.name "127.0.0.1:48291->127.0.0.1:53"
    fd.cip "127.0.0.1"
    fd.sip "127.0.0.1"
    fd.lip "127.0.0.1"
    fd.rip "127.0.0.1"
    fd.cport 48291
    fd.sport 53
    fd.lport 48291
    fd.rport 53
    fd.l4proto "udp"
    fd.sockfamily "ip"
    fd.is_server true
    fd.uid "1923"
    fd.containername ":127.0.0.1:48291->127.0.0.1:53"
    fd.cproto "48291"
    fd.sproto "53"
    fd.lproto "48291"
    fd.rproto "53"
    fd.connected true
    fd.name_changed true
    fd.dev "0"
    fd.dev.major 0
    fd.dev.minor 0
    fd.ino 0
    fd.nameraw ""
    fd.types ["ipv4","file"]
    fd.is_upper_layer false
    fd.is_lower_layer false
    evt.args "res=1 data=q fd=3(<4u>127.0.0.1:48291->127.0.0.1:53) size=1 tuple=0.0.0.0:48291->127.0.0.1:53"
    evt.buffer "q"
    "#);
}

#[test]
fn poll() {
    let got = at(10311, |context| values(context, class(Class::FdList).chain(["evt.args"])));
    insta::assert_snapshot!(got, @r#"
    fdlist.nums "0,3,3,1"
    fdlist.names "<NA>,127.0.0.1:37250->127.0.0.1:4444,127.0.0.1:37250->127.0.0.1:4444,/dev/null"
    fdlist.cips "127.0.0.1,127.0.0.1"
    fdlist.sips "127.0.0.1,127.0.0.1"
    fdlist.cports "37250,37250"
    fdlist.sports "4444,4444"
    evt.args "res=1 fds=0:p21 3:40 3:40 1:f0 timeout=-1"
    "#);
}

#[test]
fn a_number_that_is_not_there_shows_as_0_and_does_not_exist() {
    let res = 0i64.to_le_bytes();
    on(id::SYSCALL_READ_X, &[&res, b"", b"", b""], |context| {
        let size = field("evt.rawarg.size");
        assert_eq!((context.get(&size), context.shown(&size)), (None, Some(Value::UInt(0))));
        let data = field("evt.buffer");
        let empty = Some(Value::Bytes(b""));
        assert_eq!((context.get(&data), context.shown(&data)), (empty, empty));
    });
}

#[test]
fn payloads_compare_as_they_are_and_show_what_can_be_printed() {
    let res = 4i64.to_le_bytes();
    on(id::SYSCALL_READ_X, &[&res, b"a\0\xffb", &3i64.to_le_bytes(), &4u32.to_le_bytes()], |context| {
        let data = field("evt.buffer");
        assert_eq!(context.get(&data), Some(Value::Bytes(b"a\0\xffb")));
        assert_eq!(context.shown(&data), Some(Value::Bytes(b"a..b")));
    });
}

#[test]
fn time_never_goes_back() {
    let params = ParamsBuf::of(&[]);
    let delta = field("evt.deltatime");
    let mut pipeline = pipeline();
    let mut at = |ts| {
        let event = Event::new(1, ts, 7, 0, id::SYSCALL_UNSHARE_X, 0, params.params());
        pipeline.event(&event, true, |context| context.get(&delta).map(|value| format!("{value:?}")))
    };
    let deltas = [1000, 1500, 1200, 1300].map(|ts| at(ts).flatten().unwrap_or_default());
    assert_eq!(deltas, ["UInt(0)", "UInt(500)", "UInt(0)", "UInt(100)"]);
}

/// Which of these conditions hold.
fn holding<'c>(context: &EventContext<'_>, conditions: &[&'c str]) -> Vec<&'c str> {
    let schema = FieldSchema::new(false);
    let holds = |text: &&&str| {
        let checked = saker_filter::check(&saker_filter::parse(text, 10).unwrap(), &schema).unwrap();
        let mut compiler = saker_filter::Compiler::new();
        compiler.add(&checked.condition);
        let (table, programs) = compiler.finish();
        saker_filter::Evaluation::new(&table, context, &mut saker_filter::Memo::default())
            .matches(&programs[0])
    };
    conditions.iter().filter(holds).copied().collect()
}

#[test]
fn a_file_has_neither_an_address_nor_another_one() {
    let of_file = ["fd.ip exists", "fd.port exists", "fd.net exists", "fd.proto exists", "fd.type = file"];
    let not = [
        "fd.ip = 127.0.0.1",
        "fd.ip != 127.0.0.1",
        "fd.ip in (127.0.0.1)",
        "fd.net != 10.0.0.0/8",
        "fd.port != 80",
        "fd.port >= 0",
        "fd.port in (0, 80)",
        "fd.sip exists",
        "fd.snet exists",
        "fd.sport exists",
    ];
    let got = at(2142, |context| {
        assert_eq!(context.shown(&field("fd.sip")), None);
        holding(context, &[&of_file[..], &not].concat())
    });
    assert_eq!(got, of_file);
}

#[test]
fn conditions_ask_all_ancestors_for_their_environment() {
    let conditions = ["proc.aenv contains HOME", "proc.aenv[1] contains HOME", "proc.aenv[9] contains HOME"];
    let (got, shown) =
        at(2142, |context| (holding(context, &conditions), context.shown(&field("proc.aenv[9]")).is_some()));
    assert_eq!((got.as_slice(), shown), (&conditions[..], false));
}
