//! How far a webhook is, as its home remembers it in a checkpoint.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use umoja_schema::{Millis, Region, Webhook, WebhookId};
use umoja_store::events::Position;
use umoja_store::ports::{Checkpoints, StoreError};

/// How far a webhook is. If it is lost, the events that are kept are posted again from the beginning of the webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Events from before this time are left out.
    from: Millis,
    /// The place of the last event of each region that was taken.
    read: BTreeMap<Region, String>,
    /// The orders that were carried out.
    resumed: u64,
    redriven: u64,
    replayed: u64,
    /// When the webhook answered 410, after which nothing is posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off_since: Option<Millis>,
    /// Since when the webhook counts as out: that many calls failed one after the other, and none was accepted since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_since: Option<Millis>,
    /// When events were found to have expired before they could be posted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_at: Option<Millis>,
}

/// What is to be done before anything else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ordered {
    pub(super) is_changed: bool,
    pub(super) redrives: bool,
}

impl State {
    /// The name of the checkpoint. No region's name has a slash in it.
    fn name(id: &WebhookId) -> String {
        Webhook::setting(id)
    }

    /// The stored state; `None` if the webhook has not begun in this region.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn load(checkpoints: &dyn Checkpoints, id: &WebhookId) -> Result<Option<Self>, StoreError> {
        let stored = checkpoints.checkpoint(&Self::name(id)).await?;
        Ok(stored.and_then(|stored| serde_json::from_slice(&stored).ok()))
    }

    pub(super) async fn save(&self, checkpoints: &dyn Checkpoints, id: &WebhookId) -> Result<(), StoreError> {
        let state = serde_json::to_vec(self).unwrap_or_default();
        checkpoints.put_checkpoint(&Self::name(id), &state).await
    }

    /// The state of a webhook that begins.
    pub(super) fn of(webhook: &Webhook) -> Self {
        Self { from: webhook.from, ..Self::default() }
    }

    /// Carries out the orders that have not been, but for what they do to rows.
    pub(super) fn carry_out(&mut self, webhook: &Webhook) -> Ordered {
        let orders = webhook.orders;
        let mut ordered = Ordered::default();
        if orders.resumed > self.resumed {
            (self.resumed, self.off_since, ordered.is_changed) = (orders.resumed, None, true);
        }
        if orders.replayed > self.replayed {
            (self.replayed, self.lost_at, ordered.is_changed) = (orders.replayed, None, true);
            self.set_position(&Position { from: orders.replay_from.unwrap_or(webhook.from), ..Position::default() });
        }
        if orders.redriven > self.redriven {
            (self.redriven, ordered.redrives, ordered.is_changed) = (orders.redriven, true, true);
        }
        ordered
    }

    /// True if nothing is posted since an answer 410, and no operator has asked for it since.
    pub fn is_off(&self, webhook: &Webhook) -> bool {
        self.off_since.is_some() && webhook.orders.resumed <= self.resumed
    }

    /// Remembers whether the webhook counts as out, which a worker that begins again does not know. True if that is news.
    pub(super) fn has_called(&mut self, is_out: bool, accepted: usize, now: Millis) -> bool {
        let before = self.out_since;
        if is_out {
            self.out_since = self.out_since.or(Some(now));
        } else if accepted > 0 {
            self.out_since = None;
        }
        self.out_since != before
    }

    /// After which events to go on.
    pub(super) fn position(&self) -> Position {
        let read = self.read.iter().filter_map(|(region, place)| Some((region.clone(), place.parse().ok()?)));
        Position { from: self.from, read: read.collect() }
    }

    pub(super) fn set_position(&mut self, position: &Position) {
        self.from = position.from;
        self.read = position.read.iter().map(|(region, place)| (region.clone(), place.to_string())).collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_is_out_until_it_accepts_an_event() {
        let mut state = State::default();
        assert!(!state.has_called(false, 3, Millis(1)) && state.has_called(true, 0, Millis(2)));
        assert!(!state.has_called(true, 0, Millis(3)));
        // A worker that begins again has counted no failure yet.
        assert!(!state.has_called(false, 0, Millis(4)));
        assert_eq!(state.out_since, Some(Millis(2)));
        assert!(state.has_called(false, 1, Millis(5)));
        assert_eq!(state.out_since, None);
    }
}
