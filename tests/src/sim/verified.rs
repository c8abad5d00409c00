//! What a stored part says of who its user is.

use std::collections::BTreeMap;

use umoja_schema::{Claim, ClaimItem, IdentifierKind, PartRecord, UserId};

/// What a profile says besides its sealed values.
pub(super) fn pointer(record: &PartRecord) -> Option<UserId> {
    record.profile_facts().and_then(|facts| facts.merged_into)
}

/// Who wins the identifiers that both have verified, if there are any.
pub(super) fn verified_winner(one: &PartRecord, other: &PartRecord) -> Option<UserId> {
    let counts = |claim: &&Claim| claim.verified && claim.kind != IdentifierKind::ExternalId;
    let shared = one.claims().iter().filter_map(|(index, claim)| {
        let (claim, rival) = (Some(claim).filter(counts)?, other.claims().get(index).filter(counts)?);
        let claimants = BTreeMap::from([(one.id, claim.clone()), (other.id, rival.clone())]);
        Some(ClaimItem { index: *index, claimants })
    });
    ClaimItem::winner_of(&shared.collect::<Vec<_>>()).map(|(id, _)| id)
}
