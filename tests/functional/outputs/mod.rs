//! Where alerts go: every output with a real receiver, failing ones included.

mod delivery;
mod receivers;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use self::receivers::{
    Answer, Certificates, HttpServer, fine, syslog_stream, syslog_udp, syslog_unix, wait_until,
};
use crate::{CAPTURE, RULES, text};

/// A directory with rules, a configuration that replays the bundled capture, and a spool.
pub(super) struct Scene {
    pub(super) dir: tempfile::TempDir,
}

impl Scene {
    pub(super) fn new(rules: &str, config: &str) -> Scene {
        Scene::over(Path::new(CAPTURE), rules, config)
    }

    pub(super) fn over(capture: &Path, rules: &str, config: &str) -> Scene {
        let scene = Scene { dir: tempfile::tempdir().unwrap() };
        fs::write(scene.path("rules.yaml"), rules).unwrap();
        scene.configure(capture, config);
        scene
    }

    /// Writes the configuration anew; `$DIR` in it stands for the directory.
    pub(super) fn configure(&self, capture: &Path, config: &str) {
        let dir = self.dir.path().display().to_string();
        let config = config.replace("$DIR", &dir);
        let spool = if config.contains("spool:") { "" } else { "  spool: {path: $DIR/spool}\n" };
        let spool = spool.replace("$DIR", &dir);
        let saker = match config.contains("saker:\n") {
            true => config.replace("saker:\n", &format!("saker:\n{spool}")),
            false => format!("{config}saker:\n{spool}"),
        };
        let text = format!(
            "engine: {{kind: replay, replay: {{capture_file: {}}}}}\nrules_files: [{dir}/rules.yaml]\n{saker}",
            capture.display()
        );
        fs::write(self.path("falco.yaml"), text).unwrap();
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_saker"));
        command.args(["falco", "-c"]).arg(self.path("falco.yaml"));
        command.env("TZ", "UTC").env("FALCO_HOSTNAME", "conformance");
        command
    }

    /// Replays, and must succeed.
    #[track_caller]
    pub(super) fn run(&self) -> Output {
        let out = self.command().output().unwrap();
        assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
        out
    }

    /// Tries to replay, and must be refused.
    #[track_caller]
    fn refused(&self) -> String {
        let out = self.command().output().unwrap();
        assert_eq!(out.status.code(), Some(1), "{}", text(&out.stdout));
        let dir = format!("{}/", self.dir.path().display());
        let lines = text(&out.stderr).replace(&dir, "");
        lines.lines().find(|line| line.starts_with("Error")).unwrap_or_default().to_owned()
    }
}

/// What a replay prints when standard output is the only output.
fn expected(json: bool) -> Vec<String> {
    let args = if json { &["--json"][..] } else { &[] };
    let out = crate::replay(args);
    text(&out.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn all_local_outputs_get_the_lines_that_standard_output_gets() {
    let scene = Scene::new(
        RULES,
        "file_output: {enabled: true, filename: $DIR/alerts.txt}\n\
         program_output: {enabled: true, keep_alive: true, program: cat > $DIR/program.txt}\n\
         saker:\n  journald_output: {enabled: true, socket: $DIR/journal}\n  syslog_outputs:\n  - {name: local, url: 'unix://$DIR/log', facility: local3}\n",
    );
    let journal = UnixDatagram::bind(scene.path("journal")).unwrap();
    let entries = std::thread::spawn(move || {
        journal.set_read_timeout(Some(receivers::PATIENCE)).unwrap();
        let mut room = vec![0; 1 << 18];
        (0..185)
            .map(|_| journal.recv(&mut room).map(|length| text(&room[..length])).unwrap())
            .collect::<Vec<_>>()
    });
    let log = syslog_unix(&scene.path("log"));
    let out = scene.run();
    let lines = expected(false);
    assert_eq!(lines.len(), 185);
    let all = lines.join("\n") + "\n";
    assert_eq!(text(&out.stdout), all);
    assert_eq!(scene.read("alerts.txt"), all);
    assert_eq!(scene.read("program.txt"), all);
    assert!(text(&out.stderr).contains("Events detected: 185"), "{}", text(&out.stderr));
    wait_until("syslog has all", || log.count() == 185);
    let warning = log.all().into_iter().zip(&lines).find(|(_, line)| line.contains("Warning")).unwrap();
    // local3 is 19, a warning 4.
    assert!(
        warning.0.starts_with("<156>") && warning.0.ends_with(&format!("]: {}", warning.1)),
        "{warning:?}"
    );
    assert!(log.all()[0].starts_with("<158>"), "{:?}", log.all()[0]);
    let entries = entries.join().unwrap();
    assert!(entries[0].starts_with(&format!("MESSAGE={}\nPRIORITY=6\n", lines[0])), "{}", entries[0]);
    assert!(entries[0].contains("\nSAKER_RULE=Any open\n") && entries[0].contains("\nSAKER_EVT_NUM=449\n"));
}

#[test]
fn workers_hand_over_the_same_alerts() {
    let config = |threads| {
        format!(
            "json_output: true\nfile_output: {{enabled: true, filename: $DIR/alerts}}\nsaker:\n  threads: {threads}\n"
        )
    };
    for threads in [1, 4] {
        let scene = Scene::new(RULES, &config(threads));
        let out = scene.run();
        let lines: Vec<String> = text(&out.stdout).lines().map(str::to_owned).collect();
        assert_eq!(lines, expected(true), "{threads} threads");
        assert_eq!(scene.read("alerts"), text(&out.stdout));
    }
}

#[test]
fn a_program_runs_once_for_each_alert_or_for_all() {
    for (keep_alive, runs) in [(true, 1), (false, 185)] {
        let scene = Scene::new(
            RULES,
            &format!(
                "stdout_output: {{enabled: false}}\nprogram_output: {{enabled: true, keep_alive: {keep_alive}, program: 'cat >> $DIR/lines; echo >> $DIR/runs'}}\n"
            ),
        );
        let out = scene.run();
        assert_eq!(text(&out.stdout), "");
        assert_eq!(scene.read("lines").lines().collect::<Vec<_>>(), expected(false));
        assert_eq!(scene.read("runs").lines().count(), runs);
    }
}

#[test]
fn http_posts_each_alert_as_the_configuration_says() {
    let server = HttpServer::start(fine());
    let scene = Scene::new(
        RULES,
        &format!(
            "json_output: true\nhttp_output: {{enabled: true, url: '{}alerts', user_agent: agent/1, compress_uploads: true, keep_alive: true, echo: true}}\n",
            server.url
        ),
    );
    let out = scene.run();
    let requests = server.taken.lock().unwrap().clone();
    let bodies: Vec<String> = requests
        .iter()
        .map(|request| {
            let mut body = String::new();
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&request.body[..]), &mut body)
                .unwrap();
            body
        })
        .collect();
    assert_eq!(bodies, expected(true));
    assert!(requests[0].head.starts_with("POST /alerts HTTP/1.1"), "{}", requests[0].head);
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    assert_eq!(requests[0].header("user-agent"), Some("agent/1"));
    assert_eq!(requests[0].header("content-encoding"), Some("gzip"));
    assert_eq!(*server.connections.lock().unwrap(), 1, "keep_alive");
    let echoes = text(&out.stdout).lines().filter(|line| line.starts_with("got ")).count();
    assert_eq!(echoes, 185);

    let server = HttpServer::start(fine());
    let scene = Scene::new(RULES, &format!("http_output: {{enabled: true, url: '{}'}}\n", server.url));
    scene.run();
    assert_eq!(server.bodies(), expected(false));
    let requests = server.taken.lock().unwrap();
    assert_eq!(requests[0].header("content-type"), Some("text/plain"));
    assert_eq!(requests[0].header("user-agent"), Some("falcosecurity/falco"));
    assert_eq!(*server.connections.lock().unwrap(), 185, "no keep_alive");
}

#[test]
fn an_http_server_may_fail_stall_and_recover() {
    let server = HttpServer::start(std::sync::Arc::new(|number| match number {
        3 => Answer::Status(500),
        5 | 6 => Answer::Silence(Duration::from_millis(600)),
        8 => Answer::Hangup,
        9 => Answer::Status(429),
        _ => Answer::Status(204),
    }));
    let scene = Scene::new(
        RULES,
        &format!("output_timeout: 300\nhttp_output: {{enabled: true, url: '{}'}}\n", server.url),
    );
    let out = scene.run();
    assert_eq!(server.bodies(), expected(false));
    let log = text(&out.stderr);
    assert!(log.contains("output 'http'") && log.contains("500") && log.contains("delivers again"), "{log}");
}

#[test]
fn an_alert_that_is_refused_is_lost_with_a_word_and_the_others_are_not() {
    let server = HttpServer::start(std::sync::Arc::new(|number| {
        if number == 2 { Answer::Status(400) } else { Answer::Status(200) }
    }));
    let scene = Scene::new(RULES, &format!("http_output: {{enabled: true, url: '{}'}}\n", server.url));
    let out = scene.run();
    let mut lines = expected(false);
    lines.remove(2);
    assert_eq!(server.bodies(), lines);
    let log = text(&out.stderr);
    assert!(log.contains("an alert of rule 'Any open' is lost"), "{log}");
    assert!(log.contains("Output 'http': 0 alerts wait, 1 are lost"), "{log}");
}

#[test]
fn https_trusts_whom_it_is_told_to_and_shows_its_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Certificates::make(dir.path());
    let server = HttpServer::start_tls(certificates.server_config(true), fine());
    let options = |more: &str| {
        format!(
            "output_timeout: 20000\nhttp_output: {{enabled: true, url: '{}', keep_alive: true, {more}}}\n",
            server.url
        )
    };
    let (ca, (certificate, key)) = (certificates.ca.display(), &certificates.client);
    let client = format!("mtls: true, client_cert: {}, client_key: {}", certificate.display(), key.display());
    for trust in [format!("ca_cert: {ca}"), format!("ca_bundle: {ca}"), "insecure: true".to_owned()] {
        let before = server.count();
        Scene::new(RULES, &options(&format!("{trust}, {client}"))).run();
        assert_eq!(server.count() - before, 185, "{trust}");
    }
    // Whoever is not trusted, or does not show a certificate, gets and gives nothing.
    let before = server.count();
    for options in [
        options(&format!("ca_cert: {ca}")),
        options(&format!("ca_cert: {}, {client}", certificate.display())),
    ] {
        let out = Scene::new(RULES, &options).run();
        assert!(
            text(&out.stderr).contains("Output 'http': 185 alerts wait, 0 are lost"),
            "{}",
            text(&out.stderr)
        );
    }
    assert_eq!(server.count(), before);
}

#[test]
fn webhooks_fill_in_their_payload() {
    let (server, slack) = (HttpServer::start(fine()), HttpServer::start(fine()));
    let scene = Scene::new(
        RULES,
        &format!(
            "saker:\n  slack_output: {{enabled: true, url: '{}', priority: warning}}\n  webhooks:\n  - name: pager\n    url: '{}pager'\n    headers: {{Authorization: Bearer x}}\n    payload: '{{\"r\": \"{{{{rule}}}}\", \"n\": \"{{{{evt.num}}}}\", \"all\": {{{{json}}}}}}'\n",
            slack.url, server.url
        ),
    );
    scene.run();
    let lines = expected(true);
    let requests = server.taken.lock().unwrap();
    assert_eq!(requests.len(), 185);
    assert_eq!(requests[0].header("authorization"), Some("Bearer x"));
    for (request, line) in requests.iter().zip(&lines) {
        let (got, alert): (Value, Value) =
            (serde_json::from_slice(&request.body).unwrap(), serde_json::from_str(line).unwrap());
        assert_eq!((&got["r"], &got["all"]), (&alert["rule"], &alert));
        assert_eq!(got["n"], alert["output_fields"]["evt.num"].to_string());
    }
    let messages = slack.bodies();
    assert_eq!(messages.len(), 176, "warnings only");
    let message: Value = serde_json::from_str(&messages[0]).unwrap();
    assert!(message["text"].as_str().unwrap().contains("Warning failed"), "{message}");
    assert_eq!(message["attachments"][0]["title"], "Failed open");
}

#[test]
fn syslog_goes_over_udp_tcp_and_tls() {
    let dir = tempfile::tempdir().unwrap();
    let certificates = Certificates::make(dir.path());
    let (udp_port, udp) = syslog_udp();
    let (tcp_port, tcp) = syslog_stream(None, None);
    let (tls_port, tls) = syslog_stream(Some(certificates.server_config(true)), None);
    let (certificate, key) = &certificates.client;
    let scene = Scene::new(
        RULES,
        &format!(
            "output_timeout: 20000\nsaker:\n  syslog_outputs:\n  - {{name: udp, url: 'udp://127.0.0.1:{udp_port}', facility: auth}}\n  - {{name: tcp, url: 'tcp://127.0.0.1:{tcp_port}'}}\n  - {{name: tls, url: 'tls://localhost:{tls_port}', ca_cert: {}, client_cert: {}, client_key: {}}}\n",
            certificates.ca.display(),
            certificate.display(),
            key.display()
        ),
    );
    let out = scene.run();
    assert!(!text(&out.stderr).contains("alerts wait, "), "{}", text(&out.stderr));
    let lines = expected(false);
    for (name, facility, messages) in [("udp", 4, udp), ("tcp", 1, tcp), ("tls", 1, tls)] {
        wait_until(name, || messages.count() == 185);
        for (message, line) in messages.all().iter().zip(&lines) {
            let priority = facility * 8 + if line.contains(": Warning ") { 4 } else { 6 };
            let parts: Vec<&str> = message.splitn(8, ' ').collect();
            let [pri, time, host, app, pid, id, data, said] = parts[..] else { panic!("{message}") };
            assert_eq!(
                (pri, host, app),
                (format!("<{priority}>1").as_str(), "conformance", "saker"),
                "{name}"
            );
            assert!(
                time.ends_with('Z') && pid.parse::<u32>().is_ok() && (id, data) == ("-", "-"),
                "{message}"
            );
            assert_eq!(said, line, "{name}");
        }
    }
}

/// The daemon that distributions have, where it is installed.
#[test]
fn rsyslog_understands_every_form() {
    let Some(daemon) = ["/usr/sbin/rsyslogd", "/sbin/rsyslogd"].iter().find(|path| Path::new(path).exists())
    else {
        eprintln!("skipped: there is no rsyslogd here");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let port = || std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (tcp, udp) = (port(), port());
    let path = |name: &str| dir.path().join(name);
    let config = format!(
        "global(workDirectory=\"{dir}\")\n\
         module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"{dir}/log\" RateLimit.Interval=\"0\")\n\
         module(load=\"imtcp\")\ninput(type=\"imtcp\" address=\"127.0.0.1\" port=\"{tcp}\")\n\
         module(load=\"imudp\")\ninput(type=\"imudp\" address=\"127.0.0.1\" port=\"{udp}\")\n\
         template(name=\"form\" type=\"string\" string=\"%inputname% %syslogfacility-text% %syslogseverity-text% %programname%%msg%\\n\")\n\
         action(type=\"omfile\" file=\"{dir}/out\" template=\"form\")\n",
        dir = dir.path().display(),
    );
    fs::write(path("rsyslog.conf"), config).unwrap();
    let mut child = Command::new(daemon)
        .arg("-n")
        .args(["-f", path("rsyslog.conf").to_str().unwrap(), "-i", path("pid").to_str().unwrap()])
        .spawn()
        .unwrap();
    wait_until("rsyslogd listens", || {
        path("log").exists() && std::net::TcpStream::connect(("127.0.0.1", tcp)).is_ok()
    });
    let scene = Scene::new(
        RULES,
        &format!(
            "saker:\n  syslog_outputs:\n  - {{name: a, url: 'unix://{dir}/log', facility: local3}}\n  - {{name: b, url: 'tcp://127.0.0.1:{tcp}', facility: local4}}\n  - {{name: c, url: 'udp://127.0.0.1:{udp}', facility: local5}}\n",
            dir = dir.path().display()
        ),
    );
    scene.run();
    let read = || fs::read_to_string(path("out")).unwrap_or_default();
    wait_until("rsyslogd has all", || read().lines().count() >= 3 * 185);
    child.kill().unwrap();
    child.wait().unwrap();
    let (lines, out) = (expected(false), read());
    for (input, facility) in [("imuxsock", "local3"), ("imtcp", "local4"), ("imudp", "local5")] {
        let got: Vec<&str> = out.lines().filter(|line| line.starts_with(input)).collect();
        assert_eq!(got.len(), 185, "{input}");
        for (got, line) in got.iter().zip(&lines) {
            let severity = if line.contains(": Warning ") { "warning" } else { "info" };
            let head = format!("{input} {facility} {severity} saker");
            let said = got.strip_prefix(&head).unwrap_or_else(|| panic!("{got}"));
            assert_eq!(said.trim_start(), line);
        }
    }
}

#[test]
fn what_repeats_is_rolled_up_and_what_is_too_much_is_held_back() {
    let scene = Scene::new(RULES, "saker:\n  rollup: {enabled: true, window: 1h, key: [evt.type]}\n");
    let out = scene.run();
    let lines = text(&out.stdout);
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(
        lines[2].contains("(repeated 8 times in ") && lines[3].contains("(repeated 175 times in "),
        "{lines:#?}"
    );
    let summary = text(&out.stderr);
    assert!(summary.contains("Events detected: 185"), "{summary}");
    assert!(
        summary.ends_with("Alerts held back by rule name:\n   Any open: 8 rolled up, 0 over the limit\n   Failed open: 175 rolled up, 0 over the limit\n"),
        "{summary}"
    );

    let scene = Scene::new(
        RULES,
        "saker:\n  rate_limit: {per_rule: 10, per_key: 3, key: [proc.exepath], window: 1h}\n",
    );
    let out = scene.run();
    let summary = text(&out.stderr);
    let passed = text(&out.stdout).lines().count();
    assert!(passed < 21 && passed > 3, "{passed}");
    assert!(summary.contains("Failed open: 0 rolled up, "), "{summary}");
    let bad = Scene::new(RULES, "saker:\n  rollup: {enabled: true, key: [proc.nosuch]}\n").refused();
    assert!(bad.contains("configuration key 'saker.rollup.key': there is no field 'proc.nosuch'"), "{bad}");
}

#[test]
fn what_cannot_be_is_refused_at_the_start() {
    let refused = |config: &str| Scene::new(RULES, config).refused();
    let errors = [
        refused("http_output: {enabled: true, url: localhost}\n"),
        refused("http_output: {enabled: true, url: 'https://localhost', ca_cert: $DIR/none.crt}\n"),
        refused("http_output: {enabled: true, url: 'https://localhost', ca_cert: $DIR/rules.yaml}\n"),
        refused("http_output: {enabled: true, url: 'http://localhost', user_agent: \"a\\nb\"}\n"),
        refused("saker:\n  webhooks: [{name: a, url: 'http://localhost', payload: '{{rule}}'}]\n"),
        refused("saker:\n  webhooks: [{name: http, url: 'http://localhost'}]\n"),
        refused("saker:\n  webhooks: [{name: a/b, url: 'http://localhost'}]\n"),
        refused("saker:\n  syslog_outputs: [{name: a, url: 'localhost:514'}]\n"),
        refused(
            "saker:\n  syslog_outputs: [{name: a, url: 'tls://h', ca_cert: $DIR/rules.yaml, client_cert: x}]\n",
        ),
    ];
    insta::assert_snapshot!(errors.join("\n"), @r"
    Error: http_output: 'localhost' is no address of the form http://HOST:PORT/PATH or https://…
    Error: http_output: none.crt: No such file or directory (os error 2)
    Error: http_output: rules.yaml: there is no certificate in PEM form in it
    Error: http_output: the header 'User-Agent' cannot be sent: its name or value has characters that headers must not have
    Error: saker.webhooks[0].payload: with texts filled in it is no JSON: EOF while parsing a value at line 1 column 0
    Error: saker.webhooks[0].name: 'http' is the name of another output
    Error: saker.webhooks[0].name: 'a/b' is no name: use up to 64 letters, digits, '-' and '_'
    Error: saker.syslog_outputs[0].url: 'localhost:514' is none of udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, unix:///PATH
    Error: saker.syslog_outputs[0]: 'client_cert' and 'client_key' belong together
    ");
}

#[test]
fn without_a_directory_there_is_no_spool_and_alerts_still_go_out() {
    let server = HttpServer::start(fine());
    let scene = Scene::new(
        RULES,
        &format!(
            "http_output: {{enabled: true, url: '{}'}}\nsaker:\n  spool: {{path: $DIR/rules.yaml/spool}}\n",
            server.url
        ),
    );
    let out = scene.run();
    assert_eq!(server.bodies(), expected(false));
    assert!(
        text(&out.stderr).contains("there is no spool, alerts that cannot be delivered wait in memory only")
    );
}

/// What falcosidekick asks of an alert before it passes it on.
#[test]
fn alerts_are_such_that_falcosidekick_takes_them() {
    let rules = format!(
        "{RULES}- rule: All fields\n  desc: d\n  condition: evt.type in (execve, connect)\n  output: c (%container.id %k8s.pod.name %k8s.ns.name %proc.cmdline %fd.name %evt.args)\n  priority: CRITICAL\n"
    );
    let server = HttpServer::start(fine());
    let scene = Scene::new(
        &rules,
        &format!(
            "json_output: true\nrule_matching: all\nappend_output: [{{suggested_output: true}}]\nhttp_output: {{enabled: true, url: '{}'}}\n",
            server.url
        ),
    );
    scene.run();
    let bodies = server.bodies();
    assert!(bodies.len() > 190, "{}", bodies.len());
    for body in bodies {
        let alert: Value = serde_json::from_str(&body).unwrap();
        let priority = alert["priority"].as_str().unwrap();
        assert!(saker::config::Priority::parse(priority).is_some(), "{body}");
        assert!(!alert["rule"].as_str().unwrap().is_empty(), "{body}");
        assert!(alert["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{body}");
        assert!(!alert["output_fields"].as_object().unwrap().is_empty(), "{body}");
        for name in ["k8s.ns.name", "k8s.pod.name"] {
            let value = &alert["output_fields"][name];
            assert!(value.is_null() || value.is_string(), "{body}");
        }
        assert!(alert["tags"].as_array().unwrap().iter().all(Value::is_string), "{body}");
        assert!(alert["hostname"].is_string() && alert["source"].is_string(), "{body}");
        // `TIME: Priority message`, which it cuts off when it is asked to.
        let output = alert["output"].as_str().unwrap();
        let (time, rest) = output.split_once(": ").unwrap();
        assert!(time.chars().all(|c| c.is_ascii_digit() || ":.".contains(c)), "{body}");
        assert!(rest.starts_with(&format!("{priority} ")), "{body}");
    }
}
