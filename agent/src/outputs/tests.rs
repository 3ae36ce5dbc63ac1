//! The outputs together, as a live run has them.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::*;
use crate::alerts::{Parts, now};
use crate::config::Priority;

/// Nothing here takes that long on a machine that is alive.
const PATIENCE: Duration = Duration::from_secs(120);

fn config(directory: &Path, options: &[&str]) -> Config {
    let mut all = vec![
        "stdout_output.enabled=false".to_owned(),
        format!("saker.spool.path={}", directory.join("spool").display()),
    ];
    all.extend(options.iter().map(|option| option.replace("$DIR", &directory.display().to_string())));
    Config::from_options(&all).unwrap()
}

fn live(directory: &Path, options: &[&str]) -> Outputs {
    Outputs::start(&config(directory, options), Occasion::Live).unwrap()
}

fn alert(rule: &str, text: &[u8]) -> Alert {
    let time = now();
    Alert::new(&Parts { rule, text, time, priority: Priority::Notice, json: b"{}", ..Parts::default() })
        .unwrap()
}

#[track_caller]
fn wait_until(mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(5));
    }
}

const FILE: &[&str] = &["file_output.enabled=true", "file_output.filename=$DIR/alerts"];

#[test]
fn a_gap_is_told_at_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    let read = || fs::read_to_string(path.join("alerts")).unwrap_or_default();
    live(path, FILE).stop(PATIENCE);
    assert_eq!(read(), "");
    let outputs = live(path, FILE);
    outputs.accept(alert("r", b"an alert")).unwrap();
    let status = outputs.stop(PATIENCE);
    let told = read();
    let lines: Vec<&str> = told.lines().collect();
    let [gap, "an alert"] = lines[..] else { panic!("{told}") };
    assert!(gap.contains(": Notice No agent watched this host after the last one was stopped ("), "{gap}");
    assert!(gap.contains("gap.seconds=0.") && gap.contains("gap.reason=\"stopped\""), "{gap}");
    let [OutputStatus { name, queued: 0, delivered: 2, retried: 0, dropped: 0, last_error: None }] =
        &status[..]
    else {
        panic!("{status:?}")
    };
    assert_eq!(name, "file");
    assert!(outputs.spool_size().is_none(), "nothing leaves the host");
}

/// Nobody reads the pipe, so the output never gets further than opening it; that the test ends is what it shows.
#[test]
fn detection_does_not_wait_for_an_output_that_is_stuck() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    nix::unistd::mkfifo(&path.join("stuck"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let outputs = live(
        path,
        &[
            "file_output.enabled=true",
            "file_output.filename=$DIR/stuck",
            "saker.syslog_outputs=[{name: fine, url: 'unix://$DIR/log'}]",
            "outputs_queue.capacity=1000",
        ],
    );
    let log = std::os::unix::net::UnixDatagram::bind(path.join("log")).unwrap();
    log.set_read_timeout(Some(PATIENCE)).unwrap();
    let long = vec![b'x'; 1 << 20];
    for _ in 0..40 {
        outputs.accept(alert("long", &long)).unwrap();
    }
    outputs.accept(alert("short", b"short")).unwrap();
    let mut room = vec![0; 1 << 21];
    // The other output goes on: what it gets last is the short one.
    loop {
        let length = log.recv(&mut room).unwrap();
        if room[..length].ends_with(b": short") {
            break;
        }
    }
    let status = outputs.stop(Duration::from_millis(10));
    let stuck = status.iter().find(|output| output.name == "file").unwrap();
    assert!(stuck.dropped > 20 && stuck.queued > 10 && stuck.delivered == 0, "{stuck:?}");
}

#[test]
fn a_queue_that_is_full_counts_what_it_drops() {
    let directory = tempfile::tempdir().unwrap();
    let outputs = live(directory.path(), &[FILE, &["outputs_queue.capacity=2"]].concat());
    for number in 0..5_000 {
        outputs.accept(alert("r", format!("{number}").as_bytes())).unwrap();
    }
    let status = outputs.stop(PATIENCE);
    assert_eq!(status[0].delivered + outputs.queue_drops(), 5_000, "{status:?}");
    let text = fs::read_to_string(directory.path().join("alerts")).unwrap();
    assert_eq!(text.lines().count() as u64, status[0].delivered);
}

#[test]
fn a_live_rollup_ends_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let rollup: &[&str] = &["saker.rollup.enabled=true", "saker.rollup.window=200ms"];
    let outputs = live(directory.path(), &[FILE, rollup].concat());
    for _ in 0..3 {
        outputs.accept(alert("r", b"again")).unwrap();
    }
    let read = || fs::read_to_string(directory.path().join("alerts")).unwrap_or_default();
    wait_until(|| read().contains("again (repeated 2 times in "));
    assert_eq!(read().lines().next(), Some("again"));
    wait_until(|| outputs.held_back().get("r").is_some_and(|held| held.rolled_up == 2));
    outputs.stop(PATIENCE);
}

#[test]
fn what_a_dead_receiver_leaves_waits_in_the_spool() {
    let directory = tempfile::tempdir().unwrap();
    // A port that nothing listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let webhook = format!("saker.webhooks=[{{name: far, url: 'http://127.0.0.1:{port}/'}}]");
    let outputs = live(directory.path(), &[&webhook]);
    for number in 0..10 {
        outputs.accept(alert("r", format!("{number}").as_bytes())).unwrap();
    }
    wait_until(|| outputs.status()[0].retried > 2);
    let status = outputs.stop(PATIENCE);
    let [OutputStatus { queued: 10, delivered: 0, dropped: 0, last_error: Some(error), .. }] = &status[..]
    else {
        panic!("{status:?}")
    };
    assert!(error.contains("127.0.0.1"), "{error}");
    assert!(outputs.spool_size().is_some_and(|(bytes, _)| bytes > 0));
    drop(outputs);

    // Another agent finds them; an output that is gone is forgotten.
    let again = live(directory.path(), &[&webhook]);
    // And the gap.
    wait_until(|| again.status()[0].queued == 11);
    again.stop(PATIENCE);
    drop(again);
    let other = live(directory.path(), &[&webhook.replace("far", "other")]);
    wait_until(|| other.status()[0].queued == 1);
    other.stop(PATIENCE);
}

#[test]
fn a_second_agent_does_not_touch_the_spool_of_the_first() {
    let directory = tempfile::tempdir().unwrap();
    let options: &[&str] = &["program_output.enabled=true", "program_output.program=cat > /dev/null"];
    let first = live(directory.path(), options);
    let second = live(directory.path(), options);
    assert!(first.spool_size().is_some() && second.spool_size().is_none());
    second.accept(alert("r", b"x")).unwrap();
    assert_eq!(second.stop(PATIENCE)[0].delivered, 1, "from memory");
    first.stop(PATIENCE);
}

/// What is not for an output is done with, and does not wait in front of what is.
#[test]
fn what_is_not_for_an_output_does_not_wait_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let log = std::os::unix::net::UnixDatagram::bind(directory.path().join("log")).unwrap();
    log.set_read_timeout(Some(PATIENCE)).unwrap();
    let syslog = "saker.syslog_outputs=[{name: log, url: 'unix://$DIR/log', priority: error}]";
    let outputs = live(directory.path(), &[syslog]);
    for number in 0..10 {
        outputs.accept(alert("r", format!("{number}").as_bytes())).unwrap();
    }
    wait_until(|| outputs.status()[0].queued == 0);
    let status = outputs.stop(PATIENCE);
    assert_eq!((status[0].queued, status[0].delivered, status[0].dropped), (0, 0, 0), "{status:?}");
}

/// User, password, path and query of an address grant access: neither log nor metrics nor summary tell them.
#[test]
fn the_address_of_a_webhook_is_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let webhook = format!(
        "saker.webhooks=[{{name: far, url: 'http://name:secret@127.0.0.1:{port}/secret?token=secret'}}]"
    );
    let outputs = live(directory.path(), &[&webhook]);
    outputs.accept(alert("r", b"x")).unwrap();
    wait_until(|| outputs.status()[0].last_error.is_some());
    let error = outputs.stop(PATIENCE)[0].last_error.clone().unwrap();
    assert!(error.contains(&format!("http://127.0.0.1:{port}:")) && !error.contains("secret"), "{error}");
}
