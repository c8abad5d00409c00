//! Parked records, put back to where they are worked on: an operator's, once what stood in the way is mended.

use umoja_schema::names::{queue, table};
use umoja_schema::{Log, Message, Part, UserId};
use umoja_store::ports::{Delivery, StoreError};
use umoja_store::repairs::{enqueue_if_incomplete, enqueue_if_verified};
use umoja_store::{Home, Peer};

/// What became of a parked record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redriven {
    /// It is queued where it is worked on, and no longer parked.
    Queued,
    /// The region does not hold what it is about, or the peer that it was for is no region any more: there is nothing to
    /// do, and it is no longer parked.
    Settled,
    /// It stays parked, for this reason.
    Left(&'static str),
}

/// Why a parked record stays where it is.
const NO_RECORD: &str = "the text is not that of a parked record";
const NO_KEY: &str = "it does not say which item it is about; comparing the regions finds what is missing";
const UNREADABLE: &str = "the stored item cannot be read";

/// Puts a parked record back: into the retry queues of the peers that have not got it, or into the repair queue. What
/// is copied then is what is stored at that moment, so a record that was overtaken meanwhile does no harm. Interrupted, it
/// is queued and still parked, and doing it again does it once.
///
/// # Errors
/// If a queue or the own tables do not do as asked; it is still parked then.
pub async fn redrive_parked(home: &Home, parked: &Delivery) -> Result<Redriven, StoreError> {
    let Ok(Message::Parked { table, key, .. }) = Message::from_text(&parked.text) else {
        return Ok(Redriven::Left(NO_RECORD));
    };
    let Some(item) = Item::of(&table, &key) else { return Ok(Redriven::Left(NO_KEY)) };
    let redriven = match item.put_back(home).await {
        Ok(true) => Redriven::Queued,
        Ok(false) => Redriven::Settled,
        Err(StoreError::Unreadable(_)) => return Ok(Redriven::Left(UNREADABLE)),
        Err(error) => return Err(error),
    };
    home.parked.delete(&parked.receipt).await?;
    Ok(redriven)
}

/// What a parked record is about.
enum Item {
    /// A part, from the stream: for every peer.
    Part(UserId, Part),
    /// A row of a log, from the stream: for every peer.
    Row(Log, UserId, String),
    /// A part whose data key is to be wrapped.
    Keys(UserId, Part),
    /// Two users who may be one person.
    Merge(UserId, UserId),
    /// A part or a row that one peer has not got.
    Retry(String, UserId, String),
}

impl Item {
    /// Reads the place of a parked record: a table or queue, and a user id with a sort key.
    fn of(place: &str, key: &str) -> Option<Self> {
        let (id, sort) = key.split_once('/')?;
        let id = id.parse().ok()?;
        if place == table::USERS {
            return Some(Self::Part(id, sort.parse().ok()?));
        }
        if place == queue::KEYS {
            let merge = || sort.parse().ok().map(|other| Self::Merge(id, other));
            return sort.parse().ok().map(|part| Self::Keys(id, part)).or_else(merge);
        }
        if let Some(peer) = place.strip_prefix(queue::RETRY).and_then(|rest| rest.strip_prefix('-')) {
            return Some(Self::Retry(peer.to_owned(), id, sort.to_owned()));
        }
        Some(Self::Row(place.parse().ok()?, id, sort.to_owned()))
    }

    /// Queues what is to be done; false if there is nothing.
    async fn put_back(self, home: &Home) -> Result<bool, StoreError> {
        match self {
            Self::Part(id, part) => {
                let Some(record) = home.own.users.part(id, part).await? else { return Ok(false) };
                enqueue_if_incomplete(home, &record).await?;
                to_all(home, &Message::CopyPart { id, part }).await
            }
            Self::Row(log, id, key) => {
                let Some(row) = home.own.logs.row(log, id, &key).await? else { return Ok(false) };
                if log == Log::Journal {
                    enqueue_if_verified(home, &row).await?;
                }
                to_all(home, &Message::CopyRow { table: log.table().to_owned(), id, key }).await
            }
            Self::Keys(id, part) => match home.own.users.part(id, part).await? {
                Some(record) if record.live().is_some() => {
                    home.repairs.send(&Message::WrapKeys { id, part, version: record.version }, 0).await?;
                    Ok(true)
                }
                _ => Ok(false),
            },
            Self::Merge(one, other) => {
                home.repairs.send(&Message::MergeVerified { one, other }, 0).await?;
                Ok(true)
            }
            Self::Retry(peer, id, sort) => match home.peers.iter().find(|one| one.ports.name.as_str() == peer) {
                Some(peer) => to_one(home, peer, id, &sort).await,
                None => Ok(false),
            },
        }
    }
}

async fn to_all(home: &Home, message: &Message) -> Result<bool, StoreError> {
    for peer in &home.peers {
        peer.retry.send(message, 0).await?;
    }
    Ok(!home.peers.is_empty())
}

/// A record that was parked from a retry queue names its row without the log: every log that holds it is meant.
async fn to_one(home: &Home, peer: &Peer, id: UserId, sort: &str) -> Result<bool, StoreError> {
    if let Ok(part) = sort.parse::<Part>() {
        let held = home.own.users.part(id, part).await?.is_some();
        if held {
            peer.retry.send(&Message::CopyPart { id, part }, 0).await?;
        }
        return Ok(held);
    }
    let mut held = false;
    for log in Log::ALL {
        if home.own.logs.row(log, id, sort).await?.is_some() {
            peer.retry.send(&Message::CopyRow { table: log.table().to_owned(), id, key: sort.to_owned() }, 0).await?;
            held = true;
        }
    }
    Ok(held)
}
