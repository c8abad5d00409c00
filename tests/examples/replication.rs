//! Measures the time until a write is readable in the other region of one process:
//! `cargo run --release -p umoja-tests --example replication -- [writes a second] [seconds] [directory]`.
//!
//! Two regions run on durable local stores. Nine of ten writes edit a profile of about 2 KB, and one registers a user.
//! The time is from the acknowledgement in the first region to the commit in the second.

#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a measurement")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use umoja_host::{OsEntropy, SystemClock};
use umoja_local::{Options, RegionStore};
use umoja_runtime::{Pump, PumpSettings, RegionPump};
use umoja_schema::{
    AccountStatus, Attributes, BlindIndex, Credentials, Facts, Hlc, IdentifierKind, Identity, Ownership, Part,
    PartRecord, ProfileFacts, Region, UserId, Version,
};
use umoja_store::Home;
use umoja_store::apply::{commit_own, plan_ownerships};
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{Commit, Condition, PartWrite, Writes};
use umoja_store::seal::Sealer;

type Arrivals = Arc<Mutex<BTreeMap<(UserId, Part, String), Instant>>>;

fn home(own: &RegionStore, peer: &RegionStore) -> Home {
    own.home([peer.ports()], Arc::new(SystemClock), Arc::new(OsEntropy))
}

fn ownership(home: &Home, index: u64) -> (BlindIndex, Ownership) {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&index.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let ownership = Ownership {
        kind: IdentifierKind::Email,
        key_version: 1,
        owned_since: home.clock.now(),
        region: home.own.name.clone(),
        verified: false,
        company: None,
        unknown: Attributes::new(),
    };
    (BlindIndex::new(bytes), ownership)
}

async fn register(home: &Home, sealer: &Sealer, n: u64) -> (UserId, Version) {
    let now = home.clock.now();
    let id = UserId::v7(now.0, home.entropy.array());
    let version = Version { erased: false, hlc: Hlc::at(now), origin: home.own.name.clone() };
    let facts = ProfileFacts {
        created_at: now,
        ownerships: [ownership(home, n)].into(),
        links: BTreeMap::new(),
        merged_into: None,
    };
    let mut identity = Identity::default();
    identity.profile.given_name = Some("x".repeat(1500));
    let status = Facts::Credentials { status: AccountStatus::Active };
    let profile = sealer.seal(id, version.clone(), Facts::Profile(facts), &identity, Attributes::new()).await;
    let credentials = sealer.seal(id, version.clone(), status, &Credentials::default(), Attributes::new()).await;
    let records = [profile.expect("sealed"), credentials.expect("sealed")];
    let ownerships =
        plan_ownerships(&*home.own.users, id, &BTreeMap::new(), records[0].ownerships()).await.expect("read");
    let parts = records.map(|record| PartWrite { record, condition: Condition::Absent });
    let writes = Writes { parts: parts.into(), ownerships, ..Writes::default() };
    assert_eq!(commit_own(&*home.own.users, &writes).await, Ok(Commit::Done));
    (id, version)
}

async fn edit(home: &Home, sealer: &Sealer, id: UserId) -> Version {
    let stored: PartRecord = home.own.users.part(id, Part::Profile).await.expect("read").expect("a user");
    let mut identity: Identity = sealer.open(&stored).await.expect("opened");
    identity.profile.family_name = Some(stored.version.to_string());
    let hlc = Hlc::next(home.clock.now(), Some(stored.version.hlc)).expect("a hlc");
    let version = Version { erased: false, hlc, origin: home.own.name.clone() };
    let facts = stored.live().expect("live").facts.clone();
    let record = sealer.seal(id, version.clone(), facts, &identity, Attributes::new()).await.expect("sealed");
    let parts = vec![PartWrite { record, condition: Condition::VersionIs(stored.version) }];
    let writes = Writes { parts, ..Writes::default() };
    assert_eq!(commit_own(&*home.own.users, &writes).await, Ok(Commit::Done));
    version
}

async fn watch(store: RegionStore, arrivals: Arrivals) {
    let mut after = store.newest_change().expect("read");
    loop {
        store.wait_for_change(after).await;
        let now = Instant::now();
        for change in store.changes(after, 10_000).expect("read") {
            after = change.sequence.parse().expect("a number");
            if let Ok(record) = PartRecord::from_item(change.image) {
                let key = (record.id, record.part, record.version.to_string());
                arrivals.lock().expect("whole").insert(key, now);
            }
        }
    }
}

fn percentile(sorted: &[Duration], per_mille: usize) -> Duration {
    sorted[(sorted.len() * per_mille / 1000).min(sorted.len() - 1)]
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let rate: u64 = arguments.next().map_or(200, |text| text.parse().expect("writes a second"));
    let seconds: u64 = arguments.next().map_or(10, |text| text.parse().expect("seconds"));
    let dir = arguments.next().map_or_else(std::env::temp_dir, Into::into).join("umoja-replication");
    std::fs::remove_dir_all(&dir).ok();
    let open = |name: &str| {
        let region: Region = name.parse().expect("a region");
        let store = RegionStore::create(
            &dir.join(name),
            region,
            Arc::new(SystemClock),
            Arc::new(OsEntropy),
            Options::default(),
        );
        store.expect("a store")
    };
    let (a, b) = (open("region-a"), open("region-b"));
    let homes = [home(&a, &b), home(&b, &a)];
    let sealers = [0, 1].map(|at: usize| Arc::new(Sealer::new(KeyRing::new(&homes[at], 300), Arc::new(OsEntropy))));
    let pumps = [&a, &b].into_iter().zip(&homes).zip(&sealers);
    let pumps = pumps.map(|((store, home), sealer)| RegionPump::new(store.clone(), home.clone(), Arc::clone(sealer)));
    let pump = Pump::start(pumps.collect::<Vec<_>>(), PumpSettings::default());
    let mut ids = Vec::new();
    for n in 0..500 {
        ids.push(register(&homes[0], &sealers[0], n).await.0);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;

    let arrivals = Arrivals::default();
    tokio::spawn(watch(b.clone(), Arc::clone(&arrivals)));
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(rate).expect("a rate"));
    let mut writes = tokio::task::JoinSet::new();
    for n in 0..rate * seconds {
        ticks.tick().await;
        let (home, sealer) = (homes[0].clone(), Arc::clone(&sealers[0]));
        let id = ids[usize::try_from(n).expect("small") % ids.len()];
        writes.spawn(async move {
            let began = Instant::now();
            let (id, version) = if n % 10 == 0 {
                register(&home, &sealer, 1_000_000 + n).await
            } else {
                (id, edit(&home, &sealer, id).await)
            };
            ((id, Part::Profile, version.to_string()), began, Instant::now())
        });
    }
    let done = writes.join_all().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    pump.stop().await;
    let arrivals = arrivals.lock().expect("whole");
    let (mut took, mut lag, mut missing) = (Vec::new(), Vec::new(), 0);
    for (key, began, acknowledged) in done {
        took.push(acknowledged - began);
        match arrivals.get(&key) {
            Some(arrived) => lag.push(arrived.saturating_duration_since(acknowledged)),
            None => missing += 1,
        }
    }
    for (what, durations) in [("write acknowledged", &mut took), ("readable in the other region after", &mut lag)] {
        durations.sort();
        let [p50, p99, p999] = [500, 990, 999].map(|at| percentile(durations, at));
        println!("{what}: p50 {p50:.1?}, p99 {p99:.1?}, p99.9 {p999:.1?}, most {:.1?}", percentile(durations, 1000));
    }
    println!("{} writes, {} of them coalesced on the way", took.len(), missing);
    std::fs::remove_dir_all(&dir).ok();
}
