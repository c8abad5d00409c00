//! Logs: one JSON object a line, on standard error.
//!
//! Lambda's runtime puts every event into a span with `requestId` and `xrayTraceId`, which each line carries. Lambda
//! itself makes the spans of X-Ray (active tracing is a setting of the function). The trace id leads from a trace to
//! its lines and from a line to its trace. CloudWatch adds the time.
//!
//! Crates outside Umoja never log `debug` or `trace`; [`umoja_runtime::log`] gives the reason.

use tracing::{Level, Subscriber};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use umoja_runtime::log::may_be_logged;

/// Starts logging the lines that `filter` selects, or by default those of level `info`. The first call of a process
/// decides.
pub fn start(filter: Option<&str>) {
    let targets = filter.map(str::parse::<Targets>);
    let understood = !matches!(targets, Some(Err(_)));
    let targets = targets.and_then(Result::ok).unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    // Only tests start it a second time: the first subscriber stays.
    let _ = lines(targets, std::io::stderr).try_init();
    if !understood {
        tracing::warn!("UMOJA_LOG is not a valid filter; logging at level info");
    }
}

fn lines<W>(targets: Targets, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .without_time()
        .with_writer(writer);
    tracing_subscriber::registry().with(lines).with(targets).with(filter_fn(may_be_logged))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_filter_makes_the_runtime_log_events() {
        let written = Lines::default();
        let writer = written.clone();
        let subscriber = lines("trace".parse().unwrap(), move || writer.clone());
        tracing::subscriber::with_default(subscriber, || {
            let span = tracing::info_span!(target: "lambda_runtime::layers::trace", "invoke", requestId = "r-1");
            let _entered = span.enter();
            tracing::trace!(target: "lambda_runtime::layers::api_response", body = "canary", "raw JSON event");
            tracing::debug!(target: "aws_smithy_runtime::client::orchestrator", err = "canary", "error");
            tracing::trace!(target: "umoja_api", "ours");
        });
        let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(written.lines().count(), 1, "{written}");
        let line: serde_json::Value = serde_json::from_str(&written).unwrap();
        assert_eq!((&line["message"], &line["span"]["requestId"]), (&"ours".into(), &"r-1".into()));
    }
}
