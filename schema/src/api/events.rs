//! Bodies of the feed of events.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::constraints::VERSION;
use crate::{CompanyId, EventRow, Notice, Part, UserId};

/// The most changes in one answer.
pub const MAX_EVENTS: u16 = 500;
/// The longest that a request waits for an event, in seconds.
pub const MAX_WAIT_SECS: u16 = 20;
/// The most characters of a cursor.
pub const MAX_CURSOR: usize = 4096;

const CURSOR: &str = r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$";

/// Body of `events/list`. At most one of `cursor` and `after`; without both, all events that are kept.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListEvents {
    /// The `cursor` of an earlier answer, of any region.
    #[schemars(length(max = MAX_CURSOR), regex(pattern = CURSOR))]
    pub cursor: Option<String>,
    /// Begin with the events from this time on, in seconds since the Unix epoch.
    pub after: Option<u64>,
    /// The most events in the answer, 1 to 500; 100 if absent. An answer never has a part of the events of one change of a
    /// user, and may have a few more for it.
    #[schemars(range(min = 1, max = MAX_EVENTS))]
    pub limit: Option<u16>,
    /// Wait this long for an event if there is none, up to 20 seconds. A region in which too many requests wait answers
    /// without waiting.
    #[schemars(range(max = MAX_WAIT_SECS))]
    pub wait_secs: Option<u16>,
}

/// Some events of the calling company.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Events {
    /// The events. Those that one region made are in their order.
    pub events: Vec<Event>,
    /// Opaque. Send it as `cursor`, to any region, once the events are handled. It changes even if there are no events.
    #[schemars(length(max = MAX_CURSOR), regex(pattern = CURSOR))]
    pub cursor: String,
    /// True if there may be more events: ask again at once.
    pub more: bool,
}

/// An event, as CloudEvents 1.0 (JSON format). It has names of what changed and never values: `lookup` has the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Event {
    /// `1.0`.
    pub specversion: &'static str,
    /// Unique for the source. An event that is read again has the same one.
    pub id: String,
    /// The region that made the change, and the company: `urn:umoja:<region>:<company>`.
    pub source: String,
    /// `umoja.user.` and `registered`, `linked`, `unlinked`, `suspended`, `unsuspended`, `identifiers_changed`,
    /// `profile_changed`, `credentials_changed`, `disabled`, `enabled`, `merged`, `unmerged` or `erased`. More may be added.
    #[serde(rename = "type")]
    pub kind: String,
    /// The user that is linked to the company.
    pub subject: UserId,
    /// When the change was made (RFC 3339).
    #[schemars(extend("format" = "date-time"))]
    pub time: String,
    /// The order of the events of one source, as texts.
    pub sequence: String,
    /// `application/json`.
    pub datacontenttype: &'static str,
    /// The change.
    pub data: EventData,
}

impl Event {
    /// The events of one change. `None` if its time is none.
    pub fn of(company: &CompanyId, row: &EventRow) -> Option<Vec<Self>> {
        let at = i128::from(row.version.hlc.millis().0) * 1_000_000;
        let time = OffsetDateTime::from_unix_timestamp_nanos(at).ok()?.format(&Rfc3339).ok()?;
        let event = |(number, notice): (usize, &Notice)| {
            let sequence = format!("{}{number:02x}", row.place);
            Self {
                specversion: "1.0",
                id: sequence.clone(),
                source: format!("urn:umoja:{}:{company}", row.origin),
                kind: format!("umoja.user.{}", notice.kind()),
                subject: row.user,
                time: time.clone(),
                sequence,
                datacontenttype: "application/json",
                data: EventData {
                    user: row.changed,
                    part: row.part,
                    version: row.version.to_string(),
                    min_version: row.min_version.clone(),
                    changed: notice.names(),
                    other: notice.other(),
                },
            }
        };
        Some(row.notices.iter().enumerate().map(event).collect())
    }
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EventData {
    /// The user that changed: another one than `subject` if the two are one person.
    pub user: UserId,
    /// The part of the user that changed. Its versions have an order.
    #[schemars(with = "String")]
    pub part: Part,
    /// The version of the part. Of two events about the same `user` and `part`, the one with the greater text is newer,
    /// whichever region made it. An erasure is greater than all others.
    pub version: String,
    /// For `min_version` of `lookup`, which then answers with a user that has this change. Absent for an erased user.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = VERSION))]
    pub min_version: Option<String>,
    /// The names of what changed: `email`, `profile.given_name`, or `profile.*` for very many.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// The other user of a merge or an unmerge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub other: Option<UserId>,
}
