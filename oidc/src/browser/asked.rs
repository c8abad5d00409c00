//! What a browser sends.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::{HeaderMap, Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use umoja_look::{Language, Look, Wanted};
use umoja_store::ports::Entropy;

use crate::cookie::Cookie;
use crate::form::{Form, FormError};
use crate::pages::View;

/// The characters of the cookie to which forms are bound.
const BROWSER: usize = 22;
/// How long a browser keeps the language that its person chose, in seconds.
const LANGUAGE_SECS: u64 = 365 * 24 * 60 * 60;

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

    /// The cookie to which the forms of this browser are bound.
    pub(super) fn browser(&self, issuer: &str) -> Option<String> {
        let is_ours = |value: &String| value.len() == BROWSER && URL_SAFE_NO_PAD.decode(value).is_ok();
        Cookie::Browser.value(issuer, &self.headers).filter(is_ours)
    }

    /// The same, or a new one.
    pub(super) fn browser_or_new(&self, issuer: &str, entropy: &dyn Entropy) -> String {
        self.browser(issuer).unwrap_or_else(|| URL_SAFE_NO_PAD.encode(entropy.array::<16>()))
    }

    /// The language that the person has just chosen on the page (`lang`). A client has another parameter for what it wants, so what stands
    /// beside its id is no choice of the person.
    pub(super) fn chosen(&self) -> Option<Language> {
        self.form.get("lang").filter(|_| self.form.get("client_id").is_none()).and_then(Language::of_tag)
    }

    /// The view of a page that answers this request: in the look of a company, and in a language of those that the client asks for
    /// (`ui_locales`) or of the person's own (`locale`), if the person has chosen none.
    pub(super) fn view(&self, issuer: &str, look: Look, asked: &[String], own: Option<&str>) -> View {
        let chosen = self.chosen();
        let kept = chosen.and_then(|language| Cookie::Language.set(issuer, language.tag(), Some(LANGUAGE_SECS)));
        let chosen = chosen.map(Language::tag);
        View {
            look,
            language: language(issuer, &self.headers, Wanted { chosen, asked, own, ..Wanted::default() }),
            kept,
        }
    }
}

/// The view of a page that answers a request of which no more is known than its headers.
pub(super) fn view_of(issuer: &str, headers: &HeaderMap) -> View {
    View { look: Look::plain(), language: language(issuer, headers, Wanted::default()), kept: None }
}

fn language(issuer: &str, headers: &HeaderMap, wanted: Wanted<'_>) -> Language {
    let kept = Cookie::Language.value(issuer, headers);
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Wanted { kept: kept.as_deref(), accepted, ..wanted }.language()
}
