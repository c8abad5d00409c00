//! What a password reset means for the counts.

use metrics::counter;
use umoja_schema::PartRecord;
use umoja_schema::names::metric;
use umoja_store::person::PersonParts;

use super::entry::logged;
use super::keys::{Target, of_index, of_person};
use crate::{Context, Error, People};

/// Resets the counts of a user who proved their identity in another way, for all identifiers of the person.
pub(crate) async fn forgive(people: &People, person: &PersonParts) {
    let profiles = person.users().filter_map(|parts| parts.profile.as_ref());
    let of_profile = |profile: &PartRecord| {
        let ownerships = profile.ownerships().keys().map(|index| of_index(people, &index.to_string()));
        ownerships.chain([Target::of_id(people, profile.id).identifier]).collect::<Vec<_>>()
    };
    let mut keys: Vec<[u8; 32]> = profiles.flat_map(of_profile).collect();
    keys.extend(person.primary.id().map(|id| of_person(people, id)));
    for forgotten in futures_util::future::join_all(keys.iter().map(|key| people.home.attempts.forget(key))).await {
        logged(forgotten);
    }
}

/// The error for a reset token that was not issued for the company. It is not counted as a failed attempt: a tag of 256
/// bits cannot be guessed, and otherwise a caller who knows the id of a user could keep the user from resetting the
/// password.
pub(crate) fn forged_token(context: &Context) -> Error {
    counter!(metric::FORGED_RESET_TOKENS).increment(1);
    tracing::info!(event = metric::FORGED_RESET_TOKENS, company = %context.company.id, "a reset token was not genuine");
    Error::ResetTokenInvalid
}
