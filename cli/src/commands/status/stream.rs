//! How far a region's stream has been processed: the change log shows it on this machine, an alarm in AWS.

use serde::Serialize;
use umoja_runtime::backlog::{Backlog, LagThresholds};
use umoja_store::ports::StoreError;

use crate::deployment::Deployment;

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
    pub(super) fn attention(&self, thresholds: &LagThresholds) -> Option<String> {
        let Self::Position { behind: changes, oldest_ms } = *self else { return None };
        let backlog = Backlog { changes, oldest_ms };
        backlog.exceeds(thresholds).then(|| {
            let oldest = oldest_ms.map(|ms| format!(", the oldest for {} s", ms / 1000)).unwrap_or_default();
            let LagThresholds { changes: most, age_ms } = thresholds;
            format!(
                "{changes} changes wait to be replicated{oldest}; up to {most} changes may wait, for up to {} s",
                age_ms / 1000
            )
        })
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
