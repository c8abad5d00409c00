//! `umoja reencrypt`: re-encrypts the parts that the new KMS key of a region cannot open.

use clap::Args;
use serde_json::json;
use umoja_reconciler::jobs::rotate;
use umoja_schema::Region;
use umoja_store::keyring::KeyRing;
use umoja_store::previous_kms_key::with_old_keys;

use super::jobs::{Pace, Rotating};
use super::target::{Opened, Target};
use crate::CliError;
use crate::deployment::secrets::{OldKeys, WRAP_BUDGET_MS};
use crate::deployment::{Cloud, Regions};
use crate::output::Output;

/// Have a region's new KMS key wrap every data key, after the old one was replaced.
#[derive(Debug, Args)]
#[command(
    long_about = "Have a region's KMS key wrap the data key of every record, after it was replaced by another key. \
Until then the region reads through the keys of other regions, which is slower, and it cannot read its data when those \
keys are out. The command is not for a KMS key that rotates by itself and keeps its ARN: its old material opens what \
it wrapped, and this command finds no record to re-encrypt.

In AWS, `terraform apply` makes the new key, `umoja init` takes it over and has it wrap the deployment's secrets, and \
then this command reads every record. Where the region's key cannot open its wrapped key, the command opens that of \
another region and re-encrypts the record as a new version, under a new data key that every region's key wraps. A \
concurrent change by another writer wins. A caller's `if_version` from before is rejected once. When a pass over every \
region finds no more such records, the old key is no longer needed.

With --old-key the old key, as long as it can be used, unwraps what no other region has wrapped. A deployment of one \
region needs that, and needs the old key already for `umoja init` (cancel its deletion before).

The command can be interrupted and run again. The exit code is 1 if no key opens some records; all other records are \
done then.

In a directory, whose keys are not replaced by other means, it repairs records whose wrapped key is damaged. A lost \
keyring.json is made again by `umoja region add --again`, which does the same.

The command opens records in the memory of the machine on which it runs. In AWS it needs credentials that may, in \
every region: dynamodb:GetItem and PutItem on PREFIX-settings; Scan, GetItem and PutItem on PREFIX-users; \
sqs:SendMessage on PREFIX-keys; kms:GenerateDataKey, Encrypt and Decrypt with the data key (and Decrypt with the old \
key), for users' data keys too. With dynamodb:GetItem and PutItem on PREFIX-checkpoints it continues where it was \
stopped."
)]
#[command(after_help = "Examples:
  umoja re-encrypt af-south-1 --prefix PREFIX --region eu-west-1
  umoja re-encrypt eu-west-1 --prefix PREFIX --region eu-west-1 \\
      --old-key arn:aws:kms:eu-west-1:111122223333:key/...
  umoja re-encrypt af-south-1 --dir DIR")]
pub(super) struct Reencrypt {
    /// The region whose key was replaced.
    name: Region,
    #[command(flatten)]
    target: Target,
    /// In AWS: the ARN of the key that the region had before, to unwrap what no other region has wrapped.
    #[arg(long, value_name = "ARN")]
    old_key: Option<String>,
    #[command(flatten)]
    pace: Pace,
}

impl Reencrypt {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let _alone = self.target.alone()?;
        let opened = self.target.open().await?;
        let old_keys = self.old_keys(&opened)?;
        let regions = opened.regions_now().await?;
        let region = regions.get(&self.name)?;
        if let Opened::Cloud(cloud, regions) = &opened {
            self.check_is_taken_over(cloud, regions).await?;
        }
        let usable = rotate::check_is_usable(&*region.home.own.keys).await;
        usable.map_err(|error| {
            CliError::Failed(format!("the KMS key of {} cannot be used with these credentials: {error}", self.name))
        })?;
        let ring = KeyRing::new(&with_old_keys(&regions.first()?.home, &old_keys), WRAP_BUDGET_MS);
        let rotating = Rotating::new(&opened, &self.pace, old_keys);
        let replaced = rotate::kms_key(&rotating, &self.name, ring).await?;
        let reencrypted = rotating.reencrypted();
        let answer = json!({ "region": self.name, "reencrypted": reencrypted, "secrets_wrapped": replaced.secrets });
        output.answer(&answer, || {
            format!("The key of {} opens every record by itself; {reencrypted} were re-encrypted.", self.name)
        });
        Ok(())
    }

    fn old_keys(&self, opened: &Opened) -> Result<OldKeys, CliError> {
        match (&self.old_key, opened) {
            (None, _) => Ok(OldKeys::new()),
            (Some(_), Opened::Local(_)) => Err(CliError::Usage(
                "--old-key is the ARN of a key in AWS, and this deployment is in a directory".into(),
            )),
            (Some(arn), Opened::Cloud(cloud, _)) => {
                Ok(OldKeys::from([(self.name.clone(), cloud.keys(&self.name, arn))]))
            }
        }
    }

    /// Terraform may have made a key that the deployment does not use yet.
    async fn check_is_taken_over(&self, cloud: &Cloud, regions: &Regions) -> Result<(), CliError> {
        let first = regions.first()?.name();
        let made = cloud.infrastructure(&self.name).await?.data_key;
        let document = cloud.document(first).await?;
        let used = document.as_ref().and_then(|document| document.get(&self.name));
        if used.is_none_or(|used| used.infrastructure.data_key == made) {
            return Ok(());
        }
        Err(CliError::Failed(format!(
            "Terraform has made a key in {} that the deployment does not use yet; run `umoja init --prefix {} --region \
             {first}` first",
            self.name,
            cloud.prefix()
        )))
    }
}
