//! What a page asks of a passkey, and what its program sends back (Web Authentication level 2).
//!
//! The challenge of a page is the hash of the sealed step that its form carries: it is random, belongs to one browser, ends with the step, and
//! nothing stores it. It works once in each region.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use umoja_accounts::access::{PasskeyAnswer, Standing};
use umoja_crypto::webauthn::{ALGORITHMS, Expected};
use umoja_schema::UserId;

/// How long a browser waits for an authenticator, in milliseconds.
const TIMEOUT_MS: u32 = 300_000;
/// The most characters of an answer.
const MAX: usize = 32 * 1024;

/// The site of an issuer: its host is the id by which authenticators know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    id: String,
    origin: String,
}

impl Site {
    /// The site of an issuer, which is a URL without a trailing slash.
    pub fn of(issuer: &str) -> Self {
        let (scheme, rest) = issuer.split_once("://").unwrap_or(("https", issuer));
        let authority = rest.split('/').next().unwrap_or_default();
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        Self { id: host.to_owned(), origin: format!("{scheme}://{authority}") }
    }

    /// What is expected of the answer to a challenge.
    pub fn expects<'a>(&'a self, challenge: &'a [u8; 32], user_verification: bool) -> Expected<'a> {
        Expected { site: &self.id, origin: &self.origin, challenge, user_verification }
    }

    /// What the program of a page asks for, so that a person signs in with any passkey of this site.
    pub fn first(&self, step: &str) -> String {
        let mut options = self.get(step, "required");
        options["conditional"] = true.into();
        options.to_string()
    }

    /// The same, so that a person shows one of its own.
    pub fn second(&self, step: &str, standing: &Standing) -> String {
        let mut options = self.get(step, "preferred");
        options["allow"] = descriptors(standing);
        options.to_string()
    }

    fn get(&self, step: &str, verification: &str) -> Value {
        json!({
            "call": "get", "site": self.id, "challenge": URL_SAFE_NO_PAD.encode(challenge(step)),
            "verification": verification, "timeout": TIMEOUT_MS,
        })
    }

    /// What the program of a page asks for, so that an authenticator makes a passkey for a user. `name` is what the authenticator shows.
    pub fn create(&self, step: &str, user: UserId, name: &str, standing: &Standing) -> String {
        let options = json!({
            "call": "create", "site": self.id, "challenge": URL_SAFE_NO_PAD.encode(challenge(step)),
            "verification": "preferred", "timeout": TIMEOUT_MS, "algorithms": ALGORITHMS,
            "user": URL_SAFE_NO_PAD.encode(user.as_bytes()), "name": name, "exclude": descriptors(standing),
        });
        options.to_string()
    }
}

fn descriptors(standing: &Standing) -> Value {
    let one = |passkey: &umoja_schema::access::Passkey| json!({ "id": URL_SAFE_NO_PAD.encode(&passkey.credential_id), "transports": passkey.transports });
    standing.passkeys().map(|(_, passkey)| one(passkey)).collect()
}

/// The challenge of the page whose form carries this step.
pub fn challenge(step: &str) -> [u8; 32] {
    Sha256::digest(step).into()
}

/// What a program sends back. It has the bytes of the browser, and nothing of it is checked yet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    id: Bytes,
    client_data: Bytes,
    #[serde(default)]
    authenticator_data: Bytes,
    #[serde(default)]
    signature: Bytes,
    #[serde(default)]
    user: Bytes,
    #[serde(default)]
    attestation: Bytes,
    #[serde(default)]
    transports: Vec<String>,
}

impl Sent {
    /// Reads an answer. `None` for a text that is none.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(Some(text).filter(|text| text.len() <= MAX)?).ok()
    }

    /// The user for whom the authenticator made the key, if it says that.
    pub fn user(&self) -> Option<UserId> {
        self.user.0.as_slice().try_into().ok().map(UserId::from_bytes)
    }

    /// The signature and what was signed. `None` if the user for whom the key was made can be none.
    pub fn answer(&self) -> Option<PasskeyAnswer<'_>> {
        let user_handle = self.user();
        (user_handle.is_some() || self.user.0.is_empty()).then_some(PasskeyAnswer {
            credential_id: &self.id.0,
            user_handle,
            client_data: &self.client_data.0,
            authenticator_data: &self.authenticator_data.0,
            signature: &self.signature.0,
        })
    }

    /// What the browser says of a call that made a key, and what the authenticator says of the key.
    pub fn made(&self) -> (&[u8], &[u8]) {
        (&self.client_data.0, &self.attestation.0)
    }

    /// How browsers reach the authenticator.
    pub fn transports(&self) -> &[String] {
        &self.transports
    }
}

/// Bytes in unpadded base64url.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(try_from = "String")]
struct Bytes(Vec<u8>);

impl TryFrom<String> for Bytes {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        URL_SAFE_NO_PAD.decode(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_the_host_and_the_origin_of_its_issuer() {
        for (issuer, id, origin) in [
            ("https://id.example", "id.example", "https://id.example"),
            ("https://id.example:8443/sso", "id.example", "https://id.example:8443"),
            ("http://localhost:7400", "localhost", "http://localhost:7400"),
        ] {
            assert_eq!(Site::of(issuer), Site { id: id.to_owned(), origin: origin.to_owned() });
        }
    }

    #[test]
    fn the_challenge_is_that_of_the_step() {
        let options: Value = serde_json::from_str(&Site::of("https://id.example").first("step")).unwrap();
        assert_eq!(options["challenge"], URL_SAFE_NO_PAD.encode(challenge("step")));
        assert_ne!(challenge("step"), challenge("another"));
    }

    #[test]
    fn an_answer_has_bytes_and_no_other_members() {
        let user = UserId::v8([1; 16]);
        let text = |more: &str| {
            let user = URL_SAFE_NO_PAD.encode(user.as_bytes());
            format!(r#"{{"id":"AQ","client_data":"Ag","user":"{user}"{more}}}"#)
        };
        assert_eq!(Sent::read(&text("")).and_then(|sent| sent.user()), Some(user));
        for more in [r#","novel":1"#, r#","id":"AQ""#, r#","signature":"AQ==""#] {
            assert!(Sent::read(&text(more)).is_none(), "{more}");
        }
        let short = Sent::read(r#"{"id":"AQ","client_data":"Ag","user":"AQ"}"#).unwrap();
        assert!(short.user().is_none() && short.answer().is_none());
    }
}
