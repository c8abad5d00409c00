//! Which client a request says that it is from, and by which method it wants to prove it (RFC 6749 section 2.3).

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::assertion;
use crate::form::{Form, decoded};
use crate::problem::Problem;

/// What a request shows of its client. Nothing of it is verified.
pub struct Presented {
    /// The id of the client. `None` if an assertion alone says it.
    pub client_id: Option<String>,
    /// The means of proof.
    pub means: Means,
}

/// The means by which a client proves to be itself. They are never printed.
pub enum Means {
    /// None: a public client.
    None,
    /// A secret in the header `authorization`: `client_secret_basic`.
    Basic(Zeroizing<String>),
    /// A secret in the body: `client_secret_post`.
    Post(Zeroizing<String>),
    /// A signed assertion: `private_key_jwt`.
    Assertion(Zeroizing<String>),
}

impl Means {
    /// The value of `token_endpoint_auth_method`. A client may use only the one that it is registered with.
    pub const fn method(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Basic(_) => "client_secret_basic",
            Self::Post(_) => "client_secret_post",
            Self::Assertion(_) => "private_key_jwt",
        }
    }
}

impl Presented {
    /// Reads the header and the body of a request.
    ///
    /// # Errors
    /// [`Problem::Request`] for two methods in one request, [`Problem::Client`] for credentials that cannot be read.
    pub fn read(headers: &HeaderMap, form: &Form) -> Result<Self, Problem> {
        let in_body = form.get("client_id").map(str::to_owned);
        let basic = basic(headers)?;
        let secret = form.get("client_secret");
        let signed = form.get("client_assertion");
        let kind = form.get("client_assertion_type");
        if usize::from(basic.is_some()) + usize::from(secret.is_some()) + usize::from(signed.is_some()) > 1 {
            return Err(Problem::Request("a client authenticates by one method"));
        }
        if let Some((client_id, secret)) = basic {
            if in_body.is_some_and(|in_body| in_body != client_id) {
                return Err(Problem::Request("the header and the body name two clients"));
            }
            return Ok(Self { client_id: Some(client_id), means: Means::Basic(secret) });
        }
        let means = match (secret, signed, kind) {
            (_, Some(signed), Some(assertion::TYPE)) => Means::Assertion(Zeroizing::new(signed.to_owned())),
            (_, Some(_), _) => return Err(Problem::Request("client_assertion_type has to be that of JWTs")),
            (_, None, Some(_)) => return Err(Problem::Request("client_assertion is missing")),
            (Some(secret), None, None) => Means::Post(Zeroizing::new(secret.to_owned())),
            (None, None, None) => Means::None,
        };
        if in_body.is_none() && !matches!(means, Means::Assertion(_)) {
            return Err(Problem::Client { basic: false });
        }
        Ok(Self { client_id: in_body, means })
    }
}

/// The id and the secret of HTTP Basic. Both are form-urlencoded before they are joined (RFC 6749 section 2.3.1). `None` without the
/// header, or with a token of another scheme in it.
fn basic(headers: &HeaderMap) -> Result<Option<(String, Zeroizing<String>)>, Problem> {
    const BAD: Problem = Problem::Client { basic: true };
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::Request("there are two headers authorization"));
    }
    let (scheme, encoded) = value.to_str().ok().and_then(|value| value.split_once(' ')).ok_or(BAD)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(BAD);
    }
    let bytes = Zeroizing::new(STANDARD.decode(encoded.trim()).map_err(|_| BAD)?);
    let middle = bytes.iter().position(|byte| *byte == b':').ok_or(BAD)?;
    let client_id = decoded(&bytes[..middle]).map_err(|_| BAD)?.to_string();
    let secret = decoded(&bytes[middle + 1..]).map_err(|_| BAD)?;
    if client_id.is_empty() || secret.is_empty() {
        return Err(BAD);
    }
    Ok(Some((client_id, secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authorization: Option<&str>, body: &str) -> Result<(Option<String>, &'static str), Problem> {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        let presented = Presented::read(&headers, &Form::parse(body.as_bytes()).unwrap())?;
        Ok((presented.client_id, presented.means.method()))
    }

    #[test]
    fn each_method_is_recognised() {
        let shop = || Some("shop".to_owned());
        assert_eq!(read(None, "client_id=shop"), Ok((shop(), "none")));
        assert_eq!(read(None, "client_id=shop&client_secret=s"), Ok((shop(), "client_secret_post")));
        let basic = format!("Basic {}", STANDARD.encode("shop:s"));
        assert_eq!(read(Some(&basic), ""), Ok((shop(), "client_secret_basic")));
        assert_eq!(read(Some(&basic), "client_id=shop"), Ok((shop(), "client_secret_basic")));
        let assertion = format!("client_assertion=a.b.c&client_assertion_type={}", assertion::TYPE);
        assert_eq!(read(None, &assertion), Ok((None, "private_key_jwt")));
        assert_eq!(read(None, &format!("{assertion}&client_id=shop")), Ok((shop(), "private_key_jwt")));
    }

    #[test]
    fn id_and_secret_of_the_header_are_urlencoded() {
        let mut headers = HeaderMap::new();
        let value = format!("basic {}", STANDARD.encode("my+shop%3A1:p%25:ss"));
        headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        let presented = Presented::read(&headers, &Form::default()).ok().unwrap();
        let Means::Basic(secret) = presented.means else { panic!("another method") };
        assert_eq!((presented.client_id.as_deref(), secret.as_str()), (Some("my shop:1"), "p%:ss"));
    }

    #[test]
    fn two_methods_or_two_clients_are_rejected() {
        let basic = format!("Basic {}", STANDARD.encode("shop:s"));
        for body in ["client_id=other", "client_id=shop&client_secret=s", "client_assertion=a.b.c"] {
            assert!(matches!(read(Some(&basic), body), Err(Problem::Request(_))), "{body}");
        }
        for body in ["client_id=shop&client_assertion=a.b.c", "client_id=shop&client_assertion_type=x"] {
            assert!(matches!(read(None, body), Err(Problem::Request(_))), "{body}");
        }
    }

    #[test]
    fn credentials_that_cannot_be_read_are_no_public_client() {
        let bad = |text: &str| format!("Basic {}", STANDARD.encode(text));
        for value in ["Basic", "Basic !", "Bearer x", &bad("shop"), &bad(":s"), &bad("shop:"), &bad("shop:%f")] {
            assert_eq!(read(Some(value), "client_id=shop"), Err(Problem::Client { basic: true }), "{value}");
        }
        assert_eq!(read(None, "grant_type=x"), Err(Problem::Client { basic: false }));
    }
}
