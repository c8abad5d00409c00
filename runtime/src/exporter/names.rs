//! The names under which collectors get the metrics.

use std::collections::BTreeMap;

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use umoja_schema::names::metric::{Kind, Metric};

/// The buckets of the replication lag, in milliseconds.
pub(super) const LAG_BUCKETS: [f64; 12] =
    [10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 30_000.0, 60_000.0];

/// A metric's name in Prometheus' convention: `umoja_login_failures_total`.
pub fn name(metric: &Metric) -> String {
    let mut name = String::from("umoja");
    for letter in metric.name.chars() {
        if letter.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    match (metric.unit, metric.kind) {
        ("Milliseconds", _) => name + "_milliseconds",
        (_, Kind::Counter) => name + "_total",
        _ => name,
    }
}

/// Describes metrics to the recorder of the process, and registers the counters before they have counted.
pub(super) fn describe(recorded: &[Metric]) {
    for metric in recorded {
        let unit = if metric.unit == "Milliseconds" { Unit::Milliseconds } else { Unit::Count };
        match metric.kind {
            Kind::Counter => {
                metrics::describe_counter!(metric.name, unit, metric.help);
                metrics::counter!(metric.name).increment(0);
            }
            Kind::Gauge => metrics::describe_gauge!(metric.name, unit, metric.help),
            Kind::Histogram => metrics::describe_histogram!(metric.name, unit, metric.help),
        }
    }
}

/// A recorder that accepts only the metrics of Umoja, under the collectors' names.
pub(super) struct Named<R> {
    inner: R,
    names: BTreeMap<&'static str, KeyName>,
}

impl<R> Named<R> {
    pub(super) fn new(inner: R, recorded: &[Metric]) -> Self {
        Self { inner, names: recorded.iter().map(|metric| (metric.name, name(metric).into())).collect() }
    }

    fn key(&self, key: &Key) -> Option<Key> {
        let name = self.names.get(key.name())?;
        Some(Key::from_parts(name.clone(), key.labels().cloned().collect::<Vec<_>>()))
    }
}

impl<R: Recorder> Recorder for Named<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, help: SharedString) {
        if let Some(name) = self.names.get(key.as_str()) {
            self.inner.describe_counter(name.clone(), unit, help);
        }
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, help: SharedString) {
        if let Some(name) = self.names.get(key.as_str()) {
            self.inner.describe_gauge(name.clone(), unit, help);
        }
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, help: SharedString) {
        if let Some(name) = self.names.get(key.as_str()) {
            self.inner.describe_histogram(name.clone(), unit, help);
        }
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        self.key(key).map_or_else(Counter::noop, |key| self.inner.register_counter(&key, metadata))
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.key(key).map_or_else(Gauge::noop, |key| self.inner.register_gauge(&key, metadata))
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        self.key(key).map_or_else(Histogram::noop, |key| self.inner.register_histogram(&key, metadata))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use umoja_schema::names::metric::{self, ALL};

    #[test]
    fn names_follow_prometheus_conventions() {
        let of = |wanted: &str| name(ALL.iter().find(|metric| metric.name == wanted).unwrap());
        assert_eq!(of(metric::FORGED_RESET_TOKENS), "umoja_forged_reset_tokens_total");
        assert_eq!(of(metric::REPLICATION_LAG), "umoja_replication_lag_milliseconds");
        assert_eq!(of(metric::QUEUED_MESSAGES), "umoja_queued_messages");
    }
}
