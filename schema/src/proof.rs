//! The bytes that the proof of a stored item covers.
//!
//! A proof is a MAC under a secret of the deployment. It shows that a region of the deployment wrote an item, to
//! readers that do not open the item and for items that have no envelope. It covers the whole stored item, including
//! attributes that only a newer version knows, so every version verifies the items of every other version.

use std::mem;

use crate::attributes::{encode_bytes, encode_map};
use crate::names::attribute::{DATA, KEYS, PROOF};
use crate::replicated::{Rule, USERS};
use crate::{Attribute, Attributes, Body, PartRecord, Region, Replicated};

/// The covered bytes of an item: the name of its table and the canonical encoding of its attributes, without its proof.
///
/// The wrapped keys of a part are not covered, because regions add theirs later. Each has a tag of its own, over
/// [`WrappedKeys::covered`].
pub fn covered(table: &Replicated, item: &Attributes) -> Vec<u8> {
    let counts = |name: &str| name != PROOF && !(table.rule == Rule::Parts && name == KEYS);
    encoded(table.name, item, counts)
}

/// The covered bytes of a part: [`covered`] of its item.
pub fn part(record: &mut PartRecord) -> Vec<u8> {
    let Body::Live(live) = &mut record.body else { return covered(&USERS, &record.to_item()) };
    // What is large is moved into the item and back, not copied.
    let (keys, data) = (mem::take(&mut live.keys), mem::take(&mut live.data.0));
    let mut item = record.to_item();
    item.insert(DATA.into(), Attribute::M(data));
    let out = covered(&USERS, &item);
    if let (Body::Live(live), Some(Attribute::M(data))) = (&mut record.body, item.remove(DATA)) {
        (live.keys, live.data.0) = (keys, data);
    }
    out
}

/// The whole content of an item: as [`covered`], with the wrapped keys of the regions for which `counts` is true.
pub fn content(table: &Replicated, item: &Attributes, counts: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut out = covered(table, item);
    if let (Rule::Parts, Some(Attribute::M(keys))) = (table.rule, item.get(KEYS)) {
        let counted = || keys.iter().filter(|(region, _)| counts(region));
        encode_map(counted(), counted().count(), &mut out);
    }
    out
}

/// The covered bytes of a document of an operator's table.
pub fn document(table: &str, id: &str, json: &str) -> Vec<u8> {
    bytes(table, id, json.as_bytes())
}

/// The covered bytes of a state that a region stores for itself.
pub fn bytes(table: &str, name: &str, state: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(state.len() + 64);
    for field in [table.as_bytes(), name.as_bytes(), state] {
        encode_bytes(field, &mut out);
    }
    out
}

/// The covered bytes of the wrapped keys of a part.
pub struct WrappedKeys(Vec<u8>);

impl WrappedKeys {
    /// What binds wrapped keys to this part: its user, name, version and message id.
    pub fn of(record: &PartRecord) -> Self {
        let mid = record.live().and_then(|live| live.data.mid()).unwrap_or_default();
        let version = record.version.to_string();
        let mut out = Vec::with_capacity(192);
        for field in [record.id.as_bytes().as_slice(), record.part.as_str().as_bytes(), version.as_bytes(), mid] {
            encode_bytes(field, &mut out);
        }
        Self(out)
    }

    /// The covered bytes of one region's wrapped key.
    pub fn covered(&self, region: &Region, blob: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.0.len() + blob.len() + 64);
        out.extend(&self.0);
        encode_bytes(region.as_str().as_bytes(), &mut out);
        encode_bytes(blob, &mut out);
        out
    }
}

fn encoded(table: &str, item: &Attributes, counts: impl Fn(&str) -> bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    encode_bytes(table.as_bytes(), &mut out);
    let counted = || item.iter().filter(|(name, _)| counts(name));
    encode_map(counted(), counted().count(), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replicated::JOURNAL;
    use crate::{AccountStatus, Facts, Hlc, Live, Millis, Part, SealedData, UserId, Version};

    fn item() -> Attributes {
        let keys = Attributes::from([("a".into(), vec![1].into()), ("b".into(), vec![2].into())]);
        Attributes::from([
            (KEYS.into(), keys.into()),
            (PROOF.into(), vec![9].into()),
            ("id".into(), "x".into()),
            ("novelty".into(), Attribute::L(vec![Attribute::Null, true.into()])),
        ])
    }

    #[test]
    fn a_proof_covers_everything_but_itself_and_the_wrapped_keys() {
        let before = covered(&USERS, &item());
        for (name, covers) in [(PROOF, false), (KEYS, false), ("id", true), ("novelty", true)] {
            let mut changed = item();
            changed.insert(name.into(), "changed".into());
            assert_eq!(covered(&USERS, &changed) != before, covers, "{name}");
            changed.remove(name);
            assert_eq!(covered(&USERS, &changed) != before, covers, "{name}");
        }
        assert_ne!(covered(&JOURNAL, &item()), before, "the table counts, and a row has no wrapped keys");
    }

    #[test]
    fn the_content_has_the_wrapped_keys_of_the_regions_that_count() {
        let of = |item: &Attributes, regions: &[&str]| content(&USERS, item, |region| regions.contains(&region));
        let mut changed = item();
        let Some(Attribute::M(keys)) = changed.get_mut(KEYS) else { panic!("no keys") };
        keys.insert("b".into(), vec![3].into());
        assert_eq!(of(&item(), &["a"]), of(&changed, &["a"]));
        assert_ne!(of(&item(), &["a", "b"]), of(&changed, &["a", "b"]));
        assert_ne!(of(&item(), &["a"]), of(&item(), &[]));
    }

    fn tombstone(user: u8, part: Part, ms: u64) -> PartRecord {
        let version = Version { erased: false, hlc: Hlc::at(Millis(ms)), origin: "a".parse().unwrap() };
        PartRecord::tombstone(UserId::v8([user; 16]), part, version)
    }

    #[test]
    fn the_covered_bytes_of_a_part_are_those_of_its_item() {
        let data = SealedData(Attributes::from([("mid".into(), vec![1; 32].into())]));
        let keys = [("a".parse().unwrap(), vec![3; 40])].into();
        let facts = Facts::Credentials { status: AccountStatus::Active };
        let live = PartRecord {
            body: Body::Live(Box::new(Live { data, keys, facts })),
            unknown: item(),
            ..tombstone(1, Part::Credentials, 1)
        };
        for record in [live, tombstone(1, Part::Profile, 1)] {
            let mut covered_part = record.clone();
            assert_eq!(part(&mut covered_part), covered(&USERS, &record.to_item()));
            assert_eq!(covered_part, record);
        }
    }

    #[test]
    fn a_wrapped_key_is_bound_to_its_part_version_and_region() {
        let (a, b): (Region, Region) = ("a".parse().unwrap(), "b".parse().unwrap());
        let of = |user, part, ms, region, blob: &str| {
            WrappedKeys::of(&tombstone(user, part, ms)).covered(region, blob.as_bytes())
        };
        let first = of(1, Part::Profile, 1, &a, "blob");
        let others = [
            of(2, Part::Profile, 1, &a, "blob"),
            of(1, Part::Credentials, 1, &a, "blob"),
            of(1, Part::Profile, 2, &a, "blob"),
            of(1, Part::Profile, 1, &b, "blob"),
            of(1, Part::Profile, 1, &a, "blur"),
        ];
        assert!(others.iter().all(|other| *other != first));
    }
}
