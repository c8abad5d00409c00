//! `umoja source set`, `pause` and `resume`: changes what a source may do, and whether its events are applied.

use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::json;
use umoja_schema::{IngestSource, Region, SourceId, SourceKind};

use super::known::{change_known, check_allowed, check_home, check_legacy, known, mapping};
use super::shown::settings;
use super::tokens::TokenArguments;
use crate::CliError;
use crate::commands::target::Target;
use crate::commands::{company, inbox};
use crate::deployment::Regions;
use crate::output::{Output, counted, verb};

/// Let the events of a source wait: they are accepted, and applied after `umoja source resume`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja source pause soko-auth0 --dir DIR
  umoja source pause soko-auth0 --prefix PREFIX --region eu-west-1")]
pub(super) struct Pause {
    /// The source's id.
    id: SourceId,
    #[command(flatten)]
    target: Target,
}

/// Apply the events of a paused source again, those first that wait.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja source resume soko-auth0 --dir DIR
  umoja source resume soko-auth0 --prefix PREFIX --region eu-west-1")]
pub(super) struct Resume {
    /// The source's id.
    id: SourceId,
    #[command(flatten)]
    target: Target,
}

/// The options that change something; at least one of them is needed.
const CHANGES: [&str; 9] = [
    "home",
    "mapping",
    "may_disable",
    "may_erase",
    "legacy_get",
    "no_legacy_get",
    "retire_signing_key",
    "issuer",
    "no_issuer",
];

/// Change a source: its mapping, its home region, what it may do. What is not named stays.
#[derive(Debug, Args)]
#[command(long_about = "Change a source: its mapping, its home region, what it may do. What is not named stays. The \
change takes effect within 5 seconds in regions that are being served.

Move the home only while no event of the source waits: `umoja source pause` first, let the queue of the old home become \
empty (`umoja source list` shows it), then set the home, then `umoja source resume`. Otherwise two regions may apply \
events about one person at the same time, and the older event may win. While the old home is out, nothing shows what \
waits there: events that it accepted are handed to the new home once it is back, and an event that is older than what \
the new home has applied is dropped.")]
#[command(after_help = "Examples:
  umoja source set soko-crm --mapping crm-2.json --dir DIR
  umoja source set soko-auth0 --may-erase true --dir DIR
  umoja source set soko-auth0 --no-legacy-get --dir DIR
  umoja source set soko-auth0 --issuer https://soko.eu.auth0.com/ \\
      --audience https://api.soko.example --dir DIR
  umoja source set soko-auth0 --home af-south-1 \\
      --prefix PREFIX --region eu-west-1")]
#[command(override_usage = "umoja source set [OPTIONS] <ID>")]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(CHANGES)))]
pub(super) struct Set {
    /// The source's id.
    id: SourceId,
    #[command(flatten)]
    target: Target,
    /// The region that applies its events.
    #[arg(long, value_name = "REGION")]
    home: Option<Region>,
    /// The mapping of its events, for the kind generic.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// Whether a suspension at the provider disables the user for all companies.
    #[arg(long, value_name = "BOOL")]
    may_disable: Option<bool>,
    /// Whether a deletion at the provider erases a person to whom no other company is linked.
    #[arg(long, value_name = "BOOL")]
    may_erase: Option<bool>,
    /// Take the old form of an Action too: a GET whose query string has this topic, a subject and a message.
    #[arg(long, value_name = "TOPIC", conflicts_with = "no_legacy_get")]
    legacy_get: Option<String>,
    /// End the old form.
    #[arg(long)]
    no_legacy_get: bool,
    /// End this signing key (`kid`); another one has to stay.
    #[arg(long, value_name = "KID")]
    retire_signing_key: Option<String>,
    #[command(flatten)]
    tokens: TokenArguments,
    /// Take no tokens of the provider any more.
    #[arg(long, conflicts_with = "issuer")]
    no_issuer: bool,
}

impl Pause {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        set_enabled(&self.target, &self.id, false, output).await
    }
}

impl Resume {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        set_enabled(&self.target, &self.id, true, output).await
    }
}

async fn set_enabled(target: &Target, id: &SourceId, enabled: bool, output: Output) -> Result<(), CliError> {
    let (deployment, directory) = target.changing_documents().await?;
    let changed = change_known(&deployment, id, |source| {
        source.enabled = enabled;
        Ok(())
    });
    let changed = changed.await?;
    let kind = changed.document.kind;
    changed.everywhere?;
    // In AWS the schedule rings, with permissions that operators do not need.
    let mut rung = None;
    if enabled && directory.is_some() {
        let mut all = 0;
        for region in &deployment.list {
            all += inbox::ring(region, id, deployment.clock.now()).await.map_err(|error| region.failed(error))?;
        }
        rung = Some(all);
    }
    output.answer(&json!({ "id": id, "enabled": enabled, "rung": rung }), || {
        if let Some(rung) = rung {
            format!("The source {id} is resumed: {} {} applied now.", counted(rung, "event"), verb(rung, "is", "are"))
        } else if enabled {
            format!("The source {id} is resumed: events that wait are applied within ten minutes.")
        } else if kind == SourceKind::Scim {
            format!("The source {id} is paused within 5 seconds in regions that are being served: requests get 503.")
        } else {
            format!(
                "The source {id} is paused within 5 seconds in regions that are being served: its events are accepted \
                 and wait. `umoja source resume {id} {}` applies them.",
                target.arguments()
            )
        }
    });
    Ok(())
}

impl Set {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let before = known(&deployment, &self.id).await?;
        let mapping = match &self.mapping {
            Some(path) => mapping(before.kind, Some(path))?,
            None => None,
        };
        let tokens = self.tokens.tokens(before.kind)?;
        self.check(&deployment, &before).await?;
        let changed = change_known(&deployment, &self.id, |source| {
            if let Some(home) = &self.home {
                source.home.clone_from(home);
            }
            if let Some(mapping) = &mapping {
                source.mapping = Some(mapping.clone());
            }
            source.allowed.disable = self.may_disable.unwrap_or(source.allowed.disable);
            source.allowed.erase = self.may_erase.unwrap_or(source.allowed.erase);
            if self.no_legacy_get {
                source.legacy_get = None;
            } else if self.legacy_get.is_some() {
                source.legacy_get.clone_from(&self.legacy_get);
            }
            if self.no_issuer || tokens.is_some() {
                source.tokens.clone_from(&tokens);
            }
            self.retire(source)?;
            check_legacy(source.kind, !source.signing_keys.is_empty(), source.legacy_get.as_deref())
        });
        let changed = changed.await?;
        changed.everywhere?;
        output.answer(&settings(&changed.document, deployment.clock.now().secs()), || {
            format!(
                "The source {} is changed; this takes effect within 5 seconds in regions that are being served.",
                self.id
            )
        });
        Ok(())
    }

    /// Rejects what the source may not become.
    async fn check(&self, deployment: &Regions, source: &IngestSource) -> Result<(), CliError> {
        if let Some(home) = &self.home {
            check_home(deployment, home)?;
        }
        let mut asked = source.allowed;
        asked.disable = self.may_disable == Some(true);
        asked.erase = self.may_erase == Some(true);
        if asked.disable || asked.erase {
            check_allowed(&company::known(deployment, &source.company).await?, asked)?;
        }
        Ok(())
    }

    fn retire(&self, source: &mut IngestSource) -> Result<(), CliError> {
        let Some(kid) = &self.retire_signing_key else { return Ok(()) };
        let id = &self.id;
        if source.signing_keys.iter().all(|key| key.kid != *kid) {
            return Err(CliError::Failed(format!(
                "the source {id} has no signing key {kid}; `umoja source list` shows the ids of its keys"
            )));
        }
        if source.signing_keys.len() == 1 {
            return Err(CliError::Failed(format!(
                "{kid} is the only signing key of {id}, without which an API key would be enough; give it another one \
                 first with `umoja source rotate {id} --sign`"
            )));
        }
        source.signing_keys.retain(|key| key.kid != *kid);
        Ok(())
    }
}
