//! Rotating keys: of blind indexes, and of answers.

use serde_json::json;
use umoja_store::ports::{Clock as _, Registry as _};
use umoja_store::rotation::SigningStep;
use umoja_store::secrets::{SETTING, SecretsDocument, WrappedSecret};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::{World, run};

async fn secrets(world: &World) -> SecretsDocument {
    let stored = world.regions[0].home.registry.setting(SETTING).await.unwrap();
    serde_json::from_value(stored.unwrap()).unwrap()
}

async fn put_secrets(world: &mut World, document: &SecretsDocument) {
    for region in &mut world.regions {
        region.store.put_setting(SETTING, &serde_json::to_value(document).unwrap()).await.unwrap();
        region.load_secrets().await;
    }
}

#[test]
fn with_a_second_index_key_everybody_is_found_and_nobody_registers_twice() {
    run(async {
        let before = Deployment::new(700).await;
        let ada = before.register(0, "ada@example.com", "correct horse").await.id();
        before.world.settle().await;

        let mut world = before.world;
        let mut document = secrets(&world).await;
        let ring = world.regions[0].sealer.ring();
        document.index.push(WrappedSecret::create(ring, "index", 2, world.clock.now()).await.unwrap());
        put_secrets(&mut world, &document).await;
        let d = Deployment::of(world).await;

        // Who registered under the first key.
        for at in 0..2 {
            assert_eq!(d.call(at, "lookup", json!({ "email": "ada@example.com" })).await.ok(200).id(), ada);
        }
        d.call(0, "register", json!({ "email": "ada@example.com" })).await.refused(409, "identifier_taken");
        let food = json!({ "email": "ada@example.com", "email_verified": true });
        assert_eq!(d.call_as(&d.food, 0, "register", food).await.ok(200).id(), ada);
        // Who registers under both.
        let bob = d.register(0, "bob@example.com", "correct horse").await.id();
        d.world.settle().await;
        assert!(d.accepts(1, "bob@example.com", "correct horse").await);
        d.call(1, "update", json!({ "id": bob, "set": { "email": "robert@example.com" } })).await.ok(200);
        d.call(1, "lookup", json!({ "email": "bob@example.com" })).await.refused(404, "user_not_found");
        d.call(1, "erase", json!({ "id": bob })).await.ok(202);
        d.world.settle().await;
        d.world.check_invariants().await;
    });
}

#[test]
fn a_new_signing_key_is_published_before_it_signs_and_the_old_one_until_nobody_checks_it() {
    run(async {
        let mut d = Deployment::new(701).await;
        let kids = |d: &Deployment| {
            d.world.regions[0].secrets().signing_keys().iter().map(|key| key.kid().to_owned()).collect::<Vec<_>>()
        };
        let signs = |d: &Deployment| d.world.regions[0].secrets().signing_key().kid().to_owned();
        assert_eq!(kids(&d), ["umoja-1"]);
        let steps = [
            (SigningStep::Publish, "umoja-1", 2),
            (SigningStep::Promote, "umoja-2", 2),
            (SigningStep::Retire, "umoja-2", 1),
            (SigningStep::Publish, "umoja-2", 2),
        ];
        for (step, signer, published) in steps {
            let mut world = d.world;
            let mut document = secrets(&world).await;
            let done = document.rotate_signing(world.regions[0].sealer.ring(), world.clock.now()).await.unwrap();
            assert_eq!(done, step);
            put_secrets(&mut world, &document).await;
            d = Deployment::of(world).await;
            assert_eq!((signs(&d).as_str(), kids(&d).len()), (signer, published), "{step:?}");
            if step == SigningStep::Promote {
                // The caller checks the answer against what is published.
                d.call(0, "lookup", json!({ "email": "nobody@example.com" })).await.refused(404, "user_not_found");
            }
        }
    });
}
