//! The certificate of a process that serves.

use std::path::PathBuf;

use clap::Args;
use umoja_runtime::listeners::Tls;

use crate::CliError;

const HEADING: &str = "TLS";

/// The files of a certificate.
#[derive(Debug, Args)]
pub(super) struct TlsOptions {
    /// Speak TLS on the ports of the regions and of the issuer, with the chain of certificates in this file (PEM), the server's first. The file is
    /// read again when it changes. Every region needs its --public-url then, and the issuer its --issuer, with the name in the certificate.
    #[arg(long, help_heading = HEADING, value_name = "FILE", requires = "tls_key", conflicts_with = "behind_tls")]
    tls_cert: Option<PathBuf>,
    /// The file with the private key of the certificate (PEM).
    #[arg(long, help_heading = HEADING, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl TlsOptions {
    /// True if the process speaks TLS.
    pub(super) const fn is_given(&self) -> bool {
        self.tls_cert.is_some()
    }

    /// Reads the certificate.
    pub(super) fn open(&self) -> Result<Option<Tls>, CliError> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else { return Ok(None) };
        Tls::open(certificate, key).map(Some).map_err(|error| CliError::Failed(error.to_string()))
    }
}
