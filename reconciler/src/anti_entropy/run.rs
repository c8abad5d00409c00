//! One run of a region's anti-entropy passes, as a schedule starts it.

use std::time::Duration;

use serde::Serialize;
use umoja_schema::{Millis, Region};
use umoja_store::Home;
use umoja_store::audit::Retention;
use umoja_store::ports::StoreError;

use super::pass::AntiEntropy;
use super::state::{AntiEntropyReport, Kept, LastPass};

/// The interval between checkpoints of a running pass, in milliseconds. A run that is killed repeats at most this much
/// work.
const KEEP_MS: u64 = 60_000;

/// The schedule and speed of a region's anti-entropy passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AntiEntropySettings {
    /// How long after the beginning of a pass the next one is due, in milliseconds. With 0, one begins whenever none is
    /// running.
    pub every_ms: u64,
    /// The pause after each step, which reads a page of some hundred items of each side. It leaves the tables'
    /// throughput to callers.
    pub pause: Duration,
}

/// Why a run stopped working on a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AntiEntropyEnd {
    /// The pass is complete.
    Done,
    /// The next pass is not due yet.
    NotDue,
    /// The run's time is over. The next run continues the pass.
    OutOfTime,
    /// The own tables do not respond.
    OwnDown,
    /// The peer does not respond. The next run tries again.
    PeerDown,
    /// One of the regions failed. The next run continues the pass.
    Failed,
}

/// The result of a run for one comparison.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AntiEntropyRun {
    /// The peer; `None` for the comparison of the region's users with its derived tables.
    pub peer: Option<Region>,
    /// Why the run stopped.
    pub ended: AntiEntropyEnd,
    /// The report of the pass so far, earlier runs included; empty if no pass was running.
    pub report: AntiEntropyReport,
    /// When the last completed pass began; `None` if none has completed yet.
    pub last_began: Option<Millis>,
}

/// Compares a region with its derived tables and with each of `peers`, and repairs what differs, until all comparisons
/// are done or the time is `until`. A pass that an earlier run left is continued. The comparisons that have waited
/// longest come first, and a failing one does not block the others.
///
/// Runs of one region should not overlap. Overlapping does no harm but doubles the work.
pub async fn anti_entropy(
    home: &Home,
    peers: &[Region],
    settings: &AntiEntropySettings,
    until: Millis,
) -> Vec<AntiEntropyRun> {
    if let Err(error) = home.own.users.probe().await {
        tracing::warn!(%error, "the own table does not respond");
        return vec![AntiEntropyRun {
            peer: None,
            ended: AntiEntropyEnd::OwnDown,
            report: AntiEntropyReport::default(),
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
            // Dropped rows may be replicated back; they are dropped again.
            tracing::warn!(%error, "the retention of the audit trail cannot be read");
            Millis(0)
        }
    };
    waiting.sort_by_key(|(kept, _)| kept.last.map(|last| last.began));
    let mut runs = Vec::new();
    for (kept, peer) in waiting {
        let pass = match peer {
            None => Some(AntiEntropy::within(home)),
            Some(peer) => AntiEntropy::with_peer(home, peer),
        };
        let Some(pass) = pass.map(|pass| pass.without_audit_before(dropped_before)) else { continue };
        let (ended, report, last) = one(home, peer, pass, kept, settings, until).await;
        let last_began = last.map(|last| last.began);
        if !matches!(ended, AntiEntropyEnd::NotDue) {
            let AntiEntropyReport { own, other, found, repaired, young, unreadable, failed, .. } = report;
            tracing::info!(
                peer = peer.map_or("derived tables", Region::as_str),
                ?ended,
                own,
                other,
                found,
                repaired,
                young,
                unreadable,
                failed,
                "a comparison ended"
            );
        }
        runs.push(AntiEntropyRun { peer: peer.cloned(), ended, report, last_began });
    }
    runs
}

async fn one(
    home: &Home,
    peer: Option<&Region>,
    mut pass: AntiEntropy<'_>,
    kept: Kept,
    settings: &AntiEntropySettings,
    until: Millis,
) -> (AntiEntropyEnd, AntiEntropyReport, Option<LastPass>) {
    let now = home.clock.now();
    let last = kept.last;
    match kept.open {
        Some((progress, buckets)) => pass = pass.resumed(progress, buckets),
        None if last.is_some_and(|last| last.began.is_within(settings.every_ms, now)) => {
            return (AntiEntropyEnd::NotDue, AntiEntropyReport::default(), last);
        }
        None => {}
    }
    if let Some(ports) = pass.peer
        && let Err(error) = ports.users.probe().await
    {
        tracing::warn!(peer = %ports.name, %error, "a peer does not respond and is not compared");
        return (AntiEntropyEnd::PeerDown, *pass.report(), last);
    }
    let name = name(peer);
    let mut kept_at = now;
    let ended = loop {
        let now = home.clock.now();
        if now >= until {
            break AntiEntropyEnd::OutOfTime;
        }
        if now.since(kept_at) >= KEEP_MS {
            keep(home, &name, &pass.kept(last)).await;
            kept_at = now;
        }
        if let Err(error) = pass.step().await {
            tracing::warn!(peer = peer.map_or("derived tables", Region::as_str), %error, "an anti-entropy pass was aborted");
            break AntiEntropyEnd::Failed;
        }
        if pass.is_done() {
            let last = pass.ended(home.clock.now());
            keep(home, &name, &Kept { open: None, last: Some(last) }).await;
            return (AntiEntropyEnd::Done, last.report, Some(last));
        }
        if !settings.pause.is_zero() {
            tokio::time::sleep(settings.pause).await;
        }
    };
    keep(home, &name, &pass.kept(last)).await;
    (ended, *pass.report(), last)
}

/// The comparisons of a region; `None` is the one of its users with the derived tables.
fn compared(peers: &[Region]) -> Vec<Option<&Region>> {
    std::iter::once(None).chain(peers.iter().map(Some)).collect()
}

/// The name of the checkpoint of a comparison. No region's name has a slash in it.
fn name(peer: Option<&Region>) -> String {
    peer.map_or_else(|| "derived".to_owned(), |peer| format!("peer/{peer}"))
}

async fn kept(home: &Home, peer: Option<&Region>) -> Kept {
    match home.checkpoints.checkpoint(&name(peer)).await {
        Ok(bytes) => bytes.map(|bytes| Kept::from_bytes(&bytes)).unwrap_or_default(),
        Err(error) => {
            tracing::warn!(%error, "a checkpoint cannot be read; anti-entropy starts from the beginning");
            Kept::default()
        }
    }
}

async fn keep(home: &Home, name: &str, kept: &Kept) {
    if let Err(error) = home.checkpoints.put_checkpoint(name, &kept.to_bytes()).await {
        tracing::warn!(%error, "a checkpoint was not stored; the next run repeats the work");
    }
}

/// The last completed passes of a region: within the region first, then with each of these peers.
///
/// # Errors
/// If the region's table does not respond.
pub async fn last_passes(home: &Home, peers: &[Region]) -> Result<Vec<(Option<Region>, Option<LastPass>)>, StoreError> {
    let mut all = Vec::new();
    for peer in compared(peers) {
        let bytes = home.checkpoints.checkpoint(&name(peer)).await?;
        all.push((peer.cloned(), bytes.and_then(|bytes| Kept::from_bytes(&bytes).last)));
    }
    Ok(all)
}
