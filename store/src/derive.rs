//! Derived tables against the users that they are derived from, for a region whose tables disagree: one was restored from
//! a backup, or lost, or was written by hand. This is the one place that knows what is derived from a part and checks it;
//! who writes parts plans it in [`crate::apply`].

use std::collections::{BTreeMap, BTreeSet};

use umoja_schema::{BlindIndex, Part, PartRecord, Region, UserId, Version};

use crate::apply::{conflicts, plan_members, same_person};
use crate::ports::{ClaimWrite, StoreError, Users, Writes};

/// What the derived tables would have to say of a user, and do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Underived {
    /// The user.
    pub id: UserId,
    /// The version of the user's profile part that says so; nothing if the region has no such part, and then nothing may
    /// be derived from it.
    pub version: Option<Version>,
    claims: Vec<ClaimWrite>,
    /// Who of the claimants is the same person.
    same: BTreeSet<UserId>,
}

impl Underived {
    /// How many claims are missing, or are not what the part says.
    pub fn missing(&self) -> usize {
        self.claims.len() - self.superfluous()
    }

    /// How many claims the part does not make.
    pub fn superfluous(&self) -> usize {
        self.claims.iter().filter(|write| !write.after.claimants.contains_key(&self.id)).count()
    }
}

/// Looks at what is derived from a user's profile part, for these identifiers. Nothing if all is as it should be, or if
/// the part was written in the meantime: what was read then does not belong together.
pub async fn underived(users: &dyn Users, id: UserId, indexes: &[BlindIndex]) -> Result<Option<Underived>, StoreError> {
    let version = |part: &Option<PartRecord>| part.as_ref().map(|part| part.version.clone());
    let part = users.part(id, Part::Profile).await?;
    let claims = users.claims(indexes).await?;
    if version(&users.part(id, Part::Profile).await?) != version(&part) {
        return Ok(None);
    }
    let none = BTreeMap::new();
    let said = part.as_ref().map_or(&none, PartRecord::claims);
    let write = |before: umoja_schema::ClaimItem| {
        let after = before.with(id, said.get(&before.index))?;
        Some(ClaimWrite { before, after })
    };
    let claims: Vec<_> = claims.into_iter().filter_map(write).collect();
    if claims.is_empty() {
        return Ok(None);
    }
    let same = match &part {
        Some(part) => same_person(users, part, &claims).await?,
        None => BTreeSet::new(),
    };
    Ok(Some(Underived { id, version: version(&part), claims, same }))
}

/// Writes it. False if the part or the derived tables were written in the meantime, and then nothing was done. `observer`
/// is the region, for the journal.
pub async fn derive(users: &dyn Users, found: &Underived, observer: &Region) -> Result<bool, StoreError> {
    let same = |other| found.same.contains(&other);
    let rows = found.version.as_ref().map(|version| conflicts(found.id, version, &found.claims, observer, same));
    let writes = Writes { claims: found.claims.clone(), rows: rows.unwrap_or_default(), ..Writes::default() };
    users.derive(found.id, found.version.as_ref(), &writes).await
}

/// Writes the pointer of a stored profile part if the table of members lacks it. True if it did; a part that was written
/// in the meantime brought its own.
pub async fn derive_pointer(users: &dyn Users, part: &PartRecord) -> Result<bool, StoreError> {
    let members = plan_members(None, part);
    let Some(pointer) = members.first() else { return Ok(false) };
    if users.members(pointer.root).await?.contains(&part.id) {
        return Ok(false);
    }
    users.derive(part.id, Some(&part.version), &Writes { members, ..Writes::default() }).await?;
    Ok(true)
}
