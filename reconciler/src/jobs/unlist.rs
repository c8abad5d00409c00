//! Dropping the wrapped keys of a region that goes, once nobody needs its key.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use umoja_schema::Region;
use umoja_store::Home;
use umoja_store::ports::StoreError;

use super::backfill::{Repairs, repair_here};
use super::pass::Pass;
use super::watch::{Event, Watch};
use super::{JobError, Kept, Worker};
use crate::unlist::{Unlist, UnlistReport};

/// How often parts are looked at again that only the key of the region opens.
const LOOK: Duration = Duration::from_secs(10);

/// Waits until every part in each of these regions can be opened there without the key of a region that goes.
///
/// # Errors
/// If a region does not do as asked, or the time is over.
pub async fn wrap_elsewhere(
    worker: &Worker<'_>,
    stay: &[&Home],
    removed: &Region,
    repairs: Repairs,
) -> Result<(), JobError> {
    for home in stay {
        loop {
            let found = pass(worker, home, removed, Unlist::look(home, removed), None).await?.0;
            let (region, removed) = (home.own.name.clone(), removed.clone());
            if found.unreadable > 0 {
                return Err(JobError::UnknownNeed { region, removed, unreadable: found.unreadable });
            }
            if found.needed == 0 {
                break;
            }
            if worker.clock.now() >= worker.deadline {
                return Err(JobError::Needed { region, removed, needed: found.needed });
            }
            match repairs {
                Repairs::Here { wrap_budget_ms } => repair_here(home, wrap_budget_ms).await?,
                Repairs::Scheduled => tokio::time::sleep(LOOK).await,
            }
        }
    }
    Ok(())
}

/// Drops what the region's key has wrapped in every part of these regions. In the report `needed` is of the region that has
/// the most of them.
///
/// # Errors
/// If a region does not do as asked, or lists the removed one.
pub async fn drop_keys(worker: &Worker<'_>, homes: &[&Home], removed: &Region) -> Result<UnlistReport, JobError> {
    let mut all = UnlistReport::default();
    for home in homes {
        let kept = Kept::new(home, &format!("unlist/{removed}"));
        let mut goes_on = Some(&kept);
        loop {
            let unlist = Unlist::drop_keys(home, removed).ok_or_else(|| JobError::Listed(removed.clone()))?;
            let (found, is_whole) = pass(worker, home, removed, unlist, goes_on.take()).await?;
            all.dropped += found.dropped;
            if found.overtaken == 0 && is_whole {
                all.needed = all.needed.max(found.needed + found.unreadable);
                break;
            }
        }
    }
    Ok(all)
}

/// A pass, and whether it began at the beginning.
async fn pass(
    worker: &Worker<'_>,
    home: &Home,
    removed: &Region,
    unlist: Unlist<'_>,
    kept: Option<&Kept>,
) -> Result<(UnlistReport, bool), JobError> {
    let mut passing = Passing { unlist, region: &home.own.name, removed };
    let is_whole = match kept {
        Some(kept) => !worker.go_on(&mut passing, kept).await,
        None => true,
    };
    let driven = worker.drive(&mut passing, kept).await;
    driven.map_err(|source| JobError::Stopped { at: home.own.name.to_string(), source })?;
    Ok((*passing.unlist.report(), is_whole))
}

struct Passing<'a> {
    unlist: Unlist<'a>,
    region: &'a Region,
    removed: &'a Region,
}

#[derive(Serialize, Deserialize)]
struct Place {
    after: String,
}

impl Pass for Passing<'_> {
    type Place = Place;

    async fn step(&mut self) -> Result<bool, StoreError> {
        self.unlist.step().await
    }

    fn written(&self) -> u64 {
        self.unlist.report().dropped
    }

    fn tell(&self, watch: &dyn Watch, _ms: u64) {
        watch.see(&Event::Unlisting { region: self.region, removed: self.removed, report: self.unlist.report() });
    }

    fn at(&self) -> String {
        self.region.to_string()
    }

    fn place(&self) -> Option<Place> {
        self.unlist.place().map(|after| Place { after: after.to_owned() })
    }

    fn go_to(&mut self, place: Place) -> bool {
        self.unlist.go_to(place.after);
        true
    }
}
