//! `umoja init`: a new deployment.

use clap::Args;
use serde::Serialize;
use umoja_schema::Region;

use super::Dir;
use crate::config::{Config, PasswordEngine, RegionConfig};
use crate::deployment::Deployment;
use crate::output::{Output, table};
use crate::{CliError, DeploymentError};

/// The regions of a deployment that names none.
pub(crate) const REGIONS: &str = "eu-west-1,af-south-1";

/// Make a deployment: a directory with one store per region, and the secrets that all regions share.
#[derive(Debug, Args)]
#[command(
    long_about = "Make a deployment: a directory with one store per region, and the secrets that all regions share \
(the key of blind indexes, the key that signs answers), wrapped by every region's key.

Running it again changes nothing; it completes a run that was interrupted. The regions of a deployment cannot be changed \
by it."
)]
#[command(after_help = "Examples:
  umoja init --dir DIR
  umoja init --dir DIR --regions eu-west-1,af-south-1,us-east-1 --port-base 7300
  umoja init --dir DIR --env test --min-password-chars 15")]
pub(super) struct Init {
    #[command(flatten)]
    dir: Dir,
    /// The regions, separated by commas [default: eu-west-1,af-south-1].
    #[arg(long, value_delimiter = ',', value_name = "REGION,...")]
    regions: Option<Vec<Region>>,
    /// The port of the first region; the others follow it. 0 takes any free ports when it is served for the first
    /// time [default: 7300].
    #[arg(long, value_name = "PORT")]
    port_base: Option<u16>,
    /// What the deployment is for: a part of each API key [default: local].
    #[arg(long, value_name = "NAME")]
    env: Option<String>,
    /// How long a write waits for its peers' key services, in milliseconds; 0 leaves all to the key repair
    /// [default: 300].
    #[arg(long, value_name = "MS")]
    peer_wrap_budget_ms: Option<u64>,
    /// The fewest characters of a new password [default: 8].
    #[arg(long, value_name = "N")]
    min_password_chars: Option<usize>,
    /// The argon2 engine [default: auto].
    #[arg(long, value_enum)]
    password_engine: Option<PasswordEngine>,
}

#[derive(Serialize)]
struct Answer<'a> {
    dir: &'a std::path::Path,
    created: bool,
    regions: Vec<RegionAnswer>,
}

#[derive(Serialize)]
struct RegionAnswer {
    name: Region,
    /// Nothing until the region has been served, if any free port will do.
    url: Option<String>,
}

impl Init {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let dir = self.dir.dir.clone();
        let deployment = match Config::read(&dir)? {
            Some(existing) => {
                self.refuse_changes(&existing)?;
                Deployment::open(&dir)?
            }
            None => Deployment::create(&dir, self.config()?)?,
        };
        let created = deployment.ensure_secrets().await?;
        let config = deployment.config();
        let known = |region: &RegionConfig| region.port != 0 || region.public_url.is_some();
        let region = |region: &RegionConfig| RegionAnswer {
            name: region.name.clone(),
            url: known(region).then(|| region.url(config.listen)),
        };
        let regions: Vec<RegionAnswer> = config.regions.iter().map(region).collect();
        let url =
            |region: &RegionAnswer| region.url.clone().unwrap_or_else(|| "on a free port, once it is served".into());
        let rows: Vec<Vec<String>> = regions.iter().map(|region| vec![region.name.to_string(), url(region)]).collect();
        let shown = dir.display();
        output.answer(&Answer { dir: &dir, created, regions }, || {
            let what = if created { "is ready" } else { "was there already; nothing changed" };
            let next = format!("Next: umoja company add soko --dir {shown}\n      umoja serve --dir {shown}");
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
            return Err(CliError::Usage("there are not enough ports from --port-base on".into()));
        }
        let mut config = Config::new(&regions, port_base);
        if let Some(env) = &self.env {
            config.env.clone_from(env);
        }
        config.peer_wrap_budget_ms = self.peer_wrap_budget_ms.unwrap_or(config.peer_wrap_budget_ms);
        config.min_password_chars = self.min_password_chars.unwrap_or(config.min_password_chars);
        config.password_engine = self.password_engine.unwrap_or(config.password_engine);
        Ok(config)
    }

    /// Refuses what is asked for and is not so.
    fn refuse_changes(&self, existing: &Config) -> Result<(), CliError> {
        let names: Vec<&Region> = existing.regions.iter().map(|region| &region.name).collect();
        if let Some(regions) = &self.regions {
            let (mut have, mut want) = (names.clone(), regions.iter().collect::<Vec<_>>());
            have.sort();
            want.sort();
            if have != want {
                let names = names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                return Err(CliError::Failed(format!(
                    "the deployment in {} has the regions {names}, and `init` cannot change them; use another --dir",
                    self.dir.dir.display()
                )));
            }
        }
        let differs = [
            ("--port-base", self.port_base.is_some_and(|port| Some(port) != existing.regions.first().map(|r| r.port))),
            ("--env", self.env.as_ref().is_some_and(|env| *env != existing.env)),
            ("--peer-wrap-budget-ms", self.peer_wrap_budget_ms.is_some_and(|ms| ms != existing.peer_wrap_budget_ms)),
            ("--min-password-chars", self.min_password_chars.is_some_and(|n| n != existing.min_password_chars)),
            ("--password-engine", self.password_engine.is_some_and(|engine| engine != existing.password_engine)),
        ];
        match differs.iter().find(|(_, differs)| *differs) {
            Some((option, _)) => Err(CliError::Failed(format!(
                "the deployment is there and has another {option}; edit {} and serve it anew",
                self.dir.dir.join("deployment.json").display()
            ))),
            None => Ok(()),
        }
    }
}

/// The regions of a deployment that names none.
pub(crate) fn default_regions() -> Result<Vec<Region>, DeploymentError> {
    REGIONS.split(',').map(|name| name.parse().map_err(|_| DeploymentError::Regions)).collect()
}
