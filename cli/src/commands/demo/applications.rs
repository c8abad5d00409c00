//! The applications into which people of the demo sign in, and their back ends.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::Full;
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use umoja_crypto::ClientSecret;
use umoja_schema::{Client, ClientId, CompanyId};
use umoja_store::ports::Entropy;

use super::browser::FORM;
use crate::CliError;
use crate::commands::clients::{new_client, new_secret};
use crate::credentials::CompanyFile;
use crate::deployment::Deployment;
use crate::form::encoded;
use crate::http::Http;

/// Where the applications wait for codes: any port of this machine. They are of the demo, which needs none.
const REDIRECT: &str = "http://127.0.0.1:*/callback";
const CALLBACK: &str = "http://127.0.0.1:5000/callback";

/// An application, in `demo.json`.
#[derive(Serialize)]
pub(super) struct Listed<'a> {
    client_id: &'a ClientId,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    redirect_uris: &'a [String],
}

/// A person who can sign in, in `demo.json`.
#[derive(Serialize)]
pub(super) struct Login {
    pub(super) email: String,
    pub(super) password: String,
}

/// The applications: the shop of one company, which has a back end, and a program of the other one, which has none.
pub(super) struct Applications {
    pub(super) shop: Application,
    pub(super) program: Application,
}

/// An application.
pub(super) struct Application {
    client: Client,
    secret: Option<ClientSecret>,
}

/// A request for a code, and what its application keeps of it.
pub(super) struct Wanted {
    verifier: String,
    challenge: String,
}

impl Applications {
    /// Adds the applications, or gives a new secret to that of an earlier demo.
    pub(super) async fn add(deployment: &Deployment, companies: &[CompanyFile]) -> Result<Self, CliError> {
        let [shop, other] = companies else { return Err(CliError::Failed("the story has two companies".into())) };
        deployment.regions().ensure_oidc_keys().await?;
        Ok(Self {
            shop: Application::add(deployment, &shop.id, "web", false).await?,
            program: Application::add(deployment, &other.id, "app", true).await?,
        })
    }

    /// What programs need to sign people in.
    pub(super) fn listed(&self) -> Vec<Listed<'_>> {
        [&self.shop, &self.program].map(Application::listed).into()
    }
}

impl Application {
    async fn add(deployment: &Deployment, company: &CompanyId, name: &str, is_public: bool) -> Result<Self, CliError> {
        let regions = deployment.regions();
        let id: ClientId = format!("{company}-{name}").parse().map_err(|error| CliError::Failed(format!("{error}")))?;
        let (secret, hash) = new_secret(&regions);
        let secrets = if is_public { Vec::new() } else { vec![hash] };
        let new = Client {
            redirect_uris: vec![REDIRECT.to_owned()],
            first_party: !is_public,
            secrets,
            ..new_client(&id, company, is_public)
        };
        let changed = regions.change(&id, |stored: Option<Client>| {
            let client = stored.unwrap_or_else(|| new.clone());
            Ok(Client { secrets: new.secrets.clone(), ..client })
        });
        let changed = changed.await?;
        changed.everywhere?;
        Ok(Self { client: changed.document, secret: (!is_public).then_some(secret) })
    }

    fn listed(&self) -> Listed<'_> {
        Listed {
            client_id: &self.client.id,
            client_secret: self.secret.as_ref().map(ClientSecret::expose),
            redirect_uris: &self.client.redirect_uris,
        }
    }

    /// Its id.
    pub(super) const fn id(&self) -> &ClientId {
        &self.client.id
    }

    /// The parameters of a request for a code.
    pub(super) fn asks<'a>(&'a self, wanted: &'a Wanted) -> Vec<(&'a str, &'a str)> {
        vec![
            ("response_type", "code"),
            ("client_id", self.client.id.as_str()),
            ("redirect_uri", CALLBACK),
            ("scope", "openid profile email"),
            ("code_challenge", &wanted.challenge),
            ("code_challenge_method", "S256"),
        ]
    }

    /// Redeems a code in the region at `base_url`.
    pub(super) async fn redeem(&self, base_url: &str, code: &str, wanted: &Wanted) -> Result<Answer, CliError> {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", wanted.verifier.as_str()),
        ];
        self.token(base_url, &form).await
    }

    /// Uses a refresh token in the region at `base_url`.
    pub(super) async fn refresh(&self, base_url: &str, token: &str) -> Result<Answer, CliError> {
        self.token(base_url, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    async fn token(&self, base_url: &str, form: &[(&str, &str)]) -> Result<Answer, CliError> {
        let request = Request::builder().method(Method::POST).uri(format!("{base_url}/oauth2/token"));
        let request = request.header(header::CONTENT_TYPE, FORM);
        let (request, body) = match &self.secret {
            Some(secret) => {
                let pair = STANDARD.encode(format!("{}:{}", self.client.id, secret.expose()));
                (request.header(header::AUTHORIZATION, format!("Basic {pair}")), encoded(form))
            }
            None => (request, encoded(&[form, &[("client_id", self.client.id.as_str())]].concat())),
        };
        send(base_url, request, body).await
    }
}

impl Wanted {
    /// A new request.
    pub(super) fn new(entropy: &dyn Entropy) -> Self {
        let verifier = URL_SAFE_NO_PAD.encode(entropy.array::<32>());
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier));
        Self { verifier, challenge }
    }
}

/// An answer of the provider to a back end.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Answer {
    /// A text of an answer that succeeded.
    pub(super) fn text(&self, member: &str) -> Result<String, CliError> {
        let found = self.body[member].as_str().filter(|_| self.status == 200);
        let error = self.body["error"].as_str().unwrap_or("no error");
        let absent = || CliError::Failed(format!("the answer with {} ({error}) has no `{member}`", self.status));
        found.map(str::to_owned).ok_or_else(absent)
    }
}

/// What the region at `base_url` says about the person of an access token.
pub(super) async fn userinfo(base_url: &str, access_token: &str) -> Result<Answer, CliError> {
    let request = Request::builder().uri(format!("{base_url}/oauth2/userinfo"));
    send(base_url, request.header(header::AUTHORIZATION, format!("Bearer {access_token}")), String::new()).await
}

async fn send(base_url: &str, request: http::request::Builder, body: String) -> Result<Answer, CliError> {
    let request = request.body(Full::new(Bytes::from(body)));
    let request = request.map_err(|error| CliError::Failed(error.to_string()))?;
    let raw = Http::new(base_url)?.send(request).await?;
    Ok(Answer { status: raw.status, body: serde_json::from_slice(&raw.body).unwrap_or_default() })
}
