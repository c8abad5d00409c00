//! The parameters of a request: `application/x-www-form-urlencoded`, each given once (RFC 6749 section 3.1 and 3.2).

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use http_body_util::{BodyExt as _, Limited};
use zeroize::Zeroizing;

/// The most bytes of a body or of a query.
pub const MAX_FORM: usize = 64 * 1024;
/// The most parameters.
const MAX_PARAMETERS: usize = 64;

/// The parameters of a request. Values may be secrets: they are wiped on drop and never printed.
#[derive(Default)]
pub struct Form(BTreeMap<String, Zeroizing<String>>);

/// Why a text is no form. It repeats nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// It is too large, or an escape is cut off, or it is not UTF-8.
    #[error("the parameters are not form-urlencoded, or too many")]
    Malformed,
    /// A parameter is given twice. Two readers could take different ones.
    #[error("a parameter is given more than once")]
    Repeated,
}

impl Form {
    /// Reads a body or a query. A parameter without a value counts as absent (RFC 6749 section 3.1). It may not be given again
    /// either.
    ///
    /// # Errors
    /// [`FormError`].
    pub fn parse(text: &[u8]) -> Result<Self, FormError> {
        if text.len() > MAX_FORM {
            return Err(FormError::Malformed);
        }
        let mut all = BTreeMap::new();
        for pair in text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
            let middle = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = middle.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if all.insert(name.to_string(), value).is_some() {
                return Err(FormError::Repeated);
            }
            if all.len() > MAX_PARAMETERS {
                return Err(FormError::Malformed);
            }
        }
        all.retain(|_, value| !value.is_empty());
        Ok(Self(all))
    }

    /// True if the headers of a request call its body a form.
    pub fn is_body(headers: &HeaderMap) -> bool {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    }

    /// Reads the body of a request, which its headers have to call a form.
    ///
    /// # Errors
    /// [`FormError`].
    pub async fn of_body(headers: &HeaderMap, body: Body) -> Result<Self, FormError> {
        if !Self::is_body(headers) {
            return Err(FormError::Malformed);
        }
        let body = Limited::new(body, MAX_FORM).collect().await.map_err(|_| FormError::Malformed)?;
        Self::parse(&body.to_bytes())
    }

    /// The value of a parameter. `None` if it is absent or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str())
    }
}

/// A name or a value without its escapes. Other readers leave a cut-off escape as it is, so that it would mean two things.
pub(crate) fn decoded(text: &[u8]) -> Result<Zeroizing<String>, FormError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|digit| char::from(*digit).to_digit(16));
                let (Some(high), Some(low)) = (digit(), digit()) else { return Err(FormError::Malformed) };
                u8::try_from(high * 16 + low).map_err(|_| FormError::Malformed)?
            }
            byte => *byte,
        });
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| FormError::Malformed)?;
    Ok(Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_read_without_its_escapes() {
        let form = Form::parse(b"grant_type=authorization_code&scope=openid+e%2Dmail&state=%C3%A9=1&&x").unwrap();
        assert_eq!(form.get("scope"), Some("openid e-mail"));
        assert_eq!(form.get("state"), Some("\u{e9}=1"));
        assert_eq!((form.get("x"), form.get("absent")), (None, None));
    }

    #[test]
    fn a_repeated_parameter_is_rejected_even_without_a_value() {
        for text in ["a=1&a=2", "a=1&a=1", "a=1&a=", "a&a", "a=1&%61=2", "client_id=x&client_id=y"] {
            assert_eq!(Form::parse(text.as_bytes()).err(), Some(FormError::Repeated), "{text}");
        }
    }

    #[test]
    fn what_readers_could_read_in_two_ways_is_rejected() {
        for text in ["a=%", "a=%4", "a=%zz", "a=%+1", "a=%ff", "%=1"] {
            assert_eq!(Form::parse(text.as_bytes()).err(), Some(FormError::Malformed), "{text}");
        }
        let many = (0..=MAX_PARAMETERS).map(|n| format!("a{n}=1")).collect::<Vec<_>>().join("&");
        assert_eq!(Form::parse(many.as_bytes()).err(), Some(FormError::Malformed));
        assert_eq!(Form::parse(&vec![b'a'; MAX_FORM + 1]).err(), Some(FormError::Malformed));
    }
}
