//! The webhook: the API server posts events here.
//!
//! One thread serves all connections. A body is answered with 200 once its events are in the queue; where there is no room in
//! time the answer is 503, after which the API server tries again. All that a client can make large or slow has a limit:
//! connections, headers, the body's size and time, and the bytes that wait.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::batch::{Batch, Limits, Refused};
use super::counters::Requests;
use super::source::SourceError;
use crate::web::tls;

/// The most connections at once.
const CONNECTIONS: usize = 256;

/// How long a client may take for its TLS handshake, and for the head of a request; how long it may keep silent between two.
const HEAD_TIME: Duration = Duration::from_secs(15);

/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(30);

/// How long a batch waits for room in the queue before it is refused.
const ROOM_TIME: Duration = Duration::from_secs(5);

/// The most bytes of bodies that are being received or wait, if one body cannot be larger.
const BYTES: usize = 64 << 20;

/// The most batches that wait.
const BATCHES: usize = 4096;

/// A batch on its way to the rules; its bytes count as waiting until it is dropped.
#[derive(Debug)]
pub(super) struct Delivery {
    /// The events.
    pub(super) batch: Batch,
    _room: Option<OwnedSemaphorePermit>,
}

/// Requests by how they ended; see [`Requests`].
#[derive(Debug, Default)]
struct Counted {
    accepted: AtomicU64,
    unfit: AtomicU64,
    malformed: AtomicU64,
    too_large: AtomicU64,
    incomplete: AtomicU64,
    busy: AtomicU64,
}

impl Counted {
    // Relaxed, here and below: the numbers stand for themselves.
    fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn now(&self) -> Requests {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Requests {
            accepted: of(&self.accepted),
            unfit: of(&self.unfit),
            malformed: of(&self.malformed),
            too_large: of(&self.too_large),
            incomplete: of(&self.incomplete),
            busy: of(&self.busy),
        }
    }
}

/// A webhook that is served until it is dropped.
#[derive(Debug)]
pub(super) struct Webhook {
    receiver: Receiver<Delivery>,
    requests: Arc<Counted>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Webhook {
    /// Listens and serves.
    ///
    /// # Errors
    /// If the address cannot be listened on, or the certificate cannot be used.
    pub(super) fn start(
        address: &str,
        path: &str,
        certificate: Option<&Path>,
        limits: Limits,
    ) -> Result<Webhook, SourceError> {
        let failed = |error| SourceError::Listen(address.to_owned(), error);
        let listener = listen(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let tls = certificate.map(acceptor).transpose()?;
        let (sender, receiver) = crossbeam_channel::bounded(BATCHES);
        let requests = Arc::new(Counted::default());
        let bytes = BYTES.max(limits.batch.saturating_mul(2)).min(Semaphore::MAX_PERMITS);
        let server = Arc::new(Server {
            path: path.to_owned(),
            limits,
            sender,
            requests: Arc::clone(&requests),
            room: Arc::new(Semaphore::new(bytes)),
        });
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(SourceError::Thread)?;
        let serve = move || runtime.block_on(serve(listener, tls, server, stopped));
        let thread = std::thread::Builder::new()
            .name("audit-webhook".to_owned())
            .spawn(serve)
            .map_err(SourceError::Thread)?;
        Ok(Webhook { receiver, requests, address, stop: Some(stop), thread: Some(thread) })
    }

    /// What it listens on.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next batch, if one comes in time.
    pub(super) fn next(&self, wait: Duration) -> Option<Delivery> {
        self.receiver.recv_timeout(wait).ok()
    }

    /// How the requests ended so far.
    pub(super) fn requests(&self) -> Requests {
        self.requests.now()
    }

    /// Takes no more requests, but finishes those under way. What they bring can still be had by [`Webhook::next`].
    pub(super) fn close(&mut self) {
        // Whoever does not listen any more has stopped already.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        self.close();
    }
}

/// Listens on `HOST:PORT`; without a host on all addresses.
fn listen(address: &str) -> io::Result<TcpListener> {
    let listener = match address.strip_prefix(':').map(|port| port.parse::<u16>()) {
        // IPv6 takes IPv4 along, where there is IPv6.
        Some(Ok(port)) => {
            TcpListener::bind(("::", port)).or_else(|_| TcpListener::bind(("0.0.0.0", port)))?
        }
        _ => {
            let addresses: Vec<SocketAddr> = address.to_socket_addrs()?.collect();
            TcpListener::bind(&addresses[..])?
        }
    };
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// What speaks TLS with the certificate and key of a PEM file.
fn acceptor(file: &Path) -> Result<TlsAcceptor, SourceError> {
    let failed = |problem| SourceError::Certificate { path: file.display().to_string(), problem };
    tls::acceptor(file).map_err(failed)
}

struct Server {
    path: String,
    limits: Limits,
    sender: Sender<Delivery>,
    requests: Arc<Counted>,
    /// A permit for each byte that may still come in.
    room: Arc<Semaphore>,
}

async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    server: Arc<Server>,
    mut stopped: oneshot::Receiver<()>,
) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("the audit webhook cannot be served: {error}"),
    };
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let mut tasks = tokio::task::JoinSet::new();
    loop {
        let accept = async {
            let Ok(place) = Arc::clone(&connections).acquire_owned().await else {
                return Err(io::ErrorKind::Other.into());
            };
            listener.accept().await.map(|(stream, _)| (stream, place))
        };
        let accepted = tokio::select! {
            _ = &mut stopped => break,
            accepted = accept => accepted,
        };
        while tasks.try_join_next().is_some() {}
        let (stream, place) = match accepted {
            Ok(accepted) => accepted,
            // Out of descriptors, or a client that went away at once: others may have more luck later.
            Err(error) => {
                tracing::warn!("the audit webhook cannot accept a connection: {error}");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (server, tls) = (Arc::clone(&server), tls.clone());
        tasks.spawn(async move {
            let _place = place;
            match tls {
                None => server.connection(stream).await,
                // A handshake that fails is the client's affair.
                Some(tls) => {
                    if let Ok(Ok(stream)) = timeout(HEAD_TIME, tls.accept(stream)).await {
                        server.connection(stream).await;
                    }
                }
            }
        });
    }
    drop(listener);
    // Who is in the middle of a request may finish it; idle connections are closed when the time is up.
    let _ = timeout(Duration::from_millis(500), async { while tasks.join_next().await.is_some() {} }).await;
}

impl Server {
    async fn connection(self: Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let service = service_fn(|request| {
            let server = Arc::clone(&self);
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIME).max_buf_size(64 << 10);
        // What goes wrong on a connection is told by the counters of requests.
        let _ = http.serve_connection(TokioIo::new(stream), service).await;
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match self.take(request).await {
            Ok(()) => {
                Counted::count(&self.requests.accepted);
                Response::new(Full::default())
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }

    async fn take(&self, request: Request<Incoming>) -> Result<(), Refusal> {
        if request.uri().path() != self.path {
            return Err(Refusal::Path);
        }
        if request.method() != Method::POST {
            return Err(Refusal::Method);
        }
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        if !header(CONTENT_TYPE).is_some_and(|kind| kind.contains("application/json")) {
            return Err(Refusal::Kind);
        }
        let announced = header(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.limits.batch as u64) {
            return Err(Refusal::TooLarge(self.limits.batch));
        }
        let (body, room) = self.body(request.into_body()).await?;
        let batch = Batch::parse(&body, &self.limits).map_err(Refusal::Content)?;
        drop(body);
        self.hand_over(Delivery { batch, _room: room }).await
    }

    async fn body(&self, mut body: Incoming) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Refusal> {
        let end = Instant::now() + BODY_TIME;
        let (mut bytes, mut room) = (Vec::new(), None::<OwnedSemaphorePermit>);
        loop {
            let frame = match timeout_at(end, body.frame()).await {
                Err(_) => return Err(Refusal::Slow),
                Ok(None) => return Ok((bytes, room)),
                Ok(Some(Err(_))) => return Err(Refusal::BrokenOff),
                Ok(Some(Ok(frame))) => frame,
            };
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() + data.len() > self.limits.batch {
                return Err(Refusal::TooLarge(self.limits.batch));
            }
            // A frame is what was read at once, some hundred KiB at most.
            let permits = u32::try_from(data.len()).map_err(|_| Refusal::Busy)?;
            let more = Arc::clone(&self.room).try_acquire_many_owned(permits).map_err(|_| Refusal::Busy)?;
            match &mut room {
                Some(room) => room.merge(more),
                None => room = Some(more),
            }
            bytes.extend_from_slice(&data);
        }
    }

    async fn hand_over(&self, delivery: Delivery) -> Result<(), Refusal> {
        let end = Instant::now() + ROOM_TIME;
        let mut delivery = delivery;
        loop {
            delivery = match self.sender.try_send(delivery) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(delivery)) if Instant::now() < end => delivery,
                Err(_) => return Err(Refusal::Busy),
            };
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response<Full<Bytes>> {
        let counters = &self.requests;
        let (status, counter) = match refusal {
            Refusal::Path => (StatusCode::NOT_FOUND, &counters.unfit),
            Refusal::Method => (StatusCode::METHOD_NOT_ALLOWED, &counters.unfit),
            Refusal::Kind => (StatusCode::BAD_REQUEST, &counters.unfit),
            Refusal::Content(_) => (StatusCode::BAD_REQUEST, &counters.malformed),
            Refusal::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, &counters.too_large),
            Refusal::Slow => (StatusCode::REQUEST_TIMEOUT, &counters.incomplete),
            Refusal::BrokenOff => (StatusCode::BAD_REQUEST, &counters.incomplete),
            Refusal::Busy => (StatusCode::SERVICE_UNAVAILABLE, &counters.busy),
        };
        Counted::count(counter);
        let mut response = Response::new(Full::from(format!("{refusal}\n")));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        match refusal {
            Refusal::Method => headers.insert(ALLOW, HeaderValue::from_static("POST")),
            Refusal::Busy => headers.insert(RETRY_AFTER, HeaderValue::from_static("1")),
            _ => None,
        };
        response
    }
}

/// Why a request is refused: what its client is told.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("nothing is here")]
    Path,
    #[error("only POST is served here")]
    Method,
    #[error("expected Content-Type: application/json")]
    Kind,
    #[error("{0}")]
    Content(Refused),
    #[error("a body may have {0} bytes at most (webhookMaxBatchSize)")]
    TooLarge(usize),
    #[error("the body was not there in time")]
    Slow,
    #[error("the body broke off")]
    BrokenOff,
    #[error("no room just now, try again")]
    Busy,
}
