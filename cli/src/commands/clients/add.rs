//! `umoja client add`: makes a client with its secret.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use umoja_schema::{Client, ClientId, CompanyId};

use super::known::{check_audience, new_client, new_secret};
use super::options::Options;
use crate::CliError;
use crate::commands::company;
use crate::commands::issued::Out;
use crate::commands::offered::check_offered;
use crate::commands::target::Target;
use crate::output::Output;

/// Add a client in every region. Its secret is shown once.
#[derive(Debug, Args)]
#[command(
    long_about = "Add a client in every region. A confidential client gets a secret, unless it proves itself by its own \
key (private_key_jwt). The secret is shown once: write it to a file with --out, or pass the JSON on.

Without --grant, a client gets tokens by authorization_code and refresh_token. Without --scopes it may ask for openid, profile, email, phone and offline_access."
)]
#[command(after_help = "Examples:
  umoja client add shop-web --company shop --name Shop \\
      --redirect-uri https://shop.example/callback --dir DIR --out shop-web.json
  umoja client add shop-app --company shop --name 'Shop app' --public \\
      --redirect-uri 'http://127.0.0.1:*/callback' --dir DIR")]
pub(super) struct Add {
    /// Its id, such as shop-web.
    id: ClientId,
    #[command(flatten)]
    target: Target,
    /// The company that it belongs to.
    #[arg(long, value_name = "COMPANY")]
    company: CompanyId,
    /// It can keep no secret: an application in a browser or on a device.
    #[arg(long, conflicts_with = "auth_method")]
    public: bool,
    #[command(flatten)]
    options: Options,
    /// Write the secret to a new file that only its owner can read, instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Add {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let checked = self.options.checked()?;
        let (deployment, _alone) = self.target.changing_documents().await?;
        company::known(&deployment, &self.company).await?;
        check_audience(&deployment, &self.company, checked.audience()).await?;
        check_offered(&deployment, checked.providers()).await?;
        let (secret, hash) = new_secret(&deployment);
        let mut client = new_client(&self.id, &self.company, self.public);
        checked.apply(&mut client)?;
        let has_secret = client.has_secret();
        client.secrets.extend(has_secret.then(|| hash.clone()));
        let out = Out::new(self.out.as_deref())?;
        let adding = deployment.change(&self.id, |stored: Option<Client>| match stored {
            Some(stored) if !stored.is_ended() => {
                // A write whose answer was lost may have stored it already.
                if has_secret && stored.secrets.first() == Some(&hash) {
                    return Ok(stored);
                }
                Err(CliError::Failed(format!(
                    "the client {0} exists already; change it with `umoja client set {0}`, or give it a new secret with \
                     `umoja client rotate {0}`",
                    self.id
                )))
            }
            // Tokens and consents name the client by its id alone, and may be live still.
            Some(_) => Err(CliError::Failed(format!(
                "the client {0} was removed, and its id is not given again; choose another id",
                self.id
            ))),
            None => Ok(client.clone()),
        });
        let stored = match adding.await {
            Ok(changed) => changed.everywhere,
            Err(error) => {
                out.map_or(Ok(()), Out::remove)?;
                return Err(error);
            }
        };
        // If at least one region has stored it, its secret is issued.
        let mut issued = json!({ "client_id": self.id, "company": self.company, "kind": client.kind.as_str() });
        if has_secret {
            issued["client_secret"] = secret.expose().into();
        }
        let added = format!("The client {} of {} may sign persons in.", self.id, self.company);
        match out {
            Some(mut out) => {
                out.write(&issued)?;
                let path = out.path().display().to_string();
                output.answer(&json!({ "client_id": self.id, "file": path }), || {
                    format!("{added}\nWhat it needs is in {path}.")
                });
            }
            None if has_secret => {
                output.answer(&issued, || format!("{added}\n\nShown once:\n  secret  {}", secret.expose()));
            }
            None => output.answer(&issued, || format!("{added} It has no secret.")),
        }
        stored
    }
}
