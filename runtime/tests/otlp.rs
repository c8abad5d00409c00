//! Recorded metrics reach a collector by OTLP, and Prometheus from the same recorder.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request};
use axum::routing::post;
use http_body_util::BodyExt as _;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint};
use prost::Message as _;
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use umoja_runtime::exporter::Exporter;
use umoja_runtime::record;
use umoja_schema::names::metric;

/// A collector: the messages that it received, with their media types.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<(String, Bytes)>>>);

impl Collector {
    async fn start(&self) -> String {
        let got = Arc::clone(&self.0);
        let take = async move |headers: HeaderMap, body: Bytes| {
            let media_type = headers["content-type"].to_str().unwrap().to_owned();
            got.lock().unwrap().push((media_type, body));
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/v1/metrics", post(take))).await });
        url
    }

    /// The metrics of the last message.
    fn last(&self) -> Vec<Metric> {
        let got = self.0.lock().unwrap();
        let (media_type, body) = got.last().unwrap();
        assert_eq!(media_type, "application/x-protobuf");
        let request = ExportMetricsServiceRequest::decode(body.clone()).unwrap();
        let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        scopes.flat_map(|scope| scope.metrics).collect()
    }
}

fn only<'a>(metrics: &'a [Metric], name: &str) -> &'a Metric {
    let mut named = metrics.iter().filter(|metric| metric.name == name);
    let found = named.next().unwrap_or_else(|| panic!("no {name} in {metrics:?}"));
    assert!(named.next().is_none(), "{name} came twice");
    found
}

fn labels(point: &NumberDataPoint) -> Vec<&str> {
    point.attributes.iter().map(|attribute| attribute.key.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_reach_the_collector_and_prometheus() {
    let collector = Collector::default();
    let url = collector.start().await;
    let exporter = Exporter::start(metric::ALL, Some(&url)).unwrap();
    metrics::counter!(metric::LOGIN_FAILURES).increment(1);
    metrics::counter!(metric::LOGIN_FAILURES).increment(2);
    metrics::counter!("NotOurs").increment(1);
    record::lag(40);
    record::set_missing_keys(&"eu-west-1".parse().unwrap(), 7);

    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let scraped = exporter.router().oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
    let scraped = String::from_utf8(scraped.to_vec()).unwrap();
    for line in [
        "umoja_login_failures_total 3",
        "umoja_replication_lag_milliseconds_bucket{le=\"50\"} 1",
        "umoja_missing_wrapped_keys{region=\"eu-west-1\"} 7",
    ] {
        assert!(scraped.lines().any(|found| found == line), "no {line} in {scraped}");
    }

    exporter.stop().await;
    let metrics = collector.last();
    assert!(!metrics.iter().any(|metric| metric.name.contains("NotOurs")));
    let failures = only(&metrics, "umoja_login_failures_total");
    assert_eq!((&*failures.description, &*failures.unit), ("Attempts at a password that failed.", "1"));
    let Some(Data::Sum(sum)) = &failures.data else { panic!("{failures:?}") };
    assert!(sum.is_monotonic);
    assert_eq!(sum.data_points.iter().map(|point| point.value.unwrap()).collect::<Vec<_>>(), [Value::AsInt(3)]);
    let lag = only(&metrics, "umoja_replication_lag_milliseconds");
    let Some(Data::Histogram(lags)) = &lag.data else { panic!("{lag:?}") };
    assert_eq!((lag.unit.as_str(), lags.data_points[0].count, lags.data_points[0].sum), ("ms", 1, Some(40.0)));
    let Some(Data::Gauge(missing)) = &only(&metrics, "umoja_missing_wrapped_keys").data else { panic!("no gauge") };
    assert_eq!(
        (labels(&missing.data_points[0]), missing.data_points[0].value),
        (vec!["region"], Some(Value::AsDouble(7.0)))
    );
}
