//! How long the audit trail is kept.

use serde::{Deserialize, Serialize};
use umoja_schema::names::setting;
use umoja_schema::{Item, Log, Millis};

use crate::ports::{Registry, StoreError};

/// The setting [`setting::AUDIT`], the same in every region. Without it rows are kept for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Counts the changes. Of the copies in two regions, the one with more changes is newer.
    #[serde(default)]
    pub revision: u64,
    /// The number of days; `None` to keep rows for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
    /// Rows from before this time may be gone. The value only grows: deleted rows do not come back when rows are kept
    /// for longer.
    #[serde(default)]
    pub dropped_before: Millis,
}

impl Retention {
    /// Reads the retention from a region's settings.
    ///
    /// # Errors
    /// If the settings are unreadable, or of a form that this version does not know.
    pub async fn load(registry: &dyn Registry) -> Result<Self, StoreError> {
        let unreadable = |_| {
            StoreError::Rejected(format!(
                "the setting `{}`, which is of no form that this version reads,",
                setting::AUDIT
            ))
        };
        let stored = registry.setting(setting::AUDIT).await?;
        Ok(stored.map(serde_json::from_value).transpose().map_err(unreadable)?.unwrap_or_default())
    }

    /// Writes the retention to a region's settings.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn put(&self, registry: &dyn Registry) -> Result<(), StoreError> {
        let value = serde_json::to_value(self).unwrap_or_default();
        registry.put_setting(setting::AUDIT, &value).await
    }

    /// The setting by two regions' copies: how long rows are kept by the newer one, and the later drop. If both were
    /// changed as often, the longer time counts, because dropped rows do not come back.
    #[must_use]
    pub fn merged(self, other: &Self) -> Self {
        let kept = |retention: &Self| (retention.revision, retention.keep_days.map_or(u64::MAX, u64::from));
        let newer = if kept(other) > kept(&self) { *other } else { self };
        Self { dropped_before: self.dropped_before.max(other.dropped_before), ..newer }
    }

    /// The setting after this change.
    #[must_use]
    pub const fn changed(self) -> Self {
        Self { revision: self.revision.saturating_add(1), ..self }
    }

    /// The time before which rows are too old now; `None` if they are kept for ever.
    pub fn too_old_before(&self, now: Millis) -> Option<Millis> {
        self.keep_days.map(|days| Millis(now.0.saturating_sub(u64::from(days) * Millis::DAY_MS)))
    }
}

/// Whether an item is a row of the audit trail from before `dropped_before`, which may be gone already.
pub fn is_dropped(item: &Item, dropped_before: Millis) -> bool {
    matches!(item, Item::Row(Log::Audit, row) if row.at.millis() < dropped_before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retention_is_unlimited_by_default_and_round_trips() {
        let read = |text: &str| serde_json::from_str::<Retention>(text).unwrap();
        assert_eq!(read("{}"), Retention::default());
        assert_eq!(Retention::default().too_old_before(Millis(u64::MAX)), None);
        let some = Retention { revision: 3, keep_days: Some(2), dropped_before: Millis(5) };
        assert_eq!(read(&serde_json::to_string(&some).unwrap()), some);
        assert_eq!(some.too_old_before(Millis(3 * Millis::DAY_MS)), Some(Millis(Millis::DAY_MS)));
        assert_eq!(some.too_old_before(Millis(Millis::DAY_MS)), Some(Millis(0)));
    }

    #[test]
    fn rows_dropped_in_any_region_stay_dropped() {
        let copy = |ms| Retention { dropped_before: Millis(ms), ..Retention::default() };
        assert_eq!(copy(3).merged(&copy(5)), copy(5));
        assert_eq!(copy(5).merged(&copy(3)), copy(5));
    }

    #[test]
    fn the_copy_with_more_changes_says_how_long_rows_are_kept() {
        let copy = |revision, keep_days| Retention { revision, keep_days, dropped_before: Millis(0) };
        for (old, new) in [
            (copy(1, Some(1)), copy(2, Some(400))),
            (copy(1, None), copy(2, Some(7))),
            (copy(2, Some(1)), copy(2, Some(400))),
            (copy(2, Some(36_500)), copy(2, None)),
        ] {
            assert_eq!((old.merged(&new), new.merged(&old)), (new, new));
        }
        assert_eq!(copy(1, Some(1)).changed(), copy(2, Some(1)));
    }
}
