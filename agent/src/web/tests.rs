use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::atomic::AtomicBool;

use super::*;
use crate::config::Config;

fn config(options: &[&str]) -> Webserver {
    let port = ["webserver.listen_port=0", "webserver.threadiness=1"];
    let options: Vec<String> = port.iter().chain(options).map(|option| (*option).to_owned()).collect();
    Config::from_options(&options).unwrap().webserver
}

fn server(options: &[&str], metrics: bool) -> (Server, Arc<AtomicBool>) {
    let healthy = Arc::new(AtomicBool::new(true));
    let told = Arc::clone(&healthy);
    let content = Content {
        versions: r#"{"falco_version":"0"}"#.to_owned(),
        healthy: Box::new(move || told.load(Ordering::Relaxed)),
        metrics: metrics
            .then(|| Box::new(|| "a_total 1\n".to_owned()) as Box<dyn Fn() -> String + Send + Sync>),
    };
    (Server::start(&config(options), Ipv4Addr::LOCALHOST.into(), content).unwrap(), healthy)
}

/// All that the server says to these bytes.
fn ask(server: &Server, request: &[u8]) -> String {
    let mut client = TcpStream::connect(server.address()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    client.write_all(request).unwrap();
    let mut answer = Vec::new();
    // It may close the connection on what it does not like.
    let _ = client.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(server: &Server, path: &str) -> String {
    ask(server, format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
}

#[test]
fn it_tells_health_versions_and_metrics() {
    let (server, healthy) = server(&["webserver.k8s_healthz_endpoint=/live"], true);
    assert!(server.address().ip().is_loopback());
    let (health, versions, metrics) =
        (get(&server, "/live"), get(&server, "/versions"), get(&server, "/metrics"));
    assert!(
        health.starts_with("HTTP/1.1 200 ") && health.ends_with("\r\n\r\n{\"status\": \"ok\"}"),
        "{health}"
    );
    assert!(versions.ends_with("\r\n\r\n{\"falco_version\":\"0\"}"), "{versions}");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4\r\n"), "{metrics}");
    assert!(metrics.ends_with("\r\n\r\na_total 1\n"), "{metrics}");
    healthy.store(false, Ordering::Relaxed);
    assert!(get(&server, "/live?verbose=1").starts_with("HTTP/1.1 503 "));
    assert_eq!(server.counted(), (4, 0));
}

#[test]
fn it_tells_nothing_else() {
    let (server, _) = server(&[], false);
    for path in
        ["/", "/metrics", "/healthz/", "/healthz/../versions", "//versions", "/etc/passwd", "/%68ealthz", "*"]
    {
        let answer = get(&server, path);
        assert!(
            answer.starts_with("HTTP/1.1 404 ") || answer.starts_with("HTTP/1.1 400 "),
            "{path}: {answer}"
        );
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "X"] {
        let request = format!("{method} /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = ask(&server, request.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 4"), "{method}: {answer}");
    }
}

#[test]
fn what_is_no_request_is_refused() {
    let (server, _) = server(&[], true);
    let long = format!("GET /healthz HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(HEAD_MAX * 2));
    for request in [&b"\0\x01\x02\x03\r\n\r\n"[..], b"GET\r\n\r\n", b"\r\n\r\n\r\nGET", long.as_bytes()] {
        let answer = ask(&server, request);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert!(get(&server, "/healthz").starts_with("HTTP/1.1 200 "), "it still answers");
}

#[test]
fn too_many_clients_are_turned_away() {
    let (server, _) = server(&[], false);
    let idle: Vec<TcpStream> =
        (0..CLIENTS + 8).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    let mut waited = 0;
    while server.counted().1 < 8 {
        std::thread::sleep(Duration::from_millis(10));
        waited += 1;
        assert!(waited < 6000, "{:?}", server.counted());
    }
    drop(idle);
    while !get(&server, "/healthz").starts_with("HTTP/1.1 200 ") {
        std::thread::sleep(Duration::from_millis(10));
        waited += 1;
        assert!(waited < 6000);
    }
}

#[test]
fn what_cannot_be_listened_on_or_read_is_an_error_with_its_key() {
    let (first, _) = server(&[], false);
    let content = || Content { versions: String::new(), healthy: Box::new(|| true), metrics: None };
    let taken = Webserver { listen_port: first.address().port(), ..config(&[]) };
    let error = Server::start(&taken, Ipv4Addr::LOCALHOST.into(), content()).err().unwrap().to_string();
    assert!(error.contains("webserver.listen_port"), "{error}");
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = format!("webserver.ssl_certificate={}", file.path().display());
    let tls = config(&["webserver.ssl_enabled=true", &path]);
    let error = Server::start(&tls, Ipv4Addr::LOCALHOST.into(), content()).err().unwrap().to_string();
    assert!(error.contains("webserver.ssl_certificate") && error.contains("no certificate"), "{error}");
}

#[test]
fn it_speaks_tls_with_the_certificate_of_one_file() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{}{}", made.cert.pem(), made.signing_key.serialize_pem())).unwrap();
    let path = format!("webserver.ssl_certificate={}", file.path().display());
    let (server, _) = server(&["webserver.ssl_enabled=true", &path], false);

    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
    let tcp = TcpStream::connect(server.address()).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, tcp);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.ends_with("{\"status\": \"ok\"}"), "{answer}");
    // Without TLS there is no answer.
    assert!(!get(&server, "/healthz").contains("ok"));
}
