//! The invariants of every simulated run (the numbers are those of the design's list).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use umoja_schema::{
    BlindIndex, Credentials, IdentifierItem, Identity, Item, Key, Log, LogRow, Millis, Part, PartRecord, PersonVersion,
    UserId, Version,
};
use umoja_store::Home;
use umoja_store::audit::Check;
use umoja_store::digest::Digest;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{Clock as _, Parts};
use umoja_store::seal::Sealer;

use super::{World, WorldRegion};

impl World {
    /// The digest of each region. An item that has expired counts as absent: each region deletes it by itself.
    pub async fn digests(&self) -> Vec<Digest> {
        let now = self.clock.now();
        self.digests_of(|item| !item.is_expired(now)).await
    }

    /// The digest of each region's parts. Unlike the parts, the conflicts in the journal depend on the order of
    /// arrival.
    pub async fn digests_of_parts(&self) -> Vec<Digest> {
        self.digests_of(|item| item.part().is_some()).await
    }

    async fn digests_of(&self, counts: impl Fn(&Item) -> bool) -> Vec<Digest> {
        let mut digests = Vec::new();
        for region in &self.regions {
            let ports = region.tables.ports(&region.store);
            let digest = Digest::of_those(&ports, self.regions.len(), &counts).await;
            digests.push(digest.expect("a store can be read"));
        }
        digests
    }

    /// The items that are missing in some region, each with the numbers of the regions that have it.
    async fn differing(&self) -> Vec<(Key, BTreeSet<usize>)> {
        let mut held: BTreeMap<Key, BTreeSet<usize>> = BTreeMap::new();
        for (at, region) in self.regions.iter().enumerate() {
            let ports = region.tables.ports(&region.store);
            for table in ports.tables {
                let page = ports.scan(table, None, 10_000).await.expect("a store can be read");
                page.items.iter().for_each(|item| _ = held.entry(item.key()).or_default().insert(at));
            }
        }
        held.into_iter().filter(|(_, regions)| regions.len() < self.regions.len()).collect()
    }

    /// Checks all invariants once messages have stopped.
    ///
    /// # Panics
    /// If an invariant is violated.
    pub async fn check_invariants(&self) {
        self.observe().await;
        let digests = self.digests().await;
        let agree = digests.iter().all(|digest| *digest == digests[0]);
        let differing = if agree { Vec::new() } else { self.differing().await };
        assert!(agree, "1: regions differ: {digests:?}, in {differing:?}");
        assert_eq!(digests[0].missing_keys, 0, "7: some region's entry is missing");
        let mut contents = Vec::new();
        for region in &self.regions {
            let records = scan(region).await;
            self.check_acknowledged(region, &records);
            check_tombstones(region, &records);
            self.check_ownerships(region, &records).await;
            check_linked_accounts(region, &records).await;
            check_readable(region, &records).await;
            contents.push(records);
        }
        assert!(contents.iter().all(|records| *records == contents[0]), "1: equal digests over different bytes");
        self.check_journals(&contents[0]).await;
        self.check_audit().await;
        self.check_items().await;
        self.check_queues().await;
    }

    /// 2: records each region's versions, and checks that none went backwards since the last call.
    pub(super) async fn observe(&self) {
        for region in &self.regions {
            for ((id, part), record) in scan(region).await {
                let mut known = self.known();
                known.indexes.extend(record.ownerships().keys());
                let seen = known.seen.entry((region.name.clone(), id, part)).or_insert_with(|| record.version.clone());
                assert!(record.version >= *seen, "2: {part} of {id} went backwards in {}", region.name);
                *seen = record.version;
            }
        }
    }

    /// Every chain of the audit trail is whole, and the same in every region.
    async fn check_audit(&self) {
        let key = self.regions[0].secrets().audit_key();
        let check = Check { key: Some(key), region: None, dropped_before: Millis(0) };
        let mut first = None;
        for region in &self.regions {
            let mut rows: BTreeMap<(UserId, String), LogRow> = BTreeMap::new();
            let mut after = None;
            loop {
                let page = region.tables.logs.scan_rows(Log::Audit, after, 500).await.expect("a store can be read");
                rows.extend(page.rows.into_iter().map(|row| ((row.user, row.key.clone()), row)));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let users: BTreeSet<UserId> = rows.keys().map(|(user, _)| *user).collect();
            for user in users {
                let of_user = rows.iter().filter(|((other, _), _)| *other == user);
                let own: Vec<LogRow> = of_user.map(|(_, row)| row.clone()).collect();
                assert_eq!(check.of(&own), [], "the audit trail of {user} in {}", region.name);
            }
            let first = first.get_or_insert_with(|| rows.clone());
            let other = rows.iter().find(|(key, row)| first.get(key) != Some(row)).map(|(key, _)| key);
            assert_eq!(other, None, "the audit trail of {} differs", region.name);
            assert_eq!(rows.len(), first.len(), "the audit trail of {} lacks rows", region.name);
        }
    }

    /// Records identifiers that were owned at some time, to check that no ownership of them remains.
    pub fn note_owned(&self, indexes: impl IntoIterator<Item = BlindIndex>) {
        self.known().indexes.extend(indexes);
    }

    /// Records the version that the API acknowledged in its answer.
    pub fn acknowledge_version(&self, version: &PersonVersion) {
        for user in version.users() {
            self.acknowledge_part(user.id, Part::Profile, &user.profile);
            self.acknowledge_part(user.id, Part::Credentials, &user.credentials);
        }
    }

    fn acknowledge_part(&self, id: UserId, part: Part, version: &Version) {
        let mut known = self.known();
        let newest = known.acknowledged.entry((id, part));
        newest.and_modify(|newest| *newest = version.max(newest).clone()).or_insert_with(|| version.clone());
    }

    /// 3: every acknowledged write is present or dominated.
    fn check_acknowledged(&self, region: &WorldRegion, records: &Records) {
        for ((id, part), version) in &self.known().acknowledged {
            let stored = records.get(&(*id, *part)).map(|record| &record.version);
            let name = &region.name;
            assert!(
                stored >= Some(version),
                "3: {name} lost {part} of {id}: {version} was acknowledged, {stored:?} is stored"
            );
        }
    }

    /// 4 and 8: the ownerships of a region equal a rebuild from its users. Because the users are equal and the winner
    /// is computed from the ownerships, every identifier has at most one winner, and the same one in every region.
    async fn check_ownerships(&self, region: &WorldRegion, records: &Records) {
        let mut rebuilt: BTreeMap<BlindIndex, IdentifierItem> = BTreeMap::new();
        for ((id, _), record) in records {
            for (index, ownership) in record.ownerships() {
                let item = rebuilt.entry(*index).or_insert_with(|| IdentifierItem::unowned(*index));
                item.owners.insert(*id, ownership.clone());
            }
        }
        let indexes: Vec<BlindIndex> = self.known().indexes.iter().copied().collect();
        assert!(rebuilt.keys().all(|index| indexes.contains(index)), "8: an ownership of an unused identifier");
        let stored = region.tables.users.ownerships(&indexes).await.expect("a store can be read");
        for item in stored {
            let expected = rebuilt.get(&item.index).cloned().unwrap_or_else(|| IdentifierItem::unowned(item.index));
            assert_eq!(item, expected, "8: {} has other ownerships than its users", region.name);
        }
    }

    /// All users of a person have the same primary account in every region. Returns the primary account of each live
    /// user.
    pub async fn check_persons(&self, ids: &[UserId]) -> BTreeMap<UserId, UserId> {
        let (mut primaries, none) = (Vec::new(), BTreeSet::new());
        for region in &self.regions {
            let mut found = BTreeMap::new();
            for id in ids {
                let person =
                    umoja_store::person::read(&*region.tables.users, *id, &none).await.expect("a store can be read");
                let Some(person) = person else { continue };
                let primary = person.primary.id().expect("the primary account is live");
                for user in person.users().filter_map(Parts::id) {
                    let again = umoja_store::person::read(&*region.tables.users, user, &none)
                        .await
                        .expect("a store can be read");
                    let again = again.expect("users of a person are live");
                    assert_eq!(
                        (&again.primary, &again.linked_accounts),
                        (&person.primary, &person.linked_accounts),
                        "the person of {user}"
                    );
                }
                found.insert(*id, primary);
            }
            primaries.push(found);
        }
        assert!(primaries.iter().all(|found| *found == primaries[0]), "primary accounts differ: {primaries:?}");
        primaries.swap_remove(0)
    }

    /// 1: the journals of all regions are equal too.
    async fn check_journals(&self, records: &Records) {
        for (id, _) in records.keys().filter(|(_, part)| *part == Part::Profile) {
            let mut journals = Vec::new();
            for region in &self.regions {
                journals.push(region.tables.logs.rows(Log::Journal, *id).await.expect("a store can be read"));
            }
            assert!(journals.iter().all(|rows| *rows == journals[0]), "1: the journals of {id} differ: {journals:?}");
        }
    }

    /// Checks that all queues and dead-letter queues are empty.
    async fn check_queues(&self) {
        use umoja_store::ports::Queue as _;
        for region in &self.regions {
            for name in region.working_queues() {
                let depth = region.store.queue(&name).depth().await.expect("a queue can be counted");
                assert_eq!((depth.waiting, depth.in_flight, depth.dead), (0, 0, 0), "{name} of {}", region.name);
            }
        }
    }
}

type Records = BTreeMap<(UserId, Part), PartRecord>;

async fn scan(region: &WorldRegion) -> Records {
    let (mut records, mut after) = (Records::new(), None);
    loop {
        let page = region.tables.users.scan(after, 500).await.expect("a store can be read");
        records.extend(page.records.into_iter().map(|record| ((record.id, record.part), record)));
        match page.next {
            Some(next) => after = Some(next),
            None => return records,
        }
    }
}

/// 8: the linked accounts equal a rebuild from the users.
async fn check_linked_accounts(region: &WorldRegion, records: &Records) {
    let mut rebuilt: BTreeMap<UserId, Vec<UserId>> = BTreeMap::new();
    for ((id, _), record) in records {
        rebuilt.entry(*id).or_default();
        if let Some(primary) = record.profile_facts().and_then(|facts| facts.merged_into) {
            rebuilt.entry(primary).or_default().push(*id);
        }
    }
    for (primary, expected) in rebuilt {
        let stored = region.tables.users.linked_accounts(primary).await.expect("a store can be read");
        assert_eq!(stored, expected, "8: {} has other linked accounts of {primary} than its users", region.name);
    }
}

/// 5: no live part is under a tombstone.
fn check_tombstones(region: &WorldRegion, records: &Records) {
    for (id, part) in records.iter().filter(|(_, record)| record.version.erased).map(|(key, _)| *key) {
        for other in Part::ALL {
            let live = records.get(&(id, other)).is_some_and(|record| record.live().is_some());
            assert!(!live, "5: {other} of {id} lives in {} although {part} is erased", region.name);
        }
    }
}

/// 7: the region decrypts every live part, even when no other region's KMS answers.
async fn check_readable(region: &WorldRegion, records: &Records) {
    let alone = Home { peers: Vec::new(), ..region.home.clone() };
    let sealer = Sealer::new(KeyRing::new(&alone, 0), Arc::clone(&alone.entropy));
    for ((id, part), record) in records.iter().filter(|(_, record)| record.live().is_some()) {
        let opened = match part {
            Part::Profile => sealer.open::<Identity>(record).await.map(drop),
            Part::Credentials => sealer.open::<Credentials>(record).await.map(drop),
        };
        assert_eq!(opened, Ok(()), "7: {} cannot read {part} of {id}", region.name);
    }
}
