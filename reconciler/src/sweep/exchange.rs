//! What two regions disagree about.

use umoja_schema::{Log, LogRow, PartRecord, Region, Resolution, resolve};
use umoja_store::RegionPorts;
use umoja_store::apply::{Applied, apply_copy};
use umoja_store::copy::{confirmation, copy_part, copy_row};
use umoja_store::ports::StoreError;

use super::{Difference, Examined, Side, Sweep, SweepReport};

impl Sweep<'_> {
    /// A part that one side holds, against what the other holds of it now. What the region holds has been compared when
    /// the peer's turn comes: then only what the region lacks altogether is of interest.
    pub(super) async fn part(&self, peer: &RegionPorts, side: Side, seen: &PartRecord) -> Result<Examined, StoreError> {
        let (own, other) = match side {
            Side::Own => (Some(seen.clone()), peer.users.part(seen.id, seen.part).await?),
            Side::Other => match self.home.own.users.part(seen.id, seen.part).await? {
                Some(_) => return Ok(Examined::default()),
                None => (None, Some(seen.clone())),
            },
        };
        let push = own.as_ref().filter(|own| self.is_behind(other.as_ref(), own));
        let pull = other.as_ref().filter(|other| self.is_behind(own.as_ref(), other));
        let Some(newest) = push.into_iter().chain(pull).max_by(|a, b| a.version.cmp(&b.version)) else {
            return Ok(Examined::default());
        };
        if self.is_young(newest.version.hlc) {
            return Ok(Examined { report: SweepReport { young: 1, ..SweepReport::default() }, difference: None });
        }
        let version = |record: &Option<PartRecord>| record.as_ref().map(|record| record.version.clone());
        let difference = Difference::Part {
            id: seen.id,
            part: seen.part,
            own: version(&own),
            peer: version(&other),
            since: newest.version.hlc.millis(),
        };
        let mut report = SweepReport { found: 1, ..SweepReport::default() };
        if self.mends {
            if let Some(own) = push {
                report.pushed += u64::from(copy_part(self.home, peer, own).await? != Applied::Current);
            }
            if let Some(other) = pull {
                report.pulled += u64::from(self.take(other).await? != Applied::Current);
            }
        }
        Ok(Examined { report, difference: Some(difference) })
    }

    /// Whether a copy has something that a region lacks. Wrapped keys for regions that are none of the deployment's are
    /// nothing to lack.
    fn is_behind(&self, stored: Option<&PartRecord>, copy: &PartRecord) -> bool {
        match resolve(stored, copy) {
            Resolution::TakeIncoming => true,
            Resolution::KeepStored => false,
            Resolution::AddKeys => {
                let has = |record: Option<&PartRecord>, region: &Region| {
                    record.and_then(PartRecord::live).is_some_and(|live| live.keys.contains_key(region))
                };
                self.regions.iter().any(|region| has(Some(copy), region) && !has(stored, region))
            }
        }
    }

    /// Takes over a copy of the peer's. Whoever brings a tombstone confirms it, from where that is replicated.
    async fn take(&self, record: &PartRecord) -> Result<Applied, StoreError> {
        let own = &self.home.own;
        let applied = apply_copy(&*own.users, record, &own.name).await?;
        if record.version.erased {
            own.logs.append(Log::Receipts, &confirmation(self.home, record, &own.name)).await?;
        }
        Ok(applied)
    }

    /// A row that one side holds. Rows of one key are one event: there is nothing to compare but whether it is there. Rows of
    /// the audit trail also have to be equal.
    pub(super) async fn row(
        &self,
        peer: &RegionPorts,
        side: Side,
        log: Log,
        row: &LogRow,
    ) -> Result<Examined, StoreError> {
        let lacking = match side {
            Side::Own => peer,
            Side::Other => &self.home.own,
        };
        if let Some(held) = lacking.logs.row(log, row.user, &row.key).await? {
            // Nothing says which of the two is right: that is for people. It is told once for the pair.
            let differs = log == Log::Audit && side == Side::Own && held != *row;
            let (key, since) = (row.key.clone(), row.at.millis());
            let differing = || Difference::OtherRow { log: log.table(), user: row.user, key, since };
            let report = SweepReport { found: differs.into(), ..SweepReport::default() };
            return Ok(Examined { report, difference: differs.then(differing) });
        }
        if self.is_young(row.at) {
            return Ok(Examined { report: SweepReport { young: 1, ..SweepReport::default() }, difference: None });
        }
        let difference =
            Difference::Row { log: log.table(), user: row.user, lacking: lacking.name.clone(), since: row.at.millis() };
        let mut report = SweepReport { found: 1, ..SweepReport::default() };
        if self.mends && copy_row(lacking, log, row).await? {
            match side {
                Side::Own => report.rows_pushed += 1,
                Side::Other => report.rows_pulled += 1,
            }
        }
        Ok(Examined { report, difference: Some(difference) })
    }
}
