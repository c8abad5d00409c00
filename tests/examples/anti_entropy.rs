//! Measures the time and the memory of a comparison of two equal regions:
//! `cargo run --release -p umoja-tests --example anti_entropy -- [users] [directory]`.
//!
//! Two regions on durable local stores hold the same users, two parts of about 2 KB and two ownerships each. Then one
//! region is compared with the other, and its users with the table of ownerships, without pauses. Then the regions are
//! compared again after a hundred users were changed in one region only.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use umoja_host::{OsEntropy, SystemClock};
use umoja_local::{Options, RegionStore};
use umoja_reconciler::AntiEntropy;
use umoja_schema::{
    AccountStatus, Attribute, Attributes, BlindIndex, Body, Facts, Hlc, IdentifierItem, IdentifierKind, Link, Live,
    Millis, Ownership, Part, PartRecord, ProfileFacts, Region, SealedData, UserId, Version,
};
use umoja_store::ports::{Commit, Condition, IdentifierWrite, PartWrite, Users as _, Writes};

const CHANGED: u64 = 100;

fn region(name: &str) -> Region {
    name.parse().expect("a region")
}

fn ownership(n: u64, kind: u8) -> (BlindIndex, Ownership) {
    let mut bytes = [kind; 32];
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let ownership = Ownership {
        kind: IdentifierKind::Email,
        key_version: 1,
        owned_since: Millis(1),
        region: region("eu-west-1"),
        verified: true,
        company: None,
        unknown: Attributes::new(),
    };
    (BlindIndex::new(bytes), ownership)
}

fn record(n: u64, part: Part, ms: u64) -> PartRecord {
    let data = SealedData(Attributes::from([("info".into(), Attribute::B(vec![7; 1500]))]));
    let keys = ["eu-west-1", "us-east-1"].map(|name| (region(name), vec![7; 184])).into();
    let facts = match part {
        Part::Credentials => Facts::Credentials { status: AccountStatus::Active },
        Part::Profile => Facts::Profile(ProfileFacts {
            created_at: Millis(1),
            ownerships: [ownership(n, 1), ownership(n, 2)].into(),
            links: [("acme".parse().expect("a company"), Link::since(Millis(1)))].into(),
            merged_into: None,
        }),
    };
    PartRecord {
        id: UserId::v7(n, [n.to_be_bytes()[7]; 10]),
        part,
        version: Version { erased: false, hlc: Hlc::at(Millis(ms)), origin: region("eu-west-1") },
        body: Body::Live(Box::new(Live { data, keys, facts })),
        unknown: Attributes::new(),
    }
}

async fn fill(store: &RegionStore, users: u64) {
    let mut writing = tokio::task::JoinSet::new();
    for n in 0..users {
        let store = store.clone();
        writing.spawn(async move {
            let write = |part| PartWrite { record: record(n, part, 1000), condition: Condition::Absent };
            let ownerships = [1, 2].map(|kind| {
                let (index, ownership) = ownership(n, kind);
                let before = IdentifierItem::unowned(index);
                let id = UserId::v7(n, [n.to_be_bytes()[7]; 10]);
                IdentifierWrite { after: before.with(id, Some(&ownership)).expect("an ownership"), before }
            });
            let writes =
                Writes { parts: Part::ALL.map(write).into(), ownerships: ownerships.into(), ..Writes::default() };
            assert_eq!(store.commit(&writes).await, Ok(Commit::Done));
        });
        while writing.len() >= 256 {
            writing.join_next().await;
        }
    }
    writing.join_all().await;
}

/// The peak and the current memory of the process, in MB (Linux).
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? / 1024)
    };
    format!("{:?} MB now, {:?} MB at most", of("VmRSS").unwrap_or(0), of("VmHWM").unwrap_or(0))
}

async fn timed(what: &str, mut pass: AntiEntropy<'_>) {
    let begin = Instant::now();
    while !pass.is_done() {
        pass.step().await.expect("local stores answer");
    }
    let report = pass.report();
    println!(
        "{what}: {:.2} s; {} and {} items, {} buckets differ, {} differences, {} repaired; {}",
        begin.elapsed().as_secs_f64(),
        report.own,
        report.other,
        report.differing,
        report.found,
        report.repaired,
        memory()
    );
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let users: u64 = arguments.next().map_or(100_000, |text| text.parse().expect("a number of users"));
    let directory =
        arguments.next().unwrap_or_else(|| std::env::temp_dir().join("umoja-anti-entropy").display().to_string());
    let open = |name: &str| {
        let path = Path::new(&directory).join(name);
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        RegionStore::create(&path, region(name), clock, entropy, Options::default()).expect("a directory")
    };
    let (own, peer) = (open("eu-west-1"), open("us-east-1"));
    let home = own.home([peer.ports()], Arc::new(SystemClock), Arc::new(OsEntropy));
    println!("{users} users in each of two regions in {directory}; {}", memory());
    fill(&own, users).await;
    fill(&peer, users).await;
    println!("filled; {}", memory());
    let with_peer = || AntiEntropy::with_peer(&home, peer.region()).expect("the peer");
    timed("two equal regions", with_peer()).await;
    timed("users and ownerships", AntiEntropy::within(&home)).await;
    for n in 0..CHANGED.min(users) {
        let write = PartWrite { record: record(n, Part::Credentials, 2000), condition: Condition::Older };
        let writes = Writes { parts: vec![write], ..Writes::default() };
        assert_eq!(own.commit(&writes).await, Ok(Commit::Done));
    }
    timed("after changes in one of them", with_peer()).await;
    timed("and once more", with_peer()).await;
}
