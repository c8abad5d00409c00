//! Redriving quarantined records to the queues that process them, after an operator has repaired the cause.

use umoja_schema::names::queue;
use umoja_schema::{Key, Message, Part, UserId};
use umoja_store::ports::{Delivery, StoreError};
use umoja_store::repairs::follow_up;
use umoja_store::{Home, Peer};

/// The result for a quarantined record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redriven {
    /// It is queued for processing and no longer quarantined.
    Queued,
    /// The region does not hold its item, or its peer is no longer a region. No work is left, and it is no longer
    /// quarantined.
    Settled,
    /// It stays quarantined, for this reason.
    Left(&'static str),
}

/// Why a record stays quarantined.
const NO_RECORD: &str = "the text is not that of a quarantined record";
const NO_KEY: &str = "it does not say which item it is about; comparing the regions finds what is missing";
const UNREADABLE: &str = "the stored item cannot be read";

/// Puts a quarantined record back: into the retry queues of the peers that do not have it, or into the queue of missing
/// wrapped keys or of merges. The item is replicated as it is stored at that moment, so an overtaken record does no
/// harm. After an interruption the record is both queued and quarantined; doing it again has the same effect as once.
///
/// # Errors
/// If a queue or the own tables fail. The record is then still quarantined.
pub async fn redrive_quarantined(home: &Home, quarantined: &Delivery) -> Result<Redriven, StoreError> {
    let Ok(Message::Quarantined { table, key, .. }) = Message::from_text(&quarantined.text) else {
        return Ok(Redriven::Left(NO_RECORD));
    };
    let Some(about) = About::of(home, &table, &key) else { return Ok(Redriven::Left(NO_KEY)) };
    let redriven = match about.put_back(home).await {
        Ok(true) => Redriven::Queued,
        Ok(false) => Redriven::Settled,
        Err(StoreError::Unreadable(_)) => return Ok(Redriven::Left(UNREADABLE)),
        Err(error) => return Err(error),
    };
    home.quarantined.delete(&quarantined.receipt).await?;
    Ok(redriven)
}

/// The subject of a quarantined record.
enum About {
    /// An item from the stream, for every peer.
    Item(Key),
    /// A part whose data key is to be wrapped.
    Keys(UserId, Part),
    /// Two users who may be one person.
    Merge(UserId, UserId),
    /// An item that one peer lacks.
    Retry(String, UserId, String),
}

impl About {
    /// Reads the place of a quarantined record: a table or queue, and a user id with a sort key.
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

    /// Queues the work; false if there is none.
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

/// A record that was quarantined from a retry queue names its item without the table, so every table that holds it is
/// meant.
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
