//! One run of a region's sweeps, as a schedule starts it.

use std::time::Duration;

use serde::Serialize;
use umoja_schema::{Millis, Region};
use umoja_store::Home;
use umoja_store::audit::Retention;
use umoja_store::ports::StoreError;

use super::pass::Sweep;
use super::state::{Kept, LastSweep, SweepReport};

/// How often a pass that is under way is kept, in milliseconds: what is looked at again if the run is killed.
const KEEP_MS: u64 = 60_000;

/// How a region is swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SweepSettings {
    /// How long after the beginning of a pass the next one is due, in milliseconds; 0 begins one whenever none is under
    /// way.
    pub every_ms: u64,
    /// The pause after each step, which reads a page of some hundred items of each side: what keeps a sweep from taking
    /// the tables' throughput away from callers.
    pub pause: Duration,
}

/// Why a run left a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SweepEnd {
    /// The pass came to its end.
    Done,
    /// The last pass is not old enough.
    NotDue,
    /// The run's time is over; the next one goes on from there.
    OutOfTime,
    /// The own tables do not answer.
    OwnDown,
    /// The peer does not answer; the next run tries again.
    PeerDown,
    /// One of the regions did not do as asked; the next run goes on from there.
    Failed,
}

/// What a run did about one comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SweepRun {
    /// With which peer the region was compared; nothing if its users were with what is derived from them.
    pub peer: Option<Region>,
    /// Why the run left it.
    pub ended: SweepEnd,
    /// What the pass has done so far, in earlier runs too; nothing if none was under way.
    pub report: SweepReport,
    /// When the last pass that came to its end began; nothing if none did yet.
    pub last_began: Option<Millis>,
}

/// Compares a region with what is derived from its users and with each of `peers`, and mends what differs, until all is
/// done or the time is `until`. A pass that an earlier run left is gone on with. Those that wait longest come first, and
/// one that fails holds up no other.
///
/// Runs of one region should not overlap: it would do no harm, and twice the work.
pub async fn sweep(home: &Home, peers: &[Region], settings: &SweepSettings, until: Millis) -> Vec<SweepRun> {
    if let Err(error) = home.own.users.probe().await {
        tracing::warn!(%error, "the own table does not answer");
        return vec![SweepRun {
            peer: None,
            ended: SweepEnd::OwnDown,
            report: SweepReport::default(),
            last_began: None,
        }];
    }
    let mut waiting = Vec::new();
    for peer in compared(peers) {
        waiting.push((kept(home, peer).await, peer));
    }
    let dropped_before = match Retention::load(&*home.registry).await {
        Ok(retention) => retention.dropped_before,
        Err(error) => {
            // Rows may be copied back that were dropped: they are dropped again.
            tracing::warn!(%error, "how long the audit trail is kept cannot be read");
            Millis(0)
        }
    };
    waiting.sort_by_key(|(kept, _)| kept.last.map(|last| last.began));
    let mut runs = Vec::new();
    for (kept, peer) in waiting {
        let pass = match peer {
            None => Some(Sweep::within(home)),
            Some(peer) => Sweep::with_peer(home, peer),
        };
        let Some(pass) = pass.map(|pass| pass.without_audit_before(dropped_before)) else { continue };
        let (ended, report, last) = one(home, peer, pass, kept, settings, until).await;
        let last_began = last.map(|last| last.began);
        if !matches!(ended, SweepEnd::NotDue) {
            tracing::info!(peer = peer.map_or("derived tables", Region::as_str), ?ended, ?report, "swept");
        }
        runs.push(SweepRun { peer: peer.cloned(), ended, report, last_began });
    }
    runs
}

async fn one(
    home: &Home,
    peer: Option<&Region>,
    mut pass: Sweep<'_>,
    kept: Kept,
    settings: &SweepSettings,
    until: Millis,
) -> (SweepEnd, SweepReport, Option<LastSweep>) {
    let now = home.clock.now();
    let last = kept.last;
    match kept.open {
        Some((progress, buckets)) => pass = pass.resumed(progress, buckets),
        None if last.is_some_and(|last| now.since(last.began) < settings.every_ms) => {
            return (SweepEnd::NotDue, SweepReport::default(), last);
        }
        None => {}
    }
    if let Some(ports) = pass.peer
        && let Err(error) = ports.users.probe().await
    {
        tracing::warn!(peer = %ports.name, %error, "a peer does not answer; it is not compared");
        return (SweepEnd::PeerDown, *pass.report(), last);
    }
    let name = name(peer);
    let mut kept_at = now;
    let ended = loop {
        let now = home.clock.now();
        if now >= until {
            break SweepEnd::OutOfTime;
        }
        if now.since(kept_at) >= KEEP_MS {
            keep(home, &name, &pass.kept(last)).await;
            kept_at = now;
        }
        if let Err(error) = pass.step().await {
            tracing::warn!(peer = peer.map_or("derived tables", Region::as_str), %error, "a sweep was broken off");
            break SweepEnd::Failed;
        }
        if pass.is_done() {
            let last = pass.ended(home.clock.now());
            keep(home, &name, &Kept { open: None, last: Some(last) }).await;
            return (SweepEnd::Done, last.report, Some(last));
        }
        if !settings.pause.is_zero() {
            tokio::time::sleep(settings.pause).await;
        }
    };
    keep(home, &name, &pass.kept(last)).await;
    (ended, *pass.report(), last)
}

/// What a region is compared with: nothing stands for what is derived from its users.
fn compared(peers: &[Region]) -> Vec<Option<&Region>> {
    std::iter::once(None).chain(peers.iter().map(Some)).collect()
}

/// Under what name the state of a comparison is kept. No region's name has a slash in it.
fn name(peer: Option<&Region>) -> String {
    peer.map_or_else(|| "derived".to_owned(), |peer| format!("peer/{peer}"))
}

async fn kept(home: &Home, peer: Option<&Region>) -> Kept {
    match home.sweeps.sweep(&name(peer)).await {
        Ok(bytes) => bytes.map(|bytes| Kept::from_bytes(&bytes)).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "where the last sweep is cannot be read; it starts over");
            Kept::default()
        }
    }
}

async fn keep(home: &Home, name: &str, kept: &Kept) {
    if let Err(error) = home.sweeps.put_sweep(name, &kept.to_bytes()).await {
        tracing::warn!(%error, "where a sweep is could not be kept; the next run repeats it");
    }
}

/// How the last passes of a region ended that came to their end: with each of these peers, and within the region first.
///
/// # Errors
/// If the region's table does not answer.
pub async fn last_sweeps(
    home: &Home,
    peers: &[Region],
) -> Result<Vec<(Option<Region>, Option<LastSweep>)>, StoreError> {
    let mut all = Vec::new();
    for peer in compared(peers) {
        let bytes = home.sweeps.sweep(&name(peer)).await?;
        all.push((peer.cloned(), bytes.and_then(|bytes| Kept::from_bytes(&bytes).last)));
    }
    Ok(all)
}
