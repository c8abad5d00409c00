//! `umoja init`: a new deployment, on this machine or in AWS.

mod cloud;
mod restored;

use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use umoja_schema::Region;

use self::restored::{again, restored, secrets};
use super::target::{Place, Target};
use crate::config::{Config, PasswordEngine};
use crate::deployment::local::in_region;
use crate::deployment::{DeployedRegion, Deployment};
use crate::output::{Output, table};
use crate::{CliError, DeploymentError};

/// The default regions.
pub(crate) const REGIONS: &str = "eu-west-1,af-south-1";

/// Make a deployment: its regions, and the secrets that all of them share.
#[derive(Debug, Args)]
#[command(
    long_about = "Make a deployment: its regions, and the secrets that all of them share (the key of blind indexes, \
the key that signs answers), wrapped by every region's key.

On this machine (--dir) a deployment is a directory with one store per region. A second run completes one that was \
interrupted, restores the settings that a region has lost, and otherwise changes nothing. It cannot change the regions: `umoja region add` and `remove` do.

In AWS (--prefix) Terraform has to be applied in each region first, and every region has to be reachable. The command \
writes the list of regions and the secrets into the settings of each. A second run completes one that was interrupted \
and takes over what Terraform has changed since (a URL, a key); it never replaces a secret. If no other region's key \
opens the secrets, the key that was replaced has to (cancel its deletion before). `umoja region add` adds more regions.

It needs credentials that may, in every region: dynamodb:GetItem and PutItem on PREFIX-settings; kms:GenerateDataKey, \
Encrypt and Decrypt with the deployment's data key (Decrypt with the one before it), which can be limited to the \
secrets by a condition on kms:EncryptionContext:umoja:secret; sqs:GetQueueAttributes on PREFIX-*. AWS profiles that \
need more than keys or a role (single sign-on) have to be exported first: eval \"$(aws configure export-credentials \
--format env)\"."
)]
#[command(after_help = "Examples:
  umoja init --dir DIR
  umoja init --dir DIR --regions eu-west-1,af-south-1,us-east-1 --port-base 7300
  umoja init --dir DIR --env test --min-password-chars 15
  umoja init --prefix PREFIX --regions eu-west-1,af-south-1
  umoja init --prefix PREFIX --region eu-west-1    # after a change by Terraform")]
pub(super) struct Init {
    #[command(flatten)]
    target: Target,
    /// The regions, separated by commas [default: eu-west-1,af-south-1; in AWS those that the deployment has].
    #[arg(long, value_delimiter = ',', value_name = "REGION,...")]
    regions: Option<Vec<Region>>,
    /// The port of the first region; the others follow it. 0 takes any free ports when the deployment is served for the
    /// first time [default: 7300].
    #[arg(long, value_name = "PORT")]
    port_base: Option<u16>,
    /// The environment, such as live or test: a part of each API key [default: local; in AWS live].
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// How long a write waits for its peers' key services, in milliseconds; 0 leaves all wrapping to the key repair
    /// [default: 300].
    #[arg(long, value_name = "MS")]
    peer_wrap_budget_ms: Option<u64>,
    /// The fewest characters of a new password [default: 8].
    #[arg(long, value_name = "N")]
    min_password_chars: Option<usize>,
    /// The least strength of a new password by zxcvbn's score, 0 to 4: 3 takes 10^8 guesses, 4 takes 10^10 [default:
    /// 3].
    #[arg(long, value_name = "SCORE", value_parser = clap::value_parser!(u8).range(0..=4))]
    min_password_score: Option<u8>,
    /// The argon2 engine [default: auto].
    #[arg(long, value_enum)]
    password_engine: Option<PasswordEngine>,
}

#[derive(Serialize)]
struct Answer<'a> {
    dir: &'a Path,
    created: bool,
    /// Settings that a region had lost.
    restored: &'a [String],
    regions: Vec<RegionAnswer>,
}

#[derive(Serialize)]
struct RegionAnswer {
    name: Region,
    /// `None` until the region has been served, if any free port will do.
    url: Option<String>,
}

impl Init {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.target.place()? {
            Place::Directory(dir) => self.local(&dir, output).await,
            Place::Cloud { prefix, region } => {
                let given = [
                    ("--port-base", self.port_base.is_some()),
                    ("--peer-wrap-budget-ms", self.peer_wrap_budget_ms.is_some()),
                    ("--min-password-chars", self.min_password_chars.is_some()),
                    ("--min-password-score", self.min_password_score.is_some()),
                    ("--password-engine", self.password_engine.is_some()),
                ];
                if let Some((option, _)) = given.iter().find(|(_, given)| *given) {
                    return Err(CliError::Usage(format!("{option} goes with --dir; in AWS Terraform sets it")));
                }
                cloud::run(&prefix, region, self.regions, self.env, output).await
            }
        }
    }

    async fn local(&self, dir: &Path, output: Output) -> Result<(), CliError> {
        let deployment = match Config::read(dir)? {
            Some(existing) => {
                self.reject_changes(dir, &existing)?;
                Deployment::open(dir)?
            }
            None => Deployment::create(dir, self.config()?)?,
        };
        let all = deployment.regions();
        let before = secrets(&all).await?;
        reject_lost(&deployment, &before)?;
        let created = deployment.ensure_secrets().await?;
        all.ensure_oidc_keys().await?;
        let restored = if created { Vec::new() } else { restored(&all, &before).await? };
        let region = |region: &DeployedRegion| RegionAnswer { name: region.name().clone(), url: region.url.clone() };
        let regions: Vec<RegionAnswer> = all.list.iter().map(region).collect();
        let url =
            |region: &RegionAnswer| region.url.clone().unwrap_or_else(|| "on a free port, once it is served".into());
        let rows: Vec<Vec<String>> = regions.iter().map(|region| vec![region.name.to_string(), url(region)]).collect();
        let shown = dir.display();
        output.answer(&Answer { dir, created, restored: &restored, regions }, || {
            let what = if created { "is ready".to_owned() } else { again(&restored) };
            let place = Place::Directory(dir.to_owned());
            let add = format!("umoja company add soko --scopes all {place} --out soko.json");
            let next = format!("Next: {add}\n      umoja serve {place}");
            format!("The deployment in {shown} {what}.\n{}{next}", table(&rows))
        });
        Ok(())
    }

    fn config(&self) -> Result<Config, CliError> {
        let regions = match &self.regions {
            Some(regions) => regions.clone(),
            None => default_regions()?,
        };
        let last = u16::try_from(regions.len().saturating_sub(1)).unwrap_or(u16::MAX);
        let port_base = self.port_base.unwrap_or(7300);
        if port_base.checked_add(last).is_none() {
            return Err(CliError::Usage("there are not enough ports above --port-base".into()));
        }
        let mut config = Config::new(&regions, port_base);
        if let Some(env) = &self.env {
            config.env.clone_from(env);
        }
        config.peer_wrap_budget_ms = self.peer_wrap_budget_ms.unwrap_or(config.peer_wrap_budget_ms);
        config.min_password_chars = self.min_password_chars.unwrap_or(config.min_password_chars);
        config.min_password_score = self.min_password_score.unwrap_or(config.min_password_score);
        config.password_engine = self.password_engine.unwrap_or(config.password_engine);
        Ok(config)
    }

    /// Rejects options that differ from the existing settings.
    fn reject_changes(&self, dir: &Path, existing: &Config) -> Result<(), CliError> {
        let names: Vec<&Region> = existing.regions.iter().map(|region| &region.name).collect();
        if let Some(regions) = &self.regions {
            let (mut have, mut want) = (names.clone(), regions.iter().collect::<Vec<_>>());
            have.sort();
            want.sort();
            if have != want {
                let names = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                return Err(CliError::Failed(format!(
                    "the deployment in {} has the regions {names}, and `init` cannot change them; `umoja region add` and `remove` do",
                    dir.display()
                )));
            }
        }
        let differs = [
            ("--port-base", self.port_base.is_some_and(|port| Some(port) != existing.regions.first().map(|r| r.port))),
            ("--env", self.env.as_ref().is_some_and(|env| *env != existing.env)),
            ("--peer-wrap-budget-ms", self.peer_wrap_budget_ms.is_some_and(|ms| ms != existing.peer_wrap_budget_ms)),
            ("--min-password-chars", self.min_password_chars.is_some_and(|n| n != existing.min_password_chars)),
            ("--min-password-score", self.min_password_score.is_some_and(|n| n != existing.min_password_score)),
            ("--password-engine", self.password_engine.is_some_and(|engine| engine != existing.password_engine)),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            Some((option, _)) => Err(CliError::Failed(format!(
                "the deployment exists and has another {option}; edit {} and restart `umoja serve`",
                dir.join("deployment.json").display()
            ))),
            None => Ok(()),
        }
    }
}

/// Rejects a deployment that has users and no secrets: new ones would open nothing that is stored.
fn reject_lost(deployment: &Deployment, secrets: &[Option<Value>]) -> Result<(), CliError> {
    if secrets.iter().any(Option::is_some) {
        return Ok(());
    }
    for store in deployment.stores() {
        if store.is_used().map_err(|source| in_region(store, source))? {
            return Err(CliError::Failed(format!(
                "{} has users, but no region has the deployment's secrets; restore the settings of a region from a \
                 backup, because new secrets would open nothing that is stored",
                deployment.dir().display()
            )));
        }
    }
    Ok(())
}

/// The default regions, parsed.
pub(crate) fn default_regions() -> Result<Vec<Region>, DeploymentError> {
    REGIONS.split(',').map(|name| name.parse().map_err(|_| DeploymentError::Regions)).collect()
}
