//! Sources, which are settings, and regions that are out.

use umoja_schema::IngestSource;
use umoja_store::faulty::{Faults, Faulty};
use umoja_store::ports::Registry;

use super::*;

fn source() -> IngestSource {
    let text = r#"{"id":"soko-auth0","revision":0,"company":"soko","kind":"auth0","home":"eu-west-1","enabled":true,
        "api_keys":[{"id":"one","sha256":"x"}],"inbox_key":{"version":1,"public_key":"x"},"hash_key":"x",
        "allowed":{}}"#;
    serde_json::from_str(text).unwrap()
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a change")]
fn paused(source: Option<IngestSource>) -> Result<IngestSource, CliError> {
    Ok(IngestSource { enabled: false, ..source.unwrap() })
}

#[expect(clippy::unnecessary_wraps, reason = "the form of a change")]
fn ended(source: Option<IngestSource>) -> Result<IngestSource, CliError> {
    let mut source = source.unwrap();
    source.end();
    Ok(source)
}

/// The regions, one of which can be taken out.
fn with_faults(stores: &[RegionStore], out: usize) -> (Regions, Arc<Faults>) {
    let (mut all, faults) = (regions(stores, 0), Arc::new(Faults::default()));
    let registry = Arc::clone(&all.list[out].home.registry);
    let port: Arc<Faulty<dyn Registry>> = Arc::new(Faulty::new(registry, Arc::clone(&faults)));
    all.list[out].home.registry = port;
    (all, faults)
}

async fn held(stores: &[RegionStore]) -> Vec<Option<u64>> {
    let mut held = Vec::new();
    for store in stores {
        let source = IngestSource::stored(&*store.registry(), &source().id).await.unwrap();
        held.push(source.map(|source| source.revision));
    }
    held
}

async fn add(all: &Regions) {
    all.change(&source().id, |_| Ok(source())).await.unwrap().everywhere.unwrap();
}

#[tokio::test]
async fn a_region_that_is_out_is_named_and_gets_the_source_by_the_next_change() {
    for out in 0..3 {
        let stores = stores().await;
        let (all, faults) = with_faults(&stores, out);
        add(&all).await;
        faults.set_down(true);
        let changed = all.change(&source().id, paused).await.unwrap();
        let error = changed.everywhere.unwrap_err().to_string();
        assert!(error.contains("the source was not stored in") && error.contains(all.list[out].name().as_str()));
        assert!(error.contains("`umoja source` command"), "{error}");
        let behind = (0..3).map(|at| Some(if at == out { 1 } else { 2 })).collect::<Vec<_>>();
        assert_eq!(held(&stores).await, behind);
        faults.heal();
        all.change(&source().id, paused).await.unwrap().everywhere.unwrap();
        assert_eq!(held(&stores).await, vec![Some(2); 3]);
    }
}

#[tokio::test]
async fn a_document_of_another_version_is_compared_as_it_is_read() {
    let stores = stores().await;
    let all = regions(&stores, 0);
    // It lacks members that this version writes.
    let mut older = serde_json::to_value(source()).unwrap();
    older.as_object_mut().unwrap().remove("allowed");
    let name = IngestSource::setting(&source().id);
    stores[0].registry().put_setting(&name, &older).await.unwrap();
    all.change(&source().id, paused).await.unwrap().everywhere.unwrap();
    assert_eq!(held(&stores).await, vec![Some(1); 3]);
}

#[tokio::test]
async fn a_setting_that_holds_no_source_blocks_no_new_one() {
    for damaged in 0..3 {
        let stores = stores().await;
        let name = IngestSource::setting(&source().id);
        stores[damaged].registry().put_setting(&name, &serde_json::json!({ "id": "soko-auth0" })).await.unwrap();
        add(&regions(&stores, 0)).await;
        assert_eq!(held(&stores).await, vec![Some(1); 3], "{damaged}");
    }
}

#[tokio::test]
async fn a_region_that_was_out_brings_no_removed_source_back() {
    let stores = stores().await;
    let (all, faults) = with_faults(&stores, 1);
    add(&all).await;
    faults.set_down(true);
    assert!(all.change(&source().id, ended).await.unwrap().everywhere.is_err());
    assert_eq!(held(&stores).await, [Some(2), Some(1), Some(2)]);
    faults.heal();
    assert!(all.document::<IngestSource>(&source().id).await.unwrap().unwrap().is_ended());
    all.change(&source().id, ended).await.unwrap().everywhere.unwrap();
    assert_eq!(held(&stores).await, [Some(2); 3]);
    // A source that is added again is newer than all of them.
    add(&all).await;
    assert_eq!(held(&stores).await, [Some(3); 3]);
}
