//! Records the metrics of a process, under the names of [`metric`].

use metrics::{counter, gauge, histogram};
use umoja_reconciler::{AntiEntropyEnd, AntiEntropyReport, AntiEntropyRun};
use umoja_schema::names::metric;
use umoja_schema::replica::Image;
use umoja_schema::{Hlc, Millis, Region};
use umoja_store::Change;
use umoja_store::ports::QueueDepth;

/// The label for the metrics of one region.
const REGION: &str = "region";

/// Records changes that peers accepted, and changes that were put into retry queues.
pub fn replicated(sent: usize, queued: usize) {
    counter!(metric::REPLICATIONS_SENT).increment(sent as u64);
    counter!(metric::REPLICATIONS_QUEUED).increment(queued as u64);
}

/// Records what completed anti-entropy passes repaired, because streams and queues lost it, and what they could not
/// compare or repair.
pub fn anti_entropy(runs: &[AntiEntropyRun]) {
    counter!(metric::ANTI_ENTROPY_REPAIRS).increment(of_ended(runs, AntiEntropyReport::changes));
    counter!(metric::ANTI_ENTROPY_UNREPAIRED).increment(of_ended(runs, AntiEntropyReport::unhandled));
}

/// Records events that the feed made for companies.
pub fn made(events: usize) {
    counter!(metric::EVENTS_MADE).increment(events as u64);
}

/// Records quarantined items.
pub fn quarantined(records: usize) {
    counter!(metric::QUARANTINED).increment(records as u64);
}

/// Records events of sources that are parked.
pub fn parked(events: usize) {
    counter!(metric::PARKED_EVENTS).increment(events as u64);
}

/// Records the age of the oldest event that a region accepted and that is not applied.
#[cfg(feature = "directory")]
#[allow(clippy::cast_precision_loss, reason = "no event waits for 2^53 ms")]
pub fn set_oldest_event(region: &Region, ms: u64) {
    gauge!(metric::OLDEST_WAITING_EVENT, REGION => region.to_string()).set(ms as f64);
}

/// Records calls of webhooks that were accepted and rejected, and events that have failed.
pub fn webhook(accepted: usize, rejected: usize, failed: usize) {
    counter!(metric::WEBHOOK_DELIVERIES).increment(accepted as u64);
    counter!(metric::WEBHOOK_FAILURES).increment(rejected as u64);
    counter!(metric::FAILED_WEBHOOK_EVENTS).increment(failed as u64);
}

/// Records deliveries to targets that succeeded and failed, and of the latter the held removals and the conflicts.
pub fn targets(delivered: u64, failed: u64, held: u64, conflicts: u64) {
    counter!(metric::TARGET_DELIVERIES).increment(delivered);
    counter!(metric::TARGET_FAILURES).increment(failed);
    counter!(metric::HELD_REMOVALS).increment(held);
    counter!(metric::TARGET_CONFLICTS).increment(conflicts);
}

/// Records for how long the oldest account has been due at a target.
#[cfg(feature = "directory")]
#[allow(clippy::cast_precision_loss, reason = "no account is due for 2^53 ms")]
pub fn set_oldest_due(region: &Region, ms: u64) {
    gauge!(metric::OLDEST_DUE, REGION => region.to_string()).set(ms as f64);
}

/// Records for how long the oldest event has been waiting that a webhook has not accepted.
#[cfg(feature = "directory")]
#[allow(clippy::cast_precision_loss, reason = "no event waits for 2^53 ms")]
pub fn set_oldest_webhook_event(region: &Region, ms: u64) {
    gauge!(metric::OLDEST_WEBHOOK_EVENT, REGION => region.to_string()).set(ms as f64);
}

/// Records notices of logouts that clients accepted, did not accept, and that are given up.
pub fn logouts(accepted: usize, rejected: usize, given_up: usize) {
    counter!(metric::LOGOUT_NOTICES).increment(accepted as u64);
    counter!(metric::LOGOUT_NOTICE_FAILURES).increment(rejected as u64);
    counter!(metric::GIVEN_UP_LOGOUT_NOTICES).increment(given_up as u64);
}

/// Records for how long the oldest notice of a logout has been waiting for its client.
#[cfg(feature = "directory")]
#[allow(clippy::cast_precision_loss, reason = "no notice waits for 2^53 ms")]
pub fn set_oldest_logout(region: &Region, ms: u64) {
    gauge!(metric::OLDEST_LOGOUT_NOTICE, REGION => region.to_string()).set(ms as f64);
}

/// Records a call to a KMS that failed.
pub fn key_error() {
    counter!(metric::KMS_ERRORS).increment(1);
}

/// Records the replication lag of a write that all peers have now: the time since its HLC timestamp.
#[allow(clippy::cast_precision_loss, reason = "no lag reaches 2^53 ms")]
pub fn lag(ms: u64) {
    histogram!(metric::REPLICATION_LAG).record(ms as f64);
}

/// Records how many parts of a region lack a wrapped key.
#[allow(clippy::cast_precision_loss, reason = "no region has 2^53 parts")]
pub fn set_missing_keys(region: &Region, parts: u64) {
    gauge!(metric::MISSING_WRAPPED_KEYS, REGION => region.to_string()).set(parts as f64);
}

/// Records the time since the beginning of the oldest of a region's last anti-entropy passes.
#[allow(clippy::cast_precision_loss, reason = "no process runs for 2^53 ms")]
pub fn set_anti_entropy_age(region: &Region, ms: u64) {
    gauge!(metric::ANTI_ENTROPY_AGE, REGION => region.to_string()).set(ms as f64);
}

/// Records what a region has not replicated yet. Without an age there is no change that waits, or it does not say when it
/// was written.
#[cfg(feature = "directory")]
#[allow(clippy::cast_precision_loss, reason = "no log has 2^53 changes, and none is so old")]
pub fn backlog(region: &Region, backlog: &crate::backlog::Backlog) {
    let label = || [(REGION, region.to_string())];
    gauge!(metric::WAITING_CHANGES, &label()).set(backlog.changes as f64);
    gauge!(metric::OLDEST_WAITING_CHANGE, &label()).set(backlog.oldest_ms.unwrap_or_default() as f64);
}

/// Records how many messages are in a queue of a region.
#[allow(clippy::cast_precision_loss, reason = "no queue has 2^53 messages")]
pub fn queued(region: &Region, queue: &str, depth: QueueDepth) {
    for (state, messages) in [("waiting", depth.waiting), ("in_flight", depth.in_flight), ("dead", depth.dead)] {
        let labels = [(REGION, region.to_string()), ("queue", queue.to_owned()), ("state", state.to_owned())];
        gauge!(metric::QUEUED_MESSAGES, &labels).set(messages as f64);
    }
}

/// Sums a count over the completed passes.
fn of_ended(runs: &[AntiEntropyRun], count: fn(&AntiEntropyReport) -> u64) -> u64 {
    runs.iter().filter(|run| run.ended == AntiEntropyEnd::Done).map(|run| count(&run.report)).sum()
}

/// The number of parts that lack a wrapped key, if a pass over all parts has completed.
pub fn missing_keys(runs: &[AntiEntropyRun]) -> Option<u64> {
    let ended = runs.iter().find(|run| run.peer.is_none() && run.ended == AntiEntropyEnd::Done);
    ended.map(|run| run.report.missing_keys)
}

/// The time since the beginning of the oldest of the last completed passes.
pub fn age_ms(runs: &[AntiEntropyRun], now: Millis) -> Option<u64> {
    runs.iter().filter_map(|run| run.last_began).map(|began| now.since(began)).max()
}

/// The HLC timestamp of a change that `own` wrote.
pub fn hlc(change: &Change, own: &Region) -> Option<Hlc> {
    let image = Image(&change.image);
    image.hlc().filter(|_| image.origin() == Some(own.as_str()))
}
