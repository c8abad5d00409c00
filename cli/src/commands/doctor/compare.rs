//! Comparing regions with each other, and users with what is derived from them, for people who wait.

use serde::Serialize;
use umoja_reconciler::{Difference, Sweep, SweepReport};
use umoja_schema::Region;

use super::super::audit;
use crate::deployment::{DeployedRegion, Regions};
use crate::output::{note, time};

/// After how many pages a comparison says how far it has come.
const TELL_PAGES: usize = 100;

/// What became of one comparison.
#[derive(Serialize)]
pub(in crate::commands) struct Compared {
    /// The region that was compared.
    pub(in crate::commands) region: Region,
    /// With which other one; nothing if its users were with what is derived from them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) peer: Option<Region>,
    /// What was looked at, found and mended.
    pub(in crate::commands) report: SweepReport,
    /// The first differences.
    pub(in crate::commands) differences: Vec<Difference>,
    /// Why it was not looked at to the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) error: Option<String>,
}

/// How comparisons are made.
#[derive(Clone, Copy)]
pub(in crate::commands) struct How {
    /// Whether differences are mended.
    pub(in crate::commands) mends: bool,
    /// Whether users are compared with what is derived from them, too.
    pub(in crate::commands) derived: bool,
    /// The most differences of one comparison that are kept.
    pub(in crate::commands) most: usize,
}

impl Compared {
    /// What it is a comparison of.
    pub(in crate::commands) fn title(&self) -> String {
        match &self.peer {
            Some(peer) => format!("{} and {peer}", self.region),
            None => format!("{}: users and claims", self.region),
        }
    }
}

/// Compares each pair of regions once, and each region within itself. Regions that are being filled are left out.
pub(in crate::commands) async fn compare(regions: &Regions, how: How) -> Vec<Compared> {
    let swept: Vec<&DeployedRegion> = regions.list.iter().filter(|region| region.state.is_swept()).collect();
    let dropped_before = audit::trail::retention(regions).await.dropped_before;
    let mut compared = Vec::new();
    for (position, region) in swept.iter().enumerate() {
        if how.derived {
            compared.push(one(region, None, Sweep::within(&region.home), how).await);
        }
        for other in &swept[position + 1..] {
            if let Some(pass) = Sweep::with_peer(&region.home, other.name()) {
                let pass = pass.without_audit_before(dropped_before);
                compared.push(one(region, Some(other.name()), pass, how).await);
            }
        }
    }
    compared
}

async fn one(region: &DeployedRegion, peer: Option<&Region>, pass: Sweep<'_>, how: How) -> Compared {
    let mut pass = if how.mends { pass } else { pass.looking() };
    let (region, peer) = (region.name().clone(), peer.cloned());
    let mut compared = Compared { region, peer, report: SweepReport::default(), differences: Vec::new(), error: None };
    let mut pages = 0;
    while !pass.is_done() {
        match pass.step().await {
            Ok(found) => {
                let room = how.most.saturating_sub(compared.differences.len());
                compared.differences.extend(found.into_iter().take(room));
            }
            Err(error) => {
                compared.error = Some(error.to_string());
                break;
            }
        }
        pages += 1;
        if pages % TELL_PAGES == 0 {
            let SweepReport { own, other, found, .. } = pass.report();
            note(&format!("{}: {own} and {other} items read, {found} differences", compared.title()));
        }
    }
    compared.report = *pass.report();
    compared
}

/// A difference, for people: whose, where, since when.
pub(super) fn line(difference: &Difference, compared: &Compared) -> String {
    let region = &compared.region;
    match difference {
        Difference::Part { id, part, own, peer, since } => {
            let version = |version: &Option<umoja_schema::Version>| {
                version.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string)
            };
            let other = compared.peer.as_ref().map(ToString::to_string).unwrap_or_default();
            let what = if own == peer { "other wrapped keys of" } else { "another" };
            let (own, peer) = (version(own), version(peer));
            format!("{id}/{part}: {what} version: {region} has {own}, {other} has {peer}, since {}", time(*since))
        }
        Difference::Item { table, user, key, own, peer, since } => {
            let version = |version: &Option<umoja_schema::Version>| {
                version.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string)
            };
            let other = compared.peer.as_ref().map(ToString::to_string).unwrap_or_default();
            let (own, peer) = (version(own), version(peer));
            format!("{user}/{key} of {table}: {region} has {own}, {other} has {peer}, since {}", time(*since))
        }
        Difference::Row { log, user, lacking, since } => {
            format!("{user}: {lacking} lacks a row of {log}, since {}", time(*since))
        }
        Difference::OtherRow { log, user, key, since } => {
            format!("{user}: the regions hold different rows {key} of {log}, since {}", time(*since))
        }
        Difference::Member { id, root, since } => {
            format!("{id}: {region} does not list it as a member of {root}, since {}", time(*since))
        }
        Difference::Claims { id, version, missing, superfluous } => {
            let of = version.as_ref().map_or_else(|| "no part".to_owned(), ToString::to_string);
            format!("{id}: {missing} claims missing, {superfluous} superfluous in {region} (by {of})")
        }
    }
}
