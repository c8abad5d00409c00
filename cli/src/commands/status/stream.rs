//! How far a region's stream has been processed: the change log shows it on this machine, an alarm in AWS.

use std::time::Duration;

use serde::Serialize;
use umoja_local::RegionStore;
use umoja_runtime::pump::CURSOR;
use umoja_schema::replica::Image;
use umoja_schema::{Hlc, Millis};
use umoja_store::ports::StoreError;

use crate::deployment::Deployment;
use crate::output::counted;

/// A change that is older than this and has not been replicated needs attention, in milliseconds.
const LATE_MS: u64 = 60_000;

/// After which time a position that is behind is read again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How often a position is read that does not advance. A stream that meets an error waits for up to 5 seconds.
const STUCK_LOOKS: u32 = 14;

/// How many changes are read at once, and how many times: later changes all count as waiting.
const PAGE: usize = 500;
const PAGES: usize = 100;

/// How far the stream of a region has been processed.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Replication {
    /// On this machine.
    Position {
        /// Changes that have not been processed.
        behind: u64,
        /// How old the oldest of them is.
        #[serde(skip_serializing_if = "Option::is_none")]
        oldest_ms: Option<u64>,
    },
    /// In AWS.
    Alarm {
        /// The CloudWatch alarm that is raised if the stream is behind.
        alarm: String,
    },
}

impl Replication {
    /// What needs an operator's attention.
    pub(super) fn attention(&self) -> Option<String> {
        match self {
            Self::Position { behind, oldest_ms } if oldest_ms.is_some_and(|ms| ms > LATE_MS) => {
                Some(format!("{behind} changes wait to be replicated; is the directory being served?"))
            }
            _ => None,
        }
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Position { behind, oldest_ms } => {
                let age = oldest_ms.map(|ms| format!(", the oldest {ms} ms old")).unwrap_or_default();
                format!("{behind} changes behind{age}")
            }
            Self::Alarm { alarm } => format!("see the CloudWatch alarm {alarm}"),
        }
    }
}

/// The alarm that shows the position in AWS.
pub(super) fn alarm(prefix: &str) -> Replication {
    Replication::Alarm { alarm: format!("{prefix}-iterator-age") }
}

/// A region stores its position only now and then, so a position that is behind is read again a moment later.
pub(super) async fn position(deployment: &Deployment, region: usize) -> Result<Replication, StoreError> {
    let store = &deployment.stores()[region];
    let mut waiting = Waiting::in_log_of(store).await?;
    if waiting.changes > 0 {
        tokio::time::sleep(LOOK_AGAIN).await;
        waiting = Waiting::in_log_of(store).await?;
    }
    let now = deployment.clock().now();
    Ok(Replication::Position { behind: waiting.changes, oldest_ms: waiting.oldest.map(|at| now.since(at)) })
}

/// What is wrong with the stream of a region whose directory is served: `umoja doctor` has to say so before the changes
/// that wait are old.
pub(in crate::commands) async fn flaw(deployment: &Deployment, region: usize) -> Result<Option<String>, StoreError> {
    let store = &deployment.stores()[region];
    let before = Waiting::in_log_of(store).await?;
    for _ in 0..STUCK_LOOKS {
        let now = Waiting::in_log_of(store).await?;
        if now.changes == 0 || now.cursor != before.cursor {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    let behind = counted(before.changes, "change");
    Ok(Some(format!(
        "its stream is stuck: {behind} to be replicated, and none was handled for some seconds; the log of `umoja serve` says why"
    )))
}

/// The changes of a region that wait to be replicated.
struct Waiting {
    /// The position up to which changes are handled.
    cursor: u64,
    changes: u64,
    /// When the oldest of them was written.
    oldest: Option<Millis>,
}

impl Waiting {
    /// What other regions wrote does not wait: they send it. A region that was backfilled has only such changes.
    async fn in_log_of(store: &RegionStore) -> Result<Self, StoreError> {
        let (newest, cursor) = (store.newest_change()?, store.cursor(CURSOR).await?);
        let mut waiting = Self { cursor, changes: 0, oldest: None };
        let mut position = cursor;
        for _ in 0..PAGES {
            let page = store.changes(position, PAGE)?;
            let own = page.iter().map(|change| Image(&change.image));
            for image in own.filter(|image| image.origin().is_none_or(|origin| origin == store.region().as_str())) {
                waiting.changes += 1;
                waiting.oldest = waiting.oldest.or(image.hlc().map(Hlc::millis));
            }
            match page.last().and_then(|change| change.sequence.parse().ok()) {
                Some(last) => position = last,
                None => return Ok(waiting),
            }
        }
        waiting.changes += newest.saturating_sub(position);
        Ok(waiting)
    }
}
