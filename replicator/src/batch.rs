//! Sorting a batch: what is sent, what another region sends, what nobody can handle.

use std::collections::BTreeMap;

use umoja_schema::names::{attribute, table};
use umoja_schema::{Attribute, ItemError, Log, LogRow, Message, Part, PartRecord, UserId, merge};
use umoja_store::{Change, Home};

/// A batch, sorted.
pub(crate) struct Batch {
    /// What to send, in the order of first appearance.
    pub(crate) jobs: Vec<Job>,
    /// What to park, by position in the batch.
    pub(crate) poison: Vec<(usize, Message)>,
    /// How many records were another region's.
    pub(crate) echoes: usize,
    /// How many records a newer one of the batch stands in for.
    pub(crate) coalesced: usize,
}

/// One thing to send.
pub(crate) struct Job {
    /// The position of the first record that it stands for: that one is not handled before the job is.
    pub(crate) first: usize,
    /// What to send.
    pub(crate) cargo: Cargo,
}

/// A part or a row.
pub(crate) enum Cargo {
    /// The newest image of a part.
    Part(Box<PartRecord>),
    /// An append-only row.
    Row(Log, LogRow),
}

impl Cargo {
    /// The message that asks for this to be copied later.
    pub(crate) fn to_message(&self) -> Message {
        match self {
            Self::Part(record) => Message::CopyPart { id: record.id, part: record.part },
            Self::Row(log, row) => {
                Message::CopyRow { table: log.table().to_owned(), id: row.user, key: row.key.clone() }
            }
        }
    }
}

/// What coalesces: images of the same item.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Item {
    Part(UserId, Part),
    Row(Log, UserId, String),
}

enum Unfit {
    Echo,
    Poison(String),
}

impl From<ItemError> for Unfit {
    fn from(error: ItemError) -> Self {
        Self::Poison(error.to_string())
    }
}

impl Batch {
    pub(crate) fn sort(home: &Home, changes: &[Change]) -> Self {
        let mut batch = Self { jobs: Vec::new(), poison: Vec::new(), echoes: 0, coalesced: 0 };
        let mut seen = BTreeMap::new();
        for (position, change) in changes.iter().enumerate() {
            match read(home, change) {
                Ok((item, cargo)) => match seen.get(&item) {
                    None => {
                        seen.insert(item, batch.jobs.len());
                        batch.jobs.push(Job { first: position, cargo });
                    }
                    Some(&job) => {
                        batch.jobs[job].absorb(cargo);
                        batch.coalesced += 1;
                    }
                },
                Err(Unfit::Echo) => batch.echoes += 1,
                Err(Unfit::Poison(reason)) => batch.poison.push((position, parked(home, change, reason))),
            }
        }
        batch
    }
}

impl Job {
    /// Takes in a later image of the same item. Rows never change.
    fn absorb(&mut self, later: Cargo) {
        if let (Cargo::Part(have), Cargo::Part(later)) = (&mut self.cargo, &later) {
            **have = merge::merged(Some(have), later);
        }
    }
}

fn read(home: &Home, change: &Change) -> Result<(Item, Cargo), Unfit> {
    let Some(Attribute::S(origin)) = change.image.get(attribute::ORIGIN) else {
        return Err(ItemError::new(attribute::ORIGIN).into());
    };
    if origin != home.own.name.as_str() {
        return Err(Unfit::Echo);
    }
    let (stamp, item, cargo) = if change.table == table::USERS {
        let record = PartRecord::from_item(change.image.clone())?;
        (record.version.hlc, Item::Part(record.id, record.part), Cargo::Part(Box::new(record)))
    } else {
        let log: Log = change.table.parse()?;
        let row = LogRow::from_item(change.image.clone())?;
        (row.at, Item::Row(log, row.user, row.key.clone()), Cargo::Row(log, row))
    };
    if stamp.is_far_ahead_of(home.clock.now()) {
        return Err(Unfit::Poison("the stamp is more than five minutes ahead of this region's clock".into()));
    }
    Ok((item, cargo))
}

fn parked(home: &Home, change: &Change, reason: String) -> Message {
    Message::Parked {
        table: change.table.clone(),
        sequence: change.sequence.clone(),
        key: key_of(change),
        reason,
        region: home.own.name.clone(),
    }
}

/// The key of an item that may hold anything: only what has the form of a key is repeated, so that nothing personal
/// can get into the queue.
fn key_of(change: &Change) -> String {
    let text = |name: &str| match change.image.get(name) {
        Some(Attribute::S(text)) => Some(text.as_str()),
        _ => None,
    };
    let id = text(attribute::ID).and_then(|id| id.parse::<UserId>().ok());
    let id = id.map_or_else(|| "?".to_owned(), |id| id.to_string());
    let part = text(attribute::PART).and_then(|part| part.parse::<Part>().ok()).map(Part::as_str);
    let plain = |key: &&str| key.len() <= 160 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"#-_".contains(&b));
    let row = text(attribute::KEY).filter(plain);
    match part.or(row) {
        Some(sort) => format!("{id}/{sort}"),
        None => id,
    }
}
