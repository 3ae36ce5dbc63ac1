//! Rules and configuration loaded anew while events go on: a replay from a pipe stands for the host, so that the test says when
//! which event happens.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};

use super::CAPTURE;

/// How long anything may take on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The bundled capture, unpacked.
pub(crate) fn capture() -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(File::open(CAPTURE).unwrap()).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Rules whose alerts depend on what the state has learnt from earlier events.
const RULES: &str = "
- rule: Open
  desc: an open
  condition: evt.type = openat and proc.name exists
  output: '%evt.num %proc.name %proc.pname %proc.cmdline %fd.name %proc.fdopencount'
  priority: INFO
- rule: Program
  desc: a program
  condition: evt.type = execve
  output: '%evt.num %proc.exepath %proc.aname %user.name'
  priority: WARNING
";

/// A directory with a configuration, rules and the pipe.
pub(crate) struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new(extra: &str) -> Place {
        let directory = tempfile::tempdir().unwrap();
        let place = Place { directory };
        place.write("rules.yaml", RULES);
        let config = format!(
            "engine: {{kind: replay, replay: {{capture_file: {}}}}}\nrules_files: [{}]\nlog_level: debug\n{extra}",
            place.path("events").display(),
            place.path("rules.yaml").display(),
        );
        place.write("saker.yaml", &config);
        mkfifo(&place.path("events"), Mode::from_bits_truncate(0o600)).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        // As careful programs do: a new file takes the place of the old one.
        let new = self.path("new");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.path(name)).unwrap();
    }
}

/// A running replay.
pub(crate) struct Run {
    pub(crate) child: Child,
    events: Option<File>,
    log: Receiver<String>,
    alerts: std::thread::JoinHandle<String>,
}

impl Run {
    pub(crate) fn start(place: &Place) -> Run {
        Run::start_with(place, &[])
    }

    /// With more in the environment.
    pub(crate) fn start_with(place: &Place, environment: &[(&str, &str)]) -> Run {
        let mut child = Command::new(env!("CARGO_BIN_EXE_saker"))
            .args(["run", "-c", place.path("saker.yaml").to_str().unwrap()])
            .env("TZ", "UTC")
            .env("FALCO_HOSTNAME", "conformance")
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let mut stdout = child.stdout.take().unwrap();
        let alerts = std::thread::spawn(move || {
            let mut text = String::new();
            stdout.read_to_string(&mut text).unwrap();
            text
        });
        // Opening waits for the other end.
        let events = fs::OpenOptions::new().write(true).open(place.path("events")).unwrap();
        Run { child, events: Some(events), log, alerts }
    }

    pub(crate) fn hangup(&self) {
        kill(Pid::from_raw(self.child.id() as i32), Signal::SIGHUP).unwrap();
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.events.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Waits for a line of the log that contains a text.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let line = self.log.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("no '{text}' in the log:\n{seen}"));
            if line.contains(text) {
                return line;
            }
            seen.push_str(&line);
            seen.push('\n');
        }
    }

    /// Kilobytes in memory.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Ends the events; the alerts and the rest of the log.
    pub(crate) fn finish(mut self) -> (String, String) {
        drop(self.events.take());
        assert!(self.child.wait().unwrap().success());
        let log = self.log.iter().collect::<Vec<_>>().join("\n");
        (self.alerts.join().unwrap(), log)
    }
}

/// The part of a log that sums up.
fn summary(log: &str) -> &str {
    log.split_once("Events detected: ").unwrap_or_else(|| panic!("no summary in {log}")).1
}

/// Replays with so many reloads, one after each part of the capture.
fn with_reloads(extra: &str, reloads: usize) -> (String, String) {
    let place = Place::new(extra);
    let capture = capture();
    let mut run = Run::start(&place);
    let (mut early, mut late) = (0, 0);
    let mut parts = capture.chunks(capture.len() / (reloads + 1) + 1);
    for number in 1..=reloads {
        run.feed(parts.next().unwrap());
        run.hangup();
        run.wait_for(&format!("reload {number}: ready"));
        match number {
            _ if number == reloads / 5 => early = run.memory(),
            _ if number == reloads => late = run.memory(),
            _ => {}
        }
    }
    parts.for_each(|part| run.feed(part));
    // The state grows with the capture, by less than that.
    assert!(late < early + 16 * 1024, "{early} kB after a fifth of the reloads, {late} kB at the end");
    run.finish()
}

#[test]
fn a_thousand_reloads_change_nothing() {
    let (plain, log) = with_reloads("", 0);
    assert!(plain.lines().count() > 1000);
    let (reloaded, reloaded_log) = with_reloads("", 1000);
    assert_eq!(reloaded, plain);
    assert_eq!(summary(&reloaded_log), summary(&log));
    let (reloaded, reloaded_log) = with_reloads("saker: {threads: 3}\n", 200);
    assert_eq!(reloaded, plain);
    assert_eq!(summary(&reloaded_log), summary(&log));
}

#[test]
fn other_rules_take_effect_and_the_state_stays() {
    for threads in [1, 2] {
        let place = Place::new(&format!("saker: {{threads: {threads}}}\nstatic_fields: {{site: old}}\n"));
        let capture = capture();
        let (first, second) = capture.split_at(capture.len() / 2);
        let mut run = Run::start(&place);
        run.feed(first);
        place.write(
            "rules.yaml",
            "- rule: Program anew\n  desc: d\n  condition: evt.type = execve\n  output: '%evt.num %proc.exepath %proc.aname %user.name %static.site'\n  priority: WARNING\n",
        );
        let config = fs::read_to_string(place.path("saker.yaml")).unwrap().replace("site: old", "site: new");
        place.write("saker.yaml", &config);
        // Nobody asked: the files are watched.
        run.wait_for(": ready");
        run.feed(second);
        let (alerts, log) = run.finish();
        assert!(log.contains("1 rules take effect"), "{log}");
        let (plain, _) = with_reloads("", 0);
        let programs: Vec<&str> = plain.lines().filter(|line| line.contains("Warning")).collect();
        let mut anew = 0;
        for line in alerts.lines().filter(|line| line.contains("Warning")) {
            anew += usize::from(line.ends_with(" new"));
            let line = line.strip_suffix(" new").unwrap_or(line);
            assert!(programs.contains(&line), "{line}");
        }
        assert_eq!(alerts.lines().filter(|line| line.contains("Warning")).count(), programs.len());
        assert!(anew > 0 && anew < programs.len(), "{anew} of {}", programs.len());
        let summary = summary(&log);
        assert!(summary.contains("   Program: ") && summary.contains("   Program anew: "), "{summary}");
    }
}

#[test]
fn a_file_that_cannot_be_loaded_changes_nothing_and_is_told() {
    let place = Place::new("watch_config_files: false\njson_output: true\n");
    let capture = capture();
    let (first, second) = capture.split_at(capture.len() / 2);
    let mut run = Run::start(&place);
    run.feed(first);
    place.write(
        "rules.yaml",
        "- rule: broken\n  desc: d\n  condition: evt.typ = execve\n  output: o\n  priority: INFO\n",
    );
    run.hangup();
    let line = run.wait_for("not loaded anew");
    assert!(line.contains("rules.yaml: invalid rules"), "{line}");
    run.wait_for("nonexistent field evt.typ");
    run.feed(second);
    let (alerts, log) = run.finish();
    let alerts: Vec<serde_json::Value> =
        alerts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (internal, others): (Vec<_>, Vec<_>) = alerts.iter().partition(|alert| alert["source"] == "internal");
    let [internal] = internal[..] else { panic!("{internal:?}") };
    assert_eq!(
        (internal["rule"].as_str(), internal["priority"].as_str(), internal["hostname"].as_str()),
        (Some("Falco internal: hot restart failure"), Some("Critical"), Some("conformance"))
    );
    let output = internal["output"].as_str().unwrap();
    assert!(
        output.starts_with("Falco internal: hot restart failure: ") && output.contains("evt.typ"),
        "{output}"
    );
    assert!(
        !internal["output_fields"].as_object().unwrap().is_empty(),
        "receivers refuse alerts without fields"
    );
    let (plain, _) = with_reloads("", 0);
    assert_eq!(others.len(), plain.lines().count());
    assert!(
        summary(&log).contains("CRITICAL: 1") && summary(&log).contains("hot restart failure: 1"),
        "{log}"
    );
}

#[test]
fn a_configuration_that_cannot_be_read_changes_nothing() {
    let place = Place::new("watch_config_files: false\n");
    let run = Run::start(&place);
    place.write("saker.yaml", "json_output: [\n");
    run.hangup();
    run.wait_for("not loaded anew, the rules and the configuration stay as they were: ");
    fs::remove_file(place.path("saker.yaml")).unwrap();
    run.hangup();
    let line = run.wait_for("not loaded anew");
    assert!(line.contains("saker.yaml"), "{line}");
    let mut run = run;
    run.feed(&capture());
    let (alerts, _) = run.finish();
    let failures =
        alerts.lines().filter(|line| line.contains("Critical Falco internal: hot restart failure: "));
    assert_eq!(failures.count(), 2);
    assert!(Path::new(CAPTURE).exists());
}
