//! Signed requests and answers: compact JWS (RFC 7515) of one fixed form.
//!
//! The algorithm belongs to the key: a header only agrees with it (RFC 8725 section 3.1). Every claim is required, typed
//! and compared, and a text that decodes in two ways is rejected.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::company::{Company, SignerError};

/// How long a request is valid, in seconds.
const LIFETIME_SECS: u64 = 60;
/// By how many seconds clocks may differ.
const LEEWAY_SECS: u64 = 5;

/// A request to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The region's base URL, without a trailing slash.
    pub url: &'a str,
    /// The path of the operation: `/v1/users/lookup`.
    pub path: &'a str,
    /// The body, as JSON.
    pub body: &'a RawValue,
    /// The idempotency key.
    pub idk: Option<&'a str>,
    /// Now, in seconds since 1970.
    pub now: u64,
    /// Unique for each request.
    pub jti: &'a str,
}

/// A signed request, with the values by which its answer is recognised.
#[derive(Debug, Clone)]
pub struct Signed {
    /// The compact JWS: the body of the HTTP request.
    pub token: String,
    /// Its `jti`.
    pub jti: String,
    /// Its hash, which the answer repeats.
    pub rqh: String,
    /// The region that it is for.
    pub url: String,
}

#[derive(Serialize)]
struct RequestHeader<'a> {
    alg: &'a str,
    kid: &'a str,
    typ: &'a str,
}

#[derive(Serialize)]
struct RequestClaims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: &'a str,
    htm: &'a str,
    htu: String,
    akh: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    idk: Option<&'a str>,
    body: &'a RawValue,
}

/// SHA-256, unpadded base64url.
pub(crate) fn hash(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, bytes))
}

fn segment(value: &impl Serialize) -> Result<String, SignerError> {
    serde_json::to_vec(value).map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|error| SignerError(Box::new(error)))
}

/// What is signed of a request: its header and claims.
pub(crate) fn signing_input(company: &Company, request: &Request<'_>) -> Result<String, SignerError> {
    let Request { url, path, body, idk, now, jti } = *request;
    let signer = &company.signer;
    let header = RequestHeader { alg: signer.algorithm().as_str(), kid: signer.kid(), typ: "umoja-req+jwt" };
    let claims = RequestClaims {
        iss: &company.id,
        aud: url,
        iat: now,
        exp: now + LIFETIME_SECS,
        jti,
        htm: "POST",
        htu: format!("{url}{path}"),
        akh: hash(company.api_key.as_bytes()),
        idk,
        body,
    };
    Ok(format!("{}.{}", segment(&header)?, segment(&claims)?))
}

/// Signs a request.
///
/// # Errors
/// If the signer fails.
pub async fn request(company: &Company, request: &Request<'_>) -> Result<Signed, SignerError> {
    let input = signing_input(company, request)?;
    let signature = company.signer.sign(input.as_bytes()).await?;
    let token = format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature));
    let rqh = hash(token.as_bytes());
    Ok(Signed { token, jti: request.jti.to_owned(), rqh, url: request.url.to_owned() })
}

/// The public keys of a region, by `kid`.
#[derive(Debug, Clone, Default)]
pub struct PublicKeys(BTreeMap<String, PublicKey>);

#[derive(Debug, Clone)]
struct PublicKey {
    alg: &'static str,
    bytes: Vec<u8>,
}

impl PublicKeys {
    /// The keys of `/.well-known/jwks.json`. Those of an unknown kind are for other clients, and left out.
    pub fn from_jwks(document: &Value) -> Self {
        let entries = document["keys"].as_array().into_iter().flatten();
        Self(entries.filter_map(|jwk| Some((jwk["kid"].as_str()?.to_owned(), PublicKey::read(jwk)?))).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Verifies a token of a `typ`, and returns its claims.
    pub(crate) fn claims(&self, token: &str, typ: &str) -> Result<Vec<u8>, Rejected> {
        let (signed, signature) = token.rsplit_once('.').ok_or(Rejected::MALFORMED)?;
        let (head, claims) = signed.split_once('.').ok_or(Rejected::MALFORMED)?;
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| Rejected::MALFORMED);
        let (head, claims, signature) = (decode(head)?, decode(claims)?, decode(signature)?);
        let head: Header = object(&head)?;
        if head.typ.as_deref() != Some(typ) {
            return Err(Rejected("typ"));
        }
        let key = head.kid.and_then(|kid| self.0.get(&kid)).ok_or(Rejected("kid"))?;
        if head.alg.as_deref() != Some(key.alg) {
            return Err(Rejected("alg"));
        }
        let algorithm: &'static dyn VerificationAlgorithm =
            if key.alg == "EdDSA" { &ED25519 } else { &ECDSA_P256_SHA256_FIXED };
        let key = UnparsedPublicKey::new(algorithm, &key.bytes);
        key.verify(signed.as_bytes(), &signature).map_err(|_| Rejected("signature"))?;
        Ok(claims)
    }
}

impl PublicKey {
    fn read(jwk: &Value) -> Option<Self> {
        let coordinate = |name: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(jwk[name].as_str()?).ok()?;
            (bytes.len() == 32).then_some(bytes)
        };
        match (jwk["kty"].as_str()?, jwk["crv"].as_str()?, jwk["alg"].as_str()?) {
            ("OKP", "Ed25519", "EdDSA") => Some(Self { alg: "EdDSA", bytes: coordinate("x")? }),
            ("EC", "P-256", "ES256") => {
                Some(Self { alg: "ES256", bytes: [vec![4], coordinate("x")?, coordinate("y")?].concat() })
            }
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: Option<String>,
    kid: Option<String>,
    typ: Option<String>,
}

/// Reads a JSON object; the library would read a struct from a list too.
pub(crate) fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Rejected> {
    let is_object = json.first() == Some(&b'{');
    serde_json::from_slice(json).ok().filter(|_| is_object).ok_or(Rejected::MALFORMED)
}

/// Why an answer or a webhook is not accepted: the name of the check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it fails the check `{0}`")]
pub struct Rejected(pub &'static str);

impl Rejected {
    pub(crate) const MALFORMED: Self = Self("malformed");
}

/// The claims of an answer, in the forms in which they come.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerClaims<'a> {
    iss: Option<Value>,
    aud: Option<Value>,
    iat: Option<Value>,
    exp: Option<Value>,
    rjti: Option<Value>,
    rqh: Option<Value>,
    status: Option<Value>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

/// What a region has signed for a request.
#[derive(Clone)]
pub struct Verified {
    /// The HTTP status.
    pub status: u16,
    /// The answer of the operation or a problem, as JSON.
    pub body: Box<RawValue>,
    /// When the region signed it, in seconds since 1970.
    pub iat: u64,
}

/// Verifies an answer to a request, with the HTTP status with which it came, and says beside it whether its times do not fit this clock.
/// The region has signed [`Verified::iat`] for this request, so such an answer says how far the clocks differ.
///
/// # Errors
/// [`Rejected`].
pub(crate) fn verify_but_time(
    keys: &PublicKeys,
    company: &str,
    signed: &Signed,
    (http_status, answer): (u16, &[u8]),
    now: u64,
) -> Result<(Verified, Option<Rejected>), Rejected> {
    let token = std::str::from_utf8(answer).map_err(|_| Rejected::MALFORMED)?;
    let payload = keys.claims(token, "umoja-res+jwt")?;
    let claims: AnswerClaims<'_> = object(&payload)?;
    let number = |value: &Option<Value>, name| value.as_ref().and_then(Value::as_u64).ok_or(Rejected(name));
    let status = number(&claims.status, "status")?;
    let (iat, exp) = (number(&claims.iat, "iat")?, number(&claims.exp, "exp")?);
    let body = claims.body.ok_or(Rejected("body"))?.to_owned();
    for (name, found, expected) in [
        ("iss", &claims.iss, signed.url.as_str()),
        ("aud", &claims.aud, company),
        ("rjti", &claims.rjti, &signed.jti),
        ("rqh", &claims.rqh, &signed.rqh),
    ] {
        if found.as_ref().and_then(Value::as_str) != Some(expected) {
            return Err(Rejected(name));
        }
    }
    if status != u64::from(http_status) {
        return Err(Rejected("status"));
    }
    if exp <= iat || exp > iat.saturating_add(LIFETIME_SECS) {
        return Err(Rejected("exp"));
    }
    let untimely = if iat > now + LEEWAY_SECS {
        Some(Rejected("iat"))
    } else {
        (exp + LEEWAY_SECS <= now).then_some(Rejected("exp"))
    };
    Ok((Verified { status: http_status, body, iat }, untimely))
}

/// Verifies an answer to a request, its times too.
///
/// # Errors
/// [`Rejected`].
pub fn verify(
    keys: &PublicKeys,
    company: &str,
    signed: &Signed,
    (http_status, answer): (u16, &[u8]),
    now: u64,
) -> Result<Verified, Rejected> {
    match verify_but_time(keys, company, signed, (http_status, answer), now)? {
        (_, Some(rejected)) => Err(rejected),
        (verified, None) => Ok(verified),
    }
}
