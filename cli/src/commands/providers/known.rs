//! What the commands about providers have in common.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;
use umoja_schema::{ClientAuthMethod, LoginProvider};
use zeroize::Zeroizing;

pub(super) use crate::commands::known::{change_known, known};
use crate::commands::targets::target_secrets;
use crate::deployment::Regions;
use crate::{CliError, files};

/// What may be said of a provider. What is not said stays.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The name that persons are shown [default: the id].
    #[arg(long)]
    name: Option<String>,
    /// A file with the secret that the provider gave. It is sealed under the deployment's secrets, and never shown.
    #[arg(long, value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// How the secret is sent: `client_secret_basic` or `client_secret_post` [default: `client_secret_basic`].
    #[arg(long, value_name = "METHOD", value_parser = method)]
    auth_method: Option<ClientAuthMethod>,
    /// The scopes that the provider is asked for, separated by commas [default: openid,profile,email].
    #[arg(long, value_name = "SCOPE,...", value_delimiter = ',')]
    scopes: Vec<String>,
    /// Whether a person who is not known gets an account.
    #[arg(long, value_name = "BOOL")]
    register: Option<bool>,
}

impl Options {
    /// The secret of the file.
    pub(super) fn secret(&self) -> Result<Option<Zeroizing<String>>, CliError> {
        self.client_secret_file.as_deref().map(read_secret).transpose()
    }

    /// Seals a secret for a provider.
    pub(super) async fn sealed(
        deployment: &Regions,
        provider: &LoginProvider,
        secret: Option<&str>,
    ) -> Result<Option<String>, CliError> {
        let Some(secret) = secret else { return Ok(None) };
        let secrets = target_secrets(deployment.first()?).await?;
        Ok(Some(secrets.seal_provider_secret(&provider.id, secret, &*deployment.entropy)))
    }

    /// Writes what was said into a provider, with its sealed secret, and checks the whole.
    pub(super) fn apply(&self, provider: &mut LoginProvider, sealed: Option<&String>) -> Result<(), CliError> {
        if let Some(name) = &self.name {
            provider.name.clone_from(name);
        }
        if let Some(sealed) = sealed {
            provider.client_secret = Some(sealed.clone());
            if provider.token_endpoint_auth_method == ClientAuthMethod::None {
                provider.token_endpoint_auth_method = ClientAuthMethod::SecretBasic;
            }
        }
        if let Some(method) = self.auth_method {
            provider.token_endpoint_auth_method = method;
        }
        if !self.scopes.is_empty() {
            provider.scopes.clone_from(&self.scopes);
        }
        provider.registers = self.register.unwrap_or(provider.registers);
        provider.check().map_err(|flaw| CliError::Usage(flaw.to_string()))
    }
}

fn read_secret(path: &Path) -> Result<Zeroizing<String>, CliError> {
    files::parsed(path, |bytes| {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("a secret is one word of ASCII");
        }
        Ok(Zeroizing::new(text.to_owned()))
    })
}

fn method(text: &str) -> Result<ClientAuthMethod, String> {
    let is_ours =
        |method: &ClientAuthMethod| [ClientAuthMethod::SecretBasic, ClientAuthMethod::SecretPost].contains(method);
    let method = ClientAuthMethod::from_name(text).filter(is_ours);
    method.ok_or_else(|| "give client_secret_basic or client_secret_post".to_owned())
}

/// A provider for programs, without its secret.
pub(super) fn settings(provider: &LoginProvider) -> Value {
    let mut value = serde_json::to_value(provider).unwrap_or_default();
    value["client_secret"] = Value::from(provider.client_secret.is_some());
    if let Some(members) = value.as_object_mut() {
        members.remove("removed");
    }
    value
}

/// A provider in a word.
pub(super) const fn state(provider: &LoginProvider) -> &'static str {
    if provider.enabled { "on" } else { "DISABLED" }
}
