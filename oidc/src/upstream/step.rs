//! A sign-in that a person makes at another provider. It is sealed in `state`, so every region continues it and none stores it. It is bound
//! to the browser that began it, so a link that another person made signs no one in (login CSRF).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use umoja_schema::{CompanyId, LoginProvider, LoginProviderId, Millis};
use umoja_store::ports::Entropy;
use umoja_store::secrets::{SealedFor, Secrets};
use zeroize::Zeroizing;

use super::metadata::Metadata;
use crate::answer::with_query;
use crate::device::DeviceStep;
use crate::once::{AHEAD_SECS, Once};
use crate::request::AuthorizationRequest;
use crate::sealed::{BoundTo, open, seal};

/// The most characters of a sealed step: more is no URL.
pub const MAX_STATE: usize = 6 * 1024;
/// `max_age` where nothing limits it, in seconds: a provider that gets one says when the person signed in (OpenID Connect Core section
/// 3.1.2.1), and no session lasts a year.
const ANY_AGE_SECS: u64 = 365 * 24 * 60 * 60;

/// For what a person signs in at a provider.
#[derive(Clone, Serialize, Deserialize)]
pub enum Goal {
    /// A request of a client, which continues then.
    Client(Box<AuthorizationRequest>),
    /// A page of its account.
    Account(OfAccount),
    /// A device that it lets in.
    Device(Box<DeviceStep>),
}

/// A page of an account to which a person comes by signing in at a provider.
#[derive(Clone, Serialize, Deserialize)]
pub struct OfAccount {
    /// The company by whose pages the person came.
    pub company: CompanyId,
    /// The path of the page.
    pub path: String,
    /// Whether the page needs a recent sign-in.
    pub is_recent: bool,
    /// The session of the person who connects the login with its account; `None` for a sign-in.
    pub connects: Option<String>,
}

/// A sign-in on its way.
#[derive(Clone, Serialize, Deserialize)]
pub struct AtProvider {
    /// The provider to which the browser was sent. An answer of another one is not for this step.
    pub provider: LoginProviderId,
    /// For what the person signs in.
    pub goal: Goal,
    /// What the id token has to repeat.
    pub nonce: String,
    /// By what the code is redeemed (RFC 7636). No one but Umoja opens the step, so no one else has it.
    pub verifier: String,
    browser: BoundTo,
    expires_at: Millis,
}

impl AtProvider {
    /// How long a person may take at the provider, in milliseconds.
    pub const LIFETIME_MS: u64 = 30 * 60_000;

    /// A step of the browser with this value of the cookie.
    pub fn new(provider: &LoginProviderId, goal: Goal, browser: &str, now: Millis, entropy: &dyn Entropy) -> Self {
        Self {
            provider: provider.clone(),
            goal,
            nonce: URL_SAFE_NO_PAD.encode(entropy.array::<16>()),
            verifier: URL_SAFE_NO_PAD.encode(entropy.array::<32>()),
            browser: BoundTo::new(browser),
            expires_at: now.plus(Self::LIFETIME_MS),
        }
    }

    /// The step of a `state`, if this browser began it and it has not ended.
    pub fn open(secrets: &Secrets, state: &str, browser: &str, now: Millis) -> Option<Self> {
        let step: Self = open(secrets, SealedFor::Upstream, state, MAX_STATE)?;
        (step.browser.is(browser) && now < step.expires_at).then_some(step)
    }

    /// The use of the step: it serves once in each region.
    pub fn once(&self) -> Option<Once> {
        Once::new("upstream", self.provider.as_str(), &self.nonce, self.expires_at.secs() + 1 + AHEAD_SECS)
    }

    /// How many seconds before the browser was sent to the provider the person may have signed in there. `None` if it does not matter.
    fn limit(&self) -> Option<u64> {
        match &self.goal {
            Goal::Client(request) if request.prompt.login => Some(0),
            Goal::Client(request) => request.max_age,
            Goal::Account(OfAccount { is_recent: true, connects: None, .. }) => Some(0),
            Goal::Account(_) | Goal::Device(_) => None,
        }
    }

    /// How many seconds ago the person may have signed in at the provider.
    pub fn max_age(&self, now: Millis) -> Option<u64> {
        let begun_at = Millis(self.expires_at.0.saturating_sub(Self::LIFETIME_MS));
        self.limit().map(|secs| secs.saturating_add(now.since(begun_at).div_ceil(1000)))
    }

    /// The URL at the provider to which the browser goes. `None` if the request is too large for one.
    pub fn url(
        &self,
        secrets: &Secrets,
        entropy: &dyn Entropy,
        (provider, metadata): (&LoginProvider, &Metadata),
        redirect_uri: &str,
    ) -> Option<Zeroizing<String>> {
        let state = Some(seal(secrets, SealedFor::Upstream, self, entropy)).filter(|state| state.len() <= MAX_STATE)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&self.verifier));
        let (scopes, max_age) = (provider.scopes.join(" "), self.limit().unwrap_or(ANY_AGE_SECS).to_string());
        let mut parameters = vec![
            ("response_type", "code"),
            ("client_id", &*provider.client_id),
            ("redirect_uri", redirect_uri),
            ("scope", &scopes),
            ("state", &state),
            ("nonce", &self.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("max_age", &max_age),
        ];
        parameters.extend((self.limit() == Some(0)).then_some(("prompt", "login")));
        Some(with_query(&metadata.authorization, parameters.into_iter()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::form::Form;
    use crate::pkce::verifies;
    use crate::testing::{request, secrets};

    const NOW: Millis = Millis(1_000_000);

    fn provider() -> LoginProvider {
        let document = json!({
            "id": "google", "revision": 1, "company": "google", "name": "Google", "issuer": "https://a.example",
            "client_id": "umoja", "token_endpoint_auth_method": "none", "scopes": ["openid", "email"], "enabled": true,
        });
        LoginProvider::read("google", document).unwrap()
    }

    fn metadata() -> Metadata {
        Metadata {
            authorization: "https://a.example/authorize".to_owned(),
            token: "https://a.example/token".to_owned(),
            jwks: "https://a.example/jwks".to_owned(),
            userinfo: None,
            names_itself: false,
        }
    }

    #[tokio::test]
    async fn a_sign_in_at_a_provider_is_the_browsers_that_began_it() {
        let (secrets, entropy) = secrets().await;
        let step = AtProvider::new(
            &provider().id,
            Goal::Client(Box::new(request("max_age=60&prompt=login&login_hint=amina"))),
            "mine",
            NOW,
            &*entropy,
        );
        let url = step.url(&secrets, &*entropy, (&provider(), &metadata()), "https://id.example/federation/callback");
        let url = url.unwrap();
        assert!(!url.contains("amina"));
        let form = Form::parse(url.split_once('?').unwrap().1.as_bytes()).unwrap();
        let given = |name| form.get(name).unwrap();
        assert!(verifies(&step.verifier, given("code_challenge")));
        assert_eq!((given("scope"), given("max_age"), given("prompt")), ("openid email", "0", "login"));
        let open = |browser, now| AtProvider::open(&secrets, given("state"), browser, now);
        assert!(open("mine", NOW).is_some_and(|opened| opened.nonce == step.nonce && opened.once() == step.once()));
        assert!(open("theirs", NOW).is_none() && open("mine", NOW.plus(AtProvider::LIFETIME_MS)).is_none());
        // What was sealed for another step is no sign-in at a provider.
        let content = serde_json::to_vec(&step).unwrap();
        for purpose in [SealedFor::Login, SealedFor::Par, SealedFor::Session, SealedFor::Code] {
            let text = secrets.seal_oidc(purpose, &*entropy, &content);
            assert!(AtProvider::open(&secrets, &text, "mine", NOW).is_none(), "{purpose:?}");
        }
    }

    #[tokio::test]
    async fn the_provider_is_always_asked_when_the_person_signed_in_and_the_way_there_counts_for_no_age() {
        let (secrets, entropy) = secrets().await;
        let later = NOW.plus(90_000);
        let client = |more: &str| Goal::Client(Box::new(request(more)));
        let account = |is_recent, connects: Option<&str>| {
            let (company, path) = ("soko".parse().unwrap(), "/account".to_owned());
            Goal::Account(OfAccount { company, path, is_recent, connects: connects.map(str::to_owned) })
        };
        for (goal, asked, limit) in [
            (client("max_age=60"), "60", Some(150)),
            (client("max_age=0"), "0", Some(90)),
            (client("prompt=login&max_age=60"), "0", Some(90)),
            (client(""), "31536000", None),
            (account(true, None), "0", Some(90)),
            (account(true, Some("s")), "31536000", None),
            (account(false, None), "31536000", None),
        ] {
            let step = AtProvider::new(&provider().id, goal, "mine", NOW, &*entropy);
            let url = step.url(&secrets, &*entropy, (&provider(), &metadata()), "https://id.example/c").unwrap();
            let form = Form::parse(url.split_once('?').unwrap().1.as_bytes()).unwrap();
            assert_eq!((form.get("max_age"), step.max_age(later)), (Some(asked), limit));
            assert_eq!(form.get("prompt"), (asked == "0").then_some("login"));
        }
    }
}
