//! Signed answers and receipts that someone has kept: whether a key of the deployment signed them, at any time later.

use serde_json::{Map, Value};

use super::strict::{Strict, object};
use super::{JwsError, SigningKey, TYP_RECEIPT, TYP_RESPONSE, VerifyingKey, sign, split};

/// Something that was signed and kept.
#[derive(Clone, PartialEq)]
pub struct Kept {
    /// The id of the key that signed it.
    pub kid: String,
    /// True if it is a receipt that an operator saved; false if it is an answer to a request.
    pub is_receipt: bool,
    /// When it was signed, in seconds since 1970.
    pub iat: u64,
    /// All claims.
    pub claims: Map<String, Value>,
}

/// Signs a receipt for keeping.
pub fn sign_receipt(key: &SigningKey, claims: &impl serde::Serialize) -> String {
    sign(key, TYP_RECEIPT, claims)
}

/// Checks what was kept: its form, its signature, and that its key was not retired before it was signed. Each key comes with
/// the time at which it was retired, in seconds since 1970, or with none. That an answer has expired does not matter: whether it
/// answers a certain request is for its caller to know.
///
/// # Errors
/// [`JwsError`].
pub fn verify_kept(token: &[u8], keys: &[(String, VerifyingKey, Option<u64>)]) -> Result<Kept, JwsError> {
    let (parts, is_receipt) = match split(token, TYP_RESPONSE) {
        Err(JwsError::Rejected("typ")) => (split(token, TYP_RECEIPT)?, true),
        other => (other?, false),
    };
    let (kid, key, retired_at) = keys.iter().find(|(kid, ..)| *kid == parts.kid).ok_or(JwsError::Rejected("kid"))?;
    parts.check_signature(token, key)?;
    let Value::Object(claims) = object::<Strict>(&parts.payload)?.0 else { return Err(JwsError::Malformed) };
    let iat = claims.get("iat").and_then(Value::as_u64).ok_or(JwsError::Rejected("iat"))?;
    if retired_at.is_some_and(|retired_at| iat > retired_at) {
        return Err(JwsError::Rejected("iat"));
    }
    Ok(Kept { kid: kid.clone(), is_receipt, iat, claims })
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("kid", &self.kid).field("iat", &self.iat).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::jws::{ResponseClaims, sign_response};

    #[test]
    fn what_was_kept_verifies_under_a_key_that_was_retired_later() {
        let (old, new) = (SigningKey::from_seed("umoja-1", [1; 32]), SigningKey::from_seed("umoja-2", [2; 32]));
        let keys = |retired_at| {
            vec![
                ("umoja-1".to_owned(), old.verifying_key(), Some(retired_at)),
                ("umoja-2".to_owned(), new.verifying_key(), None),
            ]
        };
        let claims = ResponseClaims {
            iss: "https://eu-west-1.example.com".into(),
            aud: "soko".into(),
            iat: 100,
            exp: 160,
            rjti: "j".into(),
            rqh: "h".into(),
            status: 202,
            body: json!({ "receipt": {} }),
        };
        let answer = sign_response(&old, &claims);
        let kept = verify_kept(answer.as_bytes(), &keys(200)).unwrap();
        assert_eq!((kept.kid.as_str(), kept.is_receipt, kept.iat), ("umoja-1", false, 100));
        assert_eq!(kept.claims["status"], 202);
        assert_eq!(verify_kept(answer.as_bytes(), &keys(99)), Err(JwsError::Rejected("iat")), "signed after the end");
        let receipt = sign_receipt(&new, &json!({ "iss": "umoja", "iat": 300, "receipt": { "id": "x" } }));
        assert!(verify_kept(receipt.as_bytes(), &keys(200)).unwrap().is_receipt);
        let mut changed = receipt.clone().into_bytes();
        let middle = receipt.find('.').unwrap() + 20;
        changed[middle] = if changed[middle] == b'a' { b'b' } else { b'a' };
        assert!(verify_kept(&changed, &keys(200)).is_err());
        let foreign = sign_receipt(&SigningKey::from_seed("umoja-1", [3; 32]), &json!({ "iat": 1 }));
        assert_eq!(verify_kept(foreign.as_bytes(), &keys(200)), Err(JwsError::Rejected("signature")));
        let unknown = sign_receipt(&SigningKey::from_seed("umoja-9", [2; 32]), &json!({ "iat": 1 }));
        assert_eq!(verify_kept(unknown.as_bytes(), &keys(200)), Err(JwsError::Rejected("kid")));
    }
}
