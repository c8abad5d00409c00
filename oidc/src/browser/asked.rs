//! What a browser sends.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_store::ports::Entropy;

use crate::cookie::Cookie;
use crate::form::{Form, FormError};

/// The characters of the cookie to which forms are bound.
const BROWSER: usize = 22;

/// The address of a browser. The server that knows it puts it into the extensions of the request. It is hashed before any use.
#[derive(Debug, Clone, Copy)]
pub struct ClientAddress(pub IpAddr);

/// A request of a browser.
pub(super) struct Asked {
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The parameters: of a `POST` those of its body, and otherwise those of the URL.
    pub(super) form: Form,
    /// Whether it is a `POST`.
    pub(super) is_post: bool,
    /// Where the browser is.
    pub(super) address: Option<IpAddr>,
}

impl Asked {
    /// Reads a request.
    ///
    /// # Errors
    /// [`FormError`].
    pub(super) async fn read(request: Request) -> Result<Self, FormError> {
        let (parts, body) = request.into_parts();
        let address = parts.extensions.get::<ClientAddress>().map(|address| address.0);
        let is_post = parts.method == Method::POST;
        let form = if is_post {
            Form::of_body(&parts.headers, body).await?
        } else {
            Form::parse(parts.uri.query().unwrap_or_default().as_bytes())?
        };
        Ok(Self { headers: parts.headers, form, is_post, address })
    }

    /// What the browser says of itself.
    pub(super) fn agent(&self) -> Option<&str> {
        self.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok())
    }

    /// The cookie to which the forms of this browser are bound.
    pub(super) fn browser(&self, issuer: &str) -> Option<String> {
        let is_ours = |value: &String| value.len() == BROWSER && URL_SAFE_NO_PAD.decode(value).is_ok();
        Cookie::Browser.value(issuer, &self.headers).filter(is_ours)
    }

    /// The same, or a new one.
    pub(super) fn browser_or_new(&self, issuer: &str, entropy: &dyn Entropy) -> String {
        self.browser(issuer).unwrap_or_else(|| URL_SAFE_NO_PAD.encode(entropy.array::<16>()))
    }
}
