//! What a repeated request has to show before it is answered that a password was set.

use umoja_crypto::Password;
use umoja_store::person::PersonParts;
use umoja_store::ports::Verdict;

use crate::deciding_credentials::Deciding;
use crate::lockout::{Entry, Origin, Target};
use crate::{Accounts, Context, Error};

/// Checks that the password of a repeated request is the one that is stored. The comparison is an attempt at the user's
/// password, with the same counts as every other: the request differs from the first one in nothing but the password.
///
/// # Errors
/// [`Error::KeyReused`] if it is another password, and [`Error::Locked`] if no attempt is allowed now.
pub(crate) async fn prove_set(
    accounts: &Accounts,
    context: &Context,
    password: &Password,
    (person, set): (&PersonParts, &Deciding),
) -> Result<(), Error> {
    let user = set.record.as_ref().ok_or(Error::KeyReused)?.id;
    let target = Target::of_id(accounts, user);
    let mut entry = Entry::begin(accounts, context, &target, Some(person), &Origin::default()).await?;
    let verdict = entry.compare(password, &set.credentials).await;
    let proved = verdict.map(|verdict| (verdict != Verdict::Wrong).then_some(()));
    entry.end(&proved).await;
    proved?.ok_or(Error::KeyReused)
}
