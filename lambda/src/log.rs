//! Logs: one JSON object a line, on standard error.
//!
//! Lambda's runtime puts every event into a span with `requestId` and `xrayTraceId`, which each line carries. Spans of
//! X-Ray itself are made by Lambda (active tracing is a setting of the function): by the trace id, a trace leads to its
//! lines and a line to its trace. CloudWatch adds the time.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging: what `filter` asks for, or else the lines of level `info`. The first call of a process decides.
pub fn start(filter: Option<&str>) {
    let targets = filter.and_then(|text| text.parse::<Targets>().ok());
    let default = || Targets::new().with_default(Level::INFO);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .without_time()
        .with_writer(std::io::stderr);
    // A second start is a test's: the first goes on.
    let _ = tracing_subscriber::registry().with(lines).with(targets.unwrap_or_else(default)).try_init();
    if filter.is_some_and(|text| text.parse::<Targets>().is_err()) {
        tracing::warn!("what UMOJA_LOG asks for is not understood; logging at level info");
    }
}
