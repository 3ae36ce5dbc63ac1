//! The certificate of the web server.

use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use super::WebError;

/// Reads certificate chain and key, which stand in one file as for Falco.
pub(super) fn acceptor(path: &Path) -> Result<TlsAcceptor, WebError> {
    let failed = |what: String| WebError::Certificate(path.to_owned(), what);
    let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| failed(format!("a certificate cannot be read: {error}")))?;
    if chain.is_empty() {
        return Err(failed("there is no certificate in it".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_slice(&bytes)
        .map_err(|error| failed(format!("there is no private key in it: {error}")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(error.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| failed(error.to_string()))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
