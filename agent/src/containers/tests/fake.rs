//! Fake runtimes: an HTTP server that answers by path, and a gRPC server that answers by method.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::HeaderValue;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;

/// An answer over HTTP.
pub(super) enum Http {
    Json(String),
    Status(u16),
    Raw(Vec<u8>),
    /// The beginning of an answer that does not end.
    Stream(String),
    /// No answer.
    Never,
}

/// Serves a socket until the test's process ends, a thread a connection.
pub(super) fn http(socket: &Path, answer: impl Fn(&str) -> Http + Send + Sync + 'static) {
    let listener = UnixListener::bind(socket).unwrap();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer) = (stream.unwrap(), Arc::clone(&answer));
            thread::spawn(move || {
                let mut request = Vec::new();
                let mut byte = [0];
                while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
                    request.push(byte[0]);
                }
                let request = String::from_utf8(request).unwrap();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let bytes = match answer(path) {
                    Http::Json(json) => {
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{json}", json.len())
                            .into_bytes()
                    }
                    Http::Status(status) => {
                        format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").into_bytes()
                    }
                    Http::Raw(bytes) => bytes,
                    Http::Stream(text) => {
                        let chunk = format!("{:x}\r\n{text}\r\n", text.len());
                        let head = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}");
                        let _ = stream.write_all(head.as_bytes());
                        thread::sleep(Duration::from_secs(60));
                        return;
                    }
                    Http::Never => {
                        thread::sleep(Duration::from_secs(60));
                        return;
                    }
                };
                let _ = stream.write_all(&bytes);
            });
        }
    });
}

/// An answer over gRPC.
pub(super) enum Grpc {
    Message(Vec<u8>),
    /// A status, as 5 for what is not found.
    Status(u16),
    /// The beginning of a stream that does not end.
    Stream(Vec<u8>),
    /// No answer.
    Never,
}

impl Grpc {
    pub(super) fn of(message: &impl Message) -> Grpc {
        Grpc::Message(message.encode_to_vec())
    }
}

/// Serves a socket until the test's process ends. `answer` gets the method, the namespace and the request.
pub(super) fn grpc(socket: &Path, answer: impl Fn(&str, &str, &[u8]) -> Grpc + Send + Sync + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = {
        let _entered = runtime.enter();
        tokio::net::UnixListener::bind(socket).unwrap()
    };
    let answer = Arc::new(answer);
    thread::spawn(move || {
        runtime.block_on(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let answer = Arc::clone(&answer);
                let service = service_fn(move |request| respond(Arc::clone(&answer), request));
                tokio::spawn(
                    http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service),
                );
            }
        });
    });
}

async fn respond(
    answer: Arc<impl Fn(&str, &str, &[u8]) -> Grpc + Send + Sync + 'static>,
    request: Request<Incoming>,
) -> Result<Response<Frames>, Infallible> {
    let method = request.uri().path().to_owned();
    let namespace = request.headers().get("containerd-namespace");
    let namespace = namespace.and_then(|name| name.to_str().ok()).unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    // A byte for compression, four for the length.
    let answer = answer(&method, &namespace, body.get(5..).unwrap_or_default());
    let frame = |message: Vec<u8>| {
        let mut bytes = vec![0];
        bytes.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(&message);
        Frame::data(Bytes::from(bytes))
    };
    let status = |status: u16| {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from(status));
        Frame::trailers(trailers)
    };
    let frames = match answer {
        Grpc::Message(message) => Frames { frames: [frame(message), status(0)].into(), ends: true },
        Grpc::Status(code) => Frames { frames: [status(code)].into(), ends: true },
        Grpc::Stream(message) => Frames { frames: [frame(message)].into(), ends: false },
        Grpc::Never => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            Frames { frames: VecDeque::new(), ends: true }
        }
    };
    Ok(Response::builder().header("content-type", "application/grpc").body(frames).unwrap())
}

struct Frames {
    frames: VecDeque<Frame<Bytes>>,
    ends: bool,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}
