//! `umoja target set`, `pause`, `resume` and `move`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{ArgGroup, Args};
use serde_json::json;
use umoja_provisioner::targets::Code;
use umoja_schema::{Deprovisioning, Region, Target as Provisioned, TargetId};

use super::add::{deprovisioning, url};
use super::known::{AtHome, change_known, check, check_home, failed, known, secrets, settings, token};
use crate::commands::foreign::OutboundLoopback;
use crate::commands::target::Target;
use crate::output::{Output, counted};
use crate::{CliError, files};

/// For how long an operator lets removals through, in milliseconds.
const REMOVALS_MS: u64 = 24 * 3_600_000;

/// Let the changes for a target wait. They are delivered after `umoja target resume`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  umoja target pause soko-crm --dir DIR
  umoja target pause soko-crm --prefix PREFIX --region eu-west-1")]
pub(super) struct Pause {
    /// The target's id.
    id: TargetId,
    #[command(flatten)]
    target: Target,
}

/// Deliver to a paused target again, or let removals through that are held.
#[derive(Debug, Args)]
#[command(long_about = "Deliver to a paused target again, those changes first that wait.

A target that would lose more than 20 accounts or 5 % of all within an hour is protected: further removals are held until \
an operator has looked. `umoja target list --failed` names the users. --removals lets all removals through for 24 hours, \
and has the held ones tried again.")]
#[command(after_help = "Examples:
  umoja target resume soko-crm --dir DIR
  umoja target resume soko-crm --removals --dir DIR")]
pub(super) struct Resume {
    /// The target's id.
    id: TargetId,
    #[command(flatten)]
    target: Target,
    /// Let removals through for 24 hours, however many they are.
    #[arg(long)]
    removals: bool,
}

/// Move a target to another region, which delivers to it from now on.
#[derive(Debug, Args)]
#[command(
    long_about = "Move a target to another region, which delivers to it from now on. The new home has what the old \
one sent by replication, and sends each account once more, because the last deliveries of the old home may not have \
arrived. Until regions that are being served have taken the change over (5 seconds), both may send: each sends the whole \
state of a user, so the later one corrects the other."
)]
#[command(after_help = "Examples:
  umoja target move soko-crm --to af-south-1 --dir DIR")]
pub(super) struct Move {
    /// The target's id.
    id: TargetId,
    #[command(flatten)]
    target: Target,
    /// The region that delivers to it from now on.
    #[arg(long, value_name = "REGION")]
    to: Region,
}

/// The options that change something; at least one of them is needed.
const CHANGES: [&str; 7] = ["url", "token_file", "mapping", "scope", "no_scope", "deprovisioning", "rate"];

/// Change a target: its token, its URL, its mapping, its scope, its rule. What is not named stays.
#[derive(Debug, Args)]
#[command(
    long_about = "Change a target. What is not named stays. The change takes effect within 5 seconds in regions that are \
being served, for users who change from then on; `umoja target provision ID --all` brings all others up to date. See with \
`umoja target plan` before what another scope means."
)]
#[command(after_help = "Examples:
  umoja target set soko-crm --token-file token.txt --dir DIR
  umoja target set soko-crm --mapping erp.json --rate 5 --dir DIR")]
#[command(override_usage = "umoja target set [OPTIONS] <ID>")]
#[command(group(ArgGroup::new("change").required(true).multiple(true).args(CHANGES)))]
pub(super) struct Set {
    /// The target's id.
    id: TargetId,
    #[command(flatten)]
    target: Target,
    /// Its base URL: https, or http on this machine.
    #[arg(long, value_parser = url)]
    url: Option<String>,
    #[command(flatten)]
    loopback: OutboundLoopback,
    /// A file with the bearer token.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The template of an account (JSON).
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// A condition (JSON) that users have to meet.
    #[arg(long, value_name = "FILE", conflicts_with = "no_scope")]
    scope: Option<PathBuf>,
    /// All users of the company have accounts.
    #[arg(long)]
    no_scope: bool,
    /// What becomes of the account of a user who leaves the scope or is merged: disable, delete or leave.
    #[arg(long, value_parser = deprovisioning)]
    deprovisioning: Option<Deprovisioning>,
    /// The most calls in a second.
    #[arg(long, value_name = "N")]
    rate: Option<NonZeroU32>,
}

impl Pause {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let changed = change_known(&deployment, &self.id, |target| {
            target.enabled = false;
            Ok(())
        });
        changed.await?.everywhere?;
        let (id, place) = (&self.id, self.target.arguments());
        output.answer(&json!({ "id": id, "enabled": false }), || {
            format!(
                "The target {id} is paused within 5 seconds in regions that are being served: changes wait. \
                 `umoja target resume {id} {place}` delivers them."
            )
        });
        Ok(())
    }
}

impl Resume {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        let until = self.removals.then(|| deployment.clock.now().plus(REMOVALS_MS));
        let changed = change_known(&deployment, &self.id, |target| {
            target.enabled = true;
            target.removals_until = until.or(target.removals_until);
            Ok(())
        });
        let changed = changed.await?;
        let mut held = 0;
        if let Ok(region) = deployment.get(&changed.document.home) {
            region.home.wake(&Provisioned::setting(&self.id)).await;
        }
        if self.removals {
            let AtHome { provisioner, known } = AtHome::open(&deployment, changed.document.clone(), false).await?;
            let redriven = provisioner.redrive(&known, Some(Code::Held)).await.map_err(failed)?;
            held = redriven.counts.values().sum();
        }
        changed.everywhere?;
        let id = &self.id;
        output.answer(&json!({ "id": id, "enabled": true, "removals_tried_again": held }), || {
            let resumed = format!("The target {id} is resumed: changes that wait are delivered.");
            if self.removals {
                format!("{resumed} Removals are let through for 24 hours; {} tried again.", counted(held, "account"))
            } else {
                resumed
            }
        });
        Ok(())
    }
}

impl Move {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (deployment, _alone) = self.target.changing_documents().await?;
        check_home(&deployment, &self.to)?;
        let changed = change_known(&deployment, &self.id, |target| {
            if target.home != self.to {
                target.home.clone_from(&self.to);
                target.epoch += 1;
            }
            Ok(())
        });
        let changed = changed.await?;
        let AtHome { provisioner, known } = AtHome::open(&deployment, changed.document.clone(), false).await?;
        let rung = provisioner.ring_all(&known).await.map_err(failed)?;
        changed.everywhere?;
        let (id, to) = (&self.id, &self.to);
        output.answer(&json!({ "id": id, "home": to, "epoch": changed.document.epoch, "rung": rung }), || {
            format!("{to} delivers to the target {id} from now on, and looks at {}.", counted(rung, "account"))
        });
        Ok(())
    }
}

impl Set {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        self.url.as_deref().map_or(Ok(()), |url| self.loopback.check(url))?;
        let mapping = self.mapping.as_deref().map(files::json).transpose()?;
        let scope = self.scope.as_deref().map(files::json).transpose()?;
        let (deployment, _alone) = self.target.changing_documents().await?;
        let before = known(&deployment, &self.id).await?;
        let token = self.token_file.as_deref().map(|path| token(before.kind, path)).transpose()?;
        check(mapping.as_ref().unwrap_or(&before.mapping), scope.as_ref())?;
        let sealed = match token {
            Some(token) => {
                let secrets = secrets(deployment.first()?).await?;
                Some(secrets.seal_target_token(&self.id, &token, &*deployment.entropy))
            }
            None => None,
        };
        let changed = change_known(&deployment, &self.id, |target| {
            if let Some(url) = &self.url {
                target.url.clone_from(url);
            }
            if let Some(mapping) = &mapping {
                target.mapping = mapping.clone();
            }
            if self.no_scope {
                target.scope = None;
            } else if scope.is_some() {
                target.scope.clone_from(&scope);
            }
            if sealed.is_some() {
                target.token.clone_from(&sealed);
            }
            target.deprovisioning = self.deprovisioning.unwrap_or(target.deprovisioning);
            target.rate = self.rate.unwrap_or(target.rate);
            Ok(())
        });
        let changed = changed.await?;
        changed.everywhere?;
        output.answer(&settings(&changed.document), || {
            format!(
                "The target {0} is changed; this takes effect within 5 seconds in regions that are being served. `umoja target \
                 provision {0} --all {1}` brings all accounts up to date.",
                self.id,
                self.target.arguments()
            )
        });
        Ok(())
    }
}
