//! `umoja company`: the companies that may call.

mod keys;
mod limit;
mod list;
mod options;
mod page;
mod set;
mod show;
mod signing;
mod unlink;

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use umoja_schema::{Company, CompanyId, CompanyKey, RestrictionLevel, Scope};

use self::keys::{RetireKey, RotateKey};
use self::limit::Limit;
use self::list::List;
use self::options::{Scopes, chosen, country, restriction, scopes};
use self::set::Set;
use self::signing::AddKey;
use super::issued::{Out, new_api_key, new_key_pair, own_key, random_name};
pub(super) use super::known::known;
use super::known::{self, change_known};
use super::target::Target;
use crate::CliError;
use crate::credentials::CompanyFile;
use crate::deployment::Regions;
use crate::output::Output;

/// The default scopes of a company: none that concerns other companies' users.
const DEFAULT_SCOPES: &str = "users:register,users:lookup,users:authenticate,users:update,users:password";

/// The companies that may call: add, list, change, disable, enable, limit, replace their keys.
#[derive(Debug, Args)]
pub(super) struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Add(Box<Add>),
    List(List),
    Show(show::Show),
    Disable(Disable),
    Enable(Enable),
    Limit(Limit),
    Set(Box<Set>),
    RotateKey(RotateKey),
    AddKey(AddKey),
    RetireKey(RetireKey),
    Unlink(unlink::Unlink),
}

/// Add a company in every region. Its keys are shown once.
#[derive(Debug, Args)]
#[command(
    long_about = "Add a company in every region. Without --public-key the command makes a key pair (Ed25519) for \
it. The API key and the private key are shown once and stored nowhere: write them to a file with --out, or pass the \
JSON on. A row of that id which no region can read is replaced.

In AWS, all commands of `umoja company` need credentials that may, in every region: dynamodb:GetItem on \
PREFIX-settings; GetItem, PutItem and Scan on PREFIX-companies. `set --old-system` with a pool also needs dynamodb:Scan on PREFIX-settings."
)]
#[command(after_help = "Examples:
  umoja company add soko --dir DIR --name 'Soko Ltd' --out soko.json
  umoja company add soko --dir DIR --scopes all --trusted --phone-country KE \\
      --json > soko.json
  umoja company add old-shop --dir DIR --public-key old-shop.pem --alg RS256
  umoja company add soko --prefix PREFIX --region eu-west-1 --out soko.json")]
struct Add {
    /// Its id, such as soko-ke: the `iss` of its requests.
    id: CompanyId,
    #[command(flatten)]
    target: Target,
    /// Its name, for people [default: the id].
    #[arg(long)]
    name: Option<String>,
    /// Its scopes: `all`, or names separated by commas.
    #[arg(long, value_delimiter = ',', value_name = "SCOPE,...", default_value = DEFAULT_SCOPES, value_parser = scopes)]
    scopes: Vec<Scopes>,
    /// Trust it to verify e-mail addresses and phone numbers.
    #[arg(long)]
    trusted: bool,
    /// The country of its national phone numbers, such as KE.
    #[arg(long, value_name = "COUNTRY", value_parser = country)]
    phone_country: Option<String>,
    /// Which scripts its new user names may mix (UTS 39): ascii_only, single_script or highly_restrictive [default:
    /// any].
    #[arg(long, value_name = "LEVEL", value_parser = restriction)]
    username_restriction: Option<RestrictionLevel>,
    /// How many requests it may make in a second, in each region [default: 1000].
    #[arg(long, value_name = "N")]
    rate_limit: Option<NonZeroU32>,
    /// The public key of a key pair that the company made itself (PEM).
    #[arg(long, value_name = "FILE", requires = "alg")]
    public_key: Option<PathBuf>,
    /// The algorithm of that key.
    #[arg(long, requires = "public_key", value_parser = ["ES256", "EdDSA", "RS256", "PS256"])]
    alg: Option<String>,
    /// Write the keys to a new file that only its owner can read, instead of printing them.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Reject every request of a company, within 5 seconds.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja company disable soko --dir DIR
  umoja company disable soko --prefix PREFIX --region eu-west-1")]
struct Disable {
    /// The company's id.
    id: CompanyId,
    #[command(flatten)]
    target: Target,
}

/// Serve a disabled company again, within 5 seconds.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja company enable soko --dir DIR
  umoja company enable soko --prefix PREFIX --region eu-west-1")]
struct Enable {
    /// The company's id.
    id: CompanyId,
    #[command(flatten)]
    target: Target,
}

impl Command {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.action {
            Action::Add(add) => add.run(output).await,
            Action::List(list) => list.run(output).await,
            Action::Show(show) => show.run(output).await,
            Action::Disable(Disable { id, target }) => set_enabled(&target, id, false, output).await,
            Action::Enable(Enable { id, target }) => set_enabled(&target, id, true, output).await,
            Action::Limit(limit) => limit.run(output).await,
            Action::Set(set) => set.run(output).await,
            Action::AddKey(add) => add.run(output).await,
            Action::RotateKey(rotate) => rotate.run(output).await,
            Action::RetireKey(retire) => retire.run(output).await,
            Action::Unlink(unlink) => unlink.run(output).await,
        }
    }
}

/// Makes a company with a new key pair and a new API key: the stored item, and the file that its owner gets once.
pub(crate) fn new_company(
    deployment: &Regions,
    id: &CompanyId,
    name: &str,
    scopes: Vec<Scope>,
    trusted: bool,
) -> Result<(Company, CompanyFile), CliError> {
    let (pair, private) = new_key_pair(deployment, random_name(deployment));
    let CompanyKey { kid, alg, .. } = pair.clone();
    let (api_key, hash) = new_api_key(deployment)?;
    let company = Company {
        id: id.clone(),
        revision: 0,
        name: name.to_owned(),
        enabled: true,
        ends: 0,
        trusted,
        scopes,
        phone_country: None,
        username_restriction: None,
        old_system: None,
        status_page: None,
        require_mfa: None,
        providers: Vec::new(),
        registration: false,
        mfa_by_mail: false,
        rate_limit: None,
        api_keys: vec![hash],
        keys: vec![pair],
        unknown: serde_json::Map::new(),
    };
    let private_key_pem = Some(private);
    Ok((company, CompanyFile { id: id.clone(), api_key, kid, alg, private_key_pem }))
}

impl Add {
    async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let exists = || {
            CliError::Failed(format!(
                "the company {0} exists already; give it a new API key with `umoja company rotate-key {0}`",
                self.id
            ))
        };
        if deployment.company(&self.id).await?.is_some() {
            return Err(exists());
        }
        let name = self.name.clone().unwrap_or_else(|| self.id.to_string());
        let (mut company, mut file) = new_company(&deployment, &self.id, &name, chosen(&self.scopes), self.trusted)?;
        company.phone_country.clone_from(&self.phone_country);
        company.username_restriction = self.username_restriction;
        company.rate_limit = self.rate_limit;
        if let Some(own) = self.own_key()? {
            file.kid.clone_from(&own.kid);
            file.alg.clone_from(&own.alg);
            file.private_key_pem = None;
            company.keys = vec![own];
        }
        let out = Out::new(self.out.as_deref())?;
        let adding = deployment.change(&self.id, |stored: Option<Company>| match stored {
            // A write whose answer was lost may have stored it already.
            Some(stored) if stored != (Company { revision: stored.revision, ..company.clone() }) => Err(exists()),
            _ => Ok(company.clone()),
        });
        let stored = match adding.await {
            Ok(changed) => changed.everywhere,
            Err(error) => {
                out.map_or(Ok(()), Out::remove)?;
                return Err(error);
            }
        };
        // If at least one region has stored it, its keys are issued.
        match out {
            Some(mut out) => {
                out.write(&file)?;
                let path = out.path();
                let answer = json!({ "id": file.id, "kid": file.kid, "alg": file.alg, "file": path });
                output.answer(&answer, || format!("{}\nIts keys are in {}.", added(&company), path.display()));
            }
            None => output.answer(&file, || format!("{}\n{}", added(&company), shown_once(&file))),
        }
        stored
    }

    fn own_key(&self) -> Result<Option<CompanyKey>, CliError> {
        let (Some(path), Some(alg)) = (&self.public_key, &self.alg) else { return Ok(None) };
        own_key(path, alg, format!("{}-1", self.id)).map(Some)
    }
}

fn added(company: &Company) -> String {
    let scopes: Vec<&str> = company.scopes.iter().map(|scope| scope.as_str()).collect();
    let trusted = if company.trusted { ", trusted to verify" } else { "" };
    format!("The company {} may call ({}{trusted}).", company.id, scopes.join(", "))
}

fn shown_once(file: &CompanyFile) -> String {
    let private_key = file.private_key_pem.as_deref().map(|pem| format!("\n\n{pem}")).unwrap_or_default();
    format!(
        "\nShown once, kept nowhere:\n  API key  {}\n  key id   {} ({}){private_key}",
        file.api_key, file.kid, file.alg
    )
}

async fn set_enabled(target: &Target, id: CompanyId, enabled: bool, output: Output) -> Result<(), CliError> {
    let (deployment, _alone) = target.changing_documents().await?;
    let changed = change_known(&deployment, &id, |company| {
        company.switch(enabled);
        Ok(())
    });
    changed.await?.everywhere?;
    output.answer(&json!({ "id": id, "enabled": enabled }), || {
        let what = if enabled { "enabled" } else { "disabled" };
        format!("The company {id} is {what}; this takes effect within 5 seconds in regions that are being served.")
    });
    Ok(())
}
