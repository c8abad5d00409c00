//! Compares a user pool with the store. The provider's list is the truth about who is in the pool.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};
use umoja_accounts::incoming::{Applied, Change, Feeder, Holder, IncomingChange};
use umoja_schema::ingest::PoolDirection;
use umoja_schema::{BlindIndex, IdentifierKind, Identity, Millis, Part, PartRecord};
use umoja_store::ports::UserPool;

use super::error::TriggerError;
use super::handler::{Admitted, Cognito};
use super::migration::UMOJA_ID;
use crate::providers::cognito;

/// How many parts are read at a time.
const PAGE: usize = 500;

/// A user that was changed this short before the comparison may not be in the list yet, in milliseconds.
const YOUNG_MS: u64 = 60 * 60 * 1000;

/// How many users may have left a pool between two comparisons, or a twentieth of the pool. More are counted and not
/// suspended: the list is more likely wrong than the store.
const MOST_GONE: usize = 20;

/// What a comparison has found and done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reconciled {
    /// Users of the pool.
    pub listed: usize,
    /// Users of the pool who are confirmed, and whom the store did not have.
    pub only_in_pool: usize,
    /// Users of the store whom the pool does not have any more.
    pub only_in_store: usize,
    /// Users of the pool whose person was erased: delete them in the pool.
    pub erased: usize,
    /// Users who are disabled in the pool and were active in the store, or the other way round.
    pub other_standing: usize,
    /// Differences that were repaired.
    pub repaired: usize,
    /// Differences that could not be repaired, and users that could not be read.
    pub failed: usize,
    /// True if more users have left the pool than are believed, so that none of them was suspended.
    pub is_held: bool,
}

/// A user of the list.
struct Listed {
    subject: String,
    change: Change,
    is_enabled: bool,
    /// True if the sign-up is over: the user may log in.
    is_confirmed: bool,
    umoja_id: Option<String>,
}

impl Cognito {
    /// Compares the pool of the source with the store, and repairs what only one of them has. A repeated call continues.
    ///
    /// # Errors
    /// [`TriggerError`] if the source may not do this, or if the list or the store cannot be read to the end. What was repaired
    /// before stays.
    pub async fn reconcile(&self, list: &dyn UserPool) -> Result<Reconciled, TriggerError> {
        let admitted = self.admitted_pool().await?;
        let Some(pool) = admitted.known.source.pool.clone() else { return Ok(Reconciled::default()) };
        let (feeder, mut done) = (self.feeder(&admitted), Reconciled::default());
        let (began, mut indexes, mut after) = (self.home().clock.now(), BTreeSet::new(), None);
        loop {
            let at = self.home().clock.now();
            let page = list.users(&pool.id, after.as_deref()).await?;
            for user in page.users {
                done.listed += 1;
                let Some(listed) = Listed::of(user) else {
                    done.failed += 1;
                    continue;
                };
                indexes.extend(self.indexes(&admitted, &listed.subject));
                match pool.direction {
                    PoolDirection::FromPool => from_pool(&feeder, &listed, at, &mut done).await?,
                    PoolDirection::ToPool => to_pool(&feeder, &listed, &mut done).await?,
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if pool.direction == PoolDirection::FromPool {
            self.only_in_store(&admitted, &feeder, (&indexes, began), &mut done).await?;
        }
        Ok(done)
    }

    /// The indexes under which the store finds a subject.
    fn indexes(&self, admitted: &Admitted, subject: &str) -> Vec<BlindIndex> {
        let context = self.context(admitted);
        let Ok(parsed) = context.parse_new(IdentifierKind::ExternalId, subject) else { return Vec::new() };
        let (kind, company) = context.slot(IdentifierKind::ExternalId);
        let indexes = self.accounts().secrets.indexes(kind, company.as_ref(), &parsed.normalised);
        indexes.into_iter().map(|(_, index)| index).collect()
    }

    /// Suspends the users of the store whom the pool has lost.
    async fn only_in_store(
        &self,
        admitted: &Admitted,
        feeder: &Feeder,
        (listed, began): (&BTreeSet<BlindIndex>, Millis),
        done: &mut Reconciled,
    ) -> Result<(), TriggerError> {
        let people = &self.accounts().people;
        let (mut gone, mut after) = (Vec::new(), None);
        loop {
            let page = people.home.own.users.scan(after, PAGE).await?;
            done.failed += page.unreadable.len();
            for record in page.records.iter().filter(|record| record.part == Part::Profile) {
                if !is_missing(record, admitted, listed) {
                    continue;
                }
                match people.sealer.open::<Identity>(record).await {
                    Ok(identity) => gone.extend(lost(admitted, &identity, began)),
                    Err(error) => {
                        tracing::warn!(%error, "a user cannot be compared with its pool");
                        done.failed += 1;
                    }
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        done.only_in_store = gone.len();
        done.is_held = gone.len() > MOST_GONE.max(done.listed / 20);
        if done.is_held {
            return Ok(());
        }
        for subject in gone {
            let change = IncomingChange { subject, at: began, change: Change::Deleted };
            done.count(feeder.apply(&change).await.is_ok());
        }
        Ok(())
    }
}

/// The subject of a user that the pool has lost. `None` for a user that another source feeds, that is gone already, or
/// that is so young that the list may not have it.
fn lost(admitted: &Admitted, identity: &Identity, began: Millis) -> Option<String> {
    let feed = identity.feeds.get(&admitted.known.source.id)?;
    let is_young = feed.at.is_within(YOUNG_MS, began);
    if feed.is_deleted || is_young {
        return None;
    }
    identity.external_ids.get(&admitted.company.id).cloned()
}

/// True if a user has an external id of the company that is not in the list.
fn is_missing(record: &PartRecord, admitted: &Admitted, listed: &BTreeSet<BlindIndex>) -> bool {
    let company = Some(&admitted.company.id);
    let mut ids = record
        .ownerships()
        .iter()
        .filter(|(_, own)| own.kind == IdentifierKind::ExternalId && own.company.as_ref() == company)
        .peekable();
    ids.peek().is_some() && ids.all(|(index, _)| !listed.contains(index))
}

impl Reconciled {
    const fn count(&mut self, is_repaired: bool) {
        if is_repaired {
            self.repaired += 1;
        } else {
            self.failed += 1;
        }
    }
}

impl Listed {
    /// A user as the list has it. `None` if it cannot be read.
    fn of(user: Map<String, Value>) -> Option<Self> {
        let text = |name: &str| user.get(name).and_then(Value::as_str).map(str::to_owned);
        let status = text("UserStatus").unwrap_or_default();
        let is_enabled = user.get("Enabled").and_then(Value::as_bool).unwrap_or(true);
        let attributes = user.get("Attributes").and_then(Value::as_array)?.iter();
        let umoja_id = attributes.clone().find(|attribute| attribute["Name"] == UMOJA_ID);
        let umoja_id = umoja_id.and_then(|attribute| attribute["Value"].as_str()).map(str::to_owned);
        let row = cognito::row(user).ok()?;
        Some(Self {
            subject: row.external_id.clone()?,
            change: Change::State { row: Box::new(row), logged_in: false },
            is_enabled,
            // Who has only signed up, or has not yet used the password of an administrator, is no user yet.
            is_confirmed: !matches!(status.as_str(), "UNCONFIRMED" | "FORCE_CHANGE_PASSWORD"),
            umoja_id,
        })
    }
}

async fn from_pool(feeder: &Feeder, user: &Listed, at: Millis, done: &mut Reconciled) -> Result<(), TriggerError> {
    let change = match feeder.holder(&user.subject).await? {
        Holder::Unknown if !user.is_confirmed => return Ok(()),
        Holder::Unknown => user.change.clone(),
        Holder::Erased => {
            done.erased += 1;
            return Ok(());
        }
        Holder::User { is_suspended: false, .. } if !user.is_enabled => {
            done.other_standing += 1;
            Change::Suspended
        }
        Holder::User { is_suspended: true, .. } if user.is_enabled && user.is_confirmed => {
            done.other_standing += 1;
            Change::Activated
        }
        Holder::User { .. } => return Ok(()),
    };
    let is_ghost = matches!(change, Change::State { .. });
    let applied = feeder.apply(&IncomingChange { subject: user.subject.clone(), at, change }).await;
    match applied {
        Ok(
            Applied::Created(_) | Applied::Matched(_) | Applied::Changed(_) | Applied::Unchanged(_) | Applied::Older(_),
        ) => {
            done.only_in_pool += usize::from(is_ghost);
            done.repaired += 1;
        }
        Ok(_) => done.erased += 1,
        Err(failed) if failed.is_transient() => return Err(failed.into()),
        Err(failed) => {
            tracing::warn!(error = %failed, "a user of a pool cannot be made");
            done.only_in_pool += usize::from(is_ghost);
            done.failed += 1;
        }
    }
    Ok(())
}

/// A pool that gets its users from Umoja has lost none of them: they come with their next login. Whom it has and Umoja
/// does not, gets no token.
async fn to_pool(feeder: &Feeder, user: &Listed, done: &mut Reconciled) -> Result<(), TriggerError> {
    let holder = match user.umoja_id.as_deref().and_then(|id| id.parse().ok()) {
        Some(id) => feeder.linked(id).await?,
        None => Holder::Unknown,
    };
    match holder {
        Holder::User { .. } => {}
        Holder::Erased => done.erased += 1,
        Holder::Unknown => done.only_in_pool += 1,
    }
    Ok(())
}
