//! A scan of a region's users.

use std::time::Duration;

use serde::Serialize;
use umoja_schema::replicated::USERS;
use umoja_schema::{Millis, PartRecord};
use umoja_store::digest::Digest;
use umoja_store::ports::StoreError;

use crate::CliError;
use crate::commands::opens::Sample;
use crate::deployment::{DeployedRegion, Regions};
use crate::output::note;

/// After how many parts a scan reports its progress.
const PROGRESS: u64 = 100_000;

/// How long a write may be on its way, in milliseconds.
const ON_ITS_WAY_MS: u64 = 60_000;

/// What a region holds.
#[derive(Serialize)]
pub(super) struct Scan {
    pub(super) users: u64,
    pub(super) parts: u64,
    pub(super) missing_keys: u64,
    /// Parts that cannot be read.
    pub(super) unreadable: u64,
    pub(super) digest: String,
    /// When its newest part was written.
    newest_ms: Millis,
    /// Parts to open.
    #[serde(skip)]
    pub(super) sample: Sample,
}

/// Reads every part of a region once.
pub(super) async fn scan(region: &DeployedRegion, regions: usize) -> Result<Scan, StoreError> {
    let (mut digest, mut sample) = (Digest::default(), Sample::default());
    let (mut users, mut newest, mut after) = (0, Millis(0), None);
    loop {
        let page = region.home.own.scan(&USERS, after, 1000).await?;
        digest.see_unreadable(&region.home.own, USERS.name, &page.unreadable);
        for item in &page.items {
            digest.add(item, regions);
            users += u64::from(item.part().and_then(PartRecord::profile_facts).is_some());
            newest = newest.max(item.hlc().millis());
            if let Some(record) = item.part() {
                sample.add(region, record);
            }
        }
        if digest.parts / PROGRESS != (digest.parts - page.items.len() as u64) / PROGRESS {
            note(&format!("{}: {} parts read", region.name(), digest.parts));
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let Digest { parts, missing_keys, unreadable, .. } = digest;
    Ok(Scan { users, parts, missing_keys, unreadable, digest: digest.to_string(), newest_ms: newest, sample })
}

/// Whether regions hold different users.
pub(super) fn differ(scans: &[&Scan]) -> bool {
    scans.windows(2).any(|pair| pair[0].digest != pair[1].digest)
}

/// How many parts a region has fewer than another. Parts stay also after an erasure, so these are still on their way.
pub(super) fn lag(scans: &[&Scan]) -> u64 {
    let parts = || scans.iter().map(|scan| scan.parts);
    parts().max().unwrap_or_default() - parts().min().unwrap_or_default()
}

/// Whether there was a write in the last minute. It may still be on its way, and explain a difference.
pub(super) fn is_young(scans: &[&Scan], now: Millis) -> bool {
    scans.iter().any(|scan| now.since(scan.newest_ms) < ON_ITS_WAY_MS)
}

/// Compares the regions again a few times. True as soon as they hold the same.
pub(super) async fn agree_soon(deployment: &Regions) -> Result<bool, CliError> {
    let regions = deployment.list.len();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut digests = Vec::new();
        for region in &deployment.list {
            let digest = Digest::of_those(&region.home.own, regions, |_| true).await;
            digests.push(digest.map_err(|source| region.failed(source))?);
        }
        if digests.windows(2).all(|pair| pair[0] == pair[1]) {
            return Ok(true);
        }
    }
    Ok(false)
}
