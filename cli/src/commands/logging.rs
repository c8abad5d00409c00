//! Logs: on standard error, for people or for programs.

use std::io::IsTerminal as _;

use tracing::Metadata;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use umoja_runtime::log::may_be_logged;

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// One line of text for each event.
    #[default]
    Text,
    /// One JSON object for each event.
    Json,
}

/// The environment variable that selects what is logged.
const FILTER: &str = "UMOJA_LOG";

/// Starts logging by `UMOJA_LOG`, or else by `default`. The first call of a process decides.
pub(crate) fn start(format: LogFormat, default: &str) {
    begin(format, default, filter_fn(|_| true));
}

/// The same for a process that handles personal data: other crates' lines beyond `info` could hold some.
pub(crate) fn start_serving(format: LogFormat) {
    begin(format, "info", filter_fn(may_be_logged));
}

fn begin<F: Fn(&Metadata<'_>) -> bool + Send + Sync + 'static>(format: LogFormat, default: &str, allowed: FilterFn<F>) {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new(default));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let subscriber = tracing_subscriber::registry().with(filter).with(allowed);
    // A second start has no effect.
    let _ = match format {
        LogFormat::Text => subscriber.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init(),
        LogFormat::Json => subscriber.with(lines.json().flatten_event(true)).try_init(),
    };
}
