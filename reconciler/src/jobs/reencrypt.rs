//! Passes that re-encrypt parts until one finds no part behind.

use serde::{Deserialize, Serialize};
use umoja_schema::Region;
use umoja_store::Home;
use umoja_store::backoff::BackOff;
use umoja_store::ports::StoreError;
use umoja_store::seal::Sealer;
use umoja_store::secrets::Secrets;

use super::pass::Pass;
use super::watch::{Event, Watch};
use super::{JobError, Kept, Worker};
use crate::reencrypt::{Reencryption, ReencryptionReport, Rule};

/// How often, within a pass, parts that were on their way are checked again.
const LOOKS: u32 = 12;

/// One in this many passes lists parts that lack a wrapped key for the key repair. Once for each try of the repair is
/// enough.
const LISTED_EVERY: u64 = 24;

/// Why parts are re-encrypted.
#[derive(Clone, Copy)]
pub enum Behind<'a> {
    /// The ownerships are not those of the live index keys.
    Ownerships(&'a Secrets),
    /// As `Ownerships`, and no profile with such ownerships is on its way between regions.
    OwnershipsArrived(&'a Secrets),
    /// A wrapped key cannot be opened with the region's key.
    WrappedBy(&'a Region),
    /// As `WrappedBy`, and a part that cannot be read at all does not count: the region has to serve without it.
    ReadAndWrappedBy(&'a Region),
}

impl Behind<'_> {
    fn rule<'b>(&'b self, regions: &'b [(Home, Sealer)]) -> Result<Rule<'b>, JobError> {
        Ok(match self {
            Self::Ownerships(secrets) => Rule::Ownerships(secrets),
            Self::OwnershipsArrived(secrets) => Rule::OwnershipsArrived(secrets),
            Self::WrappedBy(name) | Self::ReadAndWrappedBy(name) => {
                let own = regions.iter().map(|(home, _)| &home.own).find(|own| own.name == **name);
                let unknown = || StoreError::Rejected("a region outside the deployment".into());
                Rule::WrappedBy(own.ok_or_else(|| stopped(name.to_string(), unknown()))?)
            }
        })
    }

    /// The name of the pass's checkpoint. A pass that proves completeness has none.
    fn job(&self) -> Option<String> {
        match self {
            Self::Ownerships(_) => Some("ownerships".to_owned()),
            Self::OwnershipsArrived(_) => None,
            Self::WrappedBy(region) | Self::ReadAndWrappedBy(region) => Some(format!("wrapped/{region}")),
        }
    }

    /// What counts of a pass.
    fn counted(&self, mut report: ReencryptionReport) -> ReencryptionReport {
        if matches!(self, Self::ReadAndWrappedBy(_)) {
            report.unreadable -= report.damaged;
        }
        report
    }
}

/// The access of this job to the deployment.
#[allow(async_fn_in_trait, reason = "every caller knows the type")]
pub trait Reach {
    /// Why the deployment cannot be reached.
    type Error: From<JobError>;

    /// The regions as they are now, with the sealer for the parts of each. A region may have been added.
    async fn regions(&self) -> Result<Vec<(Home, Sealer)>, Self::Error>;

    /// Waits until replication has delivered what was written.
    async fn arrive(&self) -> Result<(), Self::Error>;
}

/// Runs passes until one over every region finds no part behind. Returns how many parts were re-encrypted. `what` names
/// them in progress reports.
///
/// # Errors
/// If a region fails, a part cannot be opened, or the deadline passes.
pub async fn reencrypt<R: Reach>(
    worker: &Worker<'_>,
    reach: &R,
    behind: Behind<'_>,
    what: &'static str,
) -> Result<u64, R::Error> {
    let mut reencrypted = 0;
    let mut last: Option<ReencryptionReport> = None;
    for n in 0_u64.. {
        let regions = reach.regions().await?;
        let rule = behind.rule(&regions)?;
        let mut pass = Reencryption::new(rule, regions.iter().map(|(home, sealer)| (home, sealer)));
        if n % LISTED_EVERY != 0 {
            pass = pass.without_listing();
        }
        let mut passing = Passing { pass, what };
        let kept = behind.job().and_then(|job| Some(Kept::new(&regions.first()?.0, &job)));
        let went_on = match &kept {
            Some(kept) if n == 0 => worker.resume(&mut passing, kept).await,
            _ => false,
        };
        let driven = worker.drive(&mut passing, kept.as_ref()).await;
        driven.map_err(|source| stopped(format!("{}: {}", what, passing.at()), source))?;
        if matches!(behind, Behind::OwnershipsArrived(_)) {
            look_again(worker, reach, &mut passing).await?;
        }
        let report = behind.counted(passing.pass.report().clone());
        reencrypted += report.reencrypted;
        if !went_on {
            if report.is_complete() {
                return Ok(reencrypted);
            }
            if report.is_stuck_since(last.as_ref()) {
                return Err(JobError::Unopened { report: Box::new(report) }.into());
            }
        }
        reach.arrive().await?;
        if worker.clock.now() >= worker.deadline {
            return Err(JobError::NotReencrypted { report: Box::new(report) }.into());
        }
        last = (!went_on).then_some(report);
    }
    Ok(reencrypted)
}

/// Checks a few times whether parts that were on their way have arrived.
async fn look_again<R: Reach>(worker: &Worker<'_>, reach: &R, passing: &mut Passing<'_>) -> Result<(), R::Error> {
    for _ in 0..LOOKS {
        let mut waits = BackOff::REGION.waits(worker.entropy);
        let more = loop {
            match passing.pass.look_again().await {
                Ok(more) => break more,
                Err(error) => {
                    let at = "parts on their way";
                    let waited = worker.wait_before_retry(at, error, &mut waits).await;
                    waited.map_err(|source| stopped(at.to_owned(), source))?;
                }
            }
        };
        if !more {
            break;
        }
        reach.arrive().await?;
    }
    Ok(())
}

fn stopped(at: String, source: StoreError) -> JobError {
    JobError::Stopped { at, source }
}

struct Passing<'a> {
    pass: Reencryption<'a>,
    what: &'static str,
}

/// A region and the position in it.
#[derive(Serialize, Deserialize)]
struct Place {
    region: Region,
    after: Option<String>,
}

impl Pass for Passing<'_> {
    type Place = Place;

    async fn step(&mut self) -> Result<bool, StoreError> {
        self.pass.step().await
    }

    fn written(&self) -> u64 {
        self.pass.report().reencrypted
    }

    fn report_progress(&self, watch: &dyn Watch, ms: u64) {
        watch.see(&Event::Reencrypting { what: self.what, report: self.pass.report(), ms });
    }

    fn at(&self) -> String {
        self.pass.region().map(ToString::to_string).unwrap_or_default()
    }

    fn place(&self) -> Option<Place> {
        let (region, after) = self.pass.place()?;
        Some(Place { region: region.clone(), after: after.map(str::to_owned) })
    }

    fn go_to(&mut self, place: Place) -> bool {
        self.pass.go_to(&place.region, place.after)
    }
}
