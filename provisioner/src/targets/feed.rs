//! Rings for the accounts that a change of the region concerns. The change itself says only whom to look at: what is sent
//! is read when it is sent, so an image that nothing proves can at most ring once more.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use umoja_accounts::provisioning::requests;
use umoja_schema::names::table;
use umoja_schema::replica::Image;
use umoja_schema::replicated::TARGET_ACCOUNTS;
use umoja_schema::{CompanyId, Notice, Noticed, PartRecord, Region, Target, TargetId, TargetRequest, UserId};
use umoja_store::person::{PersonError, PersonParts, read};
use umoja_store::ports::StoreError;
use umoja_store::{Change, Home};

use crate::targets::known::here;
use crate::targets::provisioner::Provisioner;
use crate::targets::waiting;

/// The result of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Rung {
    /// Records in the batch.
    pub records: usize,
    /// Accounts that were rung for.
    pub rung: usize,
}

impl Provisioner {
    /// Rings for the accounts that these changes concern: [`ring`].
    ///
    /// # Errors
    /// If the store fails.
    pub async fn feed(&self, changes: &[Change]) -> Result<Rung, StoreError> {
        ring(&self.people().home, changes).await
    }
}

/// Rings for the accounts that these changes concern, at the targets whose home the region is, and wakes who delivers.
/// Nothing is opened: neither a user nor the token of a target. The future may be dropped at any await: the batch is
/// delivered again, and a ring that comes twice costs a comparison.
///
/// # Errors
/// If the store fails.
pub async fn ring(home: &Home, changes: &[Change]) -> Result<Rung, StoreError> {
    let mut outcome = Rung { records: changes.len(), ..Rung::default() };
    let named: BTreeSet<UserId> = changes.iter().flat_map(|change| users(change, &home.own.name)).collect();
    if named.is_empty() {
        return Ok(outcome);
    }
    // The settings as they are now: a target that has just been moved here would miss this change otherwise.
    let targets = here(home).await?;
    if targets.is_empty() {
        return Ok(outcome);
    }
    let (mut seen, mut woken) = (BTreeSet::new(), BTreeSet::new());
    for user in named {
        if seen.contains(&user) {
            continue;
        }
        let links = links(home, user).await?;
        let all: BTreeSet<&CompanyId> = links.values().flatten().collect();
        for id in links.keys() {
            seen.insert(*id);
            for target in concerned(home, *id, &targets, &all).await? {
                waiting::ring(&*home.due, &target, *id, false, home.clock.now()).await?;
                outcome.rung += 1;
                woken.insert(target);
            }
        }
    }
    for target in &woken {
        home.wake(&waiting::name(target)).await;
    }
    Ok(outcome)
}

/// The users of a person, with the companies that each is linked to. An erased user is alone.
async fn links(home: &Home, user: UserId) -> Result<BTreeMap<UserId, BTreeSet<CompanyId>>, StoreError> {
    let mut links = BTreeMap::from([(user, BTreeSet::new())]);
    let person = match read(&*home.own.users, user, &BTreeSet::new()).await {
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
    home: &Home,
    user: UserId,
    targets: &[Target],
    companies: &BTreeSet<&CompanyId>,
) -> Result<Vec<TargetId>, StoreError> {
    let rows = home.own.items.items(&TARGET_ACCOUNTS, user).await?;
    let concerned = targets.iter().filter(|target| {
        !target.is_ended() && companies.contains(&target.company)
            || rows.iter().any(|row| row.key == target.id.as_str())
            || requests(&rows).any(|requested| requested == target.id)
    });
    Ok(concerned.map(|target| target.id.clone()).collect())
}

/// Wakes who delivers for every target at which something is due. Returns how many, and for how long the oldest account has
/// been due at a target that is not paused, in milliseconds.
///
/// # Errors
/// If the store fails.
pub async fn wake_due(home: &Home) -> Result<(usize, u64), StoreError> {
    let (mut woken, mut oldest) = (0, 0);
    for target in here(home).await?.into_iter().filter(|target| target.enabled) {
        let (name, now) = (waiting::name(&target.id), home.clock.now());
        let page = home.due.due_page(&name, now, None, 1).await?;
        if let Some((_, row)) = page.rows.first() {
            oldest = oldest.max(now.since(row.at));
            home.wake(&name).await;
            woken += 1;
        }
    }
    Ok((woken, oldest))
}

/// The users that a change is about: of a part, its user and the other one of a merge or an unmerge; of a row about an
/// account, its user if another region has written it; of a request, its user.
fn users(change: &Change, own: &Region) -> Vec<UserId> {
    let image = Image(&change.image);
    let Some(user) = image.user() else { return Vec::new() };
    match change.table.as_str() {
        table::USERS => {
            let notices = PartRecord::from_item(change.image.clone()).map(|part| Noticed::in_part(&part));
            let notices = notices.map(|noticed| noticed.notices().to_vec()).unwrap_or_default();
            std::iter::once(user).chain(notices.iter().filter_map(Notice::other)).collect()
        }
        table::TARGET_ACCOUNTS => {
            let is_request = image.text(TARGET_ACCOUNTS.sort_key).and_then(TargetRequest::target_of).is_some();
            if is_request || image.origin() != Some(own.as_str()) { vec![user] } else { Vec::new() }
        }
        _ => Vec::new(),
    }
}
