//! Compares a user pool with the store. The provider's list is the truth about who is in the pool.

use std::collections::BTreeSet;

use serde::Serialize;
use umoja_accounts::import::Row;
use umoja_accounts::incoming::{Applied, Change, Feeder, IncomingChange};
use umoja_schema::ingest::PoolDirection;
use umoja_schema::{BlindIndex, Millis};
use umoja_store::ports::UserPool;

use super::compare::{Difference, difference, gone, indexes};
use super::error::TriggerError;
use super::handler::Cognito;
use super::list::Listed;

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
        let (began, mut known, mut after) = (self.home().clock.now(), BTreeSet::new(), None);
        loop {
            let at = self.home().clock.now();
            let page = list.users(&pool.id, after.as_deref()).await?;
            for user in page.users {
                done.listed += 1;
                let Some(listed) = Listed::of(user) else {
                    done.failed += 1;
                    continue;
                };
                known.extend(indexes(&feeder, &listed.0.subject));
                repair(&feeder, pool.direction, listed, at, &mut done).await?;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if pool.direction == PoolDirection::FromPool {
            Self::only_in_store(&feeder, (&known, began), &mut done).await?;
        }
        Ok(done)
    }

    /// Suspends the users of the store whom the pool has lost.
    async fn only_in_store(
        feeder: &Feeder,
        (listed, began): (&BTreeSet<BlindIndex>, Millis),
        done: &mut Reconciled,
    ) -> Result<(), TriggerError> {
        let gone = gone(feeder, listed, began).await?;
        done.failed += gone.unreadable;
        done.only_in_store = gone.users.len();
        done.is_held = gone.is_held(done.listed);
        if done.is_held {
            return Ok(());
        }
        for (_, subject) in gone.users {
            let change = IncomingChange { subject, at: began, change: Change::Deleted };
            done.count(feeder.apply(&change).await.is_ok());
        }
        Ok(())
    }
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

/// Repairs how a user of the list and the store differ. In a pool that gets its users from Umoja, differences are only
/// counted.
async fn repair(
    feeder: &Feeder,
    direction: PoolDirection,
    (user, row): (Listed, Row),
    at: Millis,
    done: &mut Reconciled,
) -> Result<(), TriggerError> {
    let (is_ghost, change) = match difference(feeder, direction, &user).await? {
        None => return Ok(()),
        Some(Difference::Erased) => {
            done.erased += 1;
            return Ok(());
        }
        Some(Difference::OnlyInPool) if direction == PoolDirection::ToPool => {
            done.only_in_pool += 1;
            return Ok(());
        }
        Some(Difference::OnlyInPool) => (true, Change::State { row: Box::new(row), logged_in: false }),
        Some(Difference::Disabled(_)) => (false, Change::Suspended),
        Some(Difference::Enabled(_)) => (false, Change::Activated),
    };
    done.other_standing += usize::from(!is_ghost);
    let applied = feeder.apply(&IncomingChange { subject: user.subject, at, change }).await;
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
