//! What one region does with a copy and with a request: the product's own code over the embedded store. Each step starts
//! from a store of its own that holds what the region held.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use umoja_local::RegionStore;
use umoja_schema::names::attribute;
use umoja_schema::{
    Attribute, Attributes, BlindIndex, Body, Claim, ClaimItem, Facts, Hlc, IdentifierKind, Live, Millis, Part,
    PartRecord, ProfileFacts, Region, SealedData, UserId, Version,
};
use umoja_store::apply::{ClaimChange, apply_copy, commit_own, plan_claims_of, plan_members};
use umoja_store::group::{self, Pointer, Seen, State, Step};
use umoja_store::ports::{ClaimWrite, Commit, Condition, MemberWrite, PartWrite, Users as _, Writes};
use umoja_tests::world::{SeededEntropy, WorldClock, run};

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

/// What a region holds of the two users and the one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) parts: BTreeMap<UserId, PartRecord>,
    pub(super) claims: ClaimItem,
    pub(super) members: BTreeSet<(UserId, UserId)>,
}

/// A request to a region, at a time that its clock shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) user: usize,
    pub(super) kind: Kind,
    pub(super) clock: u64,
}

/// What is asked for. Uniqueness inside a region is the API's to refuse: here nothing is, so that more is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// With the address, verified or not.
    Register {
        verified: bool,
    },
    /// The user gives the address up.
    Release,
    /// The user takes the address.
    Claim,
    /// A trusted company verifies the claim.
    Verify,
    /// With everybody who is merged with the user.
    Erase,
    /// Into the other user.
    Merge,
    Unmerge,
}

impl Kind {
    pub(super) const ALL: [Self; 8] = [
        Self::Register { verified: false },
        Self::Register { verified: true },
        Self::Release,
        Self::Claim,
        Self::Verify,
        Self::Erase,
        Self::Merge,
        Self::Unmerge,
    ];
}

/// The rules that are checked.
pub(super) trait Rules {
    /// A copy of a part arrives.
    fn copy(&self, held: &Held, incoming: &PartRecord) -> Held {
        run(Product::copy(held, incoming))
    }

    /// A request arrives: what the region holds then and what it sends; nothing if the request does not apply.
    fn write(&self, region: &Region, held: &Held, request: Request) -> Option<(Held, Vec<PartRecord>)> {
        run(Product::write(region, held, request))
    }

    /// Who is the root of a user's person; nothing if the user is not live.
    fn root(&self, held: &Held, start: UserId) -> Option<UserId> {
        Product::root(held, start)
    }
}

/// The product's rules.
pub(super) struct Product;

impl Rules for Product {}

impl Held {
    /// Nothing.
    pub(super) fn nothing() -> Self {
        Self { parts: BTreeMap::new(), claims: ClaimItem::unclaimed(index()), members: BTreeSet::new() }
    }

    /// The user that a pointer of a user names.
    pub(super) fn pointer(&self, user: UserId) -> Option<UserId> {
        self.parts.get(&user)?.profile_facts()?.merged_into
    }

    /// The same parts with claims and members derived from them anew.
    pub(super) fn rebuilt(&self) -> Self {
        let mut rebuilt = Self { parts: self.parts.clone(), ..Self::nothing() };
        for (id, record) in &self.parts {
            rebuilt.claims.claimants.extend(record.claims().get(&index()).map(|claim| (*id, claim.clone())));
            rebuilt.members.extend(self.pointer(*id).map(|root| (root, *id)));
        }
        rebuilt
    }

    /// Bytes that only equal contents share.
    pub(super) fn key(&self) -> Vec<u8> {
        let parts: Vec<_> = self.parts.values().map(PartRecord::to_item).collect();
        serde_json::to_vec(&(parts, self.claims.to_item(), &self.members)).unwrap()
    }

    async fn store(&self) -> RegionStore {
        let (clock, entropy) = (Arc::new(WorldClock::new(Millis(1))), Arc::new(SeededEntropy::new(1)));
        let store = RegionStore::in_memory(REGIONS[0].parse().unwrap(), clock, entropy);
        let part = |record: &PartRecord| PartWrite { record: record.clone(), condition: Condition::Absent };
        let before = ClaimItem::unclaimed(index());
        let claims = (self.claims != before).then(|| ClaimWrite { before, after: self.claims.clone() });
        let member = |(root, member): &(UserId, UserId)| MemberWrite { root: *root, member: *member, present: true };
        let writes = Writes {
            parts: self.parts.values().map(part).collect(),
            claims: claims.into_iter().collect(),
            members: self.members.iter().map(member).collect(),
            ..Writes::default()
        };
        assert_eq!(store.commit(&writes).await.unwrap(), Commit::Done);
        store
    }

    async fn of(store: &RegionStore) -> Self {
        let mut held = Self { claims: store.claims(&[index()]).await.unwrap().remove(0), ..Self::nothing() };
        for id in users() {
            held.parts.extend(store.part(id, Part::Profile).await.unwrap().map(|record| (id, record)));
            held.members.extend(store.members(id).await.unwrap().into_iter().map(|member| (id, member)));
        }
        held
    }
}

impl Product {
    async fn copy(held: &Held, incoming: &PartRecord) -> Held {
        let store = held.store().await;
        apply_copy(&store, incoming, store.region()).await.unwrap();
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
                // Somebody at whom the user points is erased as well, although nothing of them may have arrived.
                for (id, parts) in group::read_to_erase(&store, user, &none, &none).await.unwrap() {
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
        let mut claims = Vec::new();
        for record in &changed {
            let stored = held.parts.get(&record.id);
            let condition = stored.map_or(Condition::Absent, |stored| Condition::VersionIs(stored.version.clone()));
            writes.parts.push(PartWrite { record: record.clone(), condition });
            writes.members.extend(plan_members(stored, record));
            let before = stored.map_or(&none, PartRecord::claims);
            claims.push(ClaimChange { id: record.id, before, after: record.claims() });
        }
        writes.claims = plan_claims_of(&store, &claims).await.unwrap();
        assert_eq!(commit_own(&store, &writes).await.unwrap(), Commit::Done);
        Some((Held::of(&store).await, changed))
    }

    fn root(held: &Held, start: UserId) -> Option<UserId> {
        let seen = |id: UserId| {
            let state = match held.parts.get(&id) {
                None => State::Absent,
                Some(record) => record.profile_facts().map_or(State::Erased, |facts| {
                    State::Live(Pointer { created_at: facts.created_at, merged_into: facts.merged_into })
                }),
            };
            let members = held.members.iter().filter(|(root, _)| *root == id).map(|(_, member)| *member).collect();
            (id, Seen { state, members })
        };
        match group::step(start, &users().map(seen).into()).unwrap() {
            Step::Found(group) => Some(group.root),
            Step::Nobody => None,
            Step::Read(_) => unreachable!("everybody is known"),
        }
    }
}

fn next(region: &Region, clock: u64, erased: bool, stored: Option<&PartRecord>) -> Version {
    let hlc = Hlc::next(Millis(clock), stored.map(|stored| stored.version.hlc)).unwrap();
    Version { erased, hlc, origin: region.clone() }
}

/// The facts that a request makes; nothing if it does not apply.
fn facts(region: &Region, stored: Option<&PartRecord>, request: Request) -> Option<ProfileFacts> {
    let now = Millis(request.clock);
    let claim = |verified| Claim {
        kind: IdentifierKind::Email,
        key_version: 1,
        claimed_at: now,
        region: region.clone(),
        verified,
        company: None,
        unknown: Attributes::new(),
    };
    if let Kind::Register { verified } = request.kind {
        let claims = BTreeMap::from([(index(), claim(verified))]);
        let facts = ProfileFacts { created_at: now, claims, links: BTreeMap::new(), merged_into: None };
        return stored.is_none().then_some(facts);
    }
    let mut facts = stored?.profile_facts()?.clone();
    match request.kind {
        Kind::Release => drop(facts.claims.remove(&index())?),
        Kind::Claim => {
            if facts.claims.insert(index(), claim(false)).is_some() {
                return None;
            }
        }
        Kind::Verify => {
            let had = facts.claims.get_mut(&index()).filter(|had| !had.verified)?;
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
