//! Logs: on standard error, for people or for programs.

use std::io::IsTerminal as _;

use tracing::Metadata;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterFn, LevelFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use umoja_runtime::log::may_be_logged;

use crate::CliError;

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

/// Rejects an invalid `UMOJA_LOG`. Any word is a filter of [`EnvFilter`] for the target of that name, and would silence
/// everything else, so a filter without `=` has to be a level.
pub(crate) fn check() -> Result<(), CliError> {
    let Some(text) = std::env::var_os(FILTER) else { return Ok(()) };
    if text.to_str().is_some_and(is_filter) {
        return Ok(());
    }
    Err(CliError::Usage(format!(
        "{FILTER}={} does not say what to log; give a level (error, warn, info, debug, trace, off), or targets with \
         levels such as info,umoja_api=debug",
        text.to_string_lossy()
    )))
}

fn is_filter(text: &str) -> bool {
    let is_level = |part: &str| part.trim().parse::<LevelFilter>().is_ok();
    let mut parts = text.split(',').filter(|part| !part.trim().is_empty());
    parts.all(|part| part.contains(['=', '[']) || is_level(part)) && EnvFilter::try_new(text).is_ok()
}

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
    // An error while logging would be printed to standard error too, and a failed print ends the thread: a log on a full
    // disk must not stop requests.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let subscriber = tracing_subscriber::registry().with(filter).with(allowed);
    // A second start has no effect.
    let _ = match format {
        LogFormat::Text => subscriber.with(lines.with_ansi(std::io::stderr().is_terminal())).try_init(),
        LogFormat::Json => subscriber.with(lines.json().flatten_event(true)).try_init(),
    };
}

#[cfg(test)]
mod tests {
    use super::is_filter;

    #[test]
    fn a_filter_is_a_level_or_names_levels_of_targets() {
        for filter in ["", "info", "TRACE", "off", "info,umoja_api=debug", "umoja_api[request]=debug", "warn,hyper=off"]
        {
            assert!(is_filter(filter), "{filter}");
        }
        for other in ["verbose", "umoja_api", "info,verbose", "umoja_api=verbose", "inf"] {
            assert!(!is_filter(other), "{other}");
        }
    }
}
