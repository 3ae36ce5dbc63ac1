//! The agent's watch over itself, and what the service manager is told: what can be seen without a live sensor.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use saker::event::id;

use super::reload::{PATIENCE, Place, Run, capture};
use super::scene::{Scene, Value, process};
use super::{TempFile, saker, text};

/// The rules about the agent itself, as they are filled in for process 4242.
fn rules() -> TempFile {
    let rules = include_str!("../../agent/src/cli/self_protection.yaml")
        .replace("@PID@", "4242")
        .replace("@FILES@", "\"/usr/bin/saker\", \"/etc/saker/saker.yaml\"")
        .replace("@SWITCHES@", "\"/sys/fs/cgroup/system.slice/saker.service/cgroup.freeze\"");
    TempFile::new("self_protection.yaml", &rules)
}

#[test]
fn the_rules_about_the_agent_are_sound() {
    let rules = rules();
    let out = saker(&["check", &rules.path]);
    assert_eq!((out.status.code(), text(&out.stderr)), (Some(0), String::new()), "{}", text(&out.stdout));
    assert!(text(&out.stdout).ends_with(": Ok\n"), "{}", text(&out.stdout));
}

#[test]
fn what_is_done_to_the_agent_is_told() {
    use Value::{Number, Text};
    let (attacker, init) =
        (process(77, "/usr/bin/python3", "/", 0), process(1, "/lib/systemd/systemd", "/", 0));
    let agent = process(4242, "/usr/bin/saker", "/system.slice/saker.service", 0);
    let journal = process(78, "/usr/lib/systemd/systemd-journald", "/system.slice/journald.service", 0);
    let mut scene = Scene::new(vec![init, attacker, journal, agent]);
    let signal = |pid: i64, signal: i64, res: i64| {
        [("res", Number(res)), ("pid", Number(pid)), ("sig", Number(signal))]
    };
    scene.event(77, id::SYSCALL_KILL_X, &signal(4242, 19, 0));
    // Not the agent, not a signal, not permitted, by itself.
    scene.event(77, id::SYSCALL_KILL_X, &signal(4241, 9, 0));
    scene.event(77, id::SYSCALL_KILL_X, &signal(4242, 0, 0));
    scene.event(77, id::SYSCALL_KILL_X, &signal(4242, 9, -1));
    scene.event(4242, id::SYSCALL_KILL_X, &signal(4242, 15, 0));
    let thread = [("pid", Number(4242)), ("tid", Number(4243)), ("sig", Number(9))];
    scene.event(77, id::SYSCALL_TGKILL_X, &thread);
    // As `systemctl stop` and `systemctl reload` do.
    scene.event(1, id::SYSCALL_KILL_X, &signal(4242, 15, 0));
    scene.event(1, id::SYSCALL_KILL_X, &signal(4242, 1, 0));
    scene.event(77, id::SYSCALL_PTRACE_X, &[("request", Number(11)), ("pid", Number(4242))]);
    // What a debugger does afterwards, thousands of times.
    scene.event(77, id::SYSCALL_PTRACE_X, &[("request", Number(13)), ("pid", Number(4242))]);
    let open = |name, flags: i64| {
        [("fd", Number(5)), ("name", Text(name)), ("flags", Number(flags)), ("dirfd", Number(-100))]
    };
    let (read, write) = (1, 2);
    scene.event(77, id::SYSCALL_OPENAT_2_X, &open("/proc/4242/mem", write));
    scene.event(
        77,
        id::SYSCALL_OPENAT_2_X,
        &open("/sys/fs/cgroup/system.slice/saker.service/cgroup.freeze", write),
    );
    scene.event(
        77,
        id::SYSCALL_OPENAT_2_X,
        &open("/sys/fs/cgroup/system.slice/saker.service/cgroup.freeze", read),
    );
    scene.event(77, id::SYSCALL_OPENAT_2_X, &open("/etc/saker/saker.yaml", write));
    scene.event(77, id::SYSCALL_OPENAT_2_X, &open("/etc/saker/saker.yaml", read));
    // A descriptor of the agent; the journal's daemon has one of everybody who writes to it.
    scene.event(77, id::SYSCALL_PIDFD_OPEN_X, &[("fd", Number(5)), ("pid", Number(4242))]);
    scene.event(77, id::SYSCALL_PIDFD_OPEN_X, &[("fd", Number(6)), ("pid", Number(4241))]);
    scene.event(77, id::SYSCALL_PIDFD_OPEN_X, &[("fd", Number(-1)), ("pid", Number(4242))]);
    scene.event(1, id::SYSCALL_PIDFD_OPEN_X, &[("fd", Number(5)), ("pid", Number(4242))]);
    scene.event(78, id::SYSCALL_PIDFD_OPEN_X, &[("fd", Number(5)), ("pid", Number(4242))]);
    scene.event(77, id::SYSCALL_DELETE_MODULE_X, &[("res", Number(-1)), ("name", Text("saker"))]);
    scene.event(77, id::SYSCALL_DELETE_MODULE_X, &[("name", Text("other"))]);
    assert_eq!(
        scene.replay(&[rules().path.clone()]),
        [
            "Saker agent was signalled",
            "Saker agent was signalled",
            "Saker agent was stopped by the service manager",
            "Saker agent was traced",
            "Saker agent was traced",
            "Saker agent can be frozen",
            "Saker files were opened for writing",
            "Saker agent was taken hold of by a descriptor",
            "Saker module is being removed",
        ]
    );
}

#[test]
fn an_agent_that_was_stopped_says_so() {
    let place = Place::new("");
    let mut run = Run::start(&place);
    let capture = capture();
    let (first, second) = capture.split_at(capture.len() / 2);
    run.feed(first);
    run.hangup();
    // Now its threads run.
    run.wait_for("reload 1: ready");
    let agent = Pid::from_raw(run.child.id() as i32);
    kill(agent, Signal::SIGSTOP).unwrap();
    std::thread::sleep(Duration::from_secs(6));
    kill(agent, Signal::SIGCONT).unwrap();
    run.wait_for("the agent did not run for");
    run.feed(second);
    let (alerts, _) = run.finish();
    let told: Vec<&str> =
        alerts.lines().filter(|line| line.contains("Critical The agent did not run for ")).collect();
    assert!(!told.is_empty(), "no alert");
    assert!(told[0].contains("saker.seconds="), "{}", told[0]);
}

#[test]
fn the_service_manager_is_told() {
    let place = Place::new("");
    let socket = place.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let environment = [("NOTIFY_SOCKET", socket.to_str().unwrap()), ("WATCHDOG_USEC", "1")];
    let mut run = Run::start_with(&place, &environment);
    let told = || {
        let mut buffer = [0; 200];
        let length = manager.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let until = |wanted: &str| {
        while told() != wanted {}
    };
    let capture = capture();
    let (first, second) = (capture[..capture.len() / 2].to_vec(), capture[capture.len() / 2..].to_vec());
    run.feed(&first);
    assert_eq!(told(), "READY=1\nSTATUS=Detecting by 2 rules");
    until("WATCHDOG=1");
    let one = fs::read_to_string(place.path("rules.yaml")).unwrap();
    let one = one.split("- rule: Program").next().unwrap().to_owned();
    place.write("rules.yaml", &one);
    run.wait_for(": ready");
    // The pipe holds more than one event, and the manager's socket more than one line: read both.
    let feeding = std::thread::spawn(move || {
        run.feed(&second);
        run.finish()
    });
    until("STATUS=Detecting by 1 rules");
    until("STOPPING=1");
    feeding.join().unwrap();
}

/// Names with line ends and escapes, wherever the agent reads some, never begin a line of their own in what it prints.
#[test]
fn nothing_that_is_quoted_forges_a_line() {
    const FORGED: &str = "2026-11-29T00:00:00.000000Z ERROR forged";
    let evil = format!("x\\n{FORGED}\\r\\e[2K\\e]0;title\\a\\u2028");
    let rule = format!(
        "- rule: \"{evil}\"\n  desc: d\n  condition: evt.type = execve and evt.num < 20000\n  output: \"{evil} %proc.name\"\n  priority: INFO\n  \"{evil}\": 1\n"
    );
    let broken = format!(
        "- rule: r\n  desc: d\n  condition: \"evt.type = '{evil}'\"\n  output: o\n  priority: INFO\n"
    );
    for (rules, keys) in [(rule.as_str(), ""), (broken.as_str(), ""), (rule.as_str(), "json_output: true\n")]
    {
        let rules = TempFile::new("rules.yaml", rules);
        let config = format!(
            "engine: {{kind: replay, replay: {{capture_file: {}}}}}\nrules_files: [{}]\n\"{evil}\": 1\nlog_level: debug\n{keys}",
            super::CAPTURE,
            rules.path
        );
        let config = TempFile::new("saker.yaml", &config);
        for arguments in [vec!["run", "-c", &config.path], vec!["falco", "-v", "-c", &config.path]] {
            let out = saker(&arguments);
            let (printed, logged) = (text(&out.stdout), text(&out.stderr));
            for line in printed.lines().chain(logged.lines()) {
                assert!(!line.starts_with(FORGED), "{arguments:?}: {line}");
                assert!(!line.chars().any(|c| c != '\t' && c.is_control()), "{arguments:?}: {line:?}");
            }
        }
    }
}
