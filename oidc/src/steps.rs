//! What a browser or a client carries between two steps, sealed, so that any region serves each step and none stores it: a request that a
//! client pushed (RFC 9126), a request whose person is signing in, and the session.

use serde::{Deserialize, Serialize};
use umoja_accounts::access::DescribedSession;
use umoja_schema::access::KnownEnds;
use umoja_schema::{ClientId, LoginProviderId, Millis, Region, UserId};
use umoja_store::ports::Entropy;
use umoja_store::secrets::{SealedFor, Secrets};

use crate::request::AuthorizationRequest;
use crate::sealed::{BoundTo, open, seal};
use crate::tokens::SignedIn;

/// The beginning of the `request_uri` of a pushed request (RFC 9126 section 2.2).
const REQUEST_URI: &str = "urn:ietf:params:oauth:request_uri:";
/// The most characters of a sealed step.
const MAX_STEP: usize = 48 * 1024;

/// A request that a client pushed.
#[derive(Clone, Serialize, Deserialize)]
pub struct Pushed {
    /// The request.
    pub request: AuthorizationRequest,
    /// When it ends.
    pub expires_at: Millis,
}

impl Pushed {
    /// How long a browser may take to bring the request, in milliseconds.
    pub const LIFETIME_MS: u64 = 60_000;

    /// Whether a `request_uri` can be that of a pushed request. Others are URLs of clients, which are not fetched.
    pub fn is_uri(request_uri: &str) -> bool {
        request_uri.starts_with(REQUEST_URI)
    }

    /// Its `request_uri`.
    pub fn seal(&self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        format!("{REQUEST_URI}{}", seal(secrets, SealedFor::Par, self, entropy))
    }

    /// The request of a `request_uri`, if this client pushed it and it has not ended. It may be opened again until then, because people
    /// reload pages (RFC 9126 section 4).
    pub fn open(secrets: &Secrets, request_uri: &str, client: &ClientId, now: Millis) -> Option<AuthorizationRequest> {
        let pushed: Self = open(secrets, SealedFor::Par, request_uri.strip_prefix(REQUEST_URI)?, MAX_STEP)?;
        (pushed.request.client == *client && now < pushed.expires_at).then_some(pushed.request)
    }
}

/// A password that was right, of a person who shows a second factor before a session begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passed {
    /// The user who signed in.
    pub user: UserId,
    /// The ends of everything that were known then: a password that was replaced since has passed nothing.
    #[serde(default, skip_serializing_if = "KnownEnds::is_empty")]
    pub ends: KnownEnds,
    /// By which methods.
    pub amr: Vec<String>,
    /// When.
    pub at: Millis,
    /// When the person proved who it is: before that, if it did at another provider. 0 if that is not known.
    #[serde(default)]
    pub auth_time: Millis,
}

impl Passed {
    /// How long a person may take to show the second factor, in milliseconds.
    pub const LIFETIME_MS: u64 = 10 * 60_000;

    /// Whether it counts still.
    pub fn is_live(&self, now: Millis) -> bool {
        now.since(self.at) < Self::LIFETIME_MS
    }
}

/// A login at another provider that belongs to no account yet. The person connects it, once it has signed in here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconnected {
    /// The provider.
    pub provider: LoginProviderId,
    /// What it calls the person.
    pub subject: String,
    /// What the person sees of the account at the provider. Personal data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The person to whom a page was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownTo {
    /// The session.
    pub session: String,
    /// Whether the person signed in for this very request.
    pub for_this: bool,
}

/// A person who makes an account. The challenge of an address that has one looks the same.
#[derive(Clone, Serialize, Deserialize)]
pub struct Registering {
    /// The address that the person typed.
    pub address: String,
    /// The challenge of the code that was sent there.
    pub challenge: String,
}

/// A request whose person is on a page. The form of the page carries it, and the browser has the cookie to which it is bound: a form that
/// another site made has no step of this browser.
#[derive(Clone, Serialize, Deserialize)]
pub struct OnPage {
    /// The request.
    pub request: AuthorizationRequest,
    /// To whom the page was shown; `None` before the person signed in.
    pub shown_to: Option<ShownTo>,
    /// Whose password was right; `None` before that, and once a session has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed: Option<Passed>,
    /// The login at another provider that the person connects by signing in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconnected: Option<Unconnected>,
    /// The account that the person makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registering: Option<Registering>,
    browser: BoundTo,
    expires_at: Millis,
}

impl OnPage {
    /// How long a person may take on a page, in milliseconds.
    pub const LIFETIME_MS: u64 = 30 * 60_000;

    /// A step of the browser with this value of the cookie.
    pub fn new(request: AuthorizationRequest, shown_to: Option<ShownTo>, browser: &str, now: Millis) -> Self {
        let expires_at = now.plus(Self::LIFETIME_MS);
        let (passed, unconnected, registering) = (None, None, None);
        Self { request, shown_to, passed, unconnected, registering, browser: BoundTo::new(browser), expires_at }
    }

    /// The same step, of a page that is shown to a person.
    #[must_use]
    pub fn shown_to(self, shown_to: Option<ShownTo>) -> Self {
        Self { shown_to, ..self }
    }

    /// The same step, of a person whose password was right.
    #[must_use]
    pub fn passed(self, passed: Option<Passed>) -> Self {
        Self { passed, ..self }
    }

    /// The same step, with a login at another provider that the person connects by signing in.
    #[must_use]
    pub fn connecting(self, unconnected: Option<Unconnected>) -> Self {
        Self { unconnected, ..self }
    }

    /// The same step, of a person who makes an account.
    #[must_use]
    pub fn registering(self, registering: Option<Registering>) -> Self {
        Self { registering, ..self }
    }

    /// The value of the form.
    pub fn seal(&self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        seal(secrets, SealedFor::Login, self, entropy)
    }

    /// The step of a form, if the page was made for the browser with this value of the cookie and has not ended.
    pub fn open(secrets: &Secrets, step: &str, browser: Option<&str>, now: Millis) -> Option<Self> {
        let step: Self = open(secrets, SealedFor::Login, step, MAX_STEP)?;
        (step.browser.is(browser?) && now < step.expires_at).then_some(step)
    }
}

/// A logout on its way: the parameters of a client that has sent a form, or the page that asks the person.
#[derive(Clone, Serialize, Deserialize)]
pub struct Leaving {
    what: Left,
    expires_at: Millis,
}

/// What the page has that asks whether a person wants to sign out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnLeaving {
    /// The client that began the logout.
    pub client: Option<String>,
    /// Where the browser goes then.
    pub to: Option<String>,
}

#[derive(Clone, Serialize, Deserialize)]
enum Left {
    Form(String),
    Page {
        to: Option<String>,
        #[serde(default)]
        client: Option<String>,
        browser: BoundTo,
    },
}

impl Leaving {
    /// The parameters of a client, form-urlencoded. They last as long as a pushed request.
    pub fn form(text: &str, now: Millis) -> Self {
        Self { what: Left::Form(text.to_owned()), expires_at: now.plus(Pushed::LIFETIME_MS) }
    }

    /// The page of the browser with this value of the cookie, in the look of a client's company, after which it goes to a URI.
    pub fn page(client: Option<&str>, to: Option<&str>, browser: &str, now: Millis) -> Self {
        let [to, client] = [to, client].map(|text| text.map(str::to_owned));
        let what = Left::Page { to, client, browser: BoundTo::new(browser) };
        Self { what, expires_at: now.plus(OnPage::LIFETIME_MS) }
    }

    /// The text.
    pub fn seal(&self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        seal(secrets, SealedFor::Logout, self, entropy)
    }

    /// The parameters of a client.
    pub fn open_form(secrets: &Secrets, text: &str, now: Millis) -> Option<String> {
        match Self::open(secrets, text, now)? {
            Left::Form(text) => Some(text),
            Left::Page { .. } => None,
        }
    }

    /// What the page had, if it was made for the browser with this value of the cookie.
    pub fn open_page(secrets: &Secrets, text: &str, browser: &str, now: Millis) -> Option<OnLeaving> {
        match Self::open(secrets, text, now)? {
            Left::Page { to, client, browser: bound } => bound.is(browser).then_some(OnLeaving { client, to }),
            Left::Form(_) => None,
        }
    }

    fn open(secrets: &Secrets, text: &str, now: Millis) -> Option<Left> {
        let leaving: Self = open(secrets, SealedFor::Logout, text, MAX_STEP)?;
        (now < leaving.expires_at).then_some(leaving.what)
    }
}

/// What the cookie of the session says. Whether the session still lives, its row says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionCookie {
    /// The user.
    pub user: UserId,
    /// The id of the session, which is new at each login.
    pub session: String,
    /// The ends of everything that were known when the session began.
    #[serde(default, skip_serializing_if = "KnownEnds::is_empty")]
    pub ends: KnownEnds,
    /// How the person signed in.
    pub signed_in: SignedIn,
    /// When the session began.
    pub issued_at: Millis,
    /// When the session was last used, within [`SessionCookie::NOTED_MS`].
    pub used_at: Millis,
    /// When the session ends by itself.
    pub ends_at: Millis,
    /// The region in which the person signed in.
    pub region: Region,
}

impl SessionCookie {
    /// How long a session lasts, in milliseconds.
    pub const LIFETIME_MS: u64 = 12 * 60 * 60_000;
    /// How long a session lasts that is not used, in milliseconds.
    pub const IDLE_MS: u64 = 4 * 60 * 60_000;
    /// How much a session is used before its use is noted, in milliseconds: a cookie is not set again with each request.
    pub const NOTED_MS: u64 = 5 * 60_000;

    /// The session, whose row a region may not have yet.
    pub fn described(&self) -> DescribedSession<'_> {
        DescribedSession { user: self.user, id: &self.session, ends: &self.ends, begun_at: self.issued_at }
    }

    /// Whether the browser has used the session lately, and the session has not ended by itself.
    pub fn is_in_use(&self, now: Millis) -> bool {
        now.since(self.used_at) < Self::IDLE_MS && now < self.ends_at
    }

    /// The cookie after a use. `None` if the use need not be noted.
    #[must_use]
    pub fn used(&self, now: Millis) -> Option<Self> {
        (now.since(self.used_at) >= Self::NOTED_MS).then(|| Self { used_at: now, ..self.clone() })
    }

    /// The value of the cookie.
    pub fn seal(&self, secrets: &Secrets, entropy: &dyn Entropy) -> String {
        seal(secrets, SealedFor::Session, self, entropy)
    }

    /// The session of a cookie.
    pub fn open(secrets: &Secrets, cookie: &str) -> Option<Self> {
        open(secrets, SealedFor::Session, cookie, MAX_STEP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{request, secrets};

    const NOW: Millis = Millis(1_000_000);

    #[tokio::test]
    async fn a_pushed_request_is_its_clients_for_a_minute() {
        let (secrets, entropy) = secrets().await;
        let pushed =
            Pushed { request: request("login_hint=amina%40example.org"), expires_at: NOW.plus(Pushed::LIFETIME_MS) };
        let uri = pushed.seal(&secrets, &*entropy);
        let (shop, other) = ("shop".parse().unwrap(), "other".parse().unwrap());
        assert!(Pushed::open(&secrets, &uri, &shop, NOW).is_some_and(|opened| opened == pushed.request));
        assert!(Pushed::open(&secrets, &uri, &shop, NOW.plus(Pushed::LIFETIME_MS)).is_none());
        assert!(Pushed::open(&secrets, &uri, &other, NOW).is_none());
        assert!(Pushed::open(&secrets, uri.strip_prefix(REQUEST_URI).unwrap(), &shop, NOW).is_none());
        assert!(Pushed::open(&secrets, "https://shop.example/request", &shop, NOW).is_none());
        // The canary: no person is to be read from a URL.
        assert!(!uri.contains("amina") && !uri.contains("example"));
    }

    #[tokio::test]
    async fn a_form_of_another_browser_is_rejected() {
        let (secrets, entropy) = secrets().await;
        let text = OnPage::new(request(""), None, "mine", NOW).seal(&secrets, &*entropy);
        assert!(OnPage::open(&secrets, &text, Some("mine"), NOW).is_some());
        assert!(OnPage::open(&secrets, &text, Some("theirs"), NOW).is_none());
        assert!(OnPage::open(&secrets, &text, None, NOW).is_none());
        assert!(OnPage::open(&secrets, &text, Some("mine"), NOW.plus(OnPage::LIFETIME_MS)).is_none());
    }

    #[tokio::test]
    async fn two_tabs_of_a_browser_have_a_step_each_and_both_can_be_sent_twice() {
        let (secrets, entropy) = secrets().await;
        let tab = |more: &str| OnPage::new(request(more), None, "mine", NOW).seal(&secrets, &*entropy);
        for text in [tab("state=1"), tab("state=2")] {
            for _ in 0..2 {
                assert!(OnPage::open(&secrets, &text, Some("mine"), NOW).is_some());
            }
        }
    }

    #[tokio::test]
    async fn no_step_is_another_one() {
        let (secrets, entropy) = secrets().await;
        let cookie = SessionCookie {
            user: UserId::v8([1; 16]),
            session: "s".to_owned(),
            ends: KnownEnds::default(),
            signed_in: SignedIn { auth_time: 1, acr: None, amr: vec!["pwd".to_owned()] },
            issued_at: NOW,
            used_at: NOW,
            ends_at: NOW,
            region: "eu-west-1".parse().unwrap(),
        };
        let text = cookie.seal(&secrets, &*entropy);
        assert_eq!(SessionCookie::open(&secrets, &text), Some(cookie));
        assert!(OnPage::open(&secrets, &text, Some("mine"), NOW).is_none());
        let step = OnPage::new(request(""), None, "mine", NOW).seal(&secrets, &*entropy);
        assert!(SessionCookie::open(&secrets, &step).is_none());
        let as_pushed = format!("{REQUEST_URI}{step}");
        assert!(Pushed::open(&secrets, &as_pushed, &"shop".parse().unwrap(), NOW).is_none());
    }
}
