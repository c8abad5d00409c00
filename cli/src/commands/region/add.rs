//! `umoja region add`: a new region, filled before it serves. Stream first, then copy, then keys: whatever is written
//! while it is filled reaches it by itself.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;

use clap::Args;
use serde_json::json;
use umoja_reconciler::FillReport;
use umoja_reconciler::jobs::backfill::{Backfill, Repairs};
use umoja_schema::{Millis, Region};
use umoja_store::deployment::SETTINGS_RELOAD_SECS;
use umoja_store::keyring::MAX_WRAPPED_KEYS;
use umoja_store::{RegionEntry, RegionState, RegionsDocument};

use super::change::{Pace, copy_companies, find, newest_list, on_its_way, serving};
use crate::CliError;
use crate::commands::target::{Place, Target, connect, no_region};
use crate::config::RegionConfig;
use crate::deployment::secrets::OldKeys;
use crate::deployment::served::settings_are_read;
use crate::deployment::{Cloud, DeployedRegion, Deployment, Regions, locks};
use crate::output::{Output, note};

/// Add a region to a deployment: fill it with everything there is, then let it serve.
#[derive(Debug, Args)]
#[command(long_about = "Add a region to a deployment: fill it with everything there is, then let it serve.

Users are served all the time. In AWS Terraform has to know \
the region already: applied in it, and in every other region with it on the list.

In this order: the secrets are wrapped by the new region's key; every region lists the new one as joining, and once every \
function has read that, all that is written reaches it; then what was written before is copied, tables of parts and of \
rows, and the scheduled key repair (reconcile-keys) has the new region's key wrap the data keys; when nothing is missing \
in it that any serving region holds, it serves.

Each step can be repeated: after an interruption, run the same command again, and it goes on.

With --again a region that serves already is taken out of service and filled anew: after one of its tables was restored \
from a backup, or made anew. Erasures since the backup come with everything else.

In AWS it needs credentials that may, in every region: dynamodb:GetItem and PutItem on PREFIX-settings, Scan on PREFIX-companies; \
kms:DescribeKey, Encrypt and Decrypt with the data key, which can be limited to the secrets by a condition on \
kms:EncryptionContext:umoja:secret, since copying opens no user's data; sqs:GetQueueAttributes on PREFIX-*. \
In those that serve: dynamodb:Scan on PREFIX-users, PREFIX-journal, PREFIX-receipts and PREFIX-audit, GetItem and PutItem on \
PREFIX-receipts; sqs:SendMessage on PREFIX-keys. \
In the new one: dynamodb:PutItem on PREFIX-companies; ConditionCheckItem, GetItem, PutItem and UpdateItem on PREFIX-users; Query, \
PutItem and DeleteItem on PREFIX-members; GetItem, BatchGetItem, PutItem and DeleteItem on PREFIX-identifiers; GetItem and PutItem on \
PREFIX-journal, PREFIX-receipts and PREFIX-audit, UpdateItem on PREFIX-journal. \
dynamodb:GetItem and PutItem on PREFIX-sweeps besides let it go on where it was stopped.")]
#[command(after_help = "Examples:
  umoja region add ap-south-1 --dir DIR
  umoja region add ap-south-1 --prefix PREFIX --region eu-west-1
  umoja region add ap-south-1 --prefix PREFIX --region eu-west-1 --rate 2000
  umoja region add ap-south-1 --prefix PREFIX --region eu-west-1 --again")]
pub(super) struct Add {
    /// The new region.
    name: Region,
    #[command(flatten)]
    target: Target,
    /// Fill a region anew that serves already, after its tables were restored or lost: it is taken out of service first.
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    pace: Pace,
}

impl Add {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        match self.target.place()? {
            Place::Directory(dir) => self.local(&dir, output).await,
            Place::Cloud { prefix, region } => {
                let first = region.ok_or_else(no_region)?;
                self.cloud(&connect(&prefix).await?, &first, output).await
            }
        }
    }

    async fn cloud(&self, cloud: &Cloud, first: &Region, output: Output) -> Result<(), CliError> {
        let name = &self.name;
        if first == name {
            return Err(CliError::Usage("--region has to be one of the regions that serve already".into()));
        }
        let mut document = newest_list(cloud, first, &self.name, false).await?;
        refuse(name, document.get(name).map(|entry| entry.state))?;
        if !self.again && document.get(name).is_some_and(|entry| entry.state.serves()) {
            // The last step may have been interrupted between two regions.
            let regions = cloud.regions(&document, first);
            cloud.store(&document, &regions.list).await?;
            output.answer(&json!({ "region": name, "state": "serving", "added": false }), || {
                format!("{name} serves already; --again takes it out of service and fills it anew.")
            });
            return Ok(());
        }
        let another_key = self.list_as_joining(cloud, &mut document).await?;
        document.revision += 1;
        let regions = cloud.regions(&document, first);
        let new = check(cloud, &regions, name).await?;

        note(&format!("{name}: the deployment's secrets are wrapped by its key"));
        let anew = if another_key { BTreeSet::from([name.clone()]) } else { BTreeSet::new() };
        regions.ensure_secrets_anew(&anew, &OldKeys::new()).await?;
        let others = || regions.list.iter().filter(|region| region.name() != name);
        // Those that serve first: the new region may rely on them from the moment at which it is listed itself.
        cloud.store(&document, others().chain([new])).await?;
        copy_companies(&regions, new).await?;
        self.pace.wait_for_settings(name).await;

        let copied = self.fill(&regions, regions.clock.now(), Repairs::Scheduled).await?;

        copy_companies(&regions, new).await?;
        // Hours may have passed: what others have changed meanwhile stays.
        let mut document = newest_list(cloud, first, &self.name, false).await?;
        for entry in &mut document.regions {
            if entry.name() == name {
                entry.state = RegionState::Serving;
            }
        }
        document.revision += 1;
        let regions = cloud.regions(&document, first);
        let (new, others): (Vec<_>, Vec<_>) = regions.list.iter().partition(|region| region.name() == name);
        // The new region first: it has to serve when the others say that it does.
        cloud.store(&document, new.iter().chain(&others).copied()).await?;
        let url = new.first().and_then(|region| region.url.as_deref()).unwrap_or_default();
        let answer = json!({ "region": name, "state": "serving", "added": true,
            "parts_copied": copied.parts_copied, "rows_copied": copied.rows_copied });
        output.answer(&answer, || {
            format!(
                "{name} has everything and serves, within {SETTINGS_RELOAD_SECS} seconds, at {}\n  {} parts and {} rows \
                 were copied; what was written meanwhile came by itself.",
                url,
                copied.parts_copied,
                copied.rows_copied
            )
        });
        Ok(())
    }

    async fn local(&self, dir: &Path, output: Output) -> Result<(), CliError> {
        let _alone = locks::change(dir)?;
        let mut deployment = Deployment::open(dir)?;
        let name = &self.name;
        let stored = deployment.config().regions.iter().find(|region| region.name == *name);
        refuse(name, stored.map(|region| region.state))?;
        if !self.again && stored.is_some_and(|region| region.state.serves()) {
            output.answer(&json!({ "region": name, "state": "serving", "added": false }), || {
                format!("{name} is a region already; --again fills it anew.")
            });
            return Ok(());
        }
        deployment.reconfigure(|config| {
            match config.regions.iter_mut().find(|region| region.name == *name) {
                Some(region) => region.state = RegionState::Joining,
                None => config.regions.push(new_region(dir, name, &config.regions)?),
            }
            Ok::<_, CliError>(())
        })?;
        let regions = deployment.regions();
        deployment.ensure_secrets().await?;
        let new = find(&regions, name)?;
        copy_companies(&regions, new).await?;
        let since = on_its_way(&deployment, || regions.clock.now()).await?;
        let copied = self.fill(&regions, since, deployment.repairs()).await?;
        copy_companies(&regions, new).await?;
        deployment.set_state(name, RegionState::Serving)?;
        let is_served = settings_are_read(&deployment).await?;
        let answer = json!({ "region": name, "state": "serving", "added": true,
            "parts_copied": copied.parts_copied, "rows_copied": copied.rows_copied });
        output.answer(&answer, || {
            format!(
                "{name} has everything: {} parts and {} rows were copied. {}",
                copied.parts_copied,
                copied.rows_copied,
                if is_served { "It serves." } else { "`umoja serve` serves it too." }
            )
        });
        Ok(())
    }

    async fn fill(&self, regions: &Regions, since: Millis, repairs: Repairs) -> Result<FillReport, CliError> {
        let (worker, target) = (self.pace.worker(regions), &self.name);
        let backfill = Backfill { worker, target, since, derives: self.again, repairs };
        Ok(backfill.from(&serving(regions, target)?, false).await?)
    }

    /// Puts the region on the list. True if it was there with another key.
    async fn list_as_joining(&self, cloud: &Cloud, document: &mut RegionsDocument) -> Result<bool, CliError> {
        let infrastructure = cloud.infrastructure(&self.name).await?;
        let entry = RegionEntry { infrastructure, state: RegionState::Joining };
        if let Some(stored) = document.regions.iter_mut().find(|stored| stored.name() == &self.name) {
            let another = stored.infrastructure.data_key != entry.infrastructure.data_key;
            *stored = entry;
            return Ok(another);
        }
        if document.regions.len() >= MAX_WRAPPED_KEYS {
            return Err(CliError::Failed(format!("a deployment has {MAX_WRAPPED_KEYS} regions at most")));
        }
        document.regions.push(entry);
        Ok(false)
    }
}

/// Looks whether everything is there that the region needs.
async fn check<'a>(cloud: &Cloud, regions: &'a Regions, name: &Region) -> Result<&'a DeployedRegion, CliError> {
    cloud.check_queues(regions).await?;
    let new = regions.list.iter().find(|region| region.name() == name);
    let new = new.ok_or_else(|| CliError::Failed(format!("{name} is not on the list of regions")))?;
    if let Err(error) = new.home.own.keys.probe().await {
        return Err(CliError::Failed(format!("the KMS key of {name} cannot be used: {error}")));
    }
    new.home.own.users.probe().await.map_err(|source| cloud.failed(name, source))?;
    Ok(new)
}

/// Refuses a region that is on its way to something else.
fn refuse(name: &Region, state: Option<RegionState>) -> Result<(), CliError> {
    match state {
        Some(state @ (RegionState::Frozen | RegionState::Thawing)) => Err(CliError::Failed(format!(
            "{name} is {}, and may hold what nobody else has: `umoja region thaw {name}` compares it both ways",
            state.as_str()
        ))),
        Some(RegionState::Leaving) => {
            Err(CliError::Failed(format!("{name} is to be removed: `umoja region remove {name}` goes on with it")))
        }
        Some(RegionState::Serving | RegionState::Joining) | None => Ok(()),
    }
}

/// The settings of a new region of a directory.
fn new_region(dir: &Path, name: &Region, others: &[RegionConfig]) -> Result<RegionConfig, CliError> {
    let own = dir.join(name.as_str());
    if own.exists() {
        return Err(CliError::Failed(format!(
            "{} is there already, of a region that was removed; move it away first",
            own.display()
        )));
    }
    // Behind the others where they follow each other, as `init` makes them; else, or if something else listens there, any
    // free one when it is served for the first time, as with `--port-base 0`.
    let mut ports: Vec<u16> = others.iter().map(|region| region.port).collect();
    ports.sort_unstable();
    let follow = ports.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
    let next = ports.last().filter(|last| follow && **last != 0).and_then(|last| last.checked_add(1));
    let port = next.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap_or_default();
    Ok(RegionConfig { name: name.clone(), port, public_url: None, state: RegionState::Joining })
}
