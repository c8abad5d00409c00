//! What a process records, by the names of [`metric`].

use metrics::{counter, gauge, histogram};
use umoja_reconciler::{SweepEnd, SweepReport, SweepRun};
use umoja_schema::names::metric;
use umoja_schema::replica::Image;
use umoja_schema::{Hlc, Millis, Region};
use umoja_store::Change;
use umoja_store::ports::QueueDepth;

/// The label of what a region has of its own.
const REGION: &str = "region";

/// Records copies that peers took, and copies that went into retry queues.
pub fn copies(sent: usize, queued: usize) {
    counter!(metric::COPIES_SENT).increment(sent as u64);
    counter!(metric::COPIES_QUEUED).increment(queued as u64);
}

/// Records what the sweeps mended that came to their end, because streams and queues have lost it, and what they could
/// not compare or mend.
pub fn sweeps(runs: &[SweepRun]) {
    counter!(metric::SWEEP_MENDED).increment(of_ended(runs, SweepReport::mended));
    counter!(metric::SWEEP_UNHANDLED).increment(of_ended(runs, SweepReport::unhandled));
}

/// Records what was parked.
pub fn parked(records: usize) {
    counter!(metric::PARKED).increment(records as u64);
}

/// Records a call to a KMS that failed.
pub fn key_error() {
    counter!(metric::KEY_ERRORS).increment(1);
}

/// Records how long ago a write was stamped whose copies the peers have now.
#[allow(clippy::cast_precision_loss, reason = "a lag of 2^53 ms is no lag")]
pub fn lag(ms: u64) {
    histogram!(metric::REPLICATION_LAG).record(ms as f64);
}

/// Records how many parts of a region lack a wrapped key.
#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 parts")]
pub fn set_missing_keys(region: &Region, parts: u64) {
    gauge!(metric::MISSING_WRAPPED_KEYS, REGION => region.to_string()).set(parts as f64);
}

/// Records how long ago the oldest of a region's last sweeps began.
#[allow(clippy::cast_precision_loss, reason = "2^53 ms are longer than anything runs")]
pub fn set_sweep_age(region: &Region, ms: u64) {
    gauge!(metric::SWEEP_AGE, REGION => region.to_string()).set(ms as f64);
}

/// Records how many messages are in a queue of a region.
#[allow(clippy::cast_precision_loss, reason = "nobody has 2^53 messages")]
pub fn queued(region: &Region, queue: &str, depth: QueueDepth) {
    for (state, messages) in [("waiting", depth.waiting), ("in_flight", depth.in_flight), ("dead", depth.dead)] {
        let labels = [(REGION, region.to_string()), ("queue", queue.to_owned()), ("state", state.to_owned())];
        gauge!(metric::QUEUED_MESSAGES, &labels).set(messages as f64);
    }
}

/// A count over the passes that came to their end.
fn of_ended(runs: &[SweepRun], count: fn(&SweepReport) -> u64) -> u64 {
    runs.iter().filter(|run| run.ended == SweepEnd::Done).map(|run| count(&run.report)).sum()
}

/// What lacked a wrapped key, if a pass over all parts has come to its end.
pub fn missing_keys(runs: &[SweepRun]) -> Option<u64> {
    let ended = runs.iter().find(|run| run.peer.is_none() && run.ended == SweepEnd::Done);
    ended.map(|run| run.report.missing_keys)
}

/// How long ago the pass began that is the oldest of the last ones that came to their end.
pub fn age_ms(runs: &[SweepRun], now: Millis) -> Option<u64> {
    runs.iter().filter_map(|run| run.last_began).map(|began| now.since(began)).max()
}

/// The stamp of a change that `own` wrote.
pub fn stamp(change: &Change, own: &Region) -> Option<Hlc> {
    let image = Image(&change.image);
    image.stamp().filter(|_| image.origin() == Some(own.as_str()))
}
