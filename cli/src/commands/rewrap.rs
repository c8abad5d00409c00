//! `umoja rewrap`: a region has got another KMS key, and its entries are wrapped anew.

use clap::Args;
use serde_json::json;
use umoja_reconciler::jobs::rotate;
use umoja_schema::Region;
use umoja_store::keyring::KeyRing;
use umoja_store::old_key::with_old_keys;

use super::jobs::{Pace, Rotating};
use super::target::{Opened, Target};
use crate::CliError;
use crate::deployment::secrets::{OldKeys, WRAP_BUDGET_MS};
use crate::deployment::{Cloud, Regions};
use crate::output::Output;

/// Have a region's new KMS key wrap every data key, after the old one was replaced.
#[derive(Debug, Args)]
#[command(
    long_about = "Have a region's KMS key wrap the data key of every record, after it was replaced by another key: until \
then the region reads through other regions' keys, slower, and is without data when those are out. Not for a KMS key that \
rotates by itself, whose ARN stays: its old material opens what it wrapped, and this command finds nothing to do.

In AWS: `terraform apply` makes the new key, `umoja init` takes it over and has it wrap the deployment's secrets, and then \
this command looks at every record. Where the region's key does not open the region's entry, another region's entry is \
opened, and the record is written again: a new version under a new data key that every region's key wraps. A change that \
somebody makes at the same time wins. A caller's `if_version` from before is refused once. When a look at every region \
finds nothing more, the old key is needed no longer.

With --old-key the old key, as long as it can be used, unwraps what no other region has wrapped: a deployment of one region \
needs that, and needs the old key for `umoja init` already (cancel its deletion before).

It can be interrupted and run again. Exit code 1 if some records cannot be opened by any key; everything else is done then.

In a directory: after a region's keyring.json was lost, for which a new one is made by itself.

It opens records, in the memory of the machine on which it runs. In AWS it needs credentials that may, in every region: \
dynamodb:GetItem and PutItem on PREFIX-settings; Scan, GetItem and PutItem on PREFIX-users; sqs:SendMessage on PREFIX-keys; \
kms:GenerateDataKey, Encrypt and Decrypt with the data key (and Decrypt with the old key), for users' data keys too. \
dynamodb:GetItem and PutItem on PREFIX-sweeps besides let it go on where it was stopped."
)]
#[command(after_help = "Examples:
  umoja rewrap af-south-1 --prefix PREFIX --region eu-west-1
  umoja rewrap eu-west-1 --prefix PREFIX --region eu-west-1 --old-key arn:aws:kms:eu-west-1:111122223333:key/...
  umoja rewrap af-south-1 --dir DIR")]
pub(super) struct Rewrap {
    /// The region whose key is another one now.
    name: Region,
    #[command(flatten)]
    target: Target,
    /// In AWS: the ARN of the key that the region had before, to unwrap what no other region has wrapped.
    #[arg(long, value_name = "ARN")]
    old_key: Option<String>,
    #[command(flatten)]
    pace: Pace,
}

impl Rewrap {
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
        let rewritten = rotating.rewritten();
        let answer = json!({ "region": self.name, "rewritten": rewritten, "secrets_rewrapped": replaced.secrets });
        output.answer(&answer, || {
            format!("The key of {} opens every record by itself; {rewritten} were written again.", self.name)
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
