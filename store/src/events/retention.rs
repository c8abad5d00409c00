//! How long events are kept.

use serde::{Deserialize, Serialize};
use umoja_schema::names::setting;
use umoja_schema::{Millis, Place};

use super::end_of;
use crate::ports::{Registry, StoreError};

/// How many days events are kept, unless the operator sets another number.
pub const DEFAULT_KEEP_DAYS: u16 = 30;
/// The most days for which events can be kept. A reader looks at every day of them.
pub const MAX_KEEP_DAYS: u16 = 90;

/// The setting [`setting::EVENTS`], the same in every region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRetention {
    /// Counts the changes. Of the copies in two regions, the one with more changes is newer.
    #[serde(default)]
    pub revision: u64,
    /// The number of days, from 1 to [`MAX_KEEP_DAYS`].
    pub keep_days: u16,
}

impl Default for EventRetention {
    fn default() -> Self {
        Self { revision: 0, keep_days: DEFAULT_KEEP_DAYS }
    }
}

impl EventRetention {
    /// Reads the retention from a region's settings.
    ///
    /// # Errors
    /// If the settings are unreadable, or of a form that this version does not know.
    pub async fn load(registry: &dyn Registry) -> Result<Self, StoreError> {
        let unreadable = |_| {
            StoreError::Rejected(format!(
                "the setting `{}`, which is of no form that this version reads,",
                setting::EVENTS
            ))
        };
        let stored = registry.setting(setting::EVENTS).await?;
        let stored: Option<Self> = stored.map(serde_json::from_value).transpose().map_err(unreadable)?;
        let retention = stored.unwrap_or_default();
        Ok(Self { keep_days: retention.keep_days.clamp(1, MAX_KEEP_DAYS), ..retention })
    }

    /// Writes the retention to a region's settings.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn put(&self, registry: &dyn Registry) -> Result<(), StoreError> {
        registry.put_setting(setting::EVENTS, &serde_json::to_value(self).unwrap_or_default()).await
    }

    /// The setting by two regions' copies: the one with more changes, and of two with as many the longer time.
    #[must_use]
    pub fn merged(self, other: &Self) -> Self {
        let order = |one: &Self| (one.revision, one.keep_days);
        if order(other) > order(&self) { *other } else { self }
    }

    /// The time for which events are kept, in milliseconds.
    pub fn keep_ms(&self) -> u64 {
        u64::from(self.keep_days) * Millis::DAY_MS
    }

    /// When the row at a place expires. All rows of a day expire at once, so that the rest of a day never looks like a
    /// sequence with a gap.
    pub fn expires_at(&self, place: Place) -> Millis {
        end_of(place.day).plus(self.keep_ms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_with_more_changes_counts() {
        let copy = |revision, keep_days| EventRetention { revision, keep_days };
        for (one, other, newer) in [
            (copy(1, 60), copy(2, 7), copy(2, 7)),
            (copy(1, 60), copy(1, 7), copy(1, 60)),
            (copy(0, 30), copy(1, 1), copy(1, 1)),
        ] {
            assert_eq!((one.merged(&other), other.merged(&one)), (newer, newer));
        }
    }

    #[test]
    fn the_rows_of_a_day_expire_together() {
        let place = |day, number| Place { epoch: 1, day, number };
        let retention = EventRetention::default();
        assert_eq!(retention.expires_at(place(10, 0)), Millis(41 * Millis::DAY_MS));
        assert_eq!(retention.expires_at(place(10, 9)), Millis(41 * Millis::DAY_MS));
    }
}
