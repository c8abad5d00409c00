//! Progress in bytes: a bar on a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar, which is removed when it is dropped.
pub(in crate::commands) struct Progress(ProgressBar);

impl Progress {
    /// A bar of this number of bytes.
    pub(in crate::commands) fn new(what: &'static str, bytes: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr_with_hz(4)).with_message(what);
        let form = "{msg} {percent:>3}% {bar:30} {bytes} of {total_bytes}, {eta} left";
        Self(match ProgressStyle::with_template(form) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }

    pub(in crate::commands) fn add(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
