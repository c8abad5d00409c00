//! What becomes of a message about two users who may be one person.

use umoja_accounts::Error;
use umoja_accounts::automatic::{MergeError, Merged, merge_verified};
use umoja_schema::UserId;
use umoja_store::Home;
use umoja_store::ports::KeysError;
use umoja_store::seal::{SealError, Sealer};

use crate::served::{Served, own_failed};

/// Merges the two, if the rule says so.
pub(crate) async fn merge(home: &Home, sealer: &Sealer, one: UserId, other: UserId) -> Served {
    match merge_verified(home, sealer, one, other).await {
        Ok(Merged::Merged) => Served::Merged,
        Ok(Merged::Left) => Served::Overtaken,
        Ok(Merged::Overtaken) => Served::Later,
        // On its way; or a message about nobody, which must not go round for ever.
        Ok(Merged::Absent) => Served::Failed,
        Err(error) => failed(&error, one),
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
