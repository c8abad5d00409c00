//! Authorization requests: which are answered with a page, which are sent back, and what a good one asks for (RFC 6749 section
//! 4.1.2.1, OpenID Connect Core section 3.1.2.2, RFC 9700 section 2.1).
//!
//! A browser is sent to a URI only after the client and the URI were found to belong together. Before that, every fault is a page.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use umoja_schema::{Client, ClientId, GrantType};

use crate::form::Form;
use crate::pkce;

/// The most characters of `state`, which the client gets back.
const MAX_STATE: usize = 2048;
/// The most characters of `nonce` and `login_hint`.
const MAX_TEXT: usize = 512;
/// The most values of a list.
const MAX_VALUES: usize = 32;
/// The parameters of features that there are not, and the error of each (OpenID Connect Core section 3.1.2.6).
const UNSUPPORTED: [(&str, Fault); 3] =
    [("request", Fault::RequestObject), ("request_uri", Fault::RequestUri), ("registration", Fault::Registration)];

/// How the answer reaches the client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the redirect URI.
    #[default]
    Query,
    /// In a form that the browser posts (OAuth 2.0 Form Post Response Mode).
    FormPost,
}

impl ResponseMode {
    /// The names of all modes, as metadata lists them.
    pub const NAMES: [&'static str; 2] = ["query", "form_post"];

    fn from_name(name: &str) -> Option<Self> {
        match name {
            "query" => Some(Self::Query),
            "form_post" => Some(Self::FormPost),
            _ => None,
        }
    }
}

/// What a client wants the person to be asked.
#[expect(clippy::struct_excessive_bools, reason = "a client combines the values as it likes")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prompt {
    /// Nothing: an answer without a page.
    pub none: bool,
    /// Who the person is, even if a person is signed in. `select_account` is taken as this.
    pub login: bool,
    /// Whether the client may have what it asks for, whatever was given before.
    pub consent: bool,
    /// That it makes an account (Initiating User Registration via OpenID Connect 1.0). Where persons make none, it signs in.
    #[serde(default)]
    pub create: bool,
}

/// Where an answer goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTo {
    /// A URI of the client.
    pub redirect_uri: String,
    /// How the answer travels.
    pub mode: ResponseMode,
    /// What the client gets back as it was.
    pub state: Option<String>,
}

/// A request that is answered sooner or later. It has no `Debug`, because a hint may name a person.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationRequest {
    /// The client.
    pub client: ClientId,
    /// Where the answer goes.
    pub return_to: ReturnTo,
    /// The scopes that the client asked for and may have.
    pub scopes: BTreeSet<String>,
    /// The challenge, of the method `S256` (RFC 7636).
    pub challenge: String,
    /// What the id token repeats.
    pub nonce: Option<String>,
    /// What the person is to be asked.
    pub prompt: Prompt,
    /// How many seconds ago the person may have signed in.
    pub max_age: Option<u64>,
    /// Whom the client expects. Personal data.
    pub login_hint: Option<String>,
    /// The id token of whom the client expects, unverified.
    pub id_token_hint: Option<String>,
    /// The languages that the person reads, best first (BCP 47).
    pub ui_locales: Vec<String>,
    /// The authentication contexts that the client prefers. They are voluntary.
    pub acr_values: Vec<String>,
    /// The thumbprint of the key to which the code is bound (RFC 9449 section 10).
    pub jkt: Option<String>,
}

/// Why a request is answered with a page, and no browser is sent anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoReturn {
    /// The client is missing, unknown, disabled or removed.
    #[error("the application is not known here")]
    Client,
    /// The redirect URI is missing, or is none of the client's.
    #[error("the application gave an address that is not registered")]
    Redirect,
    /// The parameters cannot be read in one way.
    #[error("the request of the application cannot be read")]
    Unreadable,
    /// The pushed request has ended, or is another client's.
    #[error("the request of the application has ended")]
    Pushed,
    /// The form is too old, or of a page of another browser.
    #[error("the page was open for too long, or in another browser")]
    Page,
    /// A link leads to where a page sends its form.
    #[error("this is no page of its own")]
    Form,
    /// There is nothing at the address.
    #[error("there is no page at this address")]
    Absent,
}

impl NoReturn {
    /// All reasons.
    pub const ALL: [Self; 7] =
        [Self::Client, Self::Redirect, Self::Unreadable, Self::Pushed, Self::Page, Self::Form, Self::Absent];

    /// The reason of a word.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The reason in a word, for logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Client => "unknown_client",
            Self::Redirect => "redirect_uri",
            Self::Unreadable => "unreadable",
            Self::Pushed => "ended_request",
            Self::Page => "ended_page",
            Self::Form => "no_page",
            Self::Absent => "no_such_page",
        }
    }
}

/// Why a client gets an error (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A parameter is missing or malformed. The text names the rule.
    Invalid(&'static str),
    /// The client may not get codes.
    UnauthorizedClient,
    /// A response type other than `code`.
    ResponseType,
    /// None of the scopes is the client's.
    Scope,
    /// Request objects by value.
    RequestObject,
    /// Request objects by reference.
    RequestUri,
    /// Registration within a request.
    Registration,
    /// The person would have to sign in.
    LoginRequired,
    /// The person would have to consent.
    ConsentRequired,
    /// The person cannot prove well enough who it is (OpenID Connect Core Error Code unmet_authentication_requirements 1.0).
    UnmetAuthentication,
    /// The person has rejected.
    AccessDenied,
    /// A region that has to answer does not.
    Unavailable,
}

impl Fault {
    /// What a browser has to bring in a URL does not fit into one.
    pub const TOO_LARGE: Self = Self::Invalid("the request is too large");

    /// The value of `error`.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_request",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::ResponseType => "unsupported_response_type",
            Self::Scope => "invalid_scope",
            Self::RequestObject => "request_not_supported",
            Self::RequestUri => "request_uri_not_supported",
            Self::Registration => "registration_not_supported",
            Self::LoginRequired => "login_required",
            Self::ConsentRequired => "consent_required",
            Self::UnmetAuthentication => "unmet_authentication_requirements",
            Self::AccessDenied => "access_denied",
            Self::Unavailable => "temporarily_unavailable",
        }
    }

    /// Whether the client has to change something. Every other error is an answer that a client is prepared for.
    pub const fn is_of_the_client(self) -> bool {
        !matches!(self, Self::LoginRequired | Self::ConsentRequired | Self::AccessDenied | Self::Unavailable)
    }

    /// The value of `error_description`, if the code does not say it all. It names a rule and never a value.
    pub const fn description(self) -> Option<&'static str> {
        match self {
            Self::Invalid(rule) => Some(rule),
            _ => None,
        }
    }
}

/// Why a request is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// With a page.
    Page(NoReturn),
    /// With an answer to the client.
    Answer(ReturnTo, Fault),
}

impl AuthorizationRequest {
    /// Reads a request of a client. `client` is the registered one with the id that the request has. `is_pushed` is whether the client
    /// itself has sent the parameters (RFC 9126), and not a browser.
    ///
    /// # Errors
    /// [`Rejected`]: with a page until client and redirect URI are known to belong together, and then with an answer.
    pub fn read(form: &Form, client: Option<&Client>, is_pushed: bool) -> Result<Self, Rejected> {
        let named = form.get("client_id");
        let client = client.filter(|client| client.enabled && !client.removed && named == Some(client.id.as_str()));
        let client = client.ok_or(Rejected::Page(NoReturn::Client))?;
        let redirect_uri = form.get("redirect_uri").filter(|uri| client.redirect_matches(uri));
        let redirect_uri = redirect_uri.ok_or(Rejected::Page(NoReturn::Redirect))?.to_owned();
        let state = form.get("state").map(str::to_owned);
        if state.as_ref().is_some_and(|state| state.chars().count() > MAX_STATE) {
            return Err(Rejected::Page(NoReturn::Unreadable));
        }
        let mode = form.get("response_mode").map(ResponseMode::from_name);
        let return_to = ReturnTo { redirect_uri, mode: mode.flatten().unwrap_or_default(), state };
        let read = if mode == Some(None) {
            Err(Fault::Invalid("response_mode must be query or form_post"))
        } else {
            asked(form, client, is_pushed, return_to.clone())
        };
        read.map_err(|fault| Rejected::Answer(return_to, fault))
    }
}

fn asked(form: &Form, client: &Client, is_pushed: bool, return_to: ReturnTo) -> Result<AuthorizationRequest, Fault> {
    if let Some((_, fault)) = UNSUPPORTED.into_iter().find(|(name, _)| form.get(name).is_some()) {
        return Err(fault);
    }
    match form.get("response_type") {
        None => return Err(Fault::Invalid("response_type is missing")),
        Some("code") if client.may_use(GrantType::AuthorizationCode) => {}
        Some("code") => return Err(Fault::UnauthorizedClient),
        Some(_) => return Err(Fault::ResponseType),
    }
    if client.require_pushed_authorization_requests && !is_pushed {
        return Err(Fault::Invalid("the client has to push its requests"));
    }
    // A scope that is not known is ignored (OpenID Connect Core section 3.1.2.1).
    let scopes: BTreeSet<_> = words(form, "scope")?.into_iter().filter(|scope| client.scopes.contains(scope)).collect();
    if scopes.is_empty() {
        return Err(Fault::Scope);
    }
    let challenge = form.get("code_challenge").filter(|challenge| pkce::is_challenge(challenge));
    let challenge = challenge.filter(|_| form.get("code_challenge_method") == Some("S256"));
    let challenge = challenge.ok_or(Fault::Invalid("a code_challenge with the method S256 is needed"))?.to_owned();
    let jkt = text(form, "dpop_jkt")?;
    if jkt.as_ref().is_some_and(|jkt| URL_SAFE_NO_PAD.decode(jkt).map(|bytes| bytes.len()) != Ok(32)) {
        return Err(Fault::Invalid("dpop_jkt must be a thumbprint with SHA-256"));
    }
    Ok(AuthorizationRequest {
        client: client.id.clone(),
        return_to,
        scopes,
        challenge,
        nonce: text(form, "nonce")?,
        prompt: prompt(form)?,
        max_age: max_age(form)?.or(client.default_max_age),
        login_hint: text(form, "login_hint")?,
        id_token_hint: form.get("id_token_hint").map(str::to_owned),
        ui_locales: words(form, "ui_locales")?,
        acr_values: words(form, "acr_values")?,
        jkt,
    })
}

fn prompt(form: &Form) -> Result<Prompt, Fault> {
    let mut prompt = Prompt::default();
    for word in words(form, "prompt")? {
        match word.as_str() {
            "none" => prompt.none = true,
            "login" | "select_account" => prompt.login = true,
            "consent" => prompt.consent = true,
            "create" => prompt.create = true,
            _ => return Err(Fault::Invalid("prompt has an unknown value")),
        }
    }
    if prompt.none && (prompt.login || prompt.consent || prompt.create) {
        return Err(Fault::Invalid("prompt has none beside another value"));
    }
    Ok(prompt)
}

fn max_age(form: &Form) -> Result<Option<u64>, Fault> {
    let Some(age) = form.get("max_age") else { return Ok(None) };
    let is_number = age.bytes().all(|byte| byte.is_ascii_digit());
    let age = Some(age).filter(|_| is_number).and_then(|age| age.parse().ok());
    age.map(Some).ok_or(Fault::Invalid("max_age must be a number of seconds"))
}

fn text(form: &Form, name: &str) -> Result<Option<String>, Fault> {
    let text = form.get(name).map(str::to_owned);
    if text.as_ref().is_some_and(|text| text.chars().count() > MAX_TEXT) {
        return Err(Fault::Invalid("a parameter is too long"));
    }
    Ok(text)
}

fn words(form: &Form, name: &str) -> Result<Vec<String>, Fault> {
    let words: Vec<_> = form.get(name).unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect();
    if words.len() > MAX_VALUES { Err(Fault::Invalid("a list has too many values")) } else { Ok(words) }
}

#[cfg(test)]
mod tests;
