//! Metrics in CloudWatch's embedded metric format: lines of JSON on standard output, which CloudWatch turns into
//! metrics. They need no call and no permission, and contain no personal data: only numbers, names and the deployment's
//! prefix.

use std::io::Write;

use metrics::Unit;
use metrics_cloudwatch_embedded::{Builder, Collector};
use umoja_replicator::BatchOutcome;
use umoja_runtime::record;
use umoja_schema::names::metric;

/// How many values of a histogram one line can hold.
const VALUES_OF_A_LINE: usize = 100;

/// The metrics of a process. They are written after each event.
#[derive(Clone, Copy)]
pub struct Metrics(&'static Collector);

impl Metrics {
    /// Starts recording the metrics of this process.
    ///
    /// # Errors
    /// If the process already has a recorder.
    pub fn start(prefix: &str) -> Result<Self, lambda_runtime::Error> {
        let builder = Builder::new().cloudwatch_namespace(metric::NAMESPACE);
        let collector = builder.with_dimension(metric::DEPLOYMENT, prefix.to_owned()).init()?;
        for metric in metric::ALL {
            let unit = if metric.unit == "Milliseconds" { Unit::Milliseconds } else { Unit::Count };
            metrics::describe_counter!(metric.name, unit, "");
        }
        Ok(Self(collector))
    }

    /// Writes the metrics recorded since the last time.
    pub fn write(self) {
        logged(self.0.flush(std::io::stdout().lock()));
    }

    /// Writes how many parts lack a wrapped key. Also written when the number is 0, because an alarm needs the value.
    pub fn write_missing_keys(self, parts: u64) {
        self.write_missing_keys_to(parts, std::io::stdout().lock());
    }

    /// Writes the time since the beginning of the oldest of the last completed anti-entropy passes.
    pub fn write_anti_entropy_age(self, ms: u64) {
        logged(self.0.write_single(metric::ANTI_ENTROPY_AGE, Some(Unit::Milliseconds), ms, std::io::stdout().lock()));
    }

    /// Writes the age of the oldest event of a source that waits.
    pub fn write_oldest_event(self, ms: u64) {
        let unit = Some(Unit::Milliseconds);
        logged(self.0.write_single(metric::OLDEST_WAITING_EVENT, unit, ms, std::io::stdout().lock()));
    }

    /// Writes for how long the oldest account has been due at a target. Also written when none is.
    pub fn write_oldest_due(self, ms: u64) {
        logged(self.0.write_single(metric::OLDEST_DUE, Some(Unit::Milliseconds), ms, std::io::stdout().lock()));
    }

    /// Writes for how long the oldest event has been waiting that a webhook has not accepted. Also written when none waits.
    pub fn write_oldest_webhook_event(self, ms: u64) {
        let unit = Some(Unit::Milliseconds);
        logged(self.0.write_single(metric::OLDEST_WEBHOOK_EVENT, unit, ms, std::io::stdout().lock()));
    }

    /// Writes for how long the oldest notice of a logout has been waiting for its client. Also written when none waits.
    pub fn write_oldest_logout(self, ms: u64) {
        let unit = Some(Unit::Milliseconds);
        logged(self.0.write_single(metric::OLDEST_LOGOUT_NOTICE, unit, ms, std::io::stdout().lock()));
    }

    /// Writes how many users only a user pool has, and how many only the store. Also written when there are none.
    pub fn write_ghosts(self, only_in_pool: u64, only_in_store: u64) {
        for (name, count) in [(metric::ONLY_IN_POOL, only_in_pool), (metric::ONLY_IN_STORE, only_in_store)] {
            logged(self.0.write_single(name, Some(Unit::Count), count, std::io::stdout().lock()));
        }
    }

    /// Writes the metrics of a stream batch; `lags` are the milliseconds from the HLC timestamps of its records until
    /// now.
    pub fn write_batch(self, outcome: &BatchOutcome, lags: &[u64]) {
        self.write_batch_to(outcome, lags, &mut std::io::stdout().lock());
    }

    fn write_missing_keys_to(self, parts: u64, out: impl Write) {
        logged(self.0.write_single(metric::MISSING_WRAPPED_KEYS, Some(Unit::Count), parts, out));
    }

    fn write_batch_to(self, outcome: &BatchOutcome, lags: &[u64], out: &mut impl Write) {
        record::replicated(outcome.sent, outcome.queued);
        record::quarantined(outcome.quarantined);
        for values in lags.chunks(VALUES_OF_A_LINE) {
            for ms in values {
                record::lag(*ms);
            }
            logged(self.0.flush(&mut *out));
        }
        logged(self.0.flush(out));
    }
}

fn logged(written: std::io::Result<()>) {
    if let Err(error) = written {
        tracing::error!(%error, "metrics could not be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn lines_use_the_embedded_format_with_at_most_100_values() {
        let metrics = Metrics::start("umoja").unwrap();
        let mut out = Vec::new();
        metrics.write_batch_to(&BatchOutcome { sent: 3, ..BatchOutcome::default() }, &[7; 250], &mut out);
        let lines: Vec<Value> =
            std::str::from_utf8(&out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let values = lines.iter().filter_map(|line| line[metric::REPLICATION_LAG].as_array());
        assert_eq!(values.map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        assert!(lines[0][metric::REPLICATIONS_SENT].as_u64() >= Some(3));
        let last = &lines[2]["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&last["Namespace"], &last["Dimensions"]), (&json!("Umoja"), &json!([["Deployment"]])));
        assert_eq!(lines[2]["Deployment"], "umoja");
        let unit = json!({ "Name": metric::REPLICATION_LAG, "Unit": "Milliseconds" });
        assert!(last["Metrics"].as_array().unwrap().contains(&unit));

        let mut out = Vec::new();
        metrics.write_missing_keys_to(0, &mut out);
        let line: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line[metric::MISSING_WRAPPED_KEYS], 0);
    }
}
