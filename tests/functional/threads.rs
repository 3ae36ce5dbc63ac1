//! `--threads N`: more workers change the speed and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use saker::capture::ProcessRecord;
use saker::event::id;

use super::{CAPTURE, saker, text};
use crate::scene::{Scene, Value, process, run};

/// Everything that depends on what one worker knows and another might not: who a process descends from, what it has open,
/// where it works, what came before the event.
const FIELDS: &str = "%evt.num %evt.type %evt.reltime %evt.latency %evt.args %thread.tid %proc.pid \
    %proc.name %proc.exepath %proc.cmdline %proc.cwd %proc.env %proc.ppid %proc.pname %proc.pcmdline %proc.aname %proc.apid \
    %proc.aexepath %proc.acmdline[2] %proc.sid %proc.sname %proc.pgid.name %proc.vpgid.name %proc.fdopencount \
    %proc.nthreads %proc.nchilds %proc.vmsize %proc.duration %proc.ppid.duration %proc.tty %proc.loginshellid %fd.num \
    %fd.name %fd.typechar %fd.ino %fd.types %fd.name_changed %fs.path.name %user.uid %user.name %group.gid %user.loginuid \
    %thread.cap_effective %container.id %container.name %saker.proc.comm";

fn rules(name: &str) -> PathBuf {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // In an output `evt.deltatime` would be the time since that worker's last alert; in a condition it is the same for all.
    let rules = format!(
        "- rule: every event\n  desc: all of them\n  condition: evt.num > 0\n  output: '{FIELDS}'\n  priority: INFO\n\
         - rule: pause\n  desc: a while nothing happened\n  condition: evt.deltatime > 50000\n  output: '%evt.num'\n  \
           priority: INFO\n"
    );
    fs::write(&file, rules).unwrap();
    file
}

fn replay(rules: &[&str], capture: &str, threads: &str) -> (String, String) {
    let mut args = vec!["replay", "--rule-matching", "all", "--threads", threads];
    rules.iter().for_each(|file| args.extend(["-r", file]));
    args.push(capture);
    let out = saker(&args);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    (text(&out.stdout), text(&out.stderr))
}

/// Line by line, so that a failure shows the one that differs.
#[track_caller]
fn assert_same(expected: &(String, String), found: &(String, String), threads: &str) {
    for (expected, found) in expected.0.lines().zip(found.0.lines()) {
        assert_eq!(expected, found, "with {threads} threads");
    }
    assert_eq!(expected.0.len(), found.0.len(), "with {threads} threads");
    assert_eq!(expected.1, found.1, "with {threads} threads");
}

#[test]
fn every_field_of_every_event_is_the_same() {
    let rules = rules("every_event.yaml");
    let rules = [rules.to_str().unwrap()];
    let expected = replay(&rules, CAPTURE, "1");
    assert!(expected.0.lines().count() > 36_545, "an alert for each event, and those after a pause");
    for threads in ["2", "3", "8"] {
        assert_same(&expected, &replay(&rules, CAPTURE, threads), threads);
    }
}

/// What only the owner of another process knows: descriptors that `pidfd_getfd` takes over, what a child inherits, and
/// in old captures the path of a program that was named from a directory descriptor.
#[test]
fn what_another_worker_knows_is_told() {
    use Value::{Number, Text};
    const O_DIRECTORY: i64 = 1 << 10;
    let of_processes = || 20..40_i64;
    let shell = |pid| ProcessRecord { vtid: pid, vpid: pid, ..process(pid, "/bin/sh", "/", 0) };
    let mut scene = Scene::new(std::iter::once(shell(10)).chain(of_processes().map(shell)).collect());
    let open = [("fd", Number(5)), ("name", Text("/etc/secret"))];
    scene.event(10, id::SYSCALL_OPEN_X, &open);
    for pid in of_processes() {
        scene.event(pid, id::SYSCALL_PIDFD_OPEN_X, &[("fd", Number(7)), ("pid", Number(10))]);
        let get = [("fd", Number(8)), ("pid_fd", Number(7)), ("target_fd", Number(5))];
        scene.event(pid, id::SYSCALL_PIDFD_GETFD_X, &get);
        scene.event(pid, id::SYSCALL_READ_X, &[("fd", Number(8))]);
        let open = [("fd", Number(3)), ("name", Text("/opt/tools")), ("flags", Number(O_DIRECTORY))];
        scene.event(pid, id::SYSCALL_OPEN_X, &open);
        scene.event(pid, id::SYSCALL_FCHDIR_X, &[("fd", Number(3))]);
        scene.event(pid, id::SYSCALL_EXECVE_19_E, &[("filename", Text("./run"))]);
        let ids = [("tid", Number(pid)), ("pid", Number(pid)), ("ptid", Number(1)), ("comm", Text("run"))];
        scene.event(pid, id::SYSCALL_EXECVE_19_X, &ids);
        let child = pid + 100;
        let made =
            [("res", Number(child)), ("tid", Number(pid)), ("pid", Number(pid)), ("vtid", Number(pid))];
        scene.event(pid, id::SYSCALL_CLONE_20_X, &[&made[..], &[("vpid", Number(pid))]].concat());
        scene.event(child, id::SYSCALL_OPEN_X, &[("fd", Number(9)), ("name", Text("file"))]);
        scene.event(child, id::SYSCALL_READ_X, &[("fd", Number(8))]);
        // The owner alone goes on with its descriptors.
        scene.event(pid, id::SYSCALL_CLOSE_X, &[("fd", Number(8))]);
        scene.event(pid, id::SYSCALL_READ_X, &[("fd", Number(8))]);
    }
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("told.yaml");
    let rule = "- rule: all\n  desc: all\n  condition: evt.num > 0\n  \
                output: '%proc.pid %evt.type %fd.name %proc.cwd %proc.exepath %proc.fdopencount'\n  priority: INFO\n";
    fs::write(&file, rule).unwrap();
    let capture = scene.capture();
    let replay =
        |threads| run(&["replay", "--threads", threads, "-r", file.to_str().unwrap(), "-"], &capture);
    let expected = replay("1");
    for pid in of_processes() {
        for seen in [
            format!(" {pid} read /etc/secret / /bin/sh "),
            format!(" {pid} execve <NA> /opt/tools/ /opt/tools/run "),
            format!(" {} open /opt/tools/file /opt/tools/ /opt/tools/run ", pid + 100),
            format!(" {} read /etc/secret /opt/tools/ /opt/tools/run ", pid + 100),
            format!(" {pid} read  /opt/tools/ /opt/tools/run "),
        ] {
            assert!(expected.contains(&seen), "no '{seen}' in\n{expected}");
        }
    }
    for threads in ["2", "3", "8"] {
        assert_eq!(replay(threads), expected, "with {threads} threads");
    }
}

#[test]
fn too_many_threads_are_refused() {
    for threads in ["0", "65", "many"] {
        let out = saker(&["replay", "--threads", threads, CAPTURE]);
        assert_eq!(out.status.code(), Some(1), "{threads}");
        assert!(text(&out.stderr).contains("--threads"), "{}", text(&out.stderr));
    }
}
