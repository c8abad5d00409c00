//! Compares derived tables with the users that they are derived from, for a region whose tables disagree: a table was
//! restored from a backup, lost, or edited by hand. This is the only module that checks what is derived from a part.
//! Writers of parts plan it in [`crate::apply`].

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use umoja_schema::{BlindIndex, IdentifierItem, Part, PartRecord, Region, UserId, Version};

use crate::apply::{conflicts, plan_linked_accounts, same_person};
use crate::ports::{IdentifierWrite, StoreError, Users, Writes};

/// The differences between the derived tables and a user's part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Underived {
    /// The user.
    pub id: UserId,
    /// The version of the user's profile part. `None` if the region has no such part; then no table may derive data
    /// from it.
    pub version: Option<Version>,
    ownerships: Vec<IdentifierWrite>,
    /// The owners that are no rivals: the same person, or users whose parts do not confirm what the table says.
    same: BTreeSet<UserId>,
}

impl Underived {
    /// The number of ownerships that are missing or differ from the part.
    pub fn missing(&self) -> usize {
        self.ownerships.len() - self.superfluous()
    }

    /// The number of ownerships that the part does not contain.
    pub fn superfluous(&self) -> usize {
        self.ownerships.iter().filter(|write| !write.after.owners.contains_key(&self.id)).count()
    }
}

/// Checks what is derived from a user's profile part for these identifiers. `None` if the tables agree, or if the part
/// was written meanwhile, because the reads then do not belong together.
pub async fn underived(users: &dyn Users, id: UserId, indexes: &[BlindIndex]) -> Result<Option<Underived>, StoreError> {
    let version = |part: &Option<PartRecord>| part.as_ref().map(|part| part.version.clone());
    let part = users.part(id, Part::Profile).await?;
    let ownerships = users.ownerships(indexes).await?;
    if version(&users.part(id, Part::Profile).await?) != version(&part) {
        return Ok(None);
    }
    let none = BTreeMap::new();
    let said = part.as_ref().map_or(&none, PartRecord::ownerships);
    let write = |before: IdentifierItem| {
        let after = before.with(id, said.get(&before.index))?;
        Some(IdentifierWrite { before, after })
    };
    let ownerships: Vec<_> = ownerships.into_iter().filter_map(write).collect();
    if ownerships.is_empty() {
        return Ok(None);
    }
    let mut same = match &part {
        Some(part) => same_person(users, part, &ownerships).await?,
        None => BTreeSet::new(),
    };
    same.extend(ghosts(users, id, &ownerships).await?);
    Ok(Some(Underived { id, version: version(&part), ownerships, same }))
}

/// The other owners in the table whose parts own none of these identifiers: no conflict with them may be journaled.
async fn ghosts(users: &dyn Users, id: UserId, ownerships: &[IdentifierWrite]) -> Result<Vec<UserId>, StoreError> {
    let others: BTreeSet<UserId> = ownerships.iter().flat_map(|write| write.after.owners.keys().copied()).collect();
    let mut ghosts = Vec::new();
    for other in others.into_iter().filter(|other| *other != id) {
        let part = match users.part(other, Part::Profile).await {
            Err(StoreError::Unreadable(_)) => continue,
            part => part?,
        };
        let owns = |write: &IdentifierWrite| {
            part.as_ref().is_some_and(|part| part.ownerships().contains_key(&write.before.index))
        };
        if !ownerships.iter().any(owns) {
            ghosts.push(other);
        }
    }
    Ok(ghosts)
}

/// Writes the derived data. False, with no effect, if the part or the derived tables were written meanwhile. `observer`
/// is the region, for the journal.
pub async fn derive(users: &dyn Users, found: &Underived, observer: &Region) -> Result<bool, StoreError> {
    let same = |other| found.same.contains(&other);
    let rows = found.version.as_ref().map(|version| conflicts(found.id, version, &found.ownerships, observer, same));
    let writes = Writes { ownerships: found.ownerships.clone(), rows: rows.unwrap_or_default(), ..Writes::default() };
    users.derive(found.id, found.version.as_ref(), &writes).await
}

/// Writes the pointer of a stored profile part if the table of linked accounts lacks it; true if it did. A part that
/// was written meanwhile brought its own pointer.
pub async fn derive_pointer(users: &dyn Users, part: &PartRecord) -> Result<bool, StoreError> {
    let linked_accounts = plan_linked_accounts(None, part);
    let Some(pointer) = linked_accounts.first() else { return Ok(false) };
    if users.linked_accounts(pointer.primary).await?.contains(&part.id) {
        return Ok(false);
    }
    users.derive(part.id, Some(&part.version), &Writes { linked_accounts, ..Writes::default() }).await?;
    Ok(true)
}

/// The owners of an identifier in the table whose parts do not own it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuperfluousOwners {
    item: IdentifierItem,
    /// The owners, and the versions of their profile parts.
    owners: Vec<(UserId, Option<Version>)>,
}

/// How many owners are read at the same time.
const CONCURRENT: usize = 32;

/// The most versions that one transaction checks.
const MAX_CHECKED: usize = 90;

impl SuperfluousOwners {
    /// Compares all owners of an item with their parts: one read for each, however many there are. `None` if each part
    /// owns the identifier. A part that cannot be read says neither.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn of(users: &dyn Users, item: &IdentifierItem) -> Result<Option<Self>, StoreError> {
        let read = async |id: UserId| match users.part(id, Part::Profile).await {
            Err(StoreError::Unreadable(_)) => Ok(None),
            Ok(Some(part)) if part.ownerships().contains_key(&item.index) => Ok(None),
            part => Ok::<_, StoreError>(Some((id, part?.map(|part| part.version)))),
        };
        let reads: Vec<_> = item.owners.keys().map(|id| read(*id)).collect();
        let owners: Vec<_> = stream::iter(reads).buffered(CONCURRENT).try_collect().await?;
        let owners: Vec<_> = owners.into_iter().flatten().collect();
        Ok((!owners.is_empty()).then(|| Self { item: item.clone(), owners }))
    }

    /// The number of these owners.
    pub fn count(&self) -> usize {
        self.owners.len()
    }

    /// The first of them, with the version of its profile part.
    pub fn first(&self) -> Option<&(UserId, Option<Version>)> {
        self.owners.first()
    }

    /// Removes the owners in one write, and returns how many. None, with no effect, if the item or a part was written
    /// meanwhile. Of more users with a part than a transaction can check, it leaves some for the next pass.
    ///
    /// A part that was written meanwhile for a user without one wrote the item too, unless the item already was as the
    /// part says. The next pass adds such an owner again.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn drop(&self, users: &dyn Users) -> Result<u64, StoreError> {
        let Some((first, version)) = self.first() else { return Ok(0) };
        let mut after = self.item.clone();
        let mut unchanged = Vec::new();
        for (id, version) in &self.owners {
            match version.as_ref().filter(|_| id != first) {
                Some(_) if unchanged.len() == MAX_CHECKED => continue,
                Some(version) => unchanged.push((*id, version.clone())),
                None => {}
            }
            after.owners.remove(id);
        }
        let removed = (self.item.owners.len() - after.owners.len()) as u64;
        let ownerships = vec![IdentifierWrite { before: self.item.clone(), after }];
        let writes = Writes { ownerships, unchanged, ..Writes::default() };
        Ok(if users.derive(*first, version.as_ref(), &writes).await? { removed } else { 0 })
    }
}
