//! Measures the local store: `cargo run --release -p umoja-local --example rates -- [users] [directory]`.
//!
//! Fills a store with users (two parts of about 2 KB and two ownerships each, in one transaction), then measures
//! durable registrations and updates by 1, 16 and 64 clients, look-ups, seen-request rows and queue messages for 3 s
//! each.

#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::disallowed_methods, reason = "a measurement")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement"
)]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use umoja_host::{OsEntropy, SystemClock};
use umoja_local::{Options, RegionStore};
use umoja_schema::{
    AccountStatus, Attribute, Attributes, BlindIndex, Body, Facts, Hlc, IdentifierItem, IdentifierKind, Key, Live,
    Millis, Ownership, Part, PartRecord, ProfileFacts, SealedData, UserId, Version,
};
use umoja_store::ports::{
    Commit, Condition, Entropy, IdentifierWrite, PartWrite, Queue as _, Requests as _, Users as _, Writes,
};

const TIME: Duration = Duration::from_secs(3);

fn id(n: u64) -> UserId {
    UserId::v7(1_700_000_000_000 + n, [n.to_be_bytes()[7]; 10])
}

fn index(n: u64, kind: u8) -> BlindIndex {
    let mut bytes = [kind; 32];
    // Spread evenly, like a keyed hash.
    bytes[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    BlindIndex::new(bytes)
}

fn ownership() -> Ownership {
    Ownership {
        kind: IdentifierKind::Email,
        key_version: 1,
        owned_since: Millis(1),
        region: "eu-west-1".parse().unwrap(),
        verified: true,
        company: None,
        unknown: Attributes::new(),
    }
}

fn record(n: u64, part: Part, ms: u64) -> PartRecord {
    let mut info = vec![0; 1500];
    OsEntropy.fill(&mut info);
    let data = SealedData(Attributes::from([
        ("fmt".into(), 1u64.into()),
        ("mid".into(), Attribute::B(vec![1; 32])),
        ("info".into(), info.into()),
    ]));
    let keys = ["eu-west-1", "af-south-1", "us-east-1"].map(|region| (region.parse().unwrap(), vec![2; 150]));
    let facts = match part {
        Part::Credentials => Facts::Credentials { status: AccountStatus::Active },
        Part::Profile => Facts::Profile(ProfileFacts {
            created_at: Millis(1),
            ownerships: BTreeMap::from([(index(n, 0), ownership()), (index(n, 1), ownership())]),
            links: BTreeMap::new(),
            merged_into: None,
        }),
    };
    let body = Body::Live(Box::new(Live { data, keys: keys.into(), facts }));
    let version = Version { erased: false, hlc: Hlc::at(Millis(ms)), origin: "eu-west-1".parse().unwrap() };
    PartRecord { id: id(n), part, version, body, unknown: Attributes::new() }
}

fn registration(n: u64) -> Writes {
    let part = |part| PartWrite { record: record(n, part, 1), condition: Condition::Absent };
    let owned = |kind| {
        let before = IdentifierItem::unowned(index(n, kind));
        let after = before.with(id(n), Some(&ownership())).unwrap();
        IdentifierWrite { before, after }
    };
    Writes { parts: Part::ALL.map(part).into(), ownerships: vec![owned(0), owned(1)], ..Writes::default() }
}

/// Runs `work` with growing numbers in `clients` tasks for a while.
async fn measure<W: Future<Output = ()> + Send>(
    name: &str,
    clients: usize,
    work: impl Fn(u64) -> W + Clone + Send + 'static,
) {
    let (next, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (next, work) = (Arc::clone(&next), work.clone());
        tasks.spawn(async move {
            let mut times = Vec::new();
            while start.elapsed() < TIME {
                let began = Instant::now();
                work(next.fetch_add(1, Ordering::Relaxed)).await;
                times.push(began.elapsed());
            }
            times
        });
    }
    let mut times = tasks.join_all().await.concat();
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_micros();
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    println!("{name:<28}{clients:>4} clients {rate:>9.0}/s   p50 {:>6} us   p99 {:>6} us", at(0.5), at(0.99));
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let users: u64 = arguments.next().map_or(1000, |users| users.parse().unwrap());
    let parent = arguments.next().map_or_else(std::env::temp_dir, Into::into);
    let dir = tempfile::tempdir_in(parent).unwrap();
    let region = "eu-west-1".parse().unwrap();
    let store = RegionStore::create(dir.path(), region, Arc::new(SystemClock), Arc::new(OsEntropy), Options::default())
        .unwrap();
    let began = Instant::now();
    let (next, mut fill) = (Arc::new(AtomicU64::new(0)), JoinSet::new());
    for _ in 0..128 {
        let (store, next) = (store.clone(), Arc::clone(&next));
        fill.spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= users {
                    break;
                }
                assert_eq!(store.commit(&registration(n)).await, Ok(Commit::Done));
            }
        });
    }
    fill.join_all().await;
    println!("{users} users in {:.1} s", began.elapsed().as_secs_f64());

    let ms = Arc::new(AtomicU64::new(2));
    for (round, clients) in (1..).zip([1, 16, 64]) {
        let to = store.clone();
        measure("register (2 parts, 2 ownerships)", clients, move |n| {
            let store = to.clone();
            async move { assert_eq!(store.commit(&registration((round << 40) + n)).await, Ok(Commit::Done)) }
        })
        .await;
        let (to, ms) = (store.clone(), Arc::clone(&ms));
        measure("update (1 part)", clients, move |n| {
            let store = to.clone();
            let ms = ms.fetch_add(1, Ordering::Relaxed);
            async move {
                let record = record(n.wrapping_mul(7919) % users, Part::Profile, ms);
                let parts = vec![PartWrite { record, condition: Condition::Older }];
                store.commit(&Writes { parts, ..Writes::default() }).await.unwrap();
            }
        })
        .await;
    }
    for clients in [1, 2, 8] {
        let to = store.clone();
        measure("read both parts", clients, move |n| {
            let store = to.clone();
            async move { assert!(store.parts(id(n.wrapping_mul(7919) % users)).await.unwrap().profile.is_some()) }
        })
        .await;
    }
    let to = store.clone();
    measure("read an ownership", 2, move |n| {
        let store = to.clone();
        async move { drop(store.ownerships(&[index(n.wrapping_mul(7919) % users, 0)]).await.unwrap()) }
    })
    .await;
    for clients in [1, 16, 64] {
        let to = store.clone();
        measure("first use of a request", clients, move |n| {
            let (store, hash) = (to.clone(), OsEntropy.draw());
            async move { assert_eq!(store.first_use(&hash, Millis(1), Millis(n + 100)).await, Ok(true)) }
        })
        .await;
    }
    let queue = store.queue("keys");
    measure("send, receive, delete", 16, move |n| {
        let queue = queue.clone();
        async move {
            queue.send(&Key::of_part(id(n), Part::Profile).to_message(), 0).await.unwrap();
            for delivery in queue.receive(1, 60).await.unwrap() {
                queue.delete(&delivery.receipt).await.unwrap();
            }
        }
    })
    .await;
    let newest = store.newest_change().unwrap();
    store.advance_cursor("bench", newest).await.unwrap();
    let began = Instant::now();
    let mut trimmed = 0;
    loop {
        let removed = store.housekeep(1000).await.unwrap();
        trimmed += removed.changes;
        if !removed.may_have_more(1000) {
            break;
        }
    }
    println!("housekeeping removed {trimmed} rows in {:.1} s, 1000 at a time", began.elapsed().as_secs_f64());
}

trait Draw {
    fn draw(&self) -> [u8; 32];
}

impl Draw for OsEntropy {
    fn draw(&self) -> [u8; 32] {
        (self as &dyn Entropy).array()
    }
}
