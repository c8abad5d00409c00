//! The queue of merges: pairs of users of whom two trusted companies have verified the same identifier.

use serde::Serialize;
use umoja_accounts::Error;
use umoja_accounts::automatic::{MergeError, Merged, merge_verified};
use umoja_schema::{Message, UserId, names};
use umoja_store::Home;
use umoja_store::ports::{KeysError, Queue};
use umoja_store::seal::{SealError, Sealer};

use crate::Ended;
use crate::served::{Serve, Served, Tally, own_failed, serve};

/// What one run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MergeReport {
    /// Messages received.
    pub received: usize,
    /// Users that were merged.
    pub merged: usize,
    /// Messages about users that are not to be merged, or are merged already.
    pub overtaken: usize,
    /// Messages that another message of the run stood in for.
    pub coalesced: usize,
    /// Messages put back for later.
    pub postponed: usize,
    /// Messages that cannot be served, now parked for an operator.
    pub parked: usize,
    /// Why the run ended.
    pub ended: Ended,
}

/// Merges the pairs of users that the queue names, where the rule of [`merge_verified`] says so.
pub async fn merge_users(home: &Home, sealer: &Sealer) -> MergeReport {
    let (tally, ended) = serve(home, &Pairs { home, sealer }).await;
    let Tally { received, done: merged, overtaken, coalesced, postponed, parked } = tally;
    let report = MergeReport { received, merged, overtaken, coalesced, postponed, parked, ended };
    if report != MergeReport::default() {
        tracing::info!(?report, "users merged");
    }
    report
}

/// The queue, and what its messages are served with.
struct Pairs<'a> {
    home: &'a Home,
    sealer: &'a Sealer,
}

impl Serve for Pairs<'_> {
    const QUEUE: &'static str = names::queue::MERGES;

    fn queue(&self) -> &dyn Queue {
        &*self.home.merges
    }

    fn key(message: &Message) -> Option<String> {
        match message {
            Message::MergeVerified { one, other } => Some(format!("{one}/{other}")),
            _ => None,
        }
    }

    async fn serve(&self, message: &Message) -> Served {
        let Message::MergeVerified { one, other } = message else { return Served::Failed };
        match merge_verified(self.home, self.sealer, *one, *other).await {
            Ok(Merged::Merged) => Served::Done,
            Ok(Merged::Left) => Served::Overtaken,
            Ok(Merged::Overtaken) => Served::Later,
            // On its way; or a message about nobody, which must not go round for ever.
            Ok(Merged::Absent) => Served::Failed,
            Err(error) => failed(&error, *one),
        }
    }
}

fn failed(error: &MergeError, one: UserId) -> Served {
    match error {
        MergeError::Accounts(
            Error::Unreadable | Error::Seal(SealError::Opaque | SealError::Keys(KeysError::Refused)),
        ) => Served::Parked("a part cannot be opened"),
        MergeError::Accounts(Error::Store(error)) => own_failed(error),
        // A reconciler of that version will do it.
        MergeError::Accounts(Error::Seal(
            SealError::Newer | SealError::Keys(KeysError::Disabled | KeysError::Denied),
        )) => Served::Blocked,
        error => {
            tracing::warn!(user = %one, %error, "a merge waits");
            Served::Later
        }
    }
}
