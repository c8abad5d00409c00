//! Rings for the accounts that a change of the region concerns. The change itself says only whom to look at: what is sent
//! is read when it is sent, so an image that nothing proves can at most ring once more.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use umoja_schema::names::{attribute, table};
use umoja_schema::replicated::TARGET_ACCOUNTS;
use umoja_schema::{Attribute, CompanyId, Notice, Noticed, PartRecord, Region, TargetId, UserId};
use umoja_store::Change;
use umoja_store::person::{PersonError, PersonParts, read};
use umoja_store::ports::StoreError;

use crate::targets::known::KnownTarget;
use crate::targets::provisioner::Provisioner;

/// The result of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// Records in the batch.
    pub records: usize,
    /// Accounts that were rung for.
    pub rung: usize,
}

impl Provisioner {
    /// Rings for the accounts that these changes concern. The future may be dropped at any await: the batch is delivered
    /// again, and a ring that comes twice costs a comparison.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn feed(&self, changes: &[Change]) -> Result<Rung, StoreError> {
        let mut outcome = Rung { records: changes.len(), rung: 0 };
        let targets = self.targets().await?;
        if targets.is_empty() {
            return Ok(outcome);
        }
        let own = &self.people().home.own.name;
        let named: BTreeSet<UserId> = changes.iter().flat_map(|change| users(change, own)).collect();
        let mut seen = BTreeSet::new();
        for user in named {
            if seen.contains(&user) {
                continue;
            }
            let links = self.links(user).await?;
            let all: BTreeSet<&CompanyId> = links.values().flatten().collect();
            for id in links.keys() {
                seen.insert(*id);
                for target in self.concerned(*id, &targets, &all).await? {
                    self.ring(&target, *id, false).await?;
                    outcome.rung += 1;
                }
            }
        }
        Ok(outcome)
    }

    /// The users of a person, with the companies that each is linked to. An erased user is alone.
    async fn links(&self, user: UserId) -> Result<BTreeMap<UserId, BTreeSet<CompanyId>>, StoreError> {
        let mut links = BTreeMap::from([(user, BTreeSet::new())]);
        let person = match read(&*self.people().home.own.users, user, &BTreeSet::new()).await {
            Ok(person) => person,
            Err(PersonError::Store(StoreError::Unreadable(error))) => {
                tracing::error!(%user, %error, "a user of a person cannot be read, and only the user itself is rung for");
                None
            }
            Err(PersonError::TooLarge(error)) => {
                tracing::warn!(%user, %error, "only the user itself is rung for");
                None
            }
            Err(PersonError::Store(error)) => return Err(error),
        };
        for parts in person.iter().flat_map(PersonParts::users) {
            let profile = parts.profile.as_ref();
            if let Some((id, facts)) = profile.and_then(|profile| Some((profile.id, profile.profile_facts()?))) {
                links.entry(id).or_default().extend(facts.links.keys().cloned());
            }
        }
        Ok(links)
    }

    /// The targets that have an account for a user, or are to have one.
    async fn concerned(
        &self,
        user: UserId,
        targets: &[Arc<KnownTarget>],
        companies: &BTreeSet<&CompanyId>,
    ) -> Result<Vec<TargetId>, StoreError> {
        let rows = self.people().home.own.items.items(&TARGET_ACCOUNTS, user).await?;
        let concerned = targets.iter().filter(|known| {
            let target = &known.target;
            !target.is_ended() && companies.contains(&target.company)
                || rows.iter().any(|row| row.key == target.id.as_str())
        });
        Ok(concerned.map(|known| known.target.id.clone()).collect())
    }
}

/// The users that a change is about: of a part, its user and the other one of a merge or an unmerge; of a row about an
/// account, its user if another region has written it.
fn users(change: &Change, own: &Region) -> Vec<UserId> {
    let text = |name: &str| match change.image.get(name) {
        Some(Attribute::S(text)) => Some(text.as_str()),
        _ => None,
    };
    let Some(user) = text(attribute::ID).and_then(|id| id.parse().ok()) else { return Vec::new() };
    match change.table.as_str() {
        table::USERS => {
            let notices = PartRecord::from_item(change.image.clone()).map(|part| Noticed::in_part(&part));
            let notices = notices.map(|noticed| noticed.notices().to_vec()).unwrap_or_default();
            std::iter::once(user).chain(notices.iter().filter_map(Notice::other)).collect()
        }
        table::TARGET_ACCOUNTS if text(attribute::ORIGIN) != Some(own.as_str()) => vec![user],
        _ => Vec::new(),
    }
}
