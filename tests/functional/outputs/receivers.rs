//! Receivers on loopback for the tests of outputs: HTTP servers that can fail, TLS with certificates made on the spot, and
//! syslog daemons of every kind.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// Nothing here takes that long on a machine that is alive.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until something is so.
#[track_caller]
pub(super) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let named =
            |line: &&str| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name));
        self.head.lines().find(named)?.split_once(':').map(|(_, value)| value.trim())
    }
}

/// What a server does with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// A status.
    Status(u16),
    /// It says nothing, for so long.
    Silence(Duration),
    /// It closes the connection.
    Hangup,
}

/// An HTTP server.
pub(super) struct HttpServer {
    pub(super) url: String,
    /// Those that were answered with success.
    pub(super) taken: Arc<Mutex<Vec<Request>>>,
    /// How many connections there were.
    pub(super) connections: Arc<Mutex<usize>>,
    closed: Arc<AtomicBool>,
}

/// What a server says to the request with this number (from 0).
pub(super) type Script = Arc<dyn Fn(usize) -> Answer + Send + Sync>;

/// Always success.
pub(super) fn fine() -> Script {
    Arc::new(|_| Answer::Status(200))
}

impl HttpServer {
    pub(super) fn start(script: Script) -> HttpServer {
        HttpServer::listen(TcpListener::bind("127.0.0.1:0").unwrap(), script, None)
    }

    /// On a port that something else had before.
    pub(super) fn start_at(port: u16, script: Script) -> HttpServer {
        let end = Instant::now() + PATIENCE;
        loop {
            match TcpListener::bind(("127.0.0.1", port)) {
                Ok(listener) => return HttpServer::listen(listener, script, None),
                Err(error) => assert!(Instant::now() < end, "{error}"),
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(super) fn start_tls(config: ServerConfig, script: Script) -> HttpServer {
        HttpServer::listen(TcpListener::bind("127.0.0.1:0").unwrap(), script, Some(Arc::new(config)))
    }

    fn listen(listener: TcpListener, script: Script, tls: Option<Arc<ServerConfig>>) -> HttpServer {
        let scheme = if tls.is_some() { "https://localhost" } else { "http://127.0.0.1" };
        let server = HttpServer {
            url: format!("{scheme}:{}/", listener.local_addr().unwrap().port()),
            taken: Arc::default(),
            connections: Arc::default(),
            closed: Arc::default(),
        };
        let (taken, connections, closed) =
            (Arc::clone(&server.taken), Arc::clone(&server.connections), Arc::clone(&server.closed));
        thread::spawn(move || {
            let number = Arc::new(Mutex::new(0));
            for stream in listener.incoming() {
                if closed.load(Ordering::SeqCst) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                *connections.lock().unwrap() += 1;
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                let (script, taken, number) = (script.clone(), taken.clone(), number.clone());
                match tls.clone() {
                    None => drop(thread::spawn(move || serve(stream, &script, &taken, &number))),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        let stream = StreamOwned::new(connection, stream);
                        thread::spawn(move || serve(stream, &script, &taken, &number));
                    }
                }
            }
        });
        server
    }

    pub(super) fn port(&self) -> u16 {
        self.url.trim_end_matches('/').rsplit(':').next().unwrap().parse().unwrap()
    }

    pub(super) fn bodies(&self) -> Vec<String> {
        self.taken.lock().unwrap().iter().map(Request::text).collect()
    }

    pub(super) fn count(&self) -> usize {
        self.taken.lock().unwrap().len()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port()));
    }
}

/// One connection with however many requests.
fn serve(
    stream: impl Read + Write,
    script: &Script,
    taken: &Mutex<Vec<Request>>,
    number: &Mutex<usize>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let request = read_request(&mut stream)?;
        let closes = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        let answer = {
            let mut number = number.lock().unwrap();
            *number += 1;
            script(*number - 1)
        };
        let status = match answer {
            Answer::Status(status) => status,
            Answer::Silence(time) => {
                thread::sleep(time);
                return None;
            }
            Answer::Hangup => return None,
        };
        let body = format!("got {} bytes", request.body.len());
        if (200..300).contains(&status) {
            taken.lock().unwrap().push(request);
        }
        let head = format!("HTTP/1.1 {status} So\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        stream.get_mut().write_all(head.as_bytes()).ok()?;
        stream.get_mut().flush().ok()?;
        if closes {
            return None;
        }
    }
}

fn read_request(stream: &mut impl BufRead) -> Option<Request> {
    let mut head = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line.trim().is_empty() {
            break;
        }
        head.push_str(&line);
    }
    let request = Request { head, body: Vec::new() };
    let length: usize = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(Request { body, ..request })
}

/// A CA, a server's and a client's certificate, as files.
pub(super) struct Certificates {
    pub(super) ca: PathBuf,
    pub(super) server: (PathBuf, PathBuf),
    pub(super) client: (PathBuf, PathBuf),
}

impl Certificates {
    pub(super) fn make(directory: &Path) -> Certificates {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let write = |name: &str, text: String| {
            let path = directory.join(name);
            std::fs::write(&path, text).unwrap();
            path
        };
        let leaf = |name: &str, purpose| {
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.extended_key_usages = vec![purpose];
            let key = KeyPair::generate().unwrap();
            let certificate = params.signed_by(&key, &ca).unwrap();
            (
                write(&format!("{name}.crt"), certificate.pem()),
                write(&format!("{name}.key"), key.serialize_pem()),
            )
        };
        Certificates {
            server: leaf("server", ExtendedKeyUsagePurpose::ServerAuth),
            client: leaf("client", ExtendedKeyUsagePurpose::ClientAuth),
            ca: write("ca.crt", ca.pem()),
        }
    }

    /// What a server needs; with `mutual` it wants to see a client's certificate.
    pub(super) fn server_config(&self, mutual: bool) -> ServerConfig {
        let certificates = |path: &Path| {
            rustls::pki_types::CertificateDer::pem_file_iter(path)
                .unwrap()
                .map(Result::unwrap)
                .collect::<Vec<_>>()
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = if mutual {
            let mut roots = RootCertStore::empty();
            certificates(&self.ca).into_iter().for_each(|one| roots.add(one).unwrap());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.unwrap())
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::from_pem_file(&self.server.1).unwrap();
        builder.with_single_cert(certificates(&self.server.0), key).unwrap()
    }
}

/// What a syslog daemon took in.
#[derive(Clone, Default)]
pub(super) struct Messages(Arc<Mutex<Vec<String>>>);

impl Messages {
    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn push(&self, bytes: &[u8]) {
        self.0.lock().unwrap().push(String::from_utf8_lossy(bytes).into_owned());
    }
}

pub(super) fn syslog_unix(path: &Path) -> Messages {
    let (messages, socket) = (Messages::default(), UnixDatagram::bind(path).unwrap());
    let sink = messages.clone();
    thread::spawn(move || {
        let mut room = vec![0; 1 << 18];
        while let Ok(length) = socket.recv(&mut room) {
            sink.push(&room[..length]);
        }
    });
    messages
}

pub(super) fn syslog_udp() -> (u16, Messages) {
    let (messages, socket) = (Messages::default(), UdpSocket::bind("127.0.0.1:0").unwrap());
    let port = socket.local_addr().unwrap().port();
    let sink = messages.clone();
    thread::spawn(move || {
        let mut room = vec![0; 1 << 16];
        while let Ok(length) = socket.recv(&mut room) {
            sink.push(&room[..length]);
        }
    });
    (port, messages)
}

/// Over TCP, or TLS. A connection that carried `cut` messages is closed without reading the rest, once.
pub(super) fn syslog_stream(tls: Option<ServerConfig>, cut: Option<usize>) -> (u16, Messages) {
    let (messages, listener) = (Messages::default(), TcpListener::bind("127.0.0.1:0").unwrap());
    let port = listener.local_addr().unwrap().port();
    let sink = messages.clone();
    let tls = tls.map(Arc::new);
    let cut = Arc::new(Mutex::new(cut));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            let (sink, cut) = (sink.clone(), cut.clone());
            match tls.clone() {
                None => drop(thread::spawn(move || frames(stream, &sink, &cut))),
                Some(config) => {
                    let connection = ServerConnection::new(config).unwrap();
                    let stream = StreamOwned::new(connection, stream);
                    thread::spawn(move || frames(stream, &sink, &cut));
                }
            }
        }
    });
    (port, messages)
}

/// Messages after their length.
fn frames(stream: impl Read, sink: &Messages, cut: &Mutex<Option<usize>>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    for number in 0.. {
        let mut length = Vec::new();
        stream.read_until(b' ', &mut length).ok()?;
        let length: usize = std::str::from_utf8(&length).ok()?.trim().parse().ok()?;
        let mut message = vec![0; length];
        stream.read_exact(&mut message).ok()?;
        let mut cut = cut.lock().unwrap();
        if cut.is_some_and(|cut| number >= cut) {
            *cut = None;
            return None;
        }
        sink.push(&message);
    }
    None
}
