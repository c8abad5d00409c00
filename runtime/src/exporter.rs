//! Exports the metrics of a process: in the text format of Prometheus, and by OTLP (feature `otlp`).
//!
//! Collectors get each metric of [`umoja_schema::names::metric`] under a name in Prometheus' convention:
//! `LoginFailures` is `umoja_login_failures_total`. Labels are `region`, `queue` and `state`; none of them names a
//! company or a person.

mod names;
#[cfg(feature = "otlp")]
mod otlp;

use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::routing::get;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::layers::FanoutBuilder;
use tokio::task::JoinSet;
use tokio::time::interval;
use umoja_schema::names::metric::{self, Metric};

pub use self::names::name;
use self::names::{LAG_BUCKETS, Named};
#[cfg(feature = "otlp")]
pub use self::otlp::OtlpError;

/// How often the recorder aggregates its samples, whether or not a collector reads them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Why metrics cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExporterError {
    /// The recorder of Prometheus cannot be created.
    #[error("metrics cannot be recorded: {0}")]
    Prometheus(#[from] BuildError),
    /// The process already has a recorder.
    #[error("the process already records its metrics")]
    Twice,
    /// A collector is configured, but this build cannot send to it.
    #[cfg(not(feature = "otlp"))]
    #[error("this umoja was built without OTLP; `cargo install --path cli --features otlp` builds it in")]
    NotBuilt,
    /// The collector cannot be used.
    #[cfg(feature = "otlp")]
    #[error(transparent)]
    Otlp(#[from] OtlpError),
}

/// The recorder of a process. Metrics recorded before it started are lost.
pub struct Exporter {
    prometheus: PrometheusHandle,
    #[cfg(feature = "otlp")]
    otlp: Option<otlp::Provider>,
    _upkeep: JoinSet<()>,
}

impl std::fmt::Debug for Exporter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exporter").finish_non_exhaustive()
    }
}

impl Exporter {
    /// Starts recording the metrics of this process that are in `described`. Also sends them to the collector at
    /// `otlp`, if there is one. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the process already records its metrics, the collector's URL is invalid, or this build lacks the feature
    /// `otlp`.
    pub fn start(described: &[Metric], otlp: Option<&str>) -> Result<Self, ExporterError> {
        #[cfg(not(feature = "otlp"))]
        if otlp.is_some() {
            return Err(ExporterError::NotBuilt);
        }
        let lag = Matcher::Full(
            metric::ALL.iter().find(|one| one.name == metric::REPLICATION_LAG).map_or_else(String::new, name),
        );
        let recorder = PrometheusBuilder::new().set_buckets_for_metric(lag, &LAG_BUCKETS)?.build_recorder();
        let prometheus = recorder.handle();
        #[cfg_attr(not(feature = "otlp"), allow(unused_mut, reason = "another recorder is a feature"))]
        let mut recorders = FanoutBuilder::default().add_recorder(recorder);
        #[cfg(feature = "otlp")]
        let otlp = match otlp {
            Some(url) => {
                let (recorder, provider) = otlp::start(url, described)?;
                recorders = recorders.add_recorder(recorder);
                Some(provider)
            }
            None => None,
        };
        metrics::set_global_recorder(Named::new(recorders.build(), described)).map_err(|_| ExporterError::Twice)?;
        names::describe(described);
        let mut upkeep = JoinSet::new();
        let handle = prometheus.clone();
        upkeep.spawn(async move {
            let mut ticks = interval(UPKEEP);
            loop {
                ticks.tick().await;
                handle.run_upkeep();
            }
        });
        Ok(Self {
            prometheus,
            #[cfg(feature = "otlp")]
            otlp,
            _upkeep: upkeep,
        })
    }

    /// `GET /metrics`, as a router for a port.
    pub fn router(&self) -> Router {
        let prometheus = self.prometheus.clone();
        let metrics = async move || {
            prometheus.run_upkeep();
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], prometheus.render())
        };
        Router::new().route("/metrics", get(metrics))
    }

    /// Sends the last metrics to the collector, if there is one.
    pub async fn stop(self) {
        #[cfg(feature = "otlp")]
        if let Some(provider) = self.otlp {
            provider.stop().await;
        }
    }
}
