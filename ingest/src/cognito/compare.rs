//! How the list of a pool and the store differ. Nothing here changes anything: the repair is in
//! [`Cognito::reconcile`](super::Cognito::reconcile).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::Serialize;
use umoja_accounts::import::{Failed, Importer};
use umoja_accounts::incoming::{Feeder, Holder};
use umoja_schema::ingest::PoolDirection;
use umoja_schema::{BlindIndex, IdentifierKind, Identity, IngestSource, Millis, Part, PartRecord, UserId};
use umoja_store::ports::StoreError;

use super::list::{Listed, PoolList};
use crate::marks::NoMarks;

/// How many parts are read at a time.
const PAGE: usize = 500;

/// A user that was changed this short before the list was made, or after, may not be in the list, in milliseconds.
const YOUNG_MS: u64 = 60 * 60 * 1000;

/// How many users may have left a pool between two comparisons, or a twentieth of the pool. More are counted and not
/// suspended: the list is more likely wrong than the store.
const MOST_GONE: usize = 20;

/// How a user of the list and the store differ.
pub(super) enum Difference {
    /// The store does not have the user.
    OnlyInPool,
    /// The user was erased.
    Erased,
    /// The user is disabled in the pool, and active in the store.
    Disabled(UserId),
    /// The user is enabled in the pool, and suspended in the store.
    Enabled(UserId),
}

/// The users of the store whom the pool does not have any more.
#[derive(Default)]
pub(super) struct Gone {
    /// Each with the subject.
    pub(super) users: Vec<(UserId, String)>,
    /// Parts that could not be read.
    pub(super) unreadable: usize,
}

/// The users of one kind that a comparison has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sample<T> {
    /// How many there are.
    pub count: usize,
    /// The ids of the first of them.
    pub ids: Vec<T>,
}

/// What a comparison has found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Users of the list.
    pub listed: usize,
    /// Users who are confirmed in the pool, and whom the store does not have, by their `sub`.
    pub only_in_pool: Sample<String>,
    /// Users of the store whom the pool does not have any more. A user that changed within the hour before the list was
    /// made does not count.
    pub only_in_store: Sample<UserId>,
    /// Users of the pool whose person was erased, by their `sub`: delete them in the pool.
    pub erased: Sample<String>,
    /// Users who are disabled in the pool and active in the store, or the other way round.
    pub other_standing: Sample<UserId>,
    /// Users of the list, and parts of the store, that could not be read.
    pub unreadable: usize,
    /// True if more users have left the pool than `reconcile-sources` believes, so that it would suspend none of them.
    pub is_held: bool,
}

impl<T> Default for Sample<T> {
    fn default() -> Self {
        Self { count: 0, ids: Vec::new() }
    }
}

impl<T> Sample<T> {
    fn add(&mut self, id: T, most: usize) {
        self.count += 1;
        if self.ids.len() < most {
            self.ids.push(id);
        }
    }
}

impl Compared {
    /// True if both sides have the same users.
    pub const fn is_equal(&self) -> bool {
        self.only_in_pool.count + self.only_in_store.count + self.erased.count + self.other_standing.count == 0
    }
}

/// Compares the list of a source's pool with the store, and changes nothing. The list was made at `began`. Of each
/// difference, the ids of `most` users at most are named.
///
/// # Errors
/// If the store cannot be read to the end.
pub async fn compare(
    importer: Importer,
    source: Arc<IngestSource>,
    list: &PoolList,
    began: Millis,
    most: usize,
) -> Result<Compared, Failed> {
    let mut done = Compared { listed: list.listed(), unreadable: list.unreadable, ..Compared::default() };
    let Some(direction) = source.pool.as_ref().map(|pool| pool.direction) else { return Ok(done) };
    let feeder = Feeder { importer, source, marks: Arc::new(NoMarks) };
    let mut known = BTreeSet::new();
    for user in &list.users {
        known.extend(indexes(&feeder, &user.subject));
        match difference(&feeder, direction, user).await {
            Ok(None) => {}
            Ok(Some(Difference::OnlyInPool)) if is_erased(&feeder, direction, user).await? => {
                done.erased.add(user.subject.clone(), most);
            }
            Ok(Some(Difference::OnlyInPool)) => done.only_in_pool.add(user.subject.clone(), most),
            Ok(Some(Difference::Erased)) => done.erased.add(user.subject.clone(), most),
            Ok(Some(Difference::Disabled(id) | Difference::Enabled(id))) => done.other_standing.add(id, most),
            Err(failed) if failed.is_transient() => return Err(failed),
            Err(Failed::Rejected(_)) => done.unreadable += 1,
            Err(failed) => return Err(failed),
        }
    }
    if direction == PoolDirection::FromPool {
        let gone = gone(&feeder, &known, began).await?;
        done.unreadable += gone.unreadable;
        done.is_held = gone.is_held(done.listed);
        gone.users.into_iter().for_each(|(id, _)| done.only_in_store.add(id, most));
    }
    Ok(done)
}

/// How a user of the list and the store differ. A pool that gets its users from Umoja has lost none of them: they come
/// with their next login. Whom it has and Umoja does not, gets no token.
pub(super) async fn difference(
    feeder: &Feeder,
    direction: PoolDirection,
    user: &Listed,
) -> Result<Option<Difference>, Failed> {
    if direction == PoolDirection::ToPool {
        let holder = match user.umoja_id.as_deref().and_then(|id| id.parse().ok()) {
            Some(id) => feeder.linked(id).await?,
            None => Holder::Unknown,
        };
        return Ok(match holder {
            Holder::User { .. } => None,
            Holder::Erased => Some(Difference::Erased),
            Holder::Unknown => Some(Difference::OnlyInPool),
        });
    }
    Ok(match feeder.holder(&user.subject).await? {
        Holder::Unknown if user.is_confirmed => Some(Difference::OnlyInPool),
        Holder::Erased => Some(Difference::Erased),
        Holder::User { id, is_suspended: false, .. } if !user.is_enabled => Some(Difference::Disabled(id)),
        Holder::User { id, is_suspended: true, .. } if user.is_enabled && user.is_confirmed => {
            Some(Difference::Enabled(id))
        }
        Holder::Unknown | Holder::User { .. } => None,
    })
}

/// True if the repair would make no user, because the person was erased.
async fn is_erased(feeder: &Feeder, direction: PoolDirection, user: &Listed) -> Result<bool, Failed> {
    if direction == PoolDirection::ToPool {
        return Ok(false);
    }
    match feeder.is_erased(&user.evidence()).await {
        // The row makes no user for another reason.
        Err(failed @ Failed::Rejected(_)) if !failed.is_transient() => Ok(false),
        erased => erased,
    }
}

/// The indexes under which the store finds a subject.
pub(super) fn indexes(feeder: &Feeder, subject: &str) -> Vec<BlindIndex> {
    let context = feeder.importer.context();
    let Ok(parsed) = context.parse_new(IdentifierKind::ExternalId, subject) else { return Vec::new() };
    let (kind, company) = context.slot(IdentifierKind::ExternalId);
    let indexes = feeder.importer.people.secrets.indexes(kind, company.as_ref(), &parsed.normalised);
    indexes.into_iter().map(|(_, index)| index).collect()
}

/// The users of the store whom a list, made at `began`, does not have.
pub(super) async fn gone(feeder: &Feeder, listed: &BTreeSet<BlindIndex>, began: Millis) -> Result<Gone, StoreError> {
    let people = &feeder.importer.people;
    let (mut gone, mut after) = (Gone::default(), None);
    loop {
        let page = people.home.own.users.scan(after, PAGE).await?;
        gone.unreadable += page.unreadable.len();
        for record in page.records.iter().filter(|record| record.part == Part::Profile) {
            if !is_missing(record, feeder, listed) {
                continue;
            }
            match people.sealer.open::<Identity>(record).await {
                Ok(identity) => gone.users.extend(lost(feeder, &identity, began).map(|subject| (record.id, subject))),
                Err(error) => {
                    tracing::warn!(%error, "a user cannot be compared with its pool");
                    gone.unreadable += 1;
                }
            }
        }
        after = page.next;
        if after.is_none() {
            return Ok(gone);
        }
    }
}

impl Gone {
    /// True if more users have left the pool than are believed.
    pub(super) fn is_held(&self, listed: usize) -> bool {
        self.users.len() > MOST_GONE.max(listed / 20)
    }
}

/// The subject of a user that the pool has lost. `None` for a user that another source feeds, that is gone already, or
/// that is so young that the list may not have it.
fn lost(feeder: &Feeder, identity: &Identity, began: Millis) -> Option<String> {
    let feed = identity.feeds.get(&feeder.source.id)?;
    let is_young = feed.at.plus(YOUNG_MS) > began;
    if feed.is_deleted || is_young {
        return None;
    }
    identity.external_ids.get(&feeder.importer.company.id).cloned()
}

/// True if a user has an external id of the company that is not in the list.
fn is_missing(record: &PartRecord, feeder: &Feeder, listed: &BTreeSet<BlindIndex>) -> bool {
    let company = Some(&feeder.importer.company.id);
    let mut ids = record
        .ownerships()
        .iter()
        .filter(|(_, own)| own.kind == IdentifierKind::ExternalId && own.company.as_ref() == company)
        .peekable();
    ids.peek().is_some() && ids.all(|(index, _)| !listed.contains(index))
}
