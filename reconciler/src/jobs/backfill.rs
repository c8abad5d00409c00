//! Passes over regions until the backfilled region has everything that they hold.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use umoja_schema::{Millis, Region};
use umoja_store::Home;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::StoreError;
use umoja_store::seal::Sealer;

use super::pass::{Pass, REPORT_MS};
use super::watch::{Event, Watch};
use super::{JobError, Kept, Worker};
use crate::backfill::{Backfill, BackfillReport};
use crate::{Ended, repair_keys};

/// How often the depth of the key-repair queue is read.
const LOOK: Duration = Duration::from_secs(3);

/// After this time the next pass starts even if the queue is not empty, because it may hold other messages.
const STALLED_MS: u64 = 10 * 60_000;

/// Backfills a region.
#[derive(Clone, Copy)]
pub struct BackfillJob<'a> {
    /// How the job runs.
    pub worker: Worker<'a>,
    /// The region to backfill.
    pub target: &'a Region,
    /// When every instance had read that this region exists. It is the far future if no instance is running, so that no
    /// item is on its way.
    pub since: Millis,
    /// Whether ownerships are derived even where parts are present.
    pub derives: bool,
    /// What wraps the data keys that the region has not wrapped.
    pub repairs: Repairs,
    /// Whether an item that cannot be read in any region is an error: for a source whose data is given up after this.
    pub reads_all: bool,
}

/// What repairs wrapped keys while a region is backfilled.
#[derive(Debug, Clone, Copy)]
pub enum Repairs {
    /// The functions of a deployment in AWS, on their schedule.
    Scheduled,
    /// The job itself.
    Here {
        /// How long a region's key service may take to wrap a data key, in milliseconds.
        wrap_budget_ms: u64,
    },
}

impl BackfillJob<'_> {
    /// Runs passes until one over each of these regions has found nothing missing; returns the sum of all passes.
    /// `ended` says that the sources have stopped writing.
    ///
    /// # Errors
    /// If a region fails, or the deadline passes; with `reads_all`, also if an item cannot be read in any region.
    pub async fn from(&self, sources: &[&Home], ended: bool) -> Result<BackfillReport, JobError> {
        let mut total = BackfillReport::default();
        for source in sources {
            let kept = Kept::new(source, &format!("backfill/{}", self.target));
            let mut is_first = true;
            loop {
                let (pass, is_whole) = self.pass(source, ended, &kept, is_first).await?;
                is_first = false;
                // Each pass counts the same unreadable items.
                total.add(&BackfillReport { unreadable: 0, ..pass.clone() });
                let (from, to) = (&source.own.name, self.target);
                if pass.is_complete() && is_whole {
                    if pass.unreadable > 0 && self.reads_all {
                        let (from, to) = (from.clone(), to.clone());
                        return Err(JobError::NotRead { from, to, unreadable: pass.unreadable });
                    }
                    total.unreadable += pass.unreadable;
                    self.worker.watch.see(&Event::Backfilled { from, to });
                    break;
                }
                self.wait(source, &pass).await?;
            }
        }
        Ok(total)
    }

    /// Runs a pass; also returns whether it began at the beginning.
    async fn pass(
        &self,
        source: &Home,
        ended: bool,
        kept: &Kept,
        resumes: bool,
    ) -> Result<(BackfillReport, bool), JobError> {
        let (from, to) = (&source.own.name, self.target);
        let unknown = || JobError::Unknown { from: from.clone(), to: to.clone() };
        let mut backfill = Backfill::new(source, to, self.since).ok_or_else(unknown)?;
        if self.derives {
            backfill = backfill.deriving();
        }
        if ended {
            backfill = backfill.of_ended();
        }
        if let Repairs::Here { wrap_budget_ms } = self.repairs {
            backfill = backfill.wrapping(Arc::new(sealer(source, wrap_budget_ms)));
        }
        let mut passing = Passing { backfill, from, to };
        let is_whole = !(resumes && self.worker.resume(&mut passing, kept).await);
        let driven = self.worker.drive(&mut passing, Some(kept)).await;
        driven.map_err(|source| self.stopped(from, source))?;
        Ok((passing.backfill.report().clone(), is_whole))
    }

    fn stopped(&self, from: &Region, source: StoreError) -> JobError {
        JobError::NotReplicated { from: from.clone(), to: self.target.clone(), source }
    }

    /// Runs the key repair, or waits until the scheduled one seems to have emptied its queue.
    async fn wait(&self, source: &Home, pass: &BackfillReport) -> Result<(), JobError> {
        match self.repairs {
            Repairs::Here { wrap_budget_ms } => {
                if pass.unwrapped > 0 {
                    repair_here(source, wrap_budget_ms).await?;
                }
            }
            Repairs::Scheduled => self.wait_for_schedule(source, pass).await?,
        }
        self.check_deadline(source, pass)
    }

    async fn wait_for_schedule(&self, source: &Home, pass: &BackfillReport) -> Result<(), JobError> {
        let clock = self.worker.clock;
        let started = clock.now();
        let mut reported = Millis(0);
        let mut empty = 0;
        while pass.unwrapped > 0 && clock.now().since(started) < STALLED_MS {
            tokio::time::sleep(LOOK).await;
            // The count is approximate: a queue counts as empty after two counts of zero.
            let depth = source.repairs.depth().await.map_err(|error| self.stopped(&source.own.name, error))?;
            let left = depth.waiting + depth.in_flight;
            empty = if left == 0 { empty + 1 } else { 0 };
            if empty >= 2 {
                break;
            }
            if clock.now().since(reported) >= REPORT_MS {
                reported = clock.now();
                self.worker.watch.see(&Event::Repairing { region: &source.own.name, left });
            }
            self.check_deadline(source, pass)?;
        }
        Ok(())
    }

    fn check_deadline(&self, source: &Home, pass: &BackfillReport) -> Result<(), JobError> {
        if self.worker.clock.now() < self.worker.deadline {
            return Ok(());
        }
        let (from, to, report) = (source.own.name.clone(), self.target.clone(), Box::new(pass.clone()));
        Err(JobError::NotBackfilled { from, to, report, scheduled: matches!(self.repairs, Repairs::Scheduled) })
    }
}

/// Does what the key repair of a region would do on its schedule.
pub(crate) async fn repair_here(home: &Home, wrap_budget_ms: u64) -> Result<(), JobError> {
    let sealer = sealer(home, wrap_budget_ms);
    loop {
        let report = repair_keys(home, &sealer).await;
        if report.postponed > 0 || report.quarantined > 0 {
            return Err(JobError::NotRepaired { region: home.own.name.clone(), report: Box::new(report) });
        }
        if report.ended != Ended::Bounded {
            return Ok(());
        }
    }
}

fn sealer(home: &Home, wrap_budget_ms: u64) -> Sealer {
    Sealer::new(KeyRing::new(home, wrap_budget_ms), Arc::clone(&home.entropy))
}

struct Passing<'a> {
    backfill: Backfill<'a>,
    from: &'a Region,
    to: &'a Region,
}

/// A table and the position in it.
#[derive(Serialize, Deserialize)]
struct Place {
    table: String,
    after: Option<String>,
}

impl Pass for Passing<'_> {
    type Place = Place;

    async fn step(&mut self) -> Result<bool, StoreError> {
        self.backfill.step().await
    }

    fn written(&self) -> u64 {
        let report = self.backfill.report();
        report.parts_replicated + report.rows_replicated
    }

    fn report_progress(&self, watch: &dyn Watch, ms: u64) {
        watch.see(&Event::Backfilling { from: self.from, to: self.to, report: self.backfill.report(), ms });
    }

    fn at(&self) -> String {
        format!("{} to {}", self.from, self.to)
    }

    fn place(&self) -> Option<Place> {
        let (table, after) = self.backfill.place()?;
        Some(Place { table: table.to_owned(), after: after.map(str::to_owned) })
    }

    fn go_to(&mut self, place: Place) -> bool {
        self.backfill.go_to(&place.table, place.after)
    }
}
