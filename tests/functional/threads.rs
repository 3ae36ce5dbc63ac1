//! `--threads N`: more workers change the speed and nothing else.

use std::fs;
use std::path::{Path, PathBuf};

use super::{CAPTURE, saker, text};

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

#[test]
fn too_many_threads_are_refused() {
    for threads in ["0", "65", "many"] {
        let out = saker(&["replay", "--threads", threads, CAPTURE]);
        assert_eq!(out.status.code(), Some(1), "{threads}");
        assert!(text(&out.stderr).contains("--threads"), "{}", text(&out.stderr));
    }
}
