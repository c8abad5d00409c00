//! The loop that runs every pass: page by page, at a limited rate, with retries, progress reports and checkpoints.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use umoja_schema::Millis;
use umoja_store::backoff::BackOff;
use umoja_store::ports::{Clock, Entropy, StoreError};

use super::kept::Kept;
use super::watch::{Event, Watch};

/// The interval between progress reports and between checkpoints, in milliseconds.
pub(crate) const REPORT_MS: u64 = 10_000;

/// How a job runs.
#[derive(Clone, Copy)]
pub struct Worker<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// Randomness for the waits between retries.
    pub entropy: &'a dyn Entropy,
    /// How many items are written per second at most; 0 for no limit.
    pub per_sec: u32,
    /// When the job gives up.
    pub deadline: Millis,
    /// What observes the progress.
    pub watch: &'a dyn Watch,
}

/// Work that is done a page at a time.
pub(crate) trait Pass {
    /// Its checkpoint.
    type Place: Serialize + DeserializeOwned;

    /// Works on the next page; false if there was none left. After an error, the same page is read again.
    async fn step(&mut self) -> Result<bool, StoreError>;

    /// How many items it has written.
    fn written(&self) -> u64;

    /// Reports the progress that was made in `ms` milliseconds.
    fn report_progress(&self, watch: &dyn Watch, ms: u64);

    /// What failed, for an error message, if the next step fails.
    fn at(&self) -> String;

    /// The checkpoint; `None` if the pass has none.
    fn place(&self) -> Option<Self::Place> {
        None
    }

    /// Continues from a checkpoint; false if it does not match.
    fn go_to(&mut self, _place: Self::Place) -> bool {
        false
    }
}

impl Worker<'_> {
    /// Slows work down to the rate.
    pub(crate) async fn hold_back(&self, started: Millis, written: u64) {
        if self.per_sec > 0 {
            let due = written.saturating_mul(1000) / u64::from(self.per_sec);
            let early = due.saturating_sub(self.clock.now().since(started));
            if early > 0 {
                tokio::time::sleep(Duration::from_millis(early)).await;
            }
        }
    }

    /// Waits before a retry. Returns the error if it is permanent or there were too many retries.
    pub(crate) async fn wait_before_retry(
        &self,
        at: &str,
        error: StoreError,
        waits: &mut impl Iterator<Item = Duration>,
    ) -> Result<(), StoreError> {
        match waits.next() {
            Some(wait) if error.is_transient() => {
                self.watch.see(&Event::Retry { at, error: &error, wait });
                tokio::time::sleep(wait).await;
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// Runs a pass to its end. After an error, the pass stays where it was.
    pub(crate) async fn drive<P: Pass>(&self, pass: &mut P, kept: Option<&Kept>) -> Result<(), StoreError> {
        let started = self.clock.now();
        let mut reported = started;
        loop {
            let stepped = self.step(pass).await;
            let now = self.clock.now();
            let is_over = !matches!(stepped, Ok(true));
            if is_over || now.since(reported) >= REPORT_MS {
                reported = now;
                pass.report_progress(self.watch, now.since(started));
                let place = if matches!(stepped, Ok(false)) { None } else { pass.place() };
                self.keep(kept, place.as_ref()).await;
            }
            if !stepped? {
                return Ok(());
            }
            self.hold_back(started, pass.written()).await;
        }
    }

    /// Brings a pass to its checkpoint. False if it starts from the beginning.
    pub(crate) async fn resume<P: Pass>(&self, pass: &mut P, kept: &Kept) -> bool {
        let Some(place) = kept.load().await else { return false };
        let resumes = pass.go_to(place);
        if resumes {
            self.watch.see(&Event::Continues);
        }
        resumes
    }

    pub(crate) async fn keep<P: Serialize>(&self, kept: Option<&Kept>, place: Option<&P>) {
        if let Some(kept) = kept
            && let Err(error) = kept.save(place).await
        {
            self.watch.see(&Event::NotKept { error: &error });
        }
    }

    async fn step(&self, pass: &mut impl Pass) -> Result<bool, StoreError> {
        let mut waits = BackOff::REGION.waits(self.entropy);
        loop {
            match pass.step().await {
                Ok(more) => return Ok(more),
                Err(error) => self.wait_before_retry(&pass.at(), error, &mut waits).await?,
            }
        }
    }
}

#[cfg(test)]
mod tests;
