//! Finding parts whose data key some region has not wrapped, and putting them on the list.
//!
//! Only the replicator lists them, from the stream: a writer could be killed between its write and the listing, but a
//! stream record is delivered until it was handled. So a write pays for no queue, and loses nothing.

use umoja_schema::{Message, PartRecord, Region};

use crate::Home;
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
