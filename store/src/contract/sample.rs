//! Records for tests of stores: made of small numbers, never the same twice unless the numbers are.

use std::collections::BTreeMap;

use umoja_schema::names::attribute;
use umoja_schema::replicated::{self, Erasure, Proof, Rule};
use umoja_schema::{
    AccountStatus, Attribute, Attributes, BlindIndex, Body, Claim, ClaimItem, Facts, Hlc, IdentifierKind, Live, LogRow,
    Millis, Part, PartRecord, ProfileFacts, Region, Replicated, SealedData, UserId, Version, VersionedItem,
};

use crate::ports::{ClaimWrite, Commit, Condition, ItemWrite, PartWrite, Users, Writes};

/// A replicated table that only tests have: of the rule that no table of a deployment follows yet.
pub static SAMPLE: Replicated = Replicated {
    name: "sample",
    sort_key: attribute::KEY,
    rule: Rule::NewestWins,
    proof: Proof::None,
    erasure: Erasure::Deleted,
};

/// The replicated tables of a deployment, and [`SAMPLE`].
pub static TABLES: [&Replicated; replicated::ALL.len() + 1] = {
    let mut tables = [&SAMPLE; replicated::ALL.len() + 1];
    let mut at = 0;
    while at < replicated::ALL.len() {
        tables[at] = replicated::ALL[at];
        at += 1;
    }
    tables
};

/// The region that writes in these tests.
pub const HERE: &str = "eu-west-1";

pub fn region(name: &str) -> Region {
    name.parse().unwrap()
}

pub fn user(n: u8) -> UserId {
    UserId::v8([n; 16])
}

pub fn index(n: u8) -> BlindIndex {
    BlindIndex::new([n; 32])
}

/// The live version of a millisecond.
pub fn version(ms: u64) -> Version {
    version_of(ms, HERE)
}

pub fn version_of(ms: u64, origin: &str) -> Version {
    Version { erased: false, hlc: Hlc::at(Millis(ms)), origin: region(origin) }
}

pub fn erased(ms: u64) -> Version {
    Version { erased: true, ..version(ms) }
}

/// An envelope that only this version has, in a shape like the real one.
fn envelope(version: &Version) -> SealedData {
    let info = format!("sealed under {version}").into_bytes();
    SealedData(Attributes::from([
        ("fmt".into(), 1u64.into()),
        (attribute::MID.into(), Attribute::B([version.to_string().into_bytes(), vec![0; 32]].concat()[..32].to_vec())),
        ("info".into(), info.into()),
    ]))
}

fn live(version: &Version, facts: Facts) -> Body {
    let keys = BTreeMap::from([(region(HERE), vec![7; 97])]);
    Body::Live(Box::new(Live { data: envelope(version), keys, facts }))
}

/// A profile part without claims.
pub fn profile(id: UserId, version: Version) -> PartRecord {
    claiming(id, version, [])
}

/// A profile part with claims.
pub fn claiming(id: UserId, version: Version, claims: impl IntoIterator<Item = (BlindIndex, Claim)>) -> PartRecord {
    let facts = Facts::Profile(ProfileFacts {
        created_at: Millis(1),
        claims: claims.into_iter().collect(),
        links: BTreeMap::from([("acme".parse().unwrap(), Millis(1))]),
        merged_into: None,
    });
    PartRecord { id, part: Part::Profile, body: live(&version, facts), version, unknown: Attributes::new() }
}

pub fn credentials(id: UserId, version: Version) -> PartRecord {
    let facts = Facts::Credentials { status: AccountStatus::Active };
    PartRecord { id, part: Part::Credentials, body: live(&version, facts), version, unknown: Attributes::new() }
}

/// Attributes of every type that DynamoDB has.
pub fn every_type() -> Attributes {
    let scalars = Attributes::from([
        ("s".into(), "text".into()),
        ("n".into(), Attribute::N("-12.5".into())),
        ("b".into(), vec![0, 255].into()),
        ("bool".into(), false.into()),
        ("null".into(), Attribute::Null),
        ("ss".into(), Attribute::Ss(vec!["only".into()])),
        ("ns".into(), Attribute::Ns(vec!["3".into()])),
        ("bs".into(), Attribute::Bs(vec![vec![1]])),
    ]);
    let nested = Attribute::L(vec![Attribute::M(scalars.clone()), Attribute::L(vec![]), "last".into()]);
    let mut all = scalars;
    all.insert("l".into(), nested);
    all
}

/// An unverified claim on an e-mail address.
pub fn claim(at: u64) -> Claim {
    Claim {
        kind: IdentifierKind::Email,
        key_version: 1,
        claimed_at: Millis(at),
        region: region(HERE),
        verified: false,
        company: None,
        unknown: Attributes::new(),
    }
}

/// The claims on an identifier.
pub fn claimed(n: u8, claimants: impl IntoIterator<Item = (UserId, Claim)>) -> ClaimItem {
    ClaimItem { index: index(n), claimants: claimants.into_iter().collect() }
}

pub fn unclaimed(n: u8) -> ClaimItem {
    ClaimItem::unclaimed(index(n))
}

pub fn part_write(record: PartRecord, condition: Condition) -> PartWrite {
    PartWrite { record, condition }
}

pub fn claim_write(before: ClaimItem, after: ClaimItem) -> ClaimWrite {
    ClaimWrite { before, after }
}

pub fn row(user: UserId, key: &str) -> LogRow {
    LogRow {
        user,
        key: key.into(),
        at: Hlc::at(Millis(5)),
        origin: region(HERE),
        kind: "test".into(),
        fields: Attributes::from([("note".into(), key.into())]),
    }
}

/// An item of [`SAMPLE`].
pub fn item(user: UserId, key: &str, version: Version) -> VersionedItem {
    let fields = Attributes::from([("note".into(), format!("{key} under {version}").into())]);
    VersionedItem { table: &SAMPLE, user, key: key.into(), version, fields, unknown: Attributes::new() }
}

/// Commits one item.
pub async fn put_item(users: &dyn Users, item: &VersionedItem, condition: Condition) -> Commit {
    let items = vec![ItemWrite { item: item.clone(), condition }];
    users.commit(&Writes { items, ..Writes::default() }).await.unwrap()
}

/// Commits one part.
pub async fn put(users: &dyn Users, record: &PartRecord, condition: Condition) -> Commit {
    let parts = vec![part_write(record.clone(), condition)];
    users.commit(&Writes { parts, ..Writes::default() }).await.unwrap()
}

/// Commits claims alone.
pub async fn put_claims(users: &dyn Users, claims: impl IntoIterator<Item = ClaimWrite>) -> Commit {
    users.commit(&Writes { claims: claims.into_iter().collect(), ..Writes::default() }).await.unwrap()
}

/// The claims on one identifier.
pub async fn claims_on(users: &dyn Users, n: u8) -> ClaimItem {
    users.claims(&[index(n)]).await.unwrap().remove(0)
}

/// The conflict that finds one part stored.
pub fn found(record: &PartRecord) -> Commit {
    Commit::Conflict { stored: vec![Some(record.clone())] }
}
