//! Sends metrics by OTLP: protobuf over HTTP, to a collector.
//!
//! The instruments are created here rather than by a bridge crate: bridges create one at each use of a metric, and all
//! after the first lack the description, so that the SDK exports the metric twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use opentelemetry::KeyValue;
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{ExporterBuildError, MetricExporter, Protocol, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use tokio::runtime::Handle;
use umoja_schema::names::metric::{Kind, Metric};

use super::names::{LAG_BUCKETS, name};

/// How long an answer of the collector may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The most bytes of a collector's answer that are read.
const MAX_ANSWER: usize = 64 * 1024;

/// Why metrics cannot be sent to a collector.
#[derive(Debug, thiserror::Error)]
pub enum OtlpError {
    /// The URL has another form.
    #[error("a collector's URL is http://HOST:PORT (4318 is OTLP's), of a collector on this machine or network")]
    Url,
    /// The exporter cannot be created.
    #[error("the collector cannot be used: {0}")]
    Exporter(#[from] ExporterBuildError),
}

/// The provider that sends the metrics.
pub(super) struct Provider(SdkMeterProvider);

impl Provider {
    /// Sends the last metrics.
    pub(super) async fn stop(self) {
        // The SDK blocks the calling thread.
        let stopped = tokio::task::spawn_blocking(move || self.0.shutdown()).await;
        if !matches!(stopped, Ok(Ok(()))) {
            tracing::warn!("the last metrics may not have reached the collector");
        }
    }
}

/// Sends metrics to the collector at `url`, at the interval OTEL_METRIC_EXPORT_INTERVAL (in milliseconds; a minute by
/// default).
pub(super) fn start(url: &str, recorded: &[Metric]) -> Result<(Instruments, Provider), OtlpError> {
    let parsed: Uri = url.parse().map_err(|_| OtlpError::Url)?;
    if parsed.scheme_str() != Some("http") || parsed.authority().is_none() {
        return Err(OtlpError::Url);
    }
    let exporter = MetricExporter::builder()
        .with_http()
        .with_http_client(Poster {
            client: Client::builder(TokioExecutor::new()).build_http(),
            runtime: Handle::current(),
        })
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(TIMEOUT)
        .with_endpoint(format!("{}/v1/metrics", url.trim_end_matches('/')))
        .build()?;
    let resource = Resource::builder().with_service_name("umoja").build();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter).with_resource(resource).build();
    Ok((Instruments::new(&provider, recorded), Provider(provider)))
}

/// A client for the SDK, whose thread has no runtime.
#[derive(Debug)]
struct Poster {
    client: Client<HttpConnector, Full<Bytes>>,
    runtime: Handle,
}

#[async_trait]
impl HttpClient for Poster {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let client = self.client.clone();
        let sent = async move {
            let (parts, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(parts, body))
        };
        let answer = self.runtime.spawn(async { tokio::time::timeout(TIMEOUT, sent).await }).await??;
        match &answer {
            Ok(answer) if answer.status().is_success() => {}
            Ok(answer) => tracing::warn!(status = answer.status().as_u16(), "the collector rejects the metrics"),
            Err(error) => tracing::warn!(%error, "the collector does not respond"),
        }
        answer
    }
}

enum Instrument {
    Counter(opentelemetry::metrics::Counter<u64>),
    Gauge(opentelemetry::metrics::Gauge<f64>),
    Histogram(opentelemetry::metrics::Histogram<f64>),
}

/// A recorder over the SDK's instruments: one for each metric, created once.
pub(super) struct Instruments(BTreeMap<String, Instrument>);

impl Instruments {
    fn new(provider: &SdkMeterProvider, recorded: &[Metric]) -> Self {
        let meter = provider.meter("umoja");
        let instrument = |metric: &Metric| {
            let name = name(metric);
            // UCUM, the unit system of OTLP.
            let unit = if metric.unit == "Milliseconds" { "ms" } else { "1" };
            let instrument = match metric.kind {
                Kind::Counter => {
                    let counter = meter.u64_counter(name.clone());
                    Instrument::Counter(counter.with_description(metric.help).with_unit(unit).build())
                }
                Kind::Gauge => {
                    let gauge = meter.f64_gauge(name.clone());
                    Instrument::Gauge(gauge.with_description(metric.help).with_unit(unit).build())
                }
                Kind::Histogram => {
                    let histogram = meter.f64_histogram(name.clone()).with_boundaries(LAG_BUCKETS.to_vec());
                    Instrument::Histogram(histogram.with_description(metric.help).with_unit(unit).build())
                }
            };
            (name, instrument)
        };
        Self(recorded.iter().map(instrument).collect())
    }
}

/// An instrument with the labels of one series.
struct Series<I>(I, Vec<KeyValue>);

impl<I> Series<I> {
    fn new(instrument: I, key: &Key) -> Arc<Self> {
        let label = |label: &metrics::Label| KeyValue::new(label.key().to_owned(), label.value().to_owned());
        Arc::new(Self(instrument, key.labels().map(label).collect()))
    }
}

impl CounterFn for Series<opentelemetry::metrics::Counter<u64>> {
    fn increment(&self, value: u64) {
        self.0.add(value, &self.1);
    }

    fn absolute(&self, _: u64) {} // no metric is counted this way
}

impl GaugeFn for Series<opentelemetry::metrics::Gauge<f64>> {
    fn increment(&self, _: f64) {} // gauges are only set

    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        self.0.record(value, &self.1);
    }
}

impl HistogramFn for Series<opentelemetry::metrics::Histogram<f64>> {
    fn record(&self, value: f64) {
        self.0.record(value, &self.1);
    }
}

impl Recorder for Instruments {
    // The instruments were described when they were created.
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        match self.0.get(key.name()) {
            Some(Instrument::Counter(counter)) => Series::new(counter.clone(), key).into(),
            _ => Counter::noop(),
        }
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        match self.0.get(key.name()) {
            Some(Instrument::Gauge(gauge)) => Series::new(gauge.clone(), key).into(),
            _ => Gauge::noop(),
        }
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        match self.0.get(key.name()) {
            Some(Instrument::Histogram(histogram)) => Series::new(histogram.clone(), key).into(),
            _ => Histogram::noop(),
        }
    }
}
