//! The settings by which a directory is served. The process that serves it often checks them for changes. It writes the
//! settings by which it works into `DIR/served.json`, after the last request and the last background step under other
//! settings have ended. So a command does not wait for a fixed time, but until that file has the stored settings.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use umoja_schema::Region;
use umoja_store::RegionState;
use umoja_store::secrets::{SETTING, SecretsError};

use super::local::{Deployment, in_region};
use super::locks;
use crate::{CliError, DeploymentError, files};

/// The name of the file.
const FILE: &str = "served.json";

/// How often a command reads the file.
const LOOK: Duration = Duration::from_millis(100);

/// After how many reads a command gives up: two minutes. Requests that are under way may take ten seconds.
const LOOKS: u32 = 1200;

/// The settings that may change while a directory is served: the regions, their states, and the secrets that they hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InForce(BTreeMap<Region, RegionInForce>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct RegionInForce {
    state: RegionState,
    /// SHA-256 of the wrapped secrets, in base64url.
    secrets: String,
}

impl InForce {
    /// The settings of `deployment`, with the secrets that its regions hold now.
    pub(crate) async fn of(deployment: &Deployment) -> Result<Self, CliError> {
        let mut all = BTreeMap::new();
        for (store, region) in deployment.stores().iter().zip(&deployment.config().regions) {
            let stored = store.documents().setting(SETTING).await.map_err(|source| in_region(store, source))?;
            let secrets = match stored {
                Some(stored) => stored.to_string(),
                // `umoja region add` is about to store them, or was interrupted: the region does not serve yet.
                None if region.state == RegionState::Joining => continue,
                None => {
                    let (region, source) = (region.name.clone(), SecretsError::Absent);
                    return Err(CliError::RegionSecrets { region, source });
                }
            };
            let secrets = URL_SAFE_NO_PAD.encode(Sha256::digest(secrets));
            all.insert(region.name.clone(), RegionInForce { state: region.state, secrets });
        }
        Ok(Self(all))
    }

    /// True if the region is one of these.
    pub(crate) fn is_of(&self, region: &Region) -> bool {
        self.0.contains_key(region)
    }

    /// Writes that the process that serves the directory works by these settings.
    pub(crate) fn say(&self, dir: &Path) -> Result<(), DeploymentError> {
        let path = dir.join(FILE);
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        files::replace_private(&path, &text).map_err(|source| DeploymentError::Io { path, source })
    }

    /// Removes the file of a process that no longer serves the directory.
    pub(crate) fn take_back(dir: &Path) -> Result<(), DeploymentError> {
        let path = dir.join(FILE);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(DeploymentError::Io { path, source }),
            _ => Ok(()),
        }
    }

    fn said(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(dir.join(FILE)).ok()?).ok()
    }
}

/// Waits until the process that serves the directory, if one does, works by the settings of `deployment` and the stored
/// secrets. True if a process serves. A process that starts later reads them anyway.
pub(crate) async fn settings_are_read(deployment: &Deployment) -> Result<bool, CliError> {
    let dir = deployment.dir();
    let stored = InForce::of(deployment).await?;
    for _ in 0..LOOKS {
        if !locks::is_served(dir)? {
            return Ok(false);
        }
        if InForce::said(dir).as_ref() == Some(&stored) {
            return Ok(true);
        }
        tokio::time::sleep(LOOK).await;
    }
    Err(CliError::Failed(format!(
        "the process that serves {0} has not taken over the new settings; its log says why. Repair that, or stop it, \
         and run the same command again: it continues",
        dir.display()
    )))
}
