//! How far a region's stream has been processed: the change log shows it on this machine, an alarm in AWS.

use std::time::Duration;

use serde::Serialize;
use umoja_runtime::backlog::{Backlog, CURSOR};
use umoja_store::ports::StoreError;

use crate::deployment::Deployment;
use crate::output::counted;

/// After which time a position that is behind is read again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// How often a position is read that does not advance. A stream that meets an error waits for up to 5 seconds.
const STUCK_LOOKS: u32 = 14;

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
    /// What waits, if that is known here.
    pub(super) const fn backlog(&self) -> Option<Backlog> {
        match *self {
            Self::Position { behind: changes, oldest_ms } => Some(Backlog { changes, oldest_ms }),
            Self::Alarm { .. } => None,
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

/// The position of a region's stream.
pub(super) async fn position(deployment: &Deployment, region: usize) -> Result<Replication, StoreError> {
    let backlog = Backlog::of(&deployment.stores()[region], &**deployment.clock()).await?;
    Ok(Replication::Position { behind: backlog.changes, oldest_ms: backlog.oldest_ms })
}

/// What is wrong with the stream of a region whose directory is served: `umoja doctor` has to say so before the changes
/// that wait are old.
pub(in crate::commands) async fn flaw(deployment: &Deployment, region: usize) -> Result<Option<String>, StoreError> {
    let (store, clock) = (&deployment.stores()[region], &**deployment.clock());
    let before = store.cursor(CURSOR).await?;
    let mut backlog = Backlog::of(store, clock).await?;
    for _ in 0..STUCK_LOOKS {
        if backlog.changes == 0 || store.cursor(CURSOR).await? != before {
            return Ok(None);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        backlog = Backlog::of(store, clock).await?;
    }
    let behind = counted(backlog.changes, "change");
    Ok(Some(format!(
        "its stream is stuck: {behind} to be replicated, and none was handled for some seconds; the log of `umoja serve` says why"
    )))
}
