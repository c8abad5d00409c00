//! A browser, which keeps cookies and fills in forms.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use umoja_oidc::browser::ClientAddress;
use umoja_oidc::code::Code;
use umoja_schema::Millis;

use super::{ISSUER, Sso};

/// The example of RFC 7636 appendix B.
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const CALLBACK: &str = "https://shop.example/callback";
pub(super) const EMAIL: &str = "ada@example.com";
pub(super) const PASSWORD: &str = "correct horse";

/// A client into which persons sign in, with these members changed.
pub(super) fn web(changes: &Value) -> Value {
    let mut client = super::client("web");
    for (name, value) in json!({
        "name": "Shop", "redirect_uris": [CALLBACK], "post_logout_redirect_uris": ["https://shop.example/bye"],
        "grant_types": ["authorization_code", "refresh_token"], "scopes": ["openid", "email", "offline_access"],
        "first_party": true,
    })
    .as_object()
    .unwrap()
    .iter()
    .chain(changes.as_object().unwrap())
    {
        client[name] = value.clone();
    }
    client
}

/// A page, or where the browser was sent.
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) html: String,
}

impl Page {
    /// The value of a field of the form.
    pub(super) fn field(&self, name: &str) -> String {
        let (_, rest) = self.html.split_once(&format!(" name=\"{name}\"")).unwrap_or_else(|| {
            panic!("{} has no field {name}: {}", self.status, self.html);
        });
        let value = rest.split('>').next().and_then(|tag| tag.split_once(" value=\""));
        let (_, value) = value.unwrap_or_else(|| panic!("the field {name} has no value: {}", self.html));
        value.split('"').next().unwrap().to_owned()
    }

    pub(super) fn step(&self) -> String {
        self.field("step")
    }

    /// The link that begins so.
    pub(super) fn link(&self, start: &str) -> String {
        let mut links = self.html.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next());
        let link = links.find(|link| link.starts_with(start));
        link.unwrap_or_else(|| panic!("no link: {}", self.html)).replace("&amp;", "&")
    }

    /// A page for signing in, without what differs in each.
    pub(super) fn without_steps(&self) -> String {
        self.html.replace(&self.step(), "").replace(&self.field("options"), "")
    }

    pub(super) fn title(&self) -> &str {
        self.html.split_once("<h1>").map_or("", |(_, rest)| rest.split('<').next().unwrap())
    }

    /// Where the browser was sent.
    pub(super) fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.html);
        self.headers["location"].to_str().unwrap()
    }

    /// A parameter of the answer to the client, which names the issuer (RFC 9207).
    pub(super) fn answer(&self, name: &str) -> Option<String> {
        let (uri, query) = self.location().split_once('?').unwrap();
        assert_eq!(uri, CALLBACK);
        let all: BTreeMap<_, _> = query.split('&').map(|pair| pair.split_once('=').unwrap()).collect();
        assert_eq!(all["iss"], "https%3A%2F%2Flogin.example");
        all.get(name).map(|value| (*value).to_owned())
    }

    pub(super) fn error(&self) -> Option<String> {
        self.answer("error")
    }

    /// What the code of the answer is for.
    pub(super) fn code(&self, sso: &Sso) -> Code {
        let text = self.answer("code").unwrap_or_else(|| panic!("no code: {}", self.location()));
        let secrets = sso.d.world.regions[1].secrets();
        Code::open(secrets, &text, &"web".parse().unwrap(), CALLBACK, Millis(sso.now() * 1000)).unwrap()
    }
}

/// A browser with its cookies.
#[derive(Default, Clone)]
pub(super) struct Browser {
    cookies: BTreeMap<String, String>,
    /// Where it is, if the server of the region knows that.
    pub(super) address: Option<std::net::IpAddr>,
}

impl Browser {
    /// A browser at an address.
    pub(super) fn at(address: &str) -> Self {
        Self { address: Some(address.parse().unwrap()), ..Self::default() }
    }

    /// The value of a cookie.
    pub(super) fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    pub(super) fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    pub(super) fn session(&self) -> Option<&str> {
        self.cookie("__Host-umoja_sso")
    }

    async fn send(&mut self, sso: &Sso, at: usize, request: axum::http::request::Builder, body: String) -> Page {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = if cookies.is_empty() { request } else { request.header("cookie", cookies.join("; ")) };
        let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0";
        let mut request = request.header("user-agent", agent).body(Body::from(body)).unwrap();
        if let Some(address) = self.address {
            request.extensions_mut().insert(ClientAddress(address));
        }
        let response = sso.routers[at].clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for set in parts.headers.get_all("set-cookie") {
            let set = set.to_str().unwrap();
            assert!(set.contains("; HttpOnly; SameSite=Lax; Secure") && set.contains("; Path=/"), "{set}");
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            if set.contains("Max-Age=0;") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        assert_eq!(parts.headers["cache-control"], "no-store");
        assert_ne!(parts.headers.get("content-type").map(|value| value.to_str().unwrap()), Some("application/json"));
        let html = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Page { status: parts.status.as_u16(), headers: parts.headers, html }
    }

    pub(super) async fn get(&mut self, sso: &Sso, at: usize, uri: &str) -> Page {
        let uri = uri.strip_prefix(ISSUER).unwrap_or(uri);
        self.send(sso, at, Request::get(uri), String::new()).await
    }

    pub(super) async fn post(&mut self, sso: &Sso, at: usize, path: &str, fields: &[(&str, &str)]) -> Page {
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(sso, at, request, form(fields)).await
    }

    /// A request of the client, with these parameters changed.
    pub(super) async fn authorize(&mut self, sso: &Sso, at: usize, changes: &[(&str, &str)]) -> Page {
        self.get(sso, at, &format!("/oauth2/authorize?{}", request(changes))).await
    }

    /// The form of the sign-in page.
    pub(super) async fn sign_in(&mut self, sso: &Sso, at: usize, page: &Page, password: &str) -> Page {
        let step = page.step();
        let fields = [("step", step.as_str()), ("identifier", EMAIL), ("password", password)];
        self.post(sso, at, "/login", &fields).await
    }

    /// The whole sign-in.
    pub(super) async fn whole(&mut self, sso: &Sso, at: usize, changes: &[(&str, &str)]) -> Page {
        let page = self.authorize(sso, at, changes).await;
        self.sign_in(sso, at, &page, PASSWORD).await
    }
}

/// The parameters of a request of the client. A change without a value leaves the parameter out.
pub(super) fn request(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("client_id", "web"),
        ("redirect_uri", CALLBACK),
        ("response_type", "code"),
        ("scope", "openid email"),
        ("state", "s1"),
        ("nonce", "n1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    fields.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    fields.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    form(&fields)
}

pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in fields {
        let _ = write!(text, "{}{name}=", if text.is_empty() { "" } else { "&" });
        for byte in value.bytes() {
            let _ = write!(text, "%{byte:02x}");
        }
    }
    text
}
