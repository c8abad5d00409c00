//! `deployment.json`: the regions of a deployment, where they are served, and settings.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use umoja_crypto::EngineChoice;
use umoja_crypto::password::{MAX_SCORE, MIN_SCORE};
use umoja_schema::Region;
use umoja_store::RegionState;
use umoja_store::keyring::{MAX_WRAPPED_KEYS, PEER_WRAP_BUDGET_MS};

use crate::DeploymentError;
use crate::files;

/// The format of `deployment.json` that this version writes and reads.
const FORMAT: u32 = 1;

/// `deployment.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The format of this file.
    pub format: u32,
    /// The environment, such as `local` or `test`: a part of each API key, so that a key shows where it belongs.
    pub env: String,
    /// The address to listen on.
    pub listen: IpAddr,
    /// The regions.
    pub regions: Vec<RegionConfig>,
    /// The port of the issuer, which hands each connection to a region that serves, by turns; 0 until it is served for
    /// the first time, if any free one will do. Without it there is no such port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer_port: Option<u16>,
    /// The base URL that clients use for that port, if it is not `http://localhost:PORT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// How long a write waits for its peers' key services, in milliseconds; 0 leaves all wrapping to the key repair.
    pub peer_wrap_budget_ms: u64,
    /// The fewest characters of a new password.
    pub min_password_chars: usize,
    /// The least `zxcvbn` score of a new password, from 0 to 4.
    #[serde(default = "min_password_score")]
    pub min_password_score: u8,
    /// The list of breached passwords that new passwords are checked against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breached_passwords: Option<PathBuf>,
    /// The argon2 engine.
    pub password_engine: PasswordEngine,
    /// How long after the beginning of an anti-entropy pass, which compares the regions with each other, the next one
    /// is due, in minutes; 0 never runs anti-entropy.
    #[serde(default = "anti_entropy_every_mins")]
    pub anti_entropy_every_mins: u64,
}

/// The default of `anti_entropy_every_mins`.
const fn anti_entropy_every_mins() -> u64 {
    60
}

/// The default of `min_password_score`.
const fn min_password_score() -> u8 {
    MIN_SCORE
}

/// One region in `deployment.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionConfig {
    /// Its name.
    pub name: Region,
    /// Its port on this machine; 0 until it is served for the first time, if any free one will do.
    pub port: u16,
    /// The base URL that clients use, if it is not this machine's own: the `aud` of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<String>,
    /// Its state; `umoja region` changes it.
    #[serde(default, skip_serializing_if = "serves")]
    pub state: RegionState,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn serves(state: &RegionState) -> bool {
    state.serves()
}

/// The argon2 engine that hashes passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum PasswordEngine {
    /// The fast engine if it passes its self-check on this machine, else the reference.
    #[default]
    Auto,
    /// The fast engine; the start fails if it cannot be used.
    Fast,
    /// The reference engine.
    Reference,
}

impl From<PasswordEngine> for EngineChoice {
    fn from(engine: PasswordEngine) -> Self {
        match engine {
            PasswordEngine::Auto => Self::Auto,
            PasswordEngine::Fast => Self::Fast,
            PasswordEngine::Reference => Self::Reference,
        }
    }
}

impl Config {
    /// The name of the settings' file.
    pub(crate) const FILE: &'static str = "deployment.json";

    /// True for a deployment to try things out with, by its environment. Its answers say more to a developer.
    pub fn is_for_trying_out(&self) -> bool {
        matches!(self.env.as_str(), "local" | "demo" | "test")
    }

    /// The settings of a new deployment. Ports are counted up from `port_base`; 0 takes any free ones.
    pub fn new(regions: &[Region], port_base: u16) -> Self {
        let port = |position: usize| match port_base {
            0 => 0,
            base => base.saturating_add(u16::try_from(position).unwrap_or(u16::MAX)),
        };
        let regions = regions.iter().enumerate();
        Self {
            format: FORMAT,
            env: "local".into(),
            listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
            regions: regions
                .map(|(n, name)| RegionConfig {
                    name: name.clone(),
                    port: port(n),
                    public_url: None,
                    state: RegionState::Serving,
                })
                .collect(),
            issuer_port: None,
            issuer: None,
            peer_wrap_budget_ms: PEER_WRAP_BUDGET_MS,
            min_password_chars: 8,
            min_password_score: min_password_score(),
            breached_passwords: None,
            password_engine: PasswordEngine::Auto,
            anti_entropy_every_mins: anti_entropy_every_mins(),
        }
    }

    /// Every region and its base URL.
    pub fn urls(&self) -> Vec<(Region, String)> {
        self.regions.iter().map(|region| (region.name.clone(), region.url(self.listen))).collect()
    }

    /// The base URL of the issuer, without a trailing slash; `None` if there is no port of it. Its host is `localhost`,
    /// because browsers reject passkeys on addresses.
    pub fn issuer_url(&self) -> Option<String> {
        let port = self.issuer_port?;
        Some(self.issuer.clone().unwrap_or_else(|| format!("http://localhost:{port}")))
    }

    /// Takes back what serving has changed, because it could not be served: where it listens, its ports and its URLs.
    pub(crate) fn take_back(&mut self, before: &Self) {
        self.listen = before.listen;
        self.issuer_port = before.issuer_port;
        self.issuer.clone_from(&before.issuer);
        self.breached_passwords.clone_from(&before.breached_passwords);
        for region in &mut self.regions {
            if let Some(known) = before.regions.iter().find(|known| known.name == region.name) {
                region.port = known.port;
                region.public_url.clone_from(&known.public_url);
            }
        }
    }

    /// The issuer by which clients know the deployment already: not one whose port is still to be chosen.
    pub(crate) fn known_issuer(&self) -> Option<String> {
        self.issuer_url().filter(|_| self.issuer.is_some() || self.issuer_port != Some(0))
    }

    /// The state of a region; an unknown one does not serve.
    pub fn state(&self, region: &Region) -> RegionState {
        self.regions.iter().find(|one| one.name == *region).map_or(RegionState::Frozen, |one| one.state)
    }

    /// The settings of the deployment in a directory; `None` if there is none.
    pub fn read(dir: &Path) -> Result<Option<Self>, DeploymentError> {
        let path = dir.join(Self::FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(DeploymentError::Io { path, source }),
        };
        files::check_owner(dir)?;
        let form = |reason: String| DeploymentError::Form { path: path.clone(), reason };
        let config: Self = serde_json::from_slice(&text).map_err(|error| form(error.to_string()))?;
        if config.format != FORMAT {
            return Err(form(format!("its format is {}, not {FORMAT}", config.format)));
        }
        config.check()?;
        Ok(Some(config))
    }

    /// Writes the settings into a deployment's directory.
    pub(crate) fn save(&self, dir: &Path) -> Result<(), DeploymentError> {
        let path = dir.join(Self::FILE);
        files::replace_private(&path, &self.text()).map_err(|source| DeploymentError::Io { path, source })
    }

    /// The text of the settings' file.
    pub(crate) fn text(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).unwrap_or_default();
        text.push(b'\n');
        text
    }

    pub(crate) fn check(&self) -> Result<(), DeploymentError> {
        let names: BTreeSet<&Region> = self.regions.iter().map(|region| &region.name).collect();
        if names.is_empty() || names.len() != self.regions.len() || names.len() > MAX_WRAPPED_KEYS {
            return Err(DeploymentError::Regions);
        }
        if self.min_password_score > MAX_SCORE {
            return Err(DeploymentError::Score);
        }
        Self::check_env(&self.env)
    }

    /// Checks that an environment can be a part of API keys.
    pub(crate) fn check_env(env: &str) -> Result<(), DeploymentError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        if env.is_empty() || env.len() > 32 || !env.bytes().all(plain) { Err(DeploymentError::Env) } else { Ok(()) }
    }
}

impl RegionConfig {
    /// The region's base URL without trailing slash: the `aud` of requests.
    pub fn url(&self, listen: IpAddr) -> String {
        let host = match listen {
            IpAddr::V4(host) => host.to_string(),
            IpAddr::V6(host) => format!("[{host}]"),
        };
        self.public_url.clone().unwrap_or_else(|| format!("http://{host}:{}", self.port))
    }
}
