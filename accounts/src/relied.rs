//! Identifiers that other companies rely on: a person logs in by them everywhere, and a message of a password reset goes
//! to them. What a source says about one company must not move them.

use umoja_schema::IdentifierKind;

use crate::identifiers::verified;
use crate::person::Stored;
use crate::{Context, Person};

/// True if a source of the company may give a person another value of an identifier. While another company is linked to
/// the person, it may do so only for a value that its own company has stated, and never put an unverified value in the
/// place of a verified one. `is_verified` is true if the company is trusted to verify and has verified the new value.
///
/// `holder` is the user of the person that gets the value; without it, the one whose value callers see.
pub fn may_move(
    context: &Context,
    (person, holder): (&Person, Option<&Stored>),
    kind: IdentifierKind,
    is_verified: bool,
) -> bool {
    let company = &context.company.id;
    if !person.users().any(|user| user.facts.links.keys().any(|linked| linked != company)) {
        return true;
    }
    let stated = |user: &&Stored| user.identity.sources.contains_key(kind.as_str());
    let Some(holder) = holder.or_else(|| person.users().find(stated)).filter(stated) else { return true };
    let is_ours = holder.identity.sources.get(kind.as_str()).is_some_and(|source| source.company == *company);
    is_ours && (is_verified || verified(&holder.facts.ownerships, kind) != Some(true))
}
