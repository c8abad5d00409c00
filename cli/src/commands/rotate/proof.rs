//! `umoja rotate proof-key`.

use clap::Args;
use serde_json::json;
use umoja_reconciler::jobs::prove::prove;
use umoja_reconciler::jobs::rotate;
use umoja_reconciler::{ProvingReport, prove_documents};
use umoja_store::rotation::ProofStep;
use umoja_store::secrets::SecretsDocument;

use crate::CliError;
use crate::commands::jobs::{Pace, Rotating, worker};
use crate::commands::target::{Opened, Target};
use crate::deployment::secrets::OldKeys;
use crate::output::{Output, note};

/// Rotate the secret by which regions recognise stored items as their own.
#[derive(Debug, Args)]
#[command(
    long_about = "Rotate the secret that proves stored items: every item of a replicated table, every company, the \
list of regions, every source and every event in the inbox carry a MAC under it, and what does not verify is neither used nor replicated.

The command publishes a new version of the secret, waits until every instance proves with it, and proves every stored \
item, company, setting and event again. Items keep their versions, so callers notice nothing. Proofs of older versions still \
verify after that, because a backup may hold them. `--retire` ends that: afterwards only the newest version verifies. \
Use it when an old version may have leaked, and restore no backup from before.

To complete a rotation that was interrupted, run the command again.

In AWS it needs, in every region: dynamodb:Scan, GetItem and PutItem on PREFIX-settings, \
PREFIX-users, PREFIX-journal, PREFIX-receipts, PREFIX-audit and PREFIX-companies; Scan and PutItem on PREFIX-inbox; kms:GenerateDataKey, Encrypt and \
Decrypt with the proof key, and Decrypt with the data key. With dynamodb:GetItem and PutItem on PREFIX-checkpoints it \
continues where it was stopped."
)]
#[command(after_help = "Examples:
  umoja rotate proof-key --prefix PREFIX --region eu-west-1
  umoja rotate proof-key --prefix PREFIX --region eu-west-1 --retire
  umoja rotate proof-key --dir DIR")]
pub(super) struct ProofKey {
    #[command(flatten)]
    target: Target,
    /// Retire the older versions: their proofs do not verify any more.
    #[arg(long)]
    retire: bool,
    #[command(flatten)]
    pace: Pace,
}

impl ProofKey {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let _alone = self.target.alone()?;
        let opened = self.target.open().await?;
        let (secrets, report) = self.rotate(&opened).await?;
        let version = secrets.proof_versions().pop().unwrap_or_default();
        let answer = json!({ "proof_key": version, "verify_from": secrets.proof_from, "proved": report.proved,
            "overtaken": report.overtaken, "unreadable": report.unreadable });
        output.answer(&answer, || {
            let verify = if secrets.proof_from == version {
                "no older version verifies".to_owned()
            } else {
                format!("versions from {} verify", secrets.proof_from)
            };
            format!("{} stored items are proved by version {version}; {verify}.", report.proved)
        });
        if report.unreadable > 0 {
            let unreadable = report.unreadable;
            return Err(CliError::Failed(format!(
                "{unreadable} stored items cannot be verified and were left as they are; `umoja doctor` names them"
            )));
        }
        Ok(())
    }

    /// Does every step that is left. Returns the secrets after that, and what was proved.
    async fn rotate(&self, opened: &Opened) -> Result<(SecretsDocument, ProvingReport), CliError> {
        let (mut secrets, _) = opened.regions_now().await?.newest_secrets().await?;
        let rotating = Rotating::new(opened, &self.pace, OldKeys::new());
        if secrets.proof_step() == ProofStep::Publish {
            rotate::proof_key(&rotating, &mut secrets).await?;
            note("a new version is published");
        } else {
            note("continuing with the version that is published");
        }
        rotate::proof_is_used(&rotating).await?;
        let version = secrets.proof_versions().pop().unwrap_or_default();
        let regions = opened.regions_now().await?;
        let deadline = regions.clock.now().plus(self.pace.timeout_secs.saturating_mul(1000));
        let mut all = ProvingReport::default();
        for region in &regions.list {
            let report = prove(&worker(&regions, self.pace.rate, deadline), &region.home, version).await?;
            all.proved += report.proved;
            all.overtaken += report.overtaken;
            all.unreadable += report.unreadable;
            prove_documents(&region.home).await.map_err(|source| CliError::Failed(source.to_string()))?;
        }
        if self.retire && all.unreadable == 0 {
            rotate::proof_key(&rotating, &mut secrets).await?;
            note("the older versions are retired");
        }
        Ok((secrets, all))
    }
}
