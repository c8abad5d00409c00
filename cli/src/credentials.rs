//! The keys with which a company signs its requests, as `umoja company add` issues them once.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use umoja_crypto::jws::{RequestClaims, request_hash, sign_request};
use umoja_crypto::{Algorithm, ApiKey, ApiKeyError, KeyError, SigningKey};
use umoja_schema::{CompanyId, Millis};
use umoja_store::ports::Entropy;

/// How long a signed request is valid, in seconds.
pub const REQUEST_LIFETIME_SECS: u64 = 60;

/// A company's file: what `umoja company add --json` prints, and an entry of `companies` in `demo.json`.
#[derive(Clone, Serialize, Deserialize)]
pub struct CompanyFile {
    /// The company's id.
    pub id: CompanyId,
    /// The API key, sent beside each request.
    pub api_key: String,
    /// The id of the signing key.
    pub kid: String,
    /// The algorithm of the signing key.
    pub alg: String,
    /// The private key, PKCS#8 in PEM; absent if the company made its own key pair and only its public key is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key_pem: Option<String>,
}

impl fmt::Debug for CompanyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CompanyFile({}, {}, {}, [redacted])", self.id, self.kid, self.alg)
    }
}

/// Why a company's file cannot be used; never contains any of it.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not the expected JSON.
    #[error("{0} is not a company's file; it should be what `umoja company add --json` printed")]
    Form(PathBuf),
    /// The file names no private key.
    #[error("the company's file has no private key; sign with the key that the company made itself")]
    NoPrivateKey,
    /// The algorithm is not supported.
    #[error("`alg` is none of ES256, EdDSA, RS256, PS256")]
    Algorithm,
    /// The private key cannot be read.
    #[error("the private key cannot be read: {0}")]
    Key(#[from] KeyError),
    /// The API key is mistyped.
    #[error("the API key cannot be read: {0}")]
    ApiKey(#[from] ApiKeyError),
}

impl CompanyFile {
    /// Reads a company's file.
    pub fn read(path: &Path) -> Result<Self, CredentialsError> {
        let text = std::fs::read(path).map_err(|source| CredentialsError::Io { path: path.to_owned(), source })?;
        serde_json::from_slice(&text).map_err(|_| CredentialsError::Form(path.to_owned()))
    }
}

/// Signs requests of a company.
#[derive(Debug)]
pub struct Signer {
    company: CompanyId,
    api_key: ApiKey,
    key: SigningKey,
}

/// A signed request, and the values by which its answer is recognised.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The compact JWS: the body of the request.
    pub token: String,
    /// The request's `jti`.
    pub jti: String,
    /// The hash of the request, which its answer repeats.
    pub rqh: String,
}

impl Signer {
    /// The signer of a company.
    pub fn new(company: &CompanyFile) -> Result<Self, CredentialsError> {
        let pem = company.private_key_pem.as_deref().ok_or(CredentialsError::NoPrivateKey)?;
        let algorithm = Algorithm::from_name(&company.alg).ok_or(CredentialsError::Algorithm)?;
        Ok(Self {
            company: company.id.clone(),
            api_key: ApiKey::parse(&company.api_key)?,
            key: SigningKey::from_private_pem(&company.kid, algorithm, pem)?,
        })
    }

    /// The company.
    pub fn company(&self) -> &CompanyId {
        &self.company
    }

    /// The API key, for the header `x-api-key`.
    pub fn api_key(&self) -> &str {
        self.api_key.expose()
    }

    /// Signs one request to a region (`aud`, its base URL) and a path such as `/v1/users/lookup`.
    pub fn sign(
        &self,
        aud: &str,
        path: &str,
        body: Value,
        idk: Option<&str>,
        now: Millis,
        entropy: &dyn Entropy,
    ) -> Signed {
        let jti = URL_SAFE_NO_PAD.encode(entropy.array::<16>());
        let claims = RequestClaims {
            iss: self.company.to_string(),
            aud: aud.to_owned(),
            path: path.to_owned(),
            iat: now.secs(),
            exp: now.secs() + REQUEST_LIFETIME_SECS,
            jti: jti.clone(),
            akh: self.api_key.akh(),
            idk: idk.map(str::to_owned),
            body,
        };
        let token = sign_request(&self.key, &claims);
        let rqh = request_hash(token.as_bytes());
        Signed { token, jti, rqh }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_no_key() {
        let company = CompanyFile {
            id: "soko".parse().unwrap(),
            api_key: "umoja_secret".into(),
            kid: "k1".into(),
            alg: "EdDSA".into(),
            private_key_pem: Some("-----BEGIN PRIVATE KEY-----".into()),
        };
        assert_eq!(format!("{company:?}"), "CompanyFile(soko, k1, EdDSA, [redacted])");
    }
}
