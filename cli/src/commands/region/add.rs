//! `umoja region add`: a new region, backfilled before it serves. Replication starts first, then the backfill, then the
//! key repair: a write during the backfill reaches the new region by replication.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::Path;

use clap::Args;
use serde_json::json;
use umoja_local::RegionStore;
use umoja_reconciler::BackfillReport;
use umoja_reconciler::jobs::backfill::{BackfillJob, Repairs};
use umoja_reconciler::jobs::reencrypt::{Behind, reencrypt};
use umoja_schema::{Millis, Region};
use umoja_store::deployment::SETTINGS_RELOAD_SECS;
use umoja_store::keyring::MAX_WRAPPED_KEYS;
use umoja_store::{RegionEntry, RegionState, RegionsDocument};

use super::change::{Pace, begin_events, find, newest_list, note_unreadable, on_its_way, replicate_documents, serving};
use crate::CliError;
use crate::commands::deliver::Delivery;
use crate::commands::jobs::Listed;
use crate::commands::target::{Place, Target, connect, no_region};
use crate::config::RegionConfig;
use crate::deployment::local::in_region;
use crate::deployment::secrets::OldKeys;
use crate::deployment::served::settings_are_read;
use crate::deployment::{Cloud, DeployedRegion, Deployment, Regions, locks};
use crate::error::Lost;
use crate::output::{Output, note};

/// Add a region to a deployment: backfill it with all existing data, then let it serve.
#[derive(Debug, Args)]
#[command(long_about = "Add a region to a deployment: backfill it with all existing data, then let it serve.

Users are served all the time. In AWS, Terraform has to be applied first: in the new region, and in every other region \
with the new one on the list.

The steps: the secrets are wrapped by the new region's key; every region lists the new one as joining, and once every \
function has read that, every write reaches it; then earlier data is replicated, tables of parts and of rows, and the \
scheduled key repair (reconcile-keys) has the new region's key wrap the data keys; when the new region lacks none of \
the data that any serving region holds, it serves.

Each step can be repeated: after an interruption, run the same command again, and it continues.

With --again a region that serves already is taken out of service and backfilled again: after one of its tables was \
restored from a backup, or made again. Erasures since the backup are replicated with all other data. In a directory, \
what the region has lost is made again: its directory and its database, for which `umoja serve` has to be stopped, or \
its keyring.json. Another region has to serve, and its own key has to open the deployment's secrets. At the end the \
command reads every record: where the region's key does not open its wrapped key, the keys of other regions open the \
record, and it is re-encrypted.

In AWS it needs credentials that may, in every region: dynamodb:GetItem and PutItem on PREFIX-settings, Scan on \
PREFIX-companies; kms:DescribeKey, Encrypt and Decrypt with the data key, which can be limited to the secrets by a \
condition on kms:EncryptionContext:umoja:secret, since the backfill opens no user's data (with --again it does, and \
needs kms:GenerateDataKey too); sqs:GetQueueAttributes on PREFIX-*. In those that serve: dynamodb:Scan on \
PREFIX-users, PREFIX-journal, PREFIX-receipts and PREFIX-audit, GetItem and PutItem on PREFIX-receipts; \
sqs:SendMessage on PREFIX-keys. In the new one: dynamodb:GetItem and PutItem on PREFIX-companies; ConditionCheckItem, GetItem, \
PutItem and UpdateItem on PREFIX-users; Query, PutItem and DeleteItem on PREFIX-linked_accounts; GetItem, \
BatchGetItem, PutItem and DeleteItem on PREFIX-identifiers; GetItem and PutItem on PREFIX-journal, PREFIX-receipts \
and PREFIX-audit, UpdateItem on PREFIX-journal. With what the new one needs, also in those that serve, it replaces items that \
one of them cannot read by the copies of the others. With dynamodb:GetItem and PutItem on PREFIX-checkpoints it \
continues where it was stopped.")]
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
    /// Backfill again a region that serves already, after its tables were restored or lost. It is taken out of service
    /// first.
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
        let state = document.get(name).map(|entry| entry.state);
        self.reject_unknown(state)?;
        reject(name, state)?;
        if !self.again && document.get(name).is_some_and(|entry| entry.state.serves()) {
            // The last step may have been interrupted between two regions.
            let regions = cloud.regions(&document, first);
            cloud.store(&document, &regions.list).await?;
            output.answer(&json!({ "region": name, "state": "serving", "added": false }), || {
                format!("{name} serves already; --again takes it out of service and backfills it again.")
            });
            return Ok(());
        }
        let another_key = self.list_as_joining(cloud, &mut document).await?;
        document.revision += 1;
        let regions = cloud.regions(&document, first);
        let new = check(cloud, &regions, name).await?;

        note(&format!("{name}: wrapping the deployment's secrets by its key"));
        let rekeyed = if another_key { BTreeSet::from([name.clone()]) } else { BTreeSet::new() };
        regions.ensure_secrets_rekeyed(&rekeyed, &OldKeys::new()).await?;
        if self.again {
            regions.wrap_unopened_secrets(None).await?;
        }
        let others = || regions.list.iter().filter(|region| region.name() != name);
        // Those that serve first: the new region may rely on them from the moment at which it is listed itself.
        cloud.store(&document, others().chain([new])).await?;
        replicate_documents(&regions, new).await?;
        self.pace.wait_for_settings(name).await;

        let copied = self.backfill(&regions, regions.clock.now(), Repairs::Scheduled).await?;
        self.reencrypt(&regions, None).await?;

        replicate_documents(&regions, new).await?;
        // The backfill may take hours: keep the changes that other commands made meanwhile.
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
            "unreadable": copied.unreadable, "parts_replicated": copied.parts_replicated, "rows_replicated": copied.rows_replicated });
        output.answer(&answer, || {
            format!(
                "{name} has everything and serves, within {SETTINGS_RELOAD_SECS} seconds, at {}\n  {} parts and {} \
                 rows were replicated; writes during the backfill arrived by replication.",
                url, copied.parts_replicated, copied.rows_replicated
            )
        });
        Ok(())
    }

    async fn local(&self, dir: &Path, output: Output) -> Result<(), CliError> {
        let _alone = locks::change(dir)?;
        let name = &self.name;
        self.reject_unknown(Deployment::state_of(dir, name)?)?;
        // A region that cannot be opened has no other way back, whatever its state.
        if self.again {
            self.remake(dir).await?;
        }
        let state = Deployment::state_of(dir, name)?;
        reject(name, state)?;
        let mut deployment = Deployment::open(dir)?;
        if !self.again && state.is_some_and(RegionState::serves) {
            output.answer(&json!({ "region": name, "state": "serving", "added": false }), || {
                format!("{name} is a region already; --again backfills it again.")
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
        // Here every write is one of many.
        deployment.stores().iter().for_each(RegionStore::gather_writes);
        let regions = deployment.regions();
        deployment.ensure_secrets().await?;
        regions.wrap_unopened_secrets(None).await?;
        let new = find(&regions, name)?;
        replicate_documents(&regions, new).await?;
        let since = on_its_way(&deployment, || regions.clock.now()).await?;
        let copied = self.backfill(&regions, since, deployment.repairs()).await?;
        self.reencrypt(&regions, Some(&deployment)).await?;
        replicate_documents(&regions, new).await?;
        deployment.set_state(name, RegionState::Serving)?;
        let is_served = settings_are_read(&deployment).await?;
        let answer = json!({ "region": name, "state": "serving", "added": true,
            "unreadable": copied.unreadable, "parts_replicated": copied.parts_replicated, "rows_replicated": copied.rows_replicated });
        output.answer(&answer, || {
            format!(
                "{name} has everything: {} parts and {} rows were replicated. {}",
                copied.parts_replicated,
                copied.rows_replicated,
                if is_served { "It serves." } else { "`umoja serve` serves it too." }
            )
        });
        Ok(())
    }

    /// Rejects `--again` for a region that the deployment does not have: its name may be misspelt.
    fn reject_unknown(&self, state: Option<RegionState>) -> Result<(), CliError> {
        if !self.again || state.is_some() {
            return Ok(());
        }
        let name = &self.name;
        Err(CliError::Failed(format!(
            "{name} is not a region of the deployment, so there is nothing to backfill again; leave --again out to add \
             it as a new region"
        )))
    }

    async fn backfill(&self, regions: &Regions, since: Millis, repairs: Repairs) -> Result<BackfillReport, CliError> {
        let (worker, target) = (self.pace.worker(regions), &self.name);
        let backfill = BackfillJob { worker, target, since, derives: self.again, repairs, reads_all: false };
        let sources = serving(regions, target)?;
        if sources.is_empty() {
            return Err(no_source(target));
        }
        let copied = backfill.from(&sources, false).await?;
        begin_events(regions, target).await?;
        note_unreadable(copied.unreadable);
        Ok(copied)
    }

    /// Re-encrypts the parts that the region's key does not open, until it opens every one. In AWS only with --again,
    /// because it costs a call for each part; in a directory this run may continue one with --again.
    async fn reencrypt(&self, regions: &Regions, deployment: Option<&Deployment>) -> Result<(), CliError> {
        if !self.again && deployment.is_none() {
            return Ok(());
        }
        let listed = Listed { regions, deployment, delivery: Delivery::default() };
        reencrypt(
            &self.pace.worker(regions),
            &listed,
            Behind::ReadAndWrappedBy(&self.name),
            "records under another key",
        )
        .await
        .map(drop)
    }

    /// Makes again what the region has lost, if another region can bring everything back.
    async fn remake(&self, dir: &Path) -> Result<(), CliError> {
        let name = &self.name;
        let Err(error) = Deployment::check_region(dir, name) else { return Ok(()) };
        let Some(lost) = error.lost() else { return Err(error.into()) };
        if lost == Lost::Data && locks::is_served(dir)? {
            return Err(CliError::Failed(format!(
                "{error}. The process that serves {} still has the deleted files open: stop it first",
                dir.display()
            )));
        }
        // Another region may be lost too, and is made again by the same command for it.
        let usable =
            |region: &RegionConfig| region.name != *name && Deployment::check_region(dir, &region.name).is_ok();
        let others = Deployment::open_some(dir, usable).map_err(|_| no_source(name))?.regions();
        if !others.list.iter().any(|region| region.state.serves()) {
            return Err(no_source(name));
        }
        others.wrap_unopened_secrets(None).await?;
        note(&format!("{name}: making again what it has lost"));
        // It must not serve before it has everything again, even if this command is interrupted.
        Deployment::set_state_of(dir, name, RegionState::Joining)?;
        Ok(Deployment::remake_region(dir, name)?)
    }

    /// Puts the region on the list. True if the list had it with another key.
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

/// Checks that the region has everything that it needs.
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

/// Rejects a region that another command is changing.
fn reject(name: &Region, state: Option<RegionState>) -> Result<(), CliError> {
    match state {
        Some(state @ (RegionState::Frozen | RegionState::Thawing)) => Err(CliError::Failed(format!(
            "{name} is {}, and may hold data that no other region has: `umoja region thaw {name}` compares it both \
             ways",
            state.as_str()
        ))),
        Some(RegionState::Leaving) => Err(CliError::Failed(format!(
            "{name} is being removed: `umoja region remove {name}` continues the removal, and `umoja region thaw \
             {name}` lets it serve again"
        ))),
        Some(RegionState::Serving | RegionState::Joining) | None => Ok(()),
    }
}

/// The error if no region can fill another one.
fn no_source(name: &Region) -> CliError {
    CliError::Failed(format!(
        "no other region serves, from which {name} could be backfilled; restore its files or tables from a backup"
    ))
}

/// Makes the store of a new region of a directory. Returns its settings.
fn new_region(dir: &Path, name: &Region, others: &[RegionConfig]) -> Result<RegionConfig, CliError> {
    let own = dir.join(name.as_str());
    let exists = own.exists();
    let is_used = match Deployment::make_region(dir, name) {
        Ok(store) => store.is_used().map_err(|source| in_region(&store, source))?,
        Err(_) if exists => true,
        Err(error) => return Err(error.into()),
    };
    if is_used {
        return Err(CliError::Failed(format!(
            "{} exists already, from a region that was removed; move it away first",
            own.display()
        )));
    }
    // The port after the others if theirs are consecutive, as `init` makes them. Otherwise, or if another process
    // listens there, any free port when the region is served for the first time, as with `--port-base 0`.
    let mut ports: Vec<u16> = others.iter().map(|region| region.port).collect();
    ports.sort_unstable();
    let follow = ports.windows(2).all(|pair| pair[0].checked_add(1) == Some(pair[1]));
    let next = ports.last().filter(|last| follow && **last != 0).and_then(|last| last.checked_add(1));
    let port = next.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).unwrap_or_default();
    Ok(RegionConfig { name: name.clone(), port, public_url: None, state: RegionState::Joining })
}
