//! Sorts a batch: records to send, records that another region sends, and records that cannot be processed.

use std::collections::BTreeMap;

use umoja_schema::names::attribute;
use umoja_schema::replica::Image;
use umoja_schema::{Item, ItemError, Key, Message};
use umoja_store::ports::StoreError;
use umoja_store::{Change, Home};

/// A batch, sorted.
pub(crate) struct Batch {
    /// The items to send, in the order of first appearance.
    pub(crate) jobs: Vec<Job>,
    /// The records to quarantine, by their position in the batch.
    pub(crate) poison: Vec<(usize, Message)>,
    /// The number of records of other regions.
    pub(crate) echoes: usize,
    /// The number of records that a newer one of the batch replaces.
    pub(crate) coalesced: usize,
}

/// One item to send.
pub(crate) struct Job {
    /// The position of the first record that the job covers. That record is not handled before the job is done.
    pub(crate) first: usize,
    /// The item to send: of the images of the item, the one that a peer would keep.
    pub(crate) item: Item,
}

/// Why a record of the stream is not handled.
pub(crate) enum Unfit {
    /// Another region wrote it, and handles it.
    Echo,
    /// It can never be processed.
    Poison(String),
    /// Whether the item verifies is unknown.
    Unknown(StoreError),
}

impl From<ItemError> for Unfit {
    fn from(error: ItemError) -> Self {
        Self::Poison(error.to_string())
    }
}

impl Batch {
    /// # Errors
    /// If the secret of proofs cannot be unwrapped; then no item can be verified.
    pub(crate) async fn sort(home: &Home, changes: &[Change]) -> Result<Self, StoreError> {
        let mut batch = Self { jobs: Vec::new(), poison: Vec::new(), echoes: 0, coalesced: 0 };
        let mut seen: BTreeMap<Key, (usize, Item)> = BTreeMap::new();
        for (position, change) in changes.iter().enumerate() {
            match read(home, change).await {
                Ok(item) => match seen.remove(&item.key()) {
                    None => drop(seen.insert(item.key(), (position, item))),
                    Some((first, before)) => {
                        seen.insert(item.key(), (first, item.merged_over(before)));
                        batch.coalesced += 1;
                    }
                },
                Err(Unfit::Echo) => batch.echoes += 1,
                Err(Unfit::Unknown(error)) => return Err(error),
                Err(Unfit::Poison(reason)) => batch.poison.push((position, quarantined(home, change, reason))),
            }
        }
        batch.jobs = seen.into_values().map(|(first, item)| Job { first, item }).collect();
        batch.jobs.sort_by_key(|job| job.first);
        Ok(batch)
    }
}

/// The item of a record to send: one that the own region wrote, and not in the far future.
async fn read(home: &Home, change: &Change) -> Result<Item, Unfit> {
    let item = own(home, change).await?;
    if item.hlc().is_far_ahead_of(home.clock.now()) {
        return Err(Unfit::Poison("the HLC timestamp is more than five minutes ahead of this region's clock".into()));
    }
    Ok(item)
}

/// The verified item of a record that the own region wrote.
pub(crate) async fn own(home: &Home, change: &Change) -> Result<Item, Unfit> {
    let Some(origin) = Image(&change.image).origin() else {
        return Err(ItemError::new(attribute::ORIGIN).into());
    };
    if origin != home.own.name.as_str() {
        return Err(Unfit::Echo);
    }
    verified(home, change).await
}

/// The verified item of a record, whatever region wrote it.
pub(crate) async fn verified(home: &Home, change: &Change) -> Result<Item, Unfit> {
    let table = home.own.table(&change.table).ok_or(ItemError::new("table"))?;
    match home.proofs.verified(Item::read(table, change.image.clone())?).await {
        Ok(item) => Ok(item),
        Err(StoreError::Unreadable(error)) => Err(error.into()),
        Err(error) => Err(Unfit::Unknown(error)),
    }
}

fn quarantined(home: &Home, change: &Change, reason: String) -> Message {
    // Of an unknown table, the sort key is one of those that there are.
    let sort_keys =
        home.own.table(&change.table).map_or(vec![attribute::PART, attribute::KEY], |table| vec![table.sort_key]);
    Message::Quarantined {
        table: change.table.clone(),
        sequence: change.sequence.clone(),
        key: Image(&change.image).key(&sort_keys),
        reason,
        region: home.own.name.clone(),
    }
}
