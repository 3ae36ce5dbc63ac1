//! What TLS needs: whom to trust, and a certificate to show. Outputs read it once, when they start, so that a mistake is told
//! then.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

/// Where distributions keep the certificates of CAs.
pub(super) const SYSTEM_CERTIFICATES: &str = "/etc/ssl/certs";
/// Certificate files beyond this are none, in bytes.
const FILE_MAX: u64 = 16 << 20;

/// What a configuration says about TLS.
#[derive(Clone, Debug)]
pub(super) struct TlsFiles {
    /// Take any certificate.
    pub(super) insecure: bool,
    /// A file or directory with certificates of CAs.
    pub(super) authorities: PathBuf,
    /// A certificate to show, and its key.
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the kernel says.
        error: io::Error,
    },
    /// A file does not hold what it should.
    #[error("{}: there is no {what} in PEM form in it", path.display())]
    Missing {
        /// The file or directory.
        path: PathBuf,
        /// What should be there.
        what: &'static str,
    },
    /// The library does not take certificate and key.
    #[error("{}: certificate and key do not fit: {error}", path.display())]
    Pair {
        /// The certificate's file.
        path: PathBuf,
        /// What it says.
        error: rustls::Error,
    },
}

/// What was read.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) insecure: bool,
    pub(super) authorities: Vec<CertificateDer<'static>>,
    pub(super) client: Option<Client>,
    config: Arc<ClientConfig>,
}

/// A certificate to show.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// The text that the key is from.
    pub(super) key_file: Vec<u8>,
}

/// The one implementation of cryptography that Saker uses.
pub(super) fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

impl TlsFiles {
    /// Reads the files.
    pub(super) fn load(&self) -> Result<Tls, TlsError> {
        let authorities = if self.insecure { Vec::new() } else { authorities(&self.authorities)? };
        let client = self.client.as_ref().map(|(certificate, key)| pair(certificate, key)).transpose()?;
        let config = self.config(&authorities, client.as_ref())?;
        Ok(Tls { insecure: self.insecure, authorities, client, config: Arc::new(config) })
    }

    fn config(
        &self,
        authorities: &[CertificateDer<'static>],
        client: Option<&Client>,
    ) -> Result<ClientConfig, TlsError> {
        let pair_error = |error| TlsError::Pair {
            path: self.client.clone().map_or_else(PathBuf::new, |pair| pair.0),
            error,
        };
        let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
        let builder = builder.map_err(pair_error)?;
        let builder = if self.insecure {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider())))
        } else {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(authorities.iter().cloned());
            builder.with_root_certificates(roots)
        };
        match client {
            None => Ok(builder.with_no_client_auth()),
            Some(Client { chain, key, .. }) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(pair_error)
            }
        }
    }
}

impl Tls {
    /// The settings of a connection.
    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let failed = |error| TlsError::Io { path: path.to_owned(), error };
    let length = fs::metadata(path).map_err(failed)?.len();
    if length > FILE_MAX {
        return Err(failed(io::ErrorKind::FileTooLarge.into()));
    }
    fs::read(path).map_err(failed)
}

/// The certificates of a file, or of all files of a directory, each once.
fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let failed = |error| TlsError::Io { path: path.to_owned(), error };
    let mut files = Vec::new();
    if fs::metadata(path).map_err(failed)?.is_dir() {
        for entry in fs::read_dir(path).map_err(failed)? {
            files.push(entry.map_err(failed)?.path());
        }
    } else {
        files.push(path.to_owned());
    }
    let mut found = BTreeSet::new();
    for file in files {
        // A directory may hold other things too, and links to what is gone.
        let bytes = match read(&file) {
            Ok(bytes) => bytes,
            Err(error) if file == path => return Err(error),
            Err(_) => continue,
        };
        found.extend(CertificateDer::pem_slice_iter(&bytes).flatten().map(|der| der.to_vec()));
    }
    if found.is_empty() {
        return Err(TlsError::Missing { path: path.to_owned(), what: "certificate" });
    }
    Ok(found.into_iter().map(CertificateDer::from).collect())
}

fn pair(certificate: &Path, key: &Path) -> Result<Client, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(certificate)?).flatten().collect();
    if chain.is_empty() {
        return Err(TlsError::Missing { path: certificate.to_owned(), what: "certificate" });
    }
    let key_file = read(key)?;
    let key = PrivateKeyDer::from_pem_slice(&key_file)
        .map_err(|_| TlsError::Missing { path: key.to_owned(), what: "private key" })?;
    Ok(Client { chain, key, key_file })
}

/// Takes any certificate, as `insecure` asks.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
