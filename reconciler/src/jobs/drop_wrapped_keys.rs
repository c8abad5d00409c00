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

/// Repeats passes until each of these regions has opened every part with its own KMS key, without the key of the
/// leaving region, in one whole pass.
///
/// # Errors
/// If a region fails, a part cannot be opened or read, or the deadline passes.
pub async fn wrap_elsewhere(
    worker: &Worker<'_>,
    stay: &[&Home],
    removed: &Region,
    repairs: Repairs,
) -> Result<(), JobError> {
    for home in stay {
        loop {
            let (found, error) = look(worker, home, removed).await?;
            let Some(error) = error else { break };
            let waits = found.unopened + found.unreadable == 0;
            if !waits || worker.clock.now() >= worker.deadline {
                return Err(error);
            }
            match repairs {
                Repairs::Here { wrap_budget_ms } if found.needed > 0 => repair_here(home, wrap_budget_ms).await?,
                Repairs::Scheduled if found.needed > 0 => tokio::time::sleep(LOOK).await,
                _ => {}
            }
        }
    }
    Ok(())
}

/// Checks that each of these regions opens every part with its own KMS key, for a region that is gone: what only its
/// key opens stays so. Parts that another of these regions opens are repaired.
///
/// # Errors
/// If a region fails, a part cannot be opened or read, or the deadline passes.
pub async fn check_without(worker: &Worker<'_>, stay: &[&Home], removed: &Region) -> Result<(), JobError> {
    for home in stay {
        loop {
            let (found, error) = look(worker, home, removed).await?;
            let Some(error) = error else { break };
            if found.kept() > 0 || worker.clock.now() >= worker.deadline {
                return Err(error);
            }
        }
    }
    Ok(())
}

/// A pass that drops no key, and the error if it proves nothing.
async fn look(
    worker: &Worker<'_>,
    home: &Home,
    removed: &Region,
) -> Result<(DropWrappedKeysReport, Option<JobError>), JobError> {
    let (found, _, parts) = pass(worker, home, removed, DropWrappedKeys::look(home, removed), None).await?;
    let (region, removed) = (home.own.name.clone(), removed.clone());
    let error = match found {
        found if found.is_proof() => None,
        DropWrappedKeysReport { unreadable: 1.., .. } => {
            Some(JobError::UnknownNeed { region, removed, unreadable: found.unreadable })
        }
        DropWrappedKeysReport { unopened: 1.., .. } => {
            Some(JobError::NotOpened { region, removed, unopened: found.unopened, parts })
        }
        found => {
            let needed = found.needed + found.repaired + found.overtaken;
            Some(JobError::Needed { region, removed, needed, parts })
        }
    };
    Ok((found, error))
}

/// What was dropped in all regions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped {
    /// How many wrapped keys, over all regions.
    pub dropped: u64,
    /// How many parts still need the wrapped key of the removed region or cannot be opened, in the region that has the
    /// most of them.
    pub kept: u64,
    /// Some of those parts, as `id/part`.
    pub parts: Vec<String>,
}

/// Drops the wrapped keys of a removed region from every part of these regions that the region opens with its own KMS
/// key.
///
/// # Errors
/// If a region fails, or lists the removed one.
pub async fn drop_keys(worker: &Worker<'_>, homes: &[&Home], removed: &Region) -> Result<Dropped, JobError> {
    let mut all = Dropped::default();
    for home in homes {
        let kept = Kept::new(home, &format!("drop_wrapped_keys/{removed}"));
        let mut checkpoint = Some(&kept);
        loop {
            let drop_wrapped_keys =
                DropWrappedKeys::drop_keys(home, removed).ok_or_else(|| JobError::Listed(removed.clone()))?;
            let (found, is_whole, parts) = pass(worker, home, removed, drop_wrapped_keys, checkpoint.take()).await?;
            all.dropped += found.dropped;
            if found.overtaken == 0 && is_whole {
                if found.kept() > all.kept {
                    (all.kept, all.parts) = (found.kept(), parts);
                }
                break;
            }
        }
    }
    Ok(all)
}

/// Runs a pass; also returns whether it began at the beginning, and some of the parts that no region opens without the
/// removed one's key.
async fn pass(
    worker: &Worker<'_>,
    home: &Home,
    removed: &Region,
    drop_wrapped_keys: DropWrappedKeys<'_>,
    kept: Option<&Kept>,
) -> Result<(DropWrappedKeysReport, bool, Vec<String>), JobError> {
    let mut passing = Passing { drop_wrapped_keys, region: &home.own.name, removed };
    let is_whole = match kept {
        Some(kept) => !worker.resume(&mut passing, kept).await,
        None => true,
    };
    let driven = worker.drive(&mut passing, kept).await;
    driven.map_err(|source| JobError::Stopped { at: home.own.name.to_string(), source })?;
    let pass = &passing.drop_wrapped_keys;
    let parts = pass.named().iter().map(|(id, part)| format!("{id}/{part}")).collect();
    Ok((*pass.report(), is_whole, parts))
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
        self.drop_wrapped_keys.report().dropped + self.drop_wrapped_keys.report().repaired
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
