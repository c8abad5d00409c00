//! What proofs and the tags of wrapped keys add to sealing and opening a part.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::sync::Arc;

use umoja_host::{OsEntropy, SystemClock};
use umoja_local::RegionStore;
use umoja_schema::{
    Attribute, Attributes, Facts, Hlc, Identity, Millis, Part, PartRecord, ProfileFacts, UserId, Version,
};
use umoja_store::keyring::KeyRing;
use umoja_store::ports::{Clock as _, Commit, Condition, PartWrite, Users, Writes};
use umoja_store::seal::Sealer;
use umoja_store::shared_secrets::SharedSecrets;

use crate::clock::cpu_of_thread;
use crate::error::BenchError;
use crate::figure::{Limit, Report, count, median};

const REGIONS: [&str; 2] = ["eu-west-1", "af-south-1"];
/// The bytes of an item that a proof and a tag may add, for each part and region.
const MOST_BYTES: f64 = 100.0;

/// The cost of proofs beside that of the same part's envelope.
pub(crate) fn measure(report: &mut Report, quick: bool) -> Result<(), BenchError> {
    report.group("proofs", "CPU of one call, one thread; a profile of 2 KiB in two regions");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|source| BenchError::Io { what: "a runtime", source })?;
    runtime.block_on(compared(report, if quick { 2 } else { 40 }, if quick { 2 } else { 50 }))
}

async fn compared(report: &mut Report, batches: usize, each: usize) -> Result<(), BenchError> {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    let broken = |what| move |_| BenchError::Broken(what);
    let store = |name: &str| {
        let name = name.parse().map_err(broken("the name of a region"))?;
        Ok::<_, BenchError>(RegionStore::in_memory(name, clock.clone(), entropy.clone()))
    };
    let stores = [store(REGIONS[0])?, store(REGIONS[1])?];
    let homes = [0, 1].map(|at| stores[at].home([stores[1 - at].ports()], clock.clone(), entropy.clone()));
    let shared = SharedSecrets::new(&homes, KeyRing::new(&homes[0], 1_000));
    shared.ensure(&BTreeSet::new(), clock.now()).await.map_err(|_| BenchError::Broken("the secrets"))?;
    let sealer = Sealer::new(KeyRing::new(&homes[0], 1_000), entropy.clone());
    let (proved, raw): (&dyn Users, &dyn Users) = (&*homes[0].own.users, &stores[0]);

    let (mut enveloped, mut proved_for) = (Vec::new(), Vec::new());
    for batch in 0..batches {
        let ids = |offset: usize| (0..each).map(move |n| user((batch * 2 + offset) * each + n));
        let before = cpu_of_thread()?;
        let mut records = Vec::new();
        for id in ids(0).chain(ids(1)) {
            let record = sealed(&sealer, id, &homes[0].own.name).await?;
            let opened = sealer.open::<Identity>(&record).await;
            black_box(opened.map_err(|_| BenchError::Broken("a sealed part"))?);
            records.push(record);
        }
        enveloped.push((cpu_of_thread()? - before) / count(records.len()));
        let (first, second) = records.split_at(each);
        // Each batch is compared with itself, and the order changes, because the store grows meanwhile.
        let (with, without) = if batch % 2 == 0 {
            let with = stored(proved, first).await?;
            (with, stored(raw, second).await?)
        } else {
            let without = stored(raw, first).await?;
            (stored(proved, second).await?, without)
        };
        proved_for.push(with - without);
    }
    let (enveloped, proofs) = (median(&enveloped), median(&proved_for) * 1e6);
    report.add("seal and open", enveloped * 1e6, "us");
    report.add("prove and verify", proofs, "us");
    report.judge("with proofs / without", (enveloped * 1e6 + proofs) / (enveloped * 1e6), "x", Limit::AtMost(1.1));

    let id = user(batches * 2 * each);
    let record = sealed(&sealer, id, &homes[0].own.name).await?;
    stored(proved, std::slice::from_ref(&record)).await?;
    let kept = raw.part(id, Part::Profile).await?.ok_or(BenchError::Broken("a stored part"))?;
    let added = stored_bytes(&kept) - stored_bytes(&record);
    report.judge("bytes for each part and region", count(added) / count(REGIONS.len()), "B", Limit::AtMost(MOST_BYTES));
    Ok(())
}

/// The bytes of a part that proofs change: its wrapped keys, and attributes beside the known ones.
fn stored_bytes(record: &PartRecord) -> usize {
    let keys = record.live().into_iter().flat_map(|live| live.keys.values()).map(Vec::len).sum::<usize>();
    let unknown = record.unknown.iter().map(|(name, value)| match value {
        Attribute::B(bytes) => name.len() + bytes.len(),
        _ => name.len(),
    });
    keys + unknown.sum::<usize>()
}

fn user(n: usize) -> UserId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    UserId::v8(bytes)
}

async fn sealed(sealer: &Sealer, id: UserId, origin: &umoja_schema::Region) -> Result<PartRecord, BenchError> {
    let version = Version { erased: false, hlc: Hlc::at(Millis(1)), origin: origin.clone() };
    let (ownerships, links) = (BTreeMap::new(), BTreeMap::new());
    let facts = ProfileFacts { created_at: Millis(1), ownerships, links, merged_into: None };
    let identity = Identity { email: Some("x".repeat(2048)), ..Identity::default() };
    let record = sealer.seal(id, version, Facts::Profile(facts), &identity, Attributes::new()).await;
    record.map_err(|_| BenchError::Broken("a part"))
}

/// The processor seconds of this thread to write and read one part.
async fn stored(users: &dyn Users, records: &[PartRecord]) -> Result<f64, BenchError> {
    let before = cpu_of_thread()?;
    for record in records {
        let parts = vec![PartWrite { record: record.clone(), condition: Condition::Absent }];
        if users.commit(&Writes { parts, ..Writes::default() }).await? != Commit::Done {
            return Err(BenchError::Broken("a write"));
        }
        if users.part(record.id, Part::Profile).await?.as_ref().is_none_or(|read| read.version != record.version) {
            return Err(BenchError::Broken("a stored part"));
        }
    }
    Ok((cpu_of_thread()? - before) / count(records.len()))
}
