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
    long_about = "Rotate the blind index key: the one that e-mail addresses, phone numbers, user names and external ids are \
indexed by. Users are served all the time, and nobody becomes unknown or can register twice.

In this order: a new key is made, and from then on everything is written and looked up under both; every profile that has \
no claims under the new key is written again; when a look at every region finds none, and every profile is in every region \
in the same version, the old key is dropped; then the claims that it made are taken out of the profiles. Each step waits until every instance of a \
function, or the process that serves a directory, has read the one before. Every region has to answer, those too that do not serve.

Each profile is written twice, each time as a new version under a new data key. So a caller's `if_version` from before is \
refused once, and the caller reads again. A change that somebody makes at the same time wins.

A rotation that was interrupted is completed by running the command again: what is left shows in what is stored.

It opens users' profiles, in the memory of the machine on which it runs. In AWS it needs credentials that may, in every \
region: dynamodb:GetItem and PutItem on PREFIX-settings; Scan, GetItem and PutItem on PREFIX-users; GetItem, BatchGetItem, \
PutItem and DeleteItem on PREFIX-identifiers; UpdateItem on PREFIX-journal; kms:GenerateDataKey, Encrypt and Decrypt with \
the data key, for users' data keys too. \
dynamodb:GetItem and PutItem on PREFIX-sweeps besides let it go on where it was stopped."
)]
#[command(after_help = "Examples:
  umoja rotate index-key --prefix PREFIX --region eu-west-1
  umoja rotate index-key --prefix PREFIX --region eu-west-1 --rate 1000
  umoja rotate index-key --prefix PREFIX --region eu-west-1 --no-new-key
  umoja rotate index-key --dir DIR")]
pub(super) struct IndexKey {
    #[command(flatten)]
    target: Target,
    /// Make no new key: only complete what was interrupted, and write profiles again whose claims are not those of the live
    /// key, as after a table was restored from a backup.
    #[arg(long)]
    no_new_key: bool,
    #[command(flatten)]
    pace: Pace,
}

impl IndexKey {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let _alone = self.target.alone()?;
        let opened = self.target.open().await?;
        let (secrets, rewritten) = self.rotate(&opened).await?;
        let version = secrets.index_key_versions().pop().unwrap_or_default();
        output.answer(&json!({ "index_key": version, "rewritten": rewritten }), || {
            format!("Identifiers are indexed by key {version} alone; profiles were written {rewritten} times.")
        });
        Ok(())
    }

    /// Does every step that is left; gives the secrets as they are then, and how many parts were written.
    async fn rotate(&self, opened: &Opened) -> Result<(SecretsDocument, u64), CliError> {
        let (mut secrets, was_interrupted) = opened.regions_now().await?.newest_secrets().await?;
        if secrets.index_step() != IndexStep::Publish {
            note("going on with the rotation that was interrupted");
        } else if was_interrupted {
            note("what an interrupted command left in some regions only was brought to the others");
        }
        let rotating = Rotating::new(opened, &self.pace, OldKeys::new());
        if self.no_new_key && secrets.index_step() == IndexStep::Publish {
            rotate::claims(&rotating, &secrets).await?;
            return Ok((secrets, rotating.rewritten()));
        }
        loop {
            match rotate::index_key(&rotating, &mut secrets).await? {
                Stepped::Done(IndexStep::Publish) => note("a new key is published"),
                Stepped::Done(IndexStep::Drop) => {
                    note("every profile has claims under the new key; the old key is dropped");
                }
                Stepped::Done(IndexStep::Finish) => {
                    note("no profile has claims under the old key");
                    return Ok((secrets, rotating.rewritten()));
                }
                Stepped::Behind => {}
            }
        }
    }
}
