//! What the browser says of the call (section 5.8.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::{Expected, WebauthnError};

/// The type of a call that makes a key.
pub(super) const CREATE: &str = "webauthn.create";
/// The type of a call that uses a key.
pub(super) const GET: &str = "webauthn.get";
/// The most bytes. Browsers write some hundreds.
const MAX: usize = 4 * 1024;

/// The members that decide. Browsers may add others (section 5.8.1), but none of these twice.
#[derive(Deserialize)]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    /// Only in a frame of another site (level 3).
    #[serde(default, rename = "topOrigin")]
    top_origin: Option<String>,
}

/// Checks that a browser made this call at the site, with the site's challenge.
pub(super) fn check(expected: &Expected<'_>, kind: &str, json: &[u8]) -> Result<(), WebauthnError> {
    if json.len() > MAX {
        return Err(WebauthnError::TooLarge);
    }
    // A struct would also be read from an array.
    if json.first() != Some(&b'{') {
        return Err(WebauthnError::Malformed);
    }
    let data: ClientData = serde_json::from_slice(json).map_err(|_| WebauthnError::Malformed)?;
    if data.r#type != kind {
        return Err(WebauthnError::Type);
    }
    let challenge = URL_SAFE_NO_PAD.encode(expected.challenge);
    if expected.challenge.is_empty() || !bool::from(challenge.as_bytes().ct_eq(data.challenge.as_bytes())) {
        return Err(WebauthnError::Challenge);
    }
    if data.origin != expected.origin || data.cross_origin || data.top_origin.is_some() {
        return Err(WebauthnError::Origin);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected<'_> =
        Expected { site: "id.example", origin: "https://id.example", challenge: &[1; 16], user_verification: false };
    const CHALLENGE: &str = "AQEBAQEBAQEBAQEBAQEBAQ";

    fn of(text: &str) -> Result<(), WebauthnError> {
        check(&EXPECTED, GET, text.replace("C!", CHALLENGE).as_bytes())
    }

    #[test]
    fn a_call_at_the_site_is_accepted_whatever_the_browser_adds() {
        for text in [
            r#"{"type":"webauthn.get","challenge":"C!","origin":"https://id.example"}"#,
            r#"{"type":"webauthn.get","challenge":"C!","origin":"https://id.example","crossOrigin":false,"other":[{}]}"#,
        ] {
            assert_eq!(of(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn another_call_challenge_or_site_is_rejected() {
        for (text, error) in [
            (r#"{"type":"webauthn.create","challenge":"C!","origin":"https://id.example"}"#, WebauthnError::Type),
            (
                r#"{"type":"webauthn.get","challenge":"AQEBAQEBAQEBAQEBAQEBAA","origin":"https://id.example"}"#,
                WebauthnError::Challenge,
            ),
            (r#"{"type":"webauthn.get","challenge":"C!==","origin":"https://id.example"}"#, WebauthnError::Challenge),
            (r#"{"type":"webauthn.get","challenge":"","origin":"https://id.example"}"#, WebauthnError::Challenge),
            (r#"{"type":"webauthn.get","challenge":"C!","origin":"https://id.example:444"}"#, WebauthnError::Origin),
            (r#"{"type":"webauthn.get","challenge":"C!","origin":"http://id.example"}"#, WebauthnError::Origin),
            (r#"{"type":"webauthn.get","challenge":"C!","origin":"https://www.id.example"}"#, WebauthnError::Origin),
            (
                r#"{"type":"webauthn.get","challenge":"C!","origin":"https://id.example","crossOrigin":true}"#,
                WebauthnError::Origin,
            ),
            (
                r#"{"type":"webauthn.get","challenge":"C!","origin":"https://id.example","topOrigin":"https://a.example"}"#,
                WebauthnError::Origin,
            ),
        ] {
            assert_eq!(of(text), Err(error), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_rejected() {
        for text in [
            r#"{"type":"webauthn.get","type":"webauthn.get","challenge":"C!","origin":"https://id.example"}"#,
            r#"["webauthn.get","C!","https://id.example",false,null]"#,
            r#"{"type":"webauthn.get","challenge":"C!"}"#,
            "{",
            "",
        ] {
            assert_eq!(of(text), Err(WebauthnError::Malformed), "{text}");
        }
        assert_eq!(of(&format!("{{{}", " ".repeat(MAX))), Err(WebauthnError::TooLarge));
    }
}
