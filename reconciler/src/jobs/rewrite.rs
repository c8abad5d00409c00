//! Passes that write parts again until one finds nothing behind.

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
use crate::rewrite::{Rewrite, RewriteReport, Rule};

/// How often within a pass it is looked whether what was on its way has arrived.
const LOOKS: u32 = 12;

/// Of how many passes one lists what lacks an entry for the key repair: once for each try of the repair is enough.
const LISTED_EVERY: u64 = 24;

/// What parts are written again for.
#[derive(Clone, Copy)]
pub enum Behind<'a> {
    /// Claims that are not those of the live index keys.
    Claims(&'a Secrets),
    /// The same, and nothing of the kind is on its way between regions.
    ClaimsArrived(&'a Secrets),
    /// An entry that the region's key does not open.
    WrappedBy(&'a Region),
}

impl Behind<'_> {
    fn rule<'b>(&'b self, regions: &'b [(Home, Sealer)]) -> Result<Rule<'b>, JobError> {
        Ok(match self {
            Self::Claims(secrets) => Rule::Claims(secrets),
            Self::ClaimsArrived(secrets) => Rule::ClaimsArrived(secrets),
            Self::WrappedBy(name) => {
                let own = regions.iter().map(|(home, _)| &home.own).find(|own| own.name == **name);
                let unknown = || StoreError::Refused("what is no region of the deployment".into());
                Rule::WrappedBy(own.ok_or_else(|| stopped(name.to_string(), unknown()))?)
            }
        })
    }

    /// The name under which a pass keeps where it is. One that proves something is not kept.
    fn job(&self) -> Option<String> {
        match self {
            Self::Claims(_) => Some("claims".to_owned()),
            Self::ClaimsArrived(_) => None,
            Self::WrappedBy(region) => Some(format!("wrapped/{region}")),
        }
    }
}

/// The deployment, as this job reaches it.
#[allow(async_fn_in_trait, reason = "whoever calls it knows the type")]
pub trait Reach {
    /// Why it cannot be reached.
    type Error: From<JobError>;

    /// The regions as they are now, and what opens and seals the parts of each: another one may have come.
    async fn regions(&self) -> Result<Vec<(Home, Sealer)>, Self::Error>;

    /// Lets what was written arrive in the other regions.
    async fn arrive(&self) -> Result<(), Self::Error>;
}

/// Ends when a pass over every region has found nothing behind. Gives how many parts were written. `what` is written again,
/// for people.
///
/// # Errors
/// If a region does not do as asked, a part cannot be opened, or the time is over.
pub async fn rewrite<R: Reach>(
    worker: &Worker<'_>,
    reach: &R,
    behind: Behind<'_>,
    what: &'static str,
) -> Result<u64, R::Error> {
    let mut rewritten = 0;
    let mut last: Option<RewriteReport> = None;
    for n in 0_u64.. {
        let regions = reach.regions().await?;
        let rule = behind.rule(&regions)?;
        let mut pass = Rewrite::new(rule, regions.iter().map(|(home, sealer)| (home, sealer)));
        if n % LISTED_EVERY != 0 {
            pass = pass.without_listing();
        }
        let mut passing = Passing { pass, what };
        let kept = behind.job().and_then(|job| Some(Kept::new(&regions.first()?.0, &job)));
        let went_on = match &kept {
            Some(kept) if n == 0 => worker.go_on(&mut passing, kept).await,
            _ => false,
        };
        let driven = worker.drive(&mut passing, kept.as_ref()).await;
        driven.map_err(|source| stopped(format!("{}: {}", what, passing.at()), source))?;
        if matches!(behind, Behind::ClaimsArrived(_)) {
            look_again(worker, reach, &mut passing).await?;
        }
        let report = passing.pass.report().clone();
        rewritten += report.rewritten;
        if !went_on {
            if report.is_complete() {
                return Ok(rewritten);
            }
            if report.is_stuck_since(last.as_ref()) {
                return Err(JobError::Unopened { report: Box::new(report) }.into());
            }
        }
        reach.arrive().await?;
        if worker.clock.now() >= worker.deadline {
            return Err(JobError::NotRewritten { report: Box::new(report) }.into());
        }
        last = (!went_on).then_some(report);
    }
    Ok(rewritten)
}

/// Looks a few times whether what was on its way has arrived.
async fn look_again<R: Reach>(worker: &Worker<'_>, reach: &R, passing: &mut Passing<'_>) -> Result<(), R::Error> {
    for _ in 0..LOOKS {
        let mut waits = BackOff::REGION.waits(worker.entropy);
        let more = loop {
            match passing.pass.look_again().await {
                Ok(more) => break more,
                Err(error) => {
                    let at = "what is on its way";
                    let again = worker.again(at, error, &mut waits).await;
                    again.map_err(|source| stopped(at.to_owned(), source))?;
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
    pass: Rewrite<'a>,
    what: &'static str,
}

/// Which region, and from where on.
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
        self.pass.report().rewritten
    }

    fn tell(&self, watch: &dyn Watch, ms: u64) {
        watch.see(&Event::Rewriting { what: self.what, report: self.pass.report(), ms });
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
