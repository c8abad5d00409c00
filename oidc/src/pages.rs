//! The pages of the provider. They work without a program, except that a form for a client sends itself where programs run. Their policy
//! (CSP) allows the page's own style and no other's, and forms to the issuer and to the client that gets the answer: browsers apply
//! `form-action` to the redirect after a form too.

mod device;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use umoja_schema::{Colour, Company};

use crate::answer::Answer;
use crate::request::NoReturn;

pub use self::device::{CodeFault, device_code, device_confirm, device_done, device_sign_in};

const STYLE: &str = include_str!("../assets/pages.css");
/// Sends the form of a page.
const SEND: &str = "document.forms[0].submit()";
/// The colour of the head of a company without one.
const HEAD: Colour = Colour::new([0x1f, 0x3a, 0x5f]);

/// How the pages look for the people of a company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    name: String,
    head: Colour,
    page: Colour,
}

impl Look {
    /// The look of a company.
    pub fn of(company: &Company) -> Self {
        let settings = company.status_page.as_ref();
        Self {
            name: company.display_name().to_owned(),
            head: settings.and_then(|page| page.colour).unwrap_or(HEAD),
            page: settings.and_then(|page| page.background).unwrap_or(Colour::WHITE),
        }
    }

    /// The look of a page that is of no company.
    pub fn plain() -> Self {
        Self { name: String::new(), head: HEAD, page: Colour::WHITE }
    }

    /// The style. What is read stands in the ink of what is behind it.
    fn style(&self) -> String {
        let Self { head, page, .. } = self;
        format!(":root{{--head:{head};--on-head:{};--page:{page};--ink:{}}}\n{STYLE}", head.ink(), page.ink())
    }
}

/// Why a person has to try again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// No user may sign in with this. It does not say why.
    Wrong,
    /// Too many attempts failed.
    Locked,
    /// The service cannot answer now.
    Unavailable,
}

impl Again {
    /// The reason in a word, for logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Wrong => "wrong",
            Self::Locked => "locked",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The page on which a person signs in. `step` is the value that the form sends back, `hint` whom the client expects.
pub fn sign_in(
    look: &Look,
    client: &str,
    redirect_uri: &str,
    step: &str,
    hint: &str,
    again: Option<Again>,
) -> Response {
    sign_in_at(look, client, ("/login", &Policy::form(Some(redirect_uri))), step, hint, again)
}

/// The same, with a form that goes to a path.
fn sign_in_at(
    look: &Look,
    client: &str,
    (action, policy): (&str, &Policy<'_>),
    step: &str,
    hint: &str,
    again: Option<Again>,
) -> Response {
    let (client, step, hint) = (escaped(client), escaped(step), escaped(hint));
    let alert = again.map_or("", |again| match again {
        Again::Wrong => "<p role=\"alert\">The name or the password is wrong.</p>",
        Again::Locked => {
            "<p role=\"alert\">Too many attempts failed. Wait a while, at most a quarter of an hour, and try again.</p>"
        }
        Again::Unavailable => "<p role=\"alert\">The service cannot answer now. Try again.</p>",
    });
    let main = format!(
        "<p>to continue to <bdi>{client}</bdi></p>{alert}\
         <form method=\"post\" action=\"{action}\"><input type=\"hidden\" name=\"step\" value=\"{step}\">\
         <label for=\"name\">E-mail address, phone number or user name</label>\
         <input id=\"name\" name=\"identifier\" value=\"{hint}\" autocomplete=\"username\" autocapitalize=\"none\" spellcheck=\"false\" required>\
         <label for=\"password\">Password</label>\
         <input id=\"password\" name=\"password\" type=\"password\" autocomplete=\"current-password\" required>\
         <button>Sign in</button></form>"
    );
    page(look, StatusCode::OK, "Sign in", &main, policy)
}

/// The page on which a person lets a client have what it asks for. `scopes` are in words.
pub fn consent(look: &Look, client: &str, redirect_uri: &str, step: &str, scopes: &[&str]) -> Response {
    let (client, step) = (escaped(client), escaped(step));
    let scopes: String =
        scopes.iter().flat_map(|scope| ["<li>".to_owned(), escaped(scope), "</li>".to_owned()]).collect();
    let main = format!(
        "<p><bdi>{client}</bdi> wants to have:</p><ul>{scopes}</ul>\
         <form method=\"post\" action=\"/consent\"><input type=\"hidden\" name=\"step\" value=\"{step}\">\
         <button name=\"answer\" value=\"allow\">Allow</button> \
         <button class=\"other\" name=\"answer\" value=\"reject\">Reject</button></form>"
    );
    page(look, StatusCode::OK, "Allow access", &main, &Policy::form(Some(redirect_uri)))
}

/// The page that asks whether a person wants to sign out.
pub fn sign_out(look: &Look, step: &str, redirect_uri: Option<&str>) -> Response {
    let main = format!(
        "<p>You sign out of every application into which you have signed in here.</p>\
         <form method=\"post\" action=\"/oauth2/logout\"><input type=\"hidden\" name=\"step\" value=\"{}\">\
         <button>Sign out</button></form>",
        escaped(step)
    );
    page(look, StatusCode::OK, "Sign out", &main, &Policy::form(redirect_uri))
}

/// The page of a person who has signed out.
pub fn signed_out(look: &Look) -> Response {
    page(look, StatusCode::OK, "You are signed out", "<p>You may close this page.</p>", &Policy::form(None))
}

/// The page of a request whose answer goes nowhere.
pub fn no_return(reason: NoReturn) -> Response {
    let main = format!("<p role=\"alert\">No user was signed in: {reason}.</p><p>{}</p>", reason.next());
    let status = if reason == NoReturn::Form { StatusCode::METHOD_NOT_ALLOWED } else { StatusCode::BAD_REQUEST };
    page(&Look::plain(), status, "This link does not work", &main, &Policy::form(None))
}

/// The page of a request that the region cannot answer now.
pub fn unavailable() -> Response {
    let main = "<p role=\"alert\">The service cannot answer now. Reload this page in a moment.</p>";
    let look = Look::plain();
    let mut response = page(&look, StatusCode::SERVICE_UNAVAILABLE, "Try again", main, &Policy::form(None));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

/// The page whose form takes an answer to its client (OAuth 2.0 Form Post Response Mode).
pub fn form_post(answer: &Answer<'_>) -> Response {
    let field =
        |(name, value): (_, &str)| format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value));
    let fields = answer.parameters().map(field).collect::<Vec<_>>().concat();
    let action = escaped(answer.action());
    let main = format!(
        "<form method=\"post\" action=\"{action}\">{fields}<noscript><button>Continue</button></noscript></form>\
         <script>{SEND}</script>"
    );
    let policy = Policy { to: Some(answer.action()), sends: true };
    page(&Look::plain(), StatusCode::OK, "Continue", &main, &policy)
}

/// What a page may do.
struct Policy<'a> {
    /// Where its form leads in the end, beside the issuer.
    to: Option<&'a str>,
    /// Whether its form sends itself.
    sends: bool,
}

impl<'a> Policy<'a> {
    const fn form(to: Option<&'a str>) -> Self {
        Self { to, sends: false }
    }

    fn text(&self, style: &str) -> String {
        let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
        let script = if self.sends { format!("script-src 'sha256-{}'; ", hash(SEND)) } else { String::new() };
        let to = self.to.map(|uri| format!(" {}", source(uri))).unwrap_or_default();
        format!(
            "default-src 'none'; {script}style-src 'sha256-{}'; img-src data:; form-action 'self'{to}; \
             frame-ancestors 'none'; base-uri 'none'",
            hash(style)
        )
    }
}

/// The source of a redirect URI (CSP 3 section 2.3.1): its origin; its scheme, if it is that of an application or an address of IPv6, for
/// which a policy has no form.
fn source(uri: &str) -> &str {
    let (scheme, rest) = uri.split_once(':').unwrap_or((uri, ""));
    let host = rest.strip_prefix("//").filter(|host| matches!(scheme, "http" | "https") && !host.starts_with('['));
    let end = match host {
        Some(host) => scheme.len() + 3 + host.find(['/', '?', '#']).unwrap_or(host.len()),
        None => scheme.len() + 1,
    };
    uri.get(..end).unwrap_or_default()
}

fn page(look: &Look, status: StatusCode, title: &str, main: &str, policy: &Policy<'_>) -> Response {
    let (style, name) = (look.style(), escaped(&look.name));
    let html = format!(
        "<!doctype html><html lang=\"en\" dir=\"ltr\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta name=\"robots\" content=\"noindex\">\
         <title>{title}</title><link rel=\"icon\" href=\"data:,\"><style>{style}</style></head>\
         <body><header><p><bdi>{name}</bdi></p></header><main><h1>{title}</h1>{main}</main></body></html>"
    );
    let mut response = (status, html).into_response();
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A registered URI has no character that a header cannot have; without a policy that can be sent, the page may do nothing.
    let policy = HeaderValue::try_from(policy.text(&style));
    let nothing = HeaderValue::from_static("default-src 'none'; form-action 'none'; frame-ancestors 'none'");
    headers.insert(header::CONTENT_SECURITY_POLICY, policy.unwrap_or(nothing));
    response
}

/// A text within an element or within a quoted attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
