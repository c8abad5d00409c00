//! How far a region's stream has been processed: the change log shows it on this machine, an alarm in AWS.

use std::time::Duration;

use serde::Serialize;
use umoja_runtime::pump::CURSOR;
use umoja_schema::names::attribute;
use umoja_schema::{Attribute, Attributes, Hlc, Millis, Version};
use umoja_store::ports::StoreError;

use crate::deployment::Deployment;

/// A change that is older than this and has not been replicated needs attention, in milliseconds.
const LATE_MS: u64 = 60_000;

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
    let newest = store.newest_change()?;
    let mut cursor = store.cursor(CURSOR).await?;
    if cursor < newest {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cursor = store.cursor(CURSOR).await?;
    }
    let behind = newest.saturating_sub(cursor);
    let oldest = if behind > 0 { store.changes(cursor, 1)? } else { Vec::new() };
    let now = deployment.clock().now();
    let oldest_ms = oldest.first().and_then(|change| written_at(&change.image)).map(|at| now.since(at));
    Ok(Replication::Position { behind, oldest_ms })
}

fn written_at(image: &Attributes) -> Option<Millis> {
    let text = |name: &str| match image.get(name) {
        Some(Attribute::S(text)) => Some(text.as_str()),
        _ => None,
    };
    let version = text(attribute::VERSION).and_then(|text| text.parse::<Version>().ok()).map(|version| version.hlc);
    version.or_else(|| text(attribute::AT)?.parse::<Hlc>().ok()).map(Hlc::millis)
}
