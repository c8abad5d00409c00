//! Pointers and shared verified identifiers of stored users.

use std::collections::BTreeMap;

use umoja_schema::{IdentifierItem, IdentifierKind, Ownership, PartRecord, UserId};

/// The user that a profile was merged into.
pub(super) fn pointer(record: &PartRecord) -> Option<UserId> {
    record.profile_facts().and_then(|facts| facts.merged_into)
}

/// The winner of the identifiers that both users have verified, if there are any.
pub(super) fn verified_winner(one: &PartRecord, other: &PartRecord) -> Option<UserId> {
    let counts = |ownership: &&Ownership| ownership.verified && ownership.kind != IdentifierKind::ExternalId;
    let shared = one.ownerships().iter().filter_map(|(index, ownership)| {
        let (ownership, rival) = (Some(ownership).filter(counts)?, other.ownerships().get(index).filter(counts)?);
        let owners = BTreeMap::from([(one.id, ownership.clone()), (other.id, rival.clone())]);
        Some(IdentifierItem { index: *index, owners })
    });
    IdentifierItem::winner_of(&shared.collect::<Vec<_>>()).map(|(id, _)| id)
}
