//! The export of the metrics of a process that serves.

use std::net::SocketAddr;

use clap::Args;
use tokio::net::TcpListener;
use umoja_runtime::exporter::Exporter;
use umoja_runtime::listeners::Listeners;
use umoja_schema::names::metric::Metric;

use crate::CliError;

const HEADING: &str = "Metrics";

/// Where the metrics are exported.
#[derive(Debug, Args)]
pub(super) struct Metrics {
    /// Serve the metrics at http://ADDRESS/metrics, in the text format of Prometheus. Port 0 takes any free one.
    #[arg(long, help_heading = HEADING, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// Send the metrics to a collector, by OTLP over HTTP (protobuf), each minute or as OTEL_METRIC_EXPORT_INTERVAL
    /// says. Needs an umoja that was built with the feature `otlp`.
    #[arg(long, help_heading = HEADING, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    otlp: Option<String>,
}

/// The export of metrics, if one is configured.
#[derive(Default)]
pub(super) struct Exporting {
    exporter: Option<Exporter>,
    listeners: Listeners,
    address: Option<SocketAddr>,
}

impl Metrics {
    /// Rejects an address that other machines reach, unless `behind_tls`.
    pub(super) fn check(&self, behind_tls: bool) -> Result<(), CliError> {
        match self.metrics {
            Some(address) if !address.ip().is_loopback() && !behind_tls => Err(CliError::Usage(format!(
                "{address} can be reached from other machines: protect it and set --behind-tls, or use 127.0.0.1"
            ))),
            _ => Ok(()),
        }
    }

    /// Starts to record and export, if an export is configured.
    pub(super) async fn start(&self, recorded: &[Metric]) -> Result<Exporting, CliError> {
        let otlp = self.otlp.as_deref().filter(|url| !url.is_empty());
        let mut exporting = Exporting::default();
        if self.metrics.is_none() && otlp.is_none() {
            return Ok(exporting);
        }
        let exporter = Exporter::start(recorded, otlp);
        let exporter = exporter.map_err(|error| CliError::Failed(error.to_string()))?;
        if let Some(address) = self.metrics {
            let failed = |error| CliError::Failed(format!("metrics cannot be served on {address}: {error}"));
            let listener = TcpListener::bind(address).await.map_err(failed)?;
            exporting.address = Some(listener.local_addr().map_err(failed)?);
            exporting.listeners.serve("metrics", listener, exporter.router());
        }
        exporting.exporter = Some(exporter);
        Ok(exporting)
    }
}

impl Exporting {
    /// Where the metrics are served.
    pub(super) fn url(&self) -> Option<String> {
        self.address.map(|address| format!("http://{address}/metrics"))
    }

    /// The same as a line of text.
    pub(super) fn text(&self) -> String {
        self.url().map_or_else(String::new, |url| format!("Metrics are at {url}.\n"))
    }

    /// Exports the last values, and ends the export.
    pub(super) async fn stop(self) {
        self.listeners.stop().await;
        if let Some(exporter) = self.exporter {
            exporter.stop().await;
        }
    }
}
