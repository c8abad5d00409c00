//! Copying to a peer: what the replicator does at once and the reconcilers do later, the same way.

use umoja_schema::{Attributes, Hlc, Log, LogRow, PartRecord, Region};

use crate::apply::{Applied, apply_copy};
use crate::ports::StoreError;
use crate::{Home, RegionPorts};

/// The key of the row that confirms an erasure in a region.
pub fn confirmation_key(region: &Region, part: umoja_schema::Part) -> String {
    format!("confirm#{region}#{part}")
}

/// The row that says that `region` holds the tombstone.
pub fn confirmation(home: &Home, tombstone: &PartRecord, region: &Region) -> LogRow {
    LogRow {
        user: tombstone.id,
        key: confirmation_key(region, tombstone.part),
        at: Hlc::at(home.clock.now()),
        origin: home.own.name.clone(),
        kind: "confirm".into(),
        fields: Attributes::from([("region".into(), region.to_string().into())]),
    }
}

/// Copies a part to a peer, with the wrapped keys of the regions that the deployment lists. Once a tombstone is there, its confirmation is written into the own region, from where it
/// is replicated like any other row.
pub async fn copy_part(home: &Home, peer: &RegionPorts, record: &PartRecord) -> Result<Applied, StoreError> {
    let applied = apply_copy(&*peer.users, &home.listed(record), &peer.name).await?;
    if record.version.erased {
        home.own.logs.append(Log::Receipts, &confirmation(home, record, &peer.name)).await?;
    }
    Ok(applied)
}

/// Copies an append-only row to a peer.
pub async fn copy_row(peer: &RegionPorts, log: Log, row: &LogRow) -> Result<bool, StoreError> {
    peer.logs.append(log, row).await
}
