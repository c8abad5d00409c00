//! `umoja provider add`: makes a provider known.

use clap::Args;
use serde_json::Map;
use umoja_schema::{ClientAuthMethod, CompanyId, LoginProvider, LoginProviderId};

use super::known::{Options, settings};
use crate::CliError;
use crate::commands::company;
use crate::commands::foreign;
use crate::commands::target::Target;
use crate::output::Output;

/// Add a provider in every region.
#[derive(Debug, Args)]
#[command(long_about = "Add a provider in every region. Register Umoja at the provider first, with the redirect URI \
ISSUER/federation/callback, where ISSUER is the issuer of this deployment.

The company is the one whose external ids are the subjects of the provider. Take one of its own for each provider, or the one whose \
users came from there. The issuer and the company stay, because subjects of another issuer would find the wrong persons.

No client offers the provider before `umoja client set CLIENT --provider ID`.")]
#[command(after_help = "Examples:
  umoja provider add google --company shop --name Google \\
      --issuer https://accounts.google.com --client-id umoja \\
      --client-secret-file google.txt --dir DIR
  umoja provider add entra --company shop --client-id umoja \\
      --issuer https://login.microsoftonline.com/TENANT/v2.0 --register true \\
      --dir DIR")]
pub(super) struct Add {
    /// Its id, such as google.
    id: LoginProviderId,
    #[command(flatten)]
    target: Target,
    /// The company whose external ids are its subjects.
    #[arg(long, value_name = "COMPANY")]
    company: CompanyId,
    /// Its issuer identifier, exactly as its metadata has it.
    #[arg(long, value_name = "URL", value_parser = foreign::url)]
    issuer: String,
    /// Let the issuer be on this machine, to try it out. `umoja serve` calls it with the same option only.
    #[arg(long)]
    outbound_loopback: bool,
    /// What it calls Umoja.
    #[arg(long, value_name = "ID")]
    client_id: String,
    #[command(flatten)]
    options: Options,
}

impl Add {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        foreign::check("--issuer", &self.issuer, self.outbound_loopback, "--outbound-loopback")?;
        let secret = self.options.secret()?;
        let (deployment, _alone) = self.target.changing_documents().await?;
        company::known(&deployment, &self.company).await?;
        let mut provider = LoginProvider {
            id: self.id.clone(),
            revision: 0,
            company: self.company.clone(),
            name: self.id.to_string(),
            issuer: self.issuer.clone(),
            client_id: self.client_id.clone(),
            client_secret: None,
            token_endpoint_auth_method: ClientAuthMethod::None,
            scopes: ["openid", "profile", "email"].map(str::to_owned).to_vec(),
            registers: false,
            enabled: true,
            removed: false,
            unknown: Map::new(),
        };
        let sealed = Options::sealed(&deployment, &provider, secret.as_deref().map(String::as_str)).await?;
        self.options.apply(&mut provider, sealed.as_ref())?;
        let changed = deployment.change(&self.id, |stored: Option<LoginProvider>| match stored {
            // A write whose answer was lost may have stored it already.
            Some(stored) if stored == (LoginProvider { revision: stored.revision, ..provider.clone() }) => Ok(stored),
            Some(stored) if stored.is_ended() && stored.issuer != provider.issuer => Err(CliError::Failed(format!(
                "the provider {0} was removed, and its id is not given to another issuer; choose another id",
                self.id
            ))),
            Some(stored) if !stored.is_ended() => Err(CliError::Failed(format!(
                "the provider {0} exists already; change it with `umoja provider set {0}`",
                self.id
            ))),
            _ => Ok(provider.clone()),
        });
        let changed = changed.await?;
        let (id, place) = (&self.id, self.target.arguments());
        output.answer(&settings(&changed.document), || {
            format!(
                "The provider {id} is known; its subjects are external ids of {}.\nNext: offer it on the page of a \
                 client:\n  umoja client set CLIENT --provider {id} {place}",
                self.company
            )
        });
        changed.everywhere
    }
}
