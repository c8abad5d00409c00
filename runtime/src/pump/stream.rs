//! The stream of a region, and the making of its events, until they are stopped.

use std::time::Duration;

use tokio::sync::watch;
use umoja_schema::Millis;
use umoja_store::ports::StoreError;

use super::pace::{Pace, Progress};
use super::region::RegionPump;
use crate::backlog::CURSOR;

/// How often, in milliseconds, a stream stores its position. After a crash, changes after the stored position are
/// handled again.
const SAVE_MS: u64 = 200;

/// The position of a stream, and the stored one.
#[derive(Default)]
struct Cursor {
    read: bool,
    position: u64,
    saved: u64,
    saved_at: Option<Millis>,
}

impl RegionPump {
    /// Makes events until stopped.
    pub(super) async fn make_events(&self, poll: Duration, stop: watch::Receiver<bool>) {
        let mut pace = Pace::new(self.store(), "events", poll, stop);
        while pace.continues() {
            let found = self.feed().await.map(|fed| match &fed.outcome.failed {
                Some(_) => Progress::Stuck,
                None if fed.outcome.records > 0 => Progress::More,
                None => Progress::Idle(fed.position),
            });
            pace.wait(found).await;
        }
    }

    /// Replicates until stopped.
    pub(super) async fn stream(&self, poll: Duration, stop: watch::Receiver<bool>) {
        let (mut cursor, mut pace) = (Cursor::default(), Pace::new(self.store(), "replication", poll, stop));
        while pace.continues() {
            let found = self.stream_step(&mut cursor).await;
            pace.wait(found).await;
        }
        if let Err(error) = self.save(&mut cursor).await {
            tracing::warn!(region = %self.region(), %error, "the position was not stored; changes will be repeated");
        }
    }

    async fn stream_step(&self, cursor: &mut Cursor) -> Result<Progress, StoreError> {
        if !cursor.read {
            cursor.position = self.store().cursor(CURSOR).await?;
            (cursor.saved, cursor.read) = (cursor.position, true);
        }
        let step = self.replicate_from(cursor.position).await?;
        let advanced = step.position > cursor.position;
        cursor.position = step.position;
        let now = self.home().clock.now();
        // Storing the position costs a durable write that the next batch would wait for, so it is done only now and
        // then.
        if cursor.saved_at.is_none_or(|saved| now.since(saved) >= SAVE_MS) {
            self.save(cursor).await?;
            cursor.saved_at = Some(now);
        }
        Ok(match (&step.outcome.failed, advanced) {
            (None, false) => Progress::Idle(cursor.position),
            (Some(_), false) => Progress::Stuck,
            (_, true) => Progress::More,
        })
    }

    async fn save(&self, cursor: &mut Cursor) -> Result<(), StoreError> {
        if cursor.position > cursor.saved {
            self.store().advance_cursor(CURSOR, cursor.position).await?;
            cursor.saved = cursor.position;
        }
        Ok(())
    }
}
