//! Following the change log of a region, until stopped.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use umoja_local::RegionStore;
use umoja_schema::Millis;
use umoja_store::Change;
use umoja_store::ports::{Clock, StoreError};

/// How often, in milliseconds, a position is stored. After a crash, changes after the stored position are handled again.
const SAVE_MS: u64 = 200;
/// The most changes of one step: what an import writes in about a tenth of a second, so that a peer takes it in a few transactions.
pub(super) const BATCH: usize = 1_000;
/// The first and the longest wait after steps without progress.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// What a step has done.
pub(super) struct Followed {
    /// All changes up to this position are handled.
    pub(super) position: u64,
    /// Whether it could not handle one of the changes.
    pub(super) has_failed: bool,
}

/// A reader of the change log.
pub(super) struct Follower<'a> {
    /// The region.
    pub(super) store: &'a RegionStore,
    /// Its clock.
    pub(super) clock: Arc<dyn Clock>,
    /// Under which name the position is stored.
    pub(super) cursor: &'static str,
    /// What is done, for the log.
    pub(super) what: &'static str,
    /// How often to look for commits of other processes.
    pub(super) poll: Duration,
    /// Ends it.
    pub(super) stop: watch::Receiver<bool>,
}

/// The position of a reader, and the stored one.
struct Position {
    reached: u64,
    stored: u64,
    stored_at: Option<Millis>,
}

impl Follower<'_> {
    /// Takes steps, each with the changes after the position that the last one reached: at once while there are changes, then on each commit of
    /// this process, and periodically for commits of other processes. After a step without progress that left changes, or
    /// that failed, there is a wait, each time a longer one.
    pub(super) async fn follow<F>(mut self, step: impl Fn(u64, Arc<[Change]>) -> F)
    where
        F: Future<Output = Result<Followed, StoreError>>,
    {
        let (mut position, mut back_off) = (None, BACK_OFF.0);
        while !*self.stop.borrow() {
            match self.step(&mut position, &step).await {
                Ok((true, true)) => back_off = BACK_OFF.0,
                Ok((_, false)) => {
                    back_off = BACK_OFF.0;
                    let after = position.as_ref().map_or(0, |position| position.reached);
                    tokio::select! {
                        () = self.store.wait_for_change(after) => {}
                        () = sleep(self.poll) => {}
                        _ = self.stop.changed() => {}
                    }
                }
                found => {
                    if let Err(error) = found {
                        let (region, what) = (self.store.region(), self.what);
                        tracing::error!(%region, what, %error, "the change log cannot be followed");
                    }
                    tokio::select! {
                        () = sleep(back_off) => {}
                        _ = self.stop.changed() => {}
                    }
                    back_off = (back_off * 2).min(BACK_OFF.1);
                }
            }
        }
        if let Some(position) = &mut position
            && let Err(error) = self.save(position).await
        {
            let (region, what) = (self.store.region(), self.what);
            tracing::warn!(%region, what, %error, "the position was not stored; changes will be repeated");
        }
    }

    /// One step. Returns whether it advanced, and whether there may be more.
    async fn step<F>(
        &self,
        position: &mut Option<Position>,
        step: &impl Fn(u64, Arc<[Change]>) -> F,
    ) -> Result<(bool, bool), StoreError>
    where
        F: Future<Output = Result<Followed, StoreError>>,
    {
        let position = match position {
            Some(position) => position,
            none => {
                let stored = self.store.cursor(self.cursor).await?;
                none.insert(Position { reached: stored, stored, stored_at: None })
            }
        };
        let changes = self.store.next_changes(position.reached, BATCH)?;
        let is_full = changes.len() == BATCH;
        let Followed { position: reached, has_failed } = step(position.reached, changes).await?;
        let advanced = reached > position.reached;
        position.reached = reached;
        let now = self.clock.now();
        // Storing the position is a durable write that every other one waits for, so it is done only now and then.
        if position.stored_at.is_none_or(|at| now.since(at) >= SAVE_MS) {
            self.save(position).await?;
            position.stored_at = Some(now);
        }
        Ok((advanced, is_full || has_failed))
    }

    async fn save(&self, position: &mut Position) -> Result<(), StoreError> {
        if position.reached > position.stored {
            self.store.advance_cursor(self.cursor, position.reached).await?;
            position.stored = position.reached;
        }
        Ok(())
    }
}
