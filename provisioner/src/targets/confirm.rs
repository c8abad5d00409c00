//! The confirmations of erasures by targets.

use umoja_accounts::{CONFIRM_TARGET, Error, People, operator_confirms};
use umoja_schema::{Attributes, Hlc, Log, LogRow, TargetId, UserId};
use umoja_store::replicate::target_confirmation_key;

/// Notes in the receipt of an erasure that a target has no account of the user any more. A row that is there already
/// stays, and so does what an operator has said in place of the target.
pub(crate) async fn confirm(people: &People, user: UserId, target: &TargetId) -> Result<(), Error> {
    let (home, key) = (&people.home, target_confirmation_key(target));
    if home.own.logs.row(Log::Receipts, user, &key).await?.is_some() || operator_confirms(people, user, target).await? {
        return Ok(());
    }
    let row = LogRow {
        user,
        key,
        at: Hlc::at(home.clock.now()),
        origin: home.own.name.clone(),
        kind: CONFIRM_TARGET.to_owned(),
        fields: Attributes::new(),
        unknown: Attributes::new(),
    };
    home.own.logs.append(Log::Receipts, &row).await?;
    Ok(())
}
