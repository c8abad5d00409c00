//! `umoja region freeze` and `umoja region thaw`: a region that was away for longer than messages last does not serve
//! until it has been compared with the others, both ways.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use umoja_reconciler::BackfillReport;
use umoja_reconciler::jobs::backfill::{BackfillJob, Repairs};
use umoja_schema::{Millis, Region};
use umoja_store::{RegionState, RegionsDocument};

use super::change::{
    Pace, begin_events, deadline, find, newest_list, note_unreadable, on_its_way, reject_last, replicate_documents,
    serving,
};
use crate::CliError;
use crate::commands::target::{Place, Target, connect, no_region};
use crate::deployment::served::settings_are_read;
use crate::deployment::{Cloud, Deployment, Regions, locks};
use crate::output::{Output, note};

/// How long to wait before a region that does not answer is tried again.
const AGAIN: Duration = Duration::from_secs(5);

/// Freeze a region: it does not serve and sends no changes, but receives all changes.
#[derive(Debug, Args)]
#[command(
    long_about = "Freeze a region: it does not serve and sends no changes, while its peers send it all their changes. \
Use it for a region that was away for longer than messages last (its stream 24 hours, its peers' retry queues 14 \
days). The data of such a region is old, and a change of an old record there would undo newer changes of other \
regions. `umoja region thaw` compares it with the others and lets it serve again.

Its API answers 503 with the code region_not_serving, and no other region lists it. In AWS that takes up to a minute, \
the time in which functions read their settings. A region that does not answer cannot store the new setting, and would \
serve as soon as it is back. Freeze it while it is away, with --timeout-secs, and the command writes the setting as \
soon as the region answers. In a directory the process that serves it follows within seconds, and the command waits \
for that.

In AWS it needs credentials that may, in every region: dynamodb:GetItem and PutItem on PREFIX-settings."
)]
#[command(after_help = "Examples:
  umoja region freeze us-east-1 --prefix PREFIX --region eu-west-1 \\
      --timeout-secs 86400
  umoja region freeze us-east-1 --dir DIR")]
pub(super) struct Freeze {
    /// The region.
    name: Region,
    #[command(flatten)]
    target: Target,
    /// In AWS: how long to keep trying to reach the region, in seconds.
    #[arg(long, value_name = "N", default_value_t = 0)]
    timeout_secs: u64,
}

/// Compare a frozen region with every other one, both ways, and let it serve.
#[derive(Debug, Args)]
#[command(long_about = "Compare a frozen region with every other one, both ways, and let it serve.

The steps: companies and the deployment's secrets are replicated to the region; then every part and row of each \
serving region that it lacks or holds in an older version, and identifier ownerships are derived again; then the \
region sends again, and every part and row that it holds and another region lacks is replicated there. The newest \
version wins, whatever its origin, and an erasure wins over every version: a write of the region from before it was \
away undoes no newer change. When no region lacks data of the other, the region serves. Each step can be repeated: \
after an interruption, run the same command again. A region whose removal has stopped before it was taken off the list \
of regions comes back in the same way.

The other regions serve users all the time. In AWS it needs what `umoja region add` needs, with the region and \
every serving one as both source and target.")]
#[command(after_help = "Examples:
  umoja region thaw us-east-1 --prefix PREFIX --region eu-west-1
  umoja region thaw us-east-1 --dir DIR")]
pub(super) struct Thaw {
    /// The region.
    name: Region,
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    pace: Pace,
}

impl Freeze {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let place = self.target.place()?;
        match &place {
            Place::Directory(dir) => self.local(dir).await?,
            Place::Cloud { prefix, region } => {
                let first = region.as_ref().ok_or_else(no_region)?;
                self.cloud(&connect(prefix).await?, first).await?;
            }
        }
        let name = &self.name;
        output.answer(&json!({ "region": name, "state": "frozen" }), || {
            format!("{name} is frozen: it does not serve and sends no changes.\nNext: umoja region thaw {name} {place}")
        });
        Ok(())
    }

    async fn local(&self, dir: &Path) -> Result<(), CliError> {
        let _alone = locks::change(dir)?;
        let mut deployment = Deployment::open(dir)?;
        let regions = deployment.regions();
        reject_freezing(&self.name, find(&regions, &self.name)?.state)?;
        reject_last(&mut serving_others(&regions, &self.name).iter(), &self.name)?;
        deployment.set_state(&self.name, RegionState::Frozen)?;
        settings_are_read(&deployment).await.map(drop)
    }

    async fn cloud(&self, cloud: &Cloud, first: &Region) -> Result<(), CliError> {
        let name = &self.name;
        reject_first(first, name)?;
        let mut document = newest_list(cloud, first, name, true).await?;
        let regions = cloud.regions(&document, first);
        reject_freezing(name, find(&regions, name)?.state)?;
        reject_last(&mut serving_others(&regions, name).iter(), name)?;
        set_state(&mut document, name, RegionState::Frozen);
        let regions = cloud.regions(&document, first);
        let (frozen, others): (Vec<_>, Vec<_>) = regions.list.iter().partition(|region| region.name() == name);
        cloud.store(&document, others).await?;
        let until = deadline(&regions, self.timeout_secs);
        loop {
            let Err(error) = cloud.store(&document, frozen.iter().copied()).await else { return Ok(()) };
            if regions.clock.now() >= until {
                return Err(CliError::Failed(format!(
                    "every other region knows that {name} is frozen, but the setting could not be written in {name} \
                     ({error}): it would serve as soon as it is back; run the command again with --timeout-secs"
                )));
            }
            note(&format!("{name} does not answer yet: {error}"));
            tokio::time::sleep(AGAIN).await;
        }
    }
}

impl Thaw {
    pub(super) async fn run(self, output: Output) -> Result<(), CliError> {
        let done = match self.target.place()? {
            Place::Directory(dir) => self.local(&dir).await?,
            Place::Cloud { prefix, region } => {
                let first = region.ok_or_else(no_region)?;
                self.cloud(&connect(&prefix).await?, &first).await?
            }
        };
        let name = &self.name;
        let Some((came, went)) = done else {
            output.answer(&json!({ "region": name, "state": "serving", "thawed": false }), || {
                format!("{name} serves already.")
            });
            return Ok(());
        };
        let unreadable = came.unreadable + went.unreadable;
        note_unreadable(unreadable);
        let answer = json!({ "region": name, "state": "serving", "thawed": true, "unreadable": unreadable,
            "parts_received": came.parts_replicated, "rows_received": came.rows_replicated,
            "parts_sent": went.parts_replicated, "rows_sent": went.rows_replicated });
        output.answer(&answer, || {
            format!(
                "{name} holds what every other region holds, and serves.\n  {} parts and {} rows were replicated to \
                 it, {} parts and {} rows from it.",
                came.parts_replicated, came.rows_replicated, went.parts_replicated, went.rows_replicated
            )
        });
        Ok(())
    }

    async fn local(&self, dir: &Path) -> Result<Option<(BackfillReport, BackfillReport)>, CliError> {
        let _alone = locks::change(dir)?;
        let mut deployment = Deployment::open(dir)?;
        let regions = deployment.regions();
        let region = find(&regions, &self.name)?;
        if reject_thawing(&self.name, region.state)? {
            return Ok(None);
        }
        deployment.ensure_secrets().await?;
        replicate_documents(&regions, region).await?;
        // It was on the list all the time.
        let since = on_its_way(&deployment, || Millis(0)).await?;
        let came = self.receive(&regions, since, deployment.repairs()).await?;

        note(&format!("{}: sends again", self.name));
        deployment.set_state(&self.name, RegionState::Thawing)?;
        let since = on_its_way(&deployment, || Millis(0)).await?;
        let went = self.send(&regions, since, deployment.repairs()).await?;
        replicate_documents(&regions, region).await?;
        deployment.set_state(&self.name, RegionState::Serving)?;
        settings_are_read(&deployment).await?;
        Ok(Some((came, went)))
    }

    async fn cloud(&self, cloud: &Cloud, first: &Region) -> Result<Option<(BackfillReport, BackfillReport)>, CliError> {
        let name = &self.name;
        reject_first(first, name)?;
        let mut list = newest_list(cloud, first, name, false).await?;
        let regions = cloud.regions(&list, first);
        let region = find(&regions, name)?;
        if reject_thawing(name, region.state)? {
            // The last step may have been interrupted between two regions.
            cloud.store(&list, &regions.list).await?;
            return Ok(None);
        }
        cloud.check_queues(&regions).await?;
        regions.newest_secrets().await?;
        replicate_documents(&regions, region).await?;
        // It was on the list all the time.
        let came = self.receive(&regions, Millis(0), Repairs::Scheduled).await?;

        note(&format!("{name}: sends again"));
        set_state(&mut list, name, RegionState::Thawing);
        let regions = cloud.regions(&list, first);
        cloud.store(&list, &regions.list).await?;
        self.pace.wait_for_settings(name).await;
        let went = self.send(&regions, Millis(0), Repairs::Scheduled).await?;

        replicate_documents(&regions, find(&regions, name)?).await?;
        // The comparison may take hours: keep the changes that other commands made meanwhile.
        let mut list = newest_list(cloud, first, name, false).await?;
        set_state(&mut list, name, RegionState::Serving);
        let regions = cloud.regions(&list, first);
        let (own, others): (Vec<_>, Vec<_>) = regions.list.iter().partition(|region| region.name() == name);
        // The region first: it has to serve when the others say that it does.
        cloud.store(&list, own.iter().chain(&others).copied()).await?;
        Ok(Some((came, went)))
    }

    /// Replicates the region's data to every serving region.
    async fn send(&self, regions: &Regions, since: Millis, repairs: Repairs) -> Result<BackfillReport, CliError> {
        let (source, worker) = (find(regions, &self.name)?, self.pace.worker(regions));
        let mut went = BackfillReport::default();
        for peer in regions.list.iter().filter(|peer| peer.state.serves()) {
            let backfill =
                BackfillJob { worker, target: peer.name(), since, derives: false, repairs, reads_all: false };
            went.add(&backfill.from(&[&source.home], true).await?);
        }
        Ok(went)
    }

    /// Replicates the data of every serving region to the region.
    async fn receive(&self, regions: &Regions, since: Millis, repairs: Repairs) -> Result<BackfillReport, CliError> {
        let (worker, target) = (self.pace.worker(regions), &self.name);
        let backfill = BackfillJob { worker, target, since, derives: true, repairs, reads_all: false };
        let came = backfill.from(&serving(regions, target)?, false).await?;
        begin_events(regions, target).await?;
        Ok(came)
    }
}

/// Which of the other regions serve.
fn serving_others(regions: &Regions, name: &Region) -> Vec<bool> {
    regions.list.iter().filter(|region| region.name() != name).map(|region| region.state.serves()).collect()
}

fn reject_first(first: &Region, name: &Region) -> Result<(), CliError> {
    if first == name {
        return Err(CliError::Usage("--region has to be another region, which serves".into()));
    }
    Ok(())
}

fn reject_freezing(name: &Region, state: RegionState) -> Result<(), CliError> {
    match state {
        RegionState::Serving | RegionState::Frozen | RegionState::Thawing => Ok(()),
        RegionState::Joining | RegionState::Leaving => {
            Err(CliError::Failed(format!("{name} is {} and does not serve", state.as_str())))
        }
    }
}

/// True if the region serves already.
fn reject_thawing(name: &Region, state: RegionState) -> Result<bool, CliError> {
    match state {
        RegionState::Serving => Ok(true),
        // A region that leaves does not serve either, and may come back as long as it is on the list.
        RegionState::Frozen | RegionState::Thawing | RegionState::Leaving => Ok(false),
        RegionState::Joining => Err(CliError::Failed(format!("{name} is {} and not frozen", state.as_str()))),
    }
}

/// Changes the state of a region. A list that already has this state stays as it is.
pub(super) fn set_state(document: &mut RegionsDocument, name: &Region, state: RegionState) {
    let entry = document.regions.iter_mut().find(|entry| entry.name() == name && entry.state != state);
    if let Some(entry) = entry {
        entry.state = state;
        document.revision += 1;
    }
}
