//! Who calls: a company, its API key, and what signs for it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
};
use serde::Deserialize;
use zeroize::Zeroizing;

/// The algorithm with which a company's key is registered (RFC 7518 section 3.1, RFC 8037 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256. A signature is `r` and `s`, 32 bytes each.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
}

impl Algorithm {
    const ALL: [Self; 4] = [Self::Es256, Self::EdDsa, Self::Rs256, Self::Ps256];

    /// Its name in a header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
        }
    }
}

/// What signs for a company: a key of this process ([`LocalSigner`]), or a callback to a KMS or an HSM.
#[async_trait]
pub trait Signer: Send + Sync {
    /// The id under which the company has registered the public key.
    fn kid(&self) -> &str;

    /// The algorithm with which it is registered.
    fn algorithm(&self) -> Algorithm;

    /// Signs these bytes, in the spelling of JWS (RFC 7518 section 3): for ES256 `r` and `s`, and not DER.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}

/// Why a signer has not signed.
#[derive(Debug, thiserror::Error)]
#[error("the request was not signed: {0}")]
pub struct SignerError(pub Box<dyn std::error::Error + Send + Sync>);

/// A private key of this process.
pub struct LocalSigner {
    kid: String,
    algorithm: Algorithm,
    pair: Pair,
}

enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
    Rsa(rsa::KeyPair),
}

impl LocalSigner {
    /// Reads `-----BEGIN PRIVATE KEY-----` (PKCS#8).
    ///
    /// # Errors
    /// [`CompanyError::Key`].
    pub fn from_pem(kid: &str, algorithm: Algorithm, pem: &str) -> Result<Self, CompanyError> {
        let (label, der) = pem_rfc7468::decode_vec(pem.trim().as_bytes()).map_err(|_| CompanyError::Key)?;
        let der = Zeroizing::new(der);
        if label != "PRIVATE KEY" {
            return Err(CompanyError::Key);
        }
        let pair = match algorithm {
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(&der).map(Pair::Ed25519),
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der).map(Pair::P256),
            Algorithm::Rs256 | Algorithm::Ps256 => rsa::KeyPair::from_pkcs8(&der).map(Pair::Rsa),
        };
        Ok(Self { kid: kid.to_owned(), algorithm, pair: pair.map_err(|_| CompanyError::Key)? })
    }
}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalSigner({}, {}, [redacted])", self.kid, self.algorithm.as_str())
    }
}

#[async_trait]
impl Signer for LocalSigner {
    fn kid(&self) -> &str {
        &self.kid
    }

    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let failed = |error: aws_lc_rs::error::Unspecified| SignerError(Box::new(error));
        let random = SystemRandom::new();
        Ok(match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::P256(pair) => pair.sign(&random, message).map_err(failed)?.as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                let padding: &'static dyn aws_lc_rs::signature::RsaEncoding =
                    if self.algorithm == Algorithm::Ps256 { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                pair.sign(padding, &random, message, &mut signature).map_err(failed)?;
                signature
            }
        })
    }
}

/// What `umoja company add --json` prints, or `--out` writes.
#[derive(Deserialize)]
struct CompanyFile {
    id: String,
    api_key: String,
    kid: String,
    alg: String,
    #[serde(default)]
    private_key_pem: Option<String>,
}

/// Why a company cannot call.
#[derive(Debug, thiserror::Error)]
pub enum CompanyError {
    /// The file cannot be read.
    #[error("the company's file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The file is not the expected JSON.
    #[error("this is not a company's file, as `umoja company add --out FILE` writes it")]
    Form,
    /// The file has no private key.
    #[error("the company's file has no private key: give a `Signer` that has it")]
    NoPrivateKey,
    /// The algorithm is not supported.
    #[error("`alg` is none of ES256, EdDSA, RS256, PS256")]
    Algorithm,
    /// The private key cannot be read.
    #[error("the private key is not a PKCS#8 key in PEM for its algorithm")]
    Key,
}

/// A company that calls. Cheap to clone.
#[derive(Clone)]
pub struct Company {
    pub(crate) id: Arc<str>,
    pub(crate) api_key: Arc<Zeroizing<String>>,
    pub(crate) signer: Arc<dyn Signer>,
}

impl Company {
    /// Reads a company's file.
    ///
    /// # Errors
    /// [`CompanyError`].
    pub fn read(path: impl AsRef<Path>) -> Result<Self, CompanyError> {
        Self::from_json(&Zeroizing::new(std::fs::read(path)?))
    }

    /// The company of a file's content.
    ///
    /// # Errors
    /// [`CompanyError`].
    pub fn from_json(json: &[u8]) -> Result<Self, CompanyError> {
        let file: CompanyFile = serde_json::from_slice(json).map_err(|_| CompanyError::Form)?;
        let pem = Zeroizing::new(file.private_key_pem.ok_or(CompanyError::NoPrivateKey)?);
        let algorithm = Algorithm::ALL.into_iter().find(|algorithm| algorithm.as_str() == file.alg);
        let signer = LocalSigner::from_pem(&file.kid, algorithm.ok_or(CompanyError::Algorithm)?, &pem)?;
        Ok(Self::new(&file.id, &Zeroizing::new(file.api_key), Arc::new(signer)))
    }

    /// A company whose requests something else signs.
    pub fn new(id: &str, api_key: &str, signer: Arc<dyn Signer>) -> Self {
        Self { id: id.into(), api_key: Arc::new(Zeroizing::new(api_key.to_owned())), signer }
    }

    /// What signs for it.
    pub fn signer(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.signer)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Debug for Company {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Company({}, {}, [redacted])", self.id, self.signer.kid())
    }
}
