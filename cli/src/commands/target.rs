//! The deployment that a command works on: in a directory of this machine, or in AWS.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use clap::Args;
use umoja_schema::Region;
use umoja_store::ports::Clock;

use super::logging::{self, LogFormat};
use crate::deployment::{Cloud, Deployment, Regions, locks};
use crate::{CliError, CloudError, DeploymentError, shell};

/// The environment variables that name the deployment.
const DIR: &str = "UMOJA_DIR";
const PREFIX: &str = "UMOJA_PREFIX";
const REGION: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

const HEADING: &str = "Deployment";

/// The deployment, as the command line or else the environment names it.
#[derive(Debug, Clone, Args)]
pub(super) struct Target {
    /// A deployment on this machine: its directory [env: UMOJA_DIR].
    #[arg(long, help_heading = HEADING, value_name = "DIR", conflicts_with_all = ["prefix", "region"])]
    dir: Option<PathBuf>,
    /// A deployment in AWS: the prefix of its tables and queues [env: UMOJA_PREFIX].
    #[arg(long, help_heading = HEADING, value_name = "PREFIX", value_parser = prefix)]
    prefix: Option<String>,
    /// With --prefix: the region that is asked first [env: AWS_REGION, AWS_DEFAULT_REGION].
    #[arg(long, help_heading = HEADING, value_name = "REGION")]
    region: Option<Region>,
}

/// A deployment on this machine, for commands that do not work in AWS.
#[derive(Debug, Args)]
pub(super) struct Dir {
    /// The deployment's directory.
    #[arg(long, env = DIR, value_name = "DIR")]
    pub(super) dir: PathBuf,
}

/// The place that a [`Target`] names.
pub(super) enum Place {
    /// A directory of this machine.
    Directory(PathBuf),
    /// AWS.
    Cloud {
        /// The prefix of the deployment's names.
        prefix: String,
        /// The region that is asked first, if one was named.
        region: Option<Region>,
    },
}

/// The options that name the place, for a command to paste.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(dir) => write!(f, "--dir {}", shell::word(&dir.to_string_lossy())),
            Self::Cloud { prefix, region: None } => write!(f, "--prefix {prefix}"),
            Self::Cloud { prefix, region: Some(region) } => write!(f, "--prefix {prefix} --region {region}"),
        }
    }
}

/// An open deployment.
pub(super) enum Opened {
    /// In a directory of this machine.
    Local(Deployment),
    /// In AWS.
    Cloud(Box<Cloud>, Regions),
}

impl Opened {
    /// The regions as they were when the deployment was opened.
    pub(super) fn regions(&self) -> Regions {
        match self {
            Self::Local(deployment) => deployment.regions(),
            Self::Cloud(_, regions) => regions.clone(),
        }
    }

    /// The current regions: another one may have been added.
    pub(super) async fn regions_now(&self) -> Result<Regions, CliError> {
        match self {
            Self::Local(deployment) => Ok(deployment.regions()),
            Self::Cloud(cloud, regions) => cloud.open(regions.first()?.name()).await,
        }
    }

    /// The machine's clock.
    pub(super) fn clock(&self) -> &dyn Clock {
        match self {
            Self::Local(deployment) => &**deployment.clock(),
            Self::Cloud(_, regions) => &*regions.clock,
        }
    }

    /// A name that distinguishes the deployment from others.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Local(deployment) => deployment.dir().canonicalize().unwrap_or_default().display().to_string(),
            Self::Cloud(cloud, _) => cloud.prefix().to_owned(),
        }
    }
}

fn prefix(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { Ok(text.to_owned()) } else { Err("a prefix is letters, digits, hyphens and underscores".into()) }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

impl Target {
    /// Where the deployment is.
    pub(super) fn place(&self) -> Result<Place, CliError> {
        if let Some(dir) = &self.dir {
            return Ok(Place::Directory(dir.clone()));
        }
        if let Some(prefix) = &self.prefix {
            return self.cloud(prefix.clone());
        }
        match (variable(DIR), variable(PREFIX)) {
            (Some(_), Some(_)) => Err(CliError::Usage(format!(
                "{DIR} and {PREFIX} are both set; choose the deployment with --dir or --prefix"
            ))),
            (Some(_), None) if self.region.is_some() => {
                Err(CliError::Usage(format!("--region goes with --prefix, and {DIR} names a directory")))
            }
            (Some(dir), None) => Ok(Place::Directory(dir.into())),
            (None, Some(text)) => {
                let parsed = prefix(&text).map_err(|error| CliError::Usage(format!("{PREFIX}: {error}")));
                self.cloud(parsed?)
            }
            (None, None) => Err(CliError::Usage(format!(
                "name the deployment: --dir DIR for one on this machine, --prefix PREFIX for one in AWS (or set {DIR} \
                 or {PREFIX})"
            ))),
        }
    }

    fn cloud(&self, prefix: String) -> Result<Place, CliError> {
        let region = match &self.region {
            Some(region) => Some(region.clone()),
            None => match REGION.iter().find_map(|name| Some((name, variable(name)?))) {
                Some((name, text)) => Some(text.parse().map_err(|error| CliError::Usage(format!("{name}: {error}")))?),
                None => None,
            },
        };
        Ok(Place::Cloud { prefix, region })
    }

    /// Takes the lock for changing the keys of a directory, before it is opened; `None` in AWS.
    pub(super) fn alone(&self) -> Result<Option<File>, CliError> {
        self.lock(locks::change)
    }

    /// Takes the lock that keeps the keys and regions of a directory as they are, before it is opened; `None` in AWS.
    pub(super) fn unchanged(&self) -> Result<Option<File>, CliError> {
        self.lock(locks::no_change)
    }

    /// The regions of the deployment, to change a company or a source, and the lock that excludes other such changes in a
    /// directory. In AWS no lock excludes another operator.
    pub(super) async fn changing_documents(&self) -> Result<(Regions, Option<File>), CliError> {
        let held = self.lock(locks::documents)?;
        Ok((self.regions().await?, held))
    }

    /// The options that name the deployment, for commands that an answer proposes.
    pub(super) fn arguments(&self) -> String {
        self.place().map(|place| place.to_string()).unwrap_or_default()
    }

    fn lock(&self, take: impl FnOnce(&Path) -> Result<File, DeploymentError>) -> Result<Option<File>, CliError> {
        match self.place()? {
            Place::Directory(dir) => Ok(Some(take(&dir)?)),
            Place::Cloud { .. } => Ok(None),
        }
    }

    /// Opens the deployment.
    pub(super) async fn open(&self) -> Result<Opened, CliError> {
        match self.place()? {
            Place::Directory(dir) => Ok(Opened::Local(Deployment::open(&dir)?)),
            Place::Cloud { prefix, region } => {
                let region = region.ok_or_else(no_region)?;
                let cloud = connect(&prefix).await?;
                let regions = cloud.open(&region).await?;
                Ok(Opened::Cloud(Box::new(cloud), regions))
            }
        }
    }

    /// The regions of the deployment.
    pub(super) async fn regions(&self) -> Result<Regions, CliError> {
        Ok(self.open().await?.regions())
    }
}

/// Connects to a deployment in AWS.
pub(super) async fn connect(prefix: &str) -> Result<Cloud, CloudError> {
    // The commands explain the libraries' errors. UMOJA_LOG shows the libraries' log.
    logging::start(LogFormat::Text, "off");
    Cloud::connect(prefix).await
}

pub(super) fn no_region() -> CliError {
    CliError::Usage(
        "name the region to ask first: --region REGION, any region of the deployment (or set AWS_REGION)".into(),
    )
}
