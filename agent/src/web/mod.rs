//! The web server: health, versions, metrics, and nothing else.
//!
//! ```text
//! listener -> thread -> (TLS) -> HTTP/1 -> one of three paths -> what the telemetry says now
//! ```
//!
//! Clients are strangers: how many may be connected, how long they may take and how much they may say has limits, nothing of
//! what they say is used but method and path, and detection never waits for them.

pub(crate) mod tls;

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::config::Webserver;

/// How many clients may be connected at once; more are turned away and counted.
const CLIENTS: usize = 64;
/// How long a client may take for its TLS handshake, and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one connection may last.
const LIFETIME: Duration = Duration::from_secs(300);
/// Bytes of the head of a request.
const HEAD_MAX: usize = 16 << 10;
/// Threads when the configuration leaves that to us: there is little to do.
const THREADS_MAX: usize = 4;
/// The form of Prometheus' texts.
const METRICS_TYPE: &str = "text/plain; version=0.0.4";
const JSON_TYPE: &str = "application/json";

/// What the server tells.
pub struct Content {
    /// What `/versions` says.
    pub versions: String,
    /// Whether all is well.
    pub healthy: Box<dyn Fn() -> bool + Send + Sync>,
    /// What `/metrics` says, if it is on.
    pub metrics: Option<Box<dyn Fn() -> String + Send + Sync>>,
}

/// Why there is no web server.
#[derive(thiserror::Error, Debug)]
pub enum WebError {
    /// The address cannot be used.
    #[error("webserver: {0}: {1} (set 'webserver.listen_address' and 'webserver.listen_port')")]
    Listen(SocketAddr, io::Error),
    /// Certificate or key cannot be read.
    #[error("webserver.ssl_certificate: {path}: {what}", path = .0.display(), what = .1)]
    Certificate(PathBuf, String),
    /// The system has no threads to give.
    #[error("webserver: {0}")]
    Thread(io::Error),
}

/// The running server; it ends with the process.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    content: Content,
    health_path: String,
    clients: Arc<Semaphore>,
    turned_away: AtomicU64,
    served: AtomicU64,
}

impl Server {
    /// Begins to listen. `address` is where, if the configuration does not say.
    ///
    /// # Errors
    /// If the address cannot be used, or TLS is on and its certificate cannot.
    pub fn start(config: &Webserver, address: IpAddr, content: Content) -> Result<Server, WebError> {
        let tls = match config.ssl_enabled {
            true => {
                let path = &config.ssl_certificate;
                Some(tls::acceptor(path).map_err(|what| WebError::Certificate(path.clone(), what))?)
            }
            false => None,
        };
        let wanted = SocketAddr::new(config.listen_address.unwrap_or(address), config.listen_port);
        let failed = |error| WebError::Listen(wanted, error);
        let listener = TcpListener::bind(wanted).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            content,
            health_path: config.k8s_healthz_endpoint.clone(),
            clients: Arc::new(Semaphore::new(CLIENTS)),
            turned_away: AtomicU64::new(0),
            served: AtomicU64::new(0),
        });
        let threads = match config.threadiness {
            0 => std::thread::available_parallelism().map_or(1, |cpus| cpus.get().min(THREADS_MAX)),
            threads => (threads as usize).min(CLIENTS),
        };
        for number in 0..threads {
            let listener = listener.try_clone().map_err(failed)?;
            let (shared, tls) = (Arc::clone(&shared), tls.clone());
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.map_err(WebError::Thread)?;
            let thread = std::thread::Builder::new().name(format!("web {number}"));
            let serve = move || runtime.block_on(serve(listener, shared, tls));
            thread.spawn(serve).map_err(WebError::Thread)?;
        }
        Ok(Server { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Requests that were answered, and clients that were turned away because there were too many.
    pub fn counted(&self) -> (u64, u64) {
        // Relaxed: numbers that stand for themselves.
        (self.shared.served.load(Ordering::Relaxed), self.shared.turned_away.load(Ordering::Relaxed))
    }
}

/// Takes in clients for ever.
async fn serve(listener: TcpListener, shared: Arc<Shared>, tls: Option<TlsAcceptor>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("webserver: {error}"),
    };
    loop {
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                // Out of descriptors, say: trying at once again would only burn time.
                tracing::debug!("webserver: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&shared.clients).try_acquire_owned() else {
            shared.turned_away.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        tokio::spawn(async move {
            let _place = place;
            let talk = async {
                match &tls {
                    None => talk(client, &shared).await,
                    Some(tls) => match tokio::time::timeout(PATIENCE, tls.accept(client)).await {
                        Ok(Ok(client)) => talk(client, &shared).await,
                        Ok(Err(error)) => tracing::debug!("webserver: TLS: {error}"),
                        Err(_) => tracing::debug!("webserver: TLS: no handshake in time"),
                    },
                }
            };
            let _ = tokio::time::timeout(LIFETIME, talk).await;
        });
    }
}

/// Answers one client.
async fn talk(client: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) {
    let answer = service_fn(|request: Request<Incoming>| async move {
        shared.served.fetch_add(1, Ordering::Relaxed);
        Ok::<_, Infallible>(shared.answer(request.method(), request.uri().path()))
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(HEAD_MAX);
    if let Err(error) = http.serve_connection(TokioIo::new(client), answer).await {
        tracing::debug!("webserver: {error}");
    }
}

impl Shared {
    fn answer(&self, method: &Method, path: &str) -> Response<Full<Bytes>> {
        let Content { versions, healthy, metrics } = &self.content;
        let (status, kind, text) = match (path, metrics) {
            _ if !self.has(path) => (StatusCode::NOT_FOUND, "text/plain", "not found\n".to_owned()),
            _ if method != Method::GET && method != Method::HEAD => {
                let mut refused = response(
                    StatusCode::METHOD_NOT_ALLOWED,
                    "text/plain",
                    "only GET and HEAD are answered\n".to_owned(),
                );
                refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
                return refused;
            }
            ("/metrics", Some(metrics)) => (StatusCode::OK, METRICS_TYPE, metrics()),
            ("/versions", _) => (StatusCode::OK, JSON_TYPE, versions.clone()),
            _ if healthy() => (StatusCode::OK, JSON_TYPE, r#"{"status": "ok"}"#.to_owned()),
            _ => (
                StatusCode::SERVICE_UNAVAILABLE,
                JSON_TYPE,
                r#"{"status": "detection does not go on"}"#.to_owned(),
            ),
        };
        response(status, kind, text)
    }

    fn has(&self, path: &str) -> bool {
        path == "/versions"
            || path == self.health_path
            || path == "/metrics" && self.content.metrics.is_some()
    }
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests;
