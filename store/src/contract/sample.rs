//! Records for tests of stores. They are made of small numbers, and are equal only if the numbers are.

use std::collections::BTreeMap;

use umoja_schema::names::attribute;
use umoja_schema::replicated::{self, Erasure, Rule};
use umoja_schema::{
    AccountStatus, Attribute, Attributes, BlindIndex, Body, Facts, Hlc, IdentifierItem, IdentifierKind, Link, Live,
    LogRow, Millis, Ownership, Part, PartRecord, ProfileFacts, Region, Replicated, SealedData, UserId, Version,
    VersionedItem,
};

use crate::ports::{Commit, Condition, IdentifierWrite, ItemWrite, PartWrite, Users, Writes};

/// A replicated table that exists only in tests, with the rule that no table of a deployment uses yet.
pub static SAMPLE: Replicated = Replicated {
    name: "sample",
    sort_key: attribute::KEY,
    rule: Rule::NewestWins,
    chained: false,
    erasure: Erasure::Deleted,
    ttl: Some(attribute::EXPIRES_AT),
    ends: true,
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

/// A live version with this time.
pub fn version(ms: u64) -> Version {
    version_of(ms, HERE)
}

pub fn version_of(ms: u64, origin: &str) -> Version {
    Version { erased: false, hlc: Hlc::at(Millis(ms)), origin: region(origin) }
}

pub fn erased(ms: u64) -> Version {
    Version { erased: true, ..version(ms) }
}

/// An envelope that is unique to its version, in a realistic shape.
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

/// A profile part without ownerships.
pub fn profile(id: UserId, version: Version) -> PartRecord {
    owning(id, version, [])
}

/// A profile part with ownerships.
pub fn owning(
    id: UserId,
    version: Version,
    ownerships: impl IntoIterator<Item = (BlindIndex, Ownership)>,
) -> PartRecord {
    let facts = Facts::Profile(ProfileFacts {
        created_at: Millis(1),
        ownerships: ownerships.into_iter().collect(),
        links: BTreeMap::from([("acme".parse().unwrap(), Link::since(Millis(1)))]),
        merged_into: None,
    });
    PartRecord { id, part: Part::Profile, body: live(&version, facts), version, unknown: Attributes::new() }
}

pub fn credentials(id: UserId, version: Version) -> PartRecord {
    let facts = Facts::Credentials { status: AccountStatus::Active };
    PartRecord { id, part: Part::Credentials, body: live(&version, facts), version, unknown: Attributes::new() }
}

/// Attributes of every type of DynamoDB.
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

/// An unverified ownership of an e-mail address.
pub fn ownership(at: u64) -> Ownership {
    Ownership {
        kind: IdentifierKind::Email,
        key_version: 1,
        owned_since: Millis(at),
        region: region(HERE),
        verified: false,
        company: None,
        unknown: Attributes::new(),
    }
}

/// The ownerships of an identifier.
pub fn owned(n: u8, owners: impl IntoIterator<Item = (UserId, Ownership)>) -> IdentifierItem {
    IdentifierItem { index: index(n), owners: owners.into_iter().collect() }
}

pub fn unowned(n: u8) -> IdentifierItem {
    IdentifierItem::unowned(index(n))
}

pub fn part_write(record: PartRecord, condition: Condition) -> PartWrite {
    PartWrite { record, condition }
}

pub fn identifier_write(before: IdentifierItem, after: IdentifierItem) -> IdentifierWrite {
    IdentifierWrite { before, after }
}

pub fn row(user: UserId, key: &str) -> LogRow {
    LogRow {
        user,
        key: key.into(),
        at: Hlc::at(Millis(5)),
        origin: region(HERE),
        kind: "test".into(),
        fields: Attributes::from([("note".into(), key.into())]),
        unknown: Attributes::new(),
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

/// Commits ownerships alone.
pub async fn put_identifiers(users: &dyn Users, ownerships: impl IntoIterator<Item = IdentifierWrite>) -> Commit {
    users.commit(&Writes { ownerships: ownerships.into_iter().collect(), ..Writes::default() }).await.unwrap()
}

/// The ownerships of one identifier.
pub async fn ownerships_on(users: &dyn Users, n: u8) -> IdentifierItem {
    users.ownerships(&[index(n)]).await.unwrap().remove(0)
}

/// The conflict with one stored part.
pub fn found(record: &PartRecord) -> Commit {
    Commit::Conflict { stored: vec![Some(record.clone())] }
}
