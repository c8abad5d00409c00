//! Helpers of the commands that change the list of regions.

use std::time::Duration;

use clap::Args;
use umoja_reconciler::jobs::Worker;
use umoja_schema::{Client, Company, IngestSource, Millis, OidcKeySet, Region, Target, Webhook};
use umoja_store::audit::Retention;
use umoja_store::deployment::SETTINGS_WAIT_SECS;
use umoja_store::events::{EventRetention, begin_epoch};
use umoja_store::retired_keys::RetiredKeys;
use umoja_store::{Home, RegionsDocument};

use crate::commands::audit;
use crate::commands::jobs::worker;
use crate::deployment::served::settings_are_read;
use crate::deployment::{Cloud, DeployedRegion, Deployment, Document, Regions, newest_of};
use crate::output::note;
use crate::{CliError, CloudError};

/// How often the wait is reported, in seconds.
const REPORT_SECS: u64 = 10;

/// The time since which writes reach a region by replication, for a directory that is not served: no write is on its
/// way.
const NOTHING_ON_ITS_WAY: Millis = Millis(u64::MAX);

/// How fast the job works, and for how long.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Pace {
    /// The most parts and rows to replicate or change in a second; 0 for no limit.
    #[arg(long, value_name = "N", default_value_t = 500)]
    rate: u32,
    /// In AWS: how long to wait for every function to read the new settings, in seconds.
    #[arg(long, value_name = "N", default_value_t = SETTINGS_WAIT_SECS)]
    settings_wait_secs: u64,
    /// How long to work until the regions hold all they should, in seconds. Run the command again to continue.
    #[arg(long, value_name = "N", default_value_t = 6 * 60 * 60)]
    timeout_secs: u64,
}

impl Pace {
    /// Waits until every function has read the settings that are now stored in every region.
    pub(super) async fn wait_for_settings(self, name: &Region) {
        let mut left = self.settings_wait_secs;
        while left > 0 {
            note(&format!("{name}: stored in every region; waiting {left} s until every function has read it"));
            let step = left.min(REPORT_SECS);
            tokio::time::sleep(Duration::from_secs(step)).await;
            left -= step;
        }
    }

    /// The worker of the jobs.
    pub(super) fn worker(self, regions: &Regions) -> Worker<'_> {
        worker(regions, self.rate, deadline(regions, self.timeout_secs))
    }
}

/// The newest list of regions that any region holds. `name`, the region to change, need not answer if `away`.
pub(super) async fn newest_list(
    cloud: &Cloud,
    first: &Region,
    name: &Region,
    away: bool,
) -> Result<RegionsDocument, CliError> {
    let known = cloud.document(first).await?;
    let absent = || CloudError::NotInitialised { region: first.clone(), prefix: cloud.prefix().to_owned() };
    let known = known.ok_or_else(absent)?;
    let known = known.regions.iter().map(umoja_store::RegionEntry::name);
    let list = cloud.list_without([first].into_iter().chain(known).chain([name]), away.then_some(name)).await?;
    list.ok_or_else(|| CliError::Failed("the list of regions has disappeared; run the command again".into()))
}

/// Waits until the process that serves a directory, if one does, has read the state of the regions. Returns the time
/// since which writes reach each region by replication: `served`, called after that, if the directory is served.
pub(super) async fn on_its_way(deployment: &Deployment, served: impl FnOnce() -> Millis) -> Result<Millis, CliError> {
    Ok(if settings_are_read(deployment).await? { served() } else { NOTHING_ON_ITS_WAY })
}

/// The regions that serve, except `but`. The region that was asked for comes first as the source of the backfill; the
/// others are then compared, and usually hold no more.
pub(super) fn serving<'a>(regions: &'a Regions, but: &Region) -> Result<Vec<&'a Home>, CliError> {
    let first = regions.first()?.name();
    let serving = regions.list.iter().filter(|region| region.state.serves() && region.name() != but);
    let mut homes: Vec<&Home> = serving.map(|region| &region.home).collect();
    homes.sort_by_key(|home| home.own.name != *first);
    Ok(homes)
}

/// One of the regions.
pub(super) fn find<'a>(regions: &'a Regions, name: &Region) -> Result<&'a DeployedRegion, CliError> {
    regions.get(name)
}

/// The error of a command about a region that the deployment does not have.
pub(super) fn unknown(regions: &Regions, name: &Region) -> CliError {
    regions.unknown(name)
}

/// The time after `timeout_secs` seconds.
pub(super) fn deadline(regions: &Regions, timeout_secs: u64) -> Millis {
    Millis(regions.clock.now().0.saturating_add(timeout_secs.saturating_mul(1000)))
}

/// The newest documents of the regions that serve and answer, except those of `new`.
async fn newest_of_serving<D: Document>(regions: &Regions, new: &DeployedRegion) -> Result<Vec<D>, CliError> {
    let answered = regions.rows::<D>().await;
    let serves = |region: &DeployedRegion| region.state.serves() && region.name() != new.name();
    let serving: Vec<_> = answered.regions.into_iter().filter(|(region, _)| serves(region)).collect();
    if let ([], Some((region, error))) = (&*serving, answered.failed.into_iter().find(|(region, _)| serves(region))) {
        return Err(region.failed(error));
    }
    let rows = serving.iter().flat_map(|(_, rows)| rows);
    Ok(newest_of(rows).into_values().cloned().collect())
}

/// Replicates what operators write in the regions that serve to another one: companies, sources, webhooks, targets, clients, the
/// keys of single sign-on, the retentions and the retired keys.
pub(super) async fn replicate_documents(regions: &Regions, new: &DeployedRegion) -> Result<(), CliError> {
    replicate::<Company>(regions, new).await?;
    replicate::<IngestSource>(regions, new).await?;
    replicate::<Webhook>(regions, new).await?;
    replicate::<Target>(regions, new).await?;
    replicate::<Client>(regions, new).await?;
    replicate::<OidcKeySet>(regions, new).await?;
    replicate_retention(regions, new).await?;
    replicate_event_retention(regions, new).await?;
    replicate_retired_keys(regions, new).await
}

/// Replicates the documents of a kind, with the changes made meanwhile. A later change of a document is written there
/// too.
async fn replicate<D: Document>(regions: &Regions, new: &DeployedRegion) -> Result<(), CliError> {
    let failed = |source| new.failed(source);
    let mut brought: Vec<D> = Vec::new();
    loop {
        let documents = newest_of_serving::<D>(regions, new).await?;
        if documents == brought {
            return Ok(());
        }
        for document in &documents {
            let before = new.held(document.id()).await.map_err(failed)?;
            new.bring(before, document).await.map_err(failed)?;
        }
        brought = documents;
    }
}

/// Brings the setting of how long the audit trail is kept to a region. Most deployments have none.
async fn replicate_retention(regions: &Regions, new: &DeployedRegion) -> Result<(), CliError> {
    let retention = audit::trail::retention(regions).await;
    let registry = &*new.home.registry;
    if Retention::load(registry).await.is_ok_and(|known| known == retention) {
        return Ok(());
    }
    retention.put(registry).await.map_err(|source| new.failed(source))
}

/// Brings the setting of how long events are kept to a region. Most deployments have none.
async fn replicate_event_retention(regions: &Regions, new: &DeployedRegion) -> Result<(), CliError> {
    let failed = |source| new.failed(source);
    let own = EventRetention::load(&*new.home.registry).await.map_err(failed)?;
    let mut newest = own;
    for region in regions.list.iter().filter(|region| region.state.serves()) {
        if let Ok(retention) = EventRetention::load(&*region.home.registry).await {
            newest = newest.merged(&retention);
        }
    }
    if newest == own { Ok(()) } else { newest.put(&*new.home.registry).await.map_err(failed) }
}

/// Brings the public keys that sign no answers any more to a region.
async fn replicate_retired_keys(regions: &Regions, new: &DeployedRegion) -> Result<(), CliError> {
    let failed = |source| new.failed(source);
    let own = RetiredKeys::load(&*new.home.registry).await.map_err(failed)?;
    let mut all = own.clone();
    for region in regions.list.iter().filter(|region| region.state.serves()) {
        if let Ok(keys) = RetiredKeys::load(&*region.home.registry).await {
            all = all.merged(&keys);
        }
    }
    if all == own { Ok(()) } else { all.put(&*new.home.registry).await.map_err(failed) }
}

/// Begins another epoch of a region's events, after the region may have lost some that it had made.
pub(super) async fn begin_events(regions: &Regions, name: &Region) -> Result<(), CliError> {
    let region = find(regions, name)?;
    let begun = begin_epoch(&*region.home.checkpoints, regions.clock.now(), 0).await;
    begun.map(drop).map_err(|source| region.failed(source))
}

/// Reports items that no region can read. They keep no region from serving.
pub(super) fn note_unreadable(items: u64) {
    if items > 0 {
        note(&format!("{items} items cannot be read in any region and were not replicated; `umoja doctor` names them"));
    }
}

/// Rejects a change that would take the last region out of service.
pub(super) fn reject_last<'a>(mut others_serve: impl Iterator<Item = &'a bool>, name: &Region) -> Result<(), CliError> {
    if others_serve.any(|serves| *serves) {
        return Ok(());
    }
    Err(CliError::Failed(format!("{name} is the only region that serves")))
}
