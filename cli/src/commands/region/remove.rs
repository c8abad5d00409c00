//! `umoja region remove`: replicates what only the region holds, takes the region off the list, and drops its wrapped
//! keys.

use std::path::Path;

use clap::Args;
use serde::Serialize;
use umoja_reconciler::BackfillReport;
use umoja_reconciler::jobs::JobError;
use umoja_reconciler::jobs::backfill::{BackfillJob, Repairs};
use umoja_reconciler::jobs::drop_wrapped_keys::{Dropped, check_without, drop_keys, wrap_elsewhere};
use umoja_schema::{Millis, Region};
use umoja_store::{Home, RegionState};

use super::change::{Pace, find, newest_list, on_its_way, reject_last, unknown};
use super::freeze::set_state;
use crate::CliError;
use crate::commands::target::{Place, Target, connect, no_region};
use crate::deployment::served::settings_are_read;
use crate::deployment::{Cloud, DeployedRegion, Deployment, Regions, locks};
use crate::output::Output;

/// Remove a region from a deployment.
#[derive(Debug, Args)]
#[command(long_about = "Remove a region from a deployment.

The steps: every region that stays opens the deployment's secrets with its own key; the region stops serving; every \
part and row that another region lacks is replicated there; every region that stays opens every part with its own \
key, and what it does not open is repaired with the keys of the others, also of the leaving region; then the region \
is taken off the list of regions everywhere; then its wrapped keys of users' data keys and of the deployment's \
secrets are dropped, each after the key of a region that stays has just opened the same part or secret. Until the \
region is off the list, `umoja region thaw` lets it serve again. Afterwards, destroy its tables, its key and the \
others' retry queues for it with Terraform; in a directory its files are left.

With --lost, for a region that is gone for good or does not answer, the steps that need the region are left out. \
Changes that it had accepted and not sent are lost, and so is every part that only its key can open. The command \
checks first that the regions that stay open the secrets and every part with their own keys, and stops if they do \
not open some parts. With --accept-loss it continues, reports how many those are, and their entries stay. The region \
no longer blocks `umoja init`, `rotate` and `region add`.

Each step can be repeated: after an interruption, run the same command again. It continues where it was, even after \
the region is off the list.

The other regions serve users all the time. In AWS it needs credentials that may, in every region: dynamodb:GetItem \
and PutItem on PREFIX-settings; Scan, GetItem, PutItem and UpdateItem on PREFIX-users; Query, PutItem and DeleteItem \
on PREFIX-linked_accounts; GetItem, BatchGetItem, PutItem and DeleteItem on PREFIX-identifiers; Scan, GetItem and \
PutItem on PREFIX-journal, PREFIX-receipts and PREFIX-audit, UpdateItem on PREFIX-journal; sqs:SendMessage and \
GetQueueAttributes on PREFIX-keys; kms:GenerateDataKey, Encrypt and Decrypt with the data key, for users' data keys \
too (one Decrypt a part before the list changes, and one after it, in every region that stays). With --lost, in \
those that stay: dynamodb:GetItem and PutItem on PREFIX-settings, Scan, GetItem, PutItem and UpdateItem on \
PREFIX-users, sqs:SendMessage on PREFIX-keys, and the same KMS permissions. With dynamodb:GetItem and PutItem on \
PREFIX-checkpoints it continues where it was stopped.")]
#[command(after_help = "Examples:
  umoja region remove ap-south-1 --prefix PREFIX --region eu-west-1
  umoja region remove ap-south-1 --prefix PREFIX --region eu-west-1 --lost
  umoja region remove ap-south-1 --dir DIR")]
pub(super) struct Remove {
    /// The region.
    name: Region,
    #[command(flatten)]
    target: Target,
    /// The region is gone for good: leave out the steps that need it.
    #[arg(long)]
    lost: bool,
    /// With --lost: continue although some parts can be opened by the region's key alone.
    #[arg(long, requires = "lost")]
    accept_loss: bool,
    #[command(flatten)]
    pace: Pace,
}

#[derive(Serialize)]
struct Answer {
    region: Region,
    lost: bool,
    /// The parts that it held and another region lacked.
    parts_sent: u64,
    rows_sent: u64,
    /// Its wrapped keys that were dropped, over all regions.
    keys_dropped: u64,
    /// Parts that only its key can open, in the region that has the most of them.
    unreadable_parts: u64,
    /// Some of those parts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<String>,
}

impl Remove {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let (sent, dropped) = match self.target.place()? {
            Place::Directory(dir) => self.local(&dir).await?,
            Place::Cloud { prefix, region } => {
                let first = region.ok_or_else(no_region)?;
                self.cloud(&connect(&prefix).await?, &first).await?
            }
        };
        let answer = Answer {
            region: self.name,
            lost: self.lost,
            parts_sent: sent.parts_replicated,
            rows_sent: sent.rows_replicated,
            keys_dropped: dropped.dropped,
            unreadable_parts: dropped.kept,
            unreadable: dropped.parts,
        };
        output.answer(&answer, || answer.text());
        if answer.unreadable_parts == 0 { Ok(()) } else { Err(CliError::Said) }
    }

    async fn local(&self, dir: &Path) -> Result<(BackfillReport, Dropped), CliError> {
        let name = &self.name;
        let _alone = locks::change(dir)?;
        let is_listed = Deployment::state_of(dir, name)?.is_some();
        let mut deployment = if self.lost { Deployment::open_without(dir, name)? } else { Deployment::open(dir)? };
        let regions = deployment.regions();
        let mut sent = BackfillReport::default();
        // All checks come before the list changes: after that, a region that cannot open its data has no way back.
        match (is_listed, self.lost) {
            (true, true) => self.check_without(&regions).await?,
            (true, false) => {
                self.reject(&regions)?;
                regions.wrap_unopened_secrets(Some(name)).await?;
                deployment.set_state(name, RegionState::Leaving)?;
                let since = on_its_way(&deployment, || Millis(0)).await?;
                sent = self.send(&regions, since, deployment.repairs()).await?;
            }
            // Its files are left where they are.
            (false, _) if regions.has_wrapped_secrets_of(name).await? || dir.join(name.as_str()).exists() => {}
            (false, _) => return Err(unknown(&regions, name)),
        }
        deployment.reconfigure(|config| {
            config.regions.retain(|region| region.name != *name);
            Ok::<_, CliError>(())
        })?;
        settings_are_read(&deployment).await?;
        Ok((sent, self.drop_keys(&deployment.regions()).await?))
    }

    async fn cloud(&self, cloud: &Cloud, first: &Region) -> Result<(BackfillReport, Dropped), CliError> {
        let name = &self.name;
        if first == name {
            return Err(CliError::Usage("--region has to be a region that stays".into()));
        }
        let mut list = newest_list(cloud, first, name, true).await?;
        let mut sent = BackfillReport::default();
        let regions = cloud.regions(&list, first);
        if list.get(name).is_none() {
            if !regions.has_wrapped_secrets_of(name).await? && cloud.unlisted(name, &list).await.is_none() {
                return Err(unknown(&regions, name));
            }
        } else {
            self.reject(&regions)?;
            if self.lost {
                let mut stay = list.clone();
                stay.regions.retain(|entry| entry.name() != name);
                self.check_without(&cloud.regions(&stay, first)).await?;
            } else {
                regions.wrap_unopened_secrets(Some(name)).await?;
                set_state(&mut list, name, RegionState::Leaving);
                let regions = cloud.regions(&list, first);
                cloud.store(&list, others(&regions, name).into_iter().chain([find(&regions, name)?])).await?;
                self.pace.wait_for_settings(name).await;
                sent = self.send(&regions, Millis(0), Repairs::Scheduled).await?;
                // The replication may take hours: keep the changes that other commands made meanwhile.
                list = newest_list(cloud, first, name, true).await?;
            }
            list.regions.retain(|entry| entry.name() != name);
            list.revision += 1;
        }
        let regions = cloud.regions(&list, first);
        // The regions that stay first: from now on no region sends to it.
        cloud.store(&list, &regions.list).await?;
        if let (false, Some(own)) = (self.lost, cloud.unlisted(name, &list).await) {
            cloud.store(&list, [&own]).await?;
        }
        self.pace.wait_for_settings(name).await;
        Ok((sent, self.drop_keys(&regions).await?))
    }

    /// Checks, for a region that is gone, that these regions, without it, open the secrets and every part with their
    /// own keys.
    async fn check_without(&self, stay: &Regions) -> Result<(), CliError> {
        stay.wrap_unopened_secrets(None).await?;
        let homes: Vec<&Home> = stay.list.iter().map(|region| &region.home).collect();
        match check_without(&self.pace.worker(stay), &homes, &self.name).await {
            Err(JobError::Needed { .. } | JobError::NotOpened { .. } | JobError::UnknownNeed { .. })
                if self.accept_loss =>
            {
                Ok(())
            }
            Err(error @ (JobError::Needed { .. } | JobError::NotOpened { .. })) => Err(CliError::Failed(format!(
                "{error}, and the list of regions is unchanged. If the region {0} or its key can be used again, remove \
                 it without --lost, which repairs these parts; --accept-loss gives them up",
                self.name
            ))),
            checked => Ok(checked?),
        }
    }

    fn reject(&self, regions: &Regions) -> Result<(), CliError> {
        let serving: Vec<bool> = others(regions, &self.name).iter().map(|region| region.state.serves()).collect();
        reject_last(serving.iter(), &self.name)?;
        match find(regions, &self.name)?.state {
            RegionState::Frozen if !self.lost => Err(CliError::Failed(format!(
                "{0} is frozen, and may hold data that no other region has: run `umoja region thaw {0}` first, or use \
                 --lost",
                self.name
            ))),
            _ => Ok(()),
        }
    }

    /// Replicates the region's data to every region that stays, and waits until every part there can be opened without
    /// its key.
    async fn send(&self, regions: &Regions, since: Millis, repairs: Repairs) -> Result<BackfillReport, CliError> {
        let (source, worker) = (find(regions, &self.name)?, self.pace.worker(regions));
        let mut sent = BackfillReport::default();
        for peer in others(regions, &self.name) {
            let backfill = BackfillJob { worker, target: peer.name(), since, derives: false, repairs, reads_all: true };
            sent.add(&backfill.from(&[&source.home], true).await?);
        }
        let stay: Vec<&Home> = others(regions, &self.name).into_iter().map(|region| &region.home).collect();
        wrap_elsewhere(&worker, &stay, &self.name, repairs).await?;
        Ok(sent)
    }

    /// Drops the wrapped keys of the region from every part of every region, and then from the secrets: as long as
    /// those have one, the removal has not ended.
    async fn drop_keys(&self, regions: &Regions) -> Result<Dropped, CliError> {
        let homes: Vec<&Home> = regions.list.iter().map(|region| &region.home).collect();
        let dropped = drop_keys(&self.pace.worker(regions), &homes, &self.name).await?;
        regions.forget_in_secrets(&self.name).await?;
        Ok(dropped)
    }
}

/// The regions that stay.
fn others<'a>(regions: &'a Regions, name: &Region) -> Vec<&'a DeployedRegion> {
    regions.list.iter().filter(|region| region.name() != name).collect()
}

impl Answer {
    fn text(&self) -> String {
        let Self { region, parts_sent, rows_sent, keys_dropped, unreadable_parts, unreadable, .. } = self;
        let mut text = format!(
            "{region} is removed: {parts_sent} parts and {rows_sent} rows that another region lacked were replicated, \
             {keys_dropped} wrapped keys of it were dropped.\n"
        );
        if self.lost {
            text.push_str("Changes that it had accepted and not sent are lost.\n");
        }
        if *unreadable_parts > 0 {
            let lost = format!(
                "The regions that stay do not open {unreadable_parts} parts ({}): they are lost unless its key can be \
                 used again, after `umoja region add {region}` with the same key. Their entries stay.\n",
                unreadable.join(", ")
            );
            text.push_str(&lost);
        }
        text + "In AWS, take the region off Terraform's list now, apply the others, and destroy it."
    }
}
