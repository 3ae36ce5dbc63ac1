//! Small captures made for one question: a few processes, a few events.

use std::io::Write;
use std::process::{Command, Stdio};

use saker::capture::scap::ScapWriter;
use saker::capture::{ProcessRecord, Snapshot};
use saker::event::{Event, EventId, ParamsBuf, id};

/// A value of a parameter; numbers get the width of the parameter's type.
#[derive(Clone, Copy)]
pub(crate) enum Value<'v> {
    Number(i64),
    Text(&'v str),
    Bytes(&'v [u8]),
}

/// A capture being made.
pub(crate) struct Scene {
    writer: ScapWriter<Vec<u8>>,
    num: u64,
}

/// A process; `cgroup` says whether it is in a container.
pub(crate) fn process(pid: i64, exe: &str, cgroup: &str, tty: u32) -> ProcessRecord {
    let name = exe.rsplit('/').next().unwrap_or_default();
    ProcessRecord {
        tid: pid,
        pid,
        ptid: 1,
        sid: pid,
        comm: name.into(),
        exe: name.into(),
        exepath: exe.into(),
        cgroups: format!("cpuset={cgroup}\0memory={cgroup}\0").into_bytes(),
        cwd: b"/".to_vec(),
        tty,
        ..ProcessRecord::default()
    }
}

impl Scene {
    /// With these processes already there.
    pub(crate) fn new(processes: Vec<ProcessRecord>) -> Self {
        let mut writer = ScapWriter::new(Vec::new()).unwrap();
        writer.snapshot(&Snapshot { processes, ..Snapshot::default() }).unwrap();
        Scene { writer, num: 0 }
    }

    /// Something that thread `tid` did. Parameters that are not named are 0, or empty.
    pub(crate) fn event(&mut self, tid: i64, id: EventId, values: &[(&str, Value<'_>)]) {
        let mut params = ParamsBuf::default();
        for param in id.info().unwrap().params {
            let value = values.iter().find(|(name, _)| *name == param.name).map(|&(_, value)| value);
            match (value, param.ty.width()) {
                (Some(Value::Number(number)), Some(width)) => params.push(&number.to_le_bytes()[..width]),
                (Some(Value::Number(_)), None) => panic!("{} is no number", param.name),
                (Some(Value::Text(text)), _) => params.push(format!("{text}\0").as_bytes()),
                (Some(Value::Bytes(bytes)), _) => params.push(bytes),
                (None, width) => params.push(&[0; 16][..width.unwrap_or(0)]),
            }
        }
        self.num += 1;
        let ts = 1_700_000_000_000_000_000 + self.num;
        self.writer.event(&Event::new(self.num, ts, tid, 0, id, 0, params.params())).unwrap();
    }

    /// `tid`, as the snapshot has it, executes `exe` with `args`, and keeps its cgroup and terminal.
    pub(crate) fn execve(&mut self, process: &ProcessRecord, exe: &str, args: &[&str]) {
        use Value::{Bytes, Number, Text};
        let name = exe.rsplit('/').next().unwrap_or_default();
        let args: String = args.iter().map(|argument| format!("{argument}\0")).collect();
        self.event(
            process.tid,
            id::SYSCALL_EXECVE_19_X,
            &[
                ("exe", Text(name)),
                ("args", Bytes(args.as_bytes())),
                ("tid", Number(process.tid)),
                ("pid", Number(process.pid)),
                ("ptid", Number(process.ptid)),
                ("cwd", Text("/")),
                ("comm", Text(name)),
                ("cgroups", Bytes(&process.cgroups)),
                ("tty", Number(process.tty.into())),
                ("trusted_exepath", Text(exe)),
                ("filename", Text(exe)),
            ],
        );
    }

    /// The capture.
    pub(crate) fn capture(self) -> Vec<u8> {
        self.writer.into_inner()
    }

    /// The names of the rules that answer, in order.
    pub(crate) fn replay(self, rules: &[String]) -> Vec<String> {
        let mut arguments = vec!["replay", "--json", "-"];
        arguments.extend(rules.iter().flat_map(|file| ["-r", file]));
        let rule = |line: &str| {
            let alert: serde_json::Value = serde_json::from_str(line).unwrap();
            alert["rule"].as_str().unwrap_or_default().to_owned()
        };
        run(&arguments, &self.capture()).lines().map(rule).collect()
    }
}

/// Runs `saker` with a capture as its standard input; what it prints.
pub(crate) fn run(arguments: &[&str], capture: &[u8]) -> String {
    let mut saker = Command::new(env!("CARGO_BIN_EXE_saker"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    saker.stdin.take().unwrap().write_all(capture).unwrap();
    let out = saker.wait_with_output().unwrap();
    assert!(out.status.success());
    String::from_utf8(out.stdout).unwrap()
}
