//! The processes of a case, as the table at the head of a capture has them, and the records of what they do.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::file::{Container, Identity, Open, Problem, Process, Script};
use super::params::{self, Actor};
use super::value::{self, End, strings};
use crate::capture::{FdInfo, FdRecord, GroupRecord, MachineInfo, ProcessRecord, Snapshot, UserRecord};
use crate::event::{EventId, ParamsBuf, id};
use crate::fields::names::capability_bit;
use crate::spell::hint;

/// When the first event happens, nanoseconds since the epoch.
pub(super) const START: u64 = 1_700_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;
/// What processes get that begin with no other word: the first is 1000, its child 1001.
const FIRST_PID: i64 = 1000;
const SHIM_PID: i64 = 900;
/// `PPM_CL_CHILD_IN_PIDNS`.
const CHILD_IN_PIDNS: u32 = 1 << 29;
/// All capabilities there are.
const ALL_CAPABILITIES: u64 = (1 << 41) - 1;
/// What runtimes leave to root in a container.
const CONTAINER_CAPABILITIES: u64 = 0xa804_25fb;
/// The id of a container that has none.
const CONTAINER_ID: &str = "3ad7b26ded6d";

/// A case, ready to be run.
#[derive(Debug)]
pub(super) struct World {
    pub snapshot: Snapshot,
    pub records: Vec<Record>,
}

/// A record of a driver.
#[derive(Debug)]
pub(super) struct Record {
    pub tid: i64,
    pub id: EventId,
    pub params: ParamsBuf,
    /// The file that the kernel found behind the name, if a sensor would tell.
    pub real: Option<Vec<u8>>,
    /// It was done through io_uring.
    pub io_uring: bool,
    /// Which of the case's events it is; `None` if it only leads up to them.
    pub action: Option<usize>,
}

/// Builds the records of a case.
pub(super) fn build(script: &Script) -> Result<World, Vec<Problem>> {
    let mut builder = Builder { problems: Vec::new(), container: script.container.as_ref() };
    let mut snapshot = Snapshot::new();
    snapshot.machine = Some(MachineInfo {
        cpus: 2,
        memory: 8 << 30,
        max_pid: 1 << 22,
        hostname: b"test".to_vec(),
        boot_ts: START - 24 * 3600 * SECOND,
        flags: 0,
    });
    let mut actors = builder.processes(&script.processes, &mut snapshot);
    let mut records = builder.told(&script.processes, &mut snapshot);
    if !builder.problems.is_empty() {
        return Err(builder.problems);
    }
    for (number, action) in script.events.iter().enumerate() {
        let actor = match &action.by {
            None => actors.len() - 1,
            Some((place, name)) => match actors.iter().rposition(|actor| actor.name == *name) {
                Some(actor) => actor,
                None => {
                    let hint = hint(name, actors.iter().map(|actor| actor.name.as_str()));
                    let message = format!("no process of this case is called '{name}'{hint}");
                    builder.problems.push(Problem { place: *place, message });
                    continue;
                }
            },
        };
        let Some(actor) = actors.get_mut(actor) else { continue };
        let number = (!action.scene).then_some(number);
        match params::records(action, number, actor) {
            Ok(made) => records.extend(made),
            Err(mut problems) => builder.problems.append(&mut problems),
        }
    }
    if builder.problems.is_empty() { Ok(World { snapshot, records }) } else { Err(builder.problems) }
}

struct Builder<'s> {
    problems: Vec<Problem>,
    container: Option<&'s Container>,
}

impl Record {
    /// What leads up to an event of the case.
    pub(super) fn before(tid: i64, id: EventId, values: &[&[u8]]) -> Record {
        Record { tid, id, params: ParamsBuf::of(values), real: None, io_uring: false, action: None }
    }
}

impl Builder<'_> {
    /// The id of the case's container in full length.
    fn container_id(&self) -> Option<String> {
        let id = self.container?.id.as_deref().unwrap_or(CONTAINER_ID);
        Some(format!("{id:0<64}"))
    }

    fn privileged(&self) -> bool {
        self.container.is_some_and(|container| container.flags.contains(&"privileged"))
    }

    /// Fills the snapshot with the processes and those that every machine has above them.
    fn processes(&mut self, processes: &[Process], snapshot: &mut Snapshot) -> Vec<Actor> {
        let mut above = ProcessRecord { cwd: b"/".to_vec(), root: b"/".to_vec(), ..ProcessRecord::default() };
        above.cgroups = cgroups("/");
        above.env =
            strings(&["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()]);
        above.fdlimit = 1024;
        if !processes.iter().any(|process| process.pid == Some(1)) {
            above = implied(&above, 1, "systemd", "/usr/lib/systemd/systemd");
            snapshot.processes.push(above.clone());
        }
        let contained = |process: &Process| self.container.is_some() && !process.host;
        if processes.first().is_some_and(contained) {
            above = implied(&above, SHIM_PID, "containerd-shim", "/usr/bin/containerd-shim-runc-v2");
            snapshot.processes.push(above.clone());
        }
        let mut actors: Vec<Actor> = Vec::new();
        let mut fds: Vec<Open> = Vec::new();
        let mut taken: BTreeSet<i64> = processes.iter().filter_map(|process| process.pid).collect();
        for (index, process) in processes.iter().enumerate() {
            let pid = process.pid.unwrap_or_else(|| {
                let free = (FIRST_PID + index as i64..).find(|pid| !taken.contains(pid));
                free.unwrap_or(FIRST_PID)
            });
            taken.insert(pid);
            if snapshot.processes.iter().any(|other| other.tid == pid) {
                self.fail(process, format!("two processes have the id {pid}"));
            }
            let inside = self.container.is_some() && !process.host;
            let record = self.process(process, pid, inside, index == 0, &above);
            for open in &process.fds {
                fds.retain(|other| other.fd != open.fd);
                fds.push(open.clone());
            }
            let mut open = BTreeSet::new();
            for fd in &fds {
                open.insert(fd.fd);
                match descriptor(fd) {
                    Ok(info) => {
                        let ino = 5000 + fd.fd.unsigned_abs();
                        snapshot.fds.push(FdRecord { tid: pid, fd: fd.fd, ino, info });
                    }
                    Err(message) => self.problems.push(Problem { place: fd.place, message }),
                }
            }
            actors.push(Actor { name: name_of(process), record: record.clone(), fds: open, children: 0 });
            above = record;
            snapshot.processes.push(above.clone());
        }
        actors
    }

    fn fail(&mut self, process: &Process, message: String) {
        self.problems.push(Problem { place: process.place, message });
    }

    fn process(
        &mut self,
        process: &Process,
        pid: i64,
        inside: bool,
        outermost: bool,
        above: &ProcessRecord,
    ) -> ProcessRecord {
        let name = name_of(process);
        let exe = process.exe.clone().unwrap_or_else(|| format!("/usr/bin/{name}"));
        let was_inside = above.flags & CHILD_IN_PIDNS != 0;
        let vpid = match (inside, was_inside) {
            (false, _) => pid,
            (true, true) => above.vpid + 1,
            // The first in its namespace, unless the host put it there.
            (true, false) if outermost => 1,
            (true, false) => 60,
        };
        let uid = process.user.as_ref().map_or(above.uid, |user| user.id);
        let leads = outermost || process.session || (inside && !was_inside);
        let flag = |name: &str| process.flags.iter().any(|flag| flag == name);
        let capabilities = match &process.capabilities {
            Some(names) => self.capabilities(process, names),
            None if uid != 0 => 0,
            None if inside && !self.privileged() => CONTAINER_CAPABILITIES,
            None => ALL_CAPABILITIES,
        };
        // What was put into a running container, or written just now, is young.
        let young = flag("exe_upper_layer") || flag("exe_from_memfd");
        let changed = if young { START - 60 * SECOND } else { START - 30 * 24 * 3600 * SECOND };
        ProcessRecord {
            tid: pid,
            pid,
            ptid: above.pid,
            sid: if leads { vpid } else { above.sid },
            vpgid: vpid,
            pgid: pid,
            vtid: vpid,
            vpid,
            comm: params::comm(&name),
            exe: process.argv0.clone().unwrap_or_else(|| name.clone()).into_bytes(),
            exepath: exe.into_bytes(),
            args: strings(&process.args),
            env: process.env.as_ref().map_or_else(|| above.env.clone(), strings),
            cgroups: match self.container_id().filter(|_| inside) {
                Some(id) => cgroups(&format!("/docker/{id}")),
                None => cgroups("/"),
            },
            cwd: process.cwd.as_ref().map_or_else(|| above.cwd.clone(), |cwd| cwd.clone().into_bytes()),
            root: b"/".to_vec(),
            fdlimit: above.fdlimit,
            flags: if inside { CHILD_IN_PIDNS } else { 0 },
            uid,
            gid: process.group.as_ref().map_or(above.gid, |group| group.id),
            loginuid: process.login.as_ref().map_or(above.loginuid, |login| login.id),
            vmsize_kb: 10_000,
            vmrss_kb: 2_000,
            pidns_init_start_ts: if inside { START - 3600 * SECOND } else { START - 24 * 3600 * SECOND },
            tty: process.tty.unwrap_or(above.tty),
            exe_writable: flag("exe_writable"),
            exe_upper_layer: flag("exe_upper_layer"),
            exe_lower_layer: flag("exe_lower_layer"),
            exe_from_memfd: flag("exe_from_memfd"),
            exe_ino: 9000 + pid.unsigned_abs(),
            exe_ino_ctime: changed,
            exe_ino_mtime: changed,
            cap_inheritable: 0,
            cap_permitted: capabilities,
            cap_effective: capabilities,
            ..ProcessRecord::default()
        }
    }

    fn capabilities(&mut self, process: &Process, names: &[String]) -> u64 {
        let mut set = 0;
        for name in names {
            match capability_bit(name) {
                Some(bit) => set |= 1 << bit,
                None => self
                    .fail(process, format!("'{name}' is no capability; they are called like CAP_SYS_ADMIN")),
            }
        }
        set
    }

    /// Users, groups and the container: as a capture tells of them before anything else.
    fn told(&mut self, processes: &[Process], snapshot: &mut Snapshot) -> Vec<Record> {
        let mut records = Vec::new();
        let tid = snapshot.processes.last().map_or(1, |process| process.tid);
        let mut record = |id, values: &[&[u8]]| {
            records.push(Record::before(tid, id, values));
        };
        if let (Some(container), Some(id)) = (self.container, self.container_id()) {
            let mut told = description(container, &id).to_string().into_bytes();
            told.push(0);
            record(id::CONTAINER_JSON_2_E, &[&told]);
        }
        let root = Identity { id: 0, home: Some("/root".to_owned()), ..Identity::default() };
        let users = processes.iter().flat_map(|process| process.user.iter().chain(&process.login));
        let users = std::iter::once(&root).chain(users).filter(|user| user.id != u32::MAX);
        let short = self.container_id().map(|id| id[..12].to_owned());
        for user in users {
            let name = identity_name(user);
            let home = user.home.clone().unwrap_or_else(|| format!("/home/{name}"));
            let shell = user.shell.clone().unwrap_or_else(|| "/bin/bash".to_owned());
            if let Some(short) = &short {
                record(
                    id::USER_ADDED_E,
                    &[
                        &user.id.to_le_bytes(),
                        &user.id.to_le_bytes(),
                        &value::terminated(&name),
                        &value::terminated(&home),
                        &value::terminated(&shell),
                        &value::terminated(short),
                    ],
                );
            }
            snapshot.users.push(UserRecord {
                uid: user.id,
                gid: user.id,
                name: name.into_bytes(),
                home: home.into_bytes(),
                shell: shell.into_bytes(),
            });
        }
        let root = Identity::default();
        let groups =
            std::iter::once(&root).chain(processes.iter().filter_map(|process| process.group.as_ref()));
        for group in groups {
            let name = identity_name(group);
            if let Some(short) = &short {
                let values: [&[u8]; 3] =
                    [&group.id.to_le_bytes(), &value::terminated(&name), &value::terminated(short)];
                record(id::GROUP_ADDED_E, &values);
            }
            snapshot.groups.push(GroupRecord { gid: group.id, name: name.into_bytes() });
        }
        records
    }
}

fn identity_name(identity: &Identity) -> String {
    let unnamed = || if identity.id == 0 { "root".to_owned() } else { format!("user{}", identity.id) };
    identity.name.clone().unwrap_or_else(unnamed)
}

/// A process that is there although no case names it.
fn implied(above: &ProcessRecord, pid: i64, name: &str, exe: &str) -> ProcessRecord {
    ProcessRecord {
        tid: pid,
        pid,
        ptid: above.pid,
        sid: pid,
        vpgid: pid,
        pgid: pid,
        vtid: pid,
        vpid: pid,
        comm: params::comm(name),
        exe: exe.into(),
        exepath: exe.into(),
        exe_ino: 9000 + pid.unsigned_abs(),
        cap_permitted: ALL_CAPABILITIES,
        cap_effective: ALL_CAPABILITIES,
        pidns_init_start_ts: START - 24 * 3600 * SECOND,
        ..above.clone()
    }
}

fn name_of(process: &Process) -> String {
    let exe = || process.exe.as_deref().and_then(|exe| exe.rsplit('/').next()).unwrap_or_default().to_owned();
    process.name.clone().unwrap_or_else(exe)
}

/// Control groups in the form of captures.
fn cgroups(path: &str) -> Vec<u8> {
    ["cpuset", "cpu", "cpuacct", "memory"]
        .iter()
        .flat_map(|name| format!("{name}={path}\0").into_bytes())
        .collect()
}

/// What a container engine says of a container.
fn description(container: &Container, id: &str) -> Value {
    let image = container.image.as_deref().unwrap_or_default();
    // A colon before a slash is that of a registry's port.
    let tag_at = image.rfind(':').filter(|at| !image[*at..].contains('/'));
    let (repository, tag) = tag_at.map_or((image, "latest"), |at| (&image[..at], &image[at + 1..]));
    let mounts: Vec<Value> = container
        .mounts
        .iter()
        .map(|mount| {
            let mut parts = mount.splitn(3, ':');
            let (source, dest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let writable = parts.next() != Some("ro");
            json!({ "Source": source, "Destination": dest, "Mode": "", "RW": writable, "Propagation": "rprivate" })
        })
        .collect();
    let labels: Map<String, Value> = container
        .labels
        .iter()
        .filter_map(|label| label.split_once('=').map(|(name, value)| (name.to_owned(), value.into())))
        .collect();
    let mut told = json!({
        "id": id[..12],
        "full_id": id,
        "type": 0,
        "name": container.name.as_deref().unwrap_or("test"),
        "image": image,
        "imagerepo": repository,
        "imagetag": if image.is_empty() { "" } else { tag },
        "created_time": (START / SECOND) as i64 - 3600,
        "Mounts": mounts,
        "labels": labels,
    });
    for flag in &container.flags {
        told[*flag] = true.into();
    }
    json!({ "container": told })
}

/// A descriptor in the form of captures.
fn descriptor(open: &Open) -> Result<FdInfo, String> {
    let name = |text: &str| text.as_bytes().to_vec();
    let proto = match open.proto {
        "udp" => 3,
        "icmp" => 4,
        _ => 2,
    };
    Ok(match &open.what {
        Some(("file", path)) => {
            let flags = match &open.flags {
                Some(flags) => params::open_flags(flags)?,
                None => 1,
            };
            FdInfo::Regular { name: name(path), flags, dev: params::DEVICE }
        }
        Some(("directory", path)) => FdInfo::Directory { name: name(path) },
        Some(("pipe", text)) => FdInfo::Fifo { name: name(text) },
        Some(("memfd", text)) => FdInfo::MemFd { name: name(text) },
        Some(("unix", path)) => FdInfo::UnixSocket {
            source: 0xffff_8880_0000_1000,
            peer: 0xffff_8880_0000_2000,
            name: name(path),
        },
        Some((_, at)) => match value::end(at)? {
            End::Inet(IpAddr::V4(ip), port) => FdInfo::Ipv4Server { ip, port, proto },
            End::Inet(IpAddr::V6(ip), port) => FdInfo::Ipv6Server { ip, port, proto },
            End::Unix(_) => return Err("'listen' takes an address and a port".to_owned()),
        },
        None => {
            let to = open.to.as_deref().map(value::end).transpose()?;
            let from = open.from.as_deref().map(value::end).transpose()?;
            let like = to.as_ref().or(from.as_ref()).cloned();
            let other = like.map(|end| value::unspecified(&end));
            match (from.or_else(|| other.clone()), to.or(other)) {
                (Some(End::Inet(IpAddr::V4(sip), sport)), Some(End::Inet(IpAddr::V4(dip), dport))) => {
                    FdInfo::Ipv4Socket { sip, dip, sport, dport, proto }
                }
                (Some(End::Inet(IpAddr::V6(sip), sport)), Some(End::Inet(IpAddr::V6(dip), dport))) => {
                    FdInfo::Ipv6Socket { sip, dip, sport, dport, proto }
                }
                _ => {
                    return Err("'from' and 'to' must be addresses with ports, of the same family".to_owned());
                }
            }
        }
    })
}
