//! Logs: on standard error, for people or for programs.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;

/// The form of log lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum LogFormat {
    /// One line of text for each event.
    #[default]
    Text,
    /// One JSON object for each event.
    Json,
}

/// The environment variable that says what is logged.
const FILTER: &str = "UMOJA_LOG";

/// Starts logging: what `UMOJA_LOG` asks for, or else `default`. The first call of a process decides.
pub(crate) fn start(format: LogFormat, default: &str) {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new(default));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second start would be of no use, and harmless.
    let _ = match format {
        LogFormat::Text => builder.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}
