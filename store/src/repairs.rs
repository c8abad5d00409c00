//! Finds what a region has to repair itself and queues it: parts whose data key some region has not wrapped, and users
//! that two trusted companies identify as one person.
//!
//! The replicator queues them from the stream. A writer could be killed between its write and the message, but a stream
//! record is delivered until it is handled. So a write does not pay for a queue, and no repair is lost. If the stream
//! itself loses records, anti-entropy queues the repairs.

use umoja_schema::names::attribute;
use umoja_schema::{
    Attribute, IdentifierItem, IdentifierKind, Item, Log, LogRow, Message, Ownership, Part, PartRecord, Region,
};

use crate::Home;
use crate::apply::IDENTIFIER_CONFLICT;
use crate::person::is_same_person;
use crate::ports::StoreError;
use crate::replicate::delete_with_user;

/// The regions that cannot unwrap the data key of a live part themselves, the own region first.
pub fn missing_regions(home: &Home, record: &PartRecord) -> Vec<Region> {
    let Some(live) = record.live() else { return Vec::new() };
    home.region_names().filter(|region| !live.keys.contains_key(*region)).cloned().collect()
}

/// Requests the missing wrapped keys of a part; true if any are missing. Repeated requests are harmless, because the
/// repair checks the stored part.
pub async fn enqueue_if_incomplete(home: &Home, record: &PartRecord) -> Result<bool, StoreError> {
    if missing_regions(home, record).is_empty() {
        return Ok(false);
    }
    let (id, part, version) = (record.id, record.part, record.version.clone());
    home.repairs.send(&Message::WrapKeys { id, part, version }, 0).await?;
    Ok(true)
}

/// Does what a region's own write requires of the region itself: deletes the items that go with an erased user, and
/// queues repairs. True if any were queued. Code that takes a write out of the stream, or puts it back, calls this for
/// it.
///
/// # Errors
/// If the store or the queue fails.
pub async fn follow_up(home: &Home, item: &Item) -> Result<bool, StoreError> {
    if let Some(tombstone) = item.tombstone() {
        delete_with_user(&home.own, tombstone).await?;
    }
    match item {
        Item::Part(record) => enqueue_if_incomplete(home, record).await,
        Item::Row(Log::Journal, row) => enqueue_if_verified(home, row).await,
        Item::Row(..) | Item::Versioned(_) => Ok(false),
    }
}

/// Requests the merge of two users whose verified ownerships of one identifier met through replication; true if the
/// journal row is about such a conflict. Only one of the two rows of a conflict makes the request. The row only says
/// where to look.
async fn enqueue_if_verified(home: &Home, row: &LogRow) -> Result<bool, StoreError> {
    let verified = row.fields.get(attribute::VERIFIED) == Some(&Attribute::Bool(true));
    let rival = row.field(attribute::RIVAL).and_then(|rival| rival.parse().ok()).filter(|rival| row.user < *rival);
    let Some(other) = rival.filter(|_| verified && row.kind == IDENTIFIER_CONFLICT) else { return Ok(false) };
    home.merges.send(&Message::MergeVerified { one: row.user, other }, 0).await?;
    Ok(true)
}

/// Requests the merges of the users whose verified ownerships meet in an identifier, as far as they are not merged yet;
/// returns their number. The journal's stream has already requested them, unless it lost records.
pub async fn enqueue_verified(home: &Home, item: &IdentifierItem) -> Result<u64, StoreError> {
    let counts = |ownership: &Ownership| ownership.verified && ownership.kind != IdentifierKind::ExternalId;
    let Some((winner, _)) = item.winner().filter(|(_, ownership)| counts(ownership)) else { return Ok(0) };
    let users = &*home.own.users;
    let mut asked = 0;
    for (id, _) in item.owners.iter().filter(|(id, ownership)| **id != winner && counts(ownership)) {
        let Some(profile) = users.part(*id, Part::Profile).await? else { continue };
        let merged = profile.profile_facts().is_none_or(|facts| facts.merged_into.is_some());
        if merged || is_same_person(users, &profile, winner).await? {
            continue;
        }
        let (one, other) = (winner.min(*id), winner.max(*id));
        home.merges.send(&Message::MergeVerified { one, other }, 0).await?;
        asked += 1;
    }
    Ok(asked)
}
