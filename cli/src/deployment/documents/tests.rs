//! Changes of companies and sources in regions in memory.

use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use umoja_host::{OsEntropy, SystemClock};
use umoja_local::RegionStore;
use umoja_store::RegionState;
use umoja_store::keyring::KeyRing;
use umoja_store::ports::Clock as _;
use umoja_store::shared_secrets::SharedSecrets;

use super::*;

async fn stores() -> Vec<RegionStore> {
    let store = |name: &str| RegionStore::in_memory(name.parse().unwrap(), Arc::new(SystemClock), Arc::new(OsEntropy));
    let stores = ["eu-west-1", "af-south-1", "us-east-1"].map(store).to_vec();
    share(&stores).await;
    stores
}

/// Makes the secrets of the deployment, or wraps those that it has for the first store, which has lost its own.
async fn share(stores: &[RegionStore]) {
    let home = |at: usize| {
        let peers = stores.iter().enumerate().filter(|(peer, _)| *peer != at).map(|(_, peer)| peer.ports());
        stores[at].home(peers, Arc::new(SystemClock), Arc::new(OsEntropy))
    };
    let homes: Vec<_> = (0..stores.len()).map(home).collect();
    let shared = SharedSecrets::new(&homes, KeyRing::new(&homes[1], 1_000));
    shared.ensure(&[stores[0].region().clone()].into(), SystemClock.now()).await.unwrap();
}

/// The regions as one operator reaches them, who asks this one first.
fn regions(stores: &[RegionStore], first: usize) -> Regions {
    let region = |store: &RegionStore| DeployedRegion {
        home: store.home([], Arc::new(SystemClock), Arc::new(OsEntropy)),
        url: None,
        sources_url: None,
        state: RegionState::Serving,
    };
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
    Regions { env: "test".into(), list: stores.iter().map(region).collect(), first, clock, entropy }
}

fn company() -> Company {
    let text = r#"{"id":"soko","name":"Soko","enabled":true,"trusted":false,"scopes":[],"api_keys":[],"keys":[]}"#;
    serde_json::from_str(text).unwrap()
}

/// The company after this number of changes.
fn revised(revision: u64, company: Company) -> Company {
    Company { revision, ..company }
}

fn with_limit(limit: u32, company: Company) -> Company {
    Company { rate_limit: NonZeroU32::new(limit), ..company }
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a change")]
fn limited(company: Option<Company>) -> Result<Company, CliError> {
    Ok(with_limit(7, company.unwrap()))
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a change")]
fn disabled(company: Option<Company>) -> Result<Company, CliError> {
    Ok(Company { enabled: false, ..company.unwrap() })
}

/// Changes a company to its end: stores in memory answer at once.
fn done(regions: &Regions, change: impl FnMut(Option<Company>) -> Result<Company, CliError>) -> Changed<Company> {
    let id = company().id;
    let changing = pin!(regions.change(&id, change));
    let Poll::Ready(changed) = changing.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("a store in memory waits")
    };
    changed.unwrap()
}

async fn held(stores: &[RegionStore]) -> Vec<Option<Company>> {
    let mut held = Vec::new();
    for store in stores {
        held.push(store.registry().company(&company().id).await.unwrap());
    }
    held
}

#[tokio::test]
async fn two_operators_lose_no_change_of_each_other() {
    let stores = stores().await;
    let (one, other) = (regions(&stores, 0), regions(&stores, 2));
    one.put_company(&company()).await.unwrap();
    let mut interrupted = false;
    let changed = done(&one, |stored| {
        // The other operator has read the same company and is quicker.
        if !std::mem::replace(&mut interrupted, true) {
            done(&other, disabled).everywhere.unwrap();
        }
        limited(stored)
    });
    changed.everywhere.unwrap();
    let both = revised(3, limited(disabled(Some(company())).ok()).unwrap());
    assert_eq!(changed.document, both);
    assert_eq!(held(&stores).await, vec![Some(both); 3]);
}

#[tokio::test]
async fn a_change_that_is_overtaken_twice_is_an_error_and_changes_no_region() {
    let stores = stores().await;
    let (one, other) = (regions(&stores, 0), regions(&stores, 0));
    one.put_company(&company()).await.unwrap();
    let mut limit = 1;
    let id = company().id;
    let overtaken = one.change(&id, |stored: Option<Company>| {
        limit += 1;
        done(&other, |stored| Ok(with_limit(limit, stored.unwrap())));
        disabled(stored)
    });
    let error = overtaken.await.unwrap_err().to_string();
    assert!(error.contains("another operator is changing the company soko"), "{error}");
    assert_eq!(held(&stores).await, vec![Some(revised(3, with_limit(3, company()))); 3]);
}

/// Failure: an attacker writes into a region's tables
#[tokio::test]
async fn a_change_is_made_of_the_newest_company_and_replaces_a_replayed_one_in_any_region() {
    for replayed in 0..3 {
        let stores = stores().await;
        let all = regions(&stores, 0);
        all.put_company(&company()).await.unwrap();
        let old = stores[replayed].registry().company(&company().id).await.unwrap().unwrap();
        done(&all, disabled).everywhere.unwrap();
        // Its proof verifies.
        stores[replayed].registry().put_company(&old).await.unwrap();
        assert!(all.company(&old.id).await.unwrap().is_some_and(|company| !company.enabled));
        done(&all, limited).everywhere.unwrap();
        let newest = revised(3, limited(disabled(Some(company())).ok()).unwrap());
        assert_eq!(held(&stores).await, vec![Some(newest); 3], "{replayed}");
    }
}

#[tokio::test]
async fn a_change_that_changes_nothing_brings_the_newest_company_to_every_region() {
    let stores = stores().await;
    let all = regions(&stores, 0);
    all.put_company(&company()).await.unwrap();
    done(&all, disabled).everywhere.unwrap();
    stores[0].registry().put_company(&revised(1, company())).await.unwrap();
    let changed = done(&all, disabled);
    changed.everywhere.unwrap();
    assert_eq!(changed.document.revision, 2);
    assert_eq!(held(&stores).await, vec![Some(revised(2, disabled(Some(company())).unwrap())); 3]);
}

#[tokio::test]
async fn of_two_companies_with_one_revision_every_operator_keeps_the_same() {
    let stores = stores().await;
    let two = [1, 2].map(|limit| revised(4, with_limit(limit, company())));
    for order in [[0, 1], [1, 0]] {
        for (store, company) in stores.iter().zip(order.map(|at| &two[at])) {
            store.registry().put_company(company).await.unwrap();
        }
        for first in 0..3 {
            assert_eq!(regions(&stores, first).company(&company().id).await.unwrap().as_ref(), Some(&two[1]));
        }
    }
}

/// Failure: an attacker writes into a region's tables
#[tokio::test]
async fn a_row_that_cannot_be_read_blocks_no_change() {
    for damaged in 0..3 {
        let stores = stores().await;
        let all = regions(&stores, 0);
        all.put_company(&company()).await.unwrap();
        // Something else than Umoja wrote it: it has no proof.
        stores[damaged].documents().put_company(&revised(9, company())).await.unwrap();
        done(&all, disabled).everywhere.unwrap();
        let newest = revised(2, disabled(Some(company())).unwrap());
        assert_eq!(held(&stores).await, vec![Some(newest); 3], "{damaged}");
        // In a deployment that has no such company, the row does not block a new one.
        let other = Company { id: "duka".parse().unwrap(), ..company() };
        stores[damaged].documents().put_company(&other).await.unwrap();
        assert_eq!(all.company(&other.id).await.unwrap(), None);
        all.put_company(&other).await.unwrap();
        assert_eq!(all.company(&other.id).await.unwrap(), Some(revised(1, other)));
    }
}

#[tokio::test]
async fn a_newer_company_is_not_overwritten() {
    let stores = stores().await;
    let all = regions(&stores, 0);
    let newer = revised(5, with_limit(5, company()));
    stores[1].registry().put_company(&newer).await.unwrap();
    let before = all.list[1].held::<Company>(&newer.id).await.unwrap();
    assert!(!all.list[1].bring(before, &revised(4, company())).await.unwrap());
    // Nor if the region has got it since it was read.
    assert!(!all.list[1].bring(Held::Nothing, &revised(4, company())).await.unwrap());
    assert_eq!(held(&stores).await, [None, Some(newer), None]);
}

#[tokio::test]
async fn a_region_that_has_lost_its_companies_gets_the_newest_of_another() {
    let stores = stores().await;
    let all = regions(&stores, 1);
    all.put_company(&company()).await.unwrap();
    let empty = RegionStore::in_memory("eu-west-1".parse().unwrap(), Arc::new(SystemClock), Arc::new(OsEntropy));
    let restored = [&[empty], &stores[1..]].concat();
    share(&restored).await;
    done(&regions(&restored, 0), disabled).everywhere.unwrap();
    assert_eq!(held(&restored).await, vec![Some(revised(2, disabled(Some(company())).unwrap())); 3]);
}

mod sources;
