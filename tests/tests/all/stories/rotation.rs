//! While a blind index key is rotated, two are live.

use serde_json::json;
use umoja_store::ports::Registry as _;
use umoja_store::secrets::{SETTING, SecretsDocument, WrappedSecret};
use umoja_tests::deployment::Deployment;
use umoja_tests::world::run;

#[test]
fn with_a_second_index_key_everybody_is_found_and_nobody_registers_twice() {
    run(async {
        let before = Deployment::new(700).await;
        let ada = before.register(0, "ada@example.com", "correct horse").await.id();
        before.world.settle().await;

        let mut world = before.world;
        let home = &world.regions[0].home;
        let mut document: SecretsDocument =
            serde_json::from_value(home.registry.setting(SETTING).await.unwrap().unwrap()).unwrap();
        let ring = world.regions[0].sealer.ring();
        document.index.push(WrappedSecret::create(ring, "index", 2, home.clock.now()).await.unwrap());
        for region in &mut world.regions {
            region.store.put_setting(SETTING, &serde_json::to_value(&document).unwrap()).await.unwrap();
            region.load_secrets().await;
        }
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
