//! Passes over regions until another has everything that they hold, with what people want to know meanwhile.

use std::time::Duration;

use umoja_reconciler::{Ended, Fill, FillReport, repair_keys};
use umoja_schema::names::{function, queue};
use umoja_schema::{Millis, Region};
use umoja_store::ports::StoreError;

use crate::CliError;
use crate::deployment::{DeployedRegion, Deployment, Regions, names};
use crate::output::note;

/// How often somebody who waits is told so.
const TELL_MS: u64 = 10_000;

/// How often the key-repair queue is looked at.
const LOOK: Duration = Duration::from_secs(3);

/// After so long the next pass is made although the queue is not empty: other things may be in it.
const STALLED_MS: u64 = 10 * 60_000;

/// How often a page is tried while a region does not answer.
const TRIES: u32 = 8;

/// Fills a region.
pub(super) struct Filler<'a> {
    pub(super) regions: &'a Regions,
    /// The region to fill.
    pub(super) target: &'a Region,
    /// When every function had read that there is this region.
    pub(super) since: Millis,
    /// Whether claims are derived again where parts are there.
    pub(super) derives: bool,
    /// How many parts and rows are copied in a second at most; 0 for as many as can be.
    pub(super) rate: u32,
    /// When to give up.
    pub(super) deadline: Millis,
    /// Who wraps the data keys that lack the region's wrap.
    pub(super) repairs: Repairs<'a>,
}

/// Who repairs wrapped keys while a region is filled.
#[derive(Clone, Copy)]
pub(super) enum Repairs<'a> {
    /// The functions of a deployment in AWS with this prefix, by their schedule.
    Scheduled(&'a str),
    /// This process: nobody serves the directory meanwhile.
    Here(&'a Deployment),
}

impl Filler<'_> {
    /// Ends when a pass over each serving region has found nothing missing; gives what all passes did.
    pub(super) async fn run(&self) -> Result<FillReport, CliError> {
        let serving = |region: &&DeployedRegion| region.state.serves() && region.name() != self.target;
        // The region that was asked for is copied from; the others are compared, and hold nothing else as a rule.
        let first = self.regions.first()?.name();
        let mut sources: Vec<&DeployedRegion> = self.regions.list.iter().filter(serving).collect();
        sources.sort_by_key(|region| region.name() != first);
        self.from(&sources, false).await
    }

    /// As [`Filler::run`], from these regions. `ended` are sources that write nothing any more.
    pub(super) async fn from(&self, sources: &[&DeployedRegion], ended: bool) -> Result<FillReport, CliError> {
        let mut total = FillReport::default();
        for source in sources {
            loop {
                let pass = self.pass(source, ended).await?;
                total.add(&pass);
                if pass.is_complete() {
                    note(&format!("{}: has everything that {} holds", self.target, source.name()));
                    break;
                }
                if pass.unreadable > 0 {
                    return Err(CliError::Failed(format!(
                        "{} items of {} cannot be read and were not copied to {}; all others were. See `umoja doctor`",
                        pass.unreadable,
                        source.name(),
                        self.target
                    )));
                }
                self.wait(source, &pass).await?;
            }
        }
        Ok(total)
    }

    fn now(&self) -> Millis {
        self.regions.clock.now()
    }

    async fn pass(&self, source: &DeployedRegion, ended: bool) -> Result<FillReport, CliError> {
        let unknown = || CliError::Failed(format!("{} does not know {}", source.name(), self.target));
        let since = match self.repairs {
            Repairs::Scheduled(_) => self.since,
            // Nobody works: nothing is on its way.
            Repairs::Here(_) => Millis(u64::MAX),
        };
        let mut fill = Fill::new(&source.home, self.target, since).ok_or_else(unknown)?;
        if self.derives {
            fill = fill.deriving();
        }
        if ended {
            fill = fill.of_ended();
        }
        let started = self.now();
        let mut told = started;
        while self.step(source, &mut fill).await? {
            self.pace(started, fill.report()).await;
            if self.now().since(told) >= TELL_MS {
                told = self.now();
                self.tell(source, started, fill.report());
            }
        }
        self.tell(source, started, fill.report());
        Ok(fill.report().clone())
    }

    /// One page; again after a while if a region does not answer.
    async fn step(&self, source: &DeployedRegion, fill: &mut Fill<'_>) -> Result<bool, CliError> {
        let mut tries = 0;
        loop {
            match fill.step().await {
                Ok(more) => return Ok(more),
                Err(error) if error.is_transient() && tries < TRIES => {
                    tries += 1;
                    let secs = 1 << tries.min(5);
                    note(&format!("{} to {}: {error}; again in {secs} s", source.name(), self.target));
                    tokio::time::sleep(Duration::from_secs(secs)).await;
                }
                Err(error) => return Err(self.stopped(source, error)),
            }
        }
    }

    fn stopped(&self, source: &DeployedRegion, error: StoreError) -> CliError {
        let (from, to) = (source.name(), self.target);
        let error = source.failed(error);
        CliError::Failed(format!(
            "copying from {from} to {to} stopped: {error}; run the same command again, it goes on"
        ))
    }

    /// Holds copies back to the rate.
    async fn pace(&self, started: Millis, report: &FillReport) {
        if self.rate == 0 {
            return;
        }
        let due = (report.parts_copied + report.rows_copied).saturating_mul(1000) / u64::from(self.rate);
        let early = due.saturating_sub(self.now().since(started));
        if early > 0 {
            tokio::time::sleep(Duration::from_millis(early)).await;
        }
    }

    fn tell(&self, source: &DeployedRegion, started: Millis, report: &FillReport) {
        let FillReport { parts, parts_copied, rows, rows_copied, unwrapped, .. } = report;
        let rate = (parts + rows) * 1000 / self.now().since(started).max(1);
        note(&format!(
            "{} to {}: {parts} parts looked at, {parts_copied} copied, {unwrapped} to be wrapped; {rows} rows looked \
             at, {rows_copied} copied; {rate}/s",
            source.name(),
            self.target
        ));
    }

    /// Waits until the key repair has nothing left to do, as far as one can see.
    async fn wait(&self, source: &DeployedRegion, pass: &FillReport) -> Result<(), CliError> {
        match self.repairs {
            Repairs::Here(deployment) => {
                if pass.unwrapped > 0 {
                    repair_here(deployment, source).await?;
                }
                self.check_deadline(source, pass)
            }
            Repairs::Scheduled(prefix) => self.wait_for_schedule(source, pass, prefix).await,
        }
    }

    async fn wait_for_schedule(
        &self,
        source: &DeployedRegion,
        pass: &FillReport,
        prefix: &str,
    ) -> Result<(), CliError> {
        let started = self.now();
        let mut told = Millis(0);
        let mut empty = 0;
        while pass.unwrapped > 0 && self.now().since(started) < STALLED_MS {
            tokio::time::sleep(LOOK).await;
            // The count is approximate: a queue is empty when it is so twice.
            let depth = source.home.repairs.depth().await.map_err(|error| self.stopped(source, error))?;
            let left = depth.waiting + depth.in_flight;
            empty = if left == 0 { empty + 1 } else { 0 };
            if empty >= 2 {
                break;
            }
            if self.now().since(told) >= TELL_MS {
                told = self.now();
                let (keys, repair) = (queue::KEYS, function::RECONCILE_KEYS);
                note(&format!("{}: {left} messages in {prefix}-{keys} for {repair}", source.name()));
            }
            self.check_deadline(source, pass)?;
        }
        self.check_deadline(source, pass)
    }

    fn check_deadline(&self, source: &DeployedRegion, pass: &FillReport) -> Result<(), CliError> {
        if self.now() < self.deadline {
            return Ok(());
        }
        let (from, to) = (source.name(), self.target);
        let why = if pass.unwrapped > 0 {
            let repair = function::RECONCILE_KEYS;
            let who = match self.repairs {
                Repairs::Scheduled(prefix) => {
                    format!("{prefix}-{repair} in {from} works on them, if its schedule runs")
                }
                Repairs::Here(_) => format!("this command works on them, if they can be opened in {from}"),
            };
            format!(
                "{} parts have no data key that {to} wrapped; {who} and the KMS key of {to} can be used",
                pass.unwrapped
            )
        } else {
            format!("{} parts and rows of {from} were missing at the last look", pass.missing)
        };
        Err(CliError::Failed(format!("{to} has not everything yet: {why}; run the same command again, it goes on")))
    }
}

/// Does what the key repair of a region would do by its schedule.
pub(super) async fn repair_here(deployment: &Deployment, region: &DeployedRegion) -> Result<(), CliError> {
    let sealer = deployment.sealer(&region.home);
    loop {
        let report = repair_keys(&region.home, &sealer).await;
        if report.postponed > 0 || report.parked > 0 {
            let out = names(&report.keys_out);
            return Err(CliError::Failed(format!(
                "{}: {} data keys could not be wrapped, {} cannot be opened; the keys of these regions cannot be used: \
                 [{out}]",
                region.name(),
                report.postponed,
                report.parked
            )));
        }
        if report.ended != Ended::Bounded {
            return Ok(());
        }
    }
}
