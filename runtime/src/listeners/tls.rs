//! TLS on the ports of a process, by a certificate in files that are read again when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, pki_types};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

/// How often it is checked whether the certificate has changed.
const LOOK: Duration = Duration::from_secs(2);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is no PEM file with what it should hold.
    #[error("{path}: {source}")]
    Pem {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: pki_types::pem::Error,
    },
    /// The file has no certificate.
    #[error("{0} has no certificate")]
    Empty(PathBuf),
    /// The certificate and the key cannot be used together.
    #[error("the certificate in {certificate} cannot be used with the key in {key}: {source}")]
    Unfit {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// Why.
        source: rustls::Error,
    },
}

/// TLS 1.2 and 1.3 by a certificate in files. A clone is another handle on the same certificate.
#[derive(Debug, Clone)]
pub struct Tls(Arc<Files>, Arc<ServerConfig>);

/// The files of a certificate, and what they held when they were read last.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Tls {
    /// Reads a chain of certificates and its private key, both PEM.
    ///
    /// # Errors
    /// If they cannot be read, or do not belong together.
    pub fn open(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = RwLock::new(Arc::new(read(chain(certificate)?, certificate, key, &provider)?));
        let (certificate, key) = (certificate.to_owned(), key.to_owned());
        let unusable = |source| TlsError::Unfit { certificate: certificate.clone(), key: key.clone(), source };
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions().map_err(unusable)?.with_no_client_auth();
        let own = Arc::new(Files { certificate, key, provider, current });
        let mut config = config.with_cert_resolver(Arc::clone(&own) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(own, Arc::new(config)))
    }

    /// Reads the files again. True if the certificate is another one, which connections get from now on.
    ///
    /// # Errors
    /// As for [`Tls::open`]. The certificate of before stays in use: the files may be half replaced.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let Files { certificate, key, provider, current } = &*self.0;
        let chain = chain(certificate)?;
        if self.0.current().cert == chain {
            return Ok(false);
        }
        let new = Arc::new(read(chain, certificate, key, provider)?);
        *current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }

    /// Reads the files again for as long as it is polled.
    pub(super) async fn follow(self) {
        let mut failed = String::new();
        loop {
            sleep(LOOK).await;
            match self.reload() {
                Ok(changed) => {
                    if changed {
                        tracing::info!("the certificate has changed");
                    }
                    failed.clear();
                }
                Err(error) if error.to_string() == failed => {}
                Err(error) => {
                    tracing::warn!(%error, "the certificate cannot be read; continuing with the previous one");
                    failed = error.to_string();
                }
            }
        }
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.1))
    }
}

impl Files {
    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl ResolvesServerCert for Files {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

type Chain = Vec<CertificateDer<'static>>;

fn chain(path: &Path) -> Result<Chain, TlsError> {
    let pem = |source| TlsError::Pem { path: path.to_owned(), source };
    let chain = CertificateDer::pem_file_iter(path).map_err(pem)?.collect::<Result<Chain, _>>().map_err(pem)?;
    if chain.is_empty() { Err(TlsError::Empty(path.to_owned())) } else { Ok(chain) }
}

fn read(chain: Chain, certificate: &Path, key: &Path, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let private = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Pem { path: key.to_owned(), source })?;
    let unfit = |source| TlsError::Unfit { certificate: certificate.to_owned(), key: key.to_owned(), source };
    CertifiedKey::from_der(chain, private, provider).map_err(unfit)
}
