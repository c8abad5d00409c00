//! Providers at which persons sign in instead of here: "sign in with" another OpenID Provider.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::company::is_newer;
use crate::foreign_url::location;
use crate::names::setting;
use crate::{ClientAuthMethod, CompanyId, ItemError, LoginProviderId};

/// An OpenID Provider of others at which persons sign in. Operators write it, the same in every region.
///
/// What the provider calls a person (`sub`) is the person's external id of [`LoginProvider::company`], so logins are found, matched,
/// imported and erased by the rules of external ids.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginProvider {
    /// Its id.
    pub id: LoginProviderId,
    /// How often it was changed. Of two genuine documents of one provider, the one with more changes is newer.
    pub revision: u64,
    /// The company whose external ids are the subjects of the provider. If the operator trusts it to verify addresses, an address that the
    /// provider says is verified counts as verified.
    pub company: CompanyId,
    /// What persons are shown.
    pub name: String,
    /// Its issuer identifier, exactly as its tokens have it.
    pub issuer: String,
    /// What it calls Umoja.
    pub client_id: String,
    /// The secret by which Umoja proves who it is, sealed under the deployment's secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// How Umoja proves who it is.
    pub token_endpoint_auth_method: ClientAuthMethod,
    /// The scopes that it is asked for, with `openid`.
    pub scopes: Vec<String>,
    /// Whether a person who is not known gets an account.
    #[serde(default)]
    pub registers: bool,
    /// If false, no one signs in with it.
    pub enabled: bool,
    /// True if an operator has removed it. Its document stays, so that no older one can take its place.
    #[serde(default)]
    pub removed: bool,
    /// Members written by a newer version of Umoja.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

/// Why a document is no provider that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginProviderFlaw {
    /// A name that cannot be shown.
    #[error("the name must have 1 to 64 characters and no control character")]
    Name,
    /// No issuer.
    #[error("the issuer is https://HOST/PATH, without user, query and fragment, exactly as the provider writes it")]
    Issuer,
    /// No client id.
    #[error("the client id has 1 to 256 characters without spaces")]
    ClientId,
    /// A method that Umoja does not have, or a secret for a method that has none.
    #[error(
        "a provider with a secret has the method client_secret_basic or client_secret_post, and one without has none"
    )]
    Method,
    /// It is not asked who the person is.
    #[error("the scopes need openid, and none has spaces")]
    Scopes,
}

impl LoginProvider {
    /// The prefix of the names of the settings that hold providers.
    pub const SETTINGS: &'static str = "provider/";

    /// The name of the setting that holds the provider with this id.
    pub fn setting(id: &LoginProviderId) -> String {
        format!("{}/{id}", setting::PROVIDER)
    }

    /// The provider of a setting: `id` is what stands after [`Self::SETTINGS`] in its name.
    ///
    /// # Errors
    /// If the document is no provider, or is that of another one.
    pub fn read(id: &str, document: Value) -> Result<Self, ItemError> {
        let provider = serde_json::from_value::<Self>(document).ok().filter(|provider| provider.id.as_str() == id);
        provider.ok_or(ItemError::new("a provider"))
    }

    /// Whether this document replaces another one of the provider, as [`Company::is_newer_than`](crate::Company) says.
    pub fn is_newer_than(&self, other: &Self) -> bool {
        is_newer((self.revision, self), (other.revision, other))
    }

    /// True if an operator removed the provider.
    pub const fn is_ended(&self) -> bool {
        self.removed
    }

    /// Removes the provider: it has no secret any more.
    pub fn end(&mut self) {
        self.enabled = false;
        self.removed = true;
        self.client_secret = None;
    }

    /// Checks what the members say together.
    ///
    /// # Errors
    /// The first [`LoginProviderFlaw`].
    pub fn check(&self) -> Result<(), LoginProviderFlaw> {
        let fits = |is_flawed: bool, flaw| if is_flawed { Err(flaw) } else { Ok(()) };
        let length = self.name.chars().count();
        let is_word =
            |text: &str, max| (1..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits(!(1..=64).contains(&length) || self.name.chars().any(char::is_control), LoginProviderFlaw::Name)?;
        fits(location(&self.issuer).is_none(), LoginProviderFlaw::Issuer)?;
        fits(!is_word(&self.client_id, 256), LoginProviderFlaw::ClientId)?;
        let has_method = match self.token_endpoint_auth_method {
            ClientAuthMethod::SecretBasic | ClientAuthMethod::SecretPost => self.client_secret.is_some(),
            ClientAuthMethod::None => self.client_secret.is_none(),
            ClientAuthMethod::PrivateKeyJwt => false,
        };
        fits(!has_method, LoginProviderFlaw::Method)?;
        let is_asked = self.scopes.iter().any(|scope| scope == "openid");
        fits(!is_asked || !self.scopes.iter().all(|scope| is_word(scope, 64)), LoginProviderFlaw::Scopes)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn provider(changes: &Value) -> LoginProvider {
        let mut document = json!({
            "id": "google", "revision": 1, "company": "google", "name": "Google",
            "issuer": "https://accounts.google.com", "client_id": "umoja", "client_secret": "sealed",
            "token_endpoint_auth_method": "client_secret_basic", "scopes": ["openid", "email"], "enabled": true,
        });
        for (name, value) in changes.as_object().unwrap() {
            document[name] = value.clone();
        }
        LoginProvider::read("google", document).unwrap()
    }

    #[test]
    fn a_document_under_another_id_is_no_provider() {
        let document = serde_json::to_value(provider(&json!({}))).unwrap();
        assert!(LoginProvider::read("entra", document).is_err());
        assert_eq!(LoginProvider::setting(&provider(&json!({})).id), format!("{}google", LoginProvider::SETTINGS));
    }

    #[test]
    fn a_provider_registers_no_one_unless_it_is_said() {
        let provider = provider(&json!({}));
        assert!(!provider.registers && !provider.removed);
        assert_eq!(provider.check(), Ok(()));
    }

    #[test]
    fn what_cannot_be_used_is_a_flaw() {
        for (changes, flaw) in [
            (json!({ "name": "a\nb" }), LoginProviderFlaw::Name),
            (json!({ "issuer": "http://accounts.example" }), LoginProviderFlaw::Issuer),
            (json!({ "issuer": "https://accounts.example?a=b" }), LoginProviderFlaw::Issuer),
            (json!({ "client_id": "a b" }), LoginProviderFlaw::ClientId),
            (json!({ "token_endpoint_auth_method": "none" }), LoginProviderFlaw::Method),
            (json!({ "token_endpoint_auth_method": "private_key_jwt" }), LoginProviderFlaw::Method),
            (json!({ "client_secret": null }), LoginProviderFlaw::Method),
            (json!({ "scopes": ["email"] }), LoginProviderFlaw::Scopes),
            (json!({ "scopes": ["openid", "a b"] }), LoginProviderFlaw::Scopes),
        ] {
            assert_eq!(provider(&changes).check(), Err(flaw), "{changes}");
        }
    }

    #[test]
    fn a_provider_that_is_removed_has_no_secret() {
        let mut provider = provider(&json!({}));
        provider.end();
        assert!(provider.is_ended() && !provider.enabled && provider.client_secret.is_none());
    }
}
