//! Clients: the applications of a company into which persons sign in.

mod redirect;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::company::{is_newer, is_zero};
use crate::names::setting;
use crate::{ClientId, CompanyId, ItemError, LoginProviderId, OidcAlgorithm, RequireMfa};

pub use self::redirect::{RedirectFlaw, check_redirect_uri, redirect_matches};

/// The names of an enumeration in documents and on the command line.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name on the command line, in documents and in the protocol.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }

            /// The one of a name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

named! {
    /// Whether a client can keep a secret (RFC 6749 section 2.1).
    ClientKind {
        /// It can: a server.
        Confidential = "confidential",
        /// It cannot: an application in a browser or on a device.
        Public = "public",
    }
}

named! {
    /// How a client proves who it is (RFC 7591 section 2).
    ClientAuthMethod {
        /// It does not: a public client.
        None = "none",
        /// Its secret, as the password of HTTP Basic.
        SecretBasic = "client_secret_basic",
        /// Its secret, in the form.
        SecretPost = "client_secret_post",
        /// A token that its key signed (RFC 7523).
        PrivateKeyJwt = "private_key_jwt",
    }
}

named! {
    /// By what a client gets tokens.
    GrantType {
        /// A code (RFC 6749 section 4.1).
        AuthorizationCode = "authorization_code",
        /// A refresh token (section 6).
        RefreshToken = "refresh_token",
        /// Itself (section 4.4).
        ClientCredentials = "client_credentials",
        /// A code that a person types on another device (RFC 8628).
        DeviceCode = "urn:ietf:params:oauth:grant-type:device_code",
    }
}

named! {
    /// Whether clients can tell by `sub` that they have the same person (OpenID Connect Core section 8).
    SubjectType {
        /// Every client gets the same.
        Public = "public",
        /// Every sector gets another one.
        Pairwise = "pairwise",
    }
}

/// What is stored of a secret of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientSecretHash {
    /// SHA-256 of the secret, unpadded base64url. The secret is random.
    pub sha256: String,
    /// When the secret ends, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<u64>,
}

impl ClientSecretHash {
    /// True if the secret has not ended.
    pub fn is_live(&self, now_secs: u64) -> bool {
        self.ends_at.is_none_or(|at| now_secs < at)
    }
}

/// A client of single sign-on. Operators write it, the same in every region.
#[expect(clippy::struct_excessive_bools, reason = "each is a member of its own of client metadata (RFC 7591)")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its id: `client_id`.
    pub id: ClientId,
    /// How often the client was changed. Of two genuine documents of one client, the one with more changes is newer.
    pub revision: u64,
    /// The company that it belongs to.
    pub company: CompanyId,
    /// What persons are shown.
    pub name: String,
    /// Whether it can keep a secret.
    pub kind: ClientKind,
    /// If true, persons are not asked for consent.
    #[serde(default)]
    pub first_party: bool,
    /// Where codes are sent: [`check_redirect_uri`].
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Where a browser goes after a logout.
    #[serde(default)]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where the end of a session is posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    /// Whether such a message has to name the session.
    #[serde(default)]
    pub backchannel_logout_session_required: bool,
    /// By what it gets tokens.
    pub grant_types: Vec<GrantType>,
    /// How it proves who it is.
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// The hashes of its secrets, the newest last; two while a secret is rotated.
    #[serde(default)]
    pub secrets: Vec<ClientSecretHash>,
    /// Its public keys, a JWK set (RFC 7517 section 5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// Where its public keys are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// By what its id tokens are signed.
    #[serde(default)]
    pub id_token_signed_response_alg: OidcAlgorithm,
    /// Whether its access tokens are bound to a key (RFC 9449).
    #[serde(default)]
    pub dpop_bound_access_tokens: bool,
    /// Whether it may send a person only after it has sent the request itself (RFC 9126).
    #[serde(default)]
    pub require_pushed_authorization_requests: bool,
    /// The scopes that it may ask for.
    pub scopes: Vec<String>,
    /// The audience of its access tokens; the issuer without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Whether others can tell by `sub` that they have the same person.
    pub subject_type: SubjectType,
    /// The host that names its sector, if `sub` is pairwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sector_identifier: Option<String>,
    /// How long ago a person may have signed in, in seconds, if a request does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u64>,
    /// When its persons have to show a second factor; as the company says if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub require_mfa: Option<RequireMfa>,
    /// How long its access tokens are valid, in seconds.
    #[serde(default = "Client::default_access_secs")]
    pub access_token_secs: u64,
    /// How long its refresh tokens are valid, in seconds.
    #[serde(default = "Client::default_refresh_secs")]
    pub refresh_token_secs: u64,
    /// The providers at which persons may sign in instead of here, in the order of the page.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub providers: Vec<LoginProviderId>,
    /// If false, no one signs in, and its tokens are rejected.
    pub enabled: bool,
    /// How often it was disabled. Each time ends what it holds: a code or a token that it got before it was disabled so often is not valid
    /// after it is enabled again. So no clocks are compared.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ends: u64,
    /// True if an operator has removed the client. Its document stays, so that no older one can take its place.
    #[serde(default)]
    pub removed: bool,
    /// Members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// Why a document is no client that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientFlaw {
    /// A public client that is to prove who it is, or a confidential one that is not.
    #[error("a public client has the method none, and a confidential one another")]
    Method,
    /// Codes, and no place for them.
    #[error("a client with the grant authorization_code needs a redirect URI")]
    NoRedirect,
    /// A URI to which nothing is sent.
    #[error(transparent)]
    Redirect(#[from] RedirectFlaw),
    /// `private_key_jwt` without keys, or with two places for them.
    #[error("the method private_key_jwt needs either a JWK set or a URL of one")]
    Keys,
    /// Pairwise subjects without a sector.
    #[error("pairwise subjects need a sector identifier, which is a host")]
    Sector,
    /// A public client by itself.
    #[error("a public client has no grant client_credentials")]
    PublicByItself,
    /// A name that cannot be shown.
    #[error("the name must have 1 to 64 characters and no control character")]
    Name,
}

impl Client {
    /// The prefix of the names of the settings that hold clients.
    pub const SETTINGS: &'static str = "client/";
    /// The seconds for which access tokens are valid.
    pub const ACCESS_SECS: u64 = 300;
    /// The seconds for which refresh tokens are valid.
    pub const REFRESH_SECS: u64 = 30 * 24 * 60 * 60;

    const fn default_access_secs() -> u64 {
        Self::ACCESS_SECS
    }

    const fn default_refresh_secs() -> u64 {
        Self::REFRESH_SECS
    }

    /// The name of the setting that holds the client with this id.
    pub fn setting(id: &ClientId) -> String {
        format!("{}/{id}", setting::CLIENT)
    }

    /// The client of a setting: `id` is what stands after [`Self::SETTINGS`] in its name.
    ///
    /// # Errors
    /// If the document is no client, or is that of another one.
    pub fn read(id: &str, document: Value) -> Result<Self, ItemError> {
        let client = serde_json::from_value::<Self>(document).ok().filter(|client| client.id.as_str() == id);
        client.ok_or(ItemError::new("a client"))
    }

    /// Whether this document replaces another one of the client, as [`Company::is_newer_than`](crate::Company) says.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        is_newer((self.revision, self), (other.revision, other))
    }

    /// True if an operator removed the client.
    pub const fn is_ended(&self) -> bool {
        self.removed
    }

    /// Enables or disables the client.
    pub fn switch(&mut self, enabled: bool) {
        self.ends += u64::from(self.enabled && !enabled);
        self.enabled = enabled;
    }

    /// Removes the client: it has no secret any more.
    pub fn end(&mut self) {
        self.switch(false);
        self.removed = true;
        self.secrets.clear();
    }

    /// Whether a code may be sent to this URI: [`redirect_matches`] one of the client's.
    pub fn redirect_matches(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| redirect_matches(registered, uri))
    }

    /// Whether a browser may go to this URI after a logout.
    pub fn post_logout_redirect_matches(&self, uri: &str) -> bool {
        self.post_logout_redirect_uris.iter().any(|registered| redirect_matches(registered, uri))
    }

    /// Whether a request whose answer goes to this URI may be another program's: the client proves nothing, and whatever runs on the
    /// person's device can listen at a loopback address or register a scheme (RFC 8252 sections 8.6 and 8.12).
    pub fn may_be_another(&self, redirect_uri: &str) -> bool {
        self.kind == ClientKind::Public && !redirect_uri.starts_with("https://")
    }

    /// Whether it may get tokens by this.
    pub fn may_use(&self, grant: GrantType) -> bool {
        self.grant_types.contains(&grant)
    }

    /// The hashes of the secrets that have not ended.
    pub fn live_secrets(&self, now_secs: u64) -> impl Iterator<Item = &ClientSecretHash> {
        self.secrets.iter().filter(move |secret| secret.is_live(now_secs))
    }

    /// Whether it proves itself by a secret.
    pub const fn has_secret(&self) -> bool {
        matches!(self.token_endpoint_auth_method, ClientAuthMethod::SecretBasic | ClientAuthMethod::SecretPost)
    }

    /// Whether its refresh tokens are replaced by each use: those of a public client, unless a key binds them.
    pub fn rotates_refresh_tokens(&self) -> bool {
        self.kind == ClientKind::Public && !self.dpop_bound_access_tokens
    }

    /// Checks what the members say together.
    ///
    /// # Errors
    /// The first [`ClientFlaw`].
    pub fn check(&self) -> Result<(), ClientFlaw> {
        let fits = |is_flawed: bool, flaw| if is_flawed { Err(flaw) } else { Ok(()) };
        let is_public = self.kind == ClientKind::Public;
        let length = self.name.chars().count();
        fits(!(1..=64).contains(&length) || self.name.chars().any(char::is_control), ClientFlaw::Name)?;
        fits(is_public != (self.token_endpoint_auth_method == ClientAuthMethod::None), ClientFlaw::Method)?;
        fits(self.may_use(GrantType::AuthorizationCode) && self.redirect_uris.is_empty(), ClientFlaw::NoRedirect)?;
        self.redirect_uris.iter().chain(&self.post_logout_redirect_uris).try_for_each(|uri| check_redirect_uri(uri))?;
        let signs = self.token_endpoint_auth_method == ClientAuthMethod::PrivateKeyJwt;
        fits(signs && self.jwks.is_some() == self.jwks_uri.is_some(), ClientFlaw::Keys)?;
        fits(is_public && self.may_use(GrantType::ClientCredentials), ClientFlaw::PublicByItself)?;
        let has_sector = self.sector_identifier.as_deref().is_some_and(redirect::is_host);
        fits((self.subject_type == SubjectType::Pairwise) && !has_sector, ClientFlaw::Sector)
    }
}

#[cfg(test)]
mod tests;
