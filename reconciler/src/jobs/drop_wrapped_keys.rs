//! Dropping the wrapped keys of a leaving region once no part needs its key.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use umoja_schema::Region;
use umoja_store::Home;
use umoja_store::ports::StoreError;

use super::backfill::{Repairs, repair_here};
use super::pass::Pass;
use super::watch::{Event, Watch};
use super::{JobError, Kept, Worker};
use crate::drop_wrapped_keys::{DropWrappedKeys, DropWrappedKeysReport};

/// How often the parts that only the region's key opens are counted again.
const LOOK: Duration = Duration::from_secs(10);

/// Waits until every part in each of these regions can be opened there without the key of the leaving region.
///
/// # Errors
/// If a region fails, or the deadline passes.
pub async fn wrap_elsewhere(
    worker: &Worker<'_>,
    stay: &[&Home],
    removed: &Region,
    repairs: Repairs,
) -> Result<(), JobError> {
    for home in stay {
        loop {
            let found = pass(worker, home, removed, DropWrappedKeys::look(home, removed), None).await?.0;
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

/// Drops the wrapped keys of a removed region from every part of these regions. `needed` in the report is that of the
/// region with the most such parts.
///
/// # Errors
/// If a region fails, or lists the removed one.
pub async fn drop_keys(
    worker: &Worker<'_>,
    homes: &[&Home],
    removed: &Region,
) -> Result<DropWrappedKeysReport, JobError> {
    let mut all = DropWrappedKeysReport::default();
    for home in homes {
        let kept = Kept::new(home, &format!("drop_wrapped_keys/{removed}"));
        let mut checkpoint = Some(&kept);
        loop {
            let drop_wrapped_keys =
                DropWrappedKeys::drop_keys(home, removed).ok_or_else(|| JobError::Listed(removed.clone()))?;
            let (found, is_whole) = pass(worker, home, removed, drop_wrapped_keys, checkpoint.take()).await?;
            all.dropped += found.dropped;
            if found.overtaken == 0 && is_whole {
                all.needed = all.needed.max(found.needed + found.unreadable);
                break;
            }
        }
    }
    Ok(all)
}

/// Runs a pass; also returns whether it began at the beginning.
async fn pass(
    worker: &Worker<'_>,
    home: &Home,
    removed: &Region,
    drop_wrapped_keys: DropWrappedKeys<'_>,
    kept: Option<&Kept>,
) -> Result<(DropWrappedKeysReport, bool), JobError> {
    let mut passing = Passing { drop_wrapped_keys, region: &home.own.name, removed };
    let is_whole = match kept {
        Some(kept) => !worker.resume(&mut passing, kept).await,
        None => true,
    };
    let driven = worker.drive(&mut passing, kept).await;
    driven.map_err(|source| JobError::Stopped { at: home.own.name.to_string(), source })?;
    Ok((*passing.drop_wrapped_keys.report(), is_whole))
}

struct Passing<'a> {
    drop_wrapped_keys: DropWrappedKeys<'a>,
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
        self.drop_wrapped_keys.step().await
    }

    fn written(&self) -> u64 {
        self.drop_wrapped_keys.report().dropped
    }

    fn report_progress(&self, watch: &dyn Watch, _ms: u64) {
        watch.see(&Event::DroppingWrappedKeys {
            region: self.region,
            removed: self.removed,
            report: self.drop_wrapped_keys.report(),
        });
    }

    fn at(&self) -> String {
        self.region.to_string()
    }

    fn place(&self) -> Option<Place> {
        self.drop_wrapped_keys.place().map(|after| Place { after: after.to_owned() })
    }

    fn go_to(&mut self, place: Place) -> bool {
        self.drop_wrapped_keys.go_to(place.after);
        true
    }
}
