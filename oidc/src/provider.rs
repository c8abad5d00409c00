//! What all routes of the provider share: its region, the clients, and the keys that sign.

use std::sync::Arc;

use serde_json::json;
use umoja_accounts::events::Waiting;
use umoja_accounts::{Accounts, Context, Error};
use umoja_crypto::jws::Jwk;
use umoja_schema::{Actor, Client, ClientId, Company, LoginProvider, LoginProviderId, Millis};
use umoja_store::oidc_keys::{OidcKeys, OidcKeysError};
use umoja_store::ports::{Call, Method, Outbound, StoreError};
use umoja_store::remembered::Remembered;

use crate::conditional::Document;
use crate::published::usable;
use crate::upstream::calls::Caller;
use crate::upstream::learnt::Upstreams;

/// The OpenID Provider as one region serves it. Every region of a deployment has the same issuer.
pub struct Provider {
    /// The people, with the region, its peers and the secrets.
    pub accounts: Accounts,
    /// The issuer identifier: a URL without a trailing slash (OpenID Connect Discovery 1.0 section 3).
    pub issuer: String,
    /// The client of foreign systems, for keys that clients publish at a URL.
    pub outbound: Arc<dyn Outbound>,
    clients: Remembered<ClientId, Registered>,
    keys: Remembered<(), Keys>,
    published: Remembered<String, Option<Arc<Vec<Jwk>>>>,
    upstreams: Remembered<LoginProviderId, Upstream>,
    /// What was learnt of other providers.
    pub(crate) learnt: Upstreams,
    /// The requests that wait for a person to arrive.
    pub(crate) waiting: Waiting,
}

/// A client that is registered, with its company. Both are enabled.
pub struct Registered {
    /// The client. What has ended with its company counts as an end of it ([`Client::ends`]).
    pub client: Arc<Client>,
    /// The company.
    pub company: Arc<Company>,
}

/// What the audit trail calls the pages of an account: a person is there by the client that it uses.
const ACCOUNT: &str = "account";

impl Registered {
    /// The pages of an account as a client of a company, by which a person signs in to them as to any other.
    ///
    /// # Errors
    /// Never: the members are those of a client.
    pub fn account(company: Arc<Company>) -> Result<Self, Error> {
        let client = json!({
            "id": ACCOUNT, "revision": 0, "company": company.id, "name": company.display_name(), "kind": "public",
            "first_party": true, "grant_types": [], "token_endpoint_auth_method": "none", "scopes": [],
            "subject_type": "public", "providers": company.providers, "enabled": true,
        });
        let client: Client =
            serde_json::from_value(client).map_err(|_| Error::Broken("the pages of an account are a client"))?;
        Ok(Self { client: Arc::new(client), company })
    }

    /// What a person does by the client, with the data of its company.
    pub fn context(&self, now: Millis) -> Context {
        context(&self.client, &self.company, now)
    }
}

/// What a person does by a client, with the data of a company.
pub(crate) fn context(client: &Client, company: &Arc<Company>, now: Millis) -> Context {
    let actor = Actor::Client { id: client.id.clone(), company: client.company.clone() };
    Context { actor, company: Arc::clone(company), now, request: None }
}

/// A provider at which persons sign in, with the company whose external ids are its subjects. Both are enabled.
pub(crate) struct Upstream {
    /// The provider.
    pub provider: LoginProvider,
    /// The company.
    pub company: Arc<Company>,
}

/// The keys of the deployment, and their public halves as they are sent.
pub struct Keys {
    /// The keys.
    pub signing: OidcKeys,
    /// The JWK set.
    pub document: Document,
}

impl Provider {
    /// The provider of a region. `issuer` has no trailing slash.
    pub fn new(accounts: Accounts, issuer: &str, outbound: Arc<dyn Outbound>) -> Self {
        Self {
            accounts,
            issuer: issuer.to_owned(),
            outbound,
            clients: Remembered::default(),
            keys: Remembered::default(),
            published: Remembered::default(),
            upstreams: Remembered::default(),
            learnt: Upstreams::default(),
            waiting: Waiting::default(),
        }
    }

    /// The time.
    pub fn now(&self) -> Millis {
        self.accounts.home.clock.now()
    }

    /// The calls that a browser has made to other providers.
    pub(crate) fn caller<'a>(&'a self, browser: &'a str) -> Caller<'a> {
        Caller { outbound: &*self.outbound, clock: &*self.accounts.home.clock, browser }
    }

    /// The URL of a path of the provider, from the settings and never from the header `host`.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer)
    }

    /// A client as stored, or as stored some seconds ago. `None` if there is no such client, or it or its company is disabled.
    ///
    /// # Errors
    /// If the region cannot read it.
    pub async fn client(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        Ok(self.registered(id).await?.map(|registered| Arc::clone(&registered.client)))
    }

    /// [`Provider::client`], with its company.
    ///
    /// # Errors
    /// If the region cannot read them.
    pub async fn registered(&self, id: &str) -> Result<Option<Arc<Registered>>, StoreError> {
        let (Ok(id), now) = (id.parse::<ClientId>(), self.now()) else { return Ok(None) };
        if let Some((_, registered)) = self.clients.get(&id, now) {
            return Ok(Some(registered));
        }
        let registry = &self.accounts.home.registry;
        let Some(document) = registry.setting(&Client::setting(&id)).await? else { return Ok(None) };
        let mut client = Client::read(id.as_str(), document)?;
        let company = registry.company(&client.company).await?;
        let Some(company) = company.filter(|company| company.enabled && client.enabled && !client.removed) else {
            return Ok(None);
        };
        // A client stays with its company, so the sum only grows.
        client.ends += company.ends;
        let read = (now, Arc::new(Registered { client: Arc::new(client), company: Arc::new(company) }));
        self.clients.remember(id, &read);
        Ok(Some(read.1))
    }

    /// A provider at which persons sign in, as stored or as stored some seconds ago. `None` if there is no such provider, or it or its
    /// company is disabled.
    ///
    /// # Errors
    /// If the region cannot read it.
    pub(crate) async fn upstream(&self, id: &LoginProviderId) -> Result<Option<Arc<Upstream>>, StoreError> {
        let now = self.now();
        if let Some((_, upstream)) = self.upstreams.get(id, now) {
            return Ok(Some(upstream));
        }
        let registry = &self.accounts.home.registry;
        let Some(document) = registry.setting(&LoginProvider::setting(id)).await? else { return Ok(None) };
        let provider = LoginProvider::read(id.as_str(), document)?;
        let company = registry.company(&provider.company).await?;
        let Some(company) = company.filter(|company| company.enabled && provider.enabled && !provider.removed) else {
            return Ok(None);
        };
        let read = (now, Arc::new(Upstream { provider, company: Arc::new(company) }));
        self.upstreams.remember(id.clone(), &read);
        Ok(Some(read.1))
    }

    /// A provider that the page of a client offers.
    ///
    /// # Errors
    /// If the region cannot read it.
    pub(crate) async fn upstream_of(&self, client: &Client, id: &str) -> Result<Option<Arc<Upstream>>, StoreError> {
        match client.providers.iter().find(|offered| offered.as_str() == id) {
            Some(id) => self.upstream(id).await,
            None => Ok(None),
        }
    }

    /// The keys that sign, as stored some seconds ago at most: a rotation by an operator takes effect without a restart.
    ///
    /// # Errors
    /// If the deployment has no keys, or they cannot be read.
    pub async fn keys(&self) -> Result<Arc<Keys>, OidcKeysError> {
        /// How long a client may keep the keys: much shorter than a key is published before it signs.
        const MAX_AGE_SECS: u32 = 3_600;
        let now = self.now();
        if let Some((_, keys)) = self.keys.get(&(), now) {
            return Ok(keys);
        }
        let signing = OidcKeys::load(&*self.accounts.home.registry, &self.accounts.secrets, now).await?;
        let document = Document::new(signing.jwks().to_string(), signing.etag(), MAX_AGE_SECS);
        let read = (now, Arc::new(Keys { signing, document }));
        self.keys.remember((), &read);
        Ok(read.1)
    }

    /// The public keys by which a client signs. Keys that it publishes at a URL are read again after some seconds.
    ///
    /// # Errors
    /// If what publishes them does not answer.
    pub(crate) async fn keys_of(&self, client: &Client) -> Result<Arc<Vec<Jwk>>, StoreError> {
        let Some(url) = &client.jwks_uri else {
            return Ok(Arc::new(client.jwks.as_ref().map(usable).unwrap_or_default()));
        };
        let now = self.now();
        let keys = if let Some((_, keys)) = self.published.get(url, now) {
            keys
        } else {
            let read = (now, Arc::new(self.published_at(url).await.map(Arc::new)));
            self.published.remember(url.clone(), &read);
            read.1
        };
        Option::clone(&keys).ok_or_else(|| StoreError::Unavailable("the URL of the keys of a client".to_owned()))
    }

    /// The keys at a URL. `None` if there is no answer that has keys. That is remembered too: a request that proves nothing makes a call, so
    /// there is one in five seconds, for all callers together.
    async fn published_at(&self, url: &str) -> Option<Vec<Jwk>> {
        let call = Call { method: Method::Get, url, headers: &[("accept", "application/json")], body: &[] };
        let answer = self.outbound.call(&call).await.ok()?;
        let set = serde_json::from_slice(&answer.body).ok().filter(|_| answer.is_success())?;
        Some(usable(&set))
    }
}
