//! The audit log as it arrives in a run: posted to a webhook, in a file that grows, in files as they are.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use crate::k8s_audit::LOG;
use crate::{TempFile, text};

/// True for every event; shows its number and verb.
const RULES: &str = "- rule: Seen\n  desc: d\n  condition: ka.verb exists\n  output: seen %evt.num %ka.verb\n  \
                     priority: INFO\n  source: k8s_audit\n";

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A run of nothing but the audit log.
struct Run {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
    _files: [TempFile; 2],
}

impl Run {
    fn start(open_params: &str, init_config: &str) -> Run {
        let rules = TempFile::new("rules.yaml", RULES);
        // One of its own: in the host's there may be alerts, and the time of the last run.
        let spool = rules.dir.join("spool");
        let config = TempFile::new(
            "falco.yaml",
            &format!(
                "engine: {{kind: nodriver}}\nwatch_config_files: false\nrules_files: [{}]\nload_plugins: [k8saudit, json]\nplugins:\n  \
                 - name: k8saudit\n    library_path: libk8saudit.so\n    open_params: \"{open_params}\"\n    \
                 init_config: {init_config}\n  - name: json\n    library_path: libjson.so\n\
                 saker: {{spool: {{path: '{}'}}}}\n",
                rules.path,
                spool.display()
            ),
        );
        let mut child = Command::new(env!("CARGO_BIN_EXE_saker"))
            .args(["run", "-c", &config.path])
            .env("TZ", "UTC")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Run { child, stderr, said: String::new(), _files: [rules, config] }
    }

    /// Waits until it says something with these words; returns what follows them on the line.
    fn wait_for(&mut self, words: &str) -> String {
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).unwrap();
            self.said.push_str(&line);
            assert!(read > 0, "it ended without '{words}':\n{}", self.said);
            if let Some((_, rest)) = line.split_once(words) {
                return rest.trim().to_owned();
            }
        }
    }

    /// Ends it by a signal; its alerts and all that it said.
    fn end(mut self) -> (Vec<String>, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        self.outcome()
    }

    /// Waits for its end.
    fn outcome(&mut self) -> (Vec<String>, String) {
        let mut out = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        self.stderr.read_to_string(&mut self.said).unwrap();
        assert!(self.child.wait().unwrap().success(), "{}", self.said);
        (text(&out).lines().map(str::to_owned).collect(), std::mem::take(&mut self.said))
    }
}

/// Sends bytes and reads the status of the answer.
fn status(address: &str, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Whoever is refused early may not be read to the end.
    let _ = stream.write_all(request);
    answer(&mut stream)
}

fn answer(stream: &mut TcpStream) -> u16 {
    let mut head = [0; 12];
    stream.read_exact(&mut head).expect("an answer");
    let head = String::from_utf8_lossy(&head).into_owned();
    head.strip_prefix("HTTP/1.1 ").and_then(|status| status.parse().ok()).expect("HTTP/1.1")
}

fn post(path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

const JSON: &str = "application/json; charset=utf-8";

#[test]
fn a_webhook_takes_events_and_refuses_what_is_none() {
    let mut run =
        Run::start("http://127.0.0.1:0/k8s-audit", "{webhookMaxBatchSize: 20000, maxEventSize: 4000}");
    let address = run.wait_for("is received on ");
    let log = std::fs::read_to_string(LOG).unwrap();
    let events: Vec<&str> = log.lines().collect();
    let list = format!(
        r#"{{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[{}]}}"#,
        events[..3].join(",")
    );

    assert_eq!(status(&address, &post("/k8s-audit", JSON, list.as_bytes())), 200);
    assert_eq!(status(&address, &post("/k8s-audit", JSON, events[3].as_bytes())), 200);
    let chunked = format!(
        "POST /k8s-audit HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n\
         {:x}\r\n{}\r\n0\r\n\r\n",
        events[4].len(),
        events[4]
    );
    assert_eq!(status(&address, chunked.as_bytes()), 200);

    assert_eq!(status(&address, &post("/other", JSON, b"{}")), 404);
    assert_eq!(status(&address, b"GET /k8s-audit HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), 405);
    assert_eq!(status(&address, &post("/k8s-audit", "text/plain", list.as_bytes())), 400);
    assert_eq!(status(&address, &post("/k8s-audit", JSON, b"{\"kind\":")), 400);
    assert_eq!(status(&address, &post("/k8s-audit", JSON, b"{\"kind\":\"Pod\"}")), 400);
    assert_eq!(status(&address, &post("/k8s-audit", JSON, &[b' '; 20_001])), 413);
    // More than is announced, in chunks.
    let mut endless = b"POST /k8s-audit HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..30 {
        endless.extend_from_slice(format!("400\r\n{}\r\n", " ".repeat(1024)).as_bytes());
    }
    assert_eq!(status(&address, &endless), 413);
    // Good events beside bad ones are taken.
    let large = events[0].replace("\"level\"", &format!("\"x\":\"{}\",\"level\"", "y".repeat(4000)));
    let mixed = format!("[{},{},{{\"kind\":\"Event\"}}]", events[5], large);
    assert_eq!(status(&address, &post("/k8s-audit", JSON, mixed.as_bytes())), 200);
    // A client that goes away in the middle of a body.
    let mut broken = TcpStream::connect(&address).unwrap();
    broken.write_all(&post("/k8s-audit", JSON, list.as_bytes())[..200]).unwrap();
    drop(broken);
    // Something else than HTTP.
    drop(TcpStream::connect(&address).unwrap().write_all(&[0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3]));

    let (alerts, said) = run.end();
    let seen: Vec<&str> = alerts.iter().filter_map(|line| Some(line.split_once("seen ")?.1)).collect();
    assert_eq!(seen, ["1 create", "2 create", "3 create", "4 create", "5 create", "6 create"], "{said}");
    assert!(said.contains("Events detected: 6\n"), "{said}");
    let counted = said.lines().find(|line| line.starts_with("Audit events: ")).expect("a summary");
    assert!(
        counted.starts_with(
            "Audit events: 6, refused: 2 (1 without a time, 1 too large); requests: 4, refused: 8 (3 unfit, 2 malformed, 2 too large, \
             1 incomplete)"
        ),
        "{counted}"
    );
}

#[test]
fn who_is_slow_does_not_hold_up_others() {
    let mut run = Run::start("http://127.0.0.1:0/", "''");
    let address = run.wait_for("is received on ");
    let log = std::fs::read_to_string(LOG).unwrap();
    let event = log.lines().next().unwrap();
    let request = post("/", JSON, event.as_bytes());
    // Many who have begun a request, and do not go on.
    let mut slow: Vec<TcpStream> = (0..100)
        .map(|number| {
            let mut stream = TcpStream::connect(&address).unwrap();
            stream.write_all(&request[..number % 10 * 20]).unwrap();
            stream
        })
        .collect();
    assert_eq!(status(&address, &request), 200);
    // One that goes on after all.
    let mut late = slow.pop().unwrap();
    late.write_all(&request[99 % 10 * 20..]).unwrap();
    late.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(answer(&mut late), 200);
    drop(slow);
    let (alerts, said) = run.end();
    assert_eq!(alerts.len(), 2, "{said}");
}

#[test]
fn a_webhook_speaks_tls() {
    let directory = TempFile::new("placeholder", "");
    let pem = directory.dir.join("falco.pem");
    let pem = pem.to_str().unwrap();
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(pem, format!("{}{}", signed.signing_key.serialize_pem(), signed.cert.pem())).unwrap();
    let mut run = Run::start("https://127.0.0.1:0/k8s-audit", &format!("{{sslCertificate: {pem}}}"));
    let address = run.wait_for("is received on ");

    let mut roots = rustls::RootCertStore::empty();
    roots.add(signed.cert.der().clone()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from("localhost").unwrap();
    let mut tls = rustls::ClientConnection::new(std::sync::Arc::new(client), name).unwrap();
    let mut stream = TcpStream::connect(&address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut stream = rustls::Stream::new(&mut tls, &mut stream);
    let log = std::fs::read_to_string(LOG).unwrap();
    stream.write_all(&post("/k8s-audit", JSON, log.lines().next().unwrap().as_bytes())).unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200");

    let (alerts, said) = run.end();
    assert_eq!(alerts.len(), 1, "{said}");
}

#[test]
fn a_file_is_followed_across_its_rotation() {
    let log = TempFile::new("audit.log", "");
    let lines: Vec<String> = std::fs::read_to_string(LOG).unwrap().lines().map(str::to_owned).collect();
    let append = |path: &str, line: &str| {
        let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
        writeln!(file, "{line}").unwrap();
    };
    append(&log.path, &lines[0]);
    let mut run = Run::start(&format!("file://{}", log.path), "''");
    run.wait_for("is read from ");
    let mut out = BufReader::new(run.child.stdout.take().unwrap());
    let mut seen = Vec::new();
    let mut see = |count: usize| {
        while seen.len() < count {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended after {seen:?}");
            seen.extend(line.split_once("seen ").map(|(_, told)| told.trim().to_owned()));
        }
        seen.clone()
    };
    // What was moved away before it was opened is not ours.
    see(1);
    append(&log.path, &lines[1]);
    let old = format!("{}.1", log.path);
    std::fs::rename(&log.path, &old).unwrap();
    append(&old, &lines[2]);
    append(&log.path, &lines[6]);
    assert_eq!(see(4), ["1 create", "2 create", "3 create", "4 get"]);
    run.child.stdout = Some(out.into_inner());
    let (_, said) = run.end();
    assert!(said.contains("Audit events: 4, refused: 0\n"), "{said}");
}

#[test]
fn plain_files_are_read_and_the_run_ends() {
    let mut run = Run::start(LOG, "''");
    let (alerts, said) = run.outcome();
    assert_eq!(alerts.len(), 7);
    assert!(
        said.contains("Events detected: 7\n") && said.contains("Audit events: 7, refused: 0\n"),
        "{said}"
    );
}

#[test]
fn what_cannot_be_opened_is_told() {
    let busy = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", busy.local_addr().unwrap());
    for (open_params, init, expected) in [
        ("", "''", "'k8saudit' needs 'open_params'"),
        ("/no/such/audit.log", "''", "/no/such/audit.log: No such file"),
        (&*address, "''", "cannot listen on"),
        ("https://127.0.0.1:0/", "{sslCertificate: /no/such.pem}", "sslCertificate: /no/such.pem"),
        ("http://127.0.0.1:0/", "{maxEventsize: 7}", "'maxEventsize' is not known"),
    ] {
        let mut run = Run::start(open_params, init);
        let mut said = String::new();
        run.stderr.read_to_string(&mut said).unwrap();
        assert_eq!(run.child.wait().unwrap().code(), Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}
