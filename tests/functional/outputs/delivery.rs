//! What happens to alerts when receivers, files and the agent itself go away and come back.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::Scene;
use super::receivers::{Answer, HttpServer, fine, syslog_stream, wait_until};
use crate::{CAPTURE, text};

/// Three rules that are true for thousands of events, each alert with its number.
const MANY: &str = "
- rule: Files
  desc: d
  condition: evt.type in (openat, close, read, write, newfstatat, fstat, mmap)
  output: F %evt.num
  priority: NOTICE
- rule: Even
  desc: d
  condition: evt.type in (openat, read, mmap, execve, brk, rt_sigaction)
  output: E %evt.num
  priority: WARNING
- rule: All
  desc: d
  condition: evt.type exists and evt.num < 9000
  output: A %evt.num
  priority: ERROR
";
const ALL: &str = "rule_matching: all\nbuffered_outputs: true\n";

/// A rule's letter and the number of an event, from a line.
fn parse(line: &str) -> (char, u64) {
    let mut words = line.rsplit(' ');
    let number = words.next().unwrap().parse().unwrap_or_else(|_| panic!("{line}"));
    (words.next().unwrap().chars().next().unwrap(), number)
}

/// Each alert at least once; and when only the first time of each counts, each rule's in their order.
#[track_caller]
fn assert_delivered(expected: &[String], got: &[String]) {
    for rule in ['F', 'E', 'A'] {
        let of_rule = |lines: &[String]| -> Vec<u64> {
            lines
                .iter()
                .map(|line| parse(line))
                .filter(|(found, _)| *found == rule)
                .map(|(_, number)| number)
                .collect()
        };
        let (expected, got) = (of_rule(expected), of_rule(got));
        let mut seen = std::collections::BTreeSet::new();
        let first: Vec<u64> = got.into_iter().filter(|number| seen.insert(*number)).collect();
        assert_eq!(first.len(), expected.len(), "rule {rule}");
        assert_eq!(first, expected, "rule {rule}");
    }
}

fn lines(bytes: &str) -> Vec<String> {
    bytes.lines().map(str::to_owned).collect()
}

/// A port on which nothing listens.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/")
}

#[test]
fn a_receiver_that_comes_back_gets_all_in_order() {
    let port = free_port();
    let scene = Scene::new(
        MANY,
        &format!("{ALL}http_output: {{enabled: true, keep_alive: true, url: '{}'}}\n", url(port)),
    );
    // It answers nothing but errors at first, then is away, then fails now and then.
    let first = HttpServer::start_at(
        port,
        Arc::new(|number| if number < 500 { Answer::Status(200) } else { Answer::Status(503) }),
    );
    let mut child = scene.command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let printed = thread::spawn(move || std::io::read_to_string(&mut stdout).unwrap());
    wait_until("some arrive", || first.count() == 500);
    let mut got = first.bodies();
    drop(first);
    // The replay does not wait for what is spooled: it ends while nobody listens.
    child.wait().unwrap();
    let printed = lines(&printed.join().unwrap());
    assert!(printed.len() > 10_000, "{}", printed.len());

    let second = HttpServer::start_at(
        port,
        Arc::new(|number| match number % 1000 {
            999 => Answer::Hangup,
            500 => Answer::Status(500),
            _ => Answer::Status(200),
        }),
    );
    nothing_new(&scene);
    wait_for_empty_spool(&scene, printed.len(), &mut got, &second);
    assert_delivered(&printed, &got);
}

/// Has the agent run over a capture in which its rules find nothing.
fn nothing_new(scene: &Scene) {
    fs::write(scene.path("rules.yaml"), "- rule: A\n  desc: d\n  condition: evt.type = umount and evt.num < 0\n  output: o\n  priority: INFO\n").unwrap();
}

fn wait_for_empty_spool(scene: &Scene, expected: usize, got: &mut Vec<String>, server: &HttpServer) {
    let mut runs = 0;
    loop {
        let out = scene.run();
        let waits = text(&out.stderr).lines().any(|line| line.starts_with("Output 'http'"));
        runs += 1;
        if !waits || runs > 200 {
            break;
        }
    }
    got.extend(server.bodies());
    assert!(got.len() >= expected, "{} of {expected} after {runs} runs", got.len());
}

#[test]
fn what_was_accepted_survives_the_death_of_the_agent() {
    let port = free_port();
    let fifo = tempfile::tempdir().unwrap();
    let capture = fifo.path().join("capture");
    nix::unistd::mkfifo(&capture, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let scene = Scene::over(
        &capture,
        MANY,
        &format!(
            "{ALL}http_output: {{enabled: true, keep_alive: true, url: '{}'}}\nfile_output: {{enabled: true, keep_alive: true, filename: $DIR/seen}}\n",
            url(port)
        ),
    );
    let server = HttpServer::start_at(
        port,
        Arc::new(|number| if number < 50 { Answer::Status(200) } else { Answer::Status(503) }),
    );
    let mut child = scene.command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let printed = thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = std::io::Read::read_to_end(&mut stdout, &mut bytes);
        bytes
    });
    // The capture does not end: whoever writes it keeps it open.
    let bytes = fs::read(CAPTURE).unwrap();
    let mut writer = fs::OpenOptions::new().write(true).open(&capture).unwrap();
    writer.write_all(&bytes[..bytes.len() / 10 * 9]).unwrap();
    writer.flush().unwrap();
    let file = || lines(&scene.read("seen")).len();
    wait_until("many alerts are accepted", || file() > 10_000 && server.count() == 50);
    child.kill().unwrap();
    child.wait().unwrap();
    drop(writer);
    // Whatever an output has seen was accepted; the last line may be cut.
    let mut seen = text(&printed.join().unwrap());
    seen.truncate(seen.rfind('\n').map_or(0, |at| at + 1));
    let mut accepted = lines(&seen);
    let in_file = scene.read("seen");
    if in_file.len() > seen.len() {
        accepted = lines(&in_file[..in_file.rfind('\n').unwrap() + 1]);
    }
    let mut got = server.bodies();
    drop(server);

    // Another agent comes, with nothing to say, and finds the receiver well again.
    let server = HttpServer::start_at(port, fine());
    nothing_new(&scene);
    scene.configure(
        std::path::Path::new(CAPTURE),
        &format!("{ALL}http_output: {{enabled: true, keep_alive: true, url: '{}'}}\nfile_output: {{enabled: true, keep_alive: true, filename: $DIR/seen}}\n", url(port)),
    );
    let out = scene.run();
    assert!(!text(&out.stderr).contains("alerts wait, "), "{}", text(&out.stderr));
    got.extend(server.bodies());
    // More may have been accepted than was seen; what was seen must be there.
    let last = parse(accepted.last().unwrap()).1;
    let got: Vec<String> = got.into_iter().filter(|line| parse(line).1 < last).collect();
    let accepted: Vec<String> = accepted.into_iter().filter(|line| parse(line).1 < last).collect();
    assert_delivered(&accepted, &got);
}

#[test]
fn a_program_that_dies_and_a_connection_that_breaks_lose_nothing() {
    let (port, syslog) = syslog_stream(None, Some(700));
    let scene = Scene::new(
        MANY,
        &format!(
            "{ALL}program_output: {{enabled: true, keep_alive: true, program: 'if test -e $DIR/again; then exec cat >> $DIR/first; else touch $DIR/again; head -n 3000 >> $DIR/first; fi'}}\nsaker:\n  syslog_outputs: [{{name: far, url: 'tcp://127.0.0.1:{port}'}}]\n"
        ),
    );
    let out = scene.run();
    let printed = lines(&text(&out.stdout));
    assert!(printed.len() > 10_000);
    assert_delivered(&printed, &lines(&scene.read("first")));
    // What was under way when the connection broke comes twice.
    let distinct = || syslog.all().into_iter().collect::<std::collections::BTreeSet<_>>().len();
    wait_until("syslog has all", || syslog.count() >= printed.len() && distinct() >= printed.len());
    let got: Vec<String> = syslog.all();
    assert_delivered(&printed, &got);
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_rotated_file_is_opened_anew_at_sigusr1() {
    let dir = tempfile::tempdir().unwrap();
    let capture = dir.path().join("capture");
    nix::unistd::mkfifo(&capture, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let scene = Scene::over(
        &capture,
        MANY,
        &format!("{ALL}file_output: {{enabled: true, keep_alive: true, filename: $DIR/alerts}}\n"),
    );
    let mut child = scene.command().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let bytes = fs::read(CAPTURE).unwrap();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let mut writer = fs::OpenOptions::new().write(true).open(&capture).unwrap();
    writer.write_all(first).unwrap();
    wait_until("there are alerts", || lines(&scene.read("alerts")).len() > 1000);
    fs::rename(scene.path("alerts"), scene.path("alerts.1")).unwrap();
    signal(&child, "-USR1");
    // Whatever the half of the capture still had to say goes to one of both.
    thread::sleep(Duration::from_millis(300));
    writer.write_all(second).unwrap();
    drop(writer);
    assert!(child.wait().unwrap().success());
    let both = scene.read("alerts.1") + &scene.read("alerts");
    let scene_whole = Scene::new(MANY, ALL);
    let whole = text(&scene_whole.run().stdout);
    assert!(scene.path("alerts").exists() && !scene.read("alerts").is_empty());
    assert_eq!(both, whole);
}

#[test]
fn a_termination_ends_a_replay_and_its_outputs_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let capture = dir.path().join("capture");
    nix::unistd::mkfifo(&capture, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
    let scene =
        Scene::over(&capture, MANY, &format!("{ALL}file_output: {{enabled: true, filename: $DIR/alerts}}\n"));
    let mut child = scene.command().stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let bytes = fs::read(CAPTURE).unwrap();
    let mut writer = fs::OpenOptions::new().write(true).open(&capture).unwrap();
    writer.write_all(&bytes[..bytes.len() / 2]).unwrap();
    wait_until("there are alerts", || lines(&scene.read("alerts")).len() > 1000);
    signal(&child, "-TERM");
    // A signal is seen with the next event.
    thread::spawn(move || drop(writer.write_all(&bytes[bytes.len() / 2..])));
    let stderr = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    assert!(child.wait().unwrap().success(), "{stderr}");
    let detected: usize = stderr
        .lines()
        .find_map(|line| line.strip_prefix("Events detected: "))
        .unwrap_or_else(|| panic!("{stderr}"))
        .parse()
        .unwrap();
    assert_eq!(lines(&scene.read("alerts")).len(), detected);
}
