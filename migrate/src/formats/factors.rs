//! Second factors of other systems.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value};
use umoja_accounts::access::ForeignFactor;
use umoja_accounts::import::RowFactor;
use umoja_crypto::totp::TotpSecret;
use umoja_crypto::webauthn::Registered;
use zeroize::Zeroizing;

/// The parameters of the codes that authenticator applications make, unless an address says otherwise.
const DIGITS: u64 = 6;
const PERIOD: u64 = 30;

/// A factor as an operator writes it, for formats with a mapping.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Written {
    Totp {
        secret: String,
        #[serde(default)]
        encoding: Encoding,
        algorithm: Option<String>,
        digits: Option<u64>,
        period: Option<u64>,
        label: Option<String>,
    },
    Passkey {
        credential_id: String,
        public_key: String,
        rp_id: String,
        #[serde(default)]
        sign_count: u32,
        #[serde(default)]
        transports: Vec<String>,
        label: Option<String>,
    },
}

/// How the bytes of a secret are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Encoding {
    /// RFC 4648 section 6.
    #[default]
    Base32,
    /// RFC 4648 section 4 or 5.
    Base64,
    /// Each character stands for its bytes in UTF-8.
    Utf8,
}

/// The factors of a value, an array or JSON text of one, and how many of it are none that can be read.
pub(super) fn written(value: &Value) -> (Vec<RowFactor>, usize) {
    let parsed = match value {
        Value::String(text) => serde_json::from_str(text).unwrap_or(Value::Null),
        other => other.clone(),
    };
    let Value::Array(items) = parsed else { return (Vec::new(), 1) };
    let all = items.len();
    let factors: Vec<_> = items.into_iter().filter_map(one).collect();
    let unread = all - factors.len();
    (factors, unread)
}

fn one(item: Value) -> Option<RowFactor> {
    let (factor, site, label) = match serde_json::from_value(item).ok()? {
        Written::Totp { secret, encoding, algorithm, digits, period, label } => {
            let secret = Zeroizing::new(secret);
            let parameters = Parameters { algorithm: algorithm.as_deref(), digits, period };
            (ForeignFactor::Totp(totp(&secret, encoding, &parameters)?), None, label)
        }
        Written::Passkey { credential_id, public_key, rp_id, sign_count, transports, label } => {
            (passkey((&credential_id, &public_key), sign_count, transports)?, Some(rp_id), label)
        }
    };
    Some(RowFactor { factor, site, label })
}

/// What a source says of the codes of an application.
pub(super) struct Parameters<'a> {
    pub(super) algorithm: Option<&'a str>,
    pub(super) digits: Option<u64>,
    pub(super) period: Option<u64>,
}

/// The secret of an application. `None` if it cannot be read, is too short, or makes other codes than Umoja compares.
pub(super) fn totp(secret: &str, encoding: Encoding, parameters: &Parameters<'_>) -> Option<TotpSecret> {
    let Parameters { algorithm, digits, period } = parameters;
    let name = |algorithm: &str| algorithm.to_ascii_uppercase().replace(['-', '_'], "");
    let is_sha1 = algorithm.is_none_or(|algorithm| matches!(name(algorithm).as_str(), "SHA1" | "HMACSHA1"));
    if !is_sha1 || digits.unwrap_or(DIGITS) != DIGITS || period.unwrap_or(PERIOD) != PERIOD {
        return None;
    }
    match encoding {
        Encoding::Base32 => TotpSecret::from_base32(secret),
        Encoding::Base64 => TotpSecret::new(&Zeroizing::new(base64(secret)?)),
        Encoding::Utf8 => TotpSecret::new(secret.as_bytes()),
    }
}

/// A key, by its id and its public key (COSE) in base64 of either alphabet.
pub(super) fn passkey(
    (credential_id, public_key): (&str, &str),
    sign_count: u32,
    transports: Vec<String>,
) -> Option<ForeignFactor> {
    let key = Registered {
        credential_id: base64(credential_id)?,
        public_key: base64(public_key)?,
        sign_count,
        user_verified: false,
        backup_eligible: false,
    };
    Some(ForeignFactor::Passkey { key, transports })
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()
}

/// A credential of Keycloak's export: `otp` of the type totp, `webauthn` or `webauthn-passwordless`. `None` if it cannot be used.
///
/// The members `secretData` and `credentialData` are JSON texts, of the classes `OTPSecretData`, `OTPCredentialData` and
/// `WebAuthnCredentialData` (<https://github.com/keycloak/keycloak/tree/main/server-spi/src/main/java/org/keycloak/models/credential/dto>).
/// The secret is the bytes of the text, unless `secretEncoding` is `BASE32`. For which host a key was made, the export does not say.
pub(super) fn keycloak(kind: &str, data: &str, secret: &str, label: Option<String>) -> Option<RowFactor> {
    let data: Map<String, Value> = serde_json::from_str(data).ok()?;
    let text = |name: &str| data.get(name).and_then(Value::as_str);
    let number = |name: &str| data.get(name).and_then(Value::as_u64);
    let factor = if kind == "otp" {
        let secret: Map<String, Value> = serde_json::from_str(secret).ok()?;
        let secret = Zeroizing::new(secret.get("value")?.as_str()?.to_owned());
        if text("subType") != Some("totp") {
            return None;
        }
        let encoding = match text("secretEncoding") {
            None => Encoding::Utf8,
            Some(name) if name.eq_ignore_ascii_case("BASE32") => Encoding::Base32,
            Some(_) => return None,
        };
        let parameters =
            Parameters { algorithm: text("algorithm"), digits: number("digits"), period: number("period") };
        ForeignFactor::Totp(totp(&secret, encoding, &parameters)?)
    } else {
        let transports = data.get("transports").and_then(Value::as_array);
        let transports = transports.into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned));
        let count = u32::try_from(number("counter").unwrap_or_default()).ok()?;
        passkey((text("credentialId")?, text("credentialPublicKey")?), count, transports.collect())?
    };
    Some(RowFactor { factor, site: None, label })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BASE32: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn a_secret_is_read_in_each_encoding() {
        let base64 = STANDARD_NO_PAD.encode("12345678901234567890");
        for (secret, encoding) in [
            (BASE32, "base32"),
            (&*base64, "base64"),
            (&*format!("{base64}="), "base64"),
            ("12345678901234567890", "utf8"),
        ] {
            let value = json!([{ "type": "totp", "secret": secret, "encoding": encoding }]);
            let (factors, unread) = written(&value);
            let ForeignFactor::Totp(totp) = &factors[0].factor else { panic!("{encoding}") };
            assert_eq!((totp.expose(), unread), (&b"12345678901234567890"[..], 0), "{encoding}");
            assert_eq!(written(&json!(value.to_string())).0.len(), 1, "as a cell of a table");
        }
    }

    #[test]
    fn what_umoja_cannot_compare_is_counted_and_the_rest_is_read() {
        for (changes, is_read) in [
            (json!({}), true),
            (json!({ "algorithm": "SHA1", "digits": 6, "period": 30, "label": "Phone" }), true),
            (json!({ "algorithm": "HmacSHA1" }), true),
            (json!({ "algorithm": "SHA256" }), false),
            (json!({ "digits": 8 }), false),
            (json!({ "period": 60 }), false),
            (json!({ "secret": "MFRGG" }), false),
            (json!({ "secret": "not base32!" }), false),
            (json!({ "type": "sms" }), false),
            (json!({ "novel": 1 }), false),
        ] {
            let mut factor = json!({ "type": "totp", "secret": BASE32 });
            factor.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
            let (factors, unread) = written(&json!([factor, { "type": "totp", "secret": BASE32 }]));
            assert_eq!((factors.len(), unread), if is_read { (2, 0) } else { (1, 1) }, "{changes}");
        }
        for value in [json!({}), json!("["), json!(7)] {
            assert_eq!(written(&value).1, 1, "{value}");
        }
    }
}
