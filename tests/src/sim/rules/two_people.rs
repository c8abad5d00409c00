//! What a version does that merges two users for a shared verified identifier, although their e-mail addresses differ.

use umoja_schema::names::attribute;
use umoja_schema::{
    Attribute, Facts, IdentifierKind, Identity, LogRow, Part, PartRecord, ProfileFacts, UserId, Version,
};
use umoja_store::apply::{IDENTIFIER_CONFLICT, plan_linked_accounts};
use umoja_store::ports::{Condition, PartWrite, StoreError, Writes};

use super::super::pointers::{pointer, verified_winner};
use super::Written;

impl Written {
    /// Merges the users that a write journals as verified owners of one identifier, if their addresses differ.
    pub(super) async fn merge_two_people(&self, writes: &Writes) -> Result<(), StoreError> {
        for (one, other) in writes.rows.iter().filter_map(|(_, row)| pair(row)) {
            let [one, other] = [self.read.part(one, Part::Profile).await?, self.read.part(other, Part::Profile).await?];
            let (Some(one), Some(other)) = (one, other) else { continue };
            let Some(winner) = verified_winner(&one, &other).filter(|_| emails_differ(&one, &other)) else { continue };
            let duplicate = if winner == one.id { other } else { one };
            self.point(&duplicate, winner).await?;
        }
        Ok(())
    }

    async fn point(&self, stored: &PartRecord, winner: UserId) -> Result<(), StoreError> {
        let (Some(sealer), Some(facts)) = (self.software.sealer.get(), stored.profile_facts()) else { return Ok(()) };
        let Ok(identity) = sealer.open::<Identity>(stored).await else { return Ok(()) };
        if pointer(stored).is_some() {
            return Ok(());
        }
        let facts = Facts::Profile(ProfileFacts { merged_into: Some(winner), ..facts.clone() });
        let version = Version { erased: false, hlc: stored.version.hlc.successor(), origin: self.region.clone() };
        let Ok(record) = sealer.seal(stored.id, version, facts, &identity, stored.unknown.clone()).await else {
            return Ok(());
        };
        let linked_accounts = plan_linked_accounts(Some(stored), &record);
        let parts = vec![PartWrite { record, condition: Condition::VersionIs(stored.version.clone()) }];
        self.inner.commit(&Writes { parts, linked_accounts, ..Writes::default() }).await.map(drop)
    }
}

/// The two users of a journal row about a verified conflict, from one of its two rows.
fn pair(row: &LogRow) -> Option<(UserId, UserId)> {
    let verified = row.fields.get(attribute::VERIFIED) == Some(&Attribute::Bool(true));
    let rival = row.field(attribute::RIVAL)?.parse().ok()?;
    (verified && row.kind == IDENTIFIER_CONFLICT && row.user < rival).then_some((row.user, rival))
}

fn emails_differ(one: &PartRecord, other: &PartRecord) -> bool {
    let emails = |part: &PartRecord| {
        let owned = part.ownerships().iter().filter(|(_, own)| own.kind == IdentifierKind::Email);
        owned.map(|(index, _)| *index).collect::<Vec<_>>()
    };
    let (its, theirs) = (emails(one), emails(other));
    !its.is_empty() && !theirs.is_empty() && its.iter().all(|index| !theirs.contains(index))
}
