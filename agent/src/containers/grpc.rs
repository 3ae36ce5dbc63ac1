//! gRPC over a unix socket, as containerd and CRI-O speak it: calls by name, bounded in size and time.

use std::path::{Path, PathBuf};
use std::time::Duration;

use hyper::http::Uri;
use hyper::http::uri::PathAndQuery;
use hyper_util::rt::TokioIo;
use prost::Message;
use tokio::net::UnixStream;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;
use tower::service_fn;

use super::EngineError;
use super::http::PATIENCE;

/// The largest answer that is read, in bytes.
const ANSWER_MAX: usize = 8 << 20;
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);

/// A runtime that is called over gRPC. The connection is made when it is needed, and again when it was lost.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    socket: PathBuf,
    channel: Channel,
}

impl Remote {
    /// Must be called in a runtime.
    pub(super) fn new(socket: PathBuf) -> Remote {
        let path = socket.clone();
        let connector = service_fn(move |_: Uri| {
            let path = path.clone();
            async move { UnixStream::connect(path).await.map(TokioIo::new) }
        });
        // The address is not used; a name that is no host's fits every server.
        let channel = Endpoint::from_static("http://localhost")
            .connect_timeout(CONNECT)
            .connect_with_connector_lazy(connector);
        Remote { socket, channel }
    }

    pub(super) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Calls; `None` if there is no such thing.
    pub(super) async fn call<Q, A>(
        &self,
        method: &'static str,
        namespace: Option<&str>,
        question: Q,
    ) -> Result<Option<A>, EngineError>
    where
        Q: Message + Default + 'static,
        A: Message + Default + 'static,
    {
        let answer = timeout(PATIENCE, async {
            let mut client = self.ready().await?;
            client.unary(request(question, namespace), PathAndQuery::from_static(method), codec()).await
        });
        match answer.await.map_err(|_| EngineError::Slow)? {
            Ok(answer) => Ok(Some(answer.into_inner())),
            Err(status) if status.code() == Code::NotFound => Ok(None),
            Err(status) => Err(refused(&status)),
        }
    }

    /// Calls for a stream of answers.
    pub(super) async fn stream<Q, A>(
        &self,
        method: &'static str,
        question: Q,
    ) -> Result<Streaming<A>, EngineError>
    where
        Q: Message + Default + 'static,
        A: Message + Default + 'static,
    {
        // No limit of time: the first answer comes with the first event.
        let mut client = self.ready().await.map_err(|status| refused(&status))?;
        let answer =
            client.server_streaming(request(question, None), PathAndQuery::from_static(method), codec());
        answer.await.map(tonic::Response::into_inner).map_err(|status| refused(&status))
    }

    async fn ready(&self) -> Result<Grpc<Channel>, Status> {
        let mut client = Grpc::new(self.channel.clone()).max_decoding_message_size(ANSWER_MAX);
        client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(client)
    }
}

fn codec<Q, A>() -> ProstCodec<Q, A>
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
{
    ProstCodec::default()
}

fn request<Q>(question: Q, namespace: Option<&str>) -> Request<Q> {
    let mut request = Request::new(question);
    if let Some(namespace) = namespace.and_then(|name| MetadataValue::try_from(name).ok()) {
        request.metadata_mut().insert("containerd-namespace", namespace);
    }
    request
}

/// What went wrong, by the status of a call.
pub(super) fn refused(status: &Status) -> EngineError {
    // What a runtime says may forge no line of a log.
    let said: String = status.message().chars().take(200).flat_map(char::escape_debug).collect();
    match status.code() {
        Code::Unavailable => EngineError::Unreachable(std::io::Error::other(said)),
        Code::Unimplemented => EngineError::NotOffered,
        Code::OutOfRange | Code::ResourceExhausted => EngineError::TooLarge,
        Code::DeadlineExceeded => EngineError::Slow,
        code => EngineError::Refused(format!("{code:?}: {said}")),
    }
}
