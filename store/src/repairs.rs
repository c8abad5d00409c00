//! Finding what a region has to mend by itself, and putting it on the list: parts whose data key some region has not
//! wrapped, and users that two trusted companies say are one person.
//!
//! The replicator lists them, from the stream: a writer could be killed between its write and the listing, but a stream
//! record is delivered until it was handled. So a write pays for no queue, and loses nothing. What is lost with a stream
//! itself, the sweep lists.

use umoja_schema::names::attribute;
use umoja_schema::{Attribute, Claim, ClaimItem, IdentifierKind, Item, Log, LogRow, Message, Part, PartRecord, Region};

use crate::Home;
use crate::apply::IDENTIFIER_CONFLICT;
use crate::copy::delete_with_user;
use crate::group::is_same_person;
use crate::ports::StoreError;

/// The regions that cannot unwrap the data key of a live part by themselves, the own region first.
pub fn missing_regions(home: &Home, record: &PartRecord) -> Vec<Region> {
    let Some(live) = record.live() else { return Vec::new() };
    home.region_names().filter(|region| !live.keys.contains_key(*region)).cloned().collect()
}

/// Asks for the wrapped keys that a part lacks; true if it lacks any. Asking twice is asking once: the repair looks
/// at what is stored.
pub async fn enqueue_if_incomplete(home: &Home, record: &PartRecord) -> Result<bool, StoreError> {
    if missing_regions(home, record).is_empty() {
        return Ok(false);
    }
    let (id, part, version) = (record.id, record.part, record.version.clone());
    home.repairs.send(&Message::WrapKeys { id, part, version }, 0).await?;
    Ok(true)
}

/// Does what one of a region's own writes asks of the region itself: deletes what goes with an erased user, and lists what is
/// to be mended; true if anything was listed. Whatever takes a write out of the stream, or puts it back, does this for it.
///
/// # Errors
/// If the store or the queue does not do as asked.
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

/// Asks for the merge of two users whose verified claims on one identifier replication brought together; true if the
/// journal row is about such. Of the two rows of a conflict one asks. What the row says is only where to look.
async fn enqueue_if_verified(home: &Home, row: &LogRow) -> Result<bool, StoreError> {
    let verified = row.fields.get(attribute::VERIFIED) == Some(&Attribute::Bool(true));
    let rival = row.field(attribute::RIVAL).and_then(|rival| rival.parse().ok()).filter(|rival| row.user < *rival);
    let Some(other) = rival.filter(|_| verified && row.kind == IDENTIFIER_CONFLICT) else { return Ok(false) };
    home.merges.send(&Message::MergeVerified { one: row.user, other }, 0).await?;
    Ok(true)
}

/// Asks for the merges of the users whose verified claims meet in an identifier, as far as nobody is merged with anybody
/// yet; gives how many. The journal's stream has asked already, unless it was lost.
pub async fn enqueue_verified(home: &Home, item: &ClaimItem) -> Result<u64, StoreError> {
    let counts = |claim: &Claim| claim.verified && claim.kind != IdentifierKind::ExternalId;
    let Some((winner, _)) = item.winner().filter(|(_, claim)| counts(claim)) else { return Ok(0) };
    let users = &*home.own.users;
    let mut asked = 0;
    for (id, _) in item.claimants.iter().filter(|(id, claim)| **id != winner && counts(claim)) {
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
