//! Alerts by HTTP POST: `http_output`, webhooks and Slack differ in what they send.

use std::io::{self, Write as _};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use ureq::Agent;
use ureq::http::{HeaderName, HeaderValue, StatusCode, Uri};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use super::payload::Payload;
use super::runner::{Failure, Target};
use super::tls::{Tls, TlsError, TlsFiles, provider};
use crate::alerts::Alert;

/// Of an answer, no more than this is read, in bytes.
const ANSWER_MAX: u64 = 64 << 10;

/// Where and how to post.
pub(super) struct HttpOptions {
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    /// Of a payload; a line is JSON or text.
    pub(super) content_type: Option<String>,
    pub(super) body: Body,
    pub(super) tls: TlsFiles,
    /// Compress with gzip.
    pub(super) compress: bool,
    /// One connection for many alerts.
    pub(super) keep_alive: bool,
    /// Print answers to standard output.
    pub(super) echo: bool,
    /// How long all of it may take; no limit if it is zero.
    pub(super) timeout: Duration,
}

/// What is sent.
pub(super) enum Body {
    /// The line.
    Line,
    /// A template, filled in.
    Payload(Payload),
}

/// Why an HTTP output cannot be.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address is none.
    #[error("'{0}' is no address of the form http://HOST:PORT/PATH or https://…")]
    Url(String),
    /// A header cannot be sent.
    #[error("the header '{0}' cannot be sent: its name or value has characters that headers must not have")]
    Header(String),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A client of one address.
pub(super) struct Http {
    agent: Agent,
    options: HttpOptions,
    /// The address as messages show it: user, password, path and query are often what grants access.
    place: String,
}

impl Http {
    pub(super) fn new(options: HttpOptions) -> Result<Http, HttpError> {
        let uri: Uri = options.url.parse().map_err(|_| HttpError::Url(options.url.clone()))?;
        let scheme = uri.scheme_str().filter(|_| uri.authority().is_some());
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(options.timeout).filter(|timeout| !timeout.is_zero()));
        match scheme {
            Some("https") => config = config.tls_config(tls_config(&options.tls.load()?)),
            Some("http") => {}
            _ => return Err(HttpError::Url(options.url)),
        }
        if !options.keep_alive {
            config = config.max_idle_connections(0);
        }
        let content_type = ("Content-Type".to_owned(), options.content_type.clone().unwrap_or_default());
        for (name, value) in options.headers.iter().chain([&content_type]) {
            if name.parse::<HeaderName>().is_err() || value.parse::<HeaderValue>().is_err() {
                return Err(HttpError::Header(name.clone()));
            }
        }
        let host = uri.host().unwrap_or_default();
        let port = uri.port().map(|port| format!(":{port}")).unwrap_or_default();
        let place = format!("{}://{host}{port}", scheme.unwrap_or_default());
        Ok(Http { agent: config.build().new_agent(), options, place })
    }

    fn body(&self, alert: &Alert) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        match &self.options.body {
            Body::Line => body.extend_from_slice(alert.line()),
            Body::Payload(payload) => payload.fill(alert, &mut body),
        }
        if !self.options.compress {
            return Ok(body);
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&body)?;
        encoder.finish()
    }

    fn failure(&self, error: ureq::Error) -> Failure {
        let message = format!("{}: {error}", self.place);
        match error {
            ureq::Error::Timeout(_) => Failure::TimedOut(message),
            _ => Failure::Later(message),
        }
    }
}

impl Target for Http {
    fn deliver(&mut self, alert: &Alert) -> Result<(), Failure> {
        let options = &self.options;
        let content_type = match &options.content_type {
            Some(content_type) => content_type.as_str(),
            None if alert.is_json() => "application/json",
            None => "text/plain",
        };
        let mut request = self.agent.post(&options.url).content_type(content_type);
        if options.compress {
            request = request.header("Content-Encoding", "gzip");
        }
        for (name, value) in &options.headers {
            request = request.header(name, value);
        }
        let mut response = request.send(&self.body(alert)?[..]).map_err(|error| self.failure(error))?;
        let status = response.status();
        let answer = response.body_mut().with_config().limit(ANSWER_MAX).read_to_vec();
        if options.echo
            && let Ok(answer) = &answer
        {
            let mut out = io::stdout().lock();
            // Whoever closed standard output does not want to see it.
            let _ = out.write_all(answer).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
        }
        match status {
            _ if status.is_success() => Ok(()),
            // It is about this alert, and will be so whenever it comes again.
            StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => {
                Err(Failure::Refused(format!("{} answers {status}", self.place)))
            }
            _ => Err(Failure::Later(format!("{} answers {status}", self.place))),
        }
    }
}

fn tls_config(tls: &Tls) -> TlsConfig {
    let certificate = |der: &rustls::pki_types::CertificateDer<'_>| Certificate::from_der(der).to_owned();
    let client = tls.client.as_ref().and_then(|client| {
        let chain: Vec<_> = client.chain.iter().map(certificate).collect();
        // It was read from this text before, by the same parser.
        let key = PrivateKey::from_pem(&client.key_file).ok()?;
        Some(ClientCert::new_with_certs(&chain, key))
    });
    let roots: Vec<_> = tls.authorities.iter().map(certificate).collect();
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider())
        .root_certs(RootCerts::new_with_certs(&roots))
        .disable_verification(tls.insecure)
        .client_cert(client)
        .build()
}
