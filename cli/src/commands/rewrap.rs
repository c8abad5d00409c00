//! `umoja rewrap`: a region has got another KMS key, and its entries are wrapped anew.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;
use umoja_schema::Region;
use umoja_store::ports::{EncryptionContext, Keys, KeysError};

use super::rewrite::{Behind, Pace, Rewriter};
use super::target::{Opened, Target};
use crate::CliError;
use crate::deployment::secrets::OldKeys;
use crate::deployment::{Cloud, Regions};
use crate::output::{Output, note};

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

In a directory: after a region's keyring.json was lost, for which a new one is made by itself. The deployment must not be \
served meanwhile.

It opens records, in the memory of the machine on which it runs. In AWS it needs credentials that may, in every region: \
dynamodb:GetItem and PutItem on PREFIX-settings; Scan, GetItem and PutItem on PREFIX-users; sqs:SendMessage on PREFIX-keys; \
kms:GenerateDataKey, Encrypt and Decrypt with the data key (and Decrypt with the old key), for users' data keys too."
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
        let opened = self.target.open().await?;
        let _not_served = opened.lock()?;
        let old_keys = self.old_keys(&opened)?;
        let regions = opened.regions_now().await?;
        let region = regions.get(&self.name)?;
        if let Opened::Cloud(cloud, regions) = &opened {
            self.check_is_taken_over(cloud, regions).await?;
        }
        check_is_usable(&region.home.own.name, &*region.home.own.keys).await?;
        let secrets = !regions.secrets_are_wrapped_by(&self.name).await?;
        if secrets {
            note(&format!("{}: the deployment's secrets are wrapped by its key", self.name));
            regions.ensure_secrets_anew(&BTreeSet::from([self.name.clone()]), &old_keys).await?;
        }
        self.pace.wait_for_settings(&opened, "uses the new key").await;
        let rewriter = Rewriter { opened: &opened, pace: &self.pace, what: "records under another key", old_keys };
        let rewritten = rewriter.run(Behind::WrappedBy(&self.name)).await?;
        let answer = json!({ "region": self.name, "rewritten": rewritten, "secrets_rewrapped": secrets });
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

/// A key that refuses everything, to these credentials, looks like one that wrapped nothing: every record would be written
/// again for it, in vain.
async fn check_is_usable(region: &Region, keys: &dyn Keys) -> Result<(), CliError> {
    let context = EncryptionContext::from([("umoja:id".into(), "probe".into())]);
    let tried = async {
        let (_, wrapped) = keys.generate(&context).await?;
        keys.unwrap(&wrapped, &context).await.map(drop)
    };
    tried.await.map_err(|error: KeysError| {
        CliError::Failed(format!("the KMS key of {region} cannot be used with these credentials: {error}"))
    })
}
