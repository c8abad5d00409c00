//! `umoja rotate index-key`.

use clap::Args;
use serde_json::json;
use umoja_reconciler::jobs::rotate::{self, Stepped};
use umoja_store::rotation::IndexStep;
use umoja_store::secrets::SecretsDocument;

use crate::CliError;
use crate::commands::jobs::{Pace, Rotating};
use crate::commands::target::{Opened, Target};
use crate::deployment::secrets::OldKeys;
use crate::output::{Output, note};

/// Rotate the key that e-mail addresses, phone numbers, user names and external ids are indexed by.
#[derive(Debug, Args)]
#[command(
    long_about = "Rotate the blind index key: the one that e-mail addresses, phone numbers, user names and external \
ids are indexed by. Users are served all the time. No user becomes unknown or can register twice.

The steps: a new key is made, and from then on identifiers are written and looked up under both keys; every profile \
without identifier ownerships under the new key is re-encrypted; when a pass over every region finds no such profile, \
and every profile has the same version in every region, the old key is dropped; then its ownerships are taken out of \
the profiles. Each step waits until every instance of a function, or the process that serves a directory, has read the \
step before. Every region has to answer, even one that does not serve.

Each profile is written twice, each time as a new version under a new data key. So a caller's `if_version` from before \
is rejected once, and the caller reads again. A concurrent change by another writer wins.

To complete a rotation that was interrupted, run the command again: the stored data shows which steps are left.

The command opens users' profiles in the memory of the machine on which it runs. In AWS it needs credentials that may, \
in every region: dynamodb:GetItem and PutItem on PREFIX-settings; Scan, GetItem and PutItem on PREFIX-users; GetItem, \
BatchGetItem, PutItem and DeleteItem on PREFIX-identifiers; UpdateItem on PREFIX-journal; kms:GenerateDataKey, Encrypt \
and Decrypt with the data key, for users' data keys too. With dynamodb:GetItem and PutItem on PREFIX-checkpoints it \
continues where it was stopped."
)]
#[command(after_help = "Examples:
  umoja rotate index-key --prefix PREFIX --region eu-west-1
  umoja rotate index-key --prefix PREFIX --region eu-west-1 --rate 1000
  umoja rotate index-key --prefix PREFIX --region eu-west-1 --no-new-key
  umoja rotate index-key --dir DIR")]
pub(super) struct IndexKey {
    #[command(flatten)]
    target: Target,
    /// Make no new key: only complete an interrupted rotation, and re-encrypt profiles whose identifier ownerships are
    /// not under the live key, for example after a table was restored from a backup.
    #[arg(long)]
    no_new_key: bool,
    #[command(flatten)]
    pace: Pace,
}

impl IndexKey {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let _alone = self.target.alone()?;
        let opened = self.target.open().await?;
        let (secrets, reencrypted) = self.rotate(&opened).await?;
        let version = secrets.index_key_versions().pop().unwrap_or_default();
        output.answer(&json!({ "index_key": version, "reencrypted": reencrypted }), || {
            format!("Identifiers are indexed by key {version} alone; profiles were re-encrypted {reencrypted} times.")
        });
        Ok(())
    }

    /// Does every step that is left. Returns the secrets after that, and how many parts were re-encrypted.
    async fn rotate(&self, opened: &Opened) -> Result<(SecretsDocument, u64), CliError> {
        let (mut secrets, was_interrupted) = opened.regions_now().await?.newest_secrets().await?;
        if secrets.index_step() != IndexStep::Publish {
            note("continuing the rotation that was interrupted");
        } else if was_interrupted {
            note("the changes of an interrupted command were replicated to the other regions");
        }
        let rotating = Rotating::new(opened, &self.pace, OldKeys::new());
        if self.no_new_key && secrets.index_step() == IndexStep::Publish {
            rotate::ownerships(&rotating, &secrets).await?;
            return Ok((secrets, rotating.reencrypted()));
        }
        loop {
            match rotate::index_key(&rotating, &mut secrets).await? {
                Stepped::Done(IndexStep::Publish) => note("a new key is published"),
                Stepped::Done(IndexStep::Drop) => {
                    note("every profile has ownerships under the new key; the old key is dropped");
                }
                Stepped::Done(IndexStep::Finish) => {
                    note("no profile has ownerships under the old key");
                    return Ok((secrets, rotating.reencrypted()));
                }
                Stepped::Behind => {}
            }
        }
    }
}
