//! Metrics, in CloudWatch's embedded metric format: lines of JSON on standard output, which CloudWatch turns into
//! metrics. No call, no permission, and nothing personal: there are numbers, names and the deployment's prefix.

use metrics::Unit;
use metrics_cloudwatch_embedded::{Builder, Collector};
use umoja_replicator::BatchOutcome;
use umoja_schema::names::metric;

/// How many values of a histogram one line can hold.
const VALUES_OF_A_LINE: usize = 100;

/// The metrics of a process. What is recorded is written after each event.
#[derive(Clone, Copy)]
pub struct Metrics(&'static Collector);

impl Metrics {
    /// Records the metrics of this process from now on.
    ///
    /// # Errors
    /// If the process has a recorder already.
    pub fn start(prefix: &str) -> Result<Self, lambda_runtime::Error> {
        let builder = Builder::new().cloudwatch_namespace(metric::NAMESPACE);
        let collector = builder.with_dimension(metric::DEPLOYMENT, prefix.to_owned()).init()?;
        for (name, unit) in metric::ALL {
            let unit = if unit == "Milliseconds" { Unit::Milliseconds } else { Unit::Count };
            metrics::describe_counter!(name, unit, "");
        }
        Ok(Self(collector))
    }

    /// Writes what was recorded since the last time.
    pub fn write(self) {
        if let Err(error) = self.0.flush(std::io::stdout().lock()) {
            tracing::error!(%error, "metrics could not be written");
        }
    }

    /// Writes how many parts lack a wrapped key, also if none does: an alarm should hear that.
    pub fn write_missing_keys(self, parts: u64) {
        let written =
            self.0.write_single(metric::MISSING_WRAPPED_KEYS, Some(Unit::Count), parts, std::io::stdout().lock());
        if let Err(error) = written {
            tracing::error!(%error, "metrics could not be written");
        }
    }

    /// Writes what a batch of the stream did; `lags` are the milliseconds from the stamps of its records until now.
    pub fn write_batch(self, outcome: &BatchOutcome, lags: &[u64]) {
        copies(outcome.sent, outcome.queued);
        parked(outcome.parked);
        let lag = metrics::histogram!(metric::REPLICATION_LAG);
        for values in lags.chunks(VALUES_OF_A_LINE) {
            for ms in values {
                #[allow(clippy::cast_precision_loss, reason = "a lag of 2^53 ms is no lag")]
                lag.record(*ms as f64);
            }
            self.write();
        }
        self.write();
    }
}

/// Records copies that peers took, and copies that went into retry queues.
pub fn copies(sent: usize, queued: usize) {
    metrics::counter!(metric::COPIES_SENT).increment(sent as u64);
    metrics::counter!(metric::COPIES_QUEUED).increment(queued as u64);
}

/// Records what was parked.
pub fn parked(records: usize) {
    metrics::counter!(metric::PARKED).increment(records as u64);
}

/// Records a call to a KMS that failed.
pub fn key_error() {
    metrics::counter!(metric::KEY_ERRORS).increment(1);
}
