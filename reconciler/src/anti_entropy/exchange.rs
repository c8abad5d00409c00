//! Differences between two regions, and their repair.

use umoja_schema::{Item, PartRecord, Region, Resolution};
use umoja_store::RegionPorts;
use umoja_store::apply::Applied;
use umoja_store::ports::StoreError;
use umoja_store::replicate::replicate_newest;

use super::item::{Examined, Side};
use super::pass::AntiEntropy;
use super::state::{AntiEntropyReport, Difference};
use crate::restore::readable;

/// What the two regions hold under one key.
struct Pair {
    own: Option<Item>,
    other: Option<Item>,
}

impl AntiEntropy<'_> {
    /// Compares an item of one side with what the other side holds now. Everything that the region holds was compared
    /// on the region's side, so on the peer's side only items that the region lacks completely matter.
    pub(super) async fn exchange(&self, peer: &RegionPorts, side: Side, seen: &Item) -> Result<Examined, StoreError> {
        let key = seen.key();
        let pair = match side {
            Side::Own => Pair { own: Some(seen.clone()), other: readable(peer, &key).await? },
            Side::Other => match readable(&self.home.own, &key).await? {
                Some(_) => return Ok(Examined::default()),
                None => Pair { own: None, other: Some(seen.clone()) },
            },
        };
        let push = pair.own.as_ref().filter(|own| self.is_behind(pair.other.as_ref(), own));
        let pull = pair.other.as_ref().filter(|other| self.is_behind(pair.own.as_ref(), other));
        let Some(newest) = push.into_iter().chain(pull).max_by(|a, b| a.version().cmp(&b.version())) else {
            return Ok(pair.other_row());
        };
        if self.is_young(newest.hlc()) {
            return Ok(Examined {
                report: AntiEntropyReport { young: 1, ..AntiEntropyReport::default() },
                difference: None,
            });
        }
        let difference = pair.difference(newest, &self.home.own.name, &peer.name);
        let mut report = AntiEntropyReport { found: 1, ..AntiEntropyReport::default() };
        if self.repairs {
            let is_part = newest.part().is_some();
            let (mut pushed, mut pulled) = (false, false);
            if let Some(own) = push {
                pushed = replicate_newest(self.home, peer, own).await? != Applied::Current;
                *(if is_part { &mut report.pushed } else { &mut report.rows_pushed }) += u64::from(pushed);
            }
            if let Some(other) = pull {
                pulled = replicate_newest(self.home, &self.home.own, other).await? != Applied::Current;
                *(if is_part { &mut report.pulled } else { &mut report.rows_pulled }) += u64::from(pulled);
            }
            report.repaired = u64::from(pushed || pulled);
        }
        Ok(Examined { report, difference: Some(difference) })
    }

    /// Whether `copy` has something that `stored` lacks. Wrapped keys for regions outside the deployment do not count.
    fn is_behind(&self, stored: Option<&Item>, copy: &Item) -> bool {
        match copy.resolve(stored) {
            Resolution::TakeIncoming => true,
            Resolution::KeepStored => false,
            Resolution::AddKeys => {
                let live = |item: Option<&Item>| item.and_then(Item::part).and_then(PartRecord::live).cloned();
                let (Some(copy), Some(stored)) = (live(Some(copy)), live(stored)) else { return false };
                self.regions.iter().any(|region| copy.has_key_for(region, &stored))
            }
        }
    }
}

impl Pair {
    /// Reports rows that both regions hold, that must be equal and that are not. No rule decides which of the two is
    /// right, so an operator has to. The pair is reported once.
    fn other_row(self) -> Examined {
        let (Some(own @ Item::Row(log, row)), Some(other)) = (&self.own, &self.other) else {
            return Examined::default();
        };
        if !log.entry().chained || own == other {
            return Examined::default();
        }
        let (key, since) = (row.key.clone(), row.at.millis());
        let difference = Difference::OtherRow { log: log.table(), user: row.user, key, since };
        Examined {
            report: AntiEntropyReport { found: 1, ..AntiEntropyReport::default() },
            difference: Some(difference),
        }
    }

    fn difference(&self, newest: &Item, own: &Region, peer: &Region) -> Difference {
        let version = |item: &Option<Item>| item.as_ref().and_then(Item::version).cloned();
        let (own_version, peer_version) = (version(&self.own), version(&self.other));
        let since = newest.hlc().millis();
        match newest {
            Item::Part(record) => {
                let (id, part) = (record.id, record.part);
                Difference::Part { id, part, own: own_version, peer: peer_version, since }
            }
            Item::Row(log, row) => {
                let lacking = if self.own.is_none() { own } else { peer };
                Difference::Row { log: log.table(), user: row.user, lacking: lacking.clone(), since }
            }
            Item::Versioned(item) => {
                let (table, key) = (item.table.name, item.key.clone());
                Difference::Item { table, user: item.user, key, own: own_version, peer: peer_version, since }
            }
        }
    }
}
