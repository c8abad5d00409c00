//! The rows of a pool in the inbox: a sign-up that waits for its confirmation, and a confirmed user that waits to be
//! applied. Each has a key of its own, so a new sign-up replaces no confirmed one.

use std::sync::Arc;

use umoja_schema::Millis;
use umoja_schema::ingest::InboxState;
use umoja_store::Home;
use umoja_store::inbox::{self, Accepted, StoredEvent, expiry};
use umoja_store::ports::StoreError;

use super::error::TriggerError;
use crate::accept::sealed;
use crate::outcome::Outcome;
use crate::source::{Hash, KnownSource};

/// How many days the user that an administrator made may wait for the first login: as long as Cognito's temporary
/// password is valid by default. It is not longer than a confirmed row is kept, so that a row that is open never
/// outlives the memory that its user was made.
const BY_ADMIN_DAYS: u64 = inbox::KEPT_DAYS;

/// How often a row that others write is read again.
const ROUNDS: usize = 8;

/// The rows of a source in a region.
pub(super) struct Rows<'a> {
    pub(super) home: &'a Home,
    pub(super) known: &'a Arc<KnownSource>,
}

impl Rows<'_> {
    fn now(&self) -> Millis {
        self.home.clock.now()
    }

    /// Opens a sign-up, or opens it again with what the person has given now.
    pub(super) async fn open(&self, key: &Hash, payload: &[u8], by_admin: bool) -> Result<(), TriggerError> {
        let row = sealed(self.home, self.known, key, payload, InboxState::Open)?;
        let now = self.now();
        let until = if by_admin { now.plus(BY_ADMIN_DAYS * Millis::DAY_MS) } else { expiry(InboxState::Open, now) };
        for _ in 0..ROUNDS {
            match inbox::accept(&*self.home.own.inbox, key, &row, now, until).await? {
                Accepted::New => return Ok(()),
                Accepted::Known(stored) => {
                    if inbox::replace_event(&*self.home.own.inbox, &stored, &row, now, until).await? {
                        return Ok(());
                    }
                }
            }
        }
        Err(TriggerError::Unavailable)
    }

    /// True if a sign-up is open.
    pub(super) async fn is_open(&self, key: &Hash) -> Result<bool, StoreError> {
        Ok(self.state(key).await? == Some(InboxState::Open))
    }

    /// The state of a row.
    pub(super) async fn state(&self, key: &Hash) -> Result<Option<InboxState>, StoreError> {
        let stored = inbox::event(&*self.home.own.inbox, key, self.now()).await?;
        Ok(stored.map(|stored| stored.event.state))
    }

    /// Stores a confirmed user, which waits from then on. Returns when it was stored first, and its state.
    pub(super) async fn confirm(&self, key: &Hash, payload: &[u8]) -> Result<(Millis, InboxState), TriggerError> {
        let row = sealed(self.home, self.known, key, payload, InboxState::Waiting)?;
        let accept =
            || inbox::accept(&*self.home.own.inbox, key, &row, row.received_at, expiry(row.state, row.received_at));
        let accepted = match accept().await {
            Err(error) if error.is_transient() => accept().await?,
            accepted => accepted?,
        };
        Ok(match accepted {
            Accepted::New => (row.received_at, InboxState::Waiting),
            Accepted::Known(stored) => (stored.event.received_at, stored.event.state),
        })
    }

    /// Stores what has become of a confirmed user. If that fails, the worker finds the row waiting and does it again.
    pub(super) async fn settle(&self, key: &Hash, outcome: Outcome) {
        let settled = async {
            let now = self.now();
            let Some(stored) = inbox::event(&*self.home.own.inbox, key, now).await? else { return Ok(()) };
            let StoredEvent { event, .. } = &stored;
            let (event, state) = (outcome.row(event), outcome.state);
            inbox::replace_event(&*self.home.own.inbox, &stored, &event, now, expiry(state, now)).await.map(drop)
        };
        if let Err(error) = settled.await {
            tracing::warn!(%error, "the state of a confirmed user is not stored; the worker applies it again");
        }
    }

    /// Rings the worker for a row. If that fails, the worker finds the row by itself within a minute.
    pub(super) async fn ring(&self, key: &Hash) {
        if let Err(error) = self.home.own.ingest.send(&inbox::message(key), 0).await {
            tracing::warn!(%error, "the worker is not rung for a confirmed user");
        }
    }
}
