//! The queue of merges: pairs of users for whom two trusted companies have verified the same identifier.

use serde::Serialize;
use umoja_accounts::Error;
use umoja_accounts::automatic_merge::{MergeError, Merged, merge_verified};
use umoja_schema::{Message, UserId, names};
use umoja_store::Home;
use umoja_store::ports::{KeysError, Queue};
use umoja_store::seal::{SealError, Sealer};

use crate::Ended;
use umoja_store::queue_runs::{Serve, Served, Tally, WRONG_QUEUE, own_failed, serve};

/// The report of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MergeReport {
    /// Messages received.
    pub received: usize,
    /// Users that were merged.
    pub merged: usize,
    /// Messages about users that must not be merged, or are merged already.
    pub overtaken: usize,
    /// Messages that repeat another message of the run.
    pub coalesced: usize,
    /// Messages released for later.
    pub postponed: usize,
    /// Messages that cannot be processed and are now quarantined.
    pub quarantined: usize,
    /// Why the run ended.
    pub ended: Ended,
}

/// Merges the pairs of users in the queue, where the rule of [`merge_verified`] allows it.
pub async fn merge_users(home: &Home, sealer: &Sealer) -> MergeReport {
    let (tally, ended) = serve(home, &Pairs { home, sealer }).await;
    let Tally { received, done: merged, overtaken, coalesced, postponed, quarantined } = tally;
    let report = MergeReport { received, merged, overtaken, coalesced, postponed, quarantined, ended };
    if report != MergeReport::default() {
        tracing::info!(received, merged, overtaken, coalesced, postponed, quarantined, ?ended, "users merged");
    }
    report
}

/// The queue, and what processes its messages.
struct Pairs<'a> {
    home: &'a Home,
    sealer: &'a Sealer,
}

impl Serve for Pairs<'_> {
    fn name(&self) -> String {
        names::queue::MERGES.to_owned()
    }

    fn queue(&self) -> &dyn Queue {
        &*self.home.merges
    }

    fn key(&self, message: &Message) -> Result<String, &'static str> {
        match message {
            Message::MergeVerified { one, other } => Ok(format!("{one}/{other}")),
            _ => Err(WRONG_QUEUE),
        }
    }

    async fn serve(&self, message: &Message) -> Served {
        let Message::MergeVerified { one, other } = message else { return Served::Failed };
        match merge_verified(self.home, self.sealer, *one, *other).await {
            Ok(Merged::Merged) => Served::Done,
            Ok(Merged::Left) => Served::Overtaken,
            Ok(Merged::Overtaken) => Served::Later,
            // The user is still on its way, or does not exist; such a message must not be retried forever.
            Ok(Merged::Absent) => Served::Failed,
            Err(error) => failed(&error, *one),
        }
    }
}

fn failed(error: &MergeError, one: UserId) -> Served {
    match error {
        MergeError::Accounts(
            Error::Unreadable | Error::Seal(SealError::Opaque | SealError::Keys(KeysError::Rejected)),
        ) => Served::Quarantined("a part cannot be opened"),
        MergeError::Accounts(Error::Store(error)) => own_failed(error),
        // A reconciler of the newer version will process it.
        MergeError::Accounts(Error::Seal(
            SealError::Newer | SealError::Keys(KeysError::Disabled | KeysError::Denied),
        )) => Served::Blocked,
        error => {
            tracing::warn!(user = %one, %error, "a merge waits");
            Served::Later
        }
    }
}
