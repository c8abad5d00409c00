//! Parked records, put back to where they are worked on: an operator's, once what stood in the way is mended.

use umoja_schema::names::queue;
use umoja_schema::{Key, Message, Part, UserId};
use umoja_store::ports::{Delivery, StoreError};
use umoja_store::repairs::follow_up;
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

/// Puts a parked record back: into the retry queues of the peers that have not got it, or into the queue of missing wrapped keys or of merges. What
/// is copied then is what is stored at that moment, so a record that was overtaken meanwhile does no harm. Interrupted, it
/// is queued and still parked, and doing it again does it once.
///
/// # Errors
/// If a queue or the own tables do not do as asked; it is still parked then.
pub async fn redrive_parked(home: &Home, parked: &Delivery) -> Result<Redriven, StoreError> {
    let Ok(Message::Parked { table, key, .. }) = Message::from_text(&parked.text) else {
        return Ok(Redriven::Left(NO_RECORD));
    };
    let Some(about) = About::of(home, &table, &key) else { return Ok(Redriven::Left(NO_KEY)) };
    let redriven = match about.put_back(home).await {
        Ok(true) => Redriven::Queued,
        Ok(false) => Redriven::Settled,
        Err(StoreError::Unreadable(_)) => return Ok(Redriven::Left(UNREADABLE)),
        Err(error) => return Err(error),
    };
    home.parked.delete(&parked.receipt).await?;
    Ok(redriven)
}

/// What a parked record is about.
enum About {
    /// An item, from the stream: for every peer.
    Item(Key),
    /// A part whose data key is to be wrapped.
    Keys(UserId, Part),
    /// Two users who may be one person.
    Merge(UserId, UserId),
    /// An item that one peer has not got.
    Retry(String, UserId, String),
}

impl About {
    /// Reads the place of a parked record: a table or queue, and a user id with a sort key.
    fn of(home: &Home, place: &str, key: &str) -> Option<Self> {
        let (id, sort) = key.split_once('/')?;
        let id = id.parse().ok()?;
        if place == queue::KEYS {
            return sort.parse().ok().map(|part| Self::Keys(id, part));
        }
        if place == queue::MERGES {
            return sort.parse().ok().map(|other| Self::Merge(id, other));
        }
        if let Some(peer) = place.strip_prefix(queue::RETRY).and_then(|rest| rest.strip_prefix('-')) {
            return Some(Self::Retry(peer.to_owned(), id, sort.to_owned()));
        }
        Some(Self::Item(Key { table: home.own.table(place)?, user: id, sort: sort.to_owned() }))
    }

    /// Queues what is to be done; false if there is nothing.
    async fn put_back(self, home: &Home) -> Result<bool, StoreError> {
        match self {
            Self::Item(key) => {
                let Some(item) = home.own.read(&key).await? else { return Ok(false) };
                follow_up(home, &item).await?;
                to_all(home, &key.to_message()).await
            }
            Self::Keys(id, part) => match home.own.users.part(id, part).await? {
                Some(record) if record.live().is_some() => {
                    home.repairs.send(&Message::WrapKeys { id, part, version: record.version }, 0).await?;
                    Ok(true)
                }
                _ => Ok(false),
            },
            Self::Merge(one, other) => {
                home.merges.send(&Message::MergeVerified { one, other }, 0).await?;
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

/// A record that was parked from a retry queue names its item without the table: every table that holds it is meant.
async fn to_one(home: &Home, peer: &Peer, user: UserId, sort: &str) -> Result<bool, StoreError> {
    let mut held = false;
    for table in home.own.tables {
        let key = Key { table, user, sort: sort.to_owned() };
        if home.own.read(&key).await?.is_some() {
            peer.retry.send(&key.to_message(), 0).await?;
            held = true;
        }
    }
    Ok(held)
}
