//! The one loop of every pass: a page, again if a region does not answer, not too fast, telling and keeping where it is.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use umoja_schema::Millis;
use umoja_store::backoff::BackOff;
use umoja_store::ports::{Clock, Entropy, StoreError};

use super::kept::Kept;
use super::watch::{Event, Watch};

/// How often whoever waits is told, and where a pass is is kept, in milliseconds.
pub(crate) const TELL_MS: u64 = 10_000;

/// How a job is worked on.
#[derive(Clone, Copy)]
pub struct Worker<'a> {
    /// The time.
    pub clock: &'a dyn Clock,
    /// Randomness, for the waits.
    pub entropy: &'a dyn Entropy,
    /// How many items are written in a second at most; 0 for as many as can be.
    pub per_sec: u32,
    /// When to give up.
    pub deadline: Millis,
    /// Who is told how far it is.
    pub watch: &'a dyn Watch,
}

/// Something that is done a page at a time.
pub(crate) trait Pass {
    /// Where it is.
    type Place: Serialize + DeserializeOwned;

    /// The next page; false if there was none left. After an error, the same page comes again.
    async fn step(&mut self) -> Result<bool, StoreError>;

    /// How many items it has written.
    fn written(&self) -> u64;

    /// Tells how far it has come in so many milliseconds.
    fn tell(&self, watch: &dyn Watch, ms: u64);

    /// Who does not answer, if it fails now.
    fn at(&self) -> String;

    /// Where it is; nothing if that is not kept.
    fn place(&self) -> Option<Self::Place> {
        None
    }

    /// Goes on from a place that was kept; false if there is no such place.
    fn go_to(&mut self, _place: Self::Place) -> bool {
        false
    }
}

impl Worker<'_> {
    /// Holds work back to the rate.
    pub(crate) async fn hold_back(&self, started: Millis, written: u64) {
        if self.per_sec > 0 {
            let due = written.saturating_mul(1000) / u64::from(self.per_sec);
            let early = due.saturating_sub(self.clock.now().since(started));
            if early > 0 {
                tokio::time::sleep(Duration::from_millis(early)).await;
            }
        }
    }

    /// Waits before a try after an error that may pass; gives the error back if it will not, or was waited for too often.
    pub(crate) async fn again(
        &self,
        at: &str,
        error: StoreError,
        waits: &mut impl Iterator<Item = Duration>,
    ) -> Result<(), StoreError> {
        match waits.next() {
            Some(wait) if error.is_transient() => {
                self.watch.see(&Event::Again { at, error: &error, wait });
                tokio::time::sleep(wait).await;
                Ok(())
            }
            _ => Err(error),
        }
    }

    /// A pass from here to its end. After an error it is where it was.
    pub(crate) async fn drive<P: Pass>(&self, pass: &mut P, kept: Option<&Kept>) -> Result<(), StoreError> {
        let started = self.clock.now();
        let mut told = started;
        loop {
            let stepped = self.step(pass).await;
            let now = self.clock.now();
            let is_over = !matches!(stepped, Ok(true));
            if is_over || now.since(told) >= TELL_MS {
                told = now;
                pass.tell(self.watch, now.since(started));
                let place = if matches!(stepped, Ok(false)) { None } else { pass.place() };
                self.keep(kept, place.as_ref()).await;
            }
            if !stepped? {
                return Ok(());
            }
            self.hold_back(started, pass.written()).await;
        }
    }

    /// Brings a pass to where one was stopped. False if it begins anew.
    pub(crate) async fn go_on<P: Pass>(&self, pass: &mut P, kept: &Kept) -> bool {
        let Some(place) = kept.load().await else { return false };
        let goes_on = pass.go_to(place);
        if goes_on {
            self.watch.see(&Event::GoesOn);
        }
        goes_on
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
                Err(error) => self.again(&pass.at(), error, &mut waits).await?,
            }
        }
    }
}

#[cfg(test)]
mod tests;
