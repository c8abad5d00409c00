//! Passes over regions until another has everything that they hold.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use umoja_schema::{Millis, Region};
use umoja_store::Home;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::StoreError;
use umoja_store::seal::Sealer;

use super::pass::{Pass, TELL_MS};
use super::watch::{Event, Watch};
use super::{JobError, Kept, Worker};
use crate::fill::{Fill, FillReport};
use crate::{Ended, repair_keys};

/// How often the key-repair queue is looked at.
const LOOK: Duration = Duration::from_secs(3);

/// After so long the next pass is made although the queue is not empty: other things may be in it.
const STALLED_MS: u64 = 10 * 60_000;

/// Fills a region.
#[derive(Clone, Copy)]
pub struct Backfill<'a> {
    /// How it is worked on.
    pub worker: Worker<'a>,
    /// The region to fill.
    pub target: &'a Region,
    /// When every instance had read that there is this region; the far future where nobody works, and nothing is on its
    /// way.
    pub since: Millis,
    /// Whether claims are derived again where parts are there.
    pub derives: bool,
    /// Who wraps the data keys that lack the region's wrap.
    pub repairs: Repairs,
}

/// Who repairs wrapped keys while a region is filled.
#[derive(Debug, Clone, Copy)]
pub enum Repairs {
    /// The functions of a deployment in AWS, by their schedule.
    Scheduled,
    /// The job.
    Here {
        /// How long a region's key service may take to wrap a data key, in milliseconds.
        wrap_budget_ms: u64,
    },
}

impl Backfill<'_> {
    /// Ends when a pass over each of these regions has found nothing missing; gives what all passes did. `ended` are sources
    /// that write nothing any more.
    ///
    /// # Errors
    /// If a region does not do as asked, something cannot be read, or the time is over.
    pub async fn from(&self, sources: &[&Home], ended: bool) -> Result<FillReport, JobError> {
        let mut total = FillReport::default();
        for source in sources {
            let kept = Kept::new(source, &format!("fill/{}", self.target));
            let mut is_first = true;
            loop {
                let (pass, is_whole) = self.pass(source, ended, &kept, is_first).await?;
                is_first = false;
                total.add(&pass);
                let (from, to) = (&source.own.name, self.target);
                if pass.is_complete() && is_whole {
                    self.worker.watch.see(&Event::Filled { from, to });
                    break;
                }
                if pass.unreadable > 0 {
                    let (from, to) = (from.clone(), to.clone());
                    return Err(JobError::NotRead { from, to, unreadable: pass.unreadable });
                }
                self.wait(source, &pass).await?;
            }
        }
        Ok(total)
    }

    /// A pass, and whether it began at the beginning.
    async fn pass(
        &self,
        source: &Home,
        ended: bool,
        kept: &Kept,
        goes_on: bool,
    ) -> Result<(FillReport, bool), JobError> {
        let (from, to) = (&source.own.name, self.target);
        let unknown = || JobError::Unknown { from: from.clone(), to: to.clone() };
        let mut fill = Fill::new(source, to, self.since).ok_or_else(unknown)?;
        if self.derives {
            fill = fill.deriving();
        }
        if ended {
            fill = fill.of_ended();
        }
        let mut passing = Passing { fill, from, to };
        let is_whole = !(goes_on && self.worker.go_on(&mut passing, kept).await);
        let driven = self.worker.drive(&mut passing, Some(kept)).await;
        driven.map_err(|source| self.stopped(from, source))?;
        Ok((passing.fill.report().clone(), is_whole))
    }

    fn stopped(&self, from: &Region, source: StoreError) -> JobError {
        JobError::NotCopied { from: from.clone(), to: self.target.clone(), source }
    }

    /// Waits until the key repair has nothing left to do, as far as one can see.
    async fn wait(&self, source: &Home, pass: &FillReport) -> Result<(), JobError> {
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

    async fn wait_for_schedule(&self, source: &Home, pass: &FillReport) -> Result<(), JobError> {
        let clock = self.worker.clock;
        let started = clock.now();
        let mut told = Millis(0);
        let mut empty = 0;
        while pass.unwrapped > 0 && clock.now().since(started) < STALLED_MS {
            tokio::time::sleep(LOOK).await;
            // The count is approximate: a queue is empty when it is so twice.
            let depth = source.repairs.depth().await.map_err(|error| self.stopped(&source.own.name, error))?;
            let left = depth.waiting + depth.in_flight;
            empty = if left == 0 { empty + 1 } else { 0 };
            if empty >= 2 {
                break;
            }
            if clock.now().since(told) >= TELL_MS {
                told = clock.now();
                self.worker.watch.see(&Event::Repairing { region: &source.own.name, left });
            }
            self.check_deadline(source, pass)?;
        }
        Ok(())
    }

    fn check_deadline(&self, source: &Home, pass: &FillReport) -> Result<(), JobError> {
        if self.worker.clock.now() < self.worker.deadline {
            return Ok(());
        }
        let (from, to, report) = (source.own.name.clone(), self.target.clone(), Box::new(pass.clone()));
        Err(JobError::NotFilled { from, to, report, scheduled: matches!(self.repairs, Repairs::Scheduled) })
    }
}

/// Does what the key repair of a region would do by its schedule.
pub(crate) async fn repair_here(home: &Home, wrap_budget_ms: u64) -> Result<(), JobError> {
    let sealer = Sealer::new(KeyRing::new(home, wrap_budget_ms), Arc::clone(&home.entropy));
    loop {
        let report = repair_keys(home, &sealer).await;
        if report.postponed > 0 || report.parked > 0 {
            return Err(JobError::NotRepaired { region: home.own.name.clone(), report: Box::new(report) });
        }
        if report.ended != Ended::Bounded {
            return Ok(());
        }
    }
}

struct Passing<'a> {
    fill: Fill<'a>,
    from: &'a Region,
    to: &'a Region,
}

/// Which table, and from where on.
#[derive(Serialize, Deserialize)]
struct Place {
    table: String,
    after: Option<String>,
}

impl Pass for Passing<'_> {
    type Place = Place;

    async fn step(&mut self) -> Result<bool, StoreError> {
        self.fill.step().await
    }

    fn written(&self) -> u64 {
        let report = self.fill.report();
        report.parts_copied + report.rows_copied
    }

    fn tell(&self, watch: &dyn Watch, ms: u64) {
        watch.see(&Event::Filling { from: self.from, to: self.to, report: self.fill.report(), ms });
    }

    fn at(&self) -> String {
        format!("{} to {}", self.from, self.to)
    }

    fn place(&self) -> Option<Place> {
        let (table, after) = self.fill.place()?;
        Some(Place { table: table.to_owned(), after: after.map(str::to_owned) })
    }

    fn go_to(&mut self, place: Place) -> bool {
        self.fill.go_to(&place.table, place.after)
    }
}
