//! Test files from their text to verdicts.

use std::path::Path;

use super::run::Verdict;
use super::{RuleSet, TestFile, params};
use crate::config::Config;
use crate::event::{EVENTS, EventFlags};
use crate::fields::FieldSchema;
use crate::rules::{Environment, Plugin};

/// Runs cases against one rule `r` with this condition and output; what did not pass.
fn run(condition: &str, output: &str, tests: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let rules = directory.path().join("r.yaml");
    let text = format!(
        "- rule: r\n  desc: d\n  priority: INFO\n  condition: >-\n    {condition}\n  output: \"{output}\"\n"
    );
    std::fs::write(&rules, text).unwrap();
    let (schema, config) = (FieldSchema::new(true), Config::default());
    let plugins = [Plugin::container()];
    let environment =
        Environment { schema: &schema, others: Vec::new(), plugins: &plugins, append_output: &[] };
    let set = RuleSet::load(&[rules], environment, &config).unwrap();
    let file = match TestFile::read("r.test.yaml", tests.as_bytes()) {
        Ok(file) => file,
        Err((source, problems)) => return problems.iter().map(|problem| problem.render(&source)).collect(),
    };
    let outcomes = set.run(&file, Path::new(""));
    let failed = outcomes.into_iter().filter_map(|outcome| match outcome.verdict {
        Verdict::Passed => None,
        Verdict::Failed(why) => Some(why),
        Verdict::Broken(problems) => {
            Some(problems.iter().map(|problem| problem.render(&file.source)).collect::<Vec<_>>().join("\n"))
        }
    });
    failed.collect()
}

/// What the output says of the one event of a case.
#[track_caller]
fn says(case: &str, template: &str, expected: &str) {
    let tests = format!("tests:\n  - rule: r\n    output: \"[{expected}]\"\n{case}");
    assert_eq!(run("evt.num > 0", &format!("[{template}]"), &tests), Vec::<String>::new());
}

#[test]
fn processes_take_after_those_before_them() {
    let case = "    processes:
      - {name: sshd, exe: /usr/sbin/sshd}
      - {name: bash, args: [-l], user: {uid: 1000, name: eve}, login: {uid: 1000, name: eve}, cwd: /home/eve, tty: 34816, env: [A=b]}
      - {name: cat, args: [/etc/shadow, x y]}
    events:
      - {type: openat, name: /etc/shadow}
";
    says(case, "%proc.name %proc.exepath %proc.cmdline", "cat /usr/bin/cat cat /etc/shadow x y");
    says(case, "%proc.pname %proc.pcmdline %proc.aname[2] %proc.aname[3]", "bash bash -l sshd systemd");
    says(case, "%user.name %user.uid %user.loginname %user.loginuid", "eve 1000 eve 1000");
    says(case, "%proc.tty %proc.cwd %proc.env[A] %group.name", "34816 /home/eve/ b root");
    says(case, "%fd.name %fd.num %fd.type %evt.type %evt.res", "/etc/shadow 3 file openat SUCCESS");
    says(case, "%container.id %container.name", "host host");
    says(case, "%thread.cap_effective %proc.is_exe_writable", " false");
}

#[test]
fn containers_are_as_an_engine_tells_of_them() {
    let case = "    container: {id: 3ad7b26ded6d, name: web, image: 'docker.io/library/nginx:1.25', privileged: true, mounts: ['/etc:/host:ro']}
    processes:
      - {name: nginx, user: {uid: 101, name: nginx}}
      - {name: sh, flags: [exe_upper_layer, exe_writable]}
    events:
      - {type: openat, name: /etc/shadow}
";
    says(
        case,
        "%container.id %container.name %container.image.repository",
        "3ad7b26ded6d web docker.io/library/nginx",
    );
    says(case, "%container.image.tag %container.privileged %container.mount.dest[0]", "1.25 true /host");
    says(case, "%proc.vpid %proc.pname %proc.aname[2] %proc.aname[3]", "2 nginx containerd-shim systemd");
    says(case, "%user.name %proc.is_exe_upper_layer %proc.is_exe_writable", "nginx true true");
}

#[test]
fn calls_do_what_they_do() {
    let head = "    processes:\n      - {name: bash}\n      - {name: nc}\n    events:\n";
    let socket = format!("{head}      - {{type: connect, to: '203.0.113.5:4444', from: '10.0.0.2:50000'}}\n");
    says(
        &socket,
        "%fd.name %fd.l4proto %fd.sip %fd.cport",
        "10.0.0.2:50000->203.0.113.5:4444 tcp 203.0.113.5 50000",
    );
    let dup = format!(
        "{head}      - {{type: connect, fd: 4, to: '203.0.113.5:4444', scene: true}}\n      - {{type: dup2, oldfd: 4, newfd: 0}}\n"
    );
    says(&dup, "%evt.type %evt.rawres %fd.type %fd.num", "dup2 0 ipv4 0");
    let exec = format!("{head}      - {{type: execve, filename: /tmp/evil, args: [-x]}}\n");
    says(&exec, "%evt.type %proc.name %proc.exepath %proc.args %proc.pname", "execve evil /tmp/evil -x bash");
    let by = format!("{head}      - {{type: unlink, path: x, by: bash, result: ENOENT}}\n");
    says(&by, "%proc.name %evt.res %evt.arg.path", "bash ENOENT /x");
    let file = format!("{head}      - {{type: write, file: /etc/crontab, data: abc}}\n");
    says(&file, "%fd.name %evt.rawres %evt.buffer", "/etc/crontab 3 abc");
    let bytes = format!("{head}      - {{type: write, file: /a, data: 0x616263}}\n");
    says(&bytes, "%evt.rawres %evt.buffer", "3 abc");
    let ring =
        format!("{head}      - {{type: openat, name: /tmp/x, realpath: /etc/shadow, io_uring: true}}\n");
    says(
        &ring,
        "%fd.name %saker.fd.realpath %saker.fd.path_mismatch %saker.io_uring",
        "/tmp/x /etc/shadow true true",
    );
    let call = format!("{head}      - {{type: personality}}\n");
    says(&call, "%evt.type %syscall.type", "personality personality");
    let mount =
        format!("{head}      - {{type: mount, dev: /dev/sda1, dir: /mnt, arg.type: ext4, flags: RDONLY}}\n");
    says(&mount, "%evt.arg.type %evt.arg.flags", "ext4 RDONLY");
    let uring =
        format!("{head}      - {{type: openat, name: /tmp/link, realpath: /etc/shadow, io_uring: true}}\n");
    says(&uring, "%fd.name %saker.fd.realpath %saker.io_uring", "/tmp/link /etc/shadow true");
    let fds = "    processes:\n      - {name: sh, fds: [{fd: 0, to: '1.2.3.4:5', proto: udp}]}\n      - {name: id}\n    events:\n      - {type: read, fd: 0}\n";
    says(fds, "%fd.l4proto %fd.name %proc.name", "udp 10.0.0.2:50000->1.2.3.4:5 id");
}

#[test]
fn every_event_can_be_written() {
    let mut names: Vec<&str> = EVENTS
        .iter()
        .filter(|row| !row.flags.contains(EventFlags::UNUSED))
        .filter_map(|row| params::event_named(row.name))
        .map(|(row, _)| row.name)
        .collect();
    names.sort_unstable();
    names.dedup();
    assert!(names.len() > 170, "{names:?}");
    for name in names {
        let row = params::event_named(name).unwrap().0;
        let fd = row.params.iter().position(|param| matches!(param.name, "fd" | "oldfd"));
        let uses = fd.is_some_and(|at| at > 0 || row.flags.contains(EventFlags::USES_FD));
        let fd = if uses { format!(", {}: 0", row.params[fd.unwrap()].name) } else { String::new() };
        let tests = format!(
            "tests:\n  - rule: r\n    expect: silence\n    processes: [{{name: a}}]\n    events: [{{type: {name}{fd}}}]\n"
        );
        assert_eq!(run("evt.num = 0", "x", &tests), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn verdicts_say_why() {
    let case = |expect: &str| {
        format!(
            "tests:\n  - rule: r\n{expect}    processes: [{{name: cat}}]\n    events: [{{type: openat, name: /a}}]\n"
        )
    };
    let opens = "evt.type = openat";
    assert_eq!(run(opens, "x", &case("")), Vec::<String>::new());
    let why = |condition, expect| run(condition, "%fd.name!", &case(expect)).join("\n");
    let silent = why("evt.type = close", "");
    assert!(
        silent.starts_with("the rule was to alert, and is silent\nevent 1 (openat), decided by:\n"),
        "{silent}"
    );
    assert!(silent.contains("\n  false: evt.type = close  [evt.type = openat]  at "), "{silent}");
    let loud = why(opens, "    expect: silence\n");
    assert!(loud.starts_with("the rule was to be silent, but event 1 (openat) alerts: /a!\n"), "{loud}");
    assert!(loud.contains("\n  true:  evt.type = openat  [evt.type = openat]  at "), "{loud}");
    assert_eq!(run(opens, "%fd.name!", &case("    output: b\n")), ["the output does not contain 'b': /a!"]);
    let wrong = case("").replace("rule: r", "rule: q");
    assert_eq!(
        run(opens, "x", &wrong),
        ["r.test.yaml:2:11: no rule is called 'q' (did you mean 'r'?)\n  |   - rule: q\n  |           ^"]
    );
}

#[test]
fn what_is_wrong_has_a_place() {
    let problems = |text: &str| run("evt.num > 0", "x", text).join("\n");
    insta::assert_snapshot!(problems("tests:\n  - rule: r\n    proceses: []\n    expect: alarm\n"), @r"
    r.test.yaml:3:5: unknown key 'proceses' (did you mean 'processes'?)
      |     proceses: []
      |     ^
    r.test.yaml:4:13: 'expect' must be one of alert, silence, not 'alarm' (did you mean 'alert'?)
      |     expect: alarm
      |             ^
    ");
    insta::assert_snapshot!(problems("tests:\n  - rule: r\n    processes: [{name: a}]\n    events:\n      - {type: opena, name: /a}\n      - {type: openat, nam: /a}\n      - {type: openat, flags: O_RDONLI, dirfd: x}\n      - {type: read}\n      - {type: unlink, by: b}\n"), @r"
    r.test.yaml:5:16: no event is called 'opena' (did you mean 'open'?); `saker events` and `saker syscalls` list them
      |       - {type: opena, name: /a}
      |                ^
    r.test.yaml:6:24: 'openat' has no parameter 'nam' (did you mean 'name'?); it has: fd, dirfd, name, flags, mode, dev, ino
      |       - {type: openat, nam: /a}
      |                        ^
    r.test.yaml:7:31: 'O_RDONLI' is no value of 'flags' (did you mean 'O_RDONLY'?); `saker events` lists them
      |       - {type: openat, flags: O_RDONLI, dirfd: x}
      |                               ^
    r.test.yaml:7:48: 'x' is no descriptor, AT_FDCWD, or an error as ENOENT for 'dirfd'
      |       - {type: openat, flags: O_RDONLI, dirfd: x}
      |                                                ^
    r.test.yaml:8:9: 'read' uses a descriptor: give 'fd', 'file' or 'to'
      |       - {type: read}
      |         ^
    r.test.yaml:9:28: no process of this case is called 'b' (did you mean 'a'?)
      |       - {type: unlink, by: b}
      |                            ^
    ");
    insta::assert_snapshot!(problems("tests:\n  - rule: r\n    processes: [{args: [x]}]\n    events: [1]\n"), @r"
    r.test.yaml:3:17: a process needs 'name' or 'exe'
      |     processes: [{args: [x]}]
      |                 ^
    r.test.yaml:4:14: an event is a mapping with a 'type'; numbers of events need a 'capture'
      |     events: [1]
      |              ^
    ");
    insta::assert_snapshot!(problems("tests: []\n"), @r"
    r.test.yaml:1:8: no test: 'tests' is an empty list
      | tests: []
      |        ^
    ");
    insta::assert_snapshot!(problems("tests: [\n"), @"r.test.yaml:2:1: end of sequence flow not found");
    insta::assert_snapshot!(problems(""), @"r.test.yaml:1:1: the file is empty: it needs 'tests'");
    insta::assert_snapshot!(problems("tests:\n  - rule: r\n    capture: no.scap\n"), @r"
    r.test.yaml:3:14: no.scap: at byte 0: No such file or directory (os error 2)
      |     capture: no.scap
      |              ^
    ");
}
