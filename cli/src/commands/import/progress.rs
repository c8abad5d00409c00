//! Progress of an import: a bar on a terminal, else a line now and then.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use umoja_migrate::import::Seen;
use umoja_schema::Millis;
use umoja_store::ports::Clock;

use super::source::Source;
use crate::output::note;

/// How often a line is written where there is no terminal.
const REPORT_MS: u64 = 10_000;

pub(super) struct Progress<'a> {
    clock: &'a dyn Clock,
    bar: Option<ProgressBar>,
    begun: Millis,
    reported: Millis,
    rows: u64,
    rejected: u64,
}

impl<'a> Progress<'a> {
    /// `before` records were done by an earlier run.
    pub(super) fn new(source: &Source<'_>, before: u64, clock: &'a dyn Clock) -> Self {
        let form = "{percent:>3}% {bar:30} {msg}, {eta} left";
        let bar = ProgressBar::with_draw_target(source.bytes, ProgressDrawTarget::stderr_with_hz(4));
        let style = ProgressStyle::with_template(if source.bytes.is_some() { form } else { "{spinner} {msg}" });
        let is_shown = !bar.is_hidden();
        let bar = is_shown.then(|| style.map_or(bar.clone(), |style| bar.with_style(style)));
        if before > 0
            && let Some(bar) = &bar
        {
            bar.reset_eta();
        }
        let now = clock.now();
        Self { clock, bar, begun: now, reported: now, rows: 0, rejected: 0 }
    }

    pub(super) fn now(&self) -> Millis {
        self.clock.now()
    }

    /// The time since the start, in milliseconds.
    pub(super) fn millis(&self) -> u64 {
        self.now().since(self.begun)
    }

    pub(super) fn seen(&mut self, seen: &Seen) {
        self.rows += 1;
        self.rejected += u64::from(seen.outcome.is_err());
        if let Some(bar) = &self.bar {
            bar.set_position(seen.bytes_read);
            if self.rows.is_multiple_of(100) {
                bar.set_message(self.text());
            }
        } else if self.now().since(self.reported) >= REPORT_MS {
            self.reported = self.now();
            note(&self.text());
        }
    }

    pub(super) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn text(&self) -> String {
        let rate = self.rows * 1000 / self.millis().max(1);
        format!("{} records, {} rejected, {rate}/s", self.rows, self.rejected)
    }
}
