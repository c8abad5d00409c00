//! `umoja rotate index-key`.

use clap::Args;
use serde_json::json;
use umoja_store::rotation::IndexStep;
use umoja_store::secrets::{Secrets, SecretsDocument};

use crate::CliError;
use crate::commands::rewrite::{Behind, Pace, Rewriter};
use crate::commands::target::{Opened, Target};
use crate::deployment::secrets::OldKeys;
use crate::output::{Output, note};

/// Secrets are only unwrapped here: no peer has to wrap anything in time.
const NO_WRAPS: u64 = 0;

/// Rotate the key that e-mail addresses, phone numbers, user names and external ids are indexed by.
#[derive(Debug, Args)]
#[command(
    long_about = "Rotate the blind index key: the one that e-mail addresses, phone numbers, user names and external ids are \
indexed by. Users are served all the time, and nobody becomes unknown or can register twice.

In this order: a new key is made, and from then on everything is written and looked up under both; every profile that has \
no claims under the new key is written again; when a look at every region finds none, and every profile is in every region \
in the same version, the old key is dropped; then the claims that it made are taken out of the profiles. In AWS each step waits until every instance of a function has read the \
one before. Every region has to answer, those too that do not serve.

Each profile is written twice, each time as a new version under a new data key. So a caller's `if_version` from before is \
refused once, and the caller reads again. A change that somebody makes at the same time wins.

A rotation that was interrupted is completed by running the command again: what is left shows in what is stored.

In a directory the deployment must not be served meanwhile.

It opens users' profiles, in the memory of the machine on which it runs. In AWS it needs credentials that may, in every \
region: dynamodb:GetItem and PutItem on PREFIX-settings; Scan, GetItem and PutItem on PREFIX-users; GetItem, BatchGetItem, \
PutItem and DeleteItem on PREFIX-identifiers; UpdateItem on PREFIX-journal; kms:GenerateDataKey, Encrypt and Decrypt with \
the data key, for users' data keys too."
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
        let opened = self.target.open().await?;
        let _not_served = opened.lock()?;
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
        let mut rewritten = 0;
        if self.no_new_key && secrets.index_step() == IndexStep::Publish {
            let rewritten = self.rewrite(opened, &secrets, "claims under other keys", false).await?;
            return Ok((secrets, rewritten));
        }
        loop {
            let (what, waits_for) = match secrets.index_step() {
                IndexStep::Publish => ("", ""),
                IndexStep::Drop => ("claims under the new key", "writes and looks under both keys"),
                IndexStep::Finish => ("claims under the old key", "knows the new key only"),
            };
            if secrets.index_step() != IndexStep::Publish {
                self.pace.wait_for_settings(opened, waits_for).await;
                rewritten += self.rewrite(opened, &secrets, what, false).await?;
            }
            if secrets.index_step() == IndexStep::Drop {
                note("comparing the regions: nothing without claims under the new key may be on its way");
                rewritten += self.rewrite(opened, &secrets, what, true).await?;
            }
            // Another region may have come meanwhile.
            let step = opened.regions_now().await?.rotate_index(&mut secrets).await?;
            match step {
                IndexStep::Publish => note("a new key is published"),
                IndexStep::Drop => note("every profile has claims under the new key; the old key is dropped"),
                IndexStep::Finish => {
                    note("no profile has claims under the old key");
                    return Ok((secrets, rewritten));
                }
            }
        }
    }

    async fn rewrite(
        &self,
        opened: &Opened,
        document: &SecretsDocument,
        what: &'static str,
        arrived: bool,
    ) -> Result<u64, CliError> {
        let ring = opened.regions_now().await?.ring(NO_WRAPS)?;
        let secrets = Secrets::open(document, &ring).await?;
        let rewriter = Rewriter { opened, pace: &self.pace, what, old_keys: OldKeys::new() };
        let behind = if arrived { Behind::ClaimsArrived(&secrets) } else { Behind::Claims(&secrets) };
        rewriter.run(behind).await
    }
}
