//! HTTP over a unix socket, as the engines of Docker and Podman speak it: one request a connection, bounded in size and time.

use std::path::Path;
use std::time::Duration;

use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::EngineError;

/// The largest answer that is read, in bytes.
const ANSWER_MAX: usize = 8 << 20;
/// The longest line of a stream of events, in bytes.
const LINE_MAX: usize = 1 << 20;
/// How long an engine may take for an answer that nobody waits for longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// The answer to a GET, in whole; `None` if there is no such thing (status 404).
pub(super) async fn get(
    socket: &Path,
    path: &str,
    patience: Duration,
) -> Result<Option<Vec<u8>>, EngineError> {
    timeout(patience, get_patiently(socket, path)).await.map_err(|_| EngineError::Slow)?
}

async fn get_patiently(socket: &Path, path: &str) -> Result<Option<Vec<u8>>, EngineError> {
    let response = request(socket, path).await?;
    match response.status() {
        StatusCode::NOT_FOUND => return Ok(None),
        status if !status.is_success() => return Err(EngineError::Status(status.as_u16())),
        _ => {}
    }
    let mut body = response.into_body();
    let mut answer = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(EngineError::malformed)?;
        let data = frame.data_ref().map_or(&[][..], |data| data);
        if answer.len() + data.len() > ANSWER_MAX {
            return Err(EngineError::TooLarge);
        }
        answer.extend_from_slice(data);
    }
    Ok(Some(answer))
}

/// Hands out the lines of an answer that does not end, until it does.
///
/// # Errors
/// What ended it, if it was not the engine's wish.
pub(super) async fn lines(socket: &Path, path: &str, mut line: impl FnMut(&[u8])) -> Result<(), EngineError> {
    let response = timeout(PATIENCE, request(socket, path)).await.map_err(|_| EngineError::Slow)??;
    if !response.status().is_success() {
        return Err(EngineError::Status(response.status().as_u16()));
    }
    let mut body = response.into_body();
    let mut open = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(EngineError::malformed)?;
        let mut data = frame.data_ref().map_or(&[][..], |data| data);
        while let Some(end) = memchr::memchr(b'\n', data) {
            open.extend_from_slice(&data[..end]);
            line(&open);
            open.clear();
            data = &data[end + 1..];
        }
        open.extend_from_slice(data);
        if open.len() > LINE_MAX {
            return Err(EngineError::TooLarge);
        }
    }
    Ok(())
}

async fn request(socket: &Path, path: &str) -> Result<Response<Incoming>, EngineError> {
    let stream = UnixStream::connect(socket).await.map_err(EngineError::Unreachable)?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(EngineError::malformed)?;
    // It ends with the answer, or when the answer is dropped.
    tokio::spawn(async move {
        let _ = connection.await;
    });
    let request = Request::get(path).header(header::HOST, "localhost").header(header::CONNECTION, "close");
    let request = request.body(Empty::<Bytes>::new()).map_err(EngineError::malformed)?;
    sender.send_request(request).await.map_err(EngineError::malformed)
}

/// A text as a part of a URL.
pub(super) fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::new(), |mut out, byte| {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}
