//! What every change of the list of regions needs.

use std::time::Duration;

use clap::Args;
use umoja_reconciler::jobs::Worker;
use umoja_schema::{Millis, Region};
use umoja_store::deployment::SETTINGS_WAIT_SECS;
use umoja_store::{Home, RegionsDocument};

use crate::commands::jobs::worker;
use crate::deployment::served::settings_are_read;
use crate::deployment::{Cloud, DeployedRegion, Deployment, Regions};
use crate::output::note;
use crate::{CliError, CloudError};

/// How often somebody who waits is told so, in seconds.
const TELL_SECS: u64 = 10;

/// Since when what is written reaches a region by itself, where nobody serves: nothing is on its way.
const NOTHING_ON_ITS_WAY: Millis = Millis(u64::MAX);

/// How fast, and how long.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Pace {
    /// How many parts and rows are copied or changed in a second at most; 0 for as many as can be.
    #[arg(long, value_name = "N", default_value_t = 500)]
    rate: u32,
    /// In AWS: how long to wait for every function to read the new settings, in seconds.
    #[arg(long, value_name = "N", default_value_t = SETTINGS_WAIT_SECS)]
    settings_wait_secs: u64,
    /// How long to wait until everything is where it belongs, in seconds. Running the command again goes on.
    #[arg(long, value_name = "N", default_value_t = 6 * 60 * 60)]
    timeout_secs: u64,
}

impl Pace {
    /// Waits until every function has read the settings that every region has got now.
    pub(super) async fn wait_for_settings(self, name: &Region) {
        let mut left = self.settings_wait_secs;
        while left > 0 {
            note(&format!("{name}: every region says so; waiting {left} s until every function has read it"));
            let step = left.min(TELL_SECS);
            tokio::time::sleep(Duration::from_secs(step)).await;
            left -= step;
        }
    }

    /// How jobs are worked on.
    pub(super) fn worker(self, regions: &Regions) -> Worker<'_> {
        worker(regions, self.rate, deadline(regions, self.timeout_secs))
    }
}

/// The list of regions, as far as any region has it. `name`, which is being changed, need not answer if it is `away`.
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
    list.ok_or_else(|| CliError::Failed("the list of regions was there and is gone; run the command again".into()))
}

/// Waits until the process that serves a directory, if one does, knows what its regions do. Gives since when what is written
/// reaches each of them by itself: `served`, called after that, if it is served.
pub(super) async fn on_its_way(deployment: &Deployment, served: impl FnOnce() -> Millis) -> Result<Millis, CliError> {
    Ok(if settings_are_read(deployment).await? { served() } else { NOTHING_ON_ITS_WAY })
}

/// The regions that serve, but one. The region that was asked for is copied from first; the others are compared, and hold
/// nothing else as a rule.
pub(super) fn serving<'a>(regions: &'a Regions, but: &Region) -> Result<Vec<&'a Home>, CliError> {
    let first = regions.first()?.name();
    let serving = regions.list.iter().filter(|region| region.state.serves() && region.name() != but);
    let mut homes: Vec<&Home> = serving.map(|region| &region.home).collect();
    homes.sort_by_key(|home| home.own.name != *first);
    Ok(homes)
}

/// One of the regions.
pub(super) fn find<'a>(regions: &'a Regions, name: &Region) -> Result<&'a DeployedRegion, CliError> {
    let region = regions.list.iter().find(|region| region.name() == name);
    region.ok_or_else(|| CliError::Usage(format!("the deployment has no region {name}")))
}

/// When so many seconds have passed.
pub(super) fn deadline(regions: &Regions, timeout_secs: u64) -> Millis {
    Millis(regions.clock.now().0.saturating_add(timeout_secs.saturating_mul(1000)))
}

/// Brings the companies to a region, also what is changed meanwhile: whoever changes one from now on writes it there too.
pub(super) async fn copy_companies(regions: &Regions, new: &DeployedRegion) -> Result<(), CliError> {
    loop {
        let companies = regions.companies().await?;
        let there = new.home.registry.companies().await.map_err(|source| new.failed(source))?;
        for company in companies.iter().filter(|company| !there.contains(company)) {
            new.home.registry.put_company(company).await.map_err(|source| new.failed(source))?;
        }
        if regions.companies().await? == companies {
            return Ok(());
        }
    }
}

/// Refuses to take the last region out of service.
pub(super) fn refuse_last<'a>(mut others_serve: impl Iterator<Item = &'a bool>, name: &Region) -> Result<(), CliError> {
    if others_serve.any(|serves| *serves) {
        return Ok(());
    }
    Err(CliError::Failed(format!("{name} is the only region that serves")))
}
