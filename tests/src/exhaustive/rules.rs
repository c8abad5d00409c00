//! A region's handling of a version and of a request, by the product's own code over the embedded store. Each step
//! starts with a new store that has the content of the region.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::world::{SeededEntropy, WorldClock, run};
use umoja_local::RegionStore;
use umoja_schema::names::attribute;
use umoja_schema::{
    Attribute, Attributes, BlindIndex, Body, Facts, Hlc, IdentifierItem, IdentifierKind, Live, Millis, Ownership, Part,
    PartRecord, ProfileFacts, Region, SealedData, UserId, Version,
};
use umoja_store::apply::{OwnershipChange, apply_replicated, commit_own, plan_linked_accounts, plan_ownerships_of};
use umoja_store::person::{self, Pointer, Seen, State, Step};
use umoja_store::ports::{Commit, Condition, IdentifierWrite, LinkedAccountWrite, PartWrite, Users as _, Writes};

/// The regions: the order of their names breaks ties.
pub(super) const REGIONS: [&str; 3] = ["a", "b", "c"];

/// The two users.
pub(super) fn users() -> [UserId; 2] {
    [1, 2].map(|n| UserId::v8([n; 16]))
}

/// The one e-mail address.
fn index() -> BlindIndex {
    BlindIndex::new([7; 32])
}

/// A region's content about the two users and the one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub parts: BTreeMap<UserId, PartRecord>,
    pub ownerships: IdentifierItem,
    pub linked_accounts: BTreeSet<(UserId, UserId)>,
}

/// A request to a region, at a time that its clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    pub user: usize,
    pub kind: Kind,
    pub clock: u64,
}

/// The requests. The API enforces uniqueness inside a region. Here no request is rejected, so that more is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// With the address, verified or not.
    Register {
        verified: bool,
    },
    /// The user drops the address.
    Release,
    /// The user adds the address.
    Ownership,
    /// A trusted company verifies the ownership.
    Verify,
    /// With all users of the person.
    Erase,
    /// Into the other user.
    Merge,
    Unmerge,
}

impl Kind {
    pub const ALL: [Self; 8] = [
        Self::Register { verified: false },
        Self::Register { verified: true },
        Self::Release,
        Self::Ownership,
        Self::Verify,
        Self::Erase,
        Self::Merge,
        Self::Unmerge,
    ];
}

/// The rules that are checked.
pub trait Rules {
    /// A version of a part arrives.
    fn copy(&self, held: &Held, incoming: &PartRecord) -> Held {
        run(Product::copy(held, incoming))
    }

    /// A request arrives. Returns the new content and the versions that are sent, `None` if the request does not apply.
    fn write(&self, region: &Region, held: &Held, request: Request) -> Option<(Held, Vec<PartRecord>)> {
        run(Product::write(region, held, request))
    }

    /// The primary account of a user's person. `None` if the user is not live.
    fn primary(&self, held: &Held, start: UserId) -> Option<UserId> {
        Product::primary(held, start)
    }
}

/// The product's rules.
pub struct Product;

impl Rules for Product {}

impl Held {
    /// No content.
    #[must_use]
    pub fn empty() -> Self {
        Self { parts: BTreeMap::new(), ownerships: IdentifierItem::unowned(index()), linked_accounts: BTreeSet::new() }
    }

    /// The user to which the pointer of a user leads.
    pub fn pointer(&self, user: UserId) -> Option<UserId> {
        self.parts.get(&user)?.profile_facts()?.merged_into
    }

    /// The same parts with ownerships and linked accounts derived from them again.
    #[must_use]
    pub fn rebuilt(&self) -> Self {
        let mut rebuilt = Self { parts: self.parts.clone(), ..Self::empty() };
        for (id, record) in &self.parts {
            rebuilt
                .ownerships
                .owners
                .extend(record.ownerships().get(&index()).map(|ownership| (*id, ownership.clone())));
            rebuilt.linked_accounts.extend(self.pointer(*id).map(|primary| (primary, *id)));
        }
        rebuilt
    }

    /// Bytes that only equal contents share.
    pub fn key(&self) -> Vec<u8> {
        let parts: Vec<_> = self.parts.values().map(PartRecord::to_item).collect();
        serde_json::to_vec(&(parts, self.ownerships.to_item(), &self.linked_accounts)).unwrap()
    }

    async fn store(&self) -> RegionStore {
        let (clock, entropy) = (Arc::new(WorldClock::new(Millis(1))), Arc::new(SeededEntropy::new(1)));
        let store = RegionStore::in_memory(REGIONS[0].parse().unwrap(), clock, entropy);
        let part = |record: &PartRecord| PartWrite { record: record.clone(), condition: Condition::Absent };
        let before = IdentifierItem::unowned(index());
        let ownerships =
            (self.ownerships != before).then(|| IdentifierWrite { before, after: self.ownerships.clone() });
        let linked = |(primary, linked): &(UserId, UserId)| LinkedAccountWrite {
            primary: *primary,
            linked: *linked,
            present: true,
        };
        let writes = Writes {
            parts: self.parts.values().map(part).collect(),
            ownerships: ownerships.into_iter().collect(),
            linked_accounts: self.linked_accounts.iter().map(linked).collect(),
            ..Writes::default()
        };
        assert_eq!(store.commit(&writes).await.unwrap(), Commit::Done);
        store
    }

    async fn of(store: &RegionStore) -> Self {
        let mut held = Self { ownerships: store.ownerships(&[index()]).await.unwrap().remove(0), ..Self::empty() };
        for id in users() {
            held.parts.extend(store.part(id, Part::Profile).await.unwrap().map(|record| (id, record)));
            held.linked_accounts
                .extend(store.linked_accounts(id).await.unwrap().into_iter().map(|linked| (id, linked)));
        }
        held
    }
}

impl Product {
    async fn copy(held: &Held, incoming: &PartRecord) -> Held {
        let store = held.store().await;
        apply_replicated(&store, incoming, store.region()).await.unwrap();
        Held::of(&store).await
    }

    async fn write(region: &Region, held: &Held, request: Request) -> Option<(Held, Vec<PartRecord>)> {
        let user = users()[request.user];
        let stored = held.parts.get(&user);
        let (mut changed, mut unchanged) = (Vec::new(), Vec::new());
        let store;
        match request.kind {
            Kind::Erase => {
                stored?.live()?;
                store = held.store().await;
                let none = BTreeSet::new();
                // The user to whom the pointer leads is erased too, even if no part of that user has arrived.
                for (id, parts) in person::read_to_erase(&store, user, &none, &none).await.unwrap() {
                    let stored = parts.profile.filter(|part| part.live().is_some());
                    if stored.is_some() || !held.parts.contains_key(&id) {
                        let version = next(region, request.clock, true, stored.as_ref());
                        changed.push(PartRecord::tombstone(id, Part::Profile, version));
                    }
                }
            }
            kind => {
                let facts = facts(region, stored, request)?;
                store = held.store().await;
                if kind == Kind::Merge {
                    let survivor = held.parts.get(&users()[1 - request.user]).filter(|part| part.live().is_some())?;
                    unchanged.push((survivor.id, survivor.version.clone()));
                }
                let version = next(region, request.clock, false, stored);
                let mid = serde_json::to_vec(&(format!("{kind:?}"), version.to_string())).unwrap();
                let data = SealedData(Attributes::from([(attribute::MID.into(), Attribute::B(mid))]));
                let keys = BTreeMap::from([(region.clone(), vec![1])]);
                let body = Body::Live(Box::new(Live { data, keys, facts: Facts::Profile(facts) }));
                changed.push(PartRecord { id: user, part: Part::Profile, version, body, unknown: Attributes::new() });
            }
        }
        let mut writes = Writes { unchanged, ..Writes::default() };
        let none = BTreeMap::new();
        let mut ownerships = Vec::new();
        for record in &changed {
            let stored = held.parts.get(&record.id);
            let condition = stored.map_or(Condition::Absent, |stored| Condition::VersionIs(stored.version.clone()));
            writes.parts.push(PartWrite { record: record.clone(), condition });
            writes.linked_accounts.extend(plan_linked_accounts(stored, record));
            let before = stored.map_or(&none, PartRecord::ownerships);
            ownerships.push(OwnershipChange { id: record.id, before, after: record.ownerships() });
        }
        writes.ownerships = plan_ownerships_of(&store, &ownerships).await.unwrap();
        assert_eq!(commit_own(&store, &writes).await.unwrap(), Commit::Done);
        Some((Held::of(&store).await, changed))
    }

    fn primary(held: &Held, start: UserId) -> Option<UserId> {
        let seen = |id: UserId| {
            let state = match held.parts.get(&id) {
                None => State::Absent,
                Some(record) => record.profile_facts().map_or(State::Erased, |facts| {
                    State::Live(Pointer { created_at: facts.created_at, merged_into: facts.merged_into })
                }),
            };
            let linked_accounts =
                held.linked_accounts.iter().filter(|(primary, _)| *primary == id).map(|(_, linked)| *linked).collect();
            (id, Seen { state, linked_accounts })
        };
        match person::step(start, &users().map(seen).into()).unwrap() {
            Step::Found(person) => Some(person.primary),
            Step::NotLive => None,
            Step::Read(_) => unreachable!("both users are known"),
        }
    }
}

fn next(region: &Region, clock: u64, erased: bool, stored: Option<&PartRecord>) -> Version {
    let hlc = Hlc::next(Millis(clock), stored.map(|stored| stored.version.hlc)).unwrap();
    Version { erased, hlc, origin: region.clone() }
}

/// The facts that a request creates. `None` if the request does not apply.
fn facts(region: &Region, stored: Option<&PartRecord>, request: Request) -> Option<ProfileFacts> {
    let now = Millis(request.clock);
    let ownership = |verified| Ownership {
        kind: IdentifierKind::Email,
        key_version: 1,
        owned_since: now,
        region: region.clone(),
        verified,
        company: None,
        unknown: Attributes::new(),
    };
    if let Kind::Register { verified } = request.kind {
        let ownerships = BTreeMap::from([(index(), ownership(verified))]);
        let facts = ProfileFacts { created_at: now, ownerships, links: BTreeMap::new(), merged_into: None };
        return stored.is_none().then_some(facts);
    }
    let mut facts = stored?.profile_facts()?.clone();
    match request.kind {
        Kind::Release => drop(facts.ownerships.remove(&index())?),
        Kind::Ownership => {
            if facts.ownerships.insert(index(), ownership(false)).is_some() {
                return None;
            }
        }
        Kind::Verify => {
            let had = facts.ownerships.get_mut(&index()).filter(|had| !had.verified)?;
            had.verified = true;
        }
        Kind::Merge => {
            if facts.merged_into.replace(users()[1 - request.user]).is_some() {
                return None;
            }
        }
        Kind::Unmerge => drop(facts.merged_into.take()?),
        Kind::Register { .. } | Kind::Erase => unreachable!("written elsewhere"),
    }
    Some(facts)
}
