//! Compares regions with each other, and users with the items derived from them, with progress notes for an operator.

use serde::Serialize;
use umoja_reconciler::{AntiEntropy, AntiEntropyReport, Difference};
use umoja_schema::Region;

use super::super::audit;
use crate::deployment::{DeployedRegion, Regions};
use crate::output::{note, time};

/// After how many pages a comparison reports its progress.
const REPORT_PAGES: usize = 100;

/// The result of one comparison.
#[derive(Serialize)]
pub(in crate::commands) struct Compared {
    /// The region that was compared.
    pub(in crate::commands) region: Region,
    /// The region that it was compared with; `None` if its users were compared with the items derived from them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) peer: Option<Region>,
    /// What was read, found and repaired.
    pub(in crate::commands) report: AntiEntropyReport,
    /// The first differences.
    pub(in crate::commands) differences: Vec<Difference>,
    /// Why the comparison did not reach the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::commands) error: Option<String>,
}

/// How comparisons are made.
#[derive(Clone, Copy)]
pub(in crate::commands) struct How {
    /// Whether differences are repaired.
    pub(in crate::commands) repairs: bool,
    /// Whether users are also compared with the items derived from them.
    pub(in crate::commands) derived: bool,
    /// The most differences of one comparison that are kept.
    pub(in crate::commands) most: usize,
}

impl Compared {
    /// The title of the comparison.
    pub(in crate::commands) fn title(&self) -> String {
        match &self.peer {
            Some(peer) => format!("{} and {peer}", self.region),
            None => format!("{}: users and ownerships", self.region),
        }
    }
}

/// Compares each pair of regions once, and each region within itself. Joining and frozen regions are left out.
pub(in crate::commands) async fn compare(regions: &Regions, how: How) -> Vec<Compared> {
    let passed: Vec<&DeployedRegion> = regions.list.iter().filter(|region| region.state.is_compared()).collect();
    let dropped_before = audit::trail::retention(regions).await.dropped_before;
    let mut compared = Vec::new();
    for (position, region) in passed.iter().enumerate() {
        if how.derived {
            compared.push(one(region, None, AntiEntropy::within(&region.home), how).await);
        }
        for other in &passed[position + 1..] {
            if let Some(pass) = AntiEntropy::with_peer(&region.home, other.name()) {
                let pass = pass.without_audit_before(dropped_before);
                compared.push(one(region, Some(other.name()), pass, how).await);
            }
        }
    }
    compared
}

async fn one(region: &DeployedRegion, peer: Option<&Region>, pass: AntiEntropy<'_>, how: How) -> Compared {
    let mut pass = if how.repairs { pass } else { pass.looking() };
    let (region, peer) = (region.name().clone(), peer.cloned());
    let mut compared =
        Compared { region, peer, report: AntiEntropyReport::default(), differences: Vec::new(), error: None };
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
        if pages % REPORT_PAGES == 0 {
            let AntiEntropyReport { own, other, found, .. } = pass.report();
            note(&format!("{}: {own} and {other} items read, {found} differences", compared.title()));
        }
    }
    compared.report = *pass.report();
    compared
}

/// A difference as a line of text: whose, where, since when.
pub(super) fn line(difference: &Difference, compared: &Compared) -> String {
    let region = &compared.region;
    match difference {
        Difference::Part { id, part, own, peer, since } => {
            let version = |version: &Option<umoja_schema::Version>| {
                version.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
            };
            let other = compared.peer.as_ref().map(ToString::to_string).unwrap_or_default();
            let what = if own == peer { "other wrapped keys of" } else { "another" };
            let (own, peer) = (version(own), version(peer));
            format!("{id}/{part}: {what} version: {region} has {own}, {other} has {peer}, since {}", time(*since))
        }
        Difference::Item { table, user, key, own, peer, since } => {
            let version = |version: &Option<umoja_schema::Version>| {
                version.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string)
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
        Difference::Unreadable { table, region, user: Some(user) } => {
            format!("{user}: an item of {table} in {region} cannot be read")
        }
        Difference::Unreadable { table, region, user: None } => {
            format!("an item of {table} in {region} cannot be read; its key names no user")
        }
        Difference::LinkedAccount { id, primary, since } => {
            format!("{id}: {region} does not list it as a linked account of {primary}, since {}", time(*since))
        }
        Difference::SuperfluousLinkedAccount { id, primary } => {
            format!("{id}: {region} lists it as a linked account of {primary}, into which it is not merged")
        }
        Difference::Ownerships { id, version, missing, superfluous } => {
            let of = version.as_ref().map_or_else(|| "no part".to_owned(), ToString::to_string);
            format!("{id}: {missing} ownerships missing, {superfluous} superfluous in {region} (by {of})")
        }
    }
}
