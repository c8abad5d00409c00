//! Whether the audit trail of each region is whole.

use serde::Serialize;
use umoja_reconciler::{AuditCheck, Broken};
use umoja_schema::{Millis, Region};
use umoja_store::audit::{AuditKey, Retention};

use super::super::audit;
use crate::CliError;
use crate::deployment::{DeployedRegion, Regions};
use crate::output::{counted, note, time};

/// After how many pages the check of a region reports its progress.
const REPORT_PAGES: u64 = 100;

/// How long rows that are too old may stay before they are reported, in milliseconds.
const OVERDUE_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// What was found in one region.
#[derive(Serialize)]
pub(super) struct Trail {
    region: Region,
    /// How many rows were read.
    rows: u64,
    /// How many users' chains are broken.
    found: u64,
    /// The first of them.
    broken: Vec<Broken>,
    unreadable: u64,
    /// How many rows should have been dropped.
    #[serde(skip)]
    overdue: u64,
    /// Why the check did not reach the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// What was found in all regions.
#[derive(Serialize)]
pub(super) struct Trails {
    regions: Vec<Trail>,
    /// Why forged rows could not be distinguished from genuine ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    unchecked: Option<String>,
    /// Before which time rows should have been dropped.
    #[serde(skip)]
    overdue_before: Option<Millis>,
}

/// Checks each region's own chains, and whether its rows are genuine. Another module compares the regions.
pub(super) async fn look(regions: &Regions, most: usize) -> Trails {
    let retention = audit::trail::retention(regions).await;
    let key = audit::trail::key(regions).await;
    let overdue_before =
        retention.too_old_before(regions.clock.now()).map(|before| Millis(before.0.saturating_sub(OVERDUE_MS)));
    let mut found = Vec::new();
    for region in regions.list.iter().filter(|region| region.state.is_compared()) {
        found.push(one(region, key.as_ref().ok(), &retention, overdue_before, most).await);
    }
    let unchecked = key.err().map(|error: CliError| error.to_string());
    Trails { regions: found, unchecked, overdue_before }
}

async fn one(
    region: &DeployedRegion,
    key: Option<&AuditKey>,
    retention: &Retention,
    overdue_before: Option<Millis>,
    most: usize,
) -> Trail {
    let mut pass = AuditCheck::new(&region.home.own, key, retention.dropped_before);
    pass = pass.counting_old(overdue_before.unwrap_or(Millis(0)));
    let (mut broken, mut found, mut pages, mut error) = (Vec::new(), 0, 0, None);
    loop {
        match pass.page().await {
            Ok(None) => break,
            Ok(Some(page)) => {
                found += page.len() as u64;
                let room = most.saturating_sub(broken.len());
                broken.extend(page.into_iter().take(room));
            }
            Err(failed) => {
                error = Some(failed.to_string());
                break;
            }
        }
        pages += 1;
        if pages % REPORT_PAGES == 0 {
            note(&format!("{}: {} rows of the audit trail read, {found} users with flaws", region.name(), pass.rows()));
        }
    }
    let (region, rows, unreadable, overdue) = (region.name().clone(), pass.rows(), pass.unreadable(), pass.overdue());
    Trail { region, rows, found, broken, unreadable, overdue, error }
}

impl Trails {
    /// True if not everything could be read.
    pub(super) fn is_blind(&self) -> bool {
        self.unchecked.is_some() || self.regions.iter().any(|trail| trail.error.is_some())
    }

    /// What needs an operator's attention.
    pub(super) fn said(&self) -> Vec<String> {
        let mut said = Vec::new();
        for Trail { region, found, broken, unreadable, .. } in &self.regions {
            for Broken { user, flaws } in broken {
                said.extend(flaws.iter().map(|flaw| format!("{user}: the audit trail in {region}: {flaw}")));
            }
            if *found > broken.len() as u64 {
                said.push(format!(
                    "{region}: the audit trails of {} more users are broken",
                    found - broken.len() as u64
                ));
            }
            if *unreadable > 0 {
                said.push(format!("{region}: {unreadable} rows of the audit trail cannot be read"));
            }
        }
        let overdue: u64 = self.regions.iter().map(|trail| trail.overdue).sum();
        if let (Some(before), true) = (self.overdue_before, overdue > 0) {
            let (rows, before) = (counted(overdue, "row"), time(before));
            said.push(format!(
                "{rows} of the audit trail from before {before} were not dropped; run `umoja audit drop`"
            ));
        }
        said
    }

    /// A line for each region.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |trail: &Trail| {
            let end = match (&trail.error, trail.found) {
                (Some(error), _) => format!("not read to the end: {error}"),
                (None, 0) => "every chain is whole".to_owned(),
                (None, found) => format!("{} with flaws", counted(found, "user")),
            };
            format!("{}: audit trail of {}: {end}", trail.region, counted(trail.rows, "row"))
        };
        let unchecked =
            self.unchecked.iter().map(|why| format!("the rows of the audit trail could not be verified: {why}"));
        self.regions.iter().map(line).chain(unchecked).collect()
    }
}
