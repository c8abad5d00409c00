//! `umoja target add`: makes a target.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;
use serde_json::Map;
use umoja_provisioner::targets::default_mapping;
use umoja_schema::{CompanyId, Deprovisioning, Region, Target as Provisioned, TargetId, TargetKind};

use super::known::{check, check_home, secrets, settings, token};
use crate::commands::company;
use crate::commands::foreign::{self, OutboundLoopback};
use crate::commands::target::Target;
use crate::output::Output;
use crate::{CliError, files};

/// Add a target in every region. It gets the accounts of users who change from now on; `provision --all` gives it the others.
#[derive(Debug, Args)]
#[command(
    long_about = "Add a target in every region. From now on each change of a user of the company reaches it. The users that \
exist already get their accounts with `umoja target provision ID --all`, after `umoja target plan ID` has shown what that \
would do.

The kind scim speaks SCIM 2.0 to URL/Users. An account belongs to a user if its externalId is the user's id, and for no \
other reason. The kind http sends PUT, GET and DELETE to URL/USER-ID. The kind webhook posts each \
change to URL, with the whole account, as a message of Standard Webhooks.

Without --mapping a default is used, which docs/provisioning.md shows: a template whose texts are places in the user, in the \
language of import mappings. --scope is a condition of the same language, such as {\"from\": \"/profile/address/country\", \
\"is\": [\"KE\"]}: only users who meet it have an account.

The token is read from a file, sealed under the deployment's secrets, and never shown.

In AWS, the commands of `umoja target` need credentials that may, in every region: dynamodb:GetItem, PutItem, DeleteItem \
and Scan on PREFIX-settings; GetItem and Scan on PREFIX-companies. `add` and `set` also need kms:Decrypt with the key of \
the region that is asked first. `provision`, `redrive`, `drift`, `move` and `resume` also need, in the home of the target: \
GetItem, PutItem, DeleteItem and Query on PREFIX-due; GetItem, PutItem and Scan on PREFIX-target_accounts; GetItem, Query and \
Scan on PREFIX-users; Query on PREFIX-linked_accounts; GetItem and PutItem on PREFIX-checkpoints; sqs:SendMessage to \
PREFIX-deliver; kms:Decrypt with the data key."
)]
#[command(after_help = "Examples:
  umoja target add soko-crm --company soko --kind scim \\
      --url https://crm.example/scim/v2 --token-file token.txt --dir DIR
  umoja target add soko-erp --company soko --kind http \\
      --url https://erp.example/users --mapping erp.json --scope kenya.json \\
      --deprovisioning delete --rate 5 --dir DIR")]
pub(super) struct Add {
    /// Its id, such as soko-crm.
    id: TargetId,
    #[command(flatten)]
    target: Target,
    /// The company whose users it has.
    #[arg(long, value_name = "COMPANY")]
    company: CompanyId,
    /// What it speaks: scim, http or webhook.
    #[arg(long, value_parser = kind)]
    kind: TargetKind,
    /// Its base URL: https, or http on this machine.
    #[arg(long, value_parser = url)]
    url: String,
    #[command(flatten)]
    loopback: OutboundLoopback,
    /// A file with the bearer token, or of the kind webhook with the secret that signs (whsec_...).
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The template of an account (JSON) [default: that of the kind].
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// A condition (JSON) that users have to meet [default: all users of the company].
    #[arg(long, value_name = "FILE")]
    scope: Option<PathBuf>,
    /// What becomes of the account of a user who leaves the scope or is merged: disable, delete or leave.
    #[arg(long, default_value = "disable", value_parser = deprovisioning)]
    deprovisioning: Deprovisioning,
    /// The most calls in a second.
    #[arg(long, value_name = "N", default_value_t = Provisioned::DEFAULT_RATE)]
    rate: NonZeroU32,
    /// The region that delivers to it [default: the first region].
    #[arg(long, value_name = "REGION")]
    home: Option<Region>,
}

fn kind(text: &str) -> Result<TargetKind, String> {
    let names = || TargetKind::ALL.map(TargetKind::as_str).join(", ");
    TargetKind::from_name(text).ok_or_else(|| format!("choose one of {}", names()))
}

pub(super) fn deprovisioning(text: &str) -> Result<Deprovisioning, String> {
    let names = || Deprovisioning::ALL.map(Deprovisioning::as_str).join(", ");
    Deprovisioning::from_name(text).ok_or_else(|| format!("choose one of {}", names()))
}

pub(super) fn url(text: &str) -> Result<String, String> {
    foreign::url(text.trim_end_matches('/'))
}

/// A target with the default mapping, for all users of its company.
pub(in crate::commands) fn new_target(
    id: &TargetId,
    kind: TargetKind,
    company: &CompanyId,
    url: &str,
    home: Region,
) -> Provisioned {
    Provisioned {
        id: id.clone(),
        revision: 0,
        company: company.clone(),
        kind,
        url: url.to_owned(),
        home,
        epoch: 0,
        enabled: true,
        token: None,
        mapping: default_mapping(kind),
        scope: None,
        deprovisioning: Deprovisioning::Disable,
        rate: Provisioned::DEFAULT_RATE,
        removals_until: None,
        removed: None,
        unknown: Map::new(),
    }
}

impl Add {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        self.loopback.check(&self.url)?;
        let mapping = match &self.mapping {
            Some(path) => files::json(path)?,
            None => default_mapping(self.kind),
        };
        let scope = self.scope.as_deref().map(files::json).transpose()?;
        check(&mapping, scope.as_ref())?;
        let token = self.token_file.as_deref().map(|path| token(self.kind, path)).transpose()?;
        if token.is_none() && self.kind == TargetKind::Webhook {
            return Err(CliError::Usage(
                "a target of the kind webhook needs --token-file with the secret that signs".into(),
            ));
        }
        let (deployment, _alone) = self.target.changing_documents().await?;
        company::known(&deployment, &self.company).await?;
        let home = match &self.home {
            Some(home) => home.clone(),
            None => deployment.list.first().map_or(deployment.first()?.name(), |first| first.name()).clone(),
        };
        check_home(&deployment, &home)?;
        let token = match token {
            Some(token) => {
                let secrets = secrets(deployment.first()?).await?;
                Some(secrets.seal_target_token(&self.id, &token, &*deployment.entropy))
            }
            None => None,
        };
        let target = Provisioned {
            token,
            mapping,
            scope,
            deprovisioning: self.deprovisioning,
            rate: self.rate,
            ..new_target(&self.id, self.kind, &self.company, &self.url, home)
        };
        let changed = deployment.change(&self.id, |stored: Option<Provisioned>| match stored {
            // A write whose answer was lost may have stored it already.
            Some(stored) if stored.is_ended() => Err(CliError::Failed(format!(
                "there was a target {} that was removed; what it had is kept under this id for erasures, so take another id",
                self.id
            ))),
            Some(stored) if stored != (Provisioned { revision: stored.revision, ..target.clone() }) => {
                Err(CliError::Failed(format!(
                    "the target {0} exists already; change it with `umoja target set {0}`",
                    self.id
                )))
            }
            _ => Ok(target.clone()),
        });
        let changed = changed.await?;
        let (id, place) = (&self.id, self.target.arguments());
        output.answer(&settings(&changed.document), || {
            format!(
                "The target {id} ({}) gets the users of {}; {} delivers to it.\nNext: see what the users that exist already \
                 would mean, and send them:\n  umoja target plan {id} {place}\n  umoja target provision {id} --all {place}",
                self.kind.as_str(),
                self.company,
                changed.document.home
            )
        });
        changed.everywhere
    }
}
