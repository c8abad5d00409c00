//! The brake of every target, as the checkpoints of the region keep it.

use std::collections::BTreeMap;

use tokio::sync::Mutex;
use umoja_accounts::{Error, People};
use umoja_schema::replicated::TARGET_ACCOUNTS;
use umoja_schema::{Item, Millis, RemoteAccount, Target, TargetAccount, TargetId};
use umoja_store::ports::StoreError;

use crate::targets::brake::Brake;

/// For how long a count of the accounts is used, in milliseconds.
const COUNTED_MS: u64 = 600_000;
/// The rows of a page of a scan.
const PAGE: usize = 500;

/// Counts the removals at targets.
#[derive(Default)]
pub(crate) struct Removals {
    /// How many accounts each target has, and when they were counted. Locked while a removal is counted, so that the
    /// removals of a process do not contend for the checkpoint.
    counts: Mutex<BTreeMap<TargetId, (u64, Millis)>>,
}

impl Removals {
    /// Counts a removal, and returns whether it may be done.
    pub(crate) async fn may_remove(&self, people: &People, target: &Target) -> Result<bool, Error> {
        let mut counts = self.counts.lock().await;
        let now = people.home.clock.now();
        let counted =
            counts.get(&target.id).filter(|(_, at)| at.is_within(COUNTED_MS, now)).map(|(accounts, _)| *accounts);
        let accounts = if let Some(accounts) = counted {
            accounts
        } else {
            let accounts = accounts_of(people, &target.id).await?;
            counts.insert(target.id.clone(), (accounts, now));
            accounts
        };
        let checkpoints = &people.home.checkpoints;
        let name = Target::removals(&target.id);
        let (before, brake, may) = loop {
            let stored = checkpoints.checkpoint(&name).await?;
            let read = stored.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
            let before: Brake = read.unwrap_or_default();
            let mut brake = before.clone();
            let may = brake.may_remove(accounts, target.removals_until, now);
            let bytes = serde_json::to_vec(&brake).map_err(|_| Error::Broken("a brake is JSON"))?;
            // Another process of the region may have counted a removal meanwhile.
            if brake == before || checkpoints.replace_checkpoint(&name, stored.as_deref(), &bytes).await? {
                break (before, brake, may);
            }
        };
        if brake.held_since().is_some() && before.held_since().is_none() {
            tracing::error!(target_id = %target.id, accounts, "too many accounts would be removed in an hour, and removals are held");
        }
        Ok(may)
    }
}

/// The accounts that a target has, by the rows of this region.
async fn accounts_of(people: &People, target: &TargetId) -> Result<u64, StoreError> {
    let (mut accounts, mut after) = (0, None);
    loop {
        let page = people.home.own.items.scan_items(&TARGET_ACCOUNTS, after, PAGE).await?;
        for item in &page.items {
            let Item::Versioned(item) = item else { continue };
            let row = TargetAccount::from_item(item).ok().filter(|row| row.target == *target);
            accounts += u64::from(row.is_some_and(|row| row.account == RemoteAccount::Active));
        }
        after = page.next;
        if after.is_none() {
            return Ok(accounts);
        }
    }
}
