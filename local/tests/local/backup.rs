//! Copies of several regions at one moment, while they are written.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use umoja_host::OsEntropy;
use umoja_local::backup::{Cut, check};
use umoja_local::{Options, RegionStore};
use umoja_schema::Region;
use umoja_store::ports::{Checkpoints as _, Keys as _};

use crate::support::SetClock;

/// The name of the checkpoint that is counted up.
const COUNT: &str = "count";

fn regions(dir: &Path) -> [(Region, PathBuf); 2] {
    ["eu-west-1", "af-south-1"].map(|name| (name.parse().unwrap(), dir.join(name)))
}

async fn count(store: &RegionStore) -> u64 {
    let state = store.checkpoint(COUNT).await.unwrap();
    state.map_or(0, |state| u64::from_be_bytes(state.try_into().unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_show_all_regions_at_one_moment() {
    let (clock, dir) = (SetClock::new(), tempfile::tempdir().unwrap());
    let stores = regions(dir.path()).map(|(region, path)| {
        RegionStore::create(&path, region, Arc::clone(&clock) as _, Arc::new(OsEntropy), Options::default()).unwrap()
    });
    let context = umoja_store::ports::EncryptionContext::new();
    let (key, wrapped) = stores[1].keys().generate(&context).await.unwrap();
    let stops = Arc::new(AtomicBool::new(false));
    let writer = tokio::spawn({
        let (stores, stops) = (stores.clone(), Arc::clone(&stops));
        async move {
            let mut n = 0_u64;
            while !stops.load(Ordering::Relaxed) {
                n += 1;
                for store in &stores {
                    store.put_checkpoint(COUNT, &n.to_be_bytes()).await.unwrap();
                }
            }
        }
    });
    let mut moments = Vec::new();
    for round in 0..10 {
        let before = count(&stores[1]).await;
        let cut = Cut::of(&regions(dir.path())).unwrap();
        let copies = regions(&dir.path().join(round.to_string()));
        for (region, path) in &copies {
            std::fs::create_dir_all(path).unwrap();
            cut.copy(region, path, |_| ()).unwrap();
            for (name, content) in cut.small(region) {
                std::fs::write(path.join(name), content).unwrap();
            }
            check(path).unwrap();
        }
        drop(cut);
        let copies = copies.map(|(region, path)| {
            RegionStore::open(&path, region, Arc::clone(&clock) as _, Arc::new(OsEntropy), Options::default()).unwrap()
        });
        let [first, second] = [count(&copies[0]).await, count(&copies[1]).await];
        assert!(second == first || second + 1 == first, "{second} is written after {first}");
        assert!(second >= before, "what was acknowledged before is there");
        assert_eq!(copies[1].keys().unwrap(&wrapped, &context).await.unwrap().expose(), key.expose());
        moments.push(first);
    }
    stops.store(true, Ordering::Relaxed);
    writer.await.unwrap();
    assert!(moments.first() < moments.last(), "nothing was written meanwhile");
}

#[tokio::test]
async fn a_damaged_copy_is_found() {
    let (clock, dir) = (SetClock::new(), tempfile::tempdir().unwrap());
    let [(region, path), _] = regions(dir.path());
    let store = RegionStore::create(&path, region.clone(), clock, Arc::new(OsEntropy), Options::default()).unwrap();
    for n in 0..200 {
        store.put_checkpoint(&format!("{n}"), &[7; 2000]).await.unwrap();
    }
    let copy = dir.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    Cut::of(&[(region.clone(), path)]).unwrap().copy(&region, &copy, |_| ()).unwrap();
    check(&copy).unwrap();
    let file = copy.join("region.sqlite");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 8192 / 2 * 8192;
    bytes[middle..middle + 4000].fill(0xff);
    std::fs::write(&file, bytes).unwrap();
    assert!(check(&copy).is_err());
}
